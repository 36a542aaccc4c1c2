import type { Clock } from "./clock.ts";

export interface Bell {
  ring(): void;
  /** Resolves after `ms`, or once it is rung. */
  sleep(ms: number): Promise<void>;
}

/** A sleep that can be cut short; a wake before the sleep is not lost. */
export function createBell(clock: Clock): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      rung = true;
      wake?.();
    },
    sleep: (ms) =>
      new Promise((resolve) => {
        const done = () => {
          cancel();
          wake = undefined;
          rung = false;
          resolve();
        };
        const cancel = clock.after(Math.max(ms, 0), done);
        wake = done;
        if (rung) done();
      }),
  };
}
