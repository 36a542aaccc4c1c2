import assert from "node:assert/strict";
import { test } from "node:test";
import { matches, PATTERN, wants } from "./pattern.ts";

test("patterns match as a topic exchange matches", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["#", "payment.settled", true],
    ["payment.settled", "payment.settled", true],
    ["payment.settled", "payment.settled.late", false],
    ["payment.*", "payment.settled", true],
    ["payment.*", "payment", false],
    ["payment.#", "payment", true],
    ["*.settled", "insurance.settled", true],
    ["#.settled", "insurance.settled", true],
    ["#.settled", "insurance.rejected", false],
    ["*", "payment.settled", false],
  ];
  for (const [pattern, type, expected] of cases) assert.equal(matches(pattern, type), expected, `${pattern} ${type}`);
  assert.equal(wants(["charge.*", "payment.refunded"], "payment.refunded"), true);
  for (const wrong of ["", "a b", "a..b", "a.#b", "A"]) assert.equal(new RegExp(PATTERN).test(wrong), false, wrong);
});
