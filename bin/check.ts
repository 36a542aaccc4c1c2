import { spawn } from "node:child_process";
import { join } from "node:path";
import { argumentsOf, inheritedEnv, onStopRequest, ROOT } from "./environment.ts";

const HELP = `npm run check -- [options]      types, lint, format and architecture, side by side

  --fix     let biome mend what it can (format, safe lint fixes)
  --json    print the results as JSON on standard output
  --help    this text`;

interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

interface Result {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly output: string;
}

const LIMIT_MS = 120_000;

function checks(fix: boolean): Check[] {
  const bin = (name: string): string => join(ROOT, "node_modules", ".bin", name);
  const node = ["--disable-warning=ExperimentalWarning"];
  return [
    { name: "types", command: bin("tsc"), args: ["-p", ROOT] },
    { name: "types of the pages", command: bin("tsc"), args: ["-p", join(ROOT, "console", "web")] },
    {
      name: "lint and format",
      command: bin("biome"),
      args: ["check", "--colors=off", "--max-diagnostics=50", ...(fix ? ["--write"] : []), ROOT],
    },
    {
      name: "architecture",
      command: process.execPath,
      args: [...node, "--test", "--test-reporter=dot", join(ROOT, "test", "architecture.test.ts")],
    },
  ];
}

function run(check: Check, signal: AbortSignal): Promise<Result> {
  const since = Date.now();
  return new Promise((resolve) => {
    // Inside another test run the inner one would report to it instead of to us.
    const { NODE_TEST_CONTEXT: _context, ...env } = inheritedEnv();
    const child = spawn(check.command, check.args, {
      cwd: ROOT,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
      signal,
    });
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const done = (passed: boolean): void =>
      resolve({ name: check.name, passed, seconds: Math.round((Date.now() - since) / 100) / 10, output: output.trim() });
    child.once("error", (error) => {
      output += error.message;
      done(false);
    });
    child.once("close", (code) => done(code === 0));
  });
}

const { values } = argumentsOf(HELP, { options: { help: { type: "boolean" }, json: { type: "boolean" }, fix: { type: "boolean" } } });
if (values.help === true) {
  process.stdout.write(`${HELP}\n`);
} else {
  const stop = new AbortController();
  onStopRequest(() => stop.abort());
  const results = await Promise.all(checks(values.fix === true).map((check) => run(check, stop.signal)));
  for (const { name, passed, seconds, output } of results) {
    if (!passed) process.stderr.write(`${output}\n`);
    process.stderr.write(`${passed ? "✓" : "✗"} ${name} (${seconds.toFixed(1)} s)\n`);
  }
  if (values.json === true) process.stdout.write(`${JSON.stringify({ passed: results.every(({ passed }) => passed), checks: results })}\n`);
  process.exit(results.every(({ passed }) => passed) ? 0 : 1);
}
