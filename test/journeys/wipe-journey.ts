/**
 * RabbitMQ's data folder is deleted under load and Redis is flushed ("What must show" 7 of issue 3, F06 and F07 of the fault matrix): nothing journaled is lost, a registered
 * subscriber has every event, and work goes on within seconds of the broker's return.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import amqp from "amqplib";
import { Redis } from "ioredis";
import { compare, type Report } from "../hospital/oracle.ts";
import { type Huiliu, type Profile, until } from "./harness.ts";
import { createStory, textOf } from "./story.ts";

/** The partner whose profile asks for every event. */
const SUBSCRIBER = "his";
const QUEUE = `huiliu.events.${SUBSCRIBER}`;
/** It reads so slowly that events wait in its queue when the broker is wiped. */
const PREFETCH = 5;
/** So many of them: a wipe that destroys nothing proves nothing. */
const UNREAD = 10;
const SENDERS = 24;
const RESUMED_MS = 10_000;

/** For `startHuiliu`: the partner's profile with a subscription. */
export const subscribed = (profile: Profile): Profile => ({ ...profile, subscription: { events: ["#"] } });

export interface WipeOptions {
  /** HTTP messages: half of them charges, half payments. */
  readonly messages: number;
  readonly seed: number;
  /** Milliseconds that the subscriber takes for one event before the wipe. */
  readonly readMs?: number;
}

export interface WipeReport {
  readonly messages: number;
  readonly events: number;
  readonly published: number;
  readonly unreadAtTheWipe: number;
  readonly seenTwice: number;
  readonly resumedMs: number;
  readonly report: Report;
}

interface Reader {
  readonly seen: Map<string, number>;
  /** Events read over a connection that was opened after `hurry`. */
  anew(): number;
  hurry(): void;
  stop(): Promise<void>;
}

/** A subscriber as partners write them: reads, acknowledges, comes back when the broker does, and knows events by their id. */
function startReader(url: string, readMs: number): Reader {
  const seen = new Map<string, number>();
  let pause = readMs;
  let stopped = false;
  let hurried = false;
  let anew = 0;
  let current: amqp.ChannelModel | undefined;
  const read = async (): Promise<void> => {
    const late = hurried;
    const model = await amqp.connect(url, { timeout: 3_000 });
    current = model;
    const gone = new Promise<void>((resolve) => {
      model.on("close", () => resolve());
      model.on("error", () => resolve());
    });
    const channel = await model.createChannel();
    channel.on("error", () => undefined); // the queue is not there yet: tried again
    await channel.prefetch(PREFETCH);
    await channel.consume(QUEUE, (message) => {
      if (message === null) return void model.close().catch(() => undefined);
      if (late) anew += 1;
      setTimeout(() => {
        const id = String((JSON.parse(message.content.toString("utf8")) as { id: string }).id);
        seen.set(id, (seen.get(id) ?? 0) + 1);
        try {
          channel.ack(message);
        } catch {
          return; // the channel went with the broker: it is delivered again
        }
      }, pause);
    });
    await gone;
  };
  const loop = (async () => {
    while (!stopped) {
      await read().catch(() => undefined); // the broker is away
      await sleep(200);
    }
  })();
  return {
    seen,
    anew: () => anew,
    hurry() {
      hurried = true;
      pause = 0;
    },
    async stop() {
      stopped = true;
      await current?.close().catch(() => undefined);
      await loop;
    },
  };
}

/** Sends by HTTP until each is taken. */
async function sendAll(huiliu: Huiliu, story: ReturnType<typeof createStory>, ordinals: number[]): Promise<void> {
  const rest = [...ordinals];
  const post = async (name: "charge" | "payment", ordinal: number): Promise<void> => {
    const made = story.make(`his.${name}`, ordinal, "self");
    for (;;) {
      const answer = await huiliu
        .post("his", name, textOf(made), { "content-type": "application/xml; charset=UTF-8", "idempotency-key": made.id })
        .catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 200 || answer?.status === 202) return;
      await sleep(100);
    }
  };
  const work = async (): Promise<void> => {
    for (let ordinal = rest.shift(); ordinal !== undefined; ordinal = rest.shift()) {
      await post("charge", ordinal);
      await post("payment", ordinal);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, work));
}

const count = async (huiliu: Huiliu, text: string): Promise<number> => Number((await huiliu.sql(text))[0]?.n);

/** The engine must have been started with `subscribed` for the partner his. Throws where anything of the promise does not hold. */
export async function wipeBroker(huiliu: Huiliu, { messages, seed, readMs = 100 }: WipeOptions): Promise<WipeReport> {
  const nobody = (): never => {
    throw new Error("this journey pushes nothing by AMQP");
  };
  const story = createStory(() => huiliu, nobody, seed);
  const ordinals = Array.from({ length: Math.ceil(messages / 2) }, (_, index) => index);
  const since = (await huiliu.ledger()).length;
  const reader = startReader(huiliu.run().partners[SUBSCRIBER]?.amqp ?? "", readMs);
  try {
    const sending = sendAll(huiliu, story, ordinals);
    await until(
      "half of it is under way",
      async () => (await count(huiliu, "select count(*)::int n from message")) >= messages / 2,
      600_000,
    );
    let published = 0;
    let unread = 0;
    const waiting = async (): Promise<boolean> => {
      published = await count(huiliu, "select count(*)::int n from event where published");
      unread = published - reader.seen.size;
      return unread >= UNREAD;
    };
    await until("events wait in the subscriber's queue", waiting, 60_000);
    await huiliu.killWiped("rabbit", "db");
    const redis = new Redis(huiliu.run().redis);
    await redis.flushall();
    redis.disconnect();
    reader.hurry();
    await huiliu.recovered();
    const back = Date.now();
    await until("the subscriber reads again", () => reader.anew() > 0, RESUMED_MS);
    const resumedMs = Date.now() - back;
    await sending;
    await story.quiet(600_000);
    const wanted = (await huiliu.sql("select id from event where published")).map((row) => String(row.id));
    await until(
      "the subscriber has every event",
      () => wanted.every((id) => reader.seen.has(id)),
      300_000,
      async () => ({
        missing: wanted.filter((id) => !reader.seen.has(id)).length,
        of: wanted.length,
        subscriber: await huiliu.sql("select * from subscriber"),
      }),
    );
    const sent = ordinals.flatMap((ordinal) => story.make("his.payment", ordinal, "self").expect);
    const report = compare(sent, (await huiliu.ledger()).slice(since));
    assert.deepEqual({ ...report, clean: true }, report, JSON.stringify(report));
    assert.equal(await count(huiliu, "select count(*)::int n from message where state <> 'settled' and state <> 'duplicate'"), 0);
    assert.equal(await count(huiliu, "select wipes as n from broker_epoch"), 1, "the wipe was seen");
    return {
      messages: ordinals.length * 2,
      events: wanted.length,
      published,
      unreadAtTheWipe: unread,
      seenTwice: [...reader.seen.values()].filter((times) => times > 1).length,
      resumedMs,
      report,
    };
  } finally {
    await reader.stop();
  }
}
