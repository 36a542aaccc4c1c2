/** Parts of the engine that compose.ts puts together: the operators' side, the nodes' side, and what is looked at again and again. */
import type { Engine } from "../../domain/delivery/engine.ts";
import { createNodeCalls } from "../../domain/delivery/node-calls.ts";
import type { Workbench } from "../../domain/flows/workbench.ts";
import type { About } from "../../domain/live/views.ts";
import type { Missing, Operations } from "../../domain/operations/ports.ts";
import type { Courier } from "../../domain/writeback/ports.ts";
import type { Config } from "../../platform/config.ts";
import type { EngineLog } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { forgetAnswers } from "../../platform/postgres/feeder.ts";
import { createFinder } from "../../platform/postgres/find.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import { LOOK_AGAIN_MS, lookAgain } from "../../platform/postgres/overtaken.ts";
import { mayStill } from "../../platform/postgres/may-still.ts";
import { createOperations } from "../../platform/postgres/operations.ts";
import type { RedisPorts } from "../../platform/redis/redis.ts";
import type { EngineAudit } from "./audit.ts";
import type { Catalogued } from "./catalogue.ts";
import type { Doors } from "./doors.ts";
import type { EngineReplay } from "./replay.ts";
import { createMappingShelf } from "./mapping-shelf.ts";
import { repeat } from "./repeat.ts";
import type { sinksOf } from "./watch.ts";
import { waitsForFlow } from "./waits.ts";
import type { Work } from "./work.ts";

const LONELY_PART_MS = 60_000;
const TIDY_MS = 5_000;
const PARTITIONS_MS = 3_600_000;

/** What is there once everything has opened. */
export interface Built {
  readonly catalogue: Catalogued;
  readonly postgres: Postgres;
  readonly work: Work;
}

/** What operators ask and do, over the database and what this worker has in hand. */
export function operationsOf({
  config: { root, profile },
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
  about,
  refusedFlows,
}: Built & {
  readonly config: Config;
  readonly about: () => About;
  readonly refusedFlows: () => Readonly<Record<string, string>>;
  readonly audit: EngineAudit;
  readonly sinks: Awaited<ReturnType<typeof sinksOf>>;
  readonly redis: RedisPorts;
  readonly doors: Doors;
  readonly metrics: Metrics;
  readonly log: EngineLog;
  readonly replay: EngineReplay;
}): Operations {
  const { dialects, partners, registry, sealer, policyFor } = catalogue;
  const operations = createOperations({
    about,
    refusedFlows,
    audit,
    mayStill,
    pool: postgres.pool,
    reads: postgres.reads,
    log,
    worker: postgres.worker,
    partners: () => [...partners.values()],
    profiles: catalogue.profiles,
    mappings: createMappingShelf({ root, profile, registry, partners, keyOf: dialects.keyOf, readWith: dialects.readWith }),
    charsetOf: (name) => dialects.policies().get(name)?.charset,
    policy: policyFor,
    waitsFor: waitsForFlow({ partner: (name) => partners.get(name), waitMs: dialects.gatewayDialect.waitMs }),
    translateByDefault: dialects.translateByDefault,
    keysOf: (event) => registry.get(event.type)?.keys(event.data) ?? [],
    sealWriteBack: sealer.writeBack,
    subscribers: postgres.subscribers,
    after: work.settled,
    wake: () => work.deliveries.wake(),
    dispatcher: work.dispatcher,
    health: async () => ({ broker: { up: doors.brokerUp() }, redis: { up: redis.state() === "up" } }),
    deliveries: work.deliveries.counts,
    unbalanced: metrics.unbalanced,
    alarmSinks: () => sinks,
    subscribersChanged: doors.lookAtSubscribers,
    daysChanged: () => postgres.ensurePartitions(),
    replay: replay.settings,
  });
  metrics.alarmsFrom(() => operations.alarms.open());
  metrics.subscribersFrom(async () => {
    const listed = await operations.subscribers.list();
    if (!listed.ok) return [];
    const { items, reached } = listed.value;
    return items.map(({ name, owed, stalled }) => ({
      name,
      owed: owed === undefined ? 0 : Number(BigInt(owed.to ?? reached) - BigInt(owed.from)),
      stalled: stalled !== undefined,
    }));
  });
  metrics.sampleFrom(() => operations.sample());
  return operations;
}

/** The engine as the nodes see it. */
export function nodeCallsOf({
  catalogue,
  postgres,
  redis,
  work,
  courier,
  ready,
  workbench,
}: Built & {
  readonly redis: RedisPorts;
  readonly courier: Courier;
  readonly ready: Promise<void>;
  readonly workbench: Workbench;
}): Engine {
  const { dialects } = catalogue;
  return createNodeCalls({
    ready,
    catalogue: dialects.catalogue,
    deliveries: work.deliveries,
    ledger: work.ledger,
    subscriptions: work.subscriptions,
    translate: dialects.translateBy,
    mappingVersion: dialects.versionOf,
    encodeWriteBack: dialects.encodeWriteBack,
    askPartner: dialects.askPartner(courier, redis.cache),
    find: createFinder(postgres.reads),
    workbench,
  });
}

/** What keeps the engine from being ready. The broker is not among it: the engine works on without (decision 1). */
export async function missingNow(work: Work, postgres: Postgres): Promise<readonly Missing[]> {
  const missing: Missing[] = [];
  if (!work.deliveries.feeding()) {
    missing.push({ what: "flows", zh: "流程尚未启动或正在部署", en: "flows are not up, or a deploy is under way" });
  }
  const reached = await postgres.now().then(
    () => true,
    () => false,
  );
  if (!reached) missing.push({ what: "journal", zh: "数据库不可用", en: "the database is not available" });
  return missing;
}

/** What is looked at again and again: lonely exchange parts, lanes that need healing, days ahead. */
export function tidy(log: EngineLog, postgres: Postgres, work: Pick<Work, "journal" | "writeBacks">): () => void {
  const all = [
    repeat(TIDY_MS, "parking lonely exchange parts", () => work.journal.parkLonelyParts(LONELY_PART_MS), log),
    repeat(TIDY_MS, "sweeping lanes", () => work.writeBacks.sweep(), log),
    repeat(PARTITIONS_MS, "making partitions", () => postgres.ensurePartitions(), log),
    repeat(PARTITIONS_MS, "forgetting senders' answers", () => forgetAnswers(postgres.pool), log),
  ];
  return () => {
    for (const stop of all) stop();
  };
}

/** Looks again at bills of which something overtaken was on the wire, until it is known whether it took effect (docs/decisions/012-superseded.md). */
export function lookAgainAt({ catalogue, postgres, work, log }: Built & { readonly log: EngineLog }): () => void {
  const deps = {
    pool: postgres.pool,
    log,
    subscribers: postgres.subscribers,
    sealWriteBack: catalogue.sealer.writeBack,
    destinations: () => [...catalogue.partners.keys()],
    after: work.settled,
  };
  return repeat(LOOK_AGAIN_MS, "looking again at overtaken write-backs", () => lookAgain(deps), log);
}
