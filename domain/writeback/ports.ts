/**
 * Write-backs: what we owe a destination until it acknowledges. Claim, talk, settle: no transaction is open while the partner thinks (decisions 6, 7, 8).
 */
import type { Event } from "../events/event.ts";
import type { Outcome, Step } from "./outcome.ts";

/**
 * - `held` owed once its bill is paid in full
 * - `queued` behind an earlier one of its lane
 * - `waiting` head of its lane, due at nextAt
 * - `sending` claimed under lease
 * - `deferred` the partner took it; its answer follows
 * - `parked` a person must look; its lane is blocked
 * - `acknowledged` a row holds the partner's receipt
 * - `resolved` a person's audited decision
 */
export type WriteBackState = "held" | "queued" | "waiting" | "sending" | "deferred" | "parked" | "acknowledged" | "resolved";

/** The partner's proof. */
export interface Receipt {
  readonly code: string;
  readonly text?: string;
  readonly partnerNo?: string;
  readonly invoiceNo?: string;
  readonly remark?: string;
  readonly amountFen?: bigint;
  readonly serial?: string;
}

/** A write-back in one worker's hands. */
export interface Claimed {
  readonly id: string;
  readonly key: string;
  readonly messageId: string;
  readonly destination: string;
  readonly kind: string;
  readonly mapping: string;
  readonly lane: string;
  readonly laneSeq: bigint;
  readonly cause: { readonly eventId: string; readonly type: string };
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly charset: string;
  readonly amountFen?: bigint;
  readonly serial?: string;
  readonly businessDate: string;
  /** Fencing token of this claim. */
  readonly token: number;
  /** Number of this attempt, 1 for the first; its row was committed with the claim, before the call (decision 6). */
  readonly attempt: number;
  readonly owedAt: string;
  readonly firstSentAt?: string;
  /**
   * What to do now: send, ask first (an earlier attempt is unclear, or a replay asks), or park: it came back unclear at a destination that neither
   * dedupes nor can be asked. The claimer parks it, so that its event is sealed and settled like every other end; no attempt goes to the wire.
   */
  readonly action: "send" | "ask" | "park";
  /** Why it came back, where that decides the reason a person reads. Absent: plainly due. */
  readonly because?: "lease-expired" | "answer-overdue" | "replay" | "person" | "no-body";
  /**
   * Milliseconds since the last instant at which a request for it may have left us; absent when none ever did. A settled unclear send counts from its
   * settlement, a send whose lease expired from the end of that lease (its worker may have slept until then); an inquiry never counts.
   */
  readonly sinceLastPossibleSendMs?: number;
  /** Write-backs queued behind it in its lane at the time of the claim: what a parking would block. */
  readonly laneBehind: number;
  /** Remaining lease at the time of the claim, by the database's clock. */
  readonly leaseMs: number;
  /** The trace that the sender began, where it did (domain/trace.ts). */
  readonly traceparent?: string;
}

/** How the receipt came: the reply itself, the reply's "already done", an inquiry, a deferred message, a person. */
export type How = "reply" | "already-done" | "inquiry" | "message" | "person";

/** One attempt's end, to be settled under the claim's token. */
export interface AttemptEnd {
  readonly id: string;
  readonly messageId: string;
  readonly token: number;
  readonly attempt: number;
  readonly action: "send" | "ask";
  /** For an inquiry: what was learned about the write-back, as an outcome (done → acknowledged, not found → unsent …). */
  readonly outcome: Outcome;
  readonly step: Step;
  /**
   * True when this attempt was a *send* that may have taken effect: it moves the instant of the last possible send. False for an inquiry, for `unsent`,
   * `busy` and `rejected`; the row keeps a true one for ever, a later false one does not clear it.
   */
  readonly mayHaveTakenEffect: boolean;
  readonly status?: number;
  readonly code?: string;
  readonly text?: string;
  readonly why: string;
  readonly how?: How;
  readonly receipt?: Receipt;
  /** With step `wait`: the partner's own number of the work it took. */
  readonly reference?: string;
  /** Reply bytes, at most 64 KiB. */
  readonly reply?: Uint8Array;
  readonly retryInMs?: number;
  /** With step `park`. */
  readonly park?: {
    readonly code: string;
    readonly zh: string;
    readonly en: string;
    readonly advice: { readonly zh: string; readonly en: string };
  };
  /** With step `park`: its lane goes on past it, by the destination's profile (parkedHead: skip). */
  readonly letsNextGo?: true;
  /** writeback.acknowledged or writeback.parked, committed with the end. */
  readonly event?: Event;
}

/** PostgreSQL and the fake pass one contract suite (test/contracts/write-backs.ts). */
export interface WriteBackStore {
  /**
   * Claims up to `limit` due lane heads of a destination: token + 1, lease, attempt row, one transaction, `for update skip locked`.
   * A head whose lease expired with an open attempt, and a deferred one whose answer is overdue (its nextAt has passed), comes back with the action that
   * `unclearAction` says and with `because`; never silently as a fresh send. A lease that expired under an inquiry comes back as the inquiry it was.
   * Heads due longest come first. `freshMs`: only heads that became due within so many milliseconds, so that live traffic need not wait for a backlog; a head
   * behind others of its lane counts from when it was owed.
   */
  claim(
    destination: string,
    limit: number,
    leaseMs: number,
    unclearAction: "send" | "ask" | "park",
    freshMs?: number,
  ): Promise<readonly Claimed[]>;
  /**
   * Coalesced. `lease-lost`: someone else holds it now; nothing was changed. Promotes the next of the lane when this one is closed.
   * Rejects with `JournalGone` or `JournalBusy` when it may be tried again as it is; any other rejection is about what the end holds.
   */
  settle(end: AttemptEnd): Promise<"settled" | "lease-lost">;
  /** Milliseconds until the destination's next head is due; undefined when nothing waits. */
  nextDueMs(destination: string): Promise<number | undefined>;
  /** Gives claims back that were never sent (stop, pause): no attempt is counted. */
  release(
    claims: readonly { readonly id: string; readonly messageId: string; readonly token: number; readonly attempt: number }[],
  ): Promise<void>;
  /** Heals lanes whose head closed but whose next was never promoted, and expired leases. Answers how many it touched. */
  sweep(): Promise<number>;
}

/**
 * In-process hand-off (design.md decision 1): a settlement asks for places on the wire before it commits, makes the heads that fit *born claimed* (state `sending`,
 * token 1, lease and attempt row in the very transaction that owes them), and hands them over once that is committed. Claiming is what is left for the rest.
 */
export interface HandOff {
  /**
   * Promises up to `wanted` calls to the destination under its gate (breaker, pause, rate, parallel): possibly 0. Never throws. `unclear` as for `claim`.
   * Every reservation is ended by exactly one `take`.
   */
  reserve(destination: string, wanted: number): { readonly calls: number; readonly leaseMs: number };
  /** After the commit: what was born claimed, at most `reserved`; the places it does not use are free again. `claimedAtTickMs`: taken before the transaction began. */
  take(destination: string, claims: readonly Claimed[], reserved: number, claimedAtTickMs: number): void;
}

/** What one call at the wire told, before anybody interpreted it. */
export type CallResult =
  | {
      readonly kind: "reply";
      readonly status: number;
      readonly contentType?: string;
      readonly body: Uint8Array;
      readonly retryAfterMs?: number;
      readonly ms: number;
      /** Response headers that the courier was asked to keep, names in lower case. */
      readonly headers?: Readonly<Record<string, string>>;
      /** What a DLL's function returned, told beside the reply. */
      readonly returnValue?: string;
      /**
       * To an inquiry, by who stands between us and the partner and records every call (the DLL bridge): `send` this is the very reply to the earlier send ·
       * `nothing` none of its sends has begun, and none ever will · `unclear` a send began, nobody will ever know how it ended, and the dialect has no 冲正.
       */
      readonly standsFor?: "send" | "nothing" | "unclear";
    }
  /** Nothing left us: refused, DNS, TLS, connect timeout, or the lease was too short to begin. */
  | { readonly kind: "unsent"; readonly why: string; readonly ms: number }
  /** Something left us and no full reply came. */
  | { readonly kind: "no-reply"; readonly why: string; readonly ms: number };

export interface CallRequest {
  readonly url: string;
  readonly method: "GET" | "POST" | "PUT";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly connectTimeoutMs: number;
  readonly replyTimeoutMs: number;
  readonly replyBytesMax: number;
  readonly signal?: AbortSignal;
  /**
   * What the call is about: absent for pings. `mapping` is `<vendor>/<message>`; `attempt` is absent for questions of flows. `sent`: of an inquiry, the write-back
   * that it asks about.
   */
  readonly about?: {
    readonly destination: string;
    readonly mapping: string;
    readonly key: string;
    readonly attempt?: number;
    readonly sent?: Sending;
    /** This call's own number at the partner (`CallNumbers`). */
    readonly number?: string;
  };
}

/** A write-back as it goes to the wire. */
export interface Sending {
  readonly mapping: string;
  readonly body: Uint8Array;
  readonly contentType: string;
}

/**
 * Numbers by which partners know our calls (msgid, 发送方流水号), stored before the call: a reversal names the number of what it undoes. `slot`: a write-back's key, or what
 * is asked and reversed about it.
 */
export interface CallNumbers {
  /** The same for the same slot for ever; `first`: it was made now. Undefined: calls to this destination have none. Rejects when it cannot be stored: make no call then. */
  of(destination: string, slot: string): Promise<{ readonly number: string; readonly first: boolean } | undefined>;
  /** The slot's call is known to have had no effect: the slot may have another number; this one stays taken. */
  over(destination: string, slot: string): Promise<void>;
}

/** The one who sends. Never retries, never follows redirects, never throws. */
export interface Courier {
  call(request: CallRequest): Promise<CallResult>;
  close(): Promise<void>;
}
