/**
 * Node-RED's storage module (reference/nodered.md sections 3.4 and 5): flows live as one folder each under flows/, saved back there from the editor in the
 * development profile; a deploy drains the engine first. Credentials and the editor's own settings stay in the user directory, outside git.
 */
import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { filesOf, FOLDER, joinFlows, SHARED, type StoredNode, wrongFlow } from "./flow-files.ts";

/** Longest wait for live deliveries before a deploy. */
export const DRAIN_CAP_MS = 10_000;
/** Wait after the drain: lets the broker apply the last acknowledgements (measured: 0 duplicates with it, up to 30 without). */
export const AFTER_DRAIN_MS = 150;

/** What a deploy asks of the engine. */
export interface Drained {
  pauseIntake(why: string, capMs: number): Promise<{ readonly live: number }>;
  resumeIntake(): void;
}

export interface FlowStorageOptions {
  /** The folder that holds flows/. */
  readonly root: string;
  readonly profile: "development" | "production";
  readonly engine: Drained;
  readonly log: (level: "info" | "warn" | "error", text: string, detail?: Readonly<Record<string, unknown>>) => void;
}

/** The storage module Node-RED is given, and what else we know by it. */
export interface FlowStorage {
  /** A plain object: Node-RED looks for its own properties. */
  readonly module: Readonly<Record<string, unknown>>;
  /** The folder of a tab under flows/. */
  readonly folderOf: (tab: string) => string | undefined;
  /** True when the files differ from what was loaded or saved here: flows were changed at another worker. */
  readonly changed: () => Promise<boolean>;
}

const READ_ONLY =
  "生产环境的流程是只读的：请在开发环境修改后发布 (flows are read-only in the production profile: change them in development and release them)";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes a file so that a crash leaves either the old or the new one, whole. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(join(path, ".."), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Every flow under `root` (the folder flows/) that loads, and a line for each that does not. */
export async function readFlows(
  root: string,
): Promise<{ readonly files: Map<string, readonly StoredNode[]>; readonly wrong: readonly string[] }> {
  const files = new Map<string, readonly StoredNode[]>();
  const wrong: string[] = [];
  if (!existsSync(root)) return { files, wrong };
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(root, entry.name, "flow.json");
    if (entry.name !== SHARED && !FOLDER.test(entry.name)) wrong.push(`flows/${entry.name}: a folder's name has only a-z, 0-9 and hyphens`);
    else if (!existsSync(path)) wrong.push(`flows/${entry.name}: flow.json is missing`);
    else {
      try {
        const content: unknown = JSON.parse(await readFile(path, "utf8"));
        const fault = wrongFlow(content);
        if (fault === undefined) files.set(entry.name, content as StoredNode[]);
        else wrong.push(`flows/${entry.name}/flow.json ${fault}`);
      } catch (error) {
        wrong.push(`flows/${entry.name}/flow.json: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return { files, wrong };
}

/** Writes what changed and removes the flow.json of vanished tabs; a folder that still has other files (README.md) is left, and said. */
async function writeFlows(options: FlowStorageOptions, root: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [folder, text] of files) {
    const path = join(root, folder, "flow.json");
    if (existsSync(path) && (await readFile(path, "utf8")) === text) continue;
    await mkdir(join(root, folder), { recursive: true });
    await writeWhole(path, text);
  }
  for (const entry of existsSync(root) ? await readdir(root, { withFileTypes: true }) : []) {
    if (!entry.isDirectory() || files.has(entry.name)) continue;
    if (entry.name !== SHARED && !FOLDER.test(entry.name)) continue;
    await rm(join(root, entry.name, "flow.json"), { force: true });
    await rm(join(root, entry.name, "README.md"), { force: true });
    await rmdir(join(root, entry.name)).catch((error: unknown) =>
      options.log("warn", "a removed flow's folder holds other files and stays", { folder: entry.name, error: String(error) }),
    );
  }
}

/** Node-RED's own file storage, for credentials, settings, sessions and the library. It is CommonJS inside @node-red/runtime. */
function localFileSystem(): Record<string, unknown> {
  return createRequire(import.meta.url)("@node-red/runtime/lib/storage/localfilesystem") as Record<string, unknown>;
}

const printOf = (files: ReadonlyMap<string, readonly StoredNode[]>): string =>
  JSON.stringify([...files].sort(([one], [other]) => (one < other ? -1 : 1)));

/** The storage module for `settings.storageModule`. */
export function createFlowStorage(options: FlowStorageOptions): FlowStorage {
  const root = join(options.root, "flows");
  let folders = new Map<string, string>();
  let loaded: string | undefined;

  const getFlows = async (): Promise<readonly StoredNode[]> => {
    const { files, wrong } = await readFlows(root);
    // A flow that does not load is an error, never a silence: its messages would have nobody.
    if (wrong.length > 0) throw new Error(`Flows refused:\n- ${wrong.join("\n- ")}`);
    const joined = joinFlows(files);
    folders = joined.folders;
    loaded = printOf(files);
    return joined.flows;
  };

  const saveFlows = async (flows: readonly StoredNode[]): Promise<void> => {
    if (options.profile === "production") throw Object.assign(new Error(READ_ONLY), { code: "flows_read_only" });
    const { live } = await options.engine.pauseIntake("deploy", DRAIN_CAP_MS);
    if (live > 0) options.log("warn", "deploy goes on with live deliveries: they are fed again when their lease expires", { live });
    try {
      const written = filesOf(flows, folders);
      await writeFlows(options, root, written.files);
      folders = written.folders;
      loaded = printOf((await readFlows(root)).files);
      await pause(AFTER_DRAIN_MS);
    } catch (error) {
      options.engine.resumeIntake();
      throw error;
    }
    // The kit resumes intake when the new flows have started. Flows that cannot start (missing node types) leave it paused: messages wait in the journal,
    // where a resumed intake would park each of them for want of a flow.
  };

  const changed = async (): Promise<boolean> => loaded !== undefined && printOf((await readFlows(root)).files) !== loaded;

  return { changed, module: { ...localFileSystem(), getFlows, saveFlows, projects: undefined }, folderOf: (tab) => folders.get(tab) };
}
