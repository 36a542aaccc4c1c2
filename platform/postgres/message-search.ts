/**
 * Searching messages at ten millions and more (engines.md section 4, idea 7; design.md section 8). By key: the keys' own indexes give the messages, and only the days
 * in which they lie are opened; many keys, and the messages they lead to, are looked up in parts at the same time. Without a key: day by day from the newest, in growing
 * steps, so that a page of common things ends with the first day and one of rare things says how far it came when its time is over.
 */
import { type MessageFilter, PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { countsOf, partnerLegOf, senderLegOf } from "../../domain/operations/legs.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import type { GoneRow, MessagePage, MessageRow } from "../../domain/operations/views.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { goneOf } from "./gone.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { MESSAGE_COLUMNS, messageView } from "./operations-rows.ts";
import { type Conditions, conditions, isUuid, LAST_UUID, reading, within } from "./operations-sql.ts";
import { uuidFloor } from "./partitions.ts";
import { cutInto, turns } from "./parts.ts";
import { type Client, SEARCH_CONNECTIONS_MAX } from "./pool.ts";
import { keysOf } from "./settle-sql.ts";
import { unknownOf } from "./unknown-keys.ts";

/** First span that is looked through without a key, by how much each further one is longer, and after which length the rest is looked through at once. */
const SPAN_FIRST_MS = 86_400_000;
const SPAN_GROWTH = 8;
const SPAN_LONGEST_MS = 600 * SPAN_FIRST_MS;
/** Keys or messages that are worth a connection of their own: a search takes as many as it has of these, up to SEARCH_CONNECTIONS_MAX. */
const PART_LEAST = 8;
/** Messages looked up at once of those that keys lead to, after the first page's. */
const IDS_AT_ONCE = 500;
/** Messages that one part's keys may lead to; whoever asks for more asks for a span of time as well. */
const KEY_MESSAGES_MAX = 50_000;
/** Room for what comes after the search itself: the legs of a page. */
const LEGS_MS = 500;
/** Less is not worth beginning. */
const LEAST_MS = 200;

type Row = Record<string, unknown>;
type SearchDeps = Pick<OperationsDeps, "reads" | "partners" | "waitsFor">;

/** The messages that keys lead to, newest first, each with the keys that lead to it: none of the days is opened. */
export function idsOfKeys(filter: KeysFilter, partners: readonly string[]): Conditions & { readonly sql: string } {
  const where = conditions();
  const keys = where.param(filter.keys);
  const ids = filter.keys.filter(isUuid);
  const found = [
    keysOf("k.message_id, k.value", `k.value = any(${keys}::text[])`),
    `select i.message_id, i.identity from message_identity i where i.partner = any(${where.param(partners)}::text[]) and i.identity = any(${keys}::text[])`,
    ...(ids.length === 0 ? [] : [`select u.id, u.id::text from unnest(${where.param(ids)}::uuid[]) as u (id)`]),
  ].join(" union ");
  within(where, "f.message_id", filter);
  where.and(`f.message_id < ${where.param(filter.after ?? LAST_UUID)}::uuid`);
  const sql = `select f.message_id as id, f.key from (${found}) as f (message_id, key) where ${where.text()} order by 1 desc limit ${KEY_MESSAGES_MAX}`;
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

type KeysFilter = MessageFilter & { readonly keys: readonly string[] };
/** The messages that keys lead to, newest first; the keys that lead anywhere; and the last one, where there are more than can be looked up. */
interface Led {
  readonly ids: readonly string[];
  readonly seen: ReadonlySet<string>;
  readonly reached: string | undefined;
}

/** What a search has by now; it outlives a statement that is stopped. */
interface Found {
  readonly rows: MessageRow[];
  /** Everything from this id on was looked through; undefined: everything was, or nothing yet. */
  reached: string | undefined;
  gone: readonly GoneRow[];
  /** Keys that lead to no message. */
  unknown: readonly string[];
}

/** `searchMs`: how long a search may take, its legs not counted. */
export function createMessageSearch(deps: SearchDeps, searchMs = READ_TIMEOUT_MS - LEGS_MS) {
  const turn = turns(SEARCH_CONNECTIONS_MAX);
  const leftOf = (endMs: number): number => Math.max(Math.floor(endMs - performance.now()), LEAST_MS);

  /** Asks for the parts of a list at the same time, each on a connection of its own; what they answer in their order, or the first refusal. */
  const inParts = async <T, R>(
    list: readonly T[],
    endMs: number,
    ask: (client: Client, part: readonly T[]) => Promise<R>,
  ): Promise<Answered<readonly R[]>> => {
    const answers = await Promise.all(
      cutInto(list, SEARCH_CONNECTIONS_MAX, PART_LEAST).map((part) =>
        turn(() => reading(deps.reads, leftOf(endMs), async (client) => answered(await ask(client, part)))),
      ),
    );
    return answers.find((one) => !one.ok) ?? answered(answers.flatMap((one) => (one.ok ? [one.value] : [])));
  };

  /** What keys lead to. */
  const ledTo = async (filter: KeysFilter, partners: readonly string[], endMs: number): Promise<Answered<Led>> => {
    const parts = await inParts(filter.keys, endMs, async (client, keys) => {
      const asked = idsOfKeys({ ...filter, keys }, partners);
      return (await client.query<{ id: string; key: string }>(asked.sql, asked.values)).rows;
    });
    if (!parts.ok) return parts;
    // A part that was cut off says nothing of what is older than its last one.
    const cuts = parts.value.flatMap((rows) => (rows.length < KEY_MESSAGES_MAX ? [] : (rows.at(-1)?.id ?? [])));
    const reached = cuts.sort().at(-1);
    const all = [...new Set(parts.value.flatMap((rows) => rows.map((row) => row.id)))].sort().reverse();
    return answered({
      ids: reached === undefined ? all : all.filter((id) => id >= reached),
      seen: new Set(parts.value.flatMap((rows) => rows.map((row) => row.key))),
      reached,
    });
  };

  /** Of these, newest first, as many as one more than a page has, with their legs. */
  const lookUp = async (
    ids: readonly string[],
    filter: KeysFilter,
    limit: number,
    found: Found,
    endMs: number,
  ): Promise<Answered<true>> => {
    for (let at = 0; at < ids.length && found.rows.length <= limit; ) {
      if (performance.now() > endMs) return refused("TOO_SLOW");
      const some = ids.slice(at, at + (at === 0 ? limit + 1 : IDS_AT_ONCE));
      const wanted = limit + 1 - found.rows.length;
      const rows = await inParts(some, endMs, async (client, part) => {
        const { sql, values } = pageSql(filter, { ids: part }, wanted);
        return legsOf(client, (await client.query<Row>(sql, values)).rows.map(messageView));
      });
      if (!rows.ok) return rows;
      found.rows.push(...rows.value.flat().slice(0, wanted));
      at += some.length;
    }
    return answered(true);
  };

  /** What is told beside the first page: messages whose content is gone, and keys that no message bears. */
  const lookBeside = ({ ids, seen, reached }: Led, filter: KeysFilter, partners: readonly string[], found: Found, endMs: number) => {
    const whole = reached === undefined && filter.fromMs === undefined && filter.toMs === undefined;
    // A key that leads to an id may lead to somebody else's, and an id that is asked for may be nobody's.
    const doubtful = filter.partners === undefined ? filter.keys.filter((key) => !seen.has(key) || isUuid(key)) : filter.keys;
    return turn(() =>
      reading<true>(deps.reads, leftOf(endMs), async (client) => {
        found.gone = await goneOf(client, filter.keys, partners, whole ? ids : undefined);
        if (doubtful.length > 0) found.unknown = await unknownOf(client, doubtful, partners, filter.partners);
        return answered(true);
      }),
    );
  };

  const byKeys = async (filter: KeysFilter, limit: number, found: Found, endMs: number): Promise<Answered<true>> => {
    const partners = deps.partners().map((one) => one.partner);
    const led = await ledTo(filter, partners, endMs);
    if (!led.ok) return led;
    const [page, beside] = await Promise.all([
      lookUp(led.value.ids, filter, limit, found, endMs),
      filter.after === undefined ? lookBeside(led.value, filter, partners, found, endMs) : answered<true>(true),
    ]);
    // More than can be looked up: whoever goes on asks for what is older.
    found.reached = led.value.reached;
    return page.ok ? beside : page;
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
      const left = leftOf(endMs);
      // The first step is always tried: an answer that looked at nothing would pass for "nothing is there".
      if (left === LEAST_MS && found.reached !== undefined) return;
      await client.query(`set local statement_timeout = ${left}`);
      const from = lowerMs === 0 ? EARLIEST : uuidFloor(lowerMs);
      const { sql, values } = pageSql(filter, { before, from }, limit + 1 - found.rows.length);
      found.rows.push(...(await client.query<Row>(sql, values)).rows.map(messageView));
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
    if (rows.length === 0) return [];
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
    turn(() => reading(deps.reads, LEGS_MS, async (client) => answered(await legsOf(client, rows))));

  /** Time-boxed (READ_TIMEOUT_MS): what a search without keys has found until then is answered, with how far it came. */
  const messages = async (filter: MessageFilter): Promise<Answered<MessagePage>> => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const endMs = performance.now() + searchMs;
    const found: Found = { rows: [], reached: undefined, gone: [], unknown: [] };
    const { keys } = filter;
    const read =
      keys === undefined
        ? await turn(() =>
            reading<true>(deps.reads, searchMs, async (client) => {
              await bySpans(client, filter, limit, found, endMs);
              return answered(true);
            }),
          )
        : await byKeys({ ...filter, keys }, limit, found, endMs);
    if (!read.ok && (read.code !== "TOO_SLOW" || found.reached === undefined)) return read;
    const rows = found.rows.slice(0, limit);
    const shown = keys === undefined && rows.length > 0 ? await withLegs(rows) : answered(rows);
    if (!shown.ok) return shown;
    const last = shown.value.at(-1);
    const more = found.rows.length > limit && last !== undefined ? { after: last.id } : {};
    const further =
      found.reached === undefined || found.rows.length > limit
        ? {}
        : { after: found.reached, searchedTo: chinaDateTimeOf(msOfUuid(found.reached) ?? 0) };
    const beside = {
      ...(found.gone.length === 0 ? {} : { pastRetention: [...found.gone] }),
      ...(found.unknown.length === 0 ? {} : { unknown: [...found.unknown] }),
    };
    return answered({ items: shown.value, ...more, ...further, ...beside });
  };

  return { messages, withLegs };
}
