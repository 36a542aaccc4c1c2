/**
 * When to try again: equal-jitter exponential back-off, and how far a partner's Retry-After is believed.
 */
import type { Random } from "./clock.ts";

export interface Backoff {
  /** Middle of the range after the first failure, in milliseconds. */
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Beyond this the power of two has passed every allowed maximum (3,600,000 / 10 < 2^19). */
const DOUBLINGS_MAX = 30;

/**
 * Milliseconds to wait after `failures` failures in a row (1 = the first). The ceiling is first × 2^(failures−1), at most max; half of it is certain and half is
 * chance, so that a thousand lanes that failed together do not come back together, and none comes back at once.
 */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff, random: Random): number {
  const doublings = Math.min(Math.max(Math.trunc(failures) - 1, 0), DOUBLINGS_MAX);
  const ceiling = Math.min(firstMs * 2 ** doublings, maxMs);
  return Math.ceil(ceiling / 2 + random() * (ceiling / 2));
}

/**
 * Milliseconds to wait when the partner said how long: its word, but never sooner than our own back-off would begin and never later than twice our longest wait
 * (a partner that says "tomorrow" by mistake must not silence a payment for a day). Without a word: the back-off.
 */
export function retryAfterMs(told: number | undefined, failures: number, backoff: Backoff, random: Random): number {
  if (told === undefined || !Number.isFinite(told) || told < 0) return backoffMs(failures, backoff, random);
  return Math.ceil(Math.min(Math.max(told, backoff.firstMs), 2 * backoff.maxMs));
}
