/** The rows of the memory stores. */
import type { OwedWriteBack } from "../../domain/delivery/ports.ts";
import type { JournaledMessage, MessageState, ParkReason } from "../../domain/journal/ports.ts";

type Open<T> = { -readonly [K in keyof T]: T[K] };

export interface MemoryMessage {
  message: Open<JournaledMessage>;
  state: MessageState;
  readonly receivedMs: number;
  fingerprint: string;
  readonly parts: Map<string, string>;
  worker?: number;
  leaseUntilMs: number;
  park?: ParkReason;
  duplicateOf?: string;
  readonly history: { readonly state: string; readonly note?: string }[];
}

export interface MemoryWriteBack {
  readonly id: string;
  readonly messageId: string;
  readonly owed: OwedWriteBack;
  bill?: string;
  state: string;
  laneSeq?: bigint;
  /** Due only after so long. */
  waitMs?: number;
  mayHaveTakenEffect?: boolean;
  forced?: boolean;
  supersededBy?: string;
}
