import { promote } from "../../platform/memory/overtaken.ts";
import { createMemoryStores } from "../../platform/memory/stores.ts";
import { testEvent } from "./settle-world.ts";
import { supersededContract } from "./superseded.ts";

supersededContract("memory", async () => {
  const stores = createMemoryStores(() => Date.parse("2026-11-20T09:00:00+08:00"));
  const worker = stores.worker({
    parkedEvent: (message, reason) => ({
      event: testEvent(`parked-${message.id}`, "message.parked"),
      fingerprint: reason.code,
      keys: [],
      publish: true,
    }),
    after: () => undefined,
    leaseMs: 60_000,
  });
  const of = (order: string) => [...stores.writeBacks.values()].filter((row) => row.owed.lane === order);
  return {
    journal: worker.journal,
    settle: worker.settle,
    rows: async (order) =>
      of(order)
        .sort((a, b) => Number(a.laneSeq - b.laneSeq))
        .map(({ id, owed, state, supersededBy }) => ({
          id,
          kind: owed.kind,
          state,
          amountFen: owed.amountFen ?? 0n,
          ...(supersededBy === undefined ? {} : { supersededBy }),
        })),
    put: async (id, state, mayHaveTakenEffect) => {
      const row = [...stores.writeBacks.values()].find((one) => one.id === id);
      Object.assign(row ?? {}, { state, mayHaveTakenEffect });
    },
    promote: async (order) => void promote(stores.writeBacks, "his", order),
    lookAgain: async () => stores.lookAgain(),
    close: async () => undefined,
  };
});
