/** JSON that is handed on whole, both ways; lists that a codec must name; replies that hold nothing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileMapping, type Mapping } from "./mapping.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const words = { zh: "题目", en: "title" };
const vendor = { name: words, charset: "utf-8" as const, exchanges: [], constants: {} };
const deps = { events: { types: () => ["insurance.answered"], validate: () => [] }, sha256: () => "0" };
function compiled(document: object): Mapping {
  const made = compileMapping(document, vendor, deps);
  assert.ok(made.ok, JSON.stringify(made));
  return made.mapping;
}
const ack = { byWire: "同一连接的应答，一次只发一笔", code: ["/code"], needs: [], acknowledged: ["0"], statuses: [200] };
const outbound = (fields: readonly object[], more: object = {}) => ({
  version: 1,
  title: words,
  direction: "outbound",
  purpose: "call",
  events: ["insurance.answered"],
  request: { method: "POST", path: "/", contentType: "application/json", headers: {} },
  codec: { kind: "json", ...more },
  fields,
  reply: { codec: { kind: "json" }, ack },
});
const written = (document: object, data: unknown) => {
  const mapping = compiled(document);
  assert.equal(mapping.direction, "outbound");
  return mapping.direction === "outbound"
    ? mapping.encode({ event: { type: "insurance.answered", data }, constants: {}, key: "k" })
    : undefined;
};

describe("documents handed on whole", () => {
  const inbound = {
    version: 1,
    title: words,
    direction: "inbound",
    codec: { kind: "json", groups: ["/out/rows"] },
    messageIdentity: ["/no"],
    keys: [],
    ignored: [{ from: ["/out/rows/a", "/out/b"], because: "随 output 原样交出" }],
    cases: [
      {
        name: "told",
        when: { at: "/no", present: true },
        events: [
          {
            type: "insurance.answered",
            subject: { message: "/no" },
            businessIdentity: ["/no"],
            fields: [
              { to: "occurredAt", received: true },
              { to: "businessDate", businessDateOf: "occurredAt" },
              { to: "output", from: "/out", as: "json", optional: true },
            ],
          },
        ],
      },
    ],
  };
  const read = (text: string) => {
    const mapping = compiled(inbound);
    assert.equal(mapping.direction, "inbound");
    if (mapping.direction !== "inbound") throw new Error("inbound");
    return mapping.translate({ raw: utf8(text), constants: {}, receivedAt: "2026-11-20T10:00:00+08:00" });
  };

  test("an object is taken as it was written: numbers, one-row lists and order as they were; its members are accounted for all the same", () => {
    const told = read('{"no":"1","out":{"rows":[{"a":0.10}],"b":"甲"}}');
    assert.ok(told.ok, JSON.stringify(told));
    assert.equal(told.events[0]?.data.output, '{"rows":[{"a":0.10}],"b":"甲"}');
    const unknown = read('{"no":"1","out":{"c":"1"}}');
    assert.deepEqual([unknown.ok, !unknown.ok && unknown.problems[0]?.code], [false, "unmapped"]);
    const nothing = read('{"no":"1","out":null}');
    assert.ok(nothing.ok && !("output" in (nothing.events[0]?.data ?? {})));
  });

  test("what goes out is the object itself, or the text where the message is no JSON; what is none is refused", () => {
    const fields = [{ to: "/input", from: "/data/input", as: "json" }];
    const sent = written(outbound(fields), { input: '{"rows":[{"a":0.1}]}' });
    assert.ok(sent?.ok);
    assert.equal(new TextDecoder().decode(sent.body), '{"input":{"rows":[{"a":0.1}]}}');
    for (const input of ['{"a":1', '{"a":1,"a":2}', "[1]", '{"a":1234567890123456}', `{"a":"${"x".repeat(40_000)}"}`])
      assert.equal(written(outbound(fields), { input })?.ok, false, input.slice(0, 30));
  });

  test("rows of JSON are refused at load where the codec names no list: each would overwrite the one before", () => {
    const fields = [{ to: "/rows", each: "/data/rows", fields: [{ to: "a", from: "a" }] }];
    const bare = compileMapping(outbound(fields), vendor, deps);
    assert.ok(!bare.ok);
    assert.deepEqual(
      bare.problems.map((one) => one.at),
      ["/fields/0"],
    );
    const sent = written(outbound(fields, { groups: ["/rows"] }), { rows: [{ a: "1" }, { a: "2" }] });
    assert.ok(sent?.ok);
    assert.equal(new TextDecoder().decode(sent.body), '{"rows":[{"a":"1"},{"a":"2"}]}');
  });

  test("what the order knows already keeps a message in, and stands in the reason", () => {
    const document = {
      ...outbound([{ to: "/a", value: "1" }]),
      unless: [{ order: "settlementNo", because: { zh: "已结算", en: "settled" } }],
    };
    const mapping = compiled(document);
    if (mapping.direction !== "outbound") throw new Error("outbound");
    const about = { event: { type: "insurance.answered", data: {} }, constants: {}, key: "k" };
    assert.equal(mapping.encode(about).ok, true);
    const refused = mapping.encode({ ...about, order: { settlementNo: "S1" } });
    assert.ok(!refused.ok);
    assert.match(refused.problems[0]?.zh ?? "", /已结算：S1/);
  });
});

describe("a node that holds nothing", () => {
  const document = {
    ...outbound([{ to: "/a", value: "1" }]),
    reply: {
      codec: { kind: "json" },
      ack: { ...ack, exceptions: [{ when: { at: "/out", empty: true }, outcome: "busy", because: { zh: "没有", en: "nothing" } }] },
    },
  };
  const table: readonly (readonly [string, string])[] = [
    ['{"code":"0"}', "busy"],
    ['{"code":"0","out":null}', "busy"],
    ['{"code":"0","out":""}', "busy"],
    ['{"code":"0","out":{}}', "busy"],
    ['{"code":"0","out":{"info":{},"rows":[]}}', "busy"],
    ['{"code":"0","out":{"info":{"no":""},"x":null}}', "busy"],
    ['{"code":"0","out":{"Info":{"no":"S1"}}}', "acknowledged"],
    ['{"code":"0","out":{"rows":[{"n":0}]}}', "acknowledged"],
    ['{"code":"0","out":"查无"}', "acknowledged"],
  ];
  for (const [body, outcome] of table)
    test(`${body} is ${outcome}`, () => {
      const mapping = compiled(document);
      if (mapping.direction !== "outbound") throw new Error("outbound");
      assert.equal(mapping.interpret({ status: 200, body: utf8(body), sent: { key: "k" } }).outcome, outcome);
    });
});
