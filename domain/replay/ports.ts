/** What operators may ask and do about replay jobs, failure groups and edited copies. Expected refusals are values; every deed is audited in the transaction that does it. */
import type { Deed } from "../operations/ports.ts";
import type { Answered } from "../operations/refusals.ts";
import type { Page } from "../operations/views.ts";
import type { Affected, FailureItem } from "../operations/views-failures.ts";
import type { Edit, FailureGroup, ReplayItem, ReplayJob, ReplayTerms } from "../operations/views-replay.ts";
import type { ReplayCommand, ReplayOf } from "./job.ts";
import type { SelectionGiven } from "./selection.ts";

export interface ReplayAsked extends Deed {
  readonly of: ReplayOf;
  readonly select: SelectionGiven;
  /** Items a second, 1 to RATE_MAX; RATE_DEFAULT when absent. */
  readonly ratePerSecond?: number;
  readonly confirmedChecked?: boolean;
  readonly includeSuperseded?: boolean;
}

interface Paging {
  readonly after?: string;
  readonly limit?: number;
}

export interface Replays {
  /** Freezes the selection and answers its preview: whole when that takes little, else in state `selecting`, to be looked at again. Touches no item. */
  create(asked: ReplayAsked): Promise<Answered<ReplayJob>>;
  list(filter: Paging & { readonly state?: string; readonly open?: boolean }): Promise<Answered<Page<ReplayJob>>>;
  get(id: string): Promise<Answered<ReplayJob>>;
  items(id: string, filter: Paging & { readonly state?: string; readonly code?: string }): Promise<Answered<Page<ReplayItem>>>;
  /** What replay is allowed here: limits, canary, whether edited copies are switched on. */
  terms(): ReplayTerms;
  /** `hash`: required for `approve`, and checked wherever it is given. */
  command(id: string, command: ReplayCommand, deed: Deed & { readonly hash?: string }): Promise<Answered<ReplayJob>>;
}

export interface FailureFilter extends Paging {
  readonly of?: ReplayOf;
  readonly partner?: string;
  /** Only of these partners: what the one who asks may see. */
  readonly partners?: readonly string[];
  readonly code?: string;
  readonly owner?: string;
  /** Groups without anything open are left out unless asked for. */
  readonly all?: boolean;
  /** Snoozed ones are left out unless asked for. */
  readonly snoozed?: boolean;
}

export interface FailureItemFilter extends Paging {
  /** What was closed since is left out unless asked for. */
  readonly all?: boolean;
}

export type FailureChange =
  | { readonly what: "own"; readonly owner?: string }
  | { readonly what: "note"; readonly note: string }
  | { readonly what: "snooze"; readonly untilMs: number }
  | { readonly what: "unsnooze" };

export interface Failures {
  /** Most open items first. */
  list(filter: FailureFilter): Promise<Answered<Page<FailureGroup>>>;
  get(id: string): Promise<Answered<FailureGroup>>;
  /** By id, which is the order of receipt. */
  items(id: string, filter: FailureItemFilter): Promise<Answered<Page<FailureItem>>>;
  /** Patients, bills and lanes behind what is open of the group; bounded, and it says so. */
  affected(id: string): Promise<Answered<Affected>>;
  change(id: string, change: FailureChange, deed: Deed): Promise<Answered<FailureGroup>>;
}

export interface Edits {
  propose(
    writeBackId: string,
    body: { readonly text?: string; readonly base64?: string },
    deed: Deed & { readonly confirmedChecked?: boolean },
  ): Promise<Answered<Edit>>;
  list(writeBackId: string): Promise<Answered<readonly Edit[]>>;
  get(id: string): Promise<Answered<Edit>>;
  /** Those that wait for a second person, oldest first; `destinations`: only of write-backs to these. */
  waiting(destinations?: readonly string[]): Promise<Answered<readonly Edit[]>>;
  /** By another person than the proposer, naming the hash that was seen. Makes the copy and closes the original, or changes nothing. */
  approve(id: string, deed: Deed & { readonly hash?: string }): Promise<Answered<Edit>>;
  withdraw(id: string, deed: Deed): Promise<Answered<Edit>>;
}
