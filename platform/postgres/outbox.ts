/** Events committed but not yet confirmed by the broker. */
import type { OutboxStore } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import { createGroupCommit } from "./group-commit.ts";
import type { Log, Pool } from "./pool.ts";
import { run } from "./sql.ts";

export const PENDING = "select seq, body from outbox where seq > $1::bigint order by seq limit $2";
export const DONE = "delete from outbox where seq = any($1::bigint[])";
const QUEUE_ROWS_MAX = 16_384;
const SEQ_WEIGHT_BYTES = 16;

export function createOutboxStore(deps: { readonly pool: Pool; readonly log: Log }): OutboxStore & { close(): Promise<void> } {
  const committer = createGroupCommit<readonly bigint[], undefined>({
    pool: deps.pool,
    name: "outbox",
    log: deps.log,
    queueRowsMax: QUEUE_ROWS_MAX,
    bytesOf: (seqs) => seqs.length * SEQ_WEIGHT_BYTES,
    work: async (tx, rows) => {
      // Should a power cut undo this, the events are published again and subscribers dedupe: not worth a flush of the disk.
      await tx.client.query("set local synchronous_commit = off");
      await run(tx.client, "outbox_done", DONE, [rows.flat()]);
      return { answers: rows.map(() => undefined) };
    },
  });
  return {
    pending: async (afterSeq, limit) => {
      const rows = await run<{ seq: bigint; body: string }>(deps.pool, "outbox_pending", PENDING, [afterSeq, limit]);
      return rows.map((row) => ({ seq: row.seq, event: JSON.parse(row.body) as Event }));
    },
    done: async (seqs) => {
      if (seqs.length > 0) await committer.submit(seqs);
    },
    close: () => committer.close(),
  };
}
