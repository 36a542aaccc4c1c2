import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { planTests } from "./plan.ts";
import { idsIn, parseCapabilities, reportCapabilities, unexplainedSkips } from "./report.ts";
import type { TestResult } from "./results.ts";

function result(name: string, status: TestResult["status"]): TestResult {
  return { file: "a.test.ts", name, status, ms: 1 };
}

/** A project of a few test files; removed after the work. */
async function withProject(files: Record<string, string>, work: (root: string) => Promise<void> | void): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "huiliu-report-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

describe("the report of a test run", () => {
  test("ids in names", () => {
    const table: readonly (readonly [string, string[]])[] = [
      ["C-4 a settle exchange", ["C-4"]],
      ["suite S3-14 > case, also S0-1, again S0-1", ["S3-14", "S0-1"]],
      ["ABC-4 S5-1 S3-14a UTC-8", ["S3-14"]],
      ["no id", []],
    ];
    for (const [name, ids] of table) assert.deepEqual(idsIn(name), ids, name);
  });

  test("capabilities are read from the tables of a document, each once", () => {
    const text = "| # | capability |\n|---|---|\n| C-1 | Nodes | x |\n| S3-5 | **Men** may not | x |\nS3-6 in passing\n| C-1 | again | x |";
    assert.deepEqual(parseCapabilities(text), [
      { id: "C-1", title: "Nodes" },
      { id: "S3-5", title: "Men may not" },
    ]);
  });

  test("a capability counts only when every test that carries its id passed", () => {
    const capabilities = ["C-1", "C-2", "C-3", "C-4"].map((id) => ({ id, title: id }));
    const results = [result("C-1 a", "passed"), result("C-2 a", "passed"), result("C-2 b", "failed"), result("C-3 a", "skipped")];
    assert.deepEqual(
      reportCapabilities(capabilities, results).map(({ status }) => status),
      ["passed", "failed", "failed", "none"],
    );
  });

  test("a skip needs an entry that names it", () => {
    const results = [result("suite > one", "skipped"), result("suite > two", "skipped"), result("suite > three", "passed")];
    const exclusions = [{ test: "one", reason: "no such terminal here", date: "2026-11-22" }];
    assert.deepEqual(
      unexplainedSkips(results, exclusions).map(({ name }) => name),
      ["suite > two"],
    );
  });

  test("plan: files that talk to servers are told from those that do not, and the long ones are left to their commands", () =>
    withProject(
      {
        "domain/money.test.ts": "",
        "platform/store.test.ts": `process.env.${"HUILIU"}_TEST_POSTGRES_URL`,
        "test/contracts/journal.test.ts": "",
        "test/peers/pika.test.ts": "",
        "test/faults/long/night.test.ts": "",
        "node_modules/x/x.test.ts": "",
      },
      (root) => {
        assert.deepEqual(planTests(root, []), {
          pure: ["domain/money.test.ts"],
          services: ["platform/store.test.ts", "test/contracts/journal.test.ts"],
        });
        assert.deepEqual(planTests(root, ["peers"]), { pure: [], services: ["test/peers/pika.test.ts"] });
      },
    ));

  test("every kind of end is counted: pass, failure, skip, todo, a suite's hook, a file that dies, a file without tests", () =>
    withProject(
      {
        "a.test.ts":
          'import { describe, it, test } from "node:test";\ndescribe("outer", () => { it("passes", () => {}); it("fails", () => { throw new Error("on purpose"); }); it.skip("skips"); it.todo("later"); });\ntest("parent", async (t) => { await t.test("child", () => {}); });',
        "b.test.ts":
          'import { before, describe, it } from "node:test";\ndescribe("hooked", () => { before(() => { throw new Error("hook"); }); it("never", () => {}); });',
        "c.test.ts": "process.exit(3);",
      },
      (root) => {
        const script = `import { runFiles } from ${JSON.stringify(join(import.meta.dirname, "results.ts"))};
          const told = [];
          const results = await runFiles({ root: ${JSON.stringify(root)}, files: ["a.test.ts", "b.test.ts", "c.test.ts"], concurrency: 2, env: process.env, namePattern: undefined,
            timeoutMs: 30_000, signal: new AbortController().signal, onFailure: (failed) => told.push(failed.name) });
          console.log(JSON.stringify({ results, told }));`;
        writeFileSync(join(root, "outside.mjs"), script);
        // A run within a run does nothing: the inner one has to believe that it is the outer one.
        const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
        const ran = spawnSync(process.execPath, [join(root, "outside.mjs")], { env, encoding: "utf8" });
        assert.equal(ran.status, 0, ran.stderr);
        const { results, told } = JSON.parse(ran.stdout) as { results: TestResult[]; told: string[] };
        const names = (status: TestResult["status"]): string[] => results.filter((one) => one.status === status).map((one) => one.name);
        assert.deepEqual(names("passed"), ["outer > passes", "parent > child", "parent"]);
        assert.deepEqual(names("skipped"), ["outer > skips", "outer > later"]);
        assert.ok(names("failed").includes("outer > fails"));
        assert.ok(names("failed").some((name) => name.startsWith("hooked")));
        assert.ok(names("failed").some((name) => name.endsWith("c.test.ts")));
        assert.equal(told.length, names("failed").length);
        assert.match(results.find((one) => one.name === "outer > fails")?.error ?? "", /on purpose/);
      },
    ));
});
