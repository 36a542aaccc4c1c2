/**
 * Show 6: a failure group is replayed while the engine is killed. A HIS refuses everything, the write-backs park in one group; it is mended, somebody previews and
 * starts a job, another person approves it, and the engine is killed (-9) several times while it runs. What counts is the HIS's own ledger: every one done once,
 * none that was acknowledged before asked to be done again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import iconv from "iconv-lite";
import type { LedgerLine } from "../hospital/ledger.ts";
import { makeCase } from "../hospital/messages/cases.ts";
import { GENERATORS } from "../hospital/messages/index.ts";
import { destination, type Huiliu, QUICK, type Row, startHuiliu, until } from "../journeys/harness.ts";

export interface ReplayKillsOptions {
  /** Write-backs of the group. */
  readonly count: number;
  /** Kills of the engine while the job runs. */
  readonly kills: number;
  readonly seed: number;
  /** Items a second; 1,000 at most. */
  readonly rate?: number;
  readonly log?: (line: string) => void;
  /** An engine that runs already; one of its own when absent. */
  readonly huiliu?: Huiliu;
}

export interface ReplayKillsReport {
  readonly count: number;
  readonly seed: number;
  /** The request that made the job and answered its preview. */
  readonly previewMs: number;
  readonly previewed: { readonly matched: number; readonly planned: number; readonly closed: number };
  /** Items done when each kill came. */
  readonly killsAt: readonly number[];
  readonly runSeconds: number;
  readonly progress: Row;
  /** Effects in the ledger of those in the group: each once is right. */
  readonly done: number;
  readonly lost: number;
  readonly twice: number;
  /** Acknowledged before the job ran, and asked to be done again by it: must be 0. */
  readonly reSent: number;
  /** Open in the group when all is over. */
  readonly openAfter: number;
  /** Audit rows of the job's items: one an item. */
  readonly audits: number;
}

const DATE = "2026-11-20";
const SENDERS = 16;
const WHO = { by: "运维甲", reason: "HIS 已修复，整组重放" };
const SECOND = { by: "运维乙", reason: "已复核选取与金额" };
/** Of the group, acknowledged by single replays after the preview: the job must skip them. */
const DONE_MEANWHILE = 5;
/** Longest wait for one item, beside what the rate needs. */
const PATIENCE_MS = 240_000;

/** A payment of its own bill; answers once it is journaled. */
async function pay(huiliu: Huiliu, seed: number, ordinal: number): Promise<void> {
  const generator = GENERATORS["his.payment"];
  if (generator === undefined) throw new RangeError("no message his.payment");
  const made = generator.make(makeCase({ seed, date: DATE, payer: generator.payer }, ordinal), generator.charset);
  if (made.body.type !== "document") throw new TypeError("a payment is one document");
  const body = iconv.encode(made.body.text, generator.charset);
  const headers = { "content-type": `${made.body.media}; charset=${generator.charset}`, "idempotency-key": made.id };
  for (;;) {
    const answer = await huiliu.post("his", "payment", body, headers);
    await answer.body?.cancel();
    if (answer.ok) return;
    if (answer.status !== 503 && answer.status !== 429) throw new Error(`payment ${ordinal}: HTTP ${answer.status}`);
    await sleep(50);
  }
}

async function payAll(huiliu: Huiliu, seed: number, from: number, count: number): Promise<void> {
  let next = from;
  const sender = async (): Promise<void> => {
    while (next < from + count) {
      next += 1;
      await pay(huiliu, seed, next - 1);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

const countIn = async (huiliu: Huiliu, state: string): Promise<number> =>
  Number((await huiliu.sql("select count(*)::int as n from write_back where state = $1", [state]))[0]?.n);

/** The operators' API while engines die: what did not answer is asked again. */
async function ask(huiliu: Huiliu, path: string, body?: Row): Promise<Row> {
  return until(
    `an answer of ${path}`,
    async () => {
      try {
        const answer = await huiliu.api(path, body);
        if (answer.status === 200) return answer.body as Row;
        if (answer.status < 500) throw new TypeError(`${path}: ${JSON.stringify(answer.body)}`);
      } catch (error) {
        if (error instanceof TypeError && error.message.startsWith("/")) throw error;
      }
      return undefined;
    },
    60_000,
  );
}

const requestsOf = (lines: readonly LedgerLine[]): readonly LedgerLine[] => lines.filter((line) => line.kind === "payment-confirm");

/** Counts effects of these keys in the ledger. */
function effectsOf(
  lines: readonly LedgerLine[],
  keys: ReadonlySet<string>,
): { readonly done: number; readonly lost: number; readonly twice: number } {
  const times = new Map<string, number>();
  for (const line of lines) if (line.effect && line.key !== null && keys.has(line.key)) times.set(line.key, (times.get(line.key) ?? 0) + 1);
  return { done: times.size, lost: keys.size - times.size, twice: [...times.values()].filter((n) => n > 1).length };
}

interface Group {
  readonly id: string;
  readonly keys: ReadonlySet<string>;
}

/** A HIS that refuses everything, until all of it has parked in one group. */
async function parkAll(huiliu: Huiliu, { count, seed }: ReplayKillsOptions, log: (line: string) => void): Promise<Group> {
  await huiliu.fault({ fault: "reject", code: "E101", text: "收费单不存在" });
  await payAll(huiliu, seed, 1, count);
  log(`${count} payments are journaled`);
  await until(
    "all of them are parked",
    async () => (await countIn(huiliu, "parked")) >= count,
    PATIENCE_MS,
    () => countIn(huiliu, "parked"),
  );
  await huiliu.fault({ fault: "none" });
  const groups = (await ask(huiliu, "/failure-groups?partner=his")).items as Row[];
  const [group] = groups;
  if (groups.length !== 1 || group === undefined || group.open !== count)
    throw new Error(`not one group of ${count}: ${JSON.stringify(groups)}`);
  const rows = await huiliu.sql("select key from write_back where state = 'parked'");
  return { id: String(group.id), keys: new Set(rows.map((row) => String(row.key))) };
}

/** Some of the group are acknowledged by single replays between preview and start. Answers their keys. */
async function replaySome(huiliu: Huiliu, job: string): Promise<ReadonlySet<string>> {
  const items = (await ask(huiliu, `/replays/${job}/items?limit=${DONE_MEANWHILE}`)).items as Row[];
  const ids = items.map((item) => String(item.target));
  for (const id of ids) await ask(huiliu, `/write-backs/${id}/replay`, WHO);
  const sql = "select key from write_back where id = any($1::uuid[]) and state = 'acknowledged'";
  await until("they are acknowledged", async () => (await huiliu.sql(sql, [ids])).length === ids.length, 30_000);
  return new Set((await huiliu.sql(sql, [ids])).map((row) => String(row.key)));
}

const doneOf = async (huiliu: Huiliu, job: string): Promise<number> =>
  Number((await huiliu.sql("select count(*)::int as n from replay_item where job = $1 and state = 'done'", [job]))[0]?.n);

/** Kills the engine whenever another share of the job is done. Answers how many were done each time. */
async function killWhileItRuns(
  huiliu: Huiliu,
  job: string,
  { count, kills }: ReplayKillsOptions,
  log: (line: string) => void,
): Promise<readonly number[]> {
  const killsAt: number[] = [];
  for (let n = 1; n <= kills; n += 1) {
    const wanted = Math.floor((count * n) / (kills + 1));
    const at = await until(
      `${wanted} of ${count} are done`,
      async () => {
        const done = await doneOf(huiliu, job);
        return done >= wanted ? done : undefined;
      },
      PATIENCE_MS,
      () => ask(huiliu, `/replays/${job}`),
    );
    await huiliu.kill("engine");
    killsAt.push(at);
    log(`kill ${n} with ${at} of ${count} done`);
    await huiliu.recovered();
  }
  return killsAt;
}

/** Runs show 6 and answers what the ledger says. Throws when a step does not come to its end; judging the numbers is the caller's. */
export async function replayKills(options: ReplayKillsOptions): Promise<ReplayKillsReport> {
  const log = options.log ?? (() => undefined);
  const own = options.huiliu === undefined;
  const huiliu = options.huiliu ?? (await startHuiliu(`replay-kills-${options.count}`, { profiles: { his: destination(QUICK) } }));
  try {
    return await replayIt(huiliu, options, log);
  } finally {
    if (own) await huiliu.stop();
  }
}

async function replayIt(huiliu: Huiliu, options: ReplayKillsOptions, log: (line: string) => void): Promise<ReplayKillsReport> {
  const { count, seed, rate = 1_000 } = options;
  const group = await parkAll(huiliu, options, log);
  const asked = { of: "write-backs", select: { group: group.id }, ratePerSecond: rate, ...WHO };
  const began = performance.now();
  const job = await ask(huiliu, "/replays", asked);
  const previewMs = Math.round(performance.now() - began);
  const { matched, planned, closed } = job.preview as { matched: number; planned: number; closed: number };
  log(`preview of ${planned} in ${previewMs} ms, state ${String(job.state)}`);
  const id = String(job.id);
  const acknowledged = await replaySome(huiliu, id);
  const requestsBefore = requestsOf(await huiliu.ledger()).length;
  const started = performance.now();
  const { state } = await ask(huiliu, `/replays/${id}/start`, WHO);
  if (state === "awaiting-approval") await ask(huiliu, `/replays/${id}/approve`, { ...SECOND, hash: job.hash });
  const killsAt = await killWhileItRuns(huiliu, id, options, log);
  const over = await until(
    "the job is done",
    async () => {
      const now = await ask(huiliu, `/replays/${id}`);
      return now.state === "done" && now;
    },
    PATIENCE_MS,
    () => ask(huiliu, `/replays/${id}`),
  );
  const runSeconds = Math.round((performance.now() - started) / 100) / 10;
  const lines = await huiliu.ledger();
  const later = requestsOf(lines).slice(requestsBefore);
  const audits = await huiliu.sql("select count(*)::int as n from operator_action where action = 'replay' and after->>'replayJob' = $1", [
    id,
  ]);
  return {
    count,
    seed,
    previewMs,
    previewed: { matched, planned, closed },
    killsAt,
    runSeconds,
    progress: over.progress as Row,
    ...effectsOf(lines, group.keys),
    reSent: later.filter((line) => line.key !== null && acknowledged.has(line.key)).length,
    openAfter: Number((await ask(huiliu, `/failure-groups/${group.id}`)).open),
    audits: Number(audits[0]?.n),
  };
}
