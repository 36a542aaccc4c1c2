/** Writing events, outbox and history: shared by everything that commits them. */
import { type Event, eventText } from "../../domain/events/event.ts";
import { DELIVERY_ROWS, EVENT_ROWS, HISTORY_ROWS, INSERT_EVENTS, INSERT_HISTORY, OWE_DELIVERIES } from "./settle-sql.ts";
import type { Tx } from "./group-commit.ts";
import { pack } from "./packed.ts";
import { run } from "./sql.ts";
import type { Subscribers } from "./subscribers.ts";

/** An event about to be stored. `seq` is its number of the outbox. */
export interface EventRow {
  readonly messageId: string;
  readonly event: Event;
  readonly seq: bigint;
  readonly ordinal: number;
  readonly publish: boolean;
}

const textOf = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** Stores events, and owes those to be published to the broker. */
export async function storeEvents(tx: Tx, rows: readonly EventRow[]): Promise<void> {
  if (rows.length === 0) return;
  const values = rows.map((row) => ({
    message_id: row.messageId,
    id: row.event.id,
    seq: row.seq,
    ordinal: row.ordinal,
    type: row.event.type,
    subject: textOf(row.event.subject),
    partner: row.event.source,
    business_date: textOf(row.event.data.businessDate),
    time: textOf(row.event.time),
    published: row.publish,
    body: pack(Buffer.from(eventText(row.event), "utf8"), "event", row.event.id),
  }));
  await run(tx.client, "insert_events", INSERT_EVENTS, [...EVENT_ROWS.params(values), tx.nowMs]);
}

/** Owes events to the `event-in` nodes that want them. Nobody holds them yet: the deliveries fetch them within a second. */
export async function oweToFlows(
  tx: Tx,
  rows: readonly Pick<EventRow, "messageId" | "event" | "seq">[],
  subscribers: Subscribers | undefined,
): Promise<void> {
  const owed = rows.flatMap(({ messageId, event, seq }) =>
    (subscribers?.of(event.type) ?? []).map((subscriber) => ({ subscriber, event_id: event.id, message_id: messageId, seq })),
  );
  if (owed.length > 0) await run(tx.client, "owe_deliveries", OWE_DELIVERIES, [...DELIVERY_ROWS.params(owed), tx.nowMs]);
}

/** Numbers for events that are committed outside a settlement. */
export async function eventNumbers(tx: Tx, count: number): Promise<readonly bigint[]> {
  if (count === 0) return [];
  const rows = await run<{ n: bigint }>(
    tx.client,
    "event_numbers",
    "select nextval('event_seq') as n from generate_series(1, $1::integer)",
    [count],
  );
  return rows.map((row) => row.n);
}

export interface HistoryRow {
  readonly messageId: string;
  readonly state: string;
  readonly by: string;
  readonly note?: string;
}

export async function storeHistory(tx: Tx, rows: readonly HistoryRow[]): Promise<void> {
  if (rows.length === 0) return;
  const values = rows.map((row) => ({ message_id: row.messageId, state: row.state, by: row.by, note: row.note ?? null }));
  await run(tx.client, "insert_history", INSERT_HISTORY, [...HISTORY_ROWS.params(values), tx.nowMs]);
}
