import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { argumentsOf, ROOT } from "./environment.ts";
import { buildPages } from "./start/pages.ts";

const HELP = `node bin/pages.ts [options]      build the console's pages (npm start does it by itself)

Builds console/web into .data/pages/<hash>/ unless that is there, and prints the folder. Another engine uses it with
HUILIU_PAGES_DIR=<folder>.

  --json    print folder and size as JSON
  --quiet   print nothing but the folder
  --help    this text`;

const { values } = argumentsOf(HELP, { options: { json: { type: "boolean" }, quiet: { type: "boolean" }, help: { type: "boolean" } } });
if (values.help === true) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
try {
  const folder = await buildPages(ROOT);
  const assets = join(folder, "assets");
  const bytes = readdirSync(assets).reduce((sum, name) => sum + statSync(join(assets, name)).size, 0);
  if (values.json === true) process.stdout.write(`${JSON.stringify({ folder, compressedBytes: bytes })}\n`);
  else if (values.quiet === true) process.stdout.write(`${folder}\n`);
  else process.stdout.write(`${folder}\n${(bytes / 1024).toFixed(0)} KiB compressed\n`);
  process.exit(0);
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}\n✗ the pages were not built: mend what is said above; after a change of packages: npm ci\n✗ 页面未构建：按上面的提示修正；依赖有变请执行 npm ci\n`,
  );
  process.exit(1);
}
