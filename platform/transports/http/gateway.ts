/**
 * The HTTP door: `POST /partners/<partner>/messages/<message>`, and `…/acknowledgements/<message>` for acknowledgements that come by callback, with the raw body of any
 * content type. It answers after the commit, never before
 * (design.md section 3), and holds no rules of its own beyond the wire's: credential, size, rate, time.
 */
import { failpoint } from "../../../domain/failpoint.ts";
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { DoorPolicy, Intake, Verdict } from "../../../domain/journal/intake.ts";
import { type Journaled, JournalBusy, JournalGone, type ParkReason } from "../../../domain/journal/ports.ts";
import { declaredCharset, inboundOf } from "../../../domain/journal/sender.ts";
import type { Log } from "../../../domain/log.ts";
import type { RateGate } from "../../../domain/partners/rates.ts";
import { type RefusalCode, REFUSALS, refusal } from "../../../domain/refusals.ts";
import type { UseNonce } from "../soap/credentials.ts";
import { registerSoap, type SoapDoors } from "../soap/routes.ts";
import { errorBody, readBody, Refused, statusOf } from "./body.ts";

/** What a partner's own dialect is given to answer with. */
export type Told =
  | { readonly kind: "verdict"; readonly verdict: Verdict }
  /** Not journaled: too large, too fast, busy … */
  | { readonly kind: "refusal"; readonly reason: ParkReason };

export interface DialectAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array | string;
}

/** Answers in the partner's dialect, where its vendor declares them. */
export interface Dialect {
  /** How long to wait for the verdict before answering, milliseconds; undefined: this vendor declares no answer for this kind. */
  waitMs(partner: string, kind: string): number | undefined;
  /** Undefined: no answer declared for this case; our own JSON is sent. `charset`: the request's, where the sender declared one that we know. */
  answer(partner: string, kind: string, told: Told, charset?: string): DialectAnswer | undefined;
}

export interface GatewayOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly intake: Intake;
  /** partner → key. A partner without a key cannot use this door. */
  readonly keys: ReadonlyMap<string, string>;
  readonly rates: RateGate;
  readonly log: Log;
  readonly dialect?: Dialect;
  /** SOAP doors by partner (platform/transports/soap). */
  readonly soap?: SoapDoors;
  /** WS-Security digests that were used, of all workers; absent: each worker remembers its own. */
  readonly useNonce?: UseNonce;
  /** Other workers of this machine listen on the same port; the system spreads connections over them. */
  readonly shared?: boolean;
  /** What /healthz says beyond "the process answers". */
  readonly healthy?: () => boolean;
}

export interface Gateway {
  readonly app: FastifyInstance;
  /** Listens; resolves with the address `http://host:port`. */
  open(): Promise<string>;
  /** Messages are answered 503 STOPPING until `resume`. On a shared port nothing is refused: new connections go to the other workers, old ones end with their answer. */
  pause(): void;
  resume(): void;
  /** Lets requests in flight end, at most `capMs`, then cuts them. */
  stop(capMs: number): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
/** The whole request, body included. */
const REQUEST_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 60_000;
const CHECK_EVERY_MS = 2_000;
const CONNECTIONS_MAX = 1_000;
const HEADER_BYTES_MAX = 16 * 1024;
const NAME_MAX = 255;
/** No partner may be allowed more (profile.ts: inbound.bytesMax). */
const BODY_HARD_MAX = 16 * 1024 * 1024;
const RETRY_AFTER_S = 2;
/** Refusals after which the rest of a body, of whatever length, is not worth reading. */
const BODY_UNREAD: ReadonlySet<string> = new Set(["UNAUTHORIZED", "TOO_LARGE", "BAD_REQUEST", "NOT_FOUND"]);

interface Params {
  readonly partner: string;
  readonly message: string;
}
type Request = FastifyRequest<{ Params: Params; Body: Buffer | undefined }>;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const NO_KEY = digest(""); // no key is empty, so an unknown partner never matches

function credentialOf(request: FastifyRequest): string {
  const bearer = /^Bearer +([^\s]+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  const apiKey = request.headers["x-api-key"];
  return bearer ?? (typeof apiKey === "string" ? apiKey : "");
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value.join(", ") : value);

function newApp(log: Log, shared: boolean): FastifyInstance {
  return fastify({
    logger: false,
    bodyLimit: BODY_HARD_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: "idle",
    return503OnClosing: !shared, // on a shared port what a connection still brings is taken: the journal is there until the gateway is closed
    routerOptions: { maxParamLength: NAME_MAX },
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: CHECK_EVERY_MS, maxHeaderSize: HEADER_BYTES_MAX },
    frameworkErrors(_error, _request, reply: FastifyReply) {
      void reply.code(400).send(errorBody(refusal("BAD_REQUEST")));
    },
    clientErrorHandler(error, socket) {
      const code: RefusalCode = error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "REQUEST_TIMEOUT" : "BAD_REQUEST";
      log.debug({ error: error.code }, "http request broken off");
      if (!socket.writable) {
        socket.destroy();
        return;
      }
      const body = JSON.stringify(errorBody(refusal(code)));
      const head = `HTTP/1.1 ${REFUSALS[code].http} ${code}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
      socket.end(head + body);
      setTimeout(() => socket.destroy(), 1_000).unref(); // a sender that does not read does not keep the socket
    },
  });
}

/** Makes the gateway; `open` listens. */
export function createGateway(options: GatewayOptions): Gateway {
  const { intake, rates, log, dialect } = options;
  const digests = new Map([...options.keys].map(([partner, key]) => [partner, digest(key)]));
  const app = newApp(log, options.shared === true);
  let paused = false;

  /** The same answer, in the same time, for a wrong key, no key and nobody of that name. */
  const authenticate = (request: Request): DoorPolicy => {
    const { partner } = request.params;
    const given = credentialOf(request);
    const matches = timingSafeEqual(digest(given), digests.get(partner) ?? NO_KEY);
    if (!matches || given === "") throw new Refused(refusal("UNAUTHORIZED"));
    const policy = intake.policy(partner);
    if (policy === undefined) throw new Refused(refusal("UNKNOWN_PARTNER"));
    return policy;
  };
  /** Everything that can be refused before the body is read. */
  const beforeBody = async (request: Request): Promise<void> => {
    const policy = authenticate(request);
    if (paused && !options.shared) throw new Refused(refusal("STOPPING"), RETRY_AFTER_S);
    const encoding = request.headers["content-encoding"];
    if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity") throw new Refused(refusal("UNSUPPORTED_ENCODING"));
    if (Number(request.headers["content-length"] ?? 0) > policy.bytesMax) throw new Refused(refusal("TOO_LARGE"));
    const answer = await rates.take(policy.partner, policy.perSecond);
    if (!answer.ok) throw new Refused(refusal("TOO_MANY"), Math.max(1, Math.ceil(answer.retryAfterMs / 1_000)));
  };
  const inDialect = (reply: FastifyReply, { partner, message }: Params, told: Told): boolean => {
    if (dialect?.waitMs(partner, message) === undefined) return false;
    const { value: charset } = declaredCharset(reply.request.headers["content-type"], undefined);
    const answer = dialect.answer(partner, message, told, charset);
    if (answer === undefined) return false;
    const body = typeof answer.body === "string" ? answer.body : Buffer.from(answer.body);
    void reply.code(answer.status).header("content-type", answer.contentType).send(body);
    return true;
  };
  const refuse = (reply: FastifyReply, reason: ParkReason, retryAfterS?: number, params?: Params): void => {
    if (retryAfterS !== undefined) void reply.header("retry-after", String(retryAfterS));
    if (reason.code === "UNAUTHORIZED") void reply.header("www-authenticate", 'Bearer realm="huiliu"');
    if (BODY_UNREAD.has(reason.code)) void reply.header("connection", "close");
    const known = reason.code !== "UNAUTHORIZED" && reason.code !== "UNKNOWN_PARTNER" ? params : undefined;
    if (known !== undefined && inDialect(reply, known, { kind: "refusal", reason })) return;
    void reply.code(statusOf(reason.code)).send(errorBody(reason));
  };
  const tell = (reply: FastifyReply, journaled: Journaled): void => {
    switch (journaled.kind) {
      case "accepted":
        return void reply.code(202).send({ messageId: journaled.message.id, state: "received" });
      case "awaiting-part":
        return void reply.code(202).send({ messageId: journaled.messageId, state: "awaiting-part" });
      case "duplicate":
        return void reply.code(200).send({ messageId: journaled.messageId, state: journaled.state, duplicate: true });
      case "conflict":
        return void reply
          .code(409)
          .send({ messageId: journaled.messageId, state: "parked", with: journaled.with, ...errorBody(refusal("IDENTITY_CONFLICT")) });
      case "parked":
        return void reply
          .code(statusOf(journaled.reason.code))
          .send({ messageId: journaled.messageId, state: "parked", ...errorBody(journaled.reason) });
    }
  };
  /** `callback`: the address that takes acknowledgements of what we owe the partner, and nothing else. */
  const receive = async (request: Request, reply: FastifyReply, callback = false): Promise<FastifyReply> => {
    const { partner, message } = request.params;
    const policy = intake.policy(partner);
    const misplaced = callback && policy?.acknowledgements?.has(message) !== true ? refusal("UNKNOWN_MESSAGE") : undefined;
    const inbound = inboundOf(
      {
        door: "http",
        partner,
        kind: message,
        identity: one(request.headers["idempotency-key"]),
        contentType: request.headers["content-type"],
        headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, one(value)])),
        body: request.body ?? new Uint8Array(0),
      },
      policy,
      misplaced,
    );
    const code = inbound.refusal?.code;
    if (
      inbound.refusal !== undefined &&
      (code === "EMPTY_BODY" || code === "BAD_IDENTITY" || code === "BAD_CHARSET" || code === "BAD_ENVELOPE")
    ) {
      throw new Refused(inbound.refusal); // the sender hears it and still has its bytes
    }
    failpoint("http-door.before-journal");
    const journaled = await intake.accept(inbound);
    failpoint("http-door.before-answer");
    const waitMs = dialect?.waitMs(partner, message);
    if (waitMs === undefined) tell(reply, journaled);
    else {
      const verdict = await intake.verdict(journaled, waitMs);
      if (!inDialect(reply, request.params, { kind: "verdict", verdict })) tell(reply, journaled);
    }
    return reply;
  };

  if (options.shared) {
    app.addHook("onSend", async (_request, reply) => {
      if (paused) void reply.header("connection", "close"); // the sender's next message finds another worker
    });
  }
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", async (request: FastifyRequest, payload: IncomingMessage) => {
    if (request.is404) throw new Refused(refusal("NOT_FOUND"));
    const { partner } = request.params as Params;
    return readBody(payload, Math.min(intake.policy(partner)?.bytesMax ?? 0, BODY_HARD_MAX));
  });
  app.post<{ Params: Params; Body: Buffer | undefined }>(
    "/partners/:partner/messages/:message",
    { onRequest: beforeBody },
    (request, reply) => receive(request, reply),
  );
  app.post<{ Params: Params; Body: Buffer | undefined }>(
    "/partners/:partner/acknowledgements/:message",
    { onRequest: beforeBody },
    (request, reply) => receive(request, reply, true),
  );
  if (options.soap !== undefined) {
    registerSoap(app, { ...options, doors: options.soap, refusesNew: () => paused && options.shared !== true });
  }
  app.get("/healthz", async (_request, reply) => {
    const ok = options.healthy?.() ?? true;
    return reply.code(ok ? 200 : 503).send({ ok });
  });
  app.setNotFoundHandler((_request, reply) => refuse(reply, refusal("NOT_FOUND")));
  app.setErrorHandler((error: unknown, request, reply) => {
    const params = request.params as Params;
    if (error instanceof Refused) return refuse(reply, error.reason, error.retryAfterS, params);
    if (error instanceof JournalBusy) return refuse(reply, refusal("JOURNAL_BUSY"), RETRY_AFTER_S, params);
    if (error instanceof JournalGone) return refuse(reply, refusal("JOURNAL_GONE"), RETRY_AFTER_S, params);
    const status = (error as { readonly statusCode?: number }).statusCode ?? 500;
    if (status < 500) return refuse(reply, refusal(status === 413 ? "TOO_LARGE" : "BAD_REQUEST"));
    log.error({ error: error instanceof Error ? error.message : String(error) }, "http gateway error");
    return refuse(reply, refusal("INTERNAL"), RETRY_AFTER_S, params);
  });

  return {
    app,
    async open() {
      app.server.maxConnections = CONNECTIONS_MAX;
      const address = await app.listen({ host: options.host, port: options.port, ...(options.shared ? { reusePort: true } : {}) });
      log.info({ address }, "http gateway open");
      return address;
    },
    pause() {
      paused = true;
      if (options.shared) app.server.close();
    },
    resume() {
      paused = false;
    },
    async stop(capMs) {
      paused = true;
      const timer = setTimeout(() => app.server.closeAllConnections(), capMs);
      await app.close().finally(() => clearTimeout(timer));
    },
  };
}
