/** A database of its own for each test file, cloned from a migrated template: a clone takes tens of milliseconds, a migration does not. */
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { createPool } from "../../../platform/postgres/pool.ts";
import { migrate } from "../../../platform/postgres/migrate.ts";

const MIGRATIONS = new URL("../../../platform/postgres/migrations/", import.meta.url);
/** Test processes that make the template at the same time wait for the first. */
const TEMPLATE_LOCK = 0x48_55_54_45;

export interface TestDatabase {
  readonly url: string;
  /** Ends every connection of the database and removes it. */
  drop(): Promise<void>;
}

function serverUrl(): string {
  const url = process.env.HUILIU_TEST_POSTGRES_URL;
  if (url === undefined || url === "")
    throw new Error("HUILIU_TEST_POSTGRES_URL is not set: run the tests by `npm test`, which starts a PostgreSQL");
  return url;
}

const named = (url: string, database: string): string => {
  const to = new URL(url);
  to.pathname = `/${database}`;
  return to.href;
};

async function templateName(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(MIGRATIONS)).sort()) hash.update(await readFile(new URL(name, MIGRATIONS)));
  return `huiliu_template_${hash.digest("hex").slice(0, 12)}`;
}

/** A fresh database with all migrations. */
export async function testDatabase(): Promise<TestDatabase> {
  const url = serverUrl();
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    const template = await templateName();
    await admin.query("select pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    const there = await admin.query("select 1 from pg_database where datname = $1", [template]);
    if (there.rowCount === 0) {
      const making = `${template}_${randomBytes(4).toString("hex")}`;
      await admin.query(`create database ${making} template template0 encoding 'UTF8'`);
      const pool = createPool({ url: named(url, making), applicationName: "huiliu test template", max: 1, plans: "reads" });
      await migrate(pool);
      await pool.end();
      await admin.query(`alter database ${making} rename to ${template}`);
    }
    const name = `huiliu_test_${randomBytes(6).toString("hex")}`;
    await admin.query(`create database ${name} template ${template}`);
    await admin.query("select pg_advisory_unlock($1)", [TEMPLATE_LOCK]);
    return {
      url: named(url, name),
      drop: async () => {
        const last = new pg.Client({ connectionString: url });
        await last.connect();
        await last.query(`drop database if exists ${name} with (force)`);
        await last.end();
      },
    };
  } finally {
    await admin.end();
  }
}
