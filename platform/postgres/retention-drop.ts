/**
 * Drops the tables of one content of one day. DETACH … CONCURRENTLY is refused where a default partition exists, and a plain DETACH locks as DROP does, so the table
 * is dropped at once, in a transaction that waits for its locks a quarter of a second at most and gives up otherwise: traffic that queues behind it goes on.
 *
 * Parent first, then the day: the order in which every statement locks. With both held nobody can write into the day, so what is asked then stays true until the
 * commit: a replay that wants the day holds its table (operations-deeds.ts, operations-write-back-deeds.ts) or waits and finds it gone.
 */
import { failpoint } from "../../domain/failpoint.ts";
import type { Log } from "../../domain/log.ts";
import type { Content } from "../../domain/retention/policy.ts";
import type { Hold } from "../../domain/retention/plan.ts";
import { markerFor } from "./audit-mark.ts";
import { at } from "./clock.ts";
import { codeOf } from "./failures.ts";
import { note } from "./operations-deeds.ts";
import type { Pool } from "./pool.ts";
import { openIn, type Size, TABLES_OF, tablesOf } from "./retention-sql.ts";

/** Longest wait for a lock, and so the longest that others wait behind us for it. */
export const LOCK_WAIT_MS = 250;
/** Longest statement while the locks are held. Together they stay below a second. */
const HELD_STATEMENT_MS = 500;
const TRIES = 8;
/** Between two tries traffic goes on undisturbed. */
const PAUSE_MS = 700;

export interface DropOrder {
  readonly day: string;
  readonly content: Content;
  readonly size: Size;
  readonly by: string;
  readonly reason: string;
  readonly hash: string;
}
export type Dropped =
  | { readonly kind: "dropped"; readonly auditId: string }
  | { readonly kind: "held"; readonly codes: readonly Hold[] }
  /** Traffic did not leave room for it this time. */
  | { readonly kind: "busy" };

const BUSY = new Set(["55P03", "57014", "40P01"]);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function once(pool: Pool, order: DropOrder): Promise<Dropped> {
  const { day, content, size, by, reason, hash } = order;
  const client = await pool.connect();
  let broken = true;
  try {
    // Plans of the stores are made for look-ups by key; here one answer is wanted over the open work of a day.
    await client.query(
      `begin; set local lock_timeout = ${LOCK_WAIT_MS}; set local statement_timeout = ${HELD_STATEMENT_MS}; set local plan_cache_mode = force_custom_plan`,
    );
    const now = await client.query<{ ms: number }>("select (extract(epoch from huiliu_now()) * 1000)::double precision as ms");
    const nowMs = Math.floor(now.rows[0]?.ms ?? 0);
    // A quarter of a second for all locks of this try, not for each: one statement.
    await client.query(
      `lock table only ${TABLES_OF[content].join(", only ")}, ${tablesOf(content, day).join(", ")} in access exclusive mode`,
    );
    const open = await client.query<{ code: Hold }>(openIn(day));
    if (open.rows.length > 0) {
      await client.query("rollback");
      broken = false;
      return { kind: "held", codes: [...new Set(open.rows.map((row) => row.code))] };
    }
    for (const table of tablesOf(content, day)) await client.query(`drop table ${table}`);
    const auditId = await note(
      { client, nowMs, beforeTickMs: performance.now(), mark: markerFor(pool) },
      {
        who: by,
        action: "drop",
        targetKind: "retention",
        targetId: `${day}/${content}`,
        reason,
        before: { rows: size.rows, rowsExact: size.exact, bytes: size.bytes, tables: tablesOf(content, day) },
        after: { simulation: hash },
      },
    );
    await client.query(NOTE_DROP, [day, content, nowMs, size.rows, size.exact, size.bytes, by, auditId]);
    failpoint("retention.before-commit");
    await client.query("commit");
    broken = false;
    return { kind: "dropped", auditId };
  } catch (error) {
    if (!BUSY.has(codeOf(error))) throw error;
    await client.query("rollback");
    broken = false;
    return { kind: "busy" };
  } finally {
    client.release(broken);
  }
}

const NOTE_DROP = `insert into retention_drop (day, content, at, rows, rows_exact, bytes, by, audit_id)
  values ($1::date, $2, ${at("$3")}, $4::bigint, $5, $6::bigint, $7, $8::bigint)
  on conflict (day, content) do update set at = excluded.at, rows = retention_drop.rows + excluded.rows, bytes = retention_drop.bytes + excluded.bytes,
    by = excluded.by, audit_id = excluded.audit_id`;

/** Drops it, or says why not. Tries again while traffic leaves no room, with pauses in which it has all of it. */
export async function dropDay(pool: Pool, log: Log, order: DropOrder): Promise<Dropped> {
  for (let tries = 1; ; tries += 1) {
    const done = await once(pool, order);
    if (done.kind === "dropped") {
      const { day, content, size, by } = order;
      log.info({ day, content, rows: size.rows, bytes: size.bytes, by, auditId: done.auditId }, "content past its retention was dropped");
    }
    if (done.kind !== "busy" || tries === TRIES) return done;
    await pause(PAUSE_MS);
  }
}
