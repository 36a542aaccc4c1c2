import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./ports.ts";
import { ServiceProblem } from "./problem.ts";

/** One running copy of a service. */
export interface Launched {
  readonly pid: number;
  /** Resolves when the process has ended, whoever ended it. */
  readonly exited: Promise<void>;
  /** Ends it in good order; resolves once the process is gone. */
  stop(): Promise<void>;
}

/** A service that can be started on a port. `launch` resolves only after a real connection to the started process has worked. */
export interface Launcher {
  readonly name: string;
  readonly preferredPort: number | undefined;
  launch(port: number): Promise<Launched>;
}

/** A service that is started again, on its port, whenever it ends without having been asked to. */
export interface Kept {
  readonly name: string;
  readonly port: number;
  pid(): number | undefined;
  stop(): Promise<void>;
}

export interface KeepOptions {
  readonly log: (line: string) => void;
  readonly restart: boolean;
  /** Called with each new process number after a restart. */
  readonly onPid: (pid: number) => void;
}

/** Waits between restarts, milliseconds; the last repeats. */
export const RESTART_BACKOFF_MS: readonly number[] = [200, 1_000, 5_000, 10_000, 30_000];
/** A process that lived this long starts its back-off anew. */
export const STEADY_AFTER_MS = 60_000;
const FIRST_START_TRIES = 3;
const PROBE_EVERY_MS = 50;

/** The exit of a child as a promise that never rejects (a program that could not be started has ended, too). */
export function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}

/** Probes until the service answers. False when the process ended first or the time is over. */
export async function readyWithin(exited: Promise<void>, ms: number, probe: () => Promise<boolean>): Promise<boolean> {
  const until = Date.now() + ms;
  let ended = false;
  exited.then(() => {
    ended = true;
  });
  while (!ended && Date.now() < until) {
    if (await probe()) return !ended;
    await sleep(PROBE_EVERY_MS);
  }
  return false;
}

async function firstLaunch(launcher: Launcher, log: (line: string) => void): Promise<{ port: number; launched: Launched }> {
  let last: unknown;
  for (let tried = 0; tried < FIRST_START_TRIES; tried += 1) {
    const port = await freePort(tried === 0 ? launcher.preferredPort : undefined);
    try {
      return { port, launched: await launcher.launch(port) };
    } catch (error) {
      last = error;
      if (!(error instanceof ServiceProblem) || error.code !== "service-did-not-start") throw error;
      if (tried + 1 < FIRST_START_TRIES) log(`${launcher.name} did not start on port ${port}; trying another port`);
    }
  }
  throw last;
}

/** Starts a service on a free port, trying another when the port was taken meanwhile, and, if asked, keeps it running. */
export async function keep(launcher: Launcher, options: KeepOptions): Promise<Kept> {
  const { port, launched } = await firstLaunch(launcher, options.log);
  const stopping = new AbortController();
  let current: Launched | undefined = launched;
  const watch = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const since = Date.now();
      if (current !== undefined) {
        await current.exited;
        if (stopping.signal.aborted) return;
        current = undefined;
        if (Date.now() - since >= STEADY_AFTER_MS) failures = 0;
      }
      const wait = RESTART_BACKOFF_MS[Math.min(failures, RESTART_BACKOFF_MS.length - 1)] ?? 0;
      failures += 1;
      options.log(`${launcher.name} ended unasked; starting it again in ${wait / 1000} s`);
      await sleep(wait, undefined, { signal: stopping.signal }).catch(() => undefined); // an abort ends the wait; the loop condition sees it
      if (stopping.signal.aborted) return;
      try {
        current = await launcher.launch(port);
        options.onPid(current.pid);
        options.log(`${launcher.name} runs again (pid ${current.pid})`);
      } catch (error) {
        options.log(`${launcher.name} could not be started again: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  const watching = options.restart ? watch() : Promise.resolve();
  return {
    name: launcher.name,
    port,
    pid: () => current?.pid,
    async stop() {
      stopping.abort();
      await current?.stop();
      await watching;
      await current?.stop(); // a restart that was under way when the stop came
    },
  };
}
