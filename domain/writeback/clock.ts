/**
 * Time and chance as ports of the delivery core: platform gives the real ones, tests give theirs, and a simulator can run hours in a second.
 */

export interface Clock {
  /** Milliseconds since 1970: for times that people read. May jump. */
  nowMs(): number;
  /** Milliseconds of a clock that never jumps: for leases and durations. */
  tickMs(): number;
  /** Runs `then` once after `ms`; the answer cancels it. */
  after(ms: number, then: () => void): () => void;
}

/** Uniform in [0, 1). */
export type Random = () => number;
