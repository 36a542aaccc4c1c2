/** Brings the tables up to date: numbered files, applied once, in order, under an advisory lock; a file that changed after it was applied is refused. */
import { failpoint } from "../../domain/failpoint.ts";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { Pool } from "./pool.ts";

/** Any fixed number: "HUIL" in ASCII. Only one process migrates at a time. */
const MIGRATION_LOCK = 0x48_55_49_4c;
const FOLDER = new URL("./migrations/", import.meta.url);
const NAME = /^\d{3}-[a-z0-9-]+\.sql$/;

/** The files and the database disagree; somebody must look. */
export class MigrationRefused extends Error {
  override readonly name = "MigrationRefused";
}

interface Migration {
  readonly name: string;
  readonly text: string;
  readonly checksum: string;
}

async function migrationFiles(folder: URL): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name, index) => {
      if (!NAME.test(name) || Number(name.slice(0, 3)) !== index + 1) {
        throw new MigrationRefused(`migration ${name} must be called ${String(index + 1).padStart(3, "0")}-<words>.sql`);
      }
      const text = await readFile(new URL(name, folder), "utf8");
      return { name, text, checksum: createHash("sha256").update(text).digest("hex") };
    }),
  );
}

/** Applies what is missing; answers the names applied. Throws MigrationRefused when an applied file was changed or is not here. */
export async function migrate(pool: Pool, folder: URL = FOLDER): Promise<readonly string[]> {
  const files = await migrationFiles(folder);
  const client = await pool.connect();
  try {
    // Whoever comes second waits for the first to finish, as long as that takes.
    await client.query("select set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false)");
    await client.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    await client.query(
      "create table if not exists migration (name text primary key, checksum text not null, applied_at timestamptz not null default now())",
    );
    const applied = new Map(
      (await client.query<{ name: string; checksum: string }>("select name, checksum from migration")).rows.map((row) => [
        row.name,
        row.checksum,
      ]),
    );
    for (const [name, checksum] of applied) {
      const file = files.find((one) => one.name === name);
      if (!file) throw new MigrationRefused(`the database has migration ${name}, this version does not: it was made by a newer one`);
      if (file.checksum !== checksum)
        throw new MigrationRefused(`migration ${name} was changed after it was applied; add a new one instead`);
    }
    const missing = files.filter((file) => !applied.has(file.name));
    for (const file of missing) {
      await client.query(`begin;\n${file.text}`);
      await client.query("insert into migration (name, checksum) values ($1, $2)", [file.name, file.checksum]);
      failpoint("migrate.before-commit");
      await client.query("commit");
      failpoint("migrate.after-commit");
    }
    return missing.map((file) => file.name);
  } finally {
    // The session's time-outs were changed and it holds the lock: it is not given back.
    client.release(true);
  }
}
