/** The envelope of the national interface (domain.md 1.2): what a mapping wrote as `input` gets every other field and the gateway's headers; a reply is looked at before it is believed. */
import type { AdapterContext, Envelope, Fallible, Opening } from "../../domain/partners/adapter.ts";
import { openDownload, sealUpload } from "./files.ts";
import { csbHeaders, type Gateway, tifHeaders } from "./gateway.ts";
import { bytesOf, isObject, type JsonObject, objectOf, textOf } from "./json.ts";
import { chinaTime, isFixmedinsCode } from "./number.ts";

/** C20 counts characters, not bytes. */
const NAME_CHARS_MAX = 20;
const NONCE_BYTES = 8;
const INFNO = /^\d{4}[A-Z]?$/;
const WHOLE = /^-?\d{1,9}$/;
/** yyyyMMddHHmmssSSS */
const RESPOND_TIME = /^\d{17}$/;
/** C30. */
const REFMSGID_MAX = 30;
/** The e-voucher's decoding has an envelope of its own (domain.md 1.8). */
const VOUCHER = "6101";
const VOUCHER_API = "ecQuery";
const UPLOAD = "9101";
const DOWNLOAD = "9102";

const refused = (zh: string, en: string) => ({ ok: false, zh, en }) as const;

/** What the mapping wrote, and the transaction it is for: its own `infno`, else the digits at the end of the document's name. */
export function plainOf(
  plain: Envelope,
  message: string,
): Fallible<{ readonly infno: string; readonly body: JsonObject; readonly input: JsonObject }> {
  const body = objectOf(plain.body);
  if (!body) return refused("映射写出的不是 JSON 对象", "what the mapping wrote is no JSON object");
  const infno = textOf(body.infno) || (/-(\d{4}[A-Z]?)$/i.exec(message)?.[1]?.toUpperCase() ?? "");
  if (!INFNO.test(infno)) return refused("没有交易编号 infno", "there is no transaction number (infno)");
  const input = body.input ?? body.data;
  if (!isObject(input)) return refused("没有交易输入 input", "there is no input");
  return { ok: true, infno, body, input };
}

/** Where every transaction goes, unless the partner's constant `callPath` says otherwise; `{infno}` in it stands for the transaction. */
export const CALL_PATH = "/fsi/api/rsfComIfsService/callService";

/** The headers of the partner's gateway, or which secret is missing. */
function gatewayHeaders(
  gateway: Gateway,
  apiName: string,
  context: AdapterContext,
): Fallible<{ readonly headers: Readonly<Record<string, string>> }> {
  const { secrets, nowMs } = context;
  const missing = (name: string) => refused(`缺少密钥 ${name}`, `the secret ${name} is missing`);
  if (gateway === "csb") {
    const { accessKey, secretKey } = secrets;
    if (!accessKey || !secretKey) return missing(accessKey ? "secretKey" : "accessKey");
    return { ok: true, headers: csbHeaders({ accessKey, secretKey, apiName, nowMs }) };
  }
  if (gateway === "x-tif") {
    const { paasId, token } = secrets;
    if (!paasId || !token) return missing(paasId ? "token" : "paasId");
    const nonce = Buffer.from(context.random(NONCE_BYTES)).toString("hex");
    return { ok: true, headers: tifHeaders({ paasId, token, nonce, nowSeconds: Math.floor(nowMs / 1_000) }) };
  }
  return { ok: true, headers: {} };
}

/** Every field of table 2 in its order; what the mapping wrote at the top level wins. */
function envelopeOf(
  infno: string,
  body: JsonObject,
  input: JsonObject,
  context: AdapterContext,
): Fallible<{ readonly envelope: JsonObject }> {
  const { constants } = context;
  const fixmedinsCode = constants.fixmedinsCode ?? "";
  if (!isFixmedinsCode(fixmedinsCode))
    return refused("定点医药机构编号须为 12 位", "the institution's code (fixmedinsCode) must have 12 characters");
  if (context.number === undefined) return refused("没有报文编号 msgid", "the call has no number (msgid)");
  const own = (name: string, otherwise: string | undefined): string => textOf(body[name]) || (otherwise ?? "");
  const mdtrtarea = own("mdtrtarea_admvs", constants.mdtrtareaAdmvs);
  const envelope = {
    infno,
    msgid: context.number,
    mdtrtarea_admvs: mdtrtarea,
    insuplc_admdvs: own("insuplc_admdvs", mdtrtarea),
    recer_sys_code: own("recer_sys_code", constants.recerSysCode),
    dev_no: own("dev_no", ""),
    dev_safe_info: own("dev_safe_info", ""),
    cainfo: own("cainfo", ""),
    signtype: own("signtype", constants.signtype),
    infver: own("infver", constants.infver),
    opter_type: own("opter_type", constants.opterType),
    opter: own("opter", constants.opter),
    opter_name: own("opter_name", constants.opterName),
    inf_time: chinaTime(context.nowMs),
    fixmedins_code: fixmedinsCode,
    fixmedins_name: [...own("fixmedins_name", constants.fixmedinsName)].slice(0, NAME_CHARS_MAX).join(""),
    sign_no: context.session?.signNo ?? "",
    input,
  };
  const needed = ["mdtrtarea_admvs", "recer_sys_code", "infver", "opter_type", "opter", "opter_name", "fixmedins_name"] as const;
  const empty = needed.filter((name) => envelope[name] === "");
  return empty.length === 0 ? { ok: true, envelope } : refused(`报文头缺少 ${empty.join("、")}`, `the envelope lacks ${empty.join(", ")}`);
}

const withoutContentType = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "content-type"));

/** Closes the envelope of the front machine; a refusal means that nothing left us. */
export function sealFront(plain: Envelope, context: AdapterContext, gateway: Gateway): Fallible<{ readonly sealed: Envelope }> {
  const read = plainOf(plain, context.message);
  if (!read.ok) return read;
  const { infno, body, input } = read;
  const { callPath = "" } = context.constants;
  const placed = callPath === "" ? plain : { ...plain, path: callPath.replaceAll("{infno}", infno) };
  const signed = gatewayHeaders(gateway, infno === VOUCHER ? VOUCHER_API : context.constants.apiName || infno, context);
  if (!signed.ok) return signed;
  if (infno === VOUCHER) {
    const voucher = { data: input, transType: "ec.query", orgId: textOf(input.orgId) || (context.constants.fixmedinsCode ?? "") };
    return { ok: true, sealed: { ...placed, headers: { ...plain.headers, ...signed.headers }, body: bytesOf(voucher) } };
  }
  const made = envelopeOf(infno, body, input, context);
  if (!made.ok) return made;
  const original = isObject(body.original) ? { original: body.original } : {};
  if (infno === UPLOAD) {
    const upload = sealUpload(made.envelope, input, context.random);
    if (!upload.ok) return upload;
    const headers = { ...withoutContentType(plain.headers), ...signed.headers, "content-type": upload.contentType };
    return { ok: true, sealed: { ...placed, headers, body: upload.body, clear: bytesOf({ ...upload.envelope, ...original }) } };
  }
  // Of a question or a reversal: what it is about is kept with it and not told to the platform.
  const about = isObject(body.original) ? { clear: bytesOf({ ...made.envelope, ...original }) } : {};
  return { ok: true, sealed: { ...placed, ...about, headers: { ...plain.headers, ...signed.headers }, body: bytesOf(made.envelope) } };
}

/** True when the reply is the gateway's own (no business system saw the request): it has a code and no infcode. */
const isOfGateway = (reply: JsonObject): boolean => reply.infcode === undefined && reply.code !== undefined;

/**
 * Looks at a reply's envelope: infcode a whole number (as number or digits), a success with the receiver's message id, a time that is one. What is none of this was
 * answered by nobody we know.
 */
export function openFront(reply: Opening, context: AdapterContext): Fallible<{ readonly opened: Opening; readonly ofGateway?: true }> {
  const download = context.message.endsWith(DOWNLOAD) && reply.body[0] !== "{".charCodeAt(0);
  if (download) return openDownload(reply);
  const body = objectOf(reply.body);
  if (!body) return refused("应答不是 JSON 对象", "the reply is no JSON object");
  if (isOfGateway(body)) return { ok: true, opened: reply, ofGateway: true };
  const infcode = textOf(body.infcode);
  if (!WHOLE.test(infcode)) return refused("应答没有整数的 infcode", "the reply has no infcode that is a whole number");
  const refmsgid = textOf(body.inf_refmsgid);
  const known = refmsgid.length > 0 && refmsgid.length <= REFMSGID_MAX;
  if (Number(infcode) === 0 && !known)
    return refused("应答成功却没有接收方报文ID", "the reply says done without the receiver's message id (inf_refmsgid)");
  const respondTime = textOf(body.respond_time);
  if (respondTime !== "" && !RESPOND_TIME.test(respondTime)) return refused("应答时间不合格式", "the reply's respond_time is none");
  return { ok: true, opened: reply };
}
