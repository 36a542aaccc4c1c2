/**
 * Node-RED's settings as Huiliu runs it (design.md decision 18, reference/nodered.md section 4): one package is app and node module, the runtime answers no
 * HTTP of its own flows, installs nothing, reports nothing, and the editor exists only in the development profile, on loopback.
 */
import { join } from "node:path";
import type { Engine } from "../../domain/delivery/engine.ts";
import { gated, OFF_IN_PRODUCTION } from "./flow-gate.ts";
import { createDeployTests, type DeployTestsDeps } from "./deploy-tests.ts";
import { createFlowStorage, type FlowStorageOptions } from "./flow-storage.ts";
import { createFlowTestDoor } from "./flow-tests.ts";
import { type Admission, createEditorGate, NOBODY } from "./gate.ts";

/** A log line of the runtime, handed to our own log. */
export type RuntimeLog = (level: "info" | "warn" | "error", text: string, detail?: Readonly<Record<string, unknown>>) => void;

export interface NodeRedOptions {
  /** The package root: holds package.json, flows/, examples/. */
  readonly root: string;
  /** `.data/`: the runtime's own files live in `<dataDir>/node-red`, those of further workers in `<dataDir>/node-red-<worker>`. */
  readonly dataDir: string;
  readonly profile: "development" | "production";
  readonly engine: Engine;
  /** Where the editor listens, on 127.0.0.1. Ignored in production: editor and admin API are off. */
  readonly editorPort: number;
  /** Of several workers one has the editor. Default: on in development. */
  readonly editor?: boolean;
  /** Names the worker: each has a folder of its own for the runtime's files. Default: the first. */
  readonly worker?: string;
  /** Encrypts credentials of nodes. Undefined = Node-RED makes one and keeps it in its own settings. */
  readonly credentialSecret?: string | undefined;
  /** Who may open the editor; absent: nobody. Nobody else gets an answer of it. */
  readonly admission?: Admission;
  readonly log: RuntimeLog;
  /** Stored tests: who plays them, and who audits a deploy although they fail. Absent: none are played (tests of other things). */
  readonly flowTests?: Pick<DeployTestsDeps, "run" | "note">;
  /** Which flows are loaded; absent: all. */
  readonly admit?: FlowStorageOptions["admit"];
  /** Further packages of nodes for tests. */
  readonly nodesDirs?: readonly string[];
}

/** Node-RED's level numbers (its log.js): smaller is graver. */
const FIRST_WORKER = "engine-1";
const LEVEL_ERROR = 20;
const LEVEL_WARN = 30;
/** How long a node may take to close, in milliseconds. */
const NODE_CLOSE_TIMEOUT_MS = 8_000;
/** Largest flow the admin API takes. */
const API_MAX = "10mb";

interface LogEntry {
  readonly level: number;
  readonly msg?: unknown;
  readonly type?: string;
  readonly id?: string;
  readonly name?: string;
}

const handOver =
  (log: RuntimeLog) =>
  (entry: LogEntry): void => {
    const level = entry.level <= LEVEL_ERROR ? "error" : entry.level <= LEVEL_WARN ? "warn" : "info";
    const text = entry.msg instanceof Error ? entry.msg.message : String(entry.msg ?? "");
    log(level, text, entry.id === undefined ? undefined : { node: entry.id, type: entry.type, name: entry.name });
  };

/** Builds the settings object for `RED.init`, or for `export { settings as "module.exports" }`. */
export function nodeRedSettings(options: NodeRedOptions): Readonly<Record<string, unknown>> {
  const { worker = FIRST_WORKER } = options;
  const userDir = join(options.dataDir, worker === FIRST_WORKER ? "node-red" : `node-red-${worker}`);
  const { flowTests, admit, root, profile, engine, log } = options;
  const tests = flowTests === undefined ? undefined : createDeployTests({ root, log, ...flowTests });
  const removed = join(options.dataDir, "removed-flows");
  const storage = createFlowStorage({ root, profile, engine, log, removed, ...(tests ? { tests } : {}), ...(admit ? { admit } : {}) });
  const gate = createEditorGate(options.admission ?? NOBODY);
  const noEditor = options.profile === "production" || options.editor === false;
  return {
    userDir,
    flowFile: join(userDir, "flows.json"),
    nodesDir: [options.root, ...(options.nodesDirs ?? [])],
    storageModule: gated(storage.module, (flows) => options.engine.workbench?.check(flows)),
    ...(options.profile === "production" ? { nodesExcludes: OFF_IN_PRODUCTION } : {}),
    // Nodes reach the engine here. Never functionGlobalContext: every Function node can read that.
    huiliu: options.engine,
    huiliuFolderOf: storage.folderOf,
    huiliuFlowsChanged: storage.changed,
    ...(flowTests === undefined ? {} : { huiliuFlowTests: createFlowTestDoor({ ...storage, root, run: flowTests.run }) }),
    functionGlobalContext: {},
    uiHost: "127.0.0.1",
    uiPort: options.editorPort,
    httpNodeRoot: false,
    ...(noEditor ? { httpAdminRoot: false, disableEditor: true, readOnly: false } : { httpAdminRoot: "/" }),
    httpAdminMiddleware: [gate.middleware, ...(tests ? [tests.carryReason] : [])],
    huiliuGate: gate,
    ...(options.credentialSecret === undefined ? {} : { credentialSecret: options.credentialSecret }),
    apiMaxLength: API_MAX,
    nodeCloseTimeout: NODE_CLOSE_TIMEOUT_MS,
    functionExternalModules: false,
    externalModules: { autoInstall: false, palette: { allowInstall: false, allowUpload: false }, modules: { allowInstall: false } },
    diagnostics: { enabled: false, ui: false },
    telemetry: { enabled: false, updateNotification: false },
    runtimeState: { enabled: false, ui: false },
    contextStorage: { default: { module: "memory" } },
    exportGlobalContextKeys: false,
    editorTheme: {
      page: { title: "汇流 Huiliu" },
      header: { title: "汇流 Huiliu" },
      projects: { enabled: false },
      tours: false,
      palette: { categories: ["huiliu", "subflows", "common", "function", "network", "sequence", "parser", "storage"] },
    },
    logging: { huiliu: { level: "info", metrics: false, audit: false, handler: () => handOver(options.log) } },
  };
}
