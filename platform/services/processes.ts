import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceProblem } from "./problem.ts";

/** How a process is told from a later one that was given the same number: its start tick and the boot it belongs to. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which the process started (field 22 of /proc/<pid>/stat). */
  readonly startTick: string;
  readonly bootId: string;
}

/** Result of a short command that was waited for. `code` is null when it was killed or never started. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Who a process runs as; only root may choose. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
const COMMAND_OUTPUT_LIMIT = 1024 * 1024;
const POLL_MS = 25;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return (readText("/proc/sys/kernel/random/boot_id") ?? "no-boot-id").trim();
}

/** The identity of a living process, or undefined when there is none. A zombie counts as gone: it holds nothing. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command name is in parentheses and may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const startTick = fields[19];
  if (startTick === undefined || state === "Z" || state === "X") return undefined;
  return { pid, startTick, bootId: bootId() };
}

/** Whether exactly this process, not a later one with its number, is alive. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startTick === identity.startTick && now.bootId === identity.bootId;
}

/** Writes a file so that a reader sees all of it or nothing, also after a power cut; readable by its owner only. */
export function writeAtomically(path: string, text: string, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode, flush: true });
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Has a folder's names on the disk: a file that was renamed into it is there after a power cut, too. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** What was written there as JSON; empty when nothing was. Throws ServiceProblem, naming the file, when it is no JSON object: what it held cannot be guessed. */
export function readState<T>(path: string): Partial<T> {
  if (!existsSync(path)) return {};
  try {
    const found: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as Partial<T>;
  } catch {
    // the parser's words would quote the secrets in it
  }
  throw new ServiceProblem("state-file-damaged", path);
}

/** Remembers a started process, so that a later run finds it after a kill -9 of this one. */
export function writePidFile(path: string, pid: number): void {
  const identity = identify(pid);
  if (identity === undefined) return; // it has ended already; there is nothing to find later
  writeAtomically(path, `${JSON.stringify(identity)}\n`);
}

/** The process a pid file names, if that very process is still alive. */
export function readPidFile(path: string): ProcessIdentity | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<ProcessIdentity>;
    if (typeof value.pid !== "number" || typeof value.startTick !== "string" || typeof value.bootId !== "string") return undefined;
    const identity = { pid: value.pid, startTick: value.startTick, bootId: value.bootId };
    return isAlive(identity) ? identity : undefined;
  } catch {
    return undefined; // a torn file names nobody
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function goneWithin(identity: ProcessIdentity, ms: number): Promise<boolean> {
  const until = Date.now() + ms;
  while (isAlive(identity)) {
    if (Date.now() >= until) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Ends one process: the signals in turn, each with its time, and SIGKILL last. Resolves once it is gone. */
export async function endProcess(identity: ProcessIdentity, signals: readonly (readonly [NodeJS.Signals, number])[]): Promise<void> {
  for (const [name, ms] of signals) {
    if (!isAlive(identity)) return;
    signal(identity.pid, name);
    if (await goneWithin(identity, ms)) return;
  }
  if (isAlive(identity)) signal(identity.pid, "SIGKILL");
  await goneWithin(identity, 5_000);
}

/** Stops what a pid file of an earlier run names, if it still lives, and removes the file. True when something was stopped. */
export async function endLeftover(path: string, signals: readonly (readonly [NodeJS.Signals, number])[]): Promise<boolean> {
  const identity = readPidFile(path);
  if (identity !== undefined) await endProcess(identity, signals);
  rmSync(path, { force: true });
  return identity !== undefined;
}

/** Starts a long-lived program in a session of its own (a Ctrl-C in the terminal must not reach it before the engine), its output going to a log file of at most 10 MB at start. */
export function spawnLogged(
  command: string,
  args: readonly string[],
  options: { readonly env: Record<string, string>; readonly cwd: string; readonly logFile: string; readonly runAs?: RunAs | undefined },
): ChildProcess {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, "a", 0o600);
  if (statSync(options.logFile).size > LOG_LIMIT_BYTES) truncateSync(options.logFile, 0);
  try {
    return spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ["ignore", log, log],
      ...(options.runAs === undefined ? {} : { uid: options.runAs.uid, gid: options.runAs.gid }),
    });
  } finally {
    closeSync(log);
  }
}

/** Runs a command to its end. Never throws: a missing program is code null with the reason in stderr. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly env: Record<string, string>; readonly cwd: string; readonly timeoutMs: number; readonly runAs?: RunAs | undefined },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
      ...(options.runAs === undefined ? {} : { uid: options.runAs.uid, gid: options.runAs.gid }),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      if (stdout.length < COMMAND_OUTPUT_LIMIT) stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (stderr.length < COMMAND_OUTPUT_LIMIT) stderr += chunk.toString();
    });
    child.on("error", (error) => resolve({ code: null, stdout, stderr: `${stderr}${error.message}` }));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** The last lines of a log file, for an error message. */
export function tailOf(path: string, lines: number): string {
  return (readText(path) ?? "").trimEnd().split("\n").slice(-lines).join("\n");
}

/** Whether a process listens on a loopback port: the proof that an answer on that port is ours and not a leftover's. */
export function listensOn(pid: number, port: number): boolean {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (readText(table) ?? "").split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === "0A" && fields[1]?.endsWith(`:${hexPort}`) === true && fields[9] !== undefined) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return false;
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(linkOf(join(`/proc/${pid}/fd`, fd))));
  } catch {
    return false; // gone, or another user's
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // closed since it was listed
  }
}
