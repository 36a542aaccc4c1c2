/** Write-backs overtaken by a refund or a reversal, in PostgreSQL (domain/orders/superseded.ts has the rules). Whoever comes here holds the order's lock. */
import type { Event } from "../../domain/events/event.ts";
import { failpoint } from "../../domain/failpoint.ts";
import { type OrderWriteBack, overtaken, type Superseded } from "../../domain/orders/superseded.ts";
import { resolvedDraft, type SealWriteBackEvent } from "../../domain/writeback/events.ts";
import { batchOf } from "./batch.ts";
import { billOfBook, bookOf } from "./bill-book.ts";
import { at, msOf } from "./clock.ts";
import { eventNumbers, oweToFlows, storeEvents } from "./facts.ts";
import { commit, type Tx } from "./group-commit.ts";
import type { Client, Log, Pool } from "./pool.ts";
import { BILL_ROWS, BILLS, UPSERT_BILLS } from "./settle-sql.ts";
import { lockTexts, orderLock, run } from "./sql.ts";
import type { Subscribers } from "./subscribers.ts";
import { type FactsRow, factsOf } from "./write-back-facts.ts";
import { LANES, PROMOTE } from "./write-back-sql.ts";

/** Bills looked at again in one turn. */
const LOOK_MAX = 100;
/** How soon a bill of which something overtaken was on the wire is looked at again. */
export const LOOK_AGAIN_MS = 1_000;
/** Who decides what no person decides. */
export const ENGINE = "engine";

/**
 * Ids of the open write-backs of orders: in the lane of the order's name, waiting for its bill, or in a patient's lane. Index probes only. $1 order keys, $2
 * destinations that may have no row yet.
 */
export const OPEN_OF_ORDERS = `select distinct o.id from unnest($1::text[]) as k(key) cross join lateral (
    select w.id from (select d.name from destination d union select unnest($2::text[])) as d(name) cross join lateral (
      select h.id from write_back h where h.destination = d.name and h.lane = k.key and h.blocks and h.state in ('waiting', 'sending', 'deferred', 'parked')
      union all select q.id from write_back q where q.destination = d.name and q.lane = k.key and q.state = 'queued'
      union all select p.id from write_back p where p.destination = d.name and p.lane = k.key and not p.blocks) as w
    union all select b.id from write_back b where b.bill = k.key and b.state = 'held'
    union all select r.id from write_back r where r.order_key = k.key and r.closed_at is null) as o`;
/** Those that nobody holds at this instant, locked; a worker that claims or ends one is not waited for: lanes and rows are locked in another order there. */
export const LOCK_OPEN = `select w.id, w.destination, w.lane, w.bill, coalesce(w.order_key, w.lane) as "orderKey", w.cause_event_id as "causeEventId", w.state,
    w.may_have_taken_effect as "mayHaveTakenEffect", w.forced
  from write_back w where w.id = any($1::uuid[]) and w.state not in ('acknowledged', 'resolved') order by w.id for update skip locked`;
const LOOK_OPEN = LOCK_OPEN.replace(" for update skip locked", "");

type Row = Omit<OrderWriteBack, "billPaid"> & { readonly bill: string | null; readonly orderKey: string };

/** Order key → its open write-backs, oldest first. One that somebody else holds is on its way: `sending`. */
export async function loadOpen(
  client: Client,
  orders: readonly string[],
  destinations: readonly string[],
): Promise<Map<string, OrderWriteBack[]>> {
  const ids = (await run<{ id: string }>(client, "open_of_orders", OPEN_OF_ORDERS, [orders, destinations])).map((row) => row.id);
  const open = new Map<string, OrderWriteBack[]>();
  if (ids.length === 0) return open;
  const locked = new Map((await run<Row>(client, "lock_open", LOCK_OPEN, [ids])).map((row) => [row.id, row]));
  const rest = ids.filter((id) => !locked.has(id));
  const elsewhere = rest.length === 0 ? [] : await run<Row>(client, "look_open", LOOK_OPEN, [rest]);
  const rows = [...locked.values(), ...elsewhere.map((row): Row => ({ ...row, state: "sending" }))].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const { bill, orderKey, ...row } of rows) {
    const one: OrderWriteBack = { ...row, billPaid: bill !== null };
    for (const key of new Set([orderKey, row.lane, ...(bill === null ? [] : [bill])])) {
      if (orders.includes(key)) open.set(key, [...(open.get(key) ?? []), one]);
    }
  }
  return open;
}

const SUPERSEDED_ROWS = batchOf("r", { id: "uuid", by: "text", reason: "text" });
export const SUPERSEDE = `update write_back w set state = 'resolved', closed_at = ${at(`$${SUPERSEDED_ROWS.next}`)}, resolution = 'superseded', resolved_by = '${ENGINE}',
    resolution_reason = r.reason, superseded_by = r.by, token = w.token + 1, next_at = null, lease_worker = null, lease_until = null
  from ${SUPERSEDED_ROWS.from} where w.id = r.id and w.state not in ('sending', 'acknowledged', 'resolved')
  returning w.id, w.key, w.message_id, w.destination, w.kind, w.lane, w.cause_event_id, w.cause_type, w.amount_fen, w.attempts, w.superseded_by,
    ${msOf("w.owed_at")} as owed_ms, ${msOf("w.first_sent_at")} as first_sent_ms`;
const AUDIT_ROWS = batchOf("r", { id: "text", reason: "text", after: "jsonb", mark: "text" });
const AUDIT = `insert into operator_action (at, who, action, target_kind, target_id, reason, after, mark)
  select ${at(`$${AUDIT_ROWS.next}`)}, '${ENGINE}', 'supersede', 'write-back', r.id, r.reason, r.after, r.mark from ${AUDIT_ROWS.from}`;

const REHELD_ROWS = batchOf("r", { id: "uuid", bill: "text" });
export const HOLD_AGAIN = `update write_back w set state = 'held', lane_seq = null, next_at = null, bill = r.bill from ${REHELD_ROWS.from}
  where w.id = r.id and w.state in ('waiting', 'queued', 'held')`;
const LOOK_LATER = `update bill b set look_at = ${at("$2")} where b.key = any($1::text[])`;

interface SupersededRow extends FactsRow {
  readonly message_id: string;
  readonly superseded_by: string;
}

export interface OvertakenDeps {
  readonly log: Log;
  /** Absent: nothing is told of what was superseded (a store without the engine around it). */
  readonly sealWriteBack?: SealWriteBackEvent | undefined;
  readonly subscribers?: Subscribers | undefined;
}
type Outbox = readonly { readonly seq: bigint; readonly event: Event }[];

const reasonOf = (by: string): string => `被事件 ${by} 取代，未曾送达 · overtaken by event ${by} before it was ever sent`;

/** Closes what was overtaken, each with its event and its line in the audit. Answers the events as the relay takes them. */
export async function closeSuperseded(tx: Tx, deps: OvertakenDeps, superseded: readonly Superseded[]): Promise<Outbox> {
  if (superseded.length === 0) return [];
  const given = superseded.map((one) => ({ ...one, reason: reasonOf(one.by) }));
  const rows = await run<SupersededRow>(tx.client, "supersede", SUPERSEDE, [...SUPERSEDED_ROWS.params(given), tx.nowMs]);
  const audit = rows.map((row) => {
    const reason = reasonOf(row.superseded_by);
    const after = { state: "resolved", decision: "superseded", by: row.superseded_by };
    const entry = { atMs: tx.nowMs, who: ENGINE, action: "supersede", targetKind: "write-back", targetId: row.id, reason, after };
    return { id: row.id, reason, after: JSON.stringify(after), mark: tx.mark?.(entry) ?? null };
  });
  await run(tx.client, "audit_superseded", AUDIT, [...AUDIT_ROWS.params(audit), tx.nowMs]);
  const events = rows.flatMap((row) => {
    const decided = {
      decision: "superseded" as const,
      by: { name: ENGINE },
      overtakenBy: row.superseded_by,
      reason: reasonOf(row.superseded_by),
      atMs: tx.nowMs,
    };
    const sealed = deps.sealWriteBack?.(resolvedDraft(factsOf(row), decided));
    if (sealed?.ok === true) return [{ messageId: row.message_id, event: sealed.event }];
    if (sealed)
      deps.log.warn(
        { writeBackId: row.id, problems: sealed.problems },
        "writeback.resolved of a superseded write-back could not be sealed",
      );
    return [];
  });
  const seqs = await eventNumbers(tx, events.length);
  const stored = events.map((one, index) => ({ ...one, seq: seqs[index] ?? 0n, ordinal: 0, publish: true }));
  await storeEvents(tx, stored);
  await oweToFlows(tx, stored, deps.subscribers);
  return stored;
}

/** Makes the next of each lane its head, where it has none. Answers the destinations that have something due. The lanes are locked. */
export async function promoteHeads(
  tx: Tx,
  lanes: readonly { readonly destination: string; readonly lane: string }[],
): Promise<readonly string[]> {
  if (lanes.length === 0) return [];
  const rows = lanes.map((one) => ({ one: one.destination, two: one.lane }));
  const due = await run<{ destination: string }>(tx.client, "write_back_promote", PROMOTE, [...LANES.params(rows), tx.nowMs]);
  return due.map((one) => one.destination);
}

/** Back to waiting for their bills. */
export async function holdAgain(tx: Tx, rows: readonly { readonly id: string; readonly bill: string }[]): Promise<void> {
  if (rows.length > 0) await run(tx.client, "hold_again", HOLD_AGAIN, REHELD_ROWS.params(rows));
}

export async function lookLater(tx: Tx, bills: readonly string[]): Promise<void> {
  if (bills.length > 0) await run(tx.client, "bill_look_later", LOOK_LATER, [bills, tx.nowMs + LOOK_AGAIN_MS]);
}

const DUE_LOOKS = `select b.key from bill b where b.look_at <= (select huiliu_now()) order by b.look_at limit ${LOOK_MAX}`;
const LOOKED = "update bill b set look_at = null where b.key = $1";

export interface LooksDeps extends OvertakenDeps {
  readonly pool: Pool;
  /** Beside those that have a row. */
  readonly destinations: () => readonly string[];
  readonly after: (done: {
    readonly outbox: Outbox;
    readonly destinations: readonly string[];
    readonly eventDeliveries: readonly [];
  }) => void;
  readonly goneAfterMs?: number;
}

/**
 * Looks again at bills of which something overtaken was on the wire: what turns out never to have reached the destination is superseded, what may have reached it goes
 * on through its steps. Answers how many bills it looked at. Rejects while the database is away.
 */
export async function lookAgain(deps: LooksDeps): Promise<number> {
  const bills = (await run<{ key: string }>(deps.pool, "bill_looks", DUE_LOOKS, [])).map((row) => row.key);
  for (const key of bills) {
    const options = {
      pool: deps.pool,
      log: deps.log,
      name: "overtaken",
      ...(deps.goneAfterMs === undefined ? {} : { goneAfterMs: deps.goneAfterMs }),
    };
    const worked = await commit(options, async (tx) => {
      await lockTexts(tx.client, [orderLock(key)]);
      const [row] = await run<{ key: string; book: unknown }>(tx.client, "settle_bills", BILLS, [[key]]);
      if (!row) return { answers: [] };
      const rows = (await loadOpen(tx.client, [key], deps.destinations())).get(key) ?? [];
      await lockTexts(
        tx.client,
        rows.filter((one) => one.lane !== key).map((one) => orderLock(one.lane)),
      );
      const found = overtaken(billOfBook(key, row.book), rows, new Set());
      const outbox = await closeSuperseded(tx, deps, found.superseded);
      const gone = new Set(found.superseded.map((one) => one.id));
      const destinations = await promoteHeads(
        tx,
        rows.filter((one) => gone.has(one.id) && one.state !== "held"),
      );
      if (gone.size > 0)
        await run(tx.client, "upsert_bills", UPSERT_BILLS, [...BILL_ROWS.params([{ key, book: bookOf(found.bill) }]), tx.nowMs]);
      if (found.lookAgain) await lookLater(tx, [key]);
      else await run(tx.client, "bill_looked", LOOKED, [key]);
      failpoint("overtaken.before-commit");
      return { answers: [], committed: () => deps.after({ outbox, destinations, eventDeliveries: [] }) };
    });
    worked.committed?.();
  }
  return bills.length;
}
