/** Lanes as a settlement finds them: which have something open, in which of them the open work of an order is, and which may not be sent to now. */
import type { Client } from "./pool.ts";
import * as sql from "./settle-sql.ts";
import { lockTexts, orderLock, run, together } from "./sql.ts";

/** `one` a destination, `two` a lane, or the order whose lane is asked for. */
export interface LaneName {
  readonly one: string;
  readonly two: string;
}

export interface LanesSeen {
  /** Looks at the lanes that have not been looked at; with `shut` also whether anything may be sent there. Sends everything before it waits. */
  look(lanes: readonly LaneName[], options?: { readonly shut?: boolean }): Promise<void>;
  /** Locks and looks at the lanes in which open work of these orders was found elsewhere than it was asked for. Answers how many. */
  follow(): Promise<number>;
  /** Whether the lane has something open (what is held does not count). */
  busy(destination: string, lane: string): boolean;
  /** The lane in which something of this order is open at the destination. */
  laneOf(destination: string, order: string): string | undefined;
  /** Which of these may not be sent to now: the destination's gate is shut, or a person holds the lane. Asks for those not yet known. */
  shut(lanes: readonly LaneName[]): Promise<(lane: LaneName) => boolean>;
}

interface BusyRow extends LaneName {
  readonly busy: boolean;
  readonly lane: string | null;
}

const keyOf = ({ one, two }: LaneName): string => JSON.stringify([one, two]);

/** What one transaction sees of lanes. */
export function createLanesSeen(client: Client): LanesSeen {
  const asked = new Set<string>();
  const busy = new Set<string>();
  const laneOf = new Map<string, string>();
  const elsewhere = new Map<string, LaneName>();
  const may = new Map<string, boolean>();

  /** Those whose key is not in `known`, each once. */
  const fresh = (lanes: readonly LaneName[], known: { has(key: string): boolean }): LaneName[] => [
    ...new Map(lanes.map((lane) => [keyOf(lane), lane] as const).filter(([key]) => !known.has(key))).values(),
  ];

  const lookBusy = async (lanes: readonly LaneName[]): Promise<void> => {
    for (const lane of lanes) asked.add(keyOf(lane));
    if (lanes.length === 0) return;
    const rows = await run<BusyRow>(client, "settle_busy", sql.BUSY, sql.PAIRS.params(lanes));
    for (const row of rows) {
      if (row.busy) busy.add(keyOf(row));
      laneOf.set(keyOf(row), row.lane ?? row.two);
      if (row.lane !== null) elsewhere.set(keyOf({ one: row.one, two: row.lane }), { one: row.one, two: row.lane });
    }
  };

  const lookShut = async (lanes: readonly LaneName[]): Promise<void> => {
    if (lanes.length === 0) return;
    const rows = await run<{ ord: bigint }>(client, "settle_shut", sql.SHUT, sql.PAIRS.params(lanes));
    const shut = new Set(rows.map((row) => Number(row.ord) - 1));
    for (const [index, lane] of lanes.entries()) may.set(keyOf(lane), !shut.has(index));
  };

  return {
    look: async (lanes, { shut = false } = {}) => {
      await together([lookBusy(fresh(lanes, asked)), lookShut(shut ? fresh(lanes, may) : [])]);
    },
    follow: async () => {
      const found = fresh([...elsewhere.values()], asked);
      await lockTexts(
        client,
        found.map((lane) => orderLock(lane.two)),
      );
      await lookBusy(found);
      return found.length;
    },
    busy: (one, two) => busy.has(keyOf({ one, two })),
    laneOf: (one, two) => laneOf.get(keyOf({ one, two })),
    shut: async (lanes) => {
      await lookShut(fresh(lanes, may));
      return (lane) => may.get(keyOf(lane)) !== true;
    },
  };
}
