/** A fresh clone in a folder with a space and Chinese characters: npm ci, npm start, Ctrl-C, as whoever may log in ("What must show" 1). */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ROOT, until } from "../journeys/harness.ts";
import { run } from "./harness.ts";

const READY_MS = 400_000; // the first start installs packages
const GONE_MS = 40_000;
/** Debian's account without rights; root starts as it, everybody else as himself. */
const NOBODY = 65_534;
const home = mkdtempSync(join(tmpdir(), "huiliu clone 汇流-"));
after(() => rmSync(home, { recursive: true, force: true }));

/** Processes whose working folder or command line lies in our folder. */
function processesIn(folder: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        const cwd = readlinkSync(`/proc/${pid}/cwd`);
        return line.includes(folder) || cwd.startsWith(folder) ? [`${pid} ${line.slice(0, 200)}`] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
}

test("C-2 an ordinary user's fresh clone starts, says where everything is, and leaves nothing running", { timeout: 900_000 }, async () => {
  const clone = join(home, "代码 huiliu");
  const cloned = await run("git", ["clone", "--quiet", ROOT, clone], { ms: 120_000 });
  assert.equal(cloned.code, 0, cloned.stderr);
  const isRoot = process.getuid?.() === 0;
  const who = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (isRoot) {
    chmodSync(home, 0o755);
    const given = await run("chown", ["-R", `${NOBODY}:${NOBODY}`, home]);
    assert.equal(given.code, 0, given.stderr);
  }
  mkdirSync(join(home, "npm"), { recursive: true });
  if (isRoot) await run("chown", [`${NOBODY}:${NOBODY}`, join(home, "npm")]);
  const path = process.env.PATH ?? "/usr/bin:/bin";
  // Nothing of this machine's but how it reaches the package registry: authorities, proxies and npm's own settings.
  const reach = Object.entries(process.env).filter(([name]) =>
    /^(npm_config_(registry|cafile|ca|proxy|https_proxy|noproxy|strict_ssl)|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|https?_proxy|no_proxy)$/i.test(
      name,
    ),
  );
  const env = { ...Object.fromEntries(reach), PATH: path, HOME: join(home, "npm"), LANG: "C.UTF-8" };

  const started = spawn("npm", ["start"], { cwd: clone, env, detached: true, stdio: ["ignore", "pipe", "pipe"], ...who });
  let said = "";
  for (const stream of [started.stdout, started.stderr])
    stream?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  const ended = new Promise<number | null>((resolve) => started.once("exit", resolve));
  const file = join(clone, ".data", "run.json");
  try {
    await until(
      "ready",
      () => /ready in [\d.]+ s/.test(said),
      READY_MS,
      () => said.slice(-3_000),
    );
    assert.ok(existsSync(file));
    assert.equal((statSync(file).mode & 0o777).toString(8), "600");
    const told = JSON.parse(readFileSync(file, "utf8")) as { console: string; gateway: string; hospital: Record<string, unknown> };
    assert.equal((await fetch(`${told.console}/readyz`)).status, 200);
    assert.ok(told.hospital.his);
  } finally {
    process.kill(-(started.pid ?? 0), "SIGINT"); // Ctrl-C reaches the whole group
  }
  await ended;
  await until(
    "nothing is left",
    () => processesIn(home).length === 0,
    GONE_MS,
    () => processesIn(home),
  );
  assert.equal(existsSync(file), false);
});
