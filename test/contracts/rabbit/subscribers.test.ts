/** Subscribers' queues on a real broker and a real database: wiped, deleted, full. Every event reaches every subscriber, and nobody waits for a dead queue. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Event } from "../../../domain/events/event.ts";
import { createKeeper, type Keeper, KEEPER_LIMITS } from "../../../domain/subscribers/keeper.ts";
import type { SubscriberStore } from "../../../domain/subscribers/ports.ts";
import { createPool, type Pool } from "../../../platform/postgres/pool.ts";
import { pack } from "../../../platform/postgres/packed.ts";
import { createOutboxStore } from "../../../platform/postgres/outbox.ts";
import { createSubscriberStore } from "../../../platform/postgres/subscriber-store.ts";
import type { RabbitConnection } from "../../../platform/rabbit/connection.ts";
import { createPublisher, type Publisher } from "../../../platform/rabbit/publisher.ts";
import { createRelay, type Relay } from "../../../platform/rabbit/relay.ts";
import { createSubscriberQueues, putInto } from "../../../platform/rabbit/subscriber-queues.ts";
import { type TestDatabase, testDatabase } from "../postgres/database.ts";
import { type Bench, openBench, until } from "./harness.ts";

/** Rounds of more events until a full queue refuses. */
const MORE_MAX = 20;
const LENGTH = 20;
const QUICK = { ...KEEPER_LIMITS, tickMs: 50, lookMs: 100, retryMs: 200, stretch: 7 };

let bench: Bench;
let database: TestDatabase;
let pool: Pool;
let store: SubscriberStore;
let connection: RabbitConnection;
let publisher: Publisher;
let keeper: Keeper;
let relay: Relay;
let made = 0;

const queueOf = (name: string): string => bench.names.subscriberQueueOf(name);

before(async () => {
  bench = await openBench();
});
after(async () => {
  await bench.close();
});
beforeEach(async () => {
  database = await testDatabase();
  pool = createPool({ url: database.url, applicationName: "test", max: 4, plans: "reads" });
  store = createSubscriberStore({ pool, reads: pool });
  await store.seed([
    { name: "every", queue: queueOf("every"), patterns: ["#"] },
    { name: "paid", queue: queueOf("paid"), patterns: ["payment.*"] },
  ]);
  connection = bench.connection();
  await connection.ready(60_000);
  publisher = createPublisher({ connection, log: bench.log, confirmTimeoutMs: 2_000 });
  const queues = createSubscriberQueues({
    onChannel: (work) => connection.withChannel(work, { refusalIsAnAnswer: true }),
    names: bench.names,
    lengthMax: LENGTH,
  });
  keeper = createKeeper({
    store,
    queues,
    put: putInto(publisher),
    leads: () => publisher.isOpen(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    tickMs: () => performance.now(),
    log: (level, text, fields) => bench.log[level](fields, text),
    limits: QUICK,
  });
  await keeper.prepare();
  relay = createRelay({
    publisher,
    outbox: createOutboxStore({ pool }),
    exchange: bench.names.events,
    log: bench.log,
    undelivered: keeper.undelivered,
    everyMs: 200,
  });
});
afterEach(async () => {
  await relay.stop(500);
  await keeper.stop();
  await publisher.stop();
  const channel = await bench.model.createChannel();
  const [epoch] = (await pool.query<{ id: string }>("select id from broker_epoch")).rows;
  for (const queue of [queueOf("every"), queueOf("paid"), bench.names.epochOf(epoch?.id ?? "")]) await channel.deleteQueue(queue);
  await channel.close();
  await connection.stop();
  await pool.end();
  await database.drop();
});

/** Commits events as a settlement does: stored, and owed to the broker. */
async function commit(count: number, type: string): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    made += 1;
    const event = { specversion: "1.0", id: `event-${made}`, type, source: "his", subject: "bill:1", data: {} } as unknown as Event;
    await pool.query(
      `with stored as (insert into event (message_id, id, seq, ordinal, type, partner, stored_at, published, body)
         values (gen_random_uuid(), $1, nextval('event_seq'), 0, $2, 'his', huiliu_now(), true, $3) returning seq, message_id)
       insert into outbox (seq, event_id, message_id) select seq, $1, message_id from stored`,
      [event.id, type, pack(Buffer.from(JSON.stringify(event)), "event", event.id)],
    );
    ids.push(event.id);
  }
  return ids;
}
const outboxEmpty = (): Promise<void> =>
  until("the outbox is empty", async () => (await pool.query("select 1 from outbox limit 1")).rowCount === 0);

/** Reads a queue as its subscriber would; answers distinct ids. */
async function read(queue: string): Promise<Set<string>> {
  const channel = await bench.model.createChannel();
  const seen = new Set<string>();
  for (let got = await channel.get(queue, { noAck: true }); got !== false; got = await channel.get(queue, { noAck: true }))
    seen.add(String(got.properties.messageId));
  await channel.close();
  return seen;
}
async function forget(...queues: string[]): Promise<void> {
  const channel = await bench.model.createChannel();
  for (const queue of queues) await channel.deleteQueue(queue);
  await channel.close();
}
const hasAll = (seen: ReadonlySet<string>, ids: readonly string[]): boolean => ids.every((id) => seen.has(id));

describe("subscribers", { concurrency: false }, () => {
  test("S0-42 a wiped broker is known by its missing marker: queues are made anew and hold every event since the checkpoint, each its own", async () => {
    const [paid, charged] = [await commit(6, "payment.settled"), await commit(6, "charge.posted")];
    await outboxEmpty();
    const [epoch] = (await pool.query<{ id: string }>("select id from broker_epoch")).rows;
    await forget(queueOf("every"), queueOf("paid"), bench.names.epochOf(epoch?.id ?? ""));
    await keeper.prepare();
    await until("owed no more", async () => (await store.all()).every((one) => one.owed === undefined));
    const [all, some] = [await read(queueOf("every")), await read(queueOf("paid"))];
    assert.ok(hasAll(all, [...paid, ...charged]));
    assert.deepEqual([...some].sort(), [...paid].sort());
    assert.equal((await pool.query("select wipes from broker_epoch")).rows[0]?.wipes, 1);
    await keeper.prepare();
    assert.deepEqual(await read(queueOf("every")), new Set(), "nothing is published again while the marker is there");
  });

  test("what a subscriber told that it has read is not published again", async () => {
    await commit(8, "payment.settled");
    await outboxEmpty();
    await pool.query("insert into event_mark (at, seq) select huiliu_now() - interval '5 minutes', last_value from event_seq");
    await pool.query(
      "update subscriber set checkpoint = (select last_value from event_seq), checkpoint_at = huiliu_now() where name = 'paid'",
    );
    const later = await commit(3, "payment.refunded");
    await outboxEmpty();
    await forget(queueOf("paid"));
    await until("made anew", async () => (await store.all()).some((one) => one.name === "paid" && one.owed !== undefined));
    await until("owed no more", async () => (await store.all()).every((one) => one.owed === undefined));
    assert.deepEqual([...(await read(queueOf("paid")))].sort(), later.sort());
  });

  test("a queue that is full is named and taken off the exchange; the others get theirs at once, and it gets everything once it is read", async () => {
    const ids: string[] = [];
    const others = new Set<string>();
    const channel = await bench.model.createChannel();
    await channel.consume(queueOf("paid"), (message) => message && others.add(String(message.properties.messageId)), { noAck: true });
    ids.push(...(await commit(LENGTH * 3, "payment.settled")));
    await until("the other has all", () => hasAll(others, ids));
    await outboxEmpty();
    // A quorum queue takes some more than its length before it refuses: how many is the broker's affair.
    const stalled = async () => (await store.all()).find((one) => one.stalledWhy !== undefined)?.name;
    for (let more = 0; more < MORE_MAX && (await stalled()) === undefined; more += 1) {
      ids.push(...(await commit(LENGTH, "payment.settled")));
      await outboxEmpty();
    }
    assert.equal(await stalled(), "every");
    assert.ok(bench.lines.some((line) => line.level === "error" && JSON.stringify(line.fields).includes(queueOf("every"))));
    ids.push(...(await commit(5, "payment.settled")));
    await until("and what came later", () => hasAll(others, ids));
    const seen = new Set<string>();
    await channel.consume(queueOf("every"), (message) => message && seen.add(String(message.properties.messageId)), { noAck: true });
    await until("it has everything", () => hasAll(seen, ids), 20_000);
    await until("nothing is owed", async () => (await store.all()).every((one) => one.owed === undefined && one.stalledWhy === undefined));
    const late = await commit(2, "payment.settled");
    await until("it is on the exchange again", () => hasAll(seen, late));
    await channel.close();
  });

  test("a full queue that its owner bound itself delays nobody's events and is told of", async () => {
    const channel = await bench.model.createChannel();
    const queue = `${bench.names.events}-outsider`;
    await channel.assertQueue(queue, { arguments: { "x-queue-type": "quorum", "x-max-length": 2, "x-overflow": "reject-publish" } });
    await channel.bindQueue(queue, bench.names.events, "#");
    const ids = await commit(15, "payment.settled");
    await outboxEmpty();
    const told = () => bench.lines.some((line) => line.message.includes("its owner bound"));
    const seen = new Set<string>();
    for (let more = 0; more < MORE_MAX; more += 1) {
      for (const id of await read(queueOf("paid"))) seen.add(id);
      await read(queueOf("every"));
      if (told()) break;
      ids.push(...(await commit(10, "payment.settled")));
      await outboxEmpty();
    }
    assert.ok(hasAll(seen, ids));
    assert.ok((await store.all()).every((one) => one.stalledWhy === undefined));
    assert.ok(told());
    await channel.deleteQueue(queue);
    await channel.close();
  });

  test("a queue follows its subscriber's patterns, wider and narrower, and is let go with it", async () => {
    const settled = () =>
      until("queues follow", async () => (await store.loose()).length === 0 && (await store.all()).every((one) => one.owed === undefined));
    const seed = (every: readonly string[], paid: readonly string[]) =>
      store.seed([
        { name: "every", queue: queueOf("every"), patterns: every },
        { name: "paid", queue: queueOf("paid"), patterns: paid },
      ]);
    await settled();
    await seed(["payment.*"], ["payment.*", "charge.*"]);
    const early = await commit(2, "charge.posted");
    await settled();
    const late = await commit(3, "charge.posted");
    await outboxEmpty();
    const [every, paid] = [await read(queueOf("every")), await read(queueOf("paid"))];
    assert.ok(hasAll(paid, [...early, ...late]), "wider: from the change on, also what was stored before the broker knew");
    assert.ok(!late.some((id) => every.has(id)), "narrower: nothing of the others any more");
    await store.seed([{ name: "paid", queue: queueOf("paid"), patterns: ["payment.*"] }]);
    await settled();
    const missed = await commit(3 * LENGTH, "payment.settled");
    await read(queueOf("paid"));
    await outboxEmpty();
    assert.equal((await read(queueOf("every"))).size, 0, "removed: its queue is off the exchange, and cannot fill");
    await seed(["payment.*"], ["payment.*"]);
    const seen = new Set<string>();
    await until("one that comes back gets what it missed", async () => {
      for (const name of ["every", "paid"]) for (const id of await read(queueOf(name))) if (name === "every") seen.add(id);
      return hasAll(seen, missed);
    });
  });

  test("a queue seen empty is a checkpoint only when every delivery of then has timed out", async () => {
    await commit(4, "payment.settled");
    await outboxEmpty();
    await read(queueOf("paid"));
    const paid = async () => (await store.all()).find((one) => one.name === "paid");
    // The first note is of the time before there was any event.
    await until("noted", async () => (await paid())?.empty !== undefined);
    await pool.query("update huiliu_clock set shift = interval '36 minutes'");
    await pool.query("insert into event_mark (at, seq) select huiliu_now() - interval '2 minutes', last_value from event_seq");
    await until("noted with what there is", async () => (await paid())?.empty?.seq === 4n);
    assert.equal((await paid())?.checkpoint, 0n);
    await pool.query("update huiliu_clock set shift = interval '72 minutes'");
    await until("taken for read", async () => (await paid())?.checkpoint === 4n);
  });
});
