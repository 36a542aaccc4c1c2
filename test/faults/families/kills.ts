/** Kills of the engine: at every kill point that the code names, at random instants, again and again at start, during a migration, and two engines at once. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../../../bin/environment.ts";
import { enumerateKillPoints } from "../kill-points.ts";
import { bills, type Fault, type Stage } from "../registry.ts";
import { isStimulated, letGo, replayed, STIMULI, stimuliFor } from "../stimuli.ts";
import { alive, gone, until } from "../world.ts";

/** Points of a schema migration are killed in a process of their own: an engine has migrated long before it takes a message. */
const isMigration = (name: string): boolean => name.startsWith("migrate.");
/** A point that load passes is armed for one of its first so many times. */
const NTH_MAX = 20;
/**
 * A life kills only when it has settled so many batches: an engine that dies before it has done anything has the same few messages in its hands as the one before it, and they
 * would be suspected of all the deaths (docs/decisions/008). That is another fault, F03.
 */
const AFTER = "settle.after-commit:3";
/** What counts at once: points that only a start passes, and those that a stimulus brings about, which happen once. Those that happen at many starts must wait as well. */
const countsAtOnce = (name: string): boolean =>
  /^(engine\.before-announce|flows\.before-resume|claim\.before-expiring)$/.test(name) ||
  (isStimulated(name) && !/^(alarms|gate|profile)\./.test(name));
/** Messages not settled yet: with fewer, load has reached what it reaches, and a stimulus follows; with more than the second, no more is sent. */
const BACKLOG = { stimulus: 40, most: 300 };
/** A stimulus follows at the latest so long after the last one, and at the earliest when the last one had this long to kill. */
const STALLED_MS = 4_000;
const PATIENCE_MS = 300;
const GIVE_UP_MS = { short: 660_000, full: 1_200_000 };
const POLL_MS = 50;
const BATCH_BILLS = { short: 60, full: 120 };
const SENDERS = 48;

/** Lines of shell that arm every point of the file that has not killed yet: the supervisor starts one engine after another without asking anybody. */
function arming(atOnceFile: string, laterFile: string, noteFile: string): string[] {
  const awk = `FILENAME==ARGV[1]{done[$1]=1;next} !($1 in done){printf "%s%s",separator,$0; separator=","}`;
  const left = (file: string): string => `$(awk -F: '${awk}' '${noteFile}' '${file}')`;
  return [
    `HUILIU_FAILPOINT="${left(atOnceFile)}"`,
    `HUILIU_FAILPOINT_LATER="${left(laterFile)}"`,
    `[ -n "$HUILIU_FAILPOINT_LATER" ] && HUILIU_FAILPOINT_LATER="${AFTER};$HUILIU_FAILPOINT_LATER"`,
    "export HUILIU_FAILPOINT HUILIU_FAILPOINT_LATER",
    `export HUILIU_FAILPOINT_NOTE='${noteFile}'`,
  ];
}

const linesOf = (file: string): string[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "");

/** Messages that are journaled and not settled; many, where the database does not say. */
const backlogOf = ({ huiliu }: Stage["world"]): Promise<number> =>
  huiliu.sql("select count(*)::int as n from (select 1 from message where state = 'received' limit 1000) one").then(
    (rows) => Number(rows[0]?.n),
    () => Number.MAX_SAFE_INTEGER,
  );

/** Puts the engine to death once at every point, one life after another, under a load that is sent only as fast as such an engine can follow. */
async function dieAtEach(stage: Stage, wanted: readonly string[], hits: Set<string>): Promise<void> {
  const { world, dice, form } = stage;
  const files = ["at-once", "later"].map((name) => join(world.folder, `${name}-${stage.seed}`)) as [string, string];
  const noteFile = join(world.folder, `killed-${stage.seed}`);
  writeFileSync(noteFile, "");
  const nth = (name: string): number => (countsAtOnce(name) || isStimulated(name) ? 1 : 1 + dice(NTH_MAX));
  for (const [index, file] of files.entries())
    writeFileSync(file, wanted.flatMap((name) => (countsAtOnce(name) === (index === 0) ? [`${name}:${nth(name)}\n`] : [])).join(""));
  world.arrange({ shell: arming(...files, noteFile) });
  const end = Date.now() + GIVE_UP_MS[form];
  let stimulus = 0;
  let since = Date.now();
  let load = stage.load;
  await world.huiliu.kill("engine", "SIGTERM"); // in order: it leaves its compiled code to those that start after it
  while (hits.size < wanted.length && Date.now() < end) {
    await sleep(POLL_MS);
    for (const name of linesOf(noteFile)) {
      if (hits.has(name)) continue;
      hits.add(name);
      stage.hit(name);
      since = Date.now();
    }
    // Only an engine that works can reach a point; on a busy machine it starts slowly.
    if (!world.engineReady()) since = Date.now();
    const waited = Date.now() - since;
    if (waited < PATIENCE_MS) continue;
    const backlog = await backlogOf(world);
    if (backlog < BACKLOG.most && load.progress().chains >= load.total) load = stage.more(BATCH_BILLS[form], { senders: SENDERS });
    if (backlog > BACKLOG.stimulus && waited < STALLED_MS) continue;
    // A life that has settled little yet kills nowhere: it is given some more.
    if (backlog === 0) stage.more(BATCH_BILLS[form], { senders: SENDERS });
    const leading = stimuliFor(wanted.filter((name) => !hits.has(name)));
    const next = leading[stimulus % leading.length];
    stimulus += 1;
    if (next === undefined) continue;
    stage.log(`    ${hits.size} of ${wanted.length} kill points; ${next.what}`);
    // An engine may be killed while it is asked: that is what this is about.
    await next
      .run(stage)
      .catch((error: unknown) => stage.log(`    ${next.what}: ${error instanceof Error ? error.message : String(error)}`));
    since = Date.now();
  }
}

async function everyPoint(stage: Stage): Promise<void> {
  const { world } = stage;
  const wanted = enumerateKillPoints(ROOT)
    .map((point) => point.name)
    .filter((name) => !isMigration(name));
  const hits = new Set<string>();
  await dieAtEach(stage, wanted, hits);
  world.arrange({});
  stage.over();
  const missed = wanted.filter((name) => !hits.has(name));
  stage.note("killPoints", `${hits.size}/${wanted.length}`);
  stage.note("kills", hits.size);
  if (missed.length > 0) stage.note("not hit", missed.join(" "));
  await world.huiliu.kill("engine"); // the next one is not armed
  await world.huiliu.recovered();
  await world.huiliu.fault({ fault: "none" });
  // What people did halfway is taken back, what was parked on purpose is sent.
  for (const work of [letGo, replayed]) await work(stage).catch((error: unknown) => stage.note("left behind", String(error).slice(0, 100)));
}

async function atRandom(stage: Stage): Promise<void> {
  const kills = stage.form === "short" ? 2 : 60;
  for (let at = 0; at < kills; at += 1) {
    await sleep(200 + stage.dice(stage.form === "short" ? 800 : 4_800));
    if (stage.load.progress().chains >= stage.load.total) stage.more(300, { senders: SENDERS });
    await stage.world.huiliu.kill("engine");
    await stage.world.huiliu.engineBack();
  }
  stage.over();
  stage.note("kills", kills);
  await stage.world.huiliu.recovered();
}

async function crashLoop(stage: Stage): Promise<void> {
  const times = stage.form === "short" ? 3 : 10;
  const noteFile = join(stage.world.folder, `loop-${stage.seed}`);
  writeFileSync(noteFile, "");
  // Dies at start as long as the note has fewer lines.
  const shell = [
    `[ "$(wc -l < '${noteFile}')" -lt ${times} ] && export HUILIU_FAILPOINT=engine.before-announce:1`,
    `export HUILIU_FAILPOINT_NOTE='${noteFile}'`,
  ];
  stage.world.arrange({ shell });
  await stage.world.huiliu.kill("engine");
  await until("the engine has died at start so often", () => readFileSync(noteFile, "utf8").split("\n").length > times, 120_000);
  stage.over();
  stage.world.arrange({});
  await stage.world.huiliu.recovered();
  stage.hit("engine.before-announce");
  stage.note("crashes", times);
}

/** Migrations of an empty database, killed before and after each one's commit; then they are brought to their end. */
async function migrations(stage: Stage): Promise<void> {
  const { world } = stage;
  const name = `huiliu_migrate_${Date.now()}`;
  await world.huiliu.sql(`create database ${name}`);
  const url = new URL(world.huiliu.run().postgres);
  url.pathname = `/${name}`;
  const program = join(ROOT, "test", "faults", "migrate-child.ts");
  const run = (points: string): Promise<{ code: number | null; signal: string | null; said: string }> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, url.href, points], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
      child.once("exit", (code, signal) => resolve({ code, signal, said }));
    });
  const kills = ["migrate.before-commit:1", "migrate.before-commit:2", "migrate.after-commit:1", "migrate.before-commit:1"];
  for (const points of kills) {
    const { signal, said } = await run(points);
    if (signal === "SIGKILL") stage.hit(points.replace(/:\d+$/, ""));
    else stage.fail(`a migration was not killed at ${points}: ${said.slice(-300)}`);
  }
  const { code, said } = await run("");
  if (code !== 0) stage.fail(`migrations do not come to their end: ${said.slice(-300)}`);
  stage.over();
  stage.note("kills", kills.length);
  await world.huiliu.sql(`drop database ${name} with (force)`);
}

/** Another engine on the same servers, as when somebody starts it twice; both work, one is frozen longer than its leases, one is killed. */
async function twoEngines(stage: Stage): Promise<void> {
  const { world } = stage;
  const home = join(world.folder, `second-${stage.seed}`);
  mkdirSync(join(home, "node-red"), { recursive: true });
  const env = world.huiliu.engineEnv();
  for (const name of ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "HUILIU_SUPERVISED", "HUILIU_FAILPOINT"]) delete env[name];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(ROOT, "bin", "engine.ts")], {
    env: {
      ...env,
      HUILIU_DATA_DIR: home,
      HUILIU_GATEWAY_PORT: "0",
      HUILIU_CONSOLE_PORT: "0",
      HUILIU_EDITOR_PORT: "0",
      HUILIU_WORKER: `second-${stage.seed}`,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-20_000);
    });
  await until(
    "the second engine is ready, or has refused",
    () => said.includes('"msg":"ready"') || !alive(child.pid),
    60_000,
    () => said.slice(-800),
  );
  stage.note("second", alive(child.pid) ? "shares by lease" : "refuses");
  if (!alive(child.pid)) return;
  if (stage.load.progress().chains >= stage.load.total / 2) stage.more(200, { senders: SENDERS });
  await sleep(1_000);
  const first = world.enginePid();
  if (first !== undefined) process.kill(first, "SIGSTOP");
  await sleep(stage.form === "short" ? 6_000 : 60_000);
  if (first !== undefined) process.kill(first, "SIGCONT");
  await sleep(1_500);
  child.kill("SIGKILL");
  await gone(child.pid, 5_000);
  stage.over();
}

/** P17: flows deployed from the editor while messages are in them. */
async function deploys(stage: Stage): Promise<void> {
  const deploy = STIMULI.find((one) => one.what === "a deploy from the editor");
  const times = stage.form === "short" ? 2 : 12;
  for (let at = 0; at < times; at += 1) {
    await sleep(250);
    await deploy?.run(stage);
  }
  stage.over();
  stage.note("deploys", times);
}

const hasAwk = (): string | undefined => {
  try {
    execFileSync("awk", ["BEGIN{}"]);
    return undefined;
  } catch {
    return "no awk on this machine";
  }
};

export const KILLS: readonly Fault[] = [
  {
    id: "F01",
    what: "kill -9 of the engine at every kill point",
    short: true,
    bills: bills(60, 120),
    senders: SENDERS,
    cannot: hasAwk,
    // What the HIS refuses and what people park on purpose; a good message that is called the cause of a death (CRASHES_WORKER) is red.
    // RECEIPT_DIFFERS: asked about what it has only taken so far, this HIS cannot tell what it will have booked.
    parks: ["REJECTED", "PARKED_BY_PERSON", "RECEIPT_DIFFERS"],
    inject: everyPoint,
  },
  {
    id: "F02",
    what: "kill -9 of the engine at random instants",
    short: false,
    bills: bills(200, 3_000),
    senders: SENDERS,
    inject: atRandom,
  },
  {
    id: "F03",
    what: "the engine dies at start again and again",
    short: false,
    bills: bills(100, 300),
    senders: SENDERS,
    inject: crashLoop,
  },
  {
    id: "F33",
    what: "two engines; one is frozen beyond its leases (F25), one killed",
    short: false,
    bills: bills(300, 1_500),
    senders: SENDERS,
    rate: 400,
    inject: twoEngines,
  },
  {
    id: "F34",
    what: "kill -9 during every schema migration (P18)",
    short: true,
    bills: bills(50, 200),
    parks: ["RECEIPT_DIFFERS"], // as F01: deferred answers of its stimuli may still be out
    inject: migrations,
  },
  { id: "P17", what: "flows deployed from the editor with work in flight", short: false, bills: bills(300, 2_000), inject: deploys },
];
