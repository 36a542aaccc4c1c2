/**
 * What an acknowledgement that comes on its own way does to the write-back it names (design.md decisions 8 and 9). Pure and total: every saying of the partner in every
 * state of the write-back has a row. Nothing is ever resent after a proof; nothing is ever undone by a contradiction: that is for a person.
 */
import type { Reading, Sent } from "../writeback/dialect.ts";
import { agreement } from "../writeback/judge.ts";
import type { Receipt, WriteBackState } from "../writeback/ports.ts";
import type { ParkCode } from "../writeback/reasons.ts";

/**
 * - `applied` the answer that was awaited
 * - `early` came while the send's own reply was still outstanding
 * - `late` came after the answer was overdue: it had been sent again, asked for or parked
 * - `duplicate` told before; nothing changed
 * - `differs` contradicts what is known: other amount, serial or receipt, or a proof of what was rejected or cancelled
 * - `unexpected` names nothing that we owe this partner
 * - `unclear` names it, but proves nothing by its contract
 */
export type AcknowledgementState = "applied" | "early" | "late" | "duplicate" | "differs" | "unexpected" | "unclear";

/** What it says, once held against what was sent. `done` proves; `other` proves another amount or serial; `pending` says that the work goes on. */
export type Saying = "done" | "rejected" | "other" | "pending" | "nothing";

/** Where the write-back stands, read under its locks. */
export interface Standing {
  readonly state: WriteBackState;
  /** Some request of it may have left us; while `sending` a send, this one too. */
  readonly sent: boolean;
  /** `sending`, and no earlier request of it ever left us. */
  readonly firstSend: boolean;
  /** With `parked`: why. */
  readonly parked?: string;
  /** With `acknowledged`. */
  readonly receipt?: Receipt;
  /** With `resolved`. */
  readonly resolution?: string;
  readonly hisReceiptNo?: string;
}

/** What is done. `repark` changes the reason of what is parked already. */
export type Move = "finish" | "park-rejected" | "park-differs" | "repark-rejected" | "repark-differs" | "none";

export interface AcknowledgementRuling {
  readonly state: AcknowledgementState;
  readonly move: Move;
}

/** What the partner says. Amount and serial must both be told and agree: no connection vouches for a message that comes on its own. */
export function sayingOf(reading: Reading, sent: Sent): Saying {
  const agrees = agreement(sent, reading);
  switch (reading.outcome) {
    case "acknowledged":
      return agrees === "agrees" ? "done" : agrees === "differs" ? "other" : "nothing";
    case "rejected":
      return agrees === "differs" ? "other" : "rejected";
    case "deferred":
      return "pending";
    case "unclear":
      return reading.claims !== undefined && agrees === "differs" ? "other" : "nothing";
    case "busy":
    case "not-found":
      return "nothing";
  }
}

/** Reasons that are the partner's own word: a proof contradicts them. Every other reason leaves open whether it took effect, and a proof closes it. */
const ITS_WORD: ReadonlySet<string> = new Set<ParkCode>(["REJECTED", "ALREADY_DONE_DIFFERS", "RECEIPT_DIFFERS"]);

const nothing = (state: AcknowledgementState): AcknowledgementRuling => ({ state, move: "none" });

/** The same receipt: whatever both of them tell is equal. */
function sameReceipt(known: Receipt, told: Receipt): boolean {
  const same = <T>(one: T | undefined, other: T | undefined): boolean => one === undefined || other === undefined || one === other;
  return same(known.partnerNo, told.partnerNo) && same(known.amountFen, told.amountFen) && same(known.serial, told.serial);
}

function onClosed(saying: Saying, standing: Standing, told: Receipt): AcknowledgementRuling {
  const { state, receipt, resolution, hisReceiptNo } = standing;
  if (saying === "other") return nothing("differs");
  if (state === "acknowledged") {
    if (saying === "rejected") return nothing("differs");
    return nothing(receipt === undefined || sameReceipt(receipt, told) ? "duplicate" : "differs");
  }
  if (resolution !== "done-by-hand") return nothing(saying === "done" ? "differs" : "duplicate");
  if (saying === "rejected") return nothing("differs");
  return nothing(hisReceiptNo === undefined || told.partnerNo === undefined || hisReceiptNo === told.partnerNo ? "duplicate" : "differs");
}

function onParked(saying: Saying, reason: string): AcknowledgementRuling {
  if (ITS_WORD.has(reason)) return nothing(reason === "REJECTED" && saying === "rejected" ? "duplicate" : "differs");
  if (saying === "done") return { state: "late", move: "finish" };
  return saying === "rejected" ? { state: "late", move: "repark-rejected" } : { state: "differs", move: "repark-differs" };
}

/** What becomes of it. `told`: the proof as it would be stored. */
export function rule(saying: Saying, standing: Standing, told: Receipt): AcknowledgementRuling {
  if (!standing.sent) return nothing("unexpected");
  if (saying === "nothing") return nothing("unclear");
  switch (standing.state) {
    case "acknowledged":
    case "resolved":
      return saying === "pending" ? nothing("duplicate") : onClosed(saying, standing, told);
    case "parked":
      return saying === "pending" ? nothing("duplicate") : onParked(saying, standing.parked ?? "");
    case "deferred":
    case "sending":
    case "waiting":
    case "queued":
    case "held": {
      if (saying === "pending") return nothing("duplicate");
      if (saying === "other") return { state: "differs", move: "park-differs" };
      const state = standing.state === "deferred" ? "applied" : standing.firstSend ? "early" : "late";
      if (saying === "done") return { state, move: "finish" };
      // It has been sent again, and that attempt's own reply will tell more than the refusal of an earlier one.
      return standing.state === "sending" && !standing.firstSend ? nothing("late") : { state, move: "park-rejected" };
    }
  }
}
