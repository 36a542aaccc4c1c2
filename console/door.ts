/**
 * Who stands at the console's door, and whether he may come in: host, token or cookie, the route's right, and that a change by cookie was asked by a page of this
 * console (CSRF). All of it before a byte of the body is read. Holds no state.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { TLSSocket } from "node:tls";
import type { FastifyReply, FastifyRequest } from "fastify";
import { sessionCookie, sessionOf } from "../domain/access/cookie.ts";
import type { Access, Caller } from "../domain/access/ports.ts";
import { type Principal, TOKEN_PRINCIPAL } from "../domain/access/rights.ts";
import { denied, type Need, type Standing } from "../domain/access/standing.ts";
import { type OperationRefused, refused } from "../domain/operations/refusals.ts";

const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "::1", "localhost"];
const LOOPBACK_ADDRESS = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/;
/** Pages of this console send it with every request; a form or an image of another page cannot. */
const PAGE_HEADER = "x-huiliu-console";
const AGENT_MAX = 200;
const NOBODY: Principal = { id: "", name: "", roles: [], partners: [], via: "session" };

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const headerOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** The name in the Host header, without its port. */
const hostOf = (request: FastifyRequest): string =>
  (request.headers.host ?? "")
    .replace(/:\d{1,5}$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();

const peerOf = (request: FastifyRequest): string => request.raw.socket.remoteAddress ?? "127.0.0.1";
/** Over plain HTTP only this machine reaches us: whoever then names another host came by the machine's own TLS proxy. */
const isForwarded = (request: FastifyRequest): boolean =>
  !(request.raw.socket instanceof TLSSocket) && !LOOPBACK_HOSTS.includes(hostOf(request));
/** Whether the person's browser speaks TLS. */
export const isSecure = (request: FastifyRequest): boolean => request.raw.socket instanceof TLSSocket || isForwarded(request);
/** A program on this machine, at the plain listener, by a name that can only be this machine. */
export const isLocal = (request: FastifyRequest): boolean => LOOPBACK_ADDRESS.test(peerOf(request)) && !isSecure(request);

/** Where it came from: what the machine's own proxy says, which adds itself at the end. */
function addressOf(request: FastifyRequest): string {
  if (!isForwarded(request)) return peerOf(request);
  const last = headerOf(request.headers["x-forwarded-for"])?.split(",").at(-1)?.trim() ?? "";
  return isIP(last) === 0 ? peerOf(request) : last;
}

/** One request as sign-in sees it. */
export function callerOf(request: FastifyRequest, reply: FastifyReply): Caller {
  const secure = isSecure(request);
  return {
    address: addressOf(request),
    agent: (request.headers["user-agent"] ?? "").slice(0, AGENT_MAX),
    session: sessionOf(request.headers.cookie, secure),
    keep: (session) => void reply.header("set-cookie", sessionCookie(session, secure)),
    retryAfter: (seconds) => void reply.header("retry-after", String(seconds)),
  };
}

/**
 * Whether a request that needs no more than a cookie was asked by a page of this console. A change must say so twice: by the header, which no form can send, and by
 * where the browser says it comes from. A read must not come from another origin of this host (a program on another port shares the cookie).
 */
function fromOwnPage(request: FastifyRequest): boolean {
  const site = headerOf(request.headers["sec-fetch-site"]);
  const { origin, host } = request.headers;
  const changes = request.method !== "GET" && request.method !== "HEAD";
  if (site !== undefined && site !== "same-origin" && (changes || site !== "none")) return false;
  if (!changes) return true;
  const scheme = isSecure(request) ? "https" : "http";
  if (origin !== undefined && origin !== `${scheme}://${host ?? ""}`) return false;
  return (site !== undefined || origin !== undefined) && request.headers[PAGE_HEADER] === "1";
}

export interface Door {
  /** Undefined: come in. The answer to whom was asked of is kept with the request. */
  enter(request: FastifyRequest, need: Need | undefined): Promise<OperationRefused | undefined>;
  hostIsOurs(request: FastifyRequest): boolean;
  /** Who came in. Where nobody has to have signed in it may be nobody, who has no right. */
  who(request: FastifyRequest): Principal;
  /** Whether whoever came in would still be let in: for answers that go on and on (server-sent events). Never rejects. */
  still(request: FastifyRequest, need: Need): Promise<boolean>;
}

export function createDoor(deps: { readonly access: Access; readonly token: string; readonly hosts: readonly string[] }): Door {
  const expected = digest(deps.token);
  const hosts = new Set([...LOOPBACK_HOSTS, ...deps.hosts.map((one) => one.toLowerCase())]);
  const standings = new WeakMap<FastifyRequest, Standing>();

  const byToken = (request: FastifyRequest): Standing | undefined => {
    const given = request.headers.authorization;
    if (given === undefined) return undefined;
    const bearer = /^Bearer +([^\s]+) *$/i.exec(given)?.[1] ?? "";
    const right = timingSafeEqual(digest(bearer), expected);
    return right && isLocal(request) ? { kind: "whole", who: TOKEN_PRINCIPAL } : { kind: "nobody", setUpNeeded: false };
  };

  const standingOf = async (request: FastifyRequest): Promise<Standing | OperationRefused> => {
    const program = byToken(request);
    if (program !== undefined) return program;
    const found = await deps.access.standing(sessionOf(request.headers.cookie, isSecure(request)));
    return found.ok ? found.value : found;
  };

  return {
    hostIsOurs: (request) => hosts.has(hostOf(request)),
    enter: async (request, need) => {
      const program = request.headers.authorization !== undefined;
      const standing = need === "anyone" && !program ? ({ kind: "nobody", setUpNeeded: false } as const) : await standingOf(request);
      if ("ok" in standing) return standing;
      const no = denied(standing, need);
      if (no !== undefined) return refused(no);
      if (!program && !fromOwnPage(request)) return refused("CSRF_REFUSED");
      standings.set(request, standing);
      return undefined;
    },
    who: (request) => {
      const standing = standings.get(request);
      if (standing === undefined) throw new Error("a route was reached that the door did not open");
      return standing.kind === "whole" ? standing.who : NOBODY;
    },
    still: async (request, need) => {
      try {
        const standing = await standingOf(request);
        return !("ok" in standing) && denied(standing, need) === undefined;
      } catch {
        return false; // a store that cannot say is no reason to go on showing
      }
    },
  };
}
