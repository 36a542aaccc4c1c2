import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writePidFile } from "../../platform/services/processes.ts";
import { sweep } from "./sweep.ts";

const home = mkdtempSync(join(tmpdir(), "huiliu-sweep-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

/** A process that stands for a server: `file` names it. */
function server(file: string): ChildProcess {
  const child = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)"], { stdio: "ignore" });
  children.push(child);
  mkdirSync(join(file, ".."), { recursive: true });
  writePidFile(file, child.pid ?? 0);
  return child;
}

test("a killed run's servers end before their data go, a journey's too; those of a run that lives stay", async () => {
  const own = server(join(home, "4711", "redis", "redis.pid.json"));
  const journeys = server(join(home, "journey-x-4712", "data", "redis", "redis.pid.json"));
  const lives = server(join(home, "journey-y-4713", "data", "redis", "redis.pid.json"));
  writePidFile(join(home, "journey-y-4713", "owner.json"), process.pid);
  const ends = [own, journeys].map((child) => once(child, "exit"));
  assert.deepEqual(await sweep(home), ["Redis", "Redis"]);
  await Promise.all(ends);
  assert.equal(lives.exitCode, null);
  assert.deepEqual(
    ["4711", "journey-x-4712", "journey-y-4713"].map((name) => existsSync(join(home, name))),
    [false, false, true],
  );
});
