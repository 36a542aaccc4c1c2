/**
 * The console's door: /api/v1 behind sign-in or a token, /healthz, /readyz and /metrics for machines on the same machine. On loopback over plain HTTP; beyond it only
 * under TLS and sign-in. A request that names another host is refused, so that no web page can reach it by DNS rebinding. Holds no rules: it checks, asks once, answers JSON.
 */
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { type Missing, type Operations, TOTALS_TIMEOUT_MS } from "../domain/operations/ports.ts";
import { errorBody, OPERATION_REFUSAL, type OperationRefused, refused } from "../domain/operations/refusals.ts";
import type { Log } from "../domain/log.ts";
import { CLOSED_ACCESS } from "../domain/access/closed.ts";
import type { Access } from "../domain/access/ports.ts";
import { mayDo, type Principal } from "../domain/access/rights.ts";
import { scoped } from "../domain/access/scope.ts";
import type { Need } from "../domain/access/standing.ts";
import { callerOf, createDoor, type Door, isLocal } from "./door.ts";
import { LIVE_URL, mountLive } from "./live-door.ts";
import { mountOidc } from "./oidc-door.ts";
import { mountPages } from "./pages-door.ts";
import { API, type Route, type RouteRequest } from "./route.ts";
import { ROUTES } from "./routes.ts";

export interface ConsoleDeps {
  readonly operations: Operations;
  readonly auth: { readonly token: string };
  /** Accounts and sessions; absent: nobody signs in, the token alone opens. */
  readonly access?: Access;
  /** Names beside loopback's by which the console is reached. */
  readonly hosts?: readonly string[];
  /** Where it listens for people on other machines. */
  readonly secure?: { readonly host: string; readonly port: number; readonly cert: string; readonly key: string };
  /** Where bin/pages.ts built the pages; absent: there are none, and whoever looks for them is told how to get them. */
  readonly pages?: string;
  /** What keeps the engine from being ready (journal, flows, doors …); empty when it is. Never rejects. */
  readonly readiness: () => Promise<readonly Missing[]>;
  readonly metrics: {
    readonly contentType: string;
    text(): Promise<string>;
    request(route: string, status: number, ms: number): void;
  };
  readonly log: Log;
  /** A loopback address: where programs with the token, and people on this machine, get in. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

export interface Console {
  /** For tests: inject. */
  readonly app: FastifyInstance;
  /** Resolves with the address once it listens. */
  listen(): Promise<string>;
  /** The address on loopback; "" before listen. */
  readonly url: string;
  /** The address for other machines; absent where there is none, or before listen. */
  readonly secureUrl?: string | undefined;
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 64 * 1024;
const REQUEST_TIMEOUT_MS = TOTALS_TIMEOUT_MS + 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** How often connections past their time are looked for; Node's own 30 s would let half-open ones keep the door shut that long. */
const CHECK_EVERY_MS = 2_000;
const CONNECTIONS_MAX = 200;
const PARAM_MAX = 512;
const LOOPBACK_ADDRESSES = ["127.0.0.1", "::1", "localhost"];
/** For machines on this machine; everything else needs the token or a session. */
const OPEN_ROUTES: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);
/** Nothing that the API answers is a page: nothing in it may run, load or be framed. Pages bring headers of their own. */
const API_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
} as const;
/** The day's totals are looked through this often, so that a difference is an alarm and not a discovery. */
const TOTALS_EVERY_MS = 60_000;

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

/** A person signs with the account's name, whatever the request says; a program says for whom it acts. */
const signedBy = <T extends Readonly<Record<string, unknown>>>(who: Principal, given: T): T =>
  who.via === "session" ? { ...given, by: who.name } : given;

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the door asks of who calls the route. Under /api every route has one. */
    need?: Need;
    /** Reached by going there with the whole page, from elsewhere, too: no cookie of ours counts there, and nothing is changed by it. */
    navigation?: boolean;
  }
}

/** Asks for personal data in full. */
const asksWhole = ({ query, body }: Pick<RouteRequest, "query" | "body">): boolean =>
  query.unmask === "true" || body.unmask === true || body.unmask === "true";

/** Puts one route of the table on the server. */
function mount(app: FastifyInstance, route: Route, deps: ConsoleDeps, door: Door, access: Access): void {
  app.route({
    method: route.method,
    url: `${API}${route.path}`,
    config: { need: route.right },
    schema: {
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.body === undefined ? {} : { body: route.body }),
    },
    handler: async (request, reply) => {
      const who = door.who(request);
      const asked: RouteRequest = {
        who,
        access,
        caller: callerOf(request, reply),
        params: (request.params ?? {}) as Readonly<Record<string, string>>,
        query: signedBy(who, (request.query ?? {}) as Readonly<Record<string, string>>),
        body: signedBy(who, (request.body ?? {}) as Readonly<Record<string, unknown>>),
      };
      // Personal data in full is a right of its own, whichever address shows it (A65).
      if (asksWhole(asked) && !mayDo(who, "unmask")) return send(reply, refused("FORBIDDEN"));
      // Accounts are changed by no deed of the operators' side, which asks by itself (A64).
      if (route.method === "POST" && route.right === "account" && !(await deps.operations.auditReady()))
        return send(reply, refused("AUDIT_DOWN"));
      const answer = await route.handle(scoped(deps.operations, who), asked);
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

/** A second listener for other machines, with the same routes and limits. */
function secureServer(app: FastifyInstance, { cert, key }: NonNullable<ConsoleDeps["secure"]>): Server {
  const server = createServer(
    { cert, key, minVersion: "TLSv1.2", requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS },
    (request, reply) => app.routing(request, reply),
  );
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}

const listening = (server: Server, { host, port }: NonNullable<ConsoleDeps["secure"]>): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const at = server.address() as AddressInfo;
      resolve(`https://${at.family === "IPv6" ? `[${at.address}]` : at.address}:${at.port}`);
    });
  });

const closing = (server: Server | undefined): Promise<void> =>
  server === undefined || !server.listening
    ? Promise.resolve()
    : new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });

/** Throws when the host is not this machine's own: beyond it only `secure` leads. */
export function createConsole(deps: ConsoleDeps): Console {
  if (!LOOPBACK_ADDRESSES.includes(deps.host)) throw new Error(`without TLS the console listens on loopback only, not on ${deps.host}`);
  if (deps.auth.token === "") throw new Error("the console needs a token");
  const access = deps.access ?? CLOSED_ACCESS;
  const door = createDoor({ access, token: deps.auth.token, hosts: deps.hosts ?? [] });
  const app = newApp();
  let url = "";
  let secureUrl: string | undefined;
  let secure: Server | undefined;
  let watching: NodeJS.Timeout | undefined;

  // What nobody declared is denied, and found out at the first start rather than by a visitor.
  app.addHook("onRoute", ({ url: path, config }) => {
    if (underApi(path) && config?.need === undefined) throw new Error(`${path} says nothing of who may call it (config.need)`);
  });
  app.addHook("onRequest", async (request, reply) => {
    void reply.headers(API_HEADERS);
    if (!door.hostIsOurs(request)) return send(reply, refused("WRONG_HOST"));
    const { url: path = "", config } = request.routeOptions;
    // By the route that was found, not by the text of the address: /%61pi is /api to the router. What is not named here needs a session or the token.
    if (OPEN_ROUTES.has(path) && isLocal(request)) return;
    // Pages are code that anybody may have; what they show they ask of the API.
    const page = !underApi(request.is404 ? request.url : path) && !OPEN_ROUTES.has(path);
    if (page || config.navigation === true) return;
    // Before anything else is looked at: who may not come in does not learn which addresses there are.
    const no = await door.enter(request, request.is404 ? "self" : config.need);
    if (no !== undefined) return send(reply, no);
  });
  app.addHook("onResponse", async (request, reply) => {
    if (request.routeOptions.url === LIVE_URL) return; // lasts as long as somebody looks: no measure of how fast anything is
    deps.metrics.request(request.routeOptions.url ?? "unknown", reply.statusCode, reply.elapsedTime);
  });
  app.setNotFoundHandler(
    (request, reply) => (underApi(request.url) ? undefined : pages.lost(request, reply)) ?? send(reply, refused("NOT_FOUND")),
  );
  app.setErrorHandler((error: unknown, request, reply) => {
    const known = refusalOf(error as Invalid);
    if (known) return send(reply, known);
    deps.log.error({ route: request.routeOptions.url ?? "unknown", err: error }, "an operator's request failed");
    return send(reply, refused("INTERNAL"));
  });
  for (const route of ROUTES) mount(app, route, deps, door, access);
  mountOidc(app, access);
  mountLive(app, door, deps);
  const pages = mountPages(app, deps.pages);
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
    get secureUrl() {
      return secureUrl;
    },
    listen: async () => {
      app.server.maxConnections = CONNECTIONS_MAX;
      url = await app.listen({ host: deps.host, port: deps.port });
      if (deps.secure !== undefined) {
        secure = secureServer(app, deps.secure);
        secureUrl = await listening(secure, deps.secure);
      }
      watching = setTimeout(watch, TOTALS_EVERY_MS).unref();
      deps.log.info({ url, ...(secureUrl === undefined ? {} : { secureUrl }) }, "console open");
      return url;
    },
    close: async () => {
      clearTimeout(watching);
      watching = undefined;
      await closing(secure);
      await app.close();
    },
  };
}
