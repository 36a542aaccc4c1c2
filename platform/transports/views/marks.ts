/**
 * How far a view was read, kept in PostgreSQL: the highest watermark over time, and the rows taken lately. A walk begins at what was the highest watermark `overlapMs`
 * ago, so that a row whose transaction committed late is still found; rows taken since are known by their identity and skipped.
 */
import type { Pool } from "../../postgres/pool.ts";
import { STILL_LEADS } from "../../postgres/lead.ts";
import { run } from "../../postgres/sql.ts";

/** One view of one partner. */
export interface ViewName {
  readonly partner: string;
  readonly view: string;
}

export interface Taken {
  readonly identity: string;
  readonly watermark: string;
}

export interface Marks {
  /** Where the walk begins, and the highest watermark known. Undefined: nothing was read yet. */
  read(overlapMs: number): Promise<{ readonly from: string | undefined; readonly highest: string | undefined }>;
  /** Which of these were taken already. */
  known(identities: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Remembers rows that the journal has and, at a walk's end, how far it came. `floor`: of a first walk, where the next ones begin until it is old enough itself.
   * False: another worker leads now, and nothing was written.
   */
  note(
    taken: readonly Taken[],
    end: { readonly highest: string; readonly floor?: string } | undefined,
    overlapMs: number,
    lead: { readonly worker: number; readonly token: bigint },
  ): Promise<boolean>;
}

const READ = `select
  (select watermark from view_mark where partner = $1 and view = $2 and at <= (select huiliu_now()) - $3::double precision * interval '1 millisecond' order by at desc, ordinal desc limit 1) as "from",
  (select watermark from view_mark where partner = $1 and view = $2 order by at desc, ordinal desc limit 1) as highest`;
const KNOWN = "select identity from view_row where partner = $1 and view = $2 and identity = any($3::text[])";
const TAKE = `insert into view_row (partner, view, identity, watermark, at)
  select $1, $2, i, w, (select huiliu_now()) from unnest($3::text[], $4::text[]) as t (i, w) on conflict do nothing`;
const FLOOR = `insert into view_mark (partner, view, watermark, at)
  values ($1, $2, $3, (select huiliu_now()) - $4::double precision * interval '1 millisecond')`;
const ADVANCE = `insert into view_mark (partner, view, watermark, at) select $1, $2, $3::text, (select huiliu_now())
  where $3::text is distinct from (select watermark from view_mark where partner = $1 and view = $2 order by at desc, ordinal desc limit 1)`;
/** The newest mark that is old enough is where walks begin; older ones, and rows below it, are never read again. */
const FORGET_MARKS = `delete from view_mark m where partner = $1 and view = $2 and exists (
  select 1 from view_mark n where n.partner = $1 and n.view = $2 and (n.at, n.ordinal) > (m.at, m.ordinal)
    and n.at <= (select huiliu_now()) - $3::double precision * interval '1 millisecond')`;
const FORGET_ROWS = `delete from view_row where partner = $1 and view = $2 and at < (select huiliu_now()) - $3::double precision * interval '1 millisecond'
  and watermark <> all (select watermark from view_mark where partner = $1 and view = $2)`;
/** Rows are kept this much longer than they can be read again. */
const SPARE = 2;

export function createMarks(pool: Pool, { partner, view }: ViewName, task: string): Marks {
  return {
    read: async (overlapMs) => {
      const [row] = await run<{ from: string | null; highest: string | null }>(pool, "view_read", READ, [partner, view, overlapMs]);
      return { from: row?.from ?? undefined, highest: row?.highest ?? undefined };
    },
    known: async (identities) => {
      const rows = await run<{ identity: string }>(pool, "view_known", KNOWN, [partner, view, identities]);
      return new Set(rows.map((row) => row.identity));
    },
    note: async (taken, end, overlapMs, lead) => {
      const client = await pool.connect();
      try {
        await client.query("begin");
        const ours = await run<{ ours: number }>(client, "view_leads", STILL_LEADS, [task, lead.worker, lead.token]);
        if (ours.length === 0) {
          await client.query("rollback");
          return false;
        }
        if (taken.length > 0)
          await run(client, "view_take", TAKE, [partner, view, taken.map((one) => one.identity), taken.map((one) => one.watermark)]);
        if (end !== undefined) {
          if (end.floor !== undefined) await run(client, "view_floor", FLOOR, [partner, view, end.floor, overlapMs]);
          await run(client, "view_advance", ADVANCE, [partner, view, end.highest]);
          await run(client, "view_forget_marks", FORGET_MARKS, [partner, view, overlapMs]);
          await run(client, "view_forget_rows", FORGET_ROWS, [partner, view, overlapMs * SPARE]);
        }
        await client.query("commit");
        return true;
      } catch (error) {
        await client.query("rollback").catch(() => undefined); // the first error is what is told
        throw error;
      } finally {
        client.release();
      }
    },
  };
}
