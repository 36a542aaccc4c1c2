/** Every saying of the partner in every standing of the write-back: the table that the docs print, held against what must never happen. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Reading } from "../writeback/dialect.ts";
import type { WriteBackState } from "../writeback/ports.ts";
import { PARK } from "../writeback/reasons.ts";
import { rule, type Saying, sayingOf, type Standing } from "./ruling.ts";
import { acknowledgementRows } from "./table.ts";

const SAYINGS: readonly Saying[] = ["done", "rejected", "other", "pending", "nothing"];
const RECEIPT = { code: "0", partnerNo: "N1", amountFen: 1_650n, serial: "S1" };
const sent = { key: "k", amountFen: 1_650n, serial: "S1" };
const standing = (state: WriteBackState, over: Partial<Standing> = {}): Standing => ({ state, sent: true, firstSend: false, ...over });

const ROWS: readonly [what: string, saying: Saying, standing: Standing, state: string, move: string][] = [
  ["the awaited proof", "done", standing("deferred"), "applied", "finish"],
  ["a proof before the reply", "done", standing("sending", { firstSend: true }), "early", "finish"],
  ["a proof while it is sent again", "done", standing("sending"), "late", "finish"],
  ["a proof while a resend waits", "done", standing("waiting"), "late", "finish"],
  ["a proof of what was put back into its lane", "done", standing("queued"), "late", "finish"],
  ["a proof of what parked as overdue", "done", standing("parked", { parked: "ANSWER_OVERDUE" }), "late", "finish"],
  ["a proof of what it rejected", "done", standing("parked", { parked: "REJECTED" }), "differs", "none"],
  ["a proof of what a person cancelled", "done", standing("resolved", { resolution: "cancelled" }), "differs", "none"],
  ["a proof of what two people superseded", "done", standing("resolved", { resolution: "superseded" }), "differs", "none"],
  [
    "a proof of what a person did by hand, same number",
    "done",
    standing("resolved", { resolution: "done-by-hand", hisReceiptNo: "N1" }),
    "duplicate",
    "none",
  ],
  [
    "a proof of what a person did by hand, other number",
    "done",
    standing("resolved", { resolution: "done-by-hand", hisReceiptNo: "N9" }),
    "differs",
    "none",
  ],
  ["the same proof again", "done", standing("acknowledged", { receipt: RECEIPT }), "duplicate", "none"],
  ["a proof with another receipt", "done", standing("acknowledged", { receipt: { ...RECEIPT, partnerNo: "N9" } }), "differs", "none"],
  ["a refusal of what is acknowledged", "rejected", standing("acknowledged", { receipt: RECEIPT }), "differs", "none"],
  ["a refusal that was awaited", "rejected", standing("deferred"), "applied", "park-rejected"],
  ["a refusal before the reply", "rejected", standing("sending", { firstSend: true }), "early", "park-rejected"],
  ["a refusal while it is sent again", "rejected", standing("sending"), "late", "none"],
  ["a refusal of what parked as unclear", "rejected", standing("parked", { parked: "UNCLEAR" }), "late", "repark-rejected"],
  ["the same refusal again", "rejected", standing("parked", { parked: "REJECTED" }), "duplicate", "none"],
  ["another amount of what is open", "other", standing("deferred"), "differs", "park-differs"],
  ["another amount of what is being sent", "other", standing("sending", { firstSend: true }), "differs", "park-differs"],
  ["another amount of what parked as unclear", "other", standing("parked", { parked: "UNCLEAR" }), "differs", "repark-differs"],
  ["another amount of what is acknowledged", "other", standing("acknowledged", { receipt: RECEIPT }), "differs", "none"],
  ['"still working"', "pending", standing("deferred"), "duplicate", "none"],
  ["nothing by the contract", "nothing", standing("deferred"), "unclear", "none"],
];

describe("acknowledgements on their own way", () => {
  for (const [what, saying, where, state, move] of ROWS)
    test(`${what} → ${state}, ${move}`, () => assert.deepEqual(rule(saying, where, RECEIPT), { state, move }));

  test("what was never sent is never touched, whatever comes (Mirth #1441)", () => {
    for (const saying of SAYINGS)
      for (const state of ["held", "queued", "waiting", "parked"] as const)
        assert.deepEqual(rule(saying, standing(state, { sent: false }), RECEIPT), { state: "unexpected", move: "none" });
  });

  test("a closed write-back never moves, and only a proof finishes", () => {
    for (const saying of SAYINGS) {
      for (const state of ["acknowledged", "resolved"] as const)
        for (const resolution of ["done-by-hand", "cancelled", "superseded"])
          assert.equal(rule(saying, standing(state, { receipt: RECEIPT, resolution }), RECEIPT).move, "none");
      for (const state of ["deferred", "sending", "waiting", "queued", "parked"] as const)
        for (const parked of Object.keys(PARK))
          if (saying !== "done") assert.notEqual(rule(saying, standing(state, { parked }), RECEIPT).move, "finish", `${saying} ${state}`);
    }
  });

  test("no reason to park is forgotten: each is either the partner's word, or open to a proof", () => {
    for (const parked of Object.keys(PARK)) {
      const { state, move } = rule("done", standing("parked", { parked }), RECEIPT);
      const word = ["REJECTED", "ALREADY_DONE_DIFFERS", "RECEIPT_DIFFERS"].includes(parked);
      assert.deepEqual([state, move], word ? ["differs", "none"] : ["late", "finish"], parked);
    }
  });

  const readings: readonly [Partial<Reading> & Pick<Reading, "outcome">, Saying][] = [
    [{ outcome: "acknowledged", amountFen: 1_650n, serial: "S1" }, "done"],
    [{ outcome: "acknowledged", how: "already-done", amountFen: 1_650n, serial: "S1" }, "done"],
    [{ outcome: "acknowledged", amountFen: 1_651n, serial: "S1" }, "other"],
    [{ outcome: "acknowledged", amountFen: 1_650n }, "nothing"],
    [{ outcome: "unclear", claims: "done", amountFen: 1n }, "other"],
    [{ outcome: "unclear", amountFen: 1n }, "nothing"],
    [{ outcome: "rejected" }, "rejected"],
    [{ outcome: "rejected", serial: "S9" }, "other"],
    [{ outcome: "deferred" }, "pending"],
    [{ outcome: "busy" }, "nothing"],
    [{ outcome: "not-found" }, "nothing"],
  ];
  for (const [reading, saying] of readings)
    test(`${reading.outcome}${reading.amountFen === undefined ? "" : ` of ${reading.amountFen} fen`}${reading.serial === undefined ? "" : ` ${reading.serial}`} says ${saying}`, () =>
      assert.equal(sayingOf({ why: "test", ...reading }, sent), saying));

  test("the printed table is the code's, row by row", () => {
    const rows = acknowledgementRows();
    assert.ok(rows.length > 40);
    for (const { saying, standing: where, ruling } of rows) assert.deepEqual(rule(saying, where.standing, where.told), ruling, where.en);
  });
});
