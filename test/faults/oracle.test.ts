import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { killPointsOf } from "./kill-points.ts";
import { selfTest } from "./oracle.ts";

describe("the oracle of the fault runs", () => {
  test("S0-42 self-test: six planted errors, and exactly those six are found", () => {
    for (const seed of [1, 7, 4_711]) assert.deepEqual(selfTest(seed), { found: 6, planted: 6, wrong: [] });
  });
  for (const kind of ["loss", "double", "amount", "reorder", "ghost", "lying ack"])
    test(`the self-test fails when the ${kind} is not there to be found`, () => {
      const told = selfTest(3, kind);
      assert.equal(told.found, 5);
      assert.match(told.wrong[0] ?? "", new RegExp(`^${kind}: `));
    });
});

describe("kill points are taken from the code", () => {
  const source = (text: string, path = "domain/x.ts") => ({ path, text });
  test("calls are found, comments are not", () => {
    const found = killPointsOf([source('failpoint("a.before-b"); // failpoint("no.comment")\nif (x) failpoint( "a.after-b" );')]);
    assert.deepEqual(
      found.map((one) => one.name),
      ["a.after-b", "a.before-b"],
    );
  });
  test("a name that is no literal, or stands in two files, is refused", () => {
    assert.throws(() => killPointsOf([source("failpoint(name)")]), /does not name a literal/);
    assert.throws(
      () => killPointsOf([source('failpoint("a.b")'), source('failpoint("a.b")', "domain/y.ts")]),
      /domain\/x\.ts and in domain\/y\.ts/,
    );
  });
});
