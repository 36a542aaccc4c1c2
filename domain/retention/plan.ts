/**
 * What goes and what stays, and why. Content goes by whole days of receipt, and a day stays whole as long as anything of it is owed: whoever works on the one thing
 * that is open will want to read what stood beside it.
 */
import { addDays } from "../time.ts";
import type { Words } from "../alarms/kinds.ts";
import { CONTENTS, type Content, type RetentionPolicy } from "./policy.ts";

export const HOLDS = [
  "MESSAGE_OPEN",
  "MESSAGE_PARKED",
  "WRITE_BACK_OWED",
  "WRITE_BACK_PARKED",
  "EVENT_DELIVERY_OPEN",
  "EVENT_UNPUBLISHED",
  "EVENT_UNREAD",
  "REPLAY_OPEN",
] as const;
export type Hold = (typeof HOLDS)[number];

export const HOLD_TEXT: Readonly<Record<Hold, Words>> = {
  MESSAGE_OPEN: { zh: "有未处理完的报文", en: "messages that are not settled" },
  MESSAGE_PARKED: { zh: "有停放的报文", en: "messages that wait for a person" },
  WRITE_BACK_OWED: { zh: "有未了结的回写", en: "write-backs that are still owed" },
  WRITE_BACK_PARKED: { zh: "有停放的回写", en: "write-backs that wait for a person" },
  EVENT_DELIVERY_OPEN: { zh: "有未了结的事件投递", en: "events that a flow has still to take" },
  EVENT_UNPUBLISHED: { zh: "有未发布的事件", en: "events that the broker has not confirmed" },
  EVENT_UNREAD: { zh: "有订阅者尚未读取的事件", en: "events that a subscriber has not read yet" },
  REPLAY_OPEN: { zh: "有进行中的重放或修改", en: "a replay or an edit that is not finished" },
};

export interface Held {
  readonly day: string;
  readonly code: Hold;
  readonly count: number;
}
/** A content of a day that has tables of its own. */
export interface Stored {
  readonly day: string;
  readonly content: Content;
}
export interface Planned extends Stored {
  readonly goes: boolean;
  /** Why it stays. */
  readonly why: readonly Omit<Held, "day">[];
}

/** The last day whose content is past its time; the days after it stay by their age. */
export const lastDayGone = (today: string, keep: number): string | undefined => addDays(today, -(keep + 1));

/** One row for each content of each day that is past its time, oldest first. What is younger is not in it. */
export function planOf(policy: RetentionPolicy, today: string, stored: readonly Stored[], held: readonly Held[]): readonly Planned[] {
  const holds = Map.groupBy(held, (one) => one.day);
  return stored
    .filter(({ day, content }) => {
      const last = lastDayGone(today, policy[content]);
      return last !== undefined && day <= last;
    })
    .map(({ day, content }) => {
      const why = (holds.get(day) ?? []).map(({ code, count }) => ({ code, count }));
      return { day, content, goes: why.length === 0, why: why.sort((a, b) => (a.code < b.code ? -1 : 1)) };
    })
    .sort((a, b) => (a.day === b.day ? CONTENTS.indexOf(a.content) - CONTENTS.indexOf(b.content) : a.day < b.day ? -1 : 1));
}

/** What a simulation is told apart by: the decisions, not the numbers, which move by themselves. */
export const decisionsText = (version: string, today: string, plan: readonly Planned[]): string =>
  JSON.stringify([version, today, plan.map(({ day, content, goes, why }) => [day, content, goes, why.map((one) => one.code)])]);
