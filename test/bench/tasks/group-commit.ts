/** PostgreSQL's floor: the journal's bytes in batches of 256 through unnest, one transaction after the other, and nothing else. */
import { randomUUID } from "node:crypto";
import pg from "pg";
import { batchOf } from "../../../platform/postgres/batch.ts";
import { CONTENT_TYPE, messagesOf, type Plan } from "../messages.ts";

const BATCH = 256;
const TABLE = `create table if not exists bench_floor (id uuid primary key, identity text unique, content_type text not null,
  headers jsonb not null, raw bytea not null, received_at timestamptz not null default now())`;
const ROWS = batchOf("r", { id: "uuid", identity: "text", content_type: "text", headers: "jsonb", raw: "bytea" });
const INSERT = `insert into bench_floor (id, identity, content_type, headers, raw)
  select r.id, r.identity, r.content_type, r.headers, r.raw from ${ROWS.from} on conflict do nothing returning id`;

export async function groupCommit(options: {
  readonly postgresUrl: string;
}): Promise<(plan: Plan) => Promise<{ readonly perSecond: number }>> {
  const client = new pg.Client({ connectionString: options.postgresUrl });
  await client.connect();
  await client.query(TABLE);
  return async (plan) => {
    const rows = messagesOf(plan).map((one) => ({
      id: randomUUID(),
      identity: one.id,
      content_type: CONTENT_TYPE,
      headers: "{}",
      raw: one.bytes,
    }));
    const started = performance.now();
    for (let at = 0; at < rows.length; at += BATCH) {
      await client.query({ name: "floor", text: INSERT, values: ROWS.params(rows.slice(at, at + BATCH)) });
    }
    return { perSecond: (rows.length * 1_000) / (performance.now() - started) };
  };
}
