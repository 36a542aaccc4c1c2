import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import amqp from "amqplib";
import { type SendOptions, sendAmqp } from "../hospital/send.ts";

const url = process.env.HUILIU_TEST_AMQP_URL ?? "";

test("the hospital's sender: confirmed where a queue takes it, returned where none does, failed where the exchange is missing", async (context) => {
  assert.notEqual(url, "", "HUILIU_TEST_AMQP_URL is not set: run it by npm test");
  const exchange = `hospital.test.${randomUUID()}`;
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  await channel.assertExchange(exchange, "topic", { durable: true });
  const { queue } = await channel.assertQueue(exchange, { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.bindQueue(queue, exchange, "neusoft.*");
  context.after(async () => {
    await channel.deleteQueue(queue);
    await channel.deleteExchange(exchange);
    await connection.close();
  });
  const options: SendOptions = { partner: "neusoft", message: "settle", count: 20, seed: 5, date: "2026-11-20", exchange };
  const settled = await sendAmqp(url, options);
  assert.deepEqual([settled.messages, settled.sent, settled.confirmed, settled.returned, settled.failed], [20, 40, 40, 0, 0]);
  const first = await channel.get(queue, { noAck: true });
  assert.ok(first);
  assert.equal(first.fields.routingKey, "neusoft.settle");
  assert.equal(first.properties.deliveryMode, 2);
  assert.equal(first.properties.contentType, "text/plain; charset=GBK");
  assert.equal(first.properties.messageId, `${String(first.properties.headers?.["huiliu-exchange"])}-request`);

  const returned = await sendAmqp(url, { ...options, partner: "jkt", message: "pay-order", count: 5 });
  assert.deepEqual([returned.confirmed, returned.returned, returned.failed], [0, 5, 0]);

  const failed = await sendAmqp(url, { ...options, exchange: `${exchange}.missing`, exchangeAs: "json", count: 5 });
  assert.deepEqual([failed.sent, failed.failed], [5, 5]);
  assert.match(failed.error ?? "", /no exchange/);
});
