import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { findBinaries } from "./debian.ts";
import { type KeptService, keepService, type Launcher } from "./keeper.ts";
import { outsidePlace, POSTGRES_DATABASE, postgresLauncher, postgresUrl } from "./postgres.ts";
import { endLeftover, readState, writeAtomically } from "./processes.ts";
import { forgetPlainPath, RABBIT_ADMIN, RABBIT_VHOST, type RabbitUser, rabbitLauncher, rabbitUrl } from "./rabbit.ts";
import { redisLauncher } from "./redis.ts";

export type { RabbitUser } from "./rabbit.ts";

/** Addresses given from outside. For each that is present nothing is started. */
export interface GivenServices {
  readonly postgres?: string | undefined;
  readonly amqp?: string | undefined;
  readonly redis?: string | undefined;
}

export interface ServicesOptions {
  /** Folder of this engine's data; each private service has a folder of its own in it. */
  readonly dataDir: string;
  /** Where unpacked Debian packages are kept; `<dataDir>/tools` when absent. */
  readonly toolsDir?: string;
  readonly need: GivenServices;
  /** The environment the programs inherit (PATH, HOME …); read by the caller, because only settings and bin may. */
  readonly env: Record<string, string>;
  readonly log: (line: string) => void;
  /** Start a service again, on its port, when it ends unasked. */
  readonly restart?: boolean;
  /** Waits between restarts; see KeepOptions. */
  readonly restartWaitsMs?: readonly number[];
  readonly rabbit?: { readonly users?: readonly RabbitUser[]; readonly extraVhosts?: readonly string[] };
  /** Gives up a start under way. */
  readonly signal?: AbortSignal;
  /** Called when a restarted service has a new process number. */
  readonly onPids?: () => void;
}

export interface Services {
  readonly postgresUrl: string;
  readonly amqpUrl: string;
  readonly redisUrl: string;
  /** Process numbers of what was started here; what was given from outside is absent. */
  pids(): { readonly postgres?: number; readonly rabbit?: number; readonly redis?: number };
  /** The private broker: addresses for other accounts and virtual hosts. Absent when HUILIU_AMQP_URL was given. */
  readonly rabbit: { readonly port: number; url(user: string, password: string): string; adminUrl(vhost: string): string } | undefined;
  /** Stops what was started here, the broker and the database in parallel; resolves when all is gone. */
  stop(): Promise<void>;
}

interface Memory {
  readonly postgresPassword: string;
  readonly rabbitPassword: string;
  readonly redisPassword: string;
  readonly ports: { readonly postgres?: number; readonly rabbit?: number; readonly redis?: number };
  /** Every AMQP account ever defined here: those no longer wanted are shut out. */
  readonly rabbitUsers: readonly string[];
}

const SECRET_BYTES = 24;

function secret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

function recall(file: string): Memory {
  const known = readState<Memory>(file);
  return {
    postgresPassword: known.postgresPassword ?? secret(),
    rabbitPassword: known.rabbitPassword ?? secret(),
    redisPassword: known.redisPassword ?? secret(),
    ports: known.ports ?? {},
    rabbitUsers: known.rabbitUsers ?? [],
  };
}

interface Plan {
  readonly postgres: Launcher | undefined;
  readonly rabbit: Launcher | undefined;
  readonly redis: Launcher | undefined;
}

async function plan(options: ServicesOptions, memory: Memory): Promise<Plan> {
  const { dataDir, env, log, need } = options;
  const wanted = { rabbit: need.amqp === undefined, redis: need.redis === undefined };
  const binaries = await findBinaries(wanted, { env, log, toolsDir: options.toolsDir ?? join(dataDir, "tools") });
  const users = options.rabbit?.users ?? [];
  return {
    postgres:
      need.postgres === undefined
        ? postgresLauncher({ dir: join(dataDir, "postgres"), env, password: memory.postgresPassword, preferredPort: memory.ports.postgres })
        : undefined,
    rabbit:
      binaries.rabbit === undefined
        ? undefined
        : rabbitLauncher({
            dir: join(dataDir, "rabbit"),
            binaries: binaries.rabbit,
            env,
            adminPassword: memory.rabbitPassword,
            users,
            retired: memory.rabbitUsers.filter((name) => !users.some((user) => user.name === name)),
            extraVhosts: options.rabbit?.extraVhosts ?? [],
            preferredPort: memory.ports.rabbit,
          }),
    redis:
      binaries.redis === undefined
        ? undefined
        : redisLauncher({
            dir: join(dataDir, "redis"),
            binary: binaries.redis,
            env,
            password: memory.redisPassword,
            preferredPort: memory.ports.redis,
          }),
  };
}

/**
 * Starts, in parallel, a private server for every address that is not given, each on a free loopback port with a password of its own,
 * and resolves once a real connection to each has worked. Leftovers of a killed run on the same data folder are stopped first.
 * Rejects with a ServiceProblem (a sentence a person can act on) when one cannot be had; what was started by then is stopped.
 */
export async function startServices(options: ServicesOptions): Promise<Services> {
  mkdirSync(options.dataDir, { recursive: true });
  chmodSync(options.dataDir, 0o711); // the database's own account passes through; every file with a secret in it is 0600
  const memoryFile = join(options.dataDir, "services.json");
  const memory = recall(memoryFile);
  writeAtomically(memoryFile, JSON.stringify(memory));
  const launchers = await plan(options, memory);
  const onRestart = (): void => options.onPids?.();
  const signal = options.signal ?? new AbortController().signal;
  const start = async (launcher: Launcher | undefined): Promise<KeptService | undefined> => {
    if (launcher === undefined) return undefined;
    const since = Date.now();
    const waits = options.restartWaitsMs === undefined ? {} : { waitsMs: options.restartWaitsMs };
    const kept = await keepService(launcher, { log: options.log, restart: options.restart ?? false, onRestart, signal, ...waits });
    options.log(`${launcher.name} ready on port ${kept.port} after ${((Date.now() - since) / 1000).toFixed(1)} s`);
    return kept;
  };
  const settled = await Promise.allSettled([start(launchers.postgres), start(launchers.rabbit), start(launchers.redis)]);
  const [postgres, rabbit, redis] = settled.map((result) => (result.status === "fulfilled" ? result.value : undefined));
  const stop = async (): Promise<void> => {
    await Promise.all([postgres?.stop(), rabbit?.stop(), redis?.stop()]);
  };
  const failed = settled.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const ports = { ...memory.ports, ...portOf("postgres", postgres), ...portOf("rabbit", rabbit), ...portOf("redis", redis) };
  const rabbitUsers = [...new Set([...memory.rabbitUsers, ...(options.rabbit?.users ?? []).map((user) => user.name)])];
  writeAtomically(memoryFile, JSON.stringify({ ...memory, ports, rabbitUsers }));
  return {
    postgresUrl: options.need.postgres ?? postgresUrl(postgres?.port ?? 0, memory.postgresPassword, POSTGRES_DATABASE),
    amqpUrl: options.need.amqp ?? rabbitUrl(rabbit?.port ?? 0, RABBIT_ADMIN, memory.rabbitPassword),
    redisUrl: options.need.redis ?? `redis://:${memory.redisPassword}@127.0.0.1:${redis?.port ?? 0}`,
    pids: () => ({ ...pidOf("postgres", postgres), ...pidOf("rabbit", rabbit), ...pidOf("redis", redis) }),
    rabbit:
      rabbit === undefined
        ? undefined
        : {
            port: rabbit.port,
            url: (user, password) => rabbitUrl(rabbit.port, user, password, RABBIT_VHOST),
            adminUrl: (vhost) => rabbitUrl(rabbit.port, RABBIT_ADMIN, memory.rabbitPassword, vhost),
          },
    stop,
  };
}

function portOf(name: string, kept: KeptService | undefined): Record<string, number> {
  return kept === undefined ? {} : { [name]: kept.port };
}

function pidOf(name: string, kept: KeptService | undefined): Record<string, number> {
  const pid = kept?.pid();
  return pid === undefined ? {} : { [name]: pid };
}

/** Ends what a killed run left on a data folder: all three servers and epmd. */
export async function endLeftoverServices(dataDir: string): Promise<string[]> {
  const ended = await Promise.all(
    LEFTOVERS.map(async ([name, file, signals]) => ((await endLeftover(join(dataDir, file), signals)) ? name : undefined)),
  );
  return ended.filter((name) => name !== undefined);
}

const LEFTOVERS = [
  [
    "PostgreSQL",
    "postgres/postgres.pid.json",
    [
      ["SIGINT", 15_000],
      ["SIGQUIT", 5_000],
    ],
  ],
  ["RabbitMQ", "rabbit/rabbit.pid.json", [["SIGTERM", 20_000]]],
  ["epmd", "rabbit/epmd.pid.json", [["SIGTERM", 2_000]]],
  ["Redis", "redis/redis.pid.json", [["SIGTERM", 5_000]]],
] as const;

/** Removes everything the private services keep for a data folder, also what root keeps outside the project. The services must be stopped. */
export function removeServicesData(dataDir: string): void {
  for (const name of ["postgres", "rabbit", "redis"]) rmSync(join(dataDir, name), { recursive: true, force: true });
  rmSync(outsidePlace(join(dataDir, "postgres")), { recursive: true, force: true });
  rmSync(join(dataDir, "services.json"), { force: true });
  if (existsSync(dirname(dataDir))) forgetPlainPath(join(dataDir, "rabbit"));
}
