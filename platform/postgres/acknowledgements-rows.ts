/** A write-back as its row stands under its locks, and what the rules and events are told of it. */
import type { Arrived } from "../../domain/acknowledgements/ports.ts";
import type { AcknowledgementRuling, Standing } from "../../domain/acknowledgements/ruling.ts";
import type { ParkReason } from "../../domain/journal/ports.ts";
import { refusal } from "../../domain/refusals.ts";
import type { AttemptEnd, Receipt, WriteBackState } from "../../domain/writeback/ports.ts";
import { whyOf } from "../../domain/writeback/why.ts";
import type { FactsRow } from "./write-back-facts.ts";

/** Longest value of what an acknowledgement names that is kept. */
export const NAMED_MAX = 200;

export interface Locked extends FactsRow {
  readonly message_id: string;
  readonly state: WriteBackState;
  readonly action: string;
  readonly may_have_taken_effect: boolean;
  readonly park_code: string | null;
  readonly receipt: (Omit<Receipt, "amountFen"> & { readonly amountFen?: string }) | null;
  readonly resolution: string | null;
  readonly his_receipt_no: string | null;
  readonly lane_behind: number;
}

export const standingOf = (row: Locked): Standing => {
  const sendingNow = row.state === "sending" && row.action === "send";
  const { amountFen, ...receipt } = row.receipt ?? { code: "" };
  return {
    state: row.state,
    sent: row.first_sent_ms !== null || sendingNow,
    firstSend: sendingNow && row.first_sent_ms === null,
    ...(row.park_code === null ? {} : { parked: row.park_code }),
    ...(row.receipt === null ? {} : { receipt: { ...receipt, ...(amountFen === undefined ? {} : { amountFen: BigInt(amountFen) }) } }),
    ...(row.resolution === null ? {} : { resolution: row.resolution }),
    ...(row.his_receipt_no === null ? {} : { hisReceiptNo: row.his_receipt_no }),
  };
};

/** The parking as the failure groups take it: like the end of an attempt. */
export const failedEnd = (row: Locked, outcome: AttemptEnd["outcome"], park: NonNullable<AttemptEnd["park"]>, why: string): AttemptEnd => ({
  id: row.id,
  messageId: row.message_id,
  token: 0,
  attempt: row.attempts,
  action: "send",
  outcome,
  step: "park",
  mayHaveTakenEffect: row.may_have_taken_effect,
  why,
  park,
});

const textsOf = (held: string): { readonly zh: string; readonly en: string } => {
  const { zh, en } = whyOf(held);
  return { zh, en };
};

/** Why the message parks; undefined when it is settled: whatever needs a person then has its face in the write-back. */
export function reasonOf(arrived: Arrived, ruling: AcknowledgementRuling): ParkReason | undefined {
  const named =
    arrived.correlation === undefined ? undefined : `${arrived.correlation.by} ${arrived.correlation.value}`.slice(0, NAMED_MAX);
  switch (ruling.state) {
    case "unexpected":
      return refusal("UNEXPECTED_ACKNOWLEDGEMENT", named === undefined ? {} : { place: named });
    case "unclear":
      return arrived.unreadable ?? refusal("ACKNOWLEDGEMENT_UNCLEAR", textsOf(arrived.reading.why));
    case "differs":
      return ruling.move === "none" ? refusal("ACKNOWLEDGEMENT_DIFFERS", named === undefined ? {} : { place: named }) : undefined;
    case "applied":
    case "early":
    case "late":
    case "duplicate":
      return undefined;
  }
}
