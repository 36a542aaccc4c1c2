/** What the end of a live delivery asks of the store, and what it tells a sender who waits. */
import type { Event } from "../events/event.ts";
import type { Verdict } from "../journal/intake.ts";
import { onBill } from "../orders/facts.ts";
import { orderChangesOf } from "../orders/rules.ts";
import { type LedgerEnd, reasonOfEnd } from "./ledger.ts";
import type { Live } from "./live.ts";
import type { ParkedEventOf, Settled, Settlement } from "./ports.ts";

/** What a sender who waits is told. */
export function verdictOf(one: Live, settled: Settled): Verdict {
  const text = one.answer?.text === undefined ? {} : { text: one.answer.text };
  switch (settled.kind) {
    case "settled":
      return { verdict: one.answer?.verdict ?? "accepted", messageId: one.messageId, events: settled.events, ...text };
    case "duplicate":
      return { verdict: "duplicate", messageId: one.messageId, ...text };
    case "conflict":
    case "parked":
      return { verdict: "refused", messageId: one.messageId, reason: settled.reason, ...text };
    case "fenced":
      return { verdict: "accepted", messageId: one.messageId, pending: true };
  }
}

/** The transaction a delivery's end asks for: all its intents, or the parking with none of them. */
export function settlementOf(one: Live, end: LedgerEnd, parkedEvent: ParkedEventOf): Settlement {
  const reason = one.park ?? reasonOfEnd(end);
  const base = { source: one.source, flow: one.flow, keys: one.keys, ...(one.mapping === undefined ? {} : { mapping: one.mapping }) };
  if (reason) {
    const parked = one.source.kind === "message" ? { parkedEvent: parkedEvent(one.source.message, reason, one.keys) } : {};
    return { ...base, events: [], orderChanges: [], writeBacks: [], park: reason, ...parked };
  }
  const events = one.events.map((sealed) => ({ ...sealed, publish: one.published.has(sealed.event.id) }));
  const changes = events.flatMap(({ event }: { event: Event }) =>
    orderChangesOf(event).map((change) => onBill(change, one.orders?.get(event.id))),
  );
  return { ...base, events, orderChanges: changes, writeBacks: one.writeBacks };
}
