/** The statements of replay jobs that change something. Searches for a selection are put together in replay-select.ts. */
import { batchOf } from "./batch.ts";
import { at } from "./clock.ts";
import { isHead } from "./write-back-sql.ts";

/** An item that some job has open: claimed, or done again and not over. */
export const TAKEN = (target: string): string =>
  `exists (select 1 from replay_item o where o.target = ${target} and o.state in ('marked', 'replayed'))`;

/** Overtaken by a later fact, and not by an edited copy of itself: that one is never sent again. */
export const OVERTAKEN = (row: string): string =>
  `(${row}.resolution is not distinct from 'superseded' and not exists (select 1 from write_back c where c.replay_of = ${row}.id))`;

const JOB_COLUMNS = `j.id, j.of, j.state, j.resume_to, j.selection, j.requested_by, j.reason, j.confirmed_checked, j.include_superseded, j.rate_per_second,
  j.canary_items, j.cursor, j.hash, j.complete, j.counts, j.approval, j.approved_by, j.tokens,
  j.requested_account, j.approved_account, j.command_ms::text as command_ms, j.command_mac, (extract(epoch from j.created_at) * 1000)::double precision as created_ms,
  (extract(epoch from j.tokens_at) * 1000)::double precision as tokens_ms`;
export const LOCK_JOB = `select ${JOB_COLUMNS} from replay_job j where j.id = $1 for update`;
export const READ_JOB = `select ${JOB_COLUMNS} from replay_job j where j.id = $1`;

export const INSERT_JOB = `insert into replay_job (id, of, state, selection, requested_by, reason, confirmed_checked, include_superseded, rate_per_second,
    canary_items, created_at, hash, counts, requested_account)
  values ($1, $2, 'selecting', $3::jsonb, $4, $5, $6, $7, $8::integer, $9::integer, ${at("$10")}, $11, $12::jsonb, $13)`;

export const ITEM_ROWS = batchOf("r", {
  n: "bigint",
  target: "uuid",
  lane: "text",
  seq: "bigint",
  amount_fen: "bigint",
  how: "text",
  superseded: "boolean",
  state: "text",
  code: "text",
  attempts: "integer",
  mac: "text",
});
/** Last parameters: job, now in ms. */
export const INSERT_ITEMS = `insert into replay_item (job, n, target, lane, seq, amount_fen, how, superseded, state, code, attempts, mac, at)
  select $${ITEM_ROWS.next}::uuid, r.n, r.target, r.lane, r.seq, r.amount_fen, r.how, r.superseded, r.state, r.code, r.attempts, r.mac, ${at(`$${ITEM_ROWS.next + 1}`)}
  from ${ITEM_ROWS.from}`;

/** $1 job, $2 cursor, $3 hash, $4 counts. */
export const FROZE = "update replay_job set cursor = $2::uuid, hash = $3, counts = $4::jsonb where id = $1";
/** $1 job, $2 why a second person is needed, $3 counts. */
export const PREVIEWED =
  "update replay_job set state = 'previewed', complete = true, approval = $2::text[], counts = $3::jsonb where id = $1";
export const LANES_TOUCHED =
  "select count(distinct i.lane)::integer as lanes from replay_item i where i.job = $1 and i.state = 'planned' and i.lane is not null";

/** Claims the next items: the one that another open replay has meanwhile is refused. $1 job, $2 limit, $3 now in ms. */
export const MARK = `with next as materialized (select i.n, i.target from replay_item i where i.job = $1 and i.state = 'planned' order by i.n limit $2)
  update replay_item i set state = case when ${TAKEN("i.target")} then 'refused' else 'marked' end,
    code = case when ${TAKEN("i.target")} then 'ANOTHER_REPLAY' end, at = ${at("$3")}
  from next where i.job = $1 and i.n = next.n returning i.n`;

/** No item of the same lane and job comes before it and is not over. */
const FIRST_OF_LANE = `(i.lane is null or not exists (select 1 from replay_item e where e.job = i.job and e.lane = i.lane
  and e.state in ('marked', 'replayed') and (e.seq < i.seq or (e.seq = i.seq and e.n < i.n))))`;
/** $1 job, $2 how many. */
export const CHOOSE_CANARY = `with first as materialized (
    select i.n from replay_item i where i.job = $1 and i.state = 'marked' and ${FIRST_OF_LANE} order by i.n limit $2)
  update replay_item i set canary = true from first where i.job = $1 and i.n = first.n returning i.n`;
export const CANARY_STATES = "select i.state, i.code from replay_item i where i.job = $1 and i.canary";

/** Items whose turn it is. $1 job, $2 only the canary, $3 limit. */
export const DUE_ITEMS = `select i.n, i.target, i.lane, i.superseded, i.how, i.attempts, i.mac from replay_item i
  where i.job = $1 and i.state = 'marked' and (not $2::boolean or i.canary) and (i.not_before is null or i.not_before <= (select huiliu_now()))
    and ${FIRST_OF_LANE} order by i.n limit $3`;
/** $1 job, $2 limit. */
export const UNDER_WAY = `select count(*)::integer as n from (select 1 from replay_item i where i.job = $1 and i.state = 'replayed' limit $2) as under_way`;
/** $1 job, $2 states. */
export const ANY_IN = "select exists (select 1 from replay_item i where i.job = $1 and i.state = any($2::text[])) as any";

export const STEP_ROWS = batchOf("r", { n: "bigint", state: "text", how: "text", code: "text", audit_id: "bigint", later: "boolean" });
/** An item that is in flight comes again this much later. */
const LATER = "interval '1 second'";
/** Last parameters: job, now in ms. */
export const STEP_ITEMS = `update replay_item i set state = r.state, how = coalesce(r.how, i.how), code = r.code, audit_id = coalesce(r.audit_id, i.audit_id),
    not_before = case when r.later then ${at(`$${STEP_ROWS.next + 1}`)} + ${LATER} end, at = ${at(`$${STEP_ROWS.next + 1}`)}
  from ${STEP_ROWS.from} where i.job = $${STEP_ROWS.next}::uuid and i.n = r.n`;

const WELL = "('acknowledged', 'resolved')";
/** Notes how write-backs that were done again have ended. $1 job, $2 limit, $3 now in ms. */
export const FOLLOW_WRITE_BACKS = `with over as materialized (
    select i.n, w.state, coalesce(w.park->>'code', w.resolution) as code from replay_item i cross join lateral (
      select x.state, x.park, x.resolution from write_back x where x.id = i.target and x.state in ('acknowledged', 'resolved', 'parked') limit 1) as w
    where i.job = $1 and i.state = 'replayed' order by i.n limit $2)
  update replay_item i set state = case when over.state in ${WELL} then 'done' else 'failed' end,
    code = case when over.state <> 'acknowledged' then upper(coalesce(over.code, over.state)) end, at = ${at("$3")}
  from over where i.job = $1 and i.n = over.n returning i.n`;
/** The same of messages. */
export const FOLLOW_MESSAGES = `with over as materialized (
    select i.n, m.state, m.park->>'code' as code from replay_item i cross join lateral (
      select x.state, x.park from message x where x.id = i.target and x.state not in ('received', 'awaiting-part') limit 1) as m
    where i.job = $1 and i.state = 'replayed' order by i.n limit $2)
  update replay_item i set state = case when over.state = 'parked' then 'failed' else 'done' end,
    code = case when over.state <> 'settled' then upper(coalesce(over.code, over.state)) end, at = ${at("$3")}
  from over where i.job = $1 and i.n = over.n returning i.n`;

/** Frees items of a job that was cancelled. $1 job, $2 limit, $3 now in ms. */
export const FREE = `with next as materialized (
    select i.n from replay_item i where i.job = $1 and i.state in ('planned', 'marked') order by i.n limit $2)
  update replay_item i set state = 'cancelled', at = ${at("$3")} from next where i.job = $1 and i.n = next.n returning i.n`;

export const SET_STATE = "update replay_job set state = $2 where id = $1";
/** $1 job, $2 state, $3 now in ms. */
export const END_JOB = `update replay_job set state = $2, ended_at = ${at("$3")} where id = $1`;
/** Nobody commanded it so: nothing more of it is done. $1 job, $2 why. */
export const REFUSE_JOB = "update replay_job set state = 'cancelled', resume_to = null, ended_by = 'huiliu', ended_why = $2 where id = $1";
/** $1 job, $2 tokens left, $3 now in ms. */
export const SPEND = `update replay_job set tokens = $2::double precision, tokens_at = ${at("$3")} where id = $1`;
/** Previews that nobody started, and starts that no second person approved. $1 kept for so many ms. */
export const EXPIRE_PREVIEWS = `update replay_job set state = 'cancelled', ended_by = 'huiliu',
    ended_why = case when state = 'previewed' then 'nobody started it / 无人启动' else 'nobody approved it / 无人批准' end
  where state in ('previewed', 'awaiting-approval') and ended_at is null and created_at < (select huiliu_now()) - $1::double precision * interval '1 millisecond'`;
/** Jobs with something to do for the one who leads. Those that wait for a person come last: however many they are, they keep no other from its turn. */
export const AT_WORK = `select j.id, j.of, j.state from replay_job j where j.ended_at is null and j.state not in ('previewed', 'awaiting-approval')
  order by j.state in ('paused', 'stopped'), j.id limit 100`;

/** A closed one's day may be gone; what is open holds it (retention-sql.ts). Looking also keeps it from being dropped until our commit. */
export const BODY_GONE = (row: string): string =>
  `(${row}.closed_at is not null and not exists (select 1 from write_back_body b where b.message_id = ${row}.message_id and b.write_back_id = ${row}.id))`;
export const LANES_OF = "select w.id, w.lane from write_back w where w.id = any($1::uuid[])";
/** In one order for everybody; a row that a worker holds at this instant is in flight and left out. */
export const LOCK_WRITE_BACKS = `select w.id, w.destination, w.lane, w.state, ${OVERTAKEN("w")} as superseded, w.may_have_taken_effect, w.action, w.attempts, w.replays, w.park, ${BODY_GONE("w")} as gone
  from write_back w where w.id = any($1::uuid[]) order by w.id for update of w skip locked`;
export const REPLAY_ROWS = batchOf("r", { id: "uuid", action: "text" });
const REPLAY_NOW = at(`$${REPLAY_ROWS.next}`);
/** Its lane has another head: one that goes on past a parked one, or went on since it was overtaken. */
export const behindAnother = (row: string): string =>
  `exists (select 1 from write_back h where h.destination = ${row}.destination and h.lane = ${row}.lane and h.id <> ${row}.id and ${isHead("h")})`;
/**
 * As a single deed does it (operations-write-back-deeds.ts): the fence moves on, what may have taken effect stays so. One that was overtaken is open again, and two
 * people wanted it: it is not overtaken a second time. Where its lane has another head, it queues.
 */
export const REPLAY_MANY = `update write_back w set because = 'replay', action = r.action, lease_worker = null, lease_until = null, token = w.token + 1,
    park = null, replays = w.replays + 1, next_at = ${REPLAY_NOW}, closed_at = null, resolution = null, resolved_by = null, resolution_reason = null,
    forced = w.forced or w.state = 'resolved', blocks = true, lane_seq = coalesce(w.lane_seq, nextval('lane_seq')),
    state = case when ${behindAnother("w")} then 'queued' else 'waiting' end
  from ${REPLAY_ROWS.from} where w.id = r.id returning w.id, w.destination, w.state`;

export const LOCK_MESSAGES = `select m.id, m.state, m.raw is not null as has_request, m.run, m.park from message m
  where m.id = any($1::uuid[]) order by m.id for update of m`;
/** As a single deed does it (operations-deeds.ts). $1 ids, $2 now in ms. */
export const REOPEN_MANY = `update message m set state = 'received', state_at = ${at("$2")}, replayed = true, park = null, lease_worker = null, lease_until = null,
  lease_token = m.lease_token + 1 where m.id = any($1::uuid[])`;

export const AUDIT_ROWS = batchOf("r", { target_id: "text", before: "jsonb", after: "jsonb", mark: "text" });
/** Last parameters: now in ms, who, target kind, reason, approved by. */
export const AUDIT_MANY = `insert into operator_action (at, who, action, target_kind, target_id, reason, approved_by, before, after, mark)
  select ${at(`$${AUDIT_ROWS.next}`)}, $${AUDIT_ROWS.next + 1}, 'replay', $${AUDIT_ROWS.next + 2}, r.target_id, $${AUDIT_ROWS.next + 3},
    $${AUDIT_ROWS.next + 4}, r.before, r.after, r.mark from ${AUDIT_ROWS.from} order by r.ord returning id, target_id`;
