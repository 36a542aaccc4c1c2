/**
 * The one who sends through a DLL bridge (`dll://host:port`, with TLS `dlls://`): HTTP to the bridge, and the bridge's word about the call in place of the wire's guess.
 * `not-begun` is unsent, `unclear` is no reply, `done` is the library's own reply; an inquiry may be answered from the bridge's record.
 * An answer that does not say what became of the call is nobody's proof: no reply.
 */
import type { CallResult, Courier } from "../../../domain/writeback/ports.ts";
import { createCourier, type CourierTls } from "../http/courier.ts";
import { ANSWERS_HEADER, CALL_HEADER, FROM_HEADER, KEY_HEADER, RETURN_HEADER } from "./face.ts";

/** The partner's secret that the bridge knows it by (credentials.json, `secrets`). */
export const BRIDGE_KEY = "bridgeKey";

export interface DllCourierDeps {
  readonly tls?: (origin: string) => CourierTls | undefined;
  /** The bridge's key for a destination; undefined: nothing is sent. */
  readonly keyOf: (destination: string) => string | undefined;
}

const WORDS_MAX = 300;
const wordsOf = (body: Uint8Array): string => new TextDecoder().decode(body.subarray(0, WORDS_MAX));
const httpUrl = (url: string): string => url.replace(/^dll/, "http");

export function createDllCourier(deps: DllCourierDeps): Courier {
  const { tls, keyOf } = deps;
  const http = createCourier({
    headers: [CALL_HEADER, RETURN_HEADER, FROM_HEADER, ANSWERS_HEADER],
    ...(tls === undefined ? {} : { tls: (origin: string) => tls(origin.replace(/^http/, "dll")) ?? tls(origin) }),
  });

  return {
    call: async (request) => {
      const url = httpUrl(request.url);
      const { about } = request;
      // A probe that only looks whether the bridge is there.
      if (about === undefined)
        return request.method === "GET" ? http.call({ ...request, url }) : unsent("only a call of a write-back goes to a library");
      const key = keyOf(about.destination);
      if (key === undefined) return unsent(`credentials: ${about.destination} has no secret ${BRIDGE_KEY}`);
      const headers = {
        ...request.headers,
        [KEY_HEADER]: key,
        "huiliu-key": about.key,
        "huiliu-attempt": String(about.attempt ?? 1),
        "huiliu-role": about.sent === undefined ? "send" : "resolve",
      };
      const result = await http.call({ ...request, url, headers });
      if (result.kind !== "reply") return result;
      const call = result.headers?.[CALL_HEADER];
      // What a library did was done for one key: told under another, or under none, it is not known to be ours.
      if (call !== undefined && call !== "not-begun" && result.headers?.[ANSWERS_HEADER] !== about.key)
        return { kind: "no-reply", why: "the bridge's answer is for another key", ms: result.ms };
      return said(result);
    },
    close: () => http.close(),
  };
}

const unsent = (why: string): CallResult => ({ kind: "unsent", why, ms: 0 });

/** What the bridge's answer means. */
function said(result: CallResult & { readonly kind: "reply" }): CallResult {
  const { status, body, ms, headers = {} } = result;
  const words = `HTTP ${status} ${wordsOf(body)}`;
  switch (headers[CALL_HEADER]) {
    case "not-begun":
      return { kind: "unsent", why: words, ms };
    case "unclear":
      return { kind: "no-reply", why: words, ms };
    case "nothing":
      return { ...result, standsFor: "nothing" };
    case "unclear-for-ever":
      return { ...result, standsFor: "unclear" };
    case "done": {
      const returned = headers[RETURN_HEADER];
      // Well or not is the contract's to say, by the return value and the reply: both are the library's answer.
      return {
        ...result,
        status: 200,
        ...(returned === undefined ? {} : { returnValue: returned }),
        ...(headers[FROM_HEADER] === "send" ? { standsFor: "send" as const } : {}),
      };
    }
    default:
      return { kind: "no-reply", why: `no DLL bridge answered: ${words}`, ms };
  }
}
