/**
 * The short form of the fault runs as a test, with a fifth of its load: every kill point and every fault of the form, in what `npm test` has of time on two cores that
 * it shares. `npm run faults -- --short` is the whole of it (≥ 20,000 messages). Its seed is printed; `npm run faults -- --short --small --seed <n>` runs it again.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { inheritedEnv, ROOT } from "../../bin/environment.ts";
import type { Report } from "./report.ts";

/** Fewer than this and something was not sent. */
const MESSAGES = 5_000;
/** Below what the runner gives a file. */
const LIMIT_MS = 840_000;

function short(seed: number): Promise<{ code: number | null; report: Report | undefined; said: string }> {
  return new Promise((resolve) => {
    const args = [
      "--disable-warning=ExperimentalWarning",
      join(ROOT, "bin", "faults.ts"),
      "--short",
      "--small",
      "--json",
      "--seed",
      String(seed),
    ];
    const child = spawn(process.execPath, args, { env: inheritedEnv(), stdio: ["ignore", "pipe", "pipe"], timeout: LIMIT_MS });
    let out = "";
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.once("exit", (code) => {
      const line = out.split("\n").find((one) => one.startsWith("{"));
      resolve({ code, report: line === undefined ? undefined : (JSON.parse(line) as Report), said });
    });
  });
}

test("S0-42 C-2 C-6 short form of the fault runs: nothing lost, twice, out of order or unexpected, every kill point hit, oracle 6 of 6", async (context) => {
  const seed = Number(process.env.HUILIU_SEED ?? Math.floor(Math.random() * 1_000_000));
  context.diagnostic(`npm run faults -- --short --small --seed ${seed}`);
  const { code, report, said } = await short(seed);
  const end = said.slice(-6_000);
  assert.ok(report, end);
  const { messages, killPoints, faults: _, parked: __, ...counts } = report;
  assert.deepEqual(counts, { lost: 0, twice: 0, inversions: 0, unexpected: 0, oracle: "6/6" }, end);
  assert.equal(killPoints.hit, killPoints.all, end);
  assert.ok(messages >= MESSAGES, `${messages} messages`);
  assert.equal(code, 0, end);
});
