import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type CommandResult, runCommand } from "./processes.ts";
import { ServiceProblem } from "./problem.ts";
import { forgetPlainPath, plainPath } from "./rabbit.ts";

/** A RabbitMQ that can be started: its start script, epmd, and folders that must lead PATH. */
export interface RabbitBinaries {
  readonly server: string;
  readonly epmd: string;
  readonly path: readonly string[];
}

export interface BinariesDeps {
  readonly env: Record<string, string>;
  /** Where Debian packages are unpacked when they cannot be installed; kept between runs. */
  readonly toolsDir: string;
  readonly log: (line: string) => void;
}

export interface Wanted {
  readonly rabbit: boolean;
  readonly redis: boolean;
}

export interface Binaries {
  readonly rabbit: RabbitBinaries | undefined;
  readonly redis: string | undefined;
}

const APT_TIMEOUT_MS = 600_000;
const CHECK_TIMEOUT_MS = 10_000;
const USUAL_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] as const;
const ERLANG_PARTS = [
  "asn1",
  "base",
  "crypto",
  "eldap",
  "ftp",
  "inets",
  "mnesia",
  "os-mon",
  "parsetools",
  "public-key",
  "runtime-tools",
  "snmp",
  "ssl",
  "syntax-tools",
  "tftp",
  "tools",
  "xmerl",
];
const RABBIT_DEBS = [...ERLANG_PARTS.map((part) => `erlang-${part}`), "libsctp1", "rabbitmq-server"];
const REDIS_DEBS = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1"];

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function onPath(name: string, env: Record<string, string>): string | undefined {
  const folders = [...(env.PATH ?? "").split(delimiter), ...USUAL_FOLDERS].filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isFile);
}

/** The installed broker. Debian's /usr/sbin/rabbitmq-server is a wrapper that changes folder and account; the script behind it is used. */
function installedRabbit(env: Record<string, string>): RabbitBinaries | undefined {
  const epmd = onPath("epmd", env);
  const server = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/rabbitmq/sbin/rabbitmq-server"].find(isFile);
  return epmd === undefined || server === undefined || onPath("erl", env) === undefined ? undefined : { server, epmd, path: [] };
}

function unpackedTree(deps: BinariesDeps, name: string): string {
  return join(deps.toolsDir, name);
}

function unpackedRabbit(deps: BinariesDeps): RabbitBinaries | undefined {
  const tree = unpackedTree(deps, "rabbitmq");
  const library = join(tree, "usr", "lib", "rabbitmq", "lib");
  if (!isFile(join(tree, ".complete"))) return undefined;
  const version = readdirSync(library).find((name) => name.startsWith("rabbitmq_server-"));
  if (version === undefined) return undefined;
  const plain = plainPath(tree);
  const bin = join(plain, "usr", "lib", "erlang", "bin");
  return { server: join(plain, "usr", "lib", "rabbitmq", "lib", version, "sbin", "rabbitmq-server"), epmd: join(bin, "epmd"), path: [bin] };
}

function unpackedRedis(deps: BinariesDeps): string | undefined {
  const tree = unpackedTree(deps, "redis");
  return isFile(join(tree, ".complete")) ? join(tree, "redis-server") : undefined;
}

function reasonOf(result: CommandResult): string {
  return (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-1).join(" ").slice(0, 300);
}

/** Runs as root. Packages must not start their own servers: where an init system would, policy-rc.d forbids it for the time of the installation. */
const INSTALL_SCRIPT = `
set -e
if [ -d /run/systemd/system ] && [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"; }
install "$@" || { apt-get -o DPkg::Lock::Timeout=300 update; install "$@"; }
`;

async function install(packages: readonly string[], deps: BinariesDeps): Promise<string | undefined> {
  const run = (command: string, args: readonly string[], timeoutMs: number): Promise<CommandResult> =>
    runCommand(command, args, { env: deps.env, cwd: "/", timeoutMs });
  const root = process.getuid?.() === 0;
  if (!root && (await run("sudo", ["-n", "true"], CHECK_TIMEOUT_MS)).code !== 0) return "not root, and sudo asks for a password";
  deps.log(`installing ${packages.join(" and ")} with apt-get`);
  const script = ["-c", INSTALL_SCRIPT, "sh", ...packages];
  const result = root ? await run("/bin/sh", script, APT_TIMEOUT_MS) : await run("sudo", ["-n", "/bin/sh", ...script], APT_TIMEOUT_MS);
  return result.code === 0 ? undefined : `apt-get install: ${reasonOf(result)}`;
}

/** Downloads packages with apt's own lists kept in our folder and unpacks them, as an ordinary user. Returns the reason when it cannot. */
async function unpack(
  name: string,
  packages: readonly string[],
  deps: BinariesDeps,
  finish: (tree: string) => void,
): Promise<string | undefined> {
  const tree = unpackedTree(deps, name);
  const work = join(deps.toolsDir, `${name}.${process.pid}.tmp`);
  const apt = join(work, "apt");
  for (const folder of ["state/lists/partial", "cache/archives/partial"]) mkdirSync(join(apt, folder), { recursive: true });
  mkdirSync(join(work, "debs"), { recursive: true });
  const place = plainPath(work);
  const options = [
    `Dir::State=${place}/apt/state`,
    "Dir::State::status=/var/lib/dpkg/status",
    `Dir::Cache=${place}/apt/cache`,
    "Debug::NoLocking=1",
    "APT::Sandbox::User=",
  ].flatMap((option) => ["-o", option]);
  const run = (command: string, args: readonly string[]): Promise<CommandResult> =>
    runCommand(command, args, { env: deps.env, cwd: join(place, "debs"), timeoutMs: APT_TIMEOUT_MS });
  try {
    deps.log(`fetching ${name} as Debian packages into ${tree}`);
    for (const step of [
      ["apt-get", ...options, "update"],
      ["apt-get", ...options, "download", ...packages],
    ]) {
      const result = await run(step[0] ?? "", step.slice(1));
      if (result.code !== 0) return `${step[0]}: ${reasonOf(result)}`;
    }
    for (const file of readdirSync(join(work, "debs"))) {
      const result = await run("dpkg-deb", ["-x", file, join(place, "tree")]);
      if (result.code !== 0) return `dpkg-deb -x ${file}: ${reasonOf(result)}`;
    }
    finish(join(work, "tree"));
    writeFileSync(join(work, "tree", ".complete"), "");
    rmSync(tree, { recursive: true, force: true });
    renameSync(join(work, "tree"), tree);
    return undefined;
  } finally {
    forgetPlainPath(work);
    rmSync(work, { recursive: true, force: true });
  }
}

/** Erlang's start scripts carry the folder they were built for. */
function relocateErlang(tree: string, target: string): void {
  const bin = join(tree, "usr", "lib", "erlang", "bin");
  const root = join(plainPath(target), "usr", "lib", "erlang");
  for (const name of ["erl", "start"]) {
    const script = join(bin, name);
    writeFileSync(script, readFileSync(script, "utf8").replaceAll("/usr/lib/erlang", root));
  }
}

/** Debian's redis needs a few small libraries beside it: a script that finds them stands in for the binary. */
function wrapRedis(tree: string): void {
  const script =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the braces are the shell's
    '#!/bin/sh\nd=$(dirname "$0")\nfor l in "$d"/usr/lib/*-linux-gnu*; do LD_LIBRARY_PATH="$l${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; done\nexport LD_LIBRARY_PATH\nexec "$d/usr/bin/redis-server" "$@"\n';
  writeFileSync(join(tree, "redis-server"), script, { mode: 0o755 });
}

/** Finds the broker and the cache: installed, else installed now by apt-get, else unpacked from Debian packages without root, else refused with the commands to type. */
export async function findBinaries(wanted: Wanted, deps: BinariesDeps): Promise<Binaries> {
  const look = (): Binaries => ({
    rabbit: wanted.rabbit ? (installedRabbit(deps.env) ?? unpackedRabbit(deps)) : undefined,
    redis: wanted.redis ? (onPath("redis-server", deps.env) ?? unpackedRedis(deps)) : undefined,
  });
  const missing = (found: Binaries): Wanted => ({
    rabbit: wanted.rabbit && found.rabbit === undefined,
    redis: wanted.redis && found.redis === undefined,
  });
  let found = look();
  let lacks = missing(found);
  if (!lacks.rabbit && !lacks.redis) return found;
  const reasons: string[] = [];
  if (onPath("apt-get", deps.env) === undefined) {
    reasons.push("no apt-get here");
  } else {
    const packages = [...(lacks.rabbit ? ["rabbitmq-server"] : []), ...(lacks.redis ? ["redis-server"] : [])];
    const refused = await install(packages, deps);
    if (refused !== undefined) reasons.push(refused);
    found = look();
    lacks = missing(found);
    mkdirSync(deps.toolsDir, { recursive: true });
    const tried = [
      lacks.rabbit
        ? await unpack("rabbitmq", RABBIT_DEBS, deps, (tree) => relocateErlang(tree, unpackedTree(deps, "rabbitmq")))
        : undefined,
      lacks.redis ? await unpack("redis", REDIS_DEBS, deps, wrapRedis) : undefined,
    ];
    reasons.push(...tried.filter((reason) => reason !== undefined));
    found = look();
    lacks = missing(found);
  }
  if (lacks.rabbit) throw new ServiceProblem("broker-missing", reasons.join("; "));
  if (lacks.redis) throw new ServiceProblem("cache-missing", reasons.join("; "));
  return found;
}
