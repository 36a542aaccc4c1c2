/** The adapter as the engine uses it: sealed, opened, signed in; tampered with, cut short, played back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdapterContext, Envelope, Fallible, Opening } from "../../domain/partners/adapter.ts";
import { readRows, writeRows, DETAIL_IN, DETAIL_OUT } from "./files.ts";
import { adapter } from "./index.ts";
import { parseObject } from "./json.ts";
import { mobileKeyOf, sm2PublicOf } from "./sm.ts";
import { wrapped } from "./mobile.ts";
import { unzipOne, zipOne } from "./zip.ts";

const OUR_KEY = `${"0".repeat(63)}1`;
const PLATFORM_KEY = `${"0".repeat(63)}2`;
const APP = { appId: "SYNTHETICAPPID000000000000000001", appSecret: "SYNTHETICSECRET00000000000000001" };
const NOW = Date.parse("2026-11-20T09:22:00+08:00");

/** Random bytes that a test can repeat. */
function seeded(seed: number): (bytes: number) => Uint8Array {
  let state = seed;
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 16) & 0xff;
    });
}

const context = (gateway: string, message: string, more: Partial<AdapterContext> = {}): AdapterContext => ({
  partner: gateway === "mobile" ? "nhsa-mobile" : "nhsa",
  message,
  constants: {
    gateway,
    fixmedinsCode: "H99990100001",
    fixmedinsName: "示例市第一人民医院",
    mdtrtareaAdmvs: "990101",
    recerSysCode: "HPIE",
    infver: "1.0.0",
    signtype: "SM2",
    opterType: "1",
    opter: "OP0001",
    opterName: "测试收费员",
    mac: "00-00-5E-00-53-01",
    ip: "192.0.2.11",
    appId: APP.appId,
  },
  secrets: {
    accessKey: "AKTEST0000000001",
    secretKey: "SKTEST0000000001",
    paasId: "PAASTEST01",
    token: "TOKENTEST0001",
    appSecret: APP.appSecret,
    privateKey: OUR_KEY,
    publicKey: sm2PublicOf(PLATFORM_KEY),
  },
  nowMs: NOW,
  random: seeded(7),
  key: "k",
  number: "H99990100001202611200922000009",
  session: { signNo: "990101202611200001" },
  ...more,
});
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const json = (body: Uint8Array): Record<string, unknown> => JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
const plain = (value: unknown): Envelope => ({ headers: { "content-type": "text/plain; charset=UTF-8" }, body: bytes(value) });
function seal(value: unknown, about: AdapterContext): Envelope {
  const sealed = adapter.seal?.(plain(value), about);
  assert.ok(sealed?.ok, JSON.stringify(sealed));
  return sealed.sealed;
}
const open = (body: Uint8Array, about: AdapterContext): Fallible<{ readonly opened: Opening }> => {
  const opened = adapter.open?.({ body }, about);
  assert.ok(opened);
  return opened;
};

describe("S0-27 the front machine's envelope", () => {
  test("as the sample has it, field by field in its order", () => {
    const input = { data: { psn_no: "99010100000000000000000001", medfee_sumamt: 188.5 } };
    const sealed = seal({ infno: "2207", insuplc_admdvs: "990102", input }, context("csb", "call-2207"));
    assert.deepEqual(json(sealed.body), {
      infno: "2207",
      msgid: "H99990100001202611200922000009",
      mdtrtarea_admvs: "990101",
      insuplc_admdvs: "990102",
      recer_sys_code: "HPIE",
      dev_no: "",
      dev_safe_info: "",
      cainfo: "",
      signtype: "SM2",
      infver: "1.0.0",
      opter_type: "1",
      opter: "OP0001",
      opter_name: "测试收费员",
      inf_time: "2026-11-20 09:22:00",
      fixmedins_code: "H99990100001",
      fixmedins_name: "示例市第一人民医院",
      sign_no: "990101202611200001",
      input,
    });
    assert.equal(
      Object.keys(json(sealed.body)).join(),
      "infno,msgid,mdtrtarea_admvs,insuplc_admdvs,recer_sys_code,dev_no,dev_safe_info,cainfo,signtype,infver,opter_type,opter,opter_name,inf_time,fixmedins_code,fixmedins_name,sign_no,input",
    );
    assert.equal(sealed.headers._api_name, "2207");
    assert.equal(sealed.headers["content-type"], "text/plain; charset=UTF-8");
    const tif = seal({ input }, context("x-tif", "call-2203A"));
    assert.equal(json(tif.body).infno, "2203A");
    assert.match(tif.headers["x-tif-signature"] ?? "", /^[0-9A-F]{64}$/);
    assert.deepEqual(Object.keys(seal({ input }, context("none", "call-2207")).headers), ["content-type"]);
  });
  test("numbers keep their digits; the name is cut to 20 characters, not bytes", () => {
    const about = context("csb", "call-2207");
    const long = { ...about, constants: { ...about.constants, fixmedinsName: "示例市第一人民医院示例市第一人民医院示例市第一" } };
    const sealed = adapter.seal?.({ headers: {}, body: new TextEncoder().encode('{"input":{"data":{"a":188.50,"b":0.1000}}}') }, long);
    assert.ok(sealed?.ok);
    assert.match(new TextDecoder().decode(sealed.sealed.body), /"a":188\.50,"b":0\.1000/);
    assert.equal([...String(json(sealed.sealed.body).fixmedins_name)].length, 20);
  });
  test("what cannot be sent is not sent: no gateway, a secret, a number, a code or an operator missing", () => {
    const about = context("csb", "call-2207");
    const input = { input: { data: {} } };
    const rows: readonly [string, AdapterContext, unknown][] = [
      ["csb、x-tif、none", { ...about, constants: { ...about.constants, gateway: "soap" } }, input],
      ["secretKey", { ...about, secrets: { accessKey: "a" } }, input],
      ["msgid", { ...about, number: undefined } as unknown as AdapterContext, input],
      ["12 位", { ...about, constants: { ...about.constants, fixmedinsCode: "H1" } }, input],
      ["opter_name", { ...about, constants: { ...about.constants, opterName: "" } }, input],
      ["infno", { ...about, message: "settle" }, input],
      ["input", about, { data: "x" }],
      ["token", { ...context("x-tif", "call-2207"), secrets: { paasId: "p" } }, input],
      ["appSecret", { ...context("mobile", "call-6301"), secrets: {} }, input],
    ];
    for (const [what, given, body] of rows) {
      const sealed = adapter.seal?.(plain(body), given);
      assert.ok(sealed?.ok === false && sealed.zh.includes(what), `${what}: ${JSON.stringify(sealed)}`);
    }
  });
  test("a reply's envelope: infcode zero as number or digits, the receiver's id, its time", () => {
    const about = context("csb", "call-2207");
    const good = { infcode: 0, inf_refmsgid: "990101202611200922000000000009", respond_time: "20261120092200530", err_msg: "", output: {} };
    const rows: readonly [unknown, boolean][] = [
      [good, true],
      [{ ...good, infcode: "0" }, true],
      [{ ...good, infcode: "00", output: null }, true],
      [{ ...good, infcode: -1, inf_refmsgid: "", output: "" }, true],
      [{ ...good, respond_time: "" }, true],
      [{ code: 401, message: "签名不一致!", type: "error" }, true],
      [{ ...good, infcode: "zero" }, false],
      [{ ...good, infcode: 0.5 }, false],
      [{ ...good, infcode: null }, false],
      [{ ...good, infcode: true }, false],
      [{ ...good, infcode: "0x0" }, false],
      [{ ...good, infcode: " 0" }, false],
      [{ ...good, inf_refmsgid: "" }, false],
      [{ ...good, inf_refmsgid: "9".repeat(31) }, false],
      [{ ...good, respond_time: "2026-11-20" }, false],
      [{ output: {} }, false],
      [[good], false],
      ["<html>502</html>", false],
    ];
    for (const [reply, ok] of rows) assert.equal(open(bytes(reply), about).ok, ok, JSON.stringify(reply));
    for (let length = 0; length < 60; length += 1) assert.equal(open(bytes(good).subarray(0, length), about).ok, false, `cut at ${length}`);
  });
  test("the e-voucher's question has an envelope of its own", () => {
    const data = {
      orgId: "H99990100001",
      businessType: "01301",
      operatorId: "OP0001",
      operatorName: "测试收费员",
      officeId: "32760",
      officeName: "收费处",
    };
    const sealed = seal({ infno: "6101", data }, context("csb", "call-6101"));
    assert.deepEqual(json(sealed.body), { data, transType: "ec.query", orgId: "H99990100001" });
    assert.equal(sealed.headers._api_name, "ecQuery");
    assert.equal(open(bytes({ code: 0, message: "成功", data: { ecToken: "EC" } }), context("csb", "call-6101")).ok, true);
  });
});

describe("msgid", () => {
  test("code, time and four digits: 30 in all; the next candidate is another; the same key begins at the same digits", () => {
    const about = context("csb", "call-2207");
    const first = adapter.number?.(about, 0) ?? "";
    assert.match(first, /^H9999010000120261120092200\d{4}$/);
    assert.equal(first.length, 30);
    assert.equal(adapter.number?.(about, 0), first);
    const candidates = new Set(Array.from({ length: 10_000 }, (_, tries) => adapter.number?.(about, tries)));
    assert.equal(candidates.size, 10_000);
  });
});

describe("S0-28 signing in", () => {
  const reply = (value: unknown): Opening => ({ body: bytes(value) });
  test("who needs one, what is asked, what is kept, and when it is lost", () => {
    const { session } = adapter;
    assert.ok(session?.signOut);
    assert.equal(session.who(context("csb", "call-2207")), "OP0001");
    for (const [gateway, message] of [
      ["mobile", "call-6301"],
      ["csb", "call-9001"],
      ["csb", "sign-9002"],
    ] as const)
      assert.equal(session.who(context(gateway, message)), undefined, message);
    assert.deepEqual(json(session.signIn(context("csb", "sign-9001")).body), {
      infno: "9001",
      input: { signIn: { opter_no: "OP0001", mac: "00-00-5E-00-53-01", ip: "192.0.2.11" } },
    });
    assert.deepEqual(json(session.signOut(context("csb", "sign-9002")).body), {
      infno: "9002",
      input: { signOut: { sign_no: "990101202611200001", opter_no: "OP0001" } },
    });
    const told = { signinoutb: { sign_time: "2026-11-20 07:55:01", sign_no: "990101202611200001" } };
    assert.deepEqual(session.read(reply({ infcode: "0", output: told })), { signNo: "990101202611200001" });
    assert.equal(session.read(reply({ infcode: -1, output: told })), undefined);
    assert.equal(session.read(reply({ infcode: 0, output: null })), undefined);
    assert.equal(session.lost(reply({ infcode: -1, err_msg: "请先签到" })), true);
    assert.equal(session.lost(reply({ infcode: 0, err_msg: "已签到" })), false);
    assert.equal(session.lost(reply({ infcode: -1, err_msg: "个人账户余额不足" })), false);
  });
});

describe("S0-36 S0-7 the mobile payment platform", () => {
  const about = context("mobile", "call-6301");
  const sm4Key = mobileKeyOf(APP.appId, APP.appSecret) ?? "";
  const platform = (data: Record<string, unknown>, nowMs = NOW) =>
    wrapped(data, { keys: { ...APP, privateKey: PLATFORM_KEY, publicKey: "" }, sm4Key, nowMs, random: seeded(11) }).wrapper;
  const answer = { ordStas: "6", payOrdId: "ORD1", feeSumamt: 188.5, fundPay: 118.48, extData: {}, revsToken: "" };

  test("sealed and opened by the other side: nothing of the clear text in the cipher text; the journal keeps the clear one", () => {
    const data = { payOrdId: "ORD1", orgCodg: "H99990100001", payToken: "", extData: { b: 1, a: null } };
    const sealed = seal({ infno: "6301", data }, about);
    const wrapper = json(sealed.body);
    assert.deepEqual(Object.keys(wrapper), ["appId", "encData", "encType", "signType", "signData", "timestamp", "version"]);
    assert.equal(JSON.stringify(wrapper).includes("ORD1"), false);
    const other = { ...about, secrets: { ...about.secrets, publicKey: sm2PublicOf(OUR_KEY) } };
    const opened = open(sealed.body, other);
    assert.ok(opened.ok);
    assert.deepEqual(json(opened.opened.body).data, data);
    assert.deepEqual(json(sealed.clear ?? new Uint8Array()).data, data);
    assert.equal(json(sealed.clear ?? new Uint8Array()).infno, "6301");
  });
  test("a notice is verified, a reply opened, our answer signed and enciphered", () => {
    const notice = { ...platform(answer), success: true };
    const received = adapter.receive?.({ body: bytes(notice), headers: {} }, context("mobile", "notify-6302"));
    assert.ok(received?.ok);
    assert.deepEqual(json(received.opened.body).data, answer);
    const sealed = adapter.answer?.({ body: bytes({ success: true, message: "成功" }) }, about);
    const opened = open(sealed?.body ?? new Uint8Array(), { ...about, secrets: { ...about.secrets, publicKey: sm2PublicOf(OUR_KEY) } });
    assert.ok(opened.ok);
    assert.deepEqual(json(opened.opened.body).data, { success: true, message: "成功" });
    assert.equal(json(opened.opened.body).success, true);
  });
  test("tampered with anywhere, cut anywhere, of another app, unsigned, unsealed: not believed", () => {
    const good = platform(answer);
    assert.equal(open(bytes(good), about).ok, true);
    const cipher = String(good.encData);
    for (let at = 0; at < cipher.length; at += 7) {
      const other = cipher[at] === "0" ? "1" : "0";
      assert.equal(
        open(bytes({ ...good, encData: cipher.slice(0, at) + other + cipher.slice(at + 1) }), about).ok,
        false,
        `cipher text at ${at}`,
      );
      assert.equal(open(bytes({ ...good, encData: cipher.slice(0, at) }), about).ok, false, `cut at ${at}`);
    }
    const signature = Buffer.from(String(good.signData), "base64");
    for (let at = 0; at < signature.length; at += 5) {
      const bent = Buffer.from(signature);
      bent[at] = (bent[at] ?? 0) ^ 1;
      assert.equal(open(bytes({ ...good, signData: bent.toString("base64") }), about).ok, false, `signature at ${at}`);
    }
    const rows: readonly [string, unknown][] = [
      ["another time", { ...good, timestamp: NOW + 1 }],
      ["another version", { ...good, version: "2.0.0" }],
      ["another app", { ...good, appId: "SYNTHETICAPPID000000000000000002" }],
      ["no signature", { ...good, signData: "" }],
      ["no cipher text", { ...good, encData: "" }],
      ["clear data slipped in", { ...good, encData: "", data: answer }],
      ["other ways", { ...good, encType: "NONE" }],
      ["signed by us", seal({ infno: "6301", data: answer }, about)],
      ["HTML", "<html/>"],
    ];
    for (const [what, reply] of rows) {
      const body = what === "signed by us" ? (reply as Envelope).body : bytes(reply);
      assert.equal(open(body, about).ok, false, what);
    }
    const slipped = open(bytes({ ...good, data: { ordStas: "7" } }), about);
    assert.ok(slipped.ok, "clear data beside the cipher text does not count");
    assert.deepEqual(json(slipped.opened.body).data, answer);
  });
  test("the platform's numbers are signed as it wrote them: 188.50 is not 188.5", () => {
    const data = parseObject('{"feeSumamt":188.50,"payOrdId":"ORD1"}') ?? {};
    const wrapper = new TextEncoder().encode(JSON.stringify(platform(data)));
    const opened = open(wrapper, about);
    assert.ok(opened.ok);
    assert.match(new TextDecoder().decode(opened.opened.body), /"feeSumamt":188\.50,/);
  });
});

describe("S0-8 files of 3202", () => {
  test("rows, TSV, zip, multipart, and back; nothing lost, null for absent", () => {
    const rows = [
      {
        setl_id: "SE1",
        mdtrt_id: "MD1",
        psn_no: "P1",
        medfee_sumamt: "188.50",
        fund_pay_sumamt: "118.48",
        acct_pay: "50.00",
        refd_setl_flag: "0",
      },
      { setl_id: "SE2", psn_no: "P1", medfee_sumamt: "-78.00", fund_pay_sumamt: "0.00", acct_pay: "0.00", refd_setl_flag: "1" },
    ];
    const sealed = seal({ infno: "9101", input: { fsUploadIn: { filename: "detail.txt.zip", rows } } }, context("csb", "call-9101"));
    const body = Buffer.from(sealed.body);
    assert.match(sealed.headers["content-type"] ?? "", /^multipart\/form-data; boundary=/);
    assert.ok(
      body.includes('name="jsonStr"') && body.includes('"infno":"9101"') && body.includes('name="file"; filename="detail.txt.zip"'),
    );
    const from = body.indexOf("PK\u0003\u0004");
    const zip = body.subarray(from, body.lastIndexOf("\r\n--"));
    const found = unzipOne(new Uint8Array(zip), 10_000);
    assert.ok(found.ok, JSON.stringify(found));
    const text = new TextDecoder().decode(found.bytes);
    assert.equal(text, "SE1\tMD1\tP1\t188.50\t118.48\t50.00\t0\nSE2\tnull\tP1\t-78.00\t0.00\t0.00\t1\n");
    assert.deepEqual(readRows(DETAIL_IN, text), { ok: true, rows });
  });
  test("a download is rows; an error in its place stays an error; a bomb, two files, garbage are refused", () => {
    const line = "P1\tMD1\tSE1\tH99990100001202611200922000009\t1\t0\t中心端医疗费总额199.00\t199.00\t120.00\t30.00\n";
    const opened = open(zipOne("result.txt", new TextEncoder().encode(line)), context("csb", "call-9102"));
    assert.ok(opened.ok);
    const { output } = json(opened.opened.body) as { output: { filename: string; rows: Record<string, string>[] } };
    assert.equal(output.filename, "result.txt");
    assert.deepEqual(Object.keys(output.rows[0] ?? {}), [...DETAIL_OUT]);
    const failed = { infcode: -1, inf_refmsgid: "990101202611200922000000000009", err_msg: "文件不存在", output: null };
    assert.deepEqual(open(bytes(failed), context("csb", "call-9102")), { ok: true, opened: { body: bytes(failed) } });
    const zip = zipOne("x.txt", new Uint8Array(100_000));
    assert.equal(unzipOne(zip, 99_999).ok, false);
    for (let cut = 0; cut < zip.length; cut += 1) assert.equal(unzipOne(zip.subarray(0, cut), 200_000).ok, false, `cut at ${cut}`);
    for (let at = 0; at < zip.length; at += 1) {
      const bent = Uint8Array.from(zip);
      bent[at] = (bent[at] ?? 0) ^ 0xff;
      const read = unzipOne(bent, 200_000);
      assert.ok(!read.ok || read.bytes.every((byte) => byte === 0), `bent at ${at}`);
    }
    const tab = writeRows(DETAIL_IN, [{ setl_id: "a\tb" }]);
    assert.equal(tab.ok, false);
    assert.equal(readRows(DETAIL_OUT, "a\tb\n").ok, false);
  });
});
