/**
 * A seeded world for the delivery core: workers that are killed, stopped (SIGSTOP) and cut off from their store, one store with its gates, a HIS behind a bad network that
 * dies and comes back, a person who pauses. Everything on a clock that runs as fast as it can. The HIS keeps its own ledger and the wire its own list; only they decide.
 */
import { createDispatcher, type Dispatcher } from "../../domain/writeback/dispatcher.ts";
import type { GateStore } from "../../domain/writeback/gates.ts";
import type { Duplicates } from "../../domain/writeback/outcome.ts";
import type { DestinationPolicy } from "../../domain/writeback/policy.ts";
import type { CallRequest, CallResult, WriteBackStore } from "../../domain/writeback/ports.ts";
import { JournalGone } from "../../domain/journal/ports.ts";
import { createVirtualClock, createRandom, type VirtualClock } from "../../platform/memory/clock.ts";
import { fakeDialect, fakeSeal, replyOf } from "./dialect.ts";
import { createMemoryGates, type MemoryGates } from "../../platform/memory/gates.ts";
import { createMemoryWriteBacks, type MemoryWriteBacks } from "../../platform/memory/write-backs.ts";

export const LANES = 3;
const PER_LANE = 3;
/** A request may arrive this long after it left us: longer than a lease, however long ago we hung up or died. */
const NETWORK_MAX_MS = 2_500;
const TROUBLE_MS = 6_000;
const LIMIT_MS = 600_000;
const REFRESH_MS = 330;
/** Low enough for a few write-backs to reach it. */
const CEILING = 10;
/** Some destinations have leases that outlast a stall: then the gate alone keeps back what slept. */
const LEASE_MS = 1_500;
const LONG_LEASE_MS = 5_000;
/** A pause must hold after this. */
const PAUSE_HOLDS_MS = 1_000;

export interface Effect {
  readonly key: string;
  readonly amountFen: string;
  readonly serial: string;
}

/** One request as it left a worker. */
export interface OnWire {
  readonly at: number;
  readonly path: string;
  readonly worker: number;
  /** The shared row said so for more than a second when it left. */
  readonly whileOpen: boolean;
  readonly whilePaused: boolean;
  /** The half-open episode in which it left; 0: none. */
  readonly episode: number;
}

export interface Plan {
  readonly duplicates: Duplicates;
  /** Does again what it has done before. */
  readonly naive: boolean;
}

export interface World {
  readonly store: MemoryWriteBacks;
  readonly gates: MemoryGates;
  readonly ledger: readonly Effect[];
  readonly wire: readonly OnWire[];
  readonly ceiling: number | undefined;
  readonly opened: { readonly times: number; readonly ms: number };
  readonly over: boolean;
  readonly troubles: readonly string[];
  readonly leaseMs: number;
  readonly simulatedMs: number;
}

const policyFor = (duplicates: Duplicates, ceiling: number | undefined, leaseMs: number): DestinationPolicy => ({
  name: "his",
  url: "http://his.test",
  connectTimeoutMs: 50,
  replyTimeoutMs: 250,
  leaseMs,
  parallel: 3,
  duplicates,
  trustNotFoundAfterMs: NETWORK_MAX_MS + 100,
  deferredMs: 2_000,
  retry: { firstMs: 50, maxMs: 800 },
  replyBytesMax: 65_536,
  ping: "/ping",
  ...(ceiling === undefined ? {} : { ratePerSecond: ceiling }),
  ...(duplicates === "inquiry" ? { inquiry: "fake/inquiry" } : {}),
});

const UTF8 = new TextDecoder();

/** The HIS with its ledger, and the network in front of it. */
function createHis(clock: VirtualClock, random: () => number, naive: boolean) {
  const ledger: Effect[] = [];
  let trouble = random() * 0.6;
  let dead: "refused" | "hangs" | "503" | undefined;
  const acknowledged = (effect: Effect, how: "reply" | "already-done"): CallResult =>
    replyOf({
      outcome: "acknowledged",
      how,
      code: how === "reply" ? "0" : "1",
      amountFen: BigInt(effect.amountFen),
      serial: effect.serial,
    });
  const doIt = (effect: Effect): CallResult => {
    const before = ledger.find((one) => one.key === effect.key);
    if (before && !naive) return acknowledged(before, "already-done");
    ledger.push(effect);
    return acknowledged(effect, "reply");
  };
  const look = (key: string): CallResult => {
    const found = ledger.find((one) => one.key === key);
    return found ? acknowledged(found, "reply") : replyOf({ outcome: "not-found", code: "4" });
  };
  const unsent: CallResult = { kind: "unsent", why: "refused", ms: 2 };
  const of503: CallResult = { ...replyOf({ outcome: "unclear" }), status: 503 };

  const call = (request: CallRequest): Promise<CallResult> =>
    new Promise((resolve) => {
      const path = request.url.slice("http://his.test".length);
      const later = (ms: number, result: CallResult): void => void clock.after(ms, () => resolve(result));
      if (dead === "refused") return later(2, unsent);
      if (dead === "503") return later(5, of503);
      const kind = random() < trouble ? random() : 1;
      if (kind < 0.15) return later(2, unsent);
      later(request.replyTimeoutMs, { kind: "no-reply", why: "no whole reply", ms: request.replyTimeoutMs });
      if (kind < 0.3 || dead === "hangs") return;
      const arrives = kind < 1 ? random() * NETWORK_MAX_MS : random() * 20;
      const answers = kind < 0.45 ? LIMIT_MS : kind < 1 ? random() * 400 : random() * 20;
      clock.after(arrives, () => {
        if (path === "/ping") return later(answers, replyOf({ outcome: "acknowledged" }));
        if (kind < 0.52) return later(answers, of503);
        if (kind < 0.6) return later(answers, replyOf({ outcome: "busy", code: "9" }));
        if (kind < 0.64) return later(answers, { ...replyOf({ outcome: "unclear" }), status: 429, retryAfterMs: 100 });
        const body = JSON.parse(UTF8.decode(request.body)) as Effect;
        const reply = path === "/inquiry" ? look(body.key) : doIt(body);
        if (kind < 0.75) return later(answers, { kind: "no-reply", why: "cut", ms: 1 });
        later(answers, kind < 0.85 ? { ...replyOf({ outcome: "unclear" }), body: new Uint8Array([255]) } : reply);
      });
    });
  return {
    ledger,
    call,
    die: (how: NonNullable<typeof dead>) => {
      dead = how;
    },
    live: () => {
      dead = undefined;
    },
    calm: () => {
      dead = undefined;
      trouble = 0;
    },
  };
}

const never = new Promise<never>(() => undefined);

/**
 * A process. Killed: nothing that it waits for ever answers, and what has left it stays on its way. Stopped: nothing runs, time goes on, and all that was due
 * runs at once when it goes on. Cut off: its store refuses, or does the work and cannot say so.
 */
function createProcess(clock: VirtualClock, random: () => number) {
  let dead = false;
  let stopped = false;
  let outage = false;
  let waiting: (() => void)[] = [];
  const whenAwake = (run: () => void): void => {
    if (dead) return;
    if (stopped) waiting.push(run);
    else run();
  };
  const awake = <T>(value: T): Promise<T> => new Promise((resolve) => whenAwake(() => resolve(value)));
  const guard = async <T>(work: () => Promise<T>, stalls = false): Promise<T> => {
    if (dead) return never;
    if (outage) throw new JournalGone("connection terminated");
    const answer = await work();
    // A worker may sleep (GC, swap) between the claim and the wire: sometimes longer than its lease.
    if (stalls && random() < 0.04) await new Promise<void>((resolve) => void clock.after(random() * 3_000, resolve));
    if (outage && random() < 0.5) throw new JournalGone("connection terminated, outcome unknown");
    return awake(answer);
  };
  return {
    guard,
    awake,
    dead: () => dead,
    clock: { ...clock, after: (ms: number, then: () => void) => clock.after(ms, () => whenAwake(then)) },
    kill: () => {
      dead = true;
    },
    stop: () => {
      stopped = true;
    },
    go: () => {
      stopped = false;
      const due = waiting;
      waiting = [];
      for (const run of due) whenAwake(run);
    },
    outage: (on: boolean) => {
      outage = on;
    },
  };
}

/** Plays one seed to its end. */
export async function simulate(seed: number, { duplicates, naive }: Plan): Promise<World> {
  const clock = createVirtualClock();
  const random = createRandom(seed);
  const store = createMemoryWriteBacks(clock);
  const gates = createMemoryGates(clock);
  const ceiling = random() < 0.3 ? CEILING : undefined;
  const policy = policyFor(duplicates, ceiling, random() < 0.3 ? LONG_LEASE_MS : LEASE_MS);
  const his = createHis(clock, random, naive);
  const wire: OnWire[] = [];
  const troubles: string[] = [];
  const note = {
    openSince: Number.POSITIVE_INFINITY,
    pausedSince: Number.POSITIVE_INFINITY,
    openedMs: 0,
    openedTimes: 0,
    episode: 0,
    half: false,
  };
  const started = clock.nowMs();

  /** The claim of the store obeys the same row, as PostgreSQL's does. */
  const follow = (): void => {
    const { mode, breaker, drainUntilMs } = gates.row("his");
    store.gates.set("his", { mode, breaker, ...(drainUntilMs === undefined ? {} : { drainUntilMs: drainUntilMs - started }) });
    if (breaker === "half-open" && !note.half) note.episode += 1;
    note.half = breaker === "half-open";
    if (breaker === "open" && note.openSince === Number.POSITIVE_INFINITY) {
      note.openSince = clock.tickMs();
      note.openedTimes += 1;
    } else if (breaker !== "open" && note.openSince !== Number.POSITIVE_INFINITY) {
      note.openedMs += clock.tickMs() - note.openSince;
      note.openSince = Number.POSITIVE_INFINITY;
    }
  };
  const change: GateStore["change"] = async (...args) => {
    const changed = await gates.change(...args);
    follow();
    return changed;
  };

  let born = 0;
  const createWorker = () => {
    born += 1;
    const number = born;
    const process = createProcess(clock, random);
    const { guard } = process;
    const guarded: WriteBackStore = {
      claim: (...args) => guard(() => store.claim(...args), true),
      settle: (end) => guard(() => store.settle(end)),
      nextDueMs: (destination) => guard(() => store.nextDueMs(destination)),
      release: (claims) => guard(() => store.release(claims)),
      sweep: () => guard(() => store.sweep()),
    };
    const shared: GateStore = {
      read: () => guard(() => gates.read()),
      change: (...args) => guard(() => change(...args)),
      oldestHead: (name) => guard(() => gates.oldestHead(name)),
    };
    const quiet = () => undefined;
    const dispatcher: Dispatcher = createDispatcher({
      store: guarded,
      gates: shared,
      worker: number,
      connect: async () => "nobody connects here: the profile has a ping",
      courier: {
        call: async (request) => {
          if (process.dead()) return never;
          const at = clock.tickMs();
          wire.push({
            at,
            path: request.url.slice("http://his.test".length),
            worker: number,
            whileOpen: at > note.openSince + PAUSE_HOLDS_MS,
            episode: gates.row("his").breaker === "half-open" ? note.episode : 0,
            whilePaused: at > note.pausedSince + PAUSE_HOLDS_MS,
          });
          return process.awake(await his.call(request));
        },
        close: async () => undefined,
      },
      dialect: fakeDialect,
      destinations: { names: () => ["his"], policy: () => policy },
      seal: fakeSeal,
      clock: process.clock,
      random,
      log: { debug: quiet, info: quiet, warn: quiet, error: (what, about) => void troubles.push(`${what} ${JSON.stringify(about)}`) },
      metrics: { attempt: quiet, inHand: quiet, storeFailed: quiet, gate: quiet, probe: quiet, call: quiet },
      refreshMs: REFRESH_MS,
    });
    dispatcher.start();
    return { ...process, dispatcher };
  };
  const workers = Array.from({ length: 2 + Math.floor(random() * 2) }, createWorker);
  const anyone = () => Math.floor(random() * workers.length);

  /** A settlement: half of them by a worker that hands over what it owes; it may die before, in or after its commit. */
  const owe = (key: string, lane: string, amountFen: bigint): void => {
    const worker = workers[anyone()];
    const handOff = random() < 0.5 ? worker?.dispatcher.handOff : undefined;
    if (!worker || !handOff || worker.dead()) return void store.owe({ key, lane, amountFen });
    const { calls, leaseMs } = handOff.reserve("his", 1);
    const claimedAt = clock.tickMs();
    clock.after(random() * 60, () => {
      const claim = calls > 0 ? store.bear({ key, lane, amountFen }, leaseMs) : void store.owe({ key, lane, amountFen });
      void worker.awake(undefined).then(() => {
        handOff.take("his", claim ? [claim] : [], calls, claimedAt);
        worker.dispatcher.poke("his");
      });
    });
  };
  for (let n = 0; n < PER_LANE; n += 1) {
    for (let lane = 0; lane < LANES; lane += 1) {
      clock.after(random() * TROUBLE_MS, () => owe(`${lane}-${n}-${seed}`, `bill:${lane}`, BigInt(seed * 10 + n)));
    }
  }
  const sometime = (share: number, lastMs: number, begin: () => void, end: () => void): void => {
    if (random() >= share) return;
    clock.after(random() * TROUBLE_MS, () => {
      begin();
      clock.after(random() * lastMs, end);
    });
  };
  for (let crash = 0; crash < 2; crash += 1) {
    const victim = anyone();
    sometime(
      0.6,
      1_000,
      () => workers[victim]?.kill(),
      () => {
        workers[victim] = createWorker();
      },
    );
  }
  const cut = (off: boolean): void => {
    for (const worker of workers) worker.outage(off);
  };
  const sleeper = anyone();
  sometime(
    0.4,
    4_000,
    () => workers[sleeper]?.stop(),
    () => workers[sleeper]?.go(),
  );
  sometime(
    0.5,
    2_000,
    () => cut(true),
    () => cut(false),
  );
  const how = (["refused", "hangs", "503"] as const)[Math.floor(random() * 3)] ?? "refused";
  sometime(0.7, 9_000, () => his.die(how), his.live);
  sometime(
    0.3,
    4_000,
    () => {
      gates.set("his", { mode: "paused" });
      note.pausedSince = clock.tickMs();
      follow();
    },
    () => {
      gates.set("his", { mode: "running" });
      note.pausedSince = Number.POSITIVE_INFINITY;
      follow();
    },
  );
  await clock.advance(TROUBLE_MS + 2_000);
  his.calm();
  const all = LANES * PER_LANE;
  const isOver = () => store.rows().length === all && store.rows().every((row) => ENDED.has(row.state));
  await clock.until(() => clock.tickMs() > TROUBLE_MS + 8_500 || isOver(), LIMIT_MS);
  for (const worker of workers) {
    worker.go();
    worker.outage(false);
  }
  const over = await clock.until(isOver, LIMIT_MS);
  // What is still on the network arrives after everybody believes that all is done: it must not do anything twice either.
  await clock.advance(NETWORK_MAX_MS + 500);
  follow();
  return {
    store,
    gates,
    ledger: his.ledger,
    wire,
    ceiling,
    opened: {
      times: note.openedTimes,
      ms: note.openedMs + (note.openSince === Number.POSITIVE_INFINITY ? 0 : clock.tickMs() - note.openSince),
    },
    over,
    troubles,
    leaseMs: policy.leaseMs,
    simulatedMs: clock.tickMs(),
  };
}

const ENDED: ReadonlySet<string> = new Set(["acknowledged", "parked", "queued"]);
