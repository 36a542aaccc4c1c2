/** DICOM and files, end to end at a running Huiliu: the simulated modality and bank on one side, the HIS's ledger and the engine's events on the other. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { readLedger } from "../hospital/ledger.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";

let huiliu: Huiliu;
before(async () => {
  huiliu = await startHuiliu("exams-and-files", { profiles: { his: destination(QUICK) } });
});
after(() => huiliu?.stop());

async function order(partner: "pacs" | "bank", value: unknown): Promise<Row> {
  const answer = await fetch(huiliu.run().hospital[partner]?.faults ?? "", { method: "POST", body: JSON.stringify(value) });
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
