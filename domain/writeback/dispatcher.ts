/**
 * Who sends what is owed: one loop per destination claims due lane heads, has them delivered side by side, and settles their ends. It holds nothing that is not in
 * the store: killed at any instant, leases expire and the next worker goes through the step table.
 */
import { createDeliver, type DeliverDeps } from "./deliver.ts";
import { createLoop, type Loop, type LoopState } from "./loop.ts";
import type { DestinationPolicy } from "./policy.ts";
import type { HandOff, WriteBackStore } from "./ports.ts";
import type { DispatcherLog, DispatcherMetrics } from "./watch.ts";

/** A stop waits this long for what is on the wire, then hangs up: the results are unclear, which is the truth. */
export const STOP_WAIT_MS = 10_000;
/** And this long for the last ends to be settled. */
export const STOP_GRACE_MS = 2_000;
/** Loops kept at once; more destinations than that is a mistake of the caller. */
export const DESTINATIONS_MAX = 1_000;

export interface DispatcherDeps extends Omit<DeliverDeps, "trouble"> {
  readonly store: WriteBackStore;
  readonly destinations: {
    names(): readonly string[];
    /** Read before every claim: a changed policy holds for the next one. Undefined: no such destination (any more). */
    policy(name: string): DestinationPolicy | undefined;
  };
  readonly log: DispatcherLog;
  readonly metrics: DispatcherMetrics;
  readonly stopWaitMs?: number;
}

export interface Dispatcher {
  start(): void;
  /** Something is due at the destination: look now. Cheap, call it after every settlement. */
  poke(destination: string): void;
  /** No new claims in this worker; what is on the wire ends. */
  pause(destination: string): void;
  resume(destination: string): void;
  state(): readonly (LoopState & { readonly destination: string })[];
  /** For the store that settles deliveries: what it owes may be born claimed and is sent at once. Reserves nothing before `start` and after `stop`. */
  readonly handOff: HandOff;
  /** No new claims, waits for what is on the wire, releases what was never sent. Answers how many ends could not be settled: their leases expire. */
  stop(): Promise<{ readonly unsettled: number }>;
}

export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const deliver = createDeliver({ ...deps, trouble: (what, about) => deps.log.error(what, about) });
  const loops = new Map<string, Loop>();
  const hangUp = new AbortController();
  let running = false;
  let stopping: Promise<{ readonly unsettled: number }> | undefined;

  const loopOf = (destination: string): Loop | undefined => {
    const known = loops.get(destination);
    if (known || loops.size >= DESTINATIONS_MAX || !deps.destinations.policy(destination)) return known;
    const loop = createLoop({ ...deps, destination, deliver, signal: hangUp.signal });
    loops.set(destination, loop);
    if (running) loop.start();
    return loop;
  };

  const within = (ms: number, work: Promise<unknown>): Promise<boolean> =>
    new Promise((resolve) => {
      const cancel = deps.clock.after(ms, () => resolve(false));
      const done = () => {
        cancel();
        resolve(true);
      };
      work.then(done, done);
    });

  const stop = async () => {
    running = false;
    const ended = Promise.all([...loops.values()].map((loop) => loop.stop()));
    if (!(await within(deps.stopWaitMs ?? STOP_WAIT_MS, ended))) {
      hangUp.abort();
      await within(STOP_GRACE_MS, ended);
    }
    let unsettled = 0;
    for (const loop of loops.values()) unsettled += loop.giveUp();
    if (unsettled > 0) deps.log.warn("dispatcher stopped with unsettled attempts; their leases will expire", { unsettled });
    return { unsettled };
  };

  return {
    start: () => {
      if (running || stopping) return;
      running = true;
      for (const name of deps.destinations.names()) loopOf(name);
      for (const loop of loops.values()) loop.start();
    },
    poke: (destination) => {
      if (!stopping) loopOf(destination)?.poke();
    },
    pause: (destination) => loopOf(destination)?.pause(),
    resume: (destination) => loopOf(destination)?.resume(),
    handOff: {
      reserve: (destination, wanted) => (running ? loopOf(destination)?.reserve(wanted) : undefined) ?? { calls: 0, leaseMs: 0 },
      take: (destination, claims, reserved, claimedAtTickMs) => loops.get(destination)?.take(claims, reserved, claimedAtTickMs),
    },
    state: () => [...loops].map(([destination, loop]) => ({ destination, ...loop.state() })),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
