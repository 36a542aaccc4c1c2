/**
 * Insurance through a DLL, end to end over the simulated bridge: the HIS asks, the engine calls through the bridge, the exchange becomes the event, the HIS hears of it
 * once. The insurer's own ledger and the HIS's are held against each other.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import { rawOf } from "../../platform/postgres/journal-rows.ts";
import { readLedger } from "../hospital/ledger.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";

let huiliu: Huiliu;
let ordinal = 0;
const quick = destination({ ...QUICK, replyTimeoutMs: 900, leaseMs: 4_000, trustNotFoundAfterMs: 0 });

before(async () => {
  huiliu = await startHuiliu("insurance-dll", { profiles: { neusoft: quick, chongqing: quick } });
});
after(() => huiliu?.stop());

type Interface = "neusoft" | "chongqing";
const insurer = (name: Interface) => {
  const found = huiliu.run().hospital[name];
  assert.ok(found, `${name} runs`);
  return found;
};
async function order(name: Interface, value: unknown): Promise<void> {
  const answer = await fetch(insurer(name).faults, { method: "POST", body: JSON.stringify(value) });
  assert.equal(answer.status, 200, await answer.text());
}

interface Asked {
  readonly bill: string;
  readonly visit: string;
  readonly serial: string;
  readonly fen: number;
}
const some = (fen = 9_250): Asked => {
  ordinal += 1;
  const no = String(ordinal).padStart(4, "0");
  return { bill: `DJDLL${no}`, visit: `MZDLL${no}-${fen}`, serial: `20261121092200-00200002-${no}`, fen };
};
async function ask(name: Interface, { bill, visit, serial, fen }: Asked, step = "settle", original?: string): Promise<void> {
  const yuan = `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, "0")}`;
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<Message kind="insurance-dll">
  <Header><MessageId>HISDLL${step}${serial}</MessageId><SentAt>2026-11-21 09:22:00</SentAt><Hospital code="H001"/></Header>
  <InsuranceDll no="${serial}" bill="${bill}" step="${step}" interface="${name}">
    <Patient no="P1" name="测试患者甲"/><Visit no="${visit}" kind="O"/><Business>outpatient</Business>
    <Operator no="0001" name="测试收费员" shift="CYCLE-1"/><RequestedAt>2026-11-21 09:22:00</RequestedAt>
    <Settle medicalType="11" account="1" insuranceType="1" lines="2"/><Diagnosis code="J06.900" name="急性上呼吸道感染"/>${original === undefined ? "" : `<Original no="${original}"/>`}<Total>${yuan}</Total>
  </InsuranceDll>
</Message>`;
  const answer = await huiliu.post("his", "insurance-dll", xml, { "content-type": "application/xml; charset=UTF-8" });
  assert.equal(answer.status, 202, await answer.text());
}
const deeds = async (name: Interface, visit: string) =>
  (await readLedger(insurer(name).ledger)).filter((line) => line.order === visit && line.effect).map((line) => line.kind);
const owed = async (bill: string): Promise<readonly Row[]> => (await huiliu.api(`/write-backs?key=${bill}`)).body.items as Row[];
const hisTold = async (order: string) =>
  (await huiliu.ledger()).filter((line) => line.order === order && line.effect && line.kind === "insurance-result");
const told = (order: string, bill = order) =>
  until(
    `the HIS is told of ${order}`,
    async () => (await hisTold(order))[0] ?? false,
    20_000,
    () => owed(bill),
  );
const events = (visit: string, type: string): Promise<Row[]> =>
  huiliu.sql("select distinct e.id from event e join business_key k on k.message_id = e.message_id where k.value = $1 and e.type = $2", [
    visit,
    type,
  ]);

describe("C-4 S0-26 insurance through a DLL, end to end", { concurrency: false }, () => {
  test("asked, settled, told: the insurer and the HIS hold the same, once", async () => {
    const one = some();
    await ask("neusoft", one);
    const line = await told(one.bill);
    assert.deepEqual([line.amount, line.serial], ["9250", one.serial]);
    assert.deepEqual(await deeds("neusoft", one.visit), ["settle"]);
    assert.equal((await events(one.visit, "insurance.settled")).length, 1);
  });

  test("a presettlement has no effect anywhere", async () => {
    const one = some();
    await ask("neusoft", one, "presettle");
    await until(
      "the presettlement is an event",
      async () => (await events(one.visit, "insurance.presettled")).length === 1,
      15_000,
      () => owed(one.bill),
    );
    assert.deepEqual(await deeds("neusoft", one.visit), []);
    assert.deepEqual(await hisTold(one.bill), []);
  });

  for (const [name, fault, wanted] of [
    ["hangs after it took effect", { fault: "hang", after: "work" }, ["settle", "undo", "settle"]],
    ["hangs before it took effect", { fault: "hang" }, ["settle"]],
    ["answers garbage", { fault: "garble" }, ["settle", "undo", "settle"]],
    ["answers, and the connection is cut", { fault: "drop-reply" }, ["settle"]],
    ["is busy", { fault: "503" }, ["settle"]],
  ] as const)
    test(`a library that ${name}: settled once, told once`, async () => {
      const one = some();
      await order("neusoft", { ...fault, count: 1, bill: one.bill });
      await ask("neusoft", one);
      assert.equal((await told(one.bill)).amount, "9250");
      assert.deepEqual(await deeds("neusoft", one.visit), wanted);
      assert.equal((await hisTold(one.bill)).length, 1);
      assert.equal((await events(one.visit, "insurance.settled")).length, 1);
    });

  test("what the insurer refuses is an event and parks its write-back; the HIS is told of the refusal, and of no result", async () => {
    const one = { ...some(), visit: "MZNOBODY" };
    await ask("neusoft", one);
    await until(
      "it is parked",
      async () => (await owed(one.bill)).some((row) => row.state === "parked"),
      15_000,
      () => owed(one.bill),
    );
    await until("its refusal is an event", async () => (await events(one.visit, "insurance.rejected")).length === 1);
    const notice = await until("the HIS is told why", async () =>
      (await huiliu.ledger()).find((line) => line.kind === "insurance-refused" && line.order === one.bill),
    );
    assert.match(notice.raw, /未找到门诊登记信息/);
    assert.deepEqual(await hisTold(one.bill), []);
  });

  test("Chongqing refuses twice: each refusal is told, and neither parks as another version of the other", async () => {
    const one = { ...some(), visit: "NONE1" };
    const refused = async () =>
      (await huiliu.ledger()).filter((line) => line.kind === "insurance-refused" && line.order === one.visit && line.effect);
    await ask("chongqing", one);
    await until(
      "told once",
      async () => (await refused()).length === 1,
      15_000,
      () => owed(one.bill),
    );
    await sleep(1_100); // the second refusal is of another second: Chongqing's calls have no number
    await ask("chongqing", { ...one, serial: `${one.serial}B` });
    await until(
      "told twice",
      async () => (await refused()).length === 2,
      15_000,
      () => owed(one.bill),
    );
    assert.deepEqual((await huiliu.api("/messages?state=parked&partner=chongqing")).body.items, []);
  });

  test("cancelled: 2430 and 99 take the settlement back once, the HIS is told once, also where the answer is lost", async () => {
    const one = some();
    await ask("neusoft", one);
    await told(one.bill);
    await order("neusoft", { fault: "drop-reply", count: 1 });
    await ask("neusoft", { ...one, serial: `${one.serial.slice(0, -4)}9${one.serial.slice(-3)}` }, "cancel");
    const back = await until(
      "the HIS hears of 2430",
      async () => (await hisTold(one.bill)).find((line) => line.action === "reverse"),
      20_000,
      () => owed(one.bill),
    );
    assert.equal(back.amount, "9250");
    assert.deepEqual(await deeds("neusoft", one.visit), ["settle", "undo"]);
    const other = some();
    await ask("chongqing", other);
    const settled = await told(other.visit, other.bill);
    await ask("chongqing", { ...other, serial: `${other.serial}C` }, "cancel", settled.serial);
    const again = await until(
      "the HIS hears of 99",
      async () => (await hisTold(other.visit)).find((line) => line.action === "reverse"),
      20_000,
      () => owed(other.bill),
    );
    assert.equal(again.amount, "9250");
    const undone = (await readLedger(insurer("chongqing").ledger)).filter((line) => line.order === other.visit && line.effect);
    assert.deepEqual(
      undone.map((line) => line.kind),
      ["settle", "undo"],
    );
  });

  test("the HIS pushes what it called itself: the same event, and the exchange that the engine journaled is the same fact", async () => {
    const one = some();
    await ask("neusoft", one);
    await told(one.bill);
    const [row] = await huiliu.sql(
      "select raw, raw_bytes, reply, return_value from message where door = 'exchange' and partner = 'neusoft' order by seq desc limit 1",
    );
    const text = (bytes: unknown): string => iconv.decode(Buffer.from(bytes as Uint8Array), "gbk");
    const body = JSON.stringify({
      request: text(rawOf(row as unknown as Parameters<typeof rawOf>[0])),
      reply: text(row?.reply),
      return: String(row?.return_value),
    });
    const answer = await huiliu.post("neusoft", "settle", body, {
      "content-type": "application/json",
      "idempotency-key": "pushed-by-the-his",
    });
    assert.ok(answer.status === 200 || answer.status === 202, await answer.text());
    await until(
      "the pushed one is known to be the same",
      async () =>
        (
          await huiliu.sql(
            "select 1 from message where partner = 'neusoft' and identity = 'pushed-by-the-his' and state in ('duplicate', 'settled')",
          )
        ).length === 1,
      15_000,
    );
    assert.equal((await events(one.visit, "insurance.settled")).length, 1);
    assert.equal((await hisTold(one.bill)).length, 1);
  });

  test("Chongqing settles visits: the visit that is settled is not settled again, by the same bill or another, until 99 took it back", async () => {
    const one = some();
    await ask("chongqing", one);
    const settled = await told(one.visit, one.bill);
    const again = { ...one, serial: `${one.serial}D` };
    const other = { ...one, bill: `${one.bill}B`, serial: `${one.serial}E` };
    for (const asked of [again, other]) {
      await ask("chongqing", asked);
      const parked = await until(
        "it parks with the settlement's number",
        async () => ((await huiliu.api(`/messages?key=${asked.serial}&state=parked`)).body.items as Row[])[0] ?? false,
        15_000,
        () => owed(asked.bill),
      );
      assert.match(JSON.stringify(parked), new RegExp(String(settled.serial)));
    }
    assert.deepEqual(await deeds("chongqing", one.visit), ["settle"]);
    await ask("chongqing", { ...one, serial: `${one.serial}F` }, "cancel", settled.serial);
    await until("99 is told", async () => (await hisTold(one.visit)).find((line) => line.action === "reverse") ?? false, 20_000);
    await ask("chongqing", { ...one, serial: `${one.serial}G` });
    await until("settled anew", async () => (await deeds("chongqing", one.visit)).length === 3, 20_000);
    assert.deepEqual(await deeds("chongqing", one.visit), ["settle", "undo", "settle"]);
  });

  test("Chongqing: settled and told; an unclear one parks, and nothing is called again", async () => {
    const one = some();
    await ask("chongqing", one);
    await told(one.visit, one.bill);
    assert.deepEqual(await deeds("chongqing", one.visit), ["settle"]);
    const other = some();
    await order("chongqing", { fault: "hang", after: "work", count: 1, bill: other.visit });
    await ask("chongqing", other);
    await until(
      "it is parked",
      async () => (await owed(other.bill)).some((row) => row.state === "parked"),
      15_000,
      () => owed(other.bill),
    );
    assert.deepEqual(await deeds("chongqing", other.visit), ["settle"]);
  });
});
