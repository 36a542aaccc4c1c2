/** The engine's own work: the journal and what flows make of it, the write-backs and who sends them. */
import { randomUUID } from "node:crypto";
import { createAcknowledgements } from "../../domain/acknowledgements/service.ts";
import { createDeliveries } from "../../domain/delivery/deliveries.ts";
import { createFeeder, type Feeder, type FlowFiles } from "../../domain/delivery/feeder.ts";
import { createLedger, type OpenLedger } from "../../domain/delivery/ledger.ts";
import type { AfterSettle } from "../../domain/delivery/ports.ts";
import { createSubscriptions, type Subscriptions } from "../../domain/delivery/subscriptions.ts";
import { createTurns } from "../../domain/delivery/turns.ts";
import { createTraffic, type Traffic } from "../../domain/flows/traffic.ts";
import type { JournalStore } from "../../domain/journal/ports.ts";
import type { SendRecord } from "../../domain/writeback/deliver.ts";
import { createDispatcher, type Dispatcher } from "../../domain/writeback/dispatcher.ts";
import type { CallNumbers, Courier, HandOff, WriteBackStore } from "../../domain/writeback/ports.ts";
import { dispatcherLog, type EngineLog } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { connectOnce } from "../../platform/transports/http/connect.ts";
import { createFeederStore } from "../../platform/postgres/feeder.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import { createOrderFacts } from "../../platform/postgres/order-facts.ts";
import type { Pointer, Pointers } from "../../platform/rabbit/pointers.ts";
import type { Catalogued } from "./catalogue.ts";

export interface Work {
  readonly journal: JournalStore;
  readonly writeBacks: WriteBackStore;
  readonly deliveries: Feeder;
  readonly dispatcher: Dispatcher;
  /** Places on the wire for what a settlement owes (`SettleDeps.handOff`). */
  readonly handOff: HandOff;
  readonly ledger: OpenLedger;
  readonly subscriptions: Subscriptions;
  /** Per minute and flow, for the editor. */
  readonly traffic: Traffic;
  /** What every commit of the stores makes due is told here. */
  readonly settled: (done: AfterSettle) => void;
  /** Who publishes events; until it is given they wait in the outbox. */
  publishBy(offer: (outbox: AfterSettle["outbox"]) => void): void;
  /** Who tells the other workers; until it is given they find out by their clocks. */
  tellBy(tell: Pointers["tell"]): void;
  /** Another worker told something. */
  heard(pointer: Pointer): void;
  /** Node-RED runs: its flows can be loaded anew. */
  useFlows(flows: FlowFiles): void;
}

export interface WorkDeps {
  readonly catalogue: Catalogued;
  readonly postgres: Postgres;
  readonly courier: Courier;
  readonly numbers: CallNumbers;
  readonly record: SendRecord;
  readonly metrics: Metrics;
  readonly log: EngineLog;
  /** Whether flows are edited at this worker: it feeds whenever it can. */
  readonly editor: boolean;
}

/** Runs `run` once after `ms`; the answer cancels it. */
export const after = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

const clock = { nowMs: () => Date.now(), tickMs: () => performance.now(), after };
const NOTHING: AfterSettle = { outbox: [], destinations: [], eventDeliveries: [] };

export function createWork({ catalogue, postgres, courier, numbers, record, metrics, log, editor }: WorkDeps): Work {
  const { sealer, dialects, partners, policyFor } = catalogue;
  let offer: (outbox: AfterSettle["outbox"]) => void = () => undefined;
  let tell: Pointers["tell"] = () => undefined;
  let flows: FlowFiles | undefined;
  const settled = (done: AfterSettle): void => {
    if (done.outbox.length > 0) offer(done.outbox);
    for (const destination of done.destinations) {
      dispatcher.poke(destination);
      tell("destination", destination);
    }
    if (done.eventDeliveries.length > 0) deliveries.offerEvents(done.eventDeliveries);
  };
  // The dispatcher is made of the stores, and the settle store asks the dispatcher: nothing settles before both are there.
  const handOff: HandOff = {
    reserve: (...args) => dispatcher.handOff.reserve(...args),
    take: (...args) => dispatcher.handOff.take(...args),
  };

  // The relay reads what the journal alone publishes (parked messages) from the outbox.
  const journal = postgres.journal({ parkedEvent: sealer.parked, handsOver: () => !deliveries.shared() });
  const settleStore = postgres.settle({ parkedEvent: sealer.parked, after: settled, handOff, sealWriteBack: sealer.writeBack });
  const writeBacks = postgres.writeBacks({
    published: (outbox) => settled({ ...NOTHING, outbox }),
    due: (destinations) => settled({ ...NOTHING, destinations }),
  });
  const ledger = createLedger({ after, soon: (run) => void setImmediate(run) });
  const subscriptions = createSubscriptions({ changed: () => settleStore.setSubscribers(subscriptions.eventSubscribers()) });
  const acknowledgements = createAcknowledgements({
    store: postgres.acknowledgements({
      parkedEvent: sealer.parked,
      seal: sealer.writeBack,
      after: settled,
      passesParked: (name) => policyFor(name)?.parkedHead === "skip",
    }),
    dialect: dialects.later,
    ledger,
    count: metrics.acknowledgement,
    log,
  });
  const traffic = createTraffic(clock);
  const feederStore = createFeederStore(postgres.pool, postgres.worker);
  const own = createDeliveries({
    journal,
    shared: () => deliveries.shared(),
    lead: () => deliveries.lead(),
    noteAnswer: feederStore.noteAnswer,
    ledger,
    turns: createTurns(),
    ...acknowledgements.through({
      settleStore,
      translateByDefault: dialects.translateByDefault,
      messageSubscription: subscriptions.ofMessage,
    }),
    eventSubscription: subscriptions.ofEvent,
    eventSubscribers: () => subscriptions.eventSubscribers().map((one) => one.id),
    parkedEvent: sealer.parked,
    orderFacts: createOrderFacts(postgres.pool),
    newToken: () => randomUUID(), // Node draws random bytes for many of these at once
    after,
    log: (level, text, fields) => log[level](fields, text),
    count: (what, flow) => {
      metrics.delivery(what);
      traffic.count(what, flow);
    },
  });
  const deliveries = createFeeder({
    store: feederStore,
    deliveries: own,
    preferred: editor,
    flows: { changed: async () => (await flows?.changed()) ?? false, reload: async () => flows?.reload() },
    tell: (what) => tell(what),
    clock,
    log: (level, text, fields) => log[level](fields, text),
  });
  const dispatcher = createDispatcher({
    store: writeBacks,
    courier,
    numbers,
    record,
    dialect: dialects.outboundDialect,
    destinations: { names: () => [...partners.values()].filter((one) => one.destination).map((one) => one.partner), policy: policyFor },
    seal: sealer.writeBack,
    clock,
    random: Math.random,
    log: dispatcherLog(log),
    metrics: metrics.dispatcher,
    gates: postgres.gates(),
    worker: postgres.worker.id,
    connect: connectOnce,
  });
  return {
    journal,
    writeBacks,
    deliveries,
    dispatcher: {
      ...dispatcher,
      refresh: () => {
        tell("gates");
        return dispatcher.refresh();
      },
    },
    handOff,
    ledger,
    subscriptions,
    traffic,
    settled,
    publishBy: (given) => {
      offer = given;
    },
    tellBy: (given) => {
      tell = given;
    },
    heard: ({ kind, name }) => {
      if (kind === "lead") deliveries.look();
      else if (kind === "journal" && deliveries.leads()) deliveries.wake();
      else if (kind === "destination" && name !== undefined) dispatcher.poke(name);
      else if (kind === "gates") void dispatcher.refresh();
    },
    useFlows: (given) => {
      flows = given;
    },
  };
}
