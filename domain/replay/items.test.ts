import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MessageState } from "../journal/ports.ts";
import type { WriteBackState } from "../writeback/ports.ts";
import { counted, NO_COUNTS, messageItemRuling, writeBackItemRuling, writeBackTurnRuling } from "./items.ts";
import { selectionOf } from "./selection.ts";

const ASKED = { inquiry: "his/inquiry" };
const SILENT = {};
const terms = { reason: "HIS 已修复", confirmedChecked: false, includeSuperseded: false };
const row = { mayHaveTakenEffect: false, superseded: false, taken: false };

describe("C-7 what a job would do with a write-back", () => {
  const states: Readonly<Record<WriteBackState, string>> = {
    held: "refused NOT_DUE",
    queued: "refused NOT_HEAD",
    waiting: "planned ask",
    sending: "refused IN_FLIGHT",
    deferred: "planned ask",
    parked: "planned ask",
    acknowledged: "skipped ALREADY_CLOSED",
    resolved: "skipped ALREADY_CLOSED",
  };
  for (const [state, told] of Object.entries(states))
    test(`${state}: ${told}`, () => {
      const ruling = writeBackItemRuling({ ...row, state: state as WriteBackState }, ASKED, terms);
      assert.equal(`${ruling.is} ${ruling.is === "planned" ? ruling.how : ruling.code}`, told);
    });
  test("acknowledged is skipped whatever the job says", () => {
    const all = { ...terms, confirmedChecked: true, includeSuperseded: true };
    assert.equal(writeBackItemRuling({ ...row, state: "acknowledged", superseded: true }, ASKED, all).is, "skipped");
  });
  test("who cannot be asked needs a person to have looked; a superseded one a job that says so; a taken one another time", () => {
    const parked = { ...row, state: "parked" as const };
    const told = (over: object, view: object = {}, policy: object = SILENT) =>
      writeBackItemRuling({ ...parked, ...view }, policy, { ...terms, ...over });
    assert.deepEqual(told({}), { is: "refused", code: "CONFIRM_REQUIRED" });
    assert.deepEqual(told({ confirmedChecked: true }), { is: "planned", how: "send", superseded: false });
    assert.deepEqual(writeBackItemRuling(parked, undefined, terms), { is: "refused", code: "UNKNOWN_DESTINATION" });
    assert.deepEqual(told({}, { taken: true }, ASKED), { is: "refused", code: "ANOTHER_REPLAY" });
    const overtaken = { state: "resolved", superseded: true };
    assert.deepEqual(told({}, overtaken, ASKED), { is: "refused", code: "SUPERSEDED" });
    assert.deepEqual(told({ includeSuperseded: true }, overtaken, ASKED), { is: "planned", how: "ask", superseded: true });
    assert.deepEqual(writeBackItemRuling(undefined, ASKED, terms), { is: "refused", code: "UNKNOWN_WRITE_BACK" });
  });
});

describe("C-7 what a job would do with a message", () => {
  const states: Readonly<Record<MessageState, string>> = {
    "awaiting-part": "refused MESSAGE_IN_WORK",
    received: "refused MESSAGE_IN_WORK",
    settled: "skipped MESSAGE_NOT_PARKED",
    duplicate: "skipped MESSAGE_NOT_PARKED",
    parked: "planned feed",
    resolved: "skipped MESSAGE_RESOLVED",
  };
  for (const [state, told] of Object.entries(states))
    test(`${state}: ${told}`, () => {
      const ruling = messageItemRuling({ state: state as MessageState, hasRequest: true, taken: false });
      assert.equal(`${ruling.is} ${ruling.is === "planned" ? ruling.how : ruling.code}`, told);
    });
  test("one without its request, one of another job, one that is not there", () => {
    assert.deepEqual(messageItemRuling({ state: "parked", hasRequest: false, taken: false }), {
      is: "refused",
      code: "MESSAGE_INCOMPLETE",
    });
    assert.deepEqual(messageItemRuling({ state: "parked", hasRequest: true, taken: true }), { is: "refused", code: "ANOTHER_REPLAY" });
    assert.deepEqual(messageItemRuling(undefined), { is: "refused", code: "UNKNOWN_MESSAGE" });
  });
});

test("C-7 counts add up: frozen = planned + skipped + refused, money of the planned only", () => {
  let counts = NO_COUNTS;
  counts = counted(counts, { is: "planned", how: "ask", superseded: false }, 100n);
  counts = counted(counts, { is: "planned", how: "send", superseded: true }, undefined);
  counts = counted(counts, { is: "skipped", code: "ALREADY_CLOSED" }, 700n);
  counts = counted(counts, { is: "refused", code: "SUPERSEDED" }, 700n);
  counts = counted(counts, { is: "refused", code: "NOT_HEAD" }, 700n);
  assert.deepEqual(counts, {
    frozen: 5,
    planned: 2,
    skipped: 1,
    superseded: 2,
    supersededPlanned: 1,
    refused: { SUPERSEDED: 1, NOT_HEAD: 1 },
    how: { ask: 1, send: 1 },
    fen: "100",
    grossFen: "100",
    withoutAmount: 1,
    more: false,
  });
});

test("C-7 amounts of either sign count toward the limit of one person", () => {
  const planned = { is: "planned", how: "ask", superseded: false } as const;
  const counts = counted(counted(NO_COUNTS, planned, 900_000n), planned, -900_000n);
  assert.deepEqual([counts.fen, counts.grossFen], ["0", "1800000"]);
});

test("C-7 one that was to be asked about is not sent instead when the partner can no longer be asked", () => {
  const view = { ...row, state: "parked" as const, attempts: 1 };
  const told = (how: "ask" | "send", attempts: number) =>
    writeBackTurnRuling({ how, superseded: false, attempts }, view, SILENT, { ...terms, confirmedChecked: true });
  assert.deepEqual(told("send", 1), { is: "planned", how: "send", superseded: false });
  assert.deepEqual(told("ask", 1), { is: "refused", code: "CONFIRM_REQUIRED" });
  assert.deepEqual(told("send", 0), { is: "refused", code: "CONFIRM_REQUIRED" });
});

test("C-7 a selection's ids are told once, in one order", () => {
  const chosen = selectionOf("write-backs", { ids: ["b", "a", "b"] });
  assert.deepEqual(chosen, { ok: true, selection: { by: "ids", ids: ["a", "b"] } });
  assert.equal(selectionOf("messages", { sinceMs: 1, state: "waiting" }).ok, false);
});
