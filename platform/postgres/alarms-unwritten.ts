/**
 * Events that were settled and owe no write-back. Nobody declares which events must be written back: what most events of a partner and type do is what the
 * others should have done. A window that moves with time looks at each event once, fifteen minutes after it was stored; what it found is looked at until a
 * write-back is there or a person says that none is wanted.
 */
import { UNWRITTEN_MS } from "../../domain/alarms/conditions.ts";
import type { Measured } from "../../domain/alarms/measured.ts";
import { msOf } from "./clock.ts";
import type { Pool } from "./pool.ts";
import { uuidFloor } from "./partitions.ts";

/** Money that is final, and so must be told to somebody. */
const WATCHED_TYPES = ["payment.settled", "payment.refunded", "insurance.settled", "insurance.reversed"] as const;
/** Looked at on the first start, and at most in one look: what is older than that is not looked for. */
const WINDOW_MS = 10 * 60_000;
/** Events that a habit needs before anybody is suspected of breaking it. */
const HABIT_MIN = 5;
/** Suspects kept. */
const KEPT = "interval '7 days'";

type Unwritten = Measured["unwritten"][number];
interface SuspectRow {
  readonly partner: string;
  readonly type: string;
  readonly n: number;
  readonly since_ms: number;
  readonly message_id: string;
}

const WINDOW = `insert into unwritten_watch (looked_to) values ((select huiliu_now()) - ${UNWRITTEN_MS + WINDOW_MS} * interval '1 millisecond')
  on conflict (only_row) do update set looked_to = unwritten_watch.looked_to
  returning ${msOf("looked_to")} as from_ms, ${msOf("(select huiliu_now())")} - ${UNWRITTEN_MS} as to_ms`;
const MOVE = "update unwritten_watch set looked_to = to_timestamp($1::double precision / 1000)";
/** $1, $2: of the messages received then; $3 the types. */
const FOUND = `select e.id as event_id, e.message_id, e.partner, e.type, e.stored_at,
    exists (select 1 from write_back w where w.message_id = e.message_id and w.cause_event_id = e.id) as written
  from event e where e.message_id >= $1::uuid and e.message_id < $2::uuid and e.type = any($3::text[])`;
const LOOK = `with found as materialized (${FOUND}),
  habit as (
    insert into unwritten_habit as h (partner, type, written, unwritten)
    select f.partner, f.type, count(*) filter (where f.written), count(*) filter (where not f.written) from found f group by f.partner, f.type
    on conflict (partner, type) do update set written = h.written + excluded.written, unwritten = h.unwritten + excluded.unwritten)
  insert into unwritten_event (event_id, message_id, partner, type, stored_at)
  select f.event_id, f.message_id, f.partner, f.type, f.stored_at from found f where not f.written on conflict do nothing`;
/** Written since, or too old to be news. */
const TIDY = `delete from unwritten_event u where u.stored_at < (select huiliu_now()) - ${KEPT}
  or exists (select 1 from write_back w where w.message_id = u.message_id and w.cause_event_id = u.event_id)`;
const SUSPECTS = `select u.partner, u.type, count(*)::integer as n, ${msOf("min(u.stored_at)")} as since_ms, (array_agg(u.message_id order by u.stored_at))[1] as message_id
  from unwritten_event u join unwritten_habit h on h.partner = u.partner and h.type = u.type
  where u.dismissed_by is null and h.written > h.unwritten and h.written + h.unwritten >= ${HABIT_MIN}
  group by u.partner, u.type`;

/** One look: moves the window and answers what is suspect. Only the leader looks, so nobody moves it twice. */
export function createUnwritten({ pool }: { readonly pool: Pool }): () => Promise<readonly Unwritten[]> {
  return async () => {
    const client = await pool.connect();
    let broken = true;
    try {
      await client.query("begin");
      const [window] = (await client.query<{ from_ms: number; to_ms: number }>(WINDOW)).rows;
      if (window && window.to_ms > window.from_ms) {
        // After a long stop the window catches up step by step.
        const toMs = Math.min(window.to_ms, window.from_ms + WINDOW_MS);
        await client.query(LOOK, [uuidFloor(Math.floor(window.from_ms)), uuidFloor(Math.floor(toMs)), WATCHED_TYPES]);
        await client.query(MOVE, [Math.floor(toMs)]);
      }
      await client.query(TIDY);
      const { rows } = await client.query<SuspectRow>(SUSPECTS);
      await client.query("commit");
      broken = false;
      return rows.map((row) => ({ partner: row.partner, type: row.type, count: row.n, sinceMs: row.since_ms, messageId: row.message_id }));
    } finally {
      client.release(broken);
    }
  };
}
