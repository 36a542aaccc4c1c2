/** Runs stored tests in a process of their own (child.ts) and hands back what came of them. One run at a time: more wait, because each takes a CPU for seconds. */
import { fork } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlowTestRun } from "../../domain/flowtests/result.ts";
import { readFlows } from "../../platform/node-red/flow-storage.ts";
import { readTests, type Wanted } from "../../platform/node-red/flow-tests.ts";
import type { StoredNode } from "../../platform/node-red/flow-files.ts";
import type { Group, Job } from "./job.ts";

/** Longest a run may take, real time. */
const RUN_MS = 240_000;
/** What is kept of what the program says when it dies. */
const SAID_MAX = 4_000;

/** The program as it is started: it inherits no settings of the engine, no credentials, no addresses. */
const CHILD_ENV = ["PATH", "HOME", "TMPDIR", "TMP", "TEMP", "LANG", "SystemRoot"];

let last: Promise<unknown> = Promise.resolve();

/** Plays a job. Rejects when the program dies or takes longer than four minutes. */
export function runJob(job: Job, env: Readonly<Record<string, string | undefined>> = process.env): Promise<FlowTestRun> {
  const mine = last.then(() => runNow(job, env));
  last = mine.catch(() => undefined);
  return mine;
}

function runNow(job: Job, env: Readonly<Record<string, string | undefined>>): Promise<FlowTestRun> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "child.ts"), [], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: ["--disable-warning=ExperimentalWarning"],
      env: Object.fromEntries(CHILD_ENV.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        said = `${said}${chunk.toString()}`.slice(-SAID_MAX);
      });
    const timer = setTimeout(() => end(() => reject(new Error(`flow tests took longer than ${RUN_MS / 1000} s\n${said}`))), RUN_MS);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      if (child.exitCode === null) child.kill("SIGKILL");
      settle();
    };
    child.once("message", (message) => {
      const told = message as { readonly ok: true; readonly answer: FlowTestRun } | { readonly ok: false; readonly error: string };
      end(() => (told.ok ? resolve(told.answer) : reject(new Error(`${told.error}\n${said}`))));
    });
    child.once("error", (error) => end(() => reject(error)));
    child.once("exit", (code, signal) =>
      end(() => reject(new Error(`the program that plays flow tests ended (${code ?? signal})\n${said}`))),
    );
    child.send(job);
  });
}

/** Plays the stored tests of flows. Flows that were asked for and have none are `untested`; that alone fails nothing. */
export async function runFlowTests(wanted: Wanted, env?: Readonly<Record<string, string | undefined>>): Promise<FlowTestRun> {
  const { files, wrong } =
    wanted.flows === undefined ? await readFlows(join(wanted.root, "flows")) : { files: new Map(Object.entries(wanted.flows)), wrong: [] };
  const problems = wrong.map((line) => ({
    at: line.split(":")[0] ?? "flows",
    zh: `流程不能加载：${line}`,
    en: `a flow does not load: ${line}`,
  }));
  if (problems.length > 0) return { passed: false, tests: 0, failed: 0, untested: [], results: [], problems, ms: 0 };
  const folders = (wanted.only ?? [...files.keys()]).filter((folder) => folder !== "_shared");
  const tests: Record<string, Readonly<Record<string, unknown>>> = {};
  const untested: string[] = [];
  for (const folder of folders) {
    const all = wanted.tests?.[folder] ?? (await readTests(join(wanted.root, "flows", folder)));
    const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => wanted.names === undefined || wanted.names.includes(name)));
    if (Object.keys(chosen).length === 0) untested.push(folder);
    else tests[folder] = chosen;
  }
  if (Object.keys(tests).length === 0) return { passed: true, tests: 0, failed: 0, untested, results: [], problems: [], ms: 0 };
  const run = await runJob({ root: wanted.root, groups: [{ flows: Object.fromEntries(files), tests }] }, env);
  return { ...run, untested };
}

/** Examples whose messages come in by the flows of the house: they are loaded beside those. All others take messages themselves, and are loaded alone. */
const WITH_FLOWS: ReadonlySet<string> = new Set(["event-in"]);

/** Plays the tests of the examples of nodes (`nodes/<node>/tests/`), each with its example (`examples/<node>.json`) as somebody imports it. */
export async function runExampleTests(root: string, env?: Readonly<Record<string, string | undefined>>): Promise<FlowTestRun> {
  const names = (await readdir(join(root, "examples")))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length));
  const { files } = await readFlows(join(root, "flows"));
  const groups: Group[] = [];
  const untested: string[] = [];
  for (const name of names.sort()) {
    const tests = await readTests(join(root, "nodes", name));
    if (Object.keys(tests).length === 0) untested.push(name);
    const nodes = JSON.parse(await readFile(join(root, "examples", `${name}.json`), "utf8")) as readonly StoredNode[];
    groups.push({ flows: { ...(WITH_FLOWS.has(name) ? Object.fromEntries(files) : {}), [name]: nodes }, tests: { [name]: tests } });
  }
  return { ...(await runJob({ root, groups }, env)), untested };
}
