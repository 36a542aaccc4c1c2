/**
 * Subscribers: who reads events from a queue that the engine declares and answers for (docs/decisions/023-a-wiped-broker.md). What a subscriber has not read is known by
 * its checkpoint, and is published to its queue again when the broker has forgotten it. Queues that outsiders bind themselves are theirs.
 */
import type { Event } from "../events/event.ts";

/** Why events are owed to a queue once more. */
export type OwedWhy = "wiped" | "queue-missing" | "stalled" | "asked";

export interface Subscriber {
  readonly name: string;
  readonly queue: string;
  readonly patterns: readonly string[];
  /** `outsider`: a queue of somebody else's, here only until it has what its owner asked for. */
  readonly source: "profile" | "api" | "outsider";
  /** Every event up to this number has been read. */
  readonly checkpoint: bigint;
  /** Events after `from`, up to `to` (undefined: without end while the queue takes nothing), are owed to its queue once more. */
  readonly owed?: { readonly from: bigint; readonly to?: bigint; readonly why: OwedWhy };
  /** Its queue takes nothing: it is off the exchange, so that the others get theirs. */
  readonly stalledWhy?: string;
  readonly empty?: { readonly seq: bigint; readonly atMs: number };
}

/** One of ours whose queue is bound otherwise than its patterns say. */
export interface Loose {
  readonly name: string;
  readonly queue: string;
  readonly removed: boolean;
  readonly add: readonly string[];
  readonly drop: readonly string[];
}

/** A stretch of events in the order of their numbers. `to` is where the next one begins. */
export interface Stretch {
  readonly events: readonly { readonly seq: bigint; readonly event: Event }[];
  readonly to: bigint;
}

/** The table of subscribers, and the events they are owed. Everything rejects while the database is away. */
export interface SubscriberStore {
  all(): Promise<readonly Subscriber[]>;
  /** Takes over what the profiles say; one that no profile names any more is removed. A new one is owed nothing from before. */
  seed(wanted: readonly { readonly name: string; readonly queue: string; readonly patterns: readonly string[] }[]): Promise<void>;
  /** Owes everything after its checkpoint (or after `from`), whatever is owed already; the end is open until `oweUpToNow`. */
  owe(name: string, why: OwedWhy, from?: bigint): Promise<void>;
  /** Its queue is there and bound: what is stored later reaches it by itself. */
  oweUpToNow(name: string): Promise<void>;
  /** Everything up to `seq` is on its queue; debt that reaches its end is gone. `count`: events published. */
  progress(name: string, seq: bigint, count: number): Promise<void>;
  /** Its queue took nothing: it is owed everything after `from`. */
  stall(name: string, from: bigint, why: string): Promise<void>;
  /** Its queue takes again and is bound: the debt ends now. */
  unstall(name: string): Promise<void>;
  /** Published events after `from`; `at most` so many numbers are looked through. */
  stretch(from: bigint, numbers: number, to: bigint | undefined): Promise<Stretch>;
  /** Whose queues are to be bound by other patterns: changed, removed, or never noted as bound. */
  loose(): Promise<readonly Loose[]>;
  /** Its queue is bound by `added` now, and by `dropped` no more. */
  bound(name: string, added: readonly string[], dropped: readonly string[]): Promise<void>;
  /** An outsider's queue has what it can have: it is ours no longer. */
  remove(name: string): Promise<void>;
  /** Its queue is empty, and the outbox holds no older event: notes it, or takes an old note for the checkpoint. */
  seenEmpty(name: string, readMs: number): Promise<void>;
  /** Which number events have reached, once a minute: "since nine o'clock" is found by it. */
  mark(): Promise<void>;
  /** The broker's life: its id, and whether its marker was ever made. */
  epoch(): Promise<{ readonly id: string; readonly marked: boolean }>;
  /** The marker is on the broker. `wiped`: it was there before, and was gone. */
  marked(wiped: boolean): Promise<void>;
}

/** The subscribers' queues on the broker. Everything rejects while it is away. */
export interface SubscriberQueues {
  /** Messages ready in the queue; undefined: there is no such queue. */
  depth(queue: string): Promise<number | undefined>;
  /** Binds a queue that is there. */
  bind(queue: Pick<Subscriber, "queue" | "patterns">): Promise<void>;
  /** Declares and binds. Rejects with TopologyRefused when it is there with other arguments. */
  declare(subscriber: Subscriber, bound: boolean): Promise<void>;
  unbind(queue: Pick<Subscriber, "queue" | "patterns">): Promise<void>;
  hasMarker(id: string): Promise<boolean>;
  setMarker(id: string): Promise<void>;
}

/** What became of an event that was published to one queue. */
export type Put = "taken" | "refused" | "gone" | "broker-away";
