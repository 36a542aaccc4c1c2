import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createPublisher, type PublishAnswer, type Publisher } from "../../../platform/rabbit/publisher.ts";
import { alarmFrame, type Bench, openBench, openProxy, until } from "./harness.ts";

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

const publication = (messageId: string, routingKey = "his.note", exchange = bench.names.inbound) => ({
  exchange,
  routingKey,
  messageId,
  contentType: "text/plain",
  body: Buffer.from(messageId),
});
const publishMany = (publisher: Publisher, count: number, name: string): Promise<PublishAnswer[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => publisher.publish(publication(`${name}-${at}`))));

test("a routable message is confirmed, an unroutable one is not called delivered", async () => {
  const connection = bench.connection();
  const publisher = createPublisher({ connection, log: bench.log });
  await connection.ready(60_000);
  const seen = await bench.listen(bench.names.queueOf("his"));
  const answers = await Promise.all([
    publisher.publish(publication("m1")),
    publisher.publish(publication("lost", "no-such-queue", "")),
    publisher.publish(publication("m2")),
    publisher.publish(publication("lost", "no-such-queue", "")), // the same id twice at once: both are told
    publisher.publish(publication("m3")),
  ]);
  assert.deepEqual(answers, ["confirmed", "unroutable", "confirmed", "unroutable", "confirmed"]);
  await until("three messages", () => seen.length === 3);
  assert.deepEqual(
    seen.map((message) => message.properties.messageId),
    ["m1", "m2", "m3"],
  );
  await publisher.stop();
  await connection.stop();
});

test("more messages than the window: all confirmed, in order", async () => {
  const connection = bench.connection();
  const publisher = createPublisher({ connection, log: bench.log, window: 20 });
  const answers = await publishMany(publisher, 500, "w");
  assert.equal(answers.filter((answer) => answer === "confirmed").length, 500);
  assert.equal(publisher.waiting() + publisher.unconfirmed(), 0);
  await publisher.stop();
  await connection.stop();
});

test("an exchange that is not there closes the channel only; it is declared again and the next message is confirmed", async () => {
  const connection = bench.connection();
  const publisher = createPublisher({ connection, log: bench.log });
  await connection.ready(60_000);
  assert.equal(await publisher.publish(publication("x", "k", "no.such.exchange")), "unclear");
  assert.equal(await publisher.publish(publication("after")), "confirmed");
  const admin = await bench.model.createChannel();
  await admin.deleteExchange(bench.names.events);
  assert.equal(await publisher.publish(publication("y", "k", bench.names.events)), "unclear");
  await until("events exchange is back", async () => (await publisher.publish(publication("z", "k", bench.names.events))) === "confirmed");
  await admin.close();
  await publisher.stop();
  await connection.stop();
});

test("a half-open link: no confirm in time is unclear, the channel or link is opened anew, the next message is confirmed", async (context) => {
  const proxy = await openProxy();
  context.after(() => proxy.close());
  const connection = bench.connection(proxy.url);
  const publisher = createPublisher({ connection, log: bench.log, confirmTimeoutMs: 400 });
  await connection.ready(60_000);
  // On a loaded machine a confirm may take longer than this test's short limit.
  await until("confirmed", async () => (await publisher.publish(publication("before"))) === "confirmed");
  proxy.freeze();
  assert.equal(await publisher.publish(publication("frozen")), "unclear");
  proxy.thaw();
  await until("confirmed again", async () => (await publisher.publish(publication("again"))) === "confirmed", 120_000);
  await publisher.stop();
  await connection.stop();
});

test("while the link is down messages wait in a bounded buffer, then are refused; they go out when it is back", async (context) => {
  const proxy = await openProxy();
  context.after(() => proxy.close());
  const connection = bench.connection(proxy.url);
  const publisher = createPublisher({ connection, log: bench.log, waitingMax: 10, waitMs: 1_500 });
  await connection.ready(60_000);
  assert.equal(await publisher.publish(publication("before")), "confirmed");
  proxy.refuse(true);
  proxy.cut();
  await until("link down", () => connection.state() === "connecting");
  const started = performance.now();
  const overflow = await Promise.race([publishMany(publisher, 11, "down").then((all) => all), sleep(60_000, undefined, { ref: false })]);
  assert.ok(Array.isArray(overflow));
  assert.equal(overflow.filter((answer) => answer === "refused").length, 11);
  assert.ok(performance.now() - started >= 1_200, "they waited before they were refused");
  // The next try of the connection may be two seconds away by now: these wait longer than the others did.
  const patient = createPublisher({ connection, log: bench.log, waitingMax: 10, waitMs: 60_000 });
  const waiting = publishMany(patient, 5, "wait");
  proxy.refuse(false);
  assert.deepEqual(new Set(await waiting), new Set(["confirmed"]));
  await patient.stop();
  await publisher.stop();
  await connection.stop();
});

test("a broker in alarm: messages wait, nothing more is written; they go out when the alarm is over", async (context) => {
  const proxy = await openProxy();
  context.after(() => proxy.close());
  const connection = bench.connection(proxy.url);
  const publisher = createPublisher({ connection, log: bench.log, confirmTimeoutMs: 1_500 });
  assert.equal(await publisher.publish(publication("before")), "confirmed");
  proxy.say(alarmFrame("low on memory"));
  await until("blocked", () => connection.state() === "blocked");
  const waiting = publishMany(publisher, 10, "alarm");
  await sleep(2_000); // longer than a confirm may take
  assert.deepEqual([publisher.waiting(), publisher.unconfirmed(), publisher.isOpen()], [10, 0, false]);
  proxy.say(alarmFrame(undefined));
  assert.deepEqual(new Set(await waiting), new Set(["confirmed"]));
  assert.equal(connection.epoch(), 1, "the link was kept");
  await publisher.stop();
  await connection.stop();
});

test("stop answers everybody and never hangs, also on a frozen link", async (context) => {
  const proxy = await openProxy();
  context.after(() => proxy.close());
  const connection = bench.connection(proxy.url);
  const publisher = createPublisher({ connection, log: bench.log });
  assert.equal(await publisher.publish(publication("before")), "confirmed");
  proxy.freeze();
  const answer = publisher.publish(publication("hanging"));
  await publisher.stop();
  await connection.stop();
  assert.equal(await answer, "unclear");
});
