/**
 * How fast people find things (issue 4, "What must show" 3): the operators' own searches over millions of messages. Each question is asked with keys that nobody has
 * asked for before (their pages are on the disk, or in the system's cache at best), then with the same ones again.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { READ_TIMEOUT_MS, type MessageFilter } from "../../../domain/operations/ports.ts";
import type { Answered } from "../../../domain/operations/refusals.ts";
import { createFailures } from "../../../platform/postgres/failure-groups-reads.ts";
import { createMessageSearch } from "../../../platform/postgres/message-search.ts";
import { createWriteBackReads } from "../../../platform/postgres/operations-write-backs.ts";
import type { OperationsDeps } from "../../../platform/postgres/operations-deps.ts";
import { createPool, READ_POOL_MAX } from "../../../platform/postgres/pool.ts";
import { percentile, rounded } from "../numbers.ts";
import { type Filled, fill, PARTNER_NAMES, RARE_PARTNER } from "./fill.ts";

export interface SearchOptions {
  readonly url: string;
  readonly messages: number;
  readonly days: number;
  readonly samples: number;
  /** The server is ours: it may be filled without durability. */
  readonly ownServer: boolean;
  readonly log: (line: string) => void;
}

export interface Asked {
  readonly question: string;
  readonly samples: number;
  readonly found: number;
  /** The first time each key is asked for. */
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
  /** The same again. */
  readonly warmP50Ms: number;
  readonly warmP99Ms: number;
  readonly goalMs: number;
  /** Both p99 within the goal. */
  readonly met: boolean;
}

export interface SearchResult {
  readonly messages: number;
  readonly days: number;
  readonly fillSeconds: number;
  readonly databaseGb: number;
  /** Whether the system's own cache was emptied before each question. */
  readonly cacheDropped: boolean;
  readonly asked: readonly Asked[];
}

const GOAL_MS = 100;
const FAILURES_GOAL_MS = 200;
const LIST = 50;
const DAY_MS = 86_400_000;
/** A question of which the answer may take its whole time is asked this often. */
const BOMBS = 3;

interface Question {
  readonly name: string;
  readonly goalMs: number;
  readonly samples?: number;
  /** The i-th asking; answers how many were found. */
  readonly ask: (random: () => number) => () => Promise<number>;
}

/** The same every time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

const foundIn = (answer: Answered<{ readonly items: readonly unknown[] }>): number => {
  if (!answer.ok) throw new Error(`a search was refused: ${answer.code}`);
  return answer.value.items.length;
};

/** The deps that reads ask for; the rest is never touched by them. */
const depsOf = (reads: ReturnType<typeof createPool>): OperationsDeps => {
  const partners = () => PARTNER_NAMES.map((partner) => ({ partner }));
  return { reads, pool: reads, partners, policy: () => undefined } as unknown as OperationsDeps;
};

function questions(filled: Filled, idOf: (n: number) => Promise<string>, deps: OperationsDeps): readonly Question[] {
  const search = createMessageSearch(deps);
  const failures = createFailures(deps);
  const writeBacks = createWriteBackReads(deps);
  const nowMs = Date.now();
  const someOf = (random: () => number): number => Math.floor(random() * filled.messages);
  const messages = (filter: MessageFilter) => async () => foundIn(await search.messages(filter));
  const byKey = (name: string, of: (n: number) => string): Question => ({
    name,
    goalMs: GOAL_MS,
    ask: (random) => messages({ keys: [of(someOf(random))] }),
  });
  const filtered = (name: string, filter: (random: () => number) => MessageFilter, goalMs = GOAL_MS): Question => ({
    name,
    goalMs,
    ask: (random) => messages(filter(random)),
  });
  const today = { fromMs: nowMs - (nowMs % DAY_MS) - 8 * 3_600_000 };
  const month = { fromMs: nowMs - 31 * DAY_MS };
  const list = (of: (n: number) => string) => (random: () => number) => ({ keys: Array.from({ length: LIST }, () => of(someOf(random))) });
  return [
    byKey("order no", filled.order),
    byKey("patient no", filled.patient),
    byKey("bill no", filled.bill),
    byKey("serial", filled.serial),
    byKey("sender's id", filled.identity),
    {
      name: "message id",
      goalMs: GOAL_MS,
      ask: (random) => {
        const id = idOf(someOf(random));
        return async () => messages({ keys: [await id] })();
      },
    },
    byKey("no such key", (n) => `X${n}`),
    filtered("list of 50 order nos", list(filled.order)),
    filtered("list of 50 patient nos", list(filled.patient)),
    filtered("list of 50 serials and sender's ids", (random) => ({
      keys: Array.from({ length: LIST }, (_, index) => (index % 2 === 0 ? filled.serial : filled.identity)(someOf(random))),
    })),
    filtered("patient no, today", (random) => ({ keys: [filled.patient(someOf(random))], ...today })),
    filtered("default page of today", () => today),
    filtered("500 rows of today", () => ({ ...today, limit: 500 })),
    filtered("newest, no filter", () => ({})),
    filtered("partner, today", () => ({ partner: "lis", ...today })),
    filtered("partner and kind, 30 days", () => ({ partner: "pacs", kind: "mpps-set", ...month })),
    filtered("rare partner, today", () => ({ partner: RARE_PARTNER, ...today })),
    filtered("rare partner, 30 days", () => ({ partner: RARE_PARTNER, ...month })),
    filtered("flow, today", () => ({ flow: "file-statements", ...today })),
    filtered("kind of nobody, 30 days", () => ({ kind: "none", ...month })),
    filtered("rare partner, duplicates, 30 days", () => ({ partner: RARE_PARTNER, state: "duplicate", ...month })),
    filtered("resolved, 30 days", () => ({ state: "resolved", ...month })),
    filtered("failures: parked messages", () => ({ state: "parked" }), FAILURES_GOAL_MS),
    filtered("failures: parked of one partner, 30 days", () => ({ state: "parked", partner: "adt", ...month }), FAILURES_GOAL_MS),
    {
      name: "failures: parked write-backs",
      goalMs: FAILURES_GOAL_MS,
      ask: () => async () => foundIn(await writeBacks.writeBacks({ state: "parked" })),
    },
    { name: "failures: groups", goalMs: FAILURES_GOAL_MS, ask: () => async () => foundIn(await failures.list({})) },
    {
      name: "A74 search bomb: %%%",
      goalMs: READ_TIMEOUT_MS,
      samples: BOMBS,
      ask: () => messages({ keys: ["%%%"] }),
    },
    {
      name: "A74 search bomb: nothing, 10 years",
      goalMs: READ_TIMEOUT_MS + 500,
      samples: BOMBS,
      ask: () => messages({ kind: "none", partner: "nobody", flow: "none", fromMs: nowMs - 3_650 * DAY_MS }),
    },
  ];
}

async function timed(work: () => Promise<number>): Promise<{ readonly ms: number; readonly found: number }> {
  const start = performance.now();
  const found = await work();
  return { ms: performance.now() - start, found };
}

async function answers(question: Question, samples: number, seed: number): Promise<Asked> {
  const random = randomOf(seed);
  const asks = Array.from({ length: question.samples ?? samples }, () => question.ask(random));
  const times: number[][] = [[], []];
  let found = 0;
  for (const round of times) {
    for (const ask of asks) {
      const one = await timed(ask);
      round.push(one.ms);
      found += one.found;
    }
  }
  const [first = [], warm = []] = times;
  const of = (values: readonly number[], percent: number): number => rounded(percentile(values, percent), 1);
  return {
    question: question.name,
    samples: asks.length,
    found: rounded(found / (asks.length * 2), 1),
    firstP50Ms: of(first, 50),
    firstP99Ms: of(first, 99),
    warmP50Ms: of(warm, 50),
    warmP99Ms: of(warm, 99),
    goalMs: question.goalMs,
    met: of(first, 99) <= question.goalMs && of(warm, 99) <= question.goalMs,
  };
}

/** Empties the system's cache of files; false where that is not allowed. */
function dropCache(): boolean {
  try {
    execFileSync("sync");
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false; // not root, or a container: "first" is then as warm as the system keeps it
  }
}

/** Fills an empty database and asks. */
export async function runSearch(options: SearchOptions): Promise<SearchResult> {
  const filled = await fill(options);
  options.log(`${filled.messages} messages in ${rounded(filled.seconds)} s, ${rounded(filled.bytes / 1e9, 1)} GB`);
  return askAll(options, filled);
}

/** Asks every question of what was filled; the system's own cache of files is emptied before each, where that is allowed. */
async function askAll(options: SearchOptions, filled: Filled): Promise<SearchResult> {
  let cacheDropped = false;
  const reads = createPool({ url: options.url, applicationName: "huiliu reads bench", max: READ_POOL_MAX, plans: "reads" });
  try {
    const idOf = async (n: number): Promise<string> => {
      const found = await reads.query<{ id: string }>("select k.message_id as id from business_key k where k.kind = 's' and k.value = $1", [
        filled.serial(n),
      ]);
      return found.rows[0]?.id ?? "";
    };
    const all = questions(filled, idOf, depsOf(reads));
    const asked: Asked[] = [];
    for (const [index, question] of all.entries()) {
      cacheDropped = options.ownServer && dropCache();
      const one = await answers(question, options.samples, index + 1);
      options.log(`${one.question}: ${one.firstP99Ms} ms, again ${one.warmP99Ms} ms (p99)`);
      asked.push(one);
    }
    return {
      messages: filled.messages,
      days: options.days,
      fillSeconds: rounded(filled.seconds, 1),
      databaseGb: rounded(filled.bytes / 1e9, 2),
      cacheDropped,
      asked,
    };
  } finally {
    await reads.end();
  }
}

const HEAD = {
  zh: ["查询", "次数", "平均条数", "首次 p50", "首次 p99", "再次 p50", "再次 p99", "目标 ms", ""],
  en: ["question", "asked", "found", "first p50", "first p99", "again p50", "again p99", "goal ms", ""],
} as const;

/** The result for people. */
export function searchTableOf(result: SearchResult, language: "zh" | "en"): string {
  const rows = result.asked.map((one) => [
    one.question,
    ...[one.samples, one.found, one.firstP50Ms, one.firstP99Ms, one.warmP50Ms, one.warmP99Ms, one.goalMs].map(String),
    one.met ? "✓" : "✗",
  ]);
  const table = [[...HEAD[language]], ...rows];
  const widths = HEAD[language].map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const title =
    language === "zh"
      ? `查找：${result.messages} 条报文，${result.days} 天，${result.databaseGb} GB，生成 ${result.fillSeconds} 秒，系统缓存${result.cacheDropped ? "已" : "未"}清空`
      : `search: ${result.messages} messages of ${result.days} days, ${result.databaseGb} GB, made in ${result.fillSeconds} s, system cache ${result.cacheDropped ? "emptied" : "kept"}`;
  return [
    title,
    ...table.map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  "),
    ),
  ].join("\n");
}
