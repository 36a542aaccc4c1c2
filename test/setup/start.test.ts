import assert from "node:assert/strict";
import { ROOT } from "../../bin/environment.ts";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import amqp from "amqplib";
import pg from "pg";
import { removeServicesData } from "../../platform/services/index.ts";
import { identify } from "../../platform/services/processes.ts";

const START_LIMIT_MS = 180_000;
const HOME = mkdtempSync(join(tmpdir(), "huiliu-start-"));
/** A space and Chinese characters: Erlang and shell scripts are the ones to stumble. */
const DATA = join(HOME, "我的 数据");

interface RunFile {
  readonly console: string;
  readonly amqp: string;
  readonly postgres: string;
  readonly redis: string;
  readonly token: string;
  readonly partners: Record<string, { amqp: string; key: string }>;
  readonly hospital: Record<string, { url: string; ledger: string; faults: string }>;
  readonly pids: Record<string, number>;
  readonly workers: readonly { readonly pid: number }[];
}

function readRun(): RunFile {
  return JSON.parse(readFileSync(join(DATA, "run.json"), "utf8")) as RunFile;
}

const started: ChildProcess[] = [];

/** Starts the stub's npm start and resolves with it once it is ready; rejects with its output when it ends before. */
function start(...flags: string[]): Promise<{ child: ChildProcess; ms: number; output: () => string }> {
  const since = Date.now();
  const child = spawn(process.execPath, [join(import.meta.dirname, "fixtures", "stub-start.ts"), DATA, ...flags], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  started.push(child);
  let output = "";
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready after ${START_LIMIT_MS} ms:\n${output}`)), START_LIMIT_MS);
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      if (!/^ready$/m.test(output)) return;
      clearTimeout(timer);
      resolve({ child, ms: Date.now() - since, output: () => output });
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code}:\n${output}`));
    });
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  return child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise((resolve) => child.once("exit", resolve));
}

async function until(what: string, ms: number, probe: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + ms;
  while (!(await probe())) {
    if (Date.now() > limit) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(50);
  }
}

function portAnswers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
  });
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined); // the server is killed on purpose; the query tells
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Runs a channel operation as an account and says whether the broker allowed it. */
async function allowed(url: string, work: (channel: amqp.ConfirmChannel) => Promise<unknown>): Promise<boolean> {
  const connection = await amqp.connect(url);
  connection.on("error", () => undefined); // a refusal closes the channel; the work below rejects
  const channel = await connection.createConfirmChannel();
  let refused = false;
  channel.on("error", () => {
    refused = true;
  });
  try {
    await work(channel);
    return !refused;
  } catch {
    return false;
  } finally {
    await connection.close().catch(() => undefined);
  }
}

function publish(exchange: string, key: string): (channel: amqp.ConfirmChannel) => Promise<unknown> {
  return async (channel) => {
    channel.publish(exchange, key, Buffer.from("x"));
    await channel.waitForConfirms();
  };
}

function adminUrl(run: RunFile): string {
  const { rabbitPassword } = JSON.parse(readFileSync(join(DATA, "services.json"), "utf8")) as { rabbitPassword: string };
  return `amqp://huiliu:${rabbitPassword}@${new URL(run.amqp).host}/huiliu`;
}

/** What run.json says that outlives its processes. */
const lasting = (run: RunFile): unknown => ({ ...run, pids: {}, workers: run.workers.map((one) => ({ ...one, pid: 0 })) });

describe("npm start", () => {
  let first: RunFile;
  let child: ChildProcess;

  before(async () => {
    mkdirSync(DATA, { recursive: true });
    ({ child } = await start());
    first = readRun();
  });

  after(async () => {
    for (const one of started) if (one.exitCode === null && one.signalCode === null) one.kill("SIGTERM");
    await Promise.all(started.map(ended));
    removeServicesData(DATA);
    rmSync(HOME, { recursive: true, force: true });
  });

  test("run.json is complete, for its owner only, and true", async () => {
    assert.equal(statSync(join(DATA, "run.json")).mode & 0o777, 0o600);
    const seeds = readdirSync(join(ROOT, "partners")).map((file) => file.replace(/\.json$/, ""));
    assert.ok(seeds.length >= 15, `${seeds.length} partners`);
    assert.deepEqual(Object.keys(first.partners).sort(), seeds.sort());
    assert.ok(first.token.length >= 32);
    for (const pid of Object.values(first.pids)) assert.notEqual(identify(pid), undefined);
    assert.equal((await fetch(`${first.console}/readyz`)).status, 200);
    assert.ok(first.hospital.his !== undefined && (await portAnswers(first.hospital.his.url)));
    const settings = await query(
      first.postgres,
      "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'unix_socket_directories', 'listen_addresses') order by 1",
    );
    assert.deepEqual(
      settings.map(({ name, setting }) => `${name}=${setting}`),
      ["fsync=on", "listen_addresses=127.0.0.1", "synchronous_commit=on", "unix_socket_directories="],
    );
  });

  test("no server lets anybody in without a password", async () => {
    const open = new URL(first.postgres);
    open.password = "";
    await assert.rejects(query(open.href, "select 1"));
    const guest = new URL(first.amqp);
    guest.username = "guest";
    guest.password = "guest";
    await assert.rejects(amqp.connect(guest.href));
    const redis = connect({ host: "127.0.0.1", port: Number(new URL(first.redis).port) });
    redis.write("PING\r\n");
    const answer = await new Promise<Buffer>((resolve) => redis.once("data", resolve));
    redis.destroy();
    assert.match(answer.toString(), /^-NOAUTH/);
  });

  test("a partner's AMQP account publishes under its own name only; an observer reads events and none of the engine's queues", async () => {
    const admin = adminUrl(first);
    const made = await allowed(admin, async (channel) => {
      await channel.assertExchange("huiliu.inbound", "topic", { durable: true });
      await channel.assertExchange("huiliu.events", "topic", { durable: true });
      await channel.assertQueue("huiliu.inbound.his", { durable: true, arguments: { "x-queue-type": "quorum" } });
    });
    assert.ok(made);
    const his = first.partners.his?.amqp ?? "";
    const steal = async (channel: amqp.ConfirmChannel): Promise<unknown> => channel.get("huiliu.inbound.his");
    const table: readonly (readonly [string, string, (channel: amqp.ConfirmChannel) => Promise<unknown>, boolean])[] = [
      ["his → his.charge", his, publish("huiliu.inbound", "his.charge"), true],
      ["his → neusoft.settle", his, publish("huiliu.inbound", "neusoft.settle"), false],
      ["his → events", his, publish("huiliu.events", "charge.posted"), false],
      ["his → default exchange", his, publish("", "huiliu.inbound.his"), false],
      ["his reads inbound", his, steal, false],
      ["his declares its reply queue", his, (channel) => channel.assertQueue("reply.his.1", { exclusive: true }), true],
      [
        "his consumes a queue the broker named",
        his,
        async (channel) => channel.consume((await channel.assertQueue("", { exclusive: true })).queue, () => undefined),
        true,
      ],
      ["his declares another's reply queue", his, (channel) => channel.assertQueue("reply.jkt.1"), false],
      ["observer → jkt.pay-order", first.amqp, publish("huiliu.inbound", "jkt.pay-order"), true],
      ["observer → events", first.amqp, publish("huiliu.events", "charge.posted"), false],
      [
        "observer binds and reads",
        first.amqp,
        async (channel) => {
          await channel.assertQueue("watcher", { durable: true, arguments: { "x-queue-type": "quorum" } });
          await channel.bindQueue("watcher", "huiliu.events", "#");
          await channel.get("watcher");
          await channel.deleteQueue("watcher");
        },
        true,
      ],
      ["observer reads inbound", first.amqp, steal, false],
      ["observer declares in the engine's name", first.amqp, (channel) => channel.assertQueue("huiliu.mine"), false],
    ];
    for (const [name, url, work, expected] of table) assert.equal(await allowed(url, work), expected, name);
  });

  test("a second start on the same folder is refused with the number of the first", async () => {
    await assert.rejects(start(), new RegExp(`process ${first.pids.supervisor}`));
  });

  test("each program that is killed runs again, where it was, and run.json knows its new number", async () => {
    for (const name of ["engine", "hospital", "postgres", "rabbit", "redis"]) {
      const before = readRun().pids[name];
      assert.ok(before !== undefined, name);
      process.kill(before, "SIGKILL");
      await until(`${name} runs again`, 180_000, () => {
        const now = readRun().pids[name];
        return now !== undefined && now !== before && identify(now) !== undefined;
      });
    }
    const now = readRun();
    assert.deepEqual(lasting(now), lasting(first));
    assert.equal((await query(now.postgres, "select 1 as one"))[0]?.one, 1);
    assert.ok(await allowed(now.amqp, publish("huiliu.inbound", "his.charge")));
  });

  test("after kill -9 of npm start, engine and hospital end by themselves and the next start takes over, with the same data and credentials", async () => {
    await query(first.postgres, "create table kept as select 7 as n");
    const { pids } = readRun();
    child.kill("SIGKILL");
    await ended(child);
    await until("engine and hospital end by themselves", 60_000, () =>
      [pids.engine, pids.hospital].every((pid) => identify(pid ?? 0) === undefined),
    );
    const again = await start();
    child = again.child;
    assert.match(again.output(), /stopped what a killed run left: .*PostgreSQL.*RabbitMQ/);
    for (const pid of [pids.postgres, pids.rabbit, pids.redis]) assert.equal(identify(pid ?? 0), undefined);
    const now = readRun();
    assert.deepEqual(lasting(now), lasting(first));
    assert.equal((await query(now.postgres, "select n from kept"))[0]?.n, 7);
  });

  test("Ctrl-C stops everything, and a later start is ready", async (context) => {
    const { pids } = readRun();
    child.kill("SIGINT");
    assert.equal(await ended(child), 0);
    for (const [name, pid] of Object.entries(pids)) assert.equal(identify(pid), undefined, name);
    assert.equal(existsSync(join(DATA, "run.json")), false);
    assert.equal(existsSync(join(DATA, "rabbit", "epmd.pid.json")), false);
    const again = await start();
    child = again.child;
    context.diagnostic(`ready after ${again.ms} ms`);
  });

  test("--fresh forgets everything", async () => {
    child.kill("SIGTERM");
    await ended(child);
    ({ child } = await start("--fresh"));
    const now = readRun();
    assert.notEqual(now.token, first.token);
    assert.deepEqual(await query(now.postgres, "select 1 from pg_tables where tablename = 'kept'"), []);
  });

  test("a start that waits for the folder ends with the process that started it, and never takes the folder", async () => {
    const program = `const { spawn } = require("node:child_process");
      spawn(process.execPath, ${JSON.stringify([join(import.meta.dirname, "fixtures", "stub-start.ts"), DATA])}, { stdio: ["ignore", "ignore", "ignore", "ipc"] });
      setTimeout(() => process.kill(process.pid, "SIGKILL"), 1000);`;
    const starter = spawn(process.execPath, ["-e", program], { stdio: "ignore" });
    await ended(starter);
    child.kill("SIGTERM");
    await ended(child);
    await sleep(1_000);
    assert.equal(existsSync(join(DATA, "supervisor.json")), false);
    ({ child } = await start());
  });

  test("a stop asked for during the start leaves nothing running", async () => {
    child.kill("SIGTERM");
    await ended(child);
    const early = spawn(process.execPath, [join(import.meta.dirname, "fixtures", "stub-start.ts"), DATA], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    started.push(early);
    await until("the broker is starting", 120_000, () => existsSync(join(DATA, "rabbit", "rabbit.pid.json")));
    const broker = JSON.parse(readFileSync(join(DATA, "rabbit", "rabbit.pid.json"), "utf8")) as { pid: number };
    early.kill("SIGTERM");
    assert.equal(await ended(early), 0);
    assert.equal(identify(broker.pid), undefined);
  });
});
