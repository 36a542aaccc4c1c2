/** One message looked at closely, searches with their two legs and their time limit, and what is taken away of them, over a real PostgreSQL (issue 4; S0-37, S0-38). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import { EXPORT_ROWS_MAX } from "../../../domain/operations/inspection.ts";
import type { Operations } from "../../../domain/operations/ports.ts";
import { createMessageSearch } from "../../../platform/postgres/message-search.ts";
import { codeOf, mustBe, operationsWorld, owed, PARKED, parkedMessage, parkReason, payment, sealed, type World } from "./world.ts";

let world: World;
let operations: Operations;
before(async () => {
  world = await operationsWorld();
  operations = world.operations;
});
after(() => world.close());

const look = { by: "王工", reason: "核对退费金额" };
const NAME = "张三丰";
const gbkXml = iconv.encode(
  `<?xml version="1.0" encoding="GBK"?><REQ><XM>${NAME}</XM><SFZH>110101199003071234</SFZH><JE>165.00</JE></REQ>`,
  "gbk",
);

describe("two legs of what is found", () => {
  const legsOf = async (id: string) => mustBe(await operations.messages({ keys: [id] })).items[0]?.legs;
  test("sender and partner are told apart", async () => {
    const paid = await world.pay("L-1");
    assert.deepEqual(await legsOf(paid.messageId), {
      sender: "answered",
      partner: "waiting",
      owed: 1,
      acknowledged: 0,
      waiting: 1,
      parked: 0,
      resolved: 0,
    });
    const claim = (await world.claim("his")).find((one) => one.id === paid.writeBackId);
    assert.ok(claim);
    await world.finish(claim, { outcome: "acknowledged", step: "finish", how: "reply", receipt: { code: "0", amountFen: 1650n } });
    assert.equal((await legsOf(paid.messageId))?.partner, "acknowledged");
    assert.equal((await legsOf(await parkedMessage(world)))?.partner, "not-owed");
    assert.equal(mustBe(await operations.message(paid.messageId)).message.legs?.partner, "acknowledged", "the detail says it, too");
  });
  test("what a flow told the sender is the sender's leg", async () => {
    const message = await world.receive();
    await world.end(message);
    await world.sql("insert into sender_answer (message_id, verdict, text, at) values ($1, 'refused', '请到窗口办理', huiliu_now())", [
      message.id,
    ]);
    assert.equal((await legsOf(message.id))?.sender, "refused");
    const trace = mustBe(await operations.inspect.trace(message.id, "*"));
    const answered = trace.hops.find((hop) => hop.kind === "answered");
    assert.deepEqual([answered?.state, answered?.what, answered?.facts.text], ["bad", "refused", "请到窗口办理"]);
  });
});

describe("filters of a search", () => {
  test("by flow, with the mapping and its version on record", async () => {
    const message = await world.receive();
    await world.end(message, { flow: "refunds", mapping: "jkt/pay-order@3", events: [sealed(payment("jkt", "F-1", "5"))] });
    const found = mustBe(await operations.messages({ flow: "refunds" }));
    assert.deepEqual(
      found.items.map(({ id, mapping }) => [id, mapping]),
      [[message.id, "jkt/pay-order@3"]],
    );
    assert.deepEqual(mustBe(await operations.messages({ flow: "none" })).items, []);
  });
  test("only partners that the one who asks may see", async () => {
    const message = await world.receive();
    assert.deepEqual(mustBe(await operations.messages({ keys: [message.id], partners: ["his"] })).items, []);
    assert.equal(mustBe(await operations.messages({ keys: [message.id], partners: ["jkt"] })).items.length, 1);
    assert.equal(codeOf(await operations.inspect.trace(message.id, ["his"])), "UNKNOWN_MESSAGE");
    assert.equal(codeOf(await operations.inspect.raw(message.id, { part: "request", from: 0, length: 10 }, ["his"])), "UNKNOWN_MESSAGE");
  });
  test("pages of long spans lose and repeat nothing", async () => {
    // One a day, as far back as a year: each lies in the default partition, and spans begin and end between them.
    await world.sql(
      `insert into message (id, seq, door, partner, kind, headers, raw, received_at, state, state_at)
       select (lpad(to_hex((extract(epoch from huiliu_now() - n * interval '1 day') * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid,
         -n, 'amqp', 'old', 'k', '{}', 'x', huiliu_now() - n * interval '1 day', 'settled', huiliu_now() from generate_series(1, 300) n`,
    );
    const seen: string[] = [];
    for (let cursor: string | undefined, page = 0; page < 60; page += 1) {
      const found = mustBe(await operations.messages({ partner: "old", limit: 7, ...(cursor === undefined ? {} : { after: cursor }) }));
      seen.push(...found.items.map((row) => row.id));
      cursor = found.after;
      if (cursor === undefined) break;
    }
    assert.equal(seen.length, 300);
    assert.deepEqual(seen, [...new Set(seen)].sort().reverse());
    const now = (await world.postgres.now()).ms;
    const week = mustBe(await operations.messages({ partner: "old", fromMs: now - 20.5 * 86_400_000, toMs: now - 9.5 * 86_400_000 }));
    assert.equal(week.items.length, 11);
  });
});

describe("A74 searches are time-boxed", () => {
  for (const [what, filter] of [
    ["%%%", { keys: ["%%%"] }],
    ["ten years of nothing", { kind: "none", fromMs: Date.UTC(2016, 0, 1), toMs: Date.UTC(2036, 0, 1) }],
    ["no filter from the beginning of time", { state: "resolved", fromMs: 0 }],
  ] as const) {
    test(what, async () => {
      mustBe(await operations.messages(filter));
    });
  }
  test("one that has not ended when its time is over tells what it found, and how far it came; its cursor goes on from there", async () => {
    await world.sql(
      `insert into message (id, seq, door, partner, kind, headers, raw, received_at, state, state_at)
       select (lpad(to_hex((extract(epoch from huiliu_now() - n * interval '10 days') * 1000)::bigint), 12, '0') || '70009000000000000000')::uuid,
         -n, 'amqp', 'old', 'rare', '{}', 'x', huiliu_now() - n * interval '10 days', 'settled', huiliu_now() from generate_series(0, 20) n`,
    );
    const short = createMessageSearch({ reads: world.postgres.reads, partners: () => [] }, 0);
    const seen: string[] = [];
    let steps = 0;
    for (let cursor: string | undefined; steps < 30; steps += 1) {
      const page = mustBe(await short.messages({ kind: "rare", ...(cursor === undefined ? {} : { after: cursor }) }));
      seen.push(...page.items.map((row) => row.id));
      if (steps === 0) assert.deepEqual([page.items.length, typeof page.searchedTo], [1, "string"], "a day was looked through");
      cursor = page.after;
      if (cursor === undefined) break;
    }
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(steps > 1 && seen.length > 1, `${seen.length} after ${steps} steps`);
  });
  test("one that cannot even look at a day is stopped and says so", async () => {
    // Somebody holds the table as a long maintenance would: nothing can be read of it.
    const client = await world.postgres.pool.connect();
    try {
      await client.query("begin; lock table message in access exclusive mode");
      assert.equal(codeOf(await operations.messages({ kind: "none" })), "TOO_SLOW");
    } finally {
      await client.query("rollback");
      client.release();
    }
  });
});

describe("the trace of a message", () => {
  test("tells what happened when, from sender to partner and back", async () => {
    world.settle.setSubscribers([]);
    await world.sql(
      "insert into subscriber (name, queue, patterns, source, made_at, checkpoint, checkpoint_at) values ('ledger', 'huiliu.events.ledger', '{payment.#}', 'api', huiliu_now(), 0, huiliu_now())",
    );
    const paid = await world.pay("T-1", "his", 165_000n);
    const [claim] = (await world.claim("his")).filter((one) => one.id === paid.writeBackId);
    assert.ok(claim);
    await world.finish(claim, {
      outcome: "rejected",
      step: "park",
      park: PARKED,
      code: "E7",
      text: `患者${NAME}余额不足`,
      reply: Buffer.from("<no/>"),
    });
    await world.sql("delete from outbox");
    mustBe(
      await operations.resolveWriteBack(paid.writeBackId, {
        ...look,
        decision: "done-by-hand",
        hisReceiptNo: "HIS7",
        confirmedChecked: true,
      }),
    );
    const trace = mustBe(await operations.inspect.trace(paid.messageId, "*"));
    assert.deepEqual(
      trace.parties.map(({ kind, name }) => `${kind} ${name}`),
      ["sender jkt", "door amqp", "flow payment-confirm", "events huiliu.events", "subscriber ledger", "destination his", "person 王工"],
    );
    const kinds = trace.hops.map(({ kind }) => kind);
    for (const [before, behind] of [
      ["received", "answered"],
      ["answered", "translated"],
      ["translated", "event"],
      ["event", "owed"],
      ["owed", "attempt"],
      ["attempt", "closed"],
    ] as const)
      assert.ok(kinds.indexOf(before) < kinds.indexOf(behind) && kinds.includes(behind), `${before} before ${behind}: ${kinds}`);
    const attempt = trace.hops.find(({ kind }) => kind === "attempt");
    assert.deepEqual([attempt?.state, attempt?.what, attempt?.facts.code], ["bad", "rejected", "E7"]);
    assert.doesNotMatch(JSON.stringify(trace), new RegExp(NAME), "masked");
    assert.deepEqual(
      attempt?.payloads.map(({ of }) => of),
      ["body", "attempt-reply"],
    );
    const handed = trace.hops.find(({ kind }) => kind === "handed");
    assert.deepEqual([handed?.state, handed?.facts.read], ["open", "not-yet"], "the subscriber has not read it");
    assert.deepEqual([trace.legs.partner, trace.legs.resolved], ["by-hand", 1]);
    const deeds = trace.hops.filter(({ kind }) => kind === "deed").map(({ what, facts }) => [what, facts.reason]);
    assert.ok(deeds.some(([, reason]) => reason === look.reason));
    assert.deepEqual(
      trace.hops.map(({ n }) => n),
      trace.hops.map((_, index) => index + 1),
    );
  });
  test("a parked message says where and why; a run again is told, too", async () => {
    const id = await parkedMessage(world);
    mustBe(await operations.replayMessage(id, look));
    const again = (await world.journal.reclaim(500)).find((one) => one.id === id);
    assert.ok(again);
    const event = sealed(payment("jkt", "T-2", "100"));
    await world.end(again, { events: [event], writeBacks: [owed(event.event, "his", 100n)], mapping: "jkt/pay-order@4" });
    const { hops } = mustBe(await operations.inspect.trace(id, "*"));
    const told = hops
      .filter(({ kind }) => ["parked", "state", "translated", "deed"].includes(kind))
      .map(({ kind, facts }) => [kind, facts.mapping ?? ""]);
    assert.deepEqual(told, [
      ["parked", ""],
      ["state", ""],
      ["deed", ""],
      ["translated", "jkt/pay-order@4"],
    ]);
    const parked = await parkedMessage(world);
    const [why] = mustBe(await operations.inspect.trace(parked, "*")).hops.filter(({ kind }) => kind === "parked");
    assert.deepEqual([why?.why?.code, why?.why?.zh], [parkReason().code, parkReason().zh]);
  });
  test("of nobody", async () => {
    assert.equal(codeOf(await operations.inspect.trace("018f0000-0000-7000-8000-000000000000", "*")), "UNKNOWN_MESSAGE");
  });
});

describe("S0-38 bytes beside what they say", () => {
  test("masked by default: what is hidden of the text is hidden of the bytes", async () => {
    const { id } = await world.receive({ charset: "gbk", raw: gbkXml });
    const shown = mustBe(await operations.inspect.raw(id, { part: "request", from: 0, length: 4_096 }, "*"));
    assert.equal(shown.masked, true);
    assert.equal(shown.charset, "gbk");
    assert.match(shown.text ?? "", /<XM>张\*\*<\/XM><SFZH>11\*+1234<\/SFZH><JE>165\.00<\/JE>/);
    const name = Buffer.from(iconv.encode(NAME.slice(1), "gbk")).toString("hex");
    assert.ok(!(shown.hex ?? "").includes(name), "the name's bytes are not there");
    assert.equal((shown.hex ?? "").length, gbkXml.length * 2);
    assert.equal(
      [...(shown.widths ?? "")].reduce((sum, one) => sum + Number(one), 0),
      gbkXml.length,
    );
  });
  test("whole only with a person and a reason, on record before it is shown; piece by piece", async () => {
    const { id } = await world.receive({ charset: "gbk", raw: gbkXml });
    const range = { part: "request" as const, from: 0, length: 4_096 };
    assert.equal(codeOf(await operations.inspect.raw(id, range, "*", { by: "王工" })), "REASON_REQUIRED");
    const whole = mustBe(await operations.inspect.raw(id, range, "*", look));
    assert.equal(whole.hex, Buffer.from(gbkXml).toString("hex"));
    assert.match(whole.text ?? "", new RegExp(NAME));
    const audit = await world.sql<{ action: string; reason: string }>("select action, reason from operator_action where target_id = $1", [
      id,
    ]);
    assert.deepEqual(audit, [{ action: "unmask", reason: look.reason }]);
    const piece = mustBe(await operations.inspect.raw(id, { part: "request", from: 50, length: 6 }, "*", look));
    assert.ok(piece.from <= 50 && piece.from + piece.length >= 55);
  });
  test("the other part, or none", async () => {
    const { id } = await world.receive({ raw: Buffer.from("request"), reply: Buffer.from("reply"), returnValue: "0" });
    assert.equal(mustBe(await operations.inspect.raw(id, { part: "reply", from: 0, length: 10 }, "*")).text, "reply");
    const lone = await world.receive();
    assert.equal(codeOf(await operations.inspect.raw(lone.id, { part: "reply", from: 0, length: 10 }, "*")), "NO_SUCH_PART");
  });
});

describe("what is taken away", () => {
  test("A38 needs a reason, is on record, computes nothing, is masked", async () => {
    const evil = await world.receive({ identity: '=HYPERLINK("http://evil","x")' });
    await world.end(evil, { park: parkReason({ zh: "＝cmd|' /C calc'!A0", en: "患者张三丰余额不足 13800138000" }) });
    assert.equal(codeOf(await operations.inspect.export({ keys: [evil.id] }, "zh", { by: "王工", reason: "" })), "REASON_REQUIRED");
    const zh = mustBe(await operations.inspect.export({ keys: [evil.id] }, "zh", look));
    assert.equal(zh.rows, 1);
    assert.ok(zh.csv.startsWith('\uFEFF"接收时间",'));
    assert.match(zh.csv, /"'=HYPERLINK\(""http:\/\/evil"",""x""\)"/);
    assert.match(zh.csv, /"'＝cmd/);
    const en = mustBe(await operations.inspect.export({ keys: [evil.id] }, "en", look));
    assert.doesNotMatch(en.csv, /张三丰|13800138000/);
    const [row] = await world.sql<{ action: string; reason: string; after: { rows: number; asked: { keys: string[] } } }>(
      "select action, reason, after from operator_action where id = $1",
      [zh.auditId],
    );
    assert.deepEqual([row?.action, row?.reason, row?.after.rows, row?.after.asked.keys], ["export", look.reason, 1, [evil.id]]);
    assert.equal(mustBe(await operations.message(evil.id)).message.identity, '=HYPERLINK("http://evil","x")', "kept as it came");
  });
  test(`at most ${EXPORT_ROWS_MAX} rows`, async () => {
    await world.sql(
      `insert into message (id, seq, door, partner, kind, headers, raw, received_at, state, state_at)
       select (lpad(to_hex((extract(epoch from huiliu_now()) * 1000)::bigint + n / 100), 12, '0') || '7001' || lpad(to_hex(n), 16, '8'))::uuid,
         n, 'amqp', 'old', 'many', '{}', 'x', huiliu_now(), 'settled', huiliu_now() from generate_series(1, ${EXPORT_ROWS_MAX + 5}) n`,
    );
    const taken = mustBe(await operations.inspect.export({ kind: "many" }, "en", look));
    assert.deepEqual([taken.rows, taken.cut], [EXPORT_ROWS_MAX, true]);
    assert.equal(taken.csv.split("\r\n").length, EXPORT_ROWS_MAX + 2);
  });
});
