/** A clock that only moves when told: timers run in order of their time, and nothing ever waits for real. */
import type { Clock } from "../../domain/writeback/clock.ts";

export interface FakeClock extends Clock {
  /** Runs everything due within `ms`, letting promises settle between timers. */
  advance(ms: number): Promise<void>;
  /** Runs until `done` or until `ms` have passed; answers whether `done`. */
  until(done: () => boolean, ms: number): Promise<boolean>;
}

/** Promises of the code under test settle before the next timer runs. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createFakeClock(startMs = Date.parse("2026-11-20T09:00:00+08:00")): FakeClock {
  let tick = 0;
  let order = 0;
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  const next = (): [number, { readonly at: number; readonly run: () => void }] | undefined => {
    let found: [number, { readonly at: number; readonly run: () => void }] | undefined;
    for (const entry of timers) if (!found || entry[1].at < found[1].at) found = entry;
    return found;
  };
  const until = async (done: () => boolean, ms: number): Promise<boolean> => {
    const end = tick + ms;
    await settle();
    while (!done()) {
      const due = next();
      if (!due || due[1].at > end) {
        tick = end;
        return done();
      }
      timers.delete(due[0]);
      tick = Math.max(tick, due[1].at);
      due[1].run();
      await settle();
    }
    return true;
  };
  return {
    nowMs: () => startMs + tick,
    tickMs: () => tick,
    after: (ms, then) => {
      order += 1;
      const id = order;
      timers.set(id, { at: tick + Math.max(ms, 0), run: then });
      return () => void timers.delete(id);
    },
    advance: async (ms) => {
      await until(() => false, ms);
    },
    until,
  };
}

/** Uniform in [0, 1), the same sequence for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
