/**
 * SOAP 1.1 and 1.2 envelopes with a string inside: read by the one gate to XML (domain/mapping/xml.ts: no DOCTYPE, depth and counts capped), written in the caller's
 * version. What stands in an envelope and has no place with us is refused, never passed over.
 */
import type { ParkReason } from "../../../domain/journal/ports.ts";
import type { Tree } from "../../../domain/mapping/tree.ts";
import { isXmlText, readXml } from "../../../domain/mapping/xml.ts";
import type { SoapDoor } from "../../../domain/partners/doors/soap.ts";
import { nextOf, type RefusalCode, refusal } from "../../../domain/refusals.ts";

export type SoapVersion = "1.1" | "1.2";

const NAMESPACES: Readonly<Record<SoapVersion, string>> = {
  "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
  "1.2": "http://www.w3.org/2003/05/soap-envelope",
};
const SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PASSWORD_DIGEST = "#PasswordDigest";
/** WS-Addressing, both editions met in practice: understood as far as MessageID. */
const ADDRESSING: ReadonlySet<string> = new Set([
  "http://www.w3.org/2005/08/addressing",
  "http://schemas.xmlsoap.org/ws/2004/08/addressing",
]);
/** Our own vocabulary in fault details. */
const ERROR_NAMESPACE = "urn:huiliu:error";
/** Characters of a header block that are kept with the message; a longer one is refused. */
const HEADER_TEXT_MAX = 300;
const HEADER_BLOCKS_MAX = 20;

/** WS-Security UsernameToken; either a plain password or a digest over nonce, time and password. */
export interface UsernameToken {
  readonly username: string;
  readonly password: string;
  readonly digest: boolean;
  readonly nonce?: string;
  readonly created?: string;
}

export interface Envelope {
  readonly version: SoapVersion;
  readonly operation: SoapDoor["operations"][number];
  /** The message: the parameter's string. */
  readonly message: string;
  /** The further parameters that the door declares, as far as they came. */
  readonly also: Readonly<Record<string, string>>;
  /** Header blocks that are neither credentials nor addressing, as text. */
  readonly headers: Readonly<Record<string, string>>;
  readonly messageId?: string;
  readonly token?: UsernameToken;
}

export type ReadEnvelope =
  | { readonly ok: true; readonly envelope: Envelope }
  | {
      readonly ok: false;
      readonly reason: ParkReason;
      readonly version?: SoapVersion;
      readonly fault?: "VersionMismatch" | "MustUnderstand";
      /** Who sent it, as far as it could be read: what is wrong is told to nobody who does not prove himself. */
      readonly token?: UsernameToken;
    };

const childrenOf = (node: Tree): readonly Tree[] => node.children.filter((one) => !one.name.startsWith("@"));
const child = (node: Tree | undefined, name: string): Tree | undefined => node?.children.find((one) => one.name === name);
const attribute = (node: Tree, name: string): string | undefined => child(node, `@${name}`)?.text;

const bad = (zh: string, en: string, code: RefusalCode = "BAD_REQUEST"): { readonly ok: false; readonly reason: ParkReason } => ({
  ok: false,
  reason: refusal(code, { zh, en }),
});

function tokenOf(security: Tree): UsernameToken | undefined {
  const token = child(security, "UsernameToken");
  const username = child(token, "Username")?.text.trim();
  const password = child(token, "Password");
  if (username === undefined || password === undefined) return undefined;
  const nonce = child(token, "Nonce")?.text.trim();
  const created = child(token, "Created")?.text.trim();
  return {
    username,
    password: password.text,
    digest: attribute(password, "Type")?.endsWith(PASSWORD_DIGEST) === true,
    ...(nonce === undefined ? {} : { nonce }),
    ...(created === undefined ? {} : { created }),
  };
}

interface Blocks {
  readonly headers: Readonly<Record<string, string>>;
  readonly messageId?: string;
  readonly token?: UsernameToken;
}

const isTrue = (text: string | undefined): boolean => text === "1" || text === "true";

/** All text of a block, as a reader sees it. */
const textOf = (node: Tree): string =>
  [node.text.trim(), ...childrenOf(node).map((one) => `${one.name}=${textOf(one)}`)].filter((one) => one !== "").join(" ");

function readHeaders(header: Tree | undefined, version: SoapVersion): Blocks | Extract<ReadEnvelope, { ok: false }> {
  const headers: Record<string, string> = {};
  let messageId: string | undefined;
  let token: UsernameToken | undefined;
  let unknown: string | undefined;
  let tooMuch = false;
  const blocks = header === undefined ? [] : childrenOf(header);
  for (const block of blocks) {
    if (block.uri === SECURITY && block.name === "Security") token = tokenOf(block);
    else if (ADDRESSING.has(block.uri ?? "")) {
      if (block.name === "MessageID") messageId = block.text.trim();
    } else {
      if (isTrue(attribute(block, "mustUnderstand"))) unknown ??= block.name;
      const text = textOf(block);
      tooMuch ||= text.length > HEADER_TEXT_MAX;
      headers[`soap-header-${block.name.toLowerCase()}`] = text;
    }
  }
  const who = token === undefined ? {} : { token };
  if (unknown !== undefined)
    return {
      ...bad(`不认识必须理解的头 ${unknown}`, `the header ${unknown} must be understood and is not known`),
      version,
      fault: "MustUnderstand",
      ...who,
    };
  if (tooMuch || blocks.length > HEADER_BLOCKS_MAX)
    return { ...bad("SOAP 头过长或过多", "SOAP headers are too long or too many", "TOO_LARGE"), version, ...who };
  return { headers, ...who, ...(messageId === undefined || messageId === "" ? {} : { messageId }) };
}

/** White space around the message is the envelope's layout, not part of it: an XML declaration must stand first. */
const unpadded = (text: string): string => (/^\s*[<{]/.test(text) ? text.trim() : text);

/** The call's parameters: each declared one at most once, as a string, and nothing else. */
function readCall(
  call: Tree,
  operation: SoapDoor["operations"][number],
): { readonly message: string; readonly also: Record<string, string> } | ParkReason {
  const allowed = [operation.parameter, ...(operation.also ?? [])];
  const values = new Map<string, string>();
  for (const one of childrenOf(call)) {
    if (!allowed.includes(one.name)) return refusal("BAD_REQUEST", { zh: `没有参数 ${one.name}`, en: `there is no parameter ${one.name}` });
    if (values.has(one.name)) return refusal("BAD_REQUEST", { zh: `参数 ${one.name} 出现两次`, en: `parameter ${one.name} occurs twice` });
    if (childrenOf(one).length > 0 || attribute(one, "href") !== undefined)
      return refusal("BAD_REQUEST", {
        zh: `参数 ${one.name} 应为字符串（转义或 CDATA）`,
        en: `parameter ${one.name} must be a string (escaped, or CDATA)`,
      });
    values.set(one.name, one.text);
  }
  const message = values.get(operation.parameter);
  if (message === undefined)
    return refusal("BAD_REQUEST", { zh: `缺少参数 ${operation.parameter}`, en: `parameter ${operation.parameter} is missing` });
  values.delete(operation.parameter);
  return { message: unpadded(message), also: Object.fromEntries(values) };
}

/** The action says the same as the body, or nothing: else two readers would see two calls. */
const actionAgrees = (action: string, name: string): boolean =>
  action === "" || action.replace(/^"|"$/g, "").split(/[/#:]/).pop() === name || action === '""';

/** Reads a request's envelope. `action`: SOAPAction, or the action of the content type. Never throws. */
export function readEnvelope(text: string, door: SoapDoor, action: string): ReadEnvelope {
  const read = readXml(text, true);
  if (!read.ok) return bad(read.zh, read.en, read.code === "too-large" || read.code === "too-many" ? "TOO_LARGE" : "BAD_REQUEST");
  const root = read.root.children[0];
  const version = (Object.keys(NAMESPACES) as SoapVersion[]).find((one) => NAMESPACES[one] === root?.uri);
  if (root?.name !== "Envelope" || version === undefined)
    return { ...bad("不是 SOAP 1.1 或 1.2 的信封", "it is no envelope of SOAP 1.1 or 1.2"), fault: "VersionMismatch" };
  const blocks = readHeaders(child(root, "Header"), version);
  if ("ok" in blocks) return blocks;
  const who = { version, ...(blocks.token === undefined ? {} : { token: blocks.token }) };
  const calls = childrenOf(child(root, "Body") ?? root);
  const [call] = calls;
  if (child(root, "Body") === undefined || call === undefined || calls.length !== 1)
    return { ...bad("Body 须恰有一个操作（不支持 multiRef）", "Body must hold exactly one operation (multiRef is not supported)"), ...who };
  const operation = door.operations.find((one) => one.name === call.name);
  if (operation === undefined || (call.uri !== undefined && call.uri !== door.namespace))
    return { ...bad("没有这个操作", "there is no such operation", "NOT_FOUND"), ...who };
  if (!actionAgrees(action, operation.name)) return { ...bad("SOAPAction 与操作不符", "SOAPAction names another operation"), ...who };
  const parameters = readCall(call, operation);
  if ("code" in parameters) return { ok: false, reason: parameters, ...who };
  return { ok: true, envelope: { ...who, ...blocks, operation, ...parameters } };
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;" };

/** Text that reads back the same; characters that XML cannot carry become blanks. */
export function escapeXml(text: string): string {
  const legal = isXmlText(text.replaceAll("\r", ""), false)
    ? text
    : text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, " ");
  return legal.replace(/[&<>"\r]/g, (found) => ESCAPES[found] ?? found);
}

const envelope = (version: SoapVersion, body: string): string =>
  `<soap:Envelope xmlns:soap="${NAMESPACES[version]}"><soap:Body>${body}</soap:Body></soap:Envelope>`;

/** The answer of an operation: its one string result. */
export const resultEnvelope = (version: SoapVersion, door: SoapDoor, operation: string, result: string): string =>
  envelope(
    version,
    `<${operation}Response xmlns="${escapeXml(door.namespace)}"><${operation}Result>${escapeXml(result)}</${operation}Result></${operation}Response>`,
  );

/** A fault in the caller's version: our code, both languages, the next step. `sender`: the caller must change something. */
export function faultEnvelope(
  version: SoapVersion,
  reason: ParkReason,
  sender: boolean,
  special: "VersionMismatch" | "MustUnderstand" | undefined,
): string {
  const next = nextOf(reason);
  const detail = [
    `<code>${escapeXml(reason.code)}</code><zh>${escapeXml(reason.zh)}</zh><en>${escapeXml(reason.en)}</en>`,
    next === undefined ? "" : `<nextZh>${escapeXml(next.zh)}</nextZh><nextEn>${escapeXml(next.en)}</nextEn>`,
  ].join("");
  const error = `<error xmlns="${ERROR_NAMESPACE}">${detail}</error>`;
  if (version === "1.1") {
    const code = special ?? (sender ? "Client" : "Server");
    const text = escapeXml(`${reason.code} ${reason.zh} / ${reason.en}`);
    return envelope(
      version,
      `<soap:Fault><faultcode>soap:${code}</faultcode><faultstring>${text}</faultstring><detail>${error}</detail></soap:Fault>`,
    );
  }
  const code = special ?? (sender ? "Sender" : "Receiver");
  const subcode = `<soap:Subcode><soap:Value xmlns:h="${ERROR_NAMESPACE}">h:${escapeXml(reason.code)}</soap:Value></soap:Subcode>`;
  const texts = `<soap:Text xml:lang="zh-CN">${escapeXml(reason.zh)}</soap:Text><soap:Text xml:lang="en-US">${escapeXml(reason.en)}</soap:Text>`;
  return envelope(
    version,
    `<soap:Fault><soap:Code><soap:Value>soap:${code}</soap:Value>${subcode}</soap:Code><soap:Reason>${texts}</soap:Reason><soap:Detail>${error}</soap:Detail></soap:Fault>`,
  );
}
