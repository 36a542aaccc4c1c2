/**
 * What a destination is allowed to receive now, as all workers share it: one row each (platform/postgres/migrations/003-delivery.sql). Every change is a pure rule
 * (breaker.ts, drain.ts) applied under the row's lock with the store's clock, so that the fake and PostgreSQL cannot differ in more than the lock.
 */

/** `paused`: a person holds it back until resumed; `drainUntilMs` lets it drain meanwhile. */
export type Mode = "running" | "paused";
/** `open`: nothing but a probe goes out. `half-open`: exactly one real head goes out, and its end decides. */
export type Breaker = "closed" | "open" | "half-open";

/** Calls that ended within one slot of the breaker's window. */
export interface Slot {
  readonly atMs: number;
  readonly calls: number;
  readonly failures: number;
}

/** How long calls took: number of calls by class of duration (drain.ts `classOf`). */
export type Durations = Readonly<Record<string, number>>;

/** A drain under way, or the way back after the partner asked for less: `rateNow` is decided once a second from what all workers report. */
export interface Drain {
  readonly startedMs: number;
  readonly decidedMs: number;
  /** Of the second under way, over all workers. */
  readonly calls: number;
  readonly failures: number;
  readonly durations: Durations;
  /** Lowest p95 seen in this drain. */
  readonly baselineMs: number | undefined;
  /** Seconds in a row in which the rate was not what held the calls back. */
  readonly idle: number;
}

export interface GateRow {
  readonly name: string;
  /** Grows with every change. */
  readonly revision: number;
  readonly mode: Mode;
  readonly breaker: Breaker;
  /** Since when the breaker is as it is; undefined: it never moved. */
  readonly sinceMs: number | undefined;
  readonly why: string | undefined;
  /** Failures in a row, over all workers. */
  readonly failures: number;
  /** What the last WINDOW_MS told, as far as workers had failures to report. */
  readonly window: readonly Slot[];
  readonly probeAtMs: number | undefined;
  /** Probes since it opened. */
  readonly probes: number;
  /** While open: who probes. While half-open: whose head is the trial. Under a lease, so that a dead worker holds nothing up. */
  readonly prober: { readonly worker: number; readonly untilMs: number } | undefined;
  /** Calls a second, all workers together; undefined: the profile's ceiling, or none. */
  readonly rateNow: number | undefined;
  readonly tokens: number;
  readonly tokensAtMs: number | undefined;
  readonly drain: Drain | undefined;
  /** A person lets it drain until then, whatever mode and quiet hours say. */
  readonly drainUntilMs: number | undefined;
}

/** The row of a destination that has none yet: running, closed, without a rate. */
export const freshGate = (name: string): GateRow => ({
  name,
  revision: 0,
  mode: "running",
  breaker: "closed",
  sinceMs: undefined,
  why: undefined,
  failures: 0,
  window: [],
  probeAtMs: undefined,
  probes: 0,
  prober: undefined,
  rateNow: undefined,
  tokens: 0,
  tokensAtMs: undefined,
  drain: undefined,
  drainUntilMs: undefined,
});

/** A change of a row: the row to store (undefined: as it was) and what the caller wants to know. Pure: it may be computed again. */
export type GateRule<T> = (row: GateRow, nowMs: number) => { readonly row?: GateRow | undefined; readonly answer: T };

/** The oldest write-back owed, as far as an inquiry that only probes must know it. */
export interface OldestHead {
  readonly key: string;
  readonly kind: string;
  readonly businessDate: string;
  readonly serial?: string;
  readonly amountFen?: bigint;
}

/** PostgreSQL and the fake pass one contract suite (test/contracts/gates.ts). */
export interface GateStore {
  /** Every row and the store's time, in one statement. Rejects when the store is away. */
  read(): Promise<{ readonly nowMs: number; readonly rows: readonly GateRow[] }>;
  /**
   * Locks the row (made when it is missing), applies the rule, stores its row; answers the rule's answer and the row as it is then. `durable` false: the commit need not reach
   * the disk before the answer (token grants). Rejects when the store is away; then the change may or may not have happened.
   */
  change<T>(
    name: string,
    rule: GateRule<T>,
    durable?: boolean,
  ): Promise<{ readonly row: GateRow; readonly nowMs: number; readonly answer: T }>;
  /** Reads only. Undefined when nothing is owed. */
  oldestHead(name: string): Promise<OldestHead | undefined>;
}
