import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cardCheck, disguise, personalOf } from "./disguise.ts";

const CARD = "11010519491231002X"; // GB 11643-1999's own example

describe("a message without anybody's data", () => {
  const cases: readonly (readonly [string, string, RegExp | string])[] = [
    ["a name in a leaf keeps its length", "<PatientName>张三丰</PatientName>", "<PatientName>张某某</PatientName>"],
    ["a name in Latin letters", "<PatientName>ZHANG SAN</PatientName>", /^<PatientName>[^*]+<\/PatientName>$/],
    ["a phone", "电话 13812345678 完", "电话 13800005678 完"],
    ["JSON members", '{"psn_name":"李四","total":"1650"}', '{"psn_name":"李某","total":"1650"}'],
    ["what is nobody's stays", "<BillNo>R20261120000123</BillNo>", "<BillNo>R20261120000123</BillNo>"],
  ];
  for (const [name, given, wanted] of cases)
    test(name, () => {
      const got = disguise(given);
      if (typeof wanted === "string") assert.equal(got, wanted);
      else assert.match(got, wanted);
      assert.equal(disguise(given), got);
    });

  test("what the mapping knows for a name is hidden wherever the message writes it", () => {
    const known = personalOf({ patient: { name: "喆堃犇镕", no: "P1" }, total: "1650" });
    assert.deepEqual(known, [["喆堃犇镕", "喆***"]]);
    assert.equal(
      disguise('<Patient no="P1" name="喆堃犇镕"/><Memo>喆堃犇镕取药</Memo>', known),
      '<Patient no="P1" name="喆某某某"/><Memo>喆某某某取药</Memo>',
    );
  });

  test("an identity card becomes one of nobody that checks, and two people stay two", () => {
    assert.equal(cardCheck(CARD.slice(0, 17)), "X");
    const [one, other] = [CARD, "110105194912310070"].map((card) => disguise(`<x>${card}</x>`).slice(3, 21));
    for (const card of [one, other]) {
      assert.match(card ?? "", /^11010119900101\d{3}[\dX]$/);
      assert.equal(cardCheck((card ?? "").slice(0, 17)), card?.[17]);
    }
    assert.notEqual(one, other);
  });
});
