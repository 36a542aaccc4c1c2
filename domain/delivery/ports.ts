/**
 * A delivery is one message (or one event) being worked on by a flow. Nodes have no effect of their own: they record intents here, and settling
 * commits them all in one transaction, or none (design.md sections 3 and 5.16).
 */
import type { Event } from "../events/event.ts";
import type { BusinessKey } from "../events/event.ts";
import type { JournaledMessage, ParkReason } from "../journal/ports.ts";
import type { OrderChange } from "../orders/rules.ts";

/** An event ready to be committed. `businessIdentity` and `fingerprint` decide whether it is a new fact, the same fact, or a conflict. */
export interface SealedEvent {
  readonly event: Event;
  /** Canonical text naming the fact (kind, serial, day …), unique per partner for ever; absent for events that have none (message.parked). */
  readonly businessIdentity?: string;
  /** Hash of type and data: equal fingerprint = same content. */
  readonly fingerprint: string;
  readonly keys: readonly BusinessKey[];
  /** True when somebody asked for it to be published (node publish-event): otherwise it is stored only. */
  readonly publish: boolean;
}

/** A write-back to be owed. Its key is hash(event id, destination, purpose): the same cause never owes twice. */
export interface OwedWriteBack {
  readonly key: string;
  readonly destination: string;
  /** e.g. insurance-result, payment-confirm. */
  readonly kind: string;
  /** `<vendor>/<message>` of the outbound mapping it was encoded with. */
  readonly mapping: string;
  readonly cause: { readonly eventId: string; readonly type: string };
  /** Patient or order key (`bill:…`): with the destination it is the lane. */
  readonly lane: string;
  /** The order key, where the lane is another one (a patient's). */
  readonly order?: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly charset: string;
  readonly amountFen?: bigint;
  readonly serial?: string;
  readonly businessDate: string;
  /** Send only once the bill is paid in full: insurance parts plus captured payments equal the bill (decision 21). Until then it is `held`. */
  readonly when: "now" | "bill-paid";
  readonly flow: string;
  readonly node: string;
  /** The trace that the sender began, where it did (domain/trace.ts). */
  readonly traceparent?: string;
}

/** Everything a delivery wants to have committed. */
export interface Settlement {
  readonly source: DeliverySource;
  readonly events: readonly SealedEvent[];
  readonly orderChanges: readonly OrderChange[];
  readonly writeBacks: readonly OwedWriteBack[];
  readonly keys: readonly BusinessKey[];
  /** Present: nothing of the above is committed; the message parks (with a message.parked event of its own in `parkedEvent`). */
  readonly park?: ParkReason;
  readonly parkedEvent?: SealedEvent;
  readonly flow?: string;
  /** What translated it, `<vendor>/<message>@<version>`; absent: nothing did. */
  readonly mapping?: string;
}

/** What a delivery works on: a message of the journal, or an event handed to an `event-in` node. */
export type DeliverySource =
  | { readonly kind: "message"; readonly message: JournaledMessage }
  | { readonly kind: "event"; readonly subscriber: string; readonly event: Event; readonly messageId: string; readonly token: number };

/** What became of a settlement. */
export type Settled =
  | { readonly kind: "settled"; readonly events: readonly string[]; readonly writeBacks: readonly SettledWriteBack[] }
  /** All its facts are known already, with the same content. */
  | { readonly kind: "duplicate"; readonly of: string }
  /** A fact of it is known with other content: parked, nothing committed. */
  | { readonly kind: "conflict"; readonly with: string; readonly reason: ParkReason }
  | { readonly kind: "parked"; readonly reason: ParkReason }
  /** Another worker has taken over, or it was settled meanwhile: nothing committed. */
  | { readonly kind: "fenced" };

export interface SettledWriteBack {
  readonly id: string;
  readonly key: string;
  readonly destination: string;
  /**
   * `kept` = owed already by an earlier run of the same cause; `held` = waits until the bill is paid, or behind what it gives back; `superseded` = overtaken before it
   * was ever sent: it is not sent at all.
   */
  readonly state: "waiting" | "queued" | "held" | "kept" | "superseded";
}

/** One transaction per batch of settlements (group commit). PostgreSQL and the fake pass one contract suite. */
export interface SettleStore {
  /** `message.parked` events are committed with the parking. Coalesces callers like the journal. Rejects with JournalGone when the database is not there. */
  settle(settlement: Settlement): Promise<Settled>;
  /** Open event deliveries nobody works on, for subscribers of this worker. */
  reclaimEvents(
    subscribers: readonly string[],
    limit: number,
    held?: readonly string[],
    lead?: bigint,
  ): Promise<readonly Extract<DeliverySource, { kind: "event" }>[]>;
  /** Which event types each `event-in` node wants: settlements hand matching events over in the same transaction. */
  setSubscribers(subscribers: readonly { readonly id: string; readonly types: readonly string[] }[]): void;
  close(): Promise<void>;
}

/** Called after commit, in process: the relay publishes, the dispatcher sends, event-in nodes are fed. */
export interface AfterSettle {
  readonly outbox: readonly { readonly seq: bigint; readonly event: Event }[];
  readonly destinations: readonly string[];
  readonly eventDeliveries: readonly Extract<DeliverySource, { kind: "event" }>[];
}

/** What a store knows of a message that it parks by itself (identity or business conflict, lonely exchange part, a door's refusal). */
export interface MessageSummary {
  readonly id: string;
  readonly partner: string;
  readonly kind: string;
  readonly door: string;
  readonly identity?: string;
  readonly traceparent?: string;
  /** ISO 8601 with +08:00. */
  readonly receivedAt: string;
}

/** Makes the `message.parked` event that is committed with a parking. The stores call it inside their transaction: pure, quick, and the same answer each time. */
export type ParkedEventOf = (message: MessageSummary, reason: ParkReason, keys: readonly BusinessKey[]) => SealedEvent;

/** Events committed but not yet confirmed by the broker. */
export interface OutboxStore {
  /**
   * Oldest first. Reads only; nothing is leased, because publishing twice is harmless (subscribers dedupe by event id).
   * `afterSeq` pages within one pass: a slower transaction may commit a lower number later, so every pass begins at 0.
   */
  pending(afterSeq: bigint, limit: number): Promise<readonly { readonly seq: bigint; readonly event: Event }[]>;
  /** Confirmed by the broker: no longer owed. Coalesced. */
  done(seqs: readonly bigint[]): Promise<void>;
}
