/** Settling: every intent of a batch of deliveries in one transaction, or none of a delivery's (design.md section 3; domain/delivery/judge.ts decides). */
import { failpoint } from "../../domain/failpoint.ts";
import { createJudge, type Judge, type Plan } from "../../domain/delivery/judge.ts";
import type {
  AfterSettle,
  DeliverySource,
  MessageSummary,
  ParkedEventOf,
  Settled,
  Settlement,
  SettleStore,
} from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import type { SealWriteBackEvent } from "../../domain/writeback/events.ts";
import type { HandOff } from "../../domain/writeback/ports.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { type EventRow, storeEvents, storeHistory } from "./facts.ts";
import { createGroupCommit, type Tx, type Worked } from "./group-commit.ts";
import type { Log, Pool } from "./pool.ts";
import { bookOf } from "./bill-book.ts";
import { eventTextOf, pack } from "./packed.ts";
import { type Born, bornClaimed } from "./settle-hand-off.ts";
import { closeSuperseded, holdAgain, lookLater, promoteHeads } from "./overtaken.ts";
import { drawNumbers, knownOf, type Looked, lookUp, type Numbers } from "./settle-known.ts";
import { takeUpReversals } from "./reversals-ahead.ts";
import * as sql from "./settle-sql.ts";
import { noteParkedMessages } from "./failure-groups.ts";
import { LostRace } from "./failures.ts";
import { daysOf, msOfUuid, run, together } from "./sql.ts";
import type { Worker } from "./worker.ts";
import { createSubscribers, type Subscribers } from "./subscribers.ts";

/** Settlements may wait in numbers: the deliveries behind them are bounded by the intake already. */
const QUEUE_ROWS_MAX = 16_384;
/** What a settlement weighs beside its bodies, for the batch's byte limit. */
const EVENT_WEIGHT_BYTES = 2_048;

/** In place of a statement that is not needed. */
const NOTHING = Promise.resolve();

type EventSource = Extract<DeliverySource, { kind: "event" }>;

export interface SettleDeps {
  readonly pool: Pool;
  readonly worker: Worker;
  readonly log: Log;
  /** Whether a day has tables of its own. */
  readonly hasDay: (day: string) => boolean;
  readonly uuid7: (atMs: number) => string;
  readonly parkedEvent: ParkedEventOf;
  /** Called after each commit, before the callers are answered. Must not throw. */
  readonly after: (done: AfterSettle) => void;
  /** Who sends heads at once; absent: every one of them waits to be claimed. */
  readonly handOff?: HandOff;
  /** Makes the event of what was superseded; absent: none is told. */
  readonly sealWriteBack?: SealWriteBackEvent;
  readonly subscribers?: Subscribers;
  /** How long an event handed to an event-in node stays ours. Longer than a flow's deadline. */
  readonly eventLeaseMs: number;
  readonly goneAfterMs?: number;
}

const summaryOf = (settlement: Settlement): MessageSummary => {
  const { source } = settlement;
  if (source.kind === "message") return source.message;
  const receivedAt = chinaDateTimeOf(msOfUuid(source.messageId));
  return { id: source.messageId, partner: source.event.source, kind: source.event.type, door: "event", receivedAt };
};

/** Journal order: what one message decides, a later one finds decided. Event deliveries follow in the order given. */
const inOrder = (a: Settlement, b: Settlement): number => {
  if (a.source.kind !== "message" || b.source.kind !== "message")
    return a.source.kind === b.source.kind ? 0 : a.source.kind === "message" ? -1 : 1;
  return a.source.message.seq < b.source.message.seq ? -1 : 1;
};

export function createSettleStore(deps: SettleDeps): SettleStore {
  const subscribers = deps.subscribers ?? createSubscribers();

  const deliveriesOf = (rows: readonly EventRow[]): (EventSource & { readonly seq: bigint })[] =>
    rows.flatMap((row) =>
      subscribers.of(row.event.type).map((subscriber) => ({
        kind: "event" as const,
        subscriber,
        event: row.event,
        messageId: row.messageId,
        token: 1,
        seq: row.seq,
      })),
    );

  const work = async (tx: Tx, settlements: readonly Settlement[], looked: Looked): Promise<Worked<Settled>> => {
    const open = settlements.filter((one) => !looked.fenced.has(one)).sort(inOrder);
    const { known, numbers } = await knownOf(tx.client, open, looked);
    const judge = createJudge(known, { newId: () => deps.uuid7(tx.nowMs), parkedEvent: deps.parkedEvent });
    const plans = new Map(open.map((one) => [one, judge.judge(one, summaryOf(one))]));
    const born = await bornClaimed(deps.handOff, tx, [...plans.values()], looked.lanes);
    try {
      return await write(tx, settlements, plans, judge, born, numbers);
    } catch (error) {
      born.abandon();
      throw error;
    }
  };

  /** As many numbers as there are new events and write-backs that enter a lane: those drawn before, and more where they do not suffice. */
  const numbersFor = async (tx: Tx, drawn: Numbers, events: number, lanes: number): Promise<Numbers> => {
    const more = await drawNumbers(tx.client, Math.max(0, events - drawn.events.length), Math.max(0, lanes - drawn.lanes.length));
    return { events: [...drawn.events, ...more.events], lanes: [...drawn.lanes, ...more.lanes] };
  };

  /** Writes what was judged. */
  const write = async (
    tx: Tx,
    settlements: readonly Settlement[],
    plans: ReadonlyMap<Settlement, Plan>,
    judge: Judge,
    born: Born,
    drawn: Numbers,
  ): Promise<Worked<Settled>> => {
    const all = [...plans.values()];
    const entered = judge.entered();
    const numbers = await numbersFor(
      tx,
      drawn,
      all.reduce((sum, plan) => sum + plan.events.length, 0),
      entered.length,
    );
    const laneSeqs = new Map(entered.map((id, index) => [id, numbers.lanes[index] ?? 0n]));
    const events = all
      .flatMap((plan) =>
        plan.events.map((sealed, ordinal) => ({ messageId: plan.messageId, event: sealed.event, ordinal, publish: sealed.publish })),
      )
      .map((row, index) => ({ ...row, seq: numbers.events[index] ?? 0n }));
    const bills = judge.bills().map((bill) => ({ key: bill.key, book: bookOf(bill) }));
    const released = judge.released();
    const rows = released.map((one) => ({ id: one.id, state: one.state, lane_seq: laneSeqs.get(one.id) ?? 0n }));
    const deliveries = deliveriesOf(events);
    // Sent together, done one after the other; the first that fails is the one that is told.
    const sent: Promise<unknown>[] = [
      takeFacts(tx, judge.facts()),
      bills.length > 0 ? run(tx.client, "upsert_bills", sql.UPSERT_BILLS, [...sql.BILL_ROWS.params(bills), tx.nowMs]) : NOTHING,
      storeEvents(tx, events),
      storeKeys(tx, all),
      storeWriteBacks(tx, all, laneSeqs, born),
      rows.length > 0 ? run(tx.client, "release_held", sql.RELEASE_HELD, [...sql.RELEASE_ROWS.params(rows), tx.nowMs]) : NOTHING,
      storeDeliveries(tx, deliveries),
      endSources(tx, all),
    ];
    await together(sent);
    const overtaken = await storeOvertaken(tx, judge);
    await takeUpReversals(tx, events);

    failpoint("settle.before-commit");
    const destinations = new Set<string>();
    for (const one of released) if (one.state === "waiting") destinations.add(one.destination);
    for (const plan of all)
      for (const one of plan.writeBacks)
        if (one.state === "waiting" && born.leaseMs(one.id) === undefined) destinations.add(one.owed.destination);
    for (const destination of overtaken.destinations) destinations.add(destination);
    const outbox = [...events.filter((row) => row.publish), ...overtaken.outbox].map((row) => ({ seq: row.seq, event: row.event }));
    return {
      answers: settlements.map((one) => plans.get(one)?.answer ?? { kind: "fenced" }),
      committed: () => {
        failpoint("settle.after-commit");
        born.handOver(laneSeqs);
        if (outbox.length + destinations.size + deliveries.length === 0) return;
        deps.after({ outbox, destinations: [...destinations], eventDeliveries: deliveries.map(({ seq: _, ...delivery }) => delivery) });
      },
      abandoned: born.abandon,
    };
  };

  /** What a refund or a reversal overtook leaves its lane; the next of each lane goes on. */
  const storeOvertaken = async (tx: Tx, judge: Judge) => {
    await holdAgain(tx, judge.reheld());
    const outbox = await closeSuperseded(tx, deps, judge.superseded());
    await lookLater(tx, judge.lookAgain());
    return { outbox, destinations: await promoteHeads(tx, judge.headless()) };
  };

  const takeFacts = async (tx: Tx, facts: ReturnType<ReturnType<typeof createJudge>["facts"]>): Promise<void> => {
    if (facts.length === 0) return;
    const rows = facts.map((fact) => ({
      partner: fact.partner,
      identity: fact.identity,
      message_id: fact.messageId,
      event_id: fact.eventId,
      fingerprint: fact.fingerprint,
    }));
    const [count] = await run<{ taken: number }>(tx.client, "insert_facts", sql.INSERT_FACTS, sql.FACT_ROWS.params(rows));
    // Another worker committed one of them after we looked: judge again, with it known.
    if (count?.taken !== rows.length) throw new LostRace("a business identity was taken meanwhile");
  };

  const storeKeys = async (tx: Tx, plans: readonly Plan[]): Promise<void> => {
    const isFirst = ({ settlement: { source } }: Plan): boolean =>
      source.kind === "message" && source.message.run === 1 && !source.message.replayed;
    const rowsOf = (of: readonly Plan[]) =>
      of.flatMap((plan) =>
        plan.keys.map((key) => ({
          kind: key.kind,
          value: key.value,
          message_id: plan.messageId,
          partner: summaryOf(plan.settlement).partner,
        })),
      );
    const fresh = rowsOf(plans.filter(isFirst));
    if (fresh.length > 0) await run(tx.client, "insert_keys", sql.INSERT_KEYS, sql.KEY_ROWS.params(fresh));
    const again = rowsOf(plans.filter((plan) => !isFirst(plan)));
    if (again.length > 0) await run(tx.client, "insert_keys_again", sql.INSERT_KEYS_AGAIN, sql.KEY_ROWS.params(again));
  };

  const storeWriteBacks = async (tx: Tx, plans: readonly Plan[], laneSeqs: ReadonlyMap<string, bigint>, born: Born): Promise<void> => {
    const rows = plans.flatMap((plan) =>
      plan.writeBacks.map(({ id, owed, state, bill, waitMs }) => ({
        id,
        key: owed.key,
        message_id: plan.messageId,
        destination: owed.destination,
        kind: owed.kind,
        mapping: owed.mapping,
        lane: owed.lane,
        lane_seq: laneSeqs.get(id) ?? null,
        bill: bill ?? null,
        order_key: owed.order ?? null,
        cause_event_id: owed.cause.eventId,
        cause_type: owed.cause.type,
        content_type: owed.contentType,
        charset: owed.charset,
        amount_fen: owed.amountFen ?? null,
        serial: owed.serial ?? null,
        business_date: owed.businessDate,
        flow: owed.flow,
        node: owed.node,
        state: born.leaseMs(id) === undefined ? state : "sending",
        lease_ms: born.leaseMs(id) ?? null,
        wait_ms: waitMs ?? null,
        traceparent: owed.traceparent ?? null,
        body: pack(owed.body, "wire"),
      })),
    );
    if (rows.length === 0) return;
    const days = daysOf(
      rows.map((row) => row.message_id),
      deps.hasDay,
    );
    const values = [...sql.WRITE_BACK_ROWS.params(rows), tx.nowMs, deps.worker.id];
    await run(tx.client, `insert_write_backs${days.name}`, sql.insertWriteBacks(days), values);
  };

  const storeDeliveries = async (tx: Tx, deliveries: readonly (EventSource & { readonly seq: bigint })[]): Promise<void> => {
    if (deliveries.length === 0) return;
    const rows = deliveries.map((one) => ({ subscriber: one.subscriber, event_id: one.event.id, message_id: one.messageId, seq: one.seq }));
    const values = [...sql.DELIVERY_ROWS.params(rows), tx.nowMs, deps.worker.id, deps.eventLeaseMs];
    await run(tx.client, "insert_deliveries", sql.INSERT_DELIVERIES, values);
  };

  /** Closes what the settlements were about: the message's state and history, or the event delivery. */
  const endSources = async (tx: Tx, plans: readonly Plan[]): Promise<void> => {
    const messages = plans.filter((plan) => plan.settlement.source.kind === "message");
    const sent: Promise<unknown>[] = [];
    if (messages.length > 0) {
      const rows = messages.map((plan) => ({
        id: plan.messageId,
        state: plan.state,
        park: plan.reason ? JSON.stringify(plan.reason) : null,
        duplicate_of: plan.duplicateOf ?? null,
        flow: plan.settlement.flow ?? null,
        mapping: plan.settlement.mapping ?? null,
      }));
      const days = daysOf(
        rows.map((row) => row.id),
        deps.hasDay,
      );
      sent.push(run(tx.client, `update_messages${days.name}`, sql.updateMessages(days), [...sql.OUTCOME_ROWS.params(rows), tx.nowMs]));
    }
    const ended = plans.flatMap((plan) => {
      const { source } = plan.settlement;
      if (source.kind !== "event") return [];
      return [{ subscriber: source.subscriber, event_id: source.event.id, park: plan.reason ? JSON.stringify(plan.reason) : null }];
    });
    if (ended.length > 0) sent.push(run(tx.client, "end_deliveries", sql.END_DELIVERIES, sql.ENDED.params(ended)));
    sent.push(storeHistory(tx, plans.flatMap(historyOf)));
    await together(sent);
    const parked = messages.flatMap(({ messageId: id, reason, settlement }) => (reason ? [{ ...summaryOf(settlement), id, reason }] : []));
    await noteParkedMessages(tx, parked);
  };

  const committer = createGroupCommit<Settlement, Settled, Looked>({
    pool: deps.pool,
    name: "settle",
    log: deps.log,
    look: (client, settlements) => lookUp(client, settlements, deps.hasDay),
    work,
    queueRowsMax: QUEUE_ROWS_MAX,
    bytesOf: (one) => one.writeBacks.reduce((sum, owed) => sum + owed.body.byteLength, EVENT_WEIGHT_BYTES * one.events.length),
    ...(deps.goneAfterMs === undefined ? {} : { goneAfterMs: deps.goneAfterMs }),
  });

  return {
    settle: (settlement) => committer.submit(settlement),
    setSubscribers: subscribers.set,
    reclaimEvents: async (ids, limit, held = [], lead) => {
      if (ids.length === 0) return [];
      const living = await deps.worker.living();
      const rows = await run<{ subscriber: string; message_id: string; lease_token: bigint; id: string; body: Buffer }>(
        deps.pool,
        "reclaim_events",
        sql.RECLAIM_EVENTS,
        [ids, living, limit, deps.worker.id, deps.eventLeaseMs, held, lead ?? null],
      );
      return rows.map((row) => ({
        kind: "event",
        subscriber: row.subscriber,
        event: JSON.parse(eventTextOf(row)) as Event,
        messageId: row.message_id,
        token: Number(row.lease_token),
      }));
    },
    close: () => committer.close(),
  };
}

/** One history row a settlement; those of event deliveries only where a person will ask: parked, or owing again what is owed already. */
function historyOf(plan: Plan): { messageId: string; state: string; by: string; note?: string }[] {
  const { source, flow } = plan.settlement;
  const changed = plan.kept.filter((one) => one.changed.length > 0).map((one) => ({ kept: one.id, changed: one.changed }));
  const note = changed.length > 0 ? JSON.stringify(changed) : plan.reason?.code;
  const row = { messageId: plan.messageId, by: flow ?? "engine", ...(note === undefined ? {} : { note }) };
  if (source.kind === "message") return [{ ...row, state: plan.state }];
  return note === undefined ? [] : [{ ...row, state: `event-${plan.state}`, by: source.subscriber }];
}
