import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { because, inBoth, stored, WHY, type WhyCode, why, whyOf } from "./why.ts";

describe("why an attempt ended as it did", () => {
  for (const [held, code, zh, en] of [
    ["acknowledged", "acknowledged", "对方已确认", "acknowledged by the partner"],
    [
      "no-reply: ECONNRESET: closed, early",
      "no-reply",
      "已发出，没有收到完整应答：ECONNRESET: closed, early",
      "it left us, and no whole reply came: ECONNRESET: closed, early",
    ],
    [
      "other-amount: 1651, 1650",
      "other-amount",
      "应答金额 1651 分与发送的 1650 分不一致",
      "the reply's amount 1651 fen is not the 1650 fen sent",
    ],
    [
      "done-uncompared: 金额 ¦ amount",
      "done-uncompared",
      "应答代码为成功，但没有可核对的金额",
      "the code says done, but there is no amount to compare",
    ],
    ["unlisted-code: $& $1", "unlisted-code", "代码 $& $1 未列入应答约定", "code $& $1 is not listed in the ack contract"],
    [
      "lease expired: nobody saw the end of this attempt",
      undefined,
      "lease expired: nobody saw the end of this attempt",
      "lease expired: nobody saw the end of this attempt",
    ],
    ["constructor", undefined, "constructor", "constructor"],
    ["", undefined, "", ""],
  ] as const)
    test(`“${held}” is ${code ?? "shown as it stands"}`, () =>
      assert.deepEqual(whyOf(held), { ...(code === undefined ? {} : { code }), zh, en }));

  test("every code is stored and read back in both languages, with and without a detail", () => {
    for (const code of Object.keys(WHY) as WhyCode[]) {
      for (const one of [because(code), because(code, inBoth("甲", "A")), because(code, "7", "8")]) {
        assert.deepEqual(whyOf(stored(one)), { code, zh: one.zh, en: one.en });
        assert.doesNotMatch(one.zh + one.en, /\{\d\}/, code);
        assert.ok(one.zh !== "" || code === "listed-fault", code);
      }
      assert.ok(!code.includes(": "));
    }
    assert.equal(why("busy", "9"), "busy: 9");
  });
});
