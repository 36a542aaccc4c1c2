/** The statements of acknowledgements that come on their own way. */
import { CANDIDATES_MAX, type Correlation } from "../../domain/acknowledgements/ports.ts";
import { batchOf } from "./batch.ts";
import { at, msOf } from "./clock.ts";
import { LANE_BEHIND_MAX } from "./write-back-sql.ts";

const CANDIDATE = `select w.id, w.key, w.mapping, w.amount_fen, w.serial`;
/** $1 destination, $2 what it names. A serial is a business key of the message that caused the write-back: no index of its own is paid for on the hot path. */
export const FIND: Readonly<Record<Correlation["by"], string>> = {
  key: `${CANDIDATE} from write_back w where w.key = $2 and w.destination = $1`,
  serial: `select distinct w.id, w.key, w.mapping, w.amount_fen, w.serial from business_key b join write_back w on w.message_id = b.message_id
    where b.value = $2 and b.kind = 'serial' and w.destination = $1 and w.serial = $2 limit ${CANDIDATES_MAX}`,
  reference: `${CANDIDATE} from write_back_reference r join write_back w on w.id = r.write_back_id
    where r.destination = $1 and r.reference = $2 limit ${CANDIDATES_MAX}`,
};

/** In one order for everybody; rows first and lanes after, as attempts are settled. A held one was never sent, and its settlement holds it the other way round. */
export const LOCK = `select w.id, w.key, w.message_id, w.destination, w.kind, w.lane, w.cause_event_id, w.cause_type, w.amount_fen, w.state, w.action, w.attempts,
    w.may_have_taken_effect, w.park->>'code' as park_code, w.receipt, w.resolution, w.his_receipt_no,
    ${msOf("w.owed_at")} as owed_ms, ${msOf("w.first_sent_at")} as first_sent_ms,
    (select count(*)::integer from (select 1 from write_back q where q.destination = w.destination and q.lane = w.lane and q.state = 'queued'
      limit ${LANE_BEHIND_MAX}) as behind) as lane_behind
  from write_back w where w.id = any($1::uuid[]) and w.state <> 'held' order by w.id for update of w`;

/**
 * Moves a write-back by what a message proved. The fence moves on: the attempt in flight, whatever its reply will say, changes nothing any more.
 * $1 id, $2 now in ms, $3 state, $4 outcome, $5 code, $6 text, $7 why, $8 receipt, $9 park, $10 whether it may have taken effect, $11 whether it blocks its lane.
 */
export const MOVE = `with moved as (
    update write_back w set state = $3, token = w.token + 1, because = null, next_at = null, lease_worker = null, lease_until = null,
      last_outcome = $4, last_code = $5, last_text = $6, last_why = $7, last_at = ${at("$2")},
      first_sent_at = coalesce(w.first_sent_at, w.claimed_at, ${at("$2")}),
      may_have_taken_effect = w.may_have_taken_effect or $10::boolean,
      closed_at = case when $3 = 'acknowledged' then ${at("$2")} end, how = case when $3 = 'acknowledged' then 'message' else w.how end,
      receipt = coalesce($8::jsonb, w.receipt), park = $9::jsonb, blocks = w.blocks and $11::boolean
    where w.id = $1::uuid returning w.id, w.message_id, w.attempts)
  update attempt a set ended_at = ${at("$2")}, outcome = $4, step = case when $3 = 'acknowledged' then 'finish' else 'park' end, code = $5, text = $6, why = $7
    from moved m where a.message_id = m.message_id and a.write_back_id = m.id and a.n = m.attempts and a.ended_at is null`;

/** Another reason for what is parked already. $1 id, $2 now in ms, $3 outcome, $4 code, $5 text, $6 why, $7 park, $8 whether it may have taken effect. */
export const REPARK = `update write_back w set park = $7::jsonb, last_outcome = $3, last_code = $4, last_text = $5, last_why = $6, last_at = ${at("$2")},
    may_have_taken_effect = w.may_have_taken_effect or $8::boolean
  where w.id = $1::uuid and w.state = 'parked'`;

export const ROWS = batchOf("r", {
  message_id: "uuid",
  destination: "text",
  kind: "text",
  door: "text",
  write_back_id: "uuid",
  state: "text",
  outcome: "text",
  named_by: "text",
  named: "text",
  code: "text",
  text: "text",
  receipt_no: "text",
  amount_fen: "bigint",
  serial: "text",
  why: "text",
  received_at: "timestamptz",
});
const COLUMNS =
  "message_id, destination, kind, door, write_back_id, state, outcome, named_by, named, code, text, receipt_no, amount_fen, serial, why, received_at";
/** Last parameter: now in ms. A message that a person has replayed keeps what it did when it did something. */
export const INSERT = `insert into acknowledgement (${COLUMNS}, at) select ${COLUMNS.split(", ")
  .map((one) => `r.${one}`)
  .join(", ")}, ${at(`$${ROWS.next}`)} from ${ROWS.from}
  on conflict (message_id) do update set write_back_id = excluded.write_back_id, state = excluded.state, outcome = excluded.outcome, named_by = excluded.named_by,
    named = excluded.named, code = excluded.code, text = excluded.text, receipt_no = excluded.receipt_no, amount_fen = excluded.amount_fen, serial = excluded.serial,
    why = excluded.why, at = excluded.at
  where not (acknowledgement.state in ('applied', 'early', 'late') and excluded.state = 'duplicate')`;

export const REFERENCE_ROWS = batchOf("r", { destination: "text", reference: "text", write_back_id: "uuid" });
export const INSERT_REFERENCES = `insert into write_back_reference (destination, reference, write_back_id)
  select r.destination, r.reference, r.write_back_id from ${REFERENCE_ROWS.from} on conflict do nothing`;

/** Whether a message has stored an event in an earlier run. */
export const STORED = "select e.id from event e where e.message_id = $1::uuid and e.id = $2";
