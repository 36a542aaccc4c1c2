/** Small things every statement needs. */
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { Client, Pool } from "./pool.ts";
import { dayBounds } from "./partitions.ts";

/** Runs a named (prepared) statement: the name must stand for one text for ever. */
export async function run<R extends object = Record<string, never>>(
  on: Client | Pool,
  name: string,
  text: string,
  values: readonly unknown[],
): Promise<R[]> {
  const result = await on.query<R>({ name, text, values: values as unknown[] });
  return result.rows;
}

/** Milliseconds of receipt inside a UUID v7. */
export const msOfUuid = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/** A statement's share of the partitioned tables: one day when all ids are of one, else every day. */
export interface Days {
  /** Part of the statement's name. */
  readonly name: string;
  /** `and <column> …` with literals: the plan then holds one partition and locks no other. */
  and(column: string): string;
}

const EVERY: Days = { name: "", and: () => "" };

/** The day that all these messages were received on, for pruning. Nearly every batch is of one day. */
export function daysOf(messageIds: readonly string[]): Days {
  let day: string | undefined;
  for (const id of messageIds) {
    const one = chinaDateTimeOf(msOfUuid(id)).slice(0, 10);
    if (day !== undefined && day !== one) return EVERY;
    day = one;
  }
  if (day === undefined) return EVERY;
  const { from, to } = dayBounds(day);
  return { name: `_${day.replaceAll("-", "")}`, and: (column) => ` and ${column} >= '${from}'::uuid and ${column} < '${to}'::uuid` };
}

/** Takes transaction-level advisory locks on texts, in one order for everybody: no two batches can wait for each other. Must be a statement of its own. */
export async function lockTexts(client: Client, texts: Iterable<string>): Promise<void> {
  const distinct = [...new Set(texts)];
  if (distinct.length === 0) return;
  await run(client, "lock_texts", LOCK_TEXTS, [distinct]);
}

const LOCK_TEXTS = `select count(pg_advisory_xact_lock(h)) from (
  select distinct hashtextextended(t, 4711) as h from unnest($1::text[]) as t order by h) as s`;

/** What is locked when a bill or a lane changes. A lane is named by its order key, so both are mostly one lock. */
export const orderLock = (key: string): string => `order ${key}`;
