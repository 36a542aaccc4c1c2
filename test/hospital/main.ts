#!/usr/bin/env node
/**
 * The simulated hospital as a process: `node test/hospital/main.ts --data <dir> [--port 0] [--mode strict]`.
 * Prints one JSON line once every partner listens; ends on SIGTERM, SIGINT, and with --supervised when its parent is gone.
 */
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type RunningPartner, startHis } from "./his/his.ts";

const USAGE = `node test/hospital/main.ts --data <dir> [--port 0] [--control-port 0] [--mode strict|naive] [--supervised]
  --data          where the ledgers are, <partner>.ledger.jsonl; what they hold is remembered
  --port          port of the HIS on 127.0.0.1 (0: a free one)
  --control-port  port of the HIS's faults and ledger (0: a free one)
  --mode          strict: a key is done once; naive: every request is done
  --supervised    end when the IPC channel, or else stdin, closes
`;

/** Every partner of the hospital, by name; a new partner is one line here. */
async function startPartners(
  dataDir: string,
  port: number,
  controlPort: number,
  mode: "strict" | "naive",
): Promise<Map<string, RunningPartner>> {
  return new Map([["his", await startHis({ name: "his", dataDir, port, controlPort, mode })]]);
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
  const partners = await startPartners(dataDir, Number(values.port), Number(values["control-port"]), mode);
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
  const told = [...partners].map(([name, { url, ledger, faults, ledgerUrl }]) => [name, { url, ledger, faults, ledgerUrl }]);
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, partners: Object.fromEntries(told) })}\n`);
}

await main();
