/**
 * One destination's loop: claim up to the free capacity, deliver side by side, settle, claim again. Bounded by `parallel` calls on the wire and as many ends being
 * settled; when the store is gone nothing is claimed, and ends that wait for it are kept until it is back.
 */
import { type Backoff, backoffMs } from "./backoff.ts";
import { type Brake, createBrake } from "./brake.ts";
import type { Clock, Random } from "./clock.ts";
import type { Deliver, Delivered } from "./deliver.ts";
import { type DestinationPolicy, unclearAction } from "./policy.ts";
import { JournalBusy, JournalGone } from "../journal/ports.ts";
import type { AttemptEnd, Claimed, WriteBackStore } from "./ports.ts";
import { isParkCode, parkReason } from "./reasons.ts";
import type { DispatcherLog, DispatcherMetrics } from "./watch.ts";

/** Longest sleep: rows that other workers owed and never poked us about are seen by then. */
export const POLL_MS = 1_000;
/** Shortest sleep after a claim that found nothing although something is due (another worker has it). */
export const EMPTY_CLAIM_MS = 20;
/** How long to leave a store alone that failed. */
export const STORE_BACKOFF: Backoff = { firstMs: 100, maxMs: 5_000 };
/** Rows of one claim. */
export const CLAIM_MAX = 256;
/**
 * Calls end one by one, and a claim costs a transaction however many rows it takes: while other calls are out, it waits this long at most for a quarter of
 * `parallel` to be free. An idle destination is claimed for at once.
 */
export const GATHER_MS = 5;
const GATHER_SHARE = 4;
/** While more is due than there are places, heads that are handed over as they are born get at most this part of `parallel` at once: neither old nor new starves. */
export const FRESH_SHARE = 2;

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
}

export interface LoopState {
  readonly onWire: number;
  readonly settling: number;
  readonly paused: boolean;
  readonly braking: boolean;
}

export interface Loop {
  start(): void;
  poke(): void;
  pause(): void;
  resume(): void;
  state(): LoopState;
  /** Places on the wire for heads that are born claimed (`HandOff`): at most `wanted`, possibly 0. Synchronous; ended by exactly one `take`. */
  reserve(wanted: number): { readonly calls: number; readonly leaseMs: number };
  take(claims: readonly Claimed[], reserved: number, claimedAtTickMs: number): void;
  /** No new claims; resolves when nothing is in hand. */
  stop(): Promise<void>;
  /** After stop: stops trying to settle. Answers how many ends are lost to their leases. */
  giveUp(): number;
}

/** An end that the store refuses for its content is tried so often as it is, then without the partner's words. */
export const SETTLE_WHOLE_TRIES = 3;

/** What must be written down whatever the partner said: a proof without its words is better than a write-back that is sent again, or a place in hand for ever. */
function bareEnd(end: AttemptEnd): AttemptEnd {
  const { text: _, code: __, reply: ___, event: ____, receipt, park, ...rest } = end;
  return {
    ...rest,
    why: "the store refused what the partner said; only the outcome is kept",
    ...(receipt === undefined ? {} : { receipt: { code: "kept without its words" } }),
    ...(park === undefined ? {} : { park: isParkCode(park.code) ? parkReason(park.code) : parkReason("INTERNAL") }),
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A sleep that can be cut short; a wake before the sleep is not lost. */
function createBell(clock: Clock) {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      rung = true;
      wake?.();
    },
    sleep: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const done = () => {
          cancel();
          wake = undefined;
          rung = false;
          resolve();
        };
        const cancel = clock.after(Math.max(ms, 0), done);
        wake = done;
        if (rung) done();
      }),
  };
}

export function createLoop(deps: LoopDeps): Loop {
  const { destination, store, clock, random, log, metrics } = deps;
  const bell = createBell(clock);
  const brake: Brake = createBrake(random);
  const inHand = new Set<Promise<void>>();
  let onWire = 0;
  /** Places promised to settlements whose commit is under way. */
  let promised = 0;
  /** Places that a claim under way will fill. */
  let claiming = 0;
  /** The last claim came back full: more is due than there are places. */
  let backlogged = false;
  let paused = false;
  let stopping = false;
  let givenUp = false;
  let looped: Promise<void> | undefined;
  /** Before this tick nothing is due, as far as we know: a free place on the wire alone is no reason to ask the store. */
  let lookAtTickMs = Number.NEGATIVE_INFINITY;
  let gatherUntilTickMs: number | undefined;

  const lookIn = (ms: number): void => {
    lookAtTickMs = Math.min(lookAtTickMs, clock.tickMs() + ms);
    bell.ring();
  };

  const note = () => metrics.inHand(destination, onWire, inHand.size - onWire);
  const storeFailed = (operation: "claim" | "settle" | "release" | "next-due", error: unknown) => {
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

  /** Tries until the store answers: an end in hand is worth more than anything the next worker could find out. */
  const settle = async (given: AttemptEnd, ms: number): Promise<void> => {
    let end = given;
    for (let failures = 1; !givenUp; failures += 1) {
      try {
        const settled = await store.settle(end);
        metrics.attempt({ destination, action: end.action, outcome: end.outcome, step: end.step, settled, ms });
        const about = {
          destination,
          id: end.id,
          attempt: end.attempt,
          action: end.action,
          outcome: end.outcome,
          step: end.step,
          why: end.why,
          ms,
        };
        if (settled === "lease-lost") log.warn("lease lost: another worker has it, nothing changed", about);
        else if (end.step === "park") log.warn("write-back parked", { ...about, code: end.park?.code });
        else log.debug("attempt settled", about);
        return;
      } catch (error) {
        storeFailed("settle", error);
        if (!(error instanceof JournalGone || error instanceof JournalBusy) && failures >= SETTLE_WHOLE_TRIES) end = bareEnd(given);
        await pause(backoffMs(failures, STORE_BACKOFF, random));
      }
    }
  };

  const ended = (delivered: Delivered): void => {
    const was = brake.on();
    brake.ended(delivered.kind === "ended" ? delivered.reach : "not-called", clock.tickMs());
    if (brake.on() === was) return;
    metrics.brake(destination, brake.on());
    log.warn(brake.on() ? "brake on: probing one at a time" : "brake off: the destination answers", { destination });
  };

  const handle = async (claimed: Claimed, policy: DestinationPolicy, claimedAtTickMs: number): Promise<void> => {
    const delivered = await deps.deliver(claimed, policy, claimedAtTickMs, deps.signal).finally(() => {
      onWire -= 1;
    });
    ended(delivered);
    // The wire is free while the end is being settled.
    bell.ring();
    if (delivered.kind === "ended") {
      const { end } = delivered;
      await settle(end, delivered.ms);
      if (end.retryInMs !== undefined) lookIn(Math.max(end.retryInMs, EMPTY_CLAIM_MS));
      else if (claimed.laneBehind > 0) lookIn(0);
    } else {
      log.warn("lease too short to begin; given back", { destination, id: claimed.id, why: delivered.why });
      await release([claimed]);
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

  const take = (claims: readonly Claimed[], policy: DestinationPolicy, claimedAtTickMs: number): void => {
    for (const claimed of claims) {
      onWire += 1;
      hold(
        handle(claimed, policy, claimedAtTickMs).catch((error) =>
          log.error("an attempt failed in our own hands; its lease will expire", { destination, id: claimed.id, why: messageOf(error) }),
        ),
      );
    }
    note();
  };

  /** Calls that may begin now. As many ends may wait for the store as calls may be out; then the destination waits too. */
  const allowance = (policy: DestinationPolicy): { readonly calls: number; readonly waitMs?: number } => {
    const allowed = brake.allowance(clock.tickMs(), onWire + promised + claiming, policy.parallel);
    return { ...allowed, calls: Math.max(Math.min(allowed.calls, 2 * policy.parallel - inHand.size - promised - claiming), 0) };
  };

  const reserve = (wanted: number): { readonly calls: number; readonly leaseMs: number } => {
    const policy = deps.destinations.policy(destination);
    if (!policy || looped === undefined || stopping || paused || brake.on()) return { calls: 0, leaseMs: policy?.leaseMs ?? 0 };
    const shared = backlogged ? Math.floor(policy.parallel / FRESH_SHARE) - promised : Number.POSITIVE_INFINITY;
    const calls = Math.max(Math.min(Math.trunc(wanted), allowance(policy).calls, shared, CLAIM_MAX), 0) || 0;
    promised += calls;
    return { calls, leaseMs: policy.leaseMs };
  };

  const takeReserved = (claims: readonly Claimed[], reserved: number, claimedAtTickMs: number): void => {
    promised -= reserved;
    const policy = deps.destinations.policy(destination);
    if (claims.length > 0 && (stopping || paused || !policy)) hold(release(claims));
    else if (policy) take(claims, policy, claimedAtTickMs);
    if (claims.length < reserved) bell.ring();
  };

  /** One claim. Answers how many it asked for and got; undefined when the store failed. */
  const claim = async (policy: DestinationPolicy, calls: number): Promise<number | undefined> => {
    const claimedAtTickMs = clock.tickMs();
    claiming = calls;
    try {
      const claims = await store.claim(destination, Math.min(calls, CLAIM_MAX), policy.leaseMs, unclearAction(policy));
      claiming = 0;
      if (stopping || paused) await release(claims);
      else take(claims, policy, claimedAtTickMs);
      return claims.length;
    } catch (error) {
      storeFailed("claim", error);
      return undefined;
    } finally {
      claiming = 0;
    }
  };

  /** How long to sleep when everything due has been claimed. */
  const untilDue = async (): Promise<number> => {
    try {
      const dueMs = await store.nextDueMs(destination);
      return dueMs === undefined ? POLL_MS : Math.min(Math.max(dueMs, EMPTY_CLAIM_MS), POLL_MS);
    } catch (error) {
      storeFailed("next-due", error);
      return POLL_MS;
    }
  };

  /** One turn. Answers how long to sleep before the next. */
  const turn = async (failures: number): Promise<{ readonly sleepMs: number; readonly failed?: true }> => {
    const policy = deps.destinations.policy(destination);
    if (!policy || paused) return { sleepMs: POLL_MS };
    const { calls, waitMs } = allowance(policy);
    if (calls <= 0) return { sleepMs: Math.min(waitMs ?? POLL_MS, POLL_MS) };
    const nowTickMs = clock.tickMs();
    if (nowTickMs < lookAtTickMs) return { sleepMs: lookAtTickMs - nowTickMs };
    if (onWire > 0 && calls * GATHER_SHARE < policy.parallel) {
      gatherUntilTickMs ??= nowTickMs + GATHER_MS;
      if (nowTickMs < gatherUntilTickMs) return { sleepMs: gatherUntilTickMs - nowTickMs };
    }
    gatherUntilTickMs = undefined;
    // Whoever pokes from here on moves it forward again.
    lookAtTickMs = Number.POSITIVE_INFINITY;
    const got = await claim(policy, calls);
    backlogged = got === Math.min(calls, CLAIM_MAX);
    if (got === undefined || backlogged) lookAtTickMs = Number.NEGATIVE_INFINITY;
    else lookAtTickMs = Math.min(lookAtTickMs, clock.tickMs() + (await untilDue()));
    if (got === undefined) return { sleepMs: backoffMs(failures + 1, STORE_BACKOFF, random), failed: true };
    return { sleepMs: Math.max(lookAtTickMs - clock.tickMs(), 0) };
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopping) {
      const { sleepMs, failed } = await turn(failures).catch((error) => {
        log.error("a turn of the loop failed", { destination, why: messageOf(error) });
        return { sleepMs: POLL_MS, failed: true as const };
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
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      lookIn(0);
    },
    reserve,
    take: takeReserved,
    state: () => ({ onWire, settling: inHand.size - onWire, paused, braking: brake.on() }),
    stop: async () => {
      stopping = true;
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
