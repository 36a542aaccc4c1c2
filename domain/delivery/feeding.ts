/** Feeds a delivery whose turn has come to its flow: once what the events' bills know is here, and never when it was taken out of the flow meanwhile. */
import type { Event } from "../events/event.ts";
import { wantsFacts } from "../orders/facts.ts";
import { refusal } from "../refusals.ts";
import type { DeliveriesDeps, Subscription } from "./deliveries.ts";
import type { Fed } from "./engine.ts";
import type { LedgerEnd } from "./ledger.ts";
import type { Live } from "./live.ts";

const LOOK_AGAIN_FIRST_MS = 100;
const LOOK_AGAIN_MAX_MS = 5_000;

export interface FeedingDeps extends Pick<DeliveriesDeps, "orderFacts" | "ledger" | "count" | "after" | "log"> {
  readonly ended: (one: Live, end: LedgerEnd) => void;
}

function fedOf({ token, messageId, source }: Live): Fed {
  return source.kind === "message"
    ? { token, messageId, partner: source.message.partner, kind: source.message.kind }
    : { token, messageId, partner: source.event.source, kind: source.event.type, event: source.event };
}

/** The events its flow will work on: the one it is fed, or what the vendor's mapping makes of the message. */
const eventsToCome = ({ source, translated }: Live): readonly Event[] =>
  source.kind === "event" ? [source.event] : translated?.result.ok ? translated.result.events.map(({ event }) => event) : [];

/**
 * Answers how to feed one; without a subscription it is parked (NO_FLOW). While the database is away it waits. Never rejects: a flow that throws at once has ended so.
 */
export function createFeeding(deps: FeedingDeps): (one: Live, subscription: Subscription | undefined) => Promise<void> {
  const lookUpBills = async (one: Live, events: readonly Event[]): Promise<void> => {
    for (let waitMs = LOOK_AGAIN_FIRST_MS; one.orders === undefined && !one.ending; waitMs = Math.min(waitMs * 2, LOOK_AGAIN_MAX_MS)) {
      try {
        one.orders = await deps.orderFacts(events);
      } catch (error) {
        deps.log("warn", "a bill could not be looked up; tried again", { messageId: one.messageId, error: String(error) });
        await new Promise<void>((resolve) => deps.after(waitMs, resolve));
      }
    }
  };

  return async (one, subscription) => {
    // Looked up in the turn: what shares a key with this message is settled.
    const wanted = eventsToCome(one).filter(wantsFacts);
    if (wanted.length > 0) await lookUpBills(one, wanted);
    // A pause has put it back into the queue, or a stop has given it to another worker.
    if (one.ending) return;
    if (!subscription || one.park) {
      one.park ??= refusal("NO_FLOW");
      deps.ended(one, { kind: "ended" });
      return;
    }
    deps.count("fed");
    deps.ledger.open(one.token, { node: subscription.node, deadlineMs: subscription.deadlineMs }, (end) => deps.ended(one, end));
    try {
      subscription.feed(fedOf(one));
    } catch (error) {
      deps.ledger.drop(one.token);
      deps.ended(one, { kind: "threw", node: subscription.node, text: String(error) });
    }
  };
}
