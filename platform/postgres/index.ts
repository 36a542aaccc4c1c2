/**
 * PostgreSQL: the truth and the retry clock (design.md decision 1).
 *
 *     const postgres = await createPostgres({ url, workerName: "host:pid", log });   // checks the server, migrates, makes partitions, registers the worker
 *     const journal = postgres.journal({ parkedEvent, published });                  // JournalStore
 *     const settle = postgres.settle({ parkedEvent, after });                        // SettleStore
 *     const writeBacks = postgres.writeBacks({ published, due }       );  // WriteBackStore
 *     const outbox = postgres.outbox();                                              // OutboxStore
 *     await postgres.ensurePartitions();                                             // once a day or oftener: days ahead
 *     await postgres.close();                                                        // commits what waits, frees the worker's lock
 *
 * `reads` serves the console's; anything that writes goes through a store or one transaction of its own, takes its time from huiliu_now() and, where it
 * changes a lane, holds `orderLock(lane)` (sql.ts).
 */
import { hash } from "node:crypto";
import type { OutboxStore, SettleStore } from "../../domain/delivery/ports.ts";
import type { JournalStore } from "../../domain/journal/ports.ts";
import type { GateStore } from "../../domain/writeback/gates.ts";
import type { WriteBackStore } from "../../domain/writeback/ports.ts";
import { type Marker, markEntries } from "./audit-mark.ts";
import { createUuid7, dbTime, setClockOffset } from "./clock.ts";
import type { AcknowledgementStore } from "../../domain/acknowledgements/ports.ts";
import { type AcknowledgementStoreDeps, createAcknowledgementStore } from "./acknowledgements.ts";
import { createJournalStore, type JournalDeps } from "./journal.ts";
import { migrate } from "./migrate.ts";
import { createGateStore } from "./gates.ts";
import { createOutboxStore } from "./outbox.ts";
import { ensurePartitions } from "./partitions.ts";
import { assertServer, createPool, type Log, type Pool, POOL_MAX, READ_POOL_MAX, SILENT } from "./pool.ts";
import { createSettleStore, type SettleDeps } from "./settle.ts";
import { createWorker, type Worker } from "./worker.ts";
import { createWriteBackStore, type WriteBackDeps } from "./write-backs.ts";
import { createSubscribers, type Subscribers } from "./subscribers.ts";

/** A message handed to a flow stays its worker's this long without `extend`; a dead worker's is taken at once. */
const MESSAGE_LEASE_MS = 60_000;
/** Event deliveries are not extended: longer than any flow's deadline. */
const EVENT_LEASE_MS = 600_000;

export interface PostgresOptions {
  readonly url: string;
  /** For people: host and process. */
  readonly workerName: string;
  readonly log?: Log;
  readonly poolMax?: number;
  /** Tests and simulated hours: moves huiliu_now() for everybody on this database. */
  readonly clockOffsetMs?: number;
  readonly messageLeaseMs?: number;
  readonly eventLeaseMs?: number;
  /** How long a commit is tried against a server that is away. */
  readonly goneAfterMs?: number;
  readonly sha256?: (bytes: Uint8Array) => Uint8Array;
  readonly uuid7?: (atMs: number) => string;
  /** What entries of the audit are marked with (audit-mark.ts). */
  readonly mark?: Marker;
}

type Given<T, K extends keyof T> = Pick<T, K>;

export interface Postgres {
  /** The stores' connections: indexed, prepared statements only. */
  readonly pool: Pool;
  /** For searches and totals. */
  readonly reads: Pool;
  readonly worker: Worker;
  /** Set by the settle store; operators' deeds owe their events to the same flows. */
  readonly subscribers: Subscribers;
  /** Names of the migrations applied at this start. */
  readonly applied: readonly string[];
  journal(deps: Given<JournalDeps, "parkedEvent" | "published" | "queueRowsMax" | "handsOver">): JournalStore;
  settle(deps: Given<SettleDeps, "parkedEvent" | "after" | "handOff" | "sealWriteBack">): SettleStore;
  writeBacks(deps: Given<WriteBackDeps, "published" | "due" | "strayCheckMs">): WriteBackStore;
  /** Acknowledgements that come on their own way. */
  acknowledgements(deps: Given<AcknowledgementStoreDeps, "parkedEvent" | "seal" | "after" | "passesParked">): AcknowledgementStore;
  outbox(): OutboxStore;
  /** What destinations are allowed now, shared by all workers. */
  gates(): GateStore;
  ensurePartitions(daysAhead?: number): Promise<readonly string[]>;
  /** huiliu_now(). */
  now(): Promise<{ readonly ms: number; readonly day: string }>;
  setClockOffset(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts: refuses an unsafe server (UnsafeServer) and changed migrations (MigrationRefused). Rejects when the server is not there. */
export async function createPostgres(options: PostgresOptions): Promise<Postgres> {
  const log = options.log ?? SILENT;
  const { url } = options;
  const pool = createPool({ url, applicationName: `huiliu ${options.workerName}`, max: options.poolMax ?? POOL_MAX, plans: "hot", log });
  const reads = createPool({ url, applicationName: `huiliu reads ${options.workerName}`, max: READ_POOL_MAX, plans: "reads", log });
  const closers: (() => Promise<void>)[] = [];
  if (options.mark !== undefined) markEntries(pool, options.mark);
  try {
    await assertServer(pool);
    const applied = await migrate(pool);
    if (options.clockOffsetMs !== undefined) await setClockOffset(pool, options.clockOffsetMs);
    let { days } = await ensurePartitions(pool);
    const worker = await createWorker(pool, options.workerName, log);
    const subscribers = createSubscribers();
    const common = {
      pool,
      subscribers,
      worker,
      log,
      hasDay: (day: string) => days.has(day),
      sha256: options.sha256 ?? ((bytes: Uint8Array) => hash("sha256", bytes, "buffer")),
      uuid7: options.uuid7 ?? createUuid7(),
      ...(options.goneAfterMs === undefined ? {} : { goneAfterMs: options.goneAfterMs }),
    };
    const closing = <T extends { close(): Promise<void> }>(store: T): T => {
      closers.push(() => store.close());
      return store;
    };
    return {
      pool,
      reads,
      worker,
      subscribers,
      applied,
      journal: (deps) => closing(createJournalStore({ ...common, leaseMs: options.messageLeaseMs ?? MESSAGE_LEASE_MS, ...deps })),
      settle: (deps) => closing(createSettleStore({ ...common, eventLeaseMs: options.eventLeaseMs ?? EVENT_LEASE_MS, ...deps })),
      writeBacks: (deps) => closing(createWriteBackStore({ ...common, ...deps })),
      acknowledgements: (deps) => closing(createAcknowledgementStore({ ...common, ...deps })),
      gates: () => createGateStore(pool),
      outbox: () => closing(createOutboxStore({ pool })),
      ensurePartitions: async (daysAhead) => {
        const done = await ensurePartitions(pool, daysAhead);
        days = done.days;
        return done.made;
      },
      now: () => dbTime(pool),
      setClockOffset: (ms) => setClockOffset(pool, ms),
      close: async () => {
        await Promise.all(closers.map((close) => close()));
        await worker.close();
        await Promise.all([pool.end(), reads.end()]);
      },
    };
  } catch (error) {
    await Promise.all([pool.end(), reads.end()]);
    throw error;
  }
}
