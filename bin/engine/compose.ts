/**
 * Puts the engine together (design.md section 4): settings → database, broker, Redis → partners, mappings, events → stores → deliveries → doors.
 * Opens in that order, refuses with every problem, and stops in reverse order.
 */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { createDeliveries } from "../../domain/delivery/deliveries.ts";
import type { Engine } from "../../domain/delivery/engine.ts";
import type { Intake } from "../../domain/journal/intake.ts";
import { JournalBusy, type JournalStore } from "../../domain/journal/ports.ts";
import { createLedger } from "../../domain/delivery/ledger.ts";
import { createNodeCalls } from "../../domain/delivery/node-calls.ts";
import type { AfterSettle } from "../../domain/delivery/ports.ts";
import { createSubscriptions } from "../../domain/delivery/subscriptions.ts";
import { createTurns } from "../../domain/delivery/turns.ts";
import { createIntake } from "../../domain/journal/intake-service.ts";
import { createDispatcher } from "../../domain/writeback/dispatcher.ts";
import { policyOf } from "../../domain/writeback/policy.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { folderProblemLine, loadMappings } from "../../platform/catalogue/mappings.ts";
import type { Config } from "../../platform/config.ts";
import { createConsole } from "../../console/console.ts";
import type { Missing } from "../../domain/operations/ports.ts";
import { createMetrics, type Metrics } from "../../platform/metrics.ts";
import { createFinder } from "../../platform/postgres/find.ts";
import { createOperations } from "../../platform/postgres/operations.ts";
import { createOrderFacts } from "../../platform/postgres/order-facts.ts";
import { createLog, dispatcherLog, type EngineLog } from "../../platform/log.ts";
import { createPostgres, type Postgres } from "../../platform/postgres/index.ts";
import { createConnection } from "../../platform/rabbit/connection.ts";
import { createPublisher } from "../../platform/rabbit/publisher.ts";
import { createRelay } from "../../platform/rabbit/relay.ts";
import { declareTopology, namesOf } from "../../platform/rabbit/topology.ts";
import { createRedis } from "../../platform/redis/redis.ts";
import { openAmqpDoor } from "../../platform/transports/amqp/door.ts";
import { createCourier } from "../../platform/transports/http/courier.ts";
import { createGateway } from "../../platform/transports/http/gateway.ts";
import { createDialects } from "./dialects.ts";
import { type Credentials, loadCredentials, loadPartners } from "./partners.ts";
import { createSealer } from "./seal.ts";

/** How long a stop waits for what flows have in hand, and for confirms of the broker. */
const DRAIN_MS = 10_000;
const RELAY_STOP_MS = 2_000;
const DOOR_STOP_MS = 3_000;
/** The broker may be away at start: the engine opens without it and the AMQP door follows when it is there. */
const BROKER_READY_MS = 15_000;
const LONELY_PART_MS = 60_000;
const TIDY_MS = 5_000;
const PARTITIONS_MS = 3_600_000;

export interface Composition {
  readonly engine: Engine;
  readonly log: EngineLog;
  /** Opens everything but the flows; rejects with every problem when start-up is refused. */
  start(): Promise<{ readonly gateway: string; readonly console: string }>;
  /** Doors close, flows drain, write-backs on the wire end. */
  drain(): Promise<void>;
  /** After drain and after Node-RED has stopped. */
  close(): Promise<void>;
}

const after = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

const clock = {
  nowMs: () => Date.now(),
  tickMs: () => performance.now(),
  after,
};

type Stop = () => Promise<unknown>;

/** What start() built; the engine that nodes hold reaches it through here. */
interface Parts {
  readonly nodeCalls: Engine;
  readonly stopDoors: Stop;
  readonly stopWork: Stop;
  readonly close: Stop;
  readonly gateway: string;
  readonly console: string;
}

/** Makes the composition; nothing is opened before `start`. */
export function compose(config: Config): Composition {
  const log = createLog({ level: config.logLevel });
  let parts: Parts | undefined;
  let opened: () => void = () => undefined;
  let refused: (error: unknown) => void = () => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    opened = resolve;
    refused = reject;
  });
  ready.catch(() => undefined); // start() rejects with it; nobody else has to listen

  return {
    engine: lateEngine(ready, () => parts?.nodeCalls),
    log,
    start: async () => {
      try {
        parts = await build(config, log, ready);
        opened();
        return { gateway: parts.gateway, console: parts.console };
      } catch (error) {
        refused(error);
        throw error;
      }
    },
    drain: async () => {
      await parts?.stopDoors();
      await parts?.stopWork();
    },
    close: async () => {
      await parts?.close();
      log.flush();
    },
  };
}

/** The engine as Node-RED's settings hold it from the first moment: whoever calls before it is ready is told so. */
function lateEngine(ready: Promise<void>, get: () => Engine | undefined): Engine {
  const now = (): Engine => {
    const engine = get();
    if (!engine) throw new Error("the engine is not ready / 引擎尚未就绪");
    return engine;
  };
  return {
    ready,
    get catalogue() {
      return now().catalogue;
    },
    get ledger() {
      return now().ledger;
    },
    subscribeMessages: (...args) => now().subscribeMessages(...args),
    subscribeEvents: (...args) => now().subscribeEvents(...args),
    translate: (...args) => now().translate(...args),
    publish: (...args) => now().publish(...args),
    oweWriteBack: (...args) => now().oweWriteBack(...args),
    ask: (...args) => now().ask(...args),
    answer: (...args) => now().answer(...args),
    find: (...args) => now().find(...args),
    park: (...args) => now().park(...args),
    pauseIntake: async (...args) => get()?.pauseIntake(...args) ?? { live: 0 },
    resumeIntake: () => get()?.resumeIntake(),
    live: () => get()?.live() ?? 0,
  };
}

async function build(config: Config, log: EngineLog, ready: Promise<void>): Promise<Parts> {
  const registry = await loadEventRegistry();
  const loaded = await loadMappings(config.root, registry);
  if (loaded.problems.length > 0) throw new Error(`Mappings refused / 映射有误:\n- ${loaded.problems.map(folderProblemLine).join("\n- ")}`);
  const partners = loadPartners(config.root, config.partnerUrls, new Set(loaded.vendors.keys()));
  const credentials = loadCredentials(config.credentialsFile);
  const sealer = createSealer({ registry, partner: (name) => partners.get(name) });
  const dialects = createDialects({ loaded, partners, registry, sealer });

  const policyFor = (name: string) => {
    const partner = partners.get(name);
    const policy = partner && policyOf(partner);
    return policy?.ok ? policy.policy : undefined;
  };

  const postgres = await createPostgres({ url: config.postgresUrl, workerName: `${hostname()}:${config.worker}:${process.pid}`, log });
  const redis = createRedis({ url: config.redisUrl, log });
  const courier = createCourier();
  const metrics = createMetrics();

  // The stores call these after their commits; what they call is built below.
  let afterSettle: (done: AfterSettle) => void = () => undefined;
  const journal = postgres.journal({
    parkedEvent: sealer.parked,
    published: () => afterSettle({ outbox: [], destinations: [], eventDeliveries: [] }),
  });
  const settleStore = postgres.settle({ parkedEvent: sealer.parked, after: (done) => afterSettle(done) });
  const writeBacks = postgres.writeBacks({
    published: (outbox) => afterSettle({ outbox, destinations: [], eventDeliveries: [] }),
    due: (destinations) => afterSettle({ outbox: [], destinations, eventDeliveries: [] }),
  });

  const ledger = createLedger({ after, soon: (run) => void setImmediate(run) });
  const subscriptions = createSubscriptions({ changed: () => settleStore.setSubscribers(subscriptions.eventSubscribers()) });
  const deliveries = createDeliveries({
    journal,
    settleStore,
    ledger,
    turns: createTurns(),
    translateByDefault: dialects.translateByDefault,
    messageSubscription: subscriptions.ofMessage,
    eventSubscription: subscriptions.ofEvent,
    eventSubscribers: () => subscriptions.eventSubscribers().map((one) => one.id),
    parkedEvent: (message, reason, keys) => sealer.parked(message, reason, keys),
    orderFacts: createOrderFacts(postgres.pool),
    newToken: () => randomBytes(12).toString("base64url"),
    after,
    log: (level, text, fields) => log[level](fields, text),
    count: metrics.delivery,
  });
  const dispatcher = createDispatcher({
    store: writeBacks,
    courier,
    dialect: dialects.outboundDialect,
    destinations: {
      names: () => [...partners.values()].filter((one) => one.destination).map((one) => one.partner),
      policy: policyFor,
    },
    seal: sealer.writeBack,
    clock,
    random: Math.random,
    log: dispatcherLog(log),
    metrics: metrics.dispatcher,
  });

  const names = namesOf();
  const prepare = (open: Parameters<typeof declareTopology>[0]): Promise<void> =>
    declareTopology(open, names, [...dialects.policies().keys()]);
  const consuming = createConnection({ url: config.amqpUrl, name: "huiliu consumer", log, prepare });
  const publishing = createConnection({ url: config.amqpUrl, name: "huiliu publisher", log, prepare });
  const publisher = createPublisher({ connection: publishing, log });
  const relay = createRelay({
    publisher,
    outbox: postgres.outbox(),
    exchange: names.events,
    log,
    repair: () => publishing.withChannel((channel) => prepare(async () => channel)),
  });
  const intake = counted(createIntake({ journal, deliveries, policies: dialects.policies }), metrics);

  afterSettle = (done) => {
    if (done.outbox.length > 0) relay.offer(done.outbox);
    for (const destination of done.destinations) dispatcher.poke(destination);
    if (done.eventDeliveries.length > 0) deliveries.offerEvents(done.eventDeliveries);
  };

  await consuming.ready(BROKER_READY_MS).catch((error: unknown) => {
    if (error instanceof Error && error.name === "TopologyRefused") throw error;
    log.warn({ error: String(error) }, "the broker is not there yet; the AMQP door opens when it is");
  });
  const door = openAmqpDoor({ connection: consuming, publisher, names, intake, log, maySpeakFor: maySpeakFor(credentials) });
  const keys = new Map(Object.entries(credentials.partners).map(([name, one]) => [name, one.key]));
  const gateway = createGateway({
    host: config.host,
    port: config.gatewayPort,
    intake,
    keys,
    rates: redis.rates,
    log,
    dialect: dialects.gatewayDialect,
  });
  const gatewayUrl = await gateway.open();
  const operations = createOperations({
    pool: postgres.pool,
    reads: postgres.reads,
    log,
    worker: postgres.worker,
    partners: () => [...partners.values()],
    charsetOf: (name) => dialects.policies().get(name)?.charset,
    policy: policyFor,
    translateByDefault: dialects.translateByDefault,
    keysOf: (event) => registry.get(event.type)?.keys(event.data) ?? [],
    sealWriteBack: sealer.writeBack,
    after: (done) => afterSettle(done),
    wake: () => deliveries.wake(),
    dispatcher,
    health: async () => ({ broker: { up: consuming.state() === "up" }, redis: { up: redis.state() === "up" } }),
    deliveries: deliveries.counts,
    unbalanced: metrics.unbalanced,
  });
  metrics.sampleFrom(() => operations.sample());
  const readiness = async (): Promise<readonly Missing[]> => [
    ...(deliveries.feeding() ? [] : [{ what: "flows", zh: "流程尚未启动或正在部署", en: "flows are not up, or a deploy is under way" }]),
    ...(await postgres.now().then(
      () => [],
      () => [{ what: "journal", zh: "数据库不可用", en: "the database is not available" }],
    )),
  ];
  const operatorApi = createConsole({
    operations,
    auth: { token: credentials.token },
    readiness,
    metrics,
    log,
    host: config.host,
    port: config.consolePort,
  });
  const consoleUrl = await operatorApi.listen();
  for (const destination of await operations.pausedDestinations()) dispatcher.pause(destination);
  dispatcher.start();
  const stopTidying = tidy(log, postgres, journal, writeBacks);
  const leaveRegistry = redis.workers.join({
    id: String(postgres.worker.id),
    pid: process.pid,
    host: hostname(),
    startedAt: new Date().toISOString(),
    version: "0.1.0",
  });

  const nodeCalls = createNodeCalls({
    ready,
    catalogue: dialects.catalogue,
    deliveries,
    ledger,
    subscriptions,
    translate: dialects.translateBy,
    encodeWriteBack: dialects.encodeWriteBack,
    askPartner: dialects.askPartner(courier),
    find: createFinder(postgres.reads),
  });

  return {
    nodeCalls,
    gateway: gatewayUrl,
    console: consoleUrl,
    stopDoors: async () => {
      gateway.pause();
      await door.drain(DOOR_STOP_MS);
    },
    stopWork: async () => {
      await deliveries.stop(DRAIN_MS);
      await dispatcher.stop();
      await relay.stop(RELAY_STOP_MS);
    },
    close: async () => {
      stopTidying();
      await leaveRegistry();
      await door.stop();
      await gateway.stop(DOOR_STOP_MS);
      await operatorApi.close();
      await publisher.stop();
      await Promise.all([consuming.stop(), publishing.stop()]);
      await postgres.close();
      await redis.close();
      await courier.close();
    },
  };
}

/** The intake with its numbers: what doors brought, and how long the journal took. */
function counted(intake: Intake, metrics: Metrics): Intake {
  return {
    ...intake,
    accept: async (inbound) => {
      const since = performance.now();
      try {
        const journaled = await intake.accept(inbound);
        metrics.journaled(performance.now() - since);
        metrics.accepted(inbound.door, inbound.partner, journaled.kind);
        return journaled;
      } catch (error) {
        metrics.accepted(inbound.door, inbound.partner, error instanceof JournalBusy ? "busy" : "refused");
        throw error;
      }
    },
  };
}

/** A broker's user speaks for the partner it was made for; the observer of the development profile for every one. */
function maySpeakFor(credentials: Credentials): (user: string, partner: string) => boolean {
  return (user, partner) => user === credentials.observer?.amqpUser || user === credentials.partners[partner]?.amqpUser;
}

/** What is looked at again and again: lonely exchange parts, lanes that need healing, days ahead. */
function tidy(
  log: EngineLog,
  postgres: Postgres,
  journal: Pick<JournalStore, "parkLonelyParts">,
  writeBacks: { sweep(): Promise<number> },
): () => void {
  const failed = (what: string) => (error: unknown) => log.warn({ error: String(error) }, `${what} failed; tried again`);
  const soon = setInterval(() => {
    journal.parkLonelyParts(LONELY_PART_MS).catch(failed("parking lonely exchange parts"));
    writeBacks.sweep().catch(failed("sweeping lanes"));
  }, TIDY_MS);
  const daily = setInterval(() => void postgres.ensurePartitions().catch(failed("making partitions")), PARTITIONS_MS);
  return () => {
    clearInterval(soon);
    clearInterval(daily);
  };
}
