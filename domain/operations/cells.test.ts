import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { csvLine, csvOf, neutralCell } from "./cells.ts";

describe("A38 a spreadsheet computes nothing that a partner wrote", () => {
  for (const start of [
    "=",
    "+",
    "-",
    "−",
    "@",
    "＝",
    "＋",
    "－",
    "＠",
    "﹦",
    "\t",
    "\r",
    "\n",
    " =",
    "\u3000＝",
    "\u200B=",
    "\t=",
    "\r\n+",
  ]) {
    test(`${JSON.stringify(start)} begins no formula`, () => {
      const cell = neutralCell(`${start}cmd|'/c calc'!A1`);
      assert.equal(cell.charAt(0), "'", cell);
      assert.ok(!/[\t\r\n]/.test(cell));
    });
  }
  const kept: readonly string[] = ["", "张三", "B20261120001", "1650.00", "a=b", "x-1", "2026-11-20T09:25:10.000+08:00", "'quoted'"];
  for (const text of kept) test(`“${text}” stays as it is`, () => assert.equal(neutralCell(text), text));
  test("is one line, whatever the text holds", () => {
    assert.equal(neutralCell("a\r\n=b\u2028c\u0000d"), "a =b c d");
  });
  test("quotes, separators of any locale and absent values are RFC 4180", () => {
    assert.equal(csvLine(['a"b', "c,d;e", undefined, "=1"]), '"a""b","c,d;e","","\'=1"\r\n');
    assert.equal(csvOf(["单号"], [["1"], [undefined]]), '\uFEFF"单号"\r\n"1"\r\n""\r\n');
  });
});
