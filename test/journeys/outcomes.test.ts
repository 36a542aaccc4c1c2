/** Write-backs until acknowledged, whatever the HIS does ("What must show" 3), and what a person does about the rest. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { effectsPerKey } from "../hospital/ledger.ts";
import { compare, type Sent } from "../hospital/oracle.ts";
import { type Client, connectClient } from "./client.ts";
import { destination, type Huiliu, QUICK, ROOT, type Row, startHuiliu, until } from "./harness.ts";
import { createStory } from "./story.ts";

/** One write-back kind per spelling, so that every fault meets all three in one run. */
const SPELLED = {
  "insurance-result": "insurance-result-soap",
  "payment-confirm": "payment-confirm-json",
  "refund-confirm": "refund-confirm",
};
const TURNED = {
  "insurance-result": "insurance-result-json",
  "payment-confirm": "payment-confirm",
  "refund-confirm": "refund-confirm-soap",
};
/** What a HIS does to the first request for a bill, and how it still ends in exactly one effect. */
const FAULTS: readonly { readonly name: string; readonly order: Row }[] = [
  { name: "hangs without doing it", order: { fault: "hang" } },
  { name: "does it and hangs", order: { fault: "hang", after: "work" } },
  { name: "does it and drops the reply", order: { fault: "drop-reply" } },
  { name: "answers 503", order: { fault: "503" } },
  { name: "is slow", order: { fault: "slow", ms: 300 } },
  { name: "is slower than we wait", order: { fault: "slow", ms: 1_800 } },
  { name: "garbles the answer", order: { fault: "garble" } },
  { name: "answers in GBK", order: { fault: "gbk" } },
  { name: "says “already done” to a first request", order: { fault: "duplicate", how: "already-done" } },
  { name: "answers every field twice", order: { fault: "duplicate", how: "fields" } },
  { name: "answers twice", order: { fault: "duplicate", how: "answer" } },
  { name: "is busy", order: { fault: "reject", code: "9" } },
  { name: "answers later", order: { fault: "defer", ms: 200 } },
];
const KINDS = [
  { message: "neusoft.settle", owed: "insurance-result", payer: "insured" },
  { message: "his.payment", owed: "payment-confirm", payer: "self" },
  { message: "his.refund", owed: "refund-confirm", payer: "self" },
] as const;
const SETTLED_MS = 25_000;
const WHO = { by: "运维甲", reason: "已在HIS核对" };

let huiliu: Huiliu;
let client: Client;
const story = createStory(
  () => huiliu,
  () => client,
  11,
);
/** Cases are used once: each test takes its own. */
let ordinal = 0;
const next = (): number => ++ordinal;
const MAPPING = "mappings/chongqing/settle/mapping.json";

before(async () => {
  huiliu = await startHuiliu("outcomes", {
    profiles: { his: destination({ ...QUICK, deferredMs: 1_000, duplicates: "inquiry", inquiry: "inquiry-json", messages: SPELLED }) },
    prepare: (root) => {
      // A mapping that is too strict for what the partner really sends; it is mended later.
      const file = join(root, MAPPING);
      const mapping = JSON.parse(readFileSync(file, "utf8")) as { checks: object[] };
      mapping.checks.push({ because: "参数写错的检查", must: { at: "request:/经办人", is: "谁也不是" } });
      writeFileSync(file, JSON.stringify(mapping));
    },
  });
  client = await connectClient(huiliu.run().amqp);
  await client.watch();
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
});

/** Pushes one message of a kind and answers what it ought to do at the HIS. */
async function owe(kind: (typeof KINDS)[number], fault?: Row): Promise<Sent> {
  const made = story.make(kind.message, next(), kind.payer);
  const sent = made.expect[0];
  assert.ok(sent);
  if (fault !== undefined) await huiliu.fault({ count: 1, ...fault, bill: sent.order, kind: kind.owed });
  const verdict = await story.push(kind.message, made);
  assert.equal(verdict.verdict, "accepted", verdict.text?.zh);
  return sent;
}
const writeBackOf = async (sent: Sent): Promise<Row> => {
  const answer = await huiliu.api(`/write-backs?key=${sent.order}`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.items[0] as Row;
};
const inState = (sent: Sent, state: string, ms = 10_000): Promise<Row> =>
  until(
    `${sent.kind} ${sent.order} is ${state}`,
    async () => {
      const row = await writeBackOf(sent);
      return row.state === state && row;
    },
    ms,
    () => writeBackOf(sent),
  );
const effectsOf = async (sent: Sent): Promise<number> =>
  (await story.effects()).filter((line) => line.order === sent.order && line.kind === sent.kind).length;

/** Every fault in every spelling at once, each on bills of its own; then the ledger is held against what was sent. */
async function weather(mode: "strict" | "naive"): Promise<void> {
  await huiliu.fault({ mode });
  const since = (await huiliu.ledger()).length;
  const sent = await Promise.all(FAULTS.flatMap(({ order }) => KINDS.map((kind) => owe(kind, order))));
  await story.quiet(SETTLED_MS);
  const lines = (await huiliu.ledger()).slice(since);
  const report = compare(sent, lines);
  assert.deepEqual({ ...report, clean: true }, report, JSON.stringify(report));
  assert.equal(report.effects, sent.length);
  for (const [key, times] of effectsPerKey(lines)) assert.equal(times, 1, key);
  const states = await huiliu.sql(
    "select state, count(*)::int n from write_back where state not in ('acknowledged', 'held', 'resolved') group by 1",
  );
  assert.deepEqual(states, []);
  assert.ok(report.asked > sent.length, "faults were met: some were sent again");
}

describe("a HIS that can be asked", { concurrency: false }, () => {
  test(`C-6 S4-3 naive: exactly one effect after each of ${FAULTS.length} faults, in XML, SOAP and JSON`, () => weather("naive"));
  test(`C-6 S4-3 strict: exactly one effect after each of ${FAULTS.length} faults, in XML, SOAP and JSON`, () => weather("strict"));

  test("C-6 a HIS that refuses connections gets everything, once, when it listens again", async () => {
    await huiliu.fault({ mode: "naive" });
    await huiliu.fault({ fault: "refuse", ms: 1_500 });
    const sent = await Promise.all(KINDS.map((kind) => owe(kind)));
    await story.quiet(SETTLED_MS);
    for (const one of sent) assert.equal(await effectsOf(one), 1);
  });
});

describe("a business reject in HTTP 200", { concurrency: false }, () => {
  for (const kind of KINDS)
    test(`C-6 C-7 ${kind.owed} (${SPELLED[kind.owed]}): parked, never delivered; asked and sent again when a person says so`, async () => {
      const sent = await owe(kind, { fault: "reject", code: "E101" });
      const parked = await inState(sent, "parked");
      assert.equal((parked.parked as Row).code !== undefined, true);
      assert.equal(parked.lastCode, "E101");
      assert.equal(parked.mayHaveTakenEffect, false);
      assert.equal(await effectsOf(sent), 0);
      await until("writeback.parked is told", () =>
        client.events.some((one) => one.type === "writeback.parked" && JSON.stringify(one.data).includes(String(sent.order))),
      );
      const replayed = await huiliu.api(`/write-backs/${parked.id}/replay`, WHO);
      assert.equal(replayed.status, 200, JSON.stringify(replayed.body));
      const done = await inState(sent, "acknowledged");
      assert.equal(await effectsOf(sent), 1);
      const detail = (await huiliu.api(`/write-backs/${parked.id}`)).body;
      assert.deepEqual(
        (detail.attempts as Row[]).map((one) => one.action),
        ["send", "ask", "send"],
        "asked first",
      );
      const again = await huiliu.api(`/write-backs/${done.id}/replay`, WHO);
      assert.deepEqual([again.status, again.body.error.code], [409, "ALREADY_CLOSED"]);
      assert.equal(await effectsOf(sent), 1);
    });

  test("C-7 resolved by hand with the receipt number of the HIS: closed, told, never sent", async () => {
    const sent = await owe(KINDS[0], { fault: "reject" });
    const parked = await inState(sent, "parked");
    const close = (more: Row) => huiliu.api(`/write-backs/${parked.id}/resolve`, { ...WHO, decision: "done-by-hand", ...more });
    const without = await close({});
    assert.deepEqual([without.status, without.body.error.code], [422, "RECEIPT_REQUIRED"]);
    const resolved = await close({ hisReceiptNo: "HIS手工0001" });
    assert.equal(resolved.status, 200, JSON.stringify(resolved.body));
    const row = await inState(sent, "resolved");
    assert.deepEqual([row.hisReceiptNo, row.resolvedBy, row.resolution], ["HIS手工0001", WHO.by, "done-by-hand"]);
    await until("writeback.resolved is told", () =>
      client.events.some((one) => one.type === "writeback.resolved" && JSON.stringify(one.data).includes("HIS手工0001")),
    );
    assert.equal((await huiliu.api(`/write-backs/${parked.id}/replay`, WHO)).status, 409);
    assert.equal(await effectsOf(sent), 0);
    const audit = (await huiliu.api(`/audit?targetId=${parked.id}`)).body.items as Row[];
    assert.deepEqual(
      audit.map((one) => [one.who, one.reason]),
      [[WHO.by, WHO.reason]],
    );
  });

  test("C-6 a parked write-back holds the later ones of its bill, not those of others", async () => {
    const at = next();
    const settle = story.make("neusoft.settle", at, "insured");
    const bill = settle.expect[0]?.order ?? "";
    await huiliu.fault({ fault: "reject", count: 1, bill, kind: "insurance-result" });
    for (const name of ["his.charge", "neusoft.settle", "his.payment"]) await story.push(name, story.make(name, at, "insured"));
    const other = await owe(KINDS[1]);
    await inState(other, "acknowledged");
    const states = async () =>
      (await huiliu.sql("select kind, state from write_back where lane = $1 order by kind", [`bill:${bill}`])).map((row) => [
        row.kind,
        row.state,
      ]);
    await until("the first is parked", async () => (await states())[0]?.[1] === "parked", 5_000, states);
    assert.deepEqual(await states(), [
      ["insurance-result", "parked"],
      ["payment-confirm", "queued"],
    ]);
    const [row] = await huiliu.sql("select id from write_back where lane = $1 and state = 'parked'", [`bill:${bill}`]);
    await huiliu.api(`/write-backs/${row?.id}/replay`, WHO);
    await story.quiet();
    const done = (await story.effects()).filter((line) => line.order === bill).map((line) => line.kind);
    assert.deepEqual(done, ["insurance-result", "payment-confirm"]);
  });
});

describe("a message from its stored bytes", { concurrency: false }, () => {
  const made = () => story.make("chongqing.settle", 5_000, "insured");

  test("C-7 parked by its mapping, replayed after the mapping was mended: one effect", async () => {
    const one = made();
    const verdict = await story.push("chongqing.settle", one);
    assert.equal(verdict.verdict, "refused");
    const before = (await huiliu.api(`/messages/${verdict.messageId}`)).body;
    assert.equal(before.message.state, "parked");
    assert.match(JSON.stringify(before.message), /参数写错的检查/);
    cpSync(join(ROOT, MAPPING), join(huiliu.root, MAPPING));
    await client.close();
    await huiliu.withProfiles({ his: destination({ messages: TURNED, duplicates: "by-key", inquiry: "inquiry-soap" }) });
    client = await connectClient(huiliu.run().amqp);
    await client.watch();
    const preview = await huiliu.api(`/messages/${verdict.messageId}/replay`, { preview: true });
    assert.deepEqual(
      (preview.body.events as Row[]).map((event) => [event.type, event.stored]),
      [["insurance.settled", false]],
    );
    assert.equal((await huiliu.api(`/messages/${verdict.messageId}/replay`, WHO)).status, 200);
    await until("one effect", async () => (await story.effects()).some((line) => line.order === one.expect[0]?.order));
    await story.quiet();
    assert.equal(await effectsOf(one.expect[0] as Sent), 1);
  });

  test("C-7 replayed after an acknowledgement and another mending: the difference is shown, no second effect is owed", async () => {
    const sent = made().expect[0] as Sent;
    const writeBack = await writeBackOf(sent);
    const file = join(huiliu.root, "mappings/his/insurance-result-json/mapping.json");
    const mapping = JSON.parse(readFileSync(file, "utf8")) as { fields: { to: string }[] };
    writeFileSync(file, JSON.stringify({ ...mapping, fields: mapping.fields.filter((field) => !/fund/i.test(field.to)) }));
    await client.close();
    await huiliu.restartEngine();
    client = await connectClient(huiliu.run().amqp);
    await client.watch();
    const asked = (await huiliu.ledger()).length;
    assert.equal((await huiliu.api(`/messages/${writeBack.messageId}/replay`, WHO)).status, 200);
    const detail = await until("it is settled again", async () => {
      const { body } = await huiliu.api(`/messages/${writeBack.messageId}`);
      return body.message.state === "settled" && body;
    });
    await story.quiet();
    assert.deepEqual(
      (detail.differences as Row[]).map((one) => [one.writeBackId, one.changed]),
      [[writeBack.id, ["body"]]],
    );
    assert.equal((await huiliu.ledger()).length, asked, "the HIS was not even asked");
    assert.deepEqual(await effectsOf(sent), 1);
    assert.equal(client.events.filter((one) => one.type === "insurance.settled").length, 0, "no second event");
  });
});

describe("a HIS that knows our keys", { concurrency: false }, () => {
  test(`C-6 S4-3 strict, by key: exactly one effect after each of ${FAULTS.length} faults, spelled the other way`, () => weather("strict"));
});

describe("a HIS of which nothing may be repeated", { concurrency: false }, () => {
  test("C-6 C-7 a dropped reply parks and says that it may have taken effect; a replay asks first and finds it done", async () => {
    await client.close();
    await huiliu.withProfiles({ his: destination({ duplicates: "none" }) });
    client = await connectClient(huiliu.run().amqp);
    await huiliu.fault({ mode: "naive" });
    const sent = await owe(KINDS[0], { fault: "drop-reply" });
    const parked = await inState(sent, "parked");
    assert.equal(parked.mayHaveTakenEffect, true);
    const cancel = await huiliu.api(`/write-backs/${parked.id}/resolve`, { ...WHO, decision: "cancelled" });
    assert.deepEqual([cancel.status, cancel.body.error.code], [422, "CONFIRM_REQUIRED"]);
    assert.equal((await huiliu.api(`/write-backs/${parked.id}/replay`, WHO)).status, 200);
    const done = await inState(sent, "acknowledged");
    assert.equal(done.how, "inquiry");
    assert.equal(await effectsOf(sent), 1);
  });

  test("S4-3 the totals of the day balance", async () => {
    const { body } = await huiliu.api("/totals?businessDate=2026-11-20");
    assert.equal(body.balanced, true, JSON.stringify(body));
    const [fen] = await huiliu.sql("select sum(amount_fen)::text fen, count(*)::int n from write_back where state <> 'held'");
    const rows = (body.rows as Row[]).filter((row) => row.direction === "outbound");
    const sum = (name: string) => rows.reduce((total, row) => total + Number((row[name] as { count: number }).count), 0);
    assert.equal(sum("owed"), sum("acknowledged") + sum("waiting") + sum("parked") + sum("resolved"));
    assert.ok(sum("owed") >= Number(fen?.n));
  });
});
