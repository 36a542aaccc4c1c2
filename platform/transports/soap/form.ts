/** The form style of .asmx services: `?xmltxt=<percent-encoded XML>` or the same as a posted form; answered by the string in a `<string>` element. */
import type { ParkReason } from "../../../domain/journal/ports.ts";
import { decode } from "../../../domain/mapping/charset.ts";
import type { SoapDoor } from "../../../domain/partners/doors/soap.ts";
import { refusal } from "../../../domain/refusals.ts";
import { escapeXml } from "./envelope.ts";

/** Fields of one form; an operation declares at most eleven. */
const FIELDS_MAX = 32;
const PLUS = 0x2b;
const SPACE = 0x20;
const PERCENT = 0x25;

export type ReadForm =
  | { readonly ok: true; readonly body: Uint8Array; readonly contentType: string; readonly also: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: ParkReason };

/** What follows the question mark. */
export const searchOf = (url: string): string => {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at + 1);
};

const hexOf = (byte: number | undefined): number => (byte === undefined ? Number.NaN : Number.parseInt(String.fromCharCode(byte), 16));

/** Percent-decoding to bytes: the charset of what stands there is the sender's. Undefined for a cut escape. */
function unescaped(bytes: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === PERCENT) {
      const value = hexOf(bytes[at + 1]) * 16 + hexOf(bytes[at + 2]);
      if (Number.isNaN(value)) return undefined;
      out[length++] = value;
      at += 2;
    } else out[length++] = byte === PLUS ? SPACE : byte;
  }
  return out.subarray(0, length);
}

/** The message's bytes as they were before they were escaped, and the further parameters. `charset`: declared, or else the vendor's. */
export function formBytes(form: Uint8Array, operation: SoapDoor["operations"][number], charset: string): ReadForm {
  const bad = (zh: string, en: string): ReadForm => ({ ok: false, reason: refusal("BAD_REQUEST", { zh, en }) });
  const pairs = Buffer.from(form).toString("latin1").split("&");
  if (pairs.length > FIELDS_MAX) return bad("表单项过多", "too many form fields");
  const also: Record<string, string> = {};
  let body: Uint8Array | undefined;
  for (const pair of pairs.filter((one) => one !== "")) {
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const value = unescaped(Buffer.from(equals < 0 ? "" : pair.slice(equals + 1), "latin1"));
    if (value === undefined) return bad("百分号转义不完整", "a percent escape is cut short");
    if (name === operation.parameter) {
      if (body !== undefined) return bad(`参数 ${name} 出现两次`, `parameter ${name} occurs twice`);
      body = value;
    } else if (operation.also?.includes(name) && also[name] === undefined) {
      const text = decode(value, charset === "gbk" || charset === "gb18030" ? charset : "utf-8");
      if (text === undefined) return { ok: false, reason: refusal("BAD_CHARSET", { zh: charset, en: charset }) };
      also[name] = text;
    } else return bad(`没有参数 ${name.slice(0, 64)}，或出现两次`, `there is no parameter ${name.slice(0, 64)}, or it occurs twice`);
  }
  if (body === undefined) return bad(`缺少参数 ${operation.parameter}`, `parameter ${operation.parameter} is missing`);
  return { ok: true, body, also, contentType: `application/xml; charset=${charset}` };
}

export const formAnswer = (namespace: string, text: string): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<string xmlns="${escapeXml(namespace)}">${escapeXml(text)}</string>`;
