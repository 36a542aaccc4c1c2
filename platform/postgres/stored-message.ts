/** One stored message with its bytes, for a trial in the editor (domain/flows/workbench.ts). Unmasked: it stays inside the engine. */
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import { READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { msOf } from "./clock.ts";
import { isGone } from "./gone.ts";
import { type MessageRow, messageOf } from "./journal-rows.ts";
import { isUuid, reading } from "./operations-sql.ts";
import type { Pool } from "./pool.ts";

const MESSAGE = `select m.id, m.seq, m.partner, m.kind, m.door, m.identity, m.content_type, m.charset, m.headers, m.raw, m.raw_bytes, m.reply, m.return_value,
    m.traceparent, ${msOf("m.received_at")} as received_ms, m.lease_token, m.run, m.replayed from message m where m.id = $1`;

/** Reads by id; refusals are those of the operators' side (UNKNOWN_MESSAGE, CONTENT_GONE, MESSAGE_INCOMPLETE, STORE_GONE). */
export function createStoredMessages(pool: Pool): (id: string) => Promise<Answered<JournaledMessage>> {
  return (id) =>
    reading(pool, READ_TIMEOUT_MS, async (client) => {
      const found = isUuid(id) ? await client.query<Omit<MessageRow, "raw"> & { raw: Uint8Array | null }>(MESSAGE, [id]) : undefined;
      const row = found?.rows[0];
      if (!row) return refused(isUuid(id) && (await isGone(client, id, "messages")) ? "CONTENT_GONE" : "UNKNOWN_MESSAGE");
      const { raw } = row;
      return raw === null ? refused("MESSAGE_INCOMPLETE") : answered(messageOf({ ...row, raw }));
    });
}
