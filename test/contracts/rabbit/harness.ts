/** What the broker tests share: the broker's address, a proxy that can be cut, names of their own, a silent log, waiting. */
import { randomUUID } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChannelModel, type ConsumeMessage, connect as connectAmqp } from "amqplib";
import type { Log } from "../../../domain/log.ts";
import { createConnection, type RabbitConnection } from "../../../platform/rabbit/connection.ts";
import { declareTopology, type Names, namesOf } from "../../../platform/rabbit/topology.ts";

export function amqpUrl(): string {
  const url = process.env.HUILIU_TEST_AMQP_URL;
  if (url === undefined || url === "")
    throw new Error("HUILIU_TEST_AMQP_URL is not set: run these tests with npm test, which starts a broker");
  return url;
}

export interface TcpProxy {
  /** The broker's URL, through the proxy. */
  readonly url: string;
  /** Cuts every connection with a reset. */
  cut(): void;
  /** Nothing is passed on any more, and nobody is told: a half-open link. */
  freeze(): void;
  thaw(): void;
  /** Refuses new connections until told otherwise. */
  refuse(yes: boolean): void;
  connections(): number;
  /** Puts a frame of the broker's into the stream to the client; only while nothing else is under way. */
  say(frame: Buffer): void;
  close(): Promise<void>;
}

/** A TCP proxy before the broker. */
export async function openProxy(target = amqpUrl()): Promise<TcpProxy> {
  const to = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let refusing = false;
  let frozen = false;
  const server = createServer((inner) => {
    if (refusing) {
      inner.resetAndDestroy();
      return;
    }
    const outer = connect(Number(to.port || (to.protocol.startsWith("redis") ? 6379 : 5672)), to.hostname);
    const pair = [inner, outer] as const;
    pairs.add(pair);
    for (const [from, other] of [pair, [outer, inner] as const]) {
      from.on("data", (bytes) => {
        if (!frozen) other.write(bytes);
      });
      from.on("error", () => other.destroy());
      from.on("close", () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
  const through = new URL(target);
  through.hostname = "127.0.0.1";
  through.port = String(address.port);
  const cut = (): void => {
    for (const [inner, outer] of pairs) {
      inner.resetAndDestroy();
      outer.destroy();
    }
  };
  return {
    url: through.href,
    cut,
    freeze() {
      frozen = true;
    },
    thaw() {
      frozen = false;
    },
    refuse(yes) {
      refusing = yes;
    },
    connections: () => pairs.size,
    say(frame) {
      for (const [inner] of pairs) inner.write(frame);
    },
    async close() {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export interface Line {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** Keeps what was logged. */
export function keepLog(): { readonly log: Log; readonly lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  return { log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, lines };
}

/** The frames with which a broker in alarm stops and restarts its publishers: connection.blocked (with a reason) and connection.unblocked. */
export function alarmFrame(reason: string | undefined): Buffer {
  const method = Buffer.from([0, 10, 0, reason === undefined ? 61 : 60]);
  const payload = reason === undefined ? method : Buffer.concat([method, Buffer.from([reason.length]), Buffer.from(reason)]);
  const head = Buffer.from([1, 0, 0, 0, 0, 0, payload.length]);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
}

/** Waits until `holds`, at most `ms`: patience for a machine that does other things, too, not a promise of the code under test. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}

/** A broker client of the test's own, beside the engine's: it publishes, reads, deletes. */
export interface Bench {
  readonly names: Names;
  readonly model: ChannelModel;
  readonly log: Log;
  readonly lines: Line[];
  /** A connection of the engine's kind, through `url` or straight. */
  connection(url?: string, partners?: readonly string[]): RabbitConnection;
  publish(exchange: string, key: string, body: string | Buffer, options?: object): Promise<void>;
  /** Takes everything that comes into a queue, acknowledged at once. */
  listen(queue: string): Promise<ConsumeMessage[]>;
  depth(queue: string): Promise<number>;
  close(): Promise<void>;
}

export const PARTNERS: readonly string[] = ["neusoft", "his"];

/** Names nobody else uses, so that tests share one broker; everything is deleted at the end. */
export async function openBench(): Promise<Bench> {
  const names = namesOf(`t${randomUUID().slice(0, 8)}`);
  const model = await connectAmqp(amqpUrl());
  model.on("error", () => undefined); // the bench ends with its test
  const { log, lines } = keepLog();
  const connections: RabbitConnection[] = [];
  const admin = await model.createConfirmChannel();
  return {
    names,
    model,
    log,
    lines,
    connection(url = amqpUrl(), partners = PARTNERS) {
      const connection = createConnection({ url, name: "test", log, prepare: (open) => declareTopology(open, names, partners) });
      connections.push(connection);
      return connection;
    },
    async publish(exchange, key, body, options = {}) {
      admin.publish(exchange, key, Buffer.from(body), { persistent: true, ...options });
      await admin.waitForConfirms();
    },
    async listen(queue) {
      const seen: ConsumeMessage[] = [];
      await admin.consume(queue, (message) => void (message !== null && seen.push(message)), { noAck: true });
      return seen;
    },
    async depth(queue) {
      return (await admin.checkQueue(queue)).messageCount;
    },
    async close() {
      await Promise.all(connections.map((connection) => connection.stop()));
      const queues = [names.unroutedQueue, names.allEvents, names.dead, ...PARTNERS.map(names.queueOf)];
      for (const queue of queues) await admin.deleteQueue(queue);
      for (const exchange of [names.inbound, names.events, names.unrouted, names.dead]) await admin.deleteExchange(exchange);
      await model.close();
    },
  };
}
