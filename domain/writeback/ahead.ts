/**
 * Heads that were born claimed and wait in memory for a place on the wire. Settlements come in batches larger than the places that are free at that instant; what does
 * not fit would be inserted as waiting, claimed and read back from the table: twice the statements for a wait of milliseconds.
 */
import type { Clock } from "./clock.ts";
import { type DestinationPolicy, unclearAction } from "./policy.ts";

/**
 * Who waited longer goes back to the table: pause, hold and supersession do not see a head that is claimed, and a person's word holds everywhere within a second.
 */
export const AHEAD_WAIT_MS = 500;
/** A partner whose calls take longer than this is not claimed ahead for: the wait would be as long. */
const AHEAD_CALL_MS = 250;

export interface Ahead {
  /** How many more than its places a destination may be promised, all together. `callMs`: how long its last call took; undefined before the first. */
  most(policy: DestinationPolicy, callMs: number | undefined): number;
  waiting(): number;
  /** Resolves with true once a place is ours; with false when it came too late, or none will come: then `given` says whether a place is to be passed on. */
  wait(): Promise<{ readonly given: boolean; readonly go: boolean }>;
  /** Hands a place that became free to the first who waits; false: nobody does. */
  pass(): boolean;
  /** No places any more: all who wait go back. */
  close(): void;
}

export function createAhead(clock: Clock): Ahead {
  let waiting: { readonly sinceTickMs: number; readonly tell: (told: { readonly given: boolean; readonly go: boolean }) => void }[] = [];
  return {
    most: (policy, callMs) =>
      // After a crash a claim is unclear although nothing was sent: where that is parked for a person, none is made before its place is free.
      callMs === undefined || callMs > AHEAD_CALL_MS || unclearAction(policy) === "park" ? 0 : policy.parallel,
    waiting: () => waiting.length,
    wait: () => new Promise((tell) => waiting.push({ sinceTickMs: clock.tickMs(), tell })),
    pass: () => {
      const first = waiting.shift();
      first?.tell({ given: true, go: clock.tickMs() - first.sinceTickMs <= AHEAD_WAIT_MS });
      return first !== undefined;
    },
    close: () => {
      const all = waiting;
      waiting = [];
      for (const one of all) one.tell({ given: false, go: false });
    },
  };
}
