/**
 * How long content is kept, as data. Identities, business keys, facts, write-backs themselves (without body), alarms and the audit are no content: they are kept for
 * ever (design.md decision 5).
 */
import { type Static, Type } from "typebox";
import type { Words } from "../alarms/kinds.ts";

export const CONTENTS = ["messages", "events", "bodies", "attempts"] as const;
export type Content = (typeof CONTENTS)[number];

export const CONTENT_TEXT: Readonly<Record<Content, Words>> = {
  messages: { zh: "报文原文及其历史", en: "raw messages and their history" },
  events: { zh: "事件", en: "events" },
  bodies: { zh: "回写报文体", en: "bodies of write-backs" },
  attempts: { zh: "回写尝试", en: "attempts of write-backs" },
};

/** Nobody may keep less, whatever he writes: a month is closed and its claims are settled first; subscribers read again from their checkpoint. */
export const FLOOR_DAYS: Readonly<Record<Content, number>> = { messages: 7, events: 31, bodies: 31, attempts: 31 };
const DAYS_MAX = 36_500;

const days = (content: Content) =>
  Type.Integer({
    minimum: FLOOR_DAYS[content],
    maximum: DAYS_MAX,
    description: `${CONTENT_TEXT[content].en}: whole days kept beside today / ${CONTENT_TEXT[content].zh}保留天数`,
  });

export const RetentionPolicy = Type.Object(
  {
    messages: days("messages"),
    events: days("events"),
    bodies: days("bodies"),
    attempts: days("attempts"),
    automatic: Type.Boolean({ description: "carried out every night without being asked / 每夜自动执行" }),
    at: Type.String({ pattern: "^(?:[01]\\d|2[0-3]):[0-5]\\d$", description: "China time of the nightly run, HH:mm / 夜间执行时刻" }),
  },
  { additionalProperties: false },
);
export type RetentionPolicy = Static<typeof RetentionPolicy>;

/** Until a person decides: half a year of bytes, the events of three years, and nothing goes by itself. */
export const DEFAULT_POLICY: RetentionPolicy = { messages: 180, events: 1_100, bodies: 365, attempts: 365, automatic: false, at: "02:30" };

/** What must not outlive what, and why. */
const ORDER: readonly { readonly first: Content; readonly last: Content; readonly why: Words }[] = [
  {
    first: "messages",
    last: "events",
    why: { zh: "事件须比报文保留得久：报文可由事件说明，反之不能", en: "events explain a message that is gone" },
  },
  {
    first: "messages",
    last: "bodies",
    why: { zh: "报文可重放即须有其回写报文体", en: "a message that can be replayed needs the bodies it owed" },
  },
  {
    first: "bodies",
    last: "attempts",
    why: { zh: "可再次回写即须有其尝试记录", en: "a write-back that can be sent again needs its attempts" },
  },
];

export interface PolicyProblem extends Words {
  readonly at: string;
}

/** What is wrong with a policy beyond its schema; empty when nothing is. */
export function policyProblems(policy: RetentionPolicy): readonly PolicyProblem[] {
  return [
    ...CONTENTS.filter((one) => policy[one] < FLOOR_DAYS[one]).map((one) => ({
      at: `body/${one}`,
      zh: `至少 ${FLOOR_DAYS[one]} 天`,
      en: `at least ${FLOOR_DAYS[one]} days`,
    })),
    ...ORDER.filter(({ first, last }) => policy[first] > policy[last]).map(({ first, last, why }) => ({
      at: `body/${last}`,
      zh: `${last} 不得少于 ${first}：${why.zh}`,
      en: `${last} may not be less than ${first}: ${why.en}`,
    })),
  ];
}
