/**
 * What to do next about a failure group. Nothing is made up here: the words are those of the closed tables that decide (domain/writeback/reasons.ts, domain/refusals.ts,
 * domain/problem.ts, domain/alarms/kinds.ts), chosen by the code that the newest failure of the group was parked or tried again with.
 */
import { ALARM } from "../alarms/kinds.ts";
import { PROBLEM } from "../problem.ts";
import { refusalText } from "../refusals.ts";
import type { Outcome } from "../writeback/outcome.ts";
import { isParkCode, PARK } from "../writeback/reasons.ts";
import { OUTCOME_MEANING } from "../writeback/table.ts";

export interface Words {
  readonly zh: string;
  readonly en: string;
}

/** What a code means and what to do next; absent where no table knows it (a flow's own code). */
export interface Suggestion {
  readonly meaning?: Words;
  readonly next?: Words;
}

export interface Grouped {
  readonly of: "write-backs" | "messages";
  /** Of the group: the partner's code, our park code, `HTTP 503`, an outcome; `NOT_TRANSLATABLE/unmapped` of messages. */
  readonly code: string;
  /** Park code of the group's newest write-back, where it is parked. */
  readonly park?: string;
  /** Last outcome of the group's newest write-back. */
  readonly outcome?: string;
}

const isOutcome = (text: string): text is Outcome => Object.hasOwn(OUTCOME_MEANING, text);
const isProblem = (code: string): code is keyof typeof PROBLEM => Object.hasOwn(PROBLEM, code);
const words = ({ zh, en }: Words): Words => ({ zh, en });

/** A parked one has its own advice. What still waits is tried again by the engine itself: nothing is to be done here but at the partner. */
function ofWriteBacks({ code, park, outcome }: Grouped): Suggestion {
  const parked = [park, code].find((one): one is string => one !== undefined && isParkCode(one));
  if (parked !== undefined && isParkCode(parked)) return { meaning: words(PARK[parked]), next: PARK[parked].advice };
  const told = outcome ?? code;
  if (!isOutcome(told)) return {};
  const meaning = OUTCOME_MEANING[told];
  return told === "rejected" ? { meaning, next: PARK.REJECTED.advice } : { meaning, next: ALARM["breaker-open"].next };
}

function ofMessages({ code }: Grouped): Suggestion {
  const [first = "", inside] = code.split("/");
  const refusal = refusalText(first);
  if (inside !== undefined && isProblem(inside)) {
    const { nextZh, nextEn, zh, en } = PROBLEM[inside];
    return { meaning: { zh, en }, next: { zh: nextZh, en: nextEn } };
  }
  return refusal === undefined ? {} : { meaning: words(refusal), next: refusal.next };
}

/** The group's suggestion, from the closed tables. */
export const suggestionOf = (group: Grouped): Suggestion => (group.of === "messages" ? ofMessages(group) : ofWriteBacks(group));
