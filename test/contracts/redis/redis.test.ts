import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { PREFIX } from "../../../platform/redis/ask.ts";
import { createRedis, type RedisPorts } from "../../../platform/redis/redis.ts";
import type { Worker } from "../../../platform/redis/registry.ts";
import { keepLog, type Line, openProxy, type TcpProxy, until } from "../rabbit/harness.ts";

function redisUrl(): string {
  const url = process.env.HUILIU_TEST_REDIS_URL;
  if (url === undefined || url === "")
    throw new Error("HUILIU_TEST_REDIS_URL is not set: run these tests with npm test, which starts Redis");
  return url;
}

let proxy: TcpProxy;
let admin: Redis;
before(async () => {
  proxy = await openProxy(redisUrl());
  admin = new Redis(redisUrl());
});
after(async () => {
  admin.disconnect();
  await proxy.close();
});

async function open(context: { after(done: () => Promise<void>): void }, url = proxy.url): Promise<{ ports: RedisPorts; lines: Line[] }> {
  const { log, lines } = keepLog();
  const ports = createRedis({ url, log });
  context.after(() => ports.close());
  await until("up", () => ports.state() === "up");
  return { ports, lines };
}
const takeMany = async (ports: RedisPorts, partner: string, perSecond: number, count: number): Promise<number> => {
  const answers = await Promise.all(Array.from({ length: count }, () => ports.rates.take(partner, perSecond)));
  return answers.filter((answer) => answer.ok).length;
};
const workerOf = (id: string): Worker => ({ id, pid: 1, host: "h", startedAt: "2026-11-20T10:00:00+08:00", version: "0" });

test("rates are shared by two workers: together they get one second's worth, then what a second brings", async (context) => {
  const [one, two] = [await open(context), await open(context)];
  // A Redis that a loaded machine keeps from answering in time is taken for gone, and each worker counts for itself: such a round shows nothing.
  const gone = (): number => [...one.lines, ...two.lines].filter((line) => /^redis is gone/.test(line.message)).length;
  let partner = "";
  for (let round = 0; ; round += 1) {
    partner = randomUUID();
    const [before, since] = [gone(), performance.now()];
    const taken = (await Promise.all([takeMany(one.ports, partner, 100, 150), takeMany(two.ports, partner, 100, 150)])).reduce(
      (a, b) => a + b,
    );
    await until("up", () => one.ports.state() === "up" && two.ports.state() === "up");
    if (gone() > before && round < 20) continue;
    const passed = (performance.now() - since) / 10;
    assert.ok(taken >= 100 && taken <= 130 + passed, `${taken} of 300 at once`);
    break;
  }
  let refused = await one.ports.rates.take(partner, 100);
  for (let more = 0; refused.ok && more < 1_000; more += 1) refused = await one.ports.rates.take(partner, 100);
  assert.ok(!refused.ok && refused.retryAfterMs >= 1 && refused.retryAfterMs <= 1_000);
  await sleep(300);
  assert.ok((await takeMany(one.ports, partner, 100, 100)) >= 20, "tokens come back");
});

test("Redis slow, then gone, then back: rates go on locally, every call answers in time, each change is said once", async (context) => {
  const { ports, lines } = await open(context);
  const partner = randomUUID();
  proxy.freeze();
  assert.ok((await takeMany(ports, partner, 50, 200)) >= 50, "and every one is answered");
  assert.equal(ports.state(), "down");
  const since = performance.now();
  const local = await takeMany(ports, partner, 50, 200);
  assert.ok(local <= 50 + (performance.now() - since) / 20, "the local gate holds, too");
  await ports.cache.set("k", "v", 60_000);
  assert.equal(await ports.cache.get("k"), "v");
  const leave = ports.workers.join(workerOf("w1"));
  assert.deepEqual(
    (await ports.workers.list()).map((worker) => worker.id),
    ["w1"],
  );
  await leave();
  proxy.refuse(true);
  proxy.cut();
  proxy.thaw();
  await sleep(1_500);
  assert.ok((await ports.rates.take(randomUUID(), 1)).ok);
  proxy.refuse(false);
  await until("up again", () => ports.state() === "up");
  const said = lines.filter((line) => /^redis is/.test(line.message)).map((line) => line.message.split(":")[0]);
  // Once each: a loaded machine may make it slow, and said, once more.
  assert.deepEqual(
    said,
    said.map((_, at) => (at % 2 === 0 ? "redis is there" : "redis is gone")),
  );
  assert.ok(said.length >= 3 && said.length % 2 === 1, said.join("; "));
});

test("Redis emptied: said, and everything begins anew", async (context) => {
  const { ports, lines } = await open(context);
  await ports.cache.set("gone", "v", 60_000);
  const keys = await admin.keys(`${PREFIX}*`);
  await admin.del(...keys);
  await until("said", () => lines.some((line) => /redis was emptied/.test(line.message)));
  assert.ok((await ports.rates.take(randomUUID(), 10)).ok);
  assert.equal(ports.state(), "up");
});

test("the cache: shared between workers, forgotten in time; a value too long is not kept", async (context) => {
  const [one, two] = [await open(context), await open(context)];
  const key = randomUUID();
  await until("shared", async () => {
    await one.ports.cache.set(key, "甲", 2_000);
    return (await two.ports.cache.get(key)) === "甲" && (await one.ports.cache.get(key)) === "甲";
  });
  await until("forgotten", async () => (await one.ports.cache.get(key)) === undefined && (await two.ports.cache.get(key)) === undefined);
  await one.ports.cache.set(key, "x".repeat(70_000), 60_000);
  assert.equal(await one.ports.cache.get(key), undefined);
  await one.ports.cache.set(key, "b", 60_000);
  await one.ports.cache.drop(key);
  assert.equal(await one.ports.cache.get(key), undefined);
});

test("the registry: workers see each other, and one that left or fell silent is gone", async (context) => {
  const [one, two] = [await open(context), await open(context)];
  const [a, b] = [randomUUID(), randomUUID()];
  const ids = async (): Promise<string[]> =>
    (await one.ports.workers.list()).map((worker) => worker.id).filter((id) => id === a || id === b);
  const leaveA = one.ports.workers.join(workerOf(a));
  two.ports.workers.join(workerOf(b));
  await until("both", async () => (await ids()).length === 2);
  /** What its TTL does; a heartbeat that comes in between writes it again. */
  const silentB = () => admin.del(`${PREFIX}worker:${b}`);
  const left = async (): Promise<string[]> => {
    await silentB();
    return ids();
  };
  await until("only the one that is not silent", async () => (await left()).join() === a);
  await leaveA();
  await until("nobody", async () => (await left()).length === 0);
});

test("no Redis configured: everything local, said once", async () => {
  const { log, lines } = keepLog();
  const ports = createRedis({ url: undefined, log });
  assert.equal(await takeMany(ports, "p", 10, 30), 10);
  assert.equal(ports.state(), "down");
  assert.equal(lines.length, 1);
  await ports.close();
});
