import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fenOfValid, yuanFromFen } from "../money.ts";
import { charsetOf, charsetOfContentType, charsetOfXmlDeclaration, decode, encodeText } from "./charset.ts";
import { readJson } from "./json.ts";
import { type KindOptions, readerOf, Unread, writerOf } from "./kinds.ts";
import { readXml, writeXml } from "./xml.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("S0-21 charsets", () => {
  test("names, precedence and fatal decoding", () => {
    for (const [name, charset] of [
      ["GBK", "gbk"],
      ["gb2312", "gbk"],
      ["GB18030", "gb18030"],
      ["UTF-8", "utf-8"],
      ["utf8", "utf-8"],
    ] as const)
      assert.equal(charsetOf(name), charset);
    for (const name of ["utf-16", "big5", "", "latin1"]) assert.equal(charsetOf(name), undefined);
    assert.equal(charsetOfContentType('text/xml; charset="GBK"; x=1'), "GBK");
    assert.equal(charsetOfContentType("text/xml"), undefined);
    assert.equal(charsetOfXmlDeclaration(utf8('<?xml version="1.0" encoding="GBK"?><a/>')), "GBK");
    assert.equal(charsetOfXmlDeclaration(utf8("<a encoding='x'/>")), undefined);
    assert.equal(decode(new Uint8Array([0xc4]), "gbk"), undefined);
    assert.equal(decode(utf8("\uFFFD"), "utf-8"), undefined);
    assert.equal(decode(new Uint8Array([0x84, 0x31, 0xa4, 0x37]), "gb18030"), undefined);
  });

  test("Chinese that a charset has comes back the same; what it lacks is refused, never a question mark", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.constantFrom("utf-8", "gbk", "gb18030"), (text, charset) => {
        const bytes = encodeText(text, charset as "gbk");
        if (bytes && !text.startsWith("\uFEFF")) assert.equal(decode(bytes, charset as "gbk"), text);
      }),
    );
    assert.equal(encodeText("龥😀", "gbk"), undefined);
    assert.equal(decode(encodeText("喆堃犇镕𠀀😀", "gb18030") ?? new Uint8Array(), "gb18030"), "喆堃犇镕𠀀😀");
    assert.equal(encodeText("\ud800", "utf-8"), undefined);
  });
});

describe("C-5 XML and JSON", () => {
  for (const bad of [
    "",
    "x",
    "<a>",
    "<a></b>",
    "<a/><b/>",
    "<a>&x;</a>",
    "<a>& </a>",
    "<a b=1/>",
    '<a b="1" b="2"/>',
    "<a>\u0001</a>",
    "<!DOCTYPE a><a/>",
    "<a/>x",
    "<?php x?><a/>",
    "<a>".repeat(40) + "</a>".repeat(40),
    `<a ${Array.from({ length: 70 }, (_, i) => `b${i}=""`).join(" ")}/>`,
  ])
    test(`refused: ${JSON.stringify(bad.slice(0, 30))}`, () => assert.equal(readXml(bad).ok, false));
  for (const bad of [
    "",
    "1",
    "[]",
    "{",
    '{"a":1,"a":2}',
    '{"a":1234567890123456}',
    '{"a":01}',
    '{"a":"\\ud800"}',
    '{"a":[[1]]}',
    '{"a":1}x',
    '{"a":NaN}',
    "{'a':1}",
    '{"a":"\n"}',
    `{"a":${'{"a":'.repeat(40)}1${"}".repeat(41)}`,
  ])
    test(`refused: ${bad.slice(0, 30)}`, () => assert.equal(readJson(bad).ok, false));

  test("numbers stay the text that was written", () => {
    const read = readJson('{"a":0.10,"b":[1,2.50],"c":{"d":1e2},"e":null,"f":true}');
    assert.ok(read.ok);
    assert.deepEqual(
      read.root.children.map((one) => [one.name, one.text]),
      [
        ["a", "0.10"],
        ["b", "1"],
        ["b", "2.50"],
        ["c", ""],
        ["e", ""],
        ["f", "true"],
      ],
    );
  });

  test("what is written is read again", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("<", "&", ">", '"', "'", "甲", "😀", "]", " ", "a") }), (text) => {
        const xml = writeXml(
          { name: "", text: "", children: [{ name: "s:a", text, children: [{ name: "@b", text, children: [] }] }] },
          "UTF-8",
        );
        const read = readXml(xml);
        assert.ok(read.ok, xml);
        const [node] = read.root.children;
        assert.equal(node?.name, "a");
        assert.equal(node?.children[0]?.text, text);
        if (text.trim() !== "") assert.equal(node?.text, text);
      }),
    );
  });
});

const READ: readonly (readonly [KindOptions, string, unknown])[] = [
  [{ as: "yuan" }, "16.50", "1650"],
  [{ as: "yuan" }, "-0.01", "bad-money"],
  [{ as: "yuan", signed: true }, "-0.01", "-1"],
  [{ as: "yuan" }, "16.500", "bad-money"],
  [{ as: "fen" }, "0001650", "1650"],
  [{ as: "fen" }, "16.50", "bad-money"],
  [{ as: "integer" }, "007", "bad-number"],
  [{ as: "integer" }, "7", 7],
  [{ as: "price" }, "12.5", "12.5000"],
  [{ as: "price" }, "12.50001", "bad-number"],
  [{ as: "quantity" }, "2.00", "2"],
  [{ as: "quantity" }, "两", "bad-number"],
  [{ as: "date-time", format: "yyyyMMddHHmmss" }, "20261120092200", "2026-11-20T09:22:00+08:00"],
  [{ as: "date-time", format: "yyyyMMdd HHmmss" }, "20261120 092201", "2026-11-20T09:22:01+08:00"],
  [{ as: "date-time" }, "2026-02-29 00:00:00", "bad-date"],
  [{ as: "date-time" }, "2026-11-20 24:00:00", "bad-date"],
  [{ as: "date", format: "yyyyMMdd" }, "20280229", "2028-02-29"],
  [{ as: "date", format: "yyyyMMdd" }, "20270229", "bad-date"],
  [{ as: "code", table: { 1: "a", 0: false } }, "0", false],
  [{ as: "code", table: { 1: "a" } }, "constructor", "not-in-table"],
  [{ as: "masked" }, "6222021234567890123", "6222****0123"],
  [{ as: "masked" }, "1234567", "****"],
  [{ max: 3 }, "甲乙丙丁", "too-long"],
  [{ min: 3 }, "甲", "too-short"],
  [{}, "a\u0000b", "unreadable"],
  [{}, "  ", "blank"],
];
describe("kinds of values", () => {
  for (const [options, text, expected] of READ)
    test(`${options.as ?? "text"} ${JSON.stringify(text)}`, () => {
      const value = readerOf(options)(text);
      assert.equal(value instanceof Unread ? value.code : value, expected);
    });

  test("money and times are written as they were read", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 99_999_999_999_999n }), (fen) => {
        const yuan = yuanFromFen(fenOfValid(fen.toString()));
        assert.equal(readerOf({ as: "yuan" })(yuan), fen.toString());
        assert.equal(writerOf({ as: "yuan" })(fen.toString()), yuan);
      }),
    );
    const format = "yyyyMMddHHmmss";
    assert.equal(writerOf({ as: "date-time", format })(String(readerOf({ as: "date-time", format })("20261120092200"))), "20261120092200");
    assert.ok(writerOf({ as: "yuan" })("16.50") instanceof Unread);
    assert.ok(writerOf({ as: "date-time" })("yesterday") instanceof Unread);
  });
});
