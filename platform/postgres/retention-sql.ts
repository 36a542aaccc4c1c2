/** What retention asks: which days have tables, how big they are, and what of them is still owed. Names of tables are made here from days; values are parameters. */
import type { Hold } from "../../domain/retention/plan.ts";
import { CONTENTS, type Content } from "../../domain/retention/policy.ts";
import { dayBounds, type PartitionedTable, suffixOf } from "./partitions.ts";
import type { Client } from "./pool.ts";

/** The tables of a content, in the order in which everybody locks them. */
export const TABLES_OF: Readonly<Record<Content, readonly PartitionedTable[]>> = {
  messages: ["message", "message_history"],
  events: ["event"],
  bodies: ["write_back_body"],
  attempts: ["attempt"],
};
export const tablesOf = (content: Content, day: string): readonly string[] => TABLES_OF[content].map((table) => `${table}${suffixOf(day)}`);

/** Counted row by row up to here; beyond, the server's own estimate is given, and said to be one. */
const COUNTED_ROWS_MAX = 500_000;

export interface Size {
  readonly rows: number;
  readonly exact: boolean;
  readonly bytes: number;
}
interface TableRow {
  readonly name: string;
  readonly parent: PartitionedTable;
  readonly estimate: number;
  readonly bytes: string;
}
const TABLES = `select c.relname::text as name, p.relname::text as parent, c.reltuples as estimate, pg_total_relation_size(c.oid)::text as bytes
  from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
  where p.relname = any($1::text[]) and c.relkind = 'r'`;
const DAY_NAME = /_(\d{4})(\d{2})(\d{2})$/;

export interface StoredDay {
  readonly day: string;
  readonly content: Content;
  readonly tables: readonly TableRow[];
}

/** Days with tables of their own, by content, and the default partitions. */
export async function storedDays(client: Client): Promise<{ readonly days: readonly StoredDay[]; readonly defaults: readonly TableRow[] }> {
  const { rows } = await client.query<TableRow>(TABLES, [Object.values(TABLES_OF).flat()]);
  const contentOf = (table: PartitionedTable): Content => CONTENTS.find((one) => TABLES_OF[one].includes(table)) ?? "messages";
  const days = new Map<string, StoredDay & { tables: TableRow[] }>();
  const defaults: TableRow[] = [];
  for (const row of rows) {
    const at = DAY_NAME.exec(row.name);
    if (!at) {
      defaults.push(row);
      continue;
    }
    const [day, content] = [`${at[1]}-${at[2]}-${at[3]}`, contentOf(row.parent)];
    const key = `${day} ${content}`;
    const known = days.get(key);
    if (known) known.tables.push(row);
    else days.set(key, { day, content, tables: [row] });
  }
  return { days: [...days.values()], defaults };
}

/** Rows and bytes of tables. Statistics that say "few" are not believed but counted. */
export async function sizeOf(client: Client, tables: readonly TableRow[]): Promise<Size> {
  let [rows, bytes, exact] = [0, 0, true];
  for (const table of tables) {
    bytes += Number(table.bytes);
    if (table.estimate > COUNTED_ROWS_MAX) {
      rows += Math.round(table.estimate);
      exact = false;
      continue;
    }
    const counted = await client.query<{ n: string }>(
      `select count(*)::text as n from (select 1 from ${table.name} limit ${COUNTED_ROWS_MAX}) as t`,
    );
    const n = Number(counted.rows[0]?.n ?? 0);
    exact = exact && n < COUNTED_ROWS_MAX;
    rows += n;
  }
  return { rows, exact, bytes };
}

const uuidDay = (column: string): string =>
  `to_char(to_timestamp((('x' || left(replace(${column}::text, '-', ''), 12))::bit(48)::bigint) / 1000.0) at time zone 'Asia/Shanghai', 'YYYY-MM-DD')`;

interface Source {
  readonly code: Hold;
  /** Rows of open work with the message they belong to, as `message_id`. */
  readonly from: string;
}
const writeBacksIn = (code: Hold, ...states: readonly string[]): Source => ({
  code,
  // One part a state: each is answered by that state's partial index, however many closed ones there are.
  from: states.map((state) => `select w.message_id from write_back w where w.state = '${state}'`).join(" union all "),
});
/** Everything that holds a day: all of these are small beside what is stored. */
const SOURCES: readonly Source[] = [
  { code: "MESSAGE_OPEN", from: "select m.id as message_id from message m where m.state in ('received', 'awaiting-part')" },
  { code: "MESSAGE_PARKED", from: "select m.id as message_id from message m where m.state = 'parked'" },
  writeBacksIn("WRITE_BACK_OWED", "held", "queued", "waiting", "sending", "deferred"),
  writeBacksIn("WRITE_BACK_PARKED", "parked"),
  { code: "EVENT_DELIVERY_OPEN", from: "select d.message_id from event_delivery d" },
  { code: "EVENT_UNPUBLISHED", from: "select o.message_id from outbox o" },
  {
    code: "REPLAY_OPEN",
    from: `select coalesce(w.message_id, i.target) as message_id from replay_item i join replay_job j on j.id = i.job
        left join write_back w on w.id = i.target
      where j.ended_at is null and i.state in ('planned', 'marked', 'replayed')
      union all select e.message_id from replay_edit e where e.state = 'proposed'`,
  },
];
/** Days up to $1 that something open belongs to, with how much. */
export const HELD = SOURCES.map(
  ({ code, from }) => `select s.day, '${code}' as code, count(*)::integer as count
    from (select ${uuidDay("o.message_id")} as day from (${from}) as o) as s where s.day <= $1 group by s.day`,
).join(" union all ");

/** The number up to which every subscriber has read, and from which it is owed events again; null: there is none. */
export const READ_TO = "select min(least(s.checkpoint, s.owed_from))::text as seq from subscriber s where s.removed_at is null";
export const unreadOf = (day: string): string => `select count(*)::integer as n from (
  select 1 from event${suffixOf(day)} e where e.seq > $1::bigint and e.published limit 1000) as u`;

/** Whether anything of one day is open: asked with the day's tables locked, so it must be quick. The bounds are ours, made from a day. */
export function openIn(day: string): string {
  const { from, to } = dayBounds(day);
  const parts = SOURCES.map(
    ({ code, from: source }) =>
      `select '${code}' as code where exists (select 1 from (${source}) as o where o.message_id >= '${from}'::uuid and o.message_id < '${to}'::uuid)`,
  );
  return parts.join(" union all ");
}
