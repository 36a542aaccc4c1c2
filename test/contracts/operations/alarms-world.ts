/** Alarms over a real PostgreSQL, a real SMTP server and a real HTTP server, with a watch that looks only when it is told to and a clock that a test moves on. */
import assert from "node:assert/strict";
import type { AlarmSink } from "../../../domain/alarms/ports.ts";
import { createLogSink } from "../../../platform/alarms/log-sink.ts";
import { startWatch, type Watch } from "../../../platform/alarms/watch.ts";
import { createAlarmStore } from "../../../platform/postgres/alarms.ts";
import { createMeasurer, type MeasureDeps } from "../../../platform/postgres/alarms-measure.ts";
import { createLead } from "../../../platform/postgres/lead.ts";
import type { Worker } from "../../../platform/postgres/worker.ts";
import { createMailSink } from "../../../platform/transports/mail/sink.ts";
import { createWebhookSink } from "../../../platform/transports/webhook/sink.ts";
import { httpListener, type Listener, type Mail, type Posted, smtpListener } from "./listeners.ts";
import { operationsWorld, PARTNERS, type World } from "./world.ts";

export const SECRET = "a secret of this test";
/** One that hangs is waited for so long; one that answers may take it on a loaded machine. */
const SINK_MS = 2_000;

/** Every test begins with nothing owed, nothing open and nobody else on the database. */
const CLEAN = [
  "alarm_notice",
  "alarm",
  "attempt",
  "write_back_body",
  "write_back",
  "message",
  "message_history",
  "event",
  "event_delivery",
  "outbox",
  "destination",
  "lead",
  "unwritten_event",
  "unwritten_watch",
  "unwritten_habit",
];

export interface AlarmWorld {
  readonly world: World;
  readonly web: Listener<Posted>;
  readonly mail: Listener<Mail>;
  /** What was logged, by the sinks and by everybody else. */
  readonly lines: readonly { readonly fields: Readonly<Record<string, unknown>>; readonly text: string }[];
  readonly log: MeasureDeps["log"];
  /** Empties the tables, sets the clock back and starts a watch. */
  begin(): Promise<void>;
  watching(worker?: Worker, sinks?: readonly AlarmSink[]): Watch;
  /** Ends the watch that `begin` or `restart` made. */
  rest(): Promise<void>;
  restart(): Promise<void>;
  /** Moves the database's clock on and lets every probe be asked again. */
  later(ms: number): Promise<void>;
  /** Moves the clock on, looks, and waits until the sinks have been told. Answers whether this worker leads. */
  lookAfter(ms: number): Promise<boolean>;
  posted(): { readonly id: string; readonly data: { readonly what: string; readonly kind: string; readonly subject: string } }[];
  /** `start`, `escalate`, `end`: what the webhook was told of one kind of alarm. */
  told(kind: string): string[];
  mailed(kind: string): Mail[];
  logged(kind: string): unknown[];
  close(): Promise<void>;
}

/** Waits until nothing is left to be told now, but to sinks that rest after a failure. */
async function untilTold(world: World): Promise<void> {
  for (let tries = 0; tries < 6_000; tries += 1) {
    const [row] = await world.sql<{ n: number }>(
      "select count(*)::integer as n from alarm_notice where told_at is null and next_at <= huiliu_now() and not exists (select 1 from alarm_notice b where b.sink = alarm_notice.sink and b.told_at is null and b.next_at > huiliu_now())",
    );
    if (row?.n === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}

const measureDeps = (world: World, log: MeasureDeps["log"], tickMs: () => number): MeasureDeps => ({
  pool: world.postgres.pool,
  reads: world.postgres.reads,
  log,
  living: () => world.postgres.worker.living(),
  partners: () => PARTNERS,
  totals: (businessDate) => world.operations.totals({ businessDate }),
  dead: async () => ({ "huiliu.dead": 0 }),
  disk: async () => undefined,
  tickMs,
});

export async function alarmWorld(): Promise<AlarmWorld> {
  const [web, mail] = [await httpListener(), await smtpListener()];
  const world = await operationsWorld();
  const lines: { fields: Readonly<Record<string, unknown>>; text: string }[] = [];
  const line = (fields: object, text: string): void => void lines.push({ fields: { ...fields }, text });
  const log = { debug: line, info: line, warn: line, error: line };
  let watch: Watch | undefined;
  let offset = 0;
  let tick = 0;

  const sinks = (): AlarmSink[] => [
    createLogSink(log),
    createWebhookSink({ url: web.url, secret: SECRET, nowSeconds: () => 1_800_000_000, timeoutMs: SINK_MS }),
    createMailSink({
      url: mail.url,
      from: "huiliu@hospital.example",
      to: ["duty@hospital.example", "it@hospital.example"],
      timeoutMs: 300,
    }),
  ];
  const watching: AlarmWorld["watching"] = (worker = world.postgres.worker, given = sinks()) =>
    startWatch({
      lead: createLead(world.postgres.pool, worker),
      measurer: createMeasurer(measureDeps(world, log, () => tick)),
      store: createAlarmStore({ pool: world.postgres.pool, workerId: worker.id, log }),
      sinks: given,
      seen: () => worker.seen(),
      log,
      everyMs: 3_600_000,
    });
  const rest = async (): Promise<void> => {
    await watch?.stop();
    watch = undefined;
  };
  const restart = async (): Promise<void> => {
    await rest();
    watch = watching();
  };
  const later = async (ms: number): Promise<void> => {
    offset += ms;
    tick += 10_000_000;
    await world.postgres.setClockOffset(offset);
  };
  const posted = () => web.got.map((one) => JSON.parse(one.body) as ReturnType<AlarmWorld["posted"]>[number]);

  return {
    world,
    web,
    mail,
    lines,
    log,
    watching,
    rest,
    restart,
    later,
    posted,
    begin: async () => {
      for (const table of CLEAN) await world.sql(`delete from ${table}`);
      await world.sql("delete from worker where id <> $1", [world.postgres.worker.id]);
      await world.postgres.setClockOffset(0);
      [offset, tick, web.manner, mail.manner] = [0, 0, "take", "take"];
      for (const list of [web.got, mail.got, lines]) list.length = 0;
      await restart();
      await watch?.look(); // the first one is over before the clock is moved
    },
    lookAfter: async (ms) => {
      await later(ms);
      assert.ok(watch);
      const leads = await watch.look();
      await untilTold(world);
      return leads;
    },
    told: (kind) =>
      posted()
        .filter((one) => one.data.kind === kind)
        .map((one) => one.data.what),
    mailed: (kind) => mail.got.filter((one) => one.text.includes(`(${kind})`)),
    logged: (kind) => lines.filter((one) => one.fields.alarm === kind).map((one) => one.fields.what),
    close: async () => {
      await world.close();
      await web.close();
      await mail.close();
    },
  };
}
