/** A job's row as the code reads it. */
import type { ReplayHow, Counts, JobTerms } from "../../domain/replay/items.ts";
import type { ApprovalReason, ReplayOf, ReplayState } from "../../domain/replay/job.ts";
import { commandText } from "../../domain/replay/genuine.ts";
import type { Selection } from "../../domain/replay/selection.ts";
import type { Client, Pool } from "./pool.ts";
import { LOCK_JOB, READ_JOB } from "./replay-sql.ts";
import { run } from "./sql.ts";

export interface JobRow {
  readonly id: string;
  readonly of: ReplayOf;
  readonly state: ReplayState;
  readonly resume_to: "marking" | "canary" | "running" | null;
  readonly selection: Selection;
  readonly requested_by: string;
  readonly reason: string;
  readonly confirmed_checked: boolean;
  readonly include_superseded: boolean;
  readonly rate_per_second: number;
  readonly canary_items: number;
  readonly cursor: string | null;
  readonly hash: string;
  readonly complete: boolean;
  readonly counts: Counts;
  readonly approval: readonly ApprovalReason[];
  readonly approved_by: string | null;
  readonly requested_account: string | null;
  readonly approved_account: string | null;
  readonly command_ms: string | null;
  readonly command_mac: string | null;
  readonly created_ms: number;
  readonly tokens: number;
  readonly tokens_ms: number | null;
}

/** The MAC that the job's command must carry; the same text when it is made and when it is looked at. */
export const commandMac = (
  job: JobRow,
  command: { readonly by: string | null; readonly account: string | null; readonly ms: string },
  mac: (text: string) => string,
): string =>
  mac(
    commandText({
      id: job.id,
      of: job.of,
      hash: job.hash,
      requestedBy: job.requested_by,
      requestedAccount: job.requested_account,
      reason: job.reason,
      confirmedChecked: job.confirmed_checked,
      includeSuperseded: job.include_superseded,
      approvedBy: command.by,
      approvedAccount: command.account,
      commandMs: command.ms,
    }),
  );

/** Whether the engine itself wrote the command that the job carries. */
export const isGenuine = (job: JobRow, mac: (text: string) => string): boolean =>
  job.command_ms !== null &&
  job.command_mac !== null &&
  job.command_mac === commandMac(job, { by: job.approved_by, account: job.approved_account, ms: job.command_ms }, mac);

export const termsOf = (job: JobRow): JobTerms => ({
  reason: job.reason,
  confirmedChecked: job.confirmed_checked,
  includeSuperseded: job.include_superseded,
});

/** The job's row, locked until the transaction ends: every step of a job, a person's or the leader's, holds it. */
export const lockJob = async (client: Client, id: string): Promise<JobRow | undefined> =>
  (await run<JobRow>(client, "replay_lock_job", LOCK_JOB, [id]))[0];
export const readJob = async (pool: Pool, id: string): Promise<JobRow | undefined> =>
  (await run<JobRow>(pool, "replay_read_job", READ_JOB, [id]))[0];

/** What an item becomes in one step. */
export interface Step {
  readonly n: bigint;
  readonly state: "marked" | "replayed" | "skipped" | "refused";
  readonly how: ReplayHow | null;
  readonly code: string | null;
  readonly audit_id: bigint | null;
  readonly later: boolean;
}
