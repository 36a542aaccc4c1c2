/** The rows of alarms and what is owed to the sinks (migration 006). Only the leader writes changes: its lead is compared in the transaction that writes. */
import type { Details } from "../../domain/alarms/conditions.ts";
import type { Change, OpenAlarm } from "../../domain/alarms/evaluate.ts";
import type { AlarmKind, Severity } from "../../domain/alarms/kinds.ts";
import type { Notice, NoticeWhat } from "../../domain/alarms/notice.ts";
import type { AlarmStore, DueNotice } from "../../domain/alarms/ports.ts";
import { failpoint } from "../../domain/failpoint.ts";
import type { Log } from "../../domain/log.ts";
import { at, msOf } from "./clock.ts";
import { commit, type Tx } from "./group-commit.ts";
import { STILL_LEADS } from "./lead.ts";
import { moment } from "./operations-sql.ts";
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";

const OPEN = `select a.id::text as id, a.kind, a.subject, a.severity, ${msOf("a.since")} as since_ms, ${msOf("a.started_at")} as started_ms,
    ${msOf("a.clear_since")} as clear_ms, ${msOf("a.seen_at")} as seen_ms, a.details
  from alarm a where a.ended_at is null order by a.id`;
const BEGIN = `insert into alarm (kind, subject, severity, since, started_at, seen_at, details)
  values ($1, $2, $3, ${at("$4")}, case when $5::boolean then ${at("$4")} end, ${at("$4")}, $6::jsonb) returning id::text as id`;
const START = `update alarm set started_at = ${at("$2")}, seen_at = ${at("$2")}, severity = $3, details = $4::jsonb, clear_since = null where id = $1::bigint`;
const NOTE = `update alarm set seen_at = ${at("$2")}, severity = $3, details = $4::jsonb, clear_since = null where id = $1::bigint`;
const CLEARING = `update alarm set clear_since = ${at("$2")} where id = $1::bigint`;
const FORGET = "delete from alarm where id = $1::bigint and started_at is null";
const END = `update alarm set ended_at = ${at("$2")} where id = $1::bigint`;
/** A snooze holds back that it got graver, never its start or end. */
const OWE = `insert into alarm_notice (alarm_id, what, sink, severity, details, at, next_at)
  select a.id, $2, s.sink, $4, $5::jsonb, ${at("$6")}, case when $2 = 'escalate' then greatest(${at("$6")}, coalesce(a.snoozed_until, ${at("$6")})) else ${at("$6")} end
  from alarm a cross join unnest($3::text[]) as s (sink) where a.id = $1::bigint on conflict (alarm_id, what, sink) do nothing`;
/** It ended before anybody was told that it got graver. */
const OVERTAKEN = "delete from alarm_notice where alarm_id = $1::bigint and what = 'escalate' and told_at is null";

/** The oldest of each alarm only: its end is not told before its start. */
const DUE = `select n.id::text as id, n.alarm_id::text as "alarmId", n.what, n.tries, n.severity, n.details, a.kind, a.subject, ${moment("n.at")} as at,
    ${moment("a.started_at")} as "startedAt", ${moment("a.ended_at")} as "endedAt"
  from alarm_notice n join alarm a on a.id = n.alarm_id
  where n.sink = $1 and n.told_at is null and n.next_at <= (select huiliu_now())
    and not exists (select 1 from alarm_notice b where b.alarm_id = n.alarm_id and b.sink = n.sink and b.told_at is null and b.id < n.id and b.what <> 'escalate')
  order by n.id limit $2`;
const TOLD = "update alarm_notice set told_at = (select huiliu_now()), tries = tries + 1, last_error = null where id = $1::bigint";
const FAILED = `update alarm_notice set tries = tries + 1, last_error = $2,
  next_at = (select huiliu_now()) + $3::double precision * interval '1 millisecond' where id = $1::bigint`;

/** Longest text kept of why a telling failed. */
const WHY_MAX = 300;

interface OpenRow {
  readonly id: string;
  readonly kind: AlarmKind;
  readonly subject: string;
  readonly severity: Severity;
  readonly since_ms: number;
  readonly started_ms: number | null;
  readonly clear_ms: number | null;
  readonly seen_ms: number;
  readonly details: Details;
}
interface DueRow {
  readonly id: string;
  readonly alarmId: string;
  readonly what: NoticeWhat;
  readonly tries: number;
  readonly severity: Severity;
  readonly details: Details;
  readonly kind: AlarmKind;
  readonly subject: string;
  readonly at: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

const noticeOf = ({ id: _, tries: __, endedAt, ...row }: DueRow): Notice => ({ ...row, ...(endedAt === null ? {} : { endedAt }) });

async function write(tx: Tx, change: Change, sinks: readonly string[]): Promise<void> {
  const { client, nowMs } = tx;
  const owe = (id: string, what: NoticeWhat, severity: Severity, details: Details): Promise<unknown> =>
    run(client, "alarm_owe", OWE, [id, what, sinks, severity, JSON.stringify(details), nowMs]);
  if (change.what === "begin") {
    const { kind, subject, severity, details } = change.condition;
    const values = [kind, subject, severity, nowMs, change.started, JSON.stringify(details)];
    const [row] = await run<{ id: string }>(client, "alarm_begin", BEGIN, values);
    if (change.started && row) await owe(row.id, "start", severity, details);
    return;
  }
  const { id } = change.alarm;
  if (change.what === "forget") await run(client, "alarm_forget", FORGET, [id]);
  else if (change.what === "clearing") await run(client, "alarm_clearing", CLEARING, [id, nowMs]);
  else if (change.what === "end") {
    await run(client, "alarm_end", END, [id, nowMs]);
    await run(client, "alarm_overtaken", OVERTAKEN, [id]);
    await owe(id, "end", change.alarm.severity, change.alarm.details);
  } else {
    const { condition, what } = change;
    const severity = what === "note" ? change.alarm.severity : condition.severity;
    const values = [id, nowMs, severity, JSON.stringify(condition.details)];
    await run(client, `alarm_${what === "start" ? "start" : "note"}`, what === "start" ? START : NOTE, values);
    if (what !== "note") await owe(id, what, severity, condition.details);
  }
}

/** The store over the engine's pool. `workerId`: whose lead is compared. */
export function createAlarmStore(deps: { readonly pool: Pool; readonly workerId: number; readonly log: Log }): AlarmStore {
  const { pool } = deps;
  return {
    open: async () => {
      const rows = await run<OpenRow>(pool, "alarm_open", OPEN, []);
      return rows.map(
        (row): OpenAlarm => ({
          id: row.id,
          kind: row.kind,
          subject: row.subject,
          severity: row.severity,
          sinceMs: row.since_ms,
          seenMs: row.seen_ms,
          details: row.details,
          ...(row.started_ms === null ? {} : { startedMs: row.started_ms }),
          ...(row.clear_ms === null ? {} : { clearSinceMs: row.clear_ms }),
        }),
      );
    },
    apply: async (changes, sinks, fence) => {
      if (changes.length === 0) return true;
      const { answers } = await commit({ pool, log: deps.log, name: "alarms" }, async (tx) => {
        const ours = await run(tx.client, "alarm_still_leads", STILL_LEADS, [fence.task, deps.workerId, fence.token]);
        if (ours.length === 0) return { answers: [false] };
        for (const change of changes) await write(tx, change, sinks);
        failpoint("alarms.before-commit");
        return { answers: [true] };
      });
      return answers[0] === true;
    },
    due: async (sink, limit) => {
      const rows = await run<DueRow>(pool, "alarm_due", DUE, [sink, limit]);
      return rows.map((row): DueNotice => ({ id: row.id, tries: row.tries, notice: noticeOf(row) }));
    },
    told: async (id) => {
      failpoint("alarms.before-told");
      await run(pool, "alarm_told", TOLD, [id]);
    },
    failed: async (id, why, retryMs) => {
      await run(pool, "alarm_failed", FAILED, [id, why.slice(0, WHY_MAX), retryMs]);
    },
  };
}
