/** The faults of reference/reliability.md section 6. One file per family exports a list; a row of the matrix that no family runs is named in not-here.ts with its reason. */
import type { Chain, Load } from "./load.ts";
import type { Wired, World } from "./world.ts";

export type Form = "short" | "full";

/** What a fault is given while its load runs. */
export interface Stage {
  readonly world: World;
  readonly form: Form;
  readonly seed: number;
  /** Whole numbers below a limit, from the seed and the fault's id. */
  dice(limit: number): number;
  readonly load: Load;
  /** More load of this fault, with bills of its own; awaited and judged like the first. */
  more(bills: number, options?: { readonly senders?: number; readonly httpPercent?: number; readonly rate?: number }): Load;
  /** Chains of this fault that are not sent yet. */
  pending(): number;
  /** A kill point that killed an engine. */
  hit(name: string): void;
  /** What the report shows beside the counts. */
  note(name: string, value: string | number): void;
  /** A bar of the fault's own is not met: the run is red, and says this. */
  fail(what: string): void;
  /** The fault is over: from here on the time to recover counts. */
  over(): void;
  readonly log: (line: string) => void;
}

export interface Fault {
  /** F01 … F36; several entries may share one. */
  readonly id: string;
  readonly what: string;
  /** Runs in the short form, too. */
  readonly short: boolean;
  /** Why it cannot be run on this machine; undefined when it can. */
  readonly cannot?: () => string | undefined;
  /** Bills of its load. */
  bills(form: Form): number;
  readonly senders?: number;
  readonly rate?: number;
  readonly httpPercent?: number;
  readonly stories?: readonly number[];
  /** Longest time after the load in which nothing becomes less; QUIET_MS when absent. */
  readonly quietMs?: number;
  /** Which ways out of the engine go through our proxies. */
  readonly wired?: Wired;
  /** Clocks are moved: times of rows and acks are not compared. */
  readonly clocksMove?: boolean;
  /** Codes under which good write-backs and messages may lawfully be parked (residual doubt at a naive partner); any other is red. */
  readonly parks?: readonly string[];
  /** Runs in a system of its own: destination settings and the HIS's mode. */
  readonly own?: { readonly settings: Record<string, unknown>; readonly mode: "naive" | "strict" };
  inject(stage: Stage): Promise<void>;
  /** Names of parked messages that are no bill of the load but this fault's all the same. */
  readonly ownParked?: (name: string, seed: number) => boolean;
  /** Looks at the end, when all is quiet, with the names of what is parked of this fault's. */
  check?(stage: Stage, parked: readonly string[]): Promise<void>;
  /** Puts right what inject changed, whatever became of it. */
  clear?(stage: Stage): Promise<void>;
}

/** A row of the report. */
export interface FaultResult {
  readonly id: string;
  readonly what: string;
  readonly seed: number;
  readonly ran: boolean;
  /** Why it did not run. */
  readonly why?: string;
  readonly messages: number;
  readonly acked: number;
  readonly effects: number;
  readonly lost: number;
  readonly parked: number;
  readonly twice: number;
  readonly unexpected: number;
  readonly recovered: number;
  readonly mismatched: number;
  readonly inversions: number;
  readonly stuck: number;
  readonly dishonest: number;
  readonly refused: number;
  readonly longestStallMs: number;
  readonly recoverMs?: number;
  readonly seconds: number;
  readonly notes: Readonly<Record<string, string | number>>;
  /** Everything good that is parked, each with its code: bill or message, and why. */
  readonly parkedOnes: readonly string[];
  /** Examples of everything that is wrong, for people. */
  readonly wrong: readonly string[];
}

/**
 * What a naive partner's spoiled, cut and mistaken answers may lawfully come to: a person looks. Never INTERNAL, never CRASHES_WORKER.
 */
export const DOUBT: readonly string[] = [
  "UNCLEAR",
  "LEASE_EXPIRED",
  "REJECTED",
  "ANSWER_OVERDUE",
  "ALREADY_DONE_DIFFERS",
  "ALREADY_DONE_UNPROVED",
  "RECEIPT_DIFFERS",
  "INQUIRY_REFUSED",
  "CANNOT_ASK",
];

/** Nothing became less for so long: stuck. */
export const QUIET_MS = 120_000;

export const notRun = (id: string, what: string, seed: number, why: string): FaultResult => ({
  id,
  what,
  seed,
  ran: false,
  why,
  messages: 0,
  acked: 0,
  effects: 0,
  lost: 0,
  parked: 0,
  twice: 0,
  unexpected: 0,
  recovered: 0,
  mismatched: 0,
  inversions: 0,
  stuck: 0,
  dishonest: 0,
  refused: 0,
  longestStallMs: 0,
  seconds: 0,
  notes: {},
  parkedOnes: [],
  wrong: [],
});

/** Bills of a fault that needs work in flight for a while. */
export const bills =
  (short: number, full: number) =>
  (form: Form): number =>
    form === "short" ? short : full;

export type { Chain };
