/** PostgreSQL as the contract suites see it. */
import type { AfterSettle, ParkedEventOf, SealedEvent, SettleStore } from "../../../domain/delivery/ports.ts";
import { createPostgres, type Postgres } from "../../../platform/postgres/index.ts";
import { rawOf } from "../../../platform/postgres/journal-rows.ts";
import type { JournalWorld } from "../journal.ts";
import { testEvent as event, type SettleWorld } from "../settle-world.ts";
import type { WriteBackWorld } from "../write-backs.ts";
import type { JournalStore } from "../../../domain/journal/ports.ts";
import { LEASE_MS } from "../journal.ts";
import { testDatabase, type TestDatabase } from "./database.ts";

export { event };

export const parkedEvent: ParkedEventOf = (message, reason): SealedEvent => ({
  event: event(`parked-${message.id}`, "message.parked", message.partner, { code: reason.code }),
  fingerprint: reason.code,
  keys: [],
  publish: true,
});

export interface PostgresWorld {
  readonly database: TestDatabase;
  /** A connection of the test's own. */
  readonly own: Postgres;
  connect(): Promise<Postgres>;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** A database and however many processes talk to it. */
export async function postgresWorld(): Promise<PostgresWorld> {
  const database = await testDatabase();
  const open: Postgres[] = [];
  let count = 0;
  const connect = async (): Promise<Postgres> => {
    count += 1;
    const postgres = await createPostgres({
      url: database.url,
      workerName: `test ${count}`,
      messageLeaseMs: LEASE_MS,
      eventLeaseMs: LEASE_MS,
    });
    open.push(postgres);
    return postgres;
  };
  const own = await connect();
  let offset = 0;
  return {
    database,
    own,
    connect,
    advance: async (ms) => {
      offset += ms;
      await own.setClockOffset(offset);
    },
    close: async () => {
      await Promise.all(open.map((postgres) => postgres.close()));
      await database.drop();
    },
  };
}

/** The journal's world on PostgreSQL. */
export async function journalWorld(): Promise<JournalWorld> {
  const world = await postgresWorld();
  return {
    worker: async (options) => {
      const postgres = await world.connect();
      return { journal: postgres.journal({ parkedEvent, ...options }), kill: () => postgres.worker.close() };
    },
    advance: world.advance,
    message: async (id) => {
      const [row] = (
        await world.own.reads.query<{
          state: string;
          code: string | null;
          duplicate_of: string | null;
          raw: Buffer | null;
          raw_bytes: number | null;
          reply: Buffer | null;
          history: string[];
        }>(
          `select m.state, m.park->>'code' as code, m.duplicate_of, m.raw, m.raw_bytes, m.reply,
             (select array_agg(h.state order by h.at) from message_history h where h.message_id = m.id) as history
           from message m where m.id = $1`,
          [id],
        )
      ).rows;
      if (!row) return undefined;
      return {
        state: row.state,
        ...(row.code === null ? {} : { code: row.code }),
        ...(row.duplicate_of === null ? {} : { duplicateOf: row.duplicate_of }),
        history: row.history,
        raw: row.raw === null ? "" : Buffer.from(rawOf({ raw: row.raw, raw_bytes: row.raw_bytes })).toString(),
        ...(row.reply === null ? {} : { reply: row.reply.toString() }),
      };
    },
    parkedEvents: async () =>
      (await world.own.reads.query<{ message_id: string }>("select message_id from outbox")).rows.map((row) => row.message_id),
    close: world.close,
  };
}

/** The settlements' world on PostgreSQL. */
export async function settleWorld(): Promise<SettleWorld> {
  const world = await postgresWorld();
  const rows = async <R extends object>(text: string, values: readonly unknown[]): Promise<R[]> =>
    (await world.own.reads.query<R>(text, [...values])).rows;
  return {
    worker: async (options) => {
      const postgres = await world.connect();
      const afters: AfterSettle[] = [];
      const settle = postgres.settle({ parkedEvent, after: (done) => void afters.push(done), ...options });
      return { journal: postgres.journal({ parkedEvent }), settle, afters, kill: () => postgres.worker.close() };
    },
    message: async (id) => {
      const [row] = await rows<{ state: string; code: string | null; duplicate_of: string | null; notes: string[] | null }>(
        `select m.state, m.park->>'code' as code, m.duplicate_of,
           (select array_agg(h.note order by h.at) from message_history h where h.message_id = m.id and h.note is not null) as notes
         from message m where m.id = $1`,
        [id],
      );
      if (!row) return undefined;
      const code = row.code === null ? {} : { code: row.code };
      return { state: row.state, ...code, ...(row.duplicate_of === null ? {} : { duplicateOf: row.duplicate_of }), notes: row.notes ?? [] };
    },
    replay: async (id) => {
      await rows("update message set state = 'received', replayed = true, lease_worker = null, lease_until = null where id = $1", [id]);
    },
    gate: (destination, now) => setGate(world, destination, now),
    hold: (destination, lane, held) => setHold(world, destination, lane, held),
    writeBack: async (key) => {
      const [row] = await rows<{ state: string; lane_seq: bigint | null }>("select state, lane_seq from write_back where key = $1", [key]);
      return row && { state: row.state, ...(row.lane_seq === null ? {} : { laneSeq: row.lane_seq }) };
    },
    lane: async (destination, lane) =>
      (
        await rows<{ state: string }>(
          "select state from write_back where destination = $1 and lane = $2 and state <> 'held' order by lane_seq",
          [destination, lane],
        )
      ).map((row) => row.state),
    events: async (messageId) =>
      (await rows<{ id: string }>("select id from event where message_id = $1 order by seq", [messageId])).map((row) => row.id),
    outbox: async () => (await rows<{ event_id: string }>("select event_id from outbox order by seq", [])).map((row) => row.event_id),
    found: async (value) =>
      (await rows<{ message_id: string }>("select message_id from business_key where value = $1", [value])).map((row) => row.message_id),
    close: world.close,
  };
}

/** Journals a message and settles it with one write-back. Answers the write-back's id. */
export async function oweOne(
  stores: { readonly journal: JournalStore; readonly settle: SettleStore },
  about: { readonly key: string; readonly lane: string; readonly destination: string; readonly traceparent?: string },
): Promise<string> {
  const journaled = await stores.journal.append({ door: "amqp", partner: "his", kind: "payment", headers: {}, raw: Uint8Array.of(1) });
  if (journaled.kind !== "accepted") throw new Error("not accepted");
  const cause = event(`event of ${about.key}`, "payment.settled", "his");
  const settled = await stores.settle.settle({
    source: { kind: "message", message: journaled.message },
    events: [{ event: cause, fingerprint: "f", keys: [], publish: false }],
    orderChanges: [],
    keys: [],
    writeBacks: [
      {
        ...about,
        kind: "payment-confirm",
        mapping: "his/payment-confirm",
        cause: { eventId: cause.id, type: cause.type },
        body: new TextEncoder().encode(about.key),
        contentType: "text/plain",
        charset: "utf-8",
        amountFen: 1_650n,
        serial: "S1",
        businessDate: "2026-11-20",
        when: "now",
        flow: "f",
        node: "n",
      },
    ],
  });
  const [one] = settled.kind === "settled" ? settled.writeBacks : [];
  if (!one) throw new Error(`not owed: ${settled.kind}`);
  return one.id;
}

type Gate = Parameters<WriteBackWorld["gate"]>[1];

/** Sets what a destination is allowed, as the gate's own code does. */
async function setGate(world: Pick<PostgresWorld, "own">, destination: string, { mode, breaker, drainMs }: Gate): Promise<void> {
  await world.own.reads.query(
    `insert into destination (name, profile, seed_hash, mode, breaker, drain_until)
     values ($1, '{}', '', $2, $3, huiliu_now() + $4::double precision * interval '1 millisecond')
     on conflict (name) do update set mode = excluded.mode, breaker = excluded.breaker, drain_until = excluded.drain_until`,
    [destination, mode ?? "running", breaker ?? "closed", drainMs ?? null],
  );
}

async function setHold(world: Pick<PostgresWorld, "own">, destination: string, lane: string, held: boolean): Promise<void> {
  const text = held
    ? "insert into lane_hold (destination, lane, held_by, held_at, reason) values ($1, $2, 'test', huiliu_now(), 'test')"
    : "delete from lane_hold where destination = $1 and lane = $2";
  await world.own.reads.query(text, [destination, lane]);
}

/** The write-backs' world on PostgreSQL. */
export async function writeBackWorld(): Promise<WriteBackWorld> {
  const world = await postgresWorld();
  const stores = { journal: world.own.journal({ parkedEvent }), settle: world.own.settle({ parkedEvent, after: () => undefined }) };
  return {
    store: world.own.writeBacks({ strayCheckMs: 0 }),
    owe: (about) => oweOne(stores, about),
    row: async (id) => {
      const [row] = (
        await world.own.reads.query<{ state: string; attempts: number; may: boolean }>(
          "select state, attempts, may_have_taken_effect as may from write_back where id = $1",
          [id],
        )
      ).rows;
      return row && { state: row.state, attempts: row.attempts, mayHaveTakenEffect: row.may };
    },
    advance: world.advance,
    gate: (destination, now) => setGate(world, destination, now),
    hold: (destination, lane, held) => setHold(world, destination, lane, held),
    close: world.close,
  };
}
