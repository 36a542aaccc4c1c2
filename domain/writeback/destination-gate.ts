/**
 * One destination's gate as one worker sees it: what the shared row allows now, tokens in hand, what this worker saw and has not told yet, and probes that are its turn.
 */
import type { Reach } from "./attempt-end.ts";
import { giveTrial, OPEN_AFTER, probeIsDue, probed, type Report, reported, takeProbe, takeTrial } from "./breaker.ts";
import type { Clock, Random } from "./clock.ts";
import { classOf, isDecided, drained, granted, rateOf, throttled, TOKEN_LIFE_MS } from "./drain.ts";
import { freshGate, type GateRow, type GateRule, type GateStore } from "./gates.ts";
import { createPace } from "./pace.ts";
import type { DestinationPolicy } from "./policy.ts";
import { type Probe, type Probed, probeMs } from "./probe.ts";
import { quietUntil } from "./quiet.ts";
import type { DispatcherLog, DispatcherMetrics } from "./watch.ts";

/** A view older than this allows nothing: its worker slept, or the store is away. */
const STALE_MS = 1_000;
/** Where rows are read seldom (simulated hours), a view lives through so many readings. */
const STALE_READINGS = 3;
export const staleMsOf = (refreshMs: number): number => Math.max(STALE_MS, STALE_READINGS * refreshMs);
/** What a prober's lease and a trial's lease have beyond the call itself. */
const LEASE_SPARE_MS = 2_000;
/** Where nothing better is known: look again after this. */
const LOOK_AGAIN_MS = 1_000;

export type Closed = "unknown" | "paused" | "quiet" | "open" | "half-open";

/** What a loop may do now. `shut`: why it may not. */
export interface Allowed {
  readonly calls: number;
  /** The one real head of a half-open breaker. */
  readonly trial?: true;
  readonly waitMs?: number;
  readonly shut?: Closed;
}

export interface DestinationGate {
  /** What the view says, without asking anybody; undefined: it is open. */
  shut(): { readonly why: Closed; readonly waitMs: number } | undefined;
  /** True while a rate holds: calls need tokens. */
  metered(): boolean;
  /** Tokens in hand, for a caller that cannot wait. Free of charge where no rate holds. */
  spend(wanted: number): number;
  /** May ask the row for tokens, or for the trial. Rejects when the store is away. */
  acquire(wanted: number): Promise<Allowed>;
  /** What was acquired and not used. */
  unused(calls: number, trial?: true): void;
  /** Milliseconds to wait before the next request leaves, so that no second sees more than the rate; it counts as sent. */
  paceMs(): number;
  /** The view is too old to act upon: `Gates.refresh` first. */
  stale(): boolean;
  /** One call has ended. */
  ended(about: {
    readonly reach: Reach;
    readonly ms: number;
    readonly throttled: boolean;
    readonly why: string;
    readonly trial?: true;
  }): void;
  row(): GateRow;
}

export interface OneDeps {
  readonly store: GateStore;
  /** Number of this worker among all. */
  readonly worker: number;
  readonly policy: (name: string) => DestinationPolicy | undefined;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: DispatcherLog;
  readonly metrics: DispatcherMetrics;
  /** A row that changed so that somebody may have to look again. */
  readonly changed: (destination: string) => void;
  readonly refreshMs: number;
  /** The store's time as far as it is known. */
  readonly nowMs: () => number | undefined;
  /** Work that a stop waits for. */
  readonly inHand: (work: Promise<unknown>) => void;
  readonly failed: (what: string, destination: string, error: unknown) => void;
  readonly signal: AbortSignal;
}

export interface OneGate {
  readonly gate: DestinationGate;
  /** A row as it was at `asOfTickMs` or later. */
  adopt(row: GateRow, asOfTickMs: number): void;
  /** After each reading of the rows. */
  duties(): void;
}

const NONE: Report = { calls: 0, failures: 0, tail: 0, answered: false, trial: "none", why: undefined };

interface Seen {
  report: Report;
  durations: Record<string, number>;
  throttled: boolean;
}
const nothing = (): Seen => ({ report: NONE, durations: {}, throttled: false });

/** One report after another, as if they had been one. */
function joined(first: Report, then: Report): Report {
  return {
    calls: first.calls + then.calls,
    failures: first.failures + then.failures,
    tail: then.answered ? then.tail : first.tail + then.tail,
    answered: first.answered || then.answered,
    trial: then.trial === "none" ? first.trial : then.trial,
    why: then.why ?? first.why,
  };
}

export function createDestinationGate(name: string, deps: OneDeps): OneGate {
  const { store, worker, clock, random, log, metrics, nowMs } = deps;
  const staleMs = staleMsOf(deps.refreshMs);
  let row = freshGate(name);
  let readAtTickMs = Number.NEGATIVE_INFINITY;
  let adoptedAtTickMs = Number.NEGATIVE_INFINITY;
  let seen = nothing();
  /** On its way to the row. */
  let telling = NONE;
  let reporting = false;
  let tokens = 0;
  let tokensUntilTickMs = 0;
  let trialOut = false;
  let probing = false;
  const pace = createPace(clock);

  const policy = () => deps.policy(name);
  const ceiling = () => policy()?.ratePerSecond;
  const tell = (before: GateRow, wasStale: boolean): void => {
    metrics.gate(name, row.breaker, rateOf(row, ceiling()));
    if (before.breaker !== row.breaker) {
      const about = { destination: name, why: row.why };
      if (row.breaker === "open") log.warn("breaker open: nothing but probes goes out", about);
      else log.info(row.breaker === "closed" ? "breaker closed: draining" : "breaker half-open: one write-back goes out", about);
    }
    const moved = before.breaker !== row.breaker || before.mode !== row.mode || before.drainUntilMs !== row.drainUntilMs;
    if (moved || wasStale || (before.prober !== undefined && row.prober === undefined)) deps.changed(name);
  };
  const adopt: OneGate["adopt"] = (next, asOfTickMs) => {
    const wasStale = stale();
    readAtTickMs = Math.max(readAtTickMs, asOfTickMs);
    // A read that began before a change of ours and came back after it is older than what we know. One that began later is not: a crash of the server forgets
    // grants of tokens, and their revisions are given again.
    if (next.revision < row.revision && asOfTickMs <= adoptedAtTickMs) return;
    const before = row;
    row = next;
    adoptedAtTickMs = clock.tickMs();
    // What was counted before it opened or closed says nothing about what it is now.
    if (before.breaker !== row.breaker) seen = nothing();
    tell(before, wasStale);
  };
  const change = async <T>(rule: GateRule<T>, durable?: boolean): Promise<T> => {
    const beganTickMs = clock.tickMs();
    const changed = await store.change(name, rule, durable);
    adopt(changed.row, beganTickMs);
    return changed.answer;
  };
  /** Ours to start and nobody's to wait for; a store that is away is tried again with the next refresh. */
  const aside = (what: string, work: () => Promise<unknown>): void =>
    deps.inHand(work().catch((error: unknown) => deps.failed(what, name, error)));

  const stale = (): boolean => clock.tickMs() - readAtTickMs > staleMs;
  /** Failures in a row, with those that the row has not been told yet. */
  const failuresNow = (): number => {
    const { answered, tail } = joined(telling, seen.report);
    return answered ? tail : row.failures + tail;
  };
  const shut: DestinationGate["shut"] = () => {
    const now = nowMs();
    if (now === undefined || stale()) return { why: "unknown", waitMs: deps.refreshMs };
    if ((row.drainUntilMs ?? 0) <= now) {
      if (row.mode === "paused") return { why: "paused", waitMs: LOOK_AGAIN_MS };
      const until = quietUntil(policy()?.quietHours, now);
      if (until !== undefined) return { why: "quiet", waitMs: Math.min(until - now, LOOK_AGAIN_MS) };
    }
    // What is about to open it is known here before it is there.
    if (row.breaker === "open" || (row.breaker === "closed" && failuresNow() >= OPEN_AFTER)) return { why: "open", waitMs: LOOK_AGAIN_MS };
    return row.breaker === "half-open" ? { why: "half-open", waitMs: LOOK_AGAIN_MS } : undefined;
  };

  const takeLocal = (wanted: number): number => {
    if (clock.tickMs() > tokensUntilTickMs) tokens = 0;
    const taken = Math.max(0, Math.min(tokens, wanted));
    tokens -= taken;
    return taken;
  };
  const metered = (): boolean => rateOf(row, ceiling()) !== undefined;

  const acquireTrial = async (): Promise<Allowed> => {
    const policyNow = policy();
    // Nor while the row has not heard how the last one ended.
    if (trialOut || joined(telling, seen.report).trial !== "none" || policyNow === undefined)
      return { calls: 0, shut: "half-open", waitMs: LOOK_AGAIN_MS };
    trialOut = true;
    const mine = await change((was, now) => {
      const taken = takeTrial(was, worker, policyNow.leaseMs + LEASE_SPARE_MS, now);
      return { row: taken, answer: taken !== undefined };
    }).catch((error: unknown) => {
      trialOut = false;
      throw error;
    });
    trialOut = mine;
    return mine ? { calls: 1, trial: true } : { calls: 0, shut: "half-open", waitMs: LOOK_AGAIN_MS };
  };

  const acquire = async (wanted: number): Promise<Allowed> => {
    const no = shut();
    if (no?.why === "half-open") return acquireTrial();
    if (no !== undefined) return { calls: 0, shut: no.why, waitMs: no.waitMs };
    if (!metered()) return { calls: wanted };
    const local = takeLocal(wanted);
    if (local > 0) return { calls: local };
    const answer = await change((was, now) => {
      if (was.breaker !== "closed") return { answer: { tokens: 0, waitMs: LOOK_AGAIN_MS } };
      const taken = granted(was, wanted, ceiling(), now);
      return { row: taken.row, answer: { tokens: taken.tokens, waitMs: taken.waitMs } };
    }, false);
    tokens = 0;
    tokensUntilTickMs = clock.tickMs() + TOKEN_LIFE_MS;
    return answer.tokens === 0 ? { calls: 0, waitMs: answer.waitMs } : { calls: answer.tokens };
  };

  const unused: DestinationGate["unused"] = (calls, trial) => {
    if (trial) {
      trialOut = false;
      aside("giving the trial back", () => change((was) => ({ row: giveTrial(was, worker), answer: undefined })));
      return;
    }
    if (calls > 0 && metered() && clock.tickMs() <= tokensUntilTickMs) tokens += calls;
  };

  /** Tells the row what was seen since the last time; kept when the store is away. */
  const tellOnce = async (): Promise<void> => {
    const told = seen;
    seen = nothing();
    telling = told.report;
    try {
      await change((was, now) => ({ row: applied(was, told, now), answer: undefined }));
    } catch (error) {
      const durations = { ...told.durations, ...seen.durations };
      seen = { report: joined(told.report, seen.report), durations, throttled: told.throttled || seen.throttled };
      throw error;
    } finally {
      telling = NONE;
    }
  };
  const report = async (counts = false): Promise<void> => {
    if (reporting) return;
    reporting = true;
    try {
      if (counts) await tellOnce();
      while (worthTelling()) await tellOnce();
    } finally {
      reporting = false;
    }
  };
  const applied = (was: GateRow, told: Seen, now: number): GateRow => {
    const next = reported(was, told.report, { ceiling: ceiling(), pauses: policy()?.probe }, now, random);
    const { calls, failures } = told.report;
    const paced = was.breaker === "closed" ? drained(next, { calls, failures, durations: told.durations }, ceiling(), now) : next;
    return told.throttled ? throttled(paced, pace.seen(), ceiling(), now) : paced;
  };
  const worthTelling = (): boolean => {
    const { report: told, throttled: less } = seen;
    if (told.trial !== "none" || less) return true;
    if (row.breaker === "open") return told.answered;
    if (row.breaker === "half-open") return false;
    return told.failures > 0 || (told.answered && row.failures > 0);
  };

  const ended: DestinationGate["ended"] = ({ reach, ms, throttled: less, why, trial }) => {
    metrics.call(name, reach);
    if (trial) trialOut = false;
    if (reach === "not-called") {
      if (trial) unused(0, true);
      return;
    }
    const failure = reach === "failed";
    const answered = reach === "answered";
    // Calls that were out when it opened end as they end: of theirs only an answer is news, and while half-open not even that.
    if (!trial && (row.breaker === "half-open" || (row.breaker === "open" && !answered))) return;
    // A trial that is told to come later has reached somebody: that is what it was to find out.
    const verdict = !trial ? "none" : failure ? "failed" : "answered";
    const one = {
      calls: 1,
      failures: failure ? 1 : 0,
      tail: failure ? 1 : 0,
      answered,
      trial: verdict,
      why: failure ? why : undefined,
    } as const;
    // While nothing ails it nothing is kept: the first report after a failure begins a new count.
    if (row.drain === undefined && row.window.length === 0 && !failure && verdict === "none" && seen.report.failures === 0) {
      seen.report = { ...NONE, answered: answered || seen.report.answered };
    } else {
      seen.report = joined(seen.report, one);
    }
    if (row.drain !== undefined && answered) seen.durations[classOf(ms)] = (seen.durations[classOf(ms)] ?? 0) + 1;
    seen.throttled ||= less;
    if (worthTelling()) aside("reporting", report);
  };

  /** What is due with each refresh: what a drain or a window counts, and a probe. */
  const duties = (): void => {
    const now = nowMs();
    const policyNow = policy();
    if (now === undefined || policyNow === undefined) return;
    const undecided = row.drain !== undefined && !isDecided(row.drain, now);
    const counts = (row.drain !== undefined || row.window.length > 0) && seen.report.calls > 0;
    if (row.breaker === "closed" && (counts || undecided)) aside("reporting", () => report(true));
    else if (worthTelling()) aside("reporting", report);
    if (probing || !probeIsDue(row, now, policyNow.probe) || shut()?.why !== "open") return;
    probing = true;
    aside("probing", async () => {
      try {
        await probeOnce(policyNow);
      } finally {
        probing = false;
      }
    });
  };

  const probeOnce = async (policyNow: DestinationPolicy): Promise<void> => {
    const lease = await change((was, now) => {
      const taken = takeProbe(was, worker, probeMs(policyNow) + LEASE_SPARE_MS, now, policyNow.probe);
      return { row: taken, answer: taken?.prober };
    });
    if (lease === undefined || deps.signal.aborted) return;
    const result: Probed = await deps.probe(policyNow, deps.signal);
    metrics.probe(name, result.by, result.answered);
    log.info(result.answered ? "probe answered" : "probe failed", { destination: name, by: result.by, why: result.why });
    await change((was, now) => ({ row: probed(was, lease, result, policyNow.probe, now, random), answer: undefined }));
  };

  const gate: DestinationGate = {
    shut,
    metered,
    spend: (wanted) => (shut() !== undefined ? 0 : metered() ? takeLocal(wanted) : wanted),
    acquire,
    unused,
    paceMs: () => pace.waitMs(rateOf(row, ceiling())),
    stale,
    ended,
    row: () => row,
  };
  return { gate, adopt, duties };
}
