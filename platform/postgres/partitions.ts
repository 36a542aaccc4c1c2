/** Daily partitions, cut at midnight in China by the time inside a UUID v7 (design.md decision 5; reference/delivery.md section 3.2). */
import { addDays, epochMsOf } from "../../domain/time.ts";
import { codeOf } from "./failures.ts";
import { dbTime } from "./clock.ts";
import type { Pool } from "./pool.ts";

/** Partitioned table → the column that carries the message's UUID. */
export const PARTITIONED = {
  message: "id",
  message_history: "message_id",
  event: "message_id",
  write_back_body: "message_id",
  attempt: "message_id",
} as const;
export type PartitionedTable = keyof typeof PARTITIONED;
/** `_20261120`: what a day's tables end with. */
export const suffixOf = (day: string): string => `_${day.replaceAll("-", "")}`;

/** A week ahead: a weekend without anybody still has its days. */
const DAYS_AHEAD = 7;
const DAY_TABLE = /^message_[0-9]{8}$/;
const PARTITION_LOCK = 0x48_55_49_50;

const dayAfter = (day: string, days: number): string => {
  const after = addDays(day, days);
  if (after === undefined) throw new RangeError("not a day of the calendar");
  return after;
};

/** The smallest UUID of a millisecond. Before 1970 there is none: the very first is told. */
export function uuidFloor(atMs: number): string {
  const hex = Math.max(0, atMs).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

const THERE =
  "select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid union all select s.stxname from pg_statistic_ext s";
const statisticsOf = (table: string): string => `${table}_by`;
/**
 * A day's messages, as the planner knows them: a kind belongs to one partner and a flow to a few kinds. Taken for independent they seem rare when they are not, and the
 * whole day is read where its newest hundred rows would do (docs/decisions/020).
 */
export const messageStatistics = (table: string): string =>
  `create statistics ${statisticsOf(table)} (dependencies, mcv) on partner, kind, flow, state from ${table}`;

/** The bounds of a China day: `from` inclusive, `to` exclusive. */
export function dayBounds(day: string): { readonly from: string; readonly to: string } {
  const start = epochMsOf(`${day}T00:00:00+08:00`);
  const end = epochMsOf(`${dayAfter(day, 1)}T00:00:00+08:00`);
  if (start === undefined || end === undefined) throw new RangeError("not a date");
  return { from: uuidFloor(start), to: uuidFloor(end) };
}

/**
 * Makes the days from today to `daysAhead` where missing; answers the tables made and the days there are. Rows of such a day that the default partition already holds
 * (the engine had slept, or a test moved the clock) are moved in the same transaction.
 */
export async function ensurePartitions(
  pool: Pool,
  daysAhead = DAYS_AHEAD,
): Promise<{ readonly made: readonly string[]; readonly days: ReadonlySet<string> }> {
  const { day: today } = await dbTime(pool);
  const wanted = Array.from({ length: daysAhead + 1 }, (_, ahead) => dayAfter(today, ahead));
  const made: string[] = [];
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query("select pg_advisory_lock($1)", [PARTITION_LOCK]);
    const there = new Set((await client.query<{ name: string }>(THERE)).rows.map((row) => row.name));
    for (const day of wanted) {
      for (const [table, column] of Object.entries(PARTITIONED)) {
        const name = `${table}${suffixOf(day)}`;
        if (there.has(name)) continue;
        const { from, to } = dayBounds(day);
        const range = `for values from ('${from}') to ('${to}')`;
        try {
          await client.query(`create table ${name} partition of ${table} ${range}`);
        } catch (error) {
          // check_violation: the default partition holds rows of this day.
          if (codeOf(error) !== "23514") throw error;
          await client.query("begin");
          await client.query(`lock table ${table} in access exclusive mode`);
          await client.query(`create table ${name} (like ${table} including all)`);
          await client.query(
            `with moved as (delete from ${table}_default where ${column} >= '${from}' and ${column} < '${to}' returning *) insert into ${name} select * from moved`,
          );
          await client.query(`alter table ${table} attach partition ${name} ${range}`);
          await client.query("commit");
        }
        made.push(name);
      }
      const messages = `message${suffixOf(day)}`;
      if (!there.has(statisticsOf(messages))) await client.query(messageStatistics(messages));
    }
    await client.query("select pg_advisory_unlock($1)", [PARTITION_LOCK]);
    broken = false;
    const tables = [...there, ...made].filter((name) => DAY_TABLE.test(name)).map((name) => name.slice("message_".length));
    return { made, days: new Set([...tables.map((day) => `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`)]) };
  } finally {
    client.release(broken);
  }
}
