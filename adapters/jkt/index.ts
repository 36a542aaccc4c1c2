/**
 * 12320/健康通 V3.3 (README.md): requests `<ROOT>…REQ_ENCRYPTED`, answers `<ROOT>…RES_ENCRYPTED`, each with an MD5 signature. Inside stand `<REQ>` and `<RES>`, which the
 * mappings read. Constant `envelope: "plain"`: a relay of the hospital has opened it already, and messages come bare.
 */
import type { Adapter, AdapterContext, Fallible, Opening } from "../../domain/partners/adapter.ts";
import { decode, encodeText } from "../../domain/mapping/charset.ts";
import { decrypt, encrypt, rootOf, rootText, sign, verifies } from "./envelope.ts";

const UTF8 = "utf-8";
const XML = "application/xml; charset=utf-8";
/**
 * What stands in `<RES>` of a message that was taken (Appendix C): the hospital's number of what was told, which here is the journal's, 32 characters. Functions whose answer
 * wants what only the HIS knows (patient, waiting number) or nothing at all have an empty one.
 */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  "pay-reg": ["HOSP_PAY_ID"],
  "pay-order": ["HOSP_ORDER_ID"],
  // 1: taken, the platform gives the money back itself.
  "refund-reg": ["HOSP_REFUND_ID", "REFUND_FLAG"],
};
const REFUND_BY_PLATFORM = "1";
const NUMBER_MAX = 32;

function answerOf(kind: string, code: string, messageId: string): string {
  const number = messageId.replaceAll("-", "").slice(0, NUMBER_MAX);
  const names = code === "0" && number !== "" ? (NUMBERS[kind] ?? []) : [];
  const value = (name: string): string => (name === "REFUND_FLAG" ? REFUND_BY_PLATFORM : number);
  return `<RES>${names.map((name) => `<${name}><![CDATA[${value(name)}]]></${name}>`).join("")}</RES>`;
}

/** The platform's own codes (domain.md 3.1): parameter, user, function, signature, signature type, cipher. */
const CODE = { text: "2", user: "4", function: "5", signature: "7", signType: "8", cipher: "9" } as const;

/** Function code → the message kind of mappings/jkt. */
export const KINDS: Readonly<Record<string, string>> = {
  "2005": "lock-reg",
  "2006": "unlock-reg",
  "2007": "order-reg",
  "2008": "pay-reg",
  "2009": "cancel-reg",
  "2010": "refund-reg",
  "3003": "pay-order",
  "6001": "refund-pay",
};
/** Questions, whose answers carry the facts: taken only as the exchanges that they are, addressed by their kind. Asked of us alone, they are no function of ours. */
const QUESTIONS: Readonly<Record<string, string>> = {
  "2012": "reg-records",
  "3001": "pay-list",
  "3002": "pay-detail",
  "3004": "pay-records",
  "6002": "refund-result",
};
/** Our calls: outbound document → function code. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  "reg-confirm": "2008",
  "refund-reg-confirm": "2010",
  "payment-confirm": "3003",
  "payment-inquiry": "3004",
  "refund-notice": "6001",
  "refund-inquiry": "6002",
};

/** Answers that are pushed alone, without the question: the mapping reads what stands inside. Of others, the answer's code stands in front. */
const BARE: ReadonlySet<string> = new Set(["record-list"]);

const no = (
  zh: string,
  en: string,
  code: string = CODE.text,
): { readonly ok: false; readonly zh: string; readonly en: string; readonly code: string } => ({
  ok: false,
  zh,
  en,
  code,
});
const isPlain = ({ constants }: AdapterContext): boolean => constants.envelope === "plain";
const keysOf = ({ secrets }: AdapterContext): { readonly aesKey: string; readonly signKey: string } => ({
  aesKey: secrets.aesKey ?? "",
  signKey: secrets.signKey ?? "",
});

type Fields = Readonly<Record<string, string>>;
const fieldsOf = (body: Uint8Array): Fields | undefined => rootOf(decode(body, UTF8) ?? "");

type Inside = Fallible<{ readonly text: string; readonly fields: Readonly<Record<string, string>> }>;

/** Verifies and opens what the other side signed. `what`: the fields that are signed, the encrypted one first. */
function inside(fields: Fields | undefined, what: readonly [string, ...string[]], context: AdapterContext): Inside {
  if (fields === undefined) return no("不是 ROOT 信封", "it is no ROOT envelope");
  const { aesKey, signKey } = keysOf(context);
  if (aesKey === "" || signKey === "")
    return no("未配置密钥 aesKey、signKey", "the secrets aesKey and signKey are not configured", CODE.signature);
  if ((fields.SIGN_TYPE ?? "MD5").trim().toUpperCase() !== "MD5")
    return no("签名类型须为 MD5", "the signature type must be MD5", CODE.signType);
  const signed = Object.fromEntries(what.map((name) => [name, fields[name] ?? ""]));
  if (!verifies(fields.SIGN ?? "", signed, signKey)) return no("签名不符", "the signature does not fit", CODE.signature);
  const plain = decrypt(fields[what[0]] ?? "", aesKey);
  const inner = plain && decode(plain, UTF8);
  if (inner === undefined) return no("密文无法解密", "the cipher text does not open", CODE.cipher);
  return { ok: true, text: inner, fields };
}

/** What a partner's answer says outside the cipher text, in front of what stands inside. */
function merged(code: string, message: string, inner: string): Opening {
  const bare = inner.replace(/^\s*<\?xml[^>]*\?>/, "").trim();
  const head = rootText([
    ["RETURN_CODE", code],
    ["RETURN_MSG", message],
  ]);
  return { body: new TextEncoder().encode(head.replace("</ROOT>", `${bare}</ROOT>`)), contentType: XML };
}

const ANSWERED = ["RES_ENCRYPTED", "RETURN_CODE", "RETURN_MSG"] as const;

/** An answer. An error without anything inside may come unsigned (sample jkt_envelope_dup): it proves no success, whoever said it. */
function openAnswer(fields: Fields | undefined, context: AdapterContext): Fallible<{ readonly opened: Opening }> {
  const { RETURN_CODE: code = "", RETURN_MSG: message = "", SIGN = "", RES_ENCRYPTED = "" } = fields ?? {};
  if (fields !== undefined && SIGN === "" && RES_ENCRYPTED === "" && /^[1-9]\d*$/.test(code))
    return { ok: true, opened: merged(code, message, "") };
  const read = inside(fields, ANSWERED, context);
  return read.ok ? { ok: true, opened: merged(code, message, read.text) } : read;
}

function receive(message: Opening, context: AdapterContext): Fallible<{ readonly opened: Opening; readonly kind?: string }> {
  const { body } = message;
  if (isPlain(context)) return { ok: true, opened: message };
  const fields = fieldsOf(body);
  if (fields !== undefined && Object.hasOwn(fields, "RES_ENCRYPTED")) {
    if (BARE.has(context.message)) {
      const read = inside(fields, ANSWERED, context);
      return read.ok ? { ok: true, opened: { body: new TextEncoder().encode(read.text), contentType: XML } } : read;
    }
    return openAnswer(fields, context);
  }
  const read = inside(fields, ["REQ_ENCRYPTED", "FUN_CODE", "USER_ID"], context);
  if (!read.ok) return read;
  const { userId } = context.constants;
  if (userId !== undefined && read.fields.USER_ID !== userId)
    return no("USER_ID 不是约定的用户", "USER_ID is not the user agreed on", CODE.user);
  const code = read.fields.FUN_CODE ?? "";
  const kind = KINDS[code] ?? (QUESTIONS[code] === context.message ? context.message : undefined);
  if (kind === undefined) return no("功能号未约定", "the function code is not agreed on", CODE.function);
  return { ok: true, kind, opened: { body: new TextEncoder().encode(read.text), contentType: XML } };
}

/** The journal's number is for `<RES>`; a relay that seals answers itself gets what it always got. */
const withoutNumber = (body: Uint8Array): Uint8Array => {
  const charset = decode(body, UTF8) === undefined ? "gb18030" : UTF8;
  const text = decode(body, charset)?.replace(/<MESSAGE_ID>[^<]*<\/MESSAGE_ID>/, "");
  return (text === undefined ? undefined : encodeText(text, charset)) ?? body;
};

export const adapter: Adapter = {
  name: "jkt",
  title: { zh: "12320 健康通 V3.3 信封", en: "Envelope of 12320 Jiankangtong V3.3" },
  secrets: {
    aesKey: { zh: "AES-128 密钥（16 个字符）", en: "AES-128 key (16 characters)" },
    signKey: { zh: "MD5 签名密钥 KEY", en: "Key of the MD5 signature" },
  },
  seal: (plain, context) => {
    if (isPlain(context)) return { ok: true, sealed: plain };
    const code = FUNCTIONS[context.message];
    const { aesKey, signKey } = keysOf(context);
    const { userId } = context.constants;
    if (code === undefined)
      return no(`报文 ${context.message} 没有功能号`, `the message ${context.message} has no function code`, CODE.function);
    if (Buffer.byteLength(aesKey) !== 16 || signKey === "" || userId === undefined)
      return no(
        "须配置 aesKey（16 字符）、signKey 与常量 userId",
        "aesKey (16 characters), signKey and the constant userId must be configured",
      );
    const signed = { FUN_CODE: code, REQ_ENCRYPTED: encrypt(plain.body, aesKey), USER_ID: userId };
    const text = rootText([
      ["FUN_CODE", code],
      ["USER_ID", userId],
      ["SIGN_TYPE", "MD5"],
      ["SIGN", sign(signed, signKey)],
      ["REQ_ENCRYPTED", signed.REQ_ENCRYPTED],
    ]);
    return {
      ok: true,
      sealed: { ...plain, headers: { ...plain.headers, "content-type": XML }, body: new TextEncoder().encode(text), clear: plain.body },
    };
  },
  open: (reply, context) => (isPlain(context) ? { ok: true, opened: reply } : openAnswer(fieldsOf(reply.body), context)),
  receive,
  answer: (plain, context) => {
    if (isPlain(context)) return { ...plain, body: withoutNumber(plain.body) };
    const { aesKey, signKey } = keysOf(context);
    const said = rootOf(decode(plain.body, UTF8) ?? decode(plain.body, "gb18030") ?? "");
    if (said === undefined || Buffer.byteLength(aesKey) !== 16) return plain;
    const { RETURN_CODE = "99", RETURN_MSG = "", MESSAGE_ID = "" } = said;
    const inner = encodeText(answerOf(context.message, RETURN_CODE, MESSAGE_ID), UTF8) ?? new Uint8Array(0);
    const signed = { RES_ENCRYPTED: encrypt(inner, aesKey), RETURN_CODE, RETURN_MSG };
    const text = rootText([
      ["RETURN_CODE", RETURN_CODE],
      ["RETURN_MSG", RETURN_MSG],
      ["SIGN_TYPE", "MD5"],
      ["SIGN", sign(signed, signKey)],
      ["RES_ENCRYPTED", signed.RES_ENCRYPTED],
    ]);
    return { body: new TextEncoder().encode(text), contentType: XML };
  },
};
