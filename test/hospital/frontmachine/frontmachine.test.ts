/** The front machine by itself: gateways, sign-in, the split, once and only once, reversal, comparison of totals and details, its memory. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readLedger } from "../ledger.ts";
import type { Mode, RunningPartner } from "../partner.ts";
import { textInZip, zipOf } from "./files.ts";
import { startFrontMachine } from "./frontmachine.ts";
import { sharesOf } from "./shares.ts";
import { KEYS } from "./wire.ts";

type Json = Record<string, unknown>;
const PSN = "99010100000000000000000001";
const CERT = "990101199001010019";
let folder: string;
let machine: RunningPartner;
let signNo = "";
let seq = 0;

const start = (mode: Mode, name = "nhsa"): Promise<RunningPartner> =>
  startFrontMachine({ name, dataDir: folder, mode, port: 0, controlPort: 0 });
const csb = (nowMs = Date.now(), secret = KEYS.secretKey): Record<string, string> => {
  const signed = `_api_access_key=${KEYS.accessKey}&_api_name=rsf&_api_timestamp=${nowMs}&_api_version=1.0.0`;
  const signature = createHmac("sha1", secret).update(signed).digest("base64");
  return {
    _api_name: "rsf",
    _api_version: "1.0.0",
    _api_timestamp: String(nowMs),
    _api_access_key: KEYS.accessKey,
    _api_signature: signature,
  };
};
const tif = (token = KEYS.token): Record<string, string> => {
  const at = String(Math.floor(Date.now() / 1_000));
  const signature = createHash("sha256").update(`${at}${token}n1${at}`).digest("hex").toUpperCase();
  return { "x-tif-paasid": KEYS.paasId, "x-tif-timestamp": at, "x-tif-nonce": "n1", "x-tif-signature": signature };
};
const msgid = (): string => {
  seq += 1;
  return `H9999010000120261120092200${String(seq).padStart(4, "0")}`;
};
const envelope = (infno: string, input: Json, id = msgid()): Json => ({
  infno,
  msgid: id,
  mdtrtarea_admvs: "990101",
  recer_sys_code: "HPIE",
  infver: "1.0.0",
  opter_type: "1",
  opter: "OP0001",
  opter_name: "测试收费员",
  inf_time: "2026-11-20 09:22:00",
  fixmedins_code: "H99990100001",
  fixmedins_name: "示例市第一人民医院",
  sign_no: signNo,
  input,
});
const post = async (body: unknown, headers: Record<string, string> = csb(), at = machine): Promise<{ status: number; body: Json }> => {
  const answer = await fetch(`${at.url}/fsi/api/rsfComIfsService/callService`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as Json };
};
const call = async (infno: string, input: Json, id?: string): Promise<Json> => (await post(envelope(infno, input, id))).body;
const order = async (value: unknown, at = machine): Promise<Json> => {
  const answer = await fetch(at.faults, { method: "POST", body: JSON.stringify(value) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()) as Json;
};
const upload = async (bill: string, lines: readonly Json[]): Promise<string> => {
  const { sent } = await order({ send: { message: "uploaded", bill, visit: `MZ-${bill}`, lines } });
  return String((sent as Json).mdtrtId);
};
const SAMPLE = [
  { code: "XTEST1", fen: "7250", quantity: "2" },
  { code: "STEST1", fen: "1600" },
  { code: "LTEST1", fen: "10000" },
];
const dataOf = (mdtrtId: string, bill: string, more: Json = {}): Json => ({
  data: {
    psn_no: PSN,
    mdtrt_cert_type: "02",
    mdtrt_cert_no: CERT,
    psn_cert_type: "01",
    certno: CERT,
    psn_type: "11",
    psn_name: "测试患者甲",
    med_type: "11",
    medfee_sumamt: 188.5,
    psn_setlway: "01",
    mdtrt_id: mdtrtId,
    chrg_bchno: bill,
    acct_used_flag: "1",
    insutype: "310",
    fulamt_ownpay_amt: 0,
    overlmt_selfpay: 12,
    preselfpay_amt: 7.25,
    inscp_scp_amt: 169.25,
    ...more,
  },
});
const infoOf = (reply: Json): Json => (reply.output as { setlinfo: Json }).setlinfo;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "front-"));
  machine = await start("strict");
});
after(async () => {
  await machine.close();
  await rm(folder, { recursive: true });
});

test("the rule of the split, to the fen", () => {
  const line = (code: string, amount: bigint, count = 10_000n) => ({ sn: "1", code, amount, count });
  const shares = sharesOf([line("X1", 7_250n, 20_000n), line("S1", 1_600n), line("L1", 10_000n)], "310", 36_245n, "1");
  assert.deepEqual(
    [shares.total, shares.fullSelf, shares.overLimit, shares.partialSelf, shares.inScope, shares.fund, shares.account, shares.cash],
    [18_850n, 0n, 1_200n, 725n, 16_925n, 11_848n, 5_000n, 2_002n],
  );
  const resident = sharesOf([line("Z1", 1_000n), line("S1", 3n)], "390", 100n, "2");
  assert.deepEqual([resident.fund, resident.account, resident.family, resident.cash], [2n, 100n, 100n, 901n]);
  assert.deepEqual([sharesOf([line("S1", 1_000n)], "310", 500n, "0").account], [0n]);
});

test("both gateways let through what is signed and nothing else; a refused call never reaches the books", async () => {
  const signIn = envelope("9001", { signIn: { opter_no: "OP0001", mac: "m", ip: "i" } });
  const wrong: readonly [Record<string, string>, number, string][] = [
    [{}, 401, "缺少服务网关的请求头!"],
    [csb(Date.now() - 31 * 60_000), 401, "签名时间戳超时!"],
    [{ ...csb(), _api_access_key: "AKOTHER" }, 401, "非法用户!"],
    [csb(Date.now(), "SKOTHER"), 401, "签名不一致!"],
    [tif("OTHER"), 500, "签名校验失败"],
    [{ ...tif(), "x-tif-timestamp": "1763776800" }, 500, "请求已过期"],
  ];
  for (const [headers, status, message] of wrong) {
    const refused = await post(signIn, headers);
    assert.deepEqual([refused.status, refused.body.message], [status, message]);
  }
  assert.equal((await post(signIn, tif())).body.infcode, 0);
  const { body } = await post(signIn, csb());
  signNo = String((body.output as { signinoutb: Json }).signinoutb.sign_no);
  assert.match(signNo, /^990101\d{12}$/);
});

test("without a sign-in of today nothing is done", async () => {
  const kept = signNo;
  signNo = "";
  const reply = await call("1101", { data: { certno: CERT, psn_name: "测试患者甲" } });
  assert.equal(reply.infcode, -1);
  assert.match(String(reply.err_msg), /签到/);
  signNo = kept;
  assert.equal((await call("1101", { data: { certno: CERT, psn_name: "测试患者甲" } })).infcode, 0);
});

test("presettled changes nothing, settled once: the same msgid is answered again, another one is refused", async () => {
  const visit = await upload("BC1", SAMPLE);
  const tried = infoOf(await call("2206", dataOf(visit, "BC1")));
  assert.deepEqual([tried.fund_pay_sumamt, tried.acct_pay, tried.psn_cash_pay, tried.balc], [118.48, 50, 20.02, 312.45]);
  const id = msgid();
  const first = infoOf(await call("2207", dataOf(visit, "BC1"), id));
  assert.equal(first.medins_setl_id, id);
  assert.deepEqual(infoOf(await call("2207", dataOf(visit, "BC1"), id)), first);
  assert.equal((await call("2207", dataOf(visit, "BC1"))).err_msg, "该收费批次已结算");
  assert.equal((await call("2205", { data: { psn_no: PSN, mdtrt_id: visit, chrg_bchno: "BC1" } })).err_msg, "已参与结算的明细不能撤销");
  const found = infoOf(await call("5203", { data: { psn_no: PSN, mdtrt_id: visit, setl_id: "" } }));
  assert.deepEqual([found.setl_id, found.medins_setl_id, found.cash_payamt, found.refd_setl_flag], [first.setl_id, id, 20.02, "0"]);
  const lines = (await readLedger(machine.ledger)).filter((line) => line.kind === "settle" && line.effect);
  assert.deepEqual(
    lines.map(({ order: bill, amount, insured, key }) => ({ bill, amount, insured, key })),
    [{ bill: "BC1", amount: "18850", insured: { fund: "11848", account: "5000", cash: "2002" }, key: id }],
  );
});

test("what does not fit its fees is refused: total, basis, batch, visit", async () => {
  const visit = await upload("BC2", SAMPLE);
  for (const more of [
    { medfee_sumamt: 188.51 },
    { inscp_scp_amt: 169.24 },
    { chrg_bchno: "BC9" },
    { mdtrt_id: "MD9" },
    { psn_no: PSN.replace(/1$/, "2") },
  ])
    assert.equal((await call("2207", dataOf(visit, "BC2", more))).infcode, -1, JSON.stringify(more));
});

test("2208 takes back once, with negative amounts; 2601 by the msgid, and only what can be taken back", async () => {
  const visit = await upload("BC3", SAMPLE);
  const id = msgid();
  const settled = infoOf(await call("2207", dataOf(visit, "BC3"), id));
  const cancel = { data: { psn_no: PSN, mdtrt_id: visit, setl_id: String(settled.setl_id) } };
  const back = infoOf(await call("2208", cancel));
  assert.deepEqual([back.medfee_sumamt, back.pdn_cash_pay, back.acct_pay], [-188.5, -20.02, -50]);
  assert.equal((await call("2208", cancel)).err_msg, "该结算已撤销");
  assert.equal(infoOf(await call("5203", { data: { psn_no: PSN, mdtrt_id: visit, setl_id: "" } })).refd_setl_flag, "1");
  const again = msgid();
  await call("2207", dataOf(visit, "BC3"), again);
  const reverse = (omsgid: string, oinfno = "2207") => call("2601", { data: { psn_no: PSN, omsgid, oinfno } });
  assert.equal((await reverse("H99990100001000000000000000000")).infcode, -1);
  assert.equal((await reverse(again, "2206")).infcode, -1);
  assert.equal((await reverse(again)).infcode, 0);
  assert.equal((await reverse(again)).infcode, 0);
  const reversed = (await readLedger(machine.ledger)).filter((line) => line.kind === "reverse" && line.effect);
  assert.equal(reversed.length, 2);
});

test("totals and details are compared: equal, unequal, ours alone, theirs alone", async () => {
  const day = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
  const lines = await readLedger(machine.ledger);
  const settled = lines.filter((line) => line.effect && line.insured && (line.kind === "settle" || line.kind === "reverse"));
  const sum = (part: (line: (typeof settled)[number]) => string): bigint =>
    settled.reduce((all, line) => all + BigInt(part(line)) * (line.kind === "settle" ? 1n : -1n), 0n);
  const yuan = (fen: bigint): number => Number(fen) / 100;
  const data = {
    insutype: "310",
    clr_type: "11",
    setl_optins: "990101",
    stmt_begndate: day,
    stmt_enddate: day,
    medfee_sumamt: yuan(sum((line) => line.amount ?? "0")),
    fund_pay_sumamt: yuan(sum((line) => line.insured?.fund ?? "0")),
    acct_pay: yuan(sum((line) => line.insured?.account ?? "0")),
    fixmedins_setl_cnt: settled.length,
    fixmedins_refd_setl_flag: "0",
  };
  const stmt = async (more: Json): Promise<Json> =>
    ((await call("3201", { data: { ...data, ...more } })).output as { stmtinfo: Json }).stmtinfo;
  assert.equal((await stmt({})).stmt_rslt, "0");
  assert.deepEqual(await stmt({ fixmedins_setl_cnt: 0, medfee_sumamt: 1 }), {
    setl_optins: "990101",
    stmt_rslt: "1",
    stmt_rslt_dscr: "医疗费总额、结算笔数不一致",
  });

  const first = settled.find((line) => line.kind === "settle");
  const rows = [
    [first?.serial, "MD", PSN, "188.50", "118.48", "50.00", "0"],
    ["SE-unknown", "MD", PSN, "1.00", "0.00", "0.00", "0"],
  ];
  const zip = zipOf("detail.txt", rows.map((row) => `${row.join("\t")}\n`).join(""));
  const form = new FormData();
  form.set("jsonStr", JSON.stringify(envelope("9101", { fsUploadIn: { filename: "detail.zip", fixmedins_code: "H99990100001" } })));
  form.set("file", new Blob([new Uint8Array(zip)]), "detail.zip");
  const uploaded = (await (await fetch(machine.url ?? "", { method: "POST", headers: csb(), body: form })).json()) as { output: Json };
  const compared = await call("3202", { data: { ...data, file_qury_no: uploaded.output.file_qury_no, cash_payamt: 0 } });
  const { file_qury_no } = (compared.output as { fileinfo: Json }).fileinfo;
  const download = envelope("9102", { fsDownloadIn: { file_qury_no, filename: "r", fixmedins_code: "plc" } });
  const answer = await fetch(machine.url ?? "", { method: "POST", headers: csb(), body: JSON.stringify(download) });
  assert.equal(answer.headers.get("content-type"), "application/octet-stream");
  const result = (textInZip(Buffer.from(await answer.arrayBuffer())) ?? "")
    .trimEnd()
    .split("\n")
    .map((row) => row.split("\t"));
  assert.deepEqual(
    result.slice(0, 2).map((row) => [row[2], row[4], row[6]]),
    [
      [first?.serial, "0", "null"],
      ["SE-unknown", "1", "中心端无此结算"],
    ],
  );
  assert.ok(result.slice(2).every((row) => row[4] === "1" && row[6] === "医疗机构端无此结算"));
  assert.equal(result.length, settled.length + 1);
  const gone = envelope("9102", { fsDownloadIn: { file_qury_no: "F9", filename: "r", fixmedins_code: "plc" } });
  assert.equal((await post(gone)).body.infcode, -1);
});

test("faults: done but not answered, refused by order, busy; quirks of real machines", async () => {
  const visit = await upload("BC4", SAMPLE);
  await order({ fault: "drop-reply", count: 1, kind: "settle" });
  const id = msgid();
  await assert.rejects(call("2207", dataOf(visit, "BC4"), id));
  assert.equal(infoOf(await call("5203", { data: { psn_no: PSN, mdtrt_id: visit, setl_id: "" } })).medins_setl_id, id);
  await order({ fault: "reject", count: 1, text: "个人账户余额不足" });
  assert.equal((await call("2206", dataOf(visit, "BC4"))).err_msg, "个人账户余额不足");
  const raw = async (fault: object): Promise<string> => {
    await order({ ...fault, count: 1, on: "inquiry" });
    const asked = envelope("5203", { data: { psn_no: PSN, mdtrt_id: visit, setl_id: "" } });
    return Buffer.from(
      await (await fetch(machine.url ?? "", { method: "POST", headers: csb(), body: JSON.stringify(asked) })).arrayBuffer(),
    ).toString("latin1");
  };
  assert.match(await raw({ fault: "duplicate" }), /\}\{"infcode"/);
  assert.match(await raw({ fault: "duplicate", how: "fields" }), /^\{"infcode":0,"infcode":0,/);
  assert.match(await raw({ fault: "gbk" }), /\xb2\xe2\xca\xd4/);
  await order({ send: { message: "quirks", infcodeAsText: true, numbersAsText: true, outputNull: true } });
  const refused = await call("2207", dataOf(visit, "BC4"));
  assert.deepEqual([refused.infcode, refused.output], ["-1", null]);
  assert.equal(infoOf(await call("5203", { data: { psn_no: PSN, mdtrt_id: visit, setl_id: "" } })).medfee_sumamt, "188.5");
  await order({ send: { message: "quirks" } });
});

test("its memory is its ledger: a settlement outlives a restart, and is still done once", async () => {
  const visit = await upload("BC5", SAMPLE);
  const id = msgid();
  const before = infoOf(await call("2207", dataOf(visit, "BC5"), id));
  await machine.close();
  machine = await start("strict");
  assert.deepEqual(infoOf(await call("2207", dataOf(visit, "BC5"), id)).setl_id, before.setl_id);
  assert.equal((await call("2207", dataOf(visit, "BC5"))).err_msg, "该收费批次已结算");
});

test("a naive machine settles again on every msgid, and wants no sign-in", async () => {
  const naive = await start("naive", "naive");
  const kept = machine;
  machine = naive;
  try {
    signNo = "";
    const visit = await upload("BC6", SAMPLE);
    const one = infoOf(await call("2207", dataOf(visit, "BC6")));
    const other = infoOf(await call("2207", dataOf(visit, "BC6")));
    assert.notEqual(one.setl_id, other.setl_id);
    assert.equal((await readLedger(naive.ledger)).filter((line) => line.kind === "settle" && line.effect).length, 2);
  } finally {
    machine = kept;
    await naive.close();
  }
});
