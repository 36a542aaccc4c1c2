/**
 * Doing a job's items again: each item's step and the deed on its write-back or message in one transaction, under the job's row and the leader's token. Killed
 * anywhere, either both happened or neither (delivery.md section 1, ServiceControl).
 */
import type { AfterSettle } from "../../domain/delivery/ports.ts";
import { failpoint } from "../../domain/failpoint.ts";
import type { MessageState } from "../../domain/journal/ports.ts";
import { type Frozen, type ItemRuling, messageItemRuling, writeBackTurnRuling } from "../../domain/replay/items.ts";
import { itemText } from "../../domain/replay/genuine.ts";
import { tokensNow, UNDER_WAY_MAX } from "../../domain/replay/job.ts";
import type { WriteBackState } from "../../domain/writeback/ports.ts";
import { storeHistory } from "./facts.ts";
import type { Tx } from "./group-commit.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { type JobRow, type Step, termsOf } from "./replay-jobs.ts";
import * as sql from "./replay-sql.ts";
import { lockTexts, orderLock, run } from "./sql.ts";

/** Items done again in one transaction: it holds their lanes. */
const ITEMS_PER_COMMIT = 200;

interface Due extends Frozen {
  readonly n: bigint;
  readonly target: string;
  readonly lane: string | null;
  readonly mac: string | null;
}
interface LockedWriteBack {
  readonly id: string;
  readonly destination: string;
  readonly lane: string;
  readonly state: WriteBackState;
  readonly superseded: boolean;
  readonly may_have_taken_effect: boolean;
  readonly action: string;
  readonly attempts: number;
  readonly replays: number;
  readonly park: unknown;
  readonly gone: boolean;
}
interface LockedMessage {
  readonly id: string;
  readonly state: MessageState;
  readonly has_request: boolean;
  readonly run: number;
  readonly park: unknown;
}

/** What a batch did. `turned`: items that are not marked any more. */
export interface Stepped {
  readonly turned: number;
  readonly due: AfterSettle;
  readonly woken: boolean;
}
const NOTHING: AfterSettle = { outbox: [], destinations: [], eventDeliveries: [] };
const IDLE: Stepped = { turned: 0, due: NOTHING, woken: false };

interface Audited {
  readonly target: string;
  readonly before: object;
  readonly after: object;
}

/** One audit row an item, with the job's number: the lineage that the item's own history shows. Answers its number by target. */
async function audit(
  tx: Tx,
  job: JobRow,
  kind: "write-back" | "message",
  entries: readonly Audited[],
): Promise<ReadonlyMap<string, bigint>> {
  const signed = {
    atMs: tx.nowMs,
    who: job.requested_by,
    action: "replay",
    targetKind: kind,
    reason: job.reason,
    approvedBy: job.approved_by,
  };
  const rows = entries.map(({ target, before, after: done }) => {
    const after = { ...done, replayJob: job.id };
    const mark = tx.mark?.({ ...signed, targetId: target, before, after }) ?? null;
    return { target_id: target, before: JSON.stringify(before), after: JSON.stringify(after), mark };
  });
  const values = [...sql.AUDIT_ROWS.params(rows), tx.nowMs, job.requested_by, kind, job.reason, job.approved_by];
  const written = await run<{ id: bigint; target_id: string }>(tx.client, "replay_audit", sql.AUDIT_MANY, values);
  return new Map(written.map((row) => [row.target_id, row.id]));
}

/** In flight now: it comes again. Anything else that is not allowed is final. */
const stepOf = (n: bigint, ruling: ItemRuling, auditId: bigint | undefined): Step => {
  if (ruling.is === "planned") return { n, state: "replayed", how: ruling.how, code: null, audit_id: auditId ?? null, later: false };
  const again = ruling.code === "IN_FLIGHT" || ruling.code === "MESSAGE_IN_WORK";
  return { n, state: again ? "marked" : ruling.is, how: null, code: ruling.code, audit_id: null, later: again };
};

async function stepItems(tx: Tx, job: JobRow, steps: readonly Step[]): Promise<void> {
  if (steps.length > 0) await run(tx.client, "replay_steps", sql.STEP_ITEMS, [...sql.STEP_ROWS.params(steps), job.id, tx.nowMs]);
}

type ItemDeps = Pick<OperationsDeps, "policy" | "audit">;

/** An item that nobody froze into this job, or that was changed since (reliability.md A16). */
const foreign = (deps: ItemDeps, job: JobRow, { n, target, how, superseded, attempts, mac }: Due): ItemRuling | undefined =>
  deps.audit === undefined || mac === deps.audit.approval(itemText({ job: job.id, n: String(n), target, how, superseded, attempts }))
    ? undefined
    : { is: "refused", code: "NOT_GENUINE" };

async function writeBacks(deps: ItemDeps, tx: Tx, job: JobRow, items: readonly Due[]): Promise<Stepped> {
  const ids = items.map((one) => one.target);
  const lanes = await run<{ id: string; lane: string }>(tx.client, "replay_lanes_of", sql.LANES_OF, [ids]);
  await lockTexts(
    tx.client,
    lanes.map((row) => orderLock(row.lane)),
  );
  const locked = await run<LockedWriteBack>(tx.client, "replay_lock_write_backs", sql.LOCK_WRITE_BACKS, [ids]);
  const rows = new Map(locked.map((row) => [row.id, row]));
  const known = new Set(lanes.map((row) => row.id));
  const terms = termsOf(job);
  const rulingOf = (item: Due): ItemRuling => {
    const no = foreign(deps, job, item);
    if (no) return no;
    const row = rows.get(item.target);
    if (!row) return { is: "refused", code: known.has(item.target) ? "IN_FLIGHT" : "UNKNOWN_WRITE_BACK" };
    const view = { ...row, mayHaveTakenEffect: row.may_have_taken_effect, taken: false };
    return writeBackTurnRuling(item, view, deps.policy(row.destination), terms);
  };
  const ruled = items.map((item) => ({ item, ruling: rulingOf(item) }));
  const go = ruled.flatMap(({ item, ruling }) => (ruling.is === "planned" ? [{ id: item.target, action: ruling.how }] : []));
  const done =
    go.length === 0
      ? []
      : await run<{ id: string; destination: string; state: string }>(tx.client, "replay_many", sql.REPLAY_MANY, [
          ...sql.REPLAY_ROWS.params(go),
          tx.nowMs,
        ]);
  const now = new Map(done.map((row) => [row.id, row]));
  const entries = go.map(({ id, action }) => {
    const { state, action: was, attempts, replays, park, superseded } = rows.get(id) ?? {};
    const before = { state, action: was, attempts, replays, park: park ?? undefined, ...(superseded === true ? { superseded } : {}) };
    return {
      target: id,
      before,
      after: { state: now.get(id)?.state, action, ...(job.confirmed_checked ? { confirmedChecked: true } : {}) },
    };
  });
  const audits = entries.length === 0 ? new Map<string, bigint>() : await audit(tx, job, "write-back", entries);
  const steps = ruled.map(({ item, ruling }) => stepOf(item.n, ruling, audits.get(item.target)));
  await stepItems(tx, job, steps);
  const destinations = [...new Set(done.map((row) => row.destination))];
  return { turned: steps.filter((one) => !one.later).length, due: { ...NOTHING, destinations }, woken: false };
}

async function messages(deps: ItemDeps, tx: Tx, job: JobRow, items: readonly Due[]): Promise<Stepped> {
  const locked = await run<LockedMessage>(tx.client, "replay_lock_messages", sql.LOCK_MESSAGES, [items.map((one) => one.target)]);
  const rows = new Map(locked.map((row) => [row.id, row]));
  const ruled = items.map((item) => {
    const row = rows.get(item.target);
    const no = foreign(deps, job, item);
    return { item, ruling: no ?? messageItemRuling(row && { state: row.state, hasRequest: row.has_request, taken: false }) };
  });
  const ids = ruled.flatMap(({ item, ruling }) => (ruling.is === "planned" ? [item.target] : []));
  let audits: ReadonlyMap<string, bigint> = new Map();
  if (ids.length > 0) {
    await run(tx.client, "replay_reopen_many", sql.REOPEN_MANY, [ids, tx.nowMs]);
    await storeHistory(
      tx,
      ids.map((messageId) => ({ messageId, state: "received", by: job.requested_by, note: `${job.reason} (replay ${job.id})` })),
    );
    const entries = ids.map((target) => {
      const { state, run: runs, park } = rows.get(target) ?? {};
      return { target, before: { state, run: runs, park: park ?? undefined }, after: { state: "received" } };
    });
    audits = await audit(tx, job, "message", entries);
  }
  const steps = ruled.map(({ item, ruling }) => stepOf(item.n, ruling, audits.get(item.target)));
  await stepItems(tx, job, steps);
  return { turned: steps.filter((one) => !one.later).length, due: NOTHING, woken: ids.length > 0 };
}

/**
 * Does the items again whose turn it is, as many as the rate gives and the limit of those under way leaves. In the transaction given, with the job's row locked and
 * in state `canary` or `running`.
 */
export async function replayDue(deps: ItemDeps, tx: Tx, job: JobRow): Promise<Stepped> {
  const canary = job.state === "canary";
  const tokens = tokensNow(job.tokens, job.rate_per_second, job.tokens_ms === null ? undefined : tx.nowMs - job.tokens_ms);
  const [under] = await run<{ n: number }>(tx.client, "replay_under_way", sql.UNDER_WAY, [job.id, UNDER_WAY_MAX]);
  const limit = Math.min(Math.floor(tokens), UNDER_WAY_MAX - (under?.n ?? 0), ITEMS_PER_COMMIT);
  if (limit <= 0) return IDLE;
  const items = await run<Due>(tx.client, "replay_due", sql.DUE_ITEMS, [job.id, canary, limit]);
  await run(tx.client, "replay_spend", sql.SPEND, [job.id, tokens - items.length, tx.nowMs]);
  if (items.length === 0) return IDLE;
  const stepped = job.of === "messages" ? await messages(deps, tx, job, items) : await writeBacks(deps, tx, job, items);
  failpoint("replay.before-items-commit");
  return stepped;
}
