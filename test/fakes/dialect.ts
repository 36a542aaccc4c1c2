/** A dialect whose replies are readings written as JSON: tests of the delivery core say what a partner means without a mapping. */
import type { OutboundDialect, Reading } from "../../domain/writeback/dialect.ts";
import type { SealWriteBackEvent } from "../../domain/writeback/events.ts";
import type { CallResult } from "../../domain/writeback/ports.ts";

export const fakeDialect: OutboundDialect = {
  request: (mapping, { key }) =>
    mapping.startsWith("fake/") ? { method: "POST", path: "/json", headers: { "idempotency-key": key } } : undefined,
  interpret: (_mapping, reply) => {
    if (reply.status !== 200) return { outcome: "unclear", why: `HTTP ${reply.status}` };
    try {
      const { amountFen, ...told } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(reply.body));
      return { ...told, why: told.why ?? `code ${told.code}`, ...(amountFen === undefined ? {} : { amountFen: BigInt(amountFen) }) };
    } catch {
      return { outcome: "unclear", why: "not the reply of the contract" };
    }
  },
  encodeInquiry: (_mapping, { key }) => ({
    ok: true,
    request: { method: "POST", path: "/inquiry", headers: {} },
    body: new TextEncoder().encode(JSON.stringify({ key })),
    contentType: "application/json",
  }),
};

/** A reply that means this. */
export const replyOf = (reading: Omit<Reading, "why">, status = 200): Extract<CallResult, { kind: "reply" }> => ({
  kind: "reply",
  status,
  contentType: "application/json",
  body: new TextEncoder().encode(JSON.stringify(reading, (_key, value) => (typeof value === "bigint" ? value.toString() : value))),
  ms: 1,
});

/** Seals without a schema: the event is the draft. */
export const fakeSeal: SealWriteBackEvent = (draft) => ({
  ok: true,
  event: {
    specversion: "1.0",
    id: `${draft.identity}/${draft.type}/${draft.ordinal}`,
    type: draft.type,
    source: draft.source,
    subject: draft.subject,
    time: String(draft.data.occurredAt),
    datacontenttype: "application/json",
    dataschema: "fake",
    data: draft.data,
  },
});
