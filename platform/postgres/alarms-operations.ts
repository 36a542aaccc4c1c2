/** Alarms as people read them and what they do about them. */
import { PARTNER_KINDS } from "../../domain/access/alarm-partner.ts";
import { ALARM, anchorOf, isAlarmKind } from "../../domain/alarms/kinds.ts";
import type { AlarmDeed, AlarmFilter, Alarms } from "../../domain/alarms/operations.ts";
import { PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { AlarmPage, AlarmSinkView, AlarmView } from "../../domain/operations/views-alarms.ts";
import { at } from "./clock.ts";
import { type Deeded, doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { conditions, moment, present, reading } from "./operations-sql.ts";
import { run } from "./sql.ts";

const COLUMNS = `a.id::text as id, a.kind, a.subject, a.severity, a.ended_at is null as open, ${moment("a.started_at")} as "startedAt",
  ${moment("a.seen_at")} as "seenAt", ${moment("a.ended_at")} as "endedAt", a.details, a.owner, a.note, a.acknowledged_by as "acknowledgedBy",
  ${moment("a.acknowledged_at")} as "acknowledgedAt", ${moment("a.snoozed_until")} as "snoozedUntil",
  (select coalesce(json_agg(json_strip_nulls(json_build_object('sink', n.sink, 'what', n.what, 'toldAt', ${moment("n.told_at")}, 'tries', n.tries,
    'lastError', n.last_error)) order by n.id), '[]') from alarm_notice n where n.alarm_id = a.id) as told`;
/** Whose alarm it is, as domain/access/alarm-partner.ts tells it of one; null: of the engine as a whole. */
const PARTNER = `(case when a.kind in (${PARTNER_KINDS.map((kind) => `'${kind}'`).join(", ")}) then a.subject
  when a.kind = 'not-written-back' then case when a.subject like 'event:%' then split_part(substr(a.subject, 7), '/', 1) else a.subject end
  when a.kind = 'totals-differ' then split_part(a.subject, '/', 2) end)`;
const SINKS = `select n.sink, (count(*) filter (where n.told_at is null))::integer as waiting, ${moment("min(n.at) filter (where n.told_at is null)")} as "waitingSince",
    ${moment("max(n.told_at)")} as "lastToldAt", (array_agg(n.last_error order by n.id) filter (where n.told_at is null and n.last_error is not null))[1] as "lastError"
  from (select * from alarm_notice where told_at is null union all (select * from alarm_notice where told_at is not null order by id desc limit 500)) as n
  group by n.sink`;
const OPEN = `select a.kind, a.severity, count(*)::integer as count from alarm a where a.ended_at is null and a.started_at is not null group by a.kind, a.severity`;

interface Locked {
  readonly kind: string;
  readonly subject: string;
  readonly ended: boolean;
  readonly owner: string | null;
  readonly note: string | null;
  readonly acknowledged_by: string | null;
}
const LOCK = `select a.kind, a.subject, a.ended_at is not null as ended, a.owner, a.note, a.acknowledged_by from alarm a
  where a.id = $1::bigint and a.started_at is not null for update`;
const OWN = "update alarm set owner = $2 where id = $1::bigint";
const ACKNOWLEDGE = `update alarm set acknowledged_by = $2, acknowledged_at = ${at("$3")}, owner = coalesce(owner, $2) where id = $1::bigint`;
const SNOOZE = `update alarm set snoozed_until = ${at("$2")} + $3::double precision * interval '1 minute' where id = $1::bigint`;
const HOLD_BACK = `update alarm_notice n set next_at = greatest(n.next_at, a.snoozed_until) from alarm a
  where a.id = n.alarm_id and a.id = $1::bigint and n.what = 'escalate' and n.told_at is null`;
const NOTE = "update alarm set note = $2 where id = $1::bigint";
const DISMISS = "update unwritten_event set dismissed_by = $2 where dismissed_by is null and 'event:' || partner || '/' || type = $1";

type Row = Record<string, unknown>;

function viewOf(row: Row): AlarmView {
  const { kind, ...rest } = present(row);
  const name = String(kind);
  // A kind that a later version had and this one has not is shown as it is.
  const words = isAlarmKind(name) ? ALARM[name] : { zh: name, en: name, next: { zh: "", en: "" } };
  const text = { zh: words.zh, en: words.en };
  return { ...rest, kind: name, text, next: { ...words.next }, runbook: isAlarmKind(name) ? anchorOf(name) : "" } as unknown as AlarmView;
}

export function createAlarms(deps: OperationsDeps): Alarms {
  const list = (filter: AlarmFilter) => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const where = conditions();
    where.and("a.started_at is not null");
    if (filter.state !== undefined) where.and(`a.ended_at is ${filter.state === "open" ? "" : "not "}null`);
    if (filter.kind !== undefined) where.and(`a.kind = ${where.param(filter.kind)}`);
    if (filter.subject !== undefined) where.and(`a.subject = ${where.param(filter.subject)}`);
    if (filter.partners !== undefined) where.and(`${PARTNER} is null or ${PARTNER} = any(${where.param(filter.partners)}::text[])`);
    if (filter.after !== undefined) where.and(`a.id < ${where.param(filter.after)}::bigint`);
    const text = `select ${COLUMNS} from alarm a where ${where.text()} order by a.id desc limit ${limit + 1}`;
    return reading<AlarmPage>(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const { rows } = await client.query<Row>(text, where.values);
      const items = rows.slice(0, limit).map(viewOf);
      const last = items.at(-1);
      return answered({ items, ...(rows.length > limit && last ? { after: last.id } : {}) });
    });
  };

  const deedOf = async (
    tx: Parameters<Parameters<typeof doing>[1]>[0],
    id: string,
    what: AlarmDeed,
    by: string,
    row: Locked,
  ): Promise<object> => {
    const { client, nowMs } = tx;
    switch (what.action) {
      case "own": {
        const owner = what.owner?.trim() || by;
        await run(client, "alarm_own", OWN, [id, owner]);
        return { owner };
      }
      case "acknowledge": {
        await run(client, "alarm_acknowledge", ACKNOWLEDGE, [id, by, nowMs]);
        if (row.kind === "not-written-back") await run(client, "alarm_dismiss", DISMISS, [row.subject, by]);
        return { acknowledgedBy: by };
      }
      case "snooze": {
        await run(client, "alarm_snooze", SNOOZE, [id, nowMs, what.minutes]);
        await run(client, "alarm_hold_back", HOLD_BACK, [id]);
        return { snoozedMinutes: what.minutes };
      }
      case "note": {
        await run(client, "alarm_set_note", NOTE, [id, what.note]);
        return { note: what.note };
      }
    }
  };

  return {
    list,
    act: async (id, what, deed) => {
      const sign = signed(deed);
      if (!sign.ok) return sign;
      if (!/^\d{1,18}$/.test(id)) return refused("UNKNOWN_ALARM");
      return doing(deps, async (tx): Promise<Deeded> => {
        const [row] = await run<Locked>(tx.client, "alarm_lock", LOCK, [id]);
        if (!row) return refused("UNKNOWN_ALARM");
        if (row.ended && what.action !== "note") return refused("ALARM_ENDED");
        const after = await deedOf(tx, id, what, sign.by, row);
        const { action } = what;
        const before = present({ owner: row.owner, note: row.note, acknowledgedBy: row.acknowledged_by });
        const entry = { who: sign.by, action, targetKind: "alarm" as const, targetId: id, reason: sign.reason, before, after };
        return { ok: true, done: { id, kind: "alarm", state: row.ended ? "ended" : "open", action, auditId: await note(tx, entry) } };
      });
    },
    sinks: () =>
      reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
        const rows = (await client.query<Row>(SINKS)).rows.map((row) => present(row)) as unknown as Omit<AlarmSinkView, "target">[];
        const known = deps.alarmSinks?.() ?? [];
        const of = (sink: string) => rows.find((row) => row.sink === sink) ?? { sink, waiting: 0 };
        const gone = rows.filter((row) => !known.some((one) => one.name === row.sink));
        const items = [
          ...known.map((one) => ({ ...of(one.name), target: one.target })),
          ...gone.map((row) => ({ ...row, target: "not configured · 未配置" })),
        ];
        return answered({ items });
      }),
    open: async () => (await deps.reads.query<{ kind: string; severity: string; count: number }>(OPEN)).rows,
  };
}
