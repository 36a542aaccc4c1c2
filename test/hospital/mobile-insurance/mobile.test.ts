/** The mobile platform by itself: what is not signed is not believed; an order is paid once and refunded once; EXP leaves open what was done. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { sm2, sm4 } from "sm-crypto-v2";
import { readLedger } from "../ledger.ts";
import type { RunningPartner } from "../partner.ts";
import { startMobilePlatform } from "./mobile.ts";
import { APP_ID, APP_SECRET, HOSPITAL_PRIVATE, open, PLATFORM_PUBLIC } from "./sealed.ts";

type Json = Record<string, unknown>;
/** nhsa_mobile_sm of the project's vectors: synthetic, signed by the hospital's key. */
const VECTOR = {
  appId: APP_ID,
  encData:
    "CE3C45179EE9CA5BC6EBEDDA2BE8421D03DFFB4604A3561D2944A247312C0FFF43043BF20ADE95D7EEB485A46B321366E55183EC9662C8D600FAD319C45B32F4",
  signData: "uBq3lTO0VBNd2ujQGIZxs0A9gAO7OwVILT4D4Mj6md23wvN2fTSmWMJ592F3NFgYUM157SWO81bjm/MKEPRfzQ==",
  timestamp: 1763776800000,
};

let folder: string;
let platform: RunningPartner;
const KEY = Buffer.from("11191C2748F592B2").toString("hex");

const wrap = (data: Json, privateKey = HOSPITAL_PRIVATE): string => {
  const sorted = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
  const text = `appId=${APP_ID}&data=${JSON.stringify(sorted)}&encType=SM4&signType=SM2&timestamp=1763776800000&version=2.0.1&key=${APP_SECRET}`;
  const signature = sm2.doSignature(text, privateKey, { hash: true, userId: "1234567812345678" });
  return JSON.stringify({
    appId: APP_ID,
    encData: sm4.encrypt(JSON.stringify(data), KEY, { mode: "ecb", padding: "pkcs#7" }).toUpperCase(),
    encType: "SM4",
    signType: "SM2",
    signData: Buffer.from(signature, "hex").toString("base64"),
    timestamp: 1763776800000,
    version: "2.0.1",
  });
};
const post = async (infno: string, body: string): Promise<Json> =>
  (await (await fetch(`${platform.url}/mobile/${infno}`, { method: "POST", body })).json()) as Json;
const opened = (wrapper: Json): Json => JSON.parse(sm4.decrypt(String(wrapper.encData), KEY, { mode: "ecb", padding: "pkcs#7" })) as Json;
const call = async (infno: string, data: Json): Promise<Json> => opened(await post(infno, wrap(data)));
const order = (bill: string): Promise<Json> =>
  call("6201", {
    medOrgOrd: bill,
    insutype: "310",
    acctUsedFlag: "1",
    medfeeSumamt: 188.5,
    feedetailList: [{ cnt: 1, detItemFeeSumamt: 188.5, medListCodg: "S1" }],
  });
const refundOf = (payOrdId: unknown, sn: string, more: Json = {}): Json => ({
  payOrdId,
  appRefdSn: sn,
  totlRefdAmt: 188.5,
  refdType: "ALL",
  ...more,
});

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mobile-"));
  platform = await startMobilePlatform({ name: "nhsa-mobile", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
});
after(async () => {
  await platform.close();
  await rm(folder, { recursive: true });
});

test("the published vector opens; what another key signed, or another cipher holds, does not", async () => {
  assert.deepEqual(open(JSON.stringify(VECTOR)), { orgCodg: "H00000000001", payOrdId: "ORD000001" });
  assert.deepEqual(open(wrap({ payOrdId: "O1" })), { payOrdId: "O1" });
  assert.equal(open(wrap({ payOrdId: "O1" }, "3".padStart(64, "0"))), "验签失败");
  assert.equal(open(JSON.stringify({ appId: APP_ID, encData: "00" })), "解密失败");
  const refused = await post("6301", wrap({ payOrdId: "O1" }, "3".padStart(64, "0")));
  assert.deepEqual([refused.success, refused.message], [false, "验签失败"]);
});

test("ordered, paid once, asked, refunded once; the platform's answers are signed by its own key", async () => {
  const made = await order("HPI1");
  const unpaid = await call("6301", { payOrdId: made.payOrdId, orgCodg: "H1" });
  assert.equal(unpaid.ordStas, "1");
  const pay = { payOrdId: made.payOrdId, payToken: made.payToken, payAuthNo: "AUTH" };
  const paid = await call("6202", pay);
  assert.deepEqual([paid.ordStas, paid.feeSumamt, paid.fundPay, paid.psnAcctPay, paid.ownPayAmt], ["6", 188.5, 131.95, 50, 6.55]);
  assert.equal((await call("6202", pay)).ordStas, "6");
  assert.equal((await call("6203", refundOf(made.payOrdId, "RF1"))).refStatus, "SUCC");
  assert.equal((await call("6203", refundOf(made.payOrdId, "RF1"))).refStatus, "SUCC");
  assert.equal((await post("6203", wrap(refundOf(made.payOrdId, "RF2")))).success, false);
  const answer = await post("6301", wrap({ payOrdId: made.payOrdId, orgCodg: "H1" }));
  const data = opened(answer);
  assert.equal(data.ordStas, "7");
  const sorted = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
  const text = `appId=${APP_ID}&data=${JSON.stringify(sorted)}&encType=SM4&signType=SM2&timestamp=${String(answer.timestamp)}&version=2.0.1&key=${APP_SECRET}`;
  const signature = Buffer.from(String(answer.signData), "base64").toString("hex");
  assert.ok(sm2.doVerifySignature(text, signature, PLATFORM_PUBLIC, { hash: true, userId: "1234567812345678" }));
  const effects = (await readLedger(platform.ledger)).filter((line) => line.effect).map((line) => line.kind);
  assert.deepEqual(effects, ["order", "settle", "reverse"]);
});

test("EXP: done or not done, the inquiry tells; cash alone reverses nothing; its memory is its ledger", async () => {
  const exp = async (is: string): Promise<void> => {
    const answer = await fetch(platform.faults, { method: "POST", body: JSON.stringify({ send: { message: "exp", is } }) });
    assert.equal(answer.status, 200);
  };
  const state = async (payOrdId: unknown): Promise<unknown> => (await call("6301", { payOrdId, orgCodg: "H1" })).ordStas;
  for (const [is, after] of [
    ["undone", "6"],
    ["done", "7"],
  ] as const) {
    const { payOrdId, payToken } = await order(`HPI-${is}`);
    await call("6202", { payOrdId, payToken, payAuthNo: "A" });
    await exp(is);
    assert.equal((await call("6203", refundOf(payOrdId, `RF-${is}`))).refStatus, "EXP");
    assert.equal(await state(payOrdId), after);
    await exp("off");
  }
  const { payOrdId, payToken } = await order("HPI-cash");
  await call("6202", { payOrdId, payToken, payAuthNo: "A" });
  assert.equal((await call("6203", refundOf(payOrdId, "RF-cash", { refdType: "CASH" }))).refStatus, "SUCC");
  const lines = (await readLedger(platform.ledger)).filter((line) => line.kind === "reverse" && line.order === "HPI-cash");
  assert.deepEqual(
    lines.map((line) => line.effect),
    [false],
  );
  const undone = await order("HPI-again");
  await platform.close();
  platform = await startMobilePlatform({ name: "nhsa-mobile", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
  assert.equal(await state(undone.payOrdId), "1");
});
