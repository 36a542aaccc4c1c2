/** Rows as operators see them: columns to select, and how bytes and events are shown. */
import { maskText, maskValue } from "../../domain/operations/masking.ts";
import { SHOWN_CHARS_MAX } from "../../domain/operations/ports.ts";
import type { AuditRow, Attempt, Bytes, EventRow, MessageRow, WriteBackRow } from "../../domain/operations/views.ts";
import { type Charset, charsetOf, decode } from "../../domain/mapping/charset.ts";
import { nextOf } from "../../domain/refusals.ts";
import { whyOf } from "../../domain/writeback/why.ts";
import { moment, present } from "./operations-sql.ts";
import { eventTextOf, unpack } from "./packed.ts";

/** How personal data is shown. */
export interface Shown {
  readonly text: (text: string) => string;
  readonly value: (value: unknown) => unknown;
  readonly masked: boolean;
}
export const MASKED: Shown = { text: maskText, value: (value) => maskValue(value), masked: true };
export const WHOLE: Shown = { text: (same) => same, value: (same) => same, masked: false };

/** The next page's cursor: the last row's, when the page was full. */
export function pageOf<R, T>(
  rows: readonly R[],
  limit: number,
  view: (row: R) => T,
  cursor: (row: R) => string,
): { items: T[]; after?: string } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(view), ...(rows.length > limit && last !== undefined ? { after: cursor(last) } : {}) };
}

export const MESSAGE_COLUMNS = `m.id, m.seq::text as seq, m.partner, m.kind, m.door, m.state, ${moment("m.state_at")} as "stateAt",
  ${moment("m.received_at")} as "receivedAt", m.identity, m.exchange_id as "exchangeId",
  coalesce(m.raw_bytes, octet_length(m.raw)) + coalesce(octet_length(m.reply), 0) as bytes, m.run, m.replayed, nullif(m.flow, '') as flow, m.mapping, m.duplicate_of as "duplicateOf", m.park as parked`;

/** A parking's reason with what to do next. */
export function parkedView(park: unknown, shown: Shown): MessageRow["parked"] | undefined {
  if (typeof park !== "object" || park === null) return undefined;
  const reason = park as NonNullable<MessageRow["parked"]>;
  const next = nextOf(reason);
  return { ...(shown.value(reason) as typeof reason), ...(next === undefined ? {} : { next }) };
}

export function messageView(row: Record<string, unknown>): MessageRow {
  const { parked, ...rest } = present(row);
  const reason = parkedView(parked, MASKED);
  return { ...rest, ...(reason === undefined ? {} : { parked: reason }) } as unknown as MessageRow;
}

export const EVENT_COLUMNS = `e.id, e.message_id as "messageId", e.seq::text as seq, e.type, e.partner, e.subject, e.business_date::text as "businessDate",
  ${moment("e.time")} as time, ${moment("e.stored_at")} as "storedAt", e.published, e.body`;

export function eventView(row: Record<string, unknown>, shown: Shown): EventRow {
  const { body, ...rest } = present(row);
  return {
    ...rest,
    event: shown.value(JSON.parse(eventTextOf(row as { readonly id: string; readonly body: Buffer }))),
  } as unknown as EventRow;
}

export const WRITE_BACK_COLUMNS = `w.id, w.key, w.message_id as "messageId", w.destination, w.kind, w.lane, w.lane_seq::text as "laneSeq", w.state, w.action,
  w.amount_fen::text as amount, w.serial, w.business_date::text as "businessDate", w.attempts, ${moment("w.owed_at")} as "owedAt",
  ${moment("w.next_at")} as "nextAt", ${moment("w.first_sent_at")} as "firstSentAt", ${moment("w.closed_at")} as "closedAt",
  w.last_outcome as "lastOutcome", w.last_code as "lastCode", w.last_text as "lastText", w.last_why as "lastWhy", ${moment("w.last_at")} as "lastAt",
  w.may_have_taken_effect as "mayHaveTakenEffect", w.how, w.receipt, w.park as parked, w.replays, w.resolution, w.resolved_by as "resolvedBy",
  w.resolution_reason as "resolutionReason", w.his_receipt_no as "hisReceiptNo",
  w.superseded_by as "supersededBy", case when not w.blocks and w.state = 'parked' then true end as passed,
  w.failure_group as "failureGroup", w.replay_of as "replayOf", (select c.id from write_back c where c.replay_of = w.id limit 1) as "replacedBy"`;

export function writeBackView(row: Record<string, unknown>, shown: Shown = MASKED): WriteBackRow {
  const { lastText, lastWhy, parked, ...rest } = present(row);
  const why = typeof lastWhy === "string" ? whyOf(lastWhy) : undefined;
  return {
    ...rest,
    ...(why === undefined ? {} : { lastWhy: why.en, lastWhyZh: why.zh }),
    ...(why?.code === undefined ? {} : { lastWhyCode: why.code }),
    ...(typeof lastText === "string" ? { lastText: shown.text(lastText) } : {}),
    ...(parked === undefined ? {} : { parked: shown.value(parked) }),
  } as unknown as WriteBackRow;
}

/** A reason in both languages, with its code where it has one. */
export function whyView(held: string): { readonly why: string; readonly whyZh: string; readonly whyCode?: string } {
  const { code, zh, en } = whyOf(held);
  return { why: en, whyZh: zh, ...(code === undefined ? {} : { whyCode: code }) };
}

export const ATTEMPT_COLUMNS = `a.write_back_id as "writeBackId", a.n, a.action, ${moment("a.started_at")} as "startedAt", ${moment("a.ended_at")} as "endedAt",
  a.worker, a.outcome, a.step, a.status, a.code, a.text, a.why, a.reply`;

export function attemptView(row: Record<string, unknown>, shown: Shown, charset: string | undefined): Attempt {
  const { writeBackId: _, reply, text, why, ...rest } = present(row);
  return {
    ...rest,
    ...(typeof why === "string" ? whyView(why) : {}),
    ...(typeof text === "string" ? { text: shown.text(text) } : {}),
    ...(reply instanceof Uint8Array ? { reply: bytesView(unpack(reply), shown, charset) } : {}),
  } as unknown as Attempt;
}

export const AUDIT_COLUMNS = `o.id::text as id, ${moment("o.at")} as at, o.who, o.action, o.target_kind as "targetKind", o.target_id as "targetId", o.reason,
  o.approved_by as "approvedBy", o.before, o.after`;
export const auditView = (row: Record<string, unknown>): AuditRow => present(row) as unknown as AuditRow;

const FALLBACKS: readonly Charset[] = ["utf-8", "gb18030"];

/** Bytes for reading. The declared charset first, then those that partners forget to declare; bytes that none of them knows have no text. */
export function bytesView(bytes: Uint8Array, shown: Shown, declared: string | undefined): Bytes {
  const own = declared === undefined ? undefined : charsetOf(declared);
  const order = own === undefined ? FALLBACKS : [own, ...FALLBACKS.filter((one) => one !== own)];
  const whole = shown.masked ? {} : { base64: Buffer.from(bytes).toString("base64") };
  for (const charset of order) {
    const text = decode(bytes, charset);
    if (text === undefined) continue;
    const cut = text.length > SHOWN_CHARS_MAX;
    return { bytes: bytes.byteLength, ...whole, charset, text: shown.text(cut ? text.slice(0, SHOWN_CHARS_MAX) : text), cut };
  }
  return { bytes: bytes.byteLength, ...whole, cut: false };
}
