import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ServiceProblem } from "../platform/services/problem.ts";
import { DATA_DIR, givenUrl, inheritedEnv, onStopRequest, ROOT } from "./environment.ts";
import { engineProgram, hospitalProgram } from "./start/programs.ts";
import { pagesBuilt } from "./start/pages.ts";
import type { RunFile } from "./start/run.ts";
import { runSession } from "./start/session.ts";
import { WORKERS_MAX } from "./start/workers.ts";

const HELP = `npm start -- [options]      run Huiliu: its servers, the simulated hospital and the engine

  --fresh                 empty .data/ first: database, broker, credentials, everything
  --profile <name>        development (default): editor on, loopback only, simulated hospital, credentials made in .data/
                          production: no editor, no simulated hospital, unsafe settings are refused
  --no-hospital           development without the simulated hospital
  --workers <n>           so many engine processes share the work (1 to ${WORKERS_MAX}; default 1). Further machines share it, too: give
                          them the same HUILIU_POSTGRES_URL, HUILIU_AMQP_URL and HUILIU_REDIS_URL, and the same flows and mappings
  --data <folder>         keep data there instead of .data/ (or HUILIU_DATA_DIR)
  --help                  this text

Servers: set HUILIU_POSTGRES_URL, HUILIU_AMQP_URL or HUILIU_REDIS_URL to use one that runs already; for each that is not
set a private one is started on a free loopback port. Production must name HUILIU_CREDENTIALS_FILE. Ports are free ones,
the same at every start, unless HUILIU_GATEWAY_PORT, HUILIU_CONSOLE_PORT or HUILIU_EDITOR_PORT say otherwise.

.data/run.json says, once ready, where everything listens and how to get in (mode 0600). Logs are in .data/log/.
Ctrl-C stops everything that was started, the engine first. Other commands: npm test, npm run check, npm run peers,
npm run bench, npm run coverage:capabilities, npx huiliu --help.`;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

interface Arguments {
  readonly help: boolean;
  readonly fresh: boolean;
  readonly profile: "development" | "production";
  readonly hospital: boolean;
  readonly dataDir: string;
  readonly workers: number;
}

function readArguments(): Arguments | string {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: "boolean" },
        fresh: { type: "boolean" },
        profile: { type: "string" },
        "no-hospital": { type: "boolean" },
        data: { type: "string" },
        workers: { type: "string" },
      },
    });
    const profile = values.profile ?? process.env.HUILIU_PROFILE ?? "development";
    if (profile !== "development" && profile !== "production") return `unknown profile ${profile}: development or production`;
    const workers = Number(values.workers ?? "1");
    if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX) return `--workers takes a number from 1 to ${WORKERS_MAX}`;
    const folder = values.data ?? (process.env.HUILIU_DATA_DIR?.trim() || undefined);
    return {
      workers,
      help: values.help === true,
      fresh: values.fresh === true,
      profile,
      hospital: profile === "development" && values["no-hospital"] !== true && existsSync(join(ROOT, "test", "hospital", "main.ts")),
      dataDir: folder === undefined ? DATA_DIR : resolve(folder),
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function announce(file: RunFile, dataDir: string, since: number): void {
  for (const name of ["console", "gateway", "editor"]) if (typeof file[name] === "string") say(`  ${name.padEnd(8)} ${file[name]}`);
  if (typeof file.consoleSecure === "string") say(`  console  ${file.consoleSecure} (TLS)`);
  const workers = file.workers as readonly { readonly worker: string; readonly console: string }[];
  for (const one of workers.slice(1)) say(`  console  ${one.console} (${one.worker})`);
  if (typeof file.setup === "string") {
    say("\n  There is no account yet. Open this link once, within 24 hours, to make the first administrator:");
    say("  尚无账户。请在 24 小时内打开此链接（一次有效）建立第一个管理员：");
    say(`  ${file.setup}\n`);
  }
  say(`  details  ${join(dataDir, "run.json")}   logs ${join(dataDir, "log")}   stop with Ctrl-C`);
  process.stdout.write(`ready in ${((Date.now() - since) / 1000).toFixed(1)} s\n`);
}

function session(given: Arguments, since: number): Promise<void> {
  const { dataDir } = given;
  return runSession({
    root: ROOT,
    dataDir,
    fresh: given.fresh,
    workers: given.workers,
    profile: given.profile,
    given: { postgres: givenUrl("HUILIU_POSTGRES_URL"), amqp: givenUrl("HUILIU_AMQP_URL"), redis: givenUrl("HUILIU_REDIS_URL") },
    credentialsFile: given.profile === "production" ? process.env.HUILIU_CREDENTIALS_FILE : undefined,
    env: inheritedEnv(),
    engine: engineProgram(ROOT),
    hospital: given.hospital ? hospitalProgram(ROOT) : undefined,
    pages: (signal) => pagesBuilt(ROOT, inheritedEnv(), signal),
    log: (line) => say(`· ${line}`),
    onStopRequest,
    onReady: (file) => announce(file, dataDir, since),
  });
}

const given = readArguments();
if (typeof given === "string") {
  say(`✗ ${given}\n\n${HELP}`);
  process.exit(2);
} else if (given.help) {
  process.stdout.write(`${HELP}\n`);
} else {
  const since = Date.now();
  say(`Huiliu 汇流 (${given.profile}), data in ${given.dataDir}`);
  try {
    await session(given, since);
    process.exit(0);
  } catch (error) {
    if (error instanceof ServiceProblem) say(`\n✗ ${error.message}\n✗ ${error.zh}`);
    else say(`\n✗ ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
