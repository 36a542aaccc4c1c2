import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { bannedFolders, checkHouse, importsOf, LINES_MAX, type Source } from "./architecture/rules.ts";

const ROOT = join(import.meta.dirname, "..");
const ROOMS = "{domain,platform,nodes,adapters,console,bin,test}";

/** Fewer imports than these and the checker has gone blind. */
const IMPORTS_AT_LEAST: Readonly<Record<string, number>> = { domain: 60, platform: 30, bin: 20, test: 30 };

function files(pattern: string): string[] {
  return globSync([`${ROOMS}/**/${pattern}`, pattern], {
    cwd: ROOT,
    exclude: (name) => name === "node_modules" || name.startsWith(".data"),
  }).map((path) => path.replaceAll("\\", "/"));
}

function sources(): Source[] {
  return [...files("*.ts"), ...files("*.tsx"), ...files("*.mjs")].map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

describe("the house", () => {
  const verdict = checkHouse(sources());

  test("every import goes where the house allows it, and the rest of its rules hold", () => {
    assert.deepEqual(
      verdict.violations.map(({ rule, path, what }) => `${rule}: ${path}: ${what}`),
      [],
    );
  });

  test("the checker saw imports in every room", () => {
    for (const [room, least] of Object.entries(IMPORTS_AT_LEAST))
      assert.ok((verdict.imports[room] ?? 0) >= least, `${room}: ${verdict.imports[room] ?? 0} imports seen, at least ${least} expected`);
  });

  test("no folder is a place to hide", () => {
    const folders = new Set<string>();
    for (const path of globSync(`{${ROOMS.slice(1, -1)},flows,mappings,partners,docs}/**/*`, { cwd: ROOT }))
      for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
    assert.deepEqual(bannedFolders([...folders]), []);
  });
});

describe("the checker", () => {
  const broken: readonly (readonly [string, string, string])[] = [
    ["domain/a.ts", 'import { x } from "../platform/x.ts";', "import"],
    ["domain/a.ts", 'import { readFileSync } from "node:fs";', "import"],
    ["domain/a.ts", 'import pg from "pg";', "import"],
    ["domain/a.ts", 'import { XMLParser } from "fast-xml-parser";', "import"],
    ["domain/a.ts", 'const x = await import("node:crypto");', "import"],
    ["domain/a.ts", "const now = Date.now();", "clock"],
    ["domain/a.ts", "const r = Math.random();", "chance"],
    ["nodes/park/park.ts", 'import { find } from "../find/find.ts";', "import"],
    ["nodes/park/park.ts", 'import {\n  createStore,\n  type Store,\n} from "../../platform/postgres/store.ts";', "import"],
    ["adapters/bank/index.ts", 'export * from "../wechat/index.ts";', "import"],
    ["platform/a.ts", 'import "../console/server.ts";', "import"],
    ["platform/a.ts", "const url = process.env.URL;", "environment"],
    ["console/a.ts", "const now = new Date();", "clock"],
    ["test/hospital/his/his.ts", 'import { yuan } from "../../../domain/money.ts";', "import"],
    ["bin/a.ts", "\n".repeat(LINES_MAX + 1), "length"],
    ["bin/a.ts", "// TODO: later", "unfinished"],
  ];
  for (const [path, text, rule] of broken) {
    test(`finds ${rule} in ${path}: ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.deepEqual(
        checkHouse([{ path, text }]).violations.map((violation) => violation.rule),
        [rule],
      );
    });
  }

  const sound: readonly (readonly [string, string])[] = [
    ["domain/a.ts", 'import { Type } from "typebox";\nimport { b } from "./b.ts"; // not Date.now\n/* process.env */'],
    ["domain/a.test.ts", 'import { test } from "node:test";\nimport fc from "fast-check";\nconst now = Date.now();'],
    [
      "nodes/park/park.ts",
      'import { defineNode } from "../kit/define-node.ts";\nimport type { Park } from "../../domain/delivery/ports.ts";',
    ],
    ["console/a.ts", 'const at = new Date("2026-11-22");\nconst text = "import nothing";'],
    ["settings.ts", 'import { readConfig } from "./platform/config.ts";\nconst config = readConfig(process.env);'],
  ];
  for (const [path, text] of sound) {
    test(`accepts ${path}: ${JSON.stringify(text.slice(0, 60))}`, () => assert.deepEqual(checkHouse([{ path, text }]).violations, []));
  }

  test("reads every way of importing", () => {
    assert.deepEqual(
      importsOf(
        'import a from "a";\nimport type { B } from "b";\nimport "c";\nexport { d } from "d";\nexport * as e from "e";\nconst f = await import("f"); require("g");\n// import h from "h"',
      ),
      ["a", "b", "c", "d", "e", "f", "g"],
    );
  });

  test("refuses names to hide behind", () => assert.equal(bannedFolders(["domain/utils", "platform/postgres"]).length, 1));
});
