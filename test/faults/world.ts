/**
 * The system under fault: one whole Huiliu (test/journeys/harness.ts) whose engine is started through a small shell file, so that every start of it can be given other
 * addresses (fault proxies), kill points, limits and preloaded libraries without the supervisor's knowing.
 */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DATA_DIR } from "../../bin/environment.ts";
import { destination, type Huiliu, type Profile, QUICK, type Row, startHuiliu, until } from "../journeys/harness.ts";
import { createDice } from "../hospital/messages/cases.ts";
import { type HttpProxy, openHttpProxy } from "./http.ts";
import type { LoadTarget } from "./load.ts";
import { type Cable, openCable } from "./wire.ts";

/**
 * How long a “not found” is not believed. Longer than the HIS can stand still on a machine where everything is killed and started: a request that it has not read
 * yet is not found, and a naive HIS would then do it twice.
 */
const TRUST_MS = 6_000;
/** An answer that does not follow is asked for. */
const DEFERRED_MS = 8_000;
export const NAIVE_HIS: Row = { ...QUICK, duplicates: "inquiry", trustNotFoundAfterMs: TRUST_MS, deferredMs: DEFERRED_MS };
/** A machine busy with faults answers later than a quiet one; what is unclear for a naive partner costs a wait of TRUST_MS. */
const BUSY = { connectTimeoutMs: 1_000, replyTimeoutMs: 1_500, leaseMs: 4_000 };

export interface EngineStart {
  /** Environment of the next starts. */
  readonly env?: Readonly<Record<string, string>>;
  /** Shell lines before the engine: limits, cgroups. */
  readonly shell?: readonly string[];
}

/** Proxies on every way out of the engine; the HIS has two in a row, one for bytes and one for messages. */
export interface Wires {
  readonly his: Cable;
  readonly hisMessages: HttpProxy;
  readonly amqp: Cable;
  readonly postgres: Cable;
  readonly redis: Cable;
}

/** Which ways out of the engine go through proxies. They cost time, so only where a fault is on them. */
export type Wired = "none" | "his" | "all";

export interface World {
  readonly huiliu: Huiliu;
  readonly target: LoadTarget;
  /** Where this run keeps the senders' ledgers and the engines' notes. */
  readonly folder: string;
  /** Arranges the next starts of the engine; what was arranged before is forgotten. */
  arrange(start: EngineStart): void;
  /** The proxies; they pass everything on until told otherwise. */
  wires(): Promise<Wires>;
  /** Puts proxies between the engine and its peers, or takes them away, with a restart where it is not so already. */
  wire(level: Wired): Promise<void>;
  /** Kills the engine (SIGTERM: in good order) and waits until the next one is ready. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Kill points that killed an engine since the last call, in order. */
  killedAt(): string[];
  /** Process number of the engine that runs now; undefined while there is none. */
  enginePid(): number | undefined;
  /** It runs and has said where it listens. */
  engineReady(): boolean;
  /** Nothing is on its way: messages settled, events published, write-backs ended. False when for `ms` nothing has become less, or after PATIENT times that. */
  quiet(ms: number): Promise<boolean>;
  /** What is on its way now, for people. */
  onItsWay(): Promise<Row[]>;
  stop(): Promise<void>;
}

const OPEN = `select 'message' what, state, count(*)::int n from message where state in ('received', 'awaiting-part') group by 2
  union all select 'event', 'unpublished', count(*)::int from outbox having count(*) > 0
  union all select 'write-back', state || coalesce(' ' || last_outcome, ''), count(*)::int from write_back w
   where state in ('waiting', 'sending', 'deferred', 'held') or (state = 'queued' and not exists (
     select 1 from write_back h where h.destination = w.destination and h.lane = w.lane and h.state = 'parked')) group by 2`;
const STEADY_MS = 300;
/** A slow machine is not a stuck engine: as long as what is left becomes less, it is waited for. */
const PATIENT = 5;
const COMPILED = { NODE_COMPILE_CACHE: join(DATA_DIR, "faults", "compiled") };

export const alive = (pid: number | undefined): boolean => {
  if (pid === undefined) return false;
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false; // gone
  }
};

/** Starts the system. `name` tells its folders apart from those of other runs. */
export async function startWorld(name: string, settings: Row = NAIVE_HIS, mode: "naive" | "strict" = "naive"): Promise<World> {
  const folder = join(DATA_DIR, "faults", `${name}-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const shellFile = join(folder, "engine.sh");
  const noteFile = join(folder, "killed-at");
  // An engine that died left no compiled code behind; one that ended in order did, and a third of every further start is saved.
  let base: Readonly<Record<string, string>> = COMPILED;
  let wires: Promise<Wires> | undefined;
  const arrange = ({ env = {}, shell = [] }: EngineStart): void => {
    const exports = Object.entries({ ...base, ...env }).map(([key, value]) => `export ${key}='${value.replaceAll("'", `'\\''`)}'`);
    writeFileSync(shellFile, [`export HUILIU_FAILPOINT_NOTE='${noteFile}'`, ...exports, ...shell, ""].join("\n"));
  };
  arrange({});
  writeFileSync(noteFile, "");
  const profile = (given: Profile): Profile =>
    destination({ ...settings, ...(settings.replyTimeoutMs === QUICK.replyTimeoutMs ? BUSY : {}) })(given);
  const huiliu = await startHuiliu(`faults-${name}`, {
    profiles: { his: profile },
    engine: (_home, engine) => ({ command: "/bin/sh", args: ["-c", `. '${shellFile}'; exec "$@"`, "engine", ...engine] }),
    restartWaitsMs: [20, 20, 20, 200],
  });
  await huiliu.fault({ mode });
  let noted = 0;
  const restart = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    await huiliu.kill("engine", signal);
    await huiliu.recovered();
  };
  let wired: Wired = "none";
  const ways: Record<Wired, Readonly<Record<string, string>>> = { none: COMPILED, his: COMPILED, all: COMPILED };
  const openWires = async (): Promise<Wires> => {
    const env = huiliu.engineEnv();
    const through = async (url: string): Promise<{ proxy: Cable; url: string }> => {
      const address = new URL(url);
      const proxy = await openCable({ host: address.hostname, port: Number(address.port) });
      address.port = String(proxy.port);
      return { proxy, url: address.href };
    };
    const his = huiliu.run().hospital.his?.url ?? "";
    const hisMessages = await openHttpProxy(his, createDice(1));
    const [bytes, amqp, postgres, redis] = await Promise.all([
      through(his.replace(/:\d+/, `:${hisMessages.port}`)),
      through(env.HUILIU_AMQP_URL ?? ""),
      through(env.HUILIU_POSTGRES_URL ?? ""),
      through(env.HUILIU_REDIS_URL ?? ""),
    ]);
    ways.his = { ...COMPILED, HUILIU_PARTNER_URLS: JSON.stringify({ his: bytes.url.replace(/\/$/, "") }) };
    ways.all = {
      ...ways.his,
      HUILIU_AMQP_URL: amqp.url,
      HUILIU_POSTGRES_URL: postgres.url,
      HUILIU_REDIS_URL: redis.url,
    };
    return { his: bytes.proxy, hisMessages, amqp: amqp.proxy, postgres: postgres.proxy, redis: redis.proxy };
  };
  const onItsWay = (): Promise<Row[]> => huiliu.sql(OPEN);
  return {
    huiliu,
    folder,
    target: {
      amqp: () => huiliu.run().amqp,
      gateway: () => huiliu.run().gateway,
      key: (partner) => huiliu.run().partners[partner]?.key ?? "",
    },
    arrange,
    wires: () => {
      wires ??= openWires();
      return wires;
    },
    wire: async (level) => {
      if (level === wired) return;
      wires ??= openWires();
      await wires;
      wired = level;
      base = ways[level];
      arrange({});
      await restart("SIGTERM");
    },
    restart,
    killedAt: () => {
      const names = readFileSync(noteFile, "utf8")
        .split("\n")
        .filter((line) => line !== "");
      const fresh = names.slice(noted);
      noted = names.length;
      return fresh;
    },
    enginePid: () => huiliu.run().pids.engine,
    engineReady: () => {
      const said = readFileSync(join(huiliu.dataDir, "engine.json"), "utf8");
      return alive((JSON.parse(said) as { pid: number }).pid);
    },
    quiet: async (ms) => {
      const last = Date.now() + ms * PATIENT;
      let [end, least] = [Date.now() + ms, Number.POSITIVE_INFINITY];
      for (let since: number | undefined; Date.now() < Math.min(end, last); await sleep(100)) {
        const open = await onItsWay().then(
          (rows) => rows.reduce((sum, row) => sum + Number(row.n), 0),
          () => Number.POSITIVE_INFINITY, // the database is away: not quiet
        );
        if (open < least) [end, least] = [Date.now() + ms, open];
        if (open > 0) since = undefined;
        else since ??= Date.now();
        if (since !== undefined && Date.now() - since >= STEADY_MS) return true;
      }
      return false;
    },
    onItsWay,
    stop: async () => {
      await huiliu.stop();
      const open = await wires;
      if (open !== undefined) await Promise.all(Object.values(open).map((one: { close(): Promise<void> }) => one.close()));
    },
  };
}

/** Waits until the engine's process is gone, by whatever it was killed. */
export async function gone(pid: number | undefined, ms: number): Promise<boolean> {
  const end = Date.now() + ms;
  while (alive(pid) && Date.now() < end) await sleep(10);
  return !alive(pid);
}

/** A line of the run's own diary: what was done when, for whoever reads a failed run. */
export function diary(world: World, line: string): void {
  appendFileSync(join(world.folder, "diary.log"), `${new Date().toISOString()} ${line}\n`);
}

export { until };
