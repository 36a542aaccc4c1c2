/** What is inside a failure group (domain/replay/ports.ts, Failures): its items by id, and who is affected by what is open of it. */
import { maskNumber, maskText } from "../../domain/operations/masking.ts";
import type { Event } from "../../domain/events/event.ts";
import { PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import type { Page } from "../../domain/operations/views.ts";
import { type Affected, AFFECTED_LOOKED_AT_MAX, AFFECTED_SHOWN_MAX, type FailureItem } from "../../domain/operations/views-failures.ts";
import { nextOf } from "../../domain/refusals.ts";
import type { FailureItemFilter } from "../../domain/replay/ports.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { pageOf } from "./operations-rows.ts";
import { conditions, moment, present, reading } from "./operations-sql.ts";
import { eventTextOf } from "./packed.ts";
import type { Client } from "./pool.ts";

type Row = Record<string, unknown>;
const FIRST_UUID = "00000000-0000-0000-0000-000000000000";
/** Queued ones counted and summed behind one head. */
const BEHIND_MAX = 1_000;

const GROUP = "select g.of, g.partner from failure_group g where g.id = $1";
const WRITE_BACKS = `select w.id, w.message_id as "messageId", w.kind, w.state, ${moment("coalesce(w.last_at, w.owed_at)")} as at, w.lane,
    w.amount_fen::text as amount, w.attempts, w.last_code as code, w.last_text as text, w.park as parked, w.may_have_taken_effect as "mayHaveTakenEffect"
  from write_back w`;
const MESSAGES = `select m.id, m.id as "messageId", m.kind, m.state, ${moment("m.received_at")} as at, m.park as parked
  from message_failure f join message m on m.id = f.message_id`;
/** Of what is open in the group, the newest first: bills, lanes and causes. */
const OPEN_WRITE_BACKS = `select w.bill, w.lane, w.destination, w.state, w.blocks, w.amount_fen::text as fen, w.message_id as "messageId", w.cause_event_id as "eventId"
  from write_back w where w.failure_group = $1 and w.closed_at is null order by w.id desc limit ${AFFECTED_LOOKED_AT_MAX + 1}`;
const OPEN_MESSAGES = `select m.id as "messageId" from message_failure f join message m on m.id = f.message_id
  where f.failure_group = $1 and m.state = 'parked' order by m.id desc limit ${AFFECTED_LOOKED_AT_MAX + 1}`;
const EVENTS =
  "select e.id, e.body from event e join unnest($1::uuid[], $2::text[]) as p (message_id, id) on e.message_id = p.message_id and e.id = p.id";
const EVENTS_OF_MESSAGES = "select e.id, e.body from event e where e.message_id = any($1::uuid[]) and e.type <> 'message.parked'";
const TOTAL =
  "select count(*)::integer as n, sum(w.amount_fen)::text as fen from write_back w where w.failure_group = $1 and w.closed_at is null";
const TOTAL_MESSAGES =
  "select count(*)::integer as n from message_failure f join message m on m.id = f.message_id where f.failure_group = $1 and m.state = 'parked'";
const BEHIND = `select count(*) filter (where b.n > 0)::integer as blocked, coalesce(sum(b.n), 0)::integer as behind, coalesce(sum(b.fen), 0)::text as "behindFen"
  from (select distinct * from unnest($1::text[], $2::text[]) as l (destination, lane)) as l
    cross join lateral (select count(*) as n, sum(q.amount_fen) as fen from (select q.amount_fen from write_back q
      where q.destination = l.destination and q.lane = l.lane and q.state = 'queued' limit ${BEHIND_MAX}) as q) as b`;

function itemView(row: Row): FailureItem {
  const { parked, text, ...rest } = present(row);
  const park = parked as { code: string; zh: string; en: string; advice?: { zh: string; en: string } } | undefined;
  if (park === undefined) return { ...rest, ...(typeof text === "string" ? { text: maskText(text) } : {}) } as unknown as FailureItem;
  const next = park.advice ?? nextOf(park);
  return {
    ...rest,
    ...(typeof text === "string" ? { text: maskText(text) } : {}),
    parked: { code: park.code, zh: maskText(park.zh), en: maskText(park.en), ...(next === undefined ? {} : { next }) },
  } as unknown as FailureItem;
}

const distinct = (values: readonly (string | null | undefined)[]): string[] => [
  ...new Set(values.filter((one): one is string => typeof one === "string" && one !== "")),
];
const shownOf = (values: readonly string[], show: (value: string) => string) => ({
  count: values.length,
  shown: values.slice(0, AFFECTED_SHOWN_MAX).map(show),
});

export function createFailureItems(deps: Pick<OperationsDeps, "reads" | "keysOf">) {
  const items = (id: string, filter: FailureItemFilter): Promise<Answered<Page<FailureItem>>> => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const [group] = (await client.query<{ of: string }>(GROUP, [id])).rows;
      if (group === undefined) return refused("UNKNOWN_FAILURE_GROUP");
      const messages = group.of === "messages";
      const own = messages ? "m" : "w";
      const where = conditions();
      where.and(`${messages ? "f" : "w"}.failure_group = ${where.param(id)}`);
      if (filter.all !== true) where.and(messages ? "m.state = 'parked'" : "w.closed_at is null");
      where.and(`${own}.id > ${where.param(filter.after ?? FIRST_UUID)}::uuid`);
      const text = `${messages ? MESSAGES : WRITE_BACKS} where ${where.text()} order by ${own}.id limit ${limit + 1}`;
      return answered(pageOf((await client.query<Row>(text, where.values)).rows, limit, itemView, (row) => String(row.id)));
    });
  };

  /** Keys of events by kind, each once. */
  const keysIn = (events: readonly { readonly id: string; readonly body: Buffer }[]) => {
    const keys = events.flatMap((row) => deps.keysOf(JSON.parse(eventTextOf(row)) as Event));
    const of = (kind: string): string[] => distinct(keys.filter((key) => key.kind === kind).map((key) => key.value));
    return { patients: of("patient"), bills: of("bill") };
  };

  const ofMessages = async (client: Client, id: string): Promise<Affected> => {
    const found = (await client.query<{ messageId: string }>(OPEN_MESSAGES, [id])).rows;
    const looked = found.slice(0, AFFECTED_LOOKED_AT_MAX).map((row) => row.messageId);
    const events = (await client.query<{ id: string; body: Buffer }>(EVENTS_OF_MESSAGES, [looked])).rows;
    const keys = keysIn(events);
    const [total] = (await client.query<{ n: number }>(TOTAL_MESSAGES, [id])).rows;
    return {
      open: total?.n ?? 0,
      lookedAt: looked.length,
      more: found.length > looked.length,
      bills: shownOf(keys.bills, (value) => value),
      patients: shownOf(keys.patients, (value) => maskNumber(value)),
      lanes: { blocked: 0, behind: 0, behindFen: "0" },
    };
  };

  const ofWriteBacks = async (client: Client, id: string): Promise<Affected> => {
    const found = (
      await client.query<Record<"bill" | "lane" | "destination" | "messageId" | "eventId", string | null>>(OPEN_WRITE_BACKS, [id])
    ).rows;
    const looked = found.slice(0, AFFECTED_LOOKED_AT_MAX);
    const column = (name: keyof (typeof looked)[number]) => looked.map((row) => row[name]);
    const events = (await client.query<{ id: string; body: Buffer }>(EVENTS, [column("messageId"), column("eventId")])).rows;
    const keys = keysIn(events);
    const [total] = (await client.query<{ n: number; fen: string | null }>(TOTAL, [id])).rows;
    const [lanes] = (await client.query<Affected["lanes"]>(BEHIND, [column("destination"), column("lane")])).rows;
    return {
      open: total?.n ?? 0,
      ...(total?.fen == null ? {} : { fen: total.fen }),
      lookedAt: looked.length,
      more: found.length > looked.length,
      // A lane's bill is kept with its kind before it, a key is not.
      bills: shownOf(distinct([...column("bill").map((bill) => bill?.replace(/^bill:/, "")), ...keys.bills]), (value) => value),
      patients: shownOf(keys.patients, (value) => maskNumber(value)),
      lanes: lanes ?? { blocked: 0, behind: 0, behindFen: "0" },
    };
  };

  const affected = (id: string): Promise<Answered<Affected>> =>
    reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const [group] = (await client.query<{ of: string }>(GROUP, [id])).rows;
      if (group === undefined) return refused("UNKNOWN_FAILURE_GROUP");
      return answered(await (group.of === "messages" ? ofMessages(client, id) : ofWriteBacks(client, id)));
    });

  return { items, affected };
}
