/** What the watch needs of its neighbours. */
import type { Change, OpenAlarm } from "./evaluate.ts";
import type { Measured } from "./measured.ts";
import type { Notice } from "./notice.ts";

/** `but`: told, though not to everybody. */
export type Told = { readonly ok: true; readonly but?: string } | { readonly ok: false; readonly why: string };

/** Somewhere alarms are told. `tell` never rejects and ends within the sink's own time-out. Why a telling failed carries no secret. */
export interface AlarmSink {
  readonly name: "log" | "webhook" | "mail";
  /** For people: where to, without secrets. */
  readonly target: string;
  tell(notice: Notice): Promise<Told>;
  close(): Promise<void>;
}

export interface Measurer {
  /** Rejects only when the database is away. */
  measure(): Promise<Measured>;
}

/** A notice that has not been told to a sink yet. */
export interface DueNotice {
  readonly id: string;
  readonly tries: number;
  readonly notice: Notice;
}

/** The leader's fence: task, worker and token of its lead. */
export interface Fence {
  readonly task: string;
  readonly token: bigint;
}

export interface AlarmStore {
  /** Rows that have not ended. */
  open(): Promise<readonly OpenAlarm[]>;
  /** Writes changes and owes their notices to the sinks, in one transaction. False: somebody else leads by now, nothing was written. */
  apply(changes: readonly Change[], sinks: readonly string[], fence: Fence): Promise<boolean>;
  /** Notices that are due for a sink, in order; those of an alarm one after another. */
  due(sink: string, limit: number): Promise<readonly DueNotice[]>;
  told(id: string): Promise<void>;
  failed(id: string, why: string, retryMs: number): Promise<void>;
}
