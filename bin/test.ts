import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { removeServicesData, type Services, startServices } from "../platform/services/index.ts";
import { ServiceProblem } from "../platform/services/problem.ts";
import { writeAtomically, writePidFile } from "../platform/services/processes.ts";
import { argumentsOf, DATA_DIR, givenUrl, inheritedEnv, onStopRequest, ROOT } from "./environment.ts";
import { planTests, type TestPlan } from "./test/plan.ts";
import { loadCapabilities, loadExclusions, reportCapabilities, type TestReport, unexplainedSkips } from "./test/report.ts";
import { sweep } from "./test/sweep.ts";
import { PURE_CONCURRENCY, runFiles, type TestResult } from "./test/results.ts";

const HELP = `npm test -- [text …] [options]      run the tests and say what they prove

  text            only test files whose path contains one of the texts (test/contracts, money.test.ts, …)
  --pure          only tests that need no servers
  --name <regex>  only tests whose name matches
  --json          print the report as JSON on standard output
  --help          this text

Tests that need servers get private ones, started for this run on free loopback ports and stopped with it, unless
HUILIU_POSTGRES_URL, HUILIU_AMQP_URL and HUILIU_REDIS_URL name others. They run in three lanes; each lane has a virtual
host of RabbitMQ and a database number of Redis to itself, and one file at a time. The report of a whole run is kept in
.data/test-report.json (npm run coverage:capabilities prints it by capability). A skipped test fails the run unless
test/exclusions.json names it with a reason and a date.`;

/** One more than cores: a lane often waits for a server that starts, or for a clock. */
const LANES = ["lane1", "lane2", "lane3"] as const;
/** A file that hangs is ended; one that a loaded machine holds up is not. */
const PURE_TIMEOUT_MS = 600_000;
const SERVICE_TIMEOUT_MS = 1_500_000;

interface Options {
  readonly wanted: readonly string[];
  readonly pure: boolean;
  readonly namePattern: string | undefined;
  readonly json: boolean;
}

interface Phase {
  readonly name: string;
  readonly seconds: number;
  readonly files: number;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function describe(result: TestResult, output: string): void {
  const indent = (text: string): string =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => `    ${line}`)
      .join("\n");
  say(`✗ ${result.file}: ${result.name}\n${indent(result.error ?? "")}`);
  if (output.trim() !== "") say(`  its output, the end:\n${indent(output.split("\n").slice(-25).join("\n"))}`);
}

function laneEnv(services: Services, lane: number): Record<string, string> {
  const amqp = services.rabbit?.adminUrl(LANES[lane] ?? LANES[0]) ?? services.amqpUrl;
  return {
    ...inheritedEnv(),
    HUILIU_TEST_POSTGRES_URL: services.postgresUrl,
    HUILIU_TEST_AMQP_URL: amqp,
    HUILIU_TEST_REDIS_URL: givenUrl("HUILIU_REDIS_URL") ?? `${services.redisUrl}/${lane + 1}`,
  };
}

/** Runs the files one at a time per lane; a lane takes the next file when it is done with one. Given servers are shared, so there is one lane. */
async function runInLanes(plan: TestPlan, services: Services, options: Options, signal: AbortSignal): Promise<TestResult[]> {
  const queue = [...plan.services];
  const own = services.rabbit !== undefined && givenUrl("HUILIU_REDIS_URL") === undefined;
  const lane = async (_name: string, index: number): Promise<TestResult[]> => {
    const results: TestResult[] = [];
    for (let file = queue.shift(); file !== undefined && !signal.aborted; file = queue.shift()) {
      const since = Date.now();
      const part = await runFiles({
        root: ROOT,
        files: [file],
        concurrency: 1,
        env: laneEnv(services, index),
        namePattern: options.namePattern,
        timeoutMs: SERVICE_TIMEOUT_MS,
        signal,
        onFailure: describe,
      });
      results.push(...part);
      say(
        `  ${part.some((result) => result.status === "failed") ? "✗" : "✓"} ${file} (${part.length} tests, ${((Date.now() - since) / 1000).toFixed(1)} s)`,
      );
    }
    return results;
  };
  return (await Promise.all((own ? LANES : LANES.slice(0, 1)).map(lane))).flat();
}

async function timed<T>(phases: Phase[], name: string, files: number, work: () => Promise<T>): Promise<T> {
  const since = Date.now();
  try {
    return await work();
  } finally {
    const seconds = Math.round((Date.now() - since) / 100) / 10;
    phases.push({ name, seconds, files });
    say(`· ${name}: ${seconds.toFixed(1)} s${files > 0 ? `, ${files} files` : ""}`);
  }
}

function startForTests(dataDir: string, signal: AbortSignal): Promise<Services> {
  mkdirSync(dataDir, { recursive: true });
  writePidFile(join(dataDir, "owner.json"), process.pid);
  return startServices({
    dataDir,
    toolsDir: join(DATA_DIR, "tools"),
    need: { postgres: givenUrl("HUILIU_POSTGRES_URL"), amqp: givenUrl("HUILIU_AMQP_URL"), redis: givenUrl("HUILIU_REDIS_URL") },
    env: inheritedEnv(),
    log: (line) => say(`  ${line}`),
    signal,
    restart: true, // a test may kill a server; the tests after it need it again
    rabbit: { extraVhosts: LANES },
  });
}

async function runAll(options: Options, signal: AbortSignal): Promise<{ results: TestResult[]; phases: Phase[] }> {
  const plan = planTests(ROOT, options.wanted);
  const phases: Phase[] = [];
  const results: TestResult[] = [];
  const testDir = join(DATA_DIR, "test");
  const swept = await sweep(testDir);
  if (swept.length > 0) say(`· stopped what killed runs left: ${swept.join(", ")}`);
  const dataDir = join(testDir, String(process.pid));
  const servers = !options.pure && plan.services.length > 0;
  // The servers start while the pure tests run; a failure is reported where it is awaited.
  const starting = servers ? timed(phases, "servers started (beside the pure tests)", 0, () => startForTests(dataDir, signal)) : undefined;
  starting?.catch(() => undefined);
  try {
    const pure = {
      root: ROOT,
      files: plan.pure,
      concurrency: PURE_CONCURRENCY,
      env: inheritedEnv(),
      namePattern: options.namePattern,
      timeoutMs: PURE_TIMEOUT_MS,
      signal,
      onFailure: describe,
    };
    if (plan.pure.length > 0) results.push(...(await timed(phases, "pure tests", plan.pure.length, () => runFiles(pure))));
    if (starting !== undefined && !signal.aborted) {
      const services = await starting;
      results.push(...(await timed(phases, "tests with servers", plan.services.length, () => runInLanes(plan, services, options, signal))));
    }
  } finally {
    const services = await starting?.catch(() => undefined);
    if (servers) {
      await timed(phases, "servers stopped", 0, async () => services?.stop());
      removeServicesData(dataDir);
      rmSync(dataDir, { recursive: true, force: true });
    }
  }
  return { results, phases };
}

function summarise(results: readonly TestResult[], phases: readonly Phase[], complete: boolean): TestReport {
  const count = (status: TestResult["status"]): number => results.filter((result) => result.status === status).length;
  return {
    at: new Date().toISOString(),
    complete,
    ran: results.length - count("skipped"),
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
    phases,
    capabilities: reportCapabilities(loadCapabilities(ROOT), results),
    results,
  };
}

/** Prints the closing summary and returns the exit code. */
function conclude(report: TestReport, interrupted: string | undefined): number {
  const exclusions = loadExclusions(ROOT);
  const unexplained = unexplainedSkips(report.results, exclusions);
  const proven = report.capabilities.filter((capability) => capability.status === "passed").length;
  const failures = report.results.filter((result) => result.status === "failed");
  say("");
  for (const failure of failures) say(`✗ ${failure.file}: ${failure.name}`);
  for (const skip of unexplained) say(`✗ skipped without an entry in test/exclusions.json: ${skip.file}: ${skip.name}`);
  for (const { test, reason, date } of exclusions) say(`· left out since ${date}: ${test} (${reason})`);
  if (interrupted !== undefined) say(`✗ interrupted: ${interrupted}`);
  if (report.results.length === 0) say("✗ no test ran");
  say(`${report.ran} tests ran: ${report.passed} passed, ${report.failed} failed; ${report.skipped} skipped`);
  say(`${proven} of ${report.capabilities.length} capabilities have a passing test (npm run coverage:capabilities)`);
  const verdict = `${report.passed} passed, ${report.failed} failed${report.skipped > 0 ? `, ${report.skipped} skipped` : ""}`;
  process.stderr.write("");
  process.stdout.write(`${verdict}\n`);
  return failures.length > 0 || unexplained.length > 0 || interrupted !== undefined || report.results.length === 0 ? 1 : 0;
}

async function main(): Promise<number> {
  const { values, positionals } = argumentsOf(HELP, {
    allowPositionals: true,
    options: { help: { type: "boolean" }, json: { type: "boolean" }, pure: { type: "boolean" }, name: { type: "string" } },
  });
  if (values.help === true) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const options: Options = { wanted: positionals, pure: values.pure === true, namePattern: values.name, json: values.json === true };
  const stop = new AbortController();
  let interrupted: string | undefined;
  onStopRequest((reason) => {
    interrupted = reason;
    say(`\n· stopping (${reason})`);
    stop.abort();
  });
  const complete = positionals.length === 0 && !options.pure && options.namePattern === undefined;
  const { results, phases } = await runAll(options, stop.signal);
  const report = summarise(results, phases, complete && interrupted === undefined);
  writeAtomically(join(DATA_DIR, report.complete ? "test-report.json" : "test-report-part.json"), `${JSON.stringify(report, null, 1)}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  return conclude(report, interrupted);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof ServiceProblem) say(`\n✗ ${error.message}\n✗ ${error.zh}`);
  else say(`\n✗ ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 1;
}
process.exit(); // nothing may keep a finished run alive
