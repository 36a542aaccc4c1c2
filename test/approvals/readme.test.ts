/** What the READMEs and the runbook tell people to type, open or set exists; both languages say the same. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { Command } from "commander";
import { ROOT } from "../../bin/docs/reference.ts";
import { registerDoctor } from "../../bin/doctor/doctor.ts";
import { registerOperatorCommands } from "../../bin/huiliu/commands.ts";
import { registerFlowCommands } from "../../bin/flow-tests/commands.ts";
import { registerMappingCommands } from "../../bin/mapping.ts";
import { OPERATION_REFUSAL } from "../../domain/operations/refusals.ts";
import { PROBLEM } from "../../domain/problem.ts";
import { REFUSALS } from "../../domain/refusals.ts";
import { PARK } from "../../domain/writeback/reasons.ts";
import { registerHospitalCommands } from "../hospital/cli.ts";

const READMES = ["README.md", "README.zh-CN.md"] as const;
const RUNBOOKS = ["docs/runbook.md", "docs/runbook.zh-CN.md"] as const;
const MAPPING = ["docs/mapping.md", "docs/mapping.zh-CN.md"] as const;
const FLOW_TESTS = ["docs/flow-tests.md", "docs/flow-tests.zh-CN.md"] as const;
const DECISIONS = "docs/decisions";
const PAGES = [
  ...READMES,
  ...RUNBOOKS,
  ...MAPPING,
  ...FLOW_TESTS,
  ...["README", "security", "style", "transports", "dll-bridge", "faults"].map((name) => `docs/${name}.md`),
  ...["docs/walkthrough-new-vendor.md", "docs/walkthrough-new-vendor.zh-CN.md", `${DECISIONS}/README.md`, "nodes/README.md"],
];
/** Fewer found than this would mean that the page is no longer read as it is written. */
const FEWEST_COMMANDS = 20;

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** Code blocks and inline code, with continued lines joined. */
const codeOf = (page: string): readonly string[] => {
  const joined = page.replaceAll("\\\n", " ");
  const blocks = [...joined.matchAll(/^```[a-z]*\n([\s\S]*?)^```/gm)].flatMap((match) => (match[1] ?? "").split("\n"));
  const inline = [...joined.replace(/^```[a-z]*\n[\s\S]*?^```/gm, "").matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
  return [...blocks, ...inline];
};

/** The words of a command line: quotes hold together, comments end it. */
const wordsOf = (line: string): readonly string[] =>
  [...line.replace(/ {2,}#.*$/, "").matchAll(/"[^"]*"|'[^']*'|\S+/g)].map((match) => match[0].replace(/[，。；、]$/, ""));

const program = new Command("huiliu");
registerOperatorCommands(program, { dataDir: "", out: () => undefined, err: () => undefined, exit: () => undefined, nowMs: () => 0 });
registerDoctor(program, ROOT, "");
registerMappingCommands(program, ROOT);
registerFlowCommands(program, ROOT, ROOT);
registerHospitalCommands(program, ROOT, "");

/** What is wrong with `npx huiliu <words>`; undefined when nothing is. */
function wrongWith(words: readonly string[]): string | undefined {
  let command = program;
  let rest = words;
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest = rest.slice(1);
  }
  const [first] = rest;
  if (command.commands.length > 0 && first !== undefined && !first.startsWith("-") && first !== "…") return `no command ${first}`;
  const known = new Set(["--help", ...command.options.map((one) => one.long)]);
  return rest.filter((word) => /^--[a-z]/.test(word) && !known.has(word)).map((word) => `no option ${word} of ${command.name()}`)[0];
}

const huiliuLines = (path: string): readonly (readonly string[])[] =>
  codeOf(read(path)).flatMap((line) => {
    const at = line.indexOf("npx huiliu");
    return at < 0 ? [] : [wordsOf(line.slice(at)).slice(2)];
  });

/** Paths of the project that a page names: links relative to the page, and code that begins with a folder of the project. */
function pathsOf(path: string): readonly string[] {
  const page = read(path);
  const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map((match) => join(dirname(path), match[1] ?? ""));
  const folders = /^(?:bin|console|docs|domain|examples|flows|mappings|nodes|partners|platform|test)\/[\w./-]*$/;
  const named = codeOf(page).flatMap((line) => line.split(/[\s,，、;；:：()（）]+/).filter((word) => folders.test(word)));
  return [...links, ...named];
}

describe("what the pages name exists", () => {
  for (const path of PAGES) {
    test(`${path}: npx huiliu commands and options`, () => {
      const wrong = huiliuLines(path).flatMap((words) => {
        const why = wrongWith(words);
        return why === undefined ? [] : [`npx huiliu ${words.join(" ")}: ${why}`];
      });
      assert.deepEqual(wrong, []);
    });

    test(`${path}: npm scripts and options`, () => {
      const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
      for (const line of codeOf(read(path)))
        for (const [, script, options = ""] of line.matchAll(/npm (?:run )?([a-z:]+)(?: -- ((?:--[a-z-]+ ?)+))?/g)) {
          if (script === "install") continue; // npm's own
          assert.ok(script !== undefined && script in scripts, `${line}: no script ${script}`);
          const help = read(`bin/${scripts[script]?.split(" ").at(-1)}.ts`);
          for (const option of options.split(" ").filter((one) => one !== "")) assert.ok(help.includes(option), `${line}: ${option}`);
        }
    });

    test(`${path}: paths`, () => {
      // What an integrator makes while following the page, and what is told as a thing that may be made.
      const made = /^mappings\/(?:acme|ankang)|^(?:docs\/)?partners\/(?:acme|ankang)\.(?:json|md)$|^test\/exclusions\.json$/;
      assert.deepEqual(
        pathsOf(path).filter((one) => !made.test(one) && !existsSync(join(ROOT, one))),
        [],
      );
    });
  }

  test("the READMEs hold enough to be examined", () => {
    for (const path of READMES) {
      assert.ok(huiliuLines(path).length >= FEWEST_COMMANDS, path);
      assert.ok(pathsOf(path).length >= FEWEST_COMMANDS, path);
    }
    assert.equal(wrongWith(["parkd"]), "no command parkd");
    assert.equal(wrongWith(["hospital", "fault", "503", "--cout", "2"]), "no option --cout of fault");
  });
});

describe("the indexes", () => {
  const linkedIn = (path: string): ReadonlySet<string> => new Set(pathsOf(path).map((one) => one.replace(/\/(?:README\.md)?$/, "")));

  test("docs/README.md leads to every document", () => {
    const linked = linkedIn("docs/README.md");
    const all = readdirSync(join(ROOT, "docs")).filter((name) => name !== "README.md");
    assert.deepEqual(
      all.filter((name) => !linked.has(`docs/${name}`)),
      [],
    );
  });

  test("every decision has a number of its own, without a gap, and stands in the index", () => {
    const linked = linkedIn(`${DECISIONS}/README.md`);
    const all = readdirSync(join(ROOT, DECISIONS))
      .filter((name) => name !== "README.md")
      .sort();
    assert.deepEqual(
      all.map((name) => Number(name.slice(0, 3))),
      all.map((_, index) => index + 1),
    );
    for (const name of all) {
      assert.ok(linked.has(`${DECISIONS}/${name}`), name);
      assert.match(read(`${DECISIONS}/${name}`), new RegExp(`^# ${name.slice(0, 3)} \\S`), name);
    }
  });
});

describe("settings, metrics and codes", () => {
  const sources = [
    "platform/config.ts",
    "platform/access/settings.ts",
    "platform/alarms/settings.ts",
    "bin/start.ts",
    "bin/environment.ts",
    "bin/huiliu.ts",
  ]
    .map(read)
    .join("\n");
  const namesIn = (text: string): readonly string[] =>
    [...new Set([...text.matchAll(/HUILIU_[A-Z_]+[A-Z]/g)].map((match) => match[0]))].sort();

  test("the READMEs name every setting, and none that is not read", () => {
    const told = read("bin/start/run.ts"); // HUILIU_ROOT is told to the engine by npm start, nobody sets it
    assert.match(told, /HUILIU_ROOT: options\.root/);
    const settings = namesIn(sources).filter((name) => name !== "HUILIU_ROOT");
    for (const path of READMES) assert.deepEqual(namesIn(read(path)), settings, path);
  });

  test("the runbooks name metrics that are measured", () => {
    const metrics = read("platform/metrics.ts");
    for (const path of RUNBOOKS)
      for (const [name] of read(path).matchAll(/huiliu_[a-z_]+/g))
        assert.ok(metrics.includes(`"${name}"`) || metrics.includes(`"${name.slice("huiliu_".length)}"`), `${path}: ${name}`);
  });

  test("the runbooks name codes that exist, and every reason for which a write-back parks", () => {
    const known = new Set([
      ...Object.keys(REFUSALS),
      ...Object.keys(PARK),
      ...Object.keys(PROBLEM),
      ...Object.keys(OPERATION_REFUSAL),
      ...namesIn(sources),
      "SIGTERM",
    ]);
    for (const path of RUNBOOKS) {
      const named = [...read(path).matchAll(/(?<![\w/.])[A-Z][A-Z_]{4,}(?![\w/.])/g)].map((match) => match[0]);
      const words = new Set(["BALANCED"]); // what `totals` prints
      assert.deepEqual(
        [...new Set(named)].filter((one) => !known.has(one) && !words.has(one)),
        [],
        path,
      );
      assert.deepEqual(
        Object.keys(PARK).filter((code) => !named.includes(code)),
        [],
        path,
      );
    }
  });
});

describe("both languages say the same", () => {
  /** Commands without the language and what a person chooses. */
  const commandsOf = (path: string): readonly string[] =>
    codeOf(read(path))
      .filter((line) => line.startsWith("$ ") || /^np[mx] /.test(line))
      .map((line) =>
        line
          .replace(/ --lang en/, "")
          .replace(/ {2,}#.*$/, "")
          .replace(/<[^>]+>/g, "<…>"),
      );
  const shapeOf = (path: string): readonly string[] =>
    read(path)
      .split("\n")
      .flatMap((line) => (/^#{1,3} /.test(line) ? [line.replace(/ .*/, "")] : line.startsWith("|") ? [`|${line.split("|").length}`] : []));

  for (const [english, chinese] of [READMES, RUNBOOKS] as const) {
    test(`${english} and ${chinese}`, () => {
      assert.deepEqual(commandsOf(chinese), commandsOf(english));
      assert.deepEqual(shapeOf(chinese), shapeOf(english));
    });
  }
});
