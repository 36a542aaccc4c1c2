/**
 * The journal: what a partner sent, as it was sent. Nothing is answered to a sender before its bytes are here (design.md section 3).
 *
 * A message has one state. `received` and `working` are open work under a lease; every other state is one that a person can see and search.
 */

/** Where a message came in. */
/** `exchange`: a call of our own and its reply, journaled as the partner's exchange (profile `destination.exchanges`). */
export type Door = "amqp" | "http" | "replay" | "soap" | "mllp" | "dicom" | "file" | "view" | "exchange";

/**
 * - `awaiting-part` one part of an exchange is here, the other is not (design.md section 6: parks after 60 s)
 * - `received` journaled, owed to a flow
 * - `settled` every intent of its flow is committed
 * - `duplicate` the same fact as another message (decision 5): no second event
 * - `parked` a person must look
 * - `resolved` a person closed it with a reason
 */
export type MessageState = "awaiting-part" | "received" | "settled" | "duplicate" | "parked" | "resolved";

/** Why a message is parked. `code` is one of domain/refusals.ts; `place` is the partner's own words; `node` the flow node where it died. */
export interface ParkReason {
  readonly code: string;
  readonly zh: string;
  readonly en: string;
  readonly place?: string;
  readonly node?: { readonly id: string; readonly type: string; readonly name?: string; readonly flow?: string };
  readonly problems?: readonly {
    readonly code: string;
    readonly at: string;
    readonly place: string;
    readonly zh: string;
    readonly en: string;
  }[];
}

/** One part of a DLL exchange sent as two messages (design.md section 6). `returnValue` only on the reply. */
export interface ExchangePart {
  readonly id: string;
  readonly part: "request" | "reply";
  readonly returnValue?: string;
}

/** What a door hands to the journal. */
export interface Inbound {
  readonly door: Door;
  readonly partner: string;
  /** Message kind: the second word of the routing key, the last of the HTTP path. */
  readonly kind: string;
  /** The sender's own message id (AMQP message-id, Idempotency-Key); absent when it gave none. */
  readonly identity?: string;
  readonly exchange?: ExchangePart;
  readonly contentType?: string;
  /** Lower-case charset name as declared by the sender; absent when it declared none (the vendor's default then holds). */
  readonly charset?: string;
  /** What else the sender declared: headers that may be shown. Our own `huiliu-*` internals never come from outside. */
  readonly headers: Readonly<Record<string, string>>;
  readonly raw: Uint8Array;
  /** Both parts arrived in one body `{"request","reply","return"}`: the reply's bytes and the return value. */
  readonly reply?: Uint8Array;
  readonly returnValue?: string;
  readonly traceparent?: string;
  /** The door already knows that nobody can work on it (unknown message kind, not decodable …): journaled as parked. */
  readonly refusal?: ParkReason;
}

/** What the journal answers once the bytes are committed. */
export type Journaled =
  | { readonly kind: "accepted"; readonly message: JournaledMessage }
  | { readonly kind: "awaiting-part"; readonly messageId: string }
  /** Same identity, same bytes: the same message sent again. Answer what was answered then: with the reason, where it is parked. */
  | { readonly kind: "duplicate"; readonly messageId: string; readonly state: MessageState; readonly reason?: ParkReason }
  /** Same identity, other bytes: kept as a parked message of its own, never dropped (decision 5). */
  | { readonly kind: "conflict"; readonly messageId: string; readonly with: string }
  | { readonly kind: "parked"; readonly messageId: string; readonly reason: ParkReason };

/** A message with its lease, as a flow works on it. */
export interface JournaledMessage {
  /** UUID v7: its first 48 bits are the time of receipt and decide the partition. */
  readonly id: string;
  /** Journal order. */
  readonly seq: bigint;
  readonly partner: string;
  readonly kind: string;
  readonly door: Door;
  readonly identity?: string;
  readonly contentType?: string;
  readonly charset?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly raw: Uint8Array;
  readonly reply?: Uint8Array;
  readonly returnValue?: string;
  readonly traceparent?: string;
  /** ISO 8601 with +08:00, the database's clock. */
  readonly receivedAt: string;
  /** Fencing token: a settlement with an older one commits nothing (decision 6). */
  readonly token: number;
  /** 1 for the first time; each replay or re-feed adds one. */
  readonly run: number;
  /** True: journaled for whoever feeds, and leased to nobody; it is fetched with `reclaim`. */
  readonly unleased?: true;
  /** True when a person asked for it: the flow's write-backs are compared with what is already acknowledged. */
  readonly replayed: boolean;
}

/** The journal's port. PostgreSQL and the fake pass the same contract suite (test/contracts/journal.ts). */
export interface JournalStore {
  /**
   * Commits the bytes (group commit: callers are coalesced, ≤ 256 rows, flush when idle, no timer) and answers what they are.
   * An accepted message is already leased to this worker, so that it can be handed over in process.
   * Rejects with `JournalBusy` when the bounded queue is full, `JournalGone` when the database is not there: the sender is then answered "busy", never "ok".
   */
  append(inbound: Inbound): Promise<Journaled>;
  /**
   * Leases up to `limit` open messages nobody works on (dead worker, expired lease, released), oldest first, with a new token; none of `held`: what is in hand is never
   * leased anew under the hand that is just settling it. With `lead`, none at all unless this worker still leads under that token (domain/delivery/feeder.ts): a process
   * that slept must not take what another one feeds by now.
   */
  reclaim(limit: number, held?: readonly string[], lead?: bigint): Promise<readonly JournaledMessage[]>;
  /**
   * True while an answer of the database was lost: messages may be leased to this worker that it does not know of. Until they are disowned and reclaimed, later
   * ones wait behind them, or they would overtake them (design.md decision 6).
   */
  inDoubt(): boolean;
  /** Gives back what is leased to this worker and not among `held`, and ends the doubt. Rejects with `JournalGone` while the database is away. */
  disown(held: readonly string[]): Promise<void>;
  /**
   * Leases one message anew that this worker has in hand and whose lease is nobody else's; answers the new token. Undefined: it is not open any more, or another
   * living worker has it, or (with `lead`) this one does not lead under that token.
   */
  regain(id: string, lead?: bigint): Promise<number | undefined>;
  /** Notes that a message is fed with nothing beside it, because it may be what ends the process; answers how often that has been, this time included. */
  fedAlone(messageId: string): Promise<number>;
  /** Gives leased messages back untouched (drain before a deploy, stop). */
  release(items: readonly { readonly id: string; readonly token: number }[]): Promise<void>;
  /** Extends the leases this worker holds; answers the ids it no longer holds. */
  extend(items: readonly { readonly id: string; readonly token: number }[]): Promise<readonly string[]>;
  /** Parks exchange parts whose other part did not come within the time given (design.md section 6: 60 s). Answers the ids parked. */
  parkLonelyParts(olderThanMs: number): Promise<readonly string[]>;
  close(): Promise<void>;
}

export class JournalBusy extends Error {
  override readonly name = "JournalBusy";
}
export class JournalGone extends Error {
  override readonly name = "JournalGone";
}
