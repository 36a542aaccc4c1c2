import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPEN_AFTER, probed, probeIsDue, probePauseMs, type Report, reported, takeProbe, takeTrial, WINDOW_MS } from "./breaker.ts";
import { freshGate, type GateRow } from "./gates.ts";

const half = () => 0.5;
const NOW = 1_000_000;
const PROFILE = { ceiling: 120, pauses: undefined };
const closed = freshGate("his");
const report = (more: Partial<Report>): Report => ({
  calls: 1,
  failures: 0,
  tail: 0,
  answered: false,
  trial: "none",
  why: undefined,
  ...more,
});
const failed = (n = 1): Report => report({ calls: n, failures: n, tail: n, why: "refused" });
const answered = report({ answered: true });
const tell = (row: GateRow, reports: readonly Report[], stepMs = 10): GateRow =>
  reports.reduce((was, one, index) => reported(was, one, PROFILE, NOW + index * stepMs, half), row);
const opened = tell(closed, [failed(OPEN_AFTER)]);

void describe("breaker: what opens it", () => {
  for (const [name, reports, breaker] of [
    ["four failures in a row", Array(4).fill(failed()), "closed"],
    ["five failures in a row", Array(5).fill(failed()), "open"],
    ["five in one report", [failed(5)], "open"],
    ["an answer between starts again", [...Array(4).fill(failed()), answered, ...Array(4).fill(failed())], "closed"],
    ["an answer before the failures of one report", [failed(4), report({ calls: 3, failures: 2, tail: 2, answered: true })], "closed"],
    ["half of twenty calls, never five in a row", Array(10).fill(report({ calls: 2, failures: 1, tail: 1, answered: true })), "open"],
    ["half of nineteen calls", [report({ calls: 19, failures: 10, tail: 0, answered: true })], "closed"],
    ["less than half of many", Array(20).fill(report({ calls: 5, failures: 2, tail: 0, answered: true })), "closed"],
  ] as const) {
    test(name, () => assert.equal(tell(closed, reports).breaker, breaker));
  }
  test("half of twenty calls, but not within 30 s", () => {
    const one = report({ calls: 2, failures: 1, tail: 0, answered: true });
    assert.equal(tell(closed, Array(30).fill(one), WINDOW_MS / 5).breaker, "closed");
  });
  test("a window without failures is forgotten: health writes nothing", () => {
    const row = reported(tell(closed, [failed()]), answered, PROFILE, NOW + WINDOW_MS + 1, half);
    assert.deepEqual([row.window, row.failures], [[], 0]);
  });
  test("it says why, and probes after 5 s", () => {
    assert.match(opened.why ?? "", /5 failures in a row: refused/);
    assert.deepEqual([opened.probeAtMs, opened.probes, opened.drain, opened.rateNow], [NOW + 5_000, 0, undefined, undefined]);
  });
});

void describe("breaker: while open", () => {
  test("pauses of 5 s × 1.5 up to 30 s, each moved by a fifth at most", () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 99].map((round) => probePauseMs(round, half)),
      [5_000, 7_500, 11_250, 16_875, 25_313, 30_000, 30_000],
    );
    assert.deepEqual(
      [0, 1, 9].map((round) => probePauseMs(round, half, 1, { firstMs: 200, maxMs: 500 })),
      [200, 300, 500],
    );
    assert.deepEqual([probePauseMs(9, () => 0), probePauseMs(9, () => 0.999_999)], [24_000, 36_000]);
  });
  test("late failures of calls that were out change nothing; a late answer is worth a probe now", () => {
    assert.equal(tell(opened, [failed(30)]), opened);
    assert.equal(reported(opened, answered, PROFILE, NOW + 100, half).probeAtMs, NOW + 100);
  });
  test("the clock went back an hour: it is probed now, not in an hour", () => {
    const back = NOW - 3_600_000;
    assert.ok(probeIsDue(opened, back));
    assert.ok(!probeIsDue(opened, NOW - 60_000), "no pause is so short that this could not be one");
    const slow = { firstMs: 600_000, maxMs: 600_000 };
    const later = { ...opened, probeAtMs: NOW + 720_000 };
    assert.deepEqual([takeProbe(later, 1, 2_000, NOW, slow), takeProbe(later, 1, 2_000, back, slow)?.prober?.worker], [undefined, 1]);
  });
  test("one prober under lease; the end of a lease that is another's changes nothing", () => {
    assert.equal(takeProbe(opened, 1, 2_000, NOW + 4_999), undefined);
    const first = takeProbe(opened, 1, 2_000, NOW + 5_000);
    assert.ok(first?.prober);
    assert.equal(takeProbe(first, 2, 2_000, NOW + 6_999), undefined);
    assert.ok(!probeIsDue(first, NOW + 6_999));
    const second = takeProbe(first, 2, 2_000, NOW + 7_000);
    assert.ok(second?.prober);
    assert.equal(probed(second, first.prober, { answered: true, why: "" }, undefined, NOW + 7_100, half), undefined);
    const again = probed(second, second.prober, { answered: false, why: "HTTP 503" }, undefined, NOW + 7_100, half);
    assert.deepEqual([again?.breaker, again?.probes, again?.probeAtMs, again?.why], ["open", 1, NOW + 14_600, "HTTP 503"]);
    assert.equal(probed(second, second.prober, { answered: true, why: "" }, undefined, NOW + 7_100, half)?.breaker, "half-open");
  });
});

void describe("breaker: half-open", () => {
  const halfOpen: GateRow = { ...opened, breaker: "half-open", probes: 4 };
  test("one trial under lease, its holder may renew it", () => {
    const mine = takeTrial(halfOpen, 1, 5_000, NOW);
    assert.ok(mine);
    assert.deepEqual(
      [takeTrial(mine, 2, 5_000, NOW + 4_999), takeTrial(mine, 1, 5_000, NOW + 1)?.prober?.untilMs],
      [undefined, NOW + 5_001],
    );
    assert.equal(takeTrial(mine, 2, 5_000, NOW + 5_000)?.prober?.worker, 2);
    assert.equal(takeTrial(closed, 1, 5_000, NOW), undefined);
  });
  test("only the trial's end decides", () => {
    assert.equal(tell(halfOpen, [failed(9)]), halfOpen);
    assert.equal(tell(halfOpen, [answered]), halfOpen);
    const up = tell(halfOpen, [report({ trial: "answered", answered: true })]);
    assert.deepEqual([up.breaker, up.failures, up.probes, up.rateNow], ["closed", 0, 0, 12]);
  });
  test("a trial that fails opens it again, and its probes come half as often: they lied", () => {
    const down = tell(halfOpen, [report({ trial: "failed", failures: 1, tail: 1, why: "HTTP 500" })]);
    assert.deepEqual([down.breaker, down.probes, down.probeAtMs], ["open", 5, NOW + 60_000]);
    assert.match(down.why ?? "", /probe was answered.*HTTP 500/);
  });
});
