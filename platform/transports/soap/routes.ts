/**
 * The SOAP door on the gateway: `POST /partners/<partner>/soap`, its WSDL at `GET …/soap?wsdl`, and the form style of .asmx services (`…/soap/<operation>?<parameter>=`).
 * The parameter's string is the message; what else the envelope says is kept as headers, and what has no place is refused (envelope.ts), so nothing is lost unseen.
 * It answers after the commit, in the caller's version and charset; the vendor's `answers` stand in the operation's result.
 */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { failpoint } from "../../../domain/failpoint.ts";
import type { DoorPolicy, Intake } from "../../../domain/journal/intake.ts";
import { type Journaled, JournalBusy, JournalGone, type ParkReason } from "../../../domain/journal/ports.ts";
import { declaredCharset, inboundOf } from "../../../domain/journal/sender.ts";
import type { Log } from "../../../domain/log.ts";
import { charsetOf, charsetOfXmlDeclaration, decode, encodeText } from "../../../domain/mapping/charset.ts";
import type { SoapDoor } from "../../../domain/partners/doors/soap.ts";
import type { RateGate } from "../../../domain/partners/rates.ts";
import { refusal } from "../../../domain/refusals.ts";
import { readBody, Refused, statusOf } from "../http/body.ts";
import type { Dialect, Told } from "../http/gateway.ts";
import { createProofs, type UseNonce } from "./credentials.ts";
import { type Envelope, faultEnvelope, readEnvelope, resultEnvelope, type SoapVersion } from "./envelope.ts";
import { formAnswer, formBytes, searchOf } from "./form.ts";
import { wsdlOf } from "./wsdl.ts";

/** SOAP doors by partner. */
export type SoapDoors = ReadonlyMap<string, SoapDoor>;

export interface SoapRoutesOptions {
  readonly doors: SoapDoors;
  readonly intake: Intake;
  readonly keys: ReadonlyMap<string, string>;
  readonly rates: RateGate;
  readonly log: Log;
  readonly dialect?: Dialect;
  /** Digests that were used, of all workers. */
  readonly useNonce?: UseNonce;
  /** True while the engine stops: nothing new is taken. */
  refusesNew(): boolean;
}

/** Markup inside markup is escaped: an envelope may be this much longer than the message it holds, and no longer than ENVELOPE_MAX. */
const ESCAPED = 4;
const ENVELOPE_OVERHEAD = 16_384;
const ENVELOPE_MAX = 8 * 1024 * 1024;
const RETRY_AFTER_S = 2;
/** HTTP says these of the transport itself; every other fault is 500 (SOAP 1.1), or 400 and 500 (SOAP 1.2). */
const HTTP_FAULTS: ReadonlySet<number> = new Set([401, 413, 415, 429, 503]);
/** Refusals after which the sender still has its bytes and nothing of them is kept. */
const NOT_TAKEN: ReadonlySet<string> = new Set(["EMPTY_BODY", "BAD_IDENTITY", "BAD_CHARSET", "BAD_ENVELOPE"]);
/** Bodies that are not worth reading on. */
const UNREAD: ReadonlySet<string> = new Set(["UNAUTHORIZED", "TOO_LARGE"]);

type Request = FastifyRequest<{ Params: { readonly partner: string; readonly operation?: string }; Body: Buffer | undefined }>;

/** What one call asks: the message, which operation, and how to answer. */
interface Call {
  readonly operation: SoapDoor["operations"][number];
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly also: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly identity?: string;
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value.join(", ") : value);
const versionOf = (contentType: string): SoapVersion => (/^\s*application\/soap\+xml/i.test(contentType) ? "1.2" : "1.1");
const CONTENT_TYPES: Readonly<Record<SoapVersion, string>> = { "1.1": "text/xml", "1.2": "application/soap+xml" };
const contentTypeOf = (text: string): string =>
  /^\s*</.test(text) ? "application/xml" : /^\s*[{[]/.test(text) ? "application/json" : "text/plain";

/** The kind of a call: the operation's, or what one of its parameters says. Undefined: the parameter says nothing that the profile knows. */
function kindOf({ message, kinds }: SoapDoor["operations"][number], also: Readonly<Record<string, string>>): string | undefined {
  const parameter = /^\{(.+)\}$/.exec(message)?.[1];
  if (parameter === undefined) return message;
  const value = also[parameter]?.trim();
  if (value === undefined) return undefined;
  return kinds === undefined ? value : Object.hasOwn(kinds, value) ? kinds[value] : undefined;
}

/** Where the action of a request stands: SOAPAction, or the content type's parameter in SOAP 1.2. */
const actionOf = (request: FastifyRequest, contentType: string): string =>
  one(request.headers.soapaction) ?? /;\s*action\s*=\s*("[^"]*"|[^\s;]+)/i.exec(contentType)?.[1] ?? "";

interface Decoded {
  readonly text: string;
  readonly charset: "utf-8" | "gbk" | "gb18030";
}

/** The envelope's text, by the charset that its content type or its XML declaration states. */
function textOf(body: Uint8Array, contentType: string): Decoded {
  const { value, refused } = declaredCharset(contentType, undefined);
  if (refused) throw new Refused(refused);
  const name = value ?? charsetOfXmlDeclaration(body) ?? "utf-8";
  const charset = charsetOf(name);
  const text = charset && decode(body, charset);
  if (charset === undefined || text === undefined)
    throw new Refused(refusal("BAD_CHARSET", { zh: name.slice(0, 40), en: name.slice(0, 40) }));
  return { text, charset };
}

/** What the envelope holds, as the journal is given it. */
function callOf(envelope: Envelope, charset: Decoded["charset"], request: Request): Call {
  const { operation, message, also } = envelope;
  const inCharset = encodeText(message, charset);
  const identity = one(request.headers["idempotency-key"]) ?? envelope.messageId;
  return {
    operation,
    body: inCharset ?? new TextEncoder().encode(message), // a character reference may name what the envelope's charset lacks
    contentType: `${contentTypeOf(message)}; charset=${inCharset ? charset : "utf-8"}`,
    also,
    headers: { "soap-version": envelope.version, ...envelope.headers },
    ...(identity === undefined ? {} : { identity }),
  };
}

/** Hangs the SOAP doors into the gateway. They share its limits, keys and rates; bodies and errors are their own. */
export function registerSoap(app: FastifyInstance, options: SoapRoutesOptions): void {
  const { doors, intake, rates, dialect, log } = options;
  const proofs = createProofs(options.keys, Date.now, options.useNonce);

  const admit = async (policy: DoorPolicy): Promise<void> => {
    if (options.refusesNew()) throw new Refused(refusal("STOPPING"), RETRY_AFTER_S);
    const answer = await rates.take(policy.partner, policy.perSecond);
    if (!answer.ok) throw new Refused(refusal("TOO_MANY"), Math.max(1, Math.ceil(answer.retryAfterMs / 1_000)));
  };
  /** Before the body: a wrong key is refused, a right one admitted; without one the envelope may still hold a token. */
  const beforeBody = async (request: Request): Promise<void> => {
    const { partner } = request.params;
    const proof = proofs.byHeaders(partner, request.headers);
    const policy = intake.policy(partner);
    if (proof === "wrong" || !doors.has(partner) || policy === undefined || (proof === "none" && request.params.operation !== undefined))
      throw new Refused(refusal("UNAUTHORIZED"));
    if (proof === "proved") await admit(policy);
  };
  const doorOf = (partner: string): { readonly door: SoapDoor; readonly policy: DoorPolicy } => {
    const [door, policy] = [doors.get(partner), intake.policy(partner)];
    if (door === undefined || policy === undefined) throw new Refused(refusal("UNAUTHORIZED"));
    return { door, policy };
  };

  /** Journals a call; what the vendor answers, as text, or the refusal. */
  const take = async (
    request: Request,
    policy: DoorPolicy,
    call: Call,
  ): Promise<{ readonly text: string } | { readonly reason: ParkReason }> => {
    const { partner } = policy;
    const kind = kindOf(call.operation, call.also);
    const parameters = Object.entries(call.also).map(([name, value]) => [`soap-parameter-${name}`, value]);
    const inbound = inboundOf(
      {
        door: "soap",
        partner,
        kind: kind ?? call.operation.name,
        identity: call.identity,
        contentType: call.contentType,
        headers: {
          ...Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, one(value)])),
          ...call.headers,
          ...Object.fromEntries(parameters),
          "soap-operation": call.operation.name,
        },
        body: call.body,
      },
      policy,
      kind === undefined ? refusal("UNKNOWN_MESSAGE") : undefined,
    );
    const answered = (told: Told): string | undefined => {
      const answer =
        dialect?.waitMs(partner, inbound.kind) === undefined ? undefined : dialect.answer(partner, inbound.kind, told, "utf-8");
      return answer === undefined ? undefined : typeof answer.body === "string" ? answer.body : decode(answer.body, "utf-8");
    };
    const refuse = (reason: ParkReason): { readonly text: string } | { readonly reason: ParkReason } => {
      const text = answered({ kind: "refusal", reason });
      return text === undefined ? { reason } : { text };
    };
    if (inbound.refusal !== undefined && NOT_TAKEN.has(inbound.refusal.code)) return refuse(inbound.refusal);
    let journaled: Journaled;
    try {
      failpoint("soap-door.before-journal");
      journaled = await intake.accept(inbound);
    } catch (error) {
      if (error instanceof JournalBusy) return refuse(refusal("JOURNAL_BUSY"));
      if (error instanceof JournalGone) return refuse(refusal("JOURNAL_GONE"));
      throw error;
    }
    failpoint("soap-door.before-answer");
    const verdict = await intake.verdict(journaled, dialect?.waitMs(partner, inbound.kind) ?? 0);
    const text = answered({ kind: "verdict", verdict });
    if (text !== undefined) return { text };
    if (verdict.verdict === "refused" && verdict.reason !== undefined) return { reason: verdict.reason };
    return { text: JSON.stringify({ messageId: verdict.messageId, state: verdict.verdict === "duplicate" ? "duplicate" : "received" }) };
  };

  const fault = (reply: FastifyReply, version: SoapVersion, reason: ParkReason, special?: "VersionMismatch" | "MustUnderstand"): void => {
    const status = statusOf(reason.code);
    const sender = status < 500;
    if (reason.code === "UNAUTHORIZED") void reply.header("www-authenticate", 'Basic realm="huiliu", charset="UTF-8"');
    if (UNREAD.has(reason.code)) void reply.header("connection", "close");
    const http = HTTP_FAULTS.has(status) ? status : version === "1.2" && sender ? 400 : 500;
    void reply
      .code(http)
      .header("content-type", `${CONTENT_TYPES[version]}; charset=utf-8`)
      .send(`<?xml version="1.0" encoding="utf-8"?>${faultEnvelope(version, reason, sender, special)}`);
  };

  const soap = async (request: Request, reply: FastifyReply): Promise<FastifyReply> => {
    const { partner } = request.params;
    const { door, policy } = doorOf(partner);
    const contentType = request.headers["content-type"] ?? "";
    const { text, charset } = textOf(request.body ?? new Uint8Array(0), contentType);
    const read = readEnvelope(text, door, actionOf(request, contentType));
    if (proofs.byHeaders(partner, request.headers) !== "proved") {
      const token = read.ok ? read.envelope.token : read.token;
      const proved = await proofs.byToken(partner, token).catch((error: unknown) => {
        log.warn({ partner, error: String(error) }, "nobody can say whether this digest was used already: the sender comes again");
        throw new Refused(refusal("JOURNAL_GONE"), RETRY_AFTER_S);
      });
      if (!proved) throw new Refused(refusal("UNAUTHORIZED"));
      await admit(policy);
    }
    if (!read.ok) {
      fault(reply, read.version ?? versionOf(contentType), read.reason, read.fault);
      return reply;
    }
    const { version, operation } = read.envelope;
    const taken = await take(request, policy, callOf(read.envelope, charset, request));
    if ("reason" in taken) {
      fault(reply, version, taken.reason);
      return reply;
    }
    const answer = (named: string): string =>
      `<?xml version="1.0" encoding="${named}"?>${resultEnvelope(version, door, operation.name, taken.text)}`;
    const bytes = encodeText(answer(charset), charset);
    const named = bytes ? charset : "utf-8";
    return reply
      .code(200)
      .header("content-type", `${CONTENT_TYPES[version]}; charset=${named}`)
      .send(Buffer.from(bytes ?? new TextEncoder().encode(answer("utf-8"))));
  };

  const form = async (request: Request, reply: FastifyReply): Promise<FastifyReply> => {
    const { door, policy } = doorOf(request.params.partner);
    const operation = door.operations.find((known) => known.name === request.params.operation);
    if (operation === undefined) throw new Refused(refusal("NOT_FOUND"));
    const posted = request.method === "POST";
    const { value: charset, refused } = declaredCharset(posted ? request.headers["content-type"] : undefined, undefined);
    if (refused) throw new Refused(refused);
    const read = formBytes(
      posted ? (request.body ?? new Uint8Array(0)) : Buffer.from(searchOf(request.url), "latin1"),
      operation,
      charset ?? policy.charset,
    );
    if (!read.ok) throw new Refused(read.reason);
    const identity = one(request.headers["idempotency-key"]);
    const call: Call = { ...read, operation, headers: { "soap-version": "form" }, ...(identity === undefined ? {} : { identity }) };
    const taken = await take(request, policy, call);
    if ("reason" in taken) throw new Refused(taken.reason);
    return reply.code(200).header("content-type", "text/xml; charset=utf-8").send(formAnswer(door.namespace, taken.text));
  };

  const wsdl = async (request: Request, reply: FastifyReply): Promise<FastifyReply> => {
    const door = doors.get(request.params.partner);
    if (door === undefined || !/^wsdl(?:=|&|$)/i.test(searchOf(request.url))) throw new Refused(refusal("NOT_FOUND"));
    const address = `${request.protocol}://${request.host}/partners/${request.params.partner}/soap`;
    return reply.header("content-type", "text/xml; charset=utf-8").send(wsdlOf(door, address));
  };

  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", async (request: FastifyRequest, payload: IncomingMessage) => {
      const { partner } = request.params as Request["params"];
      const max = Math.min((intake.policy(partner)?.bytesMax ?? 0) * ESCAPED + ENVELOPE_OVERHEAD, ENVELOPE_MAX);
      if (Number(request.headers["content-length"] ?? 0) > max) throw new Refused(refusal("TOO_LARGE"));
      const encoding = request.headers["content-encoding"];
      if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity") throw new Refused(refusal("UNSUPPORTED_ENCODING"));
      return readBody(payload, max);
    });
    scope.setErrorHandler((error: unknown, request, reply) => {
      const version = versionOf(request.headers["content-type"] ?? "");
      if (error instanceof Refused) {
        if (error.retryAfterS !== undefined) void reply.header("retry-after", String(error.retryAfterS));
        return fault(reply, version, error.reason);
      }
      const status = (error as { readonly statusCode?: number }).statusCode ?? 500;
      if (status < 500) return fault(reply, version, refusal(status === 413 ? "TOO_LARGE" : "BAD_REQUEST"));
      log.error({ error: error instanceof Error ? error.message : String(error) }, "soap door error");
      return fault(reply, version, refusal("INTERNAL"));
    });
    scope.get("/partners/:partner/soap", wsdl);
    scope.post("/partners/:partner/soap", { onRequest: beforeBody }, soap);
    scope.get("/partners/:partner/soap/:operation", { onRequest: beforeBody, exposeHeadRoute: false }, form);
    scope.post("/partners/:partner/soap/:operation", { onRequest: beforeBody }, form);
  });
}
