import assert from "node:assert/strict";
import { test } from "node:test";
import type { DoorPolicy } from "./intake.ts";
import { type Declared, DROPPED_HEADER, HEADERS_MAX, inboundOf, plain } from "./sender.ts";

const policy: DoorPolicy = {
  partner: "neusoft",
  vendor: "neusoft",
  bytesMax: 100,
  perSecond: 10,
  charset: "gbk",
  kinds: new Set(["settle", "note"]),
  exchanges: new Set(["settle"]),
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const note = (change: Partial<Declared> = {}): Declared => ({
  door: "amqp",
  partner: "neusoft",
  kind: "note",
  headers: {},
  body: bytes("a^b"),
  ...change,
});
const settle = (change: Partial<Declared> = {}): Declared => note({ kind: "settle", ...change });
const part = (headers: Record<string, unknown>): Declared => settle({ headers });
const json = (text: string): Declared => settle({ contentType: "application/json", body: bytes(text) });

test("what a sender declares about its bytes", () => {
  const cases: readonly (readonly [string, Declared, Record<string, unknown>])[] = [
    ["nothing", note(), { charset: undefined, identity: undefined, refusal: undefined }],
    [
      "charset of the content type",
      note({ contentType: "text/plain; charset=GBK" }),
      { charset: "gbk", contentType: "text/plain; charset=GBK" },
    ],
    ["quoted charset", note({ contentType: 'text/xml; charset="gb2312"' }), { charset: "gbk" }],
    ["charset in content-encoding", note({ contentEncoding: "GB18030" }), { charset: "gb18030" }],
    ["content type wins", note({ contentType: "a/b;charset=utf8", contentEncoding: "gbk" }), { charset: "utf-8" }],
    ["identity", note({ identity: "m-1" }), { identity: "m-1" }],
    ["blank identity is absent", note({ identity: "  " }), { identity: undefined, refusal: undefined }],
    [
      "traceparent",
      note({ headers: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` } }),
      { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
    ],
    ["no traceparent", note({ headers: { traceparent: "x" } }), { traceparent: undefined, headers: {} }],
    ["request part", part({ "huiliu-exchange": "e1", "huiliu-part": "request" }), { exchange: { id: "e1", part: "request" } }],
    [
      "reply part, numeric return",
      part({ "Huiliu-Exchange": "e1", "huiliu-part": "reply", "huiliu-return": 0 }),
      { exchange: { id: "e1", part: "reply", returnValue: "0" } },
    ],
    [
      "JSON body",
      json('{"request":"收费^1","reply":"","return":-1}'),
      { raw: bytes("收费^1"), reply: bytes(""), returnValue: "-1", charset: "utf-8" },
    ],
    ["JSON body without return", json('{"request":"a\\"request\\":","reply":"b"}'), { reply: bytes("b"), returnValue: undefined }],
  ];
  for (const [name, declared, expected] of cases) {
    const inbound = inboundOf(declared, policy) as unknown as Record<string, unknown>;
    assert.equal(inbound.refusal, undefined, name);
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(inbound[key], value, `${name}: ${key}`);
  }
});

test("what is wrong becomes a refusal, with the raw bytes kept", () => {
  const cases: readonly (readonly [string, Declared, string])[] = [
    ["unknown kind", note({ kind: "nothing" }), "UNKNOWN_MESSAGE"],
    ["empty body", note({ body: bytes("") }), "EMPTY_BODY"],
    ["too large", note({ body: new Uint8Array(101) }), "TOO_LARGE"],
    ["too large JSON exchange", settle({ contentType: "application/json", body: new Uint8Array(101) }), "TOO_LARGE"],
    ["gzip", note({ contentEncoding: "gzip" }), "UNSUPPORTED_ENCODING"],
    ["two encodings", note({ contentEncoding: "identity, br" }), "UNSUPPORTED_ENCODING"],
    ["charset we cannot read", note({ contentType: "a/b; charset=utf-16" }), "BAD_CHARSET"],
    ["identity with NUL", note({ identity: "a\u0000b" }), "BAD_IDENTITY"],
    ["identity too long", note({ identity: "x".repeat(256) }), "BAD_IDENTITY"],
    ["part without exchange", part({ "huiliu-part": "reply" }), "BAD_EXCHANGE"],
    ["no such part", part({ "huiliu-exchange": "e", "huiliu-part": "both" }), "BAD_EXCHANGE"],
    ["return on a request", part({ "huiliu-exchange": "e", "huiliu-part": "request", "huiliu-return": "0" }), "BAD_EXCHANGE"],
    ["return alone", part({ "huiliu-return": "0" }), "BAD_EXCHANGE"],
    ["exchange without parts", settle(), "BAD_EXCHANGE"],
    ["parts of what is no exchange", note({ headers: { "huiliu-exchange": "e", "huiliu-part": "request" } }), "BAD_EXCHANGE"],
    ["broken JSON", json('{"request":'), "BAD_EXCHANGE"],
    ["JSON that is not UTF-8", settle({ contentType: "application/json", body: Uint8Array.of(0x7b, 0xd0, 0x7d) }), "BAD_EXCHANGE"],
    ["JSON list", json("[]"), "BAD_EXCHANGE"],
    ["duplicate key", json('{"request":"a","request":"b","reply":"c"}'), "BAD_EXCHANGE"],
    ["duplicate key, escaped", json('{"request":"a","\\u0072equest":"b","reply":"c"}'), "BAD_EXCHANGE"],
    ["__proto__", json('{"request":"a","reply":"c","__proto__":"d"}'), "BAD_EXCHANGE"],
    ["extra key", json('{"request":"a","reply":"c","more":"d"}'), "BAD_EXCHANGE"],
    ["no reply", json('{"request":"a"}'), "BAD_EXCHANGE"],
    ["request not text", json('{"request":{"a":1},"reply":"c"}'), "BAD_EXCHANGE"],
    ["lone surrogate", json('{"request":"\\ud800","reply":"c"}'), "BAD_EXCHANGE"],
    ["return too precise", json('{"request":"a","reply":"c","return":1.5}'), "BAD_EXCHANGE"],
  ];
  for (const [name, declared, code] of cases) {
    const inbound = inboundOf(declared, policy);
    assert.equal(inbound.refusal?.code, code, name);
    assert.deepEqual(inbound.raw, declared.body, name);
  }
  assert.equal(inboundOf(note(), undefined).refusal?.code, "UNKNOWN_PARTNER");
});

test("headers: strings, bounded, without credentials and without ours", () => {
  const headers: Record<string, unknown> = {
    "X-Window": "3",
    "X-Count": 7,
    "huiliu-secret-thing": "1",
    "huiliu-dropped-headers": "99",
    authorization: "Bearer k",
    "x-api-key": "k",
    "x-death": [{ queue: "q" }],
    "x-list": ["a"],
    "x-long": "x".repeat(1_025),
    "x-mangled": "\uFFFD",
    "x-lines": "a\r\nb\u0000",
  };
  assert.deepEqual(inboundOf(note({ headers }), policy).headers, {
    "x-window": "3",
    "x-count": "7",
    "x-lines": "a  b ",
    [DROPPED_HEADER]: "2",
  });
  const many = Object.fromEntries(Array.from({ length: HEADERS_MAX + 5 }, (_, at) => [`h${at}`, "v"]));
  const kept = inboundOf(note({ headers: many }), policy).headers;
  assert.equal(Object.keys(kept).length, HEADERS_MAX + 1);
  assert.equal(kept[DROPPED_HEADER], "5");
});

test("plain text never ends in half a character", () => {
  assert.equal(plain("a😀", 2), "a");
  assert.equal(plain("a\u0000b", 9), "a b");
});
