/** The benchmark's rounds: the durable path, accepting alone and the three floors, interleaved, so that a noisy minute hits all of them alike. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { RABBIT_ADMIN, rabbitUrl } from "../../platform/services/rabbit.ts";
import { cpuBetween, cpuOf, mainThreadOf, postgresPartsOf, rssMb } from "./cpu.ts";
import { type Books, latencies, openBooks, type Stored } from "./durable.ts";
import { median, percentile, rounded } from "./numbers.ts";
import { type Program, startProgram } from "./program.ts";
import { profiled, stagesOf } from "./stages.ts";
import { ACCEPT_EXCHANGE } from "./tasks/accept.ts";
import type { Backlog } from "./tasks/backlog.ts";
import { FLOOR_EXCHANGE } from "./tasks/consume.ts";
import type { Sent } from "./tasks/send.ts";

export interface BenchOptions {
  readonly root: string;
  readonly dataDir: string;
  /** How much goes through the durable path at full speed, over all rounds: so many messages, or about so long at the speed of the warm-up. */
  readonly amount: { readonly messages: number } | { readonly seconds: number };
  readonly rounds: number;
  /** Where the engine's inspector listens once it is asked to (`node --inspect-port`). */
  readonly inspectPort: number;
  readonly log: (line: string) => void;
}

/** What run.json says, as far as it is used here. */
export interface RunFacts {
  readonly postgres: string;
  readonly partners: { readonly his: { readonly amqp: string } };
  readonly hospital: { readonly his: { readonly ledger: string } };
  readonly pids: Readonly<Record<"engine" | "hospital" | "postgres" | "rabbit" | "redis", number>>;
}

interface Path {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface BenchResult {
  /** Latency at `atPerSecond` (half of the throughput); at full speed it is the length of the queue, given beside it. */
  readonly durablePath: Path & {
    readonly atPerSecond: number;
    readonly fullSpeedP50Ms: number;
    readonly fullSpeedP99Ms: number;
    readonly messages: number;
  };
  readonly accept: Path & { readonly atPerSecond: number };
  readonly floor: { readonly brokerPerSecond: number; readonly groupCommitPerSecond: number; readonly barePerSecond: number };
  readonly ratios: Readonly<Record<string, number>>;
  readonly rssMb: number;
  readonly cpuUsPerMessage: number;
  readonly cpuUsByProcess: Readonly<Record<string, number>>;
  /** CPU microseconds a message of the engine's stages, of a round of its own in which it was sampled; "beside it" is what its other threads used. */
  readonly cpuUsByStage: Readonly<Record<string, number>>;
  readonly cpuUsOfPostgres: Readonly<Record<string, number>>;
  /** Bytes that tables and indexes grow by for good, the log written ahead not counted, per byte that was pushed. */
  readonly storedPerRawByte: number;
  /** The same per message, by table, largest first. */
  readonly storedBytesPerMessage: Stored;
  readonly rawBytesPerMessage: number;
  readonly rounds: readonly Readonly<Record<string, number>>[];
  readonly checked: {
    readonly settled: number;
    readonly events: number;
    readonly acknowledged: number;
    readonly effects: number;
    readonly found: number;
  };
}

const SEED = 7;
/** The compiler of JavaScript is busy for thousands of messages. */
const WARM_UP = 6_000;
/** Messages of the accept, broker and group commit rounds. */
const SIDE_MESSAGES = 5_000;
const BARE_MESSAGES = 3_000;
const LATENCY_SECONDS = 5;
const ACCEPT_DATABASE = "huiliu_bench";
const FIND_SAMPLES = 100;
const STAGE_MESSAGES = 6_000;
const BACKLOG_DATABASE = "huiliu_backlog";
/** The target's backlog, worked off in full (design.md section 8). */
const BACKLOG = { pending: 200_000, lanes: 20_000, count: 200_000 };

interface Bench {
  readonly facts: RunFacts;
  readonly books: Books;
  readonly toEngine: Program<"send">;
  readonly toAccept: Program<"send">;
  readonly toBroker: Program<"send">;
  readonly consumer: Program<"consume">;
  readonly accept: Program<"accept">;
  readonly groupCommit: Program<"groupCommit">;
  readonly bare: Program<"bare">;
  /** Every message is new everywhere: ordinals go on. */
  readonly plan: (count: number) => { readonly seed: number; readonly date: string; readonly first: number; readonly count: number };
}

async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  const address = new URL(url);
  address.pathname = `/${name}`;
  return address.href;
}

/** The administrator of the private broker: the benchmark's own queues are nobody's else business. */
function adminUrl(dataDir: string): string {
  const memory = JSON.parse(readFileSync(join(dataDir, "services.json"), "utf8")) as { rabbitPassword: string; ports: { rabbit: number } };
  return rabbitUrl(memory.ports.rabbit, RABBIT_ADMIN, memory.rabbitPassword);
}

async function startAll(options: BenchOptions, facts: RunFacts, started: Program<never>[]): Promise<Bench> {
  const begin = async <N extends Parameters<typeof startProgram>[0]>(
    name: N,
    given: Parameters<typeof startProgram<N>>[1],
  ): Promise<Program<N>> => {
    const program = await startProgram(name, given);
    started.push(program as unknown as Program<never>);
    return program;
  };
  const amqp = adminUrl(options.dataDir);
  const postgresUrl = await createDatabase(facts.postgres, ACCEPT_DATABASE);
  const accept = await begin("accept", { amqpUrl: amqp, postgresUrl });
  const consumer = await begin("consume", { url: amqp });
  const date = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
  let first = 0;
  return {
    facts,
    accept,
    consumer,
    toEngine: await begin("send", { url: facts.partners.his.amqp, exchange: "huiliu.inbound", routingKey: "his.payment" }),
    toAccept: await begin("send", { url: amqp, exchange: ACCEPT_EXCHANGE, routingKey: "his.payment" }),
    toBroker: await begin("send", { url: amqp, exchange: FLOOR_EXCHANGE, routingKey: "his.payment" }),
    groupCommit: await begin("groupCommit", { postgresUrl }),
    bare: await begin("bare", { root: options.root }),
    books: await openBooks(facts.hospital.his.ledger, facts.postgres),
    plan: (count) => {
      first += count;
      return { seed: SEED, date, first: first - count, count };
    },
  };
}

async function sendAll(program: Program<"send">, plan: ReturnType<Bench["plan"]>, rate = 0): Promise<Sent> {
  await program.go({ prepare: plan });
  const sent = await program.go({ rate });
  if (sent === undefined || sent.returned > 0) throw new Error("messages came back: no queue takes them");
  return sent;
}

interface DurableRound {
  readonly sent: Sent;
  readonly perSecond: number;
  /** Microseconds a message, by process. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly rssMb: number;
}

async function durable(bench: Bench, count: number, rate = 0): Promise<DurableRound> {
  const { engine, hospital, postgres, rabbit, redis } = bench.facts.pids;
  const pids = { engine, hospital, postgres, rabbit, redis, sender: bench.toEngine.pid };
  await bench.toEngine.go({ prepare: bench.plan(count) });
  const before = cpuOf(pids);
  const sending = bench.toEngine.go({ rate });
  const endedMs = await bench.books.settled(count);
  const sent = await sending;
  if (sent === undefined || sent.returned > 0) throw new Error("messages came back: no queue takes them");
  const used = cpuBetween(before, cpuOf(pids));
  return {
    sent,
    perSecond: (count * 1_000) / (endedMs - sent.startedMs),
    cpu: Object.fromEntries(Object.entries(used).map(([name, us]) => [name, us / count])),
    rssMb: rssMb(engine),
  };
}

async function accepted(
  bench: Bench,
  count: number,
  rate = 0,
): Promise<{ readonly perSecond: number; readonly latencies: readonly number[] }> {
  const counting = bench.accept.go({ count });
  const sent = await sendAll(bench.toAccept, bench.plan(count), rate);
  const { endedMs, committedMs } = await counting;
  return {
    perSecond: (count * 1_000) / (endedMs - sent.startedMs),
    latencies: sent.ids.map((id, index) => Math.max((committedMs[id] ?? Number.NaN) - (sent.publishedMs[index] ?? Number.NaN), 0)),
  };
}

async function brokerFloor(bench: Bench, count: number): Promise<number> {
  const counting = bench.consumer.go({ count });
  const sent = await sendAll(bench.toBroker, bench.plan(count));
  const { endedMs } = await counting;
  return (count * 1_000) / (endedMs - sent.startedMs);
}

interface Stages {
  readonly round: DurableRound;
  readonly cpuUsByStage: Readonly<Record<string, number>>;
  readonly cpuUsOfPostgres: Readonly<Record<string, number>>;
}

/** A round in which the engine is sampled. */
async function staged(bench: Bench, inspectPort: number): Promise<Stages> {
  const { engine, postgres } = bench.facts.pids;
  const before = { thread: mainThreadOf(engine), postgres: postgresPartsOf(postgres) };
  const { result, profile } = await profiled(engine, inspectPort, () => durable(bench, STAGE_MESSAGES));
  const thread = (mainThreadOf(engine) - before.thread) / STAGE_MESSAGES;
  const perMessage = (of: Readonly<Record<string, number>>, factor: number): Record<string, number> =>
    Object.fromEntries(Object.entries(of).map(([name, value]) => [name, rounded(value * factor)]));
  return {
    round: result,
    cpuUsByStage: {
      ...perMessage(stagesOf(profile), thread),
      "beside it: collector and compiler threads": rounded((result.cpu.engine ?? 0) - thread),
    },
    cpuUsOfPostgres: perMessage(cpuBetween(before.postgres, postgresPartsOf(postgres)), 1 / STAGE_MESSAGES),
  };
}

export type BacklogResult = Backlog & {
  /** PostgreSQL and the store's own process. */
  readonly cpuUsPerWriteBack: number;
};

/** The backlog alone: the engine is idle beside it. */
export async function runBacklog(facts: RunFacts, log: (line: string) => void): Promise<BacklogResult> {
  const program = await startProgram("backlog", { postgresUrl: await createDatabase(facts.postgres, BACKLOG_DATABASE) });
  try {
    log(`${BACKLOG.pending} write-backs in ${BACKLOG.lanes} lanes`);
    const pids = { postgres: facts.pids.postgres, store: program.pid };
    await program.go({ ...BACKLOG, count: 0 });
    const before = cpuOf(pids);
    const result = await program.go({ ...BACKLOG, pending: 0 });
    return { ...result, cpuUsPerWriteBack: rounded(totalOf(cpuBetween(before, cpuOf(pids))) / result.settled) };
  } finally {
    await program.stop();
  }
}

const totalOf = (cpu: Readonly<Record<string, number>>): number => Object.values(cpu).reduce((sum, one) => sum + one, 0);

/** What a message added to each table, largest first; what did not grow is left out. */
function growthOf(before: Stored, after: Stored, messages: number): Stored {
  const grown = Object.entries(after).map(([name, now]) => {
    const then = before[name] ?? { rows: 0, indexes: 0 };
    return [name, { rows: rounded((now.rows - then.rows) / messages), indexes: rounded((now.indexes - then.indexes) / messages) }] as const;
  });
  const bytes = (of: { readonly rows: number; readonly indexes: number }): number => of.rows + of.indexes;
  return Object.fromEntries(grown.filter(([, of]) => bytes(of) !== 0).sort(([, a], [, b]) => bytes(b) - bytes(a)));
}

interface Round {
  readonly durable: DurableRound;
  readonly accept: number;
  readonly broker: number;
  readonly groupCommit: number;
  readonly bare: number;
}

async function round(bench: Bench, count: number): Promise<Round> {
  return {
    broker: await brokerFloor(bench, SIDE_MESSAGES),
    durable: await durable(bench, count),
    groupCommit: (await bench.groupCommit.go(bench.plan(SIDE_MESSAGES))).perSecond,
    accept: (await accepted(bench, SIDE_MESSAGES)).perSecond,
    bare: (await bench.bare.go(bench.plan(BARE_MESSAGES))).perSecond,
  };
}

/** Throws when anything that was sent is not settled, acknowledged, booked exactly once and found by its serial. */
async function check(bench: Bench, rounds: readonly DurableRound[], effects: ReadonlyMap<string, number>): Promise<BenchResult["checked"]> {
  const serials = rounds.flatMap((one) => one.sent.serials);
  const counts = await bench.books.counts();
  const samples = Array.from({ length: FIND_SAMPLES }, (_, index) => serials[Math.floor((index * serials.length) / FIND_SAMPLES)] ?? "");
  const found = await Promise.all(samples.map((serial) => bench.books.find(serial)));
  const checked = { ...counts, effects: effects.size, found: found.filter((state) => state === "settled, acknowledged").length };
  const wrong = Object.entries({ ...counts, effects: effects.size }).filter(([, count]) => count !== serials.length);
  if (wrong.length > 0 || checked.found < FIND_SAMPLES) {
    throw new Error(`of ${serials.length} messages not all are where they belong: ${JSON.stringify(checked)}`);
  }
  return checked;
}

/** Runs everything on an engine that has just been started on an empty data folder. */
export async function runBench(options: BenchOptions, facts: RunFacts): Promise<BenchResult> {
  const started: Program<never>[] = [];
  let books: Books | undefined;
  try {
    const bench = await startAll(options, facts, started);
    books = bench.books;
    options.log("warming up");
    const warm = await durable(bench, WARM_UP);
    await accepted(bench, WARM_UP);
    await brokerFloor(bench, WARM_UP);
    await bench.bare.go(bench.plan(WARM_UP));
    let sizes: readonly Stored[] = [await bench.books.stored()];
    const rounds: Round[] = [];
    const messages = "messages" in options.amount ? options.amount.messages : Math.ceil(warm.perSecond * options.amount.seconds);
    for (let number = 1; number <= options.rounds; number += 1) {
      const one = await round(bench, Math.ceil(messages / options.rounds));
      rounds.push(one);
      sizes = [...sizes, await bench.books.stored()];
      options.log(
        `round ${number} of ${options.rounds}: ${rounded(one.durable.perSecond)} messages/s, ${rounded(totalOf(one.durable.cpu))} µs CPU each`,
      );
    }
    const middle = (of: (one: Round) => number): number => median(rounds.map(of));
    const atPerSecond = Math.floor(middle((one) => one.durable.perSecond) / 2);
    options.log("where the time goes");
    const stages = await staged(bench, options.inspectPort);
    options.log(`latency at ${atPerSecond} messages/s`);
    const paced = await durable(bench, atPerSecond * LATENCY_SECONDS, atPerSecond);
    const acceptPaced = await accepted(bench, atPerSecond * LATENCY_SECONDS, atPerSecond);
    const effects = bench.books.effects();
    const checked = await check(bench, [warm, ...rounds.map((one) => one.durable), stages.round, paced], effects);
    // From the first round on: each round leaves as much room behind as it found, so that growth is what messages add for good.
    const kept = rounds.slice(rounds.length > 1 ? 1 : 0).map((one) => one.durable.sent);
    const count = kept.reduce((sum, one) => sum + one.serials.length, 0);
    const rawBytes = kept.reduce((sum, one) => sum + one.bytes, 0) / count;
    const growth = growthOf(sizes.at(-1 - kept.length) ?? {}, sizes.at(-1) ?? {}, count);
    const full = rounds.flatMap((one) => latencies(one.durable.sent, effects));
    const slow = latencies(paced.sent, effects);
    const perSecond = {
      durable: middle((one) => one.durable.perSecond),
      accept: middle((one) => one.accept),
      broker: middle((one) => one.broker),
    };
    const floors = { groupCommit: middle((one) => one.groupCommit), bare: middle((one) => one.bare) };
    const ratio = (of: (one: Round) => number): number => rounded(middle(of), 3);
    const names = Object.keys(rounds[0]?.durable.cpu ?? {});
    return {
      durablePath: {
        perSecond: rounded(perSecond.durable),
        p50Ms: percentile(slow, 50),
        p99Ms: percentile(slow, 99),
        atPerSecond,
        fullSpeedP50Ms: percentile(full, 50),
        fullSpeedP99Ms: percentile(full, 99),
        messages: rounds.reduce((sum, one) => sum + one.durable.sent.serials.length, 0),
      },
      accept: {
        perSecond: rounded(perSecond.accept),
        p50Ms: percentile(acceptPaced.latencies, 50),
        p99Ms: percentile(acceptPaced.latencies, 99),
        atPerSecond,
      },
      floor: {
        brokerPerSecond: rounded(perSecond.broker),
        groupCommitPerSecond: rounded(floors.groupCommit),
        barePerSecond: rounded(floors.bare),
      },
      ratios: {
        durableToBroker: ratio((one) => one.durable.perSecond / one.broker),
        durableToGroupCommit: ratio((one) => one.durable.perSecond / one.groupCommit),
        durableToBare: ratio((one) => one.durable.perSecond / one.bare),
        cpuToBare: ratio((one) => (totalOf(one.durable.cpu) * one.bare) / 1_000_000),
        acceptToBroker: ratio((one) => one.accept / one.broker),
        acceptToGroupCommit: ratio((one) => one.accept / one.groupCommit),
      },
      rssMb: rounded(middle((one) => one.durable.rssMb)),
      cpuUsPerMessage: rounded(middle((one) => totalOf(one.durable.cpu))),
      cpuUsByProcess: Object.fromEntries(names.map((name) => [name, rounded(middle((one) => one.durable.cpu[name] ?? 0))])),
      cpuUsByStage: stages.cpuUsByStage,
      cpuUsOfPostgres: stages.cpuUsOfPostgres,
      storedPerRawByte: rounded(Object.values(growth).reduce((sum, one) => sum + one.rows + one.indexes, 0) / rawBytes, 2),
      storedBytesPerMessage: growth,
      rawBytesPerMessage: rounded(rawBytes),
      rounds: rounds.map((one) => ({
        durablePerSecond: rounded(one.durable.perSecond),
        cpuUsPerMessage: rounded(totalOf(one.durable.cpu)),
        acceptPerSecond: rounded(one.accept),
        brokerPerSecond: rounded(one.broker),
        groupCommitPerSecond: rounded(one.groupCommit),
        barePerSecond: rounded(one.bare),
      })),
      checked,
    };
  } finally {
    await books?.close();
    await Promise.all(started.map((program) => program.stop()));
  }
}
