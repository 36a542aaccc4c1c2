/** Runs the hospital as a child process, for tests and benchmarks: a kill -9 must be a real one. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const READY_TIMEOUT_MS = 120_000;

export interface HospitalProcess {
  readonly pid: number;
  readonly his: { readonly url: string; readonly ledger: string; readonly faults: string; readonly ledgerUrl: string };
  /** Sets faults, mode or clock; throws with the hospital's own words when it refuses. */
  fault(order: unknown): Promise<void>;
  /** Ends it and waits until it is gone; resolves with its exit code, null when it was killed. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  readonly child: ChildProcess;
}

/** Starts `main.ts` with the HIS alone and waits for its ready line. Rejects when it ends or says nothing for {@link READY_TIMEOUT_MS}. */
export async function startHospital(dataDir: string, args: readonly string[] = []): Promise<HospitalProcess> {
  const child = spawn(process.execPath, [MAIN, "--data", dataDir, "--only", "his", ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const line = await readyLine(child);
  const { his } = (JSON.parse(line) as { partners: { his: HospitalProcess["his"] } }).partners;
  return {
    pid: child.pid ?? 0,
    his,
    child,
    async fault(order) {
      const response = await fetch(his.faults, { method: "POST", body: JSON.stringify(order) });
      if (!response.ok) throw new Error(await response.text());
      await response.body?.cancel();
    },
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const gone = once(child, "exit");
      child.kill(signal);
      await gone;
      return child.exitCode;
    },
  };
}

function readyLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error("the hospital did not get ready"));
    }, READY_TIMEOUT_MS);
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`the hospital ended with ${code} before it was ready`));
    });
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
      const end = text.indexOf("\n");
      if (end < 0) return;
      clearTimeout(timer);
      resolve(text.slice(0, end));
    });
  });
}
