/** Faults of the messages themselves: duplicates at once, poison, monsters, half of them; and a partner that can neither dedupe nor be asked. */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCase } from "../../hospital/messages/cases.ts";
import { piecesOf } from "../../hospital/send.ts";
import { DATE, messageOf } from "../load.ts";
import { bills, type Fault, type Stage } from "../registry.ts";
import { NAIVE_HIS } from "../world.ts";

const TIMES = 50;
const POISON_SEED = 999_983;

/** The same payment fifty times at the same instant: one message, one effect, and everybody is told that it is taken. */
async function concurrently(stage: Stage): Promise<void> {
  const { target } = stage.world;
  const rounds = stage.form === "short" ? 4 : 20;
  // Other messages of the load itself, sent again while they are new.
  const chains = stage.load.chains.filter((chain) => chain.messages[0]?.name.startsWith("his.")).slice(0, rounds);
  let answers = 0;
  for (const chain of chains) {
    const message = chain.messages[0];
    if (message === undefined) continue;
    const [piece] = piecesOf(message.made, { partner: "his", message: message.name.slice(4) }, true);
    if (piece === undefined) continue;
    const url = `${target.gateway()}/partners/his/messages/${message.name.slice(4)}`;
    const headers = { "content-type": piece.contentType, "idempotency-key": piece.id, authorization: `Bearer ${target.key("his")}` };
    const told = await Promise.all(
      Array.from({ length: TIMES }, async () => {
        const answer = await fetch(url, { method: "POST", headers, body: new Uint8Array(piece.bytes) });
        return { ok: answer.ok, text: await answer.text() };
      }),
    );
    answers += told.length;
    const bad = told.filter((one) => !one.ok);
    if (bad.length > 0) stage.fail(`${bad.length} of ${TIMES} at once were refused: ${bad[0]?.text.slice(0, 150)}`);
  }
  stage.over();
  stage.note("at once", answers);
}

/** Messages that nobody can read, under the load: each is parked with its bytes, and their neighbours do not notice. */
const isPoison = (name: string, seed: number): boolean => name.startsWith(`poison-${seed}-`);

async function poison(stage: Stage): Promise<void> {
  const { world, form, dice } = stage;
  const wanted = form === "short" ? 20 : 200;
  const poisons: ((text: string) => string | Buffer)[] = [
    (text) => text.slice(0, 40 + dice(text.length - 60)),
    (text) => text.replace("</Message>", ""),
    (text) => text.replace(/<Total>[^<]*/, "<Total>1e21"),
    (text) => text.replace("<?xml", '<!DOCTYPE a [<!ENTITY b "c">]><?xml'),
    (text) => Buffer.concat([Buffer.from(text.slice(0, 200)), Buffer.from([0xff, 0xfe, 0x00]), Buffer.from(text.slice(200))]),
    () => "<".repeat(20_000),
  ];
  let refused = 0;
  for (let at = 0; at < wanted; at += 1) {
    const { made } = messageOf(
      "his.payment",
      makeCase({ seed: POISON_SEED, date: DATE, payer: "self" }, (stage.seed % 1_000) * 1_000 + at),
      "http",
    );
    const text = made.body.type === "document" ? made.body.text : "";
    const bytes = poisons[at % poisons.length]?.(text) ?? "";
    const answer = await fetch(`${world.target.gateway()}/partners/his/messages/payment`, {
      method: "POST",
      headers: {
        "content-type": "application/xml; charset=UTF-8",
        "idempotency-key": `poison-${stage.seed}-${at}`,
        authorization: `Bearer ${world.target.key("his")}`,
      },
      body: typeof bytes === "string" ? bytes : new Uint8Array(bytes),
    });
    await answer.body?.cancel();
    if (answer.status >= 400) refused += 1;
  }
  stage.over();
  stage.note("poison", wanted);
  stage.note("refused at the door", refused);
}

async function allParked(stage: Stage, parked: readonly string[]): Promise<void> {
  const wanted = stage.form === "short" ? 20 : 200;
  const seen = parked.filter((name) => isPoison(name, stage.seed)).length;
  if (seen < wanted) stage.fail(`of ${wanted} unreadable messages only ${seen} are parked`);
}

async function monsters(stage: Stage): Promise<void> {
  const { target } = stage.world;
  const sizes = stage.form === "short" ? [2, 20] : [1, 16, 64, 200];
  for (const megabytes of sizes) {
    const answer = await fetch(`${target.gateway()}/partners/his/messages/payment`, {
      method: "POST",
      headers: {
        "content-type": "application/xml",
        "idempotency-key": `huge-${stage.seed}-${megabytes}`,
        authorization: `Bearer ${target.key("his")}`,
      },
      body: new Uint8Array(megabytes * 1024 * 1024).fill(0x61),
    }).then(
      async (got) => {
        await got.body?.cancel();
        return String(got.status);
      },
      () => "cut", // refused before all of it was read: the sender sees the connection end
    );
    stage.note(`${megabytes} MB`, answer);
    if (answer.startsWith("2")) stage.fail(`${megabytes} MB were taken`);
  }
  stage.over();
}

/** Half of a request, then the sender is gone: no message comes of it. */
async function halves(stage: Stage): Promise<void> {
  const gateway = new URL(stage.world.target.gateway());
  const count = stage.form === "short" ? 40 : 400;
  const { made } = messageOf("his.payment", makeCase({ seed: POISON_SEED, date: DATE, payer: "self" }, 999_999), "http");
  const [piece] = piecesOf(made, { partner: "his", message: "payment" }, true);
  if (piece === undefined) return;
  const head = `POST /partners/his/messages/payment HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${stage.world.target.key("his")}\r\nidempotency-key: half-${stage.seed}\r\ncontent-type: ${piece.contentType}\r\ncontent-length: ${piece.bytes.length}\r\n\r\n`;
  const whole = Buffer.concat([Buffer.from(head), piece.bytes]);
  for (let at = 0; at < count; at += 1) {
    const until = 1 + stage.dice(whole.length - 2);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(gateway.port), gateway.hostname, () =>
        socket.write(whole.subarray(0, until), () => setTimeout(() => socket.resetAndDestroy(), 5)),
      );
      socket.on("error", () => undefined); // it is reset on purpose
      socket.once("close", () => resolve());
    });
  }
  const rows = await stage.world.huiliu.sql("select 1 from message_identity where identity = $1", [`half-${stage.seed}`]);
  if (rows.length > 0) stage.fail("half a request became a message");
  stage.over();
  stage.note("halves", count);
}

/** A partner that books every request and cannot be asked: whatever is unclear is parked, counted and named, never sent again. */
async function residualDoubt(stage: Stage): Promise<void> {
  const { huiliu } = stage.world;
  await sleep(400);
  await huiliu.fault({ fault: "drop-reply", count: 15 });
  await sleep(1_000);
  await huiliu.fault({ fault: "hang", count: 8, after: "work", ms: 4_000 });
  await sleep(1_000);
  await huiliu.kill("engine");
  await huiliu.recovered();
  if (stage.load.progress().chains >= stage.load.total) stage.more(150);
  await sleep(600);
  await huiliu.kill("hospital");
  stage.over();
  await huiliu.recovered();
  await huiliu.fault({ mode: "naive" });
}

export const MESSAGES: readonly Fault[] = [
  { id: "F18", what: "the same message 50 times at once", short: true, bills: bills(900, 1_500), inject: concurrently },
  {
    id: "F21",
    what: "poison messages among good ones",
    short: true,
    bills: bills(900, 1_500),
    inject: poison,
    check: allParked,
    ownParked: isPoison,
  },
  { id: "F22", what: "monsters of many megabytes", short: false, bills: bills(200, 1_000), inject: monsters },
  { id: "F20c", what: "half requests, cut at every byte", short: true, bills: bills(300, 1_000), inject: halves },
  {
    id: "none",
    what: "naive HIS, duplicates none: residual doubt is parked as unclear",
    short: true,
    bills: bills(400, 2_000),
    own: { settings: { ...NAIVE_HIS, duplicates: "none" }, mode: "naive" },
    parks: ["UNCLEAR", "LEASE_EXPIRED", "CANNOT_ASK"],
    inject: residualDoubt,
  },
];
