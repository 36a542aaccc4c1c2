/** A thousand messages in flight while engine, broker and database are killed: the journey that both kinds of HIS go through ("What must show" 4). */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import amqp from "amqplib";
import { createDice } from "../hospital/messages/cases.ts";
import type { Made } from "../hospital/messages/made.ts";
import { compare, type Sent } from "../hospital/oracle.ts";
import { piecesOf } from "../hospital/send.ts";
import { type Huiliu, type Part, until } from "./harness.ts";
import { createStory } from "./story.ts";

/**
 * 501 bills of a charge and two facts that the HIS is owed: 1,503 messages, 1,002 effects. Insured ones come through two queues: their payment may overtake the
 * settlement and is then held. A refund comes through the queue of its payment: one that overtook a settlement would leave the bill uncovered for good.
 */
const BILLS = 501;
const INSURED = ["his.charge", "neusoft.settle", "his.payment"] as const;
const SELF = ["his.charge", "his.payment", "his.refund"] as const;
/** The HIS takes its time, so that work piles up and every kill finds some. */
const HIS_MS = 200;
/** Chains that their partners send at once. */
const SENDERS = 24;
/** A sender's pause between bills: sending goes on while things are killed. */
const PAUSE_MS = 250;
/** The engine is killed so soon after the database: what it holds and could not journal is the broker's still, or it is lost. */
const HOLDING_MS = 120;
const KILLS: readonly Part[] = ["engine", "engine", "engine", "rabbit", "postgres"];
const GAP_MS = [150, 1_200] as const;
/** Longer than a message's lease of 60 s: an answer of the database that a kill swallowed (256 rows leased, nobody told) is waited for. */
const DRAINED_MS = 100_000;
/**
 * RabbitMQ 3.10 writes the register of quorum queues twice a second: one declared just before a kill -9 is known afterwards, but has no leader, confirms nothing,
 * and so holds up everybody's events until its owner deletes it. Nobody here proves that; a subscriber's queue is older than the kill.
 */
const QUEUE_IS_REGISTERED_MS = 2_000;
const SUBSCRIBER = "journey.subscriber";

export interface KillReport {
  readonly seed: number;
  readonly kills: readonly { readonly part: Part; readonly effectsBefore: number }[];
  readonly messages: number;
  readonly effects: number;
  /** Effects that cancelled out in pairs before the HIS heard of them. */
  readonly cancelled: number;
  readonly repeats: number;
  readonly inquiries: number;
  readonly seconds: number;
}

/** A sender that does not give up: what the broker has not confirmed is sent again, under the same message id, when it is back. */
class Sender {
  readonly #url: string;
  #connection: amqp.ChannelModel | undefined;
  #channel: Promise<amqp.ConfirmChannel> | undefined;
  resent = 0;
  /** True: the journey has failed, nobody waits for what is not sent yet. */
  givenUp = false;
  constructor(url: string) {
    this.#url = url;
  }
  async #open(): Promise<amqp.ConfirmChannel> {
    const connection = await amqp.connect(this.#url, { timeout: 3_000 });
    this.#connection = connection;
    const forget = (): void => {
      this.#channel = undefined;
    };
    connection.on("error", forget).on("close", forget);
    const channel = await connection.createConfirmChannel();
    channel.on("error", forget);
    channel.setMaxListeners(SENDERS * 2);
    return channel;
  }
  async push(key: string, body: Buffer, options: amqp.Options.Publish): Promise<void> {
    for (;;) {
      try {
        this.#channel ??= this.#open();
        const channel = await this.#channel;
        await new Promise<void>((resolve, reject) => {
          const gone = (): void => reject(new Error("the channel closed"));
          channel.once("close", gone);
          channel.publish("huiliu.inbound", key, body, { persistent: true, mandatory: true, ...options }, (error: unknown) => {
            channel.off("close", gone);
            if (error) reject(error);
            else resolve();
          });
        });
        return;
      } catch (error) {
        if (this.givenUp) throw error;
        this.#channel = undefined; // the broker is away: what was not confirmed is sent again
        this.resent += 1;
        await sleep(200);
      }
    }
  }
  async close(): Promise<void> {
    const channel = await this.#channel;
    await channel?.close();
    await this.#connection?.close();
  }
}

/** All of one bill, one after another: a partner sends the payment when the settlement is on its way. */
async function sendChain(sender: Sender, chain: readonly { name: string; made: Made }[]): Promise<void> {
  for (const { name, made } of chain) {
    const [partner = "", message = ""] = name.split(".");
    for (const piece of piecesOf(made, { partner, message }, false)) {
      const { id, bytes, contentType, headers } = piece;
      await sender.push(name, bytes, { messageId: id, contentType, headers });
    }
  }
}

async function sendAll(sender: Sender, chains: readonly { name: string; made: Made }[][]): Promise<number> {
  const rest = [...chains];
  const work = async (): Promise<void> => {
    for (let chain = rest.shift(); chain !== undefined; chain = rest.shift()) {
      await sendChain(sender, chain);
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, work));
  await sender.close();
  return sender.resent;
}

/** A subscriber's own durable queue: what it holds after everything is what was published. */
async function bindSubscriber(url: string): Promise<void> {
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  await channel.assertQueue(SUBSCRIBER, { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.bindQueue(SUBSCRIBER, "huiliu.events", "#");
  await connection.close();
}

async function readSubscriber(url: string): Promise<Map<string, number>> {
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  const seen = new Map<string, number>();
  for (let got = await channel.get(SUBSCRIBER); got !== false; got = await channel.get(SUBSCRIBER, { noAck: true })) {
    const { id } = JSON.parse(got.content.toString("utf8")) as { id: string };
    seen.set(id, (seen.get(id) ?? 0) + 1);
  }
  await connection.close();
  return seen;
}

/** Kills in a shuffled order at random moments; the engine is waited for, the servers are not, so that outages overlap. */
async function killThem(huiliu: Huiliu, seed: number, effects: () => Promise<number>): Promise<KillReport["kills"]> {
  const dice = createDice(seed);
  const order = [...KILLS];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = dice(last + 1);
    [order[last], order[other]] = [order[other] as Part, order[last] as Part];
  }
  // The database is never the last one: an engine without its journal is killed, too.
  const at = order.indexOf("postgres");
  if (order[at + 1] !== "engine") {
    order.splice(at, 1);
    order.splice(order.indexOf("engine"), 0, "postgres");
  }
  const kills: { part: Part; effectsBefore: number }[] = [];
  for (const [index, part] of order.entries()) {
    await sleep(order[index - 1] === "postgres" ? HOLDING_MS : GAP_MS[0] + dice(GAP_MS[1] - GAP_MS[0]));
    const effectsBefore = await effects();
    await huiliu.kill(part);
    kills.push({ part, effectsBefore });
    if (part === "engine") await huiliu.engineBack();
  }
  await huiliu.recovered();
  return kills;
}

/** Sends, kills, waits, and counts from the ledger. Throws with the report when anything is lost, doubled, out of order or untrue. */
export async function killJourney(huiliu: Huiliu, seed: number): Promise<KillReport> {
  const since = performance.now();
  const story = createStory(
    () => huiliu,
    () => {
      throw new Error("messages are sent by a sender that does not give up");
    },
    seed,
  );
  const chains = Array.from({ length: BILLS }, (_, ordinal) => {
    const payer = ordinal % 2 === 0 ? "insured" : "self";
    return (payer === "insured" ? INSURED : SELF).map((name) => ({ name, made: story.make(name, ordinal, payer) }));
  });
  const messages = chains.reduce((total, chain) => total + chain.length, 0);
  const sent: Sent[] = chains.flatMap((chain) => chain.flatMap(({ made }) => made.expect));
  await bindSubscriber(huiliu.run().amqp);
  await sleep(QUEUE_IS_REGISTERED_MS);
  await huiliu.fault({ fault: "slow", ms: HIS_MS });
  const sender = new Sender(huiliu.run().amqp);
  const sending = sendAll(sender, chains);
  const effects = async (): Promise<number> => (await story.effects()).length;
  const kills = await killThem(huiliu, seed, effects).catch((error: unknown) => {
    sender.givenUp = true;
    sending.catch(() => undefined); // the kill's own failure is the one to be read
    throw error;
  });
  await sending;
  await huiliu.fault({ fault: "none" });
  // A refund that comes while its payment is not told yet cancels it out: the HIS hears of neither (docs/decisions/012-superseded.md).
  const superseded = async (): Promise<number> =>
    Number((await huiliu.sql("select count(*)::int n from write_back where resolution = 'superseded'"))[0]?.n ?? 0);
  await until(
    "every effect is there",
    async () => (await effects()) + (await superseded()) >= sent.length,
    DRAINED_MS,
    async () => ({
      kills,
      effects: await effects(),
      states: await huiliu.sql(
        "select state, count(*)::int n from message group by 1 union all select 'wb ' || state, count(*)::int from write_back group by 1",
      ),
      parked: await huiliu.sql("select kind, park->>'zh' zh from message where state = 'parked' limit 3"),
    }),
  );
  await story.quiet(DRAINED_MS);

  const report = compare(sent, await huiliu.ledger());
  assert.deepEqual({ ...report, clean: true }, report, JSON.stringify(report));
  assert.equal(report.effects + report.cancelled.length, sent.length);
  assert.ok(
    kills.filter((kill) => kill.effectsBefore < sent.length).length >= KILLS.length - 1,
    `the kills found work in flight: ${JSON.stringify(kills)}`,
  );
  const states = await huiliu.sql("select state, count(*)::int n from write_back group by 1 order by 1");
  const gone = report.cancelled.length === 0 ? [] : [{ state: "resolved", n: report.cancelled.length }];
  assert.deepEqual(states, [{ state: "acknowledged", n: report.effects }, ...gone]);
  assert.equal(await superseded(), report.cancelled.length, "what the HIS never heard of is what we superseded");
  const journal = await huiliu.sql("select state, count(*)::int n from message group by 1 order by 1");
  assert.deepEqual(journal, [{ state: "settled", n: messages }]);
  const stored = (await huiliu.sql("select id from event where published")).map((row) => String(row.id));
  const read = await readSubscriber(huiliu.run().amqp);
  assert.deepEqual(
    stored.filter((id) => !read.has(id)),
    [],
    "every event reached the subscriber",
  );
  assert.deepEqual(
    [...read.keys()].filter((id) => !stored.includes(id)),
    [],
    "and none that is not stored",
  );
  const { repeats, inquiries } = report;
  const seconds = Math.round((performance.now() - since) / 100) / 10;
  return { seed, kills, messages, effects: report.effects, cancelled: report.cancelled.length, repeats, inquiries, seconds };
}
