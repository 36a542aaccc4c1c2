/** A clock that only moves when told: timers run in order of their time, and nothing ever waits for real. */
import type { Clock } from "../../domain/writeback/clock.ts";

export interface VirtualClock extends Clock {
  /** Runs everything due within `ms`, letting promises settle between timers. */
  advance(ms: number): Promise<void>;
  /** Runs the next timer, if it is due by `untilTickMs`; false: there is none, and time stands where it stood. */
  step(untilTickMs: number): boolean;
  /** Runs until `done` or until `ms` have passed; answers whether `done`. */
  until(done: () => boolean, ms: number): Promise<boolean>;
}

/** Promises of the code under test settle before the next timer runs. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

const before = (one: Timer, other: Timer): boolean => one.at < other.at || (one.at === other.at && one.order < other.order);

/** Timers by their time: a binary heap. Cancelled ones leave when their time comes. */
function createTimers() {
  const heap: Timer[] = [];
  const swap = (one: number, other: number): void => {
    const [a, b] = [heap[one], heap[other]];
    if (a && b) [heap[one], heap[other]] = [b, a];
  };
  const isBefore = (one: number, other: number): boolean => {
    const [a, b] = [heap[one], heap[other]];
    return a !== undefined && b !== undefined && before(a, b);
  };
  const pop = (): void => {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      if (isBefore(2 * at + 1, least)) least = 2 * at + 1;
      if (isBefore(2 * at + 2, least)) least = 2 * at + 2;
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  return {
    push: (timer: Timer): void => {
      heap.push(timer);
      for (let at = heap.length - 1; at > 0 && isBefore(at, (at - 1) >> 1); at = (at - 1) >> 1) swap(at, (at - 1) >> 1);
    },
    next: (): Timer | undefined => {
      while (heap[0] && heap[0].run === undefined) pop();
      return heap[0];
    },
    pop,
  };
}

export function createVirtualClock(startMs = Date.parse("2026-11-20T09:00:00+08:00")): VirtualClock {
  let tick = 0;
  let order = 0;
  const timers = createTimers();
  const until = async (done: () => boolean, ms: number): Promise<boolean> => {
    const end = tick + ms;
    await settle();
    while (!done()) {
      const due = timers.next();
      if (!due || due.at > end) {
        tick = end;
        return done();
      }
      timers.pop();
      tick = Math.max(tick, due.at);
      due.run?.();
      await settle();
    }
    return true;
  };
  return {
    nowMs: () => startMs + tick,
    tickMs: () => tick,
    after: (ms, then) => {
      order += 1;
      const timer: Timer = { at: tick + Math.max(ms, 0), order, run: then };
      timers.push(timer);
      return () => {
        timer.run = undefined;
      };
    },
    advance: async (ms) => {
      await until(() => false, ms);
    },
    until,
    step: (untilTickMs) => {
      const due = timers.next();
      if (!due || due.at > untilTickMs) return false;
      timers.pop();
      tick = Math.max(tick, due.at);
      due.run?.();
      return true;
    },
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
