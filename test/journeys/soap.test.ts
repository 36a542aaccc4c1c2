/** SOAP and sealed envelopes, end to end at a running Huiliu: what a platform sends becomes events and effects, what nobody signed is not taken. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { requestOf, textIn } from "../hospital/jkt/envelope.ts";
import { destination, type Huiliu, QUICK, startHuiliu, until } from "./harness.ts";

const KEYS = { aes: "0123456789abcdef", sign: "TESTKEY", user: "TEST01" };
const SOAP12 = "http://www.w3.org/2003/05/soap-envelope";
const PAY = {
  ORDER_ID: "HPI20261120000042",
  HOSP_SEQUENCE: "SEQ2026112000042",
  SERIAL_NUM: "4200009900202611200000000042",
  PAY_DATE: "2026-11-20",
  PAY_TIME: "09:25:10",
  PAY_CHANNEL_ID: "1",
  PAY_TOTAL_FEE: "18850",
  PAY_BEHOOVE_FEE: "18850",
  PAY_ACTUAL_FEE: "18850",
  PAY_MI_FEE: "0",
  PAY_RES_CODE: "SUCCESS",
};

let huiliu: Huiliu;
const LAB = "lab-view";
/** A laboratory that offers nothing but a view, on a real PostgreSQL: its partner, and a flow like that of charges. */
function withView(root: string): void {
  const profile = {
    partner: LAB,
    vendor: "lis-view",
    name: { zh: "检验视图", en: "LIS view" },
    constants: { institution: "H001" },
    inbound: { bytesMax: 100_000, perSecond: 100 },
  };
  writeFileSync(join(root, "partners", `${LAB}.json`), JSON.stringify(profile));
  const charges = readFileSync(join(root, "flows", "charges", "flow.json"), "utf8");
  const all = JSON.parse(charges.replaceAll('"charges"', '"lis-rows"').replaceAll('"chg-', '"lisrow-')) as Record<string, unknown>[];
  const nodes = all.filter((node) => node.type !== "huiliu-message-in" || node.partner === "lis-view");
  for (const node of nodes) if (node.type === "huiliu-message-in") Object.assign(node, { partner: LAB });
  mkdirSync(join(root, "flows", "lis-rows"));
  writeFileSync(join(root, "flows", "lis-rows", "flow.json"), JSON.stringify(nodes));
}

before(async () => {
  huiliu = await startHuiliu("soap", {
    prepare: withView,
    profiles: {
      his: (profile) => ({
        ...destination(QUICK)(profile),
        inbound: {
          ...profile.inbound,
          doors: {
            soap: {
              namespace: "http://his.test/",
              service: "HisPush",
              operations: [{ name: "Push", parameter: "xml", also: ["kind"], message: "{kind}" }],
            },
          },
        },
      }),
    },
  });
});
after(() => huiliu?.stop());

const order = async (value: unknown): Promise<{ status: number; code: string; text: string; verified: boolean }> => {
  const answer = await fetch(huiliu.run().hospital["jkt-platform"]?.faults ?? "", {
    method: "POST",
    body: JSON.stringify({ send: value }),
  });
  const told = (await answer.json()) as { sent?: unknown };
  return (told.sent ?? told) as Awaited<ReturnType<typeof order>>;
};
const events = (type: string) => huiliu.sql("select type, subject from event where type = $1 order by seq", [type]);
const journaled = async (): Promise<number> =>
  Number((await huiliu.sql("select count(*)::int n from message where partner = 'jkt-platform'"))[0]?.n);

describe("SOAP and envelopes", { concurrency: false }, () => {
  test("C-5 S0-26 a sealed payment of the platform is one effect at the HIS, answered sealed; raw bytes are kept as sent", async () => {
    const told = await order({ fun: "3003", fields: PAY, id: "e1" });
    assert.deepEqual([told.code, told.verified], ["0", true], JSON.stringify(told));
    await until("the HIS is told", async () => (await huiliu.ledger()).some((line) => line.effect && line.order === PAY.HOSP_SEQUENCE));
    const [message] = await huiliu.sql("select id, kind from message where partner = 'jkt-platform'");
    assert.equal(message?.kind, "pay-order");
    const { body } = await huiliu.api(`/messages/${String(message?.id)}`);
    assert.match(JSON.stringify(body), /<ROOT><FUN_CODE>/);
    assert.equal((await order({ fun: "3003", fields: PAY, id: "e1" })).code, "10", "the same again: told so, in the platform's words");
    assert.equal((await huiliu.ledger()).filter((line) => line.effect && line.order === PAY.HOSP_SEQUENCE).length, 1);
  });

  test("what does not hold is refused with the platform's own code, and nothing of it is taken", async () => {
    const before = await journaled();
    for (const [spoil, code] of [
      ["signature", "7"],
      ["cipher", "9"],
      ["user", "4"],
    ] as const) {
      const told = await order({ fun: "3003", fields: { ...PAY, ORDER_ID: "HPI-SPOILT" }, spoil });
      assert.deepEqual([told.code, told.verified], [code, true], spoil);
    }
    assert.equal((await order({ fun: "4711", fields: {} })).code, "5");
    assert.equal(await journaled(), before);
  });

  test("the same by SOAP 1.2, and by the form style; a booking is no payment", async () => {
    const { gateway, partners } = huiliu.run();
    const at = `${gateway}/partners/jkt-platform/soap`;
    const inner = `<REQ><HOS_ID>1001</HOS_ID><LOCK_ID>SH42</LOCK_ID></REQ>`;
    const key = partners["jkt-platform"]?.key ?? "";
    const body = `<s:Envelope xmlns:s="${SOAP12}"><s:Body><FunctionCall xmlns="http://huiliu.hospital/jkt/"><xmltxt><![CDATA[${requestOf("2006", inner, KEYS).replaceAll("]]>", "]]]]><![CDATA[>")}]]></xmltxt></FunctionCall></s:Body></s:Envelope>`;
    const answer = await fetch(at, {
      method: "POST",
      headers: { "content-type": "application/soap+xml; charset=utf-8", authorization: `Bearer ${key}` },
      body,
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    assert.equal(textIn(text.replaceAll("&lt;", "<").replaceAll("&gt;", ">"), "RETURN_CODE"), "0");
    await until("the slot is released", async () => (await events("registration.released")).length === 1);
    const form = await fetch(`${at}/FunctionCall?xmltxt=${encodeURIComponent(requestOf("2006", inner.replace("SH42", "SH43"), KEYS))}`, {
      headers: { "x-api-key": key },
    });
    assert.match(await form.text(), /^<\?xml[^>]*>\n<string xmlns="http:\/\/huiliu\.hospital\/jkt\/">/);
    await until("the second slot is released", async () => (await events("registration.released")).length === 2);
    assert.match(await (await fetch(`${at}?wsdl`)).text(), /<wsdl:operation name="FunctionCall">/);
    assert.equal((await fetch(at, { method: "POST", body })).status, 401);
  });

  test("a HIS that pushes its XML by SOAP 1.1: the kind is a parameter, the answer its vendor's", async () => {
    const { gateway, partners } = huiliu.run();
    const xml = readFileSync(`${huiliu.root}/mappings/his/payment/examples/wechat/in.xml`, "utf8").replace(/^<\?xml[^>]*\?>\s*/, "");
    const escaped = xml.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    const body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Push xmlns="http://his.test/"><xml>${escaped}</xml><kind>payment</kind></Push></s:Body></s:Envelope>`;
    const answer = await fetch(`${gateway}/partners/his/soap`, {
      method: "POST",
      headers: { "content-type": "text/xml; charset=utf-8", "x-api-key": partners.his?.key ?? "", soapaction: '"http://his.test/Push"' },
      body,
    });
    assert.match(await answer.text(), /<PushResult>&lt;Answer&gt;&lt;Code&gt;0&lt;\/Code&gt;&lt;Text&gt;已接收/);
    await until(
      "it is a payment",
      async () => (await huiliu.sql("select 1 from event where type = 'payment.settled' and partner = 'his'")).length === 1,
    );
    const [message] = await huiliu.sql("select door, kind, headers from message where door = 'soap' and partner = 'his'");
    assert.equal(message?.kind, "payment");
  });

  test("ServiceForXml by its form style: each function in its own unit, and a lost answer makes no second payment", async () => {
    const faults = huiliu.run().hospital.serviceforxml?.faults ?? "";
    const app = async (value: object): Promise<{ sent?: { code?: string; tries?: number } }> =>
      (await (await fetch(faults, { method: "POST", body: JSON.stringify(value) })).json()) as { sent?: { code?: string; tries?: number } };
    await app({ fault: "drop-reply", count: 1 });
    const told: unknown[] = [];
    for (const [operation, fen] of [
      ["PayForRecipes", "18857"],
      ["PayForAppointment", "2009"],
      ["InpatientFeePrepay", "100001"],
    ] as const)
      told.push(
        await app({ send: { operation, no: `NO-${fen}`, fen, serial: `S-${fen}`, transaction: `4200${fen}`, at: "2026-11-20 09:25:10" } }),
      );
    assert.deepEqual(
      told.map((one) => (one as { sent?: { code?: string } }).sent?.code ?? (one as { code?: string }).code),
      ["0", "0", "0"],
      JSON.stringify(told),
    );
    const found = () =>
      huiliu.sql("select subject from event where type = 'payment.settled' and partner = 'serviceforxml' order by subject");
    await until("three payments", async () => (await found()).length === 3);
    const { body } = await huiliu.api("/events?partner=serviceforxml");
    for (const fen of ["18857", "2009", "100001"])
      assert.ok(JSON.stringify(body).includes(`"${fen}"`), `${fen}: ${JSON.stringify(body).slice(0, 500)}`);
    assert.equal((await found()).length, 3, "sent twice, paid once");
  });

  test("S0-9 rows of a view become charges, once, also over a start of the engine", async () => {
    await huiliu.sql("create database lis");
    const url = new URL(huiliu.run().postgres);
    url.pathname = "/lis";
    const lis = new pg.Client({ connectionString: url.href });
    await lis.connect();
    await lis.query(`create table rows (charge_no text, order_no text, patient_id text, patient_name text, patient_class text, visit_id text, bill_no text, item_code text, item_name text,
      quantity numeric, price numeric(12,4), amount numeric(12,2), order_dept text, order_doctor text, perform_dept text, status text, updated_at timestamp(3))`);
    await lis.query("create view v_charge as select * from rows");
    const insert = (no: string): Promise<unknown> =>
      lis.query(
        "insert into rows values ($1, 'SQ1', 'P0000001', '测试患者甲', '1', 'MZ1', $2, 'J0002', '血常规', 1, 67.5, 67.50, '内科门诊', null, '检验科', '1', clock_timestamp())",
        [no, `DJ-${no}`],
      );
    await insert("JY1");
    const columns =
      "CHARGE_NO ORDER_NO PATIENT_ID PATIENT_NAME PATIENT_CLASS VISIT_ID BILL_NO ITEM_CODE ITEM_NAME QUANTITY PRICE AMOUNT ORDER_DEPT ORDER_DOCTOR PERFORM_DEPT STATUS UPDATED_AT".split(
        " ",
      );
    const { password } = url;
    url.password = "";
    const view = {
      url: url.href,
      view: "v_charge",
      watermark: "updated_at",
      key: "charge_no",
      columns,
      message: "charge-row",
      everyMs: 200,
      rowsMax: 100,
    };
    const file = join(huiliu.dataDir, "credentials.json");
    const credentials = JSON.parse(readFileSync(file, "utf8")) as { partners: Record<string, { secrets?: Record<string, string> }> };
    const own = credentials.partners[LAB] ?? {};
    writeFileSync(
      file,
      JSON.stringify({
        ...credentials,
        partners: { ...credentials.partners, [LAB]: { ...own, secrets: { viewPassword: password } } },
      }),
    );
    await huiliu.withProfiles({ [LAB]: (profile) => ({ ...profile, inbound: { ...profile.inbound, doors: { views: [view] } } }) });
    const charges = () => huiliu.sql("select subject from event where type = 'charge.posted' and partner = $1 order by seq", [LAB]);
    await until(
      "the first row is a charge",
      async () => (await charges()).length === 1,
      10_000,
      () => huiliu.log().slice(-1_500),
    );
    await insert("JY2");
    await until("the second row is a charge", async () => (await charges()).length === 2);
    await huiliu.restartEngine();
    await insert("JY3");
    await until("the third row is a charge", async () => (await charges()).length === 3);
    assert.deepEqual(
      (await charges()).map((one) => one.subject),
      ["bill:DJ-JY1", "bill:DJ-JY2", "bill:DJ-JY3"],
    );
    assert.equal((await huiliu.sql("select 1 from message where partner = $1", [LAB])).length, 3, "no row twice");
    await lis.end();
  });
});
