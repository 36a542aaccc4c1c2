/**
 * What a sender says beside the bytes: identity, charset, headers, the parts of an exchange (design.md section 6). The same for every door, so the
 * rules stand here and the doors only fetch the values. Nothing here throws: what is wrong is a refusal, and the bytes are journaled all the same.
 */
import { charsetOf, charsetOfContentType } from "../mapping/charset.ts";
import { type RefusalCode, refusal } from "../refusals.ts";
import type { DoorPolicy, Enveloped, Received } from "./intake.ts";
import type { Door, ExchangePart, Inbound, ParkReason } from "./ports.ts";

/** Headers kept with a message: at most this many, each value at most this many UTF-8 bytes. The rest is dropped and counted. */
export const HEADERS_MAX = 64;
export const HEADER_BYTES_MAX = 1_024;
const IDENTITY_MAX = 255;
const KIND_MAX = 255;
/** Tells how many headers were dropped because there were too many or they were too long. */
export const DROPPED_HEADER = "huiliu-dropped-headers";

const OURS = "huiliu-";
const EXCHANGE_HEADER = "huiliu-exchange";
const PART_HEADER = "huiliu-part";
const RETURN_HEADER = "huiliu-return";
/** Credentials and the wire's own business: never stored. `x-death` and its kin are the broker's notes. */
const NEVER_KEPT =
  /^(?:x-death|x-first-death-.*|x-last-death-.*|x-delivery-count|x-received-from|cookie|set-cookie|host|connection|content-.*|transfer-encoding|te|trailer|upgrade|keep-alive|expect|accept.*|idempotency-key|traceparent|proxy-.*)$|secret|token|passw|auth|api-?key|signature/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** What plain text may not have: control characters (NUL above all, which the store cannot hold), and the mark of bytes that were no UTF-8. */
const CONTROL = /[\p{Cc}\uFFFD]/u;
const CONTROLS = /[\p{Cc}\uFFFD]/gu;

/** What a door read, before any rule was applied. Header names in any case; values as the wire gave them. */
export interface Declared {
  readonly door: Door;
  readonly partner: string;
  readonly kind: string;
  readonly identity?: string | undefined;
  readonly contentType?: string | undefined;
  /** AMQP content-encoding or HTTP Content-Encoding: a charset's name (AMQP senders put it there), or a compression, which is refused. */
  readonly contentEncoding?: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
}

const utf8 = new TextEncoder();

/** One line of plain text of at most `max` UTF-16 units: control characters become blanks; a pair is never cut in half. */
export function plain(text: string, max: number): string {
  const cut = text.replace(CONTROLS, " ").slice(0, max);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}

/** A header's value as text; undefined for tables and lists, which are nobody's plain header. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return new TextDecoder("utf-8").decode(value);
  return undefined;
}

function lowerCased(headers: Readonly<Record<string, unknown>>): Map<string, string> {
  const result = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const text = textOf(value);
    if (text !== undefined) result.set(name.toLowerCase(), text);
  }
  return result;
}

/** The headers worth keeping: strings, no credentials, none of ours, bounded in number and size, and readable. */
function keptHeaders(headers: ReadonlyMap<string, string>): Record<string, string> {
  const kept: Record<string, string> = {};
  let count = 0;
  let dropped = 0;
  for (const [name, value] of headers) {
    if (name.startsWith(OURS) || NEVER_KEPT.test(name) || name === "__proto__") continue;
    if (count >= HEADERS_MAX || name.length > KIND_MAX || utf8.encode(value).length > HEADER_BYTES_MAX || value.includes("\uFFFD")) {
      dropped += 1;
      continue;
    }
    kept[plain(name, KIND_MAX)] = plain(value, HEADER_BYTES_MAX);
    count += 1;
  }
  if (dropped > 0) kept[DROPPED_HEADER] = String(dropped);
  return kept;
}

type Found<T> = { readonly value?: T; readonly refused?: ParkReason };

/** The sender's charset: the content type's parameter, else an AMQP content-encoding that names a charset. A compression is refused. */
export function declaredCharset(contentType: string | undefined, contentEncoding: string | undefined): Found<string> {
  const encoding = contentEncoding?.trim().toLowerCase() ?? "";
  const isPlain = encoding === "" || encoding === "identity" || encoding === "binary" || encoding === "8bit" || encoding === "7bit";
  if (/(?:^|[\s,])(?:x-)?(?:gzip|deflate|br|zstd|compress|lz4|snappy)(?:$|[\s,])/.test(encoding))
    return { refused: refusal("UNSUPPORTED_ENCODING") };
  const name = (contentType === undefined ? undefined : charsetOfContentType(contentType)) ?? (isPlain ? undefined : encoding);
  if (name === undefined || name.trim() === "") return {};
  const known = charsetOf(name);
  const declared = plain(name.trim().toLowerCase(), 40);
  return known === undefined ? { value: declared, refused: refusal("BAD_CHARSET", { zh: declared, en: declared }) } : { value: known };
}

function declaredIdentity(identity: string | undefined): Found<string> {
  if (identity === undefined || identity.trim() === "") return {};
  if (identity.length > IDENTITY_MAX || CONTROL.test(identity) || !identity.isWellFormed()) return { refused: refusal("BAD_IDENTITY") };
  return { value: identity };
}

const badExchange = (zh: string, en: string): { readonly refused: ParkReason } => ({ refused: refusal("BAD_EXCHANGE", { zh, en }) });

/** The part of an exchange that the headers declare; nothing when they declare none. */
function exchangePart(headers: ReadonlyMap<string, string>): Found<ExchangePart> {
  const id = headers.get(EXCHANGE_HEADER);
  const part = headers.get(PART_HEADER);
  const returnValue = headers.get(RETURN_HEADER);
  if (id === undefined && part === undefined && returnValue === undefined) return {};
  if (id === undefined || id.trim() === "" || id.length > IDENTITY_MAX || CONTROL.test(id)) {
    return badExchange("huiliu-exchange 缺失或不合法", "huiliu-exchange is missing or not valid");
  }
  if (part !== "request" && part !== "reply") {
    return badExchange("huiliu-part 应为 request 或 reply", "huiliu-part must be request or reply");
  }
  if (returnValue === undefined) return { value: { id, part } };
  if (part === "request") return badExchange("请求不带返回值", "a request has no return value");
  if (returnValue.length > IDENTITY_MAX || CONTROL.test(returnValue)) {
    return badExchange("huiliu-return 不合法", "huiliu-return is not valid");
  }
  return { value: { id, part, returnValue } };
}

/** How many object keys a JSON text has, at any depth. JSON.parse forgets duplicates; a body that says `request` twice must be refused (A36). */
function keyCount(text: string): number {
  let keys = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    at += 1;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    let after = at + 1;
    while (text[after] === " " || text[after] === "\n" || text[after] === "\r" || text[after] === "\t") after += 1;
    if (text[after] === ":") keys += 1;
  }
  return keys;
}

/** Both parts of an exchange in one JSON body `{"request","reply","return"}`. JSON text is Unicode, so the parts become UTF-8 bytes. */
function exchangeBody(body: Uint8Array): Found<{ request: Uint8Array; reply: Uint8Array; returnValue?: string }> {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    parsed = JSON.parse(text);
  } catch {
    return badExchange("不是合法的 UTF-8 JSON", "the body is not valid UTF-8 JSON"); // the parser's own words may quote the patient's data
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return badExchange("JSON 应为对象", "the JSON must be an object");
  }
  const { request, reply, return: returned, ...more } = parsed as Record<string, unknown>;
  const keys = Object.keys(parsed).length;
  if (Object.keys(more).length > 0 || keyCount(text) !== keys) {
    return badExchange("只能有 request、reply、return，且各一次", "only request, reply and return are allowed, each once");
  }
  if (typeof request !== "string" || request === "" || typeof reply !== "string" || !request.isWellFormed() || !reply.isWellFormed()) {
    return badExchange("request 与 reply 应为文本", "request and reply must be text");
  }
  const returnValue = typeof returned === "number" && Number.isSafeInteger(returned) ? String(returned) : returned;
  if (returnValue === undefined || returnValue === null) return { value: { request: utf8.encode(request), reply: utf8.encode(reply) } };
  if (typeof returnValue !== "string" || returnValue.length > IDENTITY_MAX || CONTROL.test(returnValue)) {
    return badExchange("return 应为文本或整数", "return must be text or an integer");
  }
  return { value: { request: utf8.encode(request), reply: utf8.encode(reply), returnValue } };
}

const isJson = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^\s*application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType);

/** The message kind of addresses that serve every kind: the envelope names which. */
const BY_ENVELOPE = "envelope";

/** What the partner's adapter says of every part of the message; the first that does not hold. Undefined: there is no adapter. */
function received(policy: DoorPolicy | undefined, bodies: readonly Uint8Array[], rest: Omit<Enveloped, "body">): Received | undefined {
  const { receive } = policy ?? {};
  if (receive === undefined) return undefined;
  const told = bodies.map((body) => receive({ ...rest, body }));
  return told.find((one) => !one.ok) ?? told.find((one) => one.ok && one.kind !== undefined) ?? told[0];
}

function envelopeRefusal(opened: Received | undefined, kind: string): ParkReason | undefined {
  if (opened === undefined) return undefined;
  if (!opened.ok)
    return refusal("BAD_ENVELOPE", { zh: opened.zh, en: opened.en, ...(opened.code === undefined ? {} : { place: opened.code }) });
  if (opened.kind === undefined || kind === BY_ENVELOPE || kind === opened.kind) return undefined;
  return refusal("BAD_ENVELOPE", { zh: `信封内是 ${opened.kind}，却发到 ${kind}`, en: `it holds ${opened.kind}, but was sent as ${kind}` });
}

/**
 * What the journal is given. The first thing that is wrong becomes the refusal; the raw bytes are kept whatever is wrong. `policy` undefined: nobody of that
 * name. `refused`: what the door itself found wrong already (sender and partner disagree …).
 */
export function inboundOf(declared: Declared, policy: DoorPolicy | undefined, refused?: ParkReason): Inbound {
  const headers = lowerCased(declared.headers);
  const addressed = plain(declared.kind, KIND_MAX);
  const charset = declaredCharset(declared.contentType, declared.contentEncoding);
  const identity = declaredIdentity(declared.identity);
  const part = exchangePart(headers);
  const wantsBody =
    policy?.exchanges.has(addressed) === true && part.value === undefined && part.refused === undefined && isJson(declared.contentType);
  const tooLarge = policy !== undefined && declared.body.length > policy.bytesMax;
  const both = wantsBody && !tooLarge ? exchangeBody(declared.body) : {};
  const sound =
    refused === undefined && !tooLarge && declared.body.length > 0 && charset.refused === undefined && both.refused === undefined;
  const bodies = both.value ? [both.value.request, both.value.reply] : [declared.body];
  const { contentType } = declared;
  const opened = sound
    ? received(policy, bodies, {
        kind: addressed,
        headers: Object.fromEntries(headers),
        ...(contentType === undefined ? {} : { contentType }),
      })
    : undefined;
  const kind = addressed === BY_ENVELOPE && opened?.ok === true ? (opened.kind ?? addressed) : addressed;
  const because = (code: RefusalCode, holds: boolean): ParkReason | undefined => (holds ? refusal(code) : undefined);
  const wrong =
    refused ??
    because("UNKNOWN_PARTNER", policy === undefined) ??
    envelopeRefusal(opened, addressed) ??
    because("UNKNOWN_MESSAGE", policy !== undefined && !policy.kinds.has(kind)) ??
    because("EMPTY_BODY", declared.body.length === 0) ??
    because("TOO_LARGE", tooLarge) ??
    charset.refused ??
    identity.refused ??
    part.refused ??
    both.refused ??
    exchangeMisused(policy, kind, part.value !== undefined, both.value !== undefined);
  const traceparent = headers.get("traceparent");
  const usable = wrong === undefined ? both.value : undefined;
  const known = usable === undefined ? charset.value : "utf-8";
  return {
    door: declared.door,
    partner: declared.partner,
    kind,
    headers: keptHeaders(headers),
    raw: usable?.request ?? declared.body,
    ...(identity.value === undefined ? {} : { identity: identity.value }),
    ...(part.value === undefined ? {} : { exchange: part.value }),
    ...(declared.contentType === undefined ? {} : { contentType: plain(declared.contentType, KIND_MAX) }),
    ...(known === undefined ? {} : { charset: known }),
    ...(usable === undefined ? {} : { reply: usable.reply }),
    ...(usable?.returnValue === undefined ? {} : { returnValue: usable.returnValue }),
    ...(traceparent !== undefined && TRACEPARENT.test(traceparent) ? { traceparent } : {}),
    ...(wrong === undefined ? {} : { refusal: wrong }),
  };
}

/** Parts where the kind is no exchange, or an exchange that names no parts. */
function exchangeMisused(policy: DoorPolicy | undefined, kind: string, asPart: boolean, asBody: boolean): ParkReason | undefined {
  const isExchange = policy?.exchanges.has(kind) === true;
  if (isExchange === (asPart || asBody)) return undefined;
  return isExchange
    ? badExchange("该报文须成对发送：请求与应答", "this kind comes as an exchange: send request and reply").refused
    : badExchange("该报文不是请求与应答的交换", "this kind is not an exchange of request and reply").refused;
}
