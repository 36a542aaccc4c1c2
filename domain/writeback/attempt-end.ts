/**
 * How one attempt is written down: the judged call becomes the end that is settled under the claim's token, with its reason to park, its receipt and its event.
 */
import type { Clock } from "./clock.ts";
import type { Reply } from "./dialect.ts";
import { acknowledgedDraft, parkedDraft, type SealWriteBackEvent, type WriteBackEventDraft } from "./events.ts";
import type { Verdict } from "./judge.ts";
import type { Step } from "./outcome.ts";
import type { AttemptEnd, Claimed } from "./ports.ts";
import { PARK, parkReason } from "./reasons.ts";

/** Reply bytes kept in an attempt's row. */
const REPLY_KEPT_BYTES = 65_536;

/** What a call says about the destination itself, whatever it says about the write-back. Busy is neither: it lives, and wants less. */
export type Reach = "answered" | "busy" | "failed" | "not-called";

/** Something of ours misbehaved (dialect threw, event refused); the write-back is settled all the same. Must not throw. */
export type Trouble = (what: string, about: { readonly id: string; readonly destination: string; readonly why: string }) => void;

/** What the core makes of one call before it is written down. */
export interface Judged {
  readonly verdict: Verdict;
  readonly step: Step;
  readonly reach: Reach;
  readonly retryInMs?: number;
  readonly reply?: Reply;
  /** This was a send that may have taken effect: a request byte may have left us, and no reply says that nothing happened. */
  readonly openSend: boolean;
  /** The partner asked for less. */
  readonly throttled?: boolean;
}

export interface EndDeps {
  readonly seal: SealWriteBackEvent;
  readonly clock: Clock;
  readonly trouble: Trouble;
}

const partnerWords = (verdict: Verdict): Pick<Verdict, "code" | "text"> => ({
  ...(verdict.code === undefined ? {} : { code: verdict.code }),
  ...(verdict.text === undefined ? {} : { text: verdict.text }),
});

const partnerSaid = ({ code, text }: Verdict): string | undefined =>
  code === undefined && text === undefined ? undefined : [code, text].filter((part) => part !== undefined).join(" ");

/** Makes ends. `startedMs`: wall time at which the attempt began. */
export function createAttemptEnd(deps: EndDeps): (claimed: Claimed, judged: Judged, startedMs: number) => AttemptEnd {
  const seal = (claimed: Claimed, draft: () => WriteBackEventDraft): AttemptEnd["event"] => {
    const trouble = (what: string, why: string) => deps.trouble(what, { id: claimed.id, destination: claimed.destination, why });
    try {
      const sealed = deps.seal(draft());
      if (sealed.ok) return sealed.event;
      trouble("event refused", sealed.problems.map((one) => `${one.at} ${one.en}`).join("; "));
    } catch (error) {
      trouble("sealer threw", error instanceof Error ? error.message : String(error));
    }
    // An acknowledgement without its event is better than a write-back that is sent twice.
    return undefined;
  };

  const eventOf = (claimed: Claimed, judged: Judged, startedMs: number, park: AttemptEnd["park"]): AttemptEnd["event"] => {
    const { verdict, reply } = judged;
    const atMs = deps.clock.nowMs();
    const firstSend = claimed.firstSentAt === undefined && judged.openSend;
    const facts = { ...claimed, ...(firstSend ? { firstSentAt: new Date(startedMs).toISOString() } : {}) };
    if (park) {
      const mayHaveTakenEffect =
        judged.openSend ||
        claimed.sinceLastPossibleSendMs !== undefined ||
        verdict.outcome === "unclear" ||
        (verdict.park !== undefined && PARK[verdict.park].mayHaveTakenEffect);
      const status = reply === undefined ? {} : { status: reply.status };
      const { laneBehind } = claimed;
      return seal(claimed, () =>
        parkedDraft(facts, { park, outcome: verdict.outcome, mayHaveTakenEffect, atMs, laneBehind, ...partnerWords(verdict), ...status }),
      );
    }
    const { receipt, how } = verdict;
    return judged.step === "finish" && receipt && how ? seal(claimed, () => acknowledgedDraft(facts, { receipt, how, atMs })) : undefined;
  };

  return (claimed, judged, startedMs) => {
    const { verdict, step, reply, retryInMs } = judged;
    const park = step === "park" ? parkReason(verdict.park ?? "INTERNAL", partnerSaid(verdict)) : undefined;
    const event = eventOf(claimed, judged, startedMs, park);
    const { receipt, how } = verdict;
    return {
      id: claimed.id,
      messageId: claimed.messageId,
      token: claimed.token,
      attempt: claimed.attempt,
      action: claimed.action === "ask" ? "ask" : "send",
      outcome: verdict.outcome,
      step,
      mayHaveTakenEffect: judged.openSend,
      ...(reply === undefined ? {} : { status: reply.status, reply: reply.body.subarray(0, REPLY_KEPT_BYTES) }),
      ...partnerWords(verdict),
      why: verdict.why,
      ...(step === "finish" && receipt && how ? { how, receipt } : {}),
      ...(step === "wait" && verdict.reference !== undefined ? { reference: verdict.reference } : {}),
      ...(retryInMs === undefined ? {} : { retryInMs }),
      ...(park === undefined ? {} : { park }),
      ...(event === undefined ? {} : { event }),
    };
  };
}
