import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConsumeMessage } from "amqplib";
import type { DoorPolicy, Intake, Verdict } from "../../../domain/journal/intake.ts";
import { type Inbound, type Journaled, JournalBusy, type JournaledMessage, JournalGone } from "../../../domain/journal/ports.ts";
import { refusal } from "../../../domain/refusals.ts";
import type { RabbitConnection } from "../../../platform/rabbit/connection.ts";
import { createPublisher, type Publisher } from "../../../platform/rabbit/publisher.ts";
import { type AmqpDoor, openAmqpDoor } from "../../../platform/transports/amqp/door.ts";
import { type Bench, openBench, openProxy, PARTNERS, type TcpProxy, until } from "./harness.ts";

/** The account that the runner gives us: the broker vouches for it in user-id. */
const BROKER_USER = decodeURIComponent(new URL(process.env.HUILIU_TEST_AMQP_URL ?? "amqp://guest@").username);

/** Longer than a loaded machine takes for the dozen busy answers below: those are a moment. */
const HOLD_ALL_MS = 3_000;
let bench: Bench;
let proxy: TcpProxy;
let connection: RabbitConnection;
let publisher: Publisher;
let door: AmqpDoor;
let dead: ConsumeMessage[] | undefined;
/** What the journal took, in order. */
let taken: Inbound[];
let asked: number;
let trouble: ((inbound: Inbound) => Error | undefined) | undefined;
let gate: Promise<void> | undefined;

const policyOf = (partner: string): DoorPolicy => ({
  partner,
  vendor: partner,
  bytesMax: 1_000,
  perSecond: 100,
  charset: "utf-8",
  kinds: new Set(["note", "settle"]),
  exchanges: new Set(["settle"]),
});
const intake: Intake = {
  policy: (partner) => (PARTNERS.includes(partner) ? policyOf(partner) : undefined),
  partners: () => PARTNERS.map(policyOf),
  async accept(inbound): Promise<Journaled> {
    asked += 1;
    await gate;
    const error = trouble?.(inbound);
    if (error !== undefined) throw error;
    taken.push(inbound);
    const messageId = `id-${taken.length}`;
    if (inbound.refusal !== undefined) return { kind: "parked", messageId, reason: inbound.refusal };
    return { kind: "accepted", message: { id: messageId } as JournaledMessage };
  },
  async verdict(journaled): Promise<Verdict> {
    if (journaled.kind === "parked") return { verdict: "refused", messageId: journaled.messageId, reason: journaled.reason };
    return { verdict: "accepted", messageId: journaled.kind === "accepted" ? journaled.message.id : journaled.messageId, events: ["e1"] };
  },
};
const bodies = (): string[] => taken.map((inbound) => Buffer.from(inbound.raw).toString());
const queue = (): string => bench.names.queueOf("his");
const send = (body: string | Buffer, options: object = {}, key = "his.note"): Promise<void> =>
  bench.publish(bench.names.inbound, key, body, options);
const empty = (): Promise<void> =>
  until("queue empty", async () => (await bench.depth(queue())) === 0 && Object.values(door.status()).every((one) => one.inFlight === 0));

before(async () => {
  bench = await openBench();
  proxy = await openProxy();
});
beforeEach(async () => {
  taken = [];
  asked = 0;
  trouble = undefined;
  gate = undefined;
  connection = bench.connection(proxy.url);
  await connection.ready(60_000);
  dead ??= await bench.listen(bench.names.dead);
  dead.length = 0;
  publisher = createPublisher({ connection, log: bench.log });
  door = openAmqpDoor({
    connection,
    publisher,
    names: bench.names,
    intake,
    log: bench.log,
    holdAllMs: HOLD_ALL_MS,
    maySpeakFor: (user, partner) => user === partner || user === BROKER_USER,
  });
});
afterEach(async () => {
  await door.stop();
  await publisher.stop();
  await connection.stop();
});
after(async () => {
  await proxy.close();
  await bench.close();
});

test("a message is acknowledged only after the journal has committed it", async () => {
  let open = (): void => undefined;
  gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  await send("one");
  await until("asked", () => asked === 1);
  await sleep(100);
  assert.equal(door.status()[queue()]?.inFlight, 1, "not acknowledged while the commit is under way");
  proxy.cut(); // the sender's message survives us
  await until("asked again", () => asked === 2);
  open();
  await until("taken", () => taken.length === 2); // the same message: the journal knows it by its identity
  await empty();
});

test("what nobody can work on is journaled as parked: unknown kind, stranger, too large, wrong user", async () => {
  await send("x", {}, "his.nothing");
  await send("x", {}, "stranger.note");
  await send(Buffer.alloc(1_001, "x"));
  await send("", {});
  await send("fine", { userId: BROKER_USER });
  await until("all taken", () => taken.length === 5);
  assert.deepEqual(taken.map((inbound) => `${inbound.partner} ${inbound.refusal?.code ?? "ok"}`).sort(), [
    "his EMPTY_BODY",
    "his TOO_LARGE",
    "his UNKNOWN_MESSAGE",
    "his ok",
    "stranger UNKNOWN_PARTNER",
  ]);
  await empty();
});

test("larger than anything we store: whole to the dead-letter queue, its beginning parked where a person sees it, and the queue goes on", async () => {
  await send(Buffer.alloc(16 * 1024 * 1024 + 1));
  await send("next");
  await until("dead and next", () => dead?.length === 1 && taken.length === 2);
  assert.deepEqual(
    taken.map((inbound) => [inbound.refusal?.code, inbound.raw.length]),
    [
      ["TOO_LARGE", 64 * 1024],
      [undefined, 4],
    ],
  );
  assert.equal(dead?.[0]?.content.length, 16 * 1024 * 1024 + 1);
  await empty();
});

test("the journal is busy for a moment: messages are held in place, nothing is given back, nothing is lost", async () => {
  let busy = 12;
  trouble = () => (busy-- > 0 ? new JournalBusy() : undefined);
  for (let at = 0; at < 10; at += 1) await send(`m${at}`);
  await until("all taken", () => taken.length === 10);
  assert.deepEqual(
    bodies().sort(),
    Array.from({ length: 10 }, (_, at) => `m${at}`),
  );
  await empty();
  assert.equal(bench.lines.filter((line) => /consuming paused/.test(line.message)).length, 0);
});

test("the journal is gone: consuming stops without a hot loop, one message is tried, all are taken when it is back", async () => {
  trouble = () => new JournalGone();
  for (let at = 0; at < 50; at += 1) await send(`m${at}`);
  await until("paused", () => door.status()[queue()]?.state === "paused");
  await until("one held", () => door.status()[queue()]?.inFlight === 1);
  const [before, since] = [asked, performance.now()];
  await sleep(1_500);
  const ms = performance.now() - since;
  assert.ok(asked - before <= Math.ceil(ms / 300), `${asked - before} tries in ${Math.round(ms)} ms`);
  assert.equal(taken.length, 0);
  proxy.cut(); // the message tried with comes back as another delivery
  await until("one held again", () => asked > before + 1 && door.status()[queue()]?.inFlight === 1);
  trouble = undefined;
  await until("all taken", () => new Set(bodies()).size === 50);
  await empty();
  assert.equal(door.status()[queue()]?.state, "consuming");
  assert.equal(door.status()[queue()]?.holding, false);
});

test("a message the journal chokes on is tried five times, then dead-lettered; its neighbours are not held up", async () => {
  trouble = (inbound) => (Buffer.from(inbound.raw).toString() === "poison" ? new Error("cannot be stored") : undefined);
  await send("poison");
  await send("neighbour");
  await until("neighbour", () => bodies().includes("neighbour"));
  assert.equal(dead?.length, 0, "the neighbour was taken while the other one was still being tried");
  await until("dead", () => dead?.length === 1);
  assert.equal(asked, 6);
});

test("reply-to gets the verdict with the sender's correlation id; never a queue of ours", async () => {
  const channel = await bench.model.createChannel();
  const replies: ConsumeMessage[] = [];
  await channel.consume("amq.rabbitmq.reply-to", (message) => void (message !== null && replies.push(message)), { noAck: true });
  channel.publish(bench.names.inbound, "his.note", Buffer.from("a"), { replyTo: "amq.rabbitmq.reply-to", correlationId: "c1" });
  channel.publish(bench.names.inbound, "his.nothing", Buffer.from("b"), { replyTo: "amq.rabbitmq.reply-to", correlationId: "c2" });
  await until("two replies", () => replies.length === 2);
  const told = new Map(replies.map((reply) => [reply.properties.correlationId, JSON.parse(reply.content.toString())]));
  const { messageId, ...accepted } = told.get("c1");
  assert.deepEqual(accepted, { verdict: "accepted", events: ["e1"] });
  assert.match(messageId, /^id-/);
  const { zh, en } = refusal("UNKNOWN_MESSAGE");
  assert.deepEqual([told.get("c2").verdict, told.get("c2").code, told.get("c2").text], ["refused", "UNKNOWN_MESSAGE", { zh, en }]);
  await send("spoof", { replyTo: bench.names.queueOf("neusoft") });
  const name = `reply.neusoft.${bench.names.inbound}`;
  await channel.assertQueue(name, { autoDelete: true });
  const others = await bench.listen(name);
  await send("spoof", { replyTo: name });
  await send("gone", { replyTo: "no.such.queue" });
  await until("logged", () => bench.lines.some((line) => /names a queue that is not the sender's/.test(line.message)));
  await until("undelivered logged", () => bench.lines.some((line) => /verdict not delivered/.test(line.message)));
  await until("all are taken", () => taken.length === 5);
  await empty();
  assert.deepEqual(others, [], "nobody is given verdicts in another's name");
});

test("drain: no new messages are taken, those in flight end; resume goes on", async () => {
  assert.equal(await door.drain(1_000), 0);
  await send("later");
  await sleep(200);
  assert.equal(asked, 0);
  await door.resume();
  await until("taken", () => taken.length === 1);
  await empty();
});
