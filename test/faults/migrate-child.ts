/** Migrates one database and may be killed while it does: `migrate-child.ts <url> <points>`. */
import { armKillPoints } from "../../bin/engine/kill-point.ts";
import { migrate } from "../../platform/postgres/migrate.ts";
import { createPool, SILENT } from "../../platform/postgres/pool.ts";

const [, , url = "", points = ""] = process.argv;
armKillPoints({ profile: "development", points, note: undefined, die: () => process.kill(process.pid, "SIGKILL") });
const pool = createPool({ url, applicationName: "huiliu migrate", max: 2, plans: "hot", log: SILENT });
const applied = await migrate(pool);
process.stdout.write(`${JSON.stringify(applied)}\n`);
await pool.end();
