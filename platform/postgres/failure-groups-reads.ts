/** Failure groups as operators see and own them (domain/replay/ports.ts, Failures). */
import { NOTE_MAX, OWNER_MAX } from "../../domain/failures/groups.ts";
import { type Deed, PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { Page } from "../../domain/operations/views.ts";
import type { FailureGroup } from "../../domain/operations/views-replay.ts";
import { suggestionOf } from "../../domain/failures/suggestion.ts";
import { maskText } from "../../domain/operations/masking.ts";
import type { FailureChange, FailureFilter, Failures } from "../../domain/replay/ports.ts";
import { at } from "./clock.ts";
import { doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { createFailureItems } from "./failure-groups-items.ts";
import { conditions, moment, present, reading } from "./operations-sql.ts";
import { run } from "./sql.ts";

/** A group can be snoozed at most so long. */
const SNOOZE_MAX_MS = 366 * 86_400_000;
type Row = Record<string, unknown>;

const COLUMNS = `g.id, g.of, g.partner, nullif(g.kind, '') as kind, g.code, g.reason, g.items::text as items, g.failures::text as failures,
  ${moment("g.first_at")} as "firstAt", ${moment("g.last_at")} as "lastAt", g.example_id as "exampleId", g.example, g.owner, g.note,
  ${moment("g.snoozed_until")} as "snoozedUntil", coalesce(g.snoozed_until > (select huiliu_now()), false) as snoozed,
  g.changed_by as "changedBy", ${moment("g.changed_at")} as "changedAt"`;
/** Of its newest failure: why it is parked, or how the last attempt ended. */
const EXAMPLE = `, x.park as "examplePark", x.outcome as "exampleOutcome"`;
const OF_EXAMPLE = `left join lateral (select w.park->>'code' as park, w.last_outcome as outcome from write_back w where g.of = 'write-backs' and w.id = g.example_id) as x on true`;
const SUMS = `count(*) as n, count(*) filter (where w.state = 'parked') as parked, count(*) filter (where w.state = 'parked' and w.may_have_taken_effect) as unclear,
  sum(w.amount_fen) as fen`;
const MESSAGE_SUMS = "count(*) as n, count(*) as parked, 0::bigint as unclear, null::numeric as fen";
/** What is open of every group at once: two scans of what fails now, not one a group. */
const OPEN_OF_ALL = `(select w.failure_group as id, ${SUMS} from write_back w where w.failure_group is not null and w.closed_at is null group by 1
  union all select f.failure_group, ${MESSAGE_SUMS} from message m join message_failure f on f.message_id = m.id where m.state = 'parked' group by 1) as open`;
const OPEN_OF_ONE = `(select ${SUMS} from write_back w where g.of = 'write-backs' and w.failure_group = g.id and w.closed_at is null having g.of = 'write-backs'
  union all select ${MESSAGE_SUMS} from message_failure f join message m on m.id = f.message_id where g.of = 'messages' and f.failure_group = g.id and m.state = 'parked'
    having g.of = 'messages') as open`;
const OPEN_COLUMNS = `coalesce(open.n, 0)::text as open, coalesce(open.parked, 0)::text as parked, coalesce(open.unclear, 0)::text as unclear, open.fen::text as fen`;
const ONE = `select ${COLUMNS}, ${OPEN_COLUMNS}${EXAMPLE} from failure_group g left join lateral ${OPEN_OF_ONE} on true ${OF_EXAMPLE} where g.id = $1`;

function groupView(row: Row): FailureGroup {
  const { exampleId, example, examplePark, exampleOutcome, reason, items, failures, open, parked, unclear, ...rest } = present(row);
  const told = { example: { id: String(exampleId), text: maskText(String(example)) } };
  // Those of before names were taken out of reasons.
  return {
    ...rest,
    reason: maskText(String(reason)),
    ...told,
    items: Number(items),
    failures: Number(failures),
    open: Number(open ?? 0),
    parked: Number(parked ?? 0),
    unclear: Number(unclear ?? 0),
    ...suggestionOf({
      of: row.of === "messages" ? "messages" : "write-backs",
      code: String(row.code),
      ...(typeof examplePark === "string" ? { park: examplePark } : {}),
      ...(typeof exampleOutcome === "string" ? { outcome: exampleOutcome } : {}),
    }),
  } as unknown as FailureGroup;
}

/** `<open>.<id>`: most open first, then by id. */
const cursorOf = (row: FailureGroup): string => `${row.open}.${row.id}`;

export function createFailures(deps: OperationsDeps): Failures {
  const list = (filter: FailureFilter): Promise<Answered<Page<FailureGroup>>> => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const where = conditions();
    if (filter.of !== undefined) where.and(`g.of = ${where.param(filter.of)}`);
    if (filter.partner !== undefined) where.and(`g.partner = ${where.param(filter.partner)}`);
    if (filter.partners !== undefined) where.and(`g.partner = any(${where.param(filter.partners)}::text[])`);
    if (filter.code !== undefined) where.and(`g.code = ${where.param(filter.code)}`);
    if (filter.owner !== undefined) where.and(`g.owner = ${where.param(filter.owner)}`);
    if (filter.all !== true) where.and("open.n > 0");
    if (filter.snoozed !== true) where.and("g.snoozed_until is null or g.snoozed_until <= (select huiliu_now())");
    const [open, id] = filter.after?.split(".") ?? [];
    if (open !== undefined && id !== undefined)
      where.and(`(-coalesce(open.n, 0), g.id) > (-${where.param(open)}::bigint, ${where.param(id)})`);
    const text = `select ${COLUMNS}, ${OPEN_COLUMNS}${EXAMPLE} from failure_group g left join ${OPEN_OF_ALL} on open.id = g.id ${OF_EXAMPLE}
      where ${where.text()} order by coalesce(open.n, 0) desc, g.id limit ${limit + 1}`;
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const rows = (await client.query<Row>(text, where.values)).rows.map(groupView);
      const items = rows.slice(0, limit);
      const last = items.at(-1);
      return answered({ items, ...(rows.length > limit && last !== undefined ? { after: cursorOf(last) } : {}) });
    });
  };

  const get = (id: string): Promise<Answered<FailureGroup>> =>
    reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const [row] = (await client.query<Row>(ONE, [id])).rows;
      return row === undefined ? refused("UNKNOWN_FAILURE_GROUP") : answered(groupView(row));
    });

  const change = async (id: string, wanted: FailureChange, deed: Deed): Promise<Answered<FailureGroup>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const done = await doing(deps, async (tx) => {
      const [row] = await run<Row>(tx.client, "failure_group_lock", LOCK, [id]);
      if (row === undefined) return refused("UNKNOWN_FAILURE_GROUP");
      const set = changesOf(wanted, sign.by, tx.nowMs);
      if (set === undefined) return refused("SNOOZE_PAST");
      const after = { owner: row.owner, note: row.note, until: row.until, ...set };
      await run(tx.client, "failure_group_change", CHANGE, [id, after.owner, after.note, after.until, sign.by, tx.nowMs]);
      const entry = { who: sign.by, action: wanted.what, targetKind: "failure-group" as const, targetId: id, reason: sign.reason };
      const auditId = await note(tx, { ...entry, before: present(row), after: present(set) });
      return { ok: true, done: { id, kind: "failure-group", state: wanted.what, auditId } };
    });
    return done.ok ? get(id) : done;
  };

  return { list, get, change, ...createFailureItems(deps) };
}

const LOCK = `select g.owner, g.note, (extract(epoch from g.snoozed_until) * 1000)::double precision as until from failure_group g where g.id = $1 for update`;
const CHANGE = `update failure_group set owner = $2, note = $3, snoozed_until = ${at("$4")}, changed_by = $5, changed_at = ${at("$6")} where id = $1`;

/** The columns a change sets; undefined: it cannot be snoozed until then. Whoever owns without a name owns it himself. */
function changesOf(change: FailureChange, by: string, nowMs: number): Row | undefined {
  switch (change.what) {
    case "own":
      return { owner: (change.owner ?? by).slice(0, OWNER_MAX) };
    case "note":
      return { note: change.note.slice(0, NOTE_MAX) };
    case "snooze":
      return change.untilMs > nowMs && change.untilMs <= nowMs + SNOOZE_MAX_MS ? { until: change.untilMs } : undefined;
    case "unsnooze":
      return { until: null };
  }
}
