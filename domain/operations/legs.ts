/**
 * The two legs of a message, shown apart (engines.md section 4, ideas 2 and 3): did we answer its sender; did the partners acknowledge what it owes them. Pure.
 */
import type { Door, MessageState } from "../journal/ports.ts";
import type { WriteBackState } from "../writeback/ports.ts";

/**
 * - `answered` it was told that we have its bytes (never before they were committed: design.md section 3)
 * - `accepted`, `refused` the flow's own verdict was told
 * - `waiting` its answer waits for the flow
 * - `not-owed` nobody waits at this door: a file, a row of a view, an exchange or a replay of our own
 */
export const SENDER_LEGS = ["answered", "accepted", "refused", "waiting", "not-owed"] as const;
export type SenderLeg = (typeof SENDER_LEGS)[number];

/** The gravest of what its write-backs are: `parked` before `waiting` before the rest; `by-hand`: all closed, and none by the partner's own word. */
export const PARTNER_LEGS = ["not-owed", "acknowledged", "waiting", "parked", "by-hand"] as const;
export type PartnerLeg = (typeof PARTNER_LEGS)[number];

const SILENT_DOORS: ReadonlySet<string> = new Set<Door>(["file", "view", "exchange", "replay"]);

/** What a message's sender was told. `verdict`: the flow's, as far as it is kept; `waits`: this door answers only after the flow has. */
export function senderLegOf(message: {
  readonly door: string;
  readonly state: string;
  readonly verdict?: string;
  readonly waits?: boolean;
}): SenderLeg {
  if (message.verdict === "accepted" || message.verdict === "refused") return message.verdict;
  if (SILENT_DOORS.has(message.door)) return "not-owed";
  if (message.waits !== true) return "answered";
  const open: readonly string[] = ["received", "awaiting-part"] satisfies MessageState[];
  if (open.includes(message.state)) return "waiting";
  return message.state === "parked" ? "refused" : "accepted";
}

/** Write-backs of one message by what became of them. */
export interface PartnerCounts {
  readonly owed: number;
  readonly acknowledged: number;
  readonly waiting: number;
  readonly parked: number;
  readonly resolved: number;
}

const COUNTED: Readonly<Record<WriteBackState, Exclude<keyof PartnerCounts, "owed">>> = {
  held: "waiting",
  queued: "waiting",
  waiting: "waiting",
  sending: "waiting",
  deferred: "waiting",
  parked: "parked",
  acknowledged: "acknowledged",
  resolved: "resolved",
};

/** Adds up write-backs by state. */
export function countsOf(states: readonly { readonly state: string; readonly count: number }[]): PartnerCounts {
  const counts = { owed: 0, acknowledged: 0, waiting: 0, parked: 0, resolved: 0 };
  for (const { state, count } of states) {
    counts.owed += count;
    counts[COUNTED[state as WriteBackState] ?? "waiting"] += count;
  }
  return counts;
}

export function partnerLegOf(counts: PartnerCounts): PartnerLeg {
  if (counts.owed === 0) return "not-owed";
  if (counts.parked > 0) return "parked";
  if (counts.waiting > 0) return "waiting";
  return counts.acknowledged > 0 ? "acknowledged" : "by-hand";
}
