/**
 * What the delivery core must know of a destination, made from its profile and checked once, so that no loop runs on impossible numbers.
 */
import type { Destination, Partner } from "../partners/profile.ts";
import type { Backoff } from "./backoff.ts";
import type { Duplicates } from "./outcome.ts";
import type { QuietSpan } from "./quiet.ts";

/** What must be left of a lease when the slowest attempt has ended: time to settle it. */
export const LEASE_MARGIN_MS = 500;
/** A deferred answer that has not come by then is asked for, sent again or parked, by the destination's policy. */
export const DEFERRED_DEFAULT_MS = 30 * 60_000;
/** Largest reply we read; an acknowledgement of more is not one. Four times what an attempt's row keeps. */
export const REPLY_BYTES_MAX = 262_144;

export interface DestinationPolicy {
  readonly name: string;
  /** Base address without a slash at its end. */
  readonly url: string;
  readonly connectTimeoutMs: number;
  readonly replyTimeoutMs: number;
  readonly leaseMs: number;
  readonly parallel: number;
  readonly duplicates: Duplicates;
  readonly trustNotFoundAfterMs: number;
  readonly deferredMs: number;
  readonly retry: Backoff;
  readonly replyBytesMax: number;
  /** `<vendor>/<message>` of the inquiry; absent: the destination cannot be asked. */
  readonly inquiry?: string;
  /** By mapping: where one message is treated otherwise than the destination's others. */
  readonly perMessage?: ReadonlyMap<string, { readonly duplicates?: Duplicates; readonly inquiry?: string }>;
  /** `<vendor>/<message>` that undoes an unclear write-back of one of these mappings, once an inquiry found nothing (冲正); absent: it is sent again. */
  readonly reversal?: { readonly mapping: string; readonly of: ReadonlySet<string> };
  /** Path of a harmless GET: what probes ask while the breaker is open. */
  readonly ping?: string;
  /** Pauses between probes; absent: PROBE_FIRST_MS to PROBE_MAX_MS (breaker.ts). */
  readonly probe?: Backoff;
  /** Ceiling of calls a second, all workers together; absent: `parallel` alone limits. */
  readonly ratePerSecond?: number;
  readonly quietHours?: readonly QuietSpan[];
  /** by-key only: how long the partner remembers a key; absent: for ever. */
  readonly duplicatesLifetimeMs?: number;
  /** `skip`: a lane goes on past a parked head; absent: it is blocked until a person decides. */
  readonly parkedHead?: "skip";
}

export interface PolicyProblem {
  /** JSON pointer into the partner profile. */
  readonly at: string;
  readonly zh: string;
  readonly en: string;
}

export type PolicyOf =
  | { readonly ok: true; readonly policy: DestinationPolicy }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

function problemsOf(destination: Destination): readonly PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const attemptMs = destination.connectTimeoutMs + destination.replyTimeoutMs;
  if (attemptMs + LEASE_MARGIN_MS > destination.leaseMs) {
    problems.push({
      at: "/destination/leaseMs",
      zh: `租约 ${destination.leaseMs} 毫秒太短：连接与应答超时共 ${attemptMs} 毫秒，另需 ${LEASE_MARGIN_MS} 毫秒结算`,
      en: `the lease of ${destination.leaseMs} ms is too short: connect and reply time-outs are ${attemptMs} ms, and ${LEASE_MARGIN_MS} ms more are needed to settle`,
    });
  }
  // Past half of a key's lifetime the partner is asked and, when it knows nothing, written to within one attempt (deliver.ts).
  if (destination.duplicates === "by-key" && destination.duplicatesLifetimeMs !== undefined && destination.inquiry !== undefined) {
    const bothMs = 2 * attemptMs + LEASE_MARGIN_MS;
    if (bothMs > destination.leaseMs && problems.length === 0) {
      problems.push({
        at: "/destination/leaseMs",
        zh: `租约 ${destination.leaseMs} 毫秒太短：幂等键过期前须先查询再发送，共需 ${bothMs} 毫秒`,
        en: `the lease of ${destination.leaseMs} ms is too short: an old key is asked for and then sent, which may take ${bothMs} ms`,
      });
    }
  }
  for (const [message, own] of Object.entries(destination.perMessage ?? {}))
    if (own.duplicates === "inquiry" && own.inquiry === undefined && destination.inquiry === undefined)
      problems.push({
        at: `/destination/perMessage/${message}`,
        zh: "重复策略为 inquiry，但没有声明查询报文",
        en: "duplicates is “inquiry”, but no inquiry message is declared",
      });
  if (destination.reversal !== undefined) {
    const bothMs = 2 * attemptMs + LEASE_MARGIN_MS;
    if (destination.inquiry === undefined)
      problems.push({
        at: "/destination/reversal",
        zh: "冲正之前须先查询，但没有声明查询报文",
        en: "a reversal needs an inquiry before it, but none is declared",
      });
    else if (bothMs > destination.leaseMs && problems.length === 0)
      problems.push({
        at: "/destination/leaseMs",
        zh: `租约 ${destination.leaseMs} 毫秒太短：先查询再冲正共需 ${bothMs} 毫秒`,
        en: `the lease of ${destination.leaseMs} ms is too short: an inquiry and a reversal may take ${bothMs} ms`,
      });
  }
  for (const [index, { from, to }] of (destination.quietHours ?? []).entries()) {
    if (from === to) {
      problems.push({
        at: `/destination/quietHours/${index}`,
        zh: "静默时段的起止时间相同",
        en: "quiet hours begin and end at the same time",
      });
    }
  }
  if (destination.duplicates === "inquiry" && destination.inquiry === undefined) {
    problems.push({
      at: "/destination/inquiry",
      zh: "重复策略为 inquiry，但没有声明查询报文",
      en: "duplicates is “inquiry”, but no inquiry message is declared",
    });
  }
  if (destination.retry.firstMs > destination.retry.maxMs) {
    problems.push({ at: "/destination/retry", zh: "首次等待大于最长等待", en: "the first wait is longer than the longest" });
  }
  if (destination.probe !== undefined && destination.probe.firstMs > destination.probe.maxMs) {
    problems.push({ at: "/destination/probe", zh: "首次等待大于最长等待", en: "the first wait is longer than the longest" });
  }
  if (!URL.canParse(destination.url)) problems.push({ at: "/destination/url", zh: "地址不合法", en: "is not an address" });
  return problems;
}

/** The policy of a partner, or every problem of it. Undefined for a partner we do not write to. */
export function policyOf(partner: Pick<Partner, "partner" | "vendor" | "destination">): PolicyOf | undefined {
  const destination = partner.destination;
  if (!destination) return undefined;
  const problems = problemsOf(destination);
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    policy: {
      name: partner.partner,
      url: destination.url.replace(/\/+$/, ""),
      connectTimeoutMs: destination.connectTimeoutMs,
      replyTimeoutMs: destination.replyTimeoutMs,
      leaseMs: destination.leaseMs,
      parallel: destination.parallel,
      duplicates: destination.duplicates,
      trustNotFoundAfterMs: destination.trustNotFoundAfterMs,
      deferredMs: destination.deferredMs ?? DEFERRED_DEFAULT_MS,
      retry: destination.retry,
      replyBytesMax: REPLY_BYTES_MAX,
      ...(destination.inquiry === undefined ? {} : { inquiry: `${partner.vendor}/${destination.inquiry}` }),
      ...(destination.perMessage === undefined
        ? {}
        : {
            perMessage: new Map(
              Object.entries(destination.perMessage).map(([message, { duplicates, inquiry }]) => [
                `${partner.vendor}/${message}`,
                {
                  ...(duplicates === undefined ? {} : { duplicates }),
                  ...(inquiry === undefined ? {} : { inquiry: `${partner.vendor}/${inquiry}` }),
                },
              ]),
            ),
          }),
      ...(destination.reversal === undefined
        ? {}
        : {
            reversal: {
              mapping: `${partner.vendor}/${destination.reversal.message}`,
              of: new Set(destination.reversal.of.map((message) => `${partner.vendor}/${message}`)),
            },
          }),
      ...(destination.ping === undefined ? {} : { ping: destination.ping }),
      ...(destination.probe === undefined ? {} : { probe: destination.probe }),
      ...(destination.ratePerSecond === undefined ? {} : { ratePerSecond: destination.ratePerSecond }),
      ...(destination.quietHours === undefined ? {} : { quietHours: destination.quietHours }),
      ...(destination.duplicatesLifetimeMs === undefined ? {} : { duplicatesLifetimeMs: destination.duplicatesLifetimeMs }),
      ...(destination.parkedHead === "skip" ? { parkedHead: destination.parkedHead } : {}),
    },
  };
}

/** The policy as it holds for one message. */
export function policyForMessage(policy: DestinationPolicy, mapping: string): DestinationPolicy {
  const own = policy.perMessage?.get(mapping);
  return own === undefined ? policy : { ...policy, ...own };
}

/** What the store does with a head that came back unclear (expired lease, overdue deferred answer): by the step table's row for `unclear`. */
export function unclearAction(policy: Pick<DestinationPolicy, "duplicates" | "inquiry">): "send" | "ask" | "park" {
  switch (policy.duplicates) {
    case "by-key":
    case "by-reference":
      return "send";
    case "inquiry":
      return "ask";
    case "none":
      return "park";
  }
}
