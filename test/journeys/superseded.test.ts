/**
 * Refunds and reversals that overtake what they take back (docs/decisions/012-superseded.md), against the simulated hospital: its ledger never shows a refund without its
 * payment, nor a payment after its refund, and its money agrees with what was captured and given back.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Made } from "../hospital/messages/made.ts";
import { compare, type Sent } from "../hospital/oracle.ts";
import { type Client, connectClient } from "./client.ts";
import { type Answer, destination, type Huiliu, QUICK, startHuiliu, until } from "./harness.ts";
import { createStory, type Payer } from "./story.ts";

type Row = Answer["body"];
const WHO = { by: "财务甲", reason: "核对取代" };
/** Every third case is refunded in full (test/hospital/messages/his.ts). */
const WHOLE = 3;

let huiliu: Huiliu;
let client: Client;
const story = createStory(
  () => huiliu,
  () => client,
  4_711,
);
let used = 0;
const nextWhole = (): number => {
  used += WHOLE;
  return used;
};

before(async () => {
  const settings = { ...QUICK, duplicates: "inquiry" };
  huiliu = await startHuiliu("superseded", { profiles: { his: destination(settings) } });
  client = await connectClient(huiliu.run().amqp);
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
});

async function tell(names: readonly string[], ordinal: number, payer: Payer): Promise<readonly Made[]> {
  const told: Made[] = [];
  for (const name of names) {
    const made = story.make(name, ordinal, payer);
    const verdict = await story.push(name, made);
    assert.equal(verdict.verdict, "accepted", `${name}: ${verdict.text?.zh}`);
    told.push(made);
  }
  return told;
}
const sentOf = (told: readonly Made[]): readonly Sent[] => told.flatMap((made) => made.expect);
const writeBacks = async (bill: string): Promise<readonly Row[]> => (await huiliu.api(`/write-backs?key=${bill}`)).body.items as Row[];
const statesOf = async (bill: string): Promise<readonly string[]> =>
  (await writeBacks(bill)).map((row) => `${row.kind} ${row.state}${row.resolution ? ` ${row.resolution}` : ""}`).sort();
/** The HIS refuses connections while `what` happens, and is there again afterwards. */
async function whileDown(what: () => Promise<void>): Promise<void> {
  await huiliu.fault({ fault: "refuse", ms: 600_000 });
  await what();
  await huiliu.fault({ fault: "none" });
}

describe("superseded", { concurrency: false }, () => {
  test("S4-10 C-6 paid and refunded, settled and cancelled while the HIS is down: it hears of nothing, a person sees everything", async () => {
    const [paid, insured] = [nextWhole(), nextWhole()];
    const sent: Sent[] = [];
    await whileDown(async () => {
      sent.push(...sentOf(await tell(["his.charge", "his.payment", "his.refund"], paid, "self")));
      sent.push(...sentOf(await tell(["his.charge", "neusoft.settle", "neusoft.cancel"], insured, "insured")));
      await until(
        "superseded",
        async () => (await huiliu.sql("select 1 from write_back where resolution = 'superseded'")).length === 4,
        15_000,
        () => huiliu.sql("select kind, state, last_outcome, may_have_taken_effect from write_back"),
      );
    });
    await story.quiet(20_000);
    const report = compare(sent, await huiliu.ledger());
    assert.deepEqual([report.clean, report.effects, report.cancelled.length], [true, 0, 4], JSON.stringify(report));
    const bill = story.caseOf(paid, "self").bill;
    assert.deepEqual(await statesOf(bill), ["payment-confirm resolved superseded", "refund-confirm resolved superseded"]);
    const [first, second] = await writeBacks(bill);
    assert.ok(first && second);
    assert.deepEqual([first.resolvedBy, first.supersededBy === second.supersededBy, typeof first.supersededBy], ["engine", true, "string"]);
    const events = (await huiliu.api(`/events?key=${bill}&type=writeback.resolved`)).body.items as Row[];
    assert.deepEqual(
      events.map((row) => [row.event.data.decision, row.event.data.overtakenBy]),
      [1, 2].map(() => ["superseded", first.supersededBy]),
    );
    const refused = await huiliu.api(`/write-backs/${first.id}/replay`, WHO);
    assert.deepEqual([refused.status, refused.body.error.code], [409, "SUPERSEDED"]);
    const totals = (await huiliu.api(`/totals?businessDate=${first.businessDate}&kind=payment-confirm`)).body;
    const row = (totals.rows as Row[]).find((one) => one.direction === "outbound");
    assert.deepEqual([totals.balanced, row?.superseded.count, row?.resolved.count], [true, 1, 1], JSON.stringify(totals));
  });

  test("S4-10 a refund journaled before its bill was covered: the payment is not told when the insurance covers it", async () => {
    const ordinal = nextWhole();
    const bill = story.caseOf(ordinal, "insured").bill;
    const sent = sentOf(await tell(["his.charge", "his.payment", "his.refund"], ordinal, "insured"));
    assert.deepEqual(await statesOf(bill), ["payment-confirm resolved superseded", "refund-confirm resolved superseded"]);
    const more = sentOf(await tell(["neusoft.settle"], ordinal, "insured"));
    await story.quiet(20_000);
    const report = compare(
      [...sent, ...more],
      (await huiliu.ledger()).filter((line) => line.order === bill),
    );
    assert.deepEqual([report.clean, report.effects, report.cancelled.length], [true, 1, 2], JSON.stringify(report));
  });

  test("C-6 the HIS up, and a confirm that may have taken effect: the whole story is told, in order", async () => {
    const [up, doubt] = [nextWhole(), nextWhole()];
    const bills = [up, doubt].map((ordinal) => story.caseOf(ordinal, "self").bill);
    const told: Made[] = [...(await tell(["his.charge", "his.payment"], up, "self"))];
    await story.quiet();
    told.push(...(await tell(["his.refund"], up, "self")));
    // Its answer is lost: asked for, found, and only then the refund.
    await huiliu.fault({ fault: "drop-reply", count: 1, bill: bills[1], kind: "payment-confirm" });
    told.push(...(await tell(["his.charge", "his.payment"], doubt, "self")));
    await until("in doubt or done", async () => (await writeBacks(bills[1] ?? "")).some((row) => row.attempts > 0));
    told.push(...(await tell(["his.refund"], doubt, "self")));
    await story.quiet(20_000);
    const lines = (await huiliu.ledger()).filter((line) => bills.includes(line.order ?? ""));
    const report = compare(sentOf(told), lines);
    assert.deepEqual([report.clean, report.effects, report.cancelled.length], [true, 4, 0], JSON.stringify(report));
    for (const bill of bills)
      assert.deepEqual(
        lines.filter((line) => line.effect && line.order === bill).map((line) => line.kind),
        ["payment-confirm", "refund-confirm"],
      );
  });

  test("C-2 a changed address is followed without a restart; a lane that a person holds waits, another goes on", async () => {
    const shown = (await huiliu.api("/destinations/his")).body as Row;
    const set = await huiliu.api("/destinations/his/profile", {
      ...WHO,
      version: shown.version,
      profile: { ...shown.profile, parallel: 7 },
    });
    assert.equal(set.status, 200, JSON.stringify(set.body));
    const partner = (await huiliu.api("/partners/his")).body as Row;
    assert.equal(partner.destination.parallel, 7);
    const stale = await huiliu.api("/destinations/his/profile", { ...WHO, version: shown.version, profile: shown.profile });
    assert.deepEqual([stale.status, stale.body.error.code], [409, "VERSION_CHANGED"]);
    const [held, free] = [nextWhole(), nextWhole()];
    const lane = { destination: "his", lane: `bill:${story.caseOf(held, "self").bill}` };
    assert.equal((await huiliu.api("/lanes/hold", { ...WHO, ...lane })).status, 200);
    await tell(["his.charge", "his.payment"], held, "self");
    await tell(["his.charge", "his.payment"], free, "self");
    const freeBill = story.caseOf(free, "self").bill;
    await until("the other lane goes on", async () => (await statesOf(freeBill))[0] === "payment-confirm acknowledged");
    assert.deepEqual(await statesOf(lane.lane.slice("bill:".length)), ["payment-confirm waiting"]);
    assert.equal((await huiliu.api("/lanes/release", { ...WHO, ...lane })).status, 200);
    await until("released", async () => (await statesOf(lane.lane.slice("bill:".length)))[0] === "payment-confirm acknowledged", 2_000);
  });
});
