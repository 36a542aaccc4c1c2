/** What the workers of one memory share: the rows, one sequence, who is dead, and the few moves on them. */
import type { SealedEvent } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import type { MessageState } from "../../domain/journal/ports.ts";
import type { MemoryMessage, MemoryWriteBack } from "./rows.ts";

export interface MemoryWorld {
  readonly nowMs: () => number;
  /** Counts what is due, where that is another clock. */
  readonly tickMs: () => number;
  readonly messages: Map<string, MemoryMessage>;
  readonly writeBacks: Map<string, MemoryWriteBack>;
  readonly events: { readonly messageId: string; readonly event: Event; readonly seq: bigint }[];
  readonly outboxRows: Map<bigint, Event>;
  readonly keys: { readonly value: string; readonly messageId: string }[];
  /** Workers that were killed: what they held is anybody's. */
  readonly dead: Set<number>;
  /** `destination` that may not be given anything, `destination lane` that a person holds. */
  readonly shut: Set<string>;
  nextSeq(): bigint;
  nextWorker(): number;
  storeEvent(messageId: string, sealed: SealedEvent): { readonly seq: bigint; readonly event: Event };
  move(row: MemoryMessage, state: MessageState, note?: string): void;
  /** Whether a message is open still, under this token. */
  isOpen(message: { readonly id: string; readonly token: number }): boolean;
  /** Whether a lease binds nobody any more. */
  free(row: { readonly worker?: number; readonly leaseUntilMs: number }): boolean;
}

export function createMemoryWorld(nowMs: () => number, tickMs: () => number): MemoryWorld {
  const messages = new Map<string, MemoryMessage>();
  const events: { messageId: string; event: Event; seq: bigint }[] = [];
  const outboxRows = new Map<bigint, Event>();
  const dead = new Set<number>();
  let seq = 0n;
  let workers = 0;
  const nextSeq = (): bigint => {
    seq += 1n;
    return seq;
  };
  return {
    nowMs,
    tickMs,
    messages,
    writeBacks: new Map(),
    events,
    outboxRows,
    keys: [],
    dead,
    shut: new Set(),
    nextSeq,
    nextWorker: () => {
      workers += 1;
      return workers;
    },
    storeEvent: (messageId, sealed) => {
      const at = nextSeq();
      events.push({ messageId, event: sealed.event, seq: at });
      if (sealed.publish) outboxRows.set(at, sealed.event);
      return { seq: at, event: sealed.event };
    },
    move: (row, state, note) => {
      row.state = state;
      row.history.push({ state, ...(note === undefined ? {} : { note }) });
    },
    isOpen: ({ id, token }) => {
      const row = messages.get(id);
      return row?.state === "received" && row.message.token === token;
    },
    free: (row) => row.worker === undefined || dead.has(row.worker) || row.leaseUntilMs < nowMs(),
  };
}
