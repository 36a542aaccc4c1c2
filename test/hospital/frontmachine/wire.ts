/** The front machine's wire: the envelope read and written, and what its two gateways demand before the business system sees anything. */
import { createHash, createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import iconv from "iconv-lite";
import type { Plan } from "../faults.ts";
import { yuanOfFen } from "../money.ts";
import type { Answered } from "../strike.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** What a call says. */
export interface Asked {
  readonly infno: string;
  readonly msgid: string;
  readonly opter: string;
  readonly signNo: string;
  readonly input: Fields;
}

export interface Keys {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly paasId: string;
  readonly token: string;
}
/** Synthetic, as in samples/vectors.json. */
export const KEYS: Keys = { accessKey: "AKTEST0000000001", secretKey: "SKTEST0000000001", paasId: "PAASTEST01", token: "TOKENTEST0001" };

/** How far a caller's clock may be off: 30 minutes at CSB, 180 seconds at x-tif. */
const CSB_WINDOW_MS = 30 * 60_000;
const TIF_WINDOW_MS = 180_000;
const JSON_TYPE = "application/json; charset=UTF-8";

export const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
export const textOf = (fields: Fields | undefined, name: string): string => {
  const value = fields?.[name];
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
};
export const objectAt = (fields: Fields, name: string): Fields => (isFields(fields[name]) ? (fields[name] as Fields) : {});
/** One row, or many. */
export const rowsAt = (fields: Fields, name: string): readonly Fields[] => {
  const value = fields[name];
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]).filter(isFields);
};

/** Fen of an amount in yuan, as number or text, with at most two decimals; null for anything else. */
export function fenAt(fields: Fields, name: string): bigint | null {
  const found = /^(\d{1,13})(?:\.(\d{1,2})0*)?$/.exec(textOf(fields, name));
  return found ? BigInt(`${found[1]}${(found[2] ?? "").padEnd(2, "0")}`) : null;
}
/** Ten-thousandths of a count; null when it is none. */
export function countAt(fields: Fields, name: string): bigint | null {
  const found = /^(\d{1,10})(?:\.(\d{1,4})0*)?$/.exec(textOf(fields, name));
  return found ? BigInt(`${found[1]}${(found[2] ?? "").padEnd(4, "0")}`) : null;
}
/** As the wire writes amounts: a JSON number. */
export const yuan = (fen: bigint): number => Number(yuanOfFen(fen));

const header = (headers: IncomingHttpHeaders, name: string): string => {
  const value = headers[name];
  return typeof value === "string" ? value : "";
};
const json = (status: number, value: unknown): Answered => ({ status, contentType: JSON_TYPE, body: Buffer.from(JSON.stringify(value)) });
const refusedByCsb = (message: string): Answered => json(401, { code: 401, message, type: "error" });
const refusedByTif = (message: string): Answered => json(500, { code: 400001, message });

function csb(headers: IncomingHttpHeaders, keys: Keys, nowMs: number): Answered | null {
  const at = (name: string): string => header(headers, `_api_${name}`);
  const stamp = at("timestamp");
  if (!["name", "version", "timestamp", "access_key", "signature"].every((name) => at(name) !== ""))
    return refusedByCsb("缺少服务网关的请求头!");
  if (!/^\d{13}$/.test(stamp) || Math.abs(nowMs - Number(stamp)) > CSB_WINDOW_MS) return refusedByCsb("签名时间戳超时!");
  if (at("access_key") !== keys.accessKey) return refusedByCsb("非法用户!");
  const signed = `_api_access_key=${at("access_key")}&_api_name=${at("name")}&_api_timestamp=${stamp}&_api_version=${at("version")}`;
  return createHmac("sha1", keys.secretKey).update(signed).digest("base64") === at("signature") ? null : refusedByCsb("签名不一致!");
}

function tif(headers: IncomingHttpHeaders, keys: Keys, nowMs: number): Answered | null {
  const stamp = header(headers, "x-tif-timestamp");
  if (!/^\d{10}$/.test(stamp) || Math.abs(nowMs - Number(stamp) * 1_000) > TIF_WINDOW_MS) return refusedByTif("请求已过期");
  if (header(headers, "x-tif-paasid") !== keys.paasId) return refusedByTif("应用未注册");
  const signature = createHash("sha256")
    .update(`${stamp}${keys.token}${header(headers, "x-tif-nonce")}${stamp}`)
    .digest("hex")
    .toUpperCase();
  return signature === header(headers, "x-tif-signature") ? null : refusedByTif("签名校验失败");
}

/** What the gateway answers in the business system's stead; null: let through. `gateway` none: a private line without one. */
export function atGateway(headers: IncomingHttpHeaders, gateway: "any" | "none", keys: Keys, nowMs: number): Answered | null {
  if (gateway === "none") return null;
  return header(headers, "x-tif-signature") === "" ? csb(headers, keys, nowMs) : tif(headers, keys, nowMs);
}

/** The call, or what is wrong with its envelope. */
export function readAsked(raw: string): Asked | string {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return "报文不是 JSON";
  }
  if (!isFields(value)) return "报文不是 JSON 对象";
  const envelope = value;
  for (const name of [
    "infno",
    "msgid",
    "mdtrtarea_admvs",
    "recer_sys_code",
    "infver",
    "opter_type",
    "opter",
    "opter_name",
    "inf_time",
    "fixmedins_code",
    "fixmedins_name",
  ])
    if (textOf(envelope, name) === "") return `报文头 ${name} 不能为空`;
  if (textOf(envelope, "msgid").length > 30) return "msgid 超过 30 位";
  if (textOf(envelope, "fixmedins_code").length !== 12) return "定点医药机构编号应为 12 位";
  if ([...textOf(envelope, "fixmedins_name")].length > 20) return "定点医药机构名称超过 20 字";
  if (!isFields(envelope.input)) return "交易输入 input 不能为空";
  return {
    infno: textOf(envelope, "infno"),
    msgid: textOf(envelope, "msgid"),
    opter: textOf(envelope, "opter"),
    signNo: textOf(envelope, "sign_no"),
    input: envelope.input,
  };
}

/** What a real machine answers and a careful reader must take all the same. */
export interface Quirks {
  readonly infcodeAsText: boolean;
  readonly numbersAsText: boolean;
  readonly outputNull: boolean;
}
export const NO_QUIRKS: Quirks = { infcodeAsText: false, numbersAsText: false, outputNull: false };

const asText = (value: unknown): unknown => {
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.map(asText);
  return isFields(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, asText(one)])) : value;
};

/** The reply's envelope. `digits`: the machine's time as yyyyMMddHHmmss. */
export function writeReply(
  told: { readonly infcode: number; readonly err: string; readonly output: Fields },
  digits: string,
  seq: number,
  quirks: Quirks,
): Answered {
  const failed = told.infcode !== 0;
  return json(200, {
    infcode: quirks.infcodeAsText ? String(told.infcode) : told.infcode,
    inf_refmsgid: `990101${digits}${String(seq).padStart(10, "0")}`,
    refmsg_time: `${digits}350`,
    respond_time: `${digits}530`,
    err_msg: told.err,
    output: failed && quirks.outputNull ? null : quirks.numbersAsText ? asText(told.output) : told.output,
  });
}

/** An answer in GBK, told twice, or with its first field twice, where a fault asks for it. */
export function confused(answered: Answered, plan: Plan): Answered {
  let { body, contentType } = answered;
  if (plan.duplicate?.how === "fields") body = Buffer.from(body.toString("utf8").replace(/^\{("[^"]+":[^,{[]+,)/, "{$1$1"));
  else if (plan.duplicate !== undefined) body = Buffer.concat([body, body]);
  if (plan.gbk !== undefined) {
    body = iconv.encode(body.toString("utf8"), "gbk");
    contentType = contentType.replace(/utf-8/i, "GBK");
  }
  return { ...answered, body, contentType };
}
