/**
 * docs/walkthrough-new-vendor.md, executed: its files are written, its commands run in their order, and what it shows is what they print ("What must show" 6).
 * Both languages hold the same blocks. A vendor nobody here knew is connected by JSON alone: the test adds nothing of its own.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort } from "../../platform/services/ports.ts";
import { type Huiliu, ROOT, startHuiliu, until } from "./harness.ts";

interface Block {
  readonly language: string;
  readonly file?: string;
  readonly text: string;
}

/** A command, and what it is shown to print: `…` stands for anything. */
interface Command {
  readonly run: string;
  readonly shown: readonly string[];
}

const STUB_PORT = "19700";
const SHOWN_MS = 20_000;

function blocksOf(language: "" | ".zh-CN"): readonly Block[] {
  const page = readFileSync(join(ROOT, "docs", `walkthrough-new-vendor${language}.md`), "utf8");
  return [...page.matchAll(/^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm)].map(([, lang = "", file, text = ""]) => ({
    language: lang,
    ...(file === undefined ? {} : { file }),
    text,
  }));
}

function commandsOf({ text }: Block): readonly Command[] {
  if (!/^\$ /m.test(text)) return [{ run: text, shown: [] }];
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [run = "", ...shown] = part.trimEnd().split("\n");
      return { run, shown };
    });
}

/** True when every line shown is printed, in order. */
function prints(output: string, shown: readonly string[]): boolean {
  const plain = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const lines = shown.map((line) => `^.*${line.split("…").map(plain).join(".*")}.*$`);
  return lines.length === 0 || new RegExp(lines.join("[\\s\\S]*?"), "m").test(output);
}

const blocks = blocksOf("");
const start = blocks.findIndex(({ language, text }) => language === "sh" && /^\$ npm start$/m.test(text));
let huiliu: Huiliu;
let stub: ChildProcess;
let port = STUB_PORT;
let root = "";
const variables: string[] = [];

/** Runs as a reader would: bash in the project, `npx huiliu` being the project's own command line on the project's own root. */
function run(command: string): string {
  const bin = join(dirname(root), "bin-of-the-reader");
  mkdirSync(bin, { recursive: true });
  const node = `"${process.execPath}" --preserve-symlinks --preserve-symlinks-main --disable-warning=ExperimentalWarning`;
  writeFileSync(join(bin, "npx"), `#!/bin/sh\nshift\nexec ${node} "${join(root, "bin", "huiliu.ts")}" "$@"\n`, { mode: 0o755 });
  const env = { PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH ?? ""}`, HOME: process.env.HOME ?? "/", LANG: "C.UTF-8" };
  try {
    return execFileSync("bash", ["-c", [...variables, command].join("\n")], {
      cwd: root,
      env,
      encoding: "utf8",
      stdio: "pipe",
      timeout: 60_000,
    });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command}\n${stdout}\n${stderr}`);
  }
}

async function follow(block: Block): Promise<void> {
  if (block.file !== undefined) {
    mkdirSync(dirname(join(root, block.file)), { recursive: true });
    writeFileSync(join(root, block.file), block.text.replaceAll(STUB_PORT, port));
    return;
  }
  if (block.language !== "sh") return;
  for (const { run: command, shown } of commandsOf(block)) {
    let output = "";
    const seen = (): boolean => {
      output = run(command);
      return prints(output, shown);
    };
    // Commands that look are repeated until the engine has done it; those that do something are done once.
    if (/^npx huiliu (events|write-backs|parked|messages)/.test(command)) await until(command, seen, SHOWN_MS, () => output);
    else assert.ok(seen(), `${command}\nprints\n${output}\nand not\n${shown.join("\n")}`);
    if (/^[A-Z]+=/.test(command)) variables.push(command);
  }
}

before(async () => {
  port = String(await freePort());
  let failed: unknown;
  // The steps before the start, on the copy of the project that the engine will run on.
  const steps: Block[] = [...blocks.slice(0, start)];
  huiliu = await startHuiliu("walkthrough", {
    prepare: (copy) => {
      root = copy;
      unlinkSync(join(root, ".data"));
      try {
        for (const block of steps) followNow(block);
      } catch (error) {
        failed = error;
      }
    },
  });
  if (failed !== undefined) throw failed;
  symlinkSync(huiliu.dataDir, join(root, ".data"));
  stub = spawn(process.execPath, [join(root, "vendor-stub.mjs")], { stdio: "inherit" });
});
after(async () => {
  stub?.kill();
  await huiliu?.stop();
});

/** Before the start nothing has to be waited for. */
function followNow(block: Block): void {
  if (block.file !== undefined) {
    mkdirSync(dirname(join(root, block.file)), { recursive: true });
    writeFileSync(join(root, block.file), block.text.replaceAll(STUB_PORT, port));
  } else if (block.language === "sh")
    for (const { run: command, shown } of commandsOf(block)) {
      const output = run(command);
      assert.ok(prints(output, shown), `${command}\nprints\n${output}\nand not\n${shown.join("\n")}`);
    }
}

describe("a vendor never seen, connected by following docs/walkthrough-new-vendor.md", { concurrency: false }, () => {
  test("both languages hold the same files and commands, and nothing but JSON connects the vendor", () => {
    assert.deepEqual(blocksOf(".zh-CN"), blocks);
    assert.ok(start > 0);
    const code = blocks.filter(({ file }) => file !== undefined && !/\.(json|xml)$/.test(file) && file !== "vendor-stub.mjs");
    assert.deepEqual(code, []);
  });

  test("C-3 C-5 S0-40 what the page shows after the start is what happens: answered in the vendor's dialect, published, told once, a broken one parked", async () => {
    for (const block of blocks.slice(start + 1)) await follow(block);
    const [told] = await huiliu.sql("select state, serial from write_back where destination = 'ankang'");
    assert.deepEqual(told, { state: "acknowledged", serial: "TJP0001" });
  });
});
