/**
 * What one attempt told us, how a destination treats repeats, and what we do next (design.md decision 8). The table is the rule: a new outcome does not
 * compile until it has a row, and an auditor can read it.
 */

/**
 * - `acknowledged` the partner's own receipt says so
 * - `rejected` the partner refused for good: a business answer
 * - `busy` the partner asks to come later (429, a listed code); nothing happened
 * - `unsent` not one request byte left us: refused connection, DNS, TLS
 * - `deferred` taken; the answer follows on its own
 * - `unclear` anything else after the first request byte: it may have taken effect
 */
export type Outcome = "acknowledged" | "rejected" | "busy" | "unsent" | "deferred" | "unclear";

/**
 * How a destination treats the same write-back sent twice:
 * `by-key` ignores a repeated key (for its lifetime) · `by-reference` ignores a repeated business reference · `inquiry` does it again, but can be asked · `none` does it again and cannot be asked.
 */
export type Duplicates = "by-key" | "by-reference" | "inquiry" | "none";

/** `finish` acknowledged · `resend` later, same key · `ask` inquire before anything else · `wait` for the deferred answer · `park` a person must look. */
export type Step = "finish" | "resend" | "ask" | "wait" | "park";

const same = (step: Step): Record<Duplicates, Step> => ({ "by-key": step, "by-reference": step, inquiry: step, none: step });

export const STEP: Record<Outcome, Record<Duplicates, Step>> = {
  acknowledged: same("finish"),
  rejected: same("park"),
  busy: same("resend"),
  unsent: same("resend"),
  deferred: same("wait"),
  unclear: { "by-key": "resend", "by-reference": "resend", inquiry: "ask", none: "park" },
};

/** The step after an outcome at a destination. */
export const nextStep = (outcome: Outcome, duplicates: Duplicates): Step => STEP[outcome][duplicates];

/** What an inquiry told us: `done` with the partner's proof, `not-found`, or still unclear. */
export type InquiryOutcome = "done" | "not-found" | "unclear" | "unsent";

/**
 * The step after an inquiry. "Not found" counts only once `trustNotFoundAfterMs` has passed since the last instant at which a request could have been sent:
 * before that the partner may still be working on it.
 */
export function stepAfterInquiry(outcome: InquiryOutcome, sinceLastPossibleSendMs: number, trustNotFoundAfterMs: number): Step {
  switch (outcome) {
    case "done":
      return "finish";
    case "not-found":
      return sinceLastPossibleSendMs >= trustNotFoundAfterMs ? "resend" : "ask";
    case "unclear":
    case "unsent":
      return "ask";
  }
}
