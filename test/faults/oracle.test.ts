import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Sent } from "../hospital/oracle.ts";
import { killPointsOf } from "./kill-points.ts";
import { judge, selfTest, supersededName } from "./oracle.ts";

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

test("a payment and its whole refund, neither told, are lost unless the journal shows both as superseded", () => {
  const paid: Sent = { kind: "payment-confirm", order: "DJ1", serial: "ZF1", amount: "5", lane: "DJ1", seq: 2 };
  const back: Sent = { kind: "refund-confirm", order: "DJ1", serial: "TK1", amount: "5", lane: "DJ1", seq: 3, takesBack: 2 };
  const row = { kind: "payment-confirm", lane: "bill:DJ1", serial: "ZF1", cause: "payment.settled" };
  const [first, second] = [supersededName(row), supersededName({ ...row, kind: "refund-confirm", serial: "TK1" })];
  const lost = (superseded: readonly string[], sent = [paid, back]): readonly string[] =>
    judge({ sent, ledger: [], acks: [], rows: [], superseded: new Set(superseded) }).lost;
  assert.deepEqual(lost([first, second]), []);
  assert.deepEqual(lost([]), [first, second]);
  assert.deepEqual(lost([first]), [second]);
  assert.deepEqual(lost([second]), [first]);
  // The refund was never taken: it excuses nothing.
  assert.deepEqual(lost([], [paid, { ...back, optional: true }]), [first]);
  assert.equal(
    supersededName({ kind: "insurance-result", lane: "bill:DJ1", serial: "S", cause: "insurance.reversed" }),
    "insurance-result DJ1 action=reverse",
  );
  assert.equal(selfTest(3, "superseded").found, 5);
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
