/**
 * The bridge's HTTP face. `POST /calls/<function>` with the sender's key and the number of the attempt; the header `huiliu-call` says what became of it, so that nobody
 * has to guess it from a status:
 *
 * | `huiliu-call` | status | meaning |
 * |---|---|---|
 * | `not-begun` | 4xx, 503 | the library did not see it |
 * | `unclear` | 502, 504 | it began, and nobody will ever know how it ended |
 * | `done` | 200, 422 | the library's own reply; 422: its return value says that it failed |
 * | `nothing` | 404 | to an inquiry: no send of this key has begun, and none will |
 * | `unclear-for-ever` | 409 | to an inquiry that may not call: as `unclear` |
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Answered, AskedCall, Calls, NotBegunCode } from "./calls.ts";
import { BUFFER_BYTES_MAX, type BridgeCharset } from "./description.ts";
import type { Session } from "./session.ts";

export const KEY_HEADER = "x-api-key";
export const CALL_HEADER = "huiliu-call";
export const RETURN_HEADER = "huiliu-return";
export const FROM_HEADER = "huiliu-from";
/** The key of the request that is answered: a reply that speaks of another is nobody's. */
export const ANSWERS_HEADER = "huiliu-answers";
const KEY_MAX = 200;
const ATTEMPT_MAX = 1_000_000_000;
const CONNECTIONS_MAX = 64;
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const OUT_HEADER_MAX = 4_096;

const NOT_BEGUN: Readonly<Record<NotBegunCode, { readonly status: number; readonly zh: string; readonly en: string }>> = {
  BUSY: { status: 503, zh: "忙：前面还有调用，稍后再来", en: "busy: other calls come first, come again later" },
  NOT_READY: { status: 503, zh: "动态库尚未就绪", en: "the library is not ready" },
  STOPPING: { status: 503, zh: "桥正在停止", en: "the bridge is stopping" },
  RUNNING: { status: 503, zh: "所问的调用仍在进行", en: "the call that it asks about is still under way" },
  CLOSED: { status: 409, zh: "该次尝试在开始前已被放弃", en: "this attempt was given up before it began" },
  OTHER_REQUEST: { status: 409, zh: "该编号已用于另一请求", en: "this number was used for another request" },
  UNKNOWN_FUNCTION: { status: 404, zh: "没有这个函数", en: "there is no such function" },
  BAD_ARGUMENT: { status: 400, zh: "参数不合法", en: "an argument is not valid" },
  TOO_LARGE: { status: 413, zh: "请求超过缓冲区", en: "the request is larger than its buffer" },
  RECORD_FULL: { status: 503, zh: "调用日志无法写入", en: "the record cannot be written" },
};
const UNCLEAR = { zh: "调用已开始，结果不明", en: "the call began, and its outcome is unclear" };

export interface FaceDeps {
  readonly calls: Calls;
  readonly session: Pick<Session, "state" | "starts">;
  readonly name: string;
  readonly charset: BridgeCharset;
  readonly key: string;
  readonly host: string;
  readonly port: number;
  /** PEM texts; absent: plain HTTP, for a private network or this machine. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface Face {
  readonly url: string;
  close(): Promise<void>;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const header = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
};

function tell(response: ServerResponse, status: number, call: string, said: Readonly<Record<string, string>>, retry = false): void {
  response.writeHead(status, {
    [CALL_HEADER]: call,
    "content-type": "application/json; charset=utf-8",
    ...(retry ? { "retry-after": "1" } : {}),
  });
  response.end(JSON.stringify({ call, ...said }));
}

/** Reads a body of at most `max` bytes; undefined when it is larger. Rejects when the sender hangs up. */
function bodyOf(request: IncomingMessage, max: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= max) chunks.push(chunk);
      else {
        resolve(undefined);
        request.resume();
      }
    });
    request.on("end", () => resolve(new Uint8Array(Buffer.concat(chunks))));
    request.on("error", reject);
    request.on("aborted", () => reject(new Error("the sender hung up")));
  });
}

/** Header values are ASCII: any other byte of the library's charset stands as %XX. */
const argumentOf = (value: string): string =>
  value.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** The call that a request asks for, or what is wrong with it. */
function callOf(request: IncomingMessage, name: string, body: Uint8Array): AskedCall | string {
  const key = header(request, "huiliu-key") ?? "";
  const attempt = header(request, "huiliu-attempt") ?? "";
  const role = header(request, "huiliu-role") ?? "send";
  if (!/^[\x21-\x7e]+$/.test(key) || key.length > KEY_MAX) return `huiliu-key: 1 to ${KEY_MAX} printable characters`;
  if (!/^[1-9]\d{0,9}$/.test(attempt) || Number(attempt) > ATTEMPT_MAX) return "huiliu-attempt: a number from 1";
  if (role !== "send" && role !== "resolve") return "huiliu-role: send or resolve";
  const args: Record<string, string> = {};
  for (const [field, value] of Object.entries(request.headers))
    if (field.startsWith("huiliu-arg-") && typeof value === "string") args[field.slice("huiliu-arg-".length)] = argumentOf(value);
  const recordOnly = role === "resolve" && header(request, "huiliu-record-only") === "1";
  return { key, attempt: Number(attempt), role, function: name, request: body, args, recordOnly };
}

function answer(response: ServerResponse, answered: Answered, charset: BridgeCharset): void {
  if (answered.kind === "not-begun") {
    const { status, zh, en } = NOT_BEGUN[answered.code];
    tell(response, status, "not-begun", { code: answered.code, zh, en, why: answered.why }, status === 503);
    return;
  }
  if (answered.kind === "nothing") {
    tell(response, 404, "nothing", { zh: "没有开始过的调用，今后也不会执行", en: "no call of it has begun, and none will" });
    return;
  }
  if (answered.kind === "unclear-by-record") {
    tell(response, 409, "unclear-for-ever", { ...UNCLEAR, why: answered.why });
    return;
  }
  const { result, from } = answered;
  if (result.kind === "unclear") {
    const { code, why } = result;
    tell(response, code === "HUNG" ? 504 : 502, "unclear", { code, ...UNCLEAR, why });
    return;
  }
  const outs = Object.entries(result.outs).map(([name, bytes]) => [
    `huiliu-out-${name}`,
    encodeURIComponent(Buffer.from(bytes).toString("latin1")).slice(0, OUT_HEADER_MAX),
  ]);
  response.writeHead(result.ok ? 200 : 422, {
    [CALL_HEADER]: "done",
    [FROM_HEADER]: from,
    ...(result.returned === undefined ? {} : { [RETURN_HEADER]: String(result.returned) }),
    ...Object.fromEntries(outs),
    "content-type": `text/plain; charset=${charset}`,
  });
  response.end(result.reply);
}

/** Listens. Rejects when the port is taken. */
export async function openFace(deps: FaceDeps): Promise<Face> {
  const wanted = digest(deps.key);
  const isKnown = (request: IncomingMessage): boolean => timingSafeEqual(digest(header(request, KEY_HEADER) ?? ""), wanted);

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? "/", "http://bridge").pathname;
    if (request.method === "GET" && path === "/healthz") {
      const state = deps.session.state();
      const up = state !== "waiting" && state !== "stopped";
      response.writeHead(up ? 200 : 503, { "content-type": "application/json; charset=utf-8" });
      response.end(JSON.stringify({ name: deps.name, state, ...deps.session.starts(), ...deps.calls.counts() }));
      return;
    }
    if (!isKnown(request)) return tell(response, 401, "not-begun", { code: "KEY", zh: "密钥不对", en: "the key is not right" });
    const [, kind, name = ""] = path.split("/");
    if (request.method !== "POST" || kind !== "calls")
      return tell(response, 404, "not-begun", { code: "PATH", zh: "没有这个地址", en: "no such path" });
    const body = await bodyOf(request, BUFFER_BYTES_MAX);
    if (!body) return tell(response, 413, "not-begun", { code: "TOO_LARGE", ...NOT_BEGUN.TOO_LARGE, status: "413" });
    const call = callOf(request, decodeURIComponent(name), body);
    if (typeof call === "string")
      return tell(response, 400, "not-begun", { code: "BAD_REQUEST", zh: "请求头不合法", en: "a header is not valid", why: call });
    response.setHeader(ANSWERS_HEADER, call.key);
    answer(response, await deps.calls.ask(call), deps.charset);
  };

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // Whatever fails before the call is known not to have begun; `ask` itself never rejects.
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent)
        tell(response, 400, "not-begun", { code: "BAD_REQUEST", zh: "请求不完整", en: "the request was cut", why: String(error) });
      else response.destroy();
    });
  };
  const limits = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: HEADERS_MS };
  const server: Server = deps.tls ? createTlsServer({ ...limits, ...deps.tls }, listener) : createServer(limits, listener);
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(deps.port, deps.host, resolve);
  });
  const { address, port, family } = server.address() as AddressInfo;
  const host = family === "IPv6" ? `[${address}]` : address;
  return {
    url: `${deps.tls ? "dlls" : "dll"}://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}
