/** The gates in memory: same promises as PostgreSQL's (domain/writeback/gates.ts), one clock, one lock that is the event loop. */
import type { Clock } from "../../domain/writeback/clock.ts";
import { freshGate, type GateRow, type GateStore, type OldestHead } from "../../domain/writeback/gates.ts";

export interface MemoryGates extends GateStore {
  row(name: string): GateRow;
  /** As a person's deed does. */
  set(name: string, change: Partial<Pick<GateRow, "mode" | "drainUntilMs" | "breaker">>): void;
  /** A power cut: what was changed since the last durable change is forgotten. */
  crash(): void;
  /** Number of changes so far: each is a transaction. */
  readonly changes: () => number;
  /** Called before each operation; throw to make it fail. */
  faults: { before?: (operation: "read" | "change") => void };
  /** What is owed longest, for inquiries that probe. */
  head: OldestHead | undefined;
}

/** Whole milliseconds, as the database's. */
const nowOf = (clock: Clock): number => Math.floor(clock.nowMs());

export function createMemoryGates(clock: Clock): MemoryGates {
  const rows = new Map<string, GateRow>();
  let onDisk: ReadonlyMap<string, GateRow> = new Map();
  const faults: MemoryGates["faults"] = {};
  let changes = 0;
  const row = (name: string): GateRow => rows.get(name) ?? freshGate(name);
  const put = (next: GateRow, durable = true): GateRow => {
    const stored = { ...next, revision: row(next.name).revision + 1 };
    rows.set(next.name, stored);
    if (durable) onDisk = new Map(rows);
    return stored;
  };
  const store: MemoryGates = {
    faults,
    head: undefined,
    row,
    crash: () => {
      rows.clear();
      for (const [name, stored] of onDisk) rows.set(name, stored);
    },
    changes: () => changes,
    set: (name, change) => void put({ ...row(name), ...change }),
    read: async () => {
      await Promise.resolve();
      faults.before?.("read");
      return { nowMs: nowOf(clock), rows: [...rows.values()] };
    },
    change: async (name, rule, durable) => {
      await Promise.resolve();
      faults.before?.("change");
      const was = row(name);
      const nowMs = nowOf(clock);
      const changed = rule(was, nowMs);
      changes += 1;
      const now = changed.row === undefined || changed.row === was ? was : put(changed.row, durable);
      return { row: now, nowMs, answer: changed.answer };
    },
    oldestHead: async () => store.head,
  };
  return store;
}
