/** Every command of `npx huiliu`, as the code lists them, with --json at an engine's API over a real store: one JSON document on standard output, a documented exit code. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { EXIT } from "../../../bin/huiliu/client.ts";
import { createProgram } from "../../../bin/huiliu/program.ts";
import { createConsole } from "../../../console/console.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { operationsWorld } from "../operations/world.ts";

const NOBODY = "00000000-0000-7000-8000-000000000000";
const WHY = ["--reason", "conformance", "--by", "王工"];
const TOKEN = "commands_test_token_1";
const IN = join(import.meta.dirname, "..", "..", "..", "mappings", "his", "charge", "examples", "two-lines", "in.xml");
const { ok, failed, refused, notRunning } = EXIT;

/** A leaf command by its path → a command line of it and how it must end. A command that is not here fails the test. */
const CASES: Readonly<Record<string, readonly (readonly [args: readonly string[], ...codes: readonly number[]])[]>> = {
  search: [[["B1", "B2"], ok]],
  messages: [
    [[], ok],
    [["--limit", "none"], refused],
  ],
  events: [[[], ok]],
  "write-backs": [[[], ok]],
  acknowledgements: [[[], ok]],
  audit: [
    [[], ok],
    [["look"], refused],
  ],
  status: [
    [[], ok],
    [["--colour"], refused],
    [["--data", "/nowhere"], notRunning],
  ],
  show: [
    [[NOBODY], refused],
    [[], refused],
  ],
  parked: [[[], ok]],
  totals: [[[], ok, failed]],
  destinations: [[[], ok]],
  partners: [[[], ok]],
  replay: [[[NOBODY, ...WHY], refused]],
  resolve: [[[NOBODY, ...WHY], refused]],
  subscribers: [[[], ok]],
  subscribe: [
    [["books", ...WHY], ok],
    [["books", "--events", "no such type", ...WHY], refused],
  ],
  unsubscribe: [
    [["books", ...WHY], ok],
    [["A B", ...WHY], refused],
  ],
  checkpoint: [[["nobody", "--seq", "1", ...WHY], refused]],
  republish: [[[], refused]],
  pause: [[["nobody", ...WHY], refused]],
  resume: [[["nobody", ...WHY], refused]],
  drain: [[["nobody", "--minutes", "1", ...WHY], refused]],
  lanes: [[[], ok]],
  lane: [[["dance", "his", "bill:1", ...WHY], refused]],
  park: [[[NOBODY, ...WHY], refused]],
  destination: [[["show", "nobody"], refused]],
  "replay-job": [
    [[], ok],
    [["dance"], refused],
  ],
  failures: [[[], ok]],
  alarms: [[[], ok]],
  retention: [[[], ok]],
  account: [
    [["list"], ok],
    [["reset", "nobody", ...WHY], refused],
  ],
  doctor: [[[], ok, failed]],
  "mapping try": [
    [["his/charge", IN], ok],
    [["his/nothing", IN], refused],
    [["his/charge", "/nowhere.xml"], refused],
  ],
  "mapping new": [[["acme", "pay", "/nowhere.xml"], refused]],
  "mapping check": [[["his/nothing"], refused]],
  "flow test": [[["no-such-flow"], refused]],
  "flow release": [[[], refused]],
  "flow key": [[["--data", tmpdir()], ok, refused]],
  "hospital send": [[["--partner", "his", "--message", "nothing"], refused]],
  "hospital day": [[[], notRunning]],
  "hospital fault": [[["none"], notRunning]],
  "hospital check": [[["--sent", "/nowhere"], notRunning]],
};

const leaves = (command: Command, path: string): readonly (readonly [string, Command])[] =>
  command.commands.flatMap((one) => {
    const name = `${path} ${one.name()}`.trim();
    return one.commands.length > 0 ? leaves(one, name) : [[name, one] as const];
  });

interface Ended {
  readonly argv: readonly string[];
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

describe("commands for programs", () => {
  const program = createProgram("/nowhere");
  const ended = new Map<string, Ended>();
  const keyOf = (argv: readonly string[]): string => argv.join("\0");
  const argvOf = (name: string, args: readonly string[]): readonly string[] => [...name.split(" "), ...args, "--json"];
  let close: () => Promise<void> = async () => undefined;
  let folder = "";

  before(async () => {
    const world = await operationsWorld();
    const silent = (): void => undefined;
    const app = createConsole({
      operations: world.operations,
      auth: { token: TOKEN },
      readiness: async () => [],
      metrics: createMetrics(),
      log: { debug: silent, info: silent, warn: silent, error: silent },
      host: "127.0.0.1",
      port: 0,
    });
    close = async () => {
      await app.close();
      await world.close();
    };
    folder = mkdtempSync(join(tmpdir(), "huiliu-commands-"));
    writeFileSync(join(folder, "run.json"), JSON.stringify({ console: await app.listen(), token: TOKEN }));
    const known = leaves(await program, "").map(([name]) => name);
    const lines = known.flatMap((name) => (CASES[name] ?? []).map(([args]) => argvOf(name, args)));
    const child = fork(fileURLToPath(new URL("commands-child.ts", import.meta.url)), [folder, JSON.stringify(lines)], { stdio: "ignore" });
    child.on("message", (one) => void ended.set(keyOf((one as Ended).argv), one as Ended));
    await new Promise((resolve) => child.on("close", resolve));
  });
  after(async () => {
    await close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("every command takes --json, and has a case here", async () => {
    const known = leaves(await program, "");
    assert.ok(known.length >= 40, `${known.length} commands`);
    for (const [name, command] of known) {
      assert.ok(
        command.options.some((one) => one.long === "--json"),
        `${name} does not take --json`,
      );
      assert.ok((CASES[name] ?? []).length > 0, `${name} has no case in this test`);
    }
  });

  test("the exit codes are in the help", async () => {
    let help = "";
    (await program).configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    for (const code of Object.values(EXIT)) assert.match(help, new RegExp(`\\b${code} [\\u4e00-\\u9fff]`));
  });

  for (const [name, cases] of Object.entries(CASES))
    for (const [args, ...codes] of cases)
      test(`${name} ${args.join(" ")} ends with ${codes.join(" or ")}`, async () => {
        if (!leaves(await program, "").some(([one]) => one === name)) return; // a room that is not installed here
        const told = ended.get(keyOf(argvOf(name, args)));
        assert.ok(told, "it did not end");
        assert.ok(codes.includes(told.code), `${told.code}: ${told.out}${told.err}`);
        const document: unknown = JSON.parse(told.out);
        assert.ok(typeof document === "object" && document !== null, told.out);
        if (told.code === refused || told.code === notRunning) assert.ok(says(document), told.out);
      });
});

/** Whether it says what is wrong: `{error}`, or the problems that a document or a message has. */
function says(document: object): boolean {
  const { error, problems, unreadable } = document as {
    readonly error?: unknown;
    readonly problems?: unknown;
    readonly unreadable?: unknown;
  };
  if (typeof error === "object" && error !== null) return "en" in error && "zh" in error && error.en !== "" && error.zh !== "";
  return typeof error === "string" || Array.isArray(problems) || Array.isArray(unreadable);
}
