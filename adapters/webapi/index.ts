/**
 * JSON HIS with everything about the call in HTTP headers (README.md): msgid, customid, clienttype, token, reqtime, code, sign. The token is a sign-in's; an answer that
 * says 1001 or 1002 ends it. `remsgid` of an answer must be the msgid of the call: else it answers somebody else.
 */
import { createHash } from "node:crypto";
import type { Adapter, AdapterContext, Fallible, Opening, Session } from "../../domain/partners/adapter.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";

const JSON_TYPE = "application/json; charset=utf-8";
const TOKEN_PATH = "/api/v1/main/token";
/** The partner does not say how long a token lasts; a lost one is told by its answer. */
const SESSION_MS = 2 * 3_600_000;
const SIGNED_OUT: ReadonlySet<string> = new Set(["1001", "1002"]);
const SIGN_IN = "token";

const no = (zh: string, en: string): { readonly ok: false; readonly zh: string; readonly en: string } => ({ ok: false, zh, en });

/** The call's own number: of the write-back's key and the message, so that the same write-back has the same for ever and its inquiry another. */
const msgidOf = ({ key = "", message }: AdapterContext): string => createHash("md5").update(`${key} ${message}`).digest("hex");

const reqtimeOf = (nowMs: number): string => chinaDateTimeOf(nowMs).slice(0, 19).replace(/\D/g, "");

/** The text that is signed: the headers and the body as `param`, by name. */
export const textToSign = (fields: Readonly<Record<string, string>>): string =>
  Object.keys(fields)
    .sort()
    .map((name) => `${name}=${fields[name]}`)
    .join("&");

export const sign = (fields: Readonly<Record<string, string>>): string =>
  createHash("md5").update(textToSign(fields), "utf8").digest("hex");

function objectOf(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined; // no JSON in UTF-8: the caller says so
  }
}
const textOf = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

const session: Session = {
  lifetimeMs: SESSION_MS,
  daily: false,
  who: ({ constants }) => constants.customId,
  signIn: ({ constants, secrets }) => ({
    path: TOKEN_PATH,
    headers: { code: SIGN_IN },
    body: new TextEncoder().encode(JSON.stringify({ customid: constants.customId ?? "", secret: secrets.customSecret ?? "" })),
  }),
  read: ({ body }) => {
    const reply = objectOf(body);
    const told = reply?.dateset;
    const token = typeof told === "object" && told !== null ? textOf((told as Readonly<Record<string, unknown>>).token) : "";
    return textOf(reply?.success) === "1" && token !== "" ? { token } : undefined;
  },
  lost: ({ body }) => SIGNED_OUT.has(textOf(objectOf(body)?.success)),
};

function open(reply: Opening, context: AdapterContext): Fallible<{ readonly opened: Opening }> {
  const told = objectOf(reply.body);
  if (told === undefined) return no("应答不是 JSON 对象", "the answer is no JSON object");
  const answers = textOf(told.remsgid);
  return answers === msgidOf(context)
    ? { ok: true, opened: reply }
    : no("应答的 remsgid 不是本次的 msgid", "remsgid of the answer is not the msgid of this call");
}

export const adapter: Adapter = {
  name: "webapi",
  title: { zh: "JSON HIS（报头携带令牌与签名）", en: "JSON HIS (token and signature in headers)" },
  secrets: { customSecret: { zh: "换取令牌的口令", en: "Password for which a token is given" } },
  seal: (plain, context) => {
    const { customId, clientType = "third" } = context.constants;
    if (customId === undefined) return no("须配置常量 customId", "the constant customId must be configured");
    const headers = {
      msgid: msgidOf(context),
      customid: customId,
      clienttype: clientType,
      token: context.session?.token ?? "",
      reqtime: reqtimeOf(context.nowMs),
      code: plain.headers.code ?? "",
    };
    const param = new TextDecoder().decode(plain.body);
    const signed = { ...plain.headers, ...headers, sign: sign({ ...headers, param }), "content-type": JSON_TYPE };
    return { ok: true, sealed: { ...plain, headers: signed } };
  },
  open,
  session,
};
