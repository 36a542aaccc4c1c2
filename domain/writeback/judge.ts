/**
 * What a reply proves, once it is held against what was sent (design.md decisions 8 and 9). Pure: no clock, no network, total over every reading.
 */
import type { Reading, Sent } from "./dialect.ts";
import type { InquiryOutcome, Outcome } from "./outcome.ts";
import type { How, Receipt } from "./ports.ts";
import { CODE_LENGTH_MAX, NO_LENGTH_MAX } from "../schema/pieces.ts";
import type { ParkCode } from "./reasons.ts";
import { why } from "./why.ts";

/** Longest partner text kept in a row, an event or a reason. */
const PARTNER_TEXT_MAX = 300;
/** Longest number and code of a partner kept: as long as the event schemas take. */
const PARTNER_NO_MAX = NO_LENGTH_MAX;
const PARTNER_CODE_MAX = CODE_LENGTH_MAX;
const TOO_MANY_REQUESTS = 429;

export type Agreement = "agrees" | "differs" | "unproved";

/** What one call told about a write-back. `outcome` picks the step from the table; `park` or `ask` overrule it, never towards less care. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly why: string;
  readonly code?: string;
  readonly text?: string;
  readonly how?: How;
  readonly receipt?: Receipt;
  /** With `deferred`: the partner's own number of the work it took; its later acknowledgement may name only that. */
  readonly reference?: string;
  readonly park?: ParkCode;
  readonly ask?: true;
}

/** What one inquiry told. */
export type InquiryVerdict =
  | { readonly kind: InquiryOutcome; readonly verdict: Verdict }
  /** The answer itself asks for a person. */
  | { readonly kind: "park"; readonly verdict: Verdict };

/** What a row can hold: a NUL, or half a character left by the cut, would be refused by the store, and a proof with it. */
const cut = (text: string | undefined, length: number): string | undefined => {
  const kept = text?.replaceAll("\0", " ").trim().slice(0, length).toWellFormed();
  return kept === "" ? undefined : kept;
};

/**
 * Whether the partner speaks of the same deed: every one of amount and serial that was sent must come back equal. `unproved` when one does not come back at all;
 * a write-back that has neither is known by its key alone.
 */
export function agreement(sent: Sent, reading: Pick<Reading, "amountFen" | "serial">): Agreement {
  const amountDiffers = sent.amountFen !== undefined && reading.amountFen !== undefined && sent.amountFen !== reading.amountFen;
  const serialDiffers = sent.serial !== undefined && reading.serial !== undefined && sent.serial !== reading.serial;
  if (amountDiffers || serialDiffers) return "differs";
  const amountOpen = sent.amountFen !== undefined && reading.amountFen === undefined;
  const serialOpen = sent.serial !== undefined && reading.serial === undefined;
  return amountOpen || serialOpen ? "unproved" : "agrees";
}

/** The partner's proof as it is stored. `code` is never empty: a reply that is acknowledged without a code of its own is named by its status. */
export function receiptOf(reading: Reading, status: number): Receipt {
  const [code, text, partnerNo, invoiceNo, remark, serial] = [
    cut(reading.code, PARTNER_CODE_MAX),
    cut(reading.text, PARTNER_TEXT_MAX),
    cut(reading.receiptNo, PARTNER_NO_MAX),
    cut(reading.invoiceNo, PARTNER_NO_MAX),
    cut(reading.remark, PARTNER_TEXT_MAX),
    cut(reading.serial, PARTNER_NO_MAX),
  ];
  return {
    code: code ?? `HTTP ${status}`,
    ...(text === undefined ? {} : { text }),
    ...(partnerNo === undefined ? {} : { partnerNo }),
    ...(invoiceNo === undefined ? {} : { invoiceNo }),
    ...(remark === undefined ? {} : { remark }),
    ...(reading.amountFen === undefined ? {} : { amountFen: reading.amountFen }),
    ...(serial === undefined ? {} : { serial }),
  };
}

function said(reading: Reading): Pick<Verdict, "code" | "text" | "why"> {
  const code = cut(reading.code, PARTNER_CODE_MAX);
  const text = cut(reading.text, PARTNER_TEXT_MAX);
  return {
    why: cut(reading.why, PARTNER_TEXT_MAX) ?? why("no-reason"),
    ...(code === undefined ? {} : { code }),
    ...(text === undefined ? {} : { text }),
  };
}

/** What the reply to a send proves. `canAsk`: the destination has an inquiry message. */
export function judgeSend(reading: Reading, status: number, sent: Sent, canAsk: boolean): Verdict {
  const words = said(reading);
  switch (reading.outcome) {
    case "acknowledged": {
      const agrees = agreement(sent, reading);
      const already = reading.how === "already-done";
      if (agrees === "differs") return { ...words, outcome: "unclear", park: already ? "ALREADY_DONE_DIFFERS" : "RECEIPT_DIFFERS" };
      if (already && agrees === "unproved") {
        return canAsk ? { ...words, outcome: "unclear", ask: true } : { ...words, outcome: "unclear", park: "ALREADY_DONE_UNPROVED" };
      }
      return { ...words, outcome: "acknowledged", how: already ? "already-done" : "reply", receipt: receiptOf(reading, status) };
    }
    case "rejected":
    case "busy":
      return { ...words, outcome: reading.outcome };
    case "deferred": {
      const reference = cut(reading.reference, PARTNER_NO_MAX);
      return { ...words, outcome: "deferred", ...(reference === undefined ? {} : { reference }) };
    }
    case "unclear":
    case "not-found": {
      if (status === TOO_MANY_REQUESTS) return { ...words, outcome: "busy" };
      // Sent again it would only be claimed again: a person must look, or the inquiry must tell.
      const agrees = reading.claims === undefined ? undefined : agreement(sent, reading);
      const already = reading.claims === "already-done";
      if (agrees === "differs") return { ...words, outcome: "unclear", park: already ? "ALREADY_DONE_DIFFERS" : "RECEIPT_DIFFERS" };
      if (already && !canAsk) return { ...words, outcome: "unclear", park: "ALREADY_DONE_UNPROVED" };
      return already ? { ...words, outcome: "unclear", ask: true } : { ...words, outcome: "unclear" };
    }
  }
}

/** What the reply to an inquiry proves. It is found "done" only when amount and serial agree; any other find is for a person. */
export function judgeInquiry(reading: Reading, status: number, sent: Sent): InquiryVerdict {
  const words = said(reading);
  switch (reading.outcome) {
    case "acknowledged": {
      const agrees = agreement(sent, reading);
      if (agrees === "agrees") {
        return { kind: "done", verdict: { ...words, outcome: "acknowledged", how: "inquiry", receipt: receiptOf(reading, status) } };
      }
      const park = agrees === "differs" ? "RECEIPT_DIFFERS" : "ALREADY_DONE_UNPROVED";
      return { kind: "park", verdict: { ...words, outcome: "unclear", park } };
    }
    case "rejected":
      return { kind: "park", verdict: { ...words, outcome: "unclear", park: "INQUIRY_REFUSED" } };
    case "not-found":
      return { kind: "not-found", verdict: { ...words, outcome: "unsent" } };
    case "unclear":
      // It says "found" again however often it is asked: what does not agree is for a person.
      if (reading.claims !== undefined) {
        const park = agreement(sent, reading) === "differs" ? "RECEIPT_DIFFERS" : "ALREADY_DONE_UNPROVED";
        return { kind: "park", verdict: { ...words, outcome: "unclear", park } };
      }
      return { kind: "unclear", verdict: { ...words, outcome: "unclear" } };
    case "busy":
    case "deferred":
      return { kind: "unclear", verdict: { ...words, outcome: "unclear" } };
  }
}
