/**
 * A whole Huiliu for a journey: private servers, simulated hospital and engine, started by the code that `npm start` runs, on a data folder and a root of its
 * own (mappings, flows and partner profiles are copies that a test may change; everything else is linked). Parts are killed by process number; the supervisor
 * brings them back on the same data and port. Journeys read the ledger, the database and the broker like anybody outside: no code of the engine is asked.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { DATA_DIR, inheritedEnv, ROOT } from "../../bin/environment.ts";
import { endLeftovers } from "../../bin/start/folder.ts";
import { pagesBuilt } from "../../bin/start/pages.ts";
import { runHuiliu } from "../../bin/start/run.ts";
import { removeServicesData } from "../../platform/services/index.ts";
import { writePidFile } from "../../platform/services/processes.ts";
import { type LedgerLine, readLedger } from "../hospital/ledger.ts";

export { ROOT } from "../../bin/environment.ts";

/** Folders of the root that a test may change; the rest of the project is linked. */
const COPIED = ["partners", "mappings", "flows"];
const NOT_LINKED = new Set([...COPIED, ".git"]);
const POLL_MS = 20;
const RECOVER_MS = 60_000;
/** Every bound of a wait is as many times longer: it says what a machine of its own needs, and nobody is timed here (`npm run bench` is the place for that). */
const PATIENCE = 4;

export interface RunJson {
  readonly gateway: string;
  readonly console: string;
  readonly editor: string;
  readonly amqp: string;
  readonly postgres: string;
  readonly redis: string;
  readonly token: string;
  readonly partners: Readonly<Record<string, { readonly amqp: string; readonly key: string }>>;
  readonly hospital: Readonly<Record<string, { readonly url: string; readonly ledger: string; readonly faults: string }>>;
  /** What is being started again is absent. */
  readonly pids: Readonly<Partial<Record<Part | "supervisor", number>>>;
  readonly workers: readonly { readonly worker: string; readonly console: string; readonly pid?: number }[];
}

export type Part = "engine" | "engine2" | "engine3" | "hospital" | "postgres" | "rabbit" | "redis";
export type Profile = Record<string, unknown> & { destination?: Record<string, unknown>; inbound?: Record<string, unknown> };
export type Row = Record<string, unknown>;

export interface Huiliu {
  /** The project as this engine sees it. */
  readonly root: string;
  readonly dataDir: string;
  /** What run.json says now. */
  run(): RunJson;
  /** Rows of a statement over the engine's database. */
  sql(text: string, values?: readonly unknown[]): Promise<Row[]>;
  ledger(): Promise<LedgerLine[]>;
  /** Sets faults, mode or clock of the simulated HIS. */
  fault(order: unknown): Promise<void>;
  /** The operators' API: a path after /api/v1, and a body to post. */
  api(path: string, body?: Row): Promise<Answer>;
  /** The partner's own HTTP door. */
  post(partner: string, kind: string, body: Uint8Array | string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Ends a part; resolves when its process is gone. The supervisor starts it again. */
  kill(part: Part, signal?: NodeJS.Signals): Promise<void>;
  /** Ends a server and takes what it kept in a folder below its own (`""`: all of it) at the same instant: the next one begins with nothing, however slow this machine is. */
  killWiped(part: "rabbit" | "redis", folder: string): Promise<void>;
  /** Resolves when every part runs, under another number than it had when it was killed last, and the engine is ready. */
  recovered(): Promise<void>;
  /** Resolves when the engine runs under another number than when it was killed last and has said where it listens; the servers may still be away. */
  engineBack(): Promise<void>;
  /** Changes profiles (files under partners/), then has the engine start anew. */
  withProfiles(edits: Readonly<Record<string, (profile: Profile) => Profile>>): Promise<void>;
  /** Has the engine start anew, in good order. */
  restartEngine(): Promise<void>;
  /** The environment in which the engine runs, for starting another one beside it. */
  engineEnv(): Record<string, string>;
  /** What the engine logged; further workers have logs of their own. */
  log(part?: Part): string;
  stop(): Promise<void>;
}

/** What the operators' API answered. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what an API answers is looked into by assertions, as a script would
  readonly body: any;
}

export interface HuiliuOptions {
  /** Processes of the engine. */
  readonly workers?: number;
  /** Changes the copied root before the first start. */
  readonly prepare?: (root: string) => void;
  readonly profiles?: Readonly<Record<string, (profile: Profile) => Profile>>;
  /** How the engine is run instead (fault runs: with other addresses and limits). `engine` is the usual command, as a shell would have it. */
  readonly engine?: (home: string, engine: readonly string[]) => { readonly command: string; readonly args: readonly string[] };
  /** Waits between restarts of what was killed. */
  readonly restartWaitsMs?: readonly number[];
  /** With the console's pages, built if need be. */
  readonly pages?: boolean;
}

/**
 * Short times for a destination, so that a journey does not wait like a hospital; longer than a loaded machine takes to answer, or what was answered would be unclear. Bounds of
 * the policy hold: attempt < lease, and two attempts < 4 s.
 */
export const QUICK = {
  connectTimeoutMs: 400,
  replyTimeoutMs: 1_200,
  leaseMs: 3_000,
  trustNotFoundAfterMs: 2_500,
  retry: { firstMs: 60, maxMs: 400 },
  probe: { firstMs: 100, maxMs: 300 },
};

/** A profile edit that gives the destination these settings. */
export const destination =
  (settings: Row) =>
  (profile: Profile): Profile => ({ ...profile, destination: { ...profile.destination, ...settings } });

/** Waits until `ask` gives something else than undefined and false, for PATIENCE times `ms`; fails with `what` and the last answer of `seen`. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 10_000,
  seen?: () => unknown,
): Promise<T> {
  const end = Date.now() + ms * PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) {
      const last =
        seen === undefined ? "" : `: ${JSON.stringify(await seen(), (_key, value) => (typeof value === "bigint" ? String(value) : value))}`;
      throw new Error(`not within ${ms * PATIENCE} ms: ${what}${last}`);
    }
    await sleep(POLL_MS);
  }
}

/** A root of its own for one engine: linked, but for what tests change. */
export function makeRoot(dir: string): string {
  mkdirSync(dir, { recursive: true });
  for (const name of readdirSync(ROOT)) if (!NOT_LINKED.has(name)) symlinkSync(join(ROOT, name), join(dir, name));
  for (const name of COPIED) cpSync(join(ROOT, name), join(dir, name), { recursive: true });
  return dir;
}

function editProfiles(root: string, edits: Readonly<Record<string, (profile: Profile) => Profile>>): void {
  for (const [name, edit] of Object.entries(edits)) {
    const file = join(root, "partners", `${name}.json`);
    writeFileSync(file, JSON.stringify(edit(JSON.parse(readFileSync(file, "utf8")) as Profile), null, 2));
  }
}

const alive = (pid: number): boolean => {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : undefined;
  return stat !== undefined && !/^\d+ \(.*\) [ZX]/s.test(stat);
};

/** Starts a whole Huiliu; what was started is stopped when it cannot, and when the test's process is asked to end. */
export async function startHuiliu(name: string, options: HuiliuOptions = {}): Promise<Huiliu> {
  const home = join(DATA_DIR, "test", `journey-${name}-${process.pid}`);
  const dataDir = join(home, "data");
  rmSync(home, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true });
  writePidFile(join(home, "owner.json"), process.pid); // a later run's sweep finds what a kill -9 of this one left
  const root = makeRoot(join(home, "root"));
  editProfiles(root, options.profiles ?? {});
  options.prepare?.(root);
  const lines: string[] = [];
  const quiet = "--disable-warning=ExperimentalWarning";
  const clean = async (): Promise<void> => {
    await endLeftovers(dataDir);
    if (process.env.HUILIU_KEEP === "1") return; // for looking at the logs of a journey that failed
    removeServicesData(dataDir);
    rmSync(home, { recursive: true, force: true });
  };
  const engine = [process.execPath, quiet, join(ROOT, "bin", "engine.ts")];
  const running = await runHuiliu({
    root,
    dataDir,
    profile: "development",
    given: {},
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    credentialsFile: undefined,
    env: { ...inheritedEnv(), HUILIU_LOG_LEVEL: "info" },
    engine: options.engine?.(home, engine) ?? { command: process.execPath, args: engine.slice(1) },
    ...(options.restartWaitsMs === undefined ? {} : { restartWaitsMs: options.restartWaitsMs }),
    hospital: { command: process.execPath, args: [quiet, join(ROOT, "test", "hospital", "main.ts")] },
    ...(options.pages === true ? { pages: (signal) => pagesBuilt(ROOT, inheritedEnv(), signal) } : {}),
    log: (line) => lines.push(line),
    signal: new AbortController().signal,
  }).catch(async (error: unknown) => {
    await clean();
    throw error;
  });
  const huiliu = handle({ root, dataDir, lines }, async () => {
    await running.stop();
    await clean();
  });
  const ended = (): void => void huiliu.stop().finally(() => process.exit(1));
  process.once("SIGTERM", ended).once("SIGINT", ended);
  return huiliu;
}

function handle(place: { root: string; dataDir: string; lines: string[] }, end: () => Promise<void>): Huiliu {
  const { root, dataDir } = place;
  const killed = new Map<Part, number>();
  let stopped: Promise<void> | undefined;
  const run = (): RunJson => JSON.parse(readFileSync(join(dataDir, "run.json"), "utf8")) as RunJson;
  const his = (): RunJson["hospital"][string] => {
    const found = run().hospital.his;
    if (found === undefined) throw new Error("there is no simulated HIS");
    return found;
  };
  const pool = new pg.Pool({ connectionString: run().postgres, max: 2, connectionTimeoutMillis: 5_000 });
  pool.on("error", () => undefined); // the database is killed on purpose; the next statement tells
  const log = (part: Part = "engine"): string =>
    readFileSync(join(dataDir, "log", `${part.replace(/^engine(\d)$/, "engine-$1")}.log`), "utf8");

  const kill = async (part: Part, signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    const pid = await until(
      `${part} runs`,
      () => run().pids[part],
      RECOVER_MS,
      () => place.lines.slice(-5),
    ); // absent while it is being started again
    killed.set(part, pid);
    try {
      process.kill(pid, signal);
    } catch (error) {
      // It died by itself in between, of a kill point for instance: killed is killed.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    await until(`${part} (${pid}) is gone`, () => !alive(pid), 30_000);
  };
  const killWiped = async (part: "rabbit" | "redis", folder: string): Promise<void> => {
    const pid = await until(`${part} runs`, () => run().pids[part], RECOVER_MS);
    process.kill(pid, "SIGSTOP"); // it writes no more, and the next one is started only when it is dead
    rmSync(join(dataDir, part, folder), { recursive: true, force: true });
    await kill(part);
  };
  const isBack = async (): Promise<boolean> => {
    const now = run();
    for (const [part, was] of killed) {
      const pid = now.pids[part];
      if (pid === undefined || pid === was || !alive(pid)) return false;
    }
    for (const one of now.workers) {
      try {
        const answer = await fetch(`${one.console}/readyz`, { signal: AbortSignal.timeout(1_000) });
        await answer.body?.cancel();
        if (answer.status !== 200) return false;
      } catch {
        return false; // not listening yet
      }
    }
    return true;
  };
  const recovered = async (): Promise<void> => {
    await until("everything runs again", isBack, RECOVER_MS, () => ({ said: place.lines.slice(-5), log: log().slice(-1_500) }));
    killed.clear();
  };
  const engineBack = async (): Promise<void> => {
    const was = killed.get("engine");
    const file = join(dataDir, "engine.pid.json");
    await until(
      "the engine runs again",
      () => existsSync(file) && Number((JSON.parse(readFileSync(file, "utf8")) as { pid: number }).pid) !== was,
      RECOVER_MS,
      () => place.lines.slice(-5),
    );
    await until(
      "the engine is supervised again",
      () => ![undefined, was].includes(run().pids.engine),
      RECOVER_MS,
      () => ({ said: place.lines.slice(-5), log: log().slice(-1_500) }),
    );
  };
  const restartEngine = async (): Promise<void> => {
    await kill("engine", "SIGTERM");
    await recovered();
  };

  return {
    root,
    dataDir,
    run,
    sql: async (text, values = []) => (await pool.query(text, [...values])).rows as Row[],
    ledger: () => readLedger(his().ledger),
    fault: async (order) => {
      const answer = await fetch(his().faults, { method: "POST", body: JSON.stringify(order) });
      if (!answer.ok) throw new Error(await answer.text());
      await answer.body?.cancel();
    },
    api: async (path, body) => {
      const { console: base, token } = run();
      const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) };
      const answer = await fetch(`${base}/api/v1${path}`, {
        headers,
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: await answer.json() };
    },
    post: (partner, kind, body, headers = {}) =>
      fetch(`${run().gateway}/partners/${partner}/messages/${kind}`, {
        method: "POST",
        body,
        headers: { authorization: `Bearer ${run().partners[partner]?.key ?? ""}`, ...headers },
      }),
    kill,
    killWiped,
    recovered,
    engineBack,
    withProfiles: async (edits) => {
      editProfiles(root, edits);
      await restartEngine();
    },
    restartEngine,
    engineEnv: () =>
      Object.fromEntries(
        readFileSync(`/proc/${run().pids.engine}/environ`, "utf8")
          .split("\0")
          .filter((line) => line.includes("="))
          .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
      ),
    log,
    stop: () => {
      stopped ??= pool.end().finally(end);
      return stopped;
    },
  };
}

/** Starts one more engine that is expected to refuse: resolves with its exit code and what it said. Ends it when it does start. */
export async function engineRefuses(
  env: Record<string, string>,
  ms = 120_000,
  ports: "free" | "same" = "free",
): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(ROOT, "bin", "engine.ts")], {
    env: {
      ...env,
      ...(ports === "same" ? {} : { HUILIU_GATEWAY_PORT: "0", HUILIU_CONSOLE_PORT: "0", HUILIU_EDITOR_PORT: "0" }),
      HUILIU_WORKER: `other-${randomBytes(3).toString("hex")}`,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  const timer = setTimeout(() => child.kill("SIGKILL"), ms);
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  clearTimeout(timer);
  return { code, said };
}
