/**
 * Journal, settlements and outbox in memory: same promises as PostgreSQL's (test/contracts/journal.ts, settle.ts), no durability. Workers share one `MemoryStores`.
 */
import type { AfterSettle, OutboxStore, ParkedEventOf, SettleStore } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import type { JournalStore, ParkReason } from "../../domain/journal/ports.ts";
import type { Bill } from "../../domain/orders/rules.ts";
import type { HandOff } from "../../domain/writeback/ports.ts";
import { createMemoryJournals } from "./journal.ts";
import { createMemorySettlements } from "./settlements.ts";
import { createMemoryWorld, type MemoryWorld } from "./world.ts";

export interface MemoryStores extends Pick<MemoryWorld, "messages" | "writeBacks" | "events" | "outboxRows" | "keys" | "shut" | "isOpen"> {
  readonly bills: ReadonlyMap<string, Bill>;
  readonly outbox: OutboxStore;
  /** Ends a message that is still open; false: it was not, or is another's. */
  readonly close: (message: { readonly id: string; readonly token: number }, state: "settled" | "parked", park?: ParkReason) => boolean;
  /** Looks again at bills of which something overtaken was on the wire. */
  lookAgain(): void;
  worker(deps: {
    readonly handOff?: HandOff;
    readonly parkedEvent: ParkedEventOf;
    readonly after: (done: AfterSettle) => void;
    readonly leaseMs: number;
    readonly queueRowsMax?: number;
  }): {
    readonly journal: JournalStore;
    readonly settle: SettleStore;
    /** An event of a write-back's end: stored and owed to everybody, as every such event is. */
    readonly record: (messageId: string, event: Event) => void;
    readonly kill: () => void;
  };
}

/** Makes the shared world. `nowMs` is its clock; `tickMs` counts what is due, where that is another one. */
export function createMemoryStores(nowMs: () => number, tickMs: () => number = nowMs): MemoryStores {
  const world = createMemoryWorld(nowMs, tickMs);
  const { messages, writeBacks, events, outboxRows, keys, shut, isOpen } = world;
  const journalOf = createMemoryJournals(world);
  const settlements = createMemorySettlements(world);

  return {
    messages,
    writeBacks,
    events,
    outboxRows,
    keys,
    bills: settlements.bills,
    shut,
    isOpen,
    outbox: {
      pending: async (afterSeq, limit) =>
        [...outboxRows]
          .filter(([at]) => at > afterSeq)
          .slice(0, limit)
          .map(([seq, event]) => ({ seq, event })),
      done: async (seqs) => {
        for (const seq of seqs) outboxRows.delete(seq);
      },
    },
    close: (message, state, park) => {
      const row = messages.get(message.id);
      if (!row || !isOpen(message)) return false;
      world.move(row, state, park?.code);
      delete row.worker;
      if (park) row.park = park;
      return true;
    },
    lookAgain: settlements.lookAgain,
    worker: (deps) => {
      const me = world.nextWorker();
      return { journal: journalOf({ ...deps, me }), ...settlements.worker({ ...deps, me }), kill: () => void world.dead.add(me) };
    },
  };
}
