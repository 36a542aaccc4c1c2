/**
 * Who works on replay jobs: one worker of all leads (lead.ts), and each of its transactions locks the lead's row against a take-over and the job's row against a
 * person's command. A leader that slept commits nothing; a successor goes on where the tables stand.
 */
import { failpoint } from "../../domain/failpoint.ts";
import { JournalGone } from "../../domain/journal/ports.ts";
import {
  type ApprovalLimits,
  type CanaryItem,
  canaryRuling,
  MARK_MAX,
  PREVIEW_KEPT_MS,
  type ReplayItemState,
} from "../../domain/replay/job.ts";
import { AUDIT_REFUSAL } from "../../domain/operations/refusals-audit.ts";
import { commit, type Tx } from "./group-commit.ts";
import { type Lead, STILL_LEADS } from "./lead.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { replayDue, type Stepped } from "./replay-items.ts";
import { note } from "./operations-deeds.ts";
import { ENGINE } from "./overtaken.ts";
import { isGenuine, type JobRow, lockJob } from "./replay-jobs.ts";
import { freezePage } from "./replay-select.ts";
import * as sql from "./replay-sql.ts";
import { run } from "./sql.ts";

const REPLAY_TASK = "replay-jobs";
/** States in which something is claimed or done again. */
const WORKING: ReadonlySet<string> = new Set(["marking", "canary", "running"]);
const LEASE_MS = 10_000;
/** Between two looks: while something moves, while ends are awaited, while there is no job. */
const REST_MS = { moved: 100, waiting: 250, idle: 1_000 } as const;
/** After something went wrong. */
const AGAIN_MS = 1_000;

export interface ReplayRunnerDeps
  extends Pick<OperationsDeps, "pool" | "reads" | "log" | "policy" | "after" | "wake" | "goneAfterMs" | "audit" | "mayStill"> {
  readonly lead: Lead;
  readonly workerId: number;
  readonly limits: ApprovalLimits;
}

export interface ReplayRunner {
  start(): void;
  /** A job was made or changed here: look now. */
  wake(): void;
  /** One look at every job at work; answers whether anything moved. Rejects when the database is away. What `start` does again and again. */
  step(): Promise<"moved" | "waiting" | "idle">;
  /** Ends after the step under way and lets the lead go. */
  stop(): Promise<void>;
}

export function createReplayRunner(deps: ReplayRunnerDeps): ReplayRunner {
  const { pool, log, lead } = deps;
  let running: Promise<void> | undefined;
  let stopped = false;
  let rouse: () => void = () => undefined;

  /** A step of one job under the lead; undefined when we do not lead any more or the job is over. */
  const under = async <T>(token: bigint, id: string, work: (tx: Tx, job: JobRow) => Promise<T>): Promise<T | undefined> => {
    const options = { pool, log, name: "replay-job", ...(deps.goneAfterMs === undefined ? {} : { goneAfterMs: deps.goneAfterMs }) };
    const done = await commit<T | undefined>(options, async (tx) => {
      const [ours] = await run(tx.client, "replay_still_leads", STILL_LEADS, [REPLAY_TASK, deps.workerId, token]);
      const job = ours === undefined ? undefined : await lockJob(tx.client, id);
      return { answers: [job === undefined ? undefined : await work(tx, job)] };
    });
    return done.answers[0];
  };

  const follow = async (tx: Tx, job: JobRow): Promise<number> => {
    const [name, text] =
      job.of === "messages" ? ["replay_follow_messages", sql.FOLLOW_MESSAGES] : ["replay_follow", sql.FOLLOW_WRITE_BACKS];
    return (await run(tx.client, name, text, [job.id, MARK_MAX, tx.nowMs])).length;
  };
  const anyIn = async (tx: Tx, job: JobRow, states: readonly ReplayItemState[]): Promise<boolean> =>
    (await run<{ any: boolean }>(tx.client, "replay_any_in", sql.ANY_IN, [job.id, states]))[0]?.any === true;
  const become = (tx: Tx, job: JobRow, state: string) => run(tx.client, "replay_set_state", sql.SET_STATE, [job.id, state]);
  const end = (tx: Tx, job: JobRow, state: string) => run(tx.client, "replay_end", sql.END_JOB, [job.id, state, tx.nowMs]);

  /** Claims the next items; when all are, the first few become the canary. */
  const mark = async (tx: Tx, job: JobRow): Promise<boolean> => {
    const marked = await run(tx.client, "replay_mark", sql.MARK, [job.id, MARK_MAX, tx.nowMs]);
    if (marked.length > 0) {
      failpoint("replay.before-mark-commit");
      return true;
    }
    await run(tx.client, "replay_canary", sql.CHOOSE_CANARY, [job.id, job.canary_items]);
    await become(tx, job, "canary");
    return true;
  };

  const canary = async (tx: Tx, job: JobRow): Promise<Stepped | boolean> => {
    const items = await run<CanaryItem>(tx.client, "replay_canary_states", sql.CANARY_STATES, [job.id]);
    const ruling = canaryRuling(items);
    if (ruling === "wait") return replayDue(deps, tx, job);
    // None of it was sent: it proves nothing. Others take its place, until one does or none is left.
    if (ruling === "again" && (await run(tx.client, "replay_canary", sql.CHOOSE_CANARY, [job.id, job.canary_items])).length > 0)
      return true;
    await become(tx, job, ruling === "stop" ? "stopped" : "running");
    failpoint("replay.before-canary-commit");
    return true;
  };

  const go = async (tx: Tx, job: JobRow): Promise<Stepped | boolean> => {
    const stepped = await replayDue(deps, tx, job);
    if (stepped.turned > 0) return stepped;
    if (await anyIn(tx, job, ["marked", "replayed"])) return false;
    await end(tx, job, "done");
    failpoint("replay.before-done-commit");
    return true;
  };

  const free = async (tx: Tx, job: JobRow): Promise<boolean> => {
    const freed = await run(tx.client, "replay_free", sql.FREE, [job.id, MARK_MAX, tx.nowMs]);
    if (freed.length > 0) return true;
    if (!(await anyIn(tx, job, ["replayed"]))) await end(tx, job, "cancelled");
    return false;
  };

  /** Why nothing more of the job may be done: it is not as the engine wrote it, or whoever wanted it may not want it any more. */
  const noMore = async (tx: Tx, job: JobRow): Promise<"NOT_GENUINE" | "RIGHT_LOST" | undefined> => {
    if (deps.audit !== undefined && !isGenuine(job, deps.audit.approval)) return "NOT_GENUINE";
    const { mayStill } = deps;
    if (mayStill === undefined) return undefined;
    const [asker, approver] = [job.requested_account, job.approved_account];
    if (asker !== null && !(await mayStill(asker, "replay", tx.client))) return "RIGHT_LOST";
    return approver !== null && !(await mayStill(approver, "approve", tx.client)) ? "RIGHT_LOST" : undefined;
  };
  const refuse = async (tx: Tx, job: JobRow, code: "NOT_GENUINE" | "RIGHT_LOST"): Promise<boolean> => {
    const { zh, en } = AUDIT_REFUSAL[code];
    const reason = `${code}: ${zh} · ${en}`;
    await run(tx.client, "replay_refuse", sql.REFUSE_JOB, [job.id, reason]);
    const after = { state: "cancelled", code };
    await note(tx, {
      who: ENGINE,
      action: "refuse",
      targetKind: "replay-job",
      targetId: job.id,
      reason,
      before: { state: job.state },
      after,
    });
    log.error({ alarm: "command-refused", replayJob: job.id, code }, "a replay job is not carried out");
    return true;
  };

  /** What the job's state asks for. The state is read with the row locked: a person may have changed it since the list was made. */
  const stepOf = async (tx: Tx, job: JobRow): Promise<Stepped | boolean> => {
    const moved = (await follow(tx, job)) > 0;
    if (WORKING.has(job.state)) {
      const no = await noMore(tx, job);
      if (no !== undefined) return refuse(tx, job, no);
    }
    switch (job.state) {
      case "marking":
        return mark(tx, job);
      case "canary":
        return (await canary(tx, job)) || moved;
      case "running":
        return (await go(tx, job)) || moved;
      case "cancelled":
        return (await free(tx, job)) || moved;
      case "selecting":
      case "previewed":
      case "awaiting-approval":
      case "paused":
      case "stopped":
      case "done":
        return moved;
    }
  };

  const told = (did: Stepped | boolean | undefined): boolean => {
    if (typeof did !== "object") return did === true;
    if (did.due.destinations.length > 0) deps.after(did.due);
    if (did.woken) deps.wake();
    return did.turned > 0;
  };

  const stepJob = async (token: bigint, job: Pick<JobRow, "id" | "state">): Promise<boolean> => {
    try {
      // What cannot be audited is not done: the job waits.
      if (WORKING.has(job.state) && deps.audit !== undefined && !(await deps.audit.ready())) return false;
      if (job.state !== "selecting") {
        const did = await under(token, job.id, stepOf);
        failpoint("replay.after-items-commit");
        return told(did);
      }
      const page = await freezePage(deps, job.id, deps.limits);
      if (!page.ok) log.warn({ replayJob: job.id, code: page.code }, "a replay's selection is tried again");
      return page.ok;
    } catch (error) {
      if (error instanceof JournalGone) throw error;
      // One job that cannot go on must not keep the others from it.
      log.error({ replayJob: job.id, err: error }, "a replay job's step failed; nothing was changed, it is tried again");
      return false;
    }
  };

  const step: ReplayRunner["step"] = async () => {
    await run(pool, "replay_expire_previews", sql.EXPIRE_PREVIEWS, [PREVIEW_KEPT_MS]);
    const jobs = await run<Pick<JobRow, "id" | "state">>(pool, "replay_at_work", sql.AT_WORK, []);
    if (jobs.length === 0) return "idle";
    const token = await lead.take(REPLAY_TASK, LEASE_MS);
    if (token === undefined) return "idle";
    let moved = false;
    for (const job of jobs) moved = (await stepJob(token, job)) || moved;
    return moved ? "moved" : "waiting";
  };

  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      rouse = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const loop = async (): Promise<void> => {
    while (!stopped) {
      try {
        await rest(REST_MS[await step()]);
      } catch (error) {
        // The database is away, or one job's row is bad: said, and tried again. Nothing was changed.
        const gone = error instanceof JournalGone;
        log[gone ? "warn" : "error"]({ error: error instanceof Error ? error.message : String(error) }, "replay jobs are tried again");
        await rest(AGAIN_MS);
      }
    }
  };

  return {
    step,
    start: () => {
      running ??= loop();
    },
    wake: () => rouse(),
    stop: async () => {
      stopped = true;
      rouse();
      await running;
      // Should the database be away, the lease runs out by itself.
      await lead
        .give(REPLAY_TASK)
        .catch((error: unknown) => log.warn({ error: String(error) }, "the lead of replay jobs runs out by itself"));
    },
  };
}
