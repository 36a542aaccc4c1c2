import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RabbitConnection } from "../../../platform/rabbit/connection.ts";
import { type Consumer, createConsumer, type Delivery } from "../../../platform/rabbit/consumer.ts";
import { type Bench, openBench, openProxy, type TcpProxy, until } from "./harness.ts";

let bench: Bench;
let proxy: TcpProxy;
let connection: RabbitConnection;
let consumer: Consumer;
const deliveries: Delivery[] = [];
const idsOf = (some: readonly Delivery[]): string[] => some.map((delivery) => String(delivery.message.properties.messageId));

before(async () => {
  bench = await openBench();
  proxy = await openProxy();
});
afterEach(async () => {
  await consumer.stop();
  await connection.stop();
  const admin = await bench.model.createChannel();
  await admin.purgeQueue(bench.names.queueOf("his"));
  await admin.close();
});
after(async () => {
  await proxy.close();
  await bench.close();
});

async function consume(prefetch = 100): Promise<void> {
  deliveries.length = 0;
  connection = bench.connection(proxy.url);
  await connection.ready(60_000);
  consumer = createConsumer({
    connection,
    log: bench.log,
    queue: bench.names.queueOf("his"),
    prefetch,
    onDelivery: (one) => deliveries.push(one),
  });
}
const send = async (count: number, name = "m"): Promise<void> => {
  for (let at = 0; at < count; at += 1) await bench.publish(bench.names.inbound, "his.note", "x", { messageId: `${name}${at}` });
};

test("the connection is cut twice by force: exactly the unacknowledged messages come again, once each", async () => {
  await consume();
  await send(10);
  await until("10 deliveries", () => deliveries.length === 10);
  const [first, second] = [deliveries.slice(0, 4), deliveries.slice(4)];
  for (const delivery of [second[1], second[3]]) delivery?.ack(); // out of order
  for (const delivery of first) delivery.ack();
  await until("acks flushed", () => consumer.inFlight() === 4);
  await sleep(1_000); // the broker has applied them: nobody outside is told when
  for (const round of [1, 2]) {
    const old = deliveries.splice(0);
    proxy.cut();
    await until(`redelivery ${round}`, () => deliveries.length >= 4);
    for (const delivery of old) delivery.ack(); // of an older epoch: nothing happens, and the channel stays open
    await sleep(200);
    assert.deepEqual(idsOf(deliveries), ["m4", "m6", "m8", "m9"]);
    assert.ok(deliveries.every((delivery) => delivery.message.fields.redelivered));
  }
  for (const delivery of deliveries) delivery.ack();
  await until("queue empty", async () => consumer.inFlight() === 0 && (await bench.depth(bench.names.queueOf("his"))) === 0);
  assert.equal(connection.epoch(), 3);
});

test("null consume: the queue is deleted, declared again and consumed again", async () => {
  await consume();
  await until("consuming", () => consumer.state() === "consuming");
  const admin = await bench.model.createChannel();
  await admin.deleteQueue(bench.names.queueOf("his"));
  await admin.close();
  await until("noticed", () => consumer.state() !== "consuming");
  await until("consuming again", () => consumer.state() === "consuming");
  await send(1, "after");
  await until("delivered", () => deliveries.length === 1);
  deliveries[0]?.ack();
});

test("pause, drain and resume: nothing new comes while paused, what is in flight can be acknowledged", async () => {
  await consume(5);
  await send(8);
  await until("prefetch full", () => deliveries.length === 5);
  const drained = consumer.drain(60_000);
  await sleep(100);
  for (const delivery of deliveries) delivery.ack();
  assert.equal(await drained, 0);
  await sleep(150);
  assert.equal(deliveries.length, 5);
  assert.equal(consumer.state(), "paused");
  await consumer.resume();
  await until("the rest", () => deliveries.length === 8);
  assert.equal(await consumer.drain(100), 3, "three are still held after the cap");
});

test("while paused a lost link does not start consuming again", async () => {
  await consume();
  await consumer.pause();
  proxy.cut();
  await until("up again", () => connection.epoch() === 2 && connection.state() === "up");
  await send(1);
  await sleep(300);
  assert.equal(deliveries.length, 0);
  await consumer.resume();
  await until("delivered", () => deliveries.length === 1);
});

test("dead-lettered messages are in the dead-letter queue, with the delivery limit as the last net", async () => {
  await consume(1);
  const dead = await bench.listen(bench.names.dead);
  await send(1, "bad");
  await until("delivered", () => deliveries.length === 1);
  deliveries[0]?.deadLetter();
  await until("dead", () => dead.length === 1);
  await send(1, "poison");
  let given = 1;
  while (dead.length < 2) {
    await until("given again or dead", () => deliveries.length > given || dead.length === 2);
    deliveries[given]?.requeue();
    given += 1;
    assert.ok(given < 30, "the limit is 20");
  }
  assert.deepEqual(
    dead.map((message) => message.properties.messageId),
    ["bad0", "poison0"],
  );
});
