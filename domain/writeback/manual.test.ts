import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cancelRuling, MANUAL, MANUAL_REFUSAL, replayRuling, resolveRuling } from "./manual.ts";
import type { WriteBackState } from "./ports.ts";
import { outcomesMarkdown, stepRows } from "./table.ts";

const reason = "已在HIS核对，未入账";
const askable = { inquiry: "his/inquiry" };
const refusalOf = (ruling: { readonly ok: boolean; readonly refusal?: string; readonly action?: string; readonly decision?: string }) =>
  ruling.ok ? (ruling.action ?? ruling.decision) : ruling.refusal;

void describe("what a person may do, by state", () => {
  const rows: readonly (readonly [WriteBackState, string, string, string])[] = [
    ["held", "NOT_DUE", "NOT_DUE", "cancelled"],
    ["queued", "NOT_HEAD", "NOT_HEAD", "cancelled"],
    ["waiting", "ask", "done-by-hand", "cancelled"],
    ["sending", "IN_FLIGHT", "IN_FLIGHT", "IN_FLIGHT"],
    ["deferred", "ask", "done-by-hand", "cancelled"],
    ["parked", "ask", "done-by-hand", "cancelled"],
    ["acknowledged", "ALREADY_CLOSED", "ALREADY_CLOSED", "ALREADY_CLOSED"],
    ["resolved", "ALREADY_CLOSED", "ALREADY_CLOSED", "ALREADY_CLOSED"],
  ];
  assert.equal(rows.length, Object.keys(MANUAL).length);
  for (const [state, replay, resolve, cancel] of rows) {
    test(state, () => {
      const view = { state, mayHaveTakenEffect: true };
      assert.equal(refusalOf(replayRuling(view, askable, {})), replay);
      assert.equal(refusalOf(resolveRuling(view, { reason, hisReceiptNo: "HIS1" })), resolve);
      assert.equal(refusalOf(cancelRuling(view, { reason, confirmedChecked: true })), cancel);
    });
  }
});

void describe("what it takes", () => {
  const parked = { state: "parked", mayHaveTakenEffect: true } as const;
  test("replay asks first where the partner can be asked, whatever the person says", () =>
    assert.deepEqual(replayRuling(parked, askable, { confirmedChecked: true, reason }), { ok: true, action: "ask", reason }));
  for (const [request, ruling] of [
    [{}, "CONFIRM_REQUIRED"],
    [{ reason }, "CONFIRM_REQUIRED"],
    [{ confirmedChecked: false, reason }, "CONFIRM_REQUIRED"],
    [{ confirmedChecked: true }, "REASON_REQUIRED"],
    [{ confirmedChecked: true, reason: " x " }, "REASON_REQUIRED"],
    [{ confirmedChecked: true, reason: "x".repeat(501) }, "REASON_REQUIRED"],
    [{ confirmedChecked: true, reason }, "send"],
  ] as const) {
    test(`replay where it cannot be asked, ${JSON.stringify(request).slice(0, 60)}: ${ruling}`, () =>
      assert.equal(refusalOf(replayRuling(parked, {}, request)), ruling));
  }
  test("nobody there", () => {
    assert.equal(refusalOf(replayRuling(undefined, askable, {})), "UNKNOWN_WRITE_BACK");
    assert.equal(refusalOf(resolveRuling(undefined, {})), "UNKNOWN_WRITE_BACK");
    assert.equal(refusalOf(cancelRuling(undefined, {})), "UNKNOWN_WRITE_BACK");
    assert.equal(refusalOf(replayRuling(parked, undefined, {})), "UNKNOWN_DESTINATION");
  });
  test("done by hand needs reason and receipt number", () => {
    assert.equal(refusalOf(resolveRuling(parked, { hisReceiptNo: "1" })), "REASON_REQUIRED");
    assert.equal(refusalOf(resolveRuling(parked, { reason, hisReceiptNo: "  " })), "RECEIPT_REQUIRED");
    assert.deepEqual(resolveRuling(parked, { reason, hisReceiptNo: " HIS1 " }), {
      ok: true,
      decision: "done-by-hand",
      reason,
      hisReceiptNo: "HIS1",
    });
  });
  test("cancel needs a reason, and a look when it may have taken effect", () => {
    assert.equal(refusalOf(cancelRuling(parked, {})), "REASON_REQUIRED");
    assert.equal(refusalOf(cancelRuling(parked, { reason })), "CONFIRM_REQUIRED");
    assert.equal(refusalOf(cancelRuling({ ...parked, mayHaveTakenEffect: false }, { reason })), "cancelled");
  });
});

void describe("the page for people", () => {
  test("says every outcome, reason and refusal that the code knows, in both languages", () => {
    const page = outcomesMarkdown();
    for (const { outcome, meaning } of stepRows()) for (const text of [outcome, meaning.zh, meaning.en]) assert.ok(page.includes(text));
    for (const refusal of new Set(Object.values(MANUAL).flatMap((by) => Object.values(by))))
      if (refusal) assert.ok(page.includes(MANUAL_REFUSAL[refusal].en));
    assert.match(page, /\| `unclear` \|.*\| resend \| resend \| ask \| park \|/);
  });
});
