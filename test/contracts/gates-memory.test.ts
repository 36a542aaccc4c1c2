import { createVirtualClock } from "../../platform/memory/clock.ts";
import { createMemoryGates } from "../../platform/memory/gates.ts";
import { gateContract } from "./gates.ts";

gateContract("memory", async () => {
  const clock = createVirtualClock();
  const store = createMemoryGates(clock);
  let owed = 0;
  const heads = new Map<string, string>();
  return {
    store: {
      ...store,
      oldestHead: async (name) => {
        const key = heads.get(name);
        return key === undefined ? undefined : { key, kind: "payment-confirm", businessDate: "2026-11-20" };
      },
    },
    owe: async (destination) => {
      owed += 1;
      const key = `key-${owed}`;
      if (!heads.has(destination)) heads.set(destination, key);
      return key;
    },
    advance: async (ms) => {
      await clock.advance(ms);
    },
    close: async () => undefined,
  };
});
