/**
 * Measures what the alarms are judged by. Each probe goes through the partial index of one open state and is bounded by a LIMIT where its number may grow; a probe
 * that takes long is asked less often, so that together they take about a fiftieth of one connection's time whatever is owed. Values are kept as instants: an age
 * goes on growing between two looks.
 */
import type { AlarmKind } from "../../domain/alarms/kinds.ts";
import { HELD_MS, UNCLEAR_MS } from "../../domain/alarms/conditions.ts";
import type { Measured, MeasuredDestination, Thresholds } from "../../domain/alarms/measured.ts";
import type { Measurer } from "../../domain/alarms/ports.ts";
import type { Log } from "../../domain/log.ts";
import type { Answered } from "../../domain/operations/refusals.ts";
import { answered } from "../../domain/operations/refusals.ts";
import type { Totals } from "../../domain/operations/views.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { addDays, chinaDateTimeOf } from "../../domain/time.ts";
import { createUnwritten } from "./alarms-unwritten.ts";
import * as sql from "./alarms-sql.ts";
import { dbTime } from "./clock.ts";
import { reading } from "./operations-sql.ts";
import { PARTITIONED, suffixOf } from "./partitions.ts";
import type { Client, Pool } from "./pool.ts";

/** A probe that has not answered by then is stopped; its kinds stay as they are. */
const PROBE_TIMEOUT_MS = 3_000;
/** A probe rests this many times as long as it took. */
export const REST_FACTOR = 50;
const SECOND = 1_000;
const TICK = 1_500;
/** Days ahead whose tables must be there. */
const DAYS_NEEDED = 2;

export interface MeasureDeps {
  /** The engine's pool: the window over events is written by it. */
  readonly pool: Pool;
  /** The pool of people's searches: probes never wait behind the money. */
  readonly reads: Pool;
  readonly log: Log;
  readonly living: () => Promise<readonly number[]>;
  /** Profiles of destinations that have no row of their own yet. */
  readonly partners: () => readonly Partner[];
  /** The totals of a business day, yesterday's and today's being asked in turn. */
  readonly totals: (businessDate: string) => Promise<Answered<Totals>>;
  /** Messages in each dead-letter queue; undefined when the broker does not say. Must not reject. */
  readonly dead: () => Promise<Readonly<Record<string, number>> | undefined>;
  /** Space of the disk the database lies on; undefined where it cannot be known. Must not reject. */
  readonly disk: (dataDirectory: string) => Promise<Measured["disk"]>;
  /** Flows that production did not load, each with its code; absent: none is refused here. */
  readonly flows?: () => Readonly<Record<string, string>>;
  /** Looks through the audit's chain: nothing found is null. Absent: the audit is not sealed here. Must not reject. */
  readonly audit?: () => Promise<NonNullable<Measured["audit"]> | null | undefined>;
  /** Milliseconds that never go back. */
  readonly tickMs: () => number;
}

interface Probe<T> {
  /** The value, not older than it may be; undefined when it could not be had. */
  ask(): Promise<T | undefined>;
}

/** Asks at most every `everyMs`, and rests REST_FACTOR times as long as the last asking took. */
function probe<T>(deps: Pick<MeasureDeps, "tickMs" | "log">, everyMs: number, ask: () => Promise<T | undefined>): Probe<T> {
  let value: T | undefined;
  let nextMs = Number.NEGATIVE_INFINITY;
  return {
    ask: async () => {
      const begun = deps.tickMs();
      if (begun < nextMs) return value;
      // One probe that fails must not blind the others.
      value = await ask().catch((error: unknown) => {
        deps.log.warn({ error: error instanceof Error ? error.message : "" }, "an alarm's probe failed; its alarms stay as they are");
        return undefined;
      });
      const took = deps.tickMs() - begun;
      // What could not be had is asked for again soon, but not at once.
      nextMs = deps.tickMs() + (value === undefined ? Math.min(everyMs, 10 * SECOND) : Math.max(everyMs, REST_FACTOR * took));
      return value;
    },
  };
}

/** A probe that may take longer than a look should: it goes on by itself, and what it last gave counts until it is done. */
function beside<T>(one: Probe<T>): Probe<T> {
  let value: T | undefined;
  let asking = false;
  return {
    ask: async () => {
      if (!asking) {
        asking = true;
        void one.ask().then((given) => {
          value = given;
          asking = false;
        });
      }
      return value;
    },
  };
}

const orNothing = <K extends string>(name: K, value: number | null | undefined): Partial<Record<K, number>> =>
  value === null || value === undefined ? {} : ({ [name]: value } as Record<K, number>);

export function createMeasurer(deps: MeasureDeps): Measurer {
  const rowsOf =
    <R extends object>(text: string, values: () => readonly unknown[] = () => []) =>
    async (): Promise<readonly R[] | undefined> => {
      const answer = await reading(deps.reads, PROBE_TIMEOUT_MS, async (client: Client) => {
        await client.query("set local enable_seqscan = off");
        return answered((await client.query<R>(text, [...values()])).rows as readonly R[]);
      });
      if (!answer.ok)
        deps.log.warn({ probe: text.slice(0, 60), code: answer.code }, "an alarm's probe gave no answer; its alarms stay as they are");
      return answer.ok ? answer.value : undefined;
    };
  const probes = {
    gates: probe(deps, TICK, rowsOf<sql.GateRow>(sql.GATES)),
    heads: probe(
      deps,
      TICK,
      rowsOf<sql.HeadRow>(sql.HEADS, () => [UNCLEAR_MS]),
    ),
    blocked: probe(deps, 5 * SECOND, rowsOf<sql.BlockedRow>(sql.BLOCKED)),
    held: probe(
      deps,
      60 * SECOND,
      rowsOf<sql.HeldRow>(sql.HELD, () => [HELD_MS]),
    ),
    work: probe(deps, TICK, rowsOf<sql.WorkRow>(sql.WORK)),
    parked: probe(deps, 5 * SECOND, rowsOf<sql.ParkedRow>(sql.PARKED_MESSAGES)),
    hour: probe(deps, 300 * SECOND, rowsOf<sql.HourRow>(sql.LAST_HOUR)),
    workers: probe(deps, 10 * SECOND, async () => {
      const living = await deps.living();
      return rowsOf<sql.WorkerRow>(sql.SILENT, () => [living])();
    }),
    signIns: probe(deps, 5 * SECOND, rowsOf<sql.HeldSignInRow>(sql.HELD_SIGN_INS)),
    stalled: probe(deps, 10 * SECOND, rowsOf<sql.StalledRow>(sql.STALLED)),
    away: probe(deps, 10 * SECOND, rowsOf<sql.AwayRow>(sql.AWAY)),
    sinks: probe(deps, TICK, rowsOf<sql.SinkRow>(sql.SINKS)),
    days: probe(deps, 60 * SECOND, () => missingDays(deps, rowsOf)),
    dead: probe(deps, 10 * SECOND, deps.dead),
    disk: probe(deps, 60 * SECOND, () => diskOf(deps, rowsOf)),
    totals: beside(probe(deps, 600 * SECOND, () => totalsOf(deps))),
    unwritten: probe(deps, 10 * SECOND, createUnwritten(deps)),
    audit: beside(probe(deps, 600 * SECOND, async () => (deps.audit === undefined ? null : deps.audit()))),
  };
  const backlogs = backlogProbes(deps, rowsOf);

  return {
    measure: async () => {
      const { ms: nowMs } = await dbTime(deps.reads);
      const unknown = new Set<AlarmKind>();
      const of = async <T>(one: Probe<T>, ...kinds: readonly AlarmKind[]): Promise<T | undefined> => {
        const value = await one.ask();
        if (value === undefined) for (const kind of kinds) unknown.add(kind);
        return value;
      };
      const gates = (await of(probes.gates, "breaker-open")) ?? [];
      const rows = {
        gates,
        heads: (await of(probes.heads, "write-back-age", "write-back-parked", "unclear")) ?? [],
        blocked: (await of(probes.blocked, "lanes-blocked")) ?? [],
        held: (await of(probes.held, "not-written-back")) ?? [],
        hour: (await of(probes.hour, "duplicates-answered")) ?? [],
      };
      const profiles = thresholdsOf(deps.partners(), gates);
      const owed = await backlogs(profiles, () => unknown.add("backlog"));
      const [work] = (await of(probes.work, "message-not-fed", "event-not-fed", "event-parked", "outbox-age")) ?? [];
      const parked = (await of(probes.parked, "message-parked")) ?? [];
      const dead = await of(probes.dead, "dead-letters");
      const disk = await of(probes.disk, "disk-low");
      const audit = await of(probes.audit, "audit-broken");
      const [held] = (await of(probes.signIns, "sign-in-held")) ?? [];
      return {
        nowMs,
        destinations: [...profiles].map(([name, thresholds]) => destinationOf(name, thresholds, rows, owed.get(name))),
        messages: { ...orNothing("oldestMs", work?.message_ms), parked: Object.fromEntries(parked.map((row) => [row.partner, row.n])) },
        events: { ...orNothing("oldestMs", work?.delivery_ms), parked: work?.parked_deliveries ?? 0 },
        outbox: orNothing("oldestMs", work?.outbox_ms),
        ...(dead === undefined ? {} : { dead }),
        ...(disk === undefined ? {} : { disk }),
        ...(held === undefined ? {} : { held }),
        ...(audit === undefined || audit === null ? {} : { audit }),
        ...(deps.flows === undefined ? {} : { flows: deps.flows() }),
        totals: (await of(probes.totals, "totals-differ")) ?? [],
        unwritten: (await of(probes.unwritten, "not-written-back")) ?? [],
        stalled: ((await of(probes.stalled, "subscriber-stalled")) ?? []).map((row) => ({
          subscriber: row.name,
          why: row.why,
          sinceMs: row.since_ms,
        })),
        away: ((await of(probes.away, "door-away")) ?? []).map(({ since_ms: sinceMs, ...row }) => ({ ...row, sinceMs })),
        silentWorkers: ((await of(probes.workers, "worker-silent")) ?? []).map((row) => ({ name: row.name, seenMs: row.seen_ms })),
        missingDays: (await of(probes.days, "partitions-missing")) ?? [],
        sinks: ((await of(probes.sinks, "sink-down")) ?? []).map((row) => ({
          sink: row.sink,
          waitingSinceMs: row.since_ms,
          waiting: row.n,
        })),
        unknown,
      };
    },
  };
}

interface DestinationRows {
  readonly gates: readonly sql.GateRow[];
  readonly heads: readonly sql.HeadRow[];
  readonly blocked: readonly sql.BlockedRow[];
  readonly held: readonly sql.HeldRow[];
  readonly hour: readonly sql.HourRow[];
}

/** The profile of the database counts; a destination without a row has that of its file. */
function thresholdsOf(partners: readonly Partner[], gates: readonly sql.GateRow[]): ReadonlyMap<string, Thresholds> {
  const seeded = partners.flatMap((one) => (one.destination ? [[one.partner, one.destination.alarms ?? {}] as const] : []));
  return new Map<string, Thresholds>([...seeded, ...gates.map((row) => [row.destination, row.alarms ?? {}] as const)]);
}

function destinationOf(destination: string, thresholds: Thresholds, rows: DestinationRows, owed: number | undefined): MeasuredDestination {
  const mine = <R extends { readonly destination: string }>(list: readonly R[]): R | undefined =>
    list.find((row) => row.destination === destination);
  const [gate, head, blocked, held, hour] = [mine(rows.gates), mine(rows.heads), mine(rows.blocked), mine(rows.held), mine(rows.hour)];
  return {
    destination,
    thresholds,
    paused: gate?.mode === "paused",
    ...orNothing("oldestOwedMs", head?.oldest_ms),
    ...(owed === undefined ? {} : { owed: owed + (head?.heads ?? 0) }),
    ...orNothing("breakerSinceMs", gate?.breaker === "closed" ? undefined : gate?.breaker_ms),
    parked: head?.parked ?? 0,
    unclear: { count: head?.unclear ?? 0, ...orNothing("sinceMs", head?.unclear_ms) },
    blocked: { lanes: blocked?.lanes ?? 0, behind: blocked?.behind ?? 0, ...orNothing("sinceMs", blocked?.since_ms) },
    held: { count: held?.n ?? 0, ...orNothing("sinceMs", held?.since_ms) },
    ...(hour ? { lastHour: { acknowledged: hour.acknowledged, alreadyDone: hour.already_done } } : {}),
  };
}

type RowsOf = <R extends object>(text: string, values?: () => readonly unknown[]) => () => Promise<readonly R[] | undefined>;

/** Counts what is queued, for the destinations whose profile sets a number, and no further than that number. */
function backlogProbes(deps: MeasureDeps, rowsOf: RowsOf) {
  const probes = new Map<string, Probe<readonly { readonly n: number }[]>>();
  return async (profiles: ReadonlyMap<string, Thresholds>, unknown: () => void): Promise<ReadonlyMap<string, number>> => {
    const owed = new Map<string, number>();
    for (const [destination, { backlog }] of profiles) {
      if (backlog === undefined) continue;
      const key = `${destination} ${backlog}`;
      const one =
        probes.get(key) ??
        probe(
          deps,
          TICK,
          rowsOf<{ n: number }>(sql.QUEUED, () => [destination, backlog]),
        );
      probes.set(key, one);
      const [row] = (await one.ask()) ?? [];
      if (row) owed.set(destination, row.n);
      else unknown();
    }
    return owed;
  };
}

async function missingDays(deps: MeasureDeps, rowsOf: RowsOf): Promise<readonly string[] | undefined> {
  const { day: today } = await dbTime(deps.reads);
  const wanted = Array.from({ length: DAYS_NEEDED }, (_, ahead) => addDays(today, ahead + 1) ?? "").flatMap((day) =>
    Object.keys(PARTITIONED).map((table) => ({ day, table: `${table}${suffixOf(day)}` })),
  );
  const there = await rowsOf<{ name: string }>(sql.TABLES, () => [wanted.map((one) => one.table)])();
  if (there === undefined) return undefined;
  const names = new Set(there.map((row) => row.name));
  return [...new Set(wanted.filter((one) => !names.has(one.table)).map((one) => one.day))];
}

async function diskOf(deps: MeasureDeps, rowsOf: RowsOf): Promise<Measured["disk"]> {
  // Only a server that says where its data lie, on an address of this machine, can be looked at.
  const [row] = (await rowsOf<{ dir: string | null }>(sql.DATA_DIRECTORY)()) ?? [];
  return row?.dir == null ? undefined : deps.disk(row.dir);
}

async function totalsOf(deps: MeasureDeps): Promise<Measured["totals"] | undefined> {
  const { ms } = await dbTime(deps.reads);
  const today = chinaDateTimeOf(ms).slice(0, 10);
  const found: Measured["totals"][number][] = [];
  for (const day of [addDays(today, -1), today, addDays(today, 1)]) {
    if (day === undefined) continue;
    const answer = await deps.totals(day);
    if (!answer.ok) return undefined;
    for (const row of answer.value.rows) {
      if (row.balanced) continue;
      found.push({ businessDate: day, partner: row.partner, kind: row.kind, codes: row.differences.map((one) => one.code).join(" ") });
    }
  }
  return found;
}
