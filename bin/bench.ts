import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { ServiceProblem } from "../platform/services/problem.ts";
import { removeServicesData, startServices } from "../platform/services/index.ts";
import { type BacklogResult, type BenchResult, type RunFacts, runBacklog, runBench } from "../test/bench/run.ts";
import { runSearch, type SearchResult, searchTableOf } from "../test/bench/search/run.ts";
import { backlogTableOf, tableOf } from "../test/bench/table.ts";
import { argumentsOf, DATA_DIR, inheritedEnv, onStopRequest, ROOT } from "./environment.ts";
import { engineProgram, hospitalProgram } from "./start/programs.ts";
import { runSession } from "./start/session.ts";

const HELP = `npm run bench -- [options]      how fast the durable path is, beside what its parts can do alone, in one run
                                性能基准：持久全程与其各组成部分的下限，同一次运行内对比

  --messages <n>   messages through the durable path at full speed (default 21000)          全速消息数
  --seconds <n>    instead: about this long, at the speed of the warm-up             或按时长
  --rounds <n>     rounds; durable path and floors take turns, medians count (default 3)     轮数
  --only search    instead: how fast people find things among --messages (default 200000)    只测查找
                   of --days (default 30) days, each question asked --samples (default 200) times; only a private PostgreSQL is started,
                   filled straight. At ten millions:  npm run bench -- --only search --messages 10000000
  --only pages     instead: how long a person waits for the console's first page, in Debian's chromium with an empty cache    只测首屏
                   (--rounds, default 5); on a machine that does nothing else
  --backlog        instead: 200,000 write-backs in 20,000 lanes, claimed and settled   改为：两万通道二十万积压
  --json           the result as JSON on standard output                                     输出 JSON
  --lang <zh|en>   language of the table (default: by LANG, else en)                         表格语言
  --data <folder>  where the servers of this run live (default .data/bench; emptied first)   数据目录
  --profile <dir>  write CPU profiles of the engine there (node --cpu-prof)                  引擎 CPU 剖析
  --help           this text                                                                 本说明

The engine, its flows, the simulated hospital and private servers are started on an empty data folder and stopped at the end. Every message is the payment
of a bill of its own: one message, one event, one write-back. The run fails unless each is settled, found by its serial, and booked exactly once by the HIS.
accept is the engine's AMQP door and journal in a process without flows. Latency is measured apart, at half the speed. Ratios are medians of the rounds'.`;

const DEFAULT_MESSAGES = 21_000;

interface Arguments {
  readonly help: boolean;
  readonly json: boolean;
  readonly backlog: boolean;
  readonly search: { readonly messages: number; readonly days: number; readonly samples: number } | undefined;
  readonly pages: { readonly rounds: number } | undefined;
  readonly language: "zh" | "en";
  readonly amount: { readonly messages: number } | { readonly seconds: number };
  readonly rounds: number;
  readonly dataDir: string;
  readonly profile: string | undefined;
}

function whole(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${name} must be a whole number above 0 / --${name} 须为正整数`);
  return value;
}

const SEARCH = { messages: 200_000, days: 30, samples: 200 };
const PAGES_ROUNDS = 5;

function searchOf(values: Readonly<Partial<Record<"only" | "messages" | "days" | "samples", string>>>): Arguments["search"] {
  if (values.only === undefined || values.only === "pages") return undefined;
  if (values.only !== "search") throw new RangeError("--only knows search and pages / --only 只有 search 与 pages");
  return {
    messages: whole("messages", values.messages, SEARCH.messages),
    days: whole("days", values.days, SEARCH.days),
    samples: whole("samples", values.samples, SEARCH.samples),
  };
}

/** A private PostgreSQL alone, filled and asked. */
async function search(given: Arguments, wanted: NonNullable<Arguments["search"]>): Promise<SearchResult> {
  removeServicesData(given.dataDir);
  rmSync(given.dataDir, { recursive: true, force: true });
  const log = (line: string): void => say(`· ${line}`);
  // The broker and Redis are not asked anything: an address keeps them from being started.
  const nobody = { amqp: "amqp://127.0.0.1:1", redis: "redis://127.0.0.1:1" };
  const services = await startServices({ dataDir: given.dataDir, need: nobody, env: inheritedEnv(), log });
  const stop = (): void => void services.stop().finally(() => process.exit(130));
  onStopRequest(stop);
  try {
    return await runSearch({ url: services.postgresUrl, ownServer: true, log, ...wanted });
  } finally {
    await services.stop();
    removeServicesData(given.dataDir);
    rmSync(given.dataDir, { recursive: true, force: true });
  }
}

function readArguments(): Arguments {
  const { values } = argumentsOf(HELP, {
    options: {
      help: { type: "boolean" },
      json: { type: "boolean" },
      backlog: { type: "boolean" },
      only: { type: "string" },
      days: { type: "string" },
      samples: { type: "string" },
      messages: { type: "string" },
      seconds: { type: "string" },
      rounds: { type: "string" },
      lang: { type: "string" },
      data: { type: "string" },
      profile: { type: "string" },
    },
  });
  return {
    help: values.help === true,
    json: values.json === true,
    backlog: values.backlog === true,
    search: searchOf(values),
    pages: values.only === "pages" ? { rounds: whole("rounds", values.rounds, PAGES_ROUNDS) } : undefined,
    language: (values.lang ?? process.env.LANG ?? "").startsWith("zh") ? "zh" : "en",
    amount:
      values.seconds === undefined
        ? { messages: whole("messages", values.messages, DEFAULT_MESSAGES) }
        : { seconds: whole("seconds", values.seconds, 1) },
    rounds: whole("rounds", values.rounds, 3),
    dataDir: values.data === undefined ? join(DATA_DIR, "bench") : resolve(values.data),
    profile: values.profile === undefined ? undefined : resolve(values.profile),
  };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function freePort(): Promise<number> {
  return new Promise((resolved, rejected) => {
    const server = createServer();
    server.once("error", rejected);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolved(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** One session: servers, hospital and engine up, the benchmark, everything down again. */
async function bench(given: Arguments): Promise<BenchResult | BacklogResult> {
  const inspectPort = await freePort();
  const profiling = given.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${given.profile}`];
  let outcome: Promise<BenchResult | BacklogResult> | undefined;
  let stop = (_reason: string): void => undefined;
  await runSession({
    root: ROOT,
    dataDir: given.dataDir,
    fresh: true,
    profile: "development",
    given: { postgres: undefined, amqp: undefined, redis: undefined },
    credentialsFile: undefined,
    env: { HUILIU_LOG_LEVEL: "warn", ...inheritedEnv() },
    engine: engineProgram(ROOT, [...profiling, `--inspect-port=127.0.0.1:${inspectPort}`]),
    hospital: hospitalProgram(ROOT),
    log: (line) => say(`· ${line}`),
    onStopRequest: (asked) => {
      stop = asked;
      onStopRequest(asked);
    },
    onReady: (file) => {
      const options = {
        root: ROOT,
        dataDir: given.dataDir,
        amount: given.amount,
        rounds: given.rounds,
        inspectPort,
        log: (line: string) => say(`· ${line}`),
      };
      const facts = file as unknown as RunFacts;
      outcome = given.backlog ? runBacklog(facts, options.log) : runBench(options, facts);
      const over = (): void => stop("the benchmark is over");
      outcome.then(over, over);
    },
  });
  if (outcome === undefined) throw new Error("stopped before the benchmark began / 基准尚未开始即已停止");
  return outcome;
}

try {
  const given = readArguments();
  if (given.help) process.stdout.write(`${HELP}\n`);
  else if (given.pages !== undefined) {
    // It brings a browser's driver with it, which nothing else here needs.
    const { pagesTableOf, runPages } = await import("../test/bench/pages.ts");
    const result = await runPages({ ...given.pages, log: (line) => say(`· ${line}`) });
    process.stdout.write(`${given.json ? JSON.stringify(result, undefined, 2) : pagesTableOf(result, given.language)}\n`);
  } else if (given.search !== undefined) {
    const result = await search(given, given.search);
    process.stdout.write(`${given.json ? JSON.stringify(result, undefined, 2) : searchTableOf(result, given.language)}\n`);
  } else {
    const result = await bench(given);
    process.stdout.write(
      `${given.json ? JSON.stringify(result, undefined, 2) : "claims" in result ? backlogTableOf(result, given.language) : tableOf(result, given.language)}\n`,
    );
  }
  process.exit(0);
} catch (error) {
  if (error instanceof ServiceProblem) say(`\n✗ ${error.message}\n✗ ${error.zh}`);
  else say(`\n✗ ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}
