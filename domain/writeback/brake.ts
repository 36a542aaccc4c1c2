/**
 * The failure brake of one destination: after enough failures in a row only one call at a time goes out, with growing pauses, until one is answered. Deliberately
 * small: the breaker that keeps every worker's hands off the rows (design.md decision 7) takes its place behind the same interface.
 */
import type { Reach } from "./attempt-end.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import type { Random } from "./clock.ts";

/** Failures in a row that put the brake on. */
export const BRAKE_AFTER = 5;
/** Pauses between probes while it is on. */
export const PROBE_BACKOFF: Backoff = { firstMs: 1_000, maxMs: 30_000 };

export interface Brake {
  /** How many calls may begin now, with `onWire` under way; `waitMs` says when to look again when that is none because of the brake. */
  allowance(tickMs: number, onWire: number, parallel: number): { readonly calls: number; readonly waitMs?: number };
  /** One call has ended. */
  ended(reach: Reach, tickMs: number): void;
  /** True while only probes go out. */
  on(): boolean;
}

export function createBrake(random: Random, backoff: Backoff = PROBE_BACKOFF): Brake {
  let failures = 0;
  let probes = 0;
  let notBeforeTickMs = 0;
  const on = (): boolean => failures >= BRAKE_AFTER;
  return {
    on,
    allowance: (tickMs, onWire, parallel) => {
      if (!on()) return { calls: Math.max(parallel - onWire, 0) };
      if (onWire > 0) return { calls: 0 };
      return tickMs < notBeforeTickMs ? { calls: 0, waitMs: notBeforeTickMs - tickMs } : { calls: 1 };
    },
    ended: (reach, tickMs) => {
      if (reach === "answered") {
        failures = 0;
        probes = 0;
        return;
      }
      if (reach === "not-called") return;
      if (reach === "failed") failures += 1;
      // Calls that were under way when the brake went on fail during the first pause: they are no probes and do not lengthen it.
      if (!on() || tickMs < notBeforeTickMs) return;
      if (reach === "failed") probes += 1;
      notBeforeTickMs = tickMs + backoffMs(Math.max(probes, 1), backoff, random);
    },
  };
}
