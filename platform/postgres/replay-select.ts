/** Finding what a replay job is asked for, page by page, and freezing it into items: each page in one transaction with the job's cursor, so that a crash loses none and repeats none. */
import { createHash } from "node:crypto";
import { failpoint } from "../../domain/failpoint.ts";
import type { MessageState } from "../../domain/journal/ports.ts";
import { READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered } from "../../domain/operations/refusals.ts";
import { type Counts, counted, type ItemRuling, messageItemRuling, NO_COUNTS, writeBackItemRuling } from "../../domain/replay/items.ts";
import { itemText } from "../../domain/replay/genuine.ts";
import { type ApprovalLimits, approvalNeeded, JOB_ITEMS_MAX, MARK_MAX } from "../../domain/replay/job.ts";
import type { WriteBackState } from "../../domain/writeback/ports.ts";
import { commit, type Tx } from "./group-commit.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { type Conditions, conditions, reading, within } from "./operations-sql.ts";
import { type JobRow, lockJob, readJob, termsOf } from "./replay-jobs.ts";
import * as sql from "./replay-sql.ts";
import { run } from "./sql.ts";

/** Closed rows are counted this far; beyond, the preview says "at least". */
const CLOSED_MAX = 100_000;
const FIRST_UUID = "00000000-0000-0000-0000-000000000000";
export const NO_HASH = createHash("sha256").update("").digest("hex");

type FreezeDeps = Pick<OperationsDeps, "pool" | "reads" | "log" | "policy" | "goneAfterMs" | "audit">;

interface Found {
  readonly target: string;
  readonly lane: string | null;
  readonly seq: bigint;
  readonly amount_fen: bigint | null;
  readonly attempts: number | null;
  readonly ruling: ItemRuling;
}

interface WriteBackFound {
  readonly id: string;
  readonly state: WriteBackState;
  readonly superseded: boolean;
  readonly may_have_taken_effect: boolean;
  readonly destination: string;
  readonly lane: string;
  readonly seq: bigint;
  readonly amount_fen: bigint | null;
  readonly attempts: number;
  readonly taken: boolean;
  readonly gone: boolean;
}
interface MessageFound {
  readonly id: string;
  readonly state: MessageState;
  readonly has_request: boolean;
  readonly seq: bigint;
  readonly taken: boolean;
}

/** Conditions of the selection, without its states. */
function selected(job: JobRow, where: Conditions): void {
  const { selection } = job;
  const own = job.of === "write-backs" ? "w" : "m";
  if (selection.by === "ids") where.and(`${own}.id = any(${where.param(selection.ids)}::uuid[])`);
  else if (selection.by === "group") {
    where.and(
      job.of === "write-backs" ? `w.failure_group = ${where.param(selection.group)}` : `f.failure_group = ${where.param(selection.group)}`,
    );
  } else {
    within(where, `${own}.id`, selection);
    if (selection.partner !== undefined)
      where.and(`${job.of === "write-backs" ? "w.destination" : "m.partner"} = ${where.param(selection.partner)}`);
    if (selection.kind !== undefined) where.and(`${own}.kind = ${where.param(selection.kind)}`);
    if (selection.code !== undefined) {
      const code = where.param(selection.code);
      where.and(job.of === "write-backs" ? `w.park->>'code' = ${code} or w.last_code = ${code}` : `m.park->>'code' = ${code}`);
    }
  }
}

/** The states that become items: what is open, and with includeSuperseded what was overtaken. Named ids come whatever their state. */
function openOnly(job: JobRow, where: Conditions): void {
  const { selection } = job;
  if (selection.by === "ids") return;
  const messages = job.of === "messages";
  if (messages) where.and("m.state = 'parked'");
  else {
    const open = selection.by === "group" ? "w.closed_at is null" : `w.state = ${where.param(selection.state)}`;
    where.and(job.include_superseded ? `${open} or ${sql.OVERTAKEN("w")}` : open);
  }
  where.and(`${messages ? "m" : "w"}.id > ${where.param(job.cursor ?? FIRST_UUID)}::uuid`);
}

const MESSAGES = (job: JobRow): string =>
  job.selection.by === "group" ? "message_failure f join message m on m.id = f.message_id" : "message m";

async function pageOf(deps: FreezeDeps, job: JobRow): Promise<Answered<readonly Found[]>> {
  const where = conditions();
  selected(job, where);
  openOnly(job, where);
  const terms = termsOf(job);
  if (job.of === "messages") {
    const text = `select m.id, m.state, m.raw is not null as has_request, m.seq, ${sql.TAKEN("m.id")} as taken
      from ${MESSAGES(job)} where ${where.text()} order by m.id limit ${MARK_MAX}`;
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) =>
      answered(
        (await client.query<MessageFound>(text, where.values)).rows.map(({ id, state, has_request, seq, taken }) => {
          const ruling = messageItemRuling({ state, hasRequest: has_request, taken });
          return { target: id, lane: null, seq, amount_fen: null, attempts: null, ruling };
        }),
      ),
    );
  }
  const text = `select w.id, w.state, ${sql.OVERTAKEN("w")} as superseded, w.may_have_taken_effect, w.destination, w.lane,
      coalesce(w.lane_seq, 0) as seq, w.amount_fen, w.attempts, ${sql.TAKEN("w.id")} as taken, ${sql.BODY_GONE("w")} as gone
    from write_back w where ${where.text()} order by w.id limit ${MARK_MAX}`;
  return reading(deps.reads, READ_TIMEOUT_MS, async (client) =>
    answered(
      (await client.query<WriteBackFound>(text, where.values)).rows.map(({ id, destination, lane, seq, amount_fen, attempts, ...row }) => {
        const view = { ...row, mayHaveTakenEffect: row.may_have_taken_effect };
        const ruling = writeBackItemRuling(view, deps.policy(destination), terms);
        return { target: id, lane: `${destination} ${lane}`, seq, amount_fen, attempts, ruling };
      }),
    ),
  );
}

/** Named ids that nobody has are refused, each by name. */
function withUnknown(job: JobRow, found: readonly Found[]): readonly Found[] {
  if (job.selection.by !== "ids") return found;
  const there = new Set(found.map((one) => one.target));
  const code = job.of === "messages" ? ("UNKNOWN_MESSAGE" as const) : ("UNKNOWN_WRITE_BACK" as const);
  const unknown = job.selection.ids.filter((id) => !there.has(id));
  return [
    ...found,
    ...unknown.map((target): Found => ({ target, lane: null, seq: 0n, amount_fen: null, attempts: null, ruling: { is: "refused", code } })),
  ];
}

/** What matches and is closed already: counted, not frozen. Undefined when it could not be counted in time. */
async function closedOf(deps: FreezeDeps, job: JobRow): Promise<{ readonly n: number; readonly superseded: number } | undefined> {
  if (job.selection.by === "ids") return { n: 0, superseded: 0 };
  const where = conditions();
  selected(job, where);
  const messages = job.of === "messages";
  if (messages) where.and("m.state in ('settled', 'duplicate', 'resolved')");
  else {
    where.and("w.closed_at is not null");
    if (job.include_superseded) where.and(`not ${sql.OVERTAKEN("w")}`);
  }
  const column = messages ? "false as superseded" : `${sql.OVERTAKEN("w")} as superseded`;
  const text = `select count(*)::integer as n, count(*) filter (where s.superseded)::integer as superseded from (
    select ${column} from ${messages ? MESSAGES(job) : "write_back w"} where ${where.text()} limit ${CLOSED_MAX}) as s`;
  const told = await reading(deps.reads, READ_TIMEOUT_MS, async (client) =>
    answered((await client.query<{ n: number; superseded: number }>(text, where.values)).rows[0]),
  );
  return told.ok ? told.value : undefined;
}

/** What is approved of an item: which it is (its key and body never change), what is done with it, its money, and after how many attempts. */
const toldOf = ({ target, ruling, amount_fen, attempts }: Found): string =>
  ruling.is === "planned"
    ? `${target} planned ${ruling.how} ${amount_fen ?? "-"} ${attempts ?? "-"}\n`
    : `${target} ${ruling.is} ${ruling.code}\n`;

const hashOf = (before: string, found: readonly Found[]): string =>
  createHash("sha256").update(before).update(found.map(toldOf).join("")).digest("hex");

type Mac = ((text: string) => string) | undefined;

const itemRow = (job: string, { target, lane, seq, amount_fen, attempts, ruling }: Found, n: number, mac: Mac) => {
  const how = ruling.is === "planned" ? ruling.how : null;
  const superseded = ruling.is === "planned" && ruling.superseded;
  return {
    n,
    target,
    lane,
    seq,
    amount_fen,
    how,
    superseded,
    state: ruling.is,
    code: ruling.is === "planned" ? null : ruling.code,
    attempts,
    // What is never done needs no proof.
    mac: how === null ? null : (mac?.(itemText({ job, n: String(n), target, how, superseded, attempts })) ?? null),
  };
};

async function storePage(tx: Tx, job: JobRow, found: readonly Found[], last: boolean, mac: Mac): Promise<Counts> {
  let counts: Counts = { ...NO_COUNTS, ...job.counts };
  const rows = found.map((one, index) => itemRow(job.id, one, counts.frozen + index, mac));
  for (const one of found) counts = counted(counts, one.ruling, one.amount_fen ?? undefined);
  if (last && counts.frozen >= JOB_ITEMS_MAX) counts = { ...counts, more: true };
  if (rows.length > 0) await run(tx.client, "replay_items", sql.INSERT_ITEMS, [...sql.ITEM_ROWS.params(rows), job.id, tx.nowMs]);
  const cursor = found.at(-1)?.target ?? job.cursor;
  await run(tx.client, "replay_froze", sql.FROZE, [job.id, cursor, hashOf(job.hash, found), JSON.stringify(counts)]);
  return counts;
}

/** The preview is whole: what it comes to, and whether a second person is needed. */
async function finish(
  tx: Tx,
  job: JobRow,
  counts: Counts,
  closed: Awaited<ReturnType<typeof closedOf>>,
  limits: ApprovalLimits,
): Promise<void> {
  const [touched] = await run<{ lanes: number }>(tx.client, "replay_lanes", sql.LANES_TOUCHED, [job.id]);
  const told: Counts = {
    ...counts,
    ...(closed === undefined ? {} : { closed: closed.n, closedAtLeast: closed.n >= CLOSED_MAX }),
    superseded: counts.superseded + (closed?.superseded ?? 0),
    ...(job.of === "messages" ? {} : { lanes: touched?.lanes ?? 0 }),
  };
  const needed = approvalNeeded({ planned: counts.planned, sumFen: BigInt(counts.grossFen), superseded: counts.supersededPlanned }, limits);
  await run(tx.client, "replay_previewed", sql.PREVIEWED, [job.id, needed, JSON.stringify(told)]);
}

/**
 * Freezes one page of the job's selection. `over`: nothing is left to freeze. Whoever comes second (the request that made the job, and the leader) finds the cursor
 * moved on and changes nothing. Answers a refusal when the search took too long or the database is away.
 */
export async function freezePage(deps: FreezeDeps, id: string, limits: ApprovalLimits): Promise<Answered<"more" | "over">> {
  const job = await readJob(deps.pool, id);
  if (job?.state !== "selecting") return answered("over");
  const page = await pageOf(deps, job);
  if (!page.ok) return page;
  const found = withUnknown(job, page.value);
  const frozen = (job.counts.frozen ?? 0) + found.length;
  const last = job.selection.by === "ids" || page.value.length < MARK_MAX || frozen >= JOB_ITEMS_MAX;
  const closed = last ? await closedOf(deps, job) : undefined;
  const { pool, log, goneAfterMs } = deps;
  const options = { pool, log, name: "replay-freeze", ...(goneAfterMs === undefined ? {} : { goneAfterMs }) };
  const done = await commit(options, async (tx) => {
    const now = await lockJob(tx.client, id);
    if (now?.state !== "selecting" || now.cursor !== job.cursor || now.hash !== job.hash) return { answers: ["more" as const] };
    const counts = await storePage(tx, now, found, last, deps.audit?.approval);
    if (last) await finish(tx, now, counts, closed, limits);
    failpoint("replay.before-freeze-commit");
    return { answers: [last ? ("over" as const) : ("more" as const)] };
  });
  failpoint("replay.after-freeze-commit");
  return answered(done.answers[0] ?? "more");
}
