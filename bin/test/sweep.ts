import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readPidFile } from "../../platform/services/processes.ts";
import { removeServicesData } from "../../platform/services/index.ts";
import { endLeftovers } from "../start/folder.ts";

/** Where a run or a journey keeps what it starts: the runner's own servers in its folder, a whole Huiliu of a journey in `data/` below it. */
const PLACES = ["", "data"];

/** Ends and removes what killed test runs left below `testDir`, a folder for each. Answers what was ended. Folders whose owner lives are left alone. */
export async function sweep(testDir: string): Promise<readonly string[]> {
  mkdirSync(testDir, { recursive: true });
  const ended: string[] = [];
  for (const name of readdirSync(testDir)) {
    const dir = join(testDir, name);
    if (readPidFile(join(dir, "owner.json")) !== undefined) continue;
    for (const place of PLACES.map((one) => join(dir, one)).filter(existsSync)) {
      ended.push(...(await endLeftovers(place)));
      removeServicesData(place);
    }
    rmSync(dir, { recursive: true, force: true });
  }
  return ended;
}
