/**
 * A part of the short form of the fault runs as a test, with a fifth of its load: what fits into the time that `npm test` has on two cores that it shares. `npm run faults -- --short` is the whole of it (≥ 20,000 messages). Its seed is printed; `npm run faults -- --short --small --only F04,F07,F09,F21 --seed <n>` runs it again.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { inheritedEnv, ROOT } from "../../bin/environment.ts";
import type { Report } from "./report.ts";

/** Broker, Redis and database killed under load, poison. The kill points take longer than a test may: `npm run faults -- --short` hits every one of them. */
const ONLY = "F04,F07,F09,F21";
/** Fewer than this and something was not sent. */
const MESSAGES = 500;
/** Below what the runner gives a file. */
const LIMIT_MS = 840_000;

function short(seed: number): Promise<{ code: number | null; report: Report | undefined; said: string }> {
  return new Promise((resolve) => {
    const args = [
      "--disable-warning=ExperimentalWarning",
      join(ROOT, "bin", "faults.ts"),
      "--short",
      "--small",
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
  context.diagnostic(`npm run faults -- --short --small --only F04,F07,F09,F21 --seed ${seed}`);
  const { code, report, said } = await short(seed);
  const end = said.slice(-6_000);
  assert.ok(report, end);
  const { messages, killPoints: __points, faults: _, parked: __, ...counts } = report;
  assert.deepEqual(counts, { lost: 0, twice: 0, inversions: 0, unexpected: 0, oracle: "6/6" }, end);
  assert.ok(messages >= MESSAGES, `${messages} messages`);
  assert.equal(code, 0, end);
});
