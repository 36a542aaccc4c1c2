/**
 * Reversals that overtook their settlement (a Neusoft 2421 names only the request it takes back): they park as ORIGINAL_UNKNOWN, because nobody knows yet how much of
 * which bill is taken back, and the settlement that they name takes them up in the very transaction that stores it. A person need not.
 */
import type { Event } from "../../domain/events/event.ts";
import { at } from "./clock.ts";
import { storeHistory } from "./facts.ts";
import type { Tx } from "./group-commit.ts";
import { keysOf } from "./settle-sql.ts";
import { run } from "./sql.ts";

/** Messages that name one of these numbers. $1 numbers. */
export const NAMING = `select distinct n.id from (${keysOf("k.message_id as id", "k.value = any($1::text[])", ["message", "serial"])}) as n`;
/** Open again, as a person's replay does. $1 messages, $2 now in ms. */
const TAKE_UP = `update message m set state = 'received', state_at = ${at("$2")}, replayed = true, park = null, lease_worker = null, lease_until = null,
    lease_token = m.lease_token + 1
  where m.id = any($1::uuid[]) and m.state = 'parked' and m.park->>'code' = 'ORIGINAL_UNKNOWN' returning m.id`;

const textOf = (value: unknown): readonly string[] => (typeof value === "string" && value !== "" ? [value] : []);

/** Takes up what waited for the settlements among these events. Costs nothing where there are none. */
export async function takeUpReversals(tx: Tx, events: readonly { readonly messageId: string; readonly event: Event }[]): Promise<void> {
  const settled = events.filter(({ event }) => event.type === "insurance.settled");
  const numbers = settled.flatMap(({ event: { data } }) => [...textOf(data.settlementNo), ...textOf(data.requestMessageNo)]);
  if (numbers.length === 0) return;
  const own = new Set(settled.map((one) => one.messageId));
  const naming = (await run<{ id: string }>(tx.client, "reversals_naming", NAMING, [numbers]))
    .map((row) => row.id)
    .filter((id) => !own.has(id));
  if (naming.length === 0) return;
  const taken = await run<{ id: string }>(tx.client, "reversals_take_up", TAKE_UP, [naming, tx.nowMs]);
  await storeHistory(
    tx,
    taken.map(({ id }) => ({ messageId: id, state: "received", by: "engine", note: "ORIGINAL_UNKNOWN: its settlement came" })),
  );
}
