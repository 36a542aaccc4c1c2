import { createVirtualClock } from "../../platform/memory/clock.ts";
import { createMemoryWriteBacks } from "../../platform/memory/write-backs.ts";
import { writeBackContract } from "./write-backs.ts";

writeBackContract("memory", async () => {
  const clock = createVirtualClock();
  const store = createMemoryWriteBacks(clock);
  return {
    store,
    owe: async (about) => store.owe(about).id,
    row: async (id) => {
      const row = store.rows().find((one) => one.id === id);
      return row && { state: row.state, attempts: row.attempt, mayHaveTakenEffect: row.mayHaveTakenEffect };
    },
    advance: async (ms) => {
      await clock.advance(ms);
    },
    gate: async (destination, { drainMs, ...now }) =>
      void store.gates.set(destination, { ...now, ...(drainMs === undefined ? {} : { drainUntilMs: clock.tickMs() + drainMs }) }),
    hold: async (destination, lane, held) =>
      void (held ? store.holds.add(`${destination} ${lane}`) : store.holds.delete(`${destination} ${lane}`)),
    close: async () => undefined,
  };
});
