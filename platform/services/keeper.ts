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

/** A service that can be started on a port. `launch` resolves only after a real connection to the started process has worked, and gives up when the signal aborts. */
export interface Launcher {
  readonly name: string;
  readonly preferredPort: number | undefined;
  launch(port: number, signal: AbortSignal): Promise<Launched>;
}

/** A program that is started again whenever it ends without having been asked to. */
export interface Kept {
  readonly name: string;
  pid(): number | undefined;
  /** Ends it and any restart under way; resolves once it is gone. */
  stop(): Promise<void>;
}

/** A kept server and the port it keeps through restarts. */
export interface KeptService extends Kept {
  readonly port: number;
}

export interface KeepOptions {
  readonly name: string;
  readonly log: (line: string) => void;
  readonly restart: boolean;
  /** Starts it (again); must give up when the signal aborts. */
  readonly launch: (signal: AbortSignal) => Promise<Launched>;
  /** Called after each restart. */
  readonly onRestart: () => void;
  /** Waits between restarts; RESTART_BACKOFF_MS when absent. A fault run that kills on purpose waits for nothing. */
  readonly waitsMs?: readonly number[];
}

/** Waits between restarts, milliseconds; the last repeats. */
const RESTART_BACKOFF_MS: readonly number[] = [200, 1_000, 5_000, 10_000, 30_000];
/** A process that lived this long starts its back-off anew. */
const STEADY_AFTER_MS = 60_000;
const FIRST_START_TRIES = 3;
const PROBE_EVERY_MS = 50;

/** The exit of a child as a promise that never rejects (a program that could not be started has ended, too). */
export function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}

/** Probes until the service answers. False when the process ended first, the time is over or the signal aborts. */
export async function readyWithin(exited: Promise<void>, ms: number, signal: AbortSignal, probe: () => Promise<boolean>): Promise<boolean> {
  const until = Date.now() + ms;
  let ended = false;
  exited.then(() => {
    ended = true;
  });
  while (!ended && !signal.aborted && Date.now() < until) {
    if (await probe()) return !ended;
    await sleep(PROBE_EVERY_MS);
  }
  return false;
}

/** Launches once; the first process that serves becomes the kept one. */
export async function keepRunning(options: KeepOptions, first?: Launched): Promise<Kept> {
  const stopping = new AbortController();
  let current: Launched | undefined = first ?? (await options.launch(stopping.signal));
  let since = Date.now();
  let failures = 0;
  const waits = options.waitsMs ?? RESTART_BACKOFF_MS;

  const again = async (): Promise<void> => {
    const wait = waits[Math.min(failures, waits.length - 1)] ?? 0;
    failures += 1;
    options.log(`${options.name} is not running; starting it again in ${wait / 1000} s`);
    await sleep(wait, undefined, { signal: stopping.signal }).catch(() => undefined); // an abort ends the wait; the caller's loop sees it
    if (stopping.signal.aborted) return;
    try {
      current = await options.launch(stopping.signal);
      since = Date.now();
      options.onRestart();
      options.log(`${options.name} runs again (pid ${current.pid})`);
    } catch (error) {
      if (!stopping.signal.aborted)
        options.log(`${options.name} could not be started again: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await current?.exited;
      if (stopping.signal.aborted) return;
      if (current !== undefined && Date.now() - since >= STEADY_AFTER_MS) failures = 0;
      current = undefined;
      await again();
    }
  };
  const watching = options.restart ? watch() : Promise.resolve();
  return {
    name: options.name,
    pid: () => current?.pid,
    async stop() {
      stopping.abort();
      await current?.stop();
      await watching;
      await current?.stop(); // a restart that was under way when the stop came
    },
  };
}

async function firstLaunch(
  launcher: Launcher,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<{ port: number; launched: Launched }> {
  let last: unknown;
  for (let tried = 0; tried < FIRST_START_TRIES; tried += 1) {
    const port = await freePort(tried === 0 ? launcher.preferredPort : undefined);
    try {
      return { port, launched: await launcher.launch(port, signal) };
    } catch (error) {
      last = error;
      if (signal.aborted || !(error instanceof ServiceProblem) || error.code !== "service-did-not-start") throw error;
      if (tried + 1 < FIRST_START_TRIES) log(`${launcher.name} did not start on port ${port}; trying another port`);
    }
  }
  throw last;
}

/** Starts a service on a free port, trying another when the port was taken meanwhile, and, if asked, keeps it running there. */
export async function keepService(
  launcher: Launcher,
  options: {
    readonly log: (line: string) => void;
    readonly restart: boolean;
    readonly onRestart: () => void;
    readonly signal: AbortSignal;
    readonly waitsMs?: readonly number[];
  },
): Promise<KeptService> {
  const { port, launched } = await firstLaunch(launcher, options.log, options.signal);
  const { log, restart, onRestart, waitsMs } = options;
  const kept = await keepRunning(
    {
      name: launcher.name,
      log,
      restart,
      onRestart,
      ...(waitsMs === undefined ? {} : { waitsMs }),
      launch: (signal) => launcher.launch(port, signal),
    },
    launched,
  );
  return { ...kept, port };
}
