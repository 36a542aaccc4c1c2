import { createHash, randomBytes } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import amqp from "amqplib";
import type { RabbitBinaries } from "./debian.ts";
import { exitOf, type Launcher, readyWithin } from "./keeper.ts";
import { freePort } from "./ports.ts";
import { endLeftover, endProcess, identify, listensOn, spawnLogged, tailOf, writeAtomically, writePidFile } from "./processes.ts";
import { ServiceProblem } from "./problem.ts";

/** An AMQP account beside the administrator's. Patterns are RabbitMQ's: regular expressions, the empty one matches nothing. */
export interface RabbitUser {
  readonly name: string;
  readonly password: string;
  readonly permissions: { readonly configure: string; readonly write: string; readonly read: string };
  readonly topicPermissions?: readonly { readonly exchange: string; readonly write: string; readonly read: string }[];
}

export interface RabbitOptions {
  readonly dir: string;
  readonly binaries: RabbitBinaries;
  readonly env: Record<string, string>;
  readonly adminPassword: string;
  readonly users: readonly RabbitUser[];
  /** Names of accounts that earlier starts defined and this one does not: they are shut out. */
  readonly retired: readonly string[];
  /** Further virtual hosts in which only the administrator works (test lanes). */
  readonly extraVhosts: readonly string[];
  readonly preferredPort: number | undefined;
}

export const RABBIT_ADMIN = "huiliu";
export const RABBIT_VHOST = "huiliu";
const NODE_NAME = "huiliu@localhost";
const DISK_FREE_LIMIT = "200MB";
const MEMORY_WATERMARK = "0.4";
const HEARTBEAT_S = 10;
const READY_WITHIN_MS = 120_000;
const CONNECT_TIMEOUT_MS = 5_000;
const END_SIGNALS = [["SIGTERM", 20_000]] as const;
/** A broker that never served has nothing to put in order, and ignores a polite signal while it boots. */
const EARLY_SIGNALS = [["SIGTERM", 2_000]] as const;
const EPMD_SIGNALS = [["SIGTERM", 2_000]] as const;
/** Erlang reads file names in configuration files byte by byte and breaks on others. */
const PLAIN_PATH = /^[A-Za-z0-9/._-]+$/;

/** Address of a virtual host on a private broker. */
export function rabbitUrl(port: number, user: string, password: string, vhost = RABBIT_VHOST): string {
  return `amqp://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(vhost)}`;
}

/** RabbitMQ's salted hash (rabbit_password_hashing_sha256): base64(salt ‖ sha256(salt ‖ password)). */
function passwordHash(password: string): string {
  const salt = randomBytes(4);
  return Buffer.concat([salt, createHash("sha256").update(salt).update(password, "utf8").digest()]).toString("base64");
}

function definitions(options: RabbitOptions): string {
  const vhosts = [RABBIT_VHOST, ...options.extraVhosts];
  const user = (name: string, hash: string, tags: string): object => ({
    name,
    password_hash: hash,
    hashing_algorithm: "rabbit_password_hashing_sha256",
    tags,
    limits: {},
  });
  const nobody = [...new Set([...options.retired, "guest"])].filter(
    (name) => name !== RABBIT_ADMIN && !options.users.some((known) => known.name === name),
  );
  return JSON.stringify({
    vhosts: vhosts.map((name) => ({ name })),
    users: [
      user(RABBIT_ADMIN, passwordHash(options.adminPassword), "administrator"),
      ...options.users.map(({ name, password }) => user(name, passwordHash(password), "")),
      // An unknown random password: definitions can add and change accounts, never remove them.
      ...nobody.map((name) => user(name, passwordHash(randomBytes(32).toString("hex")), "")),
    ],
    permissions: [
      ...vhosts.map((vhost) => ({ user: RABBIT_ADMIN, vhost, configure: ".*", write: ".*", read: ".*" })),
      ...options.users.map(({ name, permissions }) => ({ user: name, vhost: RABBIT_VHOST, ...permissions })),
      ...nobody.map((name) => ({ user: name, vhost: RABBIT_VHOST, configure: "", write: "", read: "" })),
    ],
    topic_permissions: options.users.flatMap(({ name, topicPermissions = [] }) =>
      topicPermissions.map((permission) => ({ user: name, vhost: RABBIT_VHOST, ...permission })),
    ),
  });
}

/** A folder's name in plain ASCII: itself, or a link to it in /tmp under a folder that only this account can change. Stable, because the broker remembers absolute paths. */
export function plainPath(dir: string): string {
  const real = resolve(dir);
  if (PLAIN_PATH.test(real)) return real;
  const uid = process.getuid?.() ?? 0;
  const home = join("/tmp", `huiliu-${uid}-${createHash("sha256").update(real).digest("hex").slice(0, 12)}`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const found = lstatSync(home);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
    throw new ServiceProblem(
      "service-did-not-start",
      `${home} belongs to somebody else; remove it, or clone the project to a folder with a plain name`,
    );
  }
  const link = join(home, "d");
  try {
    if (readlinkSync(link) === real) return link;
    rmSync(link, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  symlinkSync(real, link);
  return link;
}

/** Removes the link that {@link plainPath} made for a folder that is going away. */
export function forgetPlainPath(dir: string): void {
  const link = plainPath(dir);
  if (link !== resolve(dir)) rmSync(join(link, ".."), { recursive: true, force: true });
}

function brokerEnv(options: RabbitOptions, place: string, distPort: number, epmdPort: number): Record<string, string> {
  return {
    ...options.env,
    PATH: [...options.binaries.path, options.env.PATH ?? "/usr/bin:/bin"].join(":"),
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    HOME: place,
    RUNNING_UNDER_SYSTEMD: "true", // the start script then replaces itself: the child's number is the broker's
    RABBITMQ_NODENAME: NODE_NAME,
    RABBITMQ_MNESIA_BASE: join(place, "db"),
    RABBITMQ_LOG_BASE: join(place, "log"),
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_CONFIG_FILE: join(place, "rabbitmq.conf"),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(place, "advanced.config"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(place, "enabled_plugins"),
    RABBITMQ_DIST_PORT: String(distPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(epmdPort),
    ERL_CRASH_DUMP: join(place, "log", "erl_crash.dump"),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
  };
}

function writeConfiguration(options: RabbitOptions, place: string, port: number): void {
  for (const folder of ["db", "log"]) mkdirSync(join(options.dir, folder), { recursive: true, mode: 0o700 });
  const lines = [
    `listeners.tcp.default = 127.0.0.1:${port}`,
    `load_definitions = ${place}/definitions.json`,
    `disk_free_limit.absolute = ${DISK_FREE_LIMIT}`,
    `vm_memory_high_watermark.relative = ${MEMORY_WATERMARK}`,
    `heartbeat = ${HEARTBEAT_S}`,
    "log.file.level = warning",
    "log.console = false",
  ];
  writeAtomically(join(options.dir, "rabbitmq.conf"), `${lines.join("\n")}\n`);
  writeAtomically(join(options.dir, "definitions.json"), definitions(options));
  writeFileSync(join(options.dir, "enabled_plugins"), "[].\n", { mode: 0o600 });
  ensureCookie(options.dir);
}

/** Erlang refuses a shorter one. */
const COOKIE_CHARS_MIN = 20;

/**
 * The broker's cookie, written through to the disk. Erlang itself makes one without fsync: a power cut in the broker's first seconds left an empty file, and a broker
 * that never started again (found by F10). It guards nothing but this private node, so that a damaged one is simply made anew.
 */
function ensureCookie(dir: string): void {
  const file = join(dir, ".erlang.cookie");
  if (existsSync(file) && statSync(file).size >= COOKIE_CHARS_MIN) return;
  rmSync(file, { force: true });
  writeAtomically(file, randomBytes(COOKIE_CHARS_MIN).toString("hex"), 0o400);
}

async function answers(url: string): Promise<boolean> {
  try {
    const connection = await amqp.connect(url, { timeout: CONNECT_TIMEOUT_MS });
    connection.on("error", () => undefined); // the probe closes at once; what happens to it then is of no interest
    await connection.close();
    return true;
  } catch {
    return false; // not ready, or the accounts are not loaded yet; the caller asks again
  }
}

/** A private RabbitMQ: loopback, accounts from definitions that are applied at every start, and its own epmd, which is ended with it. */
export function rabbitLauncher(options: RabbitOptions): Launcher {
  const pidFile = join(options.dir, "rabbit.pid.json");
  const epmdPidFile = join(options.dir, "epmd.pid.json");
  const logFile = join(options.dir, "rabbit.log");
  return {
    name: "RabbitMQ",
    preferredPort: options.preferredPort,
    async launch(port, signal) {
      mkdirSync(options.dir, { recursive: true, mode: 0o700 });
      await endLeftover(pidFile, END_SIGNALS);
      await endLeftover(epmdPidFile, EPMD_SIGNALS);
      const place = plainPath(options.dir);
      const epmdPort = await freePort();
      const env = brokerEnv(options, place, await freePort(), epmdPort);
      writeConfiguration(options, place, port);
      // epmd in the foreground as a child of ours: the broker finds it running and leaves none of its own behind.
      const epmd = spawnLogged(options.binaries.epmd, ["-port", String(epmdPort), "-address", "127.0.0.1"], { env, cwd: place, logFile });
      if (epmd.pid !== undefined) writePidFile(epmdPidFile, epmd.pid);
      const epmdExit = exitOf(epmd);
      const epmdUp =
        epmd.pid !== undefined && (await readyWithin(epmdExit, CONNECT_TIMEOUT_MS, signal, async () => listensOn(epmd.pid ?? 0, epmdPort)));
      const child = epmdUp ? spawnLogged(options.binaries.server, [], { env, cwd: place, logFile }) : undefined;
      const pid = child?.pid;
      if (pid !== undefined) writePidFile(pidFile, pid);
      const identity = pid === undefined ? undefined : identify(pid);
      const exited = child === undefined ? Promise.resolve() : exitOf(child);
      const stop = async (signals: typeof END_SIGNALS | typeof EARLY_SIGNALS = END_SIGNALS): Promise<void> => {
        if (identity !== undefined) await endProcess(identity, signals);
        await endLeftover(pidFile, signals);
        await endLeftover(epmdPidFile, EPMD_SIGNALS);
      };
      const url = rabbitUrl(port, RABBIT_ADMIN, options.adminPassword);
      const ready =
        pid !== undefined && (await readyWithin(exited, READY_WITHIN_MS, signal, async () => listensOn(pid, port) && (await answers(url))));
      if (!ready || pid === undefined) {
        await stop(EARLY_SIGNALS);
        throw new ServiceProblem("service-did-not-start", `RabbitMQ; the end of ${logFile}: ${tailOf(logFile, 3)}`);
      }
      return { pid, exited, stop: () => stop() };
    },
  };
}
