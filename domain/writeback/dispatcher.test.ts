import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createVirtualClock, createRandom, type VirtualClock } from "../../platform/memory/clock.ts";
import { fakeDialect, fakeSeal, replyOf } from "../../test/fakes/dialect.ts";
import { POLICY } from "../../test/fakes/policy.ts";
import { createMemoryGates, type MemoryGates } from "../../platform/memory/gates.ts";
import { createMemoryWriteBacks, type MemoryWriteBacks } from "../../platform/memory/write-backs.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import type { DestinationPolicy } from "./policy.ts";
import type { CallRequest, CallResult } from "./ports.ts";

interface Bench {
  readonly clock: VirtualClock;
  readonly store: MemoryWriteBacks;
  readonly gates: MemoryGates;
  readonly dispatcher: Dispatcher;
  readonly calls: { readonly at: number; readonly key: string; readonly path: string }[];
  /** Largest number of calls on the wire at once. */
  readonly peak: () => number;
  readonly warnings: string[];
}

const sleep = (clock: VirtualClock, ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
const received = (body: Uint8Array | undefined) =>
  JSON.parse(body === undefined ? '{"key":"ping"}' : new TextDecoder().decode(body)) as { key: string; amountFen: string; serial: string };

function bench(
  answer: (key: string, path: string, nth: number, request: CallRequest) => CallResult | "done",
  more: Partial<DestinationPolicy> = {},
  tookMs = 10,
  connects = () => true,
): Bench {
  const clock = createVirtualClock();
  const store = createMemoryWriteBacks(clock);
  const gates = createMemoryGates(clock);
  const calls: Bench["calls"] = [];
  const warnings: string[] = [];
  let wire = 0;
  let peak = 0;
  const dispatcher = createDispatcher({
    store,
    courier: {
      call: async (request) => {
        const { key, amountFen, serial } = received(request.body);
        const path = new URL(request.url).pathname;
        calls.push({ at: clock.tickMs(), key, path });
        wire += 1;
        peak = Math.max(peak, wire);
        await sleep(clock, tookMs);
        wire -= 1;
        const told = answer(key, path, calls.filter((call) => call.key === key).length, request);
        return told === "done"
          ? replyOf({
              outcome: "acknowledged",
              how: "reply",
              code: "0",
              amountFen: BigInt(amountFen ?? 1650),
              serial: serial ?? `S-${key}`,
            })
          : told;
      },
      close: async () => undefined,
    },
    dialect: fakeDialect,
    destinations: { names: () => ["his"], policy: (name) => (name === "his" ? { ...POLICY, ...more } : undefined) },
    seal: fakeSeal,
    clock,
    random: createRandom(1),
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: (what) => void warnings.push(what),
      error: (what, about) => void warnings.push(`${what} ${JSON.stringify(about)}`),
    },
    metrics: {
      attempt: () => undefined,
      inHand: () => undefined,
      storeFailed: () => undefined,
      gate: () => undefined,
      probe: () => undefined,
      call: () => undefined,
    },
    gates,
    worker: 1,
    connect: async () => (connects() ? undefined : "refused"),
  });
  return { clock, store, gates, dispatcher, calls, peak: () => peak, warnings };
}

const states = (store: MemoryWriteBacks): string =>
  store
    .rows()
    .map((row) => row.state)
    .join(" ");
const refused: CallResult = { kind: "unsent", why: "ECONNREFUSED", ms: 1 };
const silent: CallResult = { kind: "no-reply", why: "no whole reply", ms: 400 };

void describe("C-6 dispatcher: order and capacity", () => {
  test("each lane in order, one at a time; lanes side by side up to parallel", async () => {
    const { clock, store, dispatcher, calls, peak } = bench(() => "done");
    for (let n = 0; n < 5; n += 1) for (let lane = 0; lane < 10; lane += 1) store.owe({ key: `${lane}-${n}`, lane: `bill:${lane}` });
    dispatcher.start();
    assert.ok(await clock.until(() => store.rows().every((row) => row.state === "acknowledged"), 5_000), states(store));
    assert.equal(peak(), 4);
    assert.equal(calls.length, 50);
    for (let lane = 0; lane < 10; lane += 1) {
      const keys = calls.filter((call) => call.key.startsWith(`${lane}-`)).map((call) => call.key);
      assert.deepEqual(
        keys,
        [0, 1, 2, 3, 4].map((n) => `${lane}-${n}`),
      );
    }
    await dispatcher.stop();
  });

  test("a lane that fails delays only itself; a parked head blocks only its own lane", async () => {
    const { clock, store, dispatcher } = bench((key) =>
      key === "bad-1" ? replyOf({ outcome: "rejected", code: "E101" }) : key === "slow-1" ? silent : "done",
    );
    for (const lane of ["bad", "slow", "good"]) for (const n of [1, 2, 3]) store.owe({ key: `${lane}-${n}`, lane: `bill:${lane}` });
    dispatcher.start();
    await clock.advance(1_000);
    assert.equal(states(store), "parked queued queued waiting queued queued acknowledged acknowledged acknowledged");
    assert.equal(store.rows()[0]?.ends[0]?.event?.data.laneBlocked instanceof Object, true);
    await dispatcher.stop();
  });

  test("an idle loop wakes for a poke at once, and within a second without one", async () => {
    const { clock, store, dispatcher, calls } = bench(() => "done");
    dispatcher.start();
    await clock.advance(3_333);
    store.owe({ key: "a", lane: "bill:a" });
    dispatcher.poke("his");
    await clock.advance(5);
    assert.equal(calls.length, 1);
    store.owe({ key: "b", lane: "bill:b" });
    await clock.advance(1_050);
    assert.equal(calls.length, 2);
    dispatcher.poke("nobody");
    await dispatcher.stop();
  });

  test("paused: no new call; resumed: goes on", async () => {
    const { clock, store, gates, dispatcher, calls } = bench(() => "done");
    dispatcher.start();
    gates.set("his", { mode: "paused" });
    await dispatcher.refresh();
    assert.equal(dispatcher.gate("his").shut, "paused");
    store.owe({ key: "a", lane: "bill:a" });
    dispatcher.poke("his");
    await clock.advance(10_000);
    assert.deepEqual([calls.length, states(store)], [0, "waiting"]);
    gates.set("his", { mode: "running" });
    await clock.advance(300);
    assert.equal(states(store), "acknowledged");
    await dispatcher.stop();
  });
});

void describe("dispatcher: unclear, leases, other workers", () => {
  test("dropped reply: asks, finds it, finishes; never sends twice", async () => {
    const { clock, store, dispatcher, calls } = bench((_key, path) => (path === "/json" ? silent : "done"));
    store.owe({ key: "a", lane: "bill:a" });
    dispatcher.start();
    await clock.advance(2_000);
    assert.equal(states(store), "acknowledged");
    assert.deepEqual(
      calls.map((call) => call.path),
      ["/json", "/inquiry"],
    );
    await dispatcher.stop();
  });

  test("dropped request: asks, “not found” counts only when it may be trusted, then sends under the same key", async () => {
    const { clock, store, dispatcher, calls } = bench((_key, path, nth) =>
      path === "/inquiry" ? replyOf({ outcome: "not-found", code: "4" }) : nth === 1 ? silent : "done",
    );
    store.owe({ key: "a", lane: "bill:a" });
    dispatcher.start();
    await clock.advance(10_000);
    assert.equal(states(store), "acknowledged");
    const sends = calls.filter((call) => call.path === "/json");
    assert.equal(sends.length, 2);
    assert.ok((sends[1]?.at ?? 0) - (sends[0]?.at ?? 0) >= POLICY.trustNotFoundAfterMs);
    await dispatcher.stop();
  });

  test("deferred: waits its own time, then is asked for", async () => {
    const { clock, store, dispatcher, calls } = bench((_key, path) =>
      path === "/json" ? replyOf({ outcome: "deferred", code: "2" }) : "done",
    );
    store.owe({ key: "a", lane: "bill:a" });
    dispatcher.start();
    await clock.advance(9_000);
    assert.deepEqual([states(store), calls.length], ["deferred", 1]);
    await clock.advance(3_000);
    assert.equal(states(store), "acknowledged");
    await dispatcher.stop();
  });

  for (const [duplicates, first, last] of [
    ["inquiry", "/inquiry", "acknowledged"],
    ["by-key", "/json", "acknowledged"],
    ["none", undefined, "parked"],
  ] as const) {
    test(`a worker that died between send and settle, at ${duplicates}: the next one takes the unclear path`, async () => {
      const { clock, store, dispatcher, calls } = bench(() => "done", { duplicates });
      store.owe({ key: "a", lane: "bill:a" });
      await store.claim("his", 1, 5_000, "park");
      dispatcher.start();
      await clock.advance(4_900);
      assert.deepEqual([states(store), calls.length], ["sending", 0]);
      await clock.advance(2_500);
      assert.equal(states(store), last);
      assert.equal(calls[0]?.path, first);
      await dispatcher.stop();
    });
  }

  test("a late answer after the lease was taken over changes nothing", async () => {
    const { clock, store, dispatcher, warnings } = bench(() => "done", {}, 300);
    const row = store.owe({ key: "a", lane: "bill:a" });
    dispatcher.start();
    await clock.advance(100);
    row.leaseUntilMs = clock.tickMs();
    const [other] = await store.claim("his", 1, 60_000, "ask");
    assert.equal(other?.token, 2);
    await clock.advance(1_000);
    assert.deepEqual([states(store), row.ends.length], ["sending", 0]);
    assert.ok(warnings.some((one) => one.includes("lease lost")));
    await dispatcher.stop();
  });
});

void describe("dispatcher: a dead destination and a dead store", () => {
  test("C-6 no stampede: 1,000 lanes at a refused destination cost few calls an hour, and all are delivered after", async () => {
    let dead = true;
    const { clock, store, gates, dispatcher, calls, peak } = bench(() => (dead ? refused : "done"), { parallel: 16, ping: "/ping" });
    for (let lane = 0; lane < 1_000; lane += 1) store.owe({ key: `k${lane}`, lane: `bill:${lane}` });
    dispatcher.start();
    await clock.advance(3_600_000);
    const first = calls.filter((call) => call.path !== "/ping").length;
    const probes = calls.slice(first).map((call) => call.at);
    assert.ok(first <= 16 + 4, `what was out when it opened, and what had begun before the fifth failure: ${first}`);
    assert.ok(probes.length >= 3_600 / 31 && probes.length <= 3_600 / 28, `${probes.length} probes`);
    assert.ok(probes.every((at, index) => index === 0 || at - (probes[index - 1] ?? 0) >= 4_000));
    assert.ok(probes.slice(-9).every((at, index) => index === 0 || at - (probes.slice(-9)[index - 1] ?? 0) >= 24_000));
    assert.equal(gates.row("his").breaker, "open");
    assert.ok(gates.changes() < 3 * probes.length + 20, `${gates.changes()} changes of the row`);
    assert.ok(store.rows().every((row) => row.attempt <= 1));
    dead = false;
    const back = clock.tickMs();
    assert.ok(await clock.until(() => store.rows().every((row) => row.state === "acknowledged"), 120_000));
    assert.ok(peak() <= 16);
    const sends = calls.filter((call) => call.path === "/json" && call.at > back).map((call) => call.at);
    const began = sends[0] ?? 0;
    assert.ok(began - back <= 37_000, "noticed within a probe's longest pause");
    assert.equal(sends.filter((at) => at < began + 10).length, 1, "one real head goes first");
    const rates = [0, 1, 2, 5, 9].map(
      (second) => sends.filter((at) => at >= began + second * 1_000 && at < began + second * 1_000 + 1_000).length,
    );
    assert.ok((rates[0] ?? 99) <= 13 && (rates[2] ?? 99) <= 17 && (rates[4] ?? 99) <= 33, `a drain grows by 2 a second: ${rates}`);
    await dispatcher.stop();
  });

  test("the store is gone: nothing is claimed, an end in hand is kept and settled when it is back", async () => {
    const { clock, store, dispatcher, calls } = bench(() => "done", { leaseMs: 600_000 }, 50);
    for (const lane of ["a", "b", "c", "d", "e", "f"]) store.owe({ key: lane, lane: `bill:${lane}` });
    dispatcher.start();
    await clock.advance(20);
    assert.equal(calls.length, 4);
    let tries = 0;
    store.faults.before = () => {
      tries += 1;
      throw new Error("connection terminated");
    };
    await clock.advance(60_000);
    assert.equal(calls.length, 4);
    assert.ok(tries < 200, `${tries} tries in a minute`);
    assert.deepEqual(dispatcher.state(), [{ destination: "his", onWire: 0, settling: 4 }]);
    delete store.faults.before;
    await clock.advance(6_000);
    assert.equal(states(store), "acknowledged acknowledged acknowledged acknowledged acknowledged acknowledged");
    assert.equal(calls.length, 6);
    await dispatcher.stop();
  });

  test("a settle whose answer was lost is tried again and does no harm", async () => {
    const { clock, store, dispatcher, calls } = bench(() => "done");
    store.owe({ key: "a", lane: "bill:a" });
    let lost = 0;
    store.faults.after = (operation) => {
      if (operation === "settle" && lost++ === 0) throw new Error("connection terminated");
    };
    dispatcher.start();
    await clock.advance(2_000);
    assert.deepEqual([states(store), calls.length, store.rows()[0]?.ends.length], ["acknowledged", 1, 1]);
    await dispatcher.stop();
  });
});

void describe("dispatcher: stopping", () => {
  test("waits for what is on the wire, claims nothing more", async () => {
    const { clock, store, dispatcher, calls } = bench(() => "done", {}, 2_000);
    for (let lane = 0; lane < 8; lane += 1) store.owe({ key: `k${lane}`, lane: `bill:${lane}` });
    dispatcher.start();
    await clock.advance(100);
    let stopped: unknown;
    void dispatcher.stop().then((answer) => {
      stopped = answer;
    });
    await clock.advance(1_000);
    assert.equal(stopped, undefined);
    await clock.advance(2_000);
    assert.deepEqual(stopped, { unsettled: 0 });
    assert.equal(calls.length, 4);
    assert.equal(store.rows().filter((row) => row.state === "acknowledged").length, 4);
    dispatcher.start();
    dispatcher.poke("his");
    await clock.advance(5_000);
    assert.equal(calls.length, 4);
  });

  test("a claim that comes back while stopping is released, uncounted", async () => {
    const { clock, store, dispatcher, calls } = bench(() => "done");
    store.owe({ key: "a", lane: "bill:a" });
    dispatcher.start();
    void dispatcher.stop();
    await clock.advance(10);
    assert.deepEqual([calls.length, states(store), store.rows()[0]?.attempt], [0, "waiting", 0]);
  });

  test("a store that stays away does not keep it from stopping; it says how many ends it leaves to their leases", async () => {
    const { clock, store, dispatcher } = bench(() => "done");
    store.owe({ key: "a", lane: "bill:a" });
    dispatcher.start();
    await clock.advance(5);
    store.faults.before = () => {
      throw new Error("gone");
    };
    await clock.advance(50);
    let stopped: unknown;
    void dispatcher.stop().then((answer) => {
      stopped = answer;
    });
    await clock.advance(15_000);
    assert.deepEqual(stopped, { unsettled: 1 });
  });
});

test("an end that the store refuses for its content is written down without the partner's words; it keeps no place for ever", async () => {
  const { clock, store, dispatcher } = bench(() => "done", { parallel: 1 });
  store.owe({ key: "a", lane: "bill:a" });
  store.owe({ key: "b", lane: "bill:b" });
  const settle = store.settle;
  store.settle = async (end) => {
    if (end.event !== undefined && store.rows().find((row) => row.id === end.id)?.key === "a") throw new Error("invalid byte sequence");
    return settle(end);
  };
  dispatcher.start();
  assert.ok(await clock.until(() => store.rows().every((row) => row.state === "acknowledged"), 20_000), states(store));
});
