/**
 * DICOM, files, a database view and a second HIS (DHCC), end to end at one running Huiliu: the simulated modality, bank, laboratory and other campus on one side, the HIS's ledger and
 * the engine's events on the other. Here the other campus's HIS is the one that is told of payments: the flow payment-confirm names it instead of `his`.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type LedgerLine, readLedger } from "../hospital/ledger.ts";
import { makeCase } from "../hospital/messages/cases.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";

let huiliu: Huiliu;
before(async () => {
  huiliu = await startHuiliu("exams-and-files", {
    profiles: { his: destination(QUICK), dhcc: destination({ ...QUICK, replyTimeoutMs: 10_000, leaseMs: 15_000 }) },
    prepare: toTheOtherCampus,
  });
});
after(() => huiliu?.stop());

function toTheOtherCampus(root: string): void {
  const file = join(root, "flows", "payment-confirm", "flow.json");
  const nodes = JSON.parse(readFileSync(file, "utf8")) as Row[];
  writeFileSync(file, JSON.stringify(nodes.map((node) => (node.id === "pay-confirm" ? { ...node, destination: "dhcc" } : node))));
}

async function order(partner: string, value: unknown): Promise<Row> {
  const answer = await fetch(huiliu.run().hospital[partner]?.faults ?? "", {
    method: "POST",
    body: JSON.stringify(value, (_name, one: unknown) => (typeof one === "bigint" ? String(one) : one)),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return ((JSON.parse(text) as Row).sent ?? {}) as Row;
}
const told = async (accession: string) =>
  (await huiliu.ledger()).filter((line) => line.order === accession && line.kind === "exam-performed");
const statements = (no: string) =>
  huiliu.sql("select type from event where type = 'statement.received' and subject = 'statement:' || $1", [no]);
const messages = (kind: string) => huiliu.sql("select state, identity from message where kind = $1", [kind]);

let ordinal = 0;
function exam(more: Row = {}): Row & { readonly accession: string } {
  ordinal += 1;
  const accession = `ACC${String(ordinal).padStart(6, "0")}`;
  const step = `2.25.99000000000000000000000000001${String(ordinal).padStart(4, "0")}`;
  return {
    ...{ message: "exam", step, accession, study: `${step}.1`, patient: `P${ordinal}`, name: "测试患者甲", description: "胸部CT平扫" },
    ...{ at: "2026-11-20 09:40:00", until: "2026-11-20 09:52:00", series: [{ uid: `${step}.2`, images: "3" }] },
    ...more,
  };
}

describe("exams and files", { concurrency: false }, () => {
  test("an exam that is performed is told to the HIS once; one that is discontinued is not", async () => {
    const [done, broken] = [exam(), exam({ status: "DISCONTINUED", series: [] })];
    for (const one of [done, broken]) assert.equal((await order("pacs", { send: one })).status, "0000");
    await until("the HIS is told", async () => (await told(done.accession)).some((line) => line.effect), 20_000);
    await until("both ended", async () => (await messages("mpps-set")).every((one) => one.state === "settled"));
    assert.equal((await told(done.accession)).filter((line) => line.effect).length, 1);
    assert.deepEqual(await told(broken.accession), []);
  });

  test("retries of a modality that heard no answer, and GB18030 names, are the same fact", async () => {
    const one = exam();
    await order("pacs", { fault: "drop-reply", count: 2 });
    await order("pacs", { fault: "gbk", on: "all" });
    assert.equal((await order("pacs", { send: one })).status, "0000");
    await order("pacs", { fault: "none" });
    await until("the HIS is told", async () => (await told(one.accession)).some((line) => line.effect), 20_000);
    assert.equal((await messages("mpps-set")).filter((message) => String(message.identity).includes(String(one.step))).length, 1);
    assert.equal((await told(one.accession)).filter((line) => line.effect).length, 1);
  });

  test("an ending that contradicts the first is refused, parked, and told to nobody", async () => {
    const one = exam();
    await order("pacs", { send: one });
    const contradiction = { ...one, message: "mpps-set", status: "DISCONTINUED", at: "2026-11-20 09:55:00", series: [] };
    assert.equal((await order("pacs", { send: contradiction })).status, "0110");
    await until("the HIS is told", async () => (await told(one.accession)).some((line) => line.effect), 20_000);
    assert.ok((await huiliu.sql("select 1 from message where kind = 'mpps-set' and state = 'parked'")).length >= 1);
  });

  test("a bank's return file is a statement once, moved away, and again under another name a duplicate", async () => {
    const rows = [
      { order: "HPI1", refund: "RF1", account: "6200000000000000011", fen: "9000", no: "T1" },
      { order: "HPI2", refund: "RF2", account: "6200000000000000029", fen: "630", code: "1001", text: "账号不符" },
    ];
    assert.deepEqual(await order("bank", { send: { message: "refund-return", batch: "B20261121001", rows } }), {
      sent: "RF20261121001.csv",
      taken: true,
    });
    await until("a statement came of it", async () => (await statements("B20261121001")).length === 1, 20_000);
    const zipped = { message: "refund-return", batch: "B20261122001", rows, gzip: "yes" };
    assert.equal((await order("bank", { send: zipped })).taken, true);
    await until("and of the packed one", async () => (await statements("B20261122001")).length === 1, 20_000);
    assert.equal((await messages("refund-return")).length, 2);
    const done = join(huiliu.dataDir, "hospital", "bank.files", "out", "done");
    assert.deepEqual(readdirSync(done).sort(), ["RF20261121001.csv", "RF20261122001.csv.gz"]);
  });

  test("an engine that is killed while modalities speak and the bank is away loses nothing and takes nothing twice", async () => {
    await order("bank", { fault: "refuse", ms: 1_500 });
    const rows = [{ order: "HPI3", refund: "RF3", account: "6200000000000000011", fen: "100", no: "T3" }];
    const many = Array.from({ length: 10 }, () => exam());
    const returned = order("bank", { send: { message: "refund-return", batch: "B20261123001", rows } });
    const sending = Promise.all(many.map((one) => order("pacs", { send: one })));
    await huiliu.kill("engine");
    await huiliu.recovered();
    for (const { status } of await sending) assert.equal(status, "0000");
    assert.equal((await returned).taken, true);
    for (const one of many) {
      await until(`the HIS is told of ${one.accession}`, async () => (await told(one.accession)).some((line) => line.effect), 30_000);
      assert.equal((await told(one.accession)).filter((line) => line.effect).length, 1);
    }
    await until("a statement came of it", async () => (await statements("B20261123001")).length === 1, 20_000);
    assert.equal(
      (await readLedger(huiliu.run().hospital.bank?.ledger ?? "")).filter((line) => line.effect && line.kind === "refund-return").length,
      3,
    );
    // A courier of files: the receipt of each batch lies in the bank's folder once, whatever died on the way.
    const receipts = await until("a receipt of each batch is put", async () => {
      const put = (await readLedger(huiliu.run().hospital.bank?.ledger ?? "")).filter((line) => line.kind === "put");
      return put.length >= 3 ? put : false;
    });
    assert.deepEqual(receipts.map(({ raw }) => Buffer.from(raw, "base64").toString().split(",").slice(0, 2)).sort(), [
      ["RC", "B20261121001"],
      ["RC", "B20261122001"],
      ["RC", "B20261123001"],
    ]);
  });
});

const ledgerOf = (partner: string): Promise<LedgerLine[]> => readLedger(huiliu.run().hospital[partner]?.ledger ?? "");
const eventsOf = (bill: string, type: string): Promise<Row[]> =>
  huiliu.sql("select distinct id from event where subject = $1 and type = $2", [`bill:${bill}`, type]);
const kept = async (key: string) =>
  ((await huiliu.api(`/write-backs?key=${key}`)).body.items as Row[]).map(
    ({ state, lastText }) => `${String(state)} ${String(lastText ?? "")}`,
  );

describe("a laboratory that offers nothing but a view", { concurrency: false }, () => {
  const line = (no: string, fen: string) => ({
    no,
    code: `J000${no}`,
    name: "血常规",
    quantity: "1",
    price: `${fen.slice(0, -2)}.${fen.slice(-2)}00`,
    fen,
  });
  const charge = (no: string, lines = [line("1", "6750"), line("2", "3080")]) =>
    order("lis-view", {
      send: { message: "charge", order: `JYV${no}`, bill: `DJV${no}`, visit: `MZV${no}`, patient: { no: "P1", name: "测试患者甲" }, lines },
    });
  const away = () => huiliu.sql("select why from door_away where door = 'view:lis-view:V_CHARGE'");

  test("each row is a charge once; a row that is cancelled is a cancellation", async () => {
    await charge("0001");
    await until("both rows came", async () => (await eventsOf("DJV0001", "charge.posted")).length === 2, 20_000);
    await order("lis-view", { send: { message: "cancel", charge: "JYV0001-2" } });
    await until("the cancellation came", async () => (await eventsOf("DJV0001", "charge.cancelled")).length === 1, 20_000);
    assert.equal((await eventsOf("DJV0001", "charge.posted")).length, 2);
  });

  test("a server that is busy, cuts, answers slowly and answers garbage: told as door-away, and no row is lost or comes twice", async () => {
    for (const fault of ["503", "garble"]) {
      await order("lis-view", { fault, count: 1 });
      await until(`${fault} is told`, async () => (await away()).length === 1, 20_000);
      await until(`${fault} is over`, async () => (await away()).length === 0, 20_000);
    }
    await order("lis-view", { fault: "slow", ms: 300, count: 1 });
    await order("lis-view", { fault: "drop-reply", count: 1 });
    await charge("0002");
    await until("both rows came", async () => (await eventsOf("DJV0002", "charge.posted")).length === 2, 20_000);
    assert.deepEqual(await huiliu.sql("select 1 from message where partner = 'lis-view' and state = 'parked'"), []);
  });

  test("nobody listens, rows are written meanwhile, the engine dies: each came once", async () => {
    await order("lis-view", { fault: "refuse", ms: 1_000 });
    await charge("0003");
    await huiliu.kill("engine");
    await charge("0004");
    await huiliu.recovered();
    for (const no of ["0003", "0004"])
      await until(`rows of ${no}`, async () => (await eventsOf(`DJV${no}`, "charge.posted")).length === 2, 30_000);
    const rows = (await ledgerOf("lis-view")).filter((one) => one.sent === true && one.effect);
    const taken = await huiliu.sql("select count(*)::int as n from message where partner = 'lis-view'");
    assert.equal(taken[0]?.n, rows.length);
  });
});

describe("the other campus's HIS (DHCC)", { concurrency: false }, () => {
  let ordinal = 0;
  const confirm = (more: Row = {}): Promise<Row> => {
    ordinal += 1;
    const no = `D${String(ordinal).padStart(4, "0")}`;
    const about = { bill: `DJ${no}`, patient: "P1", platform: `PF${no}`, transaction: `4300${no}`, invoice: `FP${no}`, fen: "9250" };
    return order("dhcc", { send: { message: "confirm", ...about, ...more } });
  };
  const pay = async (): Promise<{ readonly bill: string; readonly fen: string }> => {
    ordinal += 1;
    const one = makeCase({ seed: 77, date: "2026-11-20", payer: "self" }, ordinal);
    await order("his", { send: { message: "payment", via: "http", case: { ...one, lines: [] } } });
    return { bill: one.bill, fen: one.total.toString() };
  };
  const told = async (bill: string) =>
    (await ledgerOf("dhcc")).filter((line) => line.order === bill && line.kind === "payment-confirm" && line.effect);

  test("what its own kiosk confirmed (4906) is a payment once, though the answer was lost; what it refused is none, and a withdrawal (4910) moves no money", async () => {
    await order("dhcc", { fault: "drop-reply", count: 1, kind: "confirm-4906" });
    await confirm({ bill: "DJDHCC1" });
    await until("it is a payment", async () => (await eventsOf("DJDHCC1", "payment.settled")).length === 1);
    await confirm({ bill: "DJDHCC2", reply: "-1" });
    await order("dhcc", { send: { message: "withdraw", bill: "DJDHCC3", patient: "P1", invoice: "FPX" } });
    await until(
      "all ended",
      async () => {
        const states = (await huiliu.sql("select state from message where partner = 'dhcc'")).map(({ state }) => state);
        return states.length === 3 && states.filter((state) => state === "settled").length === 2 && states.includes("parked");
      },
      15_000,
      () => huiliu.sql("select kind, state, park from message where partner = 'dhcc'"),
    );
    assert.deepEqual(await eventsOf("DJDHCC2", "payment.settled"), []);
    assert.deepEqual(await told("DJDHCC1"), [], "its own confirmation is not told to it");
  });

  test("4906: told once; what was refused or not heard is a person's, and is not sent twice", async () => {
    const well = await pay();
    await until(
      "it is told",
      async () => (await told(well.bill)).length === 1,
      15_000,
      () => kept(well.bill),
    );
    assert.equal((await told(well.bill))[0]?.amount, well.fen);
    await order("dhcc", { fault: "drop-reply", count: 1 });
    const unheard = await pay();
    await until(
      "the one not heard parks",
      async () => (await kept(unheard.bill)).some((one) => one.startsWith("parked")),
      15_000,
      () => kept(unheard.bill),
    );
    await order("dhcc", { fault: "reject", text: "金额不对", count: 1 });
    const no = await pay();
    await until(
      "the refused one parks with its words",
      async () => (await kept(no.bill)).some((one) => one === "parked 金额不对"),
      15_000,
      () => kept(no.bill),
    );
    assert.deepEqual([(await told(unheard.bill)).length, (await told(no.bill)).length], [1, 0]);
  });
});
