/**
 * The operators' door: /api/v1 behind a token, /healthz, /readyz and /metrics for machines on the same machine. Loopback only; a request that names
 * another host is refused, so that no web page can reach it by DNS rebinding. Holds no rules: it checks, asks `operations` once, answers JSON.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type Missing, type Operations, TOTALS_TIMEOUT_MS } from "../domain/operations/ports.ts";
import { errorBody, OPERATION_REFUSAL, type OperationRefused, refused } from "../domain/operations/refusals.ts";
import type { Log } from "../domain/log.ts";
import { mayDo, type Principal, TOKEN_PRINCIPAL } from "../domain/access/rights.ts";
import { API, type Route, type RouteRequest } from "./route.ts";
import { ROUTES } from "./routes.ts";

export interface ConsoleDeps {
  readonly operations: Operations;
  readonly auth: { readonly token: string };
  /** What keeps the engine from being ready (journal, flows, doors …); empty when it is. Never rejects. */
  readonly readiness: () => Promise<readonly Missing[]>;
  readonly metrics: {
    readonly contentType: string;
    text(): Promise<string>;
    request(route: string, status: number, ms: number): void;
  };
  readonly log: Log;
  /** A loopback address. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

export interface Console {
  /** For tests: inject. */
  readonly app: FastifyInstance;
  /** Resolves with the address once it listens. */
  listen(): Promise<string>;
  /** The address; "" before listen. */
  readonly url: string;
  close(): Promise<void>;
}

export const BODY_BYTES_MAX = 64 * 1024;
const REQUEST_TIMEOUT_MS = TOTALS_TIMEOUT_MS + 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** How often connections past their time are looked for; Node's own 30 s would let half-open ones keep the door shut that long. */
const CHECK_EVERY_MS = 2_000;
const CONNECTIONS_MAX = 200;
const PARAM_MAX = 512;
const LOOPBACK_ADDRESSES = ["127.0.0.1", "::1", "localhost"];
/** For machines on this machine; everything else needs the token. */
const OPEN_ROUTES: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);
/** The day's totals are looked through this often, so that a difference is an alarm and not a discovery. */
export const TOTALS_EVERY_MS = 60_000;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const bearerOf = (request: FastifyRequest): string => /^Bearer +([^\s]+) *$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
/** The name in the Host header, without its port. */
const hostOf = (request: FastifyRequest): string =>
  (request.headers.host ?? "")
    .replace(/:\d{1,5}$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();

const underApi = (url: string): boolean => url === API || url.startsWith(`${API}/`);

function send(reply: FastifyReply, refusal: Omit<OperationRefused, "ok">): FastifyReply {
  if (refusal.code === "UNAUTHORIZED") void reply.header("www-authenticate", 'Bearer realm="huiliu"');
  return reply.code(OPERATION_REFUSAL[refusal.code].http).send(errorBody(refusal));
}

function newApp(): FastifyInstance {
  return fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    return503OnClosing: true,
    routerOptions: { maxParamLength: PARAM_MAX },
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: CHECK_EVERY_MS },
    // What a caller sends is checked as it is: nothing is removed, converted or filled in.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: true, strict: false } },
    frameworkErrors: (_error, _request, reply: FastifyReply) => void send(reply, refused("BAD_REQUEST")),
  });
}

interface Invalid {
  readonly validation?: readonly {
    readonly instancePath: string;
    readonly message?: string;
    readonly params?: Readonly<Record<string, unknown>>;
  }[];
  readonly validationContext?: string;
  readonly statusCode?: number;
}

/** A request that fastify refused, as one of ours. */
function refusalOf(error: Invalid): OperationRefused | undefined {
  if (error.validation !== undefined) {
    const problems = error.validation.map(({ instancePath, message = "", params }) => {
      const extra = typeof params?.additionalProperty === "string" ? ` (${params.additionalProperty})` : "";
      return { at: `${error.validationContext ?? ""}${instancePath}`, zh: `不合规定：${message}${extra}`, en: `${message}${extra}` };
    });
    return refused("BAD_REQUEST", { problems });
  }
  if (error.statusCode === 413) return refused("TOO_LARGE");
  return error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500 ? refused("BAD_REQUEST") : undefined;
}

/** Who asks, as the door found out (onRequest); a request that it let through without one is nobody's. */
const PRINCIPALS = new WeakMap<FastifyRequest, Principal>();
function whoOf(request: FastifyRequest): Principal {
  const who = PRINCIPALS.get(request);
  if (!who) throw new Error("a route was reached without a principal");
  return who;
}

/** A person signs with the account's name, whatever the request says; a program says for whom it acts. */
const signedBy = <T extends Readonly<Record<string, unknown>>>(who: Principal, given: T): T =>
  who.via === "session" ? { ...given, by: who.name } : given;

/** Puts one route of the table on the server. */
function mount(app: FastifyInstance, route: Route, deps: ConsoleDeps): void {
  app.route({
    method: route.method,
    url: `${API}${route.path}`,
    schema: {
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.body === undefined ? {} : { body: route.body }),
    },
    handler: async (request, reply) => {
      const who = whoOf(request);
      if (!mayDo(who, route.right)) return send(reply, refused("FORBIDDEN"));
      const asked: RouteRequest = {
        who,
        params: (request.params ?? {}) as Readonly<Record<string, string>>,
        query: signedBy(who, (request.query ?? {}) as Readonly<Record<string, string>>),
        body: signedBy(who, (request.body ?? {}) as Readonly<Record<string, unknown>>),
      };
      const answer = await route.handle(deps.operations, asked);
      return answer.ok ? reply.code(200).send(answer.value) : send(reply, answer);
    },
  });
}

function mountMachines(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get("/healthz", async () => ({ ok: true }));
  app.get("/readyz", async (_request, reply) => {
    const missing = await deps.readiness();
    return reply.code(missing.length === 0 ? 200 : 503).send({ ready: missing.length === 0, missing });
  });
  app.get("/metrics", async (_request, reply) => reply.header("content-type", deps.metrics.contentType).send(await deps.metrics.text()));
}

/** Throws when the host is not this machine's own: operators' sign-in comes with the console's pages. */
export function createConsole(deps: ConsoleDeps): Console {
  if (!LOOPBACK_ADDRESSES.includes(deps.host)) throw new Error(`the console listens on loopback only, not on ${deps.host}`);
  if (deps.auth.token === "") throw new Error("the console needs a token");
  const expected = digest(deps.auth.token);
  const app = newApp();
  let url = "";
  let watching: NodeJS.Timeout | undefined;

  app.addHook("onRequest", async (request, reply) => {
    void reply.header("cache-control", "no-store").header("x-content-type-options", "nosniff");
    if (!LOOPBACK_ADDRESSES.includes(hostOf(request))) return send(reply, refused("WRONG_HOST"));
    // By the route that was found, not by the text of the address: /%61pi is /api to the router. What is not named here needs the token.
    if (OPEN_ROUTES.has(request.routeOptions.url ?? "")) return;
    if (request.is404 && !underApi(request.url)) return;
    // Before anything else is looked at: who has no token does not learn which addresses there are.
    if (!timingSafeEqual(digest(bearerOf(request)), expected)) return send(reply, refused("UNAUTHORIZED"));
    PRINCIPALS.set(request, TOKEN_PRINCIPAL);
  });
  app.addHook("onResponse", async (request, reply) => {
    deps.metrics.request(request.routeOptions.url ?? "unknown", reply.statusCode, reply.elapsedTime);
  });
  app.setNotFoundHandler((_request, reply) => send(reply, refused("NOT_FOUND")));
  app.setErrorHandler((error: unknown, request, reply) => {
    const known = refusalOf(error as Invalid);
    if (known) return send(reply, known);
    deps.log.error({ route: request.routeOptions.url ?? "unknown", err: error }, "an operator's request failed");
    return send(reply, refused("INTERNAL"));
  });
  for (const route of ROUTES) mount(app, route, deps);
  mountMachines(app, deps);

  const watch = (): void => {
    deps.operations
      .totals({})
      .catch((error: unknown) => deps.log.warn({ err: error }, "the totals of the day could not be looked through"))
      .finally(() => {
        if (watching !== undefined) watching = setTimeout(watch, TOTALS_EVERY_MS).unref();
      });
  };

  return {
    app,
    get url() {
      return url;
    },
    listen: async () => {
      app.server.maxConnections = CONNECTIONS_MAX;
      url = await app.listen({ host: deps.host, port: deps.port });
      watching = setTimeout(watch, TOTALS_EVERY_MS).unref();
      deps.log.info({ url }, "console open");
      return url;
    },
    close: async () => {
      clearTimeout(watching);
      watching = undefined;
      await app.close();
    },
  };
}
