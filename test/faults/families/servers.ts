/** Faults of the servers beside the engine: broker, database, Redis and the HIS killed, frozen, wiped, gone. */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import pg from "pg";
import type { Part } from "../../journeys/harness.ts";
import { bills, type Fault, type Stage } from "../registry.ts";
import { until } from "../world.ts";

/** Stops a part for a while, as a frozen machine or a long garbage collection does. */
async function freeze(stage: Stage, part: Part, ms: number): Promise<void> {
  const pid = await until(`${part} runs`, () => stage.world.huiliu.run().pids[part], 30_000);
  process.kill(pid, "SIGSTOP");
  try {
    await sleep(ms);
  } finally {
    process.kill(pid, "SIGCONT");
  }
}

const killed =
  (part: Part, short: number, full: number) =>
  async (stage: Stage): Promise<void> => {
    const times = stage.form === "short" ? short : full;
    for (let at = 0; at < times; at += 1) {
      await sleep(300 + stage.dice(900));
      if (stage.load.progress().chains >= stage.load.total) stage.more(200);
      await stage.world.huiliu.kill(part);
      if (at + 1 < times) await stage.world.huiliu.recovered();
    }
    stage.over();
    stage.note("kills", times);
    await stage.world.huiliu.recovered();
  };

/** The broker's data folder is deleted under load. What it had taken and the engine had not journaled is the sender's still, so the load comes over HTTP. */
async function wipedBroker(stage: Stage): Promise<void> {
  const { huiliu } = stage.world;
  await sleep(500);
  await huiliu.killWiped("rabbit", "db");
  stage.over();
  await huiliu.recovered();
}

async function redisGone(stage: Stage): Promise<void> {
  const { huiliu } = stage.world;
  await sleep(300);
  const redis = new Redis(huiliu.run().redis);
  await redis.flushall();
  redis.disconnect();
  await freeze(stage, "redis", stage.form === "short" ? 1_500 : 60_000);
  await sleep(300);
  await huiliu.killWiped("redis", "");
  stage.over();
  await huiliu.recovered();
}

async function tooManyConnections(stage: Stage): Promise<void> {
  const { huiliu } = stage.world;
  const clients: pg.Client[] = [];
  let why = "";
  while (clients.length < 500) {
    const client = new pg.Client({ connectionString: huiliu.run().postgres, connectionTimeoutMillis: 3_000 });
    client.on("error", () => undefined); // they are cut on purpose below
    try {
      await client.connect();
      clients.push(client);
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
      break;
    }
  }
  stage.note("connections taken", clients.length);
  stage.note("then", why.slice(0, 60));
  await sleep(stage.form === "short" ? 1_500 : 10_000);
  // The engine's own connections are cut while none are free.
  await clients[0]
    ?.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'huiliu%'")
    .catch(() => undefined);
  await sleep(stage.form === "short" ? 1_500 : 10_000);
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  stage.over();
}

async function restartedPostgres(stage: Stage): Promise<void> {
  await sleep(500);
  await stage.world.huiliu.kill("postgres", "SIGINT"); // fast shutdown
  stage.over();
  await stage.world.huiliu.recovered();
}

const frozen =
  (part: Part, short: number, full: number) =>
  async (stage: Stage): Promise<void> => {
    await sleep(500);
    const ms = stage.form === "short" ? short : full;
    await freeze(stage, part, ms);
    stage.over();
    stage.note("frozen ms", ms);
    await stage.world.huiliu.recovered();
  };

export const SERVERS: readonly Fault[] = [
  { id: "F04", what: "kill -9 of the broker under load", short: true, bills: bills(900, 4_000), inject: killed("rabbit", 1, 20) },
  {
    id: "F06",
    what: "the broker's data deleted under load",
    short: false,
    bills: bills(300, 2_000),
    httpPercent: 100,
    inject: wipedBroker,
  },
  { id: "F07", what: "Redis flushed, frozen, killed with its data", short: true, bills: bills(900, 2_000), inject: redisGone },
  { id: "F09", what: "kill -9 of PostgreSQL under load", short: true, bills: bills(900, 3_000), inject: killed("postgres", 1, 10) },
  { id: "F09b", what: "PostgreSQL restarted in good order under load", short: false, bills: bills(300, 1_500), inject: restartedPostgres },
  {
    id: "F09c",
    what: "no connection of PostgreSQL is free, the engine's own are cut",
    short: false,
    bills: bills(300, 1_500),
    inject: tooManyConnections,
  },
  { id: "F16", what: "the HIS frozen, then slow", short: false, bills: bills(300, 1_500), inject: frozen("hospital", 4_000, 30_000) },
  { id: "F16b", what: "kill -9 of the HIS under load", short: false, bills: bills(300, 1_500), inject: killed("hospital", 1, 10) },
  { id: "F16c", what: "PostgreSQL frozen", short: false, bills: bills(300, 1_500), inject: frozen("postgres", 5_000, 30_000) },
  { id: "F16d", what: "the broker frozen", short: false, bills: bills(300, 1_500), inject: frozen("rabbit", 5_000, 60_000) },
  {
    id: "F25",
    what: "the engine frozen beyond its leases",
    short: true,
    bills: bills(900, 1_500),
    inject: frozen("engine", 5_500, 60_000),
  },
];
