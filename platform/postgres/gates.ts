/**
 * What destinations are allowed now, in PostgreSQL: one row each, every change a rule of the domain under the row's lock (domain/writeback/gates.ts). Time is huiliu_now().
 */
import { failpoint } from "../../domain/failpoint.ts";
import { JournalGone } from "../../domain/journal/ports.ts";
import type { Breaker, Drain, GateRow, GateStore, Mode, OldestHead, Slot } from "../../domain/writeback/gates.ts";
import { at, msOf } from "./clock.ts";
import { failureOf } from "./failures.ts";
import type { Client, Pool } from "./pool.ts";
import { run } from "./sql.ts";

const COLUMNS = `d.name, d.revision, d.mode, d.breaker, ${msOf("d.breaker_at")} as since_ms, d.breaker_why, d.failures, d.failure_window,
  ${msOf("d.probe_at")} as probe_ms, d.probes, d.probe_worker, ${msOf("d.probe_until")} as probe_until_ms, d.rate_now, d.tokens,
  ${msOf("d.tokens_at")} as tokens_ms, d.drain, ${msOf("d.drain_until")} as drain_until_ms`;
/** One row at least: the time is told where nobody has a gate yet. */
export const READ_GATES = `select ${msOf("c.now")} as now_ms, ${COLUMNS} from (select huiliu_now() as now) c left join destination d on true`;
/** $1 name. */
const LOCK = `select ${msOf("(select huiliu_now())")} as now_ms, ${COLUMNS} from destination d where d.name = $1 for update`;
/** A destination that nobody seeded yet: its profile comes with the seed. */
const MAKE = "insert into destination (name, profile, seed_hash) values ($1, '{}', '') on conflict do nothing";
const WRITE = `update destination set revision = revision + 1, mode = $2, breaker = $3, breaker_at = ${at("$4")}, breaker_why = $5, failures = $6::integer,
  failure_window = $7::jsonb, probe_at = ${at("$8")}, probes = $9::integer, probe_worker = $10::integer, probe_until = ${at("$11")},
  rate_now = $12::double precision, tokens = $13::double precision, tokens_at = ${at("$14")}, drain = $15::jsonb, drain_until = ${at("$16")} where name = $1`;
/** $1 destination. */
export const OLDEST_HEAD = `select w.key, w.kind, w.business_date::text as business_date, w.serial, w.amount_fen from write_back w
  where w.destination = $1 and w.state in ('waiting', 'deferred') and w.next_at is not null order by w.next_at limit 1`;
const BEGIN = "begin";
/** A grant of tokens that a crash forgets is given again, after a recovery that takes longer than tokens live. */
const BEGIN_LIGHTLY = "begin; set local synchronous_commit = off";
/** Longest reason kept. */
const WHY_MAX = 300;

interface Row {
  readonly now_ms: number;
  /** Null: no gate at all. */
  readonly name: string | null;
  readonly revision: bigint;
  readonly mode: Mode;
  readonly breaker: Breaker;
  readonly since_ms: number | null;
  readonly breaker_why: string | null;
  readonly failures: number;
  readonly failure_window: readonly Slot[];
  readonly probe_ms: number | null;
  readonly probes: number;
  readonly probe_worker: number | null;
  readonly probe_until_ms: number | null;
  readonly rate_now: number | null;
  readonly tokens: number;
  readonly tokens_ms: number | null;
  readonly drain: (Omit<Drain, "baselineMs"> & { readonly baselineMs?: number }) | null;
  readonly drain_until_ms: number | null;
}

const whole = (ms: number | null): number | undefined => (ms === null ? undefined : Math.round(ms));

const gateOf = (name: string, row: Row): GateRow => ({
  name,
  revision: Number(row.revision),
  mode: row.mode,
  breaker: row.breaker,
  sinceMs: whole(row.since_ms),
  why: row.breaker_why ?? undefined,
  failures: row.failures,
  window: row.failure_window,
  probeAtMs: whole(row.probe_ms),
  probes: row.probes,
  prober:
    row.probe_worker === null || row.probe_until_ms === null
      ? undefined
      : { worker: row.probe_worker, untilMs: Math.round(row.probe_until_ms) },
  rateNow: row.rate_now ?? undefined,
  tokens: row.tokens,
  tokensAtMs: whole(row.tokens_ms),
  drain: row.drain === null ? undefined : { ...row.drain, baselineMs: row.drain.baselineMs },
  drainUntilMs: whole(row.drain_until_ms),
});

/** What a partner said may hold what no text column takes. */
const storable = (why: string | undefined): string | null => why?.replaceAll("\0", " ").slice(0, WHY_MAX).toWellFormed() ?? null;

const valuesOf = (row: GateRow): readonly unknown[] => [
  row.name,
  row.mode,
  row.breaker,
  row.sinceMs ?? null,
  storable(row.why),
  row.failures,
  JSON.stringify(row.window),
  row.probeAtMs ?? null,
  row.probes,
  row.prober?.worker ?? null,
  row.prober?.untilMs ?? null,
  row.rateNow ?? null,
  row.tokens,
  row.tokensAtMs ?? null,
  row.drain === undefined ? null : JSON.stringify(row.drain),
  row.drainUntilMs ?? null,
];

/** Reads all gates on a connection of the caller's (operators' views). */
export async function readGates(on: Client | Pool): Promise<{ readonly nowMs: number; readonly rows: readonly GateRow[] }> {
  const rows = await run<Row>(on, "gates_read", READ_GATES, []);
  return {
    nowMs: Math.floor(rows[0]?.now_ms ?? 0),
    rows: rows.flatMap((row) => (row.name === null ? [] : [gateOf(row.name, row)])),
  };
}

/** Locks a gate inside the caller's transaction, made where it is missing; `write` stores it. */
export async function lockGate(client: Client, name: string): Promise<{ readonly row: GateRow; readonly nowMs: number }> {
  let [found] = await run<Row>(client, "gate_lock", LOCK, [name]);
  if (found === undefined) {
    await run(client, "gate_make", MAKE, [name]);
    [found] = await run<Row>(client, "gate_lock", LOCK, [name]);
  }
  if (found === undefined) throw new Error(`the gate of ${name} can neither be read nor made`);
  return { row: gateOf(name, found), nowMs: Math.floor(found.now_ms) };
}

export async function writeGate(client: Client, row: GateRow): Promise<void> {
  await run(client, "gate_write", WRITE, valuesOf(row));
}

export function createGateStore(pool: Pool): GateStore {
  const orGone = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (failureOf(error) === "gone") throw new JournalGone("the database is not available");
      throw error;
    }
  };

  const change: GateStore["change"] = async (name, rule, durable = true) => {
    const client = await pool.connect();
    let broken = true;
    try {
      await client.query(durable ? BEGIN : BEGIN_LIGHTLY);
      const { row, nowMs } = await lockGate(client, name);
      const changed = rule(row, nowMs);
      if (changed.row !== undefined && changed.row !== row) await writeGate(client, changed.row);
      failpoint("gate.before-commit");
      await client.query("commit");
      broken = false;
      failpoint("gate.after-commit");
      const now = changed.row === undefined || changed.row === row ? row : { ...changed.row, revision: row.revision + 1 };
      return { row: now, nowMs, answer: changed.answer };
    } finally {
      // A connection whose transaction did not end well is not lent again: the server rolls it back when it goes.
      client.release(broken);
    }
  };

  return {
    read: () => orGone(readGates(pool)),
    change: (...args) => orGone(change(...args)),
    oldestHead: async (name) => {
      const [row] = await orGone(
        run<{ key: string; kind: string; business_date: string; serial: string | null; amount_fen: bigint | null }>(
          pool,
          "gate_oldest_head",
          OLDEST_HEAD,
          [name],
        ),
      );
      if (row === undefined) return undefined;
      const head: OldestHead = {
        key: row.key,
        kind: row.kind,
        businessDate: row.business_date,
        ...(row.serial === null ? {} : { serial: row.serial }),
        ...(row.amount_fen === null ? {} : { amountFen: row.amount_fen }),
      };
      return head;
    },
  };
}
