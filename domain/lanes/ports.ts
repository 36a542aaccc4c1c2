/**
 * Lanes as people handle them: destination and order (or patient) key. A lane's head that is parked blocks it until a person decides, unless the destination's profile
 * lets the next one go. Every deed has a person and a reason, is audited, and takes effect in one transaction under the lane's lock.
 */
import type { Answered } from "../operations/refusals.ts";
import type { Deed } from "../operations/ports.ts";
import type { Done, Page } from "../operations/views.ts";
import type { LaneRow } from "../operations/views-lanes.ts";

/** `blocked`: a parked head; `passed`: it goes on past a parked one; `held`: a person holds it. */
export type LaneState = "blocked" | "passed" | "held";
export const LANE_STATES: readonly LaneState[] = ["blocked", "passed", "held"];

export interface LaneFilter {
  readonly state: LaneState;
  readonly destination?: string;
  /** Only of these destinations: what the one who asks may see. */
  readonly destinations?: readonly string[];
  readonly after?: string;
  readonly limit?: number;
}

export interface LaneName {
  readonly destination: string;
  readonly lane: string;
}

/** `head`: the id of the write-back that the person saw at the head; another one there is refused. */
export interface HeadDeed extends Deed, LaneName {
  readonly head: string;
}

export interface SkipDeed extends HeadDeed {
  readonly decision: "done-by-hand" | "cancelled";
  readonly hisReceiptNo?: string;
  readonly confirmedChecked?: boolean;
}

export interface Lanes {
  /** One state's lanes, by destination and within it oldest first. */
  list(filter: LaneFilter): Promise<Answered<Page<LaneRow>>>;
  /** Lets the next one go although the head is parked; that one stays parked until a person replays or resolves it. */
  unblock(deed: HeadDeed): Promise<Answered<Done>>;
  /** Resolves the head by the rules of resolving, and so lets the next one go. */
  skip(deed: SkipDeed): Promise<Answered<Done>>;
  /** Parks one that waits (now), is queued (when its turn comes) or is deferred (now): a person wants it looked at. */
  park(id: string, deed: Deed): Promise<Answered<Done>>;
  /** Nothing of the lane is sent, by any worker, from the commit on: neither what is owed nor what will be. What is on the wire ends. */
  hold(deed: Deed & LaneName): Promise<Answered<Done>>;
  release(deed: Deed & LaneName): Promise<Answered<Done>>;
}
