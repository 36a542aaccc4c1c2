/** What every GateStore promises (domain/writeback/gates.ts), and what several workers may rely on with it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { giveTrial, OPEN_AFTER, probed, type Report, reported, takeProbe, takeTrial } from "../../domain/writeback/breaker.ts";
import { drained, granted } from "../../domain/writeback/drain.ts";
import { freshGate, type GateRow, type GateStore } from "../../domain/writeback/gates.ts";

export interface GateWorld {
  readonly store: GateStore;
  /** Owes a write-back that is due; answers its key. */
  owe(destination: string): Promise<string>;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

let count = 0;
const fresh = (): string => {
  count += 1;
  return `gate-${count}`;
};
const failure = (n = 1): Report => ({ calls: n, failures: n, tail: n, answered: false, trial: "none", why: "refused" });
const half = () => 0.5;

export function gateContract(name: string, make: () => Promise<GateWorld>): void {
  describe(`gates on ${name}`, () => {
    let world: GateWorld;
    before(async () => {
      world = await make();
    });
    after(() => world.close());
    const rowOf = async (destination: string): Promise<GateRow | undefined> =>
      (await world.store.read()).rows.find((row) => row.name === destination);
    const change = (destination: string, rule: (row: GateRow, nowMs: number) => GateRow | undefined) =>
      world.store.change(destination, (row, nowMs) => {
        const next = rule(row, nowMs);
        return { row: next, answer: next !== undefined };
      });

    test("time is told, and nobody has a gate that nobody changed", async () => {
      const { nowMs } = await world.store.read();
      assert.ok(Number.isInteger(nowMs) && nowMs > Date.parse("2026-01-01"));
      await world.advance(90_000);
      assert.ok((await world.store.read()).nowMs >= nowMs + 90_000);
      assert.equal(await rowOf(fresh()), undefined);
    });

    test("the first change finds a running, closed gate; what it stores comes back whole, and the revision grows", async () => {
      const destination = fresh();
      let found: GateRow | undefined;
      const whole = (was: GateRow, nowMs: number): GateRow => ({
        ...was,
        mode: "paused",
        breaker: "half-open",
        sinceMs: nowMs - 1,
        why: "连接被拒绝",
        failures: 7,
        window: [{ atMs: nowMs, calls: 3, failures: 2 }],
        probeAtMs: nowMs + 5_001,
        probes: 3,
        prober: { worker: 4, untilMs: nowMs + 9_999 },
        rateNow: 12.5,
        tokens: 0.25,
        tokensAtMs: nowMs,
        drain: { startedMs: 1, decidedMs: nowMs, calls: 5, failures: 1, durations: { "3": 4 }, baselineMs: undefined, idle: 2 },
        drainUntilMs: nowMs + 60_000,
      });
      const { row, nowMs, answer } = await world.store.change(destination, (was, now) => {
        found = was;
        return { row: whole(was, now), answer: 42 };
      });
      assert.deepEqual(found, freshGate(destination));
      assert.equal(answer, 42);
      assert.deepEqual(row, { ...whole(freshGate(destination), nowMs), revision: 1 });
      assert.deepEqual(await rowOf(destination), row);
      await change(destination, () => freshGate(destination));
      assert.deepEqual(await rowOf(destination), { ...freshGate(destination), revision: 2 });
    });

    test("a rule that changes nothing leaves the row and its revision; one that throws changes nothing and holds nobody up", async () => {
      const destination = fresh();
      await change(destination, (row) => ({ ...row, failures: 1 }));
      assert.equal((await change(destination, () => undefined)).row.revision, 1);
      await assert.rejects(
        world.store.change(destination, () => {
          throw new Error("a rule of ours is wrong");
        }),
        /a rule of ours/,
      );
      assert.equal((await change(destination, (row) => ({ ...row, failures: row.failures + 1 }))).row.failures, 2);
    });

    test("C-6 changes of one row come one after the other, whoever makes them", async () => {
      const destination = fresh();
      await Promise.all(Array.from({ length: 20 }, () => change(destination, (row) => ({ ...row, failures: row.failures + 1 }))));
      assert.deepEqual([(await rowOf(destination))?.failures, (await rowOf(destination))?.revision], [20, 20]);
    });

    test("grants need not be durable, and are changes like others", async () => {
      const destination = fresh();
      await world.store.change(destination, (row) => ({ row: { ...row, tokens: 3 }, answer: undefined }), false);
      assert.equal((await rowOf(destination))?.tokens, 3);
    });

    test("the oldest write-back owed is told, and reading it changes nothing", async () => {
      const destination = fresh();
      assert.equal(await world.store.oldestHead(destination), undefined);
      const key = await world.owe(destination);
      await world.owe(destination);
      const head = await world.store.oldestHead(destination);
      assert.equal(head?.key, key);
      assert.deepEqual(await world.store.oldestHead(destination), head);
    });

    test("C-6 failures count over all workers; one probes at a time; one head is the trial; its success closes", async () => {
      const destination = fresh();
      const tell = (report: Report) =>
        change(destination, (row, now) => reported(row, report, { ceiling: undefined, pauses: undefined }, now, half));
      for (let n = 1; n < OPEN_AFTER; n += 1) assert.equal((await tell(failure())).row.breaker, "closed");
      assert.equal((await tell(failure())).row.breaker, "open");
      const probe = (worker: number) => change(destination, (row, now) => takeProbe(row, worker, 3_000, now));
      assert.equal((await probe(1)).answer, false, "not yet due");
      await world.advance(7_000);
      const taken = await Promise.all([1, 2, 3].map(probe));
      assert.equal(taken.filter((one) => one.answer).length, 1);
      await world.advance(3_001);
      const second = await probe(9);
      const lease = second.row.prober;
      assert.ok(second.answer && lease, "a prober that died holds it up no longer than its lease");
      const first = taken.find((one) => one.answer)?.row.prober;
      const end = (of: NonNullable<GateRow["prober"]>, answered: boolean) =>
        change(destination, (row, now) => probed(row, of, { answered, why: "HTTP 200" }, undefined, now, half));
      assert.ok(first && !(await end(first, true)).answer, "the first prober is none any more");
      assert.equal((await end(lease, true)).row.breaker, "half-open");
      const trial = (worker: number) => change(destination, (row, now) => takeTrial(row, worker, 10_000, now));
      const trials = await Promise.all([1, 2, 3].map(trial));
      assert.equal(trials.filter((one) => one.answer).length, 1);
      const holder = trials.find((one) => one.answer)?.row.prober?.worker ?? 0;
      await change(destination, (row) => giveTrial(row, holder));
      assert.equal((await trial(7)).answer, true);
      const closed = await tell({ calls: 1, failures: 0, tail: 0, answered: true, trial: "answered", why: undefined });
      assert.deepEqual([closed.row.breaker, closed.row.rateNow, closed.row.prober], ["closed", 10, undefined]);
    });

    test("tokens of all workers together stay within the ceiling, and a drain's decisions are made once a second", async () => {
      const destination = fresh();
      const ceiling = 100;
      const since = performance.now();
      let sum = 0;
      await change(destination, (row, now) => granted(row, 1, ceiling, now).row);
      for (let step = 0; step < 20; step += 1) {
        await world.advance(50);
        const grants = await Promise.all(
          [1, 2, 3].map(() =>
            world.store.change(
              destination,
              (row, now) => {
                const grant = granted(row, 50, ceiling, now);
                return { row: grant.row, answer: grant.tokens };
              },
              false,
            ),
          ),
        );
        sum += grants.reduce((total, one) => total + one.answer, 0);
      }
      // The clock of a real store goes on by itself besides.
      const besides = (performance.now() - since) / 10;
      assert.ok(sum >= 85 && sum <= 120 + besides, `${sum} tokens in a second and ${Math.round(besides * 10)} ms`);
      const seen = { calls: 4, failures: 0, durations: {} };
      const start = { startedMs: 0, decidedMs: 0, calls: 0, failures: 0, durations: {}, baselineMs: undefined, idle: 0 };
      await change(destination, (row, now) => ({ ...row, rateNow: 10, drain: { ...start, decidedMs: now } }));
      const told = await Promise.all([1, 2].map(() => change(destination, (row, now) => drained(row, seen, undefined, now))));
      assert.ok(told.every((one) => one.row.rateNow === 10));
      await world.advance(1_000);
      const [one, two] = [
        await change(destination, (row, now) => drained(row, seen, undefined, now)),
        await change(destination, (row, now) => drained(row, seen, undefined, now)),
      ];
      assert.deepEqual([one.row.rateNow, two.row.rateNow], [12, 12]);
    });
  });
}
