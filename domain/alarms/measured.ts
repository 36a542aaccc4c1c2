/** What was measured for the alarms: instants and counts only, never names of patients, never bodies. Times are milliseconds since 1970 of the database's clock. */
import type { AlarmKind } from "./kinds.ts";

/** Thresholds of a destination's profile (`destination.alarms`). */
export interface Thresholds {
  readonly warnAgeMs?: number;
  readonly pageAgeMs?: number;
  readonly backlog?: number;
}

export interface MeasuredDestination {
  readonly destination: string;
  readonly thresholds: Thresholds;
  readonly paused: boolean;
  /** When the oldest write-back that is to be sent was owed. Parked ones and those whose answer follows have alarms and timers of their own. */
  readonly oldestOwedMs?: number;
  /** Heads and queued ones together, counted no further than the profile's backlog; absent where the profile gives none. */
  readonly owed?: number;
  /** Since when the breaker has been open or half-open. */
  readonly breakerSinceMs?: number;
  readonly parked: number;
  readonly unclear: { readonly count: number; readonly sinceMs?: number };
  readonly blocked: { readonly lanes: number; readonly behind: number; readonly sinceMs?: number };
  /** Held for their bill for longer than a day. */
  readonly held: { readonly count: number; readonly sinceMs?: number };
  /** Acknowledged within the last hour, and how many of them because they had been done already. */
  readonly lastHour?: { readonly acknowledged: number; readonly alreadyDone: number };
}

export interface Measured {
  readonly nowMs: number;
  readonly destinations: readonly MeasuredDestination[];
  readonly messages: { readonly oldestMs?: number; readonly parked: Readonly<Record<string, number>> };
  readonly events: { readonly oldestMs?: number; readonly parked: number };
  readonly outbox: { readonly oldestMs?: number };
  /** Messages in each dead-letter queue; absent when the broker does not say. */
  readonly dead?: Readonly<Record<string, number>>;
  readonly totals: readonly { readonly businessDate: string; readonly partner: string; readonly kind: string; readonly codes: string }[];
  /** Events that owe no write-back although their like do: count, since when, and one id to begin with. */
  readonly unwritten: readonly {
    readonly partner: string;
    readonly type: string;
    readonly count: number;
    readonly sinceMs: number;
    readonly messageId: string;
  }[];
  /** Subscribers whose events are kept back. */
  readonly stalled: readonly { readonly subscriber: string; readonly sinceMs: number; readonly why: string }[];
  /** Folders that cannot be looked into. */
  readonly away: readonly { readonly door: string; readonly partner: string; readonly sinceMs: number; readonly why: string }[];
  readonly silentWorkers: readonly { readonly name: string; readonly seenMs: number }[];
  /** Absent where it cannot be known. */
  readonly disk?: { readonly totalBytes: number; readonly freeBytes: number };
  /** Days whose tables are missing. */
  readonly missingDays: readonly string[];
  /** Flows that are not loaded, each with its code (domain/flowtests/release.ts); absent: all are. */
  readonly flows?: Readonly<Record<string, string>>;
  /** What was found wrong with the audit's chain; absent: nothing. */
  readonly audit?: { readonly findings: number; readonly kinds: string; readonly first: string };
  /** What sign-in holds back now: login names, addresses and second factors, and the failures behind them. Absent: nothing. */
  readonly held?: { readonly logins: number; readonly addresses: number; readonly codes: number; readonly failures: number };
  readonly sinks: readonly { readonly sink: string; readonly waitingSinceMs: number; readonly waiting: number }[];
  /** Kinds that could not be measured now: what is open of them is neither ended nor started. */
  readonly unknown: ReadonlySet<AlarmKind>;
}
