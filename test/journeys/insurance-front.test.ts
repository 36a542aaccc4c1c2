/**
 * The insurance front machine of the simulated hospital, through the CSB gateway: the HIS asks, the engine presettles and settles, the HIS hears of it once. The machine's
 * own ledger and the HIS's are held against each other. Then mobile payment, SM4 and SM2 both ways: a notice becomes a settlement that the HIS hears of once; a refund
 * takes it back, also where the platform's answer leaves it open.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readLedger } from "../hospital/ledger.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";

let huiliu: Huiliu;
let ordinal = 0;

before(async () => {
  const quick = destination({ ...QUICK, leaseMs: 4_000, trustNotFoundAfterMs: 1_500 });
  huiliu = await startHuiliu("insurance-front", { profiles: { nhsa: quick, "nhsa-mobile": quick } });
});
after(() => huiliu?.stop());

const partner = (name: string) => {
  const found = huiliu.run().hospital[name];
  assert.ok(found, `${name} runs`);
  return found;
};
const machine = () => partner("nhsa");
const platform = () => partner("nhsa-mobile");
async function order(value: unknown, to = machine()): Promise<Row> {
  const answer = await fetch(to.faults, { method: "POST", body: JSON.stringify(value) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text) as Row;
}

interface Visit {
  readonly no: string;
  readonly bill: string;
  readonly mdtrtId: string;
  readonly psnNo: string;
}

/** A visit with its fees at the insurer, 188.50 of them. */
async function visited(): Promise<Visit> {
  ordinal += 1;
  const no = String(ordinal).padStart(6, "0");
  const bill = `DJ20261121${no}`;
  const lines = [
    { code: "XTEST1", fen: "7250", quantity: "2" },
    { code: "STEST1", fen: "1600" },
    { code: "LTEST1", fen: "10000" },
  ];
  const { sent } = await order({ send: { message: "uploaded", bill, visit: `MZ${no}`, lines } });
  const { mdtrtId, psnNo } = sent as Record<string, string>;
  return { no, bill, mdtrtId: mdtrtId ?? "", psnNo: psnNo ?? "" };
}

async function ask(
  visit: Visit,
  step: "presettle" | "cancel",
  more: { readonly settlement?: string; readonly total?: string; readonly type?: string } = {},
) {
  const claim =
    step === "cancel"
      ? `<Cancel settlement="${more.settlement}" visit="${visit.mdtrtId}"/>`
      : `<Claim visit="${visit.mdtrtId}" medicalType="11" way="01" account="1"/><Credential type="02" no="990101199001010019"/><Certificate type="01" no="990101199001010019"/>`;
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<Message kind="insurance-request">
  <Header><MessageId>HISASK${step}${visit.no}</MessageId><SentAt>2026-11-21 09:20:30</SentAt><Hospital code="H001"/></Header>
  <InsuranceRequest no="YB${step}${visit.no}" bill="${visit.bill}" step="${step}">
    <Patient no="P${visit.no}" name="测试患者甲"/><Visit no="MZ${visit.no}" kind="O"/><Business>outpatient</Business><Operator no="U001"/><RequestedAt>2026-11-21 09:20:30</RequestedAt>
    <Insured no="${visit.psnNo}" type="${more.type ?? "310"}" area="990101"${step === "cancel" ? "" : ' personType="11"'}/>${claim}<Total>${more.total ?? "188.50"}</Total>
  </InsuranceRequest>
</Message>`;
  const answer = await huiliu.post("his", "insurance-request", xml, { "content-type": "application/xml; charset=UTF-8" });
  assert.equal(answer.status, 202, await answer.text());
}

const effects = async (bill: string, kind: string) =>
  (await readLedger(machine().ledger)).filter((line) => line.order === bill && line.effect && line.kind === kind);
const hisTold = async (bill: string, action: string) =>
  (await huiliu.ledger()).filter((line) => line.order === bill && line.effect && line.action === action);
const owed = async (bill: string): Promise<readonly Row[]> => (await huiliu.api(`/write-backs?key=${bill}`)).body.items as Row[];
const told = (visit: Visit, action: "settle" | "reverse") =>
  until(
    `the HIS is told of ${action} ${visit.bill}`,
    async () => (await hisTold(visit.bill, action))[0] ?? false,
    30_000,
    () => owed(visit.bill),
  );

describe("S0-27 C-4 the insurance front machine, end to end", { concurrency: false }, () => {
  test("asked, presettled, settled, told: the centre and the HIS hold the same, once; then cancelled", async () => {
    const visit = await visited();
    await ask(visit, "presettle");
    const line = await told(visit, "settle");
    assert.equal(line.amount, "18850");
    const [settled, ...more] = await effects(visit.bill, "settle");
    assert.deepEqual(more, []);
    assert.deepEqual([settled?.amount, settled?.insured], ["18850", { fund: "11848", account: "5000", cash: "2002" }]);
    assert.equal(line.serial, settled?.serial);
    await ask(visit, "cancel", { settlement: settled?.serial ?? "" });
    const back = await told(visit, "reverse");
    assert.equal(back.amount, "18850");
    assert.equal((await effects(visit.bill, "reverse")).length, 1);
  });

  test("the settlement is done and its answer lost: found by 5203, settled once, told once", async () => {
    const visit = await visited();
    await order({ fault: "drop-reply", count: 1, kind: "settle", bill: visit.bill });
    await ask(visit, "presettle");
    const line = await told(visit, "settle");
    const done = await effects(visit.bill, "settle");
    assert.equal(done.length, 1);
    assert.equal(line.serial, done[0]?.serial);
    assert.equal((await hisTold(visit.bill, "settle")).length, 1);
  });

  test("settled already: a new request for the bill parks with the settlement's number, and no second one goes out", async () => {
    const visit = await visited();
    await ask(visit, "presettle");
    const line = await told(visit, "settle");
    await ask({ ...visit, no: `${visit.no}B` }, "presettle");
    const parked = await until(
      "the second request parks",
      async () => (await huiliu.api(`/messages?key=${visit.bill}&state=parked`)).body.items[0] as Row | undefined,
    );
    assert.match(JSON.stringify(parked), new RegExp(`结算号：${line.serial}`));
    assert.equal((await effects(visit.bill, "settle")).length, 1);
    assert.equal((await owed(visit.bill)).filter((one) => one.kind === "presettle").length, 1);
  });

  test("2208 is done and its answer lost: 5203 is asked by the settlement's number, it is cancelled once, told once", async () => {
    const visit = await visited();
    await ask(visit, "presettle");
    const line = await told(visit, "settle");
    await order({ fault: "drop-reply", count: 1, kind: "reverse" });
    await ask(visit, "cancel", { settlement: line.serial ?? "" });
    const back = await told(visit, "reverse");
    assert.equal(back.amount, "18850");
    assert.equal((await effects(visit.bill, "reverse")).length, 1);
    const asked = (await readLedger(machine().ledger)).filter((one) => one.kind === "reverse");
    assert.equal(asked.filter((one) => one.raw.includes(`"${line.serial}"`)).length, 1, "2208 went out once");
    assert.equal((await hisTold(visit.bill, "reverse")).length, 1);
  });

  test("a request that is not fit to be sent parks with every problem and never reaches the machine", async () => {
    const visit = await visited();
    await ask({ ...visit, psnNo: "9".repeat(30) }, "presettle", { type: "999" });
    const parked = await until(
      "it is parked",
      async () => (await huiliu.api(`/messages?key=${visit.bill}&state=parked`)).body.items[0] as Row | undefined,
    );
    const detail = JSON.stringify((await huiliu.api(`/messages/${String(parked.id)}`)).body);
    assert.match(detail, /险种类型 insutype/);
    assert.deepEqual(await owed(visit.bill), []);
    const seen = (await readLedger(machine().ledger)).filter((line) => line.kind === "presettle" && line.order === visit.bill);
    assert.deepEqual(seen, []);
  });

  test("the insurer refuses: nothing is settled, the write-back parks and the lane goes on", async () => {
    const visit = await visited();
    await ask(visit, "presettle", { total: "188.51" });
    const row = await until(
      "the presettlement is parked",
      async () => (await owed(visit.bill)).find((one) => one.state === "parked"),
      20_000,
      () => owed(visit.bill),
    );
    assert.equal(row.kind, "presettle");
    const notice = await until(
      "the HIS is told why",
      async () => (await huiliu.ledger()).find((line) => line.kind === "insurance-refused" && line.order === visit.bill),
      20_000,
      async () => [await owed(visit.bill), (await huiliu.api("/messages?state=parked")).body.items],
    );
    assert.match(notice.raw, /医疗费总额与费用明细之和不符/);
    assert.deepEqual(await effects(visit.bill, "settle"), []);
  });
});

const paid = async (bill: string): Promise<Record<string, string>> =>
  (await order({ send: { message: "paid", bill, lines: [{ code: "STEST1", fen: "10000" }] } }, platform())).sent as Record<string, string>;
const heard = (bill: string, action: string) =>
  until(
    `the HIS hears of ${action} ${bill}`,
    async () => (await hisTold(bill, action))[0] ?? false,
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
    await order({ send: { message: "notice", payOrdId: about.payOrdId } }, platform());
    assert.equal((await hisTold("HPI1", "settle")).length, 1);
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
    await order({ send: { message: "exp", is: "done" } }, platform());
    await refund("HPI3", "RFM3", about);
    await heard("HPI3", "reverse");
    await order({ send: { message: "exp", is: "off" } }, platform());
    assert.equal((await hisTold("HPI3", "reverse")).length, 1);
    assert.equal((await owed("HPI3")).filter((one) => one.kind === "refund")[0]?.state, "acknowledged");
  });
});
