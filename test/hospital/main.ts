#!/usr/bin/env node
/**
 * The simulated hospital as a process: `node test/hospital/main.ts --data <dir> [--only lis,ris]`; without --only every partner in one process.
 * Prints one JSON line once every partner listens; ends on SIGTERM, SIGINT, and with --supervised when its parent is gone.
 */
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Mode, RunningPartner } from "./partner.ts";
import { PARTNERS } from "./partners.ts";
import { openPortBook } from "./port-book.ts";

const USAGE = `node test/hospital/main.ts --data <dir> [--only lis,ris] [--port 0] [--control-port 0] [--mode strict|naive] [--supervised]
  --data          where the ledgers are, <partner>.ledger.jsonl; what they hold is remembered
  --only          these partners, by name; else every one: ${PARTNERS.map(({ name }) => name).join(", ")}
  --port          port on 127.0.0.1 of the HIS, or of the first of --only (0: the one it had, or a free one)
  --control-port  port of its faults and ledger (0: likewise)
  --mode          strict: a key is done once; naive: every request is done
  --supervised    end when the IPC channel, or else stdin, closes
`;

interface Wanted {
  readonly dataDir: string;
  readonly names: readonly string[];
  readonly port: number;
  readonly controlPort: number;
  readonly mode: Mode;
}

/** Starts them one after another; when one cannot start, the others are closed and it rejects with that one's name. */
async function startPartners({ dataDir, names, port, controlPort, mode }: Wanted): Promise<Map<string, RunningPartner>> {
  const running = new Map<string, RunningPartner>();
  const book = openPortBook(dataDir);
  for (const program of PARTNERS.filter(({ name }) => names.includes(name))) {
    const { name } = program;
    const first = name === names[0];
    const { url, control, ...doorPorts } = await book.of(name);
    try {
      const partner = await program.start({
        name,
        dataDir,
        mode,
        port: (first ? port : 0) || (url ?? 0),
        controlPort: (first ? controlPort : 0) || (control ?? 0),
        doorPorts,
      });
      running.set(name, partner);
      book.remember(name, partner);
    } catch (error) {
      await Promise.all([...running.values()].map((one) => one.close()));
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return running;
}

function superviseBy(end: () => void): void {
  if (process.channel !== undefined) {
    process.on("disconnect", end);
    return;
  }
  process.stdin.on("end", end).on("close", end).on("error", end).resume();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      only: { type: "string" },
      port: { type: "string", default: "0" },
      "control-port": { type: "string", default: "0" },
      mode: { type: "string", default: "strict" },
      supervised: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { data, mode } = values;
  if (values.help || data === undefined || (mode !== "strict" && mode !== "naive")) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const dataDir = resolve(data);
  await mkdir(dataDir, { recursive: true });
  const names = values.only?.split(",") ?? PARTNERS.map(({ name }) => name);
  const unknown = names.filter((name) => !PARTNERS.some((one) => one.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no partner ${unknown.join(", ")} in the simulated hospital\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const partners = await startPartners({ dataDir, names, port: Number(values.port), controlPort: Number(values["control-port"]), mode });
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    Promise.all([...partners.values()].map((partner) => partner.close())).then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  if (values.supervised) superviseBy(end);
  const told = [...partners].map(([name, { close: _close, ...addresses }]) => [name, addresses]);
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, partners: Object.fromEntries(told) })}\n`);
}

await main();
