import assert from "node:assert/strict";
import { test } from "node:test";
import { PROBLEM } from "./problem.ts";
import { isRefusalCode, nextOf, REFUSALS, refusal, refusalText } from "./refusals.ts";

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

test("what to do next about a content nobody could translate is what its problems say; ours before the partner's", () => {
  const at = { at: "/x", place: "出参第1项", zh: "不一致", en: "differs" };
  const next = (...codes: string[]) => nextOf({ code: "NOT_TRANSLATABLE", problems: codes.map((code) => ({ ...at, code })) })?.en;
  assert.equal(next("unequal", "missing"), PROBLEM.unequal.nextEn);
  assert.match(next("unequal") ?? "", /partner/);
  assert.equal(next("unequal", "unmapped"), PROBLEM.unmapped.nextEn);
  assert.equal(next(), REFUSALS.NOT_TRANSLATABLE.next.en);
  assert.equal(next("of-another-list"), REFUSALS.NOT_TRANSLATABLE.next.en);
  assert.equal(nextOf({ code: "NO_FLOW" }), REFUSALS.NO_FLOW.next);
  assert.equal(nextOf({ code: "a-flow-said-so" }), undefined);
});
