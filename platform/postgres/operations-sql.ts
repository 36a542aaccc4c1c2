/** Pieces of the operators' reads: conditions put together from what was asked, in a read-only transaction with a time limit. */
import { JournalGone } from "../../domain/journal/ports.ts";
import { type Answered, refused } from "../../domain/operations/refusals.ts";
import { codeOf, failureOf } from "./failures.ts";
import { uuidFloor } from "./partitions.ts";
import type { Client, Pool } from "./pool.ts";
import { keysOf } from "./settle-sql.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const isUuid = (text: string): boolean => UUID.test(text);

/** A timestamptz as China time with milliseconds. */
export const moment = (column: string): string => `to_char(${column} at time zone 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+08:00"')`;
/** The largest id: before the first page. */
export const LAST_UUID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Conditions with their parameters. Texts come from this code only; every value is a parameter. */
export interface Conditions {
  /** `$n` of the value. */
  param(value: unknown): string;
  and(condition: string): void;
  readonly text: () => string;
  readonly values: unknown[];
}

export function conditions(): Conditions {
  const values: unknown[] = [];
  const all: string[] = [];
  return {
    values,
    param: (value) => `$${values.push(value)}`,
    and: (condition) => void all.push(`(${condition})`),
    text: () => (all.length === 0 ? "true" : all.join(" and ")),
  };
}

/** Limits a UUID v7 column to times of receipt; the partitions are pruned by it. */
export function within(where: Conditions, column: string, span: { readonly fromMs?: number; readonly toMs?: number }): void {
  if (span.fromMs !== undefined) where.and(`${column} >= ${where.param(uuidFloor(span.fromMs))}::uuid`);
  if (span.toMs !== undefined) where.and(`${column} < ${where.param(uuidFloor(span.toMs))}::uuid`);
}

/** Runs reads in one snapshot under a time limit. A search that takes too long, and a server that is gone, are answers. */
export async function reading<T>(pool: Pool, timeoutMs: number, work: (client: Client) => Promise<Answered<T>>): Promise<Answered<T>> {
  let client: Client;
  try {
    client = await pool.connect();
  } catch {
    return refused("STORE_GONE");
  }
  let broken = true;
  try {
    // Plans are made for the values asked: an operator's question is asked once, and a generic plan could not use the partial indexes.
    await client.query(
      `begin isolation level repeatable read read only; set local statement_timeout = ${Math.floor(timeoutMs)}; set local plan_cache_mode = force_custom_plan`,
    );
    const answer = await work(client);
    await client.query("commit");
    broken = false;
    return answer;
  } catch (error) {
    if (codeOf(error) === "57014") {
      await client.query("rollback");
      broken = false;
      return refused("TOO_SLOW");
    }
    if (error instanceof JournalGone || failureOf(error) === "gone") return refused("STORE_GONE");
    await client.query("rollback");
    broken = false;
    throw error;
  } finally {
    client.release(broken);
  }
}

/** An object without its null members: absent is no property. */
export function present<T extends object>(row: T): { [K in keyof T]: Exclude<T[K], null> } {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], null>;
  };
}

/** Messages that a value leads to: business keys, senders' identities, ids. */
export function messagesOfKeys(keys: readonly string[], partners: readonly string[], where: Conditions): string {
  const values = where.param(keys);
  const ids = keys.filter(isUuid);
  const byKey = keysOf("k.message_id", `k.value = any(${values}::text[])`);
  const byIdentity = `select i.message_id from message_identity i where i.partner = any(${where.param(partners)}::text[]) and i.identity = any(${values}::text[])`;
  const byId = ids.length === 0 ? "" : ` union select unnest(${where.param(ids)}::uuid[])`;
  return `${byKey} union ${byIdentity}${byId}`;
}
