/**
 * The events of a write-back's end (reference/events.md): what we know is put together here; the sealer adds what only the composition root knows
 * (institution, test traffic), checks it against the type's schema and gives it its id.
 */
import type { Event } from "../events/event.ts";
import { businessDate, chinaDateTimeOf, parseChinaDateTime } from "../time.ts";
import type { AttemptEnd, Claimed, How, Receipt } from "./ports.ts";

const ACKNOWLEDGED = "writeback.acknowledged";
export const PARKED = "writeback.parked";
const RESOLVED = "writeback.resolved";

/** Longest excerpt of a partner's words in an event. */
const EXCERPT_MAX = 200;

/** An event before it is sealed. Equal `identity`, `type` and `ordinal` give the same event id for ever. */
export interface WriteBackEventDraft {
  readonly type: typeof ACKNOWLEDGED | typeof PARKED | typeof RESOLVED;
  /** The destination. */
  readonly source: string;
  /** The lane key. */
  readonly subject: string;
  readonly identity: string;
  /** The attempt: a write-back may park more than once. */
  readonly ordinal: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export type SealedWriteBackEvent =
  | { readonly ok: true; readonly event: Event }
  | { readonly ok: false; readonly problems: readonly { readonly at: string; readonly en: string }[] };

/** Must not throw; the core survives it when it does. */
export type SealWriteBackEvent = (draft: WriteBackEventDraft) => SealedWriteBackEvent;

/** What every write-back event says of its write-back. A row of the store has at least this. */
export type WriteBackFacts = Pick<
  Claimed,
  "id" | "key" | "destination" | "kind" | "cause" | "lane" | "amountFen" | "owedAt" | "firstSentAt" | "attempt"
>;

/** ISO 8601 in any offset → the one form of events; undefined when it is no time. */
function chinaTime(text: string): string | undefined {
  if (parseChinaDateTime(text)) return text;
  const epochMs = Date.parse(text);
  return Number.isNaN(epochMs) ? undefined : chinaDateTimeOf(epochMs);
}

/** Hides the middle of every run of five or more digits (card, phone and identity numbers) and cuts to EXCERPT_MAX. */
export function maskedExcerpt(text: string): string {
  return text
    .slice(0, EXCERPT_MAX)
    .replace(/\d{5,}[Xx]?/g, (run) => `${run.slice(0, 2)}${"*".repeat(Math.max(run.length - 4, 2))}${run.slice(-2)}`);
}

function common(facts: WriteBackFacts, atMs: number): Readonly<Record<string, unknown>> {
  const occurredAt = chinaDateTimeOf(atMs);
  const bill = facts.lane.startsWith("bill:") ? facts.lane.slice("bill:".length) : undefined;
  return {
    schemaVersion: 1,
    bills: bill === undefined || bill === "" ? [] : [{ no: bill }],
    serials: [],
    occurredAt,
    businessDate: businessDate(occurredAt),
    missing: [],
  };
}

function own(facts: WriteBackFacts, confirmed?: bigint): Readonly<Record<string, unknown>> {
  const firstSentAt = facts.firstSentAt === undefined ? undefined : chinaTime(facts.firstSentAt);
  return {
    writebackId: facts.id,
    key: facts.key,
    destination: facts.destination,
    kind: facts.kind,
    cause: { eventId: facts.cause.eventId, type: facts.cause.type },
    lane: facts.lane,
    attempts: facts.attempt,
    owedAt: chinaTime(facts.owedAt),
    ...(firstSentAt === undefined ? {} : { firstSentAt }),
    ...(facts.amountFen === undefined
      ? {}
      : { amount: { sent: facts.amountFen.toString(), ...(confirmed === undefined ? {} : { confirmed: confirmed.toString() }) } }),
  };
}

const envelope = (facts: WriteBackFacts) => ({ source: facts.destination, subject: facts.lane, identity: `writeback:${facts.key}` });

/** The partner's receipt is here. `atMs`: wall time of the receipt. */
export function acknowledgedDraft(facts: WriteBackFacts, proof: { receipt: Receipt; how: How; atMs: number }): WriteBackEventDraft {
  const { code, text, partnerNo, invoiceNo, remark, amountFen } = proof.receipt;
  return {
    ...envelope(facts),
    type: ACKNOWLEDGED,
    ordinal: 0,
    data: {
      ...common(facts, proof.atMs),
      ...own(facts, amountFen),
      receipt: {
        code,
        ...(text === undefined ? {} : { text }),
        ...(partnerNo === undefined ? {} : { partnerNo }),
        ...(invoiceNo === undefined ? {} : { invoiceNo }),
        ...(remark === undefined ? {} : { remark }),
      },
      how: proof.how,
      acknowledgedAt: chinaDateTimeOf(proof.atMs),
    },
  };
}

/** Why it parked and what the last attempt saw. */
export interface Parking {
  readonly park: NonNullable<AttemptEnd["park"]>;
  readonly outcome: AttemptEnd["outcome"];
  readonly mayHaveTakenEffect: boolean;
  readonly atMs: number;
  /** The partner's own code and words. */
  readonly code?: string;
  readonly text?: string;
  readonly status?: number;
  readonly laneBehind: number;
}

/** A person must look. */
export function parkedDraft(facts: WriteBackFacts, parking: Parking): WriteBackEventDraft {
  const owedMs = Date.parse(facts.owedAt);
  const excerpt = parking.text === undefined ? undefined : maskedExcerpt(parking.text);
  return {
    ...envelope(facts),
    type: PARKED,
    ordinal: facts.attempt,
    data: {
      ...common(facts, parking.atMs),
      ...own(facts),
      outcome: parking.outcome,
      reason: { code: parking.code ?? parking.park.code, text: maskedExcerpt(parking.park.zh), normalised: parking.park.code },
      // A person may park what was never tried.
      ...(facts.attempt === 0
        ? {}
        : {
            lastAttempt: {
              at: chinaDateTimeOf(parking.atMs),
              ...(parking.status === undefined ? {} : { status: parking.status.toString() }),
              ...(excerpt === undefined ? {} : { excerpt }),
            },
          }),
      mayHaveTakenEffect: parking.mayHaveTakenEffect,
      laneBlocked: { count: parking.laneBehind },
      advice: parking.park.advice.zh,
      ...(Number.isNaN(owedMs) ? {} : { ageSeconds: Math.max(0, Math.floor((parking.atMs - owedMs) / 1000)) }),
    },
  };
}

export interface Person {
  readonly no?: string;
  readonly name?: string;
}

/** A person's audited decision. `approvedBy` where two people are needed. */
export interface Resolution {
  readonly decision: "done-by-hand" | "cancelled" | "superseded";
  readonly by: Person;
  readonly approvedBy?: Person;
  readonly reason: string;
  readonly hisReceiptNo?: string;
  /** The event that overtook it, where that is why. */
  readonly overtakenBy?: string;
  readonly atMs: number;
}

/** Settled with the row. What was superseded may be sent by two people after all, and then be resolved by a person: that is another event. */
export function resolvedDraft(facts: WriteBackFacts, resolution: Resolution): WriteBackEventDraft {
  return {
    ...envelope(facts),
    type: RESOLVED,
    ordinal: resolution.decision === "superseded" ? 1 : 0,
    data: {
      ...common(facts, resolution.atMs),
      ...own(facts),
      by: resolution.by,
      ...(resolution.approvedBy === undefined ? {} : { approvedBy: resolution.approvedBy }),
      decision: resolution.decision,
      ...(resolution.overtakenBy === undefined ? {} : { overtakenBy: resolution.overtakenBy }),
      ...(resolution.hisReceiptNo === undefined ? {} : { hisReceiptNo: resolution.hisReceiptNo }),
      reason: resolution.reason,
    },
  };
}
