/** From what a call told to what the attempt comes to: the step table, the policy's limits and the time until the next try (design.md decision 8). */
import type { Judged } from "./attempt-end.ts";
import { retryAfterMs } from "./backoff.ts";
import type { Random } from "./clock.ts";
import type { InquiryVerdict, Verdict } from "./judge.ts";
import { nextStep, type Step, stepAfterInquiry } from "./outcome.ts";
import type { DestinationPolicy } from "./policy.ts";
import type { Claimed } from "./ports.ts";
import type { ParkCode } from "./reasons.ts";
import { why } from "./why.ts";

/** `retryAfterMs`: when the partner asked to be tried again. */
type AboutCall = Pick<Judged, "reach" | "reply" | "throttled"> & { readonly retryAfterMs?: number };

export interface Steps {
  /** After a send. What the table would ask about is parked where the destination cannot be asked. */
  sendStep(claimed: Claimed, policy: DestinationPolicy, verdict: Verdict, about: AboutCall & Pick<Judged, "openSend">): Judged;
  /** After an inquiry. `sinceMs`: since the last instant at which a send may have left us; absent: it may have been just now. */
  askStep(claimed: Claimed, policy: DestinationPolicy, found: InquiryVerdict, about: AboutCall & { readonly sinceMs?: number }): Judged;
}

/** Nobody was called: a person must look. */
export const parked = (code: ParkCode, outcome: Verdict["outcome"], why: string): Judged => ({
  verdict: { outcome, why, park: code },
  step: "park",
  reach: "not-called",
  openSend: false,
});

export function createSteps(random: Random): Steps {
  const retryInMsOf = (step: Step, claimed: Claimed, policy: DestinationPolicy, toldMs: number | undefined): number | undefined => {
    if (step === "wait") return policy.deferredMs;
    return step === "resend" || step === "ask" ? retryAfterMs(toldMs, claimed.attempt, policy.retry, random) : undefined;
  };

  return {
    sendStep: (claimed, policy, verdict, { retryAfterMs: toldMs, ...about }) => {
      let step: Step = verdict.park ? "park" : verdict.ask ? "ask" : nextStep(verdict.outcome, policy.duplicates);
      let judged = verdict;
      if (step === "park" && !verdict.park) judged = { ...verdict, park: verdict.outcome === "rejected" ? "REJECTED" : "UNCLEAR" };
      if (step === "ask" && policy.inquiry === undefined) {
        judged = { ...verdict, park: "CANNOT_ASK" };
        step = "park";
      }
      const retryInMs = retryInMsOf(step, claimed, policy, toldMs);
      return { ...about, verdict: judged, step, ...(retryInMs === undefined ? {} : { retryInMs }) };
    },

    askStep: (claimed, policy, found, { retryAfterMs: toldMs, sinceMs = 0, ...about }) => {
      const judged = { ...about, openSend: false };
      if (found.kind === "park") return { ...judged, verdict: found.verdict, step: "park" };
      const step = stepAfterInquiry(found.kind, sinceMs, policy.trustNotFoundAfterMs);
      if (step === "resend") return { ...judged, verdict: found.verdict, step, retryInMs: 0 };
      if (step === "finish") return { ...judged, verdict: found.verdict, step };
      if (found.kind !== "not-found")
        return { ...judged, verdict: found.verdict, step: "ask", retryInMs: retryAfterMs(toldMs, claimed.attempt, policy.retry, random) };
      // Not found, but too early to believe it: come back when it counts.
      const verdict: Verdict = { ...found.verdict, outcome: "unclear", why: why("not-found-too-early", found.verdict.code ?? "") };
      return { ...judged, verdict, step: "ask", retryInMs: Math.max(Math.ceil(policy.trustNotFoundAfterMs - sinceMs), 1) };
    },
  };
}
