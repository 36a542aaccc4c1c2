import type { AfterSettle, ParkedEventOf } from "../../domain/delivery/ports.ts";
import { createMemoryStores, type MemoryStores } from "../../platform/memory/stores.ts";
import { journalContract, LEASE_MS } from "./journal.ts";
import { bornClaimedContract } from "./born-claimed.ts";
import { settleContract } from "./settle.ts";
import { type SettleWorld, testEvent } from "./settle-world.ts";

const START_MS = Date.parse("2026-11-20T09:00:00+08:00");
const parkedEvent: ParkedEventOf = (message, reason) => ({
  event: testEvent(`parked-${message.id}`, "message.parked", message.partner),
  fingerprint: reason.code,
  keys: [],
  publish: true,
});
const messageOf = (stores: MemoryStores, id: string) => {
  const row = stores.messages.get(id);
  return (
    row && {
      state: row.state,
      ...(row.park ? { code: row.park.code } : {}),
      ...(row.duplicateOf === undefined ? {} : { duplicateOf: row.duplicateOf }),
      history: row.history.map((each) => each.state),
      notes: row.history.flatMap((each) => each.note ?? []),
      raw: Buffer.from(row.message.raw).toString(),
      ...(row.message.reply ? { reply: Buffer.from(row.message.reply).toString() } : {}),
    }
  );
};

journalContract("memory", async () => {
  let now = START_MS;
  const stores = createMemoryStores(() => now);
  return {
    worker: async (options) => {
      const worker = stores.worker({ parkedEvent, after: () => undefined, leaseMs: LEASE_MS, ...options });
      return { journal: worker.journal, kill: async () => worker.kill() };
    },
    advance: async (ms) => {
      now += ms;
    },
    message: async (id) => messageOf(stores, id),
    parkedEvents: async () => stores.events.filter((row) => stores.outboxRows.has(row.seq)).map((row) => row.messageId),
    close: async () => undefined,
  };
});

const settleWorld = async (): Promise<SettleWorld> => {
  const stores = createMemoryStores(() => START_MS);
  return {
    gate: async (destination, { drainMs, ...now }) => {
      const open = now.breaker !== "open" && (now.mode !== "paused" || (drainMs ?? 0) > 0);
      if (open) stores.shut.delete(destination);
      else stores.shut.add(destination);
    },
    hold: async (destination, lane, held) =>
      void (held ? stores.shut.add(`${destination} ${lane}`) : stores.shut.delete(`${destination} ${lane}`)),
    worker: async (options) => {
      const afters: AfterSettle[] = [];
      const worker = stores.worker({ parkedEvent, after: (done) => void afters.push(done), leaseMs: LEASE_MS, ...options });
      return { journal: worker.journal, settle: worker.settle, afters, kill: async () => worker.kill() };
    },
    message: async (id) => messageOf(stores, id),
    replay: async (id) => {
      const row = stores.messages.get(id);
      if (!row) throw new Error("no such message");
      row.state = "received";
      row.message.replayed = true;
      delete row.worker;
    },
    writeBack: async (key) => stores.writeBacks.get(key),
    lane: async (destination, lane) =>
      [...stores.writeBacks.values()]
        .filter((row) => row.owed.destination === destination && row.owed.lane === lane && row.state !== "held")
        .sort((a, b) => Number(a.laneSeq - b.laneSeq))
        .map((row) => row.state),
    events: async (messageId) => stores.events.filter((row) => row.messageId === messageId).map((row) => row.event.id),
    outbox: async () => [...stores.outboxRows.values()].map((event) => event.id),
    found: async (value) => stores.keys.filter((row) => row.value === value).map((row) => row.messageId),
    close: async () => undefined,
  };
};

settleContract("memory", settleWorld);
bornClaimedContract("memory", settleWorld);
