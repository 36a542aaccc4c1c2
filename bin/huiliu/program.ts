/** The command line put together, and its promise to programs: with --json one JSON document on standard output, refusals and wrong command lines, too. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Command, CommanderError } from "commander";
import { ROOT } from "../environment.ts";
import { EXIT, NotRunning } from "./client.ts";
import { registerOperatorCommands } from "./commands.ts";

/** `dataDir`: where run.json is when --data does not say. */
type Register = (program: Command, root: string, dataDir: string) => void;

/** Commands of other rooms, where those rooms are installed (production has no simulated hospital). */
const ROOMS: readonly (readonly [file: string, name: string])[] = [
  ["bin/doctor/doctor.ts", "registerDoctor"],
  ["bin/mapping.ts", "registerMappingCommands"],
  ["bin/flow-tests/commands.ts", "registerFlowCommands"],
  ["test/hospital/cli.ts", "registerHospitalCommands"],
];

async function registerFrom(program: Command, dataDir: string, file: string, name: string): Promise<void> {
  const path = join(ROOT, file);
  if (!existsSync(path)) return;
  const module = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  const register = module[name];
  if (typeof register !== "function") throw new Error(`${file} does not export ${name}`);
  (register as Register)(program, ROOT, dataDir);
}

/** Every command there is. */
export async function createProgram(dataDir: string): Promise<Command> {
  const program = new Command("huiliu")
    .description("汇流：医院支付集成引擎 · Huiliu, the integration engine of a hospital's payments")
    .showHelpAfterError("(--help)")
    .addHelpText(
      "after",
      "\nExit codes · 返回码: 0 好 ok, 1 失败或不平 failed or not balanced, 2 被拒绝 refused, 3 引擎没有运行 engine not running" +
        "\n--json: 标准输出恰为一份 JSON，被拒绝时为 {error} · exactly one JSON document on standard output; {error} when refused",
    )
    .exitOverride();
  registerOperatorCommands(program, {
    dataDir,
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    exit: (code) => {
      process.exitCode = code;
    },
    nowMs: () => Date.now(),
  });
  for (const [file, name] of ROOMS) await registerFrom(program, dataDir, file, name);
  return program;
}

/** What a command that ended without a word on standard output is called, by its exit code. */
const ENDED: Readonly<Record<number, string>> = { [EXIT.failed]: "FAILED", [EXIT.refused]: "REFUSED", [EXIT.notRunning]: "NOT_RUNNING" };

/** Runs `work` and answers whether it wrote to standard output, and what it said on standard error. */
async function listened(work: () => Promise<void>): Promise<{ readonly spoke: boolean; readonly complaint: string }> {
  const { stdout, stderr } = process;
  const [out, err] = [stdout.write, stderr.write];
  let spoke = false;
  let complaint = "";
  stdout.write = ((...given: Parameters<typeof out>) => {
    spoke = true;
    return out.apply(stdout, given);
  }) as typeof out;
  stderr.write = ((...given: Parameters<typeof err>) => {
    complaint += String(given[0]);
    return err.apply(stderr, given);
  }) as typeof err;
  try {
    await work();
  } finally {
    stdout.write = out;
    stderr.write = err;
  }
  return { spoke, complaint: complaint.trim() };
}

/** Runs one command line (without `node huiliu`). The exit code is left in process.exitCode; never rejects. */
export async function run(argv: readonly string[], dataDir: string): Promise<void> {
  const work = async (): Promise<void> => {
    try {
      await (await createProgram(dataDir)).parseAsync([...argv], { from: "user" });
    } catch (error) {
      if (error instanceof CommanderError) {
        // Help and version end here too, with code 0; a wrong command line is refused.
        process.exitCode = error.exitCode === 0 || error.code === "commander.help" ? EXIT.ok : EXIT.refused;
        return;
      }
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = error instanceof NotRunning ? EXIT.notRunning : EXIT.failed;
    }
  };
  if (!argv.includes("--json")) return work();
  const { spoke, complaint } = await listened(work);
  const code = ENDED[Number(process.exitCode ?? EXIT.ok)];
  // What was refused before it could answer (a wrong option, a file that is not there) has said why to people only.
  if (!spoke && code !== undefined) process.stdout.write(`${JSON.stringify({ error: { code, zh: complaint, en: complaint } })}\n`);
}
