/**
 * One destination's loop: claim up to the free capacity, deliver side by side, settle, claim again. Bounded by `parallel` calls on the wire and as many ends being
 * settled; when the store is gone nothing is claimed, and ends that wait for it are kept until it is back.
 */
import { createAhead } from "./ahead.ts";
import { backoffMs } from "./backoff.ts";
import { createBell } from "./bell.ts";
import type { Clock, Random } from "./clock.ts";
import type { Deliver, Delivered } from "./deliver.ts";
import type { Allowed, DestinationGate } from "./destination-gate.ts";
import { createLastLook, type Leaving } from "./last-look.ts";
import { type DestinationPolicy, unclearAction } from "./policy.ts";
import type { Claimed, WriteBackStore } from "./ports.ts";
import { createSettling, STORE_BACKOFF } from "./settling.ts";
import type { DispatcherLog, DispatcherMetrics } from "./watch.ts";
import { whyOf } from "./why.ts";

/** Longest sleep: rows that other workers owed and never poked us about are seen by then. */
export const POLL_MS = 1_000;
/** Shortest sleep after a claim that found nothing although something is due (another worker has it). */
const EMPTY_CLAIM_MS = 20;
/** Rows of one claim. */
const CLAIM_MAX = 256;
/**
 * Calls end one by one, and a claim costs a transaction however many rows it takes: while other calls are out, it waits this long at most for a quarter of
 * `parallel` to be free. An idle destination is claimed for at once.
 */
const GATHER_MS = 5;
const GATHER_SHARE = 4;
/**
 * While more is due than may be sent, every other claim is of heads that became due this lately, so that live traffic need not wait for a backlog to drain
 * (reference/delivery.md 8: a first try within 5 s). Old and new share the rate by halves; what the new do not want the old get.
 */
const FRESH_MS = 5_000;
/** A look for new ones that found none is not repeated sooner. */
const FRESH_LOOK_MS = 250;
/** While more is due than there are places, heads that are handed over as they are born get at most this part of `parallel` at once: neither old nor new starves. */
const FRESH_SHARE = 2;
/** The table has waited for a place this long: newborn heads leave it some. */
const CROWDED_MS = 250;

export interface LoopDeps {
  readonly destination: string;
  readonly deliver: Deliver;
  readonly signal: AbortSignal;
  readonly store: WriteBackStore;
  readonly destinations: { policy(name: string): DestinationPolicy | undefined };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: DispatcherLog;
  readonly metrics: DispatcherMetrics;
  readonly gate: DestinationGate;
  /** Reads every gate now: for a worker that slept. */
  readonly refresh: () => Promise<void>;
  readonly pollMs?: number;
}

export interface LoopState {
  readonly onWire: number;
  readonly settling: number;
}

export interface Loop {
  start(): void;
  poke(): void;
  state(): LoopState;
  /** Places for heads that are born claimed (`HandOff`), on the wire or just ahead of it: at most `wanted`, possibly 0. Synchronous; ended by exactly one `take`. */
  reserve(wanted: number): { readonly calls: number; readonly leaseMs: number };
  take(claims: readonly Claimed[], reserved: number, claimedAtTickMs: number): void;
  /** No new claims; resolves when nothing is in hand. */
  stop(): Promise<void>;
  /** After stop: stops trying to settle. Answers how many ends are lost to their leases. */
  giveUp(): number;
}

/** A claim on its way to the wire. */
interface Work extends Leaving {
  readonly claimed: Claimed;
  readonly policy: DestinationPolicy;
  /** No place on the wire was free for it. */
  readonly ahead: boolean;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function createLoop(deps: LoopDeps): Loop {
  const { destination, store, clock, random, log, metrics } = deps;
  const bell = createBell(clock);
  const { gate } = deps;
  const pollMs = deps.pollMs ?? POLL_MS;
  const inHand = new Set<Promise<void>>();
  let onWire = 0;
  /** Places promised to settlements whose commit is under way. */
  let promised = 0;
  /** Places that a claim under way will fill. */
  let claiming = 0;
  /** The last claim came back full: more is due than there are places. */
  let backlogged = false;
  /** Heads claimed from the table since a claim found fewer than it wanted. */
  let inRow = 0;
  const ahead = createAhead(clock);
  let callMs: number | undefined;
  let stopping = false;
  let givenUp = false;
  let looped: Promise<void> | undefined;
  /** Before this tick nothing is due, as far as we know: a free place on the wire alone is no reason to ask the store. */
  let lookAtTickMs = Number.NEGATIVE_INFINITY;
  let gatherUntilTickMs: number | undefined;
  let freshNext = false;
  let freshAtTickMs = Number.NEGATIVE_INFINITY;

  const lookIn = (ms: number): void => {
    lookAtTickMs = Math.min(lookAtTickMs, clock.tickMs() + ms);
    bell.ring();
  };

  const settling = (): number => inHand.size - onWire - ahead.waiting();
  const note = () => metrics.inHand(destination, onWire, settling());
  const storeFailed = (operation: "claim" | "settle" | "release" | "next-due" | "gate", error: unknown) => {
    metrics.storeFailed(destination, operation);
    log.warn("store failed", { destination, operation, why: messageOf(error) });
  };
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

  const release = async (claims: readonly Claimed[]): Promise<void> => {
    try {
      await store.release(claims.map(({ id, messageId, token, attempt }) => ({ id, messageId, token, attempt })));
    } catch (error) {
      // Not lost: the lease expires, and the open attempt is looked at as unclear.
      storeFailed("release", error);
    }
  };

  let leaving: Claimed[] = [];
  let left: Promise<void> | undefined;
  /** Those that are given back at the same instant (a breaker that opens, a wire that hangs) share a statement. */
  const giveBack = (claimed: Claimed): Promise<void> => {
    leaving.push(claimed);
    left ??= pause(0).then(() => {
      const all = leaving;
      leaving = [];
      left = undefined;
      return release(all);
    });
    return left;
  };

  const settle = createSettling({ destination, store, clock, random, log, metrics, storeFailed, givenUp: () => givenUp });

  const lastLook = createLastLook({ gate, clock, refresh: deps.refresh, stopping: () => stopping });
  const attempt = async (work: Work): Promise<Delivered> => {
    let placed = true;
    try {
      if (work.ahead) {
        const { given, go } = await ahead.wait();
        placed = given;
        if (!go) return { kind: "not-begun", why: "no place on the wire came in time" };
      }
      const why = await lastLook(work);
      return why === undefined
        ? await deps.deliver(work.claimed, work.policy, work.claimedAtTickMs, deps.signal)
        : { kind: "not-begun", why };
    } finally {
      if (placed && !ahead.pass()) onWire -= 1;
    }
  };

  const handle = async (work: Work): Promise<void> => {
    const { claimed, trial } = work;
    const delivered = await attempt(work);
    const about = delivered.kind === "ended" ? delivered : { reach: "not-called" as const, ms: 0, throttled: false };
    if (delivered.kind === "ended") callMs = delivered.ms;
    const reason = delivered.kind === "ended" ? whyOf(delivered.end.why).en : delivered.why;
    gate.ended({ reach: about.reach, ms: about.ms, throttled: about.throttled, why: reason, ...(trial ? { trial } : {}) });
    // The wire is free while the end is being settled.
    bell.ring();
    if (delivered.kind === "ended") {
      const { end } = delivered;
      await settle(end, delivered.ms);
      if (end.retryInMs !== undefined) lookIn(Math.max(end.retryInMs, EMPTY_CLAIM_MS));
      else if (claimed.laneBehind > 0) lookIn(0);
    } else {
      log.warn("not begun; given back", { destination, id: claimed.id, why: delivered.why });
      await giveBack(claimed);
      lookIn(0);
    }
  };

  /** Work that a stop waits for. */
  const hold = (work: Promise<void>): void => {
    const held = work.finally(() => {
      inHand.delete(held);
      note();
      bell.ring();
    });
    inHand.add(held);
  };

  const take = (claims: readonly Claimed[], policy: DestinationPolicy, claimedAtTickMs: number, trial?: true): void => {
    for (const claimed of claims) {
      const waits = onWire >= policy.parallel && trial === undefined;
      if (!waits) onWire += 1;
      hold(
        handle({ claimed, policy, claimedAtTickMs, ahead: waits, ...(trial ? { trial } : {}) }).catch((error) =>
          log.error("an attempt failed in our own hands; its lease will expire", { destination, id: claimed.id, why: messageOf(error) }),
        ),
      );
    }
    note();
  };

  /** Free places on the wire. As many ends may wait for the store as calls may be out; then the destination waits too. */
  const places = ({ parallel }: DestinationPolicy, more = 0): number => {
    const bound = promised + claiming + ahead.waiting();
    return Math.max(Math.min(parallel + more - onWire - bound, 2 * parallel - settling() - onWire - bound + more), 0);
  };
  /** The table has more than the places between two settlements take: newborn heads share with it. */
  const crowded = ({ parallel }: DestinationPolicy): boolean =>
    (backlogged && inRow >= parallel) || clock.tickMs() - lookAtTickMs > CROWDED_MS;

  const reserve = (wanted: number): { readonly calls: number; readonly leaseMs: number } => {
    const policy = deps.destinations.policy(destination);
    if (!policy || looped === undefined || stopping) return { calls: 0, leaseMs: policy?.leaseMs ?? 0 };
    const shared = crowded(policy) ? Math.floor(policy.parallel / FRESH_SHARE) - promised : Number.POSITIVE_INFINITY;
    const more = shared === Number.POSITIVE_INFINITY && !gate.metered() ? ahead.most(policy, callMs) : 0;
    const most = Math.max(Math.min(Math.trunc(wanted), places(policy, more), shared, CLAIM_MAX), 0) || 0;
    const calls = most === 0 ? 0 : gate.spend(most);
    promised += calls;
    return { calls, leaseMs: policy.leaseMs };
  };

  const takeReserved = (claims: readonly Claimed[], reserved: number, claimedAtTickMs: number): void => {
    promised -= reserved;
    gate.unused(reserved - claims.length);
    const policy = deps.destinations.policy(destination);
    if (claims.length > 0 && (stopping || !policy)) hold(release(claims));
    else if (policy) take(claims, policy, claimedAtTickMs);
    if (claims.length < reserved) bell.ring();
  };

  /** One claim. Answers how many it got; undefined when the store failed. */
  const claim = async (policy: DestinationPolicy, may: Allowed, fresh: boolean): Promise<number | undefined> => {
    const claimedAtTickMs = clock.tickMs();
    try {
      const freshMs = fresh ? FRESH_MS : undefined;
      const claims = await store.claim(destination, may.calls, policy.leaseMs, unclearAction(policy), freshMs);
      claiming = 0;
      if (claims.length < may.calls) gate.unused(may.calls - claims.length, may.trial);
      if (stopping) {
        gate.unused(claims.length, may.trial);
        await release(claims);
      } else take(claims, policy, claimedAtTickMs, may.trial);
      return claims.length;
    } catch (error) {
      gate.unused(may.calls, may.trial);
      storeFailed("claim", error);
      return undefined;
    }
  };

  /** How long to sleep when everything due has been claimed. */
  const untilDue = async (): Promise<number> => {
    try {
      const dueMs = await store.nextDueMs(destination);
      return dueMs === undefined ? pollMs : Math.min(Math.max(dueMs, EMPTY_CLAIM_MS), pollMs);
    } catch (error) {
      storeFailed("next-due", error);
      return pollMs;
    }
  };

  /** Free places, when it is time to fill them; else how long to sleep. */
  const due = (policy: DestinationPolicy): { readonly calls: number; readonly sleepMs: number } => {
    const calls = Math.min(places(policy), CLAIM_MAX);
    const no = gate.shut();
    if (no !== undefined && no.why !== "half-open") return { calls: 0, sleepMs: Math.min(no.waitMs, pollMs) };
    if (calls <= 0) return { calls: 0, sleepMs: pollMs };
    const nowTickMs = clock.tickMs();
    if (nowTickMs < lookAtTickMs) return { calls: 0, sleepMs: lookAtTickMs - nowTickMs };
    if (onWire > 0 && calls * GATHER_SHARE < policy.parallel) {
      gatherUntilTickMs ??= nowTickMs + GATHER_MS;
      if (nowTickMs < gatherUntilTickMs) return { calls: 0, sleepMs: gatherUntilTickMs - nowTickMs };
    }
    gatherUntilTickMs = undefined;
    return { calls, sleepMs: 0 };
  };

  /** Asks the gate, with the places kept meanwhile. Undefined when its store failed. */
  const allowed = async (calls: number): Promise<Allowed | undefined> => {
    try {
      const may = await gate.acquire(calls);
      claiming = may.calls;
      return may;
    } catch (error) {
      storeFailed("gate", error);
      return undefined;
    }
  };

  /** One turn. Answers how long to sleep before the next. */
  const turn = async (failures: number): Promise<{ readonly sleepMs: number; readonly failed?: true }> => {
    const policy = deps.destinations.policy(destination);
    if (!policy) return { sleepMs: pollMs };
    const { calls, sleepMs } = due(policy);
    if (calls === 0) return { sleepMs };
    claiming = calls;
    try {
      const may = await allowed(calls);
      if (may?.calls === 0) return { sleepMs: Math.min(may.waitMs ?? pollMs, pollMs) };
      const got = may && (await filled(policy, may));
      return got === undefined
        ? { sleepMs: backoffMs(failures + 1, STORE_BACKOFF, random), failed: true }
        : { sleepMs: Math.max(lookAtTickMs - clock.tickMs(), 0) };
    } finally {
      claiming = 0;
    }
  };

  /** Claims what may be sent, new heads and old ones in turn while there are too many; notes when to look again. */
  const filled = async (policy: DestinationPolicy, may: Allowed): Promise<number | undefined> => {
    const fresh = backlogged && freshNext && may.trial === undefined && clock.tickMs() >= freshAtTickMs;
    freshNext = !fresh;
    // Whoever pokes from here on moves it forward again.
    lookAtTickMs = Number.POSITIVE_INFINITY;
    const got = await claim(policy, may, fresh);
    if (fresh) {
      if (got === 0) freshAtTickMs = clock.tickMs() + FRESH_LOOK_MS;
    } else backlogged = got === may.calls;
    inRow = got === may.calls ? inRow + got : 0;
    if (got === undefined || backlogged) lookAtTickMs = clock.tickMs();
    else lookAtTickMs = Math.min(lookAtTickMs, clock.tickMs() + (await untilDue()));
    return got;
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopping) {
      const { sleepMs, failed } = await turn(failures).catch((error) => {
        log.error("a turn of the loop failed", { destination, why: messageOf(error) });
        return { sleepMs: pollMs, failed: true as const };
      });
      failures = failed ? failures + 1 : 0;
      if (stopping) return;
      // A store that fails is left alone for the whole pause, whoever rings.
      if (failed) await pause(sleepMs);
      else if (sleepMs > 0) await bell.sleep(sleepMs);
    }
  };

  return {
    start: () => {
      looped ??= run();
    },
    poke: () => lookIn(0),
    reserve,
    take: takeReserved,
    state: () => ({ onWire, settling: settling() }),
    stop: async () => {
      stopping = true;
      ahead.close();
      bell.ring();
      await looped;
      // A commit that was promised places brings its claims here, to be given back.
      while (inHand.size > 0 || promised > 0) await (inHand.size > 0 ? Promise.all(inHand) : pause(EMPTY_CLAIM_MS));
    },
    giveUp: () => {
      givenUp = true;
      return inHand.size;
    },
  };
}
