/**
 * The short form of the fault runs as a test: every fault of it but the kill points, which take an engine's start each, more minutes than `npm test` has; `npm run faults -- --short` is the whole of it.
 * Its seed is printed, with the command that runs it again.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { inheritedEnv, ROOT } from "../../bin/environment.ts";
import type { Report } from "./report.ts";

/** Broker, Redis, database and engine killed or frozen under load, poison, half requests, duplicates, answers that are lost, late, cut, flipped or another's, links that break. */
const ONLY = "F04,F07,F08,F09,F15,F17,F18,F20,F20C,F21,F25";
/** Fewer than this and something was not sent. */
const MESSAGES = 20_000;
/** Below what the runner gives a file. */
const LIMIT_MS = 1_400_000;

function short(seed: number): Promise<{ code: number | null; report: Report | undefined; said: string }> {
  return new Promise((resolve) => {
    const args = [
      "--disable-warning=ExperimentalWarning",
      join(ROOT, "bin", "faults.ts"),
      "--short",
      "--only",
      ONLY,
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

test("S0-42 C-2 C-6 short form of the fault runs: nothing lost, twice, out of order or unexpected, oracle 6 of 6", async (context) => {
  const seed = Number(process.env.HUILIU_SEED ?? Math.floor(Math.random() * 1_000_000));
  context.diagnostic(`npm run faults -- --short --only ${ONLY} --seed ${seed}`);
  const { code, report, said } = await short(seed);
  const end = said.slice(-6_000);
  assert.ok(report, end);
  const { messages, killPoints: __points, faults: _, parked: __, ...counts } = report;
  assert.deepEqual(counts, { lost: 0, twice: 0, inversions: 0, unexpected: 0, oracle: "6/6" }, end);
  assert.ok(messages >= MESSAGES, `${messages} messages`);
  assert.equal(code, 0, end);
});
