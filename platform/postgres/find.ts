/** What a flow's `find` node sees: everything that stands under one business key, newest first. Unmasked: it stays inside the engine. */
import type { Found } from "../../domain/delivery/engine.ts";
import { BUSINESS_KEY_KINDS, type BusinessKeyKind, type Event } from "../../domain/events/event.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { eventTextOf } from "./packed.ts";
import type { Pool } from "./pool.ts";
import { keysOf } from "./settle-sql.ts";
import { run } from "./sql.ts";

const messagesOf = (kind: BusinessKeyKind): string =>
  `select distinct n.message_id from (${keysOf("k.message_id", "k.value = $1", [kind])}) as n order by n.message_id desc limit $2`;
const isKind = (kind: string): kind is BusinessKeyKind => BUSINESS_KEY_KINDS.some((known) => known === kind);

/** Finds by kind and value of a business key; `limit` messages at most. */
export function createFinder(pool: Pool): (keyKind: string, value: string, limit: number) => Promise<Found> {
  return async (keyKind, value, limit) => {
    const keys = isKind(keyKind)
      ? await run<{ message_id: string }>(pool, `find_keys_${keyKind}`, messagesOf(keyKind), [value, limit])
      : [];
    if (keys.length === 0) return { messages: [], events: [], writeBacks: [] };
    const ids = keys.map((row) => row.message_id);
    const [messages, events, writeBacks] = await Promise.all([
      pool.query<{ id: string; partner: string; kind: string; state: string; received_at: Date }>(
        "select m.id, m.partner, m.kind, m.state, m.received_at from message m where m.id = any($1::uuid[]) order by m.seq desc",
        [ids],
      ),
      pool.query<{ id: string; body: Buffer }>(
        "select e.id, e.body from event e where e.message_id = any($1::uuid[]) order by e.seq desc limit 200",
        [ids],
      ),
      pool.query<{ id: string; kind: string; destination: string; state: string }>(
        "select w.id, w.kind, w.destination, w.state from write_back w where w.message_id = any($1::uuid[]) order by w.id desc limit 200",
        [ids],
      ),
    ]);
    return {
      messages: messages.rows.map(({ id, partner, kind, state, received_at }) => ({
        messageId: id,
        partner,
        kind,
        state,
        receivedAt: chinaDateTimeOf(received_at.getTime()),
      })),
      events: events.rows.map((row) => JSON.parse(eventTextOf(row)) as Event),
      writeBacks: writeBacks.rows,
    };
  };
}
