/** HL7 v2 end to end: the simulated LIS, RIS and the HIS's HL7 interface against a whole engine, over MLLP both ways, with faults on the lines. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type LedgerLine, readLedger } from "../hospital/ledger.ts";
import { type Client, connectClient, type SeenEvent } from "./client.ts";
import { destination, type Huiliu, QUICK, startHuiliu, until } from "./harness.ts";

type System = "lis" | "ris" | "adt";
const SYSTEMS = ["lis", "ris", "adt"] as const;
const LINES = [
  { no: "1", code: "J0002", name: "血常规", quantity: "1", price: "67.5000", fen: "6750" },
  { no: "2", code: "J0003", name: "C反应蛋白|定量", quantity: "1", price: "30.8000", fen: "3080" },
];
const WHO = { visit: "MZ2026112000777", patient: { no: "P0000777", name: "测试患者庚" }, at: "2026-11-20 09:30:00" };

describe("C-3 HL7 over MLLP, end to end", () => {
  let huiliu: Huiliu;
  let client: Client;
  const partner = (system: System) => huiliu.run().hospital[system] as { readonly faults: string; readonly ledger: string };
  const control = async (system: System, order: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(partner(system).faults, { method: "POST", body: JSON.stringify(order) });
    const body = (await answer.json()) as Record<string, unknown>;
    assert.ok(answer.ok, JSON.stringify(body));
    return body;
  };
  const send = async (system: System, order: object): Promise<{ answer: string; text: string }> =>
    (await control(system, { send: { ...WHO, ...order } })).sent as { answer: string; text: string };
  const taken = async (system: System, kind: string): Promise<LedgerLine[]> =>
    (await readLedger(partner(system).ledger)).filter((line) => line.sent !== true && line.kind === kind);
  const seen = (type: string, what: (event: SeenEvent) => boolean): readonly SeenEvent[] =>
    client.events.filter((event) => event.type === type && what(event));
  const done = (system: System, kind: string, order: string) =>
    until(
      `${system} has done ${kind} ${order}`,
      async () => (await taken(system, kind)).find((line) => line.effect && line.order === order),
      15_000,
      () => taken(system, kind),
    );

  before(async () => {
    huiliu = await startHuiliu("hl7", { profiles: Object.fromEntries(SYSTEMS.map((name) => [name, destination(QUICK)])) });
    client = await connectClient(huiliu.run().amqp);
    await client.watch();
  });
  after(async () => {
    await client.close();
    await huiliu.stop();
  });

  test("DFT^P03 in enhanced mode: committed, then accepted; a charge for every FT1 on the bill; the HIS hears of each", async () => {
    const heard = await send("lis", { message: "charge", bill: "DJ777", order: "JY777", lines: LINES });
    assert.equal(heard.answer, "AA");
    const charges = await until("both charges are published", () => {
      const found = seen("charge.posted", (event) => event.subject === "bill:DJ777");
      return found.length === 2 && found;
    });
    assert.deepEqual(
      charges.map(({ data, source }) => [source, data.chargeNo, data.total, (data.lines as { name: string }[])[0]?.name]),
      [
        ["lis", "JY777/J0002", "6750", "血常规"],
        ["lis", "JY777/J0003", "3080", "C反应蛋白|定量"],
      ],
    );
    await until("the HIS took two notices", async () => (await taken("adt", "charge-notice")).filter((line) => line.effect).length === 2);
    assert.deepEqual((await taken("adt", "charge-notice")).map((line) => [line.order, line.amount, line.answer]).sort(), [
      ["DJ777", "3080", "AA"],
      ["DJ777", "6750", "AA"],
    ]);
  });

  test("the same message again, and in GB 18030 with its answer unheard: the same answer, no second charge", async () => {
    await control("lis", { fault: "duplicate", count: 1 });
    assert.equal((await send("lis", { message: "charge", bill: "DJ778", order: "JY778", lines: LINES.slice(0, 1) })).answer, "AA");
    await control("lis", { fault: "gbk", count: 1 });
    await control("lis", { fault: "drop-reply", count: 1 });
    assert.equal((await send("lis", { message: "charge", bill: "DJ779", order: "JY779", lines: LINES.slice(1) })).answer, "AA");
    await done("adt", "charge-notice", "DJ778");
    await done("adt", "charge-notice", "DJ779");
    await until("both are published", () =>
      ["bill:DJ778", "bill:DJ779"].every((bill) => seen("charge.posted", (event) => event.subject === bill).length > 0),
    );
    for (const bill of ["bill:DJ778", "bill:DJ779"]) assert.equal(seen("charge.posted", (event) => event.subject === bill).length, 1, bill);
    const [event] = seen("charge.posted", ({ subject }) => subject === "bill:DJ779");
    assert.ok(JSON.stringify(event?.data).includes("C反应蛋白|定量"));
  });

  test("a credit finds its charge by filler order and item", async () => {
    assert.equal((await send("lis", { message: "credit", bill: "DJ777", order: "JY777", lines: LINES.slice(1) })).answer, "AA");
    const [credit] = await until("the credit is published", () => {
      const found = seen("charge.cancelled", (event) => event.subject === "bill:DJ777");
      return found.length > 0 && found;
    });
    assert.deepEqual([credit?.data.originalChargeNo, credit?.data.total], ["JY777/J0003", "3080"]);
  });

  test("ORM^O01 from the HIS reaches the RIS, once, though it loses an answer and is busy first; withdrawn is another event", async () => {
    await control("ris", { fault: "drop-reply", count: 1 });
    await control("ris", { fault: "503", count: 1 });
    const lines = [{ no: "1", code: "JC0007", name: "胸部DR正位" }];
    assert.equal((await send("adt", { message: "order", order: "JC777", lines })).answer, "AA");
    await done("ris", "order", "JC777");
    const attempts = (await taken("ris", "order")).filter((line) => line.order === "JC777");
    assert.equal(attempts.filter((line) => line.effect).length, 1, JSON.stringify(attempts));
    assert.equal(new Set(attempts.map((line) => line.key)).size, 1, "the same MSH-10 each time");
    assert.ok(attempts.length >= 2, `${attempts.length} attempts`);
    await until("it is published", () => seen("order.placed", (event) => event.data.orderNo === "JC777").length > 0);
    assert.equal(seen("order.placed", (event) => event.data.orderNo === "JC777").length, 1);
    assert.equal((await send("adt", { message: "cancel", order: "JC777", lines })).answer, "AA");
    await until("the withdrawal is published", () => seen("order.closed", (event) => event.data.orderNo === "JC777").length === 1);
  });

  test("ORU^R01 in original mode: the HIS is told that the report is ready; a preliminary one is taken and says nothing", async () => {
    assert.equal((await send("ris", { message: "report", order: "JC777" })).answer, "AA");
    assert.equal((await send("ris", { message: "report", order: "JC778", status: "P" })).answer, "AA");
    const notice = await done("adt", "report-notice", "JC777");
    assert.ok(!notice.raw.includes("OBX|"), "no result leaves the payment platform");
    await until("it is published", () => seen("report.ready", (event) => event.data.orderNo === "JC777").length > 0);
    assert.equal(seen("report.ready", (event) => event.data.orderNo === "JC777").length, 1);
    assert.equal(seen("report.ready", (event) => event.data.orderNo === "JC778").length, 0);
  });

  test("visits and accounts: ADT^A04, BAR^P01", async () => {
    assert.deepEqual(await send("adt", { message: "register", insured: "yes" }), { id: `HISA${WHO.visit}`, answer: "AA", text: "" });
    assert.deepEqual(await send("adt", { message: "account", account: "ACCT777" }), { id: "HISBACCT777", answer: "AA", text: "" });
    await until("both are published", () => seen("registration.opened", () => true).length === 2);
  });

  test("content that is wrong is answered AE with the place, parked, and the next message is served", async () => {
    const heard = await send("lis", { message: "report", order: "JY780", status: "Q" });
    assert.equal(heard.answer, "AE");
    const { body } = await huiliu.api("/messages?state=parked");
    assert.ok(JSON.stringify(body).includes("NOT_TRANSLATABLE"), JSON.stringify(body));
    assert.equal((await send("lis", { message: "report", order: "JY780" })).answer, "AA");
  });

  test("the engine killed while a LIS sends: everything is taken in the end, once", async () => {
    const orders = Array.from({ length: 8 }, (_, number) => `JY79${number}`);
    const sending = Promise.all(
      orders.map((order) => send("lis", { message: "charge", bill: `B${order}`, order, lines: LINES.slice(0, 1) })),
    );
    await huiliu.kill("engine");
    await huiliu.recovered();
    assert.deepEqual(
      (await sending).map((heard) => heard.answer),
      orders.map(() => "AA"),
    );
    for (const order of orders) await done("adt", "charge-notice", `B${order}`);
    const effects = (await taken("adt", "charge-notice")).filter((line) => line.effect && line.order?.startsWith("BJY79"));
    assert.equal(effects.length, orders.length);
  });
});
