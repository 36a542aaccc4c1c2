/**
 * The program that plays stored tests, one process for each run so that nobody is disturbed: a real Node-RED without editor, the real nodes, mappings and contracts, and
 * the engine's core over stores in memory on a virtual clock. Asked by IPC (run.ts), answers once and ends.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callsOf, type Engine } from "../../domain/delivery/engine.ts";
import { createLedger, type OpenLedger } from "../../domain/delivery/ledger.ts";
import { createSubscriptions } from "../../domain/delivery/subscriptions.ts";
import { checkFlowTest } from "../../domain/flowtests/document.ts";
import type { FlowNodeSeen } from "../../domain/flowtests/observed.ts";
import type { Difference, FlowTestRun, TestResult } from "../../domain/flowtests/result.ts";
import { createVirtualClock, type VirtualClock } from "../../platform/memory/clock.ts";
import { joinFlows, type StoredNode } from "../../platform/node-red/flow-files.ts";
import { nodeRedSettings } from "../../platform/node-red/settings.ts";
import { ROOT } from "../environment.ts";
import { loadTestCatalogue, type TestCatalogue } from "./catalogue.ts";
import type { Group, Job } from "./job.ts";
import { BadContent } from "./partners.ts";
import { playTest } from "./world.ts";

/** Flows that have not started by then never will. */
const START_MS = 60_000;

interface Runtime {
  init(server: object, settings: object): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly runtime: {
    readonly events: {
      on(event: string, fn: (event: { readonly payload?: { readonly error?: string; readonly types?: readonly unknown[] } }) => void): void;
      off(event: string, fn: unknown): void;
    };
    readonly flows: { setFlows(options: { readonly deploymentType: "reload" }): Promise<unknown> };
  };
}

/** Timers of flows (delay, trigger) run on the clock of the test that is played. */
function virtualTimers(clock: () => VirtualClock | undefined, beat: () => void): void {
  const [setReal, clearReal] = [globalThis.setTimeout, globalThis.clearTimeout];
  const cancels = new WeakMap<object, () => void>();
  const set = (run: (...args: readonly unknown[]) => void, ms = 0, ...args: readonly unknown[]): object => {
    const now = clock();
    if (now === undefined) return setReal(run, ms, ...args);
    const timer = { ref: () => timer, unref: () => timer, hasRef: () => true, refresh: () => timer };
    const cancel = now.after(Number(ms) || 0, () => {
      beat();
      run(...args);
    });
    cancels.set(timer, cancel);
    return timer;
  };
  const clear = (timer?: unknown): void => {
    const cancel = typeof timer === "object" && timer !== null ? cancels.get(timer) : undefined;
    if (cancel) cancel();
    else clearReal(timer as Parameters<typeof clearReal>[0]);
  };
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
}

/** What all tests of this process share: nodes subscribe once, and the hooks are wired to one ledger. */
function createShared() {
  const pulse = { beats: 0 };
  const beat = (): void => {
    pulse.beats += 1;
  };
  const visited = new Set<string>();
  let clock: VirtualClock | undefined;
  let current: Engine | undefined;
  let changed: () => void = () => undefined;
  const subscriptions = createSubscriptions({ changed: () => changed() });
  const counted = createLedger({
    after: (ms, run) => clock?.after(ms, run) ?? (() => undefined),
    soon: (run) =>
      void setImmediate(() => {
        beat();
        run();
      }),
  });
  const ledger: OpenLedger = {
    ...counted,
    entered: (token, node) => {
      beat();
      visited.add(node.id);
      counted.entered(token, node);
    },
    sent: (...args) => {
      beat();
      counted.sent(...args);
    },
    left: (...args) => {
      beat();
      counted.left(...args);
    },
    ended: (...args) => {
      beat();
      counted.ended(...args);
    },
    open: (token, options, onEnd) => {
      beat();
      visited.add(options.node.id);
      counted.open(token, options, onEnd);
    },
  };
  const now = (): Engine => {
    beat();
    if (current === undefined) throw new Error("no test is being played");
    return current;
  };
  const engine = (catalogue: Engine["catalogue"]): Engine => ({
    ready: Promise.resolve(),
    catalogue,
    ledger,
    subscribeMessages: (...args) => subscriptions.messages(...args),
    subscribeEvents: (...args) => subscriptions.events(...args),
    ...callsOf(now),
    pauseIntake: async () => ({ live: 0 }),
    resumeIntake: () => undefined,
    pauses: () => 0,
    live: () => current?.live() ?? 0,
  });
  return {
    pulse,
    beat,
    visited,
    subscriptions,
    ledger,
    engine,
    use: (engineNow: Engine | undefined) => {
      current = engineNow;
    },
    subscribed: (fn: () => void) => {
      changed = fn;
    },
    clock: () => clock,
    setClock: (given: VirtualClock | undefined) => {
      clock = given;
    },
  };
}

/** Node-RED with the flows of one group after another. */
function createRuntime(engine: Engine, log: (line: string) => void) {
  const red = createRequire(import.meta.url)("node-red") as Runtime;
  const userDir = mkdtempSync(join(tmpdir(), "huiliu-flow-tests-"));
  let flows: readonly StoredNode[] = [];
  let folders: ReadonlyMap<string, string> = new Map();
  const nothing = async (): Promise<object> => ({});
  const storage = {
    init: async () => undefined,
    getFlows: async () => flows,
    saveFlows: async () => undefined,
    getCredentials: nothing,
    saveCredentials: nothing,
    getSettings: nothing,
    saveSettings: nothing,
    getSessions: nothing,
    saveSessions: nothing,
    getLibraryEntry: nothing,
    saveLibraryEntry: nothing,
  };
  const settings = {
    ...nodeRedSettings({
      root: ROOT,
      dataDir: userDir,
      profile: "development",
      engine,
      editor: false,
      editorPort: 0,
      log: (level, text) => (level === "info" ? undefined : log(text)),
    }),
    storageModule: storage,
    huiliuFolderOf: (tab: string) => folders.get(tab),
  };
  let started = false;
  /** Resolves when the flows run; rejects, naming them, when they need node types that are not there. */
  const flowsStarted = (begin: () => Promise<unknown>): Promise<void> =>
    new Promise((resolve, reject) => {
      const { events } = red.runtime;
      const timer = setTimeout(() => end(new Error("the flows did not start")), START_MS);
      const failed = (event: { readonly payload?: { readonly error?: string; readonly types?: readonly unknown[] } }): void => {
        const { error, types = [] } = event.payload ?? {};
        if (error !== undefined)
          end(new Error(`${error}: ${types.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(", ")}`));
      };
      const up = (): void => end();
      const end = (error?: Error): void => {
        clearTimeout(timer);
        events.off("runtime-event", failed);
        events.off("flows:started", up);
        if (error) reject(error);
        else resolve();
      };
      events.on("runtime-event", failed);
      events.on("flows:started", up);
      begin().catch((error: unknown) => end(error instanceof Error ? error : new Error(String(error))));
    });
  return {
    load: async (group: Group["flows"]): Promise<void> => {
      const joined = joinFlows(new Map(Object.entries(group)));
      flows = joined.flows;
      folders = joined.folders;
      if (started) await flowsStarted(() => red.runtime.flows.setFlows({ deploymentType: "reload" }));
      else {
        red.init(createServer(), settings);
        started = true;
        await flowsStarted(() => red.start());
      }
      // Feeding nodes subscribe in a microtask after the flows have started.
      await new Promise((resolve) => setImmediate(resolve));
    },
    close: () => rmSync(userDir, { recursive: true, force: true }),
  };
}

const nodesSeen = (nodes: readonly StoredNode[]): readonly FlowNodeSeen[] =>
  nodes
    .filter((node) => node.type !== "tab")
    .map(({ id, type, name, destination, kind }) => ({
      id,
      type,
      ...(typeof name === "string" && name !== "" ? { name } : {}),
      ...(typeof destination === "string" ? { destination } : {}),
      ...(typeof kind === "string" ? { kind } : {}),
    }));

const notRun = (at: string, zh: string, en: string): Difference => ({ code: "not-run", at, zh, en });

type Shared = ReturnType<typeof createShared>;

async function playOne(
  shared: Shared,
  catalogue: TestCatalogue,
  root: string,
  group: Group,
  flow: string,
  name: string,
): Promise<TestResult> {
  const since = performance.now();
  const result = (differences: readonly Difference[], title?: TestResult["title"], clock?: VirtualClock): TestResult => ({
    flow,
    test: name,
    ...(title === undefined ? {} : { title }),
    passed: differences.length === 0,
    differences: [...differences],
    ms: Math.round(performance.now() - since),
    simulatedMs: Math.round(clock?.tickMs() ?? 0),
  });
  const checked = checkFlowTest(group.tests[flow]?.[name]);
  if (!checked.ok) return result(checked.problems.map(({ at, zh, en }) => ({ code: "document", at, zh, en })));
  const { test } = checked;
  const clock = createVirtualClock(Date.parse(test.clock));
  shared.setClock(clock);
  try {
    const { ledger, subscriptions, use, pulse, visited, subscribed } = shared;
    const nodes = nodesSeen(group.flows[flow] ?? []);
    const differences = await playTest(
      { root, catalogue, clock, ledger, subscriptions, use, pulse, visited, subscribed },
      { flow, nodes },
      test,
    );
    return result(differences, test.title, clock);
  } catch (error) {
    const text = error instanceof Error ? (error instanceof BadContent ? error.message : (error.stack ?? error.message)) : String(error);
    const code = error instanceof BadContent ? "document" : "not-run";
    return result([{ code, at: "", zh: `测试没有跑完：${text}`, en: `the test was not played to its end: ${text}` }], test.title, clock);
  } finally {
    shared.setClock(undefined);
  }
}

async function run(job: Job): Promise<FlowTestRun> {
  const since = performance.now();
  const results: TestResult[] = [];
  const problems: { at: string; zh: string; en: string }[] = [];
  const done = (): FlowTestRun => {
    const failed = results.filter((one) => !one.passed).length;
    return {
      passed: failed === 0 && problems.length === 0,
      tests: results.length,
      failed,
      untested: [],
      results,
      problems,
      ms: Math.round(performance.now() - since),
    };
  };
  const loaded = await loadTestCatalogue(job.root);
  if (!loaded.ok) {
    problems.push(...loaded.problems);
    return done();
  }
  const { catalogue } = loaded;
  const shared = createShared();
  const said: string[] = [];
  const runtime = createRuntime(shared.engine(catalogue.at(() => 0).dialects.catalogue), (line) => said.push(line));
  virtualTimers(shared.clock, shared.beat);
  try {
    for (const group of job.groups) {
      try {
        await runtime.load(group.flows);
      } catch (error) {
        const text = `${error instanceof Error ? error.message : String(error)} ${said.slice(-3).join("; ")}`.trim();
        const flows = Object.keys(group.tests);
        for (const flow of flows.length > 0 ? flows : Object.keys(group.flows))
          problems.push({ at: `flows/${flow}`, zh: `流程没有启动：${text}`, en: `the flows did not start: ${text}` });
        continue;
      }
      for (const [flow, tests] of Object.entries(group.tests))
        for (const name of Object.keys(tests))
          results.push(
            group.flows[flow] === undefined
              ? {
                  flow,
                  test: name,
                  passed: false,
                  differences: [notRun("", "没有这个流程", "there is no such flow")],
                  ms: 0,
                  simulatedMs: 0,
                }
              : await playOne(shared, catalogue, job.root, group, flow, name),
          );
    }
  } finally {
    runtime.close();
  }
  return done();
}

type Told = { readonly ok: true; readonly answer: FlowTestRun } | { readonly ok: false; readonly error: string };

const tell = (told: Told, code: number): void => {
  process.send?.(told, undefined, undefined, () => process.exit(code));
};

process.once("message", (job) => {
  run(job as Job).then(
    (answer) => tell({ ok: true, answer }, 0),
    (error: unknown) => tell({ ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, 1),
  );
});
// Whoever asked is gone: nobody waits for the answer.
process.on("disconnect", () => process.exit(1));
