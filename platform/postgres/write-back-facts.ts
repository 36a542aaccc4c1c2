/** What events of a write-back's end tell of it, from its row. */
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { WriteBackFacts } from "../../domain/writeback/events.ts";

/** The columns they are made of, as every statement that decides a write-back answers them. */
export interface FactsRow {
  readonly id: string;
  readonly key: string;
  readonly destination: string;
  readonly kind: string;
  readonly lane: string;
  readonly cause_event_id: string;
  readonly cause_type: string;
  readonly amount_fen: bigint | null;
  readonly attempts: number;
  readonly owed_ms: number;
  readonly first_sent_ms: number | null;
}

const moment = (ms: number): string => chinaDateTimeOf(Math.floor(ms));

export const factsOf = (row: FactsRow): WriteBackFacts => ({
  id: row.id,
  key: row.key,
  destination: row.destination,
  kind: row.kind,
  cause: { eventId: row.cause_event_id, type: row.cause_type },
  lane: row.lane,
  ...(row.amount_fen === null ? {} : { amountFen: row.amount_fen }),
  owedAt: moment(row.owed_ms),
  ...(row.first_sent_ms === null ? {} : { firstSentAt: moment(row.first_sent_ms) }),
  attempt: row.attempts,
});
