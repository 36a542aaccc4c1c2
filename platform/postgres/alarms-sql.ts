/** The probes of the alarms. Every one goes through the partial index of one state: test/contracts/operations/alarms-measure.test.ts holds their plans to it. */
import type { Thresholds } from "../../domain/alarms/measured.ts";
import { msOf } from "./clock.ts";

const NOW = "(select huiliu_now())";
const ms = (parameter: string): string => `${parameter}::double precision * interval '1 millisecond'`;
/** Rows that a probe looks at, at most, where a person must work them off one by one: more is "at least". */
const LOOKED_AT_MAX = 10_000;
/** Queued ones counted behind one parked head. */
const BEHIND_MAX = 100;

export interface GateRow {
  readonly destination: string;
  readonly mode: string;
  readonly breaker: string;
  readonly breaker_ms: number | null;
  readonly alarms: Thresholds | null;
}
export const GATES = `select d.name as destination, d.mode, d.breaker, ${msOf("d.breaker_at")} as breaker_ms, d.profile->'alarms' as alarms from destination d`;

export interface HeadRow {
  readonly destination: string;
  readonly oldest_ms: number | null;
  readonly heads: number;
  readonly parked: number;
  readonly unclear: number;
  readonly unclear_ms: number | null;
}
const UNCLEAR = `w.last_outcome = 'unclear' and w.may_have_taken_effect and w.last_at <= ${NOW} - ${ms("$1")}`;
/** `states` is a predicate that one partial index answers. */
const headsIn = (
  states: string,
): string => `select w.destination, min(w.owed_at) filter (where w.state in ('waiting', 'sending')) as oldest, count(*) as n,
    count(*) filter (where w.state = 'parked') as parked, count(*) filter (where ${UNCLEAR}) as unclear, min(w.last_at) filter (where ${UNCLEAR}) as unclear_at
  from write_back w where ${states} group by w.destination`;
/** Heads of lanes: what is queued behind them was owed later. $1: how old a doubt must be. */
export const HEADS = `select h.destination, ${msOf("min(h.oldest)")} as oldest_ms, sum(h.n)::integer as heads, sum(h.parked)::integer as parked,
    sum(h.unclear)::integer as unclear, ${msOf("min(h.unclear_at)")} as unclear_ms
  from (${["w.state in ('waiting', 'deferred')", "w.state = 'sending'", "w.state = 'parked'"].map(headsIn).join(" union all ")}) as h
  group by h.destination`;

/** $1 destination, $2 no further than. */
export const QUEUED =
  "select count(*)::integer as n from (select 1 from write_back w where w.destination = $1 and w.state = 'queued' limit $2::integer) as q";

export interface BlockedRow {
  readonly destination: string;
  readonly lanes: number;
  readonly behind: number;
  readonly since_ms: number | null;
}
/** Parked heads that hold their lane with something behind them, and since when. A parked one that its lane went on past holds nothing. */
export const BLOCKED = `select p.destination, count(*)::integer as lanes, sum(b.n)::integer as behind, ${msOf("min(p.last_at)")} as since_ms
  from (select w.destination, w.lane, coalesce(w.last_at, w.owed_at) as last_at from write_back w where w.state = 'parked' and w.blocks limit ${LOOKED_AT_MAX}) as p
    cross join lateral (select count(*) as n from (select 1 from write_back q where q.destination = p.destination and q.lane = p.lane and q.state = 'queued'
      limit ${BEHIND_MAX}) as q) as b
  where b.n > 0
  group by p.destination`;

export interface HeldRow {
  readonly destination: string;
  readonly n: number;
  readonly since_ms: number | null;
}
/** $1: held for longer than. */
export const HELD = `select w.destination, count(*)::integer as n, ${msOf("min(w.owed_at)")} as since_ms
  from write_back w where w.state = 'held' and w.owed_at <= ${NOW} - ${ms("$1")} group by w.destination`;

export interface WorkRow {
  readonly message_ms: number | null;
  readonly delivery_ms: number | null;
  readonly outbox_ms: number | null;
  readonly parked_deliveries: number;
}
/** The oldest of each kind of open work, by the order in which it is worked off. */
export const WORK = `select
  (select ${msOf("m.received_at")} from message m where m.state = 'received' order by m.seq limit 1) as message_ms,
  (select ${msOf("d.owed_at")} from event_delivery d where d.state = 'received' order by d.seq limit 1) as delivery_ms,
  (select ${msOf("e.stored_at")} from (select o.message_id, o.event_id from outbox o order by o.seq limit 1) as first
    join event e on e.message_id = first.message_id and e.id = first.event_id) as outbox_ms,
  (select count(*)::integer from (select 1 from event_delivery d where d.state = 'parked' limit ${LOOKED_AT_MAX}) as p) as parked_deliveries`;

export interface ParkedRow {
  readonly partner: string;
  readonly n: number;
}
export const PARKED_MESSAGES = `select p.partner, count(*)::integer as n
  from (select m.partner from message m where m.state = 'parked' limit ${LOOKED_AT_MAX}) as p group by p.partner`;

export interface HourRow {
  readonly destination: string;
  readonly acknowledged: number;
  readonly already_done: number;
}
/** Of the business days that can have been closed within the last hour; asked rarely. */
export const LAST_HOUR = `select w.destination, count(*)::integer as acknowledged, (count(*) filter (where w.how = 'already-done'))::integer as already_done
  from write_back w where w.business_date >= ((${NOW}) at time zone 'Asia/Shanghai')::date - 1 and w.state = 'acknowledged'
    and w.closed_at > ${NOW} - interval '1 hour'
  group by w.destination`;

/** What sign-in holds back (domain/access/throttle.ts). */
export interface HeldSignInRow {
  readonly logins: number;
  readonly addresses: number;
  readonly codes: number;
  readonly failures: number;
}
export const HELD_SIGN_INS = `select count(*) filter (where t.subject like 'login:%')::integer as logins, count(*) filter (where t.subject like 'address:%')::integer as addresses,
    count(*) filter (where t.subject like 'code:%')::integer as codes, coalesce(sum(t.failures), 0)::integer as failures
  from sign_in_throttle t where t.held_until > ${NOW} having count(*) > 0`;

export interface WorkerRow {
  readonly name: string;
  readonly seen_ms: number;
}
/**
 * $1 the living. Silent: it lives and has not been heard of, or it is gone without having left in good order and nobody of its name (host and worker, without the
 * process) has come in its stead. After a day it is history.
 */
export const SILENT = `select w.name, ${msOf("w.seen_at")} as seen_ms from worker w
  where w.left_at is null and w.seen_at > ${NOW} - interval '1 day' and w.seen_at <= ${NOW} - interval '1 minute'
    and (w.id = any($1::integer[]) or not exists (select 1 from worker n
      where n.id > w.id and regexp_replace(n.name, ':[0-9]+$', '') = regexp_replace(w.name, ':[0-9]+$', '')))
  order by w.id limit 50`;

export interface SinkRow {
  readonly sink: string;
  readonly n: number;
  readonly since_ms: number;
}
/** Notices that were tried and failed. */
export const SINKS = `select n.sink, count(*)::integer as n, ${msOf("min(n.at)")} as since_ms from alarm_notice n
  where n.told_at is null and n.tries > 0 group by n.sink`;

export const STALLED = `select s.name, coalesce(s.stalled_why, '') as why, ${msOf("s.stalled_since")} as since_ms from subscriber s
  where s.stalled_since is not null and s.removed_at is null order by s.name limit 100`;
export interface StalledRow {
  readonly name: string;
  readonly why: string;
  readonly since_ms: number;
}

export const AWAY = `select door, partner, why, ${msOf("since")} as since_ms from door_away order by door limit 100`;
export interface AwayRow {
  readonly door: string;
  readonly partner: string;
  readonly why: string;
  readonly since_ms: number;
}

export const TABLES =
  "select c.relname::text as name from pg_class c where c.relname = any($1::text[]) and c.relkind = 'r' and c.relispartition";
/** Null unless the server listens on this machine alone as far as this connection shows. */
export const DATA_DIRECTORY = `select case when inet_server_addr() is null or inet_server_addr() <<= inet '127.0.0.0/8' or inet_server_addr() = inet '::1'
    then current_setting('data_directory', true) end as dir`;
