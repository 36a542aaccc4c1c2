/** What a job would do with one item, by the same rules as a single deed (domain/writeback/manual.ts, domain/operations/rules.ts), and what the preview counts. */
import type { MessageState } from "../journal/ports.ts";
import type { OperationCode } from "../operations/refusals.ts";
import { messageReplayRuling } from "../operations/rules.ts";
import { replayRuling } from "../writeback/manual.ts";
import type { DestinationPolicy } from "../writeback/policy.ts";
import type { WriteBackState } from "../writeback/ports.ts";

/** `ask`: the partner is asked first. `send`: sent under the same key. `feed`: the stored bytes go through the flow again. */
export type ReplayHow = "ask" | "send" | "feed";

export type ItemRuling =
  | { readonly is: "planned"; readonly how: ReplayHow; readonly superseded: boolean }
  /** Over already: never sent again by a job. */
  | { readonly is: "skipped"; readonly code: OperationCode }
  | { readonly is: "refused"; readonly code: OperationCode };

export interface WriteBackItemView {
  readonly state: WriteBackState;
  readonly superseded: boolean;
  readonly mayHaveTakenEffect: boolean;
  /** Another job's open item. */
  readonly taken: boolean;
  /** Its day's bodies were dropped (retention): there is nothing left to send. */
  readonly gone?: boolean;
}

export interface JobTerms {
  readonly reason: string;
  readonly confirmedChecked: boolean;
  readonly includeSuperseded: boolean;
}

/** Rules one write-back. What was overtaken is sent only by a job that says so (design.md decision 6); what is acknowledged, by none. */
export function writeBackItemRuling(
  view: WriteBackItemView | undefined,
  policy: Pick<DestinationPolicy, "inquiry"> | undefined,
  terms: JobTerms,
): ItemRuling {
  if (!view) return { is: "refused", code: "UNKNOWN_WRITE_BACK" };
  const superseded = view.state === "resolved" && view.superseded;
  if (superseded && !terms.includeSuperseded) return { is: "refused", code: "SUPERSEDED" };
  if (superseded && view.gone === true) return { is: "refused", code: "CONTENT_GONE" };
  if (!superseded && (view.state === "acknowledged" || view.state === "resolved")) return { is: "skipped", code: "ALREADY_CLOSED" };
  if (view.taken) return { is: "refused", code: "ANOTHER_REPLAY" };
  const state = superseded ? "parked" : view.state;
  const ruling = replayRuling({ state, mayHaveTakenEffect: view.mayHaveTakenEffect }, policy, terms);
  return ruling.ok ? { is: "planned", how: ruling.action, superseded } : { is: "refused", code: ruling.refusal };
}

/** What was frozen of an item, when its terms were stated and approved. */
export interface Frozen {
  readonly how: ReplayHow | null;
  readonly superseded: boolean;
  readonly attempts: number | null;
}

/**
 * Rules one write-back at its turn. What was overtaken since nobody approved; and that the partner's system was looked at was said before any attempt made since: one
 * that was to be asked about, or that was tried again meanwhile, is not sent on that word.
 */
export function writeBackTurnRuling(
  frozen: Frozen,
  view: (WriteBackItemView & { readonly attempts: number }) | undefined,
  policy: Pick<DestinationPolicy, "inquiry"> | undefined,
  terms: JobTerms,
): ItemRuling {
  if (view?.superseded === true && !frozen.superseded) return { is: "refused", code: "SUPERSEDED" };
  const ruling = writeBackItemRuling(view, policy, terms);
  if (ruling.is !== "planned" || ruling.how !== "send") return ruling;
  return frozen.how === "send" && frozen.attempts === view?.attempts ? ruling : { is: "refused", code: "CONFIRM_REQUIRED" };
}

export interface MessageItemView {
  readonly state: MessageState;
  readonly hasRequest: boolean;
  readonly taken: boolean;
}

/** Rules one message: jobs do parked ones again. What is settled, a duplicate or closed is over. */
export function messageItemRuling(view: MessageItemView | undefined): ItemRuling {
  if (view && (view.state === "settled" || view.state === "duplicate" || view.state === "resolved"))
    return { is: "skipped", code: view.state === "resolved" ? "MESSAGE_RESOLVED" : "MESSAGE_NOT_PARKED" };
  const no = messageReplayRuling(view);
  if (no) return { is: "refused", code: no.code };
  return view?.taken === true ? { is: "refused", code: "ANOTHER_REPLAY" } : { is: "planned", how: "feed", superseded: false };
}

/** What a preview counts. Kept with the job and added to, batch by batch. */
export interface Counts {
  /** Items frozen: planned, skipped and refused ones. */
  readonly frozen: number;
  readonly planned: number;
  /** Frozen, but over already. */
  readonly skipped: number;
  /** Matched, but closed before and therefore not frozen; undefined while it is not counted. */
  readonly closed?: number;
  /** The closed count ended at its limit: at least so many. */
  readonly closedAtLeast?: boolean;
  /** Overtaken by a later fact, in all: among the closed, the refused or, with includeSuperseded, the planned. */
  readonly superseded: number;
  /** Of them, those that this job would send. */
  readonly supersededPlanned: number;
  readonly refused: Readonly<Partial<Record<OperationCode, number>>>;
  readonly how: Readonly<Partial<Record<ReplayHow, number>>>;
  /** Sum of the planned ones, decimal fen. */
  readonly fen: string;
  /** The same with every amount counted as positive: what takes money back does not make up for what brings it. */
  readonly grossFen: string;
  readonly withoutAmount: number;
  readonly lanes?: number;
  /** More match than a job takes. */
  readonly more: boolean;
}

export const NO_COUNTS: Counts = {
  frozen: 0,
  planned: 0,
  skipped: 0,
  superseded: 0,
  supersededPlanned: 0,
  refused: {},
  how: {},
  fen: "0",
  grossFen: "0",
  withoutAmount: 0,
  more: false,
};

const plusOne = <K extends string>(counts: Readonly<Partial<Record<K, number>>>, key: K): Partial<Record<K, number>> => ({
  ...counts,
  [key]: (counts[key] ?? 0) + 1,
});

/** The counts with one more item. */
export function counted(counts: Counts, ruling: ItemRuling, amountFen: bigint | undefined): Counts {
  const more = { ...counts, frozen: counts.frozen + 1 };
  if (ruling.is === "skipped") return { ...more, skipped: counts.skipped + 1 };
  if (ruling.is === "refused") {
    const superseded = counts.superseded + (ruling.code === "SUPERSEDED" ? 1 : 0);
    return { ...more, superseded, refused: plusOne(counts.refused, ruling.code) };
  }
  const extra = ruling.superseded ? 1 : 0;
  const amount = amountFen ?? 0n;
  return {
    ...more,
    planned: counts.planned + 1,
    superseded: counts.superseded + extra,
    supersededPlanned: counts.supersededPlanned + extra,
    how: plusOne(counts.how, ruling.how),
    fen: String(BigInt(counts.fen) + amount),
    grossFen: String(BigInt(counts.grossFen) + (amount < 0n ? -amount : amount)),
    withoutAmount: counts.withoutAmount + (amountFen === undefined ? 1 : 0),
  };
}
