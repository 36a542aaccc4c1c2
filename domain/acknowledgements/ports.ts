/**
 * Acknowledgements that come on their own way: by message or by HTTP callback. Their bytes are journaled like any message's, read by the reply contract of what they
 * acknowledge, correlated, and applied in one transaction under the lane's order lock.
 */
import type { BusinessKey } from "../events/event.ts";
import type { JournaledMessage, ParkReason } from "../journal/ports.ts";
import type { Settled } from "../delivery/ports.ts";
import type { Reading, Sent } from "../writeback/dialect.ts";
import type { AcknowledgementState, Move, Saying } from "./ruling.ts";

/** What names the write-back: its key, its serial, or the partner's own number of the work it took. */
export interface Correlation {
  readonly by: "key" | "serial" | "reference";
  readonly value: string;
}

/** A write-back that an acknowledgement may be about, as far as it never changes. */
export interface Candidate extends Sent {
  readonly id: string;
  /** `<vendor>/<message>` it was written with. */
  readonly mapping: string;
}

/** What is to be applied. Without `writeBackId` it names nothing that we owe. */
export interface Arrived {
  readonly message: JournaledMessage;
  /** `<vendor>/<message>` whose contract read it. */
  readonly mapping: string;
  readonly correlation?: Correlation;
  readonly writeBackId?: string;
  readonly reading: Reading;
  readonly saying: Saying;
  /** For searching. */
  readonly keys: readonly BusinessKey[];
  /** With an unreadable one: what is wrong. */
  readonly unreadable?: ParkReason;
}

/** What became of it. */
export interface Applied {
  readonly settled: Settled;
  /** Absent when its delivery was another worker's by then. */
  readonly state?: AcknowledgementState;
  readonly move?: Move;
}

/** PostgreSQL and the fake pass one contract suite (test/contracts/acknowledgements.ts). */
export interface AcknowledgementStore {
  /** Write-backs of this destination that the correlation names; more than one when a partner uses a number twice. At most CANDIDATES_MAX. */
  find(destination: string, correlation: Correlation): Promise<readonly Candidate[]>;
  /** Applies and closes the message, all or nothing. Rejects with JournalGone or JournalBusy when it may be tried again. */
  apply(arrived: Arrived): Promise<Applied>;
  close(): Promise<void>;
}

export const CANDIDATES_MAX = 8;
