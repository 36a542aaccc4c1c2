/**
 * The deliveries of one worker: takes journaled messages, gives each its turn, feeds it to its flow, and settles it when the ledger says that every
 * branch has ended (design.md section 3). Bounded: what does not fit is given back to the journal and fetched again.
 */
import type { Event } from "../events/event.ts";
import type { Verdict } from "../journal/intake.ts";
import type { JournaledMessage, JournalStore, ParkReason } from "../journal/ports.ts";
import type { OrderFacts } from "../orders/facts.ts";
import { refusal } from "../refusals.ts";
import { createCommitting } from "./committing.ts";
import { createGiveBack } from "./give-back.ts";
import { settlementOf, verdictOf } from "./ending.ts";
import type { Fed, NodeRef } from "./engine.ts";
import { createFeeding } from "./feeding.ts";
import type { LedgerEnd, OpenLedger } from "./ledger.ts";
import { ALONE_MAX, DELIVERY_LIMITS, type DeliveryLimits } from "./limits.ts";
import { idOf, isSuspect, leasesOf, type Live, seqOf, type Translated } from "./live.ts";
import type { DeliverySource, ParkedEventOf, Settled, Settlement, SettleStore } from "./ports.ts";
import { createRoom } from "./room.ts";
import type { Turns } from "./turns.ts";
import { createVerdicts } from "./verdicts.ts";

/** Fetched from the journal at once. */
const RECLAIM_MAX = 256;

/** A node that takes messages or events. */
export interface Subscription {
  readonly node: NodeRef;
  readonly deadlineMs: number;
  readonly feed: (fed: Fed) => void;
}

export interface DeliveriesDeps {
  readonly journal: JournalStore;
  readonly settleStore: SettleStore;
  readonly ledger: OpenLedger;
  readonly turns: Turns;
  /** Translates by the vendor's mapping of the message's kind; undefined when the vendor has none for it. */
  readonly translateByDefault: (message: JournaledMessage) => { readonly mapping: string; readonly result: Translated } | undefined;
  readonly messageSubscription: (partner: string, kind: string) => Subscription | undefined;
  readonly eventSubscription: (subscriber: string) => Subscription | undefined;
  readonly eventSubscribers: () => readonly string[];
  readonly parkedEvent: ParkedEventOf;
  /** Event id → which bill a reversal is about and what that bill knows. Rejects while the database is away. */
  readonly orderFacts: (events: readonly Event[]) => Promise<ReadonlyMap<string, OrderFacts>>;
  readonly newToken: () => string;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly log: (level: "info" | "warn" | "error", text: string, fields: Readonly<Record<string, unknown>>) => void;
  /** `flow`: whose delivery has ended. */
  readonly count: (what: "fed" | Settled["kind"], flow?: string) => void;
  readonly limits?: DeliveryLimits;
  /** True while other workers journal, too, or feed: what is fed is fetched from the journal then, in its order, never handed over past older ones. */
  readonly shared?: () => boolean;
  /** The lead under which this worker feeds, where workers share the journal; undefined while it does not lead: nothing is fetched then. Absent: it is alone for ever. */
  readonly lead?: () => bigint | undefined;
  /** Keeps what a flow told the sender, for the worker at which the sender waits. Called before the settlement, only while `shared`. */
  readonly noteAnswer?: (messageId: string, answer: NonNullable<Live["answer"]>) => Promise<void>;
  /** Whether an earlier run may have left open work in the journal, which later messages must not overtake. Default: yes. */
  readonly backlog?: boolean;
}

export interface Deliveries {
  /** A message this worker has just journaled or reclaimed, in journal order. */
  offer(message: JournaledMessage): void;
  offerEvents(sources: readonly Extract<DeliverySource, { kind: "event" }>[]): void;
  get(token: string): Live | undefined;
  /** Before a message of a broker is journaled: resolves when there is room for it; undefined when there is room now. */
  room(): Promise<void> | undefined;
  /** What became of a message that is live or just ended here; `pending` after `withinMs`. */
  verdict(messageId: string, withinMs: number): Promise<Verdict>;
  /** Starts feeding (flows are up). */
  resume(): void;
  /** Stops feeding and waits until nothing is live, at most `capMs`; answers what is left. */
  pause(capMs: number): Promise<number>;
  /** Pauses and gives queued messages back to the journal, for another worker to feed; answers what is still being committed. */
  letGo(capMs: number): Promise<number>;
  /** Lets go and ends the timers. */
  stop(capMs: number): Promise<void>;
  /** Open work appeared in the journal (a person's replay): fetch it now. */
  wake(): void;
  /** True while flows are fed. */
  feeding(): boolean;
  counts(): { readonly live: number; readonly queued: number; readonly waitingTurn: number };
}

export function createDeliveries(deps: DeliveriesDeps): Deliveries {
  const limits = deps.limits ?? DELIVERY_LIMITS;
  const live = new Map<string, Live>();
  const queue: DeliverySource[] = [];
  const held = new Map<string, DeliverySource>();
  const verdicts = createVerdicts(deps.after);
  /** A suspect is inside its flow: nothing else is fed beside it. */
  let alone = false;
  const idle: (() => void)[] = [];
  let paused = true;
  let stopped = false;
  let started = 0;
  /** Messages that did not fit, or that an earlier run left open, lie in the journal: until they are fetched, later ones go there too, or they would overtake them. */
  let spilled = deps.backlog ?? true;
  const room = createRoom({ full: () => !paused && !stopped && started + queue.length >= limits.roomMax, after: deps.after });
  const back = createGiveBack(deps.journal, (messages, error) =>
    deps.log("warn", "could not give messages back; their leases will expire", { messages, error: String(error) }),
  );

  const leased = (): ReturnType<typeof leasesOf> => leasesOf([...held.values()]);

  const heldOf = (kind: DeliverySource["kind"]): string[] => [...held].flatMap(([id, source]) => (source.kind === kind ? [id] : []));

  const finish = (one: Live, settled: Settled): void => {
    live.delete(one.token);
    held.delete(idOf(one.source));
    started -= 1;
    alone = false;
    one.releaseTurn();
    deps.count(settled.kind, one.flow);
    // Only what a person must look at: a line for every message would cost what the message itself costs.
    if (settled.kind === "parked")
      deps.log("warn", "message parked", { messageId: one.messageId, flow: one.flow, code: settled.reason.code });
    verdicts.tell(one.messageId, verdictOf(one, settled));
    if (live.size === 0 && started === 0) for (const wake of idle.splice(0)) wake();
    pump();
    if (more && fetching === undefined && queue.length < limits.roomMax / 2) wake();
    room.look();
  };
  const committing = createCommitting({
    ...deps,
    heldAs: (source) => held.get(idOf(source)) ?? source,
    hold: (source) => held.set(idOf(source), source),
    lead: () => deps.lead?.(),
    stopped: () => stopped,
    before: async (one) => {
      if (one.answer && deps.shared?.()) await deps.noteAnswer?.(one.messageId, one.answer);
    },
  });
  const commit = async (one: Live, wanted: Settlement): Promise<void> => finish(one, await committing(one, wanted));

  const onEnd = (one: Live, end: LedgerEnd): void => {
    if (one.ending) return;
    one.ending = true;
    void commit(one, settlementOf(one, end, deps.parkedEvent));
  };

  const feed = createFeeding({ ...deps, ended: onEnd });

  /** In journal order, whatever order it comes in: what was leased late must not wait behind what is younger. */
  const enqueue = (source: DeliverySource): void => {
    const last = queue[queue.length - 1];
    queue.push(source);
    if (last && seqOf(last) > seqOf(source)) queue.sort((a, b) => seqOf(a) - seqOf(b));
  };
  /** Out of the flow and into the queue again, in journal order: nothing of it was committed, so it is fed as if for the first time. */
  const putBack = (source: DeliverySource, releaseTurn: () => void): void => {
    started -= 1;
    alone = false;
    enqueue(source);
    releaseTurn();
  };

  const start = (source: DeliverySource, translated: Live["translated"], keys: readonly string[], park?: ParkReason): void => {
    const subscription =
      source.kind === "message"
        ? deps.messageSubscription(source.message.partner, source.message.kind)
        : deps.eventSubscription(source.subscriber);
    let release: () => void = () => undefined;
    let early = true;
    const go = (): void => {
      if (paused && !early) {
        // Its turn came during a pause: it takes a new one when feeding goes on.
        putBack(source, release);
        return;
      }
      const token = deps.newToken();
      const one: Live = {
        token,
        source,
        messageId: source.kind === "message" ? source.message.id : source.messageId,
        flow: subscription?.node.flow ?? "",
        ...(translated ? { translated } : {}),
        ...(park ? { park } : {}),
        events: [],
        published: new Set(),
        writeBacks: [],
        keys: translated ? [...translated.result.keys] : [],
        // `release` is assigned by take(), which may call go() before it returns.
        releaseTurn: () => release(),
        ending: false,
      };
      live.set(token, one);
      const begin = (): void => void feed(one, subscription);
      if (early) queueMicrotask(begin);
      else begin();
    };
    release = deps.turns.take(keys, go);
    early = false;
  };

  /** Translated in journal order: that is what tells which messages share a key; the flow's translate node uses the result. */
  const startMessage = (source: Extract<DeliverySource, { kind: "message" }>): void => {
    let translated: ReturnType<DeliveriesDeps["translateByDefault"]>;
    try {
      translated = deps.translateByDefault(source.message);
    } catch (error) {
      // A fault of ours. It parks like one that cannot be translated, and those behind it go on.
      deps.log("error", "a translation threw", { messageId: source.message.id, error: String(error) });
      start(source, undefined, [], refusal("INTERNAL"));
      return;
    }
    start(source, translated, translated ? translated.result.keys.map((key) => `${key.kind}:${key.value}`) : []);
  };

  /**
   * A message that was begun again and again and never settled may be what ends the process. It is fed with nothing beside it, so that its neighbours are not
   * blamed, and the journal remembers it; after ALONE_MAX such deaths it is parked.
   */
  const feedAlone = async (source: Extract<DeliverySource, { kind: "message" }>): Promise<void> => {
    let times = 1;
    try {
      times = await deps.journal.fedAlone(source.message.id);
    } catch (error) {
      deps.log("warn", "a suspect could not be noted", { messageId: source.message.id, error: String(error) });
    }
    if (paused) putBack(source, () => undefined);
    else if (times > ALONE_MAX) start(source, undefined, [], refusal("CRASHES_WORKER"));
    else startMessage(source);
  };

  const pump = (): void => {
    while (!paused && !alone && started < limits.liveMax && queue.length > 0) {
      const source = queue[0];
      if (!source) return;
      alone = source.kind === "message" && isSuspect(source.message);
      if (alone && started > 0) {
        alone = false; // what is live ends first
        return;
      }
      queue.shift();
      started += 1;
      if (alone && source.kind === "message") void feedAlone(source);
      else if (source.kind === "event") start(source, undefined, [source.event.subject]);
      else startMessage(source);
    }
  };

  /** What is in hand still and leased to us anew (it slept over its lease) is settled under that: dropped, it would be overtaken until the new lease runs out. */
  const take = (source: DeliverySource): void => {
    if (stopped) return;
    if (!held.has(idOf(source))) enqueue(source);
    held.set(idOf(source), source);
  };

  /** One page at a time: of two on their way the later could come back first, and what is in it would overtake the other. */
  let fetching: Promise<void> | undefined;
  let [again, more] = [false, false]; // more: the last page was full
  const reclaim = (): Promise<void> => {
    if (fetching) again = true; // it may have looked before what is new was there
    fetching ??= fetchPages().finally(() => {
      fetching = undefined;
      if (again) wake();
      again = false;
    });
    return fetching;
  };
  const fetchPages = async (): Promise<void> => {
    if (deps.shared?.()) spilled = true;
    // Not far ahead: whatever ends the process, only what was leased is counted as begun once more, and the innocent do not become suspects in thousands.
    const ahead = limits.roomMax - queue.length;
    if (paused || ahead < limits.roomMax / 2) return;
    const limit = Math.min(ahead, RECLAIM_MAX);
    if (deps.journal.inDoubt()) {
      spilled = true;
      await deps.journal.disown(leased().map((one) => one.id));
    }
    const allIsBack = !back.busy() && deps.shared?.() !== true;
    const lead = deps.lead?.();
    if (deps.lead && lead === undefined) return; // whoever leads fetches
    const messages = await deps.journal.reclaim(limit, heldOf("message"), lead);
    // They are leased to us now and stay, whatever came meanwhile: at most a page more than the queue's bound.
    for (const message of messages) take({ kind: "message", message });
    if (allIsBack && !back.busy() && messages.length < limit && !deps.journal.inDoubt()) spilled = false;
    for (const source of await deps.settleStore.reclaimEvents(deps.eventSubscribers(), limit, heldOf("event"), lead)) take(source);
    pump();
    // The rest of a backlog that fills whole pages is not left for the next turn of the clock.
    more = messages.length === limit;
    if (spilled && more) await fetchPages();
  };
  const wake = (): void => {
    reclaim().catch((error) => deps.log("warn", "reclaim failed", { error: String(error) }));
  };

  const extend = async (): Promise<void> => {
    const [mine, before] = [leased(), new Map(held)];
    if (mine.length === 0) return;
    for (const id of await deps.journal.extend(mine)) {
      const at = held.get(id) === before.get(id) ? queue.findIndex((source) => idOf(source) === id) : -1;
      for (const lost of at >= 0 ? queue.splice(at, 1) : []) held.delete(idOf(lost));
    }
  };

  const every = (ms: number, what: string, run: () => Promise<void>): void => {
    const again = (): void => {
      if (stopped) return;
      deps.after(ms, () => {
        run()
          .catch((error) => deps.log("warn", `${what} failed`, { error: String(error) }))
          .finally(again);
      });
    };
    again();
  };
  every(limits.reclaimMs, "reclaim", reclaim);
  every(limits.extendMs, "lease extension", extend);

  const pause = async (capMs: number): Promise<number> => {
    paused = true;
    room.look();
    if (started > 0) {
      let cancel: () => void = () => undefined;
      await Promise.race([
        new Promise<void>((resolve) => idle.push(resolve)),
        new Promise<void>((resolve) => (cancel = deps.after(capMs, resolve))),
      ]);
      cancel();
    }
    // What a flow still holds would die with its nodes: it is fed again to the new ones. What is being committed ends by itself.
    for (const one of [...live.values()].filter((each) => !each.ending)) {
      one.ending = true;
      deps.ledger.drop(one.token);
      live.delete(one.token);
      putBack(one.source, one.releaseTurn);
    }
    return started;
  };

  const letGo = async (capMs: number, forGood = false): Promise<number> => {
    const left = await pause(capMs);
    stopped ||= forGood;
    spilled = true;
    const queued = leasesOf(queue.map((source) => held.get(idOf(source)) ?? source));
    for (const source of queue.splice(0)) held.delete(idOf(source));
    if (queued.length > 0) await deps.journal.release(queued);
    return left;
  };

  return {
    offer: (message) => {
      if (stopped || spilled || deps.shared?.() || queue.length >= limits.queueMax || deps.journal.inDoubt()) {
        spilled = true;
        back.give({ id: message.id, token: message.token });
        return;
      }
      take({ kind: "message", message });
      pump();
    },
    offerEvents: (sources) => {
      // Leased to us with the settlement that caused them. The queue's bound holds the messages, and so how many events these can cause.
      for (const source of sources) take(source);
      pump();
    },
    room: room.wait,
    get: (token) => live.get(token),
    verdict: verdicts.wait,
    resume: () => {
      paused = false;
      pump();
      wake();
    },
    pause,
    letGo: (capMs) => letGo(capMs),
    stop: async (capMs) => {
      const left = await letGo(capMs, true);
      if (left > 0) deps.log("warn", "deliveries still live at stop; their leases will expire and they will be fed again", { live: left });
    },
    wake,
    feeding: () => !paused && !stopped,
    counts: () => ({ live: live.size, queued: queue.length, waitingTurn: deps.turns.waiting() }),
  };
}
