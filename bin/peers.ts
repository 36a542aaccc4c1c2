import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { argumentsOf, inheritedEnv, onStopRequest, ROOT } from "./environment.ts";

const HELP = `npm run peers -- [text …] [options]      talk to the engine with clients that nobody here wrote

Runs every test/peers/**/*.test.ts (python3-pika, amqp-publish …) with private servers, like npm test. A peer that is not
installed is installed by its test, or the test says in one sentence what to type.

  text      only files whose path contains one of the texts
  --json    print the report as JSON on standard output
  --help    this text`;

const { values, positionals } = argumentsOf(HELP, {
  allowPositionals: true,
  options: { help: { type: "boolean" }, json: { type: "boolean" } },
});
if (values.help === true) {
  process.stdout.write(`${HELP}\n`);
} else {
  const all = globSync("test/peers/**/*.test.ts", { cwd: ROOT });
  const files = positionals.length === 0 ? all : all.filter((file) => positionals.some((text) => file.includes(text)));
  if (files.length === 0) {
    process.stderr.write("✗ no file under test/peers matches\n");
    process.exitCode = 1;
  } else {
    // The test runner's own process: it starts and ends the servers.
    const args = [
      "--disable-warning=ExperimentalWarning",
      join(ROOT, "bin", "test.ts"),
      ...files.sort(),
      ...(values.json === true ? ["--json"] : []),
    ];
    const child = spawn(process.execPath, args, { stdio: ["inherit", "inherit", "inherit", "ipc"], env: inheritedEnv() });
    onStopRequest(() => child.kill("SIGTERM"));
    process.exitCode = await new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
    process.exit();
  }
}
