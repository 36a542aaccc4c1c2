import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { createConnection, TopologyRefused } from "../../../platform/rabbit/connection.ts";
import { createSubscriberQueues } from "../../../platform/rabbit/subscriber-queues.ts";
import { declareTopology, namesOf, queueDepths } from "../../../platform/rabbit/topology.ts";
import { amqpUrl, type Bench, keepLog, openBench, openProxy, PARTNERS, until } from "./harness.ts";

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

test("the topology can be declared again; its depths can be read", async () => {
  const connection = bench.connection();
  await connection.ready(60_000);
  await connection.withChannel((channel) => declareTopology(() => bench.model.createChannel(), bench.names, PARTNERS).then(() => channel));
  await bench.publish(bench.names.inbound, "his.note", "x");
  const depths = await connection.withChannel((channel) => queueDepths(channel, bench.names, PARTNERS));
  assert.deepEqual(depths, {
    [bench.names.dead]: 0,
    [bench.names.unroutedQueue]: 0,
    [bench.names.queueOf("neusoft")]: 0,
    [bench.names.queueOf("his")]: 1,
  });
  await connection.stop();
});

test("a routing key of nobody's goes to the queue of unrouted messages", async () => {
  const connection = bench.connection();
  await connection.ready(60_000);
  const unrouted = await bench.listen(bench.names.unroutedQueue);
  await bench.publish(bench.names.inbound, "stranger.note", "x", { mandatory: true });
  await until("unrouted", () => unrouted.length === 1);
  assert.equal(unrouted[0]?.fields.routingKey, "stranger.note");
  await connection.stop();
});

test("every event is routable, and the engine's own queue of events stays short", async () => {
  const connection = bench.connection();
  await connection.ready(60_000);
  for (let at = 0; at < 3; at += 1) await bench.publish(bench.names.events, "payment.settled", "x", { mandatory: true });
  await until("events", async () => (await bench.depth(bench.names.allEvents)) === 3);
  await connection.stop();
});

test("what is there with other arguments refuses the start, with a sentence that says what to do", async () => {
  const cases: readonly (readonly [string, object])[] = [
    ["a classic queue", { arguments: { "x-queue-type": "classic" } }],
    ["another delivery limit", { arguments: { "x-queue-type": "quorum", "x-delivery-limit": 5, "x-dead-letter-exchange": "x" } }],
    [
      "a delivery limit of -1, with which 3.10 drops a message at its first nack",
      { arguments: { "x-queue-type": "quorum", "x-delivery-limit": -1, "x-dead-letter-exchange": "x" } },
    ],
    ["no dead-letter exchange", { arguments: { "x-queue-type": "quorum", "x-delivery-limit": 20 } }],
  ];
  for (const [name, options] of cases) {
    const names = namesOf(`r${randomUUID().slice(0, 8)}`);
    const channel = await bench.model.createChannel();
    await channel.assertQueue(names.queueOf("his"), { durable: true, ...options });
    const { log } = keepLog();
    const connection = createConnection({ url: amqpUrl(), name: "refused", log, prepare: (open) => declareTopology(open, names, ["his"]) });
    await assert.rejects(connection.ready(60_000), (error: unknown) => {
      assert.ok(error instanceof TopologyRefused, name);
      assert.match(error.message, new RegExp(`queue ${names.queueOf("his")} with other arguments.*rabbitmqctl delete_queue`), name);
      return true;
    });
    assert.equal(connection.state(), "refused");
    await connection.stop();
    for (const queue of [names.queueOf("his"), names.dead, names.unroutedQueue, names.allEvents]) await channel.deleteQueue(queue);
    for (const exchange of [names.inbound, names.events, names.unrouted, names.dead]) await channel.deleteExchange(exchange);
    await channel.close();
  }
});

test("exchanges without what catches messages refuse the start, too", async () => {
  const names = namesOf(`r${randomUUID().slice(0, 8)}`);
  const channel = await bench.model.createChannel();
  await channel.assertExchange(names.inbound, "topic", { durable: true }); // no alternate exchange: unknown routing keys would be dropped
  const { log } = keepLog();
  const connection = createConnection({ url: amqpUrl(), name: "refused", log, prepare: (open) => declareTopology(open, names, ["his"]) });
  await assert.rejects(connection.ready(60_000), (error: unknown) => {
    assert.ok(error instanceof TopologyRefused);
    assert.match(error.message, new RegExp(`exchange ${names.inbound} with other arguments`));
    return true;
  });
  await connection.stop();
  for (const queue of [names.dead, names.unroutedQueue]) await channel.deleteQueue(queue);
  for (const exchange of [names.inbound, names.unrouted, names.dead]) await channel.deleteExchange(exchange);
  await channel.close();
});

test("a subscriber's queue that is a classic one, or could drop messages, is refused with what to do", async () => {
  const names = bench.names;
  const connection = bench.connection();
  await connection.ready(60_000);
  const queues = createSubscriberQueues({ onChannel: (work) => connection.withChannel(work, { refusalIsAnAnswer: true }), names });
  const queue = names.subscriberQueueOf("classic");
  const channel = await bench.model.createChannel();
  await channel.assertQueue(queue, { durable: true });
  const subscriber = { name: "classic", queue, patterns: ["#"], source: "api", checkpoint: 0n } as const;
  await assert.rejects(
    queues.declare(subscriber, true),
    (error: unknown) => error instanceof TopologyRefused && error.message.includes(queue),
  );
  await channel.deleteQueue(queue);
  await channel.close();
  await connection.stop();
});

test("no broker: ready says where it looked; stop ends", async (context) => {
  const proxy = await openProxy();
  context.after(() => proxy.close());
  proxy.refuse(true);
  const { log } = keepLog();
  const connection = createConnection({ url: proxy.url, name: "alone", log });
  await assert.rejects(connection.ready(300), /did not answer within 300 ms.*HUILIU_AMQP_URL/);
  await connection.stop();
  assert.equal(connection.state(), "stopped");
});
