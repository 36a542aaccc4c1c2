/**
 * The way of an acknowledgement through the engine. It takes the same road as every message (journal, turn, settlement), so that it is kept, searchable, replayable and
 * survives a kill at any point; only that its one intent is the engine's own, and no flow has to be drawn for it.
 */
import type { DeliveriesDeps } from "../delivery/deliveries.ts";
import type { Fed, NodeRef } from "../delivery/engine.ts";
import type { OpenLedger } from "../delivery/ledger.ts";
import type { Settled } from "../delivery/ports.ts";
import type { BusinessKey } from "../events/event.ts";
import type { JournaledMessage } from "../journal/ports.ts";
import type { LaterAcknowledgement } from "../mapping/vendor.ts";
import { refusal } from "../refusals.ts";
import type { Reading, Reply, Sent } from "../writeback/dialect.ts";
import type { AcknowledgementStore, Applied, Arrived, Candidate, Correlation } from "./ports.ts";
import { why } from "../writeback/why.ts";
import { sayingOf } from "./ruling.ts";

/** How later acknowledgements are written: looked up in vendor.json and the outbound mappings. */
export interface AcknowledgementDialect {
  /** Undefined: this partner's kind is no acknowledgement. `mapping` is the `<vendor>/<message>` it acknowledges. */
  declared(partner: string, kind: string): (Pick<LaterAcknowledgement, "by"> & { readonly mapping: string }) | undefined;
  names(
    mapping: string,
    body: Pick<Reply, "body" | "contentType">,
  ):
    | { readonly ok: true; readonly named: { readonly key?: string; readonly serial?: string; readonly reference?: string } }
    | { readonly ok: false; readonly why: { readonly zh: string; readonly en: string } };
  /** By the reply contract, as if it were the reply itself. */
  read(mapping: string, body: Pick<Reply, "body" | "contentType">, sent: Sent): Reading;
}

export interface AcknowledgementsDeps {
  readonly store: Pick<AcknowledgementStore, "find" | "apply">;
  readonly dialect: AcknowledgementDialect;
  readonly ledger: Pick<OpenLedger, "ended" | "left">;
  /** Counts by what became of it. Must not throw. */
  readonly count: (destination: string, state: string) => void;
  readonly log: { warn(fields: object, text: string): void };
}

/** The engine itself, where parked records name a node. */
const ACKNOWLEDGING: NodeRef = { id: "acknowledgements", type: "engine", flow: "acknowledgements" };
/** Nothing is waited for inside; the ledger only wants a number. */
const DEADLINE_MS = 60_000;

/** What the deliveries ask, as far as acknowledgements go another way. */
export type Way = Pick<DeliveriesDeps, "settleStore" | "translateByDefault" | "messageSubscription">;

export interface Acknowledgements {
  /** The deliveries' ways, with acknowledgements taken out of them: they are read by their contract, need no flow, and are applied by their own store. */
  through(base: Way): Way;
}

const bodyOf = (message: JournaledMessage): Pick<Reply, "body" | "contentType"> => {
  // The sender's charset may be declared beside the content type (AMQP content-encoding).
  const type = message.contentType ?? (message.charset === undefined ? undefined : "text/plain");
  const told = type === undefined || message.charset === undefined || /charset=/i.test(type) ? type : `${type}; charset=${message.charset}`;
  return { body: message.raw, ...(told === undefined ? {} : { contentType: told }) };
};

export function createAcknowledgements(deps: AcknowledgementsDeps): Acknowledgements {
  const { store, dialect } = deps;

  const correlationOf = (
    message: JournaledMessage,
  ): Pick<Arrived, "correlation" | "unreadable" | "keys"> & { readonly mapping: string } => {
    const declared = dialect.declared(message.partner, message.kind);
    if (!declared) return { mapping: "", keys: [], unreadable: refusal("UNKNOWN_MESSAGE") };
    const { mapping, by } = declared;
    const names = dialect.names(mapping, bodyOf(message));
    if (!names.ok) return { mapping, keys: [], unreadable: refusal("ACKNOWLEDGEMENT_UNCLEAR", { zh: names.why.zh, en: names.why.en }) };
    const { key, serial } = names.named;
    const keys: BusinessKey[] = [
      ...(key === undefined || key.length > 128 ? [] : [{ kind: "message" as const, value: key }]),
      ...(serial === undefined || serial.length > 128 ? [] : [{ kind: "serial" as const, value: serial }]),
    ];
    const value = names.named[by];
    if (value !== undefined) return { mapping, keys, correlation: { by, value } };
    return { mapping, keys, unreadable: refusal("ACKNOWLEDGEMENT_UNCLEAR", { zh: `没有 ${by}`, en: `it names no ${by}` }) };
  };

  /** The one write-back that it names, of the message that this kind acknowledges; a number that names several names none. */
  const candidate = async (destination: string, mapping: string, correlation: Correlation): Promise<Candidate | undefined> => {
    const found = (await store.find(destination, correlation)).filter((one) => one.mapping === mapping);
    return found.length === 1 ? found[0] : undefined;
  };

  const apply = async (message: JournaledMessage): Promise<Applied> => {
    const { unreadable, correlation, mapping, keys } = correlationOf(message);
    const none: Reading = { outcome: "unclear", why: unreadable?.en ?? why("names-nothing") };
    const base = { message, mapping, keys, ...(correlation === undefined ? {} : { correlation }) };
    if (unreadable || correlation === undefined)
      return store.apply({ ...base, reading: none, saying: "nothing", ...(unreadable ? { unreadable } : {}) });
    const owed = await candidate(message.partner, mapping, correlation);
    if (!owed) return store.apply({ ...base, reading: dialect.read(mapping, bodyOf(message), { key: "" }), saying: "nothing" });
    const reading = dialect.read(mapping, bodyOf(message), owed);
    return store.apply({ ...base, writeBackId: owed.id, reading, saying: sayingOf(reading, owed) });
  };

  const settle = async (message: JournaledMessage): Promise<Settled> => {
    const { settled, state } = await apply(message);
    if (state !== undefined) {
      deps.count(message.partner, state);
      if (state !== "applied" && state !== "early" && state !== "duplicate")
        deps.log.warn(
          { messageId: message.id, partner: message.partner, state },
          "an acknowledgement on its own way was not the awaited one",
        );
    }
    return settled;
  };

  const feed = ({ token }: Fed): void => {
    deps.ledger.ended(token, ACKNOWLEDGING);
    deps.ledger.left(token, ACKNOWLEDGING);
  };
  const isOne = (partner: string, kind: string): boolean => dialect.declared(partner, kind) !== undefined;

  return {
    through: (base) => ({
      messageSubscription: (partner, kind) =>
        isOne(partner, kind) ? { node: ACKNOWLEDGING, deadlineMs: DEADLINE_MS, feed } : base.messageSubscription(partner, kind),
      // Its keys give it its turn: acknowledgements of one write-back are worked on one at a time.
      translateByDefault: (message) => {
        if (!isOne(message.partner, message.kind)) return base.translateByDefault(message);
        const { mapping, keys } = correlationOf(message);
        return { mapping, result: { ok: true, events: [], keys } };
      },
      settleStore: {
        ...base.settleStore,
        settle: (settlement) => {
          const { source } = settlement;
          if (source.kind !== "message" || settlement.park || !isOne(source.message.partner, source.message.kind))
            return base.settleStore.settle(settlement);
          return settle(source.message);
        },
      },
    }),
  };
}
