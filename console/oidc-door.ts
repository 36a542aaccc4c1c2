/** The two addresses of signing in at the hospital's identity provider: the browser goes there with the whole page and comes back with it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { cookieOf, setCookie } from "../domain/access/cookie.ts";
import type { Access } from "../domain/access/ports.ts";
import type { OperationCode } from "../domain/operations/refusals.ts";
import { callerOf, isSecure } from "./door.ts";
import { API } from "./route.ts";

export const OIDC_PATH = `${API}/session/oidc`;
const CALLBACK = `${OIDC_PATH}/callback`;
/** What must come back from the provider, sealed; the only cookie that a request from elsewhere brings along (SameSite=Lax). */
const FLOW_COOKIE = "huiliu_oidc";
const FLOW_SECONDS = 600;
const HOST_MAX = 300;

const origin = (request: FastifyRequest): string =>
  `${isSecure(request) ? "https" : "http"}://${(request.headers.host ?? "").slice(0, HOST_MAX)}`;

const flowCookie = (request: FastifyRequest, value: string): string =>
  setCookie(FLOW_COOKIE, value, { secure: isSecure(request), sameSite: "Lax", path: OIDC_PATH, seconds: value === "" ? 0 : FLOW_SECONDS });

/** The page tells it in the person's language. */
const back = (reply: FastifyReply, code?: OperationCode) => reply.redirect(code === undefined ? "/" : `/sign-in?refused=${code}`, 303);

export function mountOidc(app: FastifyInstance, access: Access): void {
  const config = { need: "anyone", navigation: true } as const;
  app.get(OIDC_PATH, { config }, async (request, reply) => {
    const begun = await access.oidcBegin(`${origin(request)}${CALLBACK}`);
    if (!begun.ok) return back(reply, begun.code);
    void reply.header("set-cookie", flowCookie(request, begun.value.flow));
    return reply.redirect(begun.value.url, 303);
  });
  app.get(CALLBACK, { config }, async (request, reply) => {
    const flow = cookieOf(request.headers.cookie, FLOW_COOKIE);
    void reply.header("set-cookie", flowCookie(request, ""));
    if (flow === undefined) return back(reply, "OIDC_FAILED");
    const done = await access.oidcFinish(callerOf(request, reply), `${origin(request)}${request.url}`, flow);
    return back(reply, done.ok ? undefined : done.code);
  });
}
