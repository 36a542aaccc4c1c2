/** What stands in the database, as one hash a table: an attack that was refused has changed none of them. */
import { createHash } from "node:crypto";

type Sql = <R extends object>(text: string, values?: readonly unknown[]) => Promise<R[]>;

/** Tables that signing in itself writes to, and clocks of the engine. */
const NOT_LOOKED_AT = new Set(["console_session", "sign_in_throttle", "worker", "worker_beat", "audit_head"]);

export async function fingerprint(sql: Sql, but: readonly string[] = []): Promise<ReadonlyMap<string, string>> {
  const tables = await sql<{ name: string }>(
    "select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1",
  );
  const marks = new Map<string, string>();
  for (const { name } of tables) {
    if (NOT_LOOKED_AT.has(name) || but.includes(name)) continue;
    const rows = await sql<{ row: string }>(`select t::text as row from "${name}" t order by 1`);
    marks.set(
      name,
      createHash("sha256")
        .update(rows.map((one) => one.row).join("\n"))
        .digest("hex"),
    );
  }
  return marks;
}
