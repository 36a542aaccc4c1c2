/** Faults of the machine: no CPU, no memory, no file handles, no disk, clocks that jump, names that do not resolve. */
import { execFileSync, spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bills, type Fault, type Stage } from "../registry.ts";
import { alive, until } from "../world.ts";

const BUSY = "for (;;) {}";

async function starvation(stage: Stage): Promise<void> {
  const loops = Array.from({ length: 4 }, () => spawn(process.execPath, ["-e", BUSY], { stdio: "ignore" }));
  try {
    await sleep(stage.form === "short" ? 6_000 : 45_000);
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
  }
  stage.over();
  stage.note("busy loops", loops.length);
}

/** The journal's own clock jumps, as after a bad time server; then it is right again. */
async function clockJumps(stage: Stage): Promise<void> {
  const { huiliu } = stage.world;
  const jumps = ["1 hour", "-1 hour", "25 hours", "-1 day", "0"];
  for (const shift of jumps) {
    await huiliu.sql("update huiliu_clock set shift = $1::interval", [shift]);
    if (stage.load.progress().chains >= stage.load.total) stage.more(100);
    await sleep(stage.form === "short" ? 800 : 6_000);
  }
  stage.over();
  stage.note("jumps", jumps.join(", "));
}

const FAKETIME = ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"].find(
  (path) => existsSync(path),
);

/** The engine's own clock is an hour and more away from the database's. */
async function engineClock(stage: Stage): Promise<void> {
  for (const offset of stage.form === "short" ? ["-1h"] : ["+1h", "-1h", "+25h", "-1d"]) {
    stage.world.arrange({ env: { LD_PRELOAD: FAKETIME ?? "", FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: "1" } });
    await stage.world.restart();
    stage.more(150);
    await sleep(3_000);
  }
  stage.over();
}

async function fewHandles(stage: Stage): Promise<void> {
  const pid = stage.world.enginePid();
  if (pid === undefined) return;
  const now = execFileSync("sh", ["-c", `ls /proc/${pid}/fd | wc -l`])
    .toString()
    .trim();
  // Room for a few more than it has: every further connection fails.
  const soft = /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1] ?? "1024";
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${Number(now) + 8}:`]); // the soft one alone: nobody may raise the hard one again
  stage.more(300, { senders: 200, httpPercent: 100 });
  await sleep(stage.form === "short" ? 4_000 : 20_000);
  const still = alive(pid);
  if (still) execFileSync("prlimit", ["--pid", String(pid), `--nofile=${soft}:`]);
  stage.over();
  stage.note("handles", Number(now) + 8);
  stage.note("engine", still ? "lived on" : "died and came back");
}

const MEMORY = "/sys/fs/cgroup/memory";
const canLimitMemory = (): string | undefined => {
  try {
    accessSync(MEMORY, constants.W_OK);
    const probe = join(MEMORY, `huiliu-probe-${process.pid}`);
    mkdirSync(probe);
    rmdirSync(probe);
    return undefined;
  } catch {
    return "the memory cgroup is not writable here";
  }
};

async function littleMemory(stage: Stage): Promise<void> {
  const { world } = stage;
  const pid = world.enginePid();
  const steadyKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  const group = join(MEMORY, `huiliu-${process.pid}`);
  mkdirSync(group, { recursive: true });
  const limit = Math.round(steadyKb * 1_024 * 1.2);
  writeFileSync(join(group, "memory.limit_in_bytes"), String(limit));
  writeFileSync(join(group, "cgroup.procs"), String(pid));
  stage.more(600, { senders: 200 });
  await sleep(stage.form === "short" ? 6_000 : 30_000);
  const died = !alive(pid);
  if (!died) writeFileSync(join(MEMORY, "cgroup.procs"), String(pid));
  await world.huiliu.recovered();
  stage.over();
  stage.note("limit MB", Math.round(limit / 1_048_576));
  stage.note("engine", died ? "was killed and came back" : "lived on");
  await until("the group is empty", () => readFileSync(join(group, "cgroup.procs"), "utf8").trim() === "", 10_000);
  rmdirSync(group);
}

const hasStrace = (): string | undefined => {
  try {
    execFileSync("strace", ["-V"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "no strace on this machine";
  }
};

/** The disk of the journal refuses: every sync of the database fails for a while. It must stop acknowledging, and go on when the disk is well again. */
const brokenDisk =
  (error: "EIO" | "ENOSPC") =>
  async (stage: Stage): Promise<void> => {
    const { huiliu } = stage.world;
    const postmaster = huiliu.run().pids.postgres;
    if (postmaster === undefined) return stage.fail("there is no PostgreSQL");
    const pids = execFileSync("sh", ["-c", `pgrep -P ${postmaster}; true`])
      .toString()
      .split("\n")
      .filter(Boolean);
    const calls = error === "EIO" ? "fdatasync,fsync" : "pwrite64,pwritev";
    const args = [
      "-f",
      "-qq",
      "-o",
      "/dev/null",
      "-e",
      `trace=${calls}`,
      "-e",
      `inject=${calls}:error=${error}:when=3+7`,
      ...pids.flatMap((pid) => ["-p", pid]),
    ];
    const strace = spawn("strace", args, { stdio: "ignore" });
    await sleep(stage.form === "short" ? 2_500 : 15_000);
    strace.kill("SIGTERM");
    await new Promise<void>((resolve) =>
      strace.exitCode === null && strace.signalCode === null ? strace.once("exit", () => resolve()) : resolve(),
    );
    stage.over();
    stage.note("processes of the database", pids.length);
    await huiliu.recovered();
  };

/** The HIS's name does not resolve; nothing leaves us, nothing is guessed; when it does again everything goes on. */
async function noName(stage: Stage): Promise<void> {
  stage.world.arrange({ env: { HUILIU_PARTNER_URLS: JSON.stringify({ his: "http://his.invalid:8080" }) } });
  await stage.world.restart();
  await sleep(stage.form === "short" ? 3_000 : 20_000);
  stage.world.arrange({});
  await stage.world.restart();
  stage.over();
}

async function restore(stage: Stage): Promise<void> {
  await stage.world.huiliu.sql("update huiliu_clock set shift = '0'");
}

/** The next engine is an ordinary one again. */
async function ordinary(stage: Stage): Promise<void> {
  stage.world.arrange({});
  await stage.world.restart();
}

export const MACHINE: readonly Fault[] = [
  {
    id: "F11",
    what: "the database's disk refuses to sync (EIO)",
    short: false,
    cannot: hasStrace,
    bills: bills(300, 1_500),
    inject: brokenDisk("EIO"),
  },
  {
    id: "F11b",
    what: "the database's disk is full (ENOSPC)",
    short: false,
    cannot: hasStrace,
    bills: bills(300, 1_500),
    inject: brokenDisk("ENOSPC"),
  },
  {
    id: "F23",
    what: "memory for the engine 1.2 times of what it had",
    short: false,
    cannot: canLimitMemory,
    bills: bills(300, 1_500),
    inject: littleMemory,
  },
  { id: "F24", what: "four busy loops on two cores", short: false, bills: bills(300, 1_500), inject: starvation },
  {
    id: "F26",
    what: "the journal's clock jumps by hours and a day",
    short: false,
    bills: bills(300, 1_500),
    clocksMove: true,
    inject: clockJumps,
    clear: restore,
  },
  {
    id: "F26b",
    what: "the engine's clock is hours away from the database's",
    short: false,
    cannot: () => (FAKETIME === undefined ? "libfaketime is not installed here" : undefined),
    bills: bills(200, 800),
    clocksMove: true,
    inject: engineClock,
    clear: ordinary,
  },
  { id: "F30", what: "the HIS's name does not resolve", short: false, bills: bills(200, 800), inject: noName },
  { id: "F31", what: "no file handles left in the engine", short: false, bills: bills(200, 800), inject: fewHandles },
];
