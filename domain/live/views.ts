/** What stands around every page of the console, what its pages are told while they are open, and the day's trends. */
import { type Static, type TProperties, Type } from "typebox";
import type { FailureGroup } from "../operations/views-replay.ts";
import type { DestinationView, Status } from "../operations/views.ts";

const closed = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) });
const text = Type.String();
const whole = Type.Integer({ minimum: 0 });
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});

export const About = closed({
  hospital: Type.String({ description: "HUILIU_HOSPITAL_NAME / 医院名称" }),
  profile: Type.Union([Type.Literal("development"), Type.Literal("production")]),
  worker: text,
  editor: Type.Optional(Type.String({ description: "where flows are edited; absent where they are not / 流程编辑器地址" })),
});

/** What is counted for trends: messages taken in, write-backs acknowledged, and what was parked (of a sender or a destination). */
const TREND_COUNTS = ["accepted", "acknowledged", "parked"] as const;
export type TrendCount = (typeof TREND_COUNTS)[number];

const counts = { accepted: whole, acknowledged: whole, parked: whole };
/** Counted by the engine's processes and written down every few seconds: a process that is killed loses its last ones. For looking at, not for the books. */
export const Trends = closed({
  at,
  stepMinutes: Type.Integer({ minimum: 1 }),
  points: Type.Array(closed({ at, ...counts }), {
    description: "oldest first, every step there, the last one not over yet / 从早到晚，最后一段未结束",
  }),
  partners: Type.Array(closed({ partner: text, ...counts }), { description: "of the last minutes / 最近几分钟" }),
  recentMinutes: Type.Integer({ minimum: 1 }),
});

export type About = Static<typeof About>;
export type Trends = Static<typeof Trends>;

/** Hours that trends go back, and how fine they may be. */
export const TREND_HOURS = 24;
export const TREND_STEPS_MINUTES = [5, 15, 60] as const;
export const TREND_STEP_DEFAULT = 15;
/** Throughput on the map is that of the last so many minutes. */
export const TREND_RECENT_MINUTES = 5;

/** What goes over the stream (GET /api/v1/live), topic by topic. */
export interface LiveStatus {
  readonly writeBacks: Status["writeBacks"];
  /** Absent for accounts of some partners: these count everybody's. */
  readonly messages?: Pick<Status["messages"], "received" | "awaitingPart" | "parked" | "oldestReceivedAgeSeconds">;
  readonly eventDeliveries?: Status["eventDeliveries"];
  readonly outbox?: number;
  readonly services: Status["services"];
  readonly paused: readonly string[];
}
export type LiveDestinations = readonly DestinationView[];
export interface LiveAlarms {
  readonly open: number;
  /** Of these, such that somebody must look now. */
  readonly page: number;
  readonly items: readonly {
    readonly id: string;
    readonly kind: string;
    readonly subject: string;
    readonly severity: string;
    readonly owner?: string;
    readonly note?: string;
    readonly acknowledgedBy?: string;
    readonly snoozedUntil?: string;
  }[];
}
export type LiveFailures = readonly (Pick<FailureGroup, "id" | "of" | "partner" | "code" | "open" | "snoozed"> & {
  readonly owner?: string;
})[];

export interface LiveTold {
  readonly status: LiveStatus;
  readonly destinations: LiveDestinations;
  readonly alarms: LiveAlarms;
  readonly failures: LiveFailures;
}
export const LIVE_TOPICS = ["status", "destinations", "alarms", "failures"] as const;
export type LiveTopic = (typeof LIVE_TOPICS)[number];
