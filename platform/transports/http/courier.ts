/**
 * The one who sends over HTTP: one call, one honest answer to the question that decides about money: may anything have left us?
 *
 * `unsent` only when undici never began to write the request (refused, DNS, TLS handshake, connect time-out, no free connection). From the instant it begins everything
 * without a whole reply is `no-reply`, also on a kept-alive socket that the peer closed at the same moment: nobody can prove that it read nothing (design.md decision 8).
 * It never retries, never follows redirects, never decompresses.
 */
import { failpoint } from "../../../domain/failpoint.ts";
import { type Dispatcher, Pool } from "undici";
import type { CallRequest, CallResult, Courier } from "../../../domain/writeback/ports.ts";

/** Connections to one origin; the dispatcher's `parallel` is at most this. */
const CONNECTIONS_MAX = 1_000;
/** Origins kept at once; the longest unused goes first. */
const POOLS_MAX = 256;
/** How long an idle connection is kept when the peer does not say. Short: an older one is more likely to be closed under our hands. */
const KEEP_ALIVE_MS = 2_000;
/** Reply headers beyond this are no acknowledgement. */
const REPLY_HEADER_BYTES_MAX = 32_768;

/** PEM texts; read from the profile's files by the composition root. */
export interface CourierTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

export interface CourierDeps {
  /** TLS of an origin (`https://his.example:8443`); absent: the system's authorities, no client certificate. Another object than before is another connection. */
  readonly tls?: (origin: string) => CourierTls | undefined;
  /** Response headers to be told with the reply, in lower case; absent: none. */
  readonly headers?: readonly string[];
}

/** What undici's error says, in one line, with its code; node's many-address errors have a code and no message. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { readonly code?: unknown }).code;
  const inner = error instanceof AggregateError ? (error.errors as unknown[]).map(describe).join("; ") : "";
  const message = error.message || inner;
  return typeof code === "string" && !message.includes(code) ? `${code} ${message}`.trim() : message || error.name;
}

/** Retry-After in milliseconds from now: whole seconds or an HTTP date (never below 0). Undefined when it is neither. */
export function retryAfterOf(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Za-z]{3,9}, /.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

const first = (header: string | readonly string[] | undefined): string | undefined => (typeof header === "string" ? header : header?.[0]);

const keptOf = (fields: Readonly<Record<string, string | string[] | undefined>>, kept: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    kept.flatMap((name) => {
      const value = first(fields[name]);
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** One call. Settles exactly once, within connect plus reply time-out. */
function callOnce(pool: Pool, url: URL, request: CallRequest, kept: readonly string[]): Promise<CallResult> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const chunks: Buffer[] = [];
    let controller: Dispatcher.DispatchController | undefined;
    let began = false;
    let over = false;
    let bytes = 0;
    let status = 0;
    let headers: Pick<CallResult & { kind: "reply" }, "contentType" | "retryAfterMs" | "headers"> = {};

    const finish = (result: (ms: number) => CallResult): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", aborted);
      resolve(result(Math.round(performance.now() - startedAt)));
    };
    const fail = (why: string): void => finish((ms) => ({ kind: began ? "no-reply" : "unsent", why, ms }));
    const hangUp = (why: string): void => {
      fail(why);
      controller?.abort(new Error(why));
    };
    const aborted = (): void => hangUp("aborted");
    let timer = setTimeout(() => hangUp(`no connection within ${request.connectTimeoutMs} ms`), request.connectTimeoutMs);
    request.signal?.addEventListener("abort", aborted, { once: true });
    if (request.signal?.aborted) return aborted();

    const handler: Dispatcher.DispatchHandler = {
      // Called right before the first byte is written. Aborting here writes nothing.
      onRequestStart: (started) => {
        controller = started;
        if (over) return started.abort(new Error("given up before it began"));
        // A process that was frozen wakes up with its connection first and its timers after: by now the lease may be another worker's (decision 6).
        if (!began && performance.now() - startedAt > request.connectTimeoutMs) {
          return hangUp(`no connection within ${request.connectTimeoutMs} ms`);
        }
        // Undici puts a running request back when a socket is reset under it; a second beginning would be a retry of ours.
        if (began) return hangUp("the connection was reset after the request had begun");
        began = true;
        failpoint("courier.before-write");
        clearTimeout(timer);
        timer = setTimeout(() => hangUp(`no whole reply within ${request.replyTimeoutMs} ms`), request.replyTimeoutMs);
      },
      onRequestSent: () => failpoint("courier.after-write"),
      onResponseStart: (_controller, statusCode, fields) => {
        failpoint("courier.before-reply");
        status = statusCode;
        const contentType = first(fields["content-type"]);
        const retryAfterMs = retryAfterOf(first(fields["retry-after"]), Date.now());
        headers = {
          ...(contentType ? { contentType } : {}),
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
          ...(kept.length === 0 ? {} : { headers: keptOf(fields, kept) }),
        };
      },
      onResponseData: (_controller, chunk) => {
        if (over) return;
        bytes += chunk.length;
        if (bytes > request.replyBytesMax) return hangUp(`the reply is larger than ${request.replyBytesMax} bytes`);
        chunks.push(chunk);
      },
      onResponseEnd: () => finish((ms) => ({ kind: "reply", status, ...headers, body: new Uint8Array(Buffer.concat(chunks)), ms })),
      onResponseError: (_controller, error) => fail(describe(error)),
      onRequestUpgrade: (_controller, _status, _headers, socket) => {
        socket.destroy();
        fail("the peer switched protocols");
      },
    };
    try {
      pool.dispatch(
        {
          path: url.pathname + url.search,
          method: request.method,
          headers: { "accept-encoding": "identity", ...request.headers },
          body: request.body ?? null,
          // Ours are exact and cover the whole reply; undici's restart with every byte.
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        handler,
      );
    } catch (error) {
      fail(describe(error));
    }
  });
}

export function createCourier(deps: CourierDeps = {}): Courier {
  const pools = new Map<string, { readonly pool: Pool; readonly tls: CourierTls | undefined }>();
  let closed = false;

  const poolOf = (origin: string, connectTimeoutMs: number): Pool => {
    const name = `${origin} ${connectTimeoutMs}`;
    const tls = deps.tls?.(origin);
    const known = pools.get(name);
    if (known) pools.delete(name);
    if (known && known.tls === tls) {
      pools.set(name, known);
      return known.pool;
    }
    // Other certificates since: what is on its way ends over the old connections.
    void known?.pool.close();
    const pool = new Pool(origin, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: REPLY_HEADER_BYTES_MAX,
      connect: {
        timeout: connectTimeoutMs,
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
        ...(tls?.key === undefined ? {} : { key: tls.key }),
        ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
      },
    });
    pools.set(name, { pool, tls });
    const [oldest] = pools;
    if (pools.size > POOLS_MAX && oldest) {
      pools.delete(oldest[0]);
      void oldest[1].pool.close();
    }
    return pool;
  };

  return {
    call: async (request) => {
      if (closed) return { kind: "unsent", why: "the courier is closed", ms: 0 };
      if (!URL.canParse(request.url)) return { kind: "unsent", why: "not an address", ms: 0 };
      const url = new URL(request.url);
      if (url.protocol !== "http:" && url.protocol !== "https:") return { kind: "unsent", why: `no courier for ${url.protocol}`, ms: 0 };
      try {
        return await callOnce(poolOf(url.origin, request.connectTimeoutMs), url, request, deps.headers ?? []);
      } catch (error) {
        // The pool could not be made (unreadable certificate): nothing was written.
        return { kind: "unsent", why: describe(error), ms: 0 };
      }
    },
    close: async () => {
      closed = true;
      const all = [...pools.values()];
      pools.clear();
      await Promise.allSettled(all.map(({ pool }) => pool.destroy()));
    },
  };
}
