import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../events/event.ts";
import type { JournaledMessage } from "../journal/ports.ts";
import { encodeText } from "../mapping/charset.ts";
import { answered } from "../operations/refusals.ts";
import { problem } from "../problem.ts";
import type { Reply, Sent } from "../writeback/dialect.ts";
import type { Trial, TrialAsked } from "./trial.ts";
import type { Question, TrialDeps } from "./trial-deps.ts";
import { tryNode } from "./trials.ts";
import { propertyOf } from "./trials-around.ts";

const event = (type: string, no: string): Event =>
  ({
    id: `e-${no}`,
    type,
    source: "his",
    subject: `bill:${no}`,
    data: { bills: [{ no }], patient: { name: "张三丰" } },
  }) as unknown as Event;
const MESSAGE = { id: "m1", partner: "his", kind: "charge", door: "amqp" } as JournaledMessage;
const sealed = (one: Event) => ({ event: one, fingerprint: "", keys: [], publish: false });
const OK = { ok: true as const, events: [sealed(event("charge.posted", "B1"))], keys: [] };
const WRONG = { ok: false as const, problems: [problem("missing", "/X", { zh: "患者张三丰：缺失", en: "is required" })], keys: [] };
const bytes = (text: string) => encodeText(text, "gbk") ?? assert.fail(text);
const QUESTION: Question = {
  mapping: "his/inquiry",
  method: "POST",
  url: "http://his.test/ask",
  headers: { "x-key": "k1" },
  body: bytes("<Ask><XM>张三丰</XM></Ask>"),
  contentType: "text/xml; charset=GBK",
  charset: "gbk",
  sent: { key: "k1", amountFen: 1650n },
};
const EXAMPLE = {
  name: "reply-done",
  reply: { status: 200, contentType: "text/xml; charset=UTF-8", body: new TextEncoder().encode("<A>0</A>") },
  sent: { key: "of-the-example" },
};

/** What was read, and by which key. */
function world(more: Partial<TrialDeps> = {}) {
  const read: { reply: Reply; sent: Sent }[] = [];
  const deps: TrialDeps = {
    stored: async () => answered(MESSAGE),
    translate: () => WRONG,
    translateByDefault: () => ({ mapping: "his/charge", result: OK }),
    encodeWriteBack: () => assert.fail("nothing is owed by these nodes"),
    orderFacts: async () => new Map(),
    question: () => ({ ok: true, ...QUESTION }),
    interpret: (_mapping, reply, sent) => {
      read.push({ reply, sent });
      return { outcome: "rejected", code: "9", text: "患者张三丰没有此单", why: "rejected: 9" };
    },
    replies: async () => [EXAMPLE],
    answer: () => undefined,
    find: async () => ({ messages: [], events: [], writeBacks: [] }),
    ...more,
  };
  const tried = async (type: string, config: object, asked: Partial<TrialAsked> = {}, sees = (_: string) => true): Promise<Trial> => {
    const trial = await tryNode(deps, sees, { messageId: "m1", type, config: config as Record<string, unknown>, ...asked });
    assert.ok(trial.ok, JSON.stringify(trial));
    return trial.value;
  };
  return { read, deps, tried };
}

describe("ask partner, tried", () => {
  const ASK = { partner: "his", kind: "inquiry" };
  test("the request as it would go out, masked, with the examples of replies; which output is open", async () => {
    const { tried, read } = world();
    const trial = await tried("huiliu-ask-partner", ASK);
    assert.deepEqual([trial.to, trial.open, trial.reading], [undefined, true, undefined]);
    assert.deepEqual([trial.question?.url, trial.question?.key, trial.question?.examples], ["http://his.test/ask", "k1", ["reply-done"]]);
    assert.equal(trial.question?.body, "<Ask><XM>张**</XM></Ask>");
    assert.deepEqual(read, []);
  });
  test("a stored example is read against what it answers", async () => {
    const { tried, read } = world();
    const trial = await tried("huiliu-ask-partner", ASK, { example: "reply-done" });
    assert.equal(read[0]?.sent.key, "of-the-example");
    assert.deepEqual([trial.to, trial.reading?.outcome, trial.reading?.example], ["rejected", "rejected", "reply-done"]);
    assert.deepEqual(trial.reading?.why, { zh: "对方拒绝：9", en: "refused by the partner: 9" });
    assert.equal(trial.reading?.fields.code, "9");
    assert.doesNotMatch(JSON.stringify(trial), /张三丰/);
  });
  test("a typed one is read against this question, in its charset, with its key put in", async () => {
    const { tried, read } = world();
    const trial = await tried("huiliu-ask-partner", ASK, { reply: { text: "<答 key='{key}'/>", status: 503, returnValue: "-1" } });
    assert.deepEqual(read[0]?.reply, {
      status: 503,
      contentType: "text/xml; charset=GBK",
      body: bytes("<答 key='k1'/>"),
      returnValue: "-1",
    });
    assert.deepEqual(read[0]?.sent, QUESTION.sent);
    assert.equal(trial.reading?.body, "<答 key='k1'/>");
  });
  const outputs: readonly (readonly [outcome: "acknowledged" | "busy" | "deferred" | "unclear" | "not-found", to: string])[] = [
    ["acknowledged", "acknowledged"],
    ["not-found", "not-found"],
    ["busy", "unclear"],
    ["deferred", "unclear"],
    ["unclear", "unclear"],
  ];
  for (const [outcome, to] of outputs)
    test(`${outcome} leaves by ${to}`, async () => {
      const { tried } = world({ interpret: () => ({ outcome, why: "no-reason" }) });
      assert.equal((await tried("huiliu-ask-partner", ASK, { example: "reply-done" })).to, to);
    });
  test("what cannot be asked is said; an example that is not there and a reply that the charset cannot express are refused", async () => {
    const reason = { code: "BAD_NODE", zh: "不能询问", en: "cannot ask" };
    const { tried } = world({ question: () => ({ ok: false, reason }) });
    const trial = await tried("huiliu-ask-partner", ASK);
    assert.deepEqual([trial.to, trial.open, trial.problems[0]?.code], [undefined, undefined, "BAD_NODE"]);
    const { deps } = world();
    for (const asked of [{ example: "no-such" }, { reply: { text: "😀", status: 200 } }]) {
      const refused = await tryNode(deps, () => true, { messageId: "m1", type: "huiliu-ask-partner", config: ASK, ...asked });
      assert.equal(refused.ok ? "" : refused.code, "BAD_REQUEST");
    }
  });
  test("a message that is not translated never comes to it", async () => {
    const { tried, read } = world();
    assert.equal((await tried("huiliu-ask-partner", ASK, { mapping: "his/other", example: "reply-done" })).to, "problems");
    assert.deepEqual(read, []);
  });
});

describe("answer sender, tried", () => {
  test("the bytes that the sender would read, masked, in their charset", async () => {
    const { tried } = world({
      answer: (_message, { verdict, text }) => ({
        status: 200,
        contentType: "text/xml; charset=GBK",
        body: bytes(`<XM>张三丰</XM>${verdict} ${text}`),
      }),
    });
    const trial = await tried("huiliu-answer-sender", { verdict: "refused", text: "余额不足" });
    assert.equal(trial.to, "answered");
    assert.equal(trial.answer?.wire?.text, "<XM>张**</XM>refused 余额不足");
    assert.match(trial.answer?.wire?.hex ?? "", /^3c 58 4d 3e d5 c5 2a 2a 3c/);
    assert.equal(trial.answer?.wire?.status, 200);
  });
  test("where nobody waits that is said; a node without a verdict is refused", async () => {
    const { tried } = world();
    const trial = await tried("huiliu-answer-sender", { verdict: "accepted", text: "" });
    assert.deepEqual([trial.to, trial.answer], ["answered", { door: "amqp", verdict: "accepted" }]);
    assert.match(trial.said.en, /does not wait/);
    assert.equal((await tried("huiliu-answer-sender", { verdict: "perhaps" })).to, undefined);
  });
});

describe("find, tried", () => {
  const FIND = { keyKind: "bill", property: "payload[0].data.bills[0].no", limit: "20" };
  const hits = {
    messages: [
      { messageId: "m0", partner: "his", kind: "charge", state: "settled", receivedAt: "" },
      { messageId: "m9", partner: "pacs", kind: "exam", state: "settled", receivedAt: "" },
    ],
    events: [event("charge.posted", "B1")],
    writeBacks: [{ id: "w1", kind: "confirm", destination: "his", state: "waiting" }],
  };
  test("what the look-up finds now, by the value in the events; only of partners that the asker may see", async () => {
    const asked: unknown[] = [];
    const { tried } = world({
      find: async (...given) => {
        asked.push(given);
        return hits;
      },
    });
    const trial = await tried("huiliu-find", FIND, {}, (partner) => partner === "his");
    assert.deepEqual(asked, [["bill", "B1", 20]]);
    assert.deepEqual([trial.to, trial.found?.from, trial.found?.value], ["found", "events", "B1"]);
    assert.deepEqual(
      trial.found?.messages.map(({ id }) => id),
      ["m0"],
    );
    assert.doesNotMatch(JSON.stringify(trial.found), /张三丰/);
  });
  test("behind a split node the payload is one event; a value can be typed; nothing found is its own output", async () => {
    const { tried } = world();
    const one = await tried("huiliu-find", { ...FIND, property: "payload.data.bills[0].no" });
    assert.deepEqual([one.to, one.found?.from], ["nothing", "event"]);
    const typed = await tried("huiliu-find", { ...FIND, property: "no.such" }, { value: "13800138000" });
    assert.deepEqual([typed.found?.from, typed.found?.value], ["typed", "138****8000"]);
    const feed = await tried("huiliu-find", { ...FIND, property: "huiliu['messageId']" });
    assert.equal(feed.found?.value, "m1");
  });
  test("a property that is no text is said, and nothing is looked up", async () => {
    const { tried } = world({ find: () => assert.fail("looked up") });
    const trial = await tried("huiliu-find", { ...FIND, property: "payload[0].constructor.name" });
    assert.deepEqual([trial.to, trial.found], [undefined, undefined]);
    assert.match(trial.said.en, /is not a text/);
  });
  test("paths of properties", () => {
    const message = { payload: [{ "a.b": { c: "x" } }] };
    assert.equal(propertyOf(message, "payload[0]['a.b'].c"), "x");
    assert.equal(propertyOf(message, 'payload[0]["a.b"].c'), "x");
    for (const path of ["payload[1].c", "payload.length.x", "__proto__.polluted", ""]) assert.notEqual(propertyOf(message, path), "x");
  });
});

describe("park, tried", () => {
  test("its own reason, or what is wrong with the message, with the code and what an operator does next", async () => {
    const { tried } = world();
    const own = await tried("huiliu-park", { reason: "请核对患者张三丰的账单" });
    assert.deepEqual([own.to, own.parked?.code, own.problems], ["parked", "PARKED_BY_FLOW", []]);
    assert.match(own.parked?.reason.zh ?? "", /请核对/);
    assert.doesNotMatch(own.parked?.reason.zh ?? "", /张三丰/);
    assert.match(own.parked?.next?.en ?? "", /replay or close/);
    const wrong = await tried("huiliu-park", { reason: "" }, { mapping: "his/other" });
    assert.deepEqual([wrong.parked?.code, wrong.problems[0]?.at], ["NOT_TRANSLATABLE", "/X"]);
    assert.equal((await tried("huiliu-park", { reason: "" })).parked?.code, "PARKED_BY_FLOW");
    const unread = world({ translateByDefault: () => undefined });
    assert.equal((await unread.tried("huiliu-park", { reason: "" })).parked?.code, "UNKNOWN_MESSAGE");
  });
});
