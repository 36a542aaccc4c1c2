/** What a person may ask and do about alarms. Every deed has a person and a reason and is audited in its transaction. */
import type { Deed } from "../operations/ports.ts";
import type { Answered } from "../operations/refusals.ts";
import type { AlarmPage, AlarmSinkList } from "../operations/views-alarms.ts";
import type { Done } from "../operations/views.ts";

/** A snooze longer than a day is not a snooze. */
export const SNOOZE_MINUTES_MAX = 1_440;
export const NOTE_MAX = 2_000;

export interface AlarmFilter {
  /** Open ones only, ended ones only, or (absent) all, newest first. */
  readonly state?: "open" | "ended";
  readonly kind?: string;
  readonly subject?: string;
  /** Only of these partners and of the engine as a whole: what the one who asks may see. */
  readonly partners?: readonly string[];
  readonly after?: string;
  readonly limit?: number;
}

export type AlarmDeed =
  /** Takes it, or gives it to somebody: the person who acts is the owner when none is named. */
  | { readonly action: "own"; readonly owner?: string }
  /** Has been seen; of events that were not written back: none is wanted, and the alarm ends. */
  | { readonly action: "acknowledge" }
  /** Not told that it got graver for so many minutes. */
  | { readonly action: "snooze"; readonly minutes: number }
  | { readonly action: "note"; readonly note: string };

export interface Alarms {
  list(filter: AlarmFilter): Promise<Answered<AlarmPage>>;
  sinks(): Promise<Answered<AlarmSinkList>>;
  act(id: string, what: AlarmDeed, deed: Deed): Promise<Answered<Done>>;
  /** Open alarms by kind and severity, for the metrics. */
  open(): Promise<readonly { readonly kind: string; readonly severity: string; readonly count: number }[]>;
}
