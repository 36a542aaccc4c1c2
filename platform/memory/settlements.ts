/** Settlements in memory: the promises of domain/delivery/ports.ts, held by test/contracts/settle.ts. Each is one turn of the event loop, so that nothing is ever half done. */
import { createJudge, type ExistingWriteBack, type Judge, type KnownFact, messageIdOf, type Plan } from "../../domain/delivery/judge.ts";
import type { AfterSettle, DeliverySource, ParkedEventOf, Settled, Settlement, SettleStore } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import { type Bill, emptyBill } from "../../domain/orders/rules.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { Claimed, HandOff } from "../../domain/writeback/ports.ts";
import { key, uuid7 } from "./ids.ts";
import { heldOf, laneOf, lookAgainAt, moveOvertaken, openOf, OUT_OF_LANE } from "./overtaken.ts";
import { type MemoryWriteBack, newWriteBack } from "./rows.ts";
import type { MemoryWorld } from "./world.ts";

type EventSource = Extract<DeliverySource, { kind: "event" }>;

/** An event in the hands of one of the nodes that take it. */
interface EventDelivery {
  readonly source: EventSource;
  state: "received" | "parked";
  worker: number;
  leaseUntilMs: number;
  token: number;
}

/** Behind every message of the journal: what settles an event's delivery waits for no message of its batch. */
const AFTER_MESSAGES = 2n ** 62n;

export interface MemorySettlementsDeps {
  /** The worker's number in the world. */
  readonly me: number;
  readonly handOff?: HandOff;
  readonly parkedEvent: ParkedEventOf;
  readonly after: (done: AfterSettle) => void;
  readonly leaseMs: number;
}

export interface MemorySettlements {
  readonly bills: ReadonlyMap<string, Bill>;
  /** Looks again at bills of which something overtaken was on the wire. */
  lookAgain(): void;
  worker(deps: MemorySettlementsDeps): {
    readonly settle: SettleStore;
    /** An event of a write-back's end: stored and owed to everybody, as every such event is. */
    readonly record: (messageId: string, event: Event) => void;
  };
}

/** The settlements of all workers of one world: they share its facts and bills. */
export function createMemorySettlements(world: MemoryWorld): MemorySettlements {
  const { messages, writeBacks, events, shut, move, free, nowMs, tickMs } = world;
  const facts = new Map<string, KnownFact>();
  const bills = new Map<string, Bill>();
  const looks = new Set<string>();
  const deliveries = new Map<string, EventDelivery>();

  const worker: MemorySettlements["worker"] = (deps) => {
    const { me } = deps;
    let subscribers: readonly { readonly id: string; readonly types: readonly string[] }[] = [];

    const isOurs = (source: DeliverySource): boolean => {
      if (source.kind === "event") {
        const row = deliveries.get(key(source.subscriber, source.event.id));
        return row?.state === "received" && row.token === source.token;
      }
      return world.isOpen(source.message);
    };
    const newJudge = () =>
      createJudge(
        {
          fact: (partner, identity) => facts.get(key(partner, identity)),
          stored: (messageId, eventId) => events.some((row) => row.messageId === messageId && row.event.id === eventId),
          bill: (name) => bills.get(name) ?? emptyBill(name),
          held: (bill) => heldOf(writeBacks, bill),
          open: (bill) => openOf(writeBacks, bill),
          laneOf: (destination, order) => laneOf(writeBacks, destination, order),
          existing: (name): ExistingWriteBack | undefined => writeBacks.get(name),
          busy: (destination, lane) =>
            [...writeBacks.values()].some(
              (row) => row.owed.destination === destination && row.owed.lane === lane && !OUT_OF_LANE.has(row.state) && row.passed !== true,
            ),
        },
        { newId: () => uuid7(nowMs()), parkedEvent: deps.parkedEvent },
      );
    const closeSource = (plan: Plan): void => {
      const { source } = plan.settlement;
      const changed = plan.kept.filter((one) => one.changed.length > 0).map((one) => ({ kept: one.id, changed: one.changed }));
      const note = changed.length > 0 ? JSON.stringify(changed) : plan.reason?.code;
      const row = messages.get(plan.messageId);
      if (source.kind === "event") {
        const delivery = deliveries.get(key(source.subscriber, source.event.id));
        if (delivery && plan.reason) delivery.state = "parked";
        else deliveries.delete(key(source.subscriber, source.event.id));
        if (note !== undefined) row?.history.push({ state: `event-${plan.state}`, note });
        return;
      }
      if (!row) return;
      move(row, plan.state, note);
      delete row.worker;
      if (plan.reason) row.park = plan.reason;
      if (plan.duplicateOf !== undefined) row.duplicateOf = plan.duplicateOf;
    };
    /** Open deliveries of events, for the nodes that take them. */
    const handOut = (messageId: string, stored: readonly { readonly event: Event }[]): readonly EventSource[] => {
      const handed = stored.flatMap(({ event }) =>
        subscribers
          .filter((subscriber) => subscriber.types.includes(event.type))
          .map(({ id }): EventSource => ({ kind: "event", subscriber: id, event, messageId, token: 1 })),
      );
      for (const source of handed) {
        const leaseUntilMs = nowMs() + deps.leaseMs;
        deliveries.set(key(source.subscriber, source.event.id), { source, state: "received", worker: me, leaseUntilMs, token: 1 });
      }
      return handed;
    };
    /** Heads that find a place on the wire are claimed as they are born (domain/writeback/ports.ts, HandOff). */
    const handOver = (plan: Plan, byId: ReadonlyMap<string, MemoryWriteBack>): void => {
      const { handOff } = deps;
      if (!handOff) return;
      const claims = new Map<string, { readonly reserved: number; readonly given: Claimed[] }>();
      for (const { id, owed, state } of plan.writeBacks) {
        const { destination, lane, when: _, flow: __, node: ___, order: ____, ...told } = owed;
        const row = byId.get(id);
        const later = state !== "waiting" || row?.waitMs !== undefined;
        if (!row || later || shut.has(destination) || shut.has(`${destination} ${lane}`)) continue;
        const { calls, leaseMs } = handOff.reserve(destination, 1);
        const more = { destination, lane, token: 1, attempt: 1, owedAt: chinaDateTimeOf(nowMs()), laneBehind: 0, leaseMs };
        const claimed: Claimed = { ...told, ...more, id, messageId: plan.messageId, laneSeq: row.laneSeq, action: "send" };
        const before = claims.get(destination) ?? { reserved: 0, given: [] };
        claims.set(destination, { reserved: before.reserved + calls, given: calls > 0 ? [...before.given, claimed] : before.given });
        if (calls > 0) Object.assign(row, { state: "sending", token: 1, attempt: 1, leaseUntilMs: tickMs() + leaseMs });
      }
      for (const [destination, { reserved, given }] of claims) handOff.take(destination, given, reserved, nowMs());
    };
    /** What the judge decided of write-backs: owed ones, released ones, places in lanes, overtaken ones. */
    const storeWriteBacks = (
      judge: Judge,
      plan: Plan,
    ): { readonly byId: ReadonlyMap<string, MemoryWriteBack>; readonly promoted: readonly string[] } => {
      for (const one of plan.writeBacks)
        writeBacks.set(one.owed.key, newWriteBack({ ...one, messageId: plan.messageId }, { nowMs, tickMs }));
      const byId = new Map([...writeBacks.values()].map((one) => [one.id, one]));
      for (const one of judge.released()) Object.assign(byId.get(one.id) ?? {}, { state: one.state });
      for (const id of judge.entered()) Object.assign(byId.get(id) ?? {}, { laneSeq: world.nextSeq() });
      const promoted = moveOvertaken(writeBacks, judge);
      for (const name of judge.lookAgain()) looks.add(name);
      return { byId, promoted };
    };
    const settleOne = (settlement: Settlement): Settled => {
      if (!isOurs(settlement.source)) return { kind: "fenced" };
      const row = messages.get(messageIdOf(settlement));
      if (!row) return { kind: "fenced" };
      const judge = newJudge();
      const plan = judge.judge(settlement, settlement.source.kind === "message" ? settlement.source.message : row.message);
      for (const fact of judge.facts()) facts.set(key(fact.partner, fact.identity), fact);
      for (const bill of judge.bills()) bills.set(bill.key, bill);
      const { byId, promoted } = storeWriteBacks(judge, plan);
      const stored = plan.events.map((sealed) => ({ ...world.storeEvent(plan.messageId, sealed), publish: sealed.publish }));
      for (const one of plan.keys) world.keys.push({ value: one.value, messageId: plan.messageId });
      const handed = handOut(plan.messageId, stored);
      closeSource(plan);
      handOver(plan, byId);
      const owed = plan.writeBacks.map((one) => ({ state: byId.get(one.id)?.state ?? one.state, destination: one.owed.destination }));
      const due = [...judge.released(), ...owed].filter((one) => one.state === "waiting").map((one) => one.destination);
      deps.after({
        outbox: stored.filter((one) => one.publish).map(({ seq, event }) => ({ seq, event })),
        destinations: [...new Set([...due, ...promoted])],
        eventDeliveries: handed,
      });
      return plan.answer;
    };
    let queue: {
      readonly settlement: Settlement;
      readonly answer: (settled: Settled) => void;
      readonly fail: (error: unknown) => void;
    }[] = [];
    const flush = (): void => {
      const batch = queue;
      queue = [];
      const order = ({ settlement: { source } }: (typeof batch)[number]): bigint =>
        source.kind === "message" ? source.message.seq : AFTER_MESSAGES;
      for (const one of batch.sort((a, b) => Number(order(a) - order(b)))) {
        try {
          one.answer(settleOne(one.settlement));
        } catch (error) {
          one.fail(error);
        }
      }
    };
    const settle: SettleStore = {
      settle: (settlement) =>
        new Promise((answer, fail) => {
          queue.push({ settlement, answer, fail });
          if (queue.length === 1) setImmediate(flush);
        }),
      setSubscribers: (wanted) => {
        subscribers = wanted;
      },
      reclaimEvents: async (ids, limit) => {
        const open = [...deliveries.values()]
          .filter((row) => row.state === "received" && ids.includes(row.source.subscriber) && free(row))
          .slice(0, limit);
        return open.map((row) => {
          row.worker = me;
          row.token += 1;
          row.leaseUntilMs = nowMs() + deps.leaseMs;
          return { ...row.source, token: row.token };
        });
      },
      close: async () => undefined,
    };
    const record = (messageId: string, event: Event): void => {
      const stored = world.storeEvent(messageId, { event, fingerprint: event.id, keys: [], publish: true });
      deps.after({ outbox: [stored], destinations: [], eventDeliveries: handOut(messageId, [stored]) });
    };
    return { settle, record };
  };

  return { bills, lookAgain: () => lookAgainAt(looks, bills, writeBacks), worker };
}
