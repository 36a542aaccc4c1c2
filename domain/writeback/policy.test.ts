import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Destination } from "../partners/profile.ts";
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

const QUIET: readonly { from: string; to: string }[] = [
  { from: "01:00", to: "02:00" },
  { from: "03:00", to: "03:00" },
];

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
    [
      "an old key is asked for and sent within one lease",
      { ...destination, duplicates: "by-key", duplicatesLifetimeMs: 86_400_000, leaseMs: 14_499 },
      "/destination/leaseMs",
    ],
    ["quiet hours without an end", { ...destination, quietHours: [...QUIET] }, "/destination/quietHours/1"],
    ["no address", { ...destination, url: "http://:::" }, "/destination/url"],
  ] satisfies readonly (readonly [string, Destination, string])[]) {
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
