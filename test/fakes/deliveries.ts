/** The deliveries of one worker with everything outside them faked, and small things their tests share. */
import type { Event } from "../../domain/events/event.ts";
import { type JournaledMessage, JournalGone } from "../../domain/journal/ports.ts";
import { createDeliveries, type DeliveriesDeps } from "../../domain/delivery/deliveries.ts";
import type { DeliveryLimits } from "../../domain/delivery/limits.ts";
import type { Fed, NodeRef } from "../../domain/delivery/engine.ts";
import { createLedger } from "../../domain/delivery/ledger.ts";
import { createNodeCalls } from "../../domain/delivery/node-calls.ts";
import type { Settled, Settlement } from "../../domain/delivery/ports.ts";
import { createSubscriptions } from "../../domain/delivery/subscriptions.ts";
import { createTurns } from "../../domain/delivery/turns.ts";

export const node: NodeRef = { id: "in1", type: "huiliu-message-in", flow: "f" };
export const end: NodeRef = { id: "pub1", type: "huiliu-publish-event", flow: "f" };
export const message = (id: string, bill: string, kind = "charge"): JournaledMessage => ({
  id,
  seq: BigInt(id.replace(/\D/g, "") || "0"),
  partner: "his",
  kind,
  door: "amqp",
  headers: { bill },
  raw: new Uint8Array(),
  receivedAt: "2026-11-20T09:00:00+08:00",
  token: 1,
  run: 1,
  replayed: false,
});

/** The engine's core with everything outside it faked; `settlements` is what reached the store. */
export function core(
  options: {
    limits?: Partial<DeliveryLimits>;
    /** How often the journal says a suspect was fed alone. */
    fedAlone?: number;
    /** Awaited before a page of open messages is handed over. */
    journalAnswers?: () => Promise<void>;
    backlog?: boolean;
    settle?: (settlement: Settlement) => Promise<Settled>;
    orderFacts?: DeliveriesDeps["orderFacts"];
    translate?: DeliveriesDeps["translateByDefault"];
    regain?: (id: string) => number | undefined;
  } = {},
) {
  const settlements: Settlement[] = [];
  const released: string[] = [];
  const reclaimable: JournaledMessage[] = [];
  const doubt = { now: false };
  const disowned: string[][] = [];
  const fed: Fed[] = [];
  const timers = new Set<{ ms: number; run: () => void }>();
  const after = (ms: number, run: () => void): (() => void) => {
    const timer = { ms, run };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  const ledger = createLedger({ after, graceMs: 10 });
  const turns = createTurns();
  const subscriptions = createSubscriptions({ changed: () => undefined });
  let tokens = 0;
  const deliveries = createDeliveries({
    journal: {
      append: () => Promise.reject(new JournalGone()),
      reclaim: async (limit) => {
        const page = reclaimable.splice(0, limit);
        await options.journalAnswers?.();
        return page;
      },
      release: async (items) => void released.push(...items.map((item) => item.id)),
      extend: async () => [],
      regain: async (id) => options.regain?.(id),
      parkLonelyParts: async () => [],
      fedAlone: async () => options.fedAlone ?? 1,
      inDoubt: () => doubt.now,
      disown: async (held) => {
        disowned.push([...held]);
        doubt.now = false;
      },
      close: async () => undefined,
    },
    settleStore: {
      settle: async (settlement) => {
        settlements.push(settlement);
        if (options.settle) return options.settle(settlement);
        return settlement.park ? { kind: "parked", reason: settlement.park } : { kind: "settled", events: [], writeBacks: [] };
      },
      reclaimEvents: async () => [],
      setSubscribers: () => undefined,
      close: async () => undefined,
    },
    ledger,
    turns,
    translateByDefault:
      options.translate ??
      ((one) => ({ mapping: "his/charge", result: { ok: true, events: [], keys: [{ kind: "bill", value: one.headers.bill ?? "" }] } })),
    messageSubscription: (partner, kind) => subscriptions.ofMessage(partner, kind),
    eventSubscription: (id) => subscriptions.ofEvent(id),
    eventSubscribers: () => subscriptions.eventSubscribers().map((one) => one.id),
    parkedEvent: (one) => ({
      event: {
        specversion: "1.0",
        id: `parked-${one.id}`,
        type: "message.parked",
        source: "his",
        subject: "message",
        time: one.receivedAt,
        datacontenttype: "application/json",
        dataschema: "urn:x",
        data: { occurredAt: one.receivedAt } as never,
      },
      fingerprint: one.id,
      keys: [],
      publish: true,
    }),
    orderFacts: options.orderFacts ?? (async () => new Map()),
    newToken: () => `t${++tokens}`,
    after,
    log: () => undefined,
    count: () => undefined,
    backlog: options.backlog ?? false,
    limits: { liveMax: 10, queueMax: 10, roomMax: 10, extendMs: 1e6, reclaimMs: 1e6, ...options.limits },
  });
  const engine = createNodeCalls({
    ready: Promise.resolve(),
    catalogue: { partners: () => [], mappings: () => [], eventTypes: () => [], keyKinds: () => [] },
    deliveries,
    ledger,
    subscriptions,
    translate: () => ({ ok: true, events: [], keys: [] }),
    encodeWriteBack: () => ({ ok: false, reason: { code: "BAD_NODE", zh: "x", en: "x" } }),
    askPartner: async () => ({ outcome: "unsent" }),
    find: async () => ({ messages: [], events: [], writeBacks: [] }),
  });
  engine.subscribeMessages(node, { partner: "his", kinds: ["charge"], deadlineMs: 60_000 }, (one) => fed.push(one));
  const wellEnded = (token: string): void => {
    ledger.sent(token, node);
    ledger.entered(token, end);
    ledger.left(token, node);
    ledger.ended(token, end);
    ledger.left(token, end);
  };
  const run = (ms: number): void => {
    for (const timer of [...timers]) if (timer.ms <= ms && timers.delete(timer)) timer.run();
  };
  return { deliveries, engine, settlements, released, reclaimable, doubt, disowned, fed, wellEnded, run };
}

export const reversed: Event = {
  specversion: "1.0",
  id: "e1",
  type: "insurance.reversed",
  source: "neusoft",
  subject: "bill:DJ1",
  time: "2026-11-20T15:00:00+08:00",
  datacontenttype: "application/json",
  dataschema: "urn:x",
  data: { bills: [{ no: "DJ1" }] } as never,
};

export const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
