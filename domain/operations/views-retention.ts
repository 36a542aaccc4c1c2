/** Retention as operators see it. */
import { type Static, Type } from "typebox";
import { RetentionPolicy } from "../retention/policy.ts";
import { DATE_PATTERN } from "../time.ts";

const closed = <P extends import("typebox").TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const text = Type.String();
const day = Type.String({ pattern: DATE_PATTERN });
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const whole = Type.Integer({ minimum: 0 });
const maybe = Type.Optional;

export const RetentionPolicyView = closed({
  version: Type.String({ description: "0: nobody has decided yet, the default counts / 0 表示默认" }),
  policy: RetentionPolicy,
  by: maybe(text),
  reason: maybe(text),
  changedAt: maybe(at),
});

export const RetentionPlanned = closed({
  day,
  content: text,
  goes: Type.Boolean(),
  rows: whole,
  rowsExact: Type.Boolean({ description: "false: estimated from the server's statistics / 估计值" }),
  bytes: whole,
  why: Type.Array(closed({ code: text, zh: text, en: text, count: whole })),
});
export const RetentionSimulation = closed({
  hash: Type.String({ description: "give it to run within an hour / 一小时内执行时给出" }),
  at,
  policyVersion: text,
  policy: RetentionPolicy,
  today: day,
  items: Type.Array(RetentionPlanned),
  goes: closed({ days: whole, rows: whole, bytes: whole }),
  stays: closed({ days: whole, rows: whole, bytes: whole }),
  unassigned: Type.Array(closed({ table: text, rows: whole, bytes: whole }), {
    description: "default partitions: never dropped, to be looked at when not empty / 默认分区：从不清理",
  }),
});

const RetentionDropped = closed({ day, content: text, rows: whole, rowsExact: Type.Boolean(), bytes: whole, auditId: text });
export const RetentionRun = closed({
  hash: text,
  dropped: Type.Array(RetentionDropped),
  left: Type.Array(closed({ day, content: text, code: text, zh: text, en: text }), {
    description: "was to go and is still here: simulate and run again / 未能清理的",
  }),
});

export type RetentionPolicyView = Static<typeof RetentionPolicyView>;
export type RetentionPlanned = Static<typeof RetentionPlanned>;
export type RetentionSimulation = Static<typeof RetentionSimulation>;
export type RetentionDropped = Static<typeof RetentionDropped>;
export type RetentionRun = Static<typeof RetentionRun>;
