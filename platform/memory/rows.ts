/** The rows of the memory stores. */
import type { OwedWriteBack } from "../../domain/delivery/ports.ts";
import type { JournaledMessage, MessageState, ParkReason } from "../../domain/journal/ports.ts";
import type { AttemptEnd, Claimed, WriteBackState } from "../../domain/writeback/ports.ts";
import type { Clock } from "../../domain/writeback/clock.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";

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

/** A write-back from owing to its end: settlements bring it in and hold it, claims and attempts' ends move it on. */
export interface MemoryWriteBack {
  readonly id: string;
  readonly messageId: string;
  readonly owed: OwedWriteBack;
  readonly key: string;
  readonly destination: string;
  readonly lane: string;
  readonly amountFen: bigint;
  readonly serial: string | undefined;
  readonly owedAt: string;
  readonly owedAtMs: number;
  laneSeq: bigint;
  bill?: string;
  state: WriteBackState;
  /** Due only after so long. */
  waitMs?: number;
  token: number;
  attempt: number;
  /** What the next claim does; while `sending`, what the current one does. */
  action: "send" | "ask" | "park";
  because: Claimed["because"];
  nextAtMs: number;
  leaseUntilMs: number;
  lastPossibleSendMs: number | undefined;
  mayHaveTakenEffect: boolean;
  firstSentAt: string | undefined;
  forced?: boolean;
  supersededBy?: string;
  /** Parked, and its lane goes on past it. */
  passed?: boolean;
  ends: AttemptEnd[];
}

/** The sequence of what has no place in its lane: behind everything that has one. */
export const NO_PLACE = 2n ** 62n;

/** A row as it is owed now, never tried. */
export function newWriteBack(
  about: {
    readonly id: string;
    readonly messageId: string;
    readonly owed: OwedWriteBack;
    readonly state: WriteBackState;
    readonly laneSeq?: bigint;
    readonly bill?: string;
    readonly waitMs?: number;
  },
  clock: Pick<Clock, "nowMs" | "tickMs">,
): MemoryWriteBack {
  const { key, destination, lane, amountFen, serial } = about.owed;
  return {
    laneSeq: NO_PLACE,
    ...about,
    key,
    destination,
    lane,
    amountFen: amountFen ?? 0n,
    serial,
    owedAt: chinaDateTimeOf(clock.nowMs()),
    owedAtMs: clock.tickMs(),
    token: 0,
    attempt: 0,
    action: "send",
    because: undefined,
    nextAtMs: clock.tickMs(),
    leaseUntilMs: 0,
    lastPossibleSendMs: undefined,
    mayHaveTakenEffect: false,
    firstSentAt: undefined,
    ends: [],
  };
}
