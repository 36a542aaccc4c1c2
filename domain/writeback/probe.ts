/**
 * One harmless question to a destination whose breaker is open (design.md decision 7): the profile's ping, else its inquiry about the oldest write-back owed, else a bare
 * connect. Never a write-back; nothing is written on our side. Never throws.
 */
import type { OutboundDialect } from "./dialect.ts";
import type { GateStore } from "./gates.ts";
import type { DestinationPolicy } from "./policy.ts";
import type { CallResult, Courier } from "./ports.ts";

/** Opens a connection to the address's origin and closes it again, TLS included. Undefined: it stood; else why it did not. Never rejects. */
export type Connect = (url: string, timeoutMs: number) => Promise<string | undefined>;

export interface ProbeDeps {
  readonly courier: Courier;
  readonly connect: Connect;
  readonly dialect: OutboundDialect;
  readonly store: Pick<GateStore, "oldestHead">;
}

export interface Probed {
  readonly answered: boolean;
  readonly by: "ping" | "inquiry" | "connect";
  readonly why: string;
}

export type Probe = (policy: DestinationPolicy, signal: AbortSignal) => Promise<Probed>;

const SERVER_ERROR = 500;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** How long a probe may take at most: its prober's lease is longer. */
export const probeMs = (policy: DestinationPolicy): number => policy.connectTimeoutMs + policy.replyTimeoutMs;

export function createProbe({ courier, connect, dialect, store }: ProbeDeps): Probe {
  const limits = (policy: DestinationPolicy, signal: AbortSignal) => ({
    connectTimeoutMs: policy.connectTimeoutMs,
    replyTimeoutMs: policy.replyTimeoutMs,
    replyBytesMax: policy.replyBytesMax,
    signal,
  });

  const ping = async (policy: DestinationPolicy, path: string, signal: AbortSignal): Promise<Probed> => {
    const result = await courier.call({ url: policy.url + path, method: "GET", headers: {}, ...limits(policy, signal) });
    if (result.kind !== "reply") return { answered: false, by: "ping", why: result.why };
    return { answered: result.status < SERVER_ERROR, by: "ping", why: `HTTP ${result.status}` };
  };

  /** Undefined: nothing is owed, or the inquiry cannot be written; then it is a bare connect. */
  const ask = async (policy: DestinationPolicy, mapping: string, signal: AbortSignal): Promise<Probed | undefined> => {
    const head = await store.oldestHead(policy.name);
    const encoded = head && dialect.encodeInquiry(mapping, { ...head, destination: policy.name });
    if (!head || !encoded?.ok || !encoded.request.path.startsWith("/")) return undefined;
    const { request, body, contentType } = encoded;
    const result: CallResult = await courier.call({
      url: policy.url + request.path,
      method: request.method,
      headers: { ...(contentType === undefined ? {} : { "content-type": contentType }), ...request.headers },
      ...(body === undefined || request.method === "GET" ? {} : { body }),
      ...limits(policy, signal),
    });
    if (result.kind !== "reply") return { answered: false, by: "inquiry", why: result.why };
    const reading = dialect.interpret(mapping, result, head);
    // Whatever it says about the write-back is left to its lane: here it only matters that somebody who understands us answered.
    return { answered: reading.outcome !== "unclear", by: "inquiry", why: reading.why };
  };

  return async (policy, signal) => {
    try {
      if (policy.ping !== undefined) return await ping(policy, policy.ping, signal);
      const asked = policy.inquiry === undefined ? undefined : await ask(policy, policy.inquiry, signal);
      if (asked !== undefined) return asked;
      const failed = await connect(policy.url, policy.connectTimeoutMs);
      return { answered: failed === undefined, by: "connect", why: failed ?? "connected" };
    } catch (error) {
      const by = policy.ping !== undefined ? "ping" : policy.inquiry !== undefined ? "inquiry" : "connect";
      return { answered: false, by, why: `the probe failed: ${messageOf(error)}` };
    }
  };
}
