/**
 * Every transaction of the national interface that a hospital makes through Huiliu by the message `insurance-call`: a visit from its registration to the withdrawal of it, a stay from the
 * admission to the discharge, reconciliation with its files, a mobile order. The centre's ledger and what the HIS was answered are held against each other.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { readLedger } from "../hospital/ledger.ts";
import { readXml } from "../hospital/xml.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";

type Json = Record<string, unknown>;
let huiliu: Huiliu;
let ordinal = 0;

before(async () => {
  const quick = destination({ ...QUICK, leaseMs: 4_000, trustNotFoundAfterMs: 1_500 });
  huiliu = await startHuiliu("insurance-calls", { profiles: { nhsa: quick, "nhsa-mobile": quick } });
});
after(() => huiliu?.stop());

const partner = (name: string) => {
  const found = huiliu.run().hospital[name];
  assert.ok(found, `${name} runs`);
  return found;
};
const order = async (name: string, value: unknown): Promise<Row> => {
  const answer = await fetch(partner(name).faults, { method: "POST", body: JSON.stringify(value) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text) as Row;
};
/** What the specification's sample says of a transaction. */
const sampleOf = (kind: string): Json => {
  const file = join(import.meta.dirname, "../../mappings/nhsa", kind, "examples/sample/request.json");
  const request = JSON.parse(readFileSync(file, "utf8")) as { input?: Json; data?: Json };
  return structuredClone(request.input ?? request.data ?? {});
};
/** `given` in every row where the sample has such a member. */
function filled(value: unknown, given: Json): unknown {
  if (Array.isArray(value)) return value.map((one) => filled(one, given));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, Object.hasOwn(given, name) ? given[name] : filled(one, given)]),
  );
}

interface Answer {
  readonly accepted: boolean;
  readonly code: string;
  readonly text: string;
  readonly requestNo: string;
  readonly output: Json;
}
interface More {
  readonly attributes?: string;
  readonly inner?: string;
}

async function send(transaction: string, input: unknown, { attributes = "", inner = "" }: More = {}): Promise<string> {
  ordinal += 1;
  const no = `YBC${String(ordinal).padStart(6, "0")}`;
  const json = JSON.stringify(input).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<Message kind="insurance-call">
  <Header><MessageId>HIS${no}</MessageId><SentAt>2026-11-21 09:20:30</SentAt><Hospital code="H001"/></Header>
  <InsuranceCall no="${no}" transaction="${transaction}" area="990101"${attributes}>${inner}<RequestedAt>2026-11-21 09:20:30</RequestedAt><Input>${json}</Input></InsuranceCall>
</Message>`;
  const answer = await huiliu.post("his", "insurance-call", xml, { "content-type": "application/xml; charset=UTF-8" });
  assert.equal(answer.status, 202, await answer.text());
  return no;
}

const answersOf = async (no: string) =>
  (await huiliu.ledger()).filter((line) => line.kind === "insurance-answer" && line.effect && line.serial === no);
const kept = ({ kind, destination, state, lastText, lastWhy, parked }: Row) =>
  JSON.stringify({ kind, destination, state, lastText, lastWhy, parked: (parked as Row | undefined)?.en });
const open = async () => {
  const [messages, writeBacks] = [await huiliu.api("/messages?state=parked"), await huiliu.api("/write-backs")];
  return [messages, writeBacks].map(({ body }) => (body.items as Row[]).filter((one) => one.state !== "acknowledged").map(kept));
};

async function answered(no: string): Promise<Answer> {
  const line = await until(`the HIS is answered ${no}`, async () => (await answersOf(no))[0] ?? false, 20_000, open);
  const read = readXml(line.raw, false);
  assert.ok(read.ok);
  const told = new Map(read.root.children.map((child) => [child.name, child.text]));
  return {
    accepted: told.get("Accepted") === "1",
    code: told.get("Code") ?? "",
    text: told.get("Text") ?? "",
    requestNo: told.get("RequestNo") ?? "",
    output: JSON.parse(told.get("Output") ?? "{}") as Json,
  };
}

async function call(transaction: string, input: unknown, more: More = {}): Promise<Answer> {
  const answer = await answered(await send(transaction, input, more));
  assert.deepEqual([answer.accepted, answer.code], [true, "0"], JSON.stringify(answer));
  return answer;
}
const machineDid = async (kind: string) => (await readLedger(partner("nhsa").ledger)).filter((line) => line.kind === kind && line.effect);
const rowOf = (output: Json, name: string): Json => output[name] as Json;

describe("C-4 S0-27 what a hospital asks of the national interface through Huiliu", { concurrency: false }, () => {
  test("a visit: person, registration, diagnosis, fees; then withdrawn step by step; the HIS is answered each time, once", async () => {
    const person = await call("1101", sampleOf("person-1101"));
    const { psn_no } = rowOf(person.output, "baseinfo");
    assert.equal(rowOf(person.output, "baseinfo").psn_name, "测试患者甲");
    const visit = ' bill="BCALL1"';
    const who = { psn_type: "11", psn_name: "测试患者甲", psn_cert_type: "01", certno: "990101199001010019" };
    const registration = filled(sampleOf("register-2201"), { psn_no, ipt_otp_no: "MZCALL1" }) as { data: Json };
    const registered = await call("2201", { data: { ...registration.data, ...who } }, { attributes: visit });
    const { mdtrt_id } = rowOf(registered.output, "data");
    const ids = { psn_no, mdtrt_id };
    await call("2203", filled(sampleOf("visit-2203"), ids), { attributes: visit });
    await call("2203A", filled(sampleOf("visit-2203a"), ids), { attributes: visit });
    const fees = await call("2204", filled(sampleOf("fees-2204"), { ...ids, chrg_bchno: "BCALL1" }), { attributes: visit });
    assert.ok(Array.isArray(fees.output.result) && fees.output.result.length > 0);
    assert.equal((await machineDid("fees")).at(-1)?.order, "BCALL1");
    await call("2205", filled(sampleOf("unfees-2205"), { ...ids, chrg_bchno: "0000" }), { attributes: visit });
    await call("2202", filled(sampleOf("unregister-2202"), { ...ids, ipt_otp_no: "MZCALL1" }), { attributes: visit });
    assert.deepEqual([(await machineDid("unfees")).length, (await machineDid("unregister")).length], [1, 1]);
  });

  test("a refusal is an answer: the HIS hears the centre's words, and nothing parks", async () => {
    const no = await send("1101", filled(sampleOf("person-1101"), { certno: "110101199001010019", mdtrt_cert_no: "110101199001010019" }));
    const answer = await answered(no);
    assert.deepEqual([answer.accepted, answer.text], [false, "未查询到该人员的参保信息"]);
    assert.deepEqual((await huiliu.api("/write-backs?state=parked")).body.items, []);
  });

  test("what is not fit to be sent parks with every problem and never reaches the centre", async () => {
    const before = (await readLedger(partner("nhsa").ledger)).length;
    const no = await send("2204", { feedetail: [{ secret: "1" }], hidden: {} });
    const parked = await until(
      "it parks",
      async () => (await huiliu.api(`/messages?key=${no}&state=parked`)).body.items[0] as Row | undefined,
    );
    const detail = JSON.stringify((await huiliu.api(`/messages/${String(parked.id)}`)).body);
    for (const expected of [/费用明细流水号 feedetl_sn/, /secret/, /hidden/]) assert.match(detail, expected);
    assert.equal((await readLedger(partner("nhsa").ledger)).length, before);
  });

  test("a stay: admitted, fees, presettled, settled with its answer lost, told once, cancelled with its answer lost, discharged", async () => {
    const psn_no = "99010100000000000000000001";
    const admitted = await call("2401", filled(sampleOf("admit-2401"), { psn_no, ipt_no: "ZYCALL1" }));
    const { mdtrt_id } = rowOf(admitted.output, "result");
    const ids = { psn_no, mdtrt_id };
    const inner = `<Settlement visit="${String(mdtrt_id)}"/>`;
    const fees = await call("2301", filled(sampleOf("fees-2301"), ids));
    const sum = (name: string) => (fees.output.result as Json[]).reduce((all, row) => all + Math.round(Number(row[name]) * 100), 0) / 100;
    const total = sum("det_item_fee_sumamt").toFixed(2);
    const basis = {
      fulamt_ownpay_amt: sum("fulamt_ownpay_amt"),
      overlmt_selfpay: sum("overlmt_amt"),
      preselfpay_amt: sum("preselfpay_amt"),
      inscp_scp_amt: sum("inscp_scp_amt"),
    };
    const presettled = await call("2303", filled(sampleOf("presettle-2303"), { ...ids, ...basis, medfee_sumamt: total }), {
      inner: `${inner}<Total>${total}</Total>`,
    });
    assert.equal(Number(rowOf(presettled.output, "setlinfo").medfee_sumamt).toFixed(2), total);
    await order("nhsa", { fault: "drop-reply", count: 1, kind: "settle" });
    await send("2304", filled(sampleOf("settle-2304"), { ...ids, ...basis, medfee_sumamt: total }), {
      inner: `${inner}<Total>${total}</Total>`,
    });
    const heard = async (action: string) =>
      (await huiliu.ledger()).filter((line) => line.action === action && line.effect && line.order === mdtrt_id);
    const settled = await until("the HIS hears of the settlement", async () => (await heard("settle"))[0] ?? false, 20_000, open);
    assert.equal(settled.amount, total.replace(".", ""));
    const did = (await machineDid("settle")).filter((line) => line.order === mdtrt_id);
    assert.deepEqual(
      did.map((line) => line.serial),
      [settled.serial],
    );
    await order("nhsa", { fault: "drop-reply", count: 1, kind: "reverse" });
    const cancel = filled(sampleOf("cancel-2305"), { ...ids, setl_id: settled.serial });
    await send("2305", cancel, { inner: `<Settlement visit="${String(mdtrt_id)}" no="${String(settled.serial)}"/>` });
    await until("the HIS hears of the cancellation", async () => (await heard("reverse"))[0] ?? false, 20_000, open);
    assert.equal((await machineDid("reverse")).filter((line) => line.order === mdtrt_id).length, 1, "it was asked about, not sent again");
    assert.equal((await heard("reverse")).length, 1);
    await call("2402", filled(sampleOf("discharge-2402"), ids));
    await call("2405", filled(sampleOf("undischarge-2405"), ids));
    await call("2302", filled(sampleOf("unfees-2302"), { ...ids, feedetl_sn: "0000" }));
    await call("2404", filled(sampleOf("unadmit-2404"), ids));
  });

  test("reconciliation: totals that differ, details sent as a file, the result fetched: a statement, and every answer told", async () => {
    const { sent } = await order("nhsa", {
      send: { message: "uploaded", bill: "BCALL9", visit: "MZCALL9", lines: [{ code: "STEST1", fen: "1600" }] },
    });
    assert.ok(sent);
    const today = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
    const period = { stmt_begndate: today, stmt_enddate: today };
    const totals = await call("3201", filled(sampleOf("total-3201"), { ...period, medfee_sumamt: "1.00" }));
    assert.equal(rowOf(totals.output, "stmtinfo").stmt_rslt, "1");
    const settled = await machineDid("settle");
    const rows = settled.map((line) => ({
      setl_id: line.serial,
      mdtrt_id: "MD1",
      psn_no: "99010100000000000000000001",
      medfee_sumamt: "1.00",
      fund_pay_sumamt: "0.00",
      acct_pay: "0.00",
      refd_setl_flag: "0",
    }));
    const uploaded = await call("9101", { fsUploadIn: { filename: "detail.txt.zip", rows } });
    const { file_qury_no } = uploaded.output;
    const compared = await call("3202", filled(sampleOf("detail-3202"), { ...period, file_qury_no }));
    const made = rowOf(compared.output, "fileinfo");
    const fetched = { fsDownloadIn: { file_qury_no: made.file_qury_no, filename: made.filename, fixmedins_code: "H99990100001" } };
    await call("9102", fetched, { inner: `<Period from="${today}" to="${today}"/>` });
    const events = (await huiliu.api(`/events?type=statement.received`)).body.items as Row[];
    assert.equal(events.length, 1);
  });

  test("a mobile order: made, withdrawn; made, paid with its answer lost: asked by 6301", async () => {
    const lines = sampleOf("order-6201");
    const made = await call("6201", filled(lines, { medOrgOrd: "HPICALL1" }));
    const { payOrdId, payToken } = made.output;
    const person = { orgCodg: "H99990100001", idNo: "990101199001010019", userName: "测试患者甲", idType: "01" };
    await call("6401", { payOrdId, payToken, ...person });
    const again = await call("6201", filled(lines, { medOrgOrd: "HPICALL2" }));
    await order("nhsa-mobile", { fault: "drop-reply", count: 1, kind: "settle" });
    const pay = { ...(filled(sampleOf("pay-6202"), { payOrdId: again.output.payOrdId, payToken: again.output.payToken }) as Json) };
    await send("6202", pay, { inner: '<Person type="01" no="990101199001010019" name="测试患者甲"/>' });
    await until(
      "the HIS hears of it",
      async () => (await huiliu.ledger()).find((line) => line.order === "HPICALL2" && line.action === "settle") ?? false,
      20_000,
      open,
    );
    const paid = (await readLedger(partner("nhsa-mobile").ledger)).filter(
      (line) => line.kind === "settle" && line.effect && line.order === "HPICALL2",
    );
    assert.equal(paid.length, 1);
  });
});
