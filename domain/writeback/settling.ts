/** Writes an attempt's end down until the store answers: an end in hand is worth more than anything the next worker could find out. */
import { JournalBusy, JournalGone } from "../journal/ports.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import type { Clock, Random } from "./clock.ts";
import type { AttemptEnd, WriteBackStore } from "./ports.ts";
import { isParkCode, parkReason } from "./reasons.ts";
import type { DispatcherLog, DispatcherMetrics } from "./watch.ts";
import { why } from "./why.ts";

/** How long to leave a store alone that failed. */
export const STORE_BACKOFF: Backoff = { firstMs: 100, maxMs: 5_000 };
/** An end that the store refuses for its content is tried so often as it is, then without the partner's words. */
const SETTLE_WHOLE_TRIES = 3;

export interface SettlingDeps {
  readonly destination: string;
  readonly store: Pick<WriteBackStore, "settle">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: DispatcherLog;
  readonly metrics: DispatcherMetrics;
  readonly storeFailed: (operation: "settle", error: unknown) => void;
  /** True once the process leaves: what is not written down by now is lost to its lease. */
  readonly givenUp: () => boolean;
}

/** What must be written down whatever the partner said: a proof without its words is better than a write-back that is sent again, or a place in hand for ever. */
function bareEnd(end: AttemptEnd): AttemptEnd {
  const { text: _, code: __, reply: ___, event: ____, receipt, park, ...rest } = end;
  return {
    ...rest,
    why: why("kept-without-words"),
    ...(receipt === undefined ? {} : { receipt: { code: "kept without its words" } }),
    ...(park === undefined ? {} : { park: isParkCode(park.code) ? parkReason(park.code) : parkReason("INTERNAL") }),
  };
}

/** `ms`: how long the call took. Resolves when the end is written down, belongs to another worker, or is given up; never rejects. */
export function createSettling(deps: SettlingDeps): (end: AttemptEnd, ms: number) => Promise<void> {
  const { destination, store, clock, random, log, metrics } = deps;

  const tell = (end: AttemptEnd, settled: Awaited<ReturnType<WriteBackStore["settle"]>>, ms: number): void => {
    const { id, attempt, action, outcome, step } = end;
    metrics.attempt({ destination, action, outcome, step, settled, ms });
    const about = { destination, id, attempt, action, outcome, step, why: end.why, ms };
    if (settled === "lease-lost") log.warn("lease lost: another worker has it, nothing changed", about);
    else if (step === "park") log.warn("write-back parked", { ...about, code: end.park?.code });
    else log.debug("attempt settled", about);
  };

  return async (given, ms) => {
    let end = given;
    for (let failures = 1; !deps.givenUp(); failures += 1) {
      try {
        tell(end, await store.settle(end), ms);
        return;
      } catch (error) {
        deps.storeFailed("settle", error);
        if (!(error instanceof JournalGone || error instanceof JournalBusy) && failures >= SETTLE_WHOLE_TRIES) end = bareEnd(given);
        const pauseMs = backoffMs(failures, STORE_BACKOFF, random);
        await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
      }
    }
  };
}
