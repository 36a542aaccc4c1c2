import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureOfEnd, failureOfMessage, groupKey, normaliseReason, REASON_CHARS_MAX } from "./groups.ts";

describe("C-7 a reason without what differs from case to case", () => {
  const same: readonly (readonly string[])[] = [
    ["单据 B20261120001 不存在", "单据 B20261121937 不存在"],
    ["金额 165.00 元与应收 170 元不符", "金额 1.5 元与应收 22,000.00 元不符"],
    ["bill “A-1” is closed", "bill “整单退费” is closed"],
    ["lock timeout after 5000 ms at 2026-11-20 09:25:10", "lock timeout after 61 ms at 2026-11-21T10:00:00.123+08:00"],
    ["ORA-00001: unique (0xdeadbeef)", "ORA-00001: unique (0x12)"],
    ["trace 550e8400-e29b-41d4-a716-446655440000", "trace 6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
    ["流水号 ZF202611200001 已存在", "流水号 ZF9900 已存在"],
    ["金额１２元不符", "金额 34元不符".replace(" ", "")],
    ["患者张三余额不足", "患者李四余额不足"],
    ["姓名：王小明，身份证 110101199003071234 不存在", "姓名：欧阳修，身份证 320102198812120021 不存在"],
    ["<XM>李四</XM> is locked", "<XM>张三丰</XM> is locked"],
  ];
  for (const [one = "", other = ""] of same) {
    test(`${one} = ${other}`, () => assert.equal(normaliseReason(one), normaliseReason(other)));
  }
  const different: readonly (readonly string[])[] = [
    ["单据不存在", "单据已关闭"],
    ["connect ECONNREFUSED 127.0.0.1:80", "connect ETIMEDOUT 127.0.0.1:80"],
    ["not utf8", "not gbk"],
  ];
  for (const [one = "", other = ""] of different) {
    test(`${one} ≠ ${other}`, () => assert.notEqual(normaliseReason(one), normaliseReason(other)));
  }
  test("no name is left in it", () => {
    for (const text of ["患者张三余额不足", "姓名：王小明，不存在", "brxm=李四 locked", "病人欧阳修 单据已关闭"])
      assert.doesNotMatch(normaliseReason(text), /张三|王|小明|李四|阳修/, normaliseReason(text));
  });
  test("is bounded, and never cut inside a character", () => {
    const reason = normaliseReason("𠮷".repeat(5_000));
    assert.equal([...reason].length, REASON_CHARS_MAX);
    assert.ok(reason.isWellFormed());
  });
});

describe("C-7 what is a failure", () => {
  const end = { action: "send", outcome: "rejected", step: "park", why: "the partner refused it" } as const;
  test("an acknowledgement, an answer that follows and a trusted “not found” are none", () => {
    assert.equal(failureOfEnd("his", { ...end, step: "finish", outcome: "acknowledged" }), undefined);
    assert.equal(failureOfEnd("his", { ...end, step: "wait", outcome: "deferred" }), undefined);
    assert.equal(failureOfEnd("his", { ...end, action: "ask", step: "resend", outcome: "unsent" }), undefined);
  });
  test("the partner's code and words come first, then ours", () => {
    const told = failureOfEnd("his", { ...end, code: "E7", text: "单据 B1001 不存在" });
    assert.deepEqual([told?.code, told?.reason, told?.example], ["E7", "单据 <id> 不存在", "单据 B1001 不存在"]);
    const park = { code: "UNCLEAR", zh: "", en: "", advice: { zh: "", en: "" } };
    assert.equal(failureOfEnd("his", { ...end, outcome: "unclear", park })?.code, "UNCLEAR");
    assert.equal(failureOfEnd("his", { ...end, outcome: "unclear", step: "resend", status: 502 })?.code, "HTTP 502");
    assert.equal(failureOfEnd("his", { ...end, outcome: "unsent", step: "resend" })?.code, "unsent");
  });
  test("a message by its sender, kind, code and first problem", () => {
    const problems = [{ code: "missing", at: "/X", place: "PAY_TOTAL_FEE", zh: "PAY_TOTAL_FEE：必填项缺失", en: "is required" }];
    const told = failureOfMessage({ partner: "jkt", kind: "pay-order" }, { code: "NOT_TRANSLATABLE", zh: "无法翻译", problems });
    assert.deepEqual([told.code, told.reason], ["NOT_TRANSLATABLE/missing", "PAY_TOTAL_FEE：必填项缺失"]);
    assert.notEqual(groupKey(told), groupKey({ ...told, kind: "refund" }));
  });
});
