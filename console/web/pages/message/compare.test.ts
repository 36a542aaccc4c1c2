import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { byValue, formatOf, leavesOf, linesOf, plainValue } from "./compare.ts";

describe("payloads of two hops", () => {
  for (const [text, format] of [
    ['{"a":1}', "json"],
    ['{"a":', "text"],
    ["  <a/>", "xml"],
    ["MSH|^~\\&|LIS", "text"],
  ] as const)
    test(`${text} is ${format}`, () => assert.equal(formatOf(text), format));

  test("one thing a line", () => {
    assert.equal(linesOf("<a><b>1</b></a>"), "<a>\n<b>1</b>\n</a>");
    assert.equal(linesOf('{"a":[1]}'), '{\n  "a": [\n    1\n  ]\n}');
    assert.equal(linesOf("MSH|1\rPID|2\r"), "MSH|1\nPID|2\n");
  });
  test("the values of XML, with attributes and CDATA; of JSON; of HL7", () => {
    assert.deepEqual(leavesOf('<p no="ZF1"><t><![CDATA[165.00]]></t><e></e></p>'), [
      { place: "t", value: "165.00" },
      { place: "p@no", value: "ZF1" },
    ]);
    assert.deepEqual(leavesOf('{"data":{"bills":[{"no":"B1"}]},"n":null}'), [{ place: "data.bills.0.no", value: "B1" }]);
    assert.deepEqual(leavesOf("PID|1||P7^^^HIS").slice(-2), [
      { place: "PID-3", value: "P7" },
      { place: "PID-6", value: "HIS" },
    ]);
  });
  for (const [one, other] of [
    ["165.00", "16500"],
    ["0.05", "5"],
    ["2026-11-20", "20261120"],
    ["2026-11-20T09:25:10.000+08:00", "20261120092510"],
    [" a ", "a"],
  ] as const)
    test(`${one} = ${other}`, () => assert.equal(plainValue(one), plainValue(other)));
  test("where a value went, what was left behind, what is new", () => {
    const rows = byValue(
      "<Pay><No>ZF1</No><Total>165.00</Total><Memo>x</Memo></Pay>",
      '{"paymentNo":"ZF1","total":"16500","type":"payment.settled"}',
    );
    assert.deepEqual(
      rows.map(({ value, left, right }) => [value, left, right]),
      [
        ["x", ["Memo"], []],
        ["ZF1", ["No"], ["paymentNo"]],
        ["165.00", ["Total"], ["total"]],
        ["payment.settled", [], ["type"]],
      ],
    );
  });
});
