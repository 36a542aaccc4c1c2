/**
 * How fast a destination is written to: the profile's ceiling always, less while a drain finds out what it bears (AIMD). Pure rules over its row; tokens are taken from the
 * row, so the rate is that of all workers together (design.md decision 7; reference/delivery.md 3.3.7).
 */
import type { Drain, Durations, GateRow } from "./gates.ts";

/** A drain begins with this, or this part of the ceiling. */
export const START_RATE = 10;
export const START_SHARE = 0.1;
/** What a clean second adds: this, or the ceiling by so many. */
export const GROWTH = 2;
export const GROWTH_SHARE = 60;
/** What a bad second multiplies by, and the least that is left. */
export const CUT = 0.5;
const RATE_MIN = 1;
/** More than this share of failures makes a second bad; so does a p95 above this many times the baseline. */
export const FAILED_SHARE = 0.02;
export const SLOW_FACTOR = 2;
/** A baseline below this counts as this: nobody is overloaded who answers within 100 ms. */
export const BASELINE_FLOOR_MS = 50;
/** A p95 of fewer calls says nothing. */
const DURATIONS_MIN = 5;
const DECIDE_MS = 1_000;
/** A drain is over at its ceiling, or when for so many seconds in a row the rate was not what held the calls back. */
export const IDLE_SECONDS = 10;
/** A second whose calls stayed below this share of the rate says nothing about a higher one. */
const USED_SHARE = 0.5;
/**
 * Tokens flow a little slower than the rate and pile up to a tenth of a second of it: what was granted before and is sent a few hundredths later
 * still keeps every second below 1.1 times the ceiling.
 */
const PACE = 0.93;
const BURST_SECONDS = 0.1;
/** After this a granted token is worth nothing: it may not be hoarded. */
export const TOKEN_LIFE_MS = 50;

const STEPS_PER_DOUBLING = 2;

/** Class of a duration: two a doubling. */
export const classOf = (ms: number): string => String(Math.max(0, Math.ceil(STEPS_PER_DOUBLING * Math.log2(Math.max(ms, 1)))));
const upperOf = (name: string): number => 2 ** (Number(name) / STEPS_PER_DOUBLING);

/** The p95 of counted durations, to the upper end of its class; undefined when they are too few. */
export function p95(durations: Durations): number | undefined {
  const classes = Object.entries(durations).sort((a, b) => Number(a[0]) - Number(b[0]));
  const calls = classes.reduce((sum, [, n]) => sum + n, 0);
  if (calls < DURATIONS_MIN) return undefined;
  let left = Math.ceil(calls * 0.95);
  for (const [name, n] of classes) {
    left -= n;
    if (left <= 0) return upperOf(name);
  }
  return undefined;
}

/** Within this second. A clock that went back must not keep a drain, or what the partner asks for, waiting until its hour comes again. */
export const isDecided = ({ decidedMs }: Pick<Drain, "decidedMs">, nowMs: number): boolean => Math.abs(nowMs - decidedMs) < DECIDE_MS;

const NOTHING = { calls: 0, failures: 0, durations: {} } as const;

const atMost = (rate: number, ceiling: number | undefined): number => (ceiling === undefined ? rate : Math.min(rate, ceiling));

/** The breaker has closed: carefully, from a tenth. A ceiling below the start needs no drain. */
export function startDrain(row: GateRow, ceiling: number | undefined, nowMs: number): GateRow {
  const rate = Math.max(START_RATE, START_SHARE * (ceiling ?? 0));
  if (ceiling !== undefined && rate >= ceiling) return { ...row, rateNow: undefined, drain: undefined };
  return { ...row, rateNow: rate, drain: { startedMs: nowMs, decidedMs: nowMs, ...NOTHING, baselineMs: undefined, idle: 0 } };
}

/**
 * The partner asked for less (429, Retry-After): half of what it got, once a second at most, and the way back is a drain's. `seen`: calls a second of the worker that was
 * told, which is what there is to halve when no rate was known.
 */
export function throttled(row: GateRow, seen: number, ceiling: number | undefined, nowMs: number): GateRow {
  if (row.breaker !== "closed" || (row.drain !== undefined && isDecided(row.drain, nowMs))) return row;
  const was = row.rateNow ?? atMost(Math.max(seen, RATE_MIN), ceiling);
  const { baselineMs, startedMs } = row.drain ?? { baselineMs: undefined, startedMs: nowMs };
  return {
    ...row,
    rateNow: Math.max(was * CUT, RATE_MIN),
    drain: { startedMs, decidedMs: nowMs, ...NOTHING, baselineMs, idle: 0 },
  };
}

function added(into: Durations, more: Durations): Durations {
  const sum: Record<string, number> = { ...into };
  for (const [name, n] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + n;
  return sum;
}

/** What workers saw while draining, counted; once a second it is decided upon by whoever reports. */
export function drained(
  row: GateRow,
  seen: { readonly calls: number; readonly failures: number; readonly durations: Durations },
  ceiling: number | undefined,
  nowMs: number,
): GateRow {
  const { drain, rateNow } = row;
  if (drain === undefined || rateNow === undefined || row.breaker !== "closed") return row;
  const counted: Drain = {
    ...drain,
    calls: drain.calls + seen.calls,
    failures: drain.failures + seen.failures,
    durations: added(drain.durations, seen.durations),
  };
  return isDecided(drain, nowMs) ? { ...row, drain: counted } : decided(row, counted, rateNow, ceiling, nowMs);
}

function decided(row: GateRow, drain: Drain, rate: number, ceiling: number | undefined, nowMs: number): GateRow {
  const slowest = p95(drain.durations);
  const base = Math.max(drain.baselineMs ?? slowest ?? 0, BASELINE_FLOOR_MS);
  const bad = drain.failures > FAILED_SHARE * drain.calls || (slowest !== undefined && slowest > SLOW_FACTOR * base);
  const seconds = Math.max(nowMs - drain.decidedMs, DECIDE_MS) / 1_000;
  const used = drain.calls >= USED_SHARE * rate * seconds;
  const grown = rate + Math.max(GROWTH, (ceiling ?? 0) / GROWTH_SHARE);
  const next = atMost(bad ? Math.max(rate * CUT, RATE_MIN) : used ? grown : rate, ceiling);
  const idle = bad || used ? 0 : drain.idle + 1;
  if (!bad && ((ceiling !== undefined && next >= ceiling) || idle >= IDLE_SECONDS)) return { ...row, rateNow: undefined, drain: undefined };
  const baselineMs = slowest === undefined ? drain.baselineMs : Math.min(slowest, drain.baselineMs ?? slowest);
  return { ...row, rateNow: next, drain: { startedMs: drain.startedMs, decidedMs: nowMs, ...NOTHING, baselineMs, idle } };
}

/** Calls a second for all workers together; undefined: nothing limits them but `parallel`. */
export const rateOf = (row: GateRow, ceiling: number | undefined): number | undefined =>
  row.rateNow === undefined ? ceiling : atMost(row.rateNow, ceiling);

/** Takes up to `wanted` tokens from the row. `waitMs`: when to ask again, where there are none. */
export function granted(
  row: GateRow,
  wanted: number,
  ceiling: number | undefined,
  nowMs: number,
): { readonly row: GateRow; readonly tokens: number; readonly waitMs: number } {
  const rate = rateOf(row, ceiling);
  if (rate === undefined) return { row, tokens: wanted, waitMs: 0 };
  const most = Math.max(1, rate * BURST_SECONDS);
  const flow = rate * PACE;
  // A bucket of before any rate was known begins empty: a start is no burst.
  const gone = row.tokensAtMs === undefined ? 0 : Math.max(0, nowMs - row.tokensAtMs);
  const held = Math.min(most, row.tokens + (gone / 1_000) * flow);
  const tokens = Math.max(0, Math.min(Math.trunc(wanted), Math.floor(held)));
  const left = held - tokens;
  const batch = Math.min(Math.max(1, most / 2), Math.max(1, wanted));
  const waitMs = Math.ceil((Math.max(0, batch - left) / flow) * 1_000);
  return { row: { ...row, tokens: left, tokensAtMs: nowMs }, tokens, waitMs: Math.max(waitMs, 1) };
}

/** Seconds until `owed` write-backs are gone, by the present rate and its growth while nothing goes wrong; undefined where no rate is known. */
export function drainEta(owed: number, row: GateRow, ceiling: number | undefined): number | undefined {
  const now = rateOf(row, ceiling);
  if (now === undefined || row.breaker !== "closed") return undefined;
  let [left, rate, seconds] = [owed, now, 0];
  const growth = Math.max(GROWTH, (ceiling ?? 0) / GROWTH_SHARE);
  while (left > 0 && row.drain !== undefined && (ceiling === undefined || rate < ceiling) && seconds < 3_600) {
    left -= rate * PACE;
    rate = atMost(rate + growth, ceiling);
    seconds += 1;
  }
  return seconds + (left > 0 ? Math.ceil(left / (rate * PACE)) : 0);
}
