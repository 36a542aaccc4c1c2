import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createVirtualClock, createRandom } from "../../platform/memory/clock.ts";
import { fakeDialect, fakeSeal, replyOf } from "../../test/fakes/dialect.ts";
import { POLICY } from "../../test/fakes/policy.ts";
import { createMemoryGates } from "../../platform/memory/gates.ts";
import { createMemoryWriteBacks } from "../../platform/memory/write-backs.ts";
import { createDispatcher } from "./dispatcher.ts";
import type { DestinationPolicy } from "./policy.ts";
import type { Claimed } from "./ports.ts";

function bench(tookMs = 50, policy: DestinationPolicy = POLICY) {
  const clock = createVirtualClock();
  const store = createMemoryWriteBacks(clock);
  const quiet = () => undefined;
  let wire = 0;
  let peak = 0;
  let calls = 0;
  const dispatcher = createDispatcher({
    store,
    courier: {
      call: async (request) => {
        const { key } = JSON.parse(new TextDecoder().decode(request.body)) as { key: string };
        calls += 1;
        wire += 1;
        peak = Math.max(peak, wire);
        await new Promise<void>((resolve) => void clock.after(tookMs, resolve));
        wire -= 1;
        return replyOf({ outcome: "acknowledged", how: "reply", code: "0", amountFen: 1650n, serial: `S-${key}` });
      },
      close: async () => undefined,
    },
    dialect: fakeDialect,
    destinations: { names: () => ["his"], policy: (name) => (name === "his" ? policy : undefined) },
    seal: fakeSeal,
    clock,
    random: createRandom(1),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    metrics: { attempt: quiet, inHand: quiet, storeFailed: quiet, gate: quiet, probe: quiet, call: quiet },
    gates: createMemoryGates(clock),
    worker: 1,
    connect: async () => undefined,
  });
  const bear = (key: string): Claimed => {
    const claimed = store.bear({ key, lane: `bill:${key}` }, POLICY.leaseMs);
    assert.ok(claimed);
    return claimed;
  };
  return { clock, store, dispatcher, bear, peak: () => peak, calls: () => calls };
}

void describe("hand-off: heads that are born claimed", () => {
  test("places are promised up to parallel, and are free again when they are not used", async () => {
    const { clock, dispatcher } = bench();
    assert.deepEqual(dispatcher.handOff.reserve("his", 3), { calls: 0, leaseMs: 0 }, "not started");
    dispatcher.start();
    await clock.advance(5);
    assert.deepEqual(dispatcher.handOff.reserve("his", 3), { calls: 3, leaseMs: 5_000 });
    assert.deepEqual(dispatcher.handOff.reserve("his", 3), { calls: 1, leaseMs: 5_000 });
    assert.deepEqual(dispatcher.handOff.reserve("his", 3), { calls: 0, leaseMs: 5_000 });
    assert.equal(dispatcher.handOff.reserve("nobody", 3).calls, 0);
    for (const wrong of [0, -1, Number.NaN]) assert.equal(dispatcher.handOff.reserve("his", wrong).calls, 0);
    dispatcher.handOff.take("his", [], 4, clock.tickMs());
    assert.equal(dispatcher.handOff.reserve("his", 9).calls, 4);
    dispatcher.handOff.take("his", [], 4, clock.tickMs());
    await dispatcher.stop();
  });

  test("what was born claimed is sent at once, without a claim, and never beyond parallel", async () => {
    const { clock, store, dispatcher, bear, peak, calls } = bench();
    dispatcher.start();
    await clock.advance(5);
    const { calls: places } = dispatcher.handOff.reserve("his", 3);
    for (const lane of ["x", "y", "z"]) store.owe({ key: lane, lane: `bill:${lane}` });
    dispatcher.poke("his");
    const at = clock.tickMs();
    await clock.advance(10);
    assert.equal(calls(), 1, "one of the backlog in the fourth place");
    dispatcher.handOff.take("his", [bear("a"), bear("b")], places, at);
    await clock.advance(10);
    assert.equal(calls(), 4, "two newborn, one more of the backlog in the place that was not used");
    await clock.advance(1_000);
    assert.ok(store.rows().every((row) => row.state === "acknowledged" && row.attempt === 1));
    assert.equal(peak(), 4);
    await dispatcher.stop();
  });

  test("a lease that ran down during the commit is not begun: the claim is given back, uncounted, and claimed again", async () => {
    const { clock, store, dispatcher, bear, calls } = bench();
    dispatcher.start();
    await clock.advance(5);
    const { calls: places } = dispatcher.handOff.reserve("his", 1);
    const at = clock.tickMs();
    const born = bear("a");
    await clock.advance(4_500);
    dispatcher.handOff.take("his", [born], places, at);
    assert.equal(calls(), 0);
    await clock.advance(2_000);
    assert.deepEqual([calls(), store.rows()[0]?.state, store.rows()[0]?.attempt], [1, "acknowledged", 1]);
    await dispatcher.stop();
  });

  test("a commit that ends while the dispatcher stops has its claims given back, and the stop waits for it", async () => {
    const { clock, store, dispatcher, bear, calls } = bench();
    dispatcher.start();
    await clock.advance(5);
    const { calls: places } = dispatcher.handOff.reserve("his", 2);
    let stopped = false;
    void dispatcher.stop().then(() => {
      stopped = true;
    });
    await clock.advance(100);
    assert.equal(stopped, false);
    assert.equal(dispatcher.handOff.reserve("his", 1).calls, 0);
    dispatcher.handOff.take("his", [bear("a")], places, clock.tickMs());
    await clock.advance(100);
    assert.deepEqual([stopped, calls(), store.rows()[0]?.state, store.rows()[0]?.attempt], [true, 0, "waiting", 0]);
  });

  test("with more due than there are places, newborn heads get half of them: neither old nor new starves", async () => {
    const { clock, store, dispatcher, peak } = bench();
    const { claim } = store;
    store.claim = async (...args) => {
      await new Promise<void>((resolve) => void clock.after(3, resolve));
      return claim(...args);
    };
    for (let lane = 0; lane < 40; lane += 1) store.owe({ key: `k${lane}`, lane: `bill:${lane}` });
    dispatcher.start();
    await clock.advance(5);
    assert.equal(dispatcher.handOff.reserve("his", 4).calls, 0, "every place is taken");
    let promised = 0;
    for (let step = 0; step < 100; step += 1) {
      await clock.advance(1);
      promised += dispatcher.handOff.reserve("his", 4).calls;
    }
    assert.equal(promised, 2);
    dispatcher.handOff.take("his", [], promised, clock.tickMs());
    await clock.advance(2_000);
    assert.ok(store.rows().every((row) => row.state === "acknowledged"));
    assert.equal(peak(), 4);
    await dispatcher.stop();
  });

  test("more than fit the wire are promised where calls are quick and a claim in doubt is not parked; they wait for their places, without a claim", async () => {
    const { clock, store, dispatcher, bear, peak, calls } = bench();
    dispatcher.start();
    await clock.advance(5);
    store.owe({ key: "first", lane: "bill:first" });
    dispatcher.poke("his");
    await clock.advance(100);
    assert.equal(calls(), 1, "now a call's length is known");
    const { calls: places } = dispatcher.handOff.reserve("his", 20);
    assert.equal(places, 8, "as many again as the wire has places");
    assert.equal(dispatcher.handOff.reserve("his", 1).calls, 0);
    const at = clock.tickMs();
    dispatcher.handOff.take(
      "his",
      Array.from({ length: places }, (_, lane) => bear(`b${lane}`)),
      places,
      at,
    );
    await clock.advance(10);
    assert.deepEqual([calls(), peak()], [5, 4]);
    await clock.advance(200);
    assert.ok(store.rows().every((row) => row.state === "acknowledged" && row.attempt === 1));
    assert.deepEqual([calls(), peak()], [9, 4]);
    await dispatcher.stop();
  });

  test("none are promised ahead of the wire where a claim in doubt is parked, or calls take long", async () => {
    for (const [tookMs, policy] of [
      [50, { ...POLICY, duplicates: "none" }],
      [350, POLICY],
    ] as const) {
      const { clock, store, dispatcher } = bench(tookMs, policy);
      dispatcher.start();
      await clock.advance(5);
      store.owe({ key: "first", lane: "bill:first" });
      dispatcher.poke("his");
      await clock.advance(500);
      assert.equal(dispatcher.handOff.reserve("his", 20).calls, 4);
      dispatcher.handOff.take("his", [], 4, clock.tickMs());
      await dispatcher.stop();
    }
  });

  test("who waits ahead of the wire goes back to the table, uncounted, when the dispatcher stops", async () => {
    const { clock, store, dispatcher, bear, calls } = bench();
    dispatcher.start();
    await clock.advance(5);
    store.owe({ key: "first", lane: "bill:first" });
    dispatcher.poke("his");
    await clock.advance(100);
    const { calls: places } = dispatcher.handOff.reserve("his", 8);
    assert.equal(places, 8);
    dispatcher.handOff.take(
      "his",
      Array.from({ length: places }, (_, lane) => bear(`b${lane}`)),
      places,
      clock.tickMs(),
    );
    await clock.advance(10);
    assert.equal(calls(), 5);
    const stopped = dispatcher.stop();
    await clock.advance(1_000);
    await stopped;
    const states = Map.groupBy(store.rows(), (row) => `${row.state} ${row.attempt}`);
    assert.deepEqual([...states].map(([state, rows]) => `${rows.length} ${state}`).sort(), ["4 waiting 0", "5 acknowledged 1"]);
    assert.equal(calls(), 5, "nothing was sent after the stop");
  });

  test("places that a claim under way will fill are not promised to anybody else", async () => {
    const { clock, store, dispatcher } = bench();
    const { claim } = store;
    store.claim = async (...args) => {
      await new Promise<void>((resolve) => void clock.after(30, resolve));
      return claim(...args);
    };
    dispatcher.start();
    await clock.advance(5);
    assert.equal(dispatcher.handOff.reserve("his", 4).calls, 0);
    await clock.advance(30);
    assert.equal(dispatcher.handOff.reserve("his", 4).calls, 4);
    dispatcher.handOff.take("his", [], 4, clock.tickMs());
    await dispatcher.stop();
  });
});
