/** The thread in which worlds are played (simulation-rules.ts, outage.ts). */
import { parentPort, workerData } from "node:worker_threads";
import { type OutageOf, playOutage } from "./outage.ts";
import type { Plan } from "./simulation.ts";
import { play } from "./simulation-rules.ts";

export interface Asked {
  readonly seeds?: { readonly first: number; readonly last: number; readonly plan: Plan; readonly parks: boolean };
  readonly outage?: OutageOf;
}

const { seeds, outage } = workerData as Asked;
try {
  if (seeds) parentPort?.postMessage({ played: await play(seeds.first, seeds.last, seeds.plan, seeds.parks) });
  if (outage) parentPort?.postMessage({ played: await playOutage(outage) });
} catch (error) {
  parentPort?.postMessage({ broken: error instanceof Error ? error.message : String(error) });
}
