/**
 * The load of a fault run: seeded bills whose partners send charges, settlements, reversals, payments and refunds through both doors, some of it twice, some under
 * another message id, some out of order. A sender sends again until it is told that its message was taken, as a HIS does; what it was told goes into its own ledger.
 */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import amqp from "amqplib";
import { type Case, createDice, makeCase } from "../hospital/messages/cases.ts";
import { GENERATORS } from "../hospital/messages/index.ts";
import type { Made } from "../hospital/messages/made.ts";
import type { Sent } from "../hospital/oracle.ts";
import { piecesOf } from "../hospital/send.ts";

export const DATE = "2026-11-20";
export type Door = "amqp" | "http";

export interface Message {
  readonly name: string;
  readonly made: Made;
  readonly door: Door;
  /** How often it is sent again although it was taken. */
  readonly again: number;
}

/** All messages of one bill, one after another. */
export interface Chain {
  readonly bill: string;
  readonly messages: readonly Message[];
}

/** Stories a bill can have. Insured payments may overtake the settlement: they are then held until it is there. */
const STORIES: readonly { readonly payer: Case["payer"]; readonly names: readonly string[] }[] = [
  { payer: "self", names: ["his.charge", "his.payment", "his.refund"] },
  { payer: "insured", names: ["his.charge", "neusoft.settle", "his.payment"] },
  { payer: "self", names: ["his.payment", "his.refund"] },
  { payer: "insured", names: ["his.payment", "neusoft.settle"] },
  { payer: "insured", names: ["his.charge", "neusoft.settle", "neusoft.cancel"] },
  { payer: "self", names: ["his.charge", "his.payment"] },
];
/** Of a hundred messages so many are sent a second time. */
const AGAIN_PERCENT = 8;

export interface PlanOptions {
  readonly seed: number;
  /** First ordinal: no two faults of a run share a bill. */
  readonly first: number;
  readonly bills: number;
  /** Of a hundred chains so many go over HTTP; the rest over AMQP. */
  readonly httpPercent?: number;
  /** Indexes into the stories; all when absent. */
  readonly stories?: readonly number[];
}

export function planLoad({ seed, first, bills, httpPercent = 40, stories }: PlanOptions): Chain[] {
  const dice = createDice(seed + first * 31);
  const told = stories === undefined ? STORIES : stories.flatMap((index) => STORIES[index] ?? []);
  return Array.from({ length: bills }, (_, index) => {
    const story = told[dice(told.length)] ?? STORIES[0];
    if (story === undefined) throw new RangeError("there are no stories");
    const one = makeCase({ seed, date: DATE, payer: story.payer }, first + index);
    const door: Door = dice(100) < httpPercent ? "http" : "amqp";
    return {
      bill: one.bill,
      messages: story.names.map((name) => messageOf(name, one, door, dice(100) < AGAIN_PERCENT ? 1 : 0)),
    };
  });
}

/** One message; payments and refunds must be told to the HIS with their patient and visit, insurance results with their visit. */
export function messageOf(name: string, one: Case, door: Door, again = 0): Message {
  const generator = GENERATORS[name];
  if (generator === undefined) throw new RangeError(`no message ${name}`);
  const made = generator.make(one, generator.charset);
  const carries = name.startsWith("his.") ? [one.patientNo, one.visit] : name === "neusoft.settle" ? [one.visit] : [];
  return { name, door, again, made: { ...made, expect: made.expect.map((sent) => ({ ...sent, carries })) } };
}

export const effectsOf = (chains: readonly Chain[]): Sent[] => chains.flatMap((chain) => chain.messages.flatMap(({ made }) => made.expect));
export const countOf = (chains: readonly Chain[]): number => chains.reduce((sum, chain) => sum + chain.messages.length, 0);

/** A line of the sender's own ledger: it was told that this message was taken. */
export interface Ack {
  readonly at: number;
  readonly id: string;
  readonly name: string;
  readonly door: Door;
  readonly tries: number;
}

export interface LoadTarget {
  /** Asked anew for every connection: a broker or an engine may come back elsewhere. */
  amqp(): string;
  gateway(): string;
  key(partner: string): string;
}

export interface LoadOptions {
  readonly target: LoadTarget;
  readonly chains: readonly Chain[];
  /** Chains under way at once. */
  readonly senders?: number;
  /** Messages a second over all senders; absent: as fast as they are taken. */
  readonly rate?: number;
  /** The sender's ledger is appended here. */
  readonly ledgerFile?: string;
}

export interface Load {
  readonly acks: readonly Ack[];
  /** Chains taken whole so far. */
  progress(): { readonly messages: number; readonly chains: number };
  /** Chains of this load. */
  readonly total: number;
  readonly chains: readonly Chain[];
  /** Answers that no sender should get: refusals of good messages. */
  readonly refused: readonly string[];
  /** Resolves when every message was taken; rejects when the load was stopped before. */
  readonly done: Promise<void>;
  stop(): void;
  /** Messages sent more than once because nobody said that they were taken. */
  resent(): number;
}

const SENDERS = 96;
const HTTP_TIMEOUT_MS = 12_000;
const RETRY_MS = 150;
/** Seconds; a dead broker is noticed after two. */
const HEARTBEAT_S = 2;
const CONFIRM_MS = 20_000;
const CONNECTIONS = 2;

class LoadStopped extends Error {}

/** A connection to the broker that is opened anew whenever it broke. */
class Pipe {
  readonly #url: () => string;
  #connection: amqp.ChannelModel | undefined;
  #channel: Promise<amqp.ConfirmChannel> | undefined;
  constructor(url: () => string) {
    this.#url = url;
  }
  async #open(): Promise<amqp.ConfirmChannel> {
    const url = new URL(this.#url());
    url.searchParams.set("heartbeat", String(HEARTBEAT_S));
    const connection = await amqp.connect(url.href, { timeout: 3_000 });
    this.#connection = connection;
    const forget = (): void => {
      this.#channel = undefined;
    };
    connection.on("error", forget).on("close", forget);
    const channel = await connection.createConfirmChannel();
    channel.on("error", forget);
    channel.setMaxListeners(0);
    return channel;
  }
  async push(key: string, body: Buffer, options: amqp.Options.Publish): Promise<void> {
    this.#channel ??= this.#open();
    const opening = this.#channel;
    try {
      const channel = await opening;
      await new Promise<void>((resolve, reject) => {
        const gone = (): void => reject(new Error("the channel closed"));
        const timer = setTimeout(() => reject(new Error("no confirm in time")), CONFIRM_MS);
        channel.once("close", gone);
        channel.publish("huiliu.inbound", key, body, { persistent: true, mandatory: true, ...options }, (error: unknown) => {
          clearTimeout(timer);
          channel.off("close", gone);
          if (error) reject(error);
          else resolve();
        });
      });
    } catch (error) {
      if (this.#channel === opening) this.#channel = undefined;
      throw error;
    }
  }
  async close(): Promise<void> {
    const connection = this.#connection;
    await Promise.race([connection?.close().catch(() => undefined), sleep(500)]); // a broker that was killed has closed it already
  }
}

/** Starts sending; the caller awaits `done`. */
export function startLoad(options: LoadOptions): Load {
  const { target, chains, senders = SENDERS, rate } = options;
  const pipes = Array.from({ length: CONNECTIONS }, () => new Pipe(() => target.amqp()));
  const acks: Ack[] = [];
  const refused: string[] = [];
  let messages = 0;
  let taken = 0;
  let resent = 0;
  let stopped = false;
  let next = 0;
  const started = performance.now();

  const overAmqp = async ({ name, made }: Message, at: number): Promise<void> => {
    const [partner = "", message = ""] = name.split(".");
    for (const { id, bytes, contentType, headers } of piecesOf(made, { partner, message }, false))
      await pipes[at % CONNECTIONS]?.push(name, bytes, { messageId: id, contentType, headers });
  };
  const overHttp = async ({ name, made }: Message): Promise<void> => {
    const [partner = "", message = ""] = name.split(".");
    for (const { id, bytes, contentType } of piecesOf(made, { partner, message }, true)) {
      const response = await fetch(`${target.gateway()}/partners/${partner}/messages/${message}`, {
        method: "POST",
        headers: { "content-type": contentType, "idempotency-key": id, authorization: `Bearer ${target.key(partner)}` },
        body: new Uint8Array(bytes),
        signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
      });
      const text = await response.text();
      if (response.ok) continue;
      if (response.status >= 400 && response.status < 500 && response.status !== 429 && response.status !== 408)
        refused.push(`${id}: HTTP ${response.status} ${text.slice(0, 200)}`);
      throw new Error(`HTTP ${response.status}`);
    }
  };
  const send = async (message: Message, at: number): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      if (stopped) throw new LoadStopped("the load was stopped");
      try {
        await (message.door === "http" ? overHttp(message) : overAmqp(message, at));
        const ack = { at: Date.now(), id: message.made.id, name: message.name, door: message.door, tries };
        acks.push(ack);
        if (options.ledgerFile !== undefined) appendFileSync(options.ledgerFile, `${JSON.stringify(ack)}\n`);
        return;
      } catch (error) {
        if (error instanceof LoadStopped) throw error;
        resent += 1;
        await sleep(RETRY_MS); // not taken, or nobody said so: it is sent again under the same identity
      }
    }
  };
  const work = async (): Promise<void> => {
    for (;;) {
      const at = next;
      next += 1;
      const chain = chains[at];
      if (chain === undefined) return;
      for (const message of chain.messages) {
        if (rate !== undefined) {
          const ahead = started + (messages * 1_000) / rate - performance.now();
          if (ahead > 1) await sleep(ahead);
        }
        messages += 1;
        for (let times = 0; times <= message.again; times += 1) await send(message, at);
      }
      taken += 1;
    }
  };
  const done = Promise.all(Array.from({ length: Math.min(senders, chains.length) }, work)).then(async () => {
    await Promise.all(pipes.map((pipe) => pipe.close()));
  });
  done.catch(() => undefined); // whoever started the load awaits it when the fault is over
  return {
    acks,
    total: chains.length,
    chains,
    refused,
    done,
    progress: () => ({ messages: acks.length, chains: taken }),
    stop: () => {
      stopped = true;
    },
    resent: () => resent,
  };
}
