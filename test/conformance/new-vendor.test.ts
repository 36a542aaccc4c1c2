/** Issue 2, "what must show" 6: a new vendor's message is a folder of JSON, and a wrong one is refused with a list of places. The steps are those of docs/mapping.md. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { checkMappings, newMapping, tryMapping } from "../../bin/mapping.ts";

const MESSAGE =
  "<PayForRecipesRequest><HospId>1001</HospId><AppId>TESTAPP</AppId><RecipeNos>RX1,RX2</RecipeNos><RegNo>MZ2</RegNo><TotalFee>188.50</TotalFee><PaymentWay>12</PaymentWay>" +
  "<SettleDate>2026-11-20 09:25:10</SettleDate><TermialType>4</TermialType><TradeSerialNumber>HPI2</TradeSerialNumber>" +
  "<ExtParams><ExtItem><Key>transaction_id</Key><Value>4200</Value></ExtItem></ExtParams></PayForRecipesRequest>";

/** What an integrator writes into the scaffold. */
const P = "/PayForRecipesRequest";
const FILLED = {
  tables: { 支付方式: { "12": "wechat", "13": "alipay" } },
  messageIdentity: [`${P}/TradeSerialNumber`],
  keys: [
    { kind: "order", from: `${P}/TradeSerialNumber` },
    { kind: "visit", from: `${P}/RegNo` },
  ],
  ignored: [
    { from: [`${P}/HospId`, `${P}/AppId`], because: "固定的接入参数" },
    { from: `${P}/TermialType`, because: "终端类型，支付事件不带" },
  ],
  checks: [{ because: "扩展参数只认 transaction_id", must: { at: `${P}/ExtParams/ExtItem/Key`, is: "transaction_id" } }],
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
            {
              to: "serials",
              list: [
                {
                  fields: [
                    { to: "system", value: "his" },
                    { to: "kind", value: "recipe" },
                    { to: "no", from: `${P}/RecipeNos` },
                  ],
                },
              ],
            },
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
                    { to: "channelTransactionNo", from: `${P}/ExtParams/ExtItem/Value` },
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

const root = await mkdtemp(join(tmpdir(), "huiliu-新厂商-"));
after(() => rm(root, { recursive: true, force: true }));
const message = join(root, "报文.xml");
const file = join(root, "mappings", "acme", "pay-for-recipes", "mapping.json");

describe("S0-25 S2-25 a vendor's message is a folder of JSON", () => {
  test("scaffold, fill in, try, check: no code", async () => {
    await writeFile(message, MESSAGE);
    const made = await newMapping(root, "acme", "pay-for-recipes", message, {});
    assert.equal(made.exitCode, 0, made.text);
    const unfilled = await checkMappings(root, [], false);
    assert.equal(unfilled.exitCode, 2);
    assert.match(unfilled.text, /还有未填完的字段/);
    assert.equal((await newMapping(root, "acme", "pay-for-recipes", message, {})).exitCode, 2, "it is never overwritten");

    const { unfilled: _, ...scaffold } = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...scaffold, ...FILLED }));
    const tried = await tryMapping(root, "acme/pay-for-recipes", [message], {});
    assert.equal(tried.exitCode, 0, tried.text);
    const missing = await tryMapping(root, "acme/pay-for-recipes", [message, join(root, "no-such-file.xml")], {});
    assert.deepEqual([missing.exitCode, /读不到文件.*no-such-file\.xml/.test(missing.text)], [2, true]);
    assert.match(tried.text, /payment\.settled {2}visit:MZ2/);
    assert.match(tried.text, /total +18850/);

    assert.equal((await checkMappings(root, [], false)).exitCode, 2, "an example without an expectation is not passed over");
    assert.equal((await checkMappings(root, ["acme/pay-for-recipes"], true)).exitCode, 0);
    assert.equal((await checkMappings(root, [], false)).exitCode, 0);

    await writeFile(message, MESSAGE.replace("188.50", "188.5O").replace(">12<", ">99<").replace("</RegNo>", "</RegNo><New>1</New>"));
    const refused = await tryMapping(root, "acme/pay-for-recipes", [message], {});
    assert.equal(refused.exitCode, 2);
    for (const place of ["/PayForRecipesRequest/New", "/PayForRecipesRequest/TotalFee", "/PayForRecipesRequest/PaymentWay"])
      assert.ok(refused.text.includes(place), `${place}\n${refused.text}`);
  });

  test("a wrong document is refused with every place", async () => {
    const good = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...good, colour: 1, version: "1", ignored: [{ from: "/x", because: "" }] }));
    const wrong = await checkMappings(root, [], false);
    assert.equal(wrong.exitCode, 2);
    for (const place of ["colour", "/version", "/ignored/0/because"]) assert.ok(wrong.text.includes(place), `${place}\n${wrong.text}`);
    await writeFile(file, "{");
    assert.match((await checkMappings(root, [], false)).text, /读不出 JSON/);
    assert.equal((await tryMapping(root, "acme/none", [message], {})).exitCode, 2);
  });
});
