/** Content past its retention: what is said of it instead of "there is none". */
import { BUSINESS_KEY_KINDS } from "../../domain/events/event.ts";
import type { Content } from "../../domain/retention/policy.ts";
import type { GoneRow } from "../../domain/operations/views.ts";
import { messagesOfKeys, type Conditions, conditions } from "./operations-sql.ts";
import { keysOf } from "./settle-sql.ts";
import { uuidFloor } from "./partitions.ts";
import type { Client } from "./pool.ts";
import { dayOf, run } from "./sql.ts";

/** Messages of dropped days listed beside a search by key. */
const GONE_MAX = 500;

const DROPPED = "select 1 as there from retention_drop d where d.day = $1::date and d.content = $2";
const DROPPED_DAYS = "select d.day::text as day from retention_drop d where d.content = 'messages'";
/** Kinds are stored by their first letter. */
const KIND = `case k.kind ${BUSINESS_KEY_KINDS.map((kind) => `when '${kind.charAt(0)}' then '${kind}'`).join(" ")} end`;
const NAMED = (
  where: Conditions,
  keys: readonly string[],
  partners: readonly string[],
): string => `with asked as (${messagesOfKeys(keys, partners, where)})
  select a.message_id as id, coalesce(k.partner, i.partner) as partner,
    coalesce(json_agg(distinct jsonb_build_object('kind', ${KIND}, 'value', k.value)) filter (where k.kind is not null), '[]') as keys, min(i.identity) as identity
  from asked a
    left join lateral (${keysOf("k.kind, k.value, k.partner", "k.value = any($1::text[]) and k.message_id = a.message_id")}) as k on true
    left join lateral (select y.partner, y.identity from message_identity y where y.partner = any($2::text[]) and y.identity = any($1::text[]) and y.message_id = a.message_id
      limit 1) as i on true
  where not exists (select 1 from message m where m.id = a.message_id)
  group by 1, 2 order by 1 desc limit ${GONE_MAX}`;

/** The first id past the calendar (year 2999): one that somebody made up, received on no day. */
const NO_DAY = uuidFloor(32_503_651_200_000);
const receivedOn = (id: string): string => (id < NO_DAY ? dayOf(id) : "");

/** Whether the content of the day on which this message was received has been dropped. */
export async function isGone(client: Client, messageId: string, content: Content): Promise<boolean> {
  const day = receivedOn(messageId);
  if (day === "") return false;
  const rows = await run<{ there: number }>(client, "retention_dropped", DROPPED, [day, content]);
  return rows.length > 0;
}

/**
 * Messages that these keys and identities lead to and whose day is gone: their names are kept for ever. `ids`: all messages that they lead to, where whoever asks
 * has them already.
 */
export async function goneOf(
  client: Client,
  keys: readonly string[],
  partners: readonly string[],
  ids?: readonly string[],
): Promise<readonly GoneRow[]> {
  const days = new Set((await client.query<{ day: string }>(DROPPED_DAYS)).rows.map((row) => row.day));
  if (days.size === 0 || ids?.some((id) => days.has(receivedOn(id))) === false) return [];
  const where = conditions();
  const found = await client.query<{
    id: string;
    partner: string | null;
    keys: GoneRow["keys"];
    identity: string | null;
  }>(NAMED(where, keys, partners), where.values);
  return found.rows
    .filter((row) => days.has(receivedOn(row.id)) && row.partner !== null)
    .map(({ id, partner, keys: named, identity }) => ({
      id,
      partner: partner ?? "",
      receivedOn: receivedOn(id),
      keys: named,
      ...(identity === null ? {} : { identity }),
    }));
}
