import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { letterAt, lettersOf, rowsOf, shownLetter } from "./bytes-places.ts";

/** 姓名|张三\r as GBK: the second byte of a character may look like `|`. */
const GBK = { hex: "d0d5c3fb7cd5c5c8fd0d", text: "姓名|张三\r", widths: "221221" };

describe("places of bytes and characters", () => {
  const letters = lettersOf(GBK);
  test("every byte leads to its character and back", () => {
    const found = Array.from({ length: 10 }, (_, byte) => letters[letterAt(letters, byte)]?.letter);
    assert.deepEqual(found, ["姓", "姓", "名", "名", "|", "张", "张", "三", "三", "\r"]);
    assert.equal(letterAt(letters, 10), -1);
    assert.deepEqual(letters[3], { letter: "张", at: 5, width: 2 });
  });
  test("a row has the characters that begin in it", () => {
    const hex = "d5c5".repeat(9).slice(2);
    const rows = rowsOf(`41${hex}`, lettersOf({ hex: `41${hex}`, text: `A${"张".repeat(8)}`, widths: `1${"2".repeat(8)}` }));
    assert.deepEqual(
      rows.map(({ offset, bytes, from, to }) => [offset, bytes.length, from, to]),
      [
        [0, 16, 0, 9],
        [16, 2, 9, 9],
      ],
    );
  });
  test("bytes of no charset stand for themselves", () => {
    assert.deepEqual(
      lettersOf({ hex: "41ff20" }).map(({ letter }) => letter),
      ["A", "·", " "],
    );
    assert.equal(shownLetter("\r"), "←");
  });
});
