/** What operators do to a busy engine: deploy flows, stop it in good order, lose Redis, lose everything the broker had. Nothing is lost, nothing doubled. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import amqp from "amqplib";
import { Redis } from "ioredis";
import { compare } from "../hospital/oracle.ts";
import { sendAmqp } from "../hospital/send.ts";
import { type Client, connectClient } from "./client.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";
import { createStory, DATE, textOf } from "./story.ts";

const SEED = 31;
const COUNT = 300;
const RATE = 150;
const DEPLOYS = 4;

let huiliu: Huiliu;
let client: Client;
const story = createStory(
  () => huiliu,
  () => client,
  SEED,
);
let sentSoFar = 0;

before(async () => {
  huiliu = await startHuiliu("under-load", { profiles: { his: destination({ ...QUICK, duplicates: "inquiry" }) } });
  await huiliu.fault({ mode: "naive" });
  client = await connectClient(huiliu.run().amqp);
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
});

/** Sends bills that patients pay themselves while something happens; then holds the ledger against them. */
async function busyWhile(what: () => Promise<void>): Promise<void> {
  const first = sentSoFar;
  sentSoFar += COUNT;
  const since = (await huiliu.ledger()).length;
  const options = { partner: "his", seed: SEED, date: DATE, count: COUNT, first, rate: RATE } as const;
  const sending = Promise.all([
    sendAmqp(huiliu.run().amqp, { ...options, message: "charge" }),
    sendAmqp(huiliu.run().amqp, { ...options, message: "payment", duplicates: 0.1 }),
  ]);
  await what();
  for (const result of await sending) assert.equal(result.confirmed, result.sent, JSON.stringify(result));
  const sent = Array.from({ length: COUNT }, (_, index) => story.make("his.payment", first + index)).flatMap((made) => made.expect);
  const lines = async () => (await huiliu.ledger()).slice(since);
  await until(
    "every effect is there",
    async () => (await lines()).filter((line) => line.effect).length >= COUNT,
    30_000,
    async () => ({
      effects: (await lines()).length,
      states: await huiliu.sql("select state, count(*)::int n from message group by 1"),
      parked: await huiliu.sql("select kind, park from message where state = 'parked' limit 3"),
    }),
  );
  await story.quiet(20_000);
  const report = compare(sent, await lines());
  assert.deepEqual({ ...report, clean: true }, report, JSON.stringify(report));
  assert.equal(report.effects, COUNT);
  assert.deepEqual(await huiliu.sql("select kind, park from message where state = 'parked'"), []);
}

/** As the editor does it: reads the flows with their revision, changes something, posts them. */
async function deploy(type: "full" | "flows" | "nodes", shift: number): Promise<void> {
  const { editor, token } = huiliu.run();
  const headers = { authorization: `Bearer ${token}`, "Node-RED-API-Version": "v2", "content-type": "application/json" };
  const { flows, rev } = (await (await fetch(new URL("flows", editor), { headers })).json()) as { flows: Row[]; rev: string };
  const moved = flows.map((node) => (typeof node.x === "number" ? { ...node, x: node.x + shift } : node));
  const answer = await fetch(new URL("flows", editor), {
    method: "POST",
    headers: { ...headers, "Node-RED-Deployment-Type": type },
    body: JSON.stringify({ flows: moved, rev }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

describe("an engine at work", { concurrency: false }, () => {
  test(`C-1 S0-40 ${DEPLOYS} deploys from the editor under load lose nothing and double nothing`, () =>
    busyWhile(async () => {
      const types = ["full", "flows", "nodes"] as const;
      for (let index = 0; index < DEPLOYS; index += 1) {
        await sleep(250);
        await deploy(types[index % types.length] ?? "full", index % 2 === 0 ? 10 : -10);
      }
    }));

  test("C-2 C-6 SIGTERM under load drains: everything goes on where it was", () =>
    busyWhile(async () => {
      await sleep(400);
      await huiliu.kill("engine", "SIGTERM");
      await huiliu.recovered();
    }));

  test("C-2 Redis flushed, then killed with its data: nothing changes but a line in the log", () =>
    busyWhile(async () => {
      const redis = new Redis(huiliu.run().redis);
      await redis.flushall();
      redis.disconnect();
      await sleep(300);
      await huiliu.killWiped("redis", "");
      const answer = await huiliu.post("his", "charge", textOf(story.make("his.charge", 90_000)), { "content-type": "application/xml" });
      assert.equal(answer.status, 202);
      await huiliu.recovered();
      await until("it is said", () => /redis is gone/.test(huiliu.log()));
    }));
});

describe("a broker that forgot everything", { concurrency: false }, () => {
  test("C-2 S0-42 RabbitMQ wiped while events are owed to it: its queues are there again and the events are published", async () => {
    await client.close();
    await story.quiet();
    await huiliu.killWiped("rabbit", "db");
    const made = Array.from({ length: 20 }, (_, index) => story.make("his.charge", 80_000 + index));
    const ids = new Set<string>();
    for (const one of made) {
      const answer = await huiliu.post("his", "charge", textOf(one), {
        "content-type": "application/xml; charset=UTF-8",
        "idempotency-key": one.id,
      });
      assert.equal(answer.status, 202, "the HTTP door needs no broker");
      ids.add(/[0-9a-f]{8}-[0-9a-f-]{27}/.exec(await answer.text())?.[0] ?? "");
    }
    // 202 is for the bytes; the flow's events follow. The broker may be back before the last one.
    const eventsOf = () => huiliu.sql("select id from event where message_id = any($1::uuid[])", [[...ids]]);
    await until("the events are there", async () => (await eventsOf()).length === made.length);
    const owed = await eventsOf();
    await huiliu.recovered();
    await until("the outbox is empty", async () => (await huiliu.sql("select 1 from outbox")).length === 0, 30_000);
    // The engine's own queue takes every event; its administrator reads it here.
    const connection = await amqp.connect(huiliu.engineEnv().HUILIU_AMQP_URL ?? "");
    const channel = await connection.createChannel();
    const seen = new Set<string>();
    for (let got = await channel.get("huiliu.events.all"); got !== false; got = await channel.get("huiliu.events.all", { noAck: true }))
      seen.add((JSON.parse(got.content.toString("utf8")) as { id: string }).id);
    await connection.close();
    assert.deepEqual(
      owed.map((row) => String(row.id)).filter((id) => !seen.has(id)),
      [],
    );
    client = await connectClient(huiliu.run().amqp);
    const verdict = await story.push("his.charge", story.make("his.charge", 85_000));
    assert.equal(verdict.verdict, "accepted", "and the AMQP door is open again");
  });
});
