/** Subscribers and what they are owed, in PostgreSQL (domain/subscribers/ports.ts). */
import type { Event } from "../../domain/events/event.ts";
import type { Loose, OwedWhy, Subscriber, SubscriberStore } from "../../domain/subscribers/ports.ts";
import { eventTextOf } from "./packed.ts";
import type { Client, Pool } from "./pool.ts";
import { run } from "./sql.ts";

/** Transactions under way when a number was read may commit lower ones later: what is owed begins this much before. */
const SLACK = "interval '60 seconds'";
/** The same in numbers, where nobody noted any that early. */
const SLACK_NUMBERS = 10_000;
/** The number that events had surely reached when a checkpoint was set. */
const START = `least(s.checkpoint, coalesce((select m.seq from event_mark m where m.at <= s.checkpoint_at - ${SLACK} order by m.at desc limit 1), greatest(s.checkpoint - ${SLACK_NUMBERS}, 0)))`;
const REACHED = "(select case when q.is_called then q.last_value else 0 end from event_seq q)";

const ALL = `select s.name, s.queue, s.patterns, s.source, s.checkpoint, s.owed_from, s.owed_to, s.owed_why, s.stalled_why, s.empty_seq,
    extract(epoch from s.empty_at)::double precision * 1000 as empty_ms from subscriber s where s.removed_at is null order by s.name`;
/**
 * Also for operators: a new one is owed nothing from before; one that comes back is owed what it missed, and one with other patterns what is stored before its queue is
 * bound by them.
 */
const ADD = `insert into subscriber as s (name, queue, patterns, source, made_at, checkpoint, checkpoint_at)
  select $1, $2, $3::text[], $4, now.at, ${REACHED}, now.at from (select huiliu_now() as at) as now
  on conflict (name) do update set patterns = excluded.patterns, source = excluded.source, removed_at = null,
    owed_from = least(s.owed_from, case when s.removed_at is not null then ${START} else ${REACHED} end), owed_to = null, owed_why = 'asked',
    owed_since = coalesce(s.owed_since, (select huiliu_now())), empty_seq = null, empty_at = null
    where s.patterns <> excluded.patterns or s.source <> excluded.source or s.removed_at is not null
  returning s.name`;
const REMOVE_OTHERS =
  "update subscriber s set removed_at = (select huiliu_now()) where s.source = 'profile' and s.removed_at is null and s.name <> all($1::text[])";
/** $1 name, $2 why, $3 from or null. Also for operators. */
export const OWE = `update subscriber s set owed_from = least(s.owed_from, coalesce($3::bigint, ${START})), owed_to = null, owed_why = $2,
    owed_since = coalesce(s.owed_since, (select huiliu_now())), empty_seq = null, empty_at = null
  where s.name = $1`;
/** A queue of somebody else's. $1 name, $2 queue, $3 from. */
export const OWE_OUTSIDER = `insert into subscriber as s (name, queue, patterns, source, made_at, checkpoint, checkpoint_at, owed_from, owed_to, owed_why, owed_since)
  select $1, $2, '{#}', 'outsider', now.at, $3::bigint, now.at, $3::bigint, ${REACHED}, 'asked', now.at from (select huiliu_now() as at) as now
  on conflict (name) do update set removed_at = null, owed_from = least(s.owed_from, excluded.owed_from), owed_to = excluded.owed_to, owed_why = 'asked',
    owed_since = excluded.owed_since`;
const OWE_UP_TO_NOW = `update subscriber s set owed_to = ${REACHED} where s.name = $1 and s.owed_from is not null`;
const PROGRESS = `update subscriber s set republished = s.republished + $3,
    owed_from = case when $2::bigint < s.owed_to then $2::bigint end, owed_to = case when $2::bigint < s.owed_to then s.owed_to end,
    owed_why = case when $2::bigint < s.owed_to then s.owed_why end, owed_since = case when $2::bigint < s.owed_to then s.owed_since end
  where s.name = $1 and s.owed_to is not null and s.owed_from <= $2::bigint`;
const STALL = `update subscriber s set stalled_since = coalesce(s.stalled_since, (select huiliu_now())), stalled_why = $3, owed_from = least(s.owed_from, $2::bigint), owed_to = null,
    owed_why = 'stalled', owed_since = coalesce(s.owed_since, (select huiliu_now())), empty_seq = null, empty_at = null
  where s.name = $1`;
const UNSTALL = `update subscriber s set stalled_since = null, stalled_why = null, owed_to = case when s.owed_from is not null then ${REACHED} end where s.name = $1`;
/** Block ranges of numbers are looked through; a stretch of numbers is at most so many events. $1 from, $2 to. */
const STRETCH = "select e.seq, e.id, e.body from event e where e.seq > $1::bigint and e.seq <= $2::bigint and e.published order by e.seq";
/** $1 name, $2 how long an empty queue must be ago. What the outbox still owes has not been in the queue; numbers of open transactions count from the last mark. */
const SEEN_EMPTY = `update subscriber s set
    checkpoint = case when s.empty_at < now.at - $2::double precision * interval '1 millisecond' then greatest(s.checkpoint, s.empty_seq) else s.checkpoint end,
    checkpoint_at = case when s.empty_at < now.at - $2::double precision * interval '1 millisecond' then s.empty_at else s.checkpoint_at end,
    empty_seq = case when s.empty_at is null or s.empty_at < now.at - $2::double precision * interval '1 millisecond' then now.seq else s.empty_seq end,
    empty_at = case when s.empty_at is null or s.empty_at < now.at - $2::double precision * interval '1 millisecond' then now.at else s.empty_at end
  from (select n.at, least(coalesce((select m.seq from event_mark m where m.at <= n.at - ${SLACK} order by m.at desc limit 1), 0), (select min(o.seq) - 1 from outbox o)) as seq
    from (select huiliu_now() as at) as n) as now
  where s.name = $1 and s.owed_from is null`;
export const REMOVE =
  "update subscriber s set removed_at = (select huiliu_now()), owed_from = null, owed_to = null, owed_why = null, owed_since = null, stalled_since = null, stalled_why = null where s.name = $1";
/** Ours whose queue is bound otherwise than it should be. One that takes nothing is bound when it takes again (UNSTALL). */
const LOOSE = `select s.name, s.queue, s.removed_at is not null as removed, s.patterns, l.add, l.drop from subscriber s cross join lateral (select
    case when s.removed_at is null and s.stalled_since is null then array(select unnest(s.patterns) except select unnest(s.bound)) else '{}' end as add,
    array(select unnest(s.bound) except select unnest(case when s.removed_at is null then s.patterns else '{}' end)) as drop) as l
  where s.source <> 'outsider' and (l.add <> '{}' or l.drop <> '{}') order by s.name`;
const BOUND = `update subscriber s set bound = array(select unnest(s.bound || $2::text[]) except select unnest($3::text[])) where s.name = $1`;
const MARK = `insert into event_mark (at, seq) select huiliu_now(), ${REACHED} on conflict do nothing`;

interface Row {
  readonly name: string;
  readonly queue: string;
  readonly patterns: readonly string[];
  readonly source: Subscriber["source"];
  readonly checkpoint: bigint;
  readonly owed_from: bigint | null;
  readonly owed_to: bigint | null;
  readonly owed_why: OwedWhy | null;
  readonly stalled_why: string | null;
  readonly empty_seq: bigint | null;
  readonly empty_ms: number | null;
}

const subscriberOf = (row: Row): Subscriber => ({
  name: row.name,
  queue: row.queue,
  patterns: row.patterns,
  source: row.source,
  checkpoint: row.checkpoint,
  ...(row.owed_from === null
    ? {}
    : { owed: { from: row.owed_from, ...(row.owed_to === null ? {} : { to: row.owed_to }), why: row.owed_why ?? "asked" } }),
  ...(row.stalled_why === null ? {} : { stalledWhy: row.stalled_why }),
  ...(row.empty_seq === null || row.empty_ms === null ? {} : { empty: { seq: row.empty_seq, atMs: row.empty_ms } }),
});

/** A subscriber by its patterns and queue; in a transaction of the caller's where it has one. */
export const addSubscriber = async (
  on: Client | Pool,
  one: { readonly name: string; readonly queue: string; readonly patterns: readonly string[] },
  source: "profile" | "api",
): Promise<void> => {
  await run(on, "subscriber_add", ADD, [one.name, one.queue, one.patterns, source]);
};

/** `reads`: events are looked through there. */
export function createSubscriberStore({ pool, reads }: { readonly pool: Pool; readonly reads: Pool }): SubscriberStore {
  const reached = async (): Promise<bigint> => {
    const [row] = await run<{ seq: bigint }>(pool, "subscriber_reached", `select ${REACHED} as seq`, []);
    return row?.seq ?? 0n;
  };
  return {
    all: async () => (await run<Row>(pool, "subscriber_all", ALL, [])).map(subscriberOf),
    seed: async (wanted) => {
      for (const one of wanted) await addSubscriber(pool, one, "profile");
      await run(pool, "subscriber_remove_others", REMOVE_OTHERS, [wanted.map((one) => one.name)]);
    },
    owe: async (name, why, from) => {
      await run(pool, "subscriber_owe", OWE, [name, why, from ?? null]);
    },
    oweUpToNow: async (name) => {
      await run(pool, "subscriber_owe_up_to_now", OWE_UP_TO_NOW, [name]);
    },
    progress: async (name, seq, count) => {
      await run(pool, "subscriber_progress", PROGRESS, [name, seq, count]);
    },
    stall: async (name, from, why) => {
      await run(pool, "subscriber_stall", STALL, [name, from, why]);
    },
    unstall: async (name) => {
      await run(pool, "subscriber_unstall", UNSTALL, [name]);
    },
    stretch: async (from, numbers, to) => {
      const last = to ?? (await reached());
      const end = last < from + BigInt(numbers) ? last : from + BigInt(numbers);
      if (end <= from) return { events: [], to: from };
      const rows = await run<{ seq: bigint; id: string; body: Buffer }>(reads, "subscriber_stretch", STRETCH, [from, end]);
      return { events: rows.map((row) => ({ seq: row.seq, event: JSON.parse(eventTextOf(row)) as Event })), to: end };
    },
    loose: async () => run<Loose>(pool, "subscriber_loose", LOOSE, []),
    bound: async (name, added, dropped) => {
      await run(pool, "subscriber_bound", BOUND, [name, added, dropped]);
    },
    remove: async (name) => {
      await run(pool, "subscriber_remove", REMOVE, [name]);
    },
    seenEmpty: async (name, readMs) => {
      await run(pool, "subscriber_seen_empty", SEEN_EMPTY, [name, readMs]);
    },
    mark: async () => {
      await run(pool, "subscriber_mark", MARK, []);
    },
    epoch: async () => {
      const [row] = await run<{ id: string; marked: boolean }>(
        pool,
        "subscriber_epoch",
        "select id, marked_at is not null as marked from broker_epoch",
        [],
      );
      if (!row) throw new Error("the broker's epoch is not in the database");
      return row;
    },
    marked: async (wiped) => {
      const text = `update broker_epoch set marked_at = coalesce(marked_at, huiliu_now()), wiped_at = case when $1 then huiliu_now() else wiped_at end,
        wipes = wipes + case when $1 then 1 else 0 end`;
      await run(pool, "subscriber_marked", text, [wiped]);
    },
  };
}
