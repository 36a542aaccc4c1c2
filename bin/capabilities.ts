import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { argumentsOf, DATA_DIR, ROOT } from "./environment.ts";
import { loadCapabilities, reportCapabilities, type TestReport } from "./test/report.ts";

const HELP = `npm run coverage:capabilities -- [options]      what the last whole test run proved

Prints, for every capability of docs/capabilities.json, the tests that carry its id and their status, from
.data/test-report.json, which npm test writes.

  --missing   only capabilities without a passing test
  --json      as JSON
  --help      this text`;

const { values } = argumentsOf(HELP, { options: { help: { type: "boolean" }, json: { type: "boolean" }, missing: { type: "boolean" } } });
const path = join(DATA_DIR, "test-report.json");
if (values.help === true) {
  process.stdout.write(`${HELP}\n`);
} else if (!existsSync(path)) {
  process.stderr.write("✗ There is no report yet: run npm test first.\n✗ 尚无测试报告：请先运行 npm test。\n");
  process.exitCode = 1;
} else {
  const report = JSON.parse(readFileSync(path, "utf8")) as TestReport;
  const all = reportCapabilities(loadCapabilities(ROOT), report.results);
  const shown = values.missing === true ? all.filter((capability) => capability.status !== "passed") : all;
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify({ at: report.at, capabilities: shown })}\n`);
  } else {
    const marks = { passed: "✓", failed: "✗", none: "·" } as const;
    for (const { id, title, status, tests } of shown) {
      process.stdout.write(`${marks[status]} ${id.padEnd(6)} ${title}\n`);
      for (const test of tests) process.stdout.write(`         ${test.status === "passed" ? "✓" : "✗"} ${test.file}: ${test.name}\n`);
    }
    const proven = all.filter((capability) => capability.status === "passed").length;
    process.stdout.write(`${proven} of ${all.length} capabilities have a passing test (run of ${report.at})\n`);
  }
}
