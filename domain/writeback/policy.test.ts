import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Destination } from "../partners/profile.ts";
import { BRAKE_AFTER, createBrake } from "./brake.ts";
import { DEFERRED_DEFAULT_MS, policyOf, unclearAction } from "./policy.ts";

const destination: Destination = {
  url: "http://his.test:8080/api//",
  connectTimeoutMs: 2_000,
  replyTimeoutMs: 5_000,
  leaseMs: 7_500,
  parallel: 8,
  duplicates: "inquiry",
  trustNotFoundAfterMs: 60_000,
  retry: { firstMs: 500, maxMs: 10_000 },
  messages: { "payment-confirm": "payment-confirm" },
  inquiry: "inquiry",
};
const of = (more: Partial<Destination>) => policyOf({ partner: "his", vendor: "acme", destination: { ...destination, ...more } });

void describe("policy of a destination", () => {
  test("a good one", () => {
    const made = of({});
    assert.ok(made?.ok);
    assert.deepEqual(
      [made.policy.url, made.policy.inquiry, made.policy.deferredMs],
      ["http://his.test:8080/api", "acme/inquiry", DEFERRED_DEFAULT_MS],
    );
  });
  test("a partner we do not write to", () => assert.equal(policyOf({ partner: "jkt", vendor: "jkt" }), undefined));
  const { inquiry: _inquiry, ...mute } = destination;
  for (const [name, profile, at] of [
    ["lease shorter than an attempt", { ...destination, leaseMs: 7_499 }, "/destination/leaseMs"],
    ["inquiry without its message", mute, "/destination/inquiry"],
    ["first wait above the longest", { ...destination, retry: { firstMs: 2, maxMs: 1 } }, "/destination/retry"],
    ["no address", { ...destination, url: "http://:::" }, "/destination/url"],
  ] as const) {
    test(`refused: ${name}`, () => {
      const made = policyOf({ partner: "his", vendor: "acme", destination: profile });
      assert.ok(made && !made.ok);
      assert.deepEqual(
        made.problems.map((problem) => problem.at),
        [at],
      );
    });
  }
  test("what comes back unclear follows the step table", () =>
    assert.deepEqual(
      (["by-key", "by-reference", "inquiry", "none"] as const).map((duplicates) => unclearAction({ duplicates })),
      ["send", "send", "ask", "park"],
    ));
});

void describe("brake", () => {
  const braking = () => {
    const brake = createBrake(() => 0, { firstMs: 1_000, maxMs: 8_000 });
    for (let call = 0; call < BRAKE_AFTER; call += 1) brake.ended("failed", 0);
    return brake;
  };
  test("off: up to parallel", () => {
    const brake = createBrake(() => 0);
    for (let call = 1; call < BRAKE_AFTER; call += 1) brake.ended("failed", 0);
    assert.deepEqual([brake.on(), brake.allowance(0, 3, 8)], [false, { calls: 5 }]);
    brake.ended("answered", 0);
    brake.ended("failed", 0);
    assert.equal(brake.on(), false);
  });
  test("on: one at a time, pauses double, late failures of the first wave do not lengthen them", () => {
    const brake = braking();
    for (let late = 0; late < 30; late += 1) brake.ended("failed", 10);
    assert.deepEqual(brake.allowance(100, 0, 8), { calls: 0, waitMs: 400 });
    assert.deepEqual(brake.allowance(500, 0, 8), { calls: 1 });
    assert.deepEqual(brake.allowance(500, 1, 8), { calls: 0 });
    for (const [at, wait] of [
      [500, 1_000],
      [1_500, 2_000],
      [3_500, 4_000],
      [7_500, 4_000],
    ] as const) {
      brake.ended("failed", at);
      assert.deepEqual(brake.allowance(at, 0, 8), { calls: 0, waitMs: wait });
    }
  });
  test("busy neither releases it nor hurries; one answer releases it", () => {
    const brake = braking();
    brake.ended("busy", 5_000);
    assert.deepEqual([brake.on(), brake.allowance(5_000, 0, 8).calls], [true, 0]);
    brake.ended("not-called", 9_000);
    assert.equal(brake.on(), true);
    brake.ended("answered", 9_000);
    assert.deepEqual([brake.on(), brake.allowance(9_000, 0, 8)], [false, { calls: 8 }]);
  });
});
