/** Mobile payment over the simulated platform, SM4 and SM2 both ways: a notice becomes a settlement that the HIS hears of once; a refund takes it back, also where the platform's answer leaves it open. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readLedger } from "../hospital/ledger.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";

let huiliu: Huiliu;

before(async () => {
  const quick = destination({ ...QUICK, leaseMs: 4_000, trustNotFoundAfterMs: 1_000 });
  huiliu = await startHuiliu("insurance-mobile", { profiles: { "nhsa-mobile": quick } });
});
after(() => huiliu?.stop());

const platform = () => {
  const found = huiliu.run().hospital["nhsa-mobile"];
  assert.ok(found, "the platform runs");
  return found;
};
async function order(value: unknown): Promise<Row> {
  const answer = await fetch(platform().faults, { method: "POST", body: JSON.stringify(value) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text) as Row;
}
const paid = async (bill: string): Promise<Record<string, string>> =>
  (await order({ send: { message: "paid", bill, lines: [{ code: "STEST1", fen: "10000" }] } })).sent as Record<string, string>;
const told = async (bill: string, action: string) =>
  (await huiliu.ledger()).filter((line) => line.order === bill && line.effect && line.action === action);
const owed = async (key: string): Promise<Row[]> => (await huiliu.api(`/write-backs?key=${key}`)).body.items as Row[];
const heard = (bill: string, action: string) =>
  until(
    `the HIS hears of ${action} ${bill}`,
    async () => (await told(bill, action))[0] ?? false,
    20_000,
    async () => [await owed(bill), (await huiliu.api(`/messages?state=parked`)).body.items],
  );

async function refund(bill: string, no: string, about: Record<string, string>): Promise<void> {
  const yuan = (fen: string): string => `${fen.padStart(3, "0").slice(0, -2)}.${fen.padStart(3, "0").slice(-2)}`;
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<Message kind="insurance-request">
  <Header><MessageId>HIS${no}</MessageId><SentAt>2026-11-21 09:20:30</SentAt><Hospital code="H001"/></Header>
  <InsuranceRequest no="${no}" bill="${bill}" step="refund">
    <Patient no="P1" name="测试患者甲"/><Visit no="MZ1" kind="O"/><Business>outpatient</Business><RequestedAt>2026-11-21 09:20:30</RequestedAt>
    <Certificate type="01" no="990101199001010019"/><Refund order="${about.payOrdId}" token="EC0000" payToken="${about.payToken}" fund="${yuan(about.fund ?? "")}" account="${yuan(about.account ?? "")}" cash="${yuan(about.cash ?? "")}"/>
    <Total>100.00</Total>
  </InsuranceRequest>
</Message>`;
  const answer = await huiliu.post("his", "insurance-request", xml, { "content-type": "application/xml; charset=UTF-8" });
  assert.equal(answer.status, 202, await answer.text());
}

describe("C-4 mobile payment of the insurance", { concurrency: false }, () => {
  test("the notice 6302 is a settlement: told twice, it is one; the HIS hears of it once", async () => {
    const about = await paid("HPI1");
    assert.ok(Number(about.status) < 300, JSON.stringify(about));
    const line = await heard("HPI1", "settle");
    assert.equal(line.amount, "10000");
    await order({ send: { message: "notice", payOrdId: about.payOrdId } });
    assert.equal((await told("HPI1", "settle")).length, 1);
  });

  test("refunded: the platform takes it back once, the HIS hears of the reversal of its bill", async () => {
    const about = await paid("HPI2");
    await heard("HPI2", "settle");
    await refund("HPI2", "RFM2", about);
    const line = await heard("HPI2", "reverse");
    assert.equal(line.amount, "10000");
    const done = (await readLedger(platform().ledger)).filter((one) => one.kind === "reverse" && one.effect && one.order === "HPI2");
    assert.equal(done.length, 1);
  });

  test("EXP, though it was done: 6301 is asked and the HIS hears of it once", async () => {
    const about = await paid("HPI3");
    await heard("HPI3", "settle");
    await order({ send: { message: "exp", is: "done" } });
    await refund("HPI3", "RFM3", about);
    await heard("HPI3", "reverse");
    await order({ send: { message: "exp", is: "off" } });
    assert.equal((await told("HPI3", "reverse")).length, 1);
    assert.equal((await owed("HPI3")).filter((one) => one.kind === "refund")[0]?.state, "acknowledged");
  });
});
