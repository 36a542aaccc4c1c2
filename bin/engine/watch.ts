/** Puts the watch together: what is measured, where it is told, and the nightly retention, one worker at a time. */
import { statfs } from "node:fs/promises";
import type { AlarmSink } from "../../domain/alarms/ports.ts";
import type { Operations } from "../../domain/operations/ports.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { createLogSink } from "../../platform/alarms/log-sink.ts";
import type { AlarmSettings } from "../../platform/alarms/settings.ts";
import { startWatch } from "../../platform/alarms/watch.ts";
import type { EngineLog } from "../../platform/log.ts";
import { createAlarmStore } from "../../platform/postgres/alarms.ts";
import { createMeasurer } from "../../platform/postgres/alarms-measure.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import { createLead } from "../../platform/postgres/lead.ts";
import { createWebhookSink } from "../../platform/transports/webhook/sink.ts";
import { repeat } from "./repeat.ts";

const NIGHT_EVERY_MS = 60_000;
const NIGHT_TASK = "retention";
/** A run ends by itself long before. */
const NIGHT_LEASE_MS = 120_000;

/** The sinks that the settings name; the log always. */
export async function sinksOf(settings: AlarmSettings, log: EngineLog): Promise<readonly AlarmSink[]> {
  const { webhook, mail } = settings;
  return [
    createLogSink(log),
    ...(webhook === undefined ? [] : [createWebhookSink({ ...webhook, nowSeconds: () => Math.floor(Date.now() / 1_000) })]),
    // The library that speaks SMTP is loaded where the settings name a server.
    ...(mail === undefined ? [] : [(await import("../../platform/transports/mail/sink.ts")).createMailSink(mail)]),
  ];
}

export interface WatchParts {
  readonly postgres: Postgres;
  readonly operations: Operations;
  readonly partners: () => readonly Partner[];
  readonly sinks: readonly AlarmSink[];
  readonly dead: () => Promise<Readonly<Record<string, number>> | undefined>;
  /** Flows that are not loaded, each with its code. */
  readonly flows: () => Readonly<Record<string, string>>;
  readonly log: EngineLog;
}

/** Starts watching; the answer stops it. */
export function watch({ postgres, operations, partners, sinks, dead, flows, log }: WatchParts): () => Promise<void> {
  const { pool, reads, worker } = postgres;
  const lead = createLead(pool, worker);
  const watching = startWatch({
    lead,
    measurer: createMeasurer({
      pool,
      reads,
      log,
      living: () => worker.living(),
      partners,
      totals: (businessDate) => operations.totals({ businessDate }),
      dead,
      flows,
      disk: spaceOf,
      audit: () => brokenAudit(operations, log),
      tickMs: () => performance.now(),
    }),
    store: createAlarmStore({ pool, workerId: worker.id, log }),
    sinks,
    seen: () => worker.seen(),
    log,
  });
  const stopNights = repeat(NIGHT_EVERY_MS, "the nightly retention", () => nightly(lead, operations, log), log);
  return async () => {
    stopNights();
    await watching.stop();
  };
}

async function nightly(lead: ReturnType<typeof createLead>, operations: Operations, log: EngineLog): Promise<void> {
  if ((await lead.take(NIGHT_TASK, NIGHT_LEASE_MS)) === undefined) return;
  const done = await operations.retention.nightly();
  if (done === undefined) return;
  if (!done.ok) log.warn({ code: done.code }, "the nightly retention was refused");
  else log.info({ dropped: done.value.dropped.length, left: done.value.left.length }, "the nightly retention is done");
}

/** What is wrong with the audit's chain; null: nothing. Said in the log, too: whoever tampers with the tables may tamper with the alarms. */
async function brokenAudit(operations: Operations, log: EngineLog) {
  const told = await operations.verifyAudit();
  if (!told.ok) return undefined;
  const { findings, more, intact } = told.value;
  if (intact) return null;
  const kinds = [...new Set(findings.map((one) => one.kind))].join(", ");
  const first = findings[0]?.n ?? "-";
  log.error({ alarm: "audit-broken", findings: findings.length + more, kinds, first }, "the audit's chain is broken");
  return { findings: findings.length + more, kinds, first };
}

/** Space of the disk a folder lies on; undefined when this process may not look, or the folder is on another machine. */
async function spaceOf(dataDirectory: string) {
  try {
    const { bsize, blocks, bavail } = await statfs(dataDirectory);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch {
    return undefined;
  }
}
