/**
 * The production profile (design.md decision 18) as `npm start` runs it: a start with unsafe settings is refused with all of them before anything is started;
 * a safe one runs without editor, admin API and simulated hospital, and its flows cannot be changed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { DATA_DIR, inheritedEnv, ROOT } from "../../bin/environment.ts";
import { brokerAccounts, ensureCredentials, listPartners } from "../../bin/start/credentials.ts";
import { endLeftovers } from "../../bin/start/folder.ts";
import { writePidFile } from "../../platform/services/processes.ts";
import { removeServicesData, startServices } from "../../platform/services/index.ts";

const READY_MS = 240_000;
const HOME = mkdtempSync(join(tmpdir(), "huiliu-production-"));
const CREDENTIALS = join(HOME, "credentials.json");
/** Where Node-RED would be, were it open. */
const ADMIN = ["", "flows", "settings", "nodes", "comms", "auth/login", "library/flows", "huiliu/choices", "red/red.min.js"];

interface Ended {
  readonly code: number | null;
  readonly said: string;
}
interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once it has said that it is ready, or has ended. */
  readonly ready: Promise<boolean>;
}

const children: ChildProcess[] = [];

function start(data: string, env: Record<string, string>): Running {
  const args = ["--disable-warning=ExperimentalWarning", join(ROOT, "bin", "start.ts"), "--profile", "production", "--data", data];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe", "ipc"], env: { ...inheritedEnv(), ...env } });
  children.push(child);
  let said = "";
  const ended = new Promise<Ended>((resolve) => child.once("exit", (code) => resolve({ code, said })));
  const ready = new Promise<boolean>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready after ${READY_MS} ms:\n${said}`)), READY_MS);
    const settle = (is: boolean): void => {
      clearTimeout(timer);
      resolve(is);
    };
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (/^ready in/m.test(said)) settle(true);
      });
    void ended.then(() => settle(false));
  });
  return { child, ended, ready };
}

/** An address for every partner that is written to: those of the files are samples, with which production does not start. */
function realAddresses(): Record<string, string> {
  const folder = join(ROOT, "partners");
  const seeds = readdirSync(folder).map(
    (file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as { partner: string; destination?: { url: string } },
  );
  return Object.fromEntries(
    seeds.flatMap(({ partner, destination }) =>
      // sftp is its own encrypted wire; the others have one that ends in s.
      destination === undefined
        ? []
        : [[partner, `${new URL(destination.url).protocol.replace(/^(?!sftp)(.*?)s?:$/, "$1s:")}//127.0.0.1:9`]],
    ),
  );
}

describe("production", { timeout: 600_000 }, () => {
  const data = join(HOME, "data");
  const services = join(DATA_DIR, "test", `production-${process.pid}`);
  after(async () => {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    for (const name of [data, join(HOME, "refused")]) if (existsSync(name)) await endLeftovers(name);
    removeServicesData(services);
    rmSync(services, { recursive: true, force: true });
    rmSync(HOME, { recursive: true, force: true });
  });

  test("a start with unsafe settings is refused with every problem in both languages, and nothing was started", async () => {
    const open = join(HOME, "open.json");
    writeFileSync(open, JSON.stringify({ token: "changeme-changeme-changeme", partners: { his: { key: "short", amqpUser: "his" } } }));
    chmodSync(open, 0o644);
    const { code, said } = await start(join(HOME, "refused"), {
      HUILIU_CREDENTIALS_FILE: open,
      HUILIU_POSTGRES_URL: "postgres://huiliu@db.hospital.example/huiliu",
      HUILIU_AMQP_URL: "amqp://guest:guest@127.0.0.1",
      HUILIU_REDIS_URL: "redis://127.0.0.1",
      HUILIU_PARTNER_URLS: JSON.stringify({ his: "http://10.1.2.3:8080" }),
      HUILIU_HOST: "0.0.0.0",
      HUILIU_EDITOR_PORT: "1880",
    }).ended;
    assert.equal(code, 1);
    for (const told of [
      "open.json [CREDENTIALS_OPEN]",
      "token [SECRET_GUESSABLE]",
      "partners.his.key [SECRET_SHORT]",
      "partners.neusoft [PARTNER_WITHOUT_CREDENTIALS]",
      "HUILIU_POSTGRES_URL [URL_WITHOUT_PASSWORD]",
      "HUILIU_POSTGRES_URL [URL_PLAIN]",
      "HUILIU_AMQP_URL [URL_WITHOUT_PASSWORD]",
      "HUILIU_REDIS_URL [URL_WITHOUT_PASSWORD]",
      "partners/his.json [PARTNER_PLAIN]",
      "HUILIU_HOST [HOST_NOT_LOOPBACK]",
      "HUILIU_EDITOR_PORT [EDITOR_PORT]",
      `chmod 600 ${open}`,
      "启动被拒绝",
    ])
      assert.ok(said.includes(told), `${told} in:\n${said}`);
    assert.doesNotMatch(said, /ready on port|changeme/);
    assert.deepEqual(
      ["services.json", "run.json", "credentials.json"].filter((name) => existsSync(join(HOME, "refused", name))),
      [],
    );
  });

  test("without a credentials file it makes none", async () => {
    const missing = await start(join(HOME, "refused"), { HUILIU_CREDENTIALS_FILE: "" }).ended;
    assert.equal(missing.code, 1);
    assert.match(missing.said, /HUILIU_CREDENTIALS_FILE \[CREDENTIALS_MISSING\]/);
    assert.equal(existsSync(join(HOME, "refused", "credentials.json")), false);
  });

  test("a safe start runs on given servers, without editor, admin API and hospital; its flows stay as they are", async () => {
    const credentials = ensureCredentials(CREDENTIALS, listPartners(ROOT));
    mkdirSync(services, { recursive: true });
    writePidFile(join(services, "owner.json"), process.pid); // another run's sweep leaves them alone
    const servers = await startServices({
      dataDir: services,
      toolsDir: join(DATA_DIR, "tools"),
      need: {},
      env: inheritedEnv(),
      log: () => undefined,
      rabbit: { users: brokerAccounts(credentials) },
    });
    try {
      const engine = start(data, {
        HUILIU_CREDENTIALS_FILE: CREDENTIALS,
        HUILIU_POSTGRES_URL: servers.postgresUrl,
        HUILIU_AMQP_URL: servers.amqpUrl,
        HUILIU_REDIS_URL: servers.redisUrl,
        HUILIU_PARTNER_URLS: JSON.stringify(realAddresses()),
      });
      assert.ok(await engine.ready, (await Promise.race([engine.ended, Promise.resolve({ said: "" })])).said);
      const run = JSON.parse(readFileSync(join(data, "run.json"), "utf8")) as Record<string, unknown>;
      assert.deepEqual(
        ["editor", "hospital"].filter((name) => name in run),
        [],
      );
      assert.deepEqual(Object.keys(run.pids as object).sort(), ["engine", "supervisor"]);
      for (const door of [String(run.console), String(run.gateway)])
        for (const path of ADMIN) {
          const answer = await fetch(`${door}/${path}`, { headers: { authorization: `Bearer ${credentials.token}` } });
          // The console has pages of its own, whatever their address; nothing of Node-RED's is among them.
          const body = await answer.text();
          const isPage = door === run.console && answer.status === 200 && /^text\/html/.test(answer.headers.get("content-type") ?? "");
          assert.ok(answer.status === 404 || isPage, `${door}/${path} ${answer.status}`);
          assert.doesNotMatch(body, /node-red|red\.min\.js|"flowFile"|huiliu-message-in/i);
        }
      const doors = [run.mllp, run.dicom].flatMap((wire) => Object.values((wire ?? {}) as Record<string, string>));
      assert.deepEqual(
        listeners(Number((run.pids as { engine: number }).engine)),
        [run.console, run.gateway, ...doors].map((url) => Number(new URL(String(url)).port)).sort(),
      );
      const log = readFileSync(join(data, "log", "engine.log"), "utf8");
      for (const flow of readdirSync(join(ROOT, "flows")).filter((name) => !existsSync(join(ROOT, "flows", name, "release.json"))))
        assert.ok(log.includes(`flows/${flow} [FLOW_NOT_RELEASED]`), `${flow}: what is not loaded is said`);
      assert.doesNotMatch(log, /system-generated key|_credentialSecret|credentialSecret/i, "no warning of a made-up key");
      engine.child.kill("SIGTERM");
      assert.equal((await engine.ended).code, 0);
    } finally {
      await servers.stop();
    }
  });
});

/** TCP ports on which a process listens, from /proc: what is not listened on cannot be asked. */
function listeners(pid: number): number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? "none"),
  );
  const rows = ["tcp", "tcp6"].flatMap((name) => readFileSync(`/proc/${pid}/net/${name}`, "utf8").split("\n").slice(1));
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[3] === "0A" && sockets.has(columns[9] ?? ""))
    .map((columns) => Number.parseInt(columns[1]?.split(":")[1] ?? "0", 16))
    .sort();
}
