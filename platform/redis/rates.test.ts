import assert from "node:assert/strict";
import { test } from "node:test";
import { createLocalBuckets } from "./rates.ts";

test("a local bucket gives one second's worth at once, then as much as time brings", () => {
  let at = 0;
  const take = createLocalBuckets(() => at);
  const takeMany = (count: number): number => Array.from({ length: count }, () => take("his", 10)).filter((wait) => wait === 0).length;
  assert.equal(takeMany(15), 10);
  assert.equal(take("his", 10), 100, "the next in a tenth of a second");
  assert.equal(take("jkt", 10), 0, "partners do not share");
  at += 250;
  assert.equal(takeMany(15), 2);
  at += 60_000;
  assert.equal(takeMany(15), 10, "no more than one second's worth is saved");
});
