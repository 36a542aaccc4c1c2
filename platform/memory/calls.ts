/** Numbers of calls, replies that were journaled, and hits of a business key, from what is in memory (platform/postgres/calls.ts, find.ts). */
import type { Found } from "../../domain/delivery/engine.ts";
import type { MemoryStores } from "./stores.ts";

export interface MemoryCalls {
  findNumber(destination: string, slot: string): Promise<string | undefined>;
  putNumber(destination: string, slot: string, number: string): Promise<boolean>;
  numberOver(destination: string, slot: string): Promise<void>;
  journaledReply(
    partner: string,
    identities: readonly string[],
  ): Promise<{ readonly reply: Uint8Array; readonly headers: Readonly<Record<string, string>> } | undefined>;
}

export function createMemoryCalls(stores: Pick<MemoryStores, "messages">): MemoryCalls {
  const slots = new Map<string, string>();
  const taken = new Set<string>();
  const name = (destination: string, part: string): string => JSON.stringify([destination, part]);
  return {
    findNumber: async (destination, slot) => slots.get(name(destination, slot)),
    putNumber: async (destination, slot, number) => {
      if (slots.has(name(destination, slot)) || taken.has(name(destination, number))) return false;
      slots.set(name(destination, slot), number);
      taken.add(name(destination, number));
      return true;
    },
    numberOver: async (destination, slot) => void slots.delete(name(destination, slot)),
    journaledReply: async (partner, identities) => {
      for (const identity of [...identities].reverse())
        for (const { message } of stores.messages.values())
          if (message.partner === partner && message.identity === identity && message.door === "exchange" && message.reply)
            return { reply: message.reply, headers: message.headers };
      return undefined;
    },
  };
}

/** Hits of one business key, newest first. */
export function createMemoryFinder(
  stores: Pick<MemoryStores, "keys" | "messages" | "events" | "writeBacks">,
): (keyKind: string, value: string, limit: number) => Promise<Found> {
  return async (_keyKind, value, limit) => {
    const ids = new Set(stores.keys.filter((one) => one.value === value).map((one) => one.messageId));
    const newest = <T>(rows: readonly T[]): readonly T[] => [...rows].reverse().slice(0, limit);
    return {
      messages: newest([...stores.messages.values()].filter((row) => ids.has(row.message.id))).map(({ message, state }) => ({
        messageId: message.id,
        partner: message.partner,
        kind: message.kind,
        state,
        receivedAt: message.receivedAt,
      })),
      events: newest(stores.events.filter((row) => ids.has(row.messageId))).map((row) => row.event),
      writeBacks: newest([...stores.writeBacks.values()].filter((row) => ids.has(row.messageId))).map(({ id, owed, state }) => ({
        id,
        kind: owed.kind,
        destination: owed.destination,
        state,
      })),
    };
  };
}
