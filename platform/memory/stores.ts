/**
 * Journal, settlements and outbox in memory: same promises as PostgreSQL's (test/contracts/journal.ts, settle.ts), no durability. Every operation is one turn of
 * the event loop, so nothing is ever half done. Workers share one `MemoryStores`.
 */
import { createJudge, type ExistingWriteBack, type KnownFact, messageIdOf, type Plan } from "../../domain/delivery/judge.ts";
import type {
  AfterSettle,
  DeliverySource,
  OutboxStore,
  ParkedEventOf,
  SealedEvent,
  Settled,
  SettleStore,
} from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import { identityGiven, identityTaken } from "../../domain/journal/identity.ts";
import {
  type Inbound,
  type Journaled,
  JournalBusy,
  type JournaledMessage,
  type JournalStore,
  type MessageState,
  type ParkReason,
} from "../../domain/journal/ports.ts";
import { type Bill, emptyBill } from "../../domain/orders/rules.ts";
import { refusal } from "../../domain/refusals.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { Claimed, HandOff } from "../../domain/writeback/ports.ts";
import { fingerprintOf, key, uuid7 } from "./ids.ts";
import { type MemoryMessage, type MemoryWriteBack, newWriteBack } from "./rows.ts";
import { heldOf, laneOf, lookAgainAt, moveOvertaken, openOf, OUT_OF_LANE } from "./overtaken.ts";

type EventSource = Extract<DeliverySource, { kind: "event" }>;
type Open<T> = { -readonly [K in keyof T]: T[K] };

export type { MemoryMessage, MemoryWriteBack };

export interface MemoryStores {
  readonly messages: Map<string, MemoryMessage>;
  readonly writeBacks: Map<string, MemoryWriteBack>;
  readonly events: { readonly messageId: string; readonly event: Event; readonly seq: bigint }[];
  readonly outboxRows: Map<bigint, Event>;
  readonly keys: { readonly value: string; readonly messageId: string }[];
  readonly bills: ReadonlyMap<string, Bill>;
  readonly outbox: OutboxStore;
  /** Whether a message is open still, under this token. */
  readonly isOpen: (message: { readonly id: string; readonly token: number }) => boolean;
  /** Ends a message that is still open; false: it was not, or is another's. */
  readonly close: (message: { readonly id: string; readonly token: number }, state: "settled" | "parked", park?: ParkReason) => boolean;
  /** `destination` that may not be given anything, `destination lane` that a person holds. */
  readonly shut: Set<string>;
  /** Looks again at bills of which something overtaken was on the wire. */
  lookAgain(): void;
  worker(deps: {
    readonly handOff?: HandOff;
    readonly parkedEvent: ParkedEventOf;
    readonly after: (done: AfterSettle) => void;
    readonly leaseMs: number;
    readonly queueRowsMax?: number;
  }): {
    readonly journal: JournalStore;
    readonly settle: SettleStore;
    /** An event of a write-back's end: stored and owed to everybody, as every such event is. */
    readonly record: (messageId: string, event: Event) => void;
    readonly kill: () => void;
  };
}

/** Makes the shared world. `nowMs` is its clock; `tickMs` counts what is due, where that is another one. */
export function createMemoryStores(nowMs: () => number, tickMs: () => number = nowMs): MemoryStores {
  const alone = new Map<string, number>();
  const messages = new Map<string, MemoryMessage>();
  const identities = new Map<string, string>();
  const conflicts = new Map<string, string>();
  const exchanges = new Map<string, string>();
  const facts = new Map<string, KnownFact>();
  const bills = new Map<string, Bill>();
  const looks = new Set<string>();
  const writeBacks = new Map<string, MemoryWriteBack>();
  const events: { messageId: string; event: Event; seq: bigint }[] = [];
  const outboxRows = new Map<bigint, Event>();
  const keys: { value: string; messageId: string }[] = [];
  const deliveries = new Map<
    string,
    { source: EventSource; state: "received" | "parked"; worker: number; leaseUntilMs: number; token: number }
  >();
  const dead = new Set<number>();
  const shut = new Set<string>();
  let seq = 0n;
  let workers = 0;

  const storeEvent = (messageId: string, sealed: SealedEvent): { readonly seq: bigint; readonly event: Event } => {
    seq += 1n;
    events.push({ messageId, event: sealed.event, seq });
    if (sealed.publish) outboxRows.set(seq, sealed.event);
    return { seq, event: sealed.event };
  };
  const isOpen: MemoryStores["isOpen"] = ({ id, token }) => {
    const row = messages.get(id);
    return row?.state === "received" && row.message.token === token;
  };
  const close: MemoryStores["close"] = ({ id, token }, state, park) => {
    const row = messages.get(id);
    if (!row || !isOpen({ id, token })) return false;
    move(row, state, park?.code);
    delete row.worker;
    if (park) row.park = park;
    return true;
  };
  const move = (row: MemoryMessage, state: MessageState, note?: string): void => {
    row.state = state;
    row.history.push({ state, ...(note === undefined ? {} : { note }) });
  };
  const free = (row: { worker?: number; leaseUntilMs: number }): boolean =>
    row.worker === undefined || dead.has(row.worker) || row.leaseUntilMs < nowMs();

  const outbox: OutboxStore = {
    pending: async (afterSeq, limit) =>
      [...outboxRows]
        .filter(([at]) => at > afterSeq)
        .slice(0, limit)
        .map(([at, event]) => ({ seq: at, event })),
    done: async (seqs) => {
      for (const one of seqs) outboxRows.delete(one);
    },
  };

  const worker: MemoryStores["worker"] = (deps) => {
    workers += 1;
    const me = workers;
    let waiting = 0;
    let subscribers: readonly { readonly id: string; readonly types: readonly string[] }[] = [];

    const lease = (row: MemoryMessage): JournaledMessage => {
      row.worker = me;
      row.leaseUntilMs = nowMs() + deps.leaseMs;
      row.message.token += 1;
      return { ...row.message };
    };
    const parkedEvent = (row: MemoryMessage, reason: ParkReason): void => {
      storeEvent(row.message.id, deps.parkedEvent({ ...row.message }, reason, []));
    };
    const add = (
      inbound: Inbound,
      state: MessageState,
      identity: string | undefined,
      park?: ParkReason,
      duplicateOf?: string,
    ): MemoryMessage => {
      seq += 1n;
      const { exchange, refusal: _, identity: __, raw, ...rest } = inbound;
      const returnValue = exchange?.returnValue ?? inbound.returnValue;
      const message: Open<JournaledMessage> = {
        ...rest,
        id: uuid7(nowMs()),
        seq,
        raw: exchange?.part === "reply" ? new Uint8Array() : raw,
        ...(exchange?.part === "reply" ? { reply: raw } : {}),
        ...(identity === undefined ? {} : { identity }),
        ...(returnValue === undefined ? {} : { returnValue }),
        receivedAt: chinaDateTimeOf(nowMs()),
        token: 0,
        run: 1,
        replayed: false,
      };
      const row: MemoryMessage = {
        message,
        state,
        receivedMs: nowMs(),
        fingerprint: fingerprintOf(inbound.kind, raw, inbound.reply, returnValue),
        parts: new Map(),
        leaseUntilMs: 0,
        history: [],
        ...(park ? { park } : {}),
        ...(duplicateOf === undefined ? {} : { duplicateOf }),
      };
      messages.set(message.id, row);
      move(row, state, park?.code);
      if (park) parkedEvent(row, park);
      return row;
    };
    const again = (inbound: Inbound, name: string, owner: MemoryMessage, known: string, given: string): Journaled => {
      if (inbound.refusal && owner.state === "parked") return { kind: "parked", messageId: owner.message.id, reason: inbound.refusal };
      if (known === given) {
        const reason = owner.state === "parked" && owner.park ? { reason: owner.park } : {};
        return { kind: "duplicate", messageId: owner.message.id, state: owner.state, ...reason };
      }
      const conflict = key(inbound.partner, name, given);
      const id = conflicts.get(conflict) ?? add(inbound, "parked", name, refusal("IDENTITY_CONFLICT"), owner.message.id).message.id;
      conflicts.set(conflict, id);
      return { kind: "conflict", messageId: id, with: owner.message.id };
    };
    const appendPart = (inbound: Inbound, exchange: NonNullable<Inbound["exchange"]>): Journaled => {
      const given = fingerprintOf(inbound.raw, undefined, exchange.returnValue);
      const name = key(inbound.partner, inbound.kind, exchange.id);
      const row = messages.get(exchanges.get(name) ?? "");
      if (!row) {
        const made = add(inbound, "awaiting-part", `exchange:${exchange.id}`);
        made.parts.set(exchange.part, given);
        exchanges.set(name, made.message.id);
        return { kind: "awaiting-part", messageId: made.message.id };
      }
      const known = row.parts.get(exchange.part);
      if (known !== undefined) return again(inbound, `exchange:${exchange.id}:${exchange.part}`, row, known, given);
      row.parts.set(exchange.part, given);
      if (exchange.part === "reply")
        Object.assign(row.message, { reply: inbound.raw }, exchange.returnValue === undefined ? {} : { returnValue: exchange.returnValue });
      else {
        const { contentType, charset, headers, raw } = inbound;
        Object.assign(
          row.message,
          { raw, headers },
          contentType === undefined ? {} : { contentType },
          charset === undefined ? {} : { charset },
        );
      }
      if (row.state === "parked") row.message.run += 1;
      delete row.park;
      move(row, "received", "exchange complete");
      return { kind: "accepted", message: lease(row) };
    };
    const append = (inbound: Inbound): Journaled => {
      if (inbound.exchange && !inbound.refusal) return appendPart(inbound, inbound.exchange);
      const given = fingerprintOf(inbound.kind, inbound.raw, inbound.reply, inbound.exchange?.returnValue ?? inbound.returnValue);
      const name = identityTaken(inbound, given);
      if (name !== undefined) {
        const owner = messages.get(identities.get(key(inbound.partner, name)) ?? "");
        if (owner) return again(inbound, name, owner, owner.fingerprint, given);
      }
      const row = add(inbound, inbound.refusal ? "parked" : "received", identityGiven(inbound), inbound.refusal);
      if (name !== undefined) identities.set(key(inbound.partner, name), row.message.id);
      return inbound.refusal
        ? { kind: "parked", messageId: row.message.id, reason: inbound.refusal }
        : { kind: "accepted", message: lease(row) };
    };

    const ours = ({ id, token }: { readonly id: string; readonly token: number }): MemoryMessage | undefined => {
      const row = messages.get(id);
      return row?.state === "received" && row.message.token === token && row.worker === me ? row : undefined;
    };
    const journal: JournalStore = {
      append: async (inbound) => {
        if (waiting >= (deps.queueRowsMax ?? Number.POSITIVE_INFINITY)) throw new JournalBusy("the queue is full");
        waiting += 1;
        await new Promise<void>((resolve) => setImmediate(resolve));
        waiting -= 1;
        return append(inbound);
      },
      reclaim: async (limit, held = []) => {
        const open = [...messages.values()]
          .filter((row) => row.state === "received" && free(row) && !held.includes(row.message.id))
          .slice(0, limit);
        return open.map((row) => {
          row.message.run += 1;
          return lease(row);
        });
      },
      regain: async (id) => {
        const row = messages.get(id);
        return row?.state === "received" && (row.worker === me || free(row)) ? lease(row).token : undefined;
      },
      inDoubt: () => false,
      fedAlone: async (messageId) => {
        alone.set(messageId, (alone.get(messageId) ?? 0) + 1);
        return alone.get(messageId) ?? 1;
      },
      disown: async (held) => {
        for (const row of messages.values())
          if (row.state === "received" && row.worker === me && !held.includes(row.message.id)) delete row.worker;
      },
      release: async (items) => {
        for (const item of items) delete ours(item)?.worker;
      },
      extend: async (items) =>
        items.flatMap((item) => {
          const row = ours(item);
          if (!row) return [item.id];
          row.leaseUntilMs = nowMs() + deps.leaseMs;
          return [];
        }),
      parkLonelyParts: async (olderThanMs) => {
        const lonely = [...messages.values()].filter((row) => row.state === "awaiting-part" && row.receivedMs < nowMs() - olderThanMs);
        for (const row of lonely) {
          row.park = refusal("EXCHANGE_INCOMPLETE");
          move(row, "parked", row.park.code);
          parkedEvent(row, row.park);
        }
        return lonely.map((row) => row.message.id);
      },
      close: async () => undefined,
    };

    const isOurs = (source: DeliverySource): boolean => {
      if (source.kind === "event") {
        const row = deliveries.get(key(source.subscriber, source.event.id));
        return row?.state === "received" && row.token === source.token;
      }
      const row = messages.get(source.message.id);
      return row?.state === "received" && row.message.token === source.message.token;
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
    const settleOne: (settlement: Parameters<SettleStore["settle"]>[0]) => Settled = (settlement) => {
      if (!isOurs(settlement.source)) return { kind: "fenced" };
      const judge = newJudge();
      const row = messages.get(messageIdOf(settlement));
      if (!row) return { kind: "fenced" };
      const plan = judge.judge(settlement, settlement.source.kind === "message" ? settlement.source.message : row.message);
      for (const fact of judge.facts()) facts.set(key(fact.partner, fact.identity), fact);
      for (const bill of judge.bills()) bills.set(bill.key, bill);
      for (const one of plan.writeBacks)
        writeBacks.set(one.owed.key, newWriteBack({ ...one, messageId: plan.messageId }, { nowMs, tickMs }));
      const byId = new Map([...writeBacks.values()].map((one) => [one.id, one]));
      for (const one of judge.released()) Object.assign(byId.get(one.id) ?? {}, { state: one.state });
      for (const id of judge.entered()) {
        seq += 1n;
        Object.assign(byId.get(id) ?? {}, { laneSeq: seq });
      }
      const promoted = moveOvertaken(writeBacks, judge);
      for (const key of judge.lookAgain()) looks.add(key);
      const stored = plan.events.map((sealed) => ({ ...storeEvent(plan.messageId, sealed), publish: sealed.publish }));
      for (const one of plan.keys) keys.push({ value: one.value, messageId: plan.messageId });
      const handed = handOut(plan.messageId, stored);
      closeSource(plan);
      const claims = new Map<string, { readonly reserved: number; readonly given: Claimed[] }>();
      for (const { id, owed, state } of plan.writeBacks) {
        const { destination, lane, when: _, flow: __, node: ___, order: ____, ...told } = owed;
        if (
          !deps.handOff ||
          state !== "waiting" ||
          byId.get(id)?.waitMs !== undefined ||
          shut.has(destination) ||
          shut.has(`${destination} ${lane}`)
        )
          continue;
        const { calls, leaseMs } = deps.handOff.reserve(destination, 1);
        const row = byId.get(id);
        const more = { destination, lane, token: 1, attempt: 1, owedAt: chinaDateTimeOf(nowMs()), laneBehind: 0, leaseMs };
        const claimed: Claimed = { ...told, ...more, id, messageId: plan.messageId, laneSeq: row?.laneSeq ?? 0n, action: "send" };
        const before = claims.get(destination) ?? { reserved: 0, given: [] };
        claims.set(destination, { reserved: before.reserved + calls, given: calls > 0 ? [...before.given, claimed] : before.given });
        if (row && calls > 0) Object.assign(row, { state: "sending", token: 1, attempt: 1, leaseUntilMs: tickMs() + leaseMs });
      }
      for (const [destination, { reserved, given }] of claims) deps.handOff?.take(destination, given, reserved, nowMs());
      const due = [
        ...judge.released().map((one) => ({ ...one })),
        ...plan.writeBacks.map((one) => ({ state: byId.get(one.id)?.state ?? one.state, destination: one.owed.destination })),
      ];
      deps.after({
        outbox: stored.filter((one) => one.publish).map(({ seq: at, event }) => ({ seq: at, event })),
        destinations: [...new Set([...due.filter((one) => one.state === "waiting").map((one) => one.destination), ...promoted])],
        eventDeliveries: handed,
      });
      return plan.answer;
    };
    let queue: {
      readonly settlement: Parameters<SettleStore["settle"]>[0];
      readonly answer: (settled: Settled) => void;
      readonly fail: (error: unknown) => void;
    }[] = [];
    const flush = (): void => {
      const batch = queue;
      queue = [];
      const order = ({ settlement: { source } }: (typeof batch)[number]): bigint =>
        source.kind === "message" ? source.message.seq : 2n ** 62n;
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
      const stored = storeEvent(messageId, { event, fingerprint: event.id, keys: [], publish: true });
      deps.after({ outbox: [stored], destinations: [], eventDeliveries: handOut(messageId, [stored]) });
    };
    return { journal, settle, record, kill: () => void dead.add(me) };
  };

  const lookAgain = (): void => lookAgainAt(looks, bills, writeBacks);
  return { messages, writeBacks, events, outboxRows, keys, bills, outbox, shut, isOpen, close, lookAgain, worker };
}
