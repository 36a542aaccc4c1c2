/** What this worker has sent within the last second. Tokens bound what all workers are granted; this bounds what one lets out when grants came late. */
import type { Clock } from "./clock.ts";

const SECOND_MS = 1_000;
/** A single worker's second may hold this much of the rate: what leaves evenly arrives less so, and no second at the partner shall hold 1.1 times the ceiling. */
const SECOND_SHARE = 1.02;
/** Times that are past are thrown away so many at once. */
const TIDY = 1_024;

export interface Pace {
  /** Milliseconds until one more may leave under the rate; it counts as sent then. */
  waitMs(rate: number | undefined): number;
  /** Calls of the last second. */
  seen(): number;
}

export function createPace(clock: Clock): Pace {
  /** When requests left, or will leave, oldest first; those before `first` are past. */
  let sent: number[] = [];
  let first = 0;
  const tidy = (now: number): void => {
    while (first < sent.length && (sent[first] ?? now) <= now - SECOND_MS) first += 1;
    if (first < TIDY) return;
    sent = sent.slice(first);
    first = 0;
  };
  return {
    waitMs: (rate) => {
      const now = clock.tickMs();
      tidy(now);
      const most = rate === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(rate * SECOND_SHARE));
      const before = sent.length - first < most ? undefined : sent.at(-most);
      const at = before === undefined ? now : Math.max(now, before + SECOND_MS);
      sent.push(at);
      return at - now;
    },
    seen: () => {
      tidy(clock.tickMs());
      return sent.length - first;
    },
  };
}
