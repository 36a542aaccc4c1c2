/** The thread in which worlds are played (simulation-rules.ts). */
import { parentPort, workerData } from "node:worker_threads";
import type { Plan } from "./simulation.ts";
import { play } from "./simulation-rules.ts";

interface Asked {
  readonly first: number;
  readonly last: number;
  readonly plan: Plan;
  readonly parks: boolean;
}

const { first, last, plan, parks } = workerData as Asked;
try {
  parentPort?.postMessage({ played: await play(first, last, plan, parks) });
} catch (error) {
  parentPort?.postMessage({ broken: error instanceof Error ? error.message : String(error) });
}
