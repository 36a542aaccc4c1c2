/** The 12320 platform: what it answers and sends, sealed with its published test keys. */
import { encrypt, rootText, sign } from "../../../adapters/jkt/envelope.ts";
import { bytes, type StandIn, seeded } from "./stand-in.ts";

const KEYS = { aesKey: "0123456789abcdef", signKey: "TESTKEY" };
const context = {
  partner: "jkt-platform",
  message: "payment-confirm",
  constants: { userId: "TEST01" },
  secrets: KEYS,
  nowMs: Date.parse("2026-11-20T09:22:00+08:00"),
  random: seeded(3),
  key: "k",
};

function request(): Uint8Array {
  const signed = {
    FUN_CODE: "3003",
    REQ_ENCRYPTED: encrypt(bytes("<REQ><ORDER_ID>HPI1</ORDER_ID></REQ>"), KEYS.aesKey),
    USER_ID: "TEST01",
  };
  return bytes(rootText(Object.entries({ ...signed, SIGN_TYPE: "MD5", SIGN: sign(signed, KEYS.signKey) })));
}
function answer(): Uint8Array {
  const signed = {
    RES_ENCRYPTED: encrypt(bytes("<RES><HOSP_ORDER_ID>H1</HOSP_ORDER_ID></RES>"), KEYS.aesKey),
    RETURN_CODE: "0",
    RETURN_MSG: "成功",
  };
  return bytes(rootText(Object.entries({ ...signed, SIGN_TYPE: "MD5", SIGN: sign(signed, KEYS.signKey) })));
}

export const standIns: readonly StandIn[] = [
  {
    use: "platform",
    context,
    plain: { headers: {}, body: bytes("<REQ><ORDER_ID>HPI1</ORDER_ID><NAME>测试患者甲</NAME></REQ>") },
    reply: { opening: { body: answer(), contentType: "application/xml" }, signed: true },
    message: { opening: { body: request(), contentType: "application/xml", headers: {} }, signed: true },
  },
];
