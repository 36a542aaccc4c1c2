/** The journal's statements. The query-plan test reads them from here. */
import { batchOf } from "./batch.ts";
import { at, msOf } from "./clock.ts";
import type { Days } from "./sql.ts";

export const IDENTITY_ROWS = batchOf("r", { partner: "text", identity: "text", message_id: "uuid", fingerprint: "bytea" });
/** Takes identities nobody has; answers those taken. */
export const TAKE_IDENTITIES = `insert into message_identity (partner, identity, message_id, fingerprint)
  select r.partner, r.identity, r.message_id, r.fingerprint from ${IDENTITY_ROWS.from} order by r.partner, r.identity, r.ord
  on conflict do nothing returning message_id`;

export const PAIRS = batchOf("r", { one: "text", two: "text" });
/** Who has an identity, and where that message stands. A statement of its own: it must see what others committed meanwhile. */
export const OWNERS = `select o.* from ${PAIRS.from} cross join lateral (
    select i.partner, i.identity, i.message_id, i.fingerprint, m.state, m.park from message_identity i
    left join lateral (select x.state, x.park from message x where x.id = i.message_id limit 1) as m on true
    where i.partner = r.one and i.identity = r.two limit 1) as o`;

export const CONFLICT_ROWS = batchOf("r", { partner: "text", identity: "text", fingerprint: "bytea", message_id: "uuid" });
export const CONFLICTS = `select c.* from ${CONFLICT_ROWS.from} cross join lateral (
    select x.partner, x.identity, x.fingerprint, x.message_id from message_conflict x
    where x.partner = r.partner and x.identity = r.identity and x.fingerprint = r.fingerprint limit 1) as c`;
export const INSERT_CONFLICTS = `insert into message_conflict (partner, identity, fingerprint, message_id)
  select r.partner, r.identity, r.fingerprint, r.message_id from ${CONFLICT_ROWS.from} order by r.partner, r.identity, r.fingerprint`;

export const MESSAGE_ROWS = batchOf("r", {
  id: "uuid",
  door: "text",
  partner: "text",
  kind: "text",
  identity: "text",
  exchange_id: "text",
  content_type: "text",
  charset: "text",
  headers: "jsonb",
  raw: "bytea",
  raw_bytes: "integer",
  reply: "bytea",
  return_value: "text",
  traceparent: "text",
  state: "text",
  park: "jsonb",
  duplicate_of: "uuid",
});
/** Parameters after the rows: now (ms), worker, lease (ms). Answers the journal order. */
export const INSERT_MESSAGES = `insert into message (id, seq, door, partner, kind, identity, exchange_id, content_type, charset, headers, raw, raw_bytes, reply,
    return_value, traceparent, received_at, state, state_at, park, duplicate_of, run, lease_worker, lease_until, lease_token)
  select r.id, nextval('message_seq'), r.door, r.partner, r.kind, r.identity, r.exchange_id, r.content_type, r.charset, r.headers, r.raw, r.raw_bytes, r.reply,
    r.return_value, r.traceparent, ${at(`$${MESSAGE_ROWS.next}`)}, r.state, ${at(`$${MESSAGE_ROWS.next}`)}, r.park, r.duplicate_of,
    case when r.state = 'received' and $${MESSAGE_ROWS.next + 1}::integer is null then 0 else 1 end,
    case when r.state = 'received' then $${MESSAGE_ROWS.next + 1}::integer end,
    case when r.state = 'received' then ${at(`$${MESSAGE_ROWS.next}`)} + $${MESSAGE_ROWS.next + 2}::double precision * interval '1 millisecond' end,
    case when r.state = 'received' then 1 else 0 end
  from ${MESSAGE_ROWS.from} order by r.ord returning id, seq`;

export const EXCHANGE_KEYS = batchOf("r", { partner: "text", kind: "text", exchange_id: "text" });
export const PARTS = `select o.* from ${EXCHANGE_KEYS.from} cross join lateral (
    select p.partner, p.kind, p.exchange_id, p.part, p.message_id, p.fingerprint, m.state, m.park
    from exchange_part p left join lateral (select x.state, x.park from message x where x.id = p.message_id limit 1) as m on true
    where p.partner = r.partner and p.kind = r.kind and p.exchange_id = r.exchange_id limit 2) as o`;
export const PART_ROWS = batchOf("r", {
  partner: "text",
  kind: "text",
  exchange_id: "text",
  part: "text",
  message_id: "uuid",
  fingerprint: "bytea",
});
export const INSERT_PARTS = `insert into exchange_part (partner, kind, exchange_id, part, message_id, fingerprint, received_at)
  select r.partner, r.kind, r.exchange_id, r.part, r.message_id, r.fingerprint, ${at(`$${PART_ROWS.next}`)} from ${PART_ROWS.from}`;

export const COMPLETION_ROWS = batchOf("r", {
  id: "uuid",
  raw: "bytea",
  raw_bytes: "integer",
  reply: "bytea",
  return_value: "text",
  content_type: "text",
  charset: "text",
  headers: "jsonb",
});
const MESSAGE_COLUMNS = `m.id, m.seq, m.partner, m.kind, m.door, m.identity, m.content_type, m.charset, m.headers, m.raw, m.raw_bytes, m.reply, m.return_value,
    m.traceparent, ${msOf("m.received_at")} as received_ms, m.lease_token, m.run, m.replayed`;

/**
 * Joins the part that came later to the message of the one before. A message that waited or was parked for it is open again (under a further run when it
 * was parked); one that a person has resolved keeps its state. The request's headers speak for the exchange.
 */
export const completeMessages = (days: Days): string => {
  const [now, worker, lease] = [COMPLETION_ROWS.next, COMPLETION_ROWS.next + 1, COMPLETION_ROWS.next + 2].map((n) => `$${n}`);
  const open = "m.state in ('awaiting-part', 'parked')";
  return `update ${days.of("message")} m set raw = coalesce(m.raw, r.raw), raw_bytes = case when m.raw is null then r.raw_bytes else m.raw_bytes end, reply = coalesce(m.reply, r.reply), return_value = coalesce(r.return_value, m.return_value),
    content_type = case when r.raw is null then m.content_type else r.content_type end,
    charset = case when r.raw is null then m.charset else r.charset end,
    headers = case when r.raw is null then m.headers else r.headers end,
    state = case when ${open} then 'received' else m.state end,
    state_at = case when ${open} then ${at(`${now}`)} else m.state_at end,
    park = case when ${open} then null else m.park end,
    run = case when m.state = 'parked' then m.run + 1 else m.run end,
    lease_worker = case when ${open} then ${worker}::integer end,
    lease_until = case when ${open} then ${at(`${now}`)} + ${lease}::double precision * interval '1 millisecond' end,
    lease_token = m.lease_token + 1
  from ${COMPLETION_ROWS.from} where m.id = r.id returning m.state, ${MESSAGE_COLUMNS}`;
};

/** Whether this worker leads, kept so until the statement has committed: whoever takes the lead waits for it, or comes first and then nothing is leased here. */
export const leading = (lead: string, worker: string): string => `led as materialized (
    select 1 from lead l where ${lead}::bigint is not null and l.task = 'feeder' and l.worker = ${worker}::integer and l.token = ${lead}::bigint for share)`;

/** Leases open messages nobody works on, oldest first. $1 living workers, $2 limit, $3 worker, $4 lease ms, $5 what it holds, $6 its lead. */
export const RECLAIM = `with ${leading("$6", "$3")}, open as materialized (
    select m.id from message m where m.state = 'received'
      and (m.lease_worker is null or m.lease_until < (select huiliu_now()) or m.lease_worker <> all($1::integer[]))
      and m.id <> all($5::uuid[]) and ($6::bigint is null or exists (select 1 from led))
    order by m.seq limit $2 for update skip locked)
  update message m set lease_token = m.lease_token + 1, run = m.run + 1, lease_worker = $3::integer,
    lease_until = (select huiliu_now()) + $4::double precision * interval '1 millisecond'
  from open where m.id = open.id returning ${MESSAGE_COLUMNS}`;

/** One of them again, by its key: the state is asked for afterwards, or the planner would read the whole backlog. $1 living workers, $2 message, $3 worker, $4 lease ms, $5 its lead. */
export const regain = (days: Days): string => `with ${leading("$5", "$3")}, open as materialized (
    select m.id from (select $2::uuid as id) r
      cross join lateral (select x.id, x.state, x.lease_worker, x.lease_until from ${days.of("message")} x where x.id = r.id for update) as m
    where case when m.state = 'received' then m.lease_worker is null or m.lease_worker = $3::integer or m.lease_until < (select huiliu_now()) or m.lease_worker <> all($1::integer[]) else false end
      and ($5::bigint is null or exists (select 1 from led)))
  update ${days.of("message")} m set lease_token = m.lease_token + 1, lease_worker = $3::integer,
    lease_until = (select huiliu_now()) + $4::double precision * interval '1 millisecond'
  from open where m.id = open.id returning m.lease_token`;

/** Messages leased to a worker that does not know of them. $1 worker, $2 what it holds. */
export const DISOWN = `update message m set lease_worker = null, lease_until = null
  where m.state = 'received' and m.lease_worker = $1::integer and m.id <> all($2::uuid[])`;

/** Notes it before it is fed: the process may not live to do it afterwards. $1 message. */
export const FED_ALONE = `with noted as (
    insert into message_history (message_id, at, state, by, note) values ($1, (select huiliu_now()), 'received', 'engine', 'fed-alone'))
  select 1 + count(*)::integer as times from message_history h where h.message_id = $1 and h.note = 'fed-alone'`;

export const HELD_ROWS = batchOf("r", { id: "uuid", token: "bigint" });
/** A lease is ours while it names us and the token is the one we got; a settled or parked message has none. Locked in one order, as settlements do. */
const ours = (days: Days): string => `select m.id from ${HELD_ROWS.from}
    cross join lateral (select x.id, x.lease_token, x.lease_worker from ${days.of("message")} x where x.id = r.id for update) as m
    where m.lease_token = r.token and m.lease_worker = $${HELD_ROWS.next}::integer`;
export const release = (days: Days): string => `with ours as materialized (${ours(days)})
  update ${days.of("message")} m set lease_worker = null, lease_until = null from ours where m.id = ours.id`;
export const extend = (days: Days): string => `with ours as materialized (${ours(days)})
  update ${days.of("message")} m set lease_until = (select huiliu_now()) + $${HELD_ROWS.next + 1}::double precision * interval '1 millisecond'
  from ours where m.id = ours.id returning m.id`;

/** $1 age in ms, $2 limit, $3 the reason. */
export const LONELY = `with lonely as materialized (
    select m.id from message m where m.state = 'awaiting-part'
      and m.received_at < (select huiliu_now()) - $1::double precision * interval '1 millisecond'
    order by m.received_at limit $2 for update skip locked)
  update message m set state = 'parked', state_at = (select huiliu_now()), park = $3::jsonb from lonely where m.id = lonely.id
  returning m.id, m.partner, m.kind, m.door, m.identity, m.traceparent, ${msOf("m.received_at")} as received_ms`;
