/**
 * A replay job's life as a table (delivery.md section 1, ServiceControl: marking → staging → forwarding → done, each resumable): what a person may do in which
 * state, when a second person is needed, and what a canary says. Pure; the store asks with the job's row locked.
 */

export type ReplayOf = "write-backs" | "messages";

/**
 * - `selecting` the selection is being frozen into items, 1,000 at a time
 * - `previewed` frozen; nothing is touched before somebody starts it
 * - `awaiting-approval` started, and a second person is needed
 * - `marking` its items are claimed: at most one open replay has an item
 * - `canary` the first few are done again and their ends awaited
 * - `stopped` one of the canary did not end well: a person decides
 * - `running`, `paused`
 * - `cancelled`, `done`: no further item is touched
 */
export type ReplayState =
  | "selecting"
  | "previewed"
  | "awaiting-approval"
  | "marking"
  | "canary"
  | "stopped"
  | "running"
  | "paused"
  | "cancelled"
  | "done";

export const REPLAY_STATES: readonly ReplayState[] = [
  "selecting",
  "previewed",
  "awaiting-approval",
  "marking",
  "canary",
  "stopped",
  "running",
  "paused",
  "cancelled",
  "done",
];

export type ReplayCommand = "start" | "approve" | "pause" | "resume" | "cancel" | "continue";

/** Items frozen or claimed in one transaction. */
export const MARK_MAX = 1_000;
/** Items of one job. What matches beyond is told and left. */
export const JOB_ITEMS_MAX = 1_000_000;
/** Ids that a selection may list. */
export const SELECTION_IDS_MAX = 1_000;
/** Items done again and awaited before the rest. */
export const CANARY_ITEMS = 10;
export const RATE_DEFAULT = 50;
export const RATE_MAX = 1_000;
/** Done again and not over yet: no more than this of a job are under way, whatever its rate. */
export const UNDER_WAY_MAX = 2_000;
/** Examples in a preview. */
export const EXAMPLES = 20;
/** A preview that nobody started is cancelled after this: what it counted is no longer so. */
export const PREVIEW_KEPT_MS = 24 * 3_600_000;

/** Where a command leads; undefined: not now. `approve` and `resume` are decided by what the job holds. */
const COMMANDS: Readonly<Record<ReplayCommand, readonly ReplayState[]>> = {
  start: ["previewed"],
  approve: ["awaiting-approval"],
  pause: ["marking", "canary", "running"],
  resume: ["paused"],
  cancel: ["selecting", "previewed", "awaiting-approval", "marking", "canary", "stopped", "running", "paused"],
  continue: ["stopped"],
};
const ALL = Object.keys(COMMANDS) as ReplayCommand[];

/** What a person may do with a job in this state. */
export const allowedIn = (state: ReplayState): readonly ReplayCommand[] => ALL.filter((command) => COMMANDS[command].includes(state));
export const isAllowed = (state: ReplayState, command: ReplayCommand): boolean => COMMANDS[command].includes(state);

const APPROVAL_REASONS = ["count", "amount", "superseded"] as const;
export type ApprovalReason = (typeof APPROVAL_REASONS)[number];

export interface ApprovalLimits {
  /** More items than this need a second person. */
  readonly count: number;
  /** More money than this, in fen, needs a second person. */
  readonly sumFen: bigint;
}
/** What one person starts without a second within a day counts together: many small jobs are a great one (A15). */
export const ALONE_WITHIN_MS = 24 * 3_600_000;
export const APPROVAL_DEFAULT: ApprovalLimits = { count: 100, sumFen: 1_000_000n };

/** Why a second person is needed; empty: one is enough. Amounts count whatever their sign. */
export function approvalNeeded(
  job: { readonly planned: number; readonly sumFen: bigint; readonly superseded: number },
  limits: ApprovalLimits,
): readonly ApprovalReason[] {
  const sum = job.sumFen < 0n ? -job.sumFen : job.sumFen;
  return [
    ...(job.planned > limits.count ? ["count" as const] : []),
    ...(sum > limits.sumFen ? ["amount" as const] : []),
    ...(job.superseded > 0 ? ["superseded" as const] : []),
  ];
}

export type ReplayItemState = "planned" | "skipped" | "refused" | "marked" | "replayed" | "done" | "failed" | "cancelled";
export const REPLAY_ITEM_STATES: readonly ReplayItemState[] = [
  "planned",
  "skipped",
  "refused",
  "marked",
  "replayed",
  "done",
  "failed",
  "cancelled",
];
const OPEN: ReadonlySet<ReplayItemState> = new Set(["planned", "marked", "replayed"]);

export interface CanaryItem {
  readonly state: ReplayItemState;
  /** Why it ended as it did; null: the partner took it, or the flow settled it. */
  readonly code: string | null;
}

/**
 * What the canary says: `wait` while one of it is open, `stop` when one has failed, `go` when one went well. Whoever was skipped, refused or closed by a person
 * says nothing: when all of it say nothing, others are tried (`again`).
 */
export function canaryRuling(items: readonly CanaryItem[]): "wait" | "stop" | "go" | "again" {
  if (items.some(({ state }) => OPEN.has(state))) return "wait";
  if (items.some(({ state }) => state === "failed")) return "stop";
  return items.some(({ state, code }) => state === "done" && code === null) ? "go" : "again";
}

/**
 * What the rate gives now. Tokens gather at `perSecond`, at most one second's worth. Units: items. `heldMs` is the time since they were last counted.
 */
export function tokensNow(tokens: number, perSecond: number, heldMs: number | undefined): number {
  if (heldMs === undefined) return Math.max(1, perSecond / 10);
  return Math.min(Math.max(1, perSecond), tokens + (Math.max(0, heldMs) * perSecond) / 1_000);
}
