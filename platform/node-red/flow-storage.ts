/**
 * Node-RED's storage module (reference/nodered.md sections 3.4 and 5): flows live as one folder each under flows/, saved back there from the editor in the
 * development profile; a deploy drains the engine first. Credentials and the editor's own settings stay in the user directory, outside git.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Deployer, DeployTests } from "./deploy-tests.ts";
import { filesOf, FOLDER, joinFlows, SHARED, type StoredNode, wrongFlow } from "./flow-files.ts";

/** Longest wait for live deliveries before a deploy. */
const DRAIN_CAP_MS = 10_000;
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
  /** Where the folders of removed tabs go, README, tests and all. */
  readonly removed: string;
  /** Plays the stored tests of what a deploy changes; absent: none are played (tests of other things). */
  readonly tests?: Pick<DeployTests, "check">;
  /** Which of the flows on disk are loaded; absent: all. Production loads what is released (docs/flow-tests.md). */
  readonly admit?: (flows: ReadonlyMap<string, readonly StoredNode[]>) => Promise<ReadonlySet<string>>;
  readonly log: (level: "info" | "warn" | "error", text: string, detail?: Readonly<Record<string, unknown>>) => void;
}

/** The storage module Node-RED is given, and what else we know by it. */
export interface FlowStorage {
  /** A plain object: Node-RED looks for its own properties. */
  readonly module: Readonly<Record<string, unknown>>;
  /** The folder of a tab under flows/. */
  readonly folderOf: (tab: string) => string | undefined;
  /** Tab → folder of what is loaded. */
  readonly folders: () => ReadonlyMap<string, string>;
  /** Nodes by the folder they would be saved in; throws when they could not be saved. */
  readonly byFolder: (nodes: readonly StoredNode[]) => Readonly<Record<string, readonly StoredNode[]>>;
  /** What lies on disk, without what does not load. */
  readonly onDisk: () => Promise<Readonly<Record<string, readonly StoredNode[]>>>;
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

/** `20261120T092000`: of a folder's new name. */
const stamp = (): string => new Date().toISOString().slice(0, 19).replace(/[-:]/g, "");

/** Moves a folder, also to another file system. */
async function moveFolder(from: string, to: string): Promise<void> {
  await mkdir(join(to, ".."), { recursive: true });
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    await cp(from, to, { recursive: true });
    await rm(from, { recursive: true, force: true });
  }
}

/**
 * Writes what changed. The folder of a vanished tab is moved away whole, never deleted: its README and its tests are somebody's work. A tab that comes back (undone in the
 * editor) gets its folder back. `kept`: folder → where it was moved to.
 */
async function writeFlows(
  options: FlowStorageOptions,
  root: string,
  files: ReadonlyMap<string, string>,
  kept: Map<string, string>,
): Promise<void> {
  for (const [folder, text] of files) {
    const path = join(root, folder, "flow.json");
    const before = kept.get(folder);
    if (before !== undefined && !existsSync(join(root, folder))) await moveFolder(before, join(root, folder));
    kept.delete(folder);
    if (existsSync(path) && (await readFile(path, "utf8")) === text) continue;
    await mkdir(join(root, folder), { recursive: true });
    await writeWhole(path, text);
  }
  for (const entry of existsSync(root) ? await readdir(root, { withFileTypes: true }) : []) {
    if (!entry.isDirectory() || files.has(entry.name)) continue;
    if (entry.name !== SHARED && !FOLDER.test(entry.name)) continue;
    const to = join(options.removed, `${entry.name}-${stamp()}`);
    await moveFolder(join(root, entry.name), to);
    kept.set(entry.name, to);
    options.log("warn", `流程 ${entry.name} 已移除，其文件保存在 ${to} (a removed flow's folder is kept there)`, {
      folder: entry.name,
      to,
    });
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
  const kept = new Map<string, string>();
  const byFolder: FlowStorage["byFolder"] = (nodes) =>
    Object.fromEntries([...filesOf(nodes, folders).files].map(([folder, text]) => [folder, JSON.parse(text) as readonly StoredNode[]]));
  const onDisk: FlowStorage["onDisk"] = async () => Object.fromEntries((await readFlows(root)).files);

  const getFlows = async (): Promise<readonly StoredNode[]> => {
    const { files, wrong } = await readFlows(root);
    // A flow that does not load is an error, never a silence: its messages would have nobody.
    if (wrong.length > 0) throw new Error(`Flows refused:\n- ${wrong.join("\n- ")}`);
    const admitted = await options.admit?.(files);
    const joined = joinFlows(admitted === undefined ? files : new Map([...files].filter(([folder]) => admitted.has(folder))));
    folders = joined.folders;
    loaded = printOf(files);
    return joined.flows;
  };

  const saveFlows = async (flows: readonly StoredNode[], user?: Deployer): Promise<void> => {
    if (options.profile === "production") throw Object.assign(new Error(READ_ONLY), { code: "flows_read_only" });
    // Before anything is drained: it takes seconds, and a refused deploy must disturb nobody.
    await options.tests?.check(await onDisk(), byFolder(flows), user);
    const { live } = await options.engine.pauseIntake("deploy", DRAIN_CAP_MS);
    if (live > 0) options.log("warn", "deploy goes on with live deliveries: they are fed again when their lease expires", { live });
    try {
      const written = filesOf(flows, folders);
      await writeFlows(options, root, written.files, kept);
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

  return {
    changed,
    folders: () => folders,
    byFolder,
    onDisk,
    module: { ...localFileSystem(), getFlows, saveFlows, projects: undefined },
    folderOf: (tab) => folders.get(tab),
  };
}
