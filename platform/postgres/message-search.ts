/**
 * Searching messages at ten millions and more (engines.md section 4, idea 7; design.md section 8). By key: the keys' own indexes give the messages, and only the days
 * in which they lie are opened. Without a key: day by day from the newest, in growing steps, so that a page of common things ends with the first day and one of rare
 * things says how far it came when its time is over.
 */
import { type MessageFilter, PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { countsOf, partnerLegOf, senderLegOf } from "../../domain/operations/legs.ts";
import { type Answered, answered } from "../../domain/operations/refusals.ts";
import type { GoneRow, MessagePage, MessageRow } from "../../domain/operations/views.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { goneOf } from "./gone.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { MESSAGE_COLUMNS, messageView } from "./operations-rows.ts";
import { type Conditions, conditions, LAST_UUID, messagesOfKeys, reading, within } from "./operations-sql.ts";
import { uuidFloor } from "./partitions.ts";
import type { Client } from "./pool.ts";

/** First span that is looked through without a key, by how much each further one is longer, and after which length the rest is looked through at once. */
const SPAN_FIRST_MS = 86_400_000;
const SPAN_GROWTH = 8;
const SPAN_LONGEST_MS = 600 * SPAN_FIRST_MS;
/** Messages looked up at once of those that keys lead to. */
const IDS_AT_ONCE = 500;
/** Messages that keys may lead to; whoever asks for more asks for a span of time as well. */
export const KEY_MESSAGES_MAX = 50_000;
/** Room for what comes after the search itself: the legs of a page. */
const LEGS_MS = 500;
/** Less is not worth beginning. */
const LEAST_MS = 200;

type Row = Record<string, unknown>;
type SearchDeps = Pick<OperationsDeps, "reads" | "partners" | "waitsFor">;

/** The messages that keys lead to, newest first: none of the days is opened. */
export function idsOfKeys(
  filter: MessageFilter & { readonly keys: readonly string[] },
  partners: readonly string[],
): Conditions & { readonly sql: string } {
  const where = conditions();
  const found = messagesOfKeys(filter.keys, partners, where);
  within(where, "f.message_id", filter);
  where.and(`f.message_id < ${where.param(filter.after ?? LAST_UUID)}::uuid`);
  const sql = `select f.message_id as id from (${found}) as f (message_id) where ${where.text()} order by 1 desc limit ${KEY_MESSAGES_MAX}`;
  return { ...where, sql };
}

/** One statement over messages: those of `ids`, or those from `from` on and before `before`. */
export function pageSql(
  filter: MessageFilter,
  of: { readonly ids: readonly string[] } | { readonly before: string; readonly from: string },
  limit: number,
): { readonly sql: string; readonly values: unknown[] } {
  const where = conditions();
  if ("ids" in of) where.and(`m.id = any(${where.param(of.ids)}::uuid[])`);
  else {
    where.and(`m.id < ${where.param(of.before)}::uuid`);
    where.and(`m.id >= ${where.param(of.from)}::uuid`);
  }
  if (filter.partners !== undefined) where.and(`m.partner = any(${where.param(filter.partners)}::text[])`);
  if (filter.partner !== undefined) where.and(`m.partner = ${where.param(filter.partner)}`);
  if (filter.kind !== undefined) where.and(`m.kind = ${where.param(filter.kind)}`);
  if (filter.flow !== undefined) where.and(`m.flow = ${where.param(filter.flow)}`);
  if (filter.state !== undefined) where.and(`m.state = ${where.param(filter.state)}`);
  return { sql: `select ${MESSAGE_COLUMNS} from message m where ${where.text()} order by m.id desc limit ${limit}`, values: where.values };
}

const NOW = "select (extract(epoch from huiliu_now()) * 1000)::double precision as ms";
const STATES = `select w.message_id, w.state, count(*)::integer as count from write_back w where w.message_id = any($1::uuid[]) group by 1, 2`;
const VERDICTS = "select a.message_id, a.verdict from sender_answer a where a.message_id = any($1::uuid[])";
const EARLIEST = "00000000-0000-0000-0000-000000000000";

/** Milliseconds of a UUID v7; of one past the calendar, undefined. */
function msOfUuid(id: string): number | undefined {
  const ms = Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
  return ms < 32_503_651_200_000 ? ms : undefined;
}

/** What a search has by now; it outlives a statement that is stopped. */
interface Found {
  readonly rows: Row[];
  /** Everything from this id on was looked through; undefined: everything was, or nothing yet. */
  reached: string | undefined;
  gone: readonly GoneRow[];
}

/** `searchMs`: how long a search may take, its legs not counted. */
export function createMessageSearch(deps: SearchDeps, searchMs = READ_TIMEOUT_MS - LEGS_MS) {
  const byKeys = async (
    client: Client,
    filter: MessageFilter & { readonly keys: readonly string[] },
    limit: number,
    found: Found,
  ): Promise<void> => {
    const partners = deps.partners().map((one) => one.partner);
    const asked = idsOfKeys(filter, partners);
    const ids = (await client.query<{ id: string }>(asked.sql, asked.values)).rows.map((row) => row.id);
    for (let at = 0; at < ids.length && found.rows.length <= limit; at += IDS_AT_ONCE) {
      const { sql, values } = pageSql(filter, { ids: ids.slice(at, at + IDS_AT_ONCE) }, limit + 1 - found.rows.length);
      found.rows.push(...(await client.query<Row>(sql, values)).rows);
    }
    // More than can be looked up: whoever goes on asks for what is older.
    if (ids.length >= KEY_MESSAGES_MAX) found.reached = ids.at(-1);
    if (filter.after === undefined) found.gone = await goneOf(client, filter.keys, partners);
  };

  const bySpans = async (client: Client, filter: MessageFilter, limit: number, found: Found, endMs: number): Promise<void> => {
    const bounds = [filter.toMs, filter.after === undefined ? undefined : msOfUuid(filter.after)].filter((one) => one !== undefined);
    const nowMs = bounds.length > 0 ? 0 : Number((await client.query<{ ms: number }>(NOW)).rows[0]?.ms);
    const lowest = filter.fromMs ?? 0;
    let upperMs = bounds.length > 0 ? Math.min(...bounds) : nowMs;
    let before = filter.toMs === undefined ? LAST_UUID : uuidFloor(filter.toMs);
    if (filter.after !== undefined && filter.after < before) before = filter.after;
    for (let span = SPAN_FIRST_MS; found.rows.length <= limit; span *= SPAN_GROWTH) {
      const lowerMs = span > SPAN_LONGEST_MS ? lowest : Math.max(lowest, Math.floor(upperMs) - span);
      const left = Math.max(Math.floor(endMs - performance.now()), LEAST_MS);
      // The first step is always tried: an answer that looked at nothing would pass for "nothing is there".
      if (left === LEAST_MS && found.reached !== undefined) return;
      await client.query(`set local statement_timeout = ${left}`);
      const from = lowerMs === 0 ? EARLIEST : uuidFloor(lowerMs);
      const { sql, values } = pageSql(filter, { before, from }, limit + 1 - found.rows.length);
      found.rows.push(...(await client.query<Row>(sql, values)).rows);
      if (lowerMs <= lowest) {
        found.reached = undefined;
        return;
      }
      found.reached = from;
      [upperMs, before] = [lowerMs, from];
    }
  };

  /** The two legs of each of these. */
  const legsOf = async (client: Client, rows: readonly MessageRow[]): Promise<MessageRow[]> => {
    const ids = rows.map((row) => row.id);
    const [states, verdicts] = [
      await client.query<{ message_id: string; state: string; count: number }>(STATES, [ids]),
      await client.query<{ message_id: string; verdict: string }>(VERDICTS, [ids]),
    ];
    const verdictOf = new Map(verdicts.rows.map((one) => [one.message_id, one.verdict]));
    const statesOf = Map.groupBy(states.rows, (one) => one.message_id);
    return rows.map((row) => {
      const counts = countsOf(statesOf.get(row.id) ?? []);
      const verdict = verdictOf.get(row.id);
      const waits = deps.waitsFor?.(row) ?? false;
      const sender = senderLegOf({ door: row.door, state: row.state, waits, ...(verdict === undefined ? {} : { verdict }) });
      return { ...row, legs: { sender, partner: partnerLegOf(counts), ...counts } };
    });
  };

  /** Adds the legs to rows that were read. */
  const withLegs = (rows: readonly MessageRow[]): Promise<Answered<MessageRow[]>> =>
    rows.length === 0
      ? Promise.resolve(answered([]))
      : reading(deps.reads, LEGS_MS, async (client) => answered(await legsOf(client, rows)));

  /** Time-boxed (READ_TIMEOUT_MS): what a search without keys has found until then is answered, with how far it came. */
  const messages = async (filter: MessageFilter): Promise<Answered<MessagePage>> => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const endMs = performance.now() + searchMs;
    const found: Found = { rows: [], reached: undefined, gone: [] };
    const { keys } = filter;
    const read = await reading<true>(deps.reads, searchMs, async (client) => {
      await (keys === undefined ? bySpans(client, filter, limit, found, endMs) : byKeys(client, { ...filter, keys }, limit, found));
      return answered(true);
    });
    if (!read.ok && (read.code !== "TOO_SLOW" || found.reached === undefined)) return read;
    const shown = await withLegs(found.rows.slice(0, limit).map(messageView));
    if (!shown.ok) return shown;
    const last = shown.value.at(-1);
    const more = found.rows.length > limit && last !== undefined ? { after: last.id } : {};
    const further =
      found.reached === undefined || found.rows.length > limit
        ? {}
        : { after: found.reached, searchedTo: chinaDateTimeOf(msOfUuid(found.reached) ?? 0) };
    return answered({ items: shown.value, ...more, ...further, ...(found.gone.length === 0 ? {} : { pastRetention: [...found.gone] }) });
  };

  return { messages, withLegs };
}
