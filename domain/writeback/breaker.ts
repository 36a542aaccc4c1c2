/**
 * The breaker of a destination (design.md decision 7; reference/delivery.md 3.3.6): pure rules over its row. What trips it is written once, in `BREAKER_BY_REACH`, and
 * printed in docs/outcomes.md.
 */
import type { Reach } from "./attempt-end.ts";
import type { Backoff } from "./backoff.ts";
import type { Random } from "./clock.ts";
import { startDrain } from "./drain.ts";
import type { GateRow, Slot } from "./gates.ts";

/** Failures in a row, over all workers, that open it. */
export const OPEN_AFTER = 5;
/** Or this share of at least so many calls within the window. */
export const OPEN_SHARE = 0.5;
export const OPEN_SHARE_CALLS = 20;
export const WINDOW_MS = 30_000;
const SLOT_MS = 1_000;
/** Pauses between probes: the first, how they grow, the longest, and how far chance moves each. */
export const PROBE_FIRST_MS = 5_000;
export const PROBE_GROWTH = 1.5;
export const PROBE_MAX_MS = 30_000;
export const PROBE_JITTER = 0.2;
const PROBE_PAUSES: Backoff = { firstMs: PROBE_FIRST_MS, maxMs: PROBE_MAX_MS };
/**
 * After a probe that was answered although the real head behind it failed, a round costs two calls: it comes half as often. (A gateway that answers pings while the HIS
 * behind it is dead must not cost twice the calls.)
 */
export const LIAR_FACTOR = 2;

/** What an attempt's end does to the breaker. */
export const BREAKER_BY_REACH: Readonly<Record<Reach, "success" | "failure" | "neutral">> = {
  answered: "success",
  failed: "failure",
  busy: "neutral",
  "not-called": "neutral",
};

/** What the profile says of a destination, as far as its breaker must know. */
export interface BreakerOf {
  readonly ceiling: number | undefined;
  /** Pauses between probes; undefined: PROBE_FIRST_MS to PROBE_MAX_MS. */
  readonly pauses: Backoff | undefined;
}

/** What one worker saw since its last report. */
export interface Report {
  readonly calls: number;
  readonly failures: number;
  /** Failures after the last answer, and whether there was an answer. */
  readonly tail: number;
  readonly answered: boolean;
  /** The end of this worker's trial, when it was among them. */
  readonly trial: "answered" | "failed" | "none";
  /** Why the last failure failed. */
  readonly why: string | undefined;
}

/** When to probe next: `rounds` pauses have gone by. Jitter is uniform, so the mean is the pause itself. */
export function probePauseMs(rounds: number, random: Random, factor = 1, { firstMs, maxMs }: Backoff = PROBE_PAUSES): number {
  const pause = Math.min(firstMs * PROBE_GROWTH ** Math.min(rounds, 30), maxMs) * factor;
  return Math.round(pause * (1 - PROBE_JITTER + 2 * PROBE_JITTER * random()));
}

const isOver = (lease: GateRow["prober"], nowMs: number): boolean => lease === undefined || lease.untilMs <= nowMs;

function opened(row: GateRow, why: string, of: BreakerOf, nowMs: number, random: Random): GateRow {
  return {
    ...row,
    breaker: "open",
    sinceMs: nowMs,
    why,
    probes: 0,
    probeAtMs: nowMs + probePauseMs(0, random, 1, of.pauses),
    prober: undefined,
    rateNow: undefined,
    drain: undefined,
  };
}

const within = (window: readonly Slot[], nowMs: number): readonly Slot[] => window.filter((slot) => slot.atMs > nowMs - WINDOW_MS);

function counted(window: readonly Slot[], { calls, failures }: Report, nowMs: number): readonly Slot[] {
  const slots = within(window, nowMs);
  const last = slots.at(-1);
  if (last === undefined || nowMs - last.atMs >= SLOT_MS) return [...slots, { atMs: nowMs, calls, failures }];
  return [...slots.slice(0, -1), { ...last, calls: last.calls + calls, failures: last.failures + failures }];
}

function whyOpen(failures: number, window: readonly Slot[], why: string | undefined): string | undefined {
  const last = why === undefined ? "" : `: ${why}`;
  if (failures >= OPEN_AFTER) return `${failures} failures in a row${last}`;
  const calls = window.reduce((sum, slot) => sum + slot.calls, 0);
  const failed = window.reduce((sum, slot) => sum + slot.failures, 0);
  return calls >= OPEN_SHARE_CALLS && failed >= OPEN_SHARE * calls ? `${failed} of ${calls} calls in 30 s failed${last}` : undefined;
}

/** One worker's report applied. While closed it counts; while open only an answer matters (probe at once); while half-open only the trial's end decides. */
export function reported(row: GateRow, report: Report, of: BreakerOf, nowMs: number, random: Random): GateRow {
  if (row.breaker === "open") return report.answered ? { ...row, probeAtMs: Math.min(row.probeAtMs ?? nowMs, nowMs) } : row;
  if (row.breaker === "half-open") {
    if (report.trial === "answered") return closedAgain(row, of.ceiling, nowMs);
    return report.trial === "failed" ? trialFailed(row, report.why, of, nowMs, random) : row;
  }
  const failures = report.answered ? report.tail : row.failures + report.tail;
  const window = report.failures > 0 || within(row.window, nowMs).length > 0 ? counted(row.window, report, nowMs) : [];
  const why = report.failures > 0 ? whyOpen(failures, window, report.why) : undefined;
  const next = { ...row, failures, window: window.some((slot) => slot.failures > 0) ? window : [] };
  return why === undefined ? next : opened(next, why, of, nowMs, random);
}

function closedAgain(row: GateRow, ceiling: number | undefined, nowMs: number): GateRow {
  const closed: GateRow = {
    ...row,
    breaker: "closed",
    sinceMs: nowMs,
    why: undefined,
    failures: 0,
    window: [],
    probes: 0,
    probeAtMs: undefined,
    prober: undefined,
  };
  return startDrain(closed, ceiling, nowMs);
}

function trialFailed(row: GateRow, why: string | undefined, of: BreakerOf, nowMs: number, random: Random): GateRow {
  return {
    ...row,
    breaker: "open",
    why: `its probe was answered, its first write-back failed${why === undefined ? "" : `: ${why}`}`,
    probes: row.probes + 1,
    probeAtMs: nowMs + probePauseMs(row.probes + 1, random, LIAR_FACTOR, of.pauses),
    prober: undefined,
  };
}

/** Due later than any pause lasts: the clock went back since, and nobody waits for its hour to come again. */
const isTooFar = (atMs: number, nowMs: number, { maxMs }: Backoff = PROBE_PAUSES): boolean =>
  atMs > nowMs + maxMs * LIAR_FACTOR * (1 + PROBE_JITTER);

export const probeIsDue = (row: GateRow, nowMs: number, pauses?: Backoff): boolean =>
  row.breaker === "open" && ((row.probeAtMs ?? 0) <= nowMs || isTooFar(row.probeAtMs ?? 0, nowMs, pauses)) && isOver(row.prober, nowMs);

/** Makes this worker the prober, when a probe is due and nobody probes. */
export const takeProbe = (row: GateRow, worker: number, leaseMs: number, nowMs: number, pauses?: Backoff): GateRow | undefined =>
  probeIsDue(row, nowMs, pauses) ? { ...row, prober: { worker, untilMs: nowMs + leaseMs } } : undefined;

/** The prober's probe has ended. Undefined: it is the prober no more, and nothing changes. */
export function probed(
  row: GateRow,
  lease: NonNullable<GateRow["prober"]>,
  result: { readonly answered: boolean; readonly why: string },
  pauses: Backoff | undefined,
  nowMs: number,
  random: Random,
): GateRow | undefined {
  if (row.breaker !== "open" || row.prober?.worker !== lease.worker || row.prober.untilMs !== lease.untilMs) return undefined;
  if (result.answered) return { ...row, breaker: "half-open", prober: undefined, probeAtMs: undefined };
  const probes = row.probes + 1;
  return { ...row, probes, probeAtMs: nowMs + probePauseMs(probes, random, 1, pauses), prober: undefined, why: result.why };
}

/** The one real head of a half-open breaker is this worker's to send. It counts against the ceiling: what follows it starts with an empty bucket. */
export const takeTrial = (row: GateRow, worker: number, leaseMs: number, nowMs: number): GateRow | undefined =>
  row.breaker === "half-open" && (isOver(row.prober, nowMs) || row.prober?.worker === worker)
    ? { ...row, prober: { worker, untilMs: nowMs + leaseMs }, tokens: 0, tokensAtMs: nowMs }
    : undefined;

/** Nothing was there to send, or it was not begun: somebody else may try. */
export const giveTrial = (row: GateRow, worker: number): GateRow | undefined =>
  row.breaker === "half-open" && row.prober?.worker === worker ? { ...row, prober: undefined } : undefined;
