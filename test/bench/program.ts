/** Starts the benchmark's processes and talks to them. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Task, Tasks } from "./worker.ts";

type OptionsOf<N extends keyof Tasks> = Tasks[N] extends Task<infer O, infer _G, infer _R> ? O : never;
type GoOf<N extends keyof Tasks> = Tasks[N] extends Task<infer _O, infer G, infer _R> ? G : never;
type ResultOf<N extends keyof Tasks> = Tasks[N] extends Task<infer _O, infer _G, infer R> ? R : never;

/** A task in a process of its own. */
export interface Program<N extends keyof Tasks> {
  readonly pid: number;
  /** Rejects with what went wrong there, or that it ended. */
  go(how: GoOf<N>): Promise<ResultOf<N>>;
  stop(): Promise<void>;
}

interface Said {
  readonly ready?: true;
  readonly result?: unknown;
  readonly error?: string;
}

const KILL_AFTER_MS = 5_000;

function nextWord(child: ChildProcess, name: string): Promise<Said> {
  return new Promise((resolve, reject) => {
    const said = (message: unknown): void => {
      child.off("exit", ended);
      resolve(message as Said);
    };
    const ended = (code: number | null): void => {
      child.off("message", said);
      reject(new Error(`the benchmark's process ${name} ended (${code ?? "killed"})`));
    };
    child.once("message", said);
    child.once("exit", ended);
  });
}

/** Starts a task; resolves once it is ready. */
export async function startProgram<N extends keyof Tasks>(name: N, options: OptionsOf<N>): Promise<Program<N>> {
  const child = fork(join(import.meta.dirname, "worker.ts"), [name, JSON.stringify(options)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", 2, 2, "ipc"],
  });
  await nextWord(child, name);
  return {
    pid: child.pid ?? 0,
    go: async (how) => {
      const answer = nextWord(child, name);
      child.send(how as object);
      const { result, error } = await answer;
      if (error !== undefined) throw new Error(`${name}: ${error}`);
      return result as ResultOf<N>;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const over = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.disconnect();
      const kill = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
      await over;
      clearTimeout(kill);
    },
  };
}
