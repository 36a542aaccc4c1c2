/**
 * Who sends what is owed: one loop per destination claims due lane heads, has them delivered side by side, and settles their ends. It holds nothing that is not in
 * the store: killed at any instant, leases expire and the next worker goes through the step table.
 */
import { createDeliver, type DeliverDeps } from "./deliver.ts";
import type { Closed } from "./destination-gate.ts";
import { createGates } from "./gate.ts";
import type { GateRow, GateStore } from "./gates.ts";
import { createLoop, type Loop, type LoopState } from "./loop.ts";
import type { DestinationPolicy } from "./policy.ts";
import type { HandOff, WriteBackStore } from "./ports.ts";
import { type Connect, createProbe } from "./probe.ts";
import type { DispatcherLog, DispatcherMetrics } from "./watch.ts";

/** A stop waits this long for what is on the wire, then hangs up: the results are unclear, which is the truth. */
const STOP_WAIT_MS = 10_000;
/** And this long for the last ends to be settled. */
const STOP_GRACE_MS = 2_000;
/** Loops kept at once; more destinations than that is a mistake of the caller. */
const DESTINATIONS_MAX = 1_000;

export interface DispatcherDeps extends Omit<DeliverDeps, "trouble"> {
  readonly store: WriteBackStore;
  readonly destinations: {
    names(): readonly string[];
    /** Read before every claim: a changed policy holds for the next one. Undefined: no such destination (any more). */
    policy(name: string): DestinationPolicy | undefined;
  };
  readonly log: DispatcherLog;
  readonly metrics: DispatcherMetrics;
  /** What all workers share about destinations, and who of them we are. */
  readonly gates: GateStore;
  readonly worker: number;
  readonly connect: Connect;
  readonly stopWaitMs?: number;
  /** Longest sleep of a loop (`POLL_MS`), and how often the gates are read (`REFRESH_MS`): simulated hours take longer ones. */
  readonly pollMs?: number;
  readonly refreshMs?: number;
}

export interface Dispatcher {
  start(): void;
  /** Something is due at the destination: look now. Cheap, call it after every settlement. */
  poke(destination: string): void;
  /** A gate was changed (pause, resume, profile): reads all of them now instead of within REFRESH_MS. Never rejects. */
  refresh(): Promise<void>;
  /** The gate of a destination as this worker knows it now. */
  gate(destination: string): { readonly row: GateRow; readonly shut: Closed | undefined };
  state(): readonly (LoopState & { readonly destination: string })[];
  /** For the store that settles deliveries: what it owes may be born claimed and is sent at once. Reserves nothing before `start` and after `stop`. */
  readonly handOff: HandOff;
  /** No new claims, waits for what is on the wire, releases what was never sent. Answers how many ends could not be settled: their leases expire. */
  stop(): Promise<{ readonly unsettled: number }>;
}

export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const loops = new Map<string, Loop>();
  const gates = createGates({
    ...deps,
    store: deps.gates,
    names: deps.destinations.names,
    policy: deps.destinations.policy,
    probe: createProbe({ ...deps, store: deps.gates }),
    changed: (destination) => loops.get(destination)?.poke(),
  });
  const deliver = createDeliver({ ...deps, trouble: (what, about) => deps.log.error(what, about), storeNowMs: gates.nowMs });
  const hangUp = new AbortController();
  let running = false;
  let stopping: Promise<{ readonly unsettled: number }> | undefined;

  const loopOf = (destination: string): Loop | undefined => {
    const known = loops.get(destination);
    if (known || loops.size >= DESTINATIONS_MAX || !deps.destinations.policy(destination)) return known;
    const { refresh } = gates;
    const loop = createLoop({ ...deps, destination, deliver, signal: hangUp.signal, gate: gates.of(destination), refresh });
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
    await within(STOP_GRACE_MS, gates.stop());
    if (unsettled > 0) deps.log.warn("dispatcher stopped with unsettled attempts; their leases will expire", { unsettled });
    return { unsettled };
  };

  return {
    start: () => {
      if (running || stopping) return;
      running = true;
      gates.start();
      for (const name of deps.destinations.names()) loopOf(name);
      for (const loop of loops.values()) loop.start();
    },
    poke: (destination) => {
      if (!stopping) loopOf(destination)?.poke();
    },
    refresh: gates.refresh,
    gate: (destination) => {
      const gate = gates.of(destination);
      return { row: gate.row(), shut: gate.shut()?.why };
    },
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
