/**
 * The durable full path, on the running engine: pushed → journal → flow → event published → write-back acknowledged. A round is over when the HIS has every
 * line in its ledger and the engine has nothing open in its books.
 */
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Sent } from "./tasks/send.ts";

const POLL_MS = 20;
/** A round that makes no progress for this long has lost something. */
const STUCK_MS = 60_000;
const READ_BYTES = 1 << 20;

/**
 * What is still owed by the engine: messages without an end, write-backs not acknowledged, events not confirmed by the broker. State by state, as the partial indexes are:
 * asked of whole tables it was 3 % of PostgreSQL's time.
 */
const OPEN = `select ${["message where state = 'received'", "message where state = 'awaiting-part'", "write_back where state = 'held'", "write_back where state = 'queued'", "write_back where state in ('waiting', 'deferred')", "write_back where state = 'sending'", "outbox"].map((of) => `(select count(*) from ${of})`).join(" + ")} as n`;
const COUNTS = `select (select count(*) from message where state = 'settled') as settled, (select count(*) from event where type = 'payment.settled') as events,
  (select count(*) from write_back where state = 'acknowledged') as acknowledged, (select count(*) from attempt where outcome = 'acknowledged') as attempts`;
/** Tables with the bytes of their indexes; days stand under the name of what they are days of. */
const TABLES = `select c.relname as name, coalesce(p.relname, c.relname) as of, pg_indexes_size(c.oid)::bigint as indexes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_inherits i on i.inhrelid = c.oid left join pg_class p on p.oid = i.inhparent
  where n.nspname = 'public' and c.relkind = 'r'`;
/** What the living rows of a table take: aligned, each with its pointer, 2 % for the pages' heads. Room that dead versions left is used by the next ones. */
const rowsOf = (table: string): string =>
  `select (coalesce(sum((pg_column_size(t.*) + 7) / 8 * 8 + 4), 0) * 1.02)::bigint as rows from ${pg.escapeIdentifier(table)} t`;
const BY_SERIAL = `select m.state, w.state as write_back from business_key k join message m on m.id = k.message_id join write_back w on w.message_id = m.id
  where k.kind = 'serial' and k.value = $1`;

export interface Counts {
  readonly settled: number;
  readonly events: number;
  readonly acknowledged: number;
  readonly attempts: number;
}

/** Table → bytes of its rows and of its indexes. */
export type Stored = Readonly<Record<string, { readonly rows: number; readonly indexes: number }>>;

export interface Books {
  /** Resolves once the ledger has grown by `count` lines since the last call and nothing is open; answers when that was (ms since 1970). */
  settled(count: number): Promise<number>;
  /** When the HIS wrote down the effect of each serial (ms since 1970). Throws for a serial with two effects. */
  effects(): ReadonlyMap<string, number>;
  counts(): Promise<Counts>;
  /** Bytes of each table's living rows and of its indexes, after a VACUUM: what autovacuum does in time, so that what is dead is room for what comes. */
  stored(): Promise<Stored>;
  /** State of message and write-back as a person finds them by serial; undefined when they are not found. */
  find(serial: string): Promise<string | undefined>;
  close(): Promise<void>;
}

interface Line {
  readonly at: string;
  readonly serial?: string;
  readonly effect: boolean;
}

/** Reads the HIS's ledger as it grows, and the engine's tables. */
export async function openBooks(ledger: string, postgresUrl: string): Promise<Books> {
  const file = await open(ledger, "r");
  const client = new pg.Client({ connectionString: postgresUrl, types: pg.types });
  await client.connect();
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(READ_BYTES);
  let offset = 0;
  let lines = 0;
  let expected = 0;

  const grow = async (): Promise<void> => {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, offset);
      if (bytesRead === 0) return;
      const chunk = Buffer.from(buffer.subarray(0, bytesRead));
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
      chunks.push(chunk);
      offset += bytesRead;
    }
  };
  const openWork = async (): Promise<number> => Number((await client.query<{ n: string }>(OPEN)).rows[0]?.n);

  return {
    settled: async (count) => {
      expected += count;
      let progress = performance.now();
      for (let before = lines; lines < expected; ) {
        await sleep(POLL_MS);
        await grow();
        if (lines > before) progress = performance.now();
        else if (performance.now() - progress > STUCK_MS) throw new Error(`stuck: the HIS has ${lines} of ${expected} lines`);
        before = lines;
      }
      while ((await openWork()) > 0) {
        if (performance.now() - progress > STUCK_MS)
          throw new Error("stuck: the engine still has open work although the HIS has every effect");
        await sleep(POLL_MS);
      }
      return Date.now();
    },
    effects: () => {
      const at = new Map<string, number>();
      for (const text of Buffer.concat(chunks).toString("utf8").split("\n")) {
        if (text === "") continue;
        const line = JSON.parse(text) as Line;
        if (!line.effect || line.serial === undefined) continue;
        if (at.has(line.serial)) throw new Error(`the HIS booked ${line.serial} twice`);
        at.set(line.serial, Date.parse(line.at));
      }
      return at;
    },
    counts: async () => {
      const row = (await client.query<Record<keyof Counts, string>>(COUNTS)).rows[0];
      const number = (name: keyof Counts): number => Number(row?.[name]);
      return { settled: number("settled"), events: number("events"), acknowledged: number("acknowledged"), attempts: number("attempts") };
    },
    stored: async () => {
      await client.query("vacuum");
      const stored: Record<string, { rows: number; indexes: number }> = {};
      for (const table of (await client.query<{ name: string; of: string; indexes: string }>(TABLES)).rows) {
        const rows = Number((await client.query<{ rows: string }>(rowsOf(table.name))).rows[0]?.rows);
        const before = stored[table.of] ?? { rows: 0, indexes: 0 };
        stored[table.of] = { rows: before.rows + rows, indexes: before.indexes + Number(table.indexes) };
      }
      return stored;
    },
    find: async (serial) => {
      const row = (await client.query<{ state: string; write_back: string }>(BY_SERIAL, [serial])).rows[0];
      return row && `${row.state}, ${row.write_back}`;
    },
    close: async () => {
      await client.end();
      await file.close();
    },
  };
}

/** From the broker's confirm to the ledger's line, per message, milliseconds. */
export function latencies(sent: Sent, effects: ReadonlyMap<string, number>): number[] {
  return sent.serials.map((serial, index) => {
    const at = effects.get(serial);
    if (at === undefined) throw new Error(`the HIS has no effect for ${serial}`);
    return Math.max(at - (sent.confirmedMs[index] ?? 0), 0);
  });
}
