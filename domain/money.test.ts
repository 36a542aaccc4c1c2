import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  fenFromFenText,
  fenFromYuan,
  fenOfValid,
  fenText,
  isFenText,
  negateFen,
  subtractFen,
  sumFen,
  yuanFromFen,
  ZERO_FEN,
} from "./money.ts";

const READABLE: readonly (readonly [string, string])[] = [
  ["0", "0"],
  ["0.00", "0"],
  ["0.01", "1"],
  ["0.1", "10"],
  ["16.5", "1650"],
  ["16.50", "1650"],
  ["16", "1600"],
  ["0016.50", "1650"],
  ["999999999999.99", "99999999999999"],
];
const REFUSED = [
  "",
  " ",
  " 16.50",
  "16.50 ",
  "16.500",
  "12.345",
  ".5",
  "5.",
  "+5",
  "-5.00",
  "1e2",
  "1,000.00",
  "¥16.50",
  "１６.５０",
  "16．50",
  "16。50",
  "1000000000000",
  "NaN",
  "Infinity",
  "0x10",
  "null",
  "16.5\n",
  "--5",
  "٣",
];

describe("money", () => {
  for (const [yuan, fen] of READABLE) {
    test(`${yuan} yuan is ${fen} fen`, () => {
      const amount = fenFromYuan(yuan);
      assert.ok(amount !== undefined);
      assert.equal(fenText(amount), fen);
    });
  }
  for (const text of REFUSED) {
    test(`${JSON.stringify(text)} is not an amount`, () => {
      assert.equal(fenFromYuan(text), undefined);
    });
  }

  test("a minus sign is read only where it was asked for", () => {
    assert.equal(fenFromYuan("-0.05", "signed"), -5n);
    assert.equal(fenFromYuan("-0.00", "signed"), 0n);
    assert.equal(fenFromFenText("-5"), undefined);
    assert.equal(fenFromFenText("-5", "signed"), -5n);
  });

  test("fen texts may carry leading zeros from partners, the JSON form may not", () => {
    assert.equal(fenFromFenText("0001650"), 1650n);
    for (const text of ["", "16.5", " 1", "1 ", "１", "1e3", "100000000000000000"]) assert.equal(fenFromFenText(text), undefined, text);
    assert.equal(isFenText("1650"), true);
    for (const text of ["01650", "-1", "-0", "1650.0", "", "1650\n"]) assert.equal(isFenText(text), false, text);
    assert.equal(isFenText("-1", "signed"), true);
    assert.throws(() => fenOfValid("01"), RangeError);
    assert.equal(fenOfValid("-12"), -12n);
  });

  test("yuan and fen are inverse, and sums are exact", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -99_999_999_999_999n, max: 99_999_999_999_999n }), { maxLength: 30 }), (numbers) => {
        const amounts = numbers.map((number) => fenOfValid(number.toString()));
        for (const amount of amounts) assert.equal(fenFromYuan(yuanFromFen(amount), "signed"), amount);
        assert.equal(
          sumFen(amounts),
          numbers.reduce((total, number) => total + number, 0n),
        );
      }),
    );
    assert.equal(yuanFromFen(negateFen(fenOfValid("5"))), "-0.05");
    assert.equal(subtractFen(fenOfValid("100"), fenOfValid("101")), -1n);
    assert.equal(sumFen([]), ZERO_FEN);
  });
});
