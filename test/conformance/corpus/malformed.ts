/** What is not well formed, by class; and good bodies made bad. Deterministic, so that a failure is the same tomorrow. */
import iconv from "iconv-lite";

const doc = (inside: string): string => `<a>${inside}</a>`;

/** XML that no reader may accept (XML 1.0 and Namespaces), or that is forbidden here. */
export const XML_BAD: readonly string[] = [
  "",
  " ",
  "text",
  "<a>",
  "</a>",
  "<a></b>",
  "<a/><b/>",
  "<a/>text",
  "text<a/>",
  "<a b/>",
  "<a b=c/>",
  "<a b='1' b='2'/>",
  '<a b="<"/>',
  '<a b="1"c="2"/>',
  "<a b='1\"/>",
  "<1a/>",
  "<-a/>",
  "< a/>",
  "<a/ >",
  "<a><b></a></b>",
  doc("&"),
  doc("&;"),
  doc("&nbsp;"),
  doc("&a"),
  doc("&#0;"),
  doc("&#xFFFF;"),
  doc("&#x110000;"),
  doc("&#xD800;"),
  doc("&#8;"),
  doc("&#;"),
  doc("&#x;"),
  doc("&#12a;"),
  doc("]]>"),
  doc("\u0000"),
  doc("\u0008"),
  doc("\uFFFE"),
  doc("\uD800"),
  doc("<!-- -- -->"),
  doc("<!--->"),
  doc("<!-- "),
  doc("<![CDATA["),
  doc("<![cdata[x]]>"),
  doc("<![CDATA[x]>"),
  doc("<?xml version='1.0'?>"),
  doc("<?pi x?>"),
  doc("<!DOCTYPE a>"),
  "<!DOCTYPE a><a/>",
  '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x"><a/>',
  '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
  '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><a/>',
  "<?xml?><a/>",
  "<?xml version='2.0'?><a/>",
  "<?xml version='1.0' encoding='?'?><a/>",
  " <?xml version='1.0'?><a/>",
  "<?xml version='1.0' standalone='maybe'?><a/>",
  "<?xml version='1.0'><a/>",
  "<?php x?><a/>",
  "<x:a/>",
  "<a x:b='1'/>",
  "<a xmlns:x=''/>",
  "<a xmlns:xmlns='u'/>",
  "<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>",
  "<a:b:c xmlns:a='u'/>",
  "<:a/>",
  "<a:/>",
  "<a>\u0001</a>",
  "<a b='\u0001'/>",
  "<a><b/",
  "<a",
  "<",
  "<!",
  "<!-",
  "<![",
  "<?",
  "<a b",
  "<a b=",
  "<a b='",
  "<a b='1'",
];

const member = (value: string): string => `{"a":${value}}`;

/** JSON that no reader may accept, or that is forbidden on messages that move money. */
export const JSON_BAD: readonly string[] = [
  "",
  " ",
  "1",
  '"a"',
  "null",
  "true",
  "[]",
  "[1]",
  "{",
  "}",
  "{}{}",
  "{} x",
  "{,}",
  '{"a"}',
  '{"a":}',
  '{"a" 1}',
  '{"a":1,}',
  '{"a":1 "b":2}',
  '{"a":1,,"b":2}',
  "{a:1}",
  "{'a':1}",
  '{"a":1;"b":2}',
  '{"a":1,"a":1}',
  '{"a":1,"\\u0061":2}',
  '{"a":{"b":1,"b":2}}',
  member("01"),
  member("-01"),
  member("+1"),
  member(".5"),
  member("5."),
  member("1e"),
  member("1e+"),
  member("1.e1"),
  member("0x10"),
  member("NaN"),
  member("Infinity"),
  member("-Infinity"),
  member("-"),
  member("--1"),
  member("1 2"),
  member("１"),
  member("1_000"),
  member("12345678901234567890"),
  member("tru"),
  member("True"),
  member("nul"),
  member("undefined"),
  member('"'),
  member('"\n"'),
  member('"\t"'),
  member('"\u0000"'),
  member('"\\x41"'),
  member('"\\u12"'),
  member('"\\u00zz"'),
  member('"\\U0041"'),
  member('"\\"'),
  member("'x'"),
  member("[1,]"),
  member("[,1]"),
  member("[1 2]"),
  member("[1"),
  member("[[1]]"),
  member('"\\ud800"'),
  member('"\\udc00"'),
  member('"\\ud800\\ud800"'),
  "\uFEFF\uFEFF{}",
  "{}\u0000",
  "{/**/}",
  "{} // x",
  "{\u00A0}",
  "{\u2028}",
];

export const JSON_GOOD: readonly string[] = [
  "{}",
  " {\t\r\n} ",
  member("0"),
  member("-0"),
  member("-1.5e3"),
  member("1E+2"),
  member("true"),
  member("false"),
  member("null"),
  member('""'),
  member('"\\u6c49\\n\\/"'),
  member('"\\ud83d\\ude00"'),
  member("[]"),
  member("{}"),
  member('[{"b":1},{"b":2}]'),
  '{"__proto__":"x"}',
  '{"constructor":{"prototype":"x"}}',
  '{"a":"1","A":"2"}',
];

const CUTS = 120;

/** The body cut at many places; only cuts that leave something out that is no white space or line end. */
export function* truncations(bytes: Uint8Array): Generator<Uint8Array> {
  let end = bytes.length;
  while (end > 0 && [0x20, 0x0a, 0x0d, 0x09].includes(bytes[end - 1] ?? 0)) end -= 1;
  const step = Math.max(1, Math.floor(end / CUTS));
  for (let length = 0; length < end; length += step) yield bytes.subarray(0, length);
  yield bytes.subarray(0, end - 1);
}

export const FLIPS_PER_BODY = 100;

export function* flipped(bytes: Uint8Array, count: number): Generator<Uint8Array> {
  let state = bytes.length;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  for (let left = count; left > 0; left -= 1) {
    const changed = new Uint8Array(bytes);
    const at = next() % bytes.length;
    changed[at] = (changed[at] ?? 0) ^ (1 << (next() % 8));
    yield changed;
  }
}

/** A body in every encoding that a sender may choose or believe to have chosen. */
export const ENCODINGS: readonly { readonly what: string; readonly bytes: (text: string) => Buffer; readonly charset: string }[] = [
  { what: "GBK, declared", bytes: (text) => iconv.encode(text, "gbk"), charset: "gbk" },
  { what: "GBK, declared UTF-8", bytes: (text) => iconv.encode(text, "gbk"), charset: "utf-8" },
  { what: "UTF-8, declared GBK", bytes: (text) => Buffer.from(text), charset: "gbk" },
  { what: "GB18030 with four bytes", bytes: (text) => iconv.encode(text.replace(/甲/g, "𠀀"), "gb18030"), charset: "gb18030" },
  { what: "UTF-16 little endian", bytes: (text) => Buffer.from(text, "utf16le"), charset: "utf-8" },
  { what: "UTF-16 with BOM", bytes: (text) => Buffer.from(`\uFEFF${text}`, "utf16le"), charset: "utf-8" },
  { what: "UTF-8 with BOM", bytes: (text) => Buffer.from(`\uFEFF${text}`), charset: "utf-8" },
  { what: "two BOMs", bytes: (text) => Buffer.from(`\uFEFF\uFEFF${text}`), charset: "utf-8" },
  { what: "a lone lead byte at the end", bytes: (text) => Buffer.concat([iconv.encode(text, "gbk"), Buffer.from([0xc4])]), charset: "gbk" },
  { what: "overlong UTF-8", bytes: (text) => Buffer.concat([Buffer.from(text), Buffer.from([0xc0, 0xaf])]), charset: "utf-8" },
  {
    what: "full-width digits",
    bytes: (text) => Buffer.from(text.replace(/[0-9]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0))),
    charset: "utf-8",
  },
  { what: "NUL inside", bytes: (text) => Buffer.from(text.replace(/甲/g, "\0")), charset: "utf-8" },
  { what: "right-to-left marks", bytes: (text) => Buffer.from(text.replace(/甲/g, "\u202e甲")), charset: "utf-8" },
  { what: "decomposed letters", bytes: (text) => Buffer.from(text.replace(/甲/g, "e\u0301")), charset: "utf-8" },
  { what: "a replacement character", bytes: (text) => Buffer.from(text.replace(/甲/g, "\uFFFD")), charset: "utf-8" },
  { what: "a charset nobody has", bytes: (text) => Buffer.from(text), charset: "x-klingon" },
];
