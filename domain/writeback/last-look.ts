/** The last look before the wire: between a claim and its call this process may have slept, been paused, or let its token grow old. */
import type { Clock } from "./clock.ts";
import type { Allowed, DestinationGate } from "./destination-gate.ts";
import type { Claimed } from "./ports.ts";

/** A claim that comes this long after its token was granted needs another: a worker that slept must not add its share to another second's. */
const LATE_MS = 100;
const TOKEN_TRIES = 20;
const TRY_AGAIN_MS = 20;
const TRY_AGAIN_MAX_MS = 1_000;

export interface LastLookDeps {
  readonly gate: DestinationGate;
  readonly clock: Clock;
  /** Reads every gate now. */
  readonly refresh: () => Promise<void>;
  readonly stopping: () => boolean;
}

export interface Leaving {
  readonly claimed: Pick<Claimed, "action">;
  readonly claimedAtTickMs: number;
  readonly trial?: true;
}

/** Answers once it may leave (undefined), or why the claim has to go back. Never rejects. */
export function createLastLook({ gate, clock, refresh, stopping }: LastLookDeps): (leaving: Leaving) => Promise<string | undefined> {
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

  const shut = async (trial: true | undefined): Promise<string | undefined> => {
    if (gate.stale()) await refresh();
    const no = gate.shut();
    return no === undefined || (trial && no.why === "half-open") ? undefined : `the gate is ${no.why}`;
  };

  /** Its token was of another second: it needs one of this second, or it goes back. */
  const tokenAgain = async (): Promise<boolean> => {
    for (let tries = 0; tries < TOKEN_TRIES && !stopping(); tries += 1) {
      const may: Allowed = await gate.acquire(1).catch(() => ({ calls: 0, waitMs: TRY_AGAIN_MS }));
      if (may.trial) gate.unused(1, true);
      if (may.trial || may.shut !== undefined) return false;
      if (may.calls > 0) return true;
      await pause(Math.min(may.waitMs ?? TRY_AGAIN_MS, TRY_AGAIN_MAX_MS));
    }
    return false;
  };

  return async ({ claimed, claimedAtTickMs, trial }) => {
    // No call is made for it: it is only written down.
    if (claimed.action === "park") return undefined;
    const beganTickMs = clock.tickMs();
    const no = await shut(trial);
    if (no !== undefined) return no;
    const late = clock.tickMs() - claimedAtTickMs > LATE_MS;
    if (late && !trial && gate.metered() && !(await tokenAgain())) return "no token came";
    const waitMs = gate.paceMs();
    if (waitMs > 0) await pause(waitMs);
    return clock.tickMs() - beganTickMs > LATE_MS ? shut(trial) : undefined;
  };
}
