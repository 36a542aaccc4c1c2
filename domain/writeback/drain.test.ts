import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { classOf, drained, drainEta, granted, IDLE_SECONDS, p95, rateOf, startDrain, throttled } from "./drain.ts";
import { type Durations, freshGate, type GateRow } from "./gates.ts";
import { createPace } from "./pace.ts";

const NOW = 1_000_000;
const fresh = freshGate("his");
const many = (ms: number, n = 20): Durations => ({ [classOf(ms)]: n });

/** A drain in which each second is told by `of` (of its rate). Answers the rates. */
function seconds(
  row: GateRow,
  ceiling: number | undefined,
  count: number,
  of: (rate: number, second: number) => { readonly calls: number; readonly failures?: number; readonly durations?: Durations },
) {
  const rates: (number | undefined)[] = [];
  let now = row;
  for (let second = 1; second <= count; second += 1) {
    const seen = of(now.rateNow ?? ceiling ?? 0, second);
    now = drained(now, { failures: 0, durations: {}, ...seen }, ceiling, NOW + second * 1_000);
    rates.push(now.rateNow);
  }
  return { row: now, rates };
}
const all = (rate: number) => ({ calls: Math.round(rate), durations: many(20) });

void describe("C-6 drain: AIMD under the ceiling", () => {
  test("begins with 10 a second or a tenth of the ceiling, never above it", () => {
    for (const [ceiling, rate] of [
      [undefined, 10],
      [50, 10],
      [120, 12],
      [1_000, 100],
      [10, undefined],
      [4, undefined],
    ] as const)
      assert.equal(startDrain(fresh, ceiling, NOW).rateNow, rate, `${ceiling}`);
  });
  test("a clean second adds 2, or a sixtieth of the ceiling; at the ceiling it is over", () => {
    assert.deepEqual(seconds(startDrain(fresh, 120, NOW), 120, 3, all).rates, [14, 16, 18]);
    assert.deepEqual(seconds(startDrain(fresh, 600, NOW), 600, 2, all).rates, [70, 80]);
    const { row, rates } = seconds(startDrain(fresh, 120, NOW), 120, 54, all);
    assert.deepEqual([rates.at(-2), rates.at(-1), row.drain, rateOf(row, 120)], [118, undefined, undefined, 120]);
  });
  for (const [name, bad] of [
    ["more than 2 % fail", { calls: 100, failures: 3 }],
    ["p95 above twice the baseline", { calls: 20, durations: many(250) }],
  ] as const) {
    test(`halves when ${name}`, () => {
      const { rates } = seconds(startDrain(fresh, 120, NOW), 120, 4, (rate, second) => (second === 3 ? bad : all(rate)));
      assert.deepEqual(rates, [14, 16, 8, 10]);
    });
  }
  test("2 % and a p95 below 100 ms are no reason, one call a second is the least", () => {
    const slowish = seconds(startDrain(fresh, 120, NOW), 120, 3, (_rate, second) => ({
      calls: 100,
      failures: 2,
      durations: many(second === 1 ? 5 : 60),
    }));
    assert.deepEqual(slowish.rates, [14, 16, 18]);
    assert.equal(seconds(startDrain(fresh, 120, NOW), 120, 9, () => ({ calls: 1, failures: 1 })).rates.at(-1), 1);
  });
  test("a second that did not use its rate proves nothing about a higher one; ten of them end the drain", () => {
    const { row, rates } = seconds(startDrain(fresh, undefined, NOW), undefined, IDLE_SECONDS, () => ({ calls: 3 }));
    assert.deepEqual([rates.slice(0, -1).every((rate) => rate === 10), row.drain], [true, undefined]);
  });
  test("without a ceiling it grows until something else is the limit", () => {
    const { rates, row } = seconds(startDrain(fresh, undefined, NOW), undefined, 60, (rate) => ({ calls: Math.min(rate, 40) }));
    assert.equal(Math.max(...rates.map((rate) => rate ?? 0)), 82);
    assert.equal(row.drain, undefined);
  });
  test("nothing is decided within a second, and what several workers tell adds up", () => {
    const first = drained(startDrain(fresh, 120, NOW), { calls: 6, failures: 0, durations: many(20, 6) }, 120, NOW + 500);
    const second = drained(first, { calls: 6, failures: 1, durations: many(20, 6) }, 120, NOW + 999);
    assert.deepEqual([second.rateNow, second.drain?.calls, second.drain?.durations], [12, 12, many(20, 12)]);
    assert.equal(drained(second, { calls: 0, failures: 0, durations: {} }, 120, NOW + 1_000).rateNow, 6);
  });
  test("the clock went back an hour: the drain goes on, and so does what the partner asks for", () => {
    const first = startDrain(fresh, 120, NOW);
    const { rateNow, drain } = drained(first, { calls: 12, failures: 0, durations: many(20) }, 120, NOW - 3_600_000);
    assert.deepEqual([rateNow, drain?.decidedMs], [14, NOW - 3_600_000]);
    assert.equal(throttled(first, 12, 120, NOW - 3_600_000).rateNow, 6);
  });
  test("429 halves what is, once a second at most, and the way back is a drain's; the breaker stays closed", () => {
    const first = throttled(fresh, 40, 120, NOW);
    assert.deepEqual([first.rateNow, first.breaker], [20, "closed"]);
    assert.equal(throttled(first, 40, 120, NOW + 999), first);
    assert.equal(throttled(first, 40, 120, NOW + 1_000).rateNow, 10);
    assert.equal(throttled(fresh, 500, 120, NOW).rateNow, 60, "never from above the ceiling");
    assert.equal(throttled(fresh, 0, undefined, NOW).rateNow, 1);
    assert.equal(seconds(first, 120, 1, all).rates[0], 22);
  });
  test("p95 of counted durations", () => {
    assert.equal(p95(many(10, 4)), undefined);
    assert.ok(Math.abs((p95({ [classOf(10)]: 95, [classOf(900)]: 5 }) ?? 0) - 11.3) < 0.1);
    assert.ok((p95({ [classOf(10)]: 94, [classOf(900)]: 6 }) ?? 0) >= 900);
  });
});

void describe("C-6 tokens: no second above 1.1 times the rate", () => {
  for (const ceiling of [20, 120, 1_000]) {
    test(`ceiling ${ceiling}: greedy callers, tokens used up to 50 ms late`, () => {
      let row: GateRow = fresh;
      const used: number[] = [];
      for (let ms = 0; ms < 5_000; ms += 7) {
        const grant = granted(row, 1_000, ceiling, NOW + ms);
        row = grant.row;
        for (let n = 0; n < grant.tokens; n += 1) used.push(ms + ((n * 7) % 50));
      }
      used.sort((a, b) => a - b);
      let peak = 0;
      for (const [from, at] of used.entries()) {
        let to = from;
        while (to < used.length && (used[to] ?? 0) < at + 1_000) to += 1;
        peak = Math.max(peak, to - from);
      }
      assert.ok(peak <= 1.1 * ceiling, `${peak} in a second`);
      assert.ok(used.length >= 5 * ceiling * 0.9, `${used.length} in five seconds`);
    });
  }
  test("a slow rate gives whole tokens, and says when the next comes", () => {
    const first = granted(fresh, 4, 0.5, NOW);
    assert.deepEqual([first.tokens, first.waitMs], [0, Math.ceil(2_000 / 0.93)]);
    assert.equal(granted(first.row, 4, 0.5, NOW + first.waitMs).tokens, 1);
  });
  test("without a rate all is granted and nothing is written", () =>
    assert.deepEqual(granted(fresh, 9, undefined, NOW), { row: fresh, tokens: 9, waitMs: 0 }));
  test("a worker whose grants come late lets no second out above the rate", () => {
    let tick = 0;
    const pace = createPace({ nowMs: () => tick, tickMs: () => tick, after: () => () => undefined });
    const sent = Array.from({ length: 300 }, () => tick + pace.waitMs(100));
    assert.deepEqual([sent[101], sent[102], sent[203], sent[204]], [0, 1_000, 1_000, 2_000]);
    tick = 60_000;
    assert.deepEqual([pace.seen(), pace.waitMs(undefined)], [0, 0]);
  });
});

test("the time a drain will take counts its growth", () => {
  const row = startDrain(fresh, 120, NOW);
  const eta = drainEta(200_000, row, 120) ?? 0;
  assert.ok(eta > 1_667 && eta < 1_667 * 1.15, `${eta} s`);
  assert.equal(drainEta(100, fresh, undefined), undefined);
});
