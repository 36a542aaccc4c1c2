/** Alarms as operators see them. */
import { type Static, Type } from "typebox";

const closed = <P extends import("typebox").TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const text = Type.String();
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const whole = Type.Integer({ minimum: 0 });
const maybe = Type.Optional;
const Words = closed({ zh: text, en: text });

const AlarmTold = closed({
  sink: text,
  what: Type.String({ description: "start, escalate, end" }),
  toldAt: maybe(at),
  tries: whole,
  lastError: maybe(text),
});

export const AlarmView = closed({
  id: text,
  kind: Type.String({ description: "docs/alarms.md has every kind / 告警种类" }),
  subject: text,
  severity: text,
  text: Words,
  next: Words,
  runbook: text,
  open: Type.Boolean(),
  startedAt: at,
  seenAt: at,
  endedAt: maybe(at),
  details: Type.Record(text, Type.Union([text, Type.Number()]), { description: "ids and numbers, never personal data / 编号与数目" }),
  owner: maybe(text),
  note: maybe(text),
  acknowledgedBy: maybe(text),
  acknowledgedAt: maybe(at),
  snoozedUntil: maybe(at),
  told: Type.Array(AlarmTold),
});
export const AlarmPage = closed({ items: Type.Array(AlarmView), after: maybe(text) });

export const AlarmSinkView = closed({
  sink: text,
  target: Type.String({ description: "where to, without secrets / 去向" }),
  waiting: whole,
  waitingSince: maybe(at),
  lastToldAt: maybe(at),
  lastError: maybe(text),
});
export const AlarmSinkList = closed({ items: Type.Array(AlarmSinkView) });

export type AlarmView = Static<typeof AlarmView>;
export type AlarmPage = Static<typeof AlarmPage>;
export type AlarmSinkView = Static<typeof AlarmSinkView>;
export type AlarmSinkList = Static<typeof AlarmSinkList>;
