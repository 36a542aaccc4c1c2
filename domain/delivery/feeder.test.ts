import assert from "node:assert/strict";
import { test } from "node:test";
import type { JournaledMessage } from "../journal/ports.ts";
import type { Deliveries } from "./deliveries.ts";
import { createFeeder, type Feeder, FEEDER_LIMITS, type FeederStore } from "./feeder.ts";

/** The lead's row, shared by the workers of a test, and a clock that they share. */
interface Row {
  worker: number;
  token: bigint;
  until: number;
  seen: readonly number[];
  wish: number | undefined;
  living: Set<number>;
  takeovers: number[];
}
interface World {
  readonly row: Row;
  nowMs: number;
  away: boolean;
  /** Moves the clock and lets everything that is due happen. `asleep` workers' timers wait. */
  pass(ms: number): Promise<void>;
  readonly timers: { at: number; run: () => void; of: number }[];
  readonly asleep: Set<number>;
}

function createWorld(): World {
  const world: World = {
    row: { worker: 0, token: 0n, until: -1, seen: [], wish: undefined, living: new Set(), takeovers: [] },
    nowMs: 0,
    away: false,
    timers: [],
    asleep: new Set(),
    async pass(ms) {
      const end = world.nowMs + ms;
      for (;;) {
        for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
        const due = world.timers.filter((one) => one.at <= end && !world.asleep.has(one.of)).sort((a, b) => a.at - b.at)[0];
        if (!due) break;
        world.timers.splice(world.timers.indexOf(due), 1);
        world.nowMs = Math.max(world.nowMs, due.at);
        due.run();
      }
      world.nowMs = end;
    },
  };
  return world;
}

function storeOf(world: World, worker: number): FeederStore {
  const { row } = world;
  const there = (): void => {
    if (world.away) throw new Error("away");
  };
  return {
    worker,
    take: async (leaseMs) => {
      there();
      const wished = row.wish === undefined || row.wish === worker || !row.living.has(row.wish);
      const free = (row.until < world.nowMs || !row.living.has(row.worker)) && wished;
      if (row.worker !== worker && !free) return { token: undefined, living: [...row.living], wish: undefined };
      if (row.worker !== worker) [row.token, row.seen] = [row.token + 1n, []];
      if (row.wish === worker) row.wish = undefined;
      [row.worker, row.until] = [worker, world.nowMs + leaseMs];
      return { token: row.token, living: [...row.living], wish: row.wish };
    },
    see: async (living) => {
      there();
      row.seen = living;
    },
    give: async () => {
      there();
      if (row.worker === worker) [row.until, row.seen] = [-1, []];
    },
    wish: async () => {
      there();
      row.wish = worker;
    },
    isSeen: async () => row.worker === worker || row.until < world.nowMs || !row.living.has(row.worker) || row.seen.includes(worker),
    takeOver: async () => {
      there();
      row.takeovers.push(worker);
    },
    noteAnswer: async () => undefined,
    verdicts: async (ids) => ids.map((messageId) => ({ verdict: "accepted" as const, messageId, events: ["e"] })),
  };
}

interface One {
  readonly feeder: Feeder;
  readonly did: string[];
}

function workerOf(world: World, worker: number, preferred = false): One {
  const did: string[] = [];
  world.row.living.add(worker);
  const deliveries: Deliveries = {
    offer: (message) => did.push(`offer ${message.id}`),
    offerEvents: () => undefined,
    get: () => undefined,
    verdict: () => new Promise(() => undefined),
    resume: () => did.push("resume"),
    pause: async () => 0,
    letGo: async () => {
      did.push("let go");
      return 0;
    },
    stop: async () => void did.push("stop"),
    wake: () => did.push("wake"),
    room: () => undefined,
    feeding: () => true,
    counts: () => ({ live: 0, queued: 0, waitingTurn: 0 }),
  };
  const feeder = createFeeder({
    store: storeOf(world, worker),
    deliveries,
    preferred,
    tell: (what) => did.push(`tell ${what}`),
    clock: {
      tickMs: () => world.nowMs,
      after: (ms, run) => {
        const timer = { at: world.nowMs + ms, run, of: worker };
        world.timers.push(timer);
        return () => {
          const at = world.timers.indexOf(timer);
          if (at >= 0) world.timers.splice(at, 1);
        };
      },
    },
    log: () => undefined,
  });
  return { feeder, did };
}
const message = (id: string, unleased?: true): JournaledMessage =>
  ({ id, ...(unleased ? { unleased } : {}) }) as unknown as JournaledMessage;

test("alone: takes the lead once flows are up, after every lease was taken away, and is handed what it journals", async () => {
  const world = createWorld();
  const { feeder, did } = workerOf(world, 1);
  assert.equal(feeder.shared(), true, "before flows are up nothing is handed over");
  await world.pass(2_000);
  assert.deepEqual(world.row.takeovers, []);
  feeder.resume();
  await world.pass(10);
  assert.deepEqual([world.row.takeovers, did, feeder.leads(), feeder.shared()], [[1], ["resume"], true, false]);
  feeder.offer(message("a"));
  assert.deepEqual(did, ["resume", "offer a"]);
});

test("a newcomer journals nothing before the feeder knows it; from then on nothing is handed over in process, until it is gone for a while", async () => {
  const world = createWorld();
  const one = workerOf(world, 1);
  one.feeder.resume();
  await world.pass(3_000);
  const two = workerOf(world, 2);
  let announced = false;
  void two.feeder.announced(5_000).then(() => {
    announced = true;
  });
  await world.pass(10);
  assert.equal(announced, false);
  await world.pass(FEEDER_LIMITS.renewMs + 100);
  assert.deepEqual([announced, one.feeder.shared()], [true, true]);
  two.feeder.resume();
  two.feeder.offer(message("b", true));
  assert.deepEqual(two.did, ["tell journal"], "who does not feed tells the feeder");
  one.feeder.offer(message("c", true));
  await world.pass(20);
  assert.ok(one.did.includes("wake"), "who feeds fetches");
  world.row.living.delete(2);
  await world.pass(FEEDER_LIMITS.quietMs - 500);
  assert.equal(one.feeder.shared(), true);
  await world.pass(FEEDER_LIMITS.renewMs + 1_500);
  assert.equal(one.feeder.shared(), false);
});

test("a feeder that slept finds its lease run out before it does anything else; whoever took over took its leases away", async () => {
  const world = createWorld();
  const one = workerOf(world, 1);
  one.feeder.resume();
  const two = workerOf(world, 2);
  two.feeder.resume();
  await world.pass(3_000);
  assert.equal(one.feeder.leads(), true);
  world.asleep.add(1);
  await world.pass(FEEDER_LIMITS.leaseMs + FEEDER_LIMITS.renewMs + 200);
  assert.deepEqual([one.feeder.leads(), one.feeder.shared(), two.feeder.leads()], [false, true, true]);
  assert.equal(world.row.takeovers.at(-1), 2);
  world.asleep.delete(1);
  await world.pass(FEEDER_LIMITS.renewMs + 200);
  assert.ok(one.did.includes("let go"));
  assert.deepEqual([one.feeder.leads(), two.feeder.leads()], [false, true]);
});

test("a feeder that slept, while another fed and died, lets go of what it held before it feeds again", async () => {
  const world = createWorld();
  const one = workerOf(world, 1);
  one.feeder.resume();
  const two = workerOf(world, 2);
  two.feeder.resume();
  await world.pass(3_000);
  world.asleep.add(1);
  await world.pass(6_000);
  assert.equal(two.feeder.leads(), true);
  world.row.living.delete(2);
  world.asleep.add(2);
  world.asleep.delete(1);
  await world.pass(3_000);
  assert.deepEqual(one.did, ["resume", "let go", "resume"]);
  assert.deepEqual(world.row.takeovers, [1, 2, 1]);
});

test("the worker at which flows are edited gets the lead: the other lets go first, and a third does not take it", async () => {
  const world = createWorld();
  const other = workerOf(world, 2);
  other.feeder.resume();
  const third = workerOf(world, 3);
  third.feeder.resume();
  await world.pass(2_000);
  const editor = workerOf(world, 1, true);
  editor.feeder.resume();
  await world.pass(4_000);
  assert.equal(editor.feeder.leads(), true);
  const fed = [other, third].filter((one) => one.did.includes("resume"));
  assert.equal(fed.length, 1);
  assert.ok(fed[0]?.did.includes("let go"));
});

test("a deploy keeps the lead for a while; flows that do not come back hand it over", async () => {
  const world = createWorld();
  const one = workerOf(world, 1);
  one.feeder.resume();
  const two = workerOf(world, 2);
  two.feeder.resume();
  await world.pass(2_000);
  await one.feeder.pause(1_000);
  await world.pass(5_000);
  assert.equal(world.row.worker, 1);
  one.feeder.resume();
  await world.pass(100);
  assert.equal(one.feeder.leads(), true);
  await one.feeder.pause(1_000);
  await world.pass(FEEDER_LIMITS.deployMs + 3_000);
  assert.deepEqual([one.feeder.leads(), two.feeder.leads()], [false, true]);
});

test("stop lets go, gives the lead away and tells the others", async () => {
  const world = createWorld();
  const one = workerOf(world, 1);
  one.feeder.resume();
  const two = workerOf(world, 2);
  two.feeder.resume();
  await world.pass(2_000);
  await one.feeder.stop(1_000);
  assert.deepEqual(one.did.slice(-2), ["stop", "tell lead"]);
  two.feeder.look();
  await world.pass(10);
  assert.equal(two.feeder.leads(), true);
});

test("while the database is away nothing is handed over once the lease has run out; afterwards all goes on", async () => {
  const world = createWorld();
  const { feeder, did } = workerOf(world, 1);
  feeder.resume();
  await world.pass(1_500);
  world.away = true;
  await world.pass(FEEDER_LIMITS.leaseMs + 500);
  assert.equal(feeder.shared(), true);
  world.away = false;
  await world.pass(FEEDER_LIMITS.renewMs + 100);
  assert.deepEqual([feeder.shared(), feeder.leads(), did], [false, true, ["resume"]]);
});

test("a sender at a worker that does not feed hears what the database says", async () => {
  const world = createWorld();
  const one = workerOf(world, 1);
  one.feeder.resume();
  const two = workerOf(world, 2);
  two.feeder.resume();
  await world.pass(2_000);
  let told: unknown;
  void two.feeder.verdict("m", 10_000).then((verdict) => {
    told = verdict;
  });
  await world.pass(100);
  assert.deepEqual(told, { verdict: "accepted", messageId: "m", events: ["e"] });
});
