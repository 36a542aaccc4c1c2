/** The engine's processes on this machine: one, or several that share the work. Each is started, watched and started again by itself. */
import { join } from "node:path";
import { type Kept, type KeepOptions, keepRunning } from "../../platform/services/keeper.ts";
import { capLog, type EngineFile, launchEngine, type Place, type Program, readEngineFile, workerName } from "./children.ts";

/** More on one machine than anybody has cores for is a slip of the finger. */
export const WORKERS_MAX = 16;

export interface WorkersOptions {
  readonly count: number;
  readonly dataDir: string;
  /** How one is run; what differs from worker to worker is added here. */
  readonly program: Program;
  /** A console for each, the first one's first. */
  readonly consolePorts: readonly number[];
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  /** How long the supervisor waits before it starts one again, where that is not the usual. */
  readonly keep?: Partial<KeepOptions>;
  /** One of them runs again under another number. */
  readonly onChange: () => void;
}

/** One worker as run.json tells it. */
export interface WorkerEntry {
  readonly worker: string;
  readonly console: string;
  /** Absent while it is being started again. */
  readonly pid?: number;
}

export interface Workers {
  /** What the first one said of itself. */
  told(): EngineFile;
  list(): readonly WorkerEntry[];
  /** `engine`, `engine2`, … */
  pids(): Readonly<Record<string, number | undefined>>;
  capLogs(): void;
  /** Further ones first: whoever has the editor feeds flows to the end. */
  stop(): Promise<void>;
}

interface Member {
  readonly worker: string;
  readonly place: Place;
  readonly kept: Kept;
  told: EngineFile;
}

/** Where the supervisor keeps a worker's number and output: `engine`, `engine-2`, … */
const placeNameOf = (number: number): string => (number === 1 ? "engine" : workerName(number));

const placeOf = (dataDir: string, number: number): Place => ({
  pidFile: join(dataDir, `${placeNameOf(number)}.pid.json`),
  logFile: join(dataDir, "log", `${placeNameOf(number)}.log`),
});

function programOf({ program, count, consolePorts }: WorkersOptions, number: number): Program {
  return {
    ...program,
    env: {
      ...program.env,
      HUILIU_WORKER: workerName(number),
      ...(count > 1 ? { HUILIU_GATEWAY_SHARED: "yes" } : {}),
      ...(number === 1 ? {} : { HUILIU_EDITOR: "off", HUILIU_CONSOLE_PORT: String(consolePorts[number - 1] ?? 0) }),
    },
  };
}

async function startOne(options: WorkersOptions, number: number): Promise<Member> {
  const { dataDir, log, signal } = options;
  const since = Date.now();
  const worker = workerName(number);
  const place = placeOf(dataDir, number);
  const program = programOf(options, number);
  const launch = (again: AbortSignal): ReturnType<typeof launchEngine> => launchEngine(program, place, { dataDir, worker }, again);
  const first = await launch(signal);
  const name = options.count === 1 ? "the engine" : `worker ${worker}`;
  log(`${options.count === 1 ? "engine" : worker} ready after ${((Date.now() - since) / 1000).toFixed(1)} s`);
  const kept = await keepRunning({ ...options.keep, name, log, restart: true, onRestart: options.onChange, launch }, first);
  return { worker, place, kept, told: first.told };
}

/** Starts the first, which brings the tables up to date, then the others at once. What was started is stopped when one cannot start. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const members: Member[] = [await startOne(options, 1)];
  const stop = async (): Promise<void> => {
    await Promise.all(members.slice(1).map((one) => one.kept.stop()));
    await members[0]?.kept.stop();
  };
  const further = await Promise.allSettled(Array.from({ length: options.count - 1 }, (_, index) => startOne(options, index + 2)));
  for (const one of further) if (one.status === "fulfilled") members.push(one.value);
  const failed = further.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const now = (one: Member): Member => {
    one.told = readEngineFile(options.dataDir, one.worker, one.kept.pid() ?? 0) ?? one.told;
    return one;
  };
  const [first] = members as [Member];
  return {
    told: () => now(first).told,
    list: () =>
      members.map((one) => {
        const pid = one.kept.pid();
        return { worker: one.worker, console: now(one).told.console, ...(pid === undefined ? {} : { pid }) };
      }),
    pids: () => Object.fromEntries(members.map((one, index) => [index === 0 ? "engine" : `engine${index + 1}`, one.kept.pid()])),
    capLogs: () => {
      for (const one of members) capLog(one.place.logFile);
    },
    stop,
  };
}
