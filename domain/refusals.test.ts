import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusalCode, REFUSALS, refusal, refusalText } from "./refusals.ts";

test("every refusal code has a status, a sentence in both languages and a next step", () => {
  for (const [code, text] of Object.entries(REFUSALS)) {
    assert.match(code, /^[A-Z][A-Z_]+$/);
    assert.ok(text.http >= 400 && text.http <= 503, code);
    assert.match(text.zh, /\p{Script=Han}/u, code);
    assert.match(text.next.zh, /\p{Script=Han}/u, code);
    assert.match(text.en, /^[A-Z][^\p{Script=Han}]+$/u, code);
    assert.match(text.next.en, /^[A-Z][^\p{Script=Han}]+$/u, code);
  }
});

test("a refusal says its code's sentence first, then the detail, and keeps place and node", () => {
  const bare = refusal("TOO_LARGE");
  assert.deepEqual(bare, { code: "TOO_LARGE", zh: REFUSALS.TOO_LARGE.zh, en: REFUSALS.TOO_LARGE.en });
  const full = refusal("BRANCH_THREW", { zh: "超时", en: "timed out", node: { id: "1", type: "function" }, place: "出参" });
  assert.equal(full.zh, `${REFUSALS.BRANCH_THREW.zh}：超时`);
  assert.equal(full.en, `${REFUSALS.BRANCH_THREW.en}: timed out`);
  assert.deepEqual(full.node, { id: "1", type: "function" });
  assert.equal(full.place, "出参");
});

test("codes of other lists have no text here", () => {
  assert.equal(isRefusalCode("toString"), false);
  assert.equal(refusalText("missing"), undefined);
  assert.equal(refusalText("NO_FLOW")?.http, 422);
});
