import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdapterContext } from "../../domain/partners/adapter.ts";
import { decrypt, encrypt, rootOf, rootText, sign, textToSign } from "./envelope.ts";
import { adapter, KINDS } from "./index.ts";

/** samples/vectors.json, jkt_12320; samples/his_xml/jkt_envelope*. */
const VECTOR = {
  aesKey: "0123456789abcdef",
  plain: "<REQ><HOS_ID><![CDATA[1001]]></HOS_ID></REQ>",
  encrypted: "9XCspgmeHSZilaakbC0sP1na6ieTk+Zt/1gKSErXMKelopXpRkTdczcrgIBBBP+l",
  signKey: "TESTKEY",
  toSign: "FUN_CODE=3001&REQ_ENCRYPTED=9XCspgmeHSZilaakbC0sP1na6ieTk+Zt/1gKSErXMKelopXpRkTdczcrgIBBBP+l&USER_ID=TEST01&KEY=TESTKEY",
  sign: "c4572eb20cf41e8456f628dcdfe04fc8",
};
const DUPLICATE =
  "<ROOT><RETURN_CODE><![CDATA[300302]]></RETURN_CODE><RETURN_MSG><![CDATA[缴费订单已支付]]></RETURN_MSG><SIGN_TYPE><![CDATA[MD5]]></SIGN_TYPE><SIGN><![CDATA[]]></SIGN><RES_ENCRYPTED><![CDATA[]]></RES_ENCRYPTED></ROOT>";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array): string => new TextDecoder().decode(body);
const context = (more: Partial<AdapterContext> = {}): AdapterContext => ({
  partner: "jkt",
  message: "payment-confirm",
  constants: { userId: "TEST01" },
  secrets: { aesKey: VECTOR.aesKey, signKey: VECTOR.signKey },
  nowMs: 0,
  random: (count) => new Uint8Array(count),
  ...more,
});
const request = (code: string, plain: string, changes: Readonly<Record<string, string>> = {}): Uint8Array => {
  const signed = { FUN_CODE: code, REQ_ENCRYPTED: encrypt(bytes(plain), VECTOR.aesKey), USER_ID: "TEST01", ...changes };
  const fields = { ...signed, SIGN_TYPE: "MD5", SIGN: sign(signed, VECTOR.signKey), ...changes };
  return bytes(rootText(Object.entries(fields)));
};
const receive = (body: Uint8Array, more: Partial<AdapterContext> = {}) => adapter.receive?.({ body, headers: {} }, context(more));
const refusedAs = (body: Uint8Array, code: string, more: Partial<AdapterContext> = {}): void => {
  const told = receive(body, more);
  assert.ok(told?.ok === false, text(body));
  assert.equal(told.code, code, told.en);
  assert.ok(told.zh.length > 0 && told.en.length > 0);
};

describe("jkt envelope", () => {
  test("C-5 the published vector: cipher text, text to sign, signature", () => {
    assert.equal(encrypt(bytes(VECTOR.plain), VECTOR.aesKey), VECTOR.encrypted);
    assert.equal(text(decrypt(VECTOR.encrypted, VECTOR.aesKey) ?? assert.fail()), VECTOR.plain);
    const fields = { USER_ID: "TEST01", FUN_CODE: "3001", REQ_ENCRYPTED: VECTOR.encrypted };
    assert.equal(textToSign(fields, VECTOR.signKey), VECTOR.toSign);
    assert.equal(sign(fields, VECTOR.signKey), VECTOR.sign);
  });

  test("what is sealed for the platform opens again: encrypted first, signed then, Chinese whole", () => {
    const plain = "<REQ><NAME>测试患者甲]]&gt;</NAME></REQ>";
    const sealed = adapter.seal?.({ headers: { "Idempotency-Key": "k" }, body: bytes(plain) }, context());
    assert.ok(sealed?.ok);
    const fields = rootOf(text(sealed.sealed.body));
    assert.equal(fields?.FUN_CODE, "3003");
    assert.equal(fields?.SIGN, sign({ FUN_CODE: "3003", REQ_ENCRYPTED: fields?.REQ_ENCRYPTED ?? "", USER_ID: "TEST01" }, VECTOR.signKey));
    const back = receive(sealed.sealed.body);
    assert.ok(back?.ok);
    assert.equal(text(back.opened.body), plain);
    assert.equal(back.kind, "pay-order");
    assert.equal(adapter.seal?.({ headers: {}, body: bytes(plain) }, context({ message: "unheard-of" }))?.ok, false);
    assert.equal(adapter.seal?.({ headers: {}, body: bytes(plain) }, context({ secrets: {} }))?.ok, false);
  });

  test("every function code names its message; an unknown one is refused with 5", () => {
    for (const [code, kind] of Object.entries(KINDS)) {
      const told = receive(request(code, "<REQ/>"));
      assert.ok(told?.ok && told.kind === kind, code);
    }
    refusedAs(request("4711", "<REQ/>"), "5");
    refusedAs(request("3001", "<REQ/>"), "5", { message: "envelope" });
    const question = receive(request("3001", "<REQ/>"), { message: "pay-list" });
    assert.ok(question?.ok && question.kind === "pay-list", "as the exchange that it is");
  });

  test("wrong signature 7, wrong cipher text 9, another user 4, another type 8; nothing throws", () => {
    const good = text(request("3003", "<REQ/>"));
    refusedAs(bytes(good.replace("3003", "2008")), "7");
    refusedAs(bytes(good.replace(/<SIGN>.*<\/SIGN>/, "<SIGN></SIGN>")), "7");
    refusedAs(bytes(good.replace(/<SIGN>.*<\/SIGN>/, "")), "7");
    refusedAs(bytes(good), "7", { secrets: { aesKey: VECTOR.aesKey, signKey: "other" } });
    refusedAs(bytes(good), "7", { secrets: {} });
    refusedAs(bytes(good), "9", { secrets: { aesKey: "fedcba9876543210", signKey: VECTOR.signKey } });
    refusedAs(request("3003", "", { REQ_ENCRYPTED: "not base64!" }), "9");
    refusedAs(request("3003", "", { REQ_ENCRYPTED: "AAAA" }), "9");
    refusedAs(request("3003", "<REQ/>", { USER_ID: "OTHER" }), "4");
    refusedAs(request("3003", "<REQ/>", { SIGN_TYPE: "SHA1" }), "8");
    for (const hostile of [
      "",
      "<a",
      "<ROOT>",
      "<!DOCTYPE ROOT><ROOT/>",
      "<REQ/>",
      good.slice(0, -20),
      good.replace("<SIGN>", "<SIGN>x</SIGN><SIGN>"),
      "\u0000",
      "{}",
    ])
      refusedAs(bytes(hostile), /^<ROOT>/.test(hostile) && hostile.endsWith("</ROOT>") ? "2" : "2");
    refusedAs(new Uint8Array([0xff, 0xfe, 0x00]), "2");
  });

  test("answers: signed ones open, with their code in front; an unsigned error opens, an unsigned success never", () => {
    const signed = {
      RES_ENCRYPTED: encrypt(bytes("<RES><HOSP_ORDER_ID>H1</HOSP_ORDER_ID></RES>"), VECTOR.aesKey),
      RETURN_CODE: "0",
      RETURN_MSG: "成功",
    };
    const answer = (fields: Readonly<Record<string, string>>) =>
      adapter.open?.({ body: bytes(rootText(Object.entries(fields))) }, context());
    const opened = answer({ ...signed, SIGN: sign(signed, VECTOR.signKey) });
    assert.ok(opened?.ok);
    assert.match(text(opened.opened.body), /RETURN_CODE><!\[CDATA\[0\]\].*<RES><HOSP_ORDER_ID>H1</);
    for (const change of [{ RETURN_CODE: "300302" }, { RETURN_MSG: "失败" }, { SIGN: "" }])
      assert.equal(answer({ ...signed, SIGN: sign(signed, VECTOR.signKey), ...change })?.ok, false);
    const duplicate = adapter.open?.({ body: bytes(DUPLICATE) }, context());
    assert.ok(duplicate?.ok);
    assert.match(text(duplicate.opened.body), /300302/);
    assert.equal(adapter.open?.({ body: bytes(DUPLICATE.replace("300302", "0")) }, context())?.ok, false);
  });

  test("our answer is sealed so that the other side's own reader accepts it", () => {
    const sealed = adapter.answer?.(
      { body: bytes("<ROOT><RETURN_CODE>10</RETURN_CODE><RETURN_MSG>重复提交</RETURN_MSG></ROOT>") },
      context(),
    );
    const opened = adapter.open?.({ body: sealed?.body ?? bytes("") }, context());
    assert.ok(opened?.ok);
    assert.match(text(opened.opened.body), /\[10\].*重复提交.*<RES><\/RES>/);
  });

  test("an answer to what was taken names the hospital's number of it, as the function wants; a refusal names none", () => {
    const answered = (message: string, code: string) => {
      const body = bytes(
        `<ROOT><RETURN_CODE>${code}</RETURN_CODE><RETURN_MSG>m</RETURN_MSG><MESSAGE_ID>01a2023d-8e44-75d1-ba54-6384dd1e9518</MESSAGE_ID></ROOT>`,
      );
      const sealed = adapter.answer?.({ body }, { ...context(), message });
      const opened = adapter.open?.({ body: sealed?.body ?? bytes("") }, context());
      assert.ok(opened?.ok);
      return /<RES>.*<\/RES>/.exec(text(opened.opened.body))?.[0];
    };
    const number = "01a2023d8e4475d1ba546384dd1e9518";
    assert.equal(answered("pay-reg", "0"), `<RES><HOSP_PAY_ID><![CDATA[${number}]]></HOSP_PAY_ID></RES>`);
    assert.equal(answered("pay-order", "0"), `<RES><HOSP_ORDER_ID><![CDATA[${number}]]></HOSP_ORDER_ID></RES>`);
    assert.match(answered("refund-reg", "0") ?? "", /HOSP_REFUND_ID.*<REFUND_FLAG><!\[CDATA\[1\]\]>/);
    assert.equal(answered("pay-order", "1"), "<RES></RES>");
    assert.equal(answered("lock-reg", "0"), "<RES></RES>");
  });

  test("behind a relay that opens envelopes, messages come bare where the profile says so", () => {
    const plain = context({ constants: { envelope: "plain" }, secrets: {} });
    const message = { body: bytes("<REQ/>"), headers: {} };
    const told = adapter.receive?.(message, plain);
    assert.ok(told?.ok && told.opened.body === message.body);
    assert.equal(adapter.receive?.(message, context())?.ok, false);
  });
});
