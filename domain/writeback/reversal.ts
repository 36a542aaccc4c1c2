/**
 * What a reversal (冲正) tells of the write-back that it undoes. It is only ever sent after an inquiry that was believed to find nothing, and under the number of the
 * call that is undone (domain.md 1.6). Pure.
 */
import type { Reading } from "./dialect.ts";
import type { Verdict } from "./judge.ts";
import type { Step } from "./outcome.ts";
import { why } from "./why.ts";

export interface ReversalVerdict {
  readonly verdict: Verdict;
  readonly step: Step;
  /** The partner said that there was nothing to undo. */
  readonly refused?: true;
}

const open = (detail: string): ReversalVerdict => ({ verdict: { outcome: "unclear", why: why("reversal-open", detail) }, step: "ask" });

/**
 * `asked`: what the inquiry before it told. `first`: no earlier reversal of it may have been done. Refused, the partner holds neither the write-back (the inquiry) nor
 * anything to undo: it may be sent again under the same number. With an earlier reversal unclear the refusal may mean "undone already": a person must look.
 */
export function judgeReversal(reading: Reading, asked: Verdict, first: boolean): ReversalVerdict {
  const { code, text } = reading;
  const words = { ...(code === undefined ? {} : { code }), ...(text === undefined ? {} : { text }) };
  switch (reading.outcome) {
    case "acknowledged":
      return { verdict: { ...words, outcome: "unsent", why: why("reversed"), park: "REVERSED" }, step: "park" };
    case "rejected":
    case "not-found": {
      const reason = why("reversal-refused", [code, text].filter((part) => part !== undefined && part !== "").join(" "));
      if (first) return { verdict: { ...asked, ...words, why: reason }, step: "resend", refused: true };
      return { verdict: { ...words, outcome: "unclear", why: reason, park: "REVERSAL_UNPROVED" }, step: "park" };
    }
    case "busy":
    case "deferred":
    case "unclear":
      return open(code ?? reading.outcome);
  }
}

/** It did not reach the partner, or no whole reply came back. */
export const reversalUnanswered = (detail: string): ReversalVerdict => open(detail);
