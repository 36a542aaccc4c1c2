/** A store of a large backlog in memory: what the write-backs' port promises as far as an outage needs it, without anything that grows with the number of rows per call. */
import type { Clock } from "../../domain/writeback/clock.ts";
import type { AttemptEnd, Claimed, WriteBackStore } from "../../domain/writeback/ports.ts";

interface Row {
  readonly id: string;
  readonly lane: number;
  readonly seq: number;
  readonly owedAtMs: number;
  token: number;
  attempt: number;
  state: "queued" | "waiting" | "sending" | "acknowledged";
  nextAtMs: number;
}

/** Rows by time, oldest first; those that are no longer waiting are thrown away when they come up. */
function createQueue() {
  const rows: Row[] = [];
  let first = 0;
  return {
    add: (row: Row): void => {
      let at = rows.length;
      // Nearly always the last: what comes later is due later.
      while (at > first && (rows[at - 1]?.nextAtMs ?? 0) > row.nextAtMs) at -= 1;
      rows.splice(at, 0, row);
    },
    /** Skips up to the first one due after `fromMs` that waits; undefined when none is due by `toMs`. */
    take: (fromMs: number, toMs: number): Row | undefined => {
      for (; first < rows.length; first += 1) {
        const row = rows[first];
        if (row === undefined || row.state !== "waiting" || row.nextAtMs <= fromMs) continue;
        if (row.nextAtMs > toMs) return undefined;
        first += 1;
        return row;
      }
      return undefined;
    },
  };
}

export interface BacklogStore extends WriteBackStore {
  owe(lane: number): void;
  readonly open: () => number;
  /** First attempt of each live lane: how long after it was owed. */
  readonly firstTriesMs: ReadonlyMap<number, number>;
  /** Changes of rows so far. */
  readonly touched: () => number;
}

const UTF8 = new TextEncoder();

/** Heads that wait long, heads that became due just now, and those behind them; a lane is a number. */
export function createBacklogStore(clock: Clock): BacklogStore {
  const lanes = new Map<number, Row[]>();
  const byId = new Map<string, Row>();
  const [old, fresh] = [createQueue(), createQueue()];
  const firstTriesMs = new Map<number, number>();
  let open = 0;
  let touched = 0;

  const head = (row: Row, nextAtMs: number): void => {
    row.state = "waiting";
    row.nextAtMs = nextAtMs;
    old.add(row);
    if (nextAtMs >= clock.tickMs()) fresh.add(row);
  };
  const claimOf = (row: Row, leaseMs: number): Claimed => {
    touched += 1;
    row.state = "sending";
    row.token += 1;
    row.attempt += 1;
    if (row.attempt === 1 && row.seq === 0) firstTriesMs.set(row.lane, clock.tickMs() - row.owedAtMs);
    return {
      id: row.id,
      key: row.id,
      messageId: row.id,
      destination: "his",
      kind: "payment-confirm",
      mapping: "fake/payment-confirm",
      lane: `bill:${row.lane}`,
      laneSeq: BigInt(row.seq),
      cause: { eventId: row.id, type: "payment.settled" },
      body: UTF8.encode(`{"key":"${row.id}"}`),
      contentType: "application/json",
      charset: "utf-8",
      businessDate: "2026-11-20",
      token: row.token,
      attempt: row.attempt,
      owedAt: "2026-11-20T09:00:00+08:00",
      action: "send",
      laneBehind: (lanes.get(row.lane)?.length ?? 1) - 1,
      leaseMs,
    };
  };
  const settleOne = (end: AttemptEnd): "settled" | "lease-lost" => {
    const row = byId.get(end.id);
    if (row?.state !== "sending" || row.token !== end.token) return "lease-lost";
    touched += 1;
    if (end.step !== "finish") {
      head(row, clock.tickMs() + (end.retryInMs ?? 0));
      return "settled";
    }
    row.state = "acknowledged";
    open -= 1;
    const lane = lanes.get(row.lane);
    lane?.shift();
    const next = lane?.[0];
    if (next) head(next, next.owedAtMs);
    return "settled";
  };

  return {
    firstTriesMs,
    open: () => open,
    touched: () => touched,
    owe: (lane) => {
      const rows = lanes.get(lane) ?? [];
      lanes.set(lane, rows);
      const row: Row = {
        id: `${lane}-${byId.size}`,
        lane,
        seq: rows.length,
        owedAtMs: clock.tickMs(),
        token: 0,
        attempt: 0,
        state: "queued",
        nextAtMs: 0,
      };
      open += 1;
      rows.push(row);
      byId.set(row.id, row);
      if (rows.length === 1) head(row, clock.tickMs());
    },
    claim: async (_destination, limit, leaseMs, _unclear, freshMs) => {
      const now = clock.tickMs();
      const claims: Claimed[] = [];
      while (claims.length < limit) {
        const row = freshMs === undefined ? old.take(Number.NEGATIVE_INFINITY, now) : fresh.take(now - freshMs, now);
        if (row === undefined) break;
        claims.push(claimOf(row, leaseMs));
      }
      return claims;
    },
    settle: async (end) => settleOne(end),
    nextDueMs: async () => (open > 0 ? 1_000 : undefined),
    release: async (claims) => {
      for (const { id, token } of claims) {
        const row = byId.get(id);
        if (row?.state !== "sending" || row.token !== token) continue;
        row.attempt -= 1;
        head(row, clock.tickMs());
      }
    },
    sweep: async () => 0,
  };
}
