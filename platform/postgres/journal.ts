/** The journal in PostgreSQL: bytes committed before anybody is answered (design.md sections 3 and 5.4, 5.5). */
import type { MessageSummary, ParkedEventOf } from "../../domain/delivery/ports.ts";
import { type Inbound, type Journaled, JournalGone, type JournaledMessage, type JournalStore } from "../../domain/journal/ports.ts";
import { refusal } from "../../domain/refusals.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { eventNumbers, oweToFlows, storeEvents, storeHistory } from "./facts.ts";
import { noteParkedMessages } from "./failure-groups.ts";
import { failureOf } from "./failures.ts";
import { commit, createGroupCommit, type Tx } from "./group-commit.ts";
import { type AppendDeps, appendBatch } from "./journal-append.ts";
import { type Entry, entryOf } from "./journal-drafts.ts";
import { type MessageRow, messageOf } from "./journal-rows.ts";
import * as sql from "./journal-sql.ts";
import type { Log, Pool } from "./pool.ts";
import { daysOf, run } from "./sql.ts";
import type { Worker } from "./worker.ts";
import type { Subscribers } from "./subscribers.ts";

/** Lonely parts parked in one transaction; the rest follow at the next call. */
const LONELY_MAX = 500;

export interface JournalDeps {
  readonly pool: Pool;
  readonly worker: Worker;
  readonly log: Log;
  /** Whether a day has tables of its own. */
  readonly hasDay: (day: string) => boolean;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly uuid7: (atMs: number) => string;
  readonly parkedEvent: ParkedEventOf;
  /** Called after a commit that owes events to the broker (parked messages). Must not throw. */
  readonly published?: () => void;
  readonly subscribers?: Subscribers;
  /** How long a message handed over stays this worker's without `extend`. */
  readonly leaseMs: number;
  /** Whether what is accepted is handed to a flow in process, and so leased to this worker. Default: it is. */
  readonly handsOver?: () => boolean;
  readonly queueRowsMax?: number;
  readonly goneAfterMs?: number;
}

const unleased = (journaled: Journaled): Journaled =>
  journaled.kind === "accepted" ? { kind: "accepted", message: { ...journaled.message, unleased: true } } : journaled;

/** A server that is not there is the port's JournalGone for every call. */
const orGone = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    if (failureOf(error) === "gone") throw new JournalGone("the database is not available");
    throw error;
  }
};

/** Locks are taken by id everywhere. */
const inOrder = <T extends { readonly id: string }>(items: readonly T[]): T[] => [...items].sort((a, b) => (a.id < b.id ? -1 : 1));

export function createJournalStore(deps: JournalDeps): JournalStore {
  const { pool, worker } = deps;
  const append: AppendDeps = { ...deps, workerId: worker.id };
  const options = { pool, log: deps.log, ...(deps.goneAfterMs === undefined ? {} : { goneAfterMs: deps.goneAfterMs }) };
  const committer = createGroupCommit<Entry, Journaled>({
    ...options,
    name: "journal",
    work: async (tx, entries) => {
      if (deps.handsOver?.() !== false) return appendBatch(append, tx, entries);
      const done = await appendBatch({ ...append, workerId: null }, tx, entries);
      return { ...done, answers: done.answers.map(unleased) };
    },
    bytesOf: ({ inbound }) => inbound.raw.byteLength + (inbound.reply?.byteLength ?? 0),
    ...(deps.queueRowsMax === undefined ? {} : { queueRowsMax: deps.queueRowsMax }),
  });

  const reclaim = async (limit: number, held: readonly string[] = [], lead?: bigint): Promise<readonly JournaledMessage[]> => {
    const values = [await worker.living(), limit, worker.id, deps.leaseMs, held, lead ?? null];
    const rows = await run<MessageRow>(pool, "journal_reclaim", sql.RECLAIM, values);
    return rows.map(messageOf).sort((a, b) => (a.seq < b.seq ? -1 : 1));
  };

  const parkLonely = async (tx: Tx, olderThanMs: number): Promise<readonly string[]> => {
    const reason = refusal("EXCHANGE_INCOMPLETE");
    const rows = await run<LonelyRow>(tx.client, "journal_lonely", sql.LONELY, [olderThanMs, LONELY_MAX, JSON.stringify(reason)]);
    const seqs = await eventNumbers(tx, rows.length);
    const events = rows.map((row, index) => {
      const sealed = deps.parkedEvent(summaryOf(row), reason, []);
      return { messageId: row.id, event: sealed.event, seq: seqs[index] ?? 0n, ordinal: 0, publish: sealed.publish };
    });
    await storeEvents(tx, events);
    await oweToFlows(tx, events, deps.subscribers);
    await storeHistory(
      tx,
      rows.map((row) => ({ messageId: row.id, state: "parked", by: "journal", note: reason.code })),
    );
    await noteParkedMessages(
      tx,
      rows.map((row) => ({ ...summaryOf(row), reason })),
    );
    return rows.map((row) => row.id);
  };

  let doubts = 0;
  /** Whatever leases messages: when its answer is lost, they may be ours without our knowing. */
  const leasing = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof JournalGone) doubts += 1;
      throw error;
    }
  };

  return {
    append: (inbound: Inbound) => leasing(committer.submit(entryOf(deps.sha256, inbound))),
    reclaim: (...args) => leasing(orGone(reclaim(...args))),
    inDoubt: () => doubts > 0,
    disown: async (held) => {
      const seen = doubts;
      await orGone(run(pool, "journal_disown", sql.DISOWN, [worker.id, held]));
      doubts -= seen; // what came meanwhile is looked at again
    },
    regain: async (id, lead) => {
      const days = daysOf([id], deps.hasDay);
      const values = [await orGone(worker.living()), id, worker.id, deps.leaseMs, lead ?? null];
      const [row] = await leasing(orGone(run<{ lease_token: bigint }>(pool, `journal_regain${days.name}`, sql.regain(days), values)));
      return row && Number(row.lease_token);
    },
    fedAlone: async (messageId) => {
      const [row] = await orGone(run<{ times: number }>(pool, "journal_fed_alone", sql.FED_ALONE, [messageId]));
      return row?.times ?? 1;
    },
    release: async (items) => {
      if (items.length === 0) return;
      const days = daysOf(
        items.map((item) => item.id),
        deps.hasDay,
      );
      await leasing(
        orGone(run(pool, `journal_release${days.name}`, sql.release(days), [...sql.HELD_ROWS.params(inOrder(items)), worker.id])),
      );
    },
    extend: async (items) => {
      if (items.length === 0) return [];
      const days = daysOf(
        items.map((item) => item.id),
        deps.hasDay,
      );
      const values = [...sql.HELD_ROWS.params(inOrder(items)), worker.id, deps.leaseMs];
      const rows = await orGone(run<{ id: string }>(pool, `journal_extend${days.name}`, sql.extend(days), values));
      const held = new Set(rows.map((row) => row.id));
      return items.map((item) => item.id).filter((id) => !held.has(id));
    },
    parkLonelyParts: async (olderThanMs) => {
      const done = await commit({ ...options, name: "lonely-parts" }, async (tx) => ({ answers: await parkLonely(tx, olderThanMs) }));
      if (done.answers.length > 0) deps.published?.();
      return done.answers;
    },
    close: () => committer.close(),
  };
}

interface LonelyRow {
  readonly id: string;
  readonly partner: string;
  readonly kind: string;
  readonly door: string;
  readonly identity: string | null;
  readonly traceparent: string | null;
  readonly received_ms: number;
}

const summaryOf = (row: LonelyRow): MessageSummary => ({
  id: row.id,
  partner: row.partner,
  kind: row.kind,
  door: row.door,
  ...(row.identity === null ? {} : { identity: row.identity }),
  ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
  receivedAt: chinaDateTimeOf(Math.floor(row.received_ms)),
});
