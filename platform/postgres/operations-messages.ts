/** Messages and events as operators read them. */
import type { Event } from "../../domain/events/event.ts";
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import { previewOf } from "../../domain/operations/compare.ts";
import { type EventFilter, PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import type {
  Difference,
  EventDelivery,
  EventDeliveryList,
  EventRow,
  MessageDetail,
  Page,
  Preview,
} from "../../domain/operations/views.ts";
import { msOf } from "./clock.ts";
import { isGone } from "./gone.ts";
import type { MessageRow as StoredMessage } from "./journal-rows.ts";
import { messageOf, rawOf } from "./journal-rows.ts";
import { createMessageSearch } from "./message-search.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import * as rows from "./operations-rows.ts";
import { conditions, isUuid, LAST_UUID, messagesOfKeys, moment, present, reading, within } from "./operations-sql.ts";
import { eventTextOf } from "./packed.ts";
import type { Client } from "./pool.ts";

/** Parked event deliveries listed at once. */
const DELIVERIES_MAX = 500;
/** Rows of one message's lists. */
const DETAIL_ROWS_MAX = 1_000;

type Row = Record<string, unknown>;

export function createMessageReads(deps: OperationsDeps) {
  const { reads: pool } = deps;
  const partnerNames = (): string[] => deps.partners().map((one) => one.partner);
  const search = createMessageSearch(deps);

  const events = (filter: EventFilter, shown: rows.Shown): Promise<Answered<Page<EventRow>>> => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const where = conditions();
    if (filter.messageId !== undefined) where.and(`e.message_id = ${where.param(filter.messageId)}::uuid`);
    if (filter.keys !== undefined) where.and(`e.message_id in (${messagesOfKeys(filter.keys, partnerNames(), where)})`);
    if (filter.partner !== undefined) where.and(`e.partner = ${where.param(filter.partner)}`);
    if (filter.partners !== undefined) where.and(`e.partner = any(${where.param(filter.partners)}::text[])`);
    if (filter.type !== undefined) where.and(`e.type = ${where.param(filter.type)}`);
    if (filter.businessDate !== undefined) where.and(`e.business_date = ${where.param(filter.businessDate)}::date`);
    within(where, "e.message_id", filter);
    const [message = LAST_UUID, seq = "0"] = filter.after?.split(".") ?? [];
    where.and(`(e.message_id, e.seq) < (${where.param(message)}::uuid, ${where.param(seq)}::bigint)`);
    const text = `select ${rows.EVENT_COLUMNS} from event e where ${where.text()} order by e.message_id desc, e.seq desc limit ${limit + 1}`;
    return reading(pool, READ_TIMEOUT_MS, async (client) => {
      const found = await client.query<Row>(text, where.values);
      return answered(
        rows.pageOf(
          found.rows,
          limit,
          (row) => rows.eventView(row, shown),
          (row) => `${row.messageId}.${row.seq}`,
        ),
      );
    });
  };

  const message = async (id: string, shown: rows.Shown): Promise<Answered<MessageDetail>> => {
    const read = await reading(pool, READ_TIMEOUT_MS, async (client) => {
      const found = isUuid(id) ? await client.query<Row>(MESSAGE, [id]) : undefined;
      const row = found?.rows[0];
      if (!row) return refused(isUuid(id) && (await isGone(client, id, "messages")) ? "CONTENT_GONE" : "UNKNOWN_MESSAGE");
      return answered(await detailOf(client, id, row, shown));
    });
    if (!read.ok) return read;
    const legs = await search.withLegs([read.value.message]);
    const row = legs.ok ? legs.value[0] : undefined;
    return row === undefined ? read : answered({ ...read.value, message: row });
  };

  const detailOf = async (client: Client, id: string, row: Row, shown: rows.Shown): Promise<MessageDetail> => {
    const list = async (text: string): Promise<Row[]> => (await client.query<Row>(`${text} limit ${DETAIL_ROWS_MAX}`, [id])).rows;
    const { contentType, charset, headers, raw, raw_bytes: whole, reply, returnValue, traceparent, ...head } = present(row);
    const declared = typeof charset === "string" ? charset : deps.charsetOf(String(row.partner));
    const bytes = (value: unknown) => (value instanceof Uint8Array ? rows.bytesView(value, shown, declared) : undefined);
    const history = (await list(HISTORY)).map((one) => present(one)) as MessageDetail["history"];
    const attempts = await list(ATTEMPTS);
    const writeBacks = (await list(WRITE_BACKS)).map((one) => ({
      writeBack: rows.writeBackView(one, shown),
      attempts: attempts
        .filter((attempt) => attempt.writeBackId === one.id)
        .map((attempt) => rows.attemptView(attempt, shown, typeof one.charset_ === "string" ? one.charset_ : undefined)),
    }));
    const events = await list(EVENTS);
    for (const one of writeBacks) Reflect.deleteProperty(one.writeBack, "charset_");
    return present({
      message: rows.messageView(head),
      contentType: contentType as string | undefined,
      charset: charset as string | undefined,
      headers: shown.value(headers) as Record<string, string>,
      raw: bytes(raw instanceof Uint8Array ? rawOf({ raw, raw_bytes: (whole as number | undefined) ?? null }) : raw),
      reply: bytes(reply),
      returnValue: returnValue === undefined ? undefined : shown.text(String(returnValue)),
      traceparent: traceparent as string | undefined,
      history,
      keys: keysOf(events),
      events: events.map((one) => rows.eventView(one, shown)),
      eventDeliveries: (await list(DELIVERIES)).map((one) => deliveryView(one)),
      writeBacks,
      differences: differencesOf(history),
      actions: (await list(ACTIONS)).map(rows.auditView),
      masked: shown.masked,
    }) as MessageDetail;
  };

  /** Searching goes from value to message and has no index the other way: the events know their keys, that of a parking every key. */
  const keysOf = (events: readonly Row[]): MessageDetail["keys"] => {
    const all = events.flatMap((row) =>
      deps.keysOf(JSON.parse(eventTextOf(row as { readonly id: string; readonly body: Buffer })) as Event),
    );
    return [...new Map(all.map(({ kind, value }) => [`${kind} ${value}`, { kind, value }])).values()];
  };

  const parkedEventDeliveries = (partners?: readonly string[]): Promise<Answered<EventDeliveryList>> =>
    reading(pool, READ_TIMEOUT_MS, async (client) => {
      const found = await client.query<Row>(PARKED_DELIVERIES, [partners ?? null]);
      return answered({ items: found.rows.map((row) => ({ ...deliveryView(row), messageId: String(row.messageId) })) });
    });

  /** Reads the stored bytes and asks the present mapping; the store is not touched. */
  const preview = async (id: string): Promise<Answered<Preview>> => {
    const read = await reading<{ message: JournaledMessage; stored: readonly Event[] }>(pool, READ_TIMEOUT_MS, async (client) => {
      const found = isUuid(id) ? await client.query<StoredMessage>(STORED_MESSAGE, [id]) : undefined;
      const row = found?.rows[0];
      if (!row) return refused(isUuid(id) && (await isGone(client, id, "messages")) ? "CONTENT_GONE" : "UNKNOWN_MESSAGE");
      if (row.raw === null) return refused("MESSAGE_INCOMPLETE");
      const bodies = await client.query<{ id: string; body: Buffer }>(OWN_EVENTS, [id, row.partner]);
      return answered({ message: messageOf(row), stored: bodies.rows.map((one) => JSON.parse(eventTextOf(one)) as Event) });
    });
    if (!read.ok) return read;
    const translated = deps.translateByDefault(read.value.message);
    if (!translated) return refused("NO_MAPPING");
    return answered(previewOf(id, translated, read.value.stored, (event) => rows.MASKED.value(event) as Record<string, unknown>));
  };

  return { messages: search.messages, message, events, parkedEventDeliveries, preview };
}

function deliveryView(row: Row): EventDelivery {
  const { parked, messageId: _, ...rest } = present(row);
  const reason = rows.parkedView(parked, rows.MASKED);
  return { ...rest, ...(reason === undefined ? {} : { parked: reason }) } as unknown as EventDelivery;
}

interface Kept {
  readonly kept: string;
  readonly changed: readonly string[];
}
const isKept = (value: unknown): value is Kept => typeof value === "object" && value !== null && "kept" in value && "changed" in value;

/** A note may be a person's reason, which may begin as it likes. */
function listIn(note: string): unknown {
  try {
    return JSON.parse(note);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What runs after the first would have owed otherwise: the settle store notes it in the history (settle.ts, historyOf). */
function differencesOf(history: MessageDetail["history"]): Difference[] {
  return history.flatMap(({ at, note }) => {
    const parsed = note?.startsWith("[") === true ? listIn(note) : undefined;
    const kept = Array.isArray(parsed) ? parsed.filter(isKept) : [];
    return kept.map((one) => ({ at, writeBackId: one.kept, changed: [...one.changed] }));
  });
}

const MESSAGE = `select ${rows.MESSAGE_COLUMNS}, m.content_type as "contentType", m.charset, m.headers, m.raw, m.raw_bytes, m.reply, m.return_value as "returnValue", m.traceparent
  from message m where m.id = $1`;
const STORED_MESSAGE = `select m.id, m.seq, m.partner, m.kind, m.door, m.identity, m.content_type, m.charset, m.headers, m.raw, m.raw_bytes, m.reply, m.return_value,
    m.traceparent, ${msOf("m.received_at")} as received_ms, m.lease_token, m.run, m.replayed from message m where m.id = $1`;
/** What the message itself told: not its parking, not what became of its write-backs. */
const OWN_EVENTS = `select e.id, e.body from event e where e.message_id = $1 and e.partner = $2 and e.type <> 'message.parked' and e.type not like 'writeback.%' order by e.seq`;
const HISTORY = `select ${moment("h.at")} as at, h.state, h.by, h.note from message_history h where h.message_id = $1 order by h.at`;
const EVENTS = `select ${rows.EVENT_COLUMNS} from event e where e.message_id = $1 order by e.seq`;
const DELIVERY_COLUMNS = `d.subscriber, d.event_id as "eventId", d.message_id as "messageId", d.state, ${moment("d.owed_at")} as "owedAt", d.run, d.park as parked`;
const DELIVERIES = `select ${DELIVERY_COLUMNS} from event_delivery d where d.message_id = $1 order by d.seq`;
/** $1 partners or null. */
const PARKED_DELIVERIES = `select ${DELIVERY_COLUMNS} from event_delivery d where d.state = 'parked'
    and ($1::text[] is null or exists (select 1 from message m where m.id = d.message_id and m.partner = any($1))) order by d.seq desc limit ${DELIVERIES_MAX}`;
const WRITE_BACKS = `select ${rows.WRITE_BACK_COLUMNS}, w.charset as charset_ from write_back w where w.message_id = $1 order by w.id`;
const ATTEMPTS = `select ${rows.ATTEMPT_COLUMNS} from attempt a where a.message_id = $1 order by a.write_back_id, a.n`;
const ACTIONS = `select ${rows.AUDIT_COLUMNS} from operator_action o where o.target_kind = 'message' and o.target_id = $1::text order by o.id`;
