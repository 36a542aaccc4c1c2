import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endLeftoverServices, removeServicesData } from "../../platform/services/index.ts";
import { ServiceProblem } from "../../platform/services/problem.ts";
import { endLeftover, identify, isAlive, type ProcessIdentity, writeAtomically } from "../../platform/services/processes.ts";
import { ENGINE_END, HOSPITAL_END } from "./children.ts";

/** Kept by --fresh: the cache of unpacked packages, and what other commands running now own. */
const NOT_OURS = new Set(["tools", "test", "bench", "install.lock", "supervisor.json", "test-report.json", "test-report-part.json"]);
const STOPPING_WAIT_MS = 60_000;
/** An orphan whose npm was killed notices within half a second and says that it is stopping. */
const ORPHAN_NOTICE_MS = 2_000;
const POLL_MS = 100;

interface Supervisor extends ProcessIdentity {
  readonly stopping: boolean;
}

function readSupervisor(file: string): Supervisor | undefined {
  try {
    const found = JSON.parse(readFileSync(file, "utf8")) as Supervisor;
    return isAlive(found) ? found : undefined;
  } catch {
    return undefined; // absent or torn: nobody
  }
}

/**
 * Makes a folder and what is missing above it, one by one: asked to do it by itself, Node goes on for ever where the system says that a folder it has just been asked
 * to make is not there (/proc). Throws a ServiceProblem that names the folder.
 */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const above = dirname(folder);
  if (above !== folder) makeFolder(above);
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw new ServiceProblem("data-folder-unusable", `${folder}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A data folder that this process alone supervises. */
export interface ClaimedFolder {
  /** Tells a second start that the folder is about to become free. */
  stopping(): void;
  release(): void;
}

/** Makes this process the only supervisor of a data folder. Waits for one that is stopping; refuses while another works; undefined when the signal aborts first. */
export async function claimFolder(dataDir: string, signal: AbortSignal): Promise<ClaimedFolder | undefined> {
  makeFolder(dataDir);
  const file = join(dataDir, "supervisor.json");
  const own = identify(process.pid) ?? { pid: process.pid, startTick: "0", bootId: "unknown" };
  const text = (stopping: boolean): string => JSON.stringify({ ...own, stopping });
  const since = Date.now();
  while (!signal.aborted) {
    const other = readSupervisor(file);
    if (other === undefined) {
      const temporary = `${file}.${process.pid}`;
      writeAtomically(temporary, text(false));
      rmSync(file, { force: true });
      try {
        linkSync(temporary, file); // fails when another start was faster
        return {
          stopping: () => writeAtomically(file, text(true)),
          release: () => rmSync(file, { force: true }),
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      } finally {
        rmSync(temporary, { force: true });
      }
    }
    if (Date.now() - since > (other?.stopping === true ? STOPPING_WAIT_MS : ORPHAN_NOTICE_MS)) {
      throw new ServiceProblem("data-folder-in-use", `${dataDir}, process ${other?.pid ?? "unknown"}`);
    }
    await sleep(POLL_MS);
  }
  return undefined;
}

/** Ends what a killed run left on the folder, the engine first. Returns what was ended. */
export async function endLeftovers(dataDir: string): Promise<string[]> {
  rmSync(join(dataDir, "run.json"), { force: true }); // first: what it says is no longer true
  const engines = await Promise.all(
    readdirSync(dataDir)
      .filter((name) => /^engine(-\d+)?\.pid\.json$/.test(name))
      .map((name) => endLeftover(join(dataDir, name), ENGINE_END)),
  );
  const hospital = await endLeftover(join(dataDir, "hospital.pid.json"), HOSPITAL_END);
  const services = await endLeftoverServices(dataDir);
  return [...(engines.includes(true) ? ["the engine"] : []), ...(hospital ? ["the hospital"] : []), ...services];
}

/** Empties the data folder, also of what root keeps outside it. Nothing of it may be running. */
export function emptyFolder(dataDir: string): void {
  removeServicesData(dataDir);
  for (const name of readdirSync(dataDir)) if (!NOT_OURS.has(name)) rmSync(join(dataDir, name), { recursive: true, force: true });
}
