/** The database's clock (design.md decision 22): the only one that times in tables are taken from. */
import { randomBytes } from "node:crypto";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { Pool } from "./pool.ts";

/** huiliu_now() as milliseconds since 1970 and as a day in China. */
export async function dbTime(pool: Pool): Promise<{ readonly ms: number; readonly day: string }> {
  const told = await pool.query<{ ms: string }>("select extract(epoch from huiliu_now()) * 1000 as ms");
  const ms = Math.floor(Number(told.rows[0]?.ms));
  return { ms, day: chinaDateTimeOf(ms).slice(0, 10) };
}

/** Moves huiliu_now() by `ms` against the database's own clock, for every process on it. For tests and simulated hours only. */
export async function setClockOffset(pool: Pool, ms: number): Promise<void> {
  await pool.query("update huiliu_clock set shift = $1::double precision * interval '1 millisecond'", [ms]);
}

/** Where the counter of a new millisecond may begin: its upper half is left for counting. */
const COUNTER_START_MAX = 2 ** 31;

/** A multiple of an id's 16 bytes. */
const RANDOM_POOL_BYTES = 4_096;

/**
 * Makes UUIDs v7 (RFC 9562): 48 bits of the millisecond given, 32 bits that count within it, 42 of randomness. Those of one maker are in the order made,
 * as long as the milliseconds given never go back.
 */
export function createUuid7(): (atMs: number) => string {
  let last = -1;
  let counter = 0;
  let pool = Buffer.alloc(0);
  return (atMs) => {
    // Random bytes are drawn for many ids at once: asking for 16 costs as much as asking for 4,096.
    if (pool.length === 0) pool = randomBytes(RANDOM_POOL_BYTES);
    const bytes = pool.subarray(0, 16);
    pool = pool.subarray(16);
    counter = atMs === last ? counter + 1 : bytes.readUInt32BE(12) % COUNTER_START_MAX;
    last = atMs;
    bytes.writeUIntBE(atMs, 0, 6);
    bytes.writeUInt16BE(0x7000 | (counter >>> 20), 6);
    bytes.writeUInt16BE(0x8000 | ((counter >>> 6) & 0x3fff), 8);
    bytes[10] = ((counter & 0x3f) << 2) | ((bytes[10] ?? 0) & 0x03);
    const hex = bytes.toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}

/** Milliseconds of a timestamptz column, for a select list. */
export const msOf = (column: string): string => `(extract(epoch from ${column}) * 1000)::double precision`;
/** A timestamptz made of a parameter that holds milliseconds. */
export const at = (parameter: string): string => `to_timestamp(${parameter}::double precision / 1000)`;
