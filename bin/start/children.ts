import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { exitOf, type Launched, readyWithin } from "../../platform/services/keeper.ts";
import { endLeftover, endProcess, identify, tailOf, writePidFile } from "../../platform/services/processes.ts";

/** How to run a program of the project. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
}

/** Where a supervised program keeps its number and its output. */
export interface Place {
  readonly pidFile: string;
  readonly logFile: string;
}

/** Where the engine says it listens; it writes the file itself once it does. Fields beyond these are passed on to run.json. */
export interface EngineFile {
  readonly pid: number;
  readonly gateway: string;
  readonly console: string;
  /** Wires: by partner. */
  readonly [door: string]: string | number | Readonly<Record<string, string>> | undefined;
}

/** A partner of the simulated hospital: where the engine reaches it, and the tests' own door to it. */
export interface HospitalPartner {
  readonly url?: string;
  readonly mllp?: string;
  readonly dicom?: string;
  readonly sftp?: string;
  readonly ledger: string;
  readonly faults: string;
  readonly ledgerUrl: string;
  /** Become the partner's secrets in the development profile's credentials. */
  readonly secrets?: Readonly<Record<string, string>>;
}

const ENGINE_READY_MS = 180_000;
const HOSPITAL_READY_MS = 120_000;
const READYZ_TIMEOUT_MS = 2_000;
const STDOUT_KEPT_CHARS = 64 * 1024;
const LOG_CAP_BYTES = 64 * 1024 * 1024;

/** The engine drains what it has in hand, then ends; so long it may take. */
export const ENGINE_END = [["SIGTERM", 20_000]] as const;
export const HOSPITAL_END = [["SIGTERM", 5_000]] as const;

type Signals = typeof ENGINE_END | typeof HOSPITAL_END;

interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** glibc keeps a heap for each thread, and buffers die on another than they were made on: with two heaps the engine needs 30 MB less. */
const ARENAS = "2";
/** What Node made of our sources at an earlier start: half the time to start, and the compiler of types (20 MB) is not even loaded. Keyed by content; lost, it is made again. */
const COMPILE_CACHE = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "compiled");

/**
 * Starts a program in a session of its own, so that a Ctrl-C reaches it only through us and in order. It holds a channel to this
 * process: when that closes, this process has died, and the program must end by itself.
 */
async function begin(name: string, program: Program, place: Place, signals: Signals, stdout: "log" | "pipe"): Promise<Started> {
  await endLeftover(place.pidFile, signals);
  mkdirSync(dirname(place.logFile), { recursive: true });
  const log = openSync(place.logFile, "a", 0o600);
  const child = spawn(program.command, program.args, {
    env: { MALLOC_ARENA_MAX: ARENAS, NODE_COMPILE_CACHE: COMPILE_CACHE, ...program.env, HUILIU_SUPERVISED: "1" },
    detached: true,
    stdio: ["ignore", stdout === "pipe" ? "pipe" : log, log, "ipc"],
  });
  closeSync(log);
  const exited = exitOf(child);
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${name}: ${program.command} cannot be executed`);
  writePidFile(place.pidFile, pid);
  const identity = identify(pid);
  return {
    child,
    pid,
    exited,
    async stop() {
      if (identity !== undefined) await endProcess(identity, signals);
      await endLeftover(place.pidFile, signals);
    },
  };
}

function notReady(name: string, place: Place, signal: AbortSignal): Error {
  return new Error(
    signal.aborted ? `${name}: start given up` : `${name} did not become ready; the end of ${place.logFile}:\n${tailOf(place.logFile, 15)}`,
  );
}

/** Where a worker says that it is ready: `engine.json` for the first, `engine-2.json` … for further ones. */
export const engineFileOf = (worker: string): string => (worker === workerName(1) ? "engine.json" : `${worker}.json`);
/** Names of workers on one machine. */
export const workerName = (number: number): string => `engine-${number}`;

/** The engine's own word on where it listens, if this very process gave it. */
export function readEngineFile(dataDir: string, worker: string, pid: number): EngineFile | undefined {
  const path = join(dataDir, engineFileOf(worker));
  if (!existsSync(path)) return undefined;
  try {
    const told = JSON.parse(readFileSync(path, "utf8")) as Partial<EngineFile>;
    return told.pid === pid && typeof told.console === "string" && typeof told.gateway === "string" ? (told as EngineFile) : undefined;
  } catch {
    return undefined; // half written; the caller asks again
  }
}

async function isReady(console: string): Promise<boolean> {
  try {
    const answer = await fetch(`${console}/readyz`, { signal: AbortSignal.timeout(READYZ_TIMEOUT_MS) });
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false; // not listening yet; the caller asks again
  }
}

/** Starts the engine; resolves once it has said where it listens and its /readyz answers 200. */
export async function launchEngine(
  program: Program,
  place: Place,
  where: { readonly dataDir: string; readonly worker: string },
  signal: AbortSignal,
): Promise<Launched & { told: EngineFile }> {
  const engine = await begin("engine", program, place, ENGINE_END, "log");
  let told: EngineFile | undefined;
  const ready = await readyWithin(engine.exited, ENGINE_READY_MS, signal, async () => {
    told = readEngineFile(where.dataDir, where.worker, engine.pid);
    return told !== undefined && (await isReady(told.console));
  });
  if (!ready || told === undefined) {
    await engine.stop();
    throw notReady("the engine", place, signal);
  }
  return { pid: engine.pid, exited: engine.exited, stop: engine.stop, told };
}

function readyLine(text: string): Record<string, HospitalPartner> | undefined {
  for (const line of text.split("\n").slice(0, -1)) {
    if (!line.startsWith('{"ready":true')) continue;
    return (JSON.parse(line) as { partners: Record<string, HospitalPartner> }).partners;
  }
  return undefined;
}

/** Starts the simulated hospital; resolves with its partners' addresses once it has printed that it is ready. */
export async function launchHospital(
  program: Program,
  place: Place,
  signal: AbortSignal,
): Promise<Launched & { partners: Record<string, HospitalPartner> }> {
  const hospital = await begin("hospital", program, place, HOSPITAL_END, "pipe");
  let text = "";
  hospital.child.stdout?.on("data", (chunk: Buffer) => {
    if (text.length < STDOUT_KEPT_CHARS) text += chunk.toString();
  });
  let partners: Record<string, HospitalPartner> | undefined;
  const ready = await readyWithin(hospital.exited, HOSPITAL_READY_MS, signal, async () => {
    partners = readyLine(text);
    return partners !== undefined;
  });
  if (!ready || partners === undefined) {
    await hospital.stop();
    throw notReady("the simulated hospital", place, signal);
  }
  return { pid: hospital.pid, exited: hospital.exited, stop: hospital.stop, partners };
}

/** Keeps a log that is being appended to below 64 MB: what was there moves to `<log>.1`, what follows starts anew. */
export function capLog(path: string): void {
  if (!existsSync(path) || statSync(path).size < LOG_CAP_BYTES) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
}
