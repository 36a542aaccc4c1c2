import assert from "node:assert/strict";
import { describe, test } from "node:test";
import iconv from "iconv-lite";
import { maskText } from "./masking.ts";
import { maskedAlike, rawWindow, type RawWindow } from "./raw-window.ts";

const gbk = (text: string): Uint8Array => iconv.encode(text, "gbk");
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Every character with its own bytes. */
const pairs = ({ text = "", widths = "", hex = "" }: RawWindow): string[] => {
  let at = 0;
  return [...text].map((letter, index) => {
    const width = Number(widths[index]) * 2;
    at += width;
    return `${letter}=${hex.slice(at - width, at)}`;
  });
};

describe("bytes beside the text they say", () => {
  test("GBK: a second byte that looks like | ^ or a letter belongs to its character", () => {
    const window = rawWindow(gbk("a|亅俕|剘"), { declared: "gbk", from: 0, length: 100 });
    assert.deepEqual(pairs(window), ["a=61", "|=7c", "亅=817c", "俕=825e", "|=7c", "剘=847e"]);
    assert.equal(window.charset, "gbk");
  });
  test("GB18030: four bytes are one character", () => {
    const window = rawWindow(iconv.encode("㐂丂𠀀x", "gb18030"), { declared: "gb18030", from: 0, length: 100 });
    assert.equal(window.text, "㐂丂𠀀x");
    assert.equal(window.widths, "4241");
  });
  test("UTF-8: one to four bytes, the byte order mark left out", () => {
    const window = rawWindow(Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8("aé张𠮷")), { from: 0, length: 100 });
    assert.deepEqual([window.from, window.text, window.widths, window.hex], [3, "aé张𠮷", "1234", "61c3a9e5bca0f0a0aeb7"]);
  });
  test("a piece begins and ends between characters", () => {
    const bytes = gbk("张三李四王五");
    const window = rawWindow(bytes, { declared: "gbk", from: 3, length: 4 });
    assert.deepEqual([window.from, window.length, window.text, window.bytes], [2, 4, "三李", 12]);
    assert.equal(rawWindow(bytes, { declared: "gbk", from: 11, length: 4 }).text, "五");
    assert.equal(rawWindow(bytes, { declared: "gbk", from: 500, length: 4 }).text, "");
  });
  test("pieces put together are the whole", () => {
    const text = "<XM>张三</XM><JE>165.00</JE>亅|".repeat(400);
    const bytes = gbk(text);
    let told = "";
    for (let from = 0; from < bytes.length; ) {
      const window = rawWindow(bytes, { declared: "gbk", from, length: 777 });
      assert.equal(window.from, from);
      told += window.text;
      from += window.length;
    }
    assert.equal(told, text);
  });
  test("what masking hides of the text is hidden of the bytes, also across the edge of a piece", () => {
    const bytes = gbk("<XM>张三丰</XM><SFZ>110101199003071234</SFZ><JE>165.00</JE>");
    const window = rawWindow(bytes, { declared: "gbk", from: 0, length: 100, mask: maskText });
    assert.equal(window.text, "<XM>张**</XM><SFZ>110*************34</SFZ><JE>165.00</JE>");
    assert.ok(window.hex?.startsWith("3c584d3ed5c5********3c2f"), window.hex);
    const inside = rawWindow(bytes, { declared: "gbk", from: 22, length: 10, mask: maskText });
    assert.doesNotMatch(inside.text ?? "", /\d{5}/);
    assert.match(inside.hex ?? "", /^(?:[*]{2}|..)+$/);
    assert.ok(inside.hex?.includes("****"));
  });
  test("where the masked text has another length, the field is hidden whole", () => {
    assert.equal(maskedAlike('{"password":"hunter2","a":"1"}', '{"password":"***","a":"1"}'), '{"password":"*******","a":"1"}');
    assert.equal(maskedAlike("a,b", "***"), "***", "of another shape: nothing is shown");
  });
  test("bytes of no charset are not shown masked", () => {
    const bytes = Uint8Array.of(0xff, 0x80, 0xff);
    assert.deepEqual(rawWindow(bytes, { from: 0, length: 10, mask: maskText }), { bytes: 3, from: 0, length: 3 });
    assert.deepEqual(rawWindow(bytes, { from: 1, length: 10 }), { bytes: 3, from: 1, length: 2, hex: "80ff" });
  });
});
