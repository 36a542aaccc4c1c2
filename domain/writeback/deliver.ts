/**
 * What one claim does: call the partner (or ask it), hold the reply against what was sent, take the step from the table, and put together the attempt's end with its
 * event. Never throws, whatever the dialect, the wire or the sealer do: a claim always ends in a row that says what is known.
 */
import { traceparentOf } from "../trace.ts";
import { failpoint } from "../failpoint.ts";
import { createAttemptEnd, type EndDeps, type Judged, type Reach } from "./attempt-end.ts";
import { backoffMs } from "./backoff.ts";
import type { Clock, Random } from "./clock.ts";
import type { OutboundDialect, Reading, Reply, Sent, WireRequest } from "./dialect.ts";
import { judgeInquiry, judgeSend, type Verdict } from "./judge.ts";
import { nextStep } from "./outcome.ts";
import { type DestinationPolicy, LEASE_MARGIN_MS, policyForMessage, unclearAction } from "./policy.ts";
import type { AttemptEnd, CallNumbers, CallRequest, CallResult, Claimed, Courier, Sending } from "./ports.ts";
import type { ParkCode } from "./reasons.ts";
import { judgeReversal, reversalUnanswered } from "./reversal.ts";
import { numberOf, slotOf, type What } from "./slots.ts";
import { createSteps, parked } from "./steps.ts";
import { why } from "./why.ts";

export type Delivered =
  /** `throttled`: the partner asked for less (429, or a Retry-After with no acknowledgement). */
  | { readonly kind: "ended"; readonly end: AttemptEnd; readonly reach: Reach; readonly throttled: boolean; readonly ms: number }
  /** The lease is too short to begin: nothing left us. Give the claim back. */
  | { readonly kind: "not-begun"; readonly why: string };

export interface DeliverDeps extends EndDeps {
  readonly courier: Courier;
  readonly dialect: OutboundDialect;
  readonly clock: Clock;
  readonly random: Random;
  /** The store's time; undefined while it is not known. The age of a key is counted by it. */
  readonly storeNowMs?: () => number | undefined;
  /** Absent: exchanges are not journaled. */
  readonly record?: SendRecord;
  /** Absent: no partner knows our calls by a number. */
  readonly numbers?: CallNumbers;
}

/**
 * The partner's reply to an earlier send of this write-back, where our own journal has it although the attempt was never settled. Rejects when the journal cannot be read:
 * the partner is not asked then.
 */
export type SendRecord = (about: Pick<Claimed, "destination" | "key" | "attempt" | "mapping">) => Promise<Reply | undefined>;

/** Past this share of the time for which a partner remembers a key the key alone protects nothing any more. */
const KEY_LIFE_SHARE = 0.5;
const TOO_MANY_REQUESTS = 429;
const NOT_CALLED = { reach: "not-called", openSend: false } as const;
const RECORD_WORDS_BYTES = 200;

export type Deliver = (claimed: Claimed, policy: DestinationPolicy, claimedAtTickMs: number, signal?: AbortSignal) => Promise<Delivered>;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const sentOf = (claimed: Claimed, callNumber?: string): Sent => ({
  key: claimed.key,
  ...(callNumber === undefined ? {} : { callNumber }),
  ...(claimed.serial === undefined ? {} : { serial: claimed.serial }),
  ...(claimed.amountFen === undefined ? {} : { amountFen: claimed.amountFen }),
});

const traceOf = ({ messageId, id, traceparent }: Claimed): string => traceparentOf(messageId, id, traceparent);

export function createDeliver(deps: DeliverDeps): Deliver {
  const { courier, dialect, clock, random } = deps;
  const attemptEnd = createAttemptEnd(deps);
  const { sendStep, askStep } = createSteps(random);
  const trouble = (what: string, claimed: Claimed, why: string): void =>
    deps.trouble(what, { id: claimed.id, destination: claimed.destination, why });

  const call = async (
    policy: DestinationPolicy,
    request: WireRequest,
    content: { readonly body?: Uint8Array; readonly contentType?: string },
    about: NonNullable<CallRequest["about"]>,
    traceparent: string,
    signal: AbortSignal | undefined,
  ): Promise<CallResult> => {
    try {
      return await courier.call({
        url: policy.url + request.path,
        method: request.method,
        headers: { ...(content.contentType === undefined ? {} : { "content-type": content.contentType }), traceparent, ...request.headers },
        ...(content.body === undefined || request.method === "GET" ? {} : { body: content.body }),
        connectTimeoutMs: policy.connectTimeoutMs,
        replyTimeoutMs: policy.replyTimeoutMs,
        replyBytesMax: policy.replyBytesMax,
        about,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      // A courier that throws broke its promise; what left us is unknown.
      return { kind: "no-reply", why: `courier threw: ${messageOf(error)}`, ms: 0 };
    }
  };

  const aboutOf = ({ destination, key, attempt }: Claimed, mapping: string, number?: string) => ({
    destination,
    mapping,
    key,
    attempt,
    ...(number === undefined ? {} : { number }),
  });

  const numbered = (claimed: Claimed, what: What) => numberOf(deps.numbers, claimed, what);

  const read = (mapping: string, reply: Reply, claimed: Claimed, callNumber?: string): Reading => {
    try {
      return dialect.interpret(mapping, reply, sentOf(claimed, callNumber));
    } catch (error) {
      trouble("dialect threw while it read a reply", claimed, messageOf(error));
      return { outcome: "unclear", why: why("dialect-failed") };
    }
  };

  const send = async (claimed: Claimed, policy: DestinationPolicy, fits: () => boolean, signal?: AbortSignal): Promise<Judged> => {
    let request: WireRequest | undefined;
    try {
      request = dialect.request(claimed.mapping, { key: claimed.key });
    } catch (error) {
      trouble("dialect threw before a send", claimed, messageOf(error));
    }
    if (!request?.path.startsWith("/")) return parked("CANNOT_SEND", "unsent", why("no-outbound-mapping", claimed.mapping));
    const own = await numbered(claimed, "send");
    if (!own.ok) return sendStep(claimed, policy, { outcome: "unsent", why: why("no-call-number", own.why) }, NOT_CALLED);
    // Our own journal may hold the receipt of an earlier send: sent again, the partner may refuse what it has done, and flows would be told of both.
    const sentBefore = claimed.sinceLastPossibleSendMs !== undefined && claimed.because !== "replay";
    const known = sentBefore ? await fromRecord(claimed, policy, own.number) : undefined;
    if (known) return known.step === "finish" ? known : sendStep(claimed, policy, { ...known.verdict, outcome: "unsent" }, NOT_CALLED);
    // Storing it may have taken as long as the database is slow: whoever took the lease over must not be overtaken by us.
    if (!fits())
      return { ...sendStep(claimed, policy, { outcome: "unsent", why: why("no-call-number", "lease") }, NOT_CALLED), retryInMs: 0 };
    failpoint("write-back.before-send");
    const content = { body: claimed.body, contentType: contentTypeOf(claimed) };
    const result = await call(policy, request, content, aboutOf(claimed, claimed.mapping, own.number), traceOf(claimed), signal);
    if (result.kind !== "reply") {
      const outcome = result.kind === "unsent" ? "unsent" : "unclear";
      return sendStep(
        claimed,
        policy,
        { outcome, why: why(result.kind === "unsent" ? "not-sent" : "no-reply", result.why) },
        { reach: "failed", openSend: outcome === "unclear" },
      );
    }
    const reading = read(claimed.mapping, result, claimed, own.number);
    const verdict = judgeSend(reading, result.status, sentOf(claimed), policy.inquiry !== undefined);
    const reach: Reach = verdict.outcome === "busy" ? "busy" : verdict.outcome === "unclear" && !verdict.park ? "failed" : "answered";
    const openSend = verdict.outcome === "acknowledged" || verdict.outcome === "deferred" || verdict.outcome === "unclear";
    return sendStep(claimed, policy, verdict, { reach, openSend, reply: result, ...told(result) });
  };

  /** A long outage outlives a partner's memory (reference/delivery.md 1, Stripe): sent again then, it would be done again. */
  const keyIsOld = (claimed: Claimed, policy: DestinationPolicy): boolean => {
    if (policy.duplicates !== "by-key" || policy.duplicatesLifetimeMs === undefined || claimed.firstSentAt === undefined) return false;
    const now = deps.storeNowMs?.() ?? clock.nowMs();
    return now - Date.parse(claimed.firstSentAt) > policy.duplicatesLifetimeMs * KEY_LIFE_SHARE;
  };

  /**
   * Asked first; only when it may be believed that nothing is there, sent in the same attempt (policy.ts saw to it that the lease lasts for both). `fits`: the lease still
   * lasts for a call. The process may have slept over the inquiry, and whoever took the lease over has sent it by now: the partner would do it twice.
   */
  const sendUnderOldKey = async (
    claimed: Claimed,
    policy: DestinationPolicy,
    fits: () => boolean,
    signal?: AbortSignal,
  ): Promise<Judged> => {
    // A person has looked in the partner's system (manual.ts replayRuling): nothing is there, and this one send is what he wants.
    if (policy.inquiry === undefined && claimed.because === "replay") return send(claimed, policy, fits, signal);
    if (policy.inquiry === undefined) return parked("KEY_EXPIRED", "unclear", why("key-expired"));
    const asked = await ask(claimed, policy, signal);
    return asked.step === "resend" && fits() ? send(claimed, policy, fits, signal) : asked;
  };

  const ask = async (claimed: Claimed, policy: DestinationPolicy, signal?: AbortSignal): Promise<Judged> => {
    const since = claimed.sinceLastPossibleSendMs;
    const open = since === undefined ? "unsent" : "unclear";
    if (policy.inquiry === undefined) return parked("CANNOT_ASK", open, why("no-inquiry"));
    const original = await numbered(claimed, "send");
    const known = original.ok ? await fromRecord(claimed, policy, original.number) : undefined;
    if (known !== undefined) return known;
    const own = original.ok ? await numbered(claimed, "inquiry") : original;
    if (!original.ok || !own.ok) {
      const reason = why("no-call-number", own.ok ? "" : own.why);
      return askStep(claimed, policy, { kind: "unsent", verdict: { outcome: "unclear", why: reason } }, { reach: "not-called" });
    }
    const encoded = encodeInquiry(claimed, policy.inquiry, original.number);
    if (!encoded.ok || !encoded.request.path.startsWith("/")) {
      return parked("CANNOT_ASK", open, encoded.ok ? why("inquiry-without-path") : why("inquiry-not-written", encoded.why));
    }
    failpoint("write-back.before-inquiry");
    const about = { ...aboutOf(claimed, policy.inquiry, own.number), sent: sendingOf(claimed) };
    const result = await call(policy, encoded.request, encoded, about, traceOf(claimed), signal);
    if (result.kind === "reply" && result.standsFor !== undefined) return askedRecord(claimed, policy, result, original.number);
    if (result.kind !== "reply") {
      const kind = result.kind === "unsent" ? "unsent" : "unclear";
      return askStep(
        claimed,
        policy,
        { kind, verdict: { outcome: "unclear", why: why(`inquiry-${kind === "unsent" ? "not-sent" : "no-reply"}`, result.why) } },
        { reach: "failed" },
      );
    }
    const reading = read(policy.inquiry, result, claimed, original.number);
    const judged = judgeInquiry(reading, result.status, sentOf(claimed));
    // Counted up to the claim, before we asked: what the partner says is about the instant it looked. Never sent at all: nothing can still be under way.
    const sinceMs = since ?? Number.POSITIVE_INFINITY;
    const reach: Reach = reading.outcome === "busy" ? "busy" : judged.kind === "unclear" ? "failed" : "answered";
    return askStep(claimed, policy, judged, { reach, reply: result, sinceMs, ...told(result) });
  };

  /** Only what proves it done counts: flows may have acted on it, and no inquiry may say otherwise. A refusal is asked about; the row may have been replayed since. */
  const fromRecord = async (claimed: Claimed, policy: DestinationPolicy, callNumber: string | undefined): Promise<Judged | undefined> => {
    if (deps.record === undefined) return undefined;
    let reply: Reply | undefined;
    try {
      reply = await deps.record(claimed);
    } catch (error) {
      const verdict: Verdict = { outcome: "unclear", why: why("no-call-number", messageOf(error)) };
      return askStep(claimed, policy, { kind: "unsent", verdict }, { reach: "not-called" });
    }
    if (reply === undefined) return undefined;
    const verdict = judgeSend(read(claimed.mapping, reply, claimed, callNumber), reply.status, sentOf(claimed), false);
    if (verdict.outcome !== "acknowledged") return undefined;
    return sendStep(claimed, policy, { ...verdict, why: why("own-record") }, { reach: "not-called", openSend: false, reply });
  };

  /** Who stands between us and the partner has answered from its record, in place of the partner. */
  const askedRecord = (
    claimed: Claimed,
    policy: DestinationPolicy,
    result: CallResult & { readonly kind: "reply" },
    callNumber: string | undefined,
  ): Judged => {
    if (result.standsFor === "nothing") {
      const verdict: Verdict = { outcome: "unsent", why: why("not-begun-by-record") };
      return { verdict, step: "resend", retryInMs: 0, reach: "answered", openSend: false, reply: result };
    }
    if (result.standsFor === "unclear")
      return { ...parked("UNCLEAR", "unclear", why("unclear-by-record", bodyText(result.body))), reach: "answered" };
    const verdict = judgeSend(read(claimed.mapping, result, claimed, callNumber), result.status, sentOf(claimed), false);
    // What the partner said then it says for ever: asked again it would only be read again.
    const judged: Verdict = verdict.outcome === "unclear" && !verdict.park ? { ...verdict, park: "UNCLEAR" } : verdict;
    return sendStep(claimed, policy, judged, { reach: "answered", openSend: false, reply: result, ...told(result) });
  };

  /**
   * Asks, and where nothing is there tells the partner to undo whatever may still come of it before it is sent again. Both in one attempt: `fits` says whether the lease
   * still lasts for the second call.
   */
  const askAndReverse = async (claimed: Claimed, policy: DestinationPolicy, fits: () => boolean, signal?: AbortSignal): Promise<Judged> => {
    const asked = await ask(claimed, policy, signal);
    const undo = policy.reversal;
    const wanted = undo?.of.has(claimed.mapping) === true && claimed.sinceLastPossibleSendMs !== undefined;
    if (!undo || !wanted || asked.step !== "resend") return asked;
    const again = (detail: string, reach: Reach): Judged => ({
      ...reversalUnanswered(detail),
      reach,
      openSend: false,
      retryInMs: backoffMs(claimed.attempt, policy.retry, random),
    });
    const original = await numbered(claimed, "send");
    const own = original.ok ? await numbered(claimed, "reversal") : original;
    if (!original.ok || !own.ok) return again(own.ok ? "" : own.why, "not-called");
    if (!fits()) return { ...again("lease", "answered"), retryInMs: 0 };
    const encoded = encodeInquiry(claimed, undo.mapping, original.number);
    if (!encoded.ok) return parked("CANNOT_ASK", "unclear", why("reversal-not-written", encoded.why));
    const about = { ...aboutOf(claimed, undo.mapping, own.number), sent: sendingOf(claimed) };
    const result = await call(policy, encoded.request, encoded, about, traceOf(claimed), signal);
    if (result.kind !== "reply") return again(result.why, "failed");
    const { refused, ...judged } = judgeReversal(read(undo.mapping, result, claimed, original.number), asked.verdict, own.first);
    // Not stored: the next refusal is taken for doubtful, and a person looks.
    if (refused) await deps.numbers?.over(claimed.destination, slotOf(claimed, "reversal")).catch(() => undefined);
    // Sent all the same it is another call: under the undone number the partner may repeat the undone answer, and the bill takes it for reversed.
    if (judged.verdict.park === "REVERSED")
      for (const what of ["send", "reversal"] as const)
        await deps.numbers
          ?.over(claimed.destination, slotOf(claimed, what))
          .catch((error: unknown) => trouble("the number of a reversed call stays", claimed, messageOf(error)));
    const reach: Reach = judged.step === "ask" ? "failed" : "answered";
    const retryInMs = judged.step === "ask" ? backoffMs(claimed.attempt, policy.retry, random) : judged.step === "resend" ? 0 : undefined;
    return { ...judged, reach, openSend: false, reply: result, ...(retryInMs === undefined ? {} : { retryInMs }) };
  };

  const encodeInquiry = (claimed: Claimed, mapping: string, callNumber: string | undefined) => {
    try {
      const { destination, kind, businessDate } = claimed;
      return dialect.encodeInquiry(mapping, { ...sentOf(claimed, callNumber), destination, kind, businessDate, sent: sendingOf(claimed) });
    } catch (error) {
      trouble("dialect threw before an inquiry", claimed, messageOf(error));
      return { ok: false as const, why: "the dialect failed" };
    }
  };

  const judge = async (claimed: Claimed, policy: DestinationPolicy, fits: () => boolean, signal?: AbortSignal): Promise<Judged> => {
    try {
      if (claimed.action === "send" && keyIsOld(claimed, policy)) return await sendUnderOldKey(claimed, policy, fits, signal);
      if (claimed.action === "send") return await send(claimed, policy, fits, signal);
      if (claimed.action === "ask") return await askAndReverse(claimed, policy, fits, signal);
      if (claimed.because === "no-body") return parked("CANNOT_SEND", "unsent", why("no-body"));
      if (claimed.because === "person") return parked("PARKED_BY_PERSON", "unsent", why("by-person"));
      const code: ParkCode = claimed.because === "answer-overdue" ? "ANSWER_OVERDUE" : "LEASE_EXPIRED";
      return { ...parked(code, "unclear", why(code === "ANSWER_OVERDUE" ? "answer-overdue" : "lease-expired")), openSend: false };
    } catch (error) {
      // Our own mistake, at an unknown point: the only honest outcome is unclear, and the table knows what to do with it.
      trouble("delivery failed", claimed, messageOf(error));
      const step = nextStep("unclear", policy.duplicates);
      return {
        verdict: { outcome: "unclear", why: why("internal", messageOf(error)), ...(step === "park" ? { park: "INTERNAL" as const } : {}) },
        step,
        reach: "not-called",
        openSend: claimed.action === "send",
        ...(step === "park" ? {} : { retryInMs: backoffMs(claimed.attempt, policy.retry, random) }),
      };
    }
  };

  return async (given, destination, claimedAtTickMs, signal) => {
    const policy = policyForMessage(destination, given.mapping);
    // The store knows the destination's policy alone; a person's wish to have it asked for first holds for every message.
    const asked = given.action === "ask" && given.because !== "replay" && policy !== destination;
    const claimed: Claimed = asked ? { ...given, action: unclearAction(policy) } : given;
    // Checked here and nowhere earlier: between the claim and this line the process may have slept (decision 6).
    const startedAt = clock.tickMs();
    const startedMs = clock.nowMs();
    const leftMs = (): number => claimed.leaseMs - (clock.tickMs() - claimedAtTickMs);
    const neededMs = policy.connectTimeoutMs + policy.replyTimeoutMs + LEASE_MARGIN_MS;
    const fits = (): boolean => leftMs() >= neededMs;
    if (claimed.action !== "park" && !fits()) {
      return { kind: "not-begun", why: `${Math.floor(leftMs())} ms of the lease are left, an attempt may need ${neededMs} ms` };
    }
    const judged = await judge(claimed, policy, fits, signal);
    failpoint("write-back.after-call");
    const { reach } = judged;
    // A receipt is a receipt, whatever its headers ask for.
    const throttled = judged.throttled === true && reach !== "answered";
    // What may have taken effect holds its lane: a second settlement of the bill must not go out while nobody knows of the first (domain.md 1.6).
    const skips = judged.step === "park" && judged.verdict.outcome !== "unclear" && policy.parkedHead === "skip";
    const end = attemptEnd(skips ? { ...claimed, laneBehind: 0 } : claimed, judged, startedMs);
    return { kind: "ended", end: skips ? { ...end, letsNextGo: true } : end, reach, throttled, ms: clock.tickMs() - startedAt };
  };
}

const told = (result: { readonly status: number; readonly retryAfterMs?: number }) => ({
  throttled: result.status === TOO_MANY_REQUESTS || result.retryAfterMs !== undefined,
  ...(result.retryAfterMs === undefined ? {} : { retryAfterMs: result.retryAfterMs }),
});

/** What the record says beside the reply: a short text of ours. */
const bodyText = (body: Uint8Array): string => new TextDecoder().decode(body.subarray(0, RECORD_WORDS_BYTES));

const sendingOf = (claimed: Claimed): Sending => ({ mapping: claimed.mapping, body: claimed.body, contentType: contentTypeOf(claimed) });

/** The body was encoded in `charset`; a partner that decodes by header must be told. */
const contentTypeOf = (claimed: Claimed): string =>
  /charset=/i.test(claimed.contentType) ? claimed.contentType : `${claimed.contentType}; charset=${claimed.charset}`;
