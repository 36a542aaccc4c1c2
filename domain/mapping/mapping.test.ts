import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compileLayout, unframe, writeLayout } from "./delimited.ts";
import type { Layout } from "./document.ts";
import { checkVendor, compileMapping, type InboundMapping, type MappingDeps } from "./mapping.ts";
import { scaffold } from "./scaffold.ts";
import { createPlace, createRow, createScope, createSink, type Row } from "./shape.ts";
import { renderAnswer, type VendorDocument } from "./vendor.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const deps: MappingDeps = { events: { types: () => ["payment.settled"], validate: () => [] }, sha256: (bytes) => `${bytes.length}` };
const vendor: VendorDocument = {
  name: { zh: "甲", en: "A" },
  charset: "utf-8",
  exchanges: [],
  constants: { institution: { zh: "机构", en: "Institution" } },
};

/** A document with the least that compiles; tests change it. */
const base = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  version: 1,
  title: { zh: "测试报文", en: "Test" },
  direction: "inbound",
  codec: { kind: "xml" },
  messageIdentity: ["/P/No"],
  keys: [{ kind: "serial", from: "/P/No" }],
  ignored: [],
  cases: [
    {
      name: "paid",
      events: [
        {
          type: "payment.settled",
          subject: { bill: "bills.0.no", serial: "/P/No" },
          businessIdentity: ["no"],
          fields: [
            { to: "no", from: "/P/No" },
            { to: "occurredAt", from: "/P/At", as: "date-time" },
            { to: "businessDate", businessDateOf: "occurredAt" },
          ],
        },
      ],
    },
  ],
  ...changes,
});

function compiled(document: unknown): InboundMapping {
  const result = compileMapping(document, vendor, deps);
  assert.ok(result.ok, JSON.stringify(result));
  assert.ok(result.mapping.direction === "inbound");
  return result.mapping;
}
const run = (document: unknown, text: string) => compiled(document).translate({ raw: utf8(text), constants: { institution: "H001" } });
const faultsOf = (document: unknown): readonly string[] => {
  const result = compileMapping(document, vendor, deps);
  return result.ok ? [] : result.problems.map((one) => `${one.at} ${one.code}`);
};

/** Cuts a text by a layout; names of problems when it does not fit. */
function cutBy(layout: Layout, text: string): { readonly root: Row; readonly problems: readonly string[] } {
  const scope = createScope();
  const place = createPlace("", scope);
  place.label = "报文";
  const read = compileLayout(place, layout, () => () => true, false);
  const root = createRow(scope);
  const sink = createSink();
  read(text, [root], sink);
  return { root, problems: sink.problems.map((one) => one.zh) };
}

describe("C-4 delimited texts", () => {
  test("nested separators, trailing pipes and rows are told apart", () => {
    const layout: Layout = {
      separator: "^",
      trailing: true,
      fields: [
        "号",
        { name: "入参", rows: { separator: "$", trailing: true }, layout: { separator: "|", trailing: true, fields: ["名", "量"] } },
      ],
    };
    const { root, problems } = cutBy(layout, "1^甲|2|$乙|3|$^");
    assert.deepEqual(problems, []);
    assert.deepEqual(
      root.groups[0]?.map((row) => row.values.filter((value) => value !== undefined)),
      [
        ["甲", "2"],
        ["乙", "3"],
      ],
    );
    assert.deepEqual(cutBy(layout, "1^甲|2|$乙|3|4|$^").problems, ["报文第2项 入参第3项：应有2项，却有3项，多出的项未说明去向"]);
    assert.match(cutBy(layout, "1^甲|2|$乙|3").problems[0] ?? "", /可能不完整/);
  });

  test("$$ frames and %% groups of fixed size (Zhejiang)", () => {
    assert.equal(unframe("$$1~2$$ \0\n", { start: "$$", end: "$$" }, true), "1~2");
    for (const text of ["$$1~2", "1~2$$", "$$$", ""]) assert.equal(unframe(text, { start: "$$", end: "$$" }, true), undefined, text);
    const layout: Layout = {
      separator: "~",
      fields: ["态", { name: "明细", rows: { fixed: true }, layout: { separator: "%%", fields: ["名", "价"] } }],
    };
    const { root, problems } = cutBy(layout, "0~甲%%1%%乙%%2");
    assert.deepEqual(problems, []);
    assert.equal(root.groups[0]?.length, 2);
    assert.match(cutBy(layout, "0~甲%%1%%乙").problems[0] ?? "", /整数倍/);
  });

  test("what is written is read again, or refused for holding a separator", () => {
    const cell = fc.string({ unit: fc.constantFrom("甲", "a", "1", ".", " ", "|", "^") });
    const layout: Layout = {
      separator: "^",
      trailing: true,
      fields: ["a", { name: "b", layout: { separator: "|", trailing: true, fields: ["c", "d"] } }],
    };
    fc.assert(
      fc.property(cell, cell, cell, (a, c, d) => {
        const written = writeLayout(layout, (path) => ({ "/a": a, "/b/c": c, "/b/d": d })[path] ?? "", []);
        if (typeof written !== "string") {
          assert.ok(/\^/.test(a + c + d) || /\|/.test(c + d));
          return;
        }
        const { root, problems } = cutBy(layout, written);
        assert.deepEqual(problems, []);
        assert.deepEqual(
          root.values.filter((_, index) => index !== 0 && index !== 2),
          [a, c, d],
        );
      }),
    );
  });
});

describe("C-5 documents inside documents", () => {
  test("XML carried escaped inside SOAP, in CDATA, and prefixes", () => {
    const inner = "<P><No>1</No><At>2026-11-20 09:00:00</At></P>";
    const document = JSON.parse(
      JSON.stringify(base({ codec: { kind: "xml", inner: [{ at: "/Envelope/Body/Call/xml", kind: "xml" }] } })).replaceAll(
        '"/P/',
        '"/Envelope/Body/Call/xml/P/',
      ),
    );
    const soap = (text: string): string =>
      `<s:Envelope xmlns:s="http://x"><s:Body><Call xmlns="http://y"><xml>${text}</xml></Call></s:Body></s:Envelope>`;
    for (const text of [inner.replaceAll("<", "&lt;"), `<![CDATA[${inner}]]>`, `<![CDATA[ <?xml version="1.0"?>${inner}]]>`]) {
      const result = run(document, soap(text));
      assert.ok(result.ok, JSON.stringify(result));
    }
    for (const text of [inner.replaceAll("<", "&lt;").slice(0, -3), "<![CDATA[<!DOCTYPE a><P/>]]>", "plain"])
      assert.equal(run(document, soap(text)).ok, false, text);
    const unknown = run(document, soap(inner.replace("</P>", "<X/></P>").replaceAll("<", "&lt;")));
    assert.ok(!unknown.ok);
    assert.equal(unknown.problems[0]?.at, "/Envelope/Body/Call/xml/P/X");
  });
});

describe("S2-25 documents", () => {
  test("all that is wrong with a document is told at once, with places", () => {
    assert.deepEqual(faultsOf({}).length > 4, true);
    const wrong = base({
      tables: {},
      keys: [{ kind: "colour", from: "/P/No" }],
      ignored: [{ from: "/P/No", because: "it is used as well" }],
      unfilled: [{ from: "/P/X" }],
      cases: [
        {
          name: "paid",
          events: [
            {
              type: "payment.imagined",
              subject: { bill: "no" },
              businessIdentity: ["no"],
              fields: [
                { to: "no", from: "/P/No", value: "1" },
                { to: "code", from: "/P/C", as: "code", table: "none" },
                { to: "at", from: "/P/At", as: "date", format: "MM/dd" },
                { to: "who", constant: "unknown" },
                { to: "rows", each: "/P/No", fields: [{ to: "a", from: "a" }] },
              ],
            },
          ],
        },
      ],
    });
    assert.deepEqual([...faultsOf(wrong)].sort(), [
      "/cases/0/events/0/fields document",
      "/cases/0/events/0/fields document",
      "/cases/0/events/0/fields/0 document",
      "/cases/0/events/0/fields/1/table document",
      "/cases/0/events/0/fields/2/format document",
      "/cases/0/events/0/fields/3/constant document",
      "/cases/0/events/0/fields/4/each document",
      "/cases/0/events/0/type document",
      "/ignored/0 document",
      "/keys/0/kind document",
      "/unfilled document",
    ]);
    for (const junk of [null, 1, "x", [], { direction: "outbound" }]) assert.equal(compileMapping(junk, vendor, deps).ok, false);
  });

  test("a position of a delimited text that nobody mentions is a fault of the document", () => {
    const document = base({ codec: { kind: "delimited", layout: { separator: "|", fields: ["号", "时", "谁"] } } });
    const text = JSON.stringify(document).replaceAll("/P/No", "/号").replaceAll("/P/At", "/时");
    assert.deepEqual(faultsOf(JSON.parse(text)), ["/ignored document"]);
  });

  test("sums, differences, joins, picks, filters, templates, and equalities over rows", () => {
    const document = base({
      codec: { kind: "xml", groups: ["/P/L"] },
      checks: [{ because: "总额 = 明细之和", left: "/P/T", right: { sum: ["/P/L/@a"] } }],
      cases: [
        {
          name: "paid",
          events: [
            {
              type: "payment.settled",
              subject: { serial: "/P/No" },
              businessIdentity: ["no"],
              fields: [
                { to: "no", from: "/P/No", pick: "N([0-9]+)" },
                { to: "occurredAt", from: ["/P/D", "/P/H"], join: " ", as: "date-time" },
                { to: "businessDate", businessDateOf: "occurredAt" },
                { to: "net", sum: ["/P/T"], less: ["/P/R"] },
                { to: "paid", sum: ["/P/L/@a"], only: { at: "/P/L/@k", is: "1" } },
                {
                  to: "lines",
                  each: "/P/L",
                  fields: [
                    { to: "amount", from: "@a", as: "yuan" },
                    { to: "of", from: "/P/No" },
                  ],
                },
                { to: "label", template: "{no}/{net}" },
                { to: "cross", differs: ["no", "net"] },
              ],
            },
          ],
        },
      ],
    });
    const text = (t: string): string =>
      `<P><No>N7</No><D>2026-11-20</D><H>23:00:00</H><T>${t}</T><R>1.00</R><L a="2.00" k="1"/><L a="3.50" k="2"/></P>`;
    const good = run(document, text("5.50"));
    assert.ok(good.ok, JSON.stringify(good));
    assert.deepEqual({ ...good.events[0]?.data }, {
      schemaVersion: 1, no: "7", occurredAt: "2026-11-20T23:00:00+08:00", businessDate: "2026-11-21", net: "450", paid: "200",
      lines: [{ amount: "200", of: "N7" }, { amount: "350", of: "N7" }], label: "7/450", cross: true, bills: [], serials: [], test: false, missing: [],
    }); // biome-ignore format: one fact
    const broken = run(document, text("0.50"));
    assert.ok(!broken.ok);
    assert.deepEqual(broken.problems.map((one) => one.code).sort(), ["exceeds", "unequal"]);
  });

  test("an unknown constant of the profile is a problem; the vendor's schema is checked", () => {
    const result = compiled(base({ common: [{ to: "institution.code", constant: "institution" }] })).translate({
      raw: utf8("<P><No>1</No><At>2026-11-20 09:00:00</At></P>"),
      constants: {},
    });
    assert.ok(!result.ok);
    assert.deepEqual(
      result.problems.map((one) => one.code),
      ["unknown-constant"],
    );
    assert.equal(checkVendor(vendor).ok, true);
    assert.equal(checkVendor({ ...vendor, charset: "latin1", extra: 1 }).ok, false);
  });

  test("too many problems are counted, not listed for ever", () => {
    const result = run(base(), `<P>${"<X/>".repeat(500)}</P>`);
    assert.ok(!result.ok);
    assert.ok(result.problems.length <= 101);
  });

  test("a scaffold names every field, copies no value, and is refused until it is filled in", () => {
    const document = scaffold("pay", '<P a="1"><No>4200-甲</No><L><A>1.00</A></L><L><A/></L></P>');
    assert.ok(document);
    assert.deepEqual(
      (document.unfilled as readonly { readonly from: string }[]).map((one) => one.from),
      ["/P/@a", "/P/No", "/P/L/A"],
    );
    assert.equal(JSON.stringify(document).includes("4200"), false);
    assert.deepEqual((document.codec as { groups: unknown }).groups, ["/P/L"]);
    assert.ok(faultsOf(document).includes("/unfilled document"));
    assert.equal(scaffold("pay", "just words"), undefined);
  });

  test("answers to a sender cannot be broken out of", () => {
    const answer = { status: 200, body: "<A><C>{{code}}</C><T>{{text}}</T></A>" };
    const dialect = {
      contentType: "application/xml",
      escape: "xml",
      after: "journal",
      accepted: answer,
      duplicate: answer,
      refused: answer,
      busy: answer,
    } as const;
    const rendered = renderAnswer({ ...vendor, exchanges: [], answers: dialect }, "refused", {
      messageId: "1",
      code: "</C>",
      text: "{{code}}<&\u0001",
    });
    assert.equal(rendered?.text, "<A><C>&lt;/C&gt;</C><T>{{code}}&lt;&amp; </T></A>");
    assert.equal(renderAnswer({ ...vendor, exchanges: [] }, "busy", { messageId: "", code: "", text: "" }), undefined);
  });
});
