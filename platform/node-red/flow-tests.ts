/**
 * Stored tests at the editor's door (docs/flow-tests.md). The editor's side is a fetch of the admin API, with its own authentication:
 *
 * - `GET /huiliu/flow-tests` → `StoredTests`: every flow with its stored tests, by folder, and the tab's id.
 * - `POST /huiliu/flow-tests` `{flow?, test?, nodes?}` → `FlowTestRun` (domain/flowtests/result.ts): plays the tests of `flow` (folder or id of its tab; absent: of all).
 *   `nodes`: the flows as they stand on the canvas, not deployed yet (`RED.nodes.createCompleteNodeSet()`); tabs that are not among them are as on disk. Takes 2-6 s.
 *   `passed`, and of each failed test `differences[]` with `zh`, `en`, `expected`, `actual` and `place` (`place.node.id` to reveal on the canvas).
 * - `POST /huiliu/flow-tests/from-message` `{messageId, flow, name}` → `{file}`: writes `flows/<flow>/tests/<name>.json` of a stored message, masked, expecting what came of
 *   it (domain/flowtests/draft.ts).
 * - A deploy whose tests fail is answered 422 `{code: "flow_tests_failed", message}`. Deploying all the same wants the right `override` and the header
 *   `huiliu-deploy-reason: <encodeURIComponent(reason)>` (5-500 characters) on `POST /flows`.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkFlowTest } from "../../domain/flowtests/document.ts";
import type { FlowTestRun } from "../../domain/flowtests/result.ts";
import type { StoredNode } from "./flow-files.ts";

/** What is to be played. */
export interface Wanted {
  readonly root: string;
  /** Folders whose tests are played; absent: all. */
  readonly only?: readonly string[];
  /** Tests of those names alone. */
  readonly names?: readonly string[];
  /** Folder → nodes, as somebody is about to deploy them; absent: those on disk. */
  readonly flows?: Readonly<Record<string, readonly StoredNode[]>>;
  /** Folder → name → document, instead of those on disk. */
  readonly tests?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Plays stored tests in a process of its own. */
export type RunFlowTests = (wanted: Wanted) => Promise<FlowTestRun>;

/** The folder of tests beside a flow.json. */
export const TESTS = "tests";
/** Where editors of files find what a test may say, from beside it. */
const SCHEMA = "../../../docs/schemas/flow-test.json";
const TEST_FILE = /^[a-z0-9][a-z0-9-]{0,63}\.json$/;

/** A test file that is no JSON: its document is the text of what is wrong, which no schema takes. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

/** The tests of a flow's folder by name; empty where there are none. */
export async function readTests(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const path = join(folder, TESTS);
  if (!existsSync(path)) return {};
  const names = (await readdir(path)).filter((name) => TEST_FILE.test(name)).sort();
  const tests: Record<string, unknown> = {};
  for (const name of names) tests[name.slice(0, -".json".length)] = parsed(await readFile(join(path, name), "utf8"));
  return tests;
}

export interface StoredTests {
  readonly flows: readonly {
    readonly flow: string;
    /** Id of the flow's tab. */
    readonly tab: string;
    readonly tests: readonly {
      readonly name: string;
      readonly title?: { readonly zh: string; readonly en: string };
      /** Why it cannot be played. */
      readonly wrong?: readonly { readonly at: string; readonly zh: string; readonly en: string }[];
    }[];
  }[];
}

/** What the routes of nodes/kit/flow-tests.ts ask; given to nodes as `settings.huiliuFlowTests`. */
export interface FlowTestDoor {
  stored(): Promise<StoredTests>;
  run(asked: { readonly flow?: string; readonly test?: string; readonly nodes?: readonly unknown[] }): Promise<FlowTestRun>;
  /** Writes a new test of a flow; a file that is there already is never written over. Answers its path from the root, or why not. */
  keep(asked: { readonly flow: string; readonly name: string; readonly document: object }): Promise<Kept>;
}

export type Kept =
  | { readonly ok: true; readonly file: string }
  /** `taken`: there is a test of this name. `unknown`: no such flow. `name`: no possible name. */
  | { readonly ok: false; readonly why: "taken" | "unknown" | "name" };

/** Writes a file that must be new. */
async function writeNew(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

export interface FlowTestDoorDeps {
  readonly root: string;
  readonly run: RunFlowTests;
  /** Tab → folder, for what is loaded. */
  readonly folders: () => ReadonlyMap<string, string>;
  readonly folderOf: (tab: string) => string | undefined;
  /** Nodes of the canvas by folder; throws when they could not be saved either. */
  readonly byFolder: (nodes: readonly StoredNode[]) => Readonly<Record<string, readonly StoredNode[]>>;
  /** The flows on disk. */
  readonly onDisk: () => Promise<Readonly<Record<string, readonly StoredNode[]>>>;
}

/** Makes the door. */
export function createFlowTestDoor(deps: FlowTestDoorDeps): FlowTestDoor {
  return {
    stored: async () => {
      const flows = [];
      for (const [tab, flow] of deps.folders()) {
        const documents = Object.entries(await readTests(join(deps.root, "flows", flow)));
        const tests = documents.map(([name, document]) => {
          const checked = checkFlowTest(document);
          return checked.ok ? { name, title: checked.test.title } : { name, wrong: checked.problems };
        });
        flows.push({ flow, tab, tests });
      }
      return { flows };
    },
    run: async ({ flow, test, nodes }) => {
      const given = nodes === undefined ? undefined : deps.byFolder(nodes as readonly StoredNode[]);
      const tab = nodes?.find((node) => (node as StoredNode).type === "tab" && (node as StoredNode).id === flow) as StoredNode | undefined;
      const folder =
        flow === undefined
          ? undefined
          : (deps.folderOf(flow) ??
            (tab && Object.entries(given ?? {}).find(([, own]) => own.some((node) => node.id === tab.id))?.[0]) ??
            flow);
      return deps.run({
        root: deps.root,
        ...(folder === undefined ? {} : { only: [folder] }),
        ...(test === undefined ? {} : { names: [test] }),
        ...(given === undefined ? {} : { flows: { ...(await deps.onDisk()), ...given } }),
      });
    },
    keep: async ({ flow, name, document }) => {
      if (!TEST_FILE.test(`${name}.json`)) return { ok: false, why: "name" };
      const folder = deps.folderOf(flow) ?? flow;
      if (![...deps.folders().values()].includes(folder)) return { ok: false, why: "unknown" };
      const file = join("flows", folder, TESTS, `${name}.json`);
      await mkdir(join(deps.root, "flows", folder, TESTS), { recursive: true });
      const text = `${JSON.stringify({ $schema: SCHEMA, ...document }, null, 2)}\n`;
      return (await writeNew(join(deps.root, file), text)) ? { ok: true, file } : { ok: false, why: "taken" };
    },
  };
}
