import { join } from "node:path";

/** A program as RunOptions take it. */
export interface Runnable {
  readonly command: string;
  readonly args: readonly string[];
}

const QUIET = "--disable-warning=ExperimentalWarning";
/**
 * Megabytes of each half of the young generation. What a message leaves behind is garbage once it has settled; with the default of 16 much of it is copied
 * twice and grows old before that. With 8 the engine is some 20 MB smaller and collects for 55 µs a message more (docs/decisions/009).
 */
const YOUNG_MB = 24;
/**
 * By how much of what lives the old generation may grow before it is collected. By default it doubles and more: what messages leave there after half a second is garbage,
 * and the engine held 100 MB of it (docs/decisions/009: 416 → 350 MB, some 50 µs a message).
 */
const GROWING_PERCENT = 80;

/** The engine on this Node; `flags` are Node's own (profiling). */
export function engineProgram(root: string, flags: readonly string[] = []): Runnable {
  return {
    command: process.execPath,
    args: [
      QUIET,
      `--max-semi-space-size=${YOUNG_MB}`,
      `--heap-growing-percent=${GROWING_PERCENT}`,
      ...flags,
      join(root, "bin", "engine.ts"),
    ],
  };
}

/** The simulated hospital on this Node. */
export function hospitalProgram(root: string): Runnable {
  return { command: process.execPath, args: [QUIET, join(root, "test", "hospital", "main.ts")] };
}
