import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MessageDetail } from "../operations/views.ts";
import { checkFlowTest } from "./document.ts";
import { DRAFT_FIELDS_MAX, draftOf } from "./draft.ts";

const ID = "01a20468-0bbe-77ea-be14-a554feaf8529";
const AT = "2026-11-20T09:25:10.123+08:00";
const bytes = (text: string, more = {}) => ({ bytes: text.length, text, charset: "utf-8", cut: false, ...more });
const row = { id: ID, partner: "jkt", kind: "pay-order", state: "settled", receivedAt: AT };
const EVENT = {
  type: "payment.settled",
  subject: "bill:B1",
  published: true,
  event: {
    data: { total: "18850", payer: "张*", "a/b": "x", tenders: [{ amount: "18850" }], long: "x".repeat(65), empty: "", none: null },
  },
};
const write = (more: object) => ({
  id: "w",
  key: "k1",
  destination: "his",
  kind: "payment-confirm",
  amount: "18850",
  state: "acknowledged",
  ...more,
});

const detail = (more: object = {}): MessageDetail =>
  ({
    message: row,
    contentType: "application/xml",
    raw: bytes("<REQ>张*</REQ>"),
    events: [EVENT, { ...EVENT, type: "writeback.acknowledged" }, { ...EVENT, type: "order.placed", published: false }],
    writeBacks: [{ writeBack: write({}), attempts: [{ reply: bytes("busy") }, { status: 200, reply: bytes("<Key>k1</Key>") }] }],
    ...more,
  }) as unknown as MessageDetail;

const made = (more: object = {}) => {
  const draft = draftOf(detail(more));
  assert.ok(draft.ok);
  const checked = checkFlowTest(draft.test);
  assert.ok(checked.ok, JSON.stringify(checked));
  return draft.test;
};

describe("a test made of a stored message", () => {
  test("what came in as it is shown, what was published, what is owed with its outcome, the partner's last reply under the test's own key", () => {
    const { given, expect, replies, clock } = made();
    assert.deepEqual(given, [
      {
        partner: "jkt",
        kind: "pay-order",
        at: "2026-11-20T09:25:10+08:00",
        text: "<REQ>张*</REQ>",
        charset: "utf-8",
        contentType: "application/xml",
      },
    ]);
    assert.equal(clock, "2026-11-20T09:25:10+08:00");
    assert.deepEqual(expect.events, [
      {
        type: "payment.settled",
        source: "jkt",
        subject: "bill:B1",
        fields: { "/data/total": "18850", "/data/a~1b": "x", "/data/tenders/0/amount": "18850" },
      },
    ]);
    assert.deepEqual(expect.writeBacks, [{ destination: "his", kind: "payment-confirm", amount: "18850", outcome: "acknowledged" }]);
    assert.deepEqual(replies, { his: [{ text: "<Key>{key}</Key>", charset: "utf-8", status: 200 }] });
    assert.deepEqual(expect.parked, []);
  });

  test("what is masked is not asserted, and there is an end to what is", () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`f${index}`, "v"]));
    const { expect } = made({ events: [{ ...EVENT, subject: "patient:1***2", event: { data: many } }] });
    assert.equal(Object.keys(expect.events[0]?.fields ?? {}).length, DRAFT_FIELDS_MAX);
    assert.equal(expect.events[0]?.subject, undefined);
  });

  test("an exchange keeps its reply and return value; a destination that never answered is not reached in the test either", () => {
    const { given, replies, expect } = made({
      reply: bytes("1^2", { charset: "gbk" }),
      returnValue: "0",
      writeBacks: [{ writeBack: write({ state: "sending" }), attempts: [{ text: "cut" }] }],
    });
    assert.deepEqual([given[0]?.reply, given[0]?.returnValue], [{ text: "1^2", charset: "gbk" }, "0"]);
    assert.deepEqual(replies, { his: [{ fails: "refused", times: 1000 }] });
    assert.equal(expect.writeBacks[0]?.outcome, "waiting");
  });

  test("a parked message is expected to park, with its code", () => {
    const { expect } = made({ message: { ...row, state: "parked", parked: { code: "NOT_TRANSLATABLE" } }, events: [], writeBacks: [] });
    assert.deepEqual(expect, { events: [], writeBacks: [], parked: [{ message: 1, code: "NOT_TRANSLATABLE" }] });
  });

  for (const [why, more] of [
    ["gone", { raw: undefined }],
    ["unreadable", { raw: { bytes: 3, cut: false } }],
    ["too-long", { raw: bytes("x", { cut: true }) }],
    ["too-long", { reply: bytes("x", { cut: true }) }],
  ] as const)
    test(`no test of what is ${why}`, () => assert.deepEqual(draftOf(detail(more)), { ok: false, why }));
});
