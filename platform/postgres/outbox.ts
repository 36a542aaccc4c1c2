/** Events committed but not yet confirmed by the broker. */
import { failpoint } from "../../domain/failpoint.ts";
import type { OutboxStore } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import { eventTextOf } from "./packed.ts";
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";

export const PENDING = `with owed as materialized (select o.seq, o.event_id, o.message_id from outbox o where o.seq > $1::bigint order by o.seq limit $2)
  select owed.seq, owed.event_id as id, e.body from owed cross join lateral (
    select x.body from event x where x.message_id = owed.message_id and x.id = owed.event_id limit 1) as e order by owed.seq`;
/**
 * Should a power cut undo this, the events are published again and subscribers dedupe: not worth a flush of the disk. One statement is its own transaction,
 * and the setting ends with it.
 */
export const DONE = `with no_flush as materialized (select set_config('synchronous_commit', 'off', true) as set)
  delete from outbox o using no_flush where no_flush.set is not null and o.seq = any($1::bigint[])`;

/** Events committed but not yet confirmed by the broker. The relay gathers what it marks, so nothing is gathered here. */
export function createOutboxStore(deps: { readonly pool: Pool }): OutboxStore & { close(): Promise<void> } {
  const marking = new Set<Promise<unknown>>();
  return {
    pending: async (afterSeq, limit) => {
      const rows = await run<{ seq: bigint; id: string; body: Buffer }>(deps.pool, "outbox_pending", PENDING, [afterSeq, limit]);
      return rows.map((row) => ({ seq: row.seq, event: JSON.parse(eventTextOf(row)) as Event }));
    },
    done: async (seqs) => {
      if (seqs.length === 0) return;
      failpoint("outbox.before-mark");
      const mark = run(deps.pool, "outbox_done", DONE, [seqs]).finally(() => marking.delete(mark));
      marking.add(mark);
      await mark;
      failpoint("outbox.after-mark");
    },
    close: async () => {
      await Promise.allSettled(marking);
    },
  };
}
