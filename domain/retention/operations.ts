/** What a person may ask and do about retention (platform/postgres/retention.ts does it). */
import type { Deed } from "../operations/ports.ts";
import type { Answered } from "../operations/refusals.ts";
import type { RetentionPolicyView, RetentionRun, RetentionSimulation } from "../operations/views-retention.ts";
import type { Done } from "../operations/views.ts";
import type { RetentionPolicy } from "./policy.ts";

/** What was simulated may be run for so long. */
export const SIMULATION_MS = 3_600_000;

export interface Retention {
  policy(): Promise<Answered<RetentionPolicyView>>;
  /** Changes what is given; the rest stays as it is. */
  setPolicy(change: Partial<RetentionPolicy>, deed: Deed): Promise<Answered<Done>>;
  /** What would go and what would stay, and why. Drops nothing. */
  simulate(by: string): Promise<Answered<RetentionSimulation>>;
  /** Drops what the simulation of this hash said, as long as the same would be said now. */
  run(hash: string, deed: Deed): Promise<Answered<RetentionRun>>;
  /** Once a night, when the policy says so: simulates and runs. Undefined: not due. */
  nightly(): Promise<Answered<RetentionRun> | undefined>;
}
