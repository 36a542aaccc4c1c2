/** Replaying and closing a write-back by hand (domain/writeback/manual.ts has the rules). */
import type { Event } from "../../domain/events/event.ts";
import type { Deed } from "../../domain/operations/ports.ts";
import { type Answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { Done } from "../../domain/operations/views.ts";
import { APPROVAL_DEFAULT } from "../../domain/replay/job.ts";
import { resolvedDraft } from "../../domain/writeback/events.ts";
import { cancelRuling, type CloseRuling, type ManualView, replayRuling, resolveRuling } from "../../domain/writeback/manual.ts";
import type { WriteBackState } from "../../domain/writeback/ports.ts";
import { aloneNeeds, noteAlone, ORDER_OF, type Piece } from "./alone.ts";
import { at, msOf } from "./clock.ts";
import { eventNumbers, oweToFlows, storeEvents } from "./facts.ts";
import type { Tx } from "./group-commit.ts";
import { type Deeded, doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { isUuid } from "./operations-sql.ts";
import { lockTexts, orderLock, run } from "./sql.ts";
import { type FactsRow, factsOf } from "./write-back-facts.ts";
import { behindAnother, LANES, PROMOTE } from "./write-back-sql.ts";

export interface LockedWriteBack extends FactsRow {
  readonly message_id: string;
  readonly order_name: string;
  readonly state: WriteBackState;
  readonly resolution: string | null;
  readonly action: string;
  readonly replays: number;
  readonly may_have_taken_effect: boolean;
  readonly park: unknown;
}

const LANE_OF = "select w.lane, w.state from write_back w where w.id = $1";
const LOCK = `select w.id, w.key, w.message_id, w.destination, w.kind, w.lane, ${ORDER_OF} as order_name, w.cause_event_id, w.cause_type, w.amount_fen, w.state, w.resolution, w.action, w.attempts,
    w.replays, w.may_have_taken_effect, w.park, ${msOf("w.owed_at")} as owed_ms, ${msOf("w.first_sent_at")} as first_sent_ms
  from write_back w where w.id = $1 for update of w skip locked`;
/**
 * The fence moves on: a claim of before changes nothing any more. What may have taken effect stays so. One that its lane went on past waits until no other of the
 * lane is in flight: then it is next, being the oldest.
 */
const REPLAY = `update write_back w set state = case when ${behindAnother("w")} then 'queued' else 'waiting' end, blocks = true, action = $3, because = 'replay', next_at = ${at("$2")}, lease_worker = null, lease_until = null,
  token = w.token + 1, park = null, replays = w.replays + 1 where w.id = $1 returning w.state`;
const RESOLVE = `update write_back w set state = 'resolved', closed_at = ${at("$2")}, lease_worker = null, lease_until = null, next_at = null,
  token = w.token + 1, resolution = $3, resolved_by = $4, resolution_reason = $5, his_receipt_no = $6,
  how = case when $3 = 'done-by-hand' then 'person' else w.how end where w.id = $1`;

/** Locks the lane, then the row. A row that a worker holds at this instant is in flight. */
export async function lockWriteBack(tx: Tx, id: string): Promise<LockedWriteBack | Extract<Deeded, { ok: false }>> {
  const [found] = await run<{ lane: string; state: string }>(tx.client, "operator_lane_of", LANE_OF, [id]);
  if (!found) return refused("UNKNOWN_WRITE_BACK");
  await lockTexts(tx.client, [orderLock(found.lane)]);
  const [row] = await run<LockedWriteBack>(tx.client, "operator_lock_write_back", LOCK, [id]);
  return row ?? refused("IN_FLIGHT", { state: found.state });
}

/** Stores and publishes the event of a deed, in its transaction. */
export async function publishDeed(
  tx: Tx,
  messageId: string,
  event: Event,
  subscribers: OperationsDeps["subscribers"],
): Promise<readonly { readonly seq: bigint; readonly event: Event }[]> {
  const [seq = 0n] = await eventNumbers(tx, 1);
  await storeEvents(tx, [{ messageId, event, seq, ordinal: 0, publish: true }]);
  await oweToFlows(tx, [{ messageId, event, seq }], subscribers);
  return [{ seq, event }];
}

const absolute = (fen: bigint): bigint => (fen < 0n ? -fen : fen);

export interface ResolveDeed extends Deed {
  readonly decision: "done-by-hand" | "cancelled";
  readonly hisReceiptNo?: string;
  readonly confirmedChecked?: boolean;
}

export function createWriteBackDeeds(deps: OperationsDeps) {
  const viewOf = (row: LockedWriteBack): ManualView => ({ state: row.state, mayHaveTakenEffect: row.may_have_taken_effect });
  const before = (row: LockedWriteBack): object => ({
    state: row.state,
    action: row.action,
    attempts: row.attempts,
    replays: row.replays,
    park: row.park ?? undefined,
  });

  const replay = async (id: string, deed: Deed & { readonly confirmedChecked?: boolean }): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    if (!isUuid(id)) return refused("UNKNOWN_WRITE_BACK");
    return doing(deps, async (tx) => {
      const row = await lockWriteBack(tx, id);
      if ("ok" in row) return row;
      // What a refund or a reversal overtook is sent only by two people: a job with includeSuperseded (docs/decisions/012-superseded.md).
      if (row.resolution === "superseded") return refused("SUPERSEDED", { state: row.state });
      const ruling = replayRuling(viewOf(row), deps.policy(row.destination), {
        reason: sign.reason,
        ...(deed.confirmedChecked === undefined ? {} : { confirmedChecked: deed.confirmedChecked }),
      });
      if (!ruling.ok) return refused(ruling.refusal, { state: row.state });
      const who = { by: sign.by, account: deed.account ?? null };
      const piece: Piece = { order: row.order_name, items: 1, fen: absolute(row.amount_fen ?? 0n) };
      const needed = await aloneNeeds(tx, who, [piece], deps.replay?.approval ?? APPROVAL_DEFAULT);
      if (needed.length > 0) return refused("APPROVAL_NEEDED", { state: row.state });
      await noteAlone(tx, who, [piece]);
      const [now] = await run<{ state: string }>(tx.client, "operator_replay_write_back", REPLAY, [id, tx.nowMs, ruling.action]);
      const state = now?.state ?? "waiting";
      const after = { state, action: ruling.action, ...(deed.confirmedChecked ? { confirmedChecked: true } : {}) };
      const entry = {
        who: sign.by,
        action: "replay",
        targetKind: "write-back" as const,
        targetId: id,
        reason: sign.reason,
        before: before(row),
        after,
      };
      const auditId = await note(tx, entry);
      return {
        ok: true,
        done: { id, kind: "write-back", state, action: ruling.action, auditId },
        committed: () => deps.after({ outbox: [], destinations: [row.destination], eventDeliveries: [] }),
      };
    });
  };

  const rulingOf = (row: LockedWriteBack, deed: ResolveDeed, reason: string): CloseRuling => {
    if (deed.decision === "cancelled") {
      return cancelRuling(viewOf(row), {
        reason,
        ...(deed.confirmedChecked === undefined ? {} : { confirmedChecked: deed.confirmedChecked }),
      });
    }
    return resolveRuling(viewOf(row), { reason, ...(deed.hisReceiptNo === undefined ? {} : { hisReceiptNo: deed.hisReceiptNo }) });
  };

  const resolve = async (id: string, deed: ResolveDeed): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    if (!isUuid(id)) return refused("UNKNOWN_WRITE_BACK");
    return doing(deps, async (tx): Promise<Deeded> => {
      const row = await lockWriteBack(tx, id);
      if ("ok" in row) return row;
      const ruling = rulingOf(row, deed, sign.reason);
      if (!ruling.ok) return refused(ruling.refusal, { state: row.state });
      const receipt = ruling.decision === "done-by-hand" ? { hisReceiptNo: ruling.hisReceiptNo } : {};
      const decided = { decision: ruling.decision, by: { name: sign.by }, reason: ruling.reason, ...receipt, atMs: tx.nowMs };
      const sealed = deps.sealWriteBack(resolvedDraft(factsOf(row), decided));
      if (!sealed.ok) {
        deps.log.error({ writeBackId: id, problems: sealed.problems }, "writeback.resolved could not be sealed; nothing was changed");
        return refused("EVENT_REFUSED", { state: row.state });
      }
      const values = [id, tx.nowMs, ruling.decision, sign.by, ruling.reason, receipt.hisReceiptNo ?? null];
      await run(tx.client, "operator_resolve_write_back", RESOLVE, values);
      const outbox = await publishDeed(tx, row.message_id, sealed.event, deps.subscribers);
      const lane = [{ one: row.destination, two: row.lane }];
      const due = await run<{ destination: string }>(tx.client, "write_back_promote", PROMOTE, [...LANES.params(lane), tx.nowMs]);
      const after = { state: "resolved", decision: ruling.decision, ...receipt };
      const entry = {
        who: sign.by,
        action: "resolve",
        targetKind: "write-back" as const,
        targetId: id,
        reason: ruling.reason,
        before: before(row),
        after,
      };
      const auditId = await note(tx, entry);
      return {
        ok: true,
        done: { id, kind: "write-back", state: "resolved", action: ruling.decision, auditId },
        committed: () => deps.after({ outbox, destinations: due.map((one) => one.destination), eventDeliveries: [] }),
      };
    });
  };

  return { replay, resolve };
}
