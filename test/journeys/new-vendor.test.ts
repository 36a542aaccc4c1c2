/** A new vendor's message by a folder of JSON alone; a wrong one is refused at start with a list of places ("What must show" 6). */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connectClient } from "./client.ts";
import { destination, engineRefuses, type Huiliu, makeRoot, QUICK, type Row, startHuiliu, until } from "./harness.ts";

const P = "/PayForRecipesRequest";
const MESSAGE =
  '<?xml version="1.0" encoding="UTF-8"?><PayForRecipesRequest><HospId>1001</HospId><RegNo>MZ20261120099</RegNo><TotalFee>188.50</TotalFee><PaymentWay>12</PaymentWay>' +
  "<SettleDate>2026-11-20 09:25:10</SettleDate><TradeSerialNumber>HPI20261120099</TradeSerialNumber><Memo>窗口补打发票</Memo></PayForRecipesRequest>";
/** As docs/mapping.md describes it: a folder with vendor.json, and one with mapping.json. */
const VENDOR = {
  $schema: "../../docs/schemas/vendor.json",
  name: { zh: "某厂HIS", en: "Another HIS" },
  charset: "utf-8",
  exchanges: [],
  constants: { institution: { zh: "院方机构编码", en: "Code of the institution" } },
};
const MAPPING = {
  $schema: "../../../docs/schemas/mapping.json",
  version: 1,
  title: { zh: "处方缴费确认", en: "Recipes paid" },
  direction: "inbound",
  codec: { kind: "xml" },
  tables: { 支付方式: { "12": "wechat", "13": "alipay" } },
  messageIdentity: [`${P}/TradeSerialNumber`],
  keys: [
    { kind: "order", from: `${P}/TradeSerialNumber` },
    { kind: "visit", from: `${P}/RegNo` },
  ],
  ignored: [
    { from: [`${P}/HospId`], because: "固定的接入参数" },
    { from: `${P}/Memo`, because: "给人看的备注" },
  ],
  common: [{ to: "institution.code", constant: "institution" }],
  cases: [
    {
      name: "paid",
      events: [
        {
          type: "payment.settled",
          subject: { visit: "visit.no" },
          businessIdentity: ["paymentNo"],
          missing: ["patient", "visit.kind"],
          fields: [
            { to: "visit.no", from: `${P}/RegNo` },
            { to: "business", value: "outpatient" },
            { to: "occurredAt", from: `${P}/SettleDate`, as: "date-time", format: "yyyy-MM-dd HH:mm:ss" },
            { to: "businessDate", businessDateOf: "occurredAt" },
            { to: "paymentNo", from: `${P}/TradeSerialNumber` },
            {
              to: "tenders",
              list: [
                {
                  fields: [
                    { to: "channel", from: `${P}/PaymentWay`, as: "code", table: "支付方式" },
                    { to: "amount", from: `${P}/TotalFee`, as: "yuan" },
                    { to: "merchantOrderNo", from: `${P}/TradeSerialNumber` },
                    { to: "paidAt", copy: "occurredAt" },
                    { to: "channelDate", from: `${P}/SettleDate`, as: "date", format: "yyyy-MM-dd HH:mm:ss" },
                  ],
                },
              ],
            },
            { to: "total", from: `${P}/TotalFee`, as: "yuan" },
            { to: "payable", from: `${P}/TotalFee`, as: "yuan" },
          ],
        },
      ],
    },
  ],
};
const PARTNER = {
  $schema: "../docs/schemas/partner.json",
  partner: "acme",
  vendor: "acme",
  name: { zh: "某厂HIS", en: "Another HIS" },
  constants: { institution: "H001" },
  inbound: { bytesMax: 65_536, perSecond: 100 },
};

function put(root: string, path: string, document: unknown): void {
  const file = join(root, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document, null, 2));
}
/** The folder of JSON, the partner's profile, and the message-in node that an integrator drags into the flow of payments. */
function addVendor(root: string, mapping: unknown = MAPPING): void {
  put(root, "mappings/acme/vendor.json", VENDOR);
  put(root, "mappings/acme/recipes-paid/mapping.json", mapping);
  put(root, "partners/acme.json", PARTNER);
  const file = "flows/payment-confirm/flow.json";
  const flow = JSON.parse(readFileSync(join(root, file), "utf8")) as Row[];
  const jkt = flow.find((node) => node.type === "huiliu-message-in" && node.partner === "jkt");
  if (!flow.some((node) => node.partner === "acme"))
    put(root, file, [...flow, { ...jkt, id: "pay-in-acme", partner: "acme", kinds: [], name: "某厂 acme", y: 320 }]);
}

let huiliu: Huiliu;
before(async () => {
  huiliu = await startHuiliu("new-vendor", { profiles: { his: destination(QUICK) }, prepare: (root) => addVendor(root) });
});
after(() => huiliu?.stop());

describe("a vendor nobody here knew", { concurrency: false }, () => {
  test("C-3 C-5 S0-40 a folder of JSON, a profile and a start: its message is an event, and the HIS is told", async () => {
    const { amqp: url } = huiliu.run().partners.acme ?? assert.fail("acme has no credential");
    const client = await connectClient(url);
    const verdict = await client.ask({
      partner: "acme",
      kind: "recipes-paid",
      body: Buffer.from(MESSAGE),
      contentType: "application/xml; charset=UTF-8",
    });
    assert.equal(verdict.verdict, "accepted", JSON.stringify(verdict));
    const { body } = await huiliu.api("/events?key=HPI20261120099");
    const event = (body.items as { type: string; event: { data: Row; source: string } }[])[0];
    assert.deepEqual([event?.type, event?.event.source, event?.event.data.total], ["payment.settled", "acme", "18850"]);
    // Another partner's account does not speak for it.
    const other = await connectClient(huiliu.run().partners.jkt?.amqp ?? "");
    await assert.rejects(other.ask({ partner: "acme", kind: "recipes-paid", body: Buffer.from(MESSAGE) }));
    await other.close();
    await client.close();
    const http = await huiliu.post("acme", "recipes-paid", MESSAGE, { "content-type": "application/xml" });
    assert.equal(http.status, 202, "its key opens the HTTP door");
    const states = async () => (await huiliu.sql("select state from message where partner = 'acme' order by seq")).map((row) => row.state);
    await until("the same over HTTP is the same fact", async () => (await states()).join() === "settled,duplicate", 5_000, states);
    // Nobody told this bill: the HIS hears of the payment once it is charged or told; held until then, and seen as such.
    await until(
      "the write-back is owed",
      async () => (await huiliu.sql("select 1 from write_back where serial = 'HPI20261120099'")).length === 1,
    );
  });

  const WRONG: readonly { readonly name: string; readonly mapping: unknown; readonly places: readonly RegExp[] }[] = [
    { name: "not JSON", mapping: "{", places: [/acme\/wrong-0\/mapping\.json/] },
    {
      name: "three mistakes at once",
      mapping: { ...MAPPING, version: "one", codec: { kind: "yaml" }, cases: [{ ...MAPPING.cases[0], name: "" }] },
      places: [/mapping\.json.*version/, /mapping\.json.*codec/],
    },
    {
      name: "an event type and a table that do not exist",
      mapping: JSON.parse(
        JSON.stringify(MAPPING).replace('"payment.settled"', '"payment.setled"').replace('"table":"支付方式"', '"table":"付款方式"'),
      ),
      places: [/payment\.setled/, /fields\/5\/list\/0\/fields\/0\/table/],
    },
    { name: "a source without any event", mapping: { ...MAPPING, cases: [] }, places: [/cases/] },
  ];
  test(`C-5 wrong documents (${WRONG.map(({ name }) => name).join("; ")}) are refused at one start, all of them, with file and place, and nothing starts`, async () => {
    const root = makeRoot(join(huiliu.dataDir, "..", "wrong"));
    addVendor(root);
    for (const [index, { mapping }] of WRONG.entries()) put(root, `mappings/acme/wrong-${index}/mapping.json`, mapping);
    const { code, said } = await engineRefuses({
      ...huiliu.engineEnv(),
      HUILIU_ROOT: root,
      HUILIU_DATA_DIR: join(huiliu.dataDir, "..", "wrong-data"),
    });
    rmSync(root, { recursive: true });
    assert.equal(code, 1, said);
    assert.match(said, /映射有误/);
    for (const [index, { name, places }] of WRONG.entries()) {
      const lines = said.split("\n").filter((line) => line.includes(`acme/wrong-${index}/`));
      for (const place of places) assert.match(lines.join("\n"), place, name);
    }
  });

  test("C-5 a profile that names no vendor is refused at start, with its file", async () => {
    const root = makeRoot(join(huiliu.dataDir, "..", "wrong-partner"));
    put(root, "partners/acme.json", { ...PARTNER, vendor: "acmee", inbound: { perSecond: -1 } });
    const { code, said } = await engineRefuses({ ...huiliu.engineEnv(), HUILIU_ROOT: root });
    assert.equal(code, 1, said);
    assert.match(said, /partners\/acme\.json/);
    assert.match(said, /perSecond/);
  });
});
