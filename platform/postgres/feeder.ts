/** The feeder's lead in PostgreSQL, and what feeding across workers reads and writes (docs/decisions/011-one-feeder.md). */
import type { Asked, FeederStore } from "../../domain/delivery/feeder.ts";
import type { Verdict } from "../../domain/journal/intake.ts";
import type { MessageState, ParkReason } from "../../domain/journal/ports.ts";
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";
import type { Worker } from "./worker.ts";

const FEEDER = "feeder";

/**
 * $1 task, $2 worker, $3 lease ms, $4 the living. As in lead.ts; but a lead that a living worker asks for goes to nobody else. Whoever takes it knows nobody yet.
 */
const TAKE = `insert into lead as l (task, worker, token, until) values ($1, $2::integer, 1, (select huiliu_now()) + $3::double precision * interval '1 millisecond')
  on conflict (task) do update set until = excluded.until, worker = excluded.worker,
      token = case when l.worker = excluded.worker then l.token else l.token + 1 end,
      seen = case when l.worker = excluded.worker then l.seen else '{}' end,
      wish = case when l.wish = excluded.worker or l.wish <> all($4::integer[]) then null else l.wish end
    where l.worker = excluded.worker
      or ((l.until < (select huiliu_now()) or l.worker <> all($4::integer[])) and (l.wish is null or l.wish = excluded.worker or l.wish <> all($4::integer[])))
  returning l.token, l.wish`;
const SEE = "update lead set seen = $3::integer[] where task = $1 and worker = $2::integer";
const GIVE = "update lead set until = '-infinity', seen = '{}' where task = $1 and worker = $2::integer";
const WISH = "update lead set wish = $2::integer where task = $1 and worker <> $2::integer";
/** $3 the living. */
const SEEN = `select not exists (select 1 from lead l where l.task = $1 and l.worker <> $2::integer and l.until >= (select huiliu_now())
    and l.worker = any($3::integer[]) and $2::integer <> all(l.seen)) as seen`;
/** Waits for whoever is just committing one of them; what is left is nobody's, and a settlement with an older token commits nothing. */
const TAKE_MESSAGES = `with held as materialized (
    select m.id from message m where m.state = 'received' and m.lease_worker is not null order by m.id for update)
  update message m set lease_worker = null, lease_until = null, lease_token = m.lease_token + 1 from held where m.id = held.id`;
const TAKE_EVENTS = `with held as materialized (
    select d.subscriber, d.event_id from event_delivery d where d.state = 'received' and d.lease_worker is not null order by d.subscriber, d.event_id for update)
  update event_delivery d set lease_worker = null, lease_until = null, lease_token = d.lease_token + 1 from held
  where d.subscriber = held.subscriber and d.event_id = held.event_id`;
const NOTE = `insert into sender_answer (message_id, verdict, text, at) values ($1, $2, $3, (select huiliu_now()))
  on conflict (message_id) do update set verdict = excluded.verdict, text = excluded.text, at = excluded.at`;
const FORGET = "delete from sender_answer a where a.at < (select huiliu_now()) - interval '1 day'";
const VERDICTS = `select w.id as "messageId", m.state, m.park, a.verdict, a.text,
    coalesce((select json_agg(e.id order by e.seq) from event e where e.message_id = w.id), '[]') as events
  from unnest($1::uuid[]) as w(id)
  cross join lateral (select x.state, x.park from message x where x.id = w.id limit 1) as m
  left join sender_answer a on a.message_id = w.id
  where m.state in ('settled', 'duplicate', 'parked', 'resolved')`;

interface VerdictRow {
  readonly messageId: string;
  readonly state: MessageState;
  readonly park: ParkReason | null;
  readonly verdict: "accepted" | "refused" | null;
  readonly text: string | null;
  readonly events: readonly string[];
}

function verdictOf({ messageId, state, park, verdict, text, events }: VerdictRow): Verdict {
  if (state === "duplicate") return { verdict: "duplicate", messageId };
  if (state === "parked") return { verdict: "refused", messageId, ...(park === null ? {} : { reason: park }) };
  return { verdict: verdict ?? "accepted", messageId, events, ...(text === null ? {} : { text }) };
}

/** Senders' answers of flows are kept a day. */
export const forgetAnswers = async (pool: Pool): Promise<void> => {
  await run(pool, "feeder_forget", FORGET, []);
};

export const createFeederStore = (pool: Pool, worker: Worker): FeederStore => ({
  worker: worker.id,
  take: async (leaseMs): Promise<Asked> => {
    const living = await worker.living();
    const [row] = await run<{ token: bigint; wish: number | null }>(pool, "feeder_take", TAKE, [FEEDER, worker.id, leaseMs, living]);
    return { token: row?.token, living, wish: row?.wish ?? undefined };
  },
  see: async (living) => {
    await run(pool, "feeder_see", SEE, [FEEDER, worker.id, living]);
  },
  give: async () => {
    await run(pool, "feeder_give", GIVE, [FEEDER, worker.id]);
  },
  wish: async () => {
    await run(pool, "feeder_wish", WISH, [FEEDER, worker.id]);
  },
  isSeen: async () => {
    const [row] = await run<{ seen: boolean }>(pool, "feeder_seen", SEEN, [FEEDER, worker.id, await worker.living()]);
    return row?.seen ?? true;
  },
  takeOver: async () => {
    await run(pool, "feeder_take_messages", TAKE_MESSAGES, []);
    await run(pool, "feeder_take_events", TAKE_EVENTS, []);
  },
  noteAnswer: async (messageId, { verdict, text }) => {
    await run(pool, "feeder_note", NOTE, [messageId, verdict, text ?? null]);
  },
  verdicts: async (messageIds) => (await run<VerdictRow>(pool, "feeder_verdicts", VERDICTS, [messageIds])).map(verdictOf),
});
