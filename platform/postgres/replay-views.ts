/** Replay jobs and items as operators see them: columns to select, and how they are told. */
import { OPERATION_REFUSAL, type OperationCode } from "../../domain/operations/refusals.ts";
import type { ReplayItem, ReplayJob } from "../../domain/operations/views-replay.ts";
import { type Counts, NO_COUNTS } from "../../domain/replay/items.ts";
import { allowedIn, type ReplayState } from "../../domain/replay/job.ts";
import type { Selection } from "../../domain/replay/selection.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { moment, present } from "./operations-sql.ts";

type Row = Record<string, unknown>;

export const JOB_VIEW_COLUMNS = `j.id, j.of, j.state, j.selection, j.requested_by as "requestedBy", j.reason, j.confirmed_checked as "confirmedChecked",
  j.include_superseded as "includeSuperseded", j.rate_per_second as "ratePerSecond", ${moment("j.created_at")} as "createdAt", j.hash, j.complete, j.counts,
  j.approval, j.approved_by as "approvedBy", j.approval_reason as "approvalReason", ${moment("j.approved_at")} as "approvedAt",
  j.canary_accepted_by as "canaryAcceptedBy", ${moment("j.started_at")} as "startedAt", ${moment("j.ended_at")} as "endedAt", j.ended_by as "endedBy", j.ended_why as "endedWhy"`;
export const ITEM_COLUMNS = `i.n::text as n, i.target, i.state, i.how, i.code, i.lane, i.amount_fen::text as amount, i.superseded, i.canary, ${moment("i.at")} as at,
  i.audit_id::text as "auditId"`;

export const itemView = (row: Row): ReplayItem => present(row) as unknown as ReplayItem;

/** The selection with its moments as times. */
function selectionView(selection: Selection): object {
  if (selection.by !== "since") return selection;
  const { fromMs, toMs, ...rest } = selection;
  return { ...rest, since: chinaDateTimeOf(fromMs), ...(toMs === undefined ? {} : { until: chinaDateTimeOf(toMs) }) };
}

const refusedView = (refused: Counts["refused"]): ReplayJob["preview"]["refused"] =>
  Object.entries(refused).map(([code, count]) => {
    const { zh, en, next } = OPERATION_REFUSAL[code as OperationCode];
    return { code, zh, en, next, count };
  });

const previewView = (row: Row, examples: readonly ReplayItem[] | undefined): ReplayJob["preview"] => {
  const counts: Counts = { ...NO_COUNTS, ...(row.counts as Counts) };
  const { planned, superseded, supersededPlanned, lanes, fen, withoutAmount, more } = counts;
  const closed = counts.skipped + (counts.closed ?? 0);
  return {
    complete: row.complete === true,
    matched: counts.frozen + (counts.closed ?? 0),
    more,
    planned,
    closed,
    closedAtLeast: counts.closedAtLeast === true || (row.complete === true && counts.closed === undefined),
    superseded,
    supersededPlanned,
    refused: refusedView(counts.refused),
    how: { ask: counts.how.ask ?? 0, send: counts.how.send ?? 0, feed: counts.how.feed ?? 0 },
    ...(lanes === undefined ? {} : { lanes }),
    fen,
    withoutAmount,
    ...(examples === undefined ? {} : { examples: [...examples] }),
  };
};

/** What is read beside the row when one job is looked at. */
export interface JobMore {
  readonly examples?: readonly ReplayItem[];
  readonly progress?: ReplayJob["progress"];
  readonly failures?: ReplayJob["failures"];
}

export function jobView(row: Row, more: JobMore = {}): ReplayJob {
  const { counts: _counts, complete: _complete, approval, approvedBy, approvalReason, approvedAt, selection, ...rest } = row;
  const by = present({ by: approvedBy, reason: approvalReason, at: approvedAt });
  return present({
    ...rest,
    selection: selectionView(selection as Selection),
    preview: previewView(row, more.examples),
    approval: { needed: approval as string[], ...by },
    progress: more.progress,
    failures: more.failures,
    allowed: [...allowedIn(row.state as ReplayState)],
  }) as unknown as ReplayJob;
}
