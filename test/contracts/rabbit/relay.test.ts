import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { OutboxStore } from "../../../domain/delivery/ports.ts";
import type { Event } from "../../../domain/events/event.ts";
import type { RabbitConnection } from "../../../platform/rabbit/connection.ts";
import { createPublisher, type Publisher } from "../../../platform/rabbit/publisher.ts";
import { createRelay, EVENT_CONTENT_TYPE, type Relay } from "../../../platform/rabbit/relay.ts";
import { declareTopology } from "../../../platform/rabbit/topology.ts";
import { type Bench, openBench, openProxy, PARTNERS, type TcpProxy, until } from "./harness.ts";

type Item = { readonly seq: bigint; readonly event: Event };
let bench: Bench;
let proxy: TcpProxy;
let connection: RabbitConnection;
let publisher: Publisher;
let relay: Relay;
let rows: Map<bigint, Event>;
let failing: boolean;
let last = 0n;
let unsubscribe: () => Promise<void> = async () => undefined;

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const outbox: OutboxStore = {
  async pending(afterSeq, limit) {
    if (failing) throw new Error("the database is not there");
    const open = [...rows].filter(([seq]) => seq > afterSeq).sort(([a], [b]) => (a < b ? -1 : 1));
    return open.slice(0, limit).map(([seq, event]) => ({ seq, event }));
  },
  async done(seqs) {
    if (failing) throw new Error("the database is not there");
    for (const seq of seqs) rows.delete(seq);
  },
};
function commit(count: number): Item[] {
  return Array.from({ length: count }, () => {
    last += 1n;
    const event: Event = {
      specversion: "1.0",
      id: `event-${last}`,
      type: "payment.settled",
      source: "his",
      subject: "bill:1",
      time: "2026-11-20T10:00:00+08:00",
      datacontenttype: "application/json",
      dataschema: "payment.settled/1",
      traceparent: TRACEPARENT,
      data: { name: "张三", total: "100" } as unknown as Event["data"],
    };
    rows.set(last, event);
    return { seq: last, event };
  });
}
async function start(): Promise<void> {
  connection = bench.connection(proxy.url);
  await connection.ready(60_000);
  publisher = createPublisher({ connection, log: bench.log });
  const repair = () => connection.withChannel(() => declareTopology(() => bench.model.createChannel(), bench.names, PARTNERS));
  relay = createRelay({ publisher, outbox, exchange: bench.names.events, log: bench.log, repair, everyMs: 200 });
}
async function subscribe() {
  const channel = await bench.model.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, bench.names.events, "payment.*");
  unsubscribe = async () => {
    await channel.deleteQueue(queue);
    await channel.close();
    unsubscribe = async () => undefined;
  };
  return bench.listen(queue);
}

before(async () => {
  bench = await openBench();
  proxy = await openProxy();
});
afterEach(async () => {
  await unsubscribe();
  await relay.stop(1_000);
  await publisher.stop();
  await connection.stop();
});
after(async () => {
  await proxy.close();
  await bench.close();
});

test("what an earlier run left is published in order, then hand-offs in process; each once, then no longer owed", async () => {
  rows = new Map();
  failing = false;
  const left = commit(1_200);
  const before = bench.connection();
  await before.ready(60_000);
  const seen = await subscribe();
  await start();
  await until("left over", () => seen.length === left.length);
  await until("caught up", () => !relay.behind());
  for (let at = 0; at < 20; at += 1) relay.offer(commit(5));
  await until("outbox empty", () => rows.size === 0);
  await sleep(300);
  assert.deepEqual(
    seen.map((message) => message.properties.messageId),
    Array.from({ length: 1_300 }, (_, at) => `event-${at + 1}`),
  );
  const { properties, fields, content } = seen[0] ?? assert.fail("nothing seen");
  assert.equal(fields.routingKey, "payment.settled");
  assert.equal(properties.contentType, EVENT_CONTENT_TYPE);
  assert.equal(properties.deliveryMode, 2);
  assert.deepEqual(properties.headers, { traceparent: TRACEPARENT }, "a subscriber goes on in the sender's trace");
  assert.equal(JSON.parse(content.toString()).data.name, "张三");
});

test("broker away: hand-offs are not kept in memory and come from the outbox once it is back, in order, none lost", async () => {
  rows = new Map();
  failing = false;
  await start();
  await until("caught up", () => !relay.behind());
  const seen = await subscribe();
  relay.offer(commit(1));
  proxy.refuse(true);
  proxy.cut();
  await until("down", () => connection.state() !== "up");
  const missed = commit(2_000);
  for (const item of missed) relay.offer([item]);
  assert.ok(relay.inFlight() <= 1);
  proxy.refuse(false);
  await until("outbox empty", () => rows.size === 0);
  // Confirmed to the relay is not yet delivered to the subscriber.
  const ids = (): Set<string> => new Set(seen.map((message) => String(message.properties.messageId)));
  await until("every one is delivered", () => missed.every(({ event }) => ids().has(event.id)));
  const order = seen.map((message) => BigInt(String(message.properties.messageId).slice(6))).slice(-2_000);
  assert.deepEqual(
    order,
    order.toSorted((a, b) => (a < b ? -1 : 1)),
  );
});

test("a database that is away for a moment: confirmed events are marked later, nothing is lost", async () => {
  rows = new Map();
  failing = false;
  await start();
  await until("caught up", () => !relay.behind());
  failing = true;
  relay.offer(commit(10));
  await until("published", () => relay.published() === 10);
  await sleep(300);
  assert.equal(rows.size, 10);
  failing = false;
  await until("marked", () => rows.size === 0);
});

test("an event that no queue takes stays owed, the topology is declared again, and it is published", async () => {
  rows = new Map();
  failing = false;
  await start();
  await until("caught up", () => !relay.behind());
  const admin = await bench.model.createChannel();
  await admin.deleteQueue(bench.names.allEvents);
  await admin.close();
  relay.offer(commit(1));
  await until("outbox empty", () => rows.size === 0);
  assert.ok(bench.lines.some((line) => line.level === "error" && /no queue takes this event/.test(line.message)));
  assert.equal(await bench.depth(bench.names.allEvents), 1);
});
