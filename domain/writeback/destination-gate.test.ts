import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { policyFor } from "../../test/fakes/attempts.ts";
import { createVirtualClock } from "../../platform/memory/clock.ts";
import { createMemoryGates } from "../../platform/memory/gates.ts";
import { OPEN_AFTER, reported } from "./breaker.ts";
import { createGates } from "./gate.ts";

const CEILING = 100;
const half = () => 0.5;

function bench() {
  const clock = createVirtualClock();
  const store = createMemoryGates(clock);
  const quiet = () => undefined;
  let probes = 0;
  const gates = createGates({
    store,
    worker: 1,
    policy: () => policyFor("inquiry", { ratePerSecond: CEILING }),
    probe: async () => {
      probes += 1;
      return { answered: true, by: "connect", why: "connected" };
    },
    clock,
    random: half,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    metrics: { attempt: quiet, inHand: quiet, storeFailed: quiet, gate: quiet, probe: quiet, call: quiet },
    changed: quiet,
    names: () => ["his"],
  });
  const failed = { calls: 1, failures: OPEN_AFTER, tail: OPEN_AFTER, answered: false, trial: "none", why: "refused" } as const;
  /** Another worker saw it fail. */
  const open = () =>
    store.change("his", (row, now) => ({
      row: reported(row, failed, { ceiling: CEILING, pauses: undefined }, now, half),
      answer: undefined,
    }));
  return { clock, store, gates, gate: gates.of("his"), open, probes: () => probes };
}

void describe("one destination's gate as one worker sees it", () => {
  test("a power cut forgets grants of tokens and their revisions: what the row says after it is believed all the same", async () => {
    const { clock, store, gates, gate, open, probes } = bench();
    gates.start();
    await clock.advance(10);
    for (let grant = 0; grant < 20; grant += 1) {
      await gate.acquire(1);
      await clock.advance(60);
    }
    assert.ok(gate.row().revision > 10);
    store.crash();
    await open();
    await clock.advance(500);
    assert.equal(gate.shut()?.why, "open");
    await clock.advance(6_000);
    assert.equal(probes(), 1, "somebody probes");
    await gates.stop();
  });

  test("half-open: as long as the row has not heard how the one real head ended, no other goes out", async () => {
    const { clock, store, gates, gate, open } = bench();
    gates.start();
    await clock.advance(10);
    await open();
    await clock.advance(7_000);
    assert.deepEqual(await gate.acquire(4), { calls: 1, trial: true });
    store.faults.before = (operation) => {
      if (operation === "change") throw new Error("the store is away");
    };
    gate.ended({ reach: "failed", ms: 10, throttled: false, why: "refused", trial: true });
    await clock.advance(10);
    delete store.faults.before;
    assert.equal((await gate.acquire(4)).calls, 0);
    await clock.advance(500);
    assert.equal(gate.shut()?.why, "open", "and then it is told");
    await gates.stop();
  });
});
