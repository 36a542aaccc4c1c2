/** What every simulated world must satisfy: nothing lost, nothing twice, no lane overtaken, nobody stampeded, nobody disobeyed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { Asked } from "./simulation-thread.ts";
import { type Effect, LANES, type OnWire, type Plan, simulate, type World } from "./simulation.ts";

const PROBE_PAUSE_LEAST_MS = 4_000;

/** Keys of a lane in the order of their first effect. */
const laneOrder = (ledger: readonly Effect[], lane: number): readonly string[] => [
  ...new Set(ledger.filter((effect) => effect.key.startsWith(`${lane}-`)).map((effect) => effect.key)),
];

/** Most requests that left within any second. */
function peakOf(wire: readonly OnWire[]): number {
  const times = wire.map((one) => one.at).sort((a, b) => a - b);
  let [peak, from] = [0, 0];
  for (const [index, at] of times.entries()) {
    while ((times[from] ?? at) <= at - 1_000) from += 1;
    peak = Math.max(peak, index - from + 1);
  }
  return peak;
}

function checkRows({ store, ledger }: World, say: (what: string) => string): void {
  const known = new Set(store.rows().map((row) => row.key));
  for (const effect of ledger) assert.ok(known.has(effect.key), say(`unexpected effect ${effect.key}`));
  for (const row of store.rows()) {
    const effects = ledger.filter((effect) => effect.key === row.key);
    assert.ok(effects.length <= 1, say(`${row.key} took effect ${effects.length} times`));
    if (row.state === "acknowledged") {
      assert.equal(effects.length, 1, say(`${row.key} is acknowledged without an effect`));
      assert.equal(effects[0]?.amountFen, row.amountFen.toString(), say(`${row.key} amount`));
      const proofs = row.ends.filter((end) => end.step === "finish" && end.receipt && end.event).length;
      assert.equal(proofs, 1, say(`${row.key} one receipt, one event`));
    }
    if (row.state === "parked" && effects.length > 0)
      assert.ok(row.mayHaveTakenEffect, say(`${row.key} parked as if nothing had happened`));
    if (row.state === "queued") assert.equal(effects.length, 0, say(`${row.key} overtook its lane`));
  }
  for (let lane = 0; lane < LANES; lane += 1) {
    const rows = store.rows().filter((row) => row.lane === `bill:${lane}`);
    const owed = [...rows].sort((a, b) => Number(a.laneSeq - b.laneSeq)).map((row) => row.key);
    const order = laneOrder(ledger, lane);
    const asOwed = owed.filter((key) => order.includes(key));
    assert.deepEqual(order, asOwed, say(`order of lane ${lane}`));
  }
}

/** Holds a world against the rules. `parks`: residual doubts may be parked, by name. */
function check(seed: number, world: World, parks: boolean): void {
  const say = (what: string) => `seed ${seed}: ${what} (alone: HUILIU_SEED=${seed})`;
  assert.deepEqual(world.troubles, [], say("own mistakes"));
  assert.ok(world.over, say(`not over: ${world.store.rows().map((row) => row.state)}`));
  checkRows(world, say);
  if (!parks) for (const row of world.store.rows()) assert.equal(row.state, "acknowledged", say(`${row.key} is ${row.state}`));
  const pings = world.wire.filter((one) => one.path === "/ping");
  const work = world.wire.filter((one) => one.path !== "/ping");
  assert.equal(work.filter((one) => one.whileOpen).length, 0, say("a write-back left while the breaker was open"));
  assert.equal(world.wire.filter((one) => one.whilePaused).length, 0, say("something left more than a second after a pause"));
  for (const [episode, calls] of Map.groupBy(work, (one) => one.episode)) {
    if (episode === 0) continue;
    // The lease of a worker that died with the trial passes to another.
    const lasted = Math.max(...calls.map((one) => one.at)) - Math.min(...calls.map((one) => one.at));
    assert.ok(calls.length <= 1 + lasted / world.leaseMs, say(`${calls.length} write-backs left while it was half-open`));
  }
  // A late answer of a call that was out is worth a probe at once, one each time it opened; a prober that dies leaves its probe to the next.
  const most = 3 * world.opened.times + Math.ceil(world.opened.ms / PROBE_PAUSE_LEAST_MS) + 2;
  assert.ok(pings.length <= most, say(`${pings.length} probes in ${world.opened.ms} ms`));
  if (world.ceiling !== undefined) {
    const peak = peakOf(work);
    assert.ok(peak <= Math.floor(1.1 * world.ceiling), say(`${peak} calls within a second, the ceiling is ${world.ceiling}`));
  }
}

/** How many of what was simulated: a simulation in which nothing goes wrong proves nothing. */
export interface Played {
  readonly unclear: number;
  readonly parked: number;
  readonly opened: number;
  readonly metered: number;
}

/** Plays and checks seeds `first` to `last`; throws at the first world that breaks a rule. */
export async function play(first: number, last: number, plan: Plan, parks: boolean): Promise<Played> {
  const sum = { unclear: 0, parked: 0, opened: 0, metered: 0 };
  for (let seed = first; seed <= last; seed += 1) {
    const world = await simulate(seed, plan);
    check(seed, world, parks);
    sum.opened += world.opened.times;
    sum.metered += world.ceiling === undefined ? 0 : 1;
    for (const row of world.store.rows()) {
      sum.unclear += row.ends.filter((end) => end.outcome === "unclear").length;
      sum.parked += row.state === "parked" ? 1 : 0;
    }
  }
  return sum;
}

/** In a thread of its own: the test runner follows every promise of its thread, which costs more than the simulation itself. */
export function playAside<T>(asked: Asked): Promise<T> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL("./simulation-thread.ts", import.meta.url), { workerData: asked });
    thread.once("message", (told: { readonly played: T } | { readonly broken: string }) => {
      if ("played" in told) resolve(told.played);
      else reject(new Error(told.broken));
    });
    thread.once("error", reject);
    thread.once("exit", (code) => reject(new Error(`the thread ended with ${code}`)));
  });
}

/** One test of `seeds` worlds, or of the one seed that HUILIU_SEED names. */
export function simulatorTest(seeds: number, plan: Plan, parks = false): void {
  const one = Number(process.env.HUILIU_SEED ?? "");
  const [first, last] = Number.isInteger(one) && one > 0 ? [one, one] : [1, seeds];
  const kind = `a ${plan.naive ? "naive" : "strict"} HIS, duplicates=${plan.duplicates}`;
  test(`C-6 ${last - first + 1} seeds at ${kind}: 0 lost, 0 twice, 0 inversions, 0 unexpected, no storm`, async () => {
    const played = await playAside<Played>({ seeds: { first, last, plan, parks } });
    if (first === last) return;
    assert.ok(played.unclear > seeds / 2, `only ${played.unclear} unclear attempts`);
    assert.ok(played.opened > seeds / 12, `the breaker opened only ${played.opened} times`);
    assert.ok(played.metered > seeds / 5, `only ${played.metered} worlds with a ceiling`);
    assert.equal(played.parked > seeds / 8, parks, `${played.parked} parked`);
  });
}
