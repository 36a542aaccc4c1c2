/**
 * Conditions × time → what is told: one notice at the start, one when it gets graver, one at the end (connect #1288: not a flood). All that must outlive a restart
 * is in the rows, so that whoever leads next goes on where the last one stood.
 */
import type { Condition, Details } from "./conditions.ts";
import { ALARM, type AlarmKind, graver, type Severity } from "./kinds.ts";

/** A row that has not ended. Not started yet: the condition has not held for its grace. */
export interface OpenAlarm {
  readonly id: string;
  readonly kind: AlarmKind;
  readonly subject: string;
  readonly severity: Severity;
  readonly sinceMs: number;
  readonly startedMs?: number;
  /** Since when the condition has been gone. */
  readonly clearSinceMs?: number;
  readonly seenMs: number;
  readonly details: Details;
}

export type Change =
  | { readonly what: "begin"; readonly condition: Condition; readonly started: boolean }
  | { readonly what: "start"; readonly alarm: OpenAlarm; readonly condition: Condition }
  | { readonly what: "escalate"; readonly alarm: OpenAlarm; readonly condition: Condition }
  | { readonly what: "note"; readonly alarm: OpenAlarm; readonly condition: Condition }
  | { readonly what: "clearing"; readonly alarm: OpenAlarm }
  | { readonly what: "forget"; readonly alarm: OpenAlarm }
  | { readonly what: "end"; readonly alarm: OpenAlarm };

/** The row of an open alarm is written again this often while nothing but its numbers change. */
const NOTED_EVERY_MS = 30_000;

const keyOf = (one: { readonly kind: AlarmKind; readonly subject: string }): string => `${one.kind} ${one.subject}`;

function holding(alarm: OpenAlarm, condition: Condition, nowMs: number): Change | undefined {
  if (alarm.startedMs === undefined)
    return nowMs - alarm.sinceMs >= ALARM[alarm.kind].startAfterMs ? { what: "start", alarm, condition } : undefined;
  if (graver(alarm.severity, condition.severity) !== alarm.severity) return { what: "escalate", alarm, condition };
  const back = alarm.clearSinceMs !== undefined;
  return back || nowMs - alarm.seenMs >= NOTED_EVERY_MS ? { what: "note", alarm, condition } : undefined;
}

function gone(alarm: OpenAlarm, nowMs: number): Change | undefined {
  if (alarm.startedMs === undefined) return { what: "forget", alarm };
  if (alarm.clearSinceMs === undefined) return { what: "clearing", alarm };
  return nowMs - alarm.clearSinceMs >= ALARM[alarm.kind].endAfterMs ? { what: "end", alarm } : undefined;
}

/** What to write, given the rows that have not ended. `unknown`: kinds that were not measured; their rows stay as they are. */
export function evaluate(
  open: readonly OpenAlarm[],
  conditions: readonly Condition[],
  nowMs: number,
  unknown: ReadonlySet<AlarmKind>,
): readonly Change[] {
  const now = new Map(conditions.map((one) => [keyOf(one), one]));
  const changes: Change[] = [];
  for (const alarm of open) {
    const condition = now.get(keyOf(alarm));
    now.delete(keyOf(alarm));
    if (condition === undefined && unknown.has(alarm.kind)) continue;
    const change = condition ? holding(alarm, condition, nowMs) : gone(alarm, nowMs);
    if (change) changes.push(change);
  }
  for (const condition of now.values()) changes.push({ what: "begin", condition, started: ALARM[condition.kind].startAfterMs === 0 });
  return changes;
}
