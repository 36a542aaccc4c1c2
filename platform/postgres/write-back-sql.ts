/** The statements of the write-backs. The query-plan test reads them from here. */
import { batchOf } from "./batch.ts";
import { at, msOf } from "./clock.ts";
import type { Days } from "./sql.ts";

const NOW = "(select huiliu_now())";
/** Queued write-backs are counted this far: what a parking blocks is "1000 or more". */
export const LANE_BEHIND_MAX = 1_000;
/** Whether a row is its lane's head, or blocks it: as the index write_back_head says it. A parked one that the lane goes on past is none. `row`: its alias. */
export const isHead = (row: string): string => `${row}.blocks and ${row}.state in ('waiting', 'sending', 'deferred', 'parked')`;
/** Whether the row's lane has another head: one that goes on past a parked one. */
export const behindAnother = (row: string): string =>
  `exists (select 1 from write_back h where h.destination = ${row}.destination and h.lane = ${row}.lane and h.id <> ${row}.id and ${isHead("h")})`;
const ms = (parameter: string): string => `${parameter}::double precision * interval '1 millisecond'`;

/**
 * Whether a destination may be given anything now (migrations/003-delivery.sql): running, or a person lets it drain, and its breaker not open. A destination
 * without a row is running. `name`: SQL of the destination's name.
 */
const gateOf = (name: string): string => `not exists (select 1 from destination d where d.name = ${name} and ${shutOf("d")})`;
/** Whether a row of destination says no. `row`: its alias. */
export const shutOf = (row: string): string =>
  `(${row}.breaker = 'open' or (${row}.mode <> 'running' and (${row}.drain_until is null or ${row}.drain_until <= ${NOW})))`;
/** Whether nobody holds the lane. `destination`, `lane`: SQL of its name. */
const freeOf = (destination: string, lane: string): string =>
  `not exists (select 1 from lane_hold k where k.destination = ${destination} and k.lane = ${lane})`;

/**
 * Claims due heads and commits the row of each attempt before the call (decision 6). $1 destination, $2 limit, $3 worker, $4 lease ms, $5 what to do with a
 * deferred one whose answer is overdue, $6 only heads that became due within so many ms (null: all, longest due first). During a send the last instant at which a request may leave us is the end of the lease: should nobody see the
 * attempt's end, that is what counts.
 */
export const CLAIM = `with clock as materialized (select huiliu_now() as now),
  due as materialized (
    select w.id, case when w.state = 'deferred' then $5 else w.action end as action,
      case when w.state = 'deferred' then 'answer-overdue' else w.because end as because
    from write_back w where w.destination = $1 and w.state in ('waiting', 'deferred') and w.next_at <= ${NOW}
      and w.next_at > (select coalesce(huiliu_now() - ${ms("$6")}, '-infinity'))
      and ${gateOf("$1")} and ${freeOf("w.destination", "w.lane")}
    order by w.next_at, w.lane_seq limit $2 for update skip locked),
  claimed as (
    update write_back w set state = 'sending', token = w.token + 1, attempts = w.attempts + 1, action = due.action, because = due.because,
      asks = w.asks + case when due.action = 'ask' then 1 else 0 end,
      lease_worker = $3::integer, claimed_at = clock.now, lease_until = clock.now + ${ms("$4")},
      possible_send_before = w.last_possible_send_at,
      last_possible_send_at = case when due.action = 'send' then clock.now + ${ms("$4")} else w.last_possible_send_at end
    from due, clock where w.id = due.id returning w.*, clock.now as now),
  noted as (
    insert into attempt (message_id, write_back_id, n, action, started_at, worker)
    select message_id, id, attempts, action, now, $3::integer from claimed)
  select c.id, c.key, c.message_id, c.destination, c.kind, c.mapping, c.lane, c.lane_seq, c.cause_event_id, c.cause_type, c.content_type, c.charset,
    c.amount_fen, c.serial, c.business_date::text as business_date, c.token, c.attempts, c.action, c.because, c.traceparent,
    ${msOf("c.owed_at")} as owed_ms, ${msOf("c.first_sent_at")} as first_sent_ms,
    case when c.possible_send_before is not null then greatest(0, ${msOf("c.now")} - ${msOf("c.possible_send_before")}) end as since_ms,
    (select count(*)::integer from (select 1 from write_back q where q.destination = c.destination and q.lane = c.lane and q.state = 'queued'
      limit ${LANE_BEHIND_MAX}) as behind) as lane_behind
  from claimed c order by c.next_at, c.lane_seq`;

/** $1 messages, $2 write-backs of them. */
export const bodies = (days: Days): string => `select b.write_back_id as id, b.body from ${days.of("write_back_body")} b
  where b.message_id = any($1::uuid[]) and b.write_back_id = any($2::uuid[])`;

/** In flight without a living owner? Only then is it worth asking who lives. $1 destination, $2 our worker. */
export const STRAYS = `select exists (select 1 from write_back w where w.destination = $1 and w.state = 'sending'
  and (w.lease_until < ${NOW} or w.lease_worker <> $2::integer)) as any`;

/**
 * Takes up claims whose lease ran out or whose worker died, and closes their open attempts as unclear: nobody saw their end. A send comes back with the
 * action given, an ask as the ask it was; the fence moves on, so that a late settlement of the old claim changes nothing. $1 destination, $2 living
 * workers, $3 limit, $4 action, $5 now in ms.
 */
export const EXPIRE = `with lost as materialized (
    select w.id, w.message_id, w.attempts, w.action from write_back w
    where w.destination = $1 and w.state = 'sending' and (w.lease_until < ${NOW} or w.lease_worker <> all($2::integer[]))
    order by w.id limit $3 for update skip locked),
  closed as (
    update attempt a set ended_at = ${at("$5")}, outcome = 'unclear', step = case when l.action = 'send' and $4 = 'send' then 'resend' when l.action = 'send' then $4 else l.action end,
      why = 'lease-expired'
    from lost l where a.message_id = l.message_id and a.write_back_id = l.id and a.n = l.attempts)
  update write_back w set state = 'waiting', next_at = ${at("$5")}, token = w.token + 1, lease_worker = null, lease_until = null,
    action = case when w.action = 'send' then $4 else w.action end, because = 'lease-expired',
    last_outcome = 'unclear', last_why = 'lease-expired', last_at = ${at("$5")},
    may_have_taken_effect = w.may_have_taken_effect or w.action = 'send',
    first_sent_at = case when w.action = 'send' then coalesce(w.first_sent_at, w.claimed_at) else w.first_sent_at end
  from lost l where w.id = l.id returning w.id`;

/** Locks claims, in one order for everybody; the caller compares state and token. Brings each a number for its event, so that none has to be asked for. */
export const FENCE = `select w.id, w.state, w.token, w.destination, w.lane, nextval('event_seq') as seq from write_back w where w.id = any($1::uuid[]) order by w.id for update`;

export const END_ROWS = batchOf("r", {
  id: "uuid",
  message_id: "uuid",
  n: "integer",
  state: "text",
  next_action: "text",
  next_ms: "double precision",
  outcome: "text",
  step: "text",
  may: "boolean",
  doubt: "boolean",
  status: "integer",
  code: "text",
  text: "text",
  why: "text",
  how: "text",
  receipt: "jsonb",
  park: "jsonb",
  blocks: "boolean",
  reply: "bytea",
});
/** Ends attempts and moves their write-backs. The last parameter is now in ms. */
export const endAttempts = (days: Days): string => {
  const now = at(`$${END_ROWS.next}`);
  return `with rows as materialized (select * from ${END_ROWS.from}),
  ended as (
    update ${days.of("attempt")} a set ended_at = ${now}, outcome = rows.outcome, step = rows.step, status = rows.status, code = rows.code, text = rows.text,
      why = rows.why, reply = rows.reply
    from rows where a.message_id = rows.message_id and a.write_back_id = rows.id and a.n = rows.n)
  update write_back w set state = rows.state, action = rows.next_action, because = null, next_at = to_timestamp(rows.next_ms / 1000.0),
    lease_worker = null, lease_until = null, last_outcome = rows.outcome, last_status = rows.status, last_code = rows.code, last_text = rows.text,
    last_why = rows.why, last_at = ${now},
    may_have_taken_effect = w.may_have_taken_effect or rows.may or rows.doubt,
    first_sent_at = case when rows.may then coalesce(w.first_sent_at, w.claimed_at) else w.first_sent_at end,
    last_possible_send_at = case when rows.may then ${now} else w.possible_send_before end,
    closed_at = case when rows.state = 'acknowledged' then ${now} end,
    receipt = coalesce(rows.receipt, w.receipt), how = coalesce(rows.how, w.how), park = rows.park,
    blocks = rows.blocks
  from rows where w.id = rows.id`;
};

export const LANES = batchOf("r", { one: "text", two: "text" });
/**
 * Makes the oldest queued write-back of each lane its head, where the lane has none. It is due since it was owed, not since its turn came: of a backlog the oldest
 * goes first in whatever lane, and what became due just now is live traffic (`claim`'s freshMs). A statement of its own, after the lanes are locked. Last parameter: now in ms.
 * Asked of what is queued, and only then for a head: mostly nothing is, and the head that just ended still stands dead in its index.
 */
export const PROMOTE = `update write_back w set state = 'waiting', next_at = least(w.owed_at, ${at(`$${LANES.next}`)})
  from ${LANES.from} cross join lateral (
    select q.id, q.destination, q.lane from write_back q where q.destination = r.one and q.lane = r.two and q.state = 'queued'
    order by q.lane_seq limit 1) as next
  where w.id = next.id and (select h.id from write_back h where h.destination = next.destination and h.lane = next.lane and ${isHead("h")} limit 1) is null
  returning w.destination`;

export const RELEASE_ROWS = batchOf("r", { id: "uuid", message_id: "uuid", token: "bigint", n: "integer" });
/** Takes back claims that were never sent, as if they had not been made. */
export const RELEASE = `with rows as materialized (select * from ${RELEASE_ROWS.from}),
  freed as (
    update write_back w set state = 'waiting', next_at = ${NOW}, lease_worker = null, lease_until = null, attempts = w.attempts - 1,
      asks = w.asks - case when w.action = 'ask' then 1 else 0 end, last_possible_send_at = w.possible_send_before
    from rows where w.id = rows.id and w.token = rows.token and w.lease_worker = $${RELEASE_ROWS.next}::integer returning w.id, w.message_id, w.attempts + 1 as n)
  delete from attempt a using freed f where a.message_id = f.message_id and a.write_back_id = f.id and a.n = f.n`;

/** The next head to become due, or the next lease to run out: that is due too. What a gate or a hold keeps back is not: whoever opens it says so. */
export const NEXT_DUE = `select least(
    (select ${msOf("w.next_at")} from write_back w where w.destination = $1 and w.state in ('waiting', 'deferred') and w.next_at is not null
      and ${gateOf("$1")} and ${freeOf("w.destination", "w.lane")}
      order by w.next_at limit 1),
    (select ${msOf("w.lease_until")} from write_back w where w.destination = $1 and w.state = 'sending' order by w.lease_until limit 1))
  - ${msOf(NOW)} as ms`;

/** Destinations with claims that nobody holds any more. $1 living workers. */
export const LOST_DESTINATIONS = `select w.destination, count(*)::integer as lost from write_back w
  where w.state = 'sending' and (w.lease_until < ${NOW} or w.lease_worker <> all($1::integer[])) group by w.destination`;

/** Lanes with something queued and no head: a bug or a hand-made change left them. $1 limit. */
export const HEADLESS = `select distinct q.destination as one, q.lane as two from write_back q where q.state = 'queued'
    and not exists (select 1 from write_back h where h.destination = q.destination and h.lane = q.lane and ${isHead("h")})
  limit $1`;
