/** Timers of a partner: everything that waits is forgotten when it closes. */
export interface Timers {
  after(ms: number, work: () => void): void;
  /** Never resolves once cleared: what waited is not gone on with. */
  wait(ms: number): Promise<void>;
  clear(): void;
}

export function createTimers(): Timers {
  const running = new Set<NodeJS.Timeout>();
  const after = (ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      running.delete(timer);
      work();
    }, ms);
    running.add(timer);
  };
  return {
    after,
    wait: (ms) => new Promise((resolve) => after(ms, resolve)),
    clear() {
      for (const timer of running) clearTimeout(timer);
    },
  };
}
