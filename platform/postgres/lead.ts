/** Tasks that one worker at a time leads: a lease in PostgreSQL, renewed while it works. The token fences what a leader that slept would still write. */
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";
import type { Worker } from "./worker.ts";

/** $1 task, $2 worker, $3 lease ms. Taken when it is ours, has run out, or its worker is dead ($4: the living). A new holder gets a new token. */
const TAKE = `insert into lead as l (task, worker, token, until) values ($1, $2::integer, 1, (select huiliu_now()) + $3::double precision * interval '1 millisecond')
  on conflict (task) do update set until = excluded.until, worker = excluded.worker, token = case when l.worker = excluded.worker then l.token else l.token + 1 end
    where l.worker = excluded.worker or l.until < (select huiliu_now()) or l.worker <> all($4::integer[])
  returning l.token`;
const GIVE = "update lead set until = (select huiliu_now()) where task = $1 and worker = $2::integer";
/** For a leader's own transaction: locks the lead's row against a take-over until it commits. */
export const STILL_LEADS =
  "select 1 as ours from lead where task = $1 and worker = $2::integer and token = $3 and until > (select huiliu_now()) for share";

export interface Lead {
  /** Takes or renews; the fencing token while it is ours, undefined while somebody else leads. Rejects when the database is away. */
  take(task: string, leaseMs: number): Promise<bigint | undefined>;
  /** Lets it go at once, so that a successor need not wait for the lease. */
  give(task: string): Promise<void>;
}

export const createLead = (pool: Pool, worker: Worker): Lead => ({
  take: async (task, leaseMs) => {
    const [row] = await run<{ token: bigint }>(pool, "lead_take", TAKE, [task, worker.id, leaseMs, await worker.living()]);
    return row?.token;
  },
  give: async (task) => {
    await run(pool, "lead_give", GIVE, [task, worker.id]);
  },
});
