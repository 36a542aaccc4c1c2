/**
 * Puts the engine together (design.md section 4): settings → folders → database, Redis → work → doors → operators' API.
 * Opens in that order, refuses with every problem, and stops in reverse order.
 */
import { hostname } from "node:os";
import { createConsole } from "../../console/console.ts";
import { callsOf, type Engine } from "../../domain/delivery/engine.ts";
import type { FlowFiles } from "../../domain/delivery/feeder.ts";
import type { About } from "../../domain/live/views.ts";
import type { Config } from "../../platform/config.ts";
import type { Override } from "../../platform/node-red/deploy-tests.ts";
import { createLog, type EngineLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createCallStore } from "../../platform/postgres/calls.ts";
import type { Admission } from "../../platform/node-red/gate.ts";
import { createPostgres, type Postgres } from "../../platform/postgres/index.ts";
import { noteDeploy } from "../../platform/postgres/deploys.ts";
import { createTrendCounter } from "../../platform/postgres/trends.ts";
import { createRedis } from "../../platform/redis/redis.ts";
import { markerOf } from "../../platform/postgres/audit-mark.ts";
import { accessOf, admissionOf, secureOf, setUpAddress } from "./access.ts";
import { auditKeysOf, auditOf } from "./audit.ts";
import { loadCatalogue } from "./catalogue.ts";
import { courierWires } from "./courier-wires.ts";
import { type Couriers, createCouriers } from "./couriers.ts";
import { countedFor } from "./count.ts";
import { type Doors, openDoors } from "./doors.ts";
import { createNumbers } from "./numbers.ts";
import { createRecord } from "./record.ts";
import { lookAgainAt, missingNow, nodeCallsOf, operationsOf, tidy } from "./parts.ts";
import { replayOf } from "./replay.ts";
import { refuseUnsafe } from "./safety.ts";
import { createSessions } from "./sessions.ts";
import { sinksOf, watch } from "./watch.ts";
import { createWork, type Work } from "./work.ts";
import { workbenchOf } from "./workbench.ts";

/** How long a stop waits for what flows have in hand. */
const DRAIN_MS = 10_000;
/** Programs with the token, and people on this machine. Other machines are for TLS and sign-in alone: HUILIU_CONSOLE_HOST. */
const CONSOLE_HOST = "127.0.0.1";
/** Whoever feeds flows looks for new workers every second. */
const ANNOUNCED_MS = 15_000;
const VERSION = "0.1.0";

/** Where it listens; `wires` by wire and partner. */
export interface Addresses {
  readonly gateway: string;
  readonly console: string;
  /** Where people on other machines reach the console. */
  readonly consoleSecure?: string;
  /** The one-time link of the first start; absent once there is an account. */
  readonly setup?: string;
  readonly wires: Doors["wires"];
}

export interface Composition {
  readonly engine: Engine;
  readonly log: EngineLog;
  /** Opens everything but the flows; rejects with every problem when start-up is refused. */
  start(): Promise<Addresses>;
  /** Node-RED runs: where its flows were changed at another worker, they are loaded anew before they are fed. */
  useFlows(flows: FlowFiles): void;
  /** Flows that were not loaded, each with its code: an alarm tells of them. */
  flowsRefused(refused: Readonly<Record<string, string>>): void;
  /** Audits a deploy although its tests fail; rejects when that is not written. */
  readonly noteDeploy: (override: Override) => Promise<void>;
  /** Who may open the editor; nobody before the engine is ready. */
  readonly admission: Admission;
  /** Where flows are edited, once that is known: the console leads there. */
  editorAt(url: string): void;
  /** Doors close, flows drain, write-backs on the wire end. */
  drain(): Promise<void>;
  /** After drain and after Node-RED has stopped. */
  close(): Promise<void>;
}

type Stop = () => Promise<unknown>;

/** What start() built; the engine that nodes hold reaches it through here. */
interface Parts {
  readonly nodeCalls: Engine;
  readonly noteDeploy: Composition["noteDeploy"];
  readonly stopDoors: Stop;
  readonly stopWork: Stop;
  readonly close: Stop;
  readonly work: Work;
  readonly addresses: Addresses;
  readonly admission: Pick<Admission, "who" | "leave">;
}

/** Makes the composition; nothing is opened before `start`. */
export function compose(config: Config): Composition {
  const place: Place = config.consoleUrl === undefined ? {} : { console: config.consoleUrl };
  const log = createLog({ level: config.logLevel, console: () => place.console });
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
        parts = await build(config, log, ready, place);
        opened();
        return parts.addresses;
      } catch (error) {
        refused(error);
        throw error;
      }
    },
    useFlows: (flows) => parts?.work.useFlows(flows),
    admission: {
      who: async (knock) => parts?.admission.who(knock),
      leave: async (knock) => parts?.admission.leave(knock),
      consolePort: () => (parts === undefined ? "" : new URL(parts.addresses.console).port),
    },
    flowsRefused: (refused) => {
      place.refused = refused;
    },
    noteDeploy: async (override) => {
      if (!parts) throw new Error("the engine is not ready / 引擎尚未就绪");
      await parts.noteDeploy(override);
    },
    editorAt: (url) => {
      place.editor = url;
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
    get workbench() {
      return get()?.workbench;
    },
    subscribeMessages: (...args) => now().subscribeMessages(...args),
    subscribeEvents: (...args) => now().subscribeEvents(...args),
    ...callsOf(now),
    pauseIntake: async (...args) => get()?.pauseIntake(...args) ?? { live: 0 },
    resumeIntake: (...args) => get()?.resumeIntake(...args),
    pauses: () => get()?.pauses() ?? 0,
    live: () => get()?.live() ?? 0,
  };
}

/** Found out after everything else was put together. */
interface Place {
  editor?: string;
  /** Where people reach the console. */
  console?: string;
  /** Flows that were not loaded, each with its code. */
  refused?: Readonly<Record<string, string>>;
}

async function build(config: Config, log: EngineLog, ready: Promise<void>, place: Place): Promise<Parts> {
  await refuseUnsafe({
    ...config,
    urls: { postgres: config.postgresUrl, amqp: config.amqpUrl, redis: config.redisUrl },
  });
  const catalogue = await loadCatalogue(config);
  const auditKeys = auditKeysOf(config, catalogue.credentials);
  const postgres = await createPostgres({
    url: config.postgresUrl,
    workerName: `${hostname()}:${config.worker}:${process.pid}`,
    log,
    mark: markerOf(auditKeys),
  });
  const audit = auditOf({ config, keys: auditKeys, postgres, log });
  const redis = createRedis({ url: config.redisUrl, log });
  const calls = createCallStore(postgres.pool);
  const partner = (name: string) => catalogue.partners.get(name);
  const numbers = createNumbers({ store: calls, partner, adapterOf: catalogue.adapterOf, nowMs: Date.now });
  const courier = createCouriers({
    wires: courierWires(catalogue),
    partner,
    adapterOf: catalogue.adapterOf,
    secretsOf: catalogue.secretsOf,
    nowMs: Date.now,
    numbers,
    sessions: createSessions({ store: calls, log }),
    log,
  });
  const trends = createTrendCounter({ pool: postgres.pool, log });
  const metrics = countedFor(trends, createMetrics());
  const work = createWork({
    catalogue,
    postgres,
    courier,
    numbers,
    record: createRecord({ store: calls, partner }),
    metrics,
    log,
    editor: config.profile === "development" && config.editor === "on",
  });
  const stopFollowing = await catalogue.profiles.open({ pool: postgres.pool, log, changed: work.dispatcher.poke });
  await work.deliveries.announced(ANNOUNCED_MS);
  const doors = await openDoors({ config, catalogue, postgres, rates: redis.rates, work, metrics, log });
  courier.journalBy(doors.intake.accept);
  const replay = replayOf({ config, catalogue, postgres, work, log, audit });
  const sinks = await sinksOf(config.alarms ?? {}, log);
  const operations = operationsOf({
    config,
    catalogue,
    postgres,
    redis,
    work,
    doors,
    metrics,
    log,
    replay,
    sinks,
    audit,
    about: aboutOf(config, place),
    refusedFlows: () => place.refused ?? {},
  });
  const { token } = catalogue.credentials;
  const access = await accessOf({
    settings: config.access,
    token,
    pool: postgres.pool,
    partners: () => [...catalogue.partners.keys()],
    log,
  });
  const operatorApi = createConsole({
    operations,
    auth: { token },
    access,
    ...secureOf(config.access),
    readiness: () => missingNow(work, postgres),
    metrics,
    log,
    ...(config.pagesDir === undefined ? {} : { pages: config.pagesDir }),
    host: CONSOLE_HOST,
    port: config.consolePort,
  });
  const address = await operatorApi.listen();
  const reachable = operatorApi.secureUrl ?? (config.profile === "development" ? operatorApi.url : undefined);
  if (reachable !== undefined) place.console ??= reachable;
  const setup = await setUpAddress(access, operatorApi.secureUrl ?? address, log);
  work.dispatcher.start();
  replay.runner.start();
  audit.seal.start();
  const stopTidying = tidy(log, postgres, work);
  const stopAlarms = watch({
    postgres,
    operations,
    partners: () => [...catalogue.partners.values()],
    sinks,
    dead: doors.deadLetters,
    flows: () => place.refused ?? {},
    log,
  });
  const stopLooking = lookAgainAt({ catalogue, postgres, work, log });
  const leaveRegistry = redis.workers.join({
    id: String(postgres.worker.id),
    pid: process.pid,
    host: hostname(),
    startedAt: new Date().toISOString(),
    version: VERSION,
  });
  return {
    work,
    noteDeploy: (override) => noteDeploy({ pool: postgres.pool, log }, override),
    nodeCalls: nodeCallsOf({
      ...{ catalogue, postgres, redis, work, courier, ready },
      workbench: workbenchOf({ config, catalogue, postgres, work, operations, console: () => operatorApi.url }),
    }),
    addresses: {
      gateway: doors.gateway,
      console: address,
      ...(operatorApi.secureUrl === undefined ? {} : { consoleSecure: operatorApi.secureUrl }),
      ...(setup === undefined ? {} : { setup }),
      wires: doors.wires,
    },
    admission: admissionOf(access, token),
    stopDoors: doors.pause,
    stopWork: async () => {
      await replay.runner.stop();
      await work.deliveries.stop(DRAIN_MS);
      await work.dispatcher.stop();
      await doors.stopRelay();
    },
    close: async () => {
      stopTidying();
      await trends.stop();
      await stopAlarms();
      stopFollowing();
      stopLooking();
      await leaveRegistry();
      await doors.close();
      await operatorApi.close();
      await audit.seal.stop();
      await lastWords(postgres, courier, log);
      await postgres.close();
      await redis.close();
      await courier.close();
    },
  };
}

/** The last worker that stops signs out where the engine is signed in; the others may still be at work under the same sign-in. */
async function lastWords(postgres: Postgres, courier: Couriers, log: EngineLog): Promise<void> {
  try {
    const living = await postgres.worker.living();
    if (living.every((id) => id === postgres.worker.id)) await courier.signOut();
  } catch (error) {
    log.warn({ error: String(error) }, "the sign-ins were left as they are");
  }
}

const aboutOf =
  ({ hospitalName = "", profile, worker }: Config, place: Place) =>
  (): About => ({ hospital: hospitalName, profile, worker, ...(place.editor === undefined ? {} : { editor: place.editor }) });
