/** Answers that come on their own way, by message and by callback, while the engine is killed: nothing lost, nothing twice, and every odd one has a face. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { effectsPerKey } from "../hospital/ledger.ts";
import { compare, type Sent } from "../hospital/oracle.ts";
import { type Client, connectClient } from "./client.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";
import { createStory } from "./story.ts";

const SPELLED = {
  "insurance-result": "insurance-result-soap",
  "payment-confirm": "payment-confirm-json",
  "refund-confirm": "refund-confirm",
};
const KINDS = [
  { message: "neusoft.settle", owed: "insurance-result", payer: "insured" },
  { message: "his.payment", owed: "payment-confirm", payer: "self" },
  { message: "his.refund", owed: "refund-confirm", payer: "self" },
] as const;
type Kind = (typeof KINDS)[number];
const PAYMENT = KINDS[1];
const DEFERRED_MS = 2_000;
const ROUND = 12;
const WAYS = ["callback", "message"] as const;

let huiliu: Huiliu;
let client: Client;
const story = createStory(
  () => huiliu,
  () => client,
  29,
);
let ordinal = 0;

before(async () => {
  huiliu = await startHuiliu("acknowledgements", {
    profiles: {
      his: (profile) => {
        const { inquiry: _, ...rest } = profile.destination ?? {};
        return destination({ ...QUICK, deferredMs: DEFERRED_MS, duplicates: "none", messages: SPELLED })({ ...profile, destination: rest });
      },
    },
  });
  client = await connectClient(huiliu.run().amqp);
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
});

/** Tells the HIS where its later answers go. */
async function answersBy(way: (typeof WAYS)[number]): Promise<void> {
  const { gateway, partners } = huiliu.run();
  const his = partners.his;
  assert.ok(his);
  const to = way === "callback" ? { url: `${gateway}/partners/his/acknowledgements`, key: his.key } : { url: his.amqp };
  await huiliu.fault({ answers: { by: way, ...to } });
}
async function owe(kind: Kind, fault: Row): Promise<Sent> {
  ordinal += 1;
  const made = story.make(kind.message, ordinal, kind.payer);
  const sent = made.expect[0];
  assert.ok(sent);
  await huiliu.fault({ count: 1, fault: "defer", ...fault, bill: sent.order, kind: kind.owed });
  const verdict = await story.push(kind.message, made);
  assert.equal(verdict.verdict, "accepted", verdict.text?.zh);
  return sent;
}
const writeBackOf = async (sent: Sent): Promise<Row> => (await huiliu.api(`/write-backs?key=${sent.order}`)).body.items[0] as Row;
const inState = (sent: Sent, state: string): Promise<Row> =>
  until(
    `${sent.kind} ${sent.order} is ${state}`,
    async () => {
      const row = await writeBackOf(sent);
      return row.state === state && row;
    },
    12_000,
    () => writeBackOf(sent),
  );
const recordsOf = async (sent: Sent): Promise<readonly string[]> => {
  const row = await writeBackOf(sent);
  const { body } = await huiliu.api(`/write-backs/${String(row.id)}`);
  return (body.acknowledgements as readonly { readonly state: string }[]).map((one) => one.state);
};
const effectsOf = async (sent: Sent): Promise<number> =>
  (await story.effects()).filter((line) => line.order === sent.order && line.kind === sent.kind).length;

describe("answers on their own way", { concurrency: false }, () => {
  for (const policy of ["none", "inquiry"] as const)
    test(`S4-3 C-6 by callback and by message, engine killed between "taken" and the answer, naive HIS, duplicates policy ${policy}: 0 lost, 0 twice`, async () => {
      if (policy === "inquiry")
        await huiliu.withProfiles({ his: destination({ duplicates: "inquiry", inquiry: "inquiry-json", trustNotFoundAfterMs: 6_000 }) });
      await huiliu.fault({ fault: "none" });
      await huiliu.fault({ mode: "naive" });
      for (const way of WAYS) await answersBy(way);
      const since = (await huiliu.ledger()).length;
      const sent = await Promise.all(
        Array.from({ length: ROUND }, (_, at) =>
          owe(KINDS[at % KINDS.length] ?? PAYMENT, { ms: 400, ackMs: 100 * at, by: WAYS[at % WAYS.length] }),
        ),
      );
      await until(
        "all are taken",
        async () => (await huiliu.ledger()).slice(since).filter((line) => line.answer === "2").length >= sent.length,
      );
      await huiliu.kill("engine");
      await huiliu.recovered();
      await Promise.all(sent.map((one) => inState(one, "acknowledged")));
      await story.quiet();
      const lines = (await huiliu.ledger()).slice(since).filter((line) => line.kind !== "answer");
      const report = compare(sent, lines);
      assert.deepEqual([report.effects, report.clean], [sent.length, true], JSON.stringify(report));
      for (const [key, times] of effectsPerKey(lines)) assert.equal(times, 1, key);
      const doors = await huiliu.sql("select door, count(*)::int n from acknowledgement group by 1 order by 1");
      assert.deepEqual(
        doors.map((row) => row.door),
        ["amqp", "http"],
      );
    });

  test("an answer that overtakes the reply is not lost: acknowledged once, sent once (early)", async () => {
    await huiliu.fault({ fault: "none" });
    await answersBy("callback");
    const sent = await owe(PAYMENT, { ack: "early", ms: 300 });
    await inState(sent, "acknowledged");
    assert.deepEqual([await effectsOf(sent), await recordsOf(sent)], [1, ["early"]]);
    const asked = (await huiliu.ledger()).filter((line) => line.order === sent.order && line.kind === sent.kind && line.deferred !== true);
    assert.equal(asked.length, 1, "it was sent once");
  });

  test("told twice it counts once; the second is a duplicate that can be seen", async () => {
    const sent = await owe(PAYMENT, { ms: 100, ack: "twice" });
    await inState(sent, "acknowledged");
    await until(
      "both are on record",
      async () => (await recordsOf(sent)).length === 2,
      5_000,
      () => recordsOf(sent),
    );
    assert.deepEqual([...(await recordsOf(sent))].sort(), ["applied", "duplicate"]);
    assert.equal(await effectsOf(sent), 1);
  });

  test("a later refusal parks it with the partner's words, and a person may close it", async () => {
    const sent = await owe(PAYMENT, { ms: 100, ack: "reject", code: "E103", text: "单据已关闭" });
    const row = await inState(sent, "parked");
    assert.match(JSON.stringify(row.parked), /"REJECTED"/);
    assert.match(JSON.stringify(row.parked), /E103 单据已关闭/);
    assert.equal(await effectsOf(sent), 0);
    const { status } = await huiliu.api(`/write-backs/${String(row.id)}/resolve`, {
      decision: "cancelled",
      confirmedChecked: true,
      by: "运维甲",
      reason: "已核对，单据关闭",
    });
    assert.equal(status, 200);
  });

  test("another amount parks it as differing; nothing is taken for acknowledged", async () => {
    const sent = await owe(PAYMENT, { ms: 100, ack: "other-amount" });
    const row = await inState(sent, "parked");
    assert.match(JSON.stringify(row.parked), /RECEIPT_DIFFERS/);
    assert.deepEqual(await recordsOf(sent), ["differs"]);
  });

  test("A28 a forged acknowledgement: another partner's key is refused, another key names nothing, and nothing is acknowledged by it", async () => {
    const sent = await owe(PAYMENT, { ms: 60_000, ack: "none" });
    const row = await inState(sent, "deferred");
    const body = JSON.stringify({ code: "0", key: row.key, receiptNo: "X1", amountFen: row.amount, serial: row.serial });
    const post = (path: string, as: string, what = body): Promise<Response> =>
      fetch(`${huiliu.run().gateway}/partners/${path}`, {
        method: "POST",
        body: what,
        headers: { authorization: `Bearer ${huiliu.run().partners[as]?.key ?? ""}`, "content-type": "application/json" },
      });
    assert.equal((await post("his/acknowledgements/payment-confirm-json-answer", "neusoft")).status, 401);
    assert.equal((await post("neusoft/acknowledgements/payment-confirm-json-answer", "neusoft")).status, 422, "nothing is owed to it");
    assert.equal((await post("his/acknowledgements/charge", "his")).status, 422, "the callback takes acknowledgements only");
    assert.equal(
      (await post("his/acknowledgements/payment-confirm-json-answer", "his", body.replace(String(row.key), "0".repeat(40)))).status,
      202,
    );
    const listed = await until("it is on the list", async () => {
      const { body: page } = await huiliu.api("/acknowledgements?state=unexpected");
      return page.items.length > 0 && (page.items as readonly Row[]);
    });
    assert.equal(listed[0]?.destination, "his");
    const parked = await huiliu.api(`/messages/${String(listed[0]?.messageId)}`);
    assert.deepEqual([parked.body.message.state, parked.body.message.parked.code], ["parked", "UNEXPECTED_ACKNOWLEDGEMENT"]);
    assert.equal((await writeBackOf(sent)).state, "deferred", "untouched");
    assert.equal((await post("his/acknowledgements/payment-confirm-json-answer", "his")).status, 202, "the true one still comes");
    await inState(sent, "acknowledged");
  });

  test("S4-10 a Neusoft 2421 that overtakes its settlement waits, and is taken up by itself when that comes", async () => {
    await huiliu.fault({ fault: "none" });
    ordinal += 1;
    const reversal = story.make("neusoft.reverse", ordinal, "insured");
    const settlement = story.make("neusoft.settle", ordinal, "insured");
    const ahead = await story.push("neusoft.reverse", reversal);
    assert.deepEqual([ahead.verdict, ahead.code], ["refused", "ORIGINAL_UNKNOWN"]);
    assert.equal((await story.push("neusoft.settle", settlement)).verdict, "accepted");
    const order = settlement.expect[0]?.order;
    const done = await until(
      "both are told, the settlement first",
      async () => {
        const lines = (await story.effects()).filter((line) => line.order === order && line.kind === "insurance-result");
        return lines.length === 2 && lines;
      },
      12_000,
      () => huiliu.sql("select id, kind, state, park->>'code' as code from message where state not in ('settled', 'duplicate')"),
    );
    assert.deepEqual(
      done.map((line) => line.action),
      ["settle", "reverse"],
    );
    assert.equal(done[0]?.amount, done[1]?.amount);
  });
});
