/**
 * Which keys of a search lead to no message at all. Whoever pastes a list must not have to compare it with the rows by eye: a number that is missing is named. Neither
 * state nor time nor kind counts here, what one may see does: to an account of some partners, what the others sent is not there.
 */
import { conditions, isUuid } from "./operations-sql.ts";
import { keysOf } from "./settle-sql.ts";
import type { Client } from "./pool.ts";

const idsSql = (own: boolean): string =>
  `select m.id from message m where m.id = any($1::uuid[])${own ? " and m.partner = any($2::text[])" : ""}`;

/** Those of `keys` that no message bears, in their order. `partners`: everybody who sends; `mine`: only of these, when the one who asks sees no others. */
export async function unknownOf(
  client: Client,
  keys: readonly string[],
  partners: readonly string[],
  mine: readonly string[] | undefined,
): Promise<readonly string[]> {
  const where = conditions();
  const values = where.param(keys);
  const theirs = where.param(mine ?? partners);
  const ofMine = mine === undefined ? "" : ` and k.partner = any(${theirs}::text[])`;
  const sql = `select v.key from unnest(${values}::text[]) with ordinality as v (key, n)
    where not exists (${keysOf("1", `k.value = v.key${ofMine}`)})
      and not exists (select 1 from message_identity i where i.partner = any(${theirs}::text[]) and i.identity = v.key)
    order by v.n`;
  const missing = (await client.query<{ key: string }>(sql, where.values)).rows.map((row) => row.key);
  const ids = missing.filter(isUuid);
  if (ids.length === 0) return missing;
  const there = await client.query<{ id: string }>(idsSql(mine !== undefined), mine === undefined ? [ids] : [ids, mine]);
  const known = new Set(there.rows.map((row) => row.id));
  return missing.filter((key) => !known.has(key));
}
