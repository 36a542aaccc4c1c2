/** Small things every statement needs. */
import { chinaDateTimeOf } from "../../domain/time.ts";
import { textArray } from "./binary.ts";
import { codeOf } from "./failures.ts";
import type { Client, Pool } from "./pool.ts";
import { type PartitionedTable, suffixOf } from "./partitions.ts";

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

/** What every statement says once one before it in its transaction has failed. */
const TRANSACTION_FAILED = "25P02";

/**
 * Waits for statements that were sent together (the pool pipelines them; the server does them one after the other, in the order sent). Every one has been answered before
 * this rejects, so that nothing is sent behind the rollback; it rejects with what failed first.
 */
export async function together<const T extends readonly unknown[]>(sent: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const done = await Promise.allSettled(sent);
  const failed = done.flatMap((one): unknown[] => (one.status === "rejected" ? [one.reason] : []));
  if (failed.length > 0) throw failed.find((error) => codeOf(error) !== TRANSACTION_FAILED) ?? failed[0];
  return done.map((one) => (one.status === "fulfilled" ? one.value : undefined)) as { -readonly [K in keyof T]: Awaited<T[K]> };
}

/** Milliseconds of receipt inside a UUID v7. */
export const msOfUuid = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

const DAY_MS = 86_400_000;
const CHINA_OFFSET_MS = 8 * 3_600_000;
/** Days in China since 1970: cheaper to compare than dates. */
const dayNumberOf = (id: string): number => Math.floor((msOfUuid(id) + CHINA_OFFSET_MS) / DAY_MS);

/** A statement's share of the partitioned tables: one day's tables when all ids are of one day that has its own, else the whole. */
export interface Days {
  /** Part of the statement's name. */
  readonly name: string;
  /** The table to name in the statement. A day's own table is planned and locked alone, whatever the number of days kept. */
  of(table: PartitionedTable): string;
}

/** Every partition; for statements that are rare, or whose ids are of several days. */
const EVERY_DAY: Days = { name: "", of: (table) => table };

/** The day that all these messages were received on. Nearly every batch is of one day. `has` tells which days have tables of their own. */
export function daysOf(messageIds: readonly string[], has: (day: string) => boolean): Days {
  const [first] = messageIds;
  if (first === undefined) return EVERY_DAY;
  const number = dayNumberOf(first);
  for (const id of messageIds) if (dayNumberOf(id) !== number) return EVERY_DAY;
  const day = dayOf(first);
  if (!has(day)) return EVERY_DAY;
  const suffix = suffixOf(day);
  return { name: suffix, of: (table) => `${table}${suffix}` };
}

/** The China day on which a message was received. */
export const dayOf = (id: string): string => chinaDateTimeOf(msOfUuid(id)).slice(0, 10);

/** Takes transaction-level advisory locks on texts, in one order for everybody: no two batches can wait for each other. Must be a statement of its own. */
export async function lockTexts(client: Client, texts: Iterable<string>): Promise<void> {
  const distinct = [...new Set(texts)];
  if (distinct.length === 0) return;
  await run(client, "lock_texts", LOCK_TEXTS, [textArray(distinct)]);
}

const LOCK_TEXTS = `select count(pg_advisory_xact_lock(h)) from (
  select distinct hashtextextended(t, 4711) as h from unnest($1::text[]) as t order by h) as s`;

/** What is locked when a bill or a lane changes. A lane is named by its order key, so both are mostly one lock. */
export const orderLock = (key: string): string => `order ${key}`;
