/** The engine's process: opens the engine, starts Node-RED with settings.ts, says where it listens, and stops in reverse order. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failpoint } from "../domain/failpoint.ts";
import { startNodeRed } from "../platform/node-red/runtime.ts";
import { armKillPoints } from "./engine/kill-point.ts";
import { engineFileOf } from "./start/children.ts";

/** The whole stop; the supervisor kills after 20 s. */
const STOP_MS = 18_000;

/** What is told to whoever started us, without a stack: the reason, and what to do where the reason alone does not say it. */
function whyRefused(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, port } = error as { readonly code?: unknown; readonly port?: unknown };
  if (code !== "EADDRINUSE") return error.message;
  const names = "HUILIU_GATEWAY_PORT, HUILIU_CONSOLE_PORT, HUILIU_EDITOR_PORT";
  return (
    `Port ${String(port)} is taken by another program: stop that program, or give a free port by ${names}\n` +
    `端口 ${String(port)} 已被其他程序占用：请停止该程序，或用 ${names} 指定空闲端口`
  );
}

// Settings that are wrong are refused while settings.ts is loaded.
const { composition, config, settings } = await import("../settings.ts").catch((error: unknown) => {
  process.stderr.write(`${whyRefused(error)}\n`);
  process.exit(1);
});

try {
  armKillPoints({
    profile: config.profile,
    points: process.env.HUILIU_FAILPOINT,
    later: process.env.HUILIU_FAILPOINT_LATER,
    note: process.env.HUILIU_FAILPOINT_NOTE,
    die: () => process.kill(process.pid, "SIGKILL"),
  });
} catch (error) {
  process.stderr.write(`${whyRefused(error)}\n`);
  process.exit(1);
}

function announce(addresses: Readonly<Record<string, unknown>>): void {
  const file = join(config.dataDir, engineFileOf(config.worker));
  writeFileSync(`${file}.${process.pid}`, JSON.stringify({ pid: process.pid, ...addresses }), { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
}

let red: Awaited<ReturnType<typeof startNodeRed>> | undefined;
let stopping = false;

async function stop(why: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  composition.log.info({ why }, "stopping");
  setTimeout(() => process.exit(1), STOP_MS).unref();
  failpoint("engine.before-drain");
  await composition.drain();
  failpoint("engine.after-drain");
  await red?.stop();
  await composition.close();
  process.exit(0);
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
// The supervisor's end of the channel is gone: it was killed, and whoever starts next must not find two engines.
process.on("disconnect", () => void stop("the supervisor is gone"));

try {
  const addresses = await composition.start();
  red = await startNodeRed(settings);
  composition.useFlows({ changed: settings.huiliuFlowsChanged as () => Promise<boolean>, reload: red.reload });
  if (red.editor) composition.editorAt(red.editor);
  failpoint("engine.before-announce");
  const { wires, ...main } = addresses;
  announce({ ...main, ...wires, ...(red.editor ? { editor: red.editor } : {}) });
  composition.log.info({ ...addresses, editor: red.editor }, "ready");
} catch (error) {
  // Refused at start: every problem, in plain words, to whoever started it.
  process.stderr.write(`${whyRefused(error)}\n`);
  composition.log.error({ error }, "start refused");
  await composition.close();
  process.exit(1);
}
