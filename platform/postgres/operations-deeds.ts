/**
 * What a person does, each deed one transaction with its audit row. Locks are taken as everywhere: the lane first (sql.ts orderLock), then the row.
 * A row that somebody else holds at that instant is in flight, not waited for.
 */
import { JournalGone } from "../../domain/journal/ports.ts";
import type { MessageState } from "../../domain/journal/ports.ts";
import { type Answered, answered, type OperationRefused, refused } from "../../domain/operations/refusals.ts";
import { messageReplayRuling, messageResolveRuling, signed } from "../../domain/operations/rules.ts";
import type { Deed } from "../../domain/operations/ports.ts";
import type { Done } from "../../domain/operations/views.ts";
import { at } from "./clock.ts";
import { storeHistory } from "./facts.ts";
import { failureOf } from "./failures.ts";
import { isGone } from "./gone.ts";
import { commit, type Tx } from "./group-commit.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { isUuid } from "./operations-sql.ts";
import { run } from "./sql.ts";

export interface AuditEntry {
  readonly who: string;
  readonly action: string;
  readonly targetKind:
    | "message"
    | "write-back"
    | "event-delivery"
    | "destination"
    | "lane"
    | "alarm"
    | "retention"
    | "replay-job"
    | "failure-group"
    | "flow"
    | "subscriber"
    | "search"
    | "edit"
    | "account"
    | "mapping"
    | "audit";
  readonly targetId: string;
  readonly reason: string;
  /** Where two people are needed. */
  readonly approvedBy?: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

const AUDIT = `insert into operator_action (at, who, action, target_kind, target_id, reason, before, after, approved_by, mark)
  values (${at("$1")}, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9, $10) returning id::text as id`;

/** Writes the audit row of a deed, in its transaction. Answers its number. */
export async function note(tx: Tx, entry: AuditEntry): Promise<string> {
  const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
  const values = [
    tx.nowMs,
    entry.who,
    entry.action,
    entry.targetKind,
    entry.targetId,
    entry.reason,
    json(entry.before),
    json(entry.after),
    entry.approvedBy ?? null,
    tx.mark?.({ ...entry, atMs: tx.nowMs }) ?? null,
  ];
  const [row] = await run<{ id: string }>(tx.client, "operator_action", AUDIT, values);
  return row?.id ?? "";
}

/** One deed: what was done and what to tell afterwards, or why not (nothing is changed then). */
export type Deeded = { readonly ok: true; readonly done: Done; readonly committed?: () => void } | OperationRefused;

/** What every deed needs. */
export type DeedDeps = Pick<OperationsDeps, "pool" | "log" | "goneAfterMs" | "audit">;

/** Runs a deed until its outcome is known. A server that is gone is an answer: whoever asked must look at the state before asking again. */
export async function doing(deps: DeedDeps, work: (tx: Tx) => Promise<Deeded>): Promise<Answered<Done>> {
  const options = {
    pool: deps.pool,
    log: deps.log,
    name: "operator",
    ...(deps.goneAfterMs === undefined ? {} : { goneAfterMs: deps.goneAfterMs }),
  };
  // What cannot be audited is not done; money does not come this way and goes on.
  if (deps.audit !== undefined && !(await deps.audit.ready())) return refused("AUDIT_DOWN");
  try {
    const worked = await commit(options, async (tx) => {
      const deeded = await work(tx);
      return { answers: [deeded], ...(deeded.ok && deeded.committed ? { committed: deeded.committed } : {}) };
    });
    worked.committed?.();
    const [deeded] = worked.answers;
    if (deeded === undefined) return refused("INTERNAL");
    return deeded.ok ? answered(deeded.done) : deeded;
  } catch (error) {
    if (error instanceof JournalGone || failureOf(error) === "gone") return refused("STORE_GONE");
    throw error;
  }
}

interface LockedMessage {
  readonly state: MessageState;
  readonly has_request: boolean;
  readonly run: number;
  readonly park: unknown;
}
const LOCK_MESSAGE = "select m.state, m.raw is not null as has_request, m.run, m.park from message m where m.id = $1 for update of m";
/**
 * Open again for the reclaim loop, which leases it and counts the run (journal-sql.ts). The fence moves on here already, so that a settlement of an
 * earlier run that comes late changes nothing.
 */
const REOPEN = `update message m set state = 'received', state_at = ${at("$2")}, replayed = true, park = null, lease_worker = null, lease_until = null,
  lease_token = m.lease_token + 1 where m.id = $1`;
const CLOSE = `update message m set state = 'resolved', state_at = ${at("$2")}, lease_worker = null, lease_until = null, lease_token = m.lease_token + 1 where m.id = $1`;

interface LockedDelivery {
  readonly state: string;
  readonly message_id: string;
  readonly run: number;
  readonly park: unknown;
}
const LOCK_DELIVERY =
  "select d.state, d.message_id, d.run, d.park from event_delivery d where d.subscriber = $1 and d.event_id = $2 for update of d";
const REOPEN_DELIVERY = `update event_delivery d set state = 'received', park = null, lease_worker = null, lease_until = null, lease_token = d.lease_token + 1
  where d.subscriber = $1 and d.event_id = $2`;
const DROP_DELIVERY = "delete from event_delivery d where d.subscriber = $1 and d.event_id = $2";

export function createMessageDeeds(deps: OperationsDeps) {
  const onMessage = async (id: string, deed: Deed, action: "replay" | "resolve"): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    if (!isUuid(id)) return refused("UNKNOWN_MESSAGE");
    return doing(deps, async (tx) => {
      const [row] = await run<LockedMessage>(tx.client, "operator_lock_message", LOCK_MESSAGE, [id]);
      if (!row && (await isGone(tx.client, id, "messages"))) return refused("CONTENT_GONE");
      const view = row && { state: row.state, hasRequest: row.has_request };
      const no = action === "replay" ? messageReplayRuling(view) : messageResolveRuling(view);
      if (no) return no;
      const state = action === "replay" ? "received" : "resolved";
      await run(tx.client, `operator_${action}_message`, action === "replay" ? REOPEN : CLOSE, [id, tx.nowMs]);
      await storeHistory(tx, [{ messageId: id, state, by: sign.by, note: sign.reason }]);
      const before = { state: row?.state, run: row?.run, park: row?.park ?? undefined };
      const entry = { who: sign.by, action, targetKind: "message" as const, targetId: id, reason: sign.reason, before, after: { state } };
      const auditId = await note(tx, entry);
      return { ok: true, done: { id, kind: "message", state, auditId }, ...(action === "replay" ? { committed: deps.wake } : {}) };
    });
  };

  const onDelivery = async (subscriber: string, eventId: string, deed: Deed, action: "replay" | "resolve"): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    return doing(deps, async (tx) => {
      const [row] = await run<LockedDelivery>(tx.client, "operator_lock_delivery", LOCK_DELIVERY, [subscriber, eventId]);
      if (!row) return refused("UNKNOWN_EVENT_DELIVERY");
      if (row.state !== "parked") return refused("DELIVERY_IN_WORK", { state: row.state });
      await run(tx.client, `operator_${action}_delivery`, action === "replay" ? REOPEN_DELIVERY : DROP_DELIVERY, [subscriber, eventId]);
      const state = action === "replay" ? "received" : "resolved";
      await storeHistory(tx, [{ messageId: row.message_id, state: `event-${state}`, by: sign.by, note: sign.reason }]);
      const id = `${subscriber}/${eventId}`;
      const before = { state: row.state, run: row.run, park: row.park };
      const auditId = await note(tx, {
        who: sign.by,
        action,
        targetKind: "event-delivery",
        targetId: id,
        reason: sign.reason,
        before,
        after: { state },
      });
      return { ok: true, done: { id, kind: "event-delivery", state, auditId }, ...(action === "replay" ? { committed: deps.wake } : {}) };
    });
  };

  /** Somebody looks at personal data: on record before it is shown. */
  const unmasked = async (targetKind: AuditEntry["targetKind"], targetId: string, deed: Deed): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    return doing(deps, async (tx) => {
      const auditId = await note(tx, { who: sign.by, action: "unmask", targetKind, targetId, reason: sign.reason });
      return { ok: true, done: { id: targetId, kind: targetKind, state: "shown", auditId } };
    });
  };

  return { onMessage, onDelivery, unmasked };
}
