/** The statements of a settlement batch, in the order they run. The query-plan test reads them from here. */
import { BUSINESS_KEY_KINDS, type BusinessKeyKind } from "../../domain/events/event.ts";
import { batchOf } from "./batch.ts";
import { at } from "./clock.ts";
import { leading } from "./journal-sql.ts";
import type { Days } from "./sql.ts";
import { isHead, shutOf } from "./write-back-sql.ts";

/**
 * Locks the messages, in one order for everybody; the caller compares state and token (decision 6). The state is not asked for here: it would let the
 * planner read the whole backlog instead of looking up keys.
 */
export const fence = (days: Days): string => `select m.id, m.state, m.lease_token from ${days.of("message")} m
  where m.id = any($1::uuid[]) order by m.id for update`;

export const DELIVERIES = batchOf("r", { subscriber: "text", event_id: "text" });
export const FENCE_DELIVERIES = `select d.subscriber, d.event_id, d.state, d.lease_token from ${DELIVERIES.from}
  cross join lateral (select * from event_delivery e where e.subscriber = r.subscriber and e.event_id = r.event_id for update) as d`;

export const PAIRS = batchOf("r", { one: "text", two: "text" });
export const FACTS = `select b.* from ${PAIRS.from} cross join lateral (
    select i.partner, i.identity, i.message_id, i.event_id, i.fingerprint from business_identity i
    where i.partner = r.one and i.identity = r.two limit 1) as b`;

export const storedEvents = (days: Days): string =>
  `select e.message_id, e.id from ${days.of("event")} e where e.message_id = any($1::uuid[])`;

export const BILLS = "select b.key, b.book from bill b where b.key = any($1::text[])";
export const HELD = `select w.id, w.bill, w.destination, w.lane, w.cause_event_id as "causeEventId" from write_back w
  where w.bill = any($1::text[]) and w.state = 'held' order by w.id for update`;

export const EXISTING = `select w.id, w.message_id, w.key, w.destination, w.kind, w.mapping, w.lane, w.content_type, w.charset, w.amount_fen, w.serial,
    w.business_date::text as business_date, b.body
  from write_back w cross join lateral (
    select x.body from write_back_body x where x.message_id = w.message_id and x.write_back_id = w.id limit 1) as b
  where w.key = any($1::text[])`;

/**
 * Index probes for each lane: its head, or (a lane in need of healing) anything queued; and, where `two` is an order, the patient's lane in which something of it is
 * open. What is of no interest is left out.
 */
export const BUSY = `select r.one, r.two, b.yes is not null as busy, o.lane from ${PAIRS.from}
  left join lateral (
    (select 1 as yes from write_back w where w.destination = r.one and w.lane = r.two and ${isHead("w")} limit 1)
    union all
    (select 1 from write_back w where w.destination = r.one and w.lane = r.two and w.state = 'queued' limit 1) limit 1) as b on true
  left join lateral (select w.lane from write_back w where w.order_key = r.two and w.destination = r.one and w.order_key is not null and w.closed_at is null limit 1) as o on true
  where b.yes is not null or o.lane is not null`;

/** Lanes (by their place in the list, from 1) of which nothing may be sent now. */
export const SHUT = `select r.ord from ${PAIRS.from}
  left join lateral (select 1 as yes from destination d where d.name = r.one and ${shutOf("d")} limit 1) as s on true
  left join lateral (select 1 as yes from lane_hold k where k.destination = r.one and k.lane = r.two limit 1) as h on true
  where s.yes = 1 or h.yes = 1`;

export const NUMBERS = `select 'event' as of, nextval('event_seq') as n from generate_series(1, $1::integer)
  union all select 'lane', nextval('lane_seq') from generate_series(1, $2::integer)`;

export const FACT_ROWS = batchOf("r", { partner: "text", identity: "text", message_id: "uuid", event_id: "text", fingerprint: "text" });
/** Answers how many were taken: fewer than given means that another worker was quicker. */
export const INSERT_FACTS = `with taken as (
    insert into business_identity (partner, identity, message_id, event_id, fingerprint)
    select r.partner, r.identity, r.message_id, r.event_id, r.fingerprint from ${FACT_ROWS.from} order by r.partner, r.identity
    on conflict do nothing returning 1)
  select count(*)::integer as taken from taken`;

export const BILL_ROWS = batchOf("r", { key: "text", book: "jsonb" });
export const UPSERT_BILLS = `insert into bill (key, book, changed_at) select r.key, r.book, ${at(`$${BILL_ROWS.next}`)} from ${BILL_ROWS.from}
  on conflict (key) do update set book = excluded.book, changed_at = excluded.changed_at`;

export const EVENT_ROWS = batchOf("r", {
  message_id: "uuid",
  id: "text",
  seq: "bigint",
  ordinal: "integer",
  type: "text",
  subject: "text",
  partner: "text",
  business_date: "date",
  time: "timestamptz",
  published: "boolean",
  body: "bytea",
});
export const INSERT_EVENTS = `with rows as materialized (select * from ${EVENT_ROWS.from}),
  stored as (
    insert into event (message_id, id, seq, ordinal, type, subject, partner, business_date, time, stored_at, published, body)
    select message_id, id, seq, ordinal, type, subject, partner, business_date, time, ${at(`$${EVENT_ROWS.next}`)}, published, body from rows)
  insert into outbox (seq, event_id, message_id) select seq, id, message_id from rows where published`;

export const KEY_ROWS = batchOf("r", { kind: "text", value: "text", message_id: "uuid", partner: "text" });
/**
 * Of messages that nobody has worked on before: they have no keys yet, and looking for them would be a third of the cost. In the order of the index: numbers that
 * count up within their kind fill its pages instead of halving them. Of a kind the first letter is stored.
 */
export const INSERT_KEYS = `insert into business_key (kind, value, message_id, partner)
  select r.kind, r.value, r.message_id, r.partner from ${KEY_ROWS.from} order by r.kind, r.value`;
/** A kind as it is stored. */
const letterOf = (kind: BusinessKeyKind): string => kind.charAt(0);
/**
 * Those that the message has not yet, kind by kind, as the indexes are. Two that store keys of one message at the same instant may both do it: readers do not count rows.
 */
export const INSERT_KEYS_AGAIN = `insert into business_key (kind, value, message_id, partner)
  select distinct r.kind::"char", r.value, r.message_id, r.partner from ${KEY_ROWS.from} where ${BUSINESS_KEY_KINDS.map(
    (kind) => `(select k.kind from business_key k
      where k.kind = '${letterOf(kind)}' and r.kind = '${kind}' and k.value = r.value and k.message_id = r.message_id limit 1) is null`,
  ).join(" and ")}`;
/** Business keys of any of these kinds: each kind has an index of its own. `where`: what else holds of a row `k`. */
export const keysOf = (columns: string, where: string, kinds: readonly BusinessKeyKind[] = BUSINESS_KEY_KINDS): string =>
  kinds.map((kind) => `select ${columns} from business_key k where k.kind = '${letterOf(kind)}' and ${where}`).join(" union all ");

export const WRITE_BACK_ROWS = batchOf("r", {
  id: "uuid",
  key: "text",
  message_id: "uuid",
  destination: "text",
  kind: "text",
  mapping: "text",
  lane: "text",
  lane_seq: "bigint",
  bill: "text",
  order_key: "text",
  cause_event_id: "text",
  cause_type: "text",
  content_type: "text",
  charset: "text",
  amount_fen: "bigint",
  serial: "text",
  business_date: "date",
  flow: "text",
  node: "text",
  state: "text",
  lease_ms: "double precision",
  wait_ms: "double precision",
  traceparent: "text",
  body: "bytea",
});
/** `sending`: born claimed by us, with its attempt. Parameters after the rows: now (ms), worker. */
export const insertWriteBacks = (days: Days): string => `with rows as materialized (select * from ${WRITE_BACK_ROWS.from}),
  bodies as (insert into ${days.of("write_back_body")} (message_id, write_back_id, body) select message_id, id, body from rows),
  born as (
    insert into ${days.of("attempt")} (message_id, write_back_id, n, action, started_at, worker)
    select message_id, id, 1, 'send', ${at(`$${WRITE_BACK_ROWS.next}`)}, $${WRITE_BACK_ROWS.next + 1}::integer from rows where lease_ms is not null)
  insert into write_back (id, key, message_id, destination, kind, mapping, lane, lane_seq, bill, order_key, cause_event_id, cause_type, content_type, charset,
      amount_fen, serial, business_date, flow, node, traceparent, state, next_at, owed_at,
      token, attempts, lease_worker, lease_until, claimed_at, last_possible_send_at)
    select id, key, message_id, destination, kind, mapping, lane, lane_seq, bill, order_key, cause_event_id, cause_type, content_type, charset,
      amount_fen, serial, business_date, flow, node, traceparent, state,
      case when state in ('waiting', 'sending') then ${at(`$${WRITE_BACK_ROWS.next}`)} + coalesce(wait_ms, 0) * interval '1 millisecond' end,
      ${at(`$${WRITE_BACK_ROWS.next}`)}, case when lease_ms is null then 0 else 1 end, case when lease_ms is null then 0 else 1 end,
      case when lease_ms is not null then $${WRITE_BACK_ROWS.next + 1}::integer end,
      ${at(`$${WRITE_BACK_ROWS.next}`)} + lease_ms * interval '1 millisecond',
      case when lease_ms is not null then ${at(`$${WRITE_BACK_ROWS.next}`)} end,
      ${at(`$${WRITE_BACK_ROWS.next}`)} + lease_ms * interval '1 millisecond' from rows`;

export const RELEASE_ROWS = batchOf("r", { id: "uuid", state: "text", lane_seq: "bigint" });
export const RELEASE_HELD = `update write_back w set state = r.state, lane_seq = r.lane_seq,
    next_at = case when r.state = 'waiting' then ${at(`$${RELEASE_ROWS.next}`)} end
  from ${RELEASE_ROWS.from} where w.id = r.id`;

export const DELIVERY_ROWS = batchOf("r", { subscriber: "text", event_id: "text", message_id: "uuid", seq: "bigint" });
export const INSERT_DELIVERIES = `insert into event_delivery (subscriber, event_id, message_id, seq, state, owed_at, lease_worker, lease_until, lease_token, run)
  select r.subscriber, r.event_id, r.message_id, r.seq, 'received', ${at(`$${DELIVERY_ROWS.next}`)}, $${DELIVERY_ROWS.next + 1}::integer,
    ${at(`$${DELIVERY_ROWS.next}`)} + $${DELIVERY_ROWS.next + 2}::double precision * interval '1 millisecond', 1, 1 from ${DELIVERY_ROWS.from}`;

/** The same, held by nobody yet. Last parameter: now in ms. */
export const OWE_DELIVERIES = `insert into event_delivery (subscriber, event_id, message_id, seq, state, owed_at)
  select r.subscriber, r.event_id, r.message_id, r.seq, 'received', ${at(`$${DELIVERY_ROWS.next}`)} from ${DELIVERY_ROWS.from}
  on conflict do nothing`;

export const ENDED = batchOf("r", { subscriber: "text", event_id: "text", park: "jsonb" });
export const END_DELIVERIES = `with rows as materialized (select * from ${ENDED.from}),
  parked as (
    update event_delivery d set state = 'parked', park = rows.park, lease_worker = null, lease_until = null from rows
    where rows.park is not null and d.subscriber = rows.subscriber and d.event_id = rows.event_id)
  delete from event_delivery d using rows where rows.park is null and d.subscriber = rows.subscriber and d.event_id = rows.event_id`;

export const OUTCOME_ROWS = batchOf("r", {
  id: "uuid",
  state: "text",
  park: "jsonb",
  duplicate_of: "uuid",
  flow: "text",
  mapping: "text",
});
export const updateMessages = (
  days: Days,
): string => `update ${days.of("message")} m set state = r.state, state_at = ${at(`$${OUTCOME_ROWS.next}`)},
    lease_worker = null, lease_until = null, park = r.park, duplicate_of = r.duplicate_of, flow = coalesce(r.flow, m.flow), mapping = coalesce(r.mapping, m.mapping)
  from ${OUTCOME_ROWS.from} where m.id = r.id`;

export const HISTORY_ROWS = batchOf("r", { message_id: "uuid", state: "text", by: "text", note: "text" });
export const INSERT_HISTORY = `insert into message_history (message_id, at, state, by, note)
  select r.message_id, ${at(`$${HISTORY_ROWS.next}`)}, r.state, r.by, r.note from ${HISTORY_ROWS.from}`;

/** Open event deliveries nobody works on: never leased, lease run out, or its worker dead. */
export const RECLAIM_EVENTS = `with ${leading("$7", "$4")}, open as materialized (
    select d.subscriber, d.event_id from event_delivery d
    where d.state = 'received' and d.subscriber = any($1::text[])
      and (d.lease_worker is null or d.lease_until < (select huiliu_now()) or d.lease_worker <> all($2::integer[]))
      and d.subscriber || ':' || d.event_id <> all($6::text[]) and ($7::bigint is null or exists (select 1 from led))
    order by d.seq limit $3 for update skip locked),
  leased as (
    update event_delivery d set lease_token = d.lease_token + 1, run = d.run + 1, lease_worker = $4,
      lease_until = (select huiliu_now()) + $5::double precision * interval '1 millisecond'
    from open where d.subscriber = open.subscriber and d.event_id = open.event_id
    returning d.subscriber, d.event_id, d.message_id, d.seq, d.lease_token)
  select l.subscriber, l.message_id, l.lease_token, e.id, e.body from leased l join event e on e.message_id = l.message_id and e.id = l.event_id order by l.seq`;
