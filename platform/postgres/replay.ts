/** Replay jobs as operators ask for them and command them (domain/replay/ports.ts, Replays). What works on them is replay-runner.ts. */
import { type Deed, PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, type OperationRefused, refused } from "../../domain/operations/refusals.ts";
import { sameSigner, signed } from "../../domain/operations/rules.ts";
import type { Page } from "../../domain/operations/views.ts";
import type { ReplayItem, ReplayJob } from "../../domain/operations/views-replay.ts";
import { NO_COUNTS } from "../../domain/replay/items.ts";
import {
  APPROVAL_DEFAULT,
  type ApprovalLimits,
  CANARY_ITEMS,
  EXAMPLES,
  isAllowed,
  PREVIEW_KEPT_MS,
  RATE_DEFAULT,
  RATE_MAX,
  REPLAY_ITEM_STATES,
  type ReplayCommand,
  SELECTION_IDS_MAX,
} from "../../domain/replay/job.ts";
import type { ReplayAsked, Replays } from "../../domain/replay/ports.ts";
import { selectionOf } from "../../domain/replay/selection.ts";
import { aloneNeeds, noteAlone, piecesOf } from "./alone.ts";
import { at, createUuid7 } from "./clock.ts";
import type { Tx } from "./group-commit.ts";
import { type Deeded, doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { conditions, isUuid, LAST_UUID, reading } from "./operations-sql.ts";
import type { Client } from "./pool.ts";
import { commandMac, type JobRow, lockJob } from "./replay-jobs.ts";
import { freezePage, NO_HASH } from "./replay-select.ts";
import * as sql from "./replay-sql.ts";
import { ITEM_COLUMNS, itemView, JOB_VIEW_COLUMNS, jobView } from "./replay-views.ts";
import { run } from "./sql.ts";
import { notTwoPeople } from "./two-people.ts";

/** The request that makes a job freezes this long before it answers; what is left, the leader freezes. */
const FREEZE_INLINE_MS = 1_500;
type Row = Record<string, unknown>;

const ONE = `select ${JOB_VIEW_COLUMNS} from replay_job j where j.id = $1`;
const PROGRESS = "select i.state, count(*)::integer as n from replay_item i where i.job = $1 group by 1";
const FAILURES = `select coalesce(i.code, '') as code, count(*)::integer as count from replay_item i where i.job = $1 and i.state = 'failed' group by 1 order by 2 desc, 1 limit 20`;
const SHOWN_FIRST = `select ${ITEM_COLUMNS} from replay_item i where i.job = $1 and i.state <> 'skipped' order by i.n limit ${EXAMPLES}`;

const START = `update replay_job set state = $2, started_at = coalesce(started_at, ${at("$3")}), approval = $4::text[], command_ms = $5::bigint, command_mac = $6 where id = $1`;
const APPROVE = `update replay_job set state = 'marking', approved_by = $2, approval_reason = $3, approved_hash = hash, approved_at = ${at("$4")},
  approved_account = $5, command_ms = $6::bigint, command_mac = $7 where id = $1`;
const PAUSE = "update replay_job set state = 'paused', resume_to = state where id = $1";
const RESUME = "update replay_job set state = resume_to, resume_to = null, tokens_at = null where id = $1 and resume_to is not null";
const CANCEL = "update replay_job set state = 'cancelled', resume_to = null, ended_by = $2, ended_why = $3 where id = $1";
const CONTINUE = "update replay_job set state = 'running', canary_accepted_by = $2 where id = $1";

export function createReplays(deps: OperationsDeps): Replays {
  const limits = deps.replay?.approval ?? APPROVAL_DEFAULT;
  const wake = (): void => deps.replay?.wake?.();
  const uuid7 = createUuid7();

  const whole = async (client: Client, id: string): Promise<Answered<ReplayJob>> => {
    const [row] = (await client.query<Row>(ONE, [id])).rows;
    if (row === undefined) return refused("UNKNOWN_REPLAY");
    const counts = (await client.query<{ state: string; n: number }>(PROGRESS, [id])).rows;
    const of = new Map(counts.map((one) => [one.state, one.n]));
    const progress = Object.fromEntries(REPLAY_ITEM_STATES.map((state) => [state, of.get(state) ?? 0])) as unknown as ReplayJob["progress"];
    const failures = (await client.query<{ code: string; count: number }>(FAILURES, [id])).rows;
    const examples = (await client.query<Row>(SHOWN_FIRST, [id])).rows.map(itemView);
    return answered(jobView(row, { progress, failures, examples }));
  };
  const get = async (id: string): Promise<Answered<ReplayJob>> =>
    isUuid(id) ? reading(deps.reads, READ_TIMEOUT_MS, (client) => whole(client, id)) : refused("UNKNOWN_REPLAY");

  /** Freezes for as long as a person may wait; a search that is too slow is left to the leader, and the job says that it is selecting. */
  const freeze = async (id: string): Promise<void> => {
    const until = performance.now() + FREEZE_INLINE_MS;
    while (performance.now() < until) {
      const page = await freezePage(deps, id, limits);
      if (!page.ok || page.value === "over") return;
    }
  };

  const create = async (asked: ReplayAsked): Promise<Answered<ReplayJob>> => {
    const sign = signed(asked);
    if (!sign.ok) return sign;
    const chosen = selectionOf(asked.of, asked.select);
    if (!chosen.ok) return chosen;
    const rate = asked.ratePerSecond ?? RATE_DEFAULT;
    if (!Number.isInteger(rate) || rate < 1 || rate > RATE_MAX)
      return refused("BAD_REQUEST", {
        problems: [{ at: "/ratePerSecond", zh: `1 至 ${RATE_MAX} 的整数`, en: `a whole number from 1 to ${RATE_MAX}` }],
      });
    let id = "";
    const made = await doing(deps, async (tx) => {
      id = uuid7(tx.nowMs);
      const [checked, superseded] = [asked.confirmedChecked === true, asked.includeSuperseded === true];
      const selection = JSON.stringify(chosen.selection);
      const values = [id, asked.of, selection, sign.by, sign.reason, checked, superseded, rate, CANARY_ITEMS, tx.nowMs, NO_HASH];
      await run(tx.client, "replay_insert_job", sql.INSERT_JOB, [...values, JSON.stringify(NO_COUNTS), asked.account ?? null]);
      const after = {
        of: asked.of,
        selection: chosen.selection,
        ratePerSecond: rate,
        confirmedChecked: checked,
        includeSuperseded: superseded,
      };
      const auditId = await note(tx, {
        who: sign.by,
        action: "preview",
        targetKind: "replay-job",
        targetId: id,
        reason: sign.reason,
        after,
      });
      return { ok: true, done: { id, kind: "replay-job", state: "selecting", auditId } };
    });
    if (!made.ok) return made;
    await freeze(id);
    wake();
    return get(id);
  };

  const terms: Replays["terms"] = () => ({
    editAndReplay: deps.replay?.editAndReplay === true,
    approval: { count: limits.count, fen: String(limits.sumFen) },
    canary: CANARY_ITEMS,
    ratePerSecond: { default: RATE_DEFAULT, max: RATE_MAX },
    idsMax: SELECTION_IDS_MAX,
  });

  const list: Replays["list"] = (filter) => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const where = conditions();
    if (filter.state !== undefined) where.and(`j.state = ${where.param(filter.state)}`);
    if (filter.open === true) where.and("j.ended_at is null");
    where.and(`j.id < ${where.param(filter.after ?? LAST_UUID)}::uuid`);
    const text = `select ${JOB_VIEW_COLUMNS} from replay_job j where ${where.text()} order by j.id desc limit ${limit + 1}`;
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const rows = (await client.query<Row>(text, where.values)).rows.map((row) => jobView(row));
      const items = rows.slice(0, limit);
      const last = items.at(-1);
      return answered<Page<ReplayJob>>({ items, ...(rows.length > limit && last ? { after: last.id } : {}) });
    });
  };

  const items: Replays["items"] = async (id, filter) => {
    if (!isUuid(id)) return refused("UNKNOWN_REPLAY");
    const limit = filter.limit ?? PAGE_DEFAULT;
    const where = conditions();
    where.and(`i.job = ${where.param(id)}::uuid`);
    if (filter.state !== undefined) where.and(`i.state = ${where.param(filter.state)}`);
    if (filter.code !== undefined) where.and(`i.code = ${where.param(filter.code)}`);
    where.and(`i.n > ${where.param(filter.after ?? "-1")}::bigint`);
    const text = `select ${ITEM_COLUMNS} from replay_item i where ${where.text()} order by i.n limit ${limit + 1}`;
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      if ((await client.query(ONE, [id])).rows.length === 0) return refused("UNKNOWN_REPLAY");
      const rows = (await client.query<Row>(text, where.values)).rows.map(itemView);
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      return answered<Page<ReplayItem>>({ items: shown, ...(rows.length > limit && last ? { after: last.n } : {}) });
    });
  };

  const command: Replays["command"] = async (id, wanted, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    if (!isUuid(id)) return refused("UNKNOWN_REPLAY");
    const done = await doing(deps, async (tx): Promise<Deeded> => {
      const job = await lockJob(tx.client, id);
      const who = { by: sign.by, account: deed.account ?? null };
      const no = commandRefusal(job, wanted, { ...who, hash: deed.hash, nowMs: tx.nowMs });
      if (no || !job) return no ?? refused("UNKNOWN_REPLAY");
      const requester = { by: job.requested_by, account: job.requested_account };
      const one = wanted === "approve" ? await notTwoPeople(tx, requester, who, job.created_ms) : undefined;
      if (one) return { ...one, state: job.state };
      const state = await carryOut(tx, job, wanted, { ...sign, account: who.account }, { limits, mac: deps.audit?.approval });
      const entry = { who: sign.by, action: wanted, targetKind: "replay-job" as const, targetId: id, reason: sign.reason };
      const auditId = await note(tx, {
        ...entry,
        before: { state: job.state },
        after: { state, hash: job.hash, ...(deed.account === undefined ? {} : { account: deed.account }) },
      });
      return { ok: true, done: { id, kind: "replay-job", state, auditId } };
    });
    if (!done.ok) return done;
    wake();
    return get(id);
  };

  return { create, list, get, items, terms, command };
}

/** Why a person may not do this with the job now; undefined when he may. */
function commandRefusal(
  job: JobRow | undefined,
  wanted: ReplayCommand,
  asked: { readonly by: string; readonly account: string | null; readonly hash: string | undefined; readonly nowMs: number },
): OperationRefused | undefined {
  if (!job) return refused("UNKNOWN_REPLAY");
  const { state } = job;
  if (!isAllowed(state, wanted)) return refused(state === "selecting" ? "REPLAY_SELECTING" : "REPLAY_STATE", { state });
  if (wanted === "start" && job.counts.planned === 0) return refused("NOTHING_TO_REPLAY", { state });
  // What was counted that long ago is not what is there now.
  const begins = wanted === "start" || wanted === "approve";
  if (begins && asked.nowMs - job.created_ms > PREVIEW_KEPT_MS) return refused("APPROVAL_EXPIRED", { state });
  const requester = { by: job.requested_by, account: job.requested_account };
  if (wanted === "approve" && sameSigner(asked, requester)) return refused("SAME_PERSON", { state });
  // An approval is bound to what was seen: without its hash it is none.
  if (wanted === "approve" || asked.hash !== undefined) return asked.hash === job.hash ? undefined : refused("HASH_DIFFERS", { state });
  return undefined;
}

/** Moves the job; answers its new state. */
async function carryOut(
  tx: Tx,
  job: JobRow,
  wanted: ReplayCommand,
  sign: Required<Pick<Deed, "by" | "reason">> & { readonly account: string | null },
  { limits, mac }: { readonly limits: ApprovalLimits; readonly mac: ((text: string) => string) | undefined },
): Promise<string> {
  const { id } = job;
  const ms = String(tx.nowMs);
  const commanded = (by: string | null, account: string | null): readonly [string, string | null] => [
    ms,
    mac === undefined ? null : commandMac(job, { by, account, ms }, mac),
  ];
  switch (wanted) {
    case "start": {
      const requester = { by: job.requested_by, account: job.requested_account };
      const whole = { order: null, items: job.counts.planned, fen: BigInt(job.counts.grossFen) };
      // What needs two people by itself is not counted by order.
      const pieces = job.of === "write-backs" && job.approval.length === 0 ? await piecesOf(tx, id) : [whole];
      const needed = new Set([...job.approval, ...(await aloneNeeds(tx, requester, pieces, limits))]);
      if (needed.size === 0) await noteAlone(tx, requester, pieces);
      const state = needed.size > 0 ? "awaiting-approval" : "marking";
      await run(tx.client, "replay_start", START, [
        id,
        state,
        tx.nowMs,
        [...needed],
        ...(needed.size > 0 ? [null, null] : commanded(null, null)),
      ]);
      return state;
    }
    case "approve":
      await run(tx.client, "replay_approve", APPROVE, [
        id,
        sign.by,
        sign.reason,
        tx.nowMs,
        sign.account,
        ...commanded(sign.by, sign.account),
      ]);
      return "marking";
    case "pause":
      await run(tx.client, "replay_pause", PAUSE, [id]);
      return "paused";
    case "resume":
      await run(tx.client, "replay_resume", RESUME, [id]);
      return job.resume_to ?? job.state;
    case "cancel":
      await run(tx.client, "replay_cancel", CANCEL, [id, sign.by, sign.reason]);
      return "cancelled";
    case "continue":
      await run(tx.client, "replay_continue", CONTINUE, [id, sign.by]);
      return "running";
  }
}
