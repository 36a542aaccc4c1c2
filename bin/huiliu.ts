/** `npx huiliu …`: the operators' commands, the mapping tools and the simulated hospital. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Command, CommanderError } from "commander";
import { DATA_DIR, ROOT } from "./environment.ts";
import { EXIT } from "./huiliu/client.ts";
import { registerOperatorCommands } from "./huiliu/commands.ts";

/** `dataDir`: where run.json is when --data does not say. */
type Register = (program: Command, root: string, dataDir: string) => void;

/** Commands of other rooms, where those rooms are installed (production has no simulated hospital). */
async function registerFrom(program: Command, dataDir: string, file: string, name: string): Promise<void> {
  const path = join(ROOT, file);
  if (!existsSync(path)) return;
  const module = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  const register = module[name];
  if (typeof register !== "function") throw new Error(`${file} does not export ${name}`);
  (register as Register)(program, ROOT, dataDir);
}

async function main(): Promise<void> {
  const program = new Command("huiliu")
    .description("汇流：医院支付集成引擎 · Huiliu, the integration engine of a hospital's payments")
    .showHelpAfterError("(--help)")
    .addHelpText(
      "after",
      "\nExit codes · 返回码: 0 好 ok, 1 失败或不平 failed or not balanced, 2 被拒绝 refused, 3 引擎没有运行 engine not running",
    )
    .exitOverride();
  const given = process.env.HUILIU_DATA_DIR?.trim();
  const dataDir = given === undefined || given === "" ? DATA_DIR : given;
  registerOperatorCommands(program, {
    dataDir,
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    exit: (code) => {
      process.exitCode = code;
    },
    nowMs: () => Date.now(),
  });
  await registerFrom(program, dataDir, "bin/doctor/doctor.ts", "registerDoctor");
  await registerFrom(program, dataDir, "bin/mapping.ts", "registerMappingCommands");
  await registerFrom(program, dataDir, "bin/flow-tests/commands.ts", "registerFlowCommands");
  await registerFrom(program, dataDir, "test/hospital/cli.ts", "registerHospitalCommands");
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end here too, with code 0; a wrong command line is refused.
    process.exitCode = error.exitCode === 0 || error.code === "commander.help" ? EXIT.ok : EXIT.refused;
  }
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT.failed;
}
