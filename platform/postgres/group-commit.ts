/**
 * Group commit (design.md decision 4): callers are coalesced into one transaction. The one flusher takes what has gathered while the last batch was being
 * committed: no timer, no linger. A bad row fails alone; a full queue refuses; a COMMIT whose outcome is unclear is looked up before anyone is answered.
 */
import { failpoint } from "../../domain/failpoint.ts";
import { JournalBusy, JournalGone } from "../../domain/journal/ports.ts";
import { type Marker, markerFor } from "./audit-mark.ts";
import { failureOf } from "./failures.ts";
import type { Client, Log, Pool } from "./pool.ts";
import { together } from "./sql.ts";

const BATCH_ROWS_MAX = 256;
const BATCH_BYTES_MAX = 1024 * 1024;
/** Four batches may wait; the next caller is told "busy". */
export const QUEUE_ROWS_MAX = 4 * BATCH_ROWS_MAX;
const QUEUE_BYTES_MAX = 32 * 1024 * 1024;
/** How long a batch is tried against a server that is not there before its callers are told. */
const GONE_AFTER_MS = 10_000;
const RETRY_FIRST_MS = 20;
const RETRY_MAX_MS = 1_000;
/** Deadlocks and lost races in a row before a batch is treated like a server that is not there. */
const AGAIN_MAX = 20;

/**
 * One open transaction. `nowMs` is huiliu_now() at its begin: every row of the batch carries it. `beforeTickMs` (performance.now) was read before that was asked for:
 * a lease counted from it ends here no later than in the database.
 */
export interface Tx {
  readonly client: Client;
  readonly nowMs: number;
  readonly beforeTickMs: number;
  /** What audit entries of this transaction are marked with (audit-mark.ts). */
  readonly mark?: Marker | undefined;
}

/** What the work of a batch gives: an answer per row, and what to do once it is committed, or once it is known to be rolled back or beyond finding out. */
export interface Worked<Answer> {
  readonly answers: readonly Answer[];
  readonly committed?: () => void;
  /** Never after `committed`. Not called when the work itself threw. */
  readonly abandoned?: () => void;
}

export interface GroupCommit<Row, Answer> {
  /**
   * Resolves once the row's transaction is committed. Rejects with JournalBusy (queue full), JournalGone (no server, or unclear whether it was committed and
   * no way to find out), or the row's own data error.
   */
  submit(row: Row): Promise<Answer>;
  /** Commits what is waiting, then refuses. */
  close(): Promise<void>;
}

export interface GroupCommitOptions<Row, Answer, Looked = undefined> {
  readonly pool: Pool;
  readonly name: string;
  readonly bytesOf: (row: Row) => number;
  /**
   * Locks and look-ups that need not know when the transaction began: sent with its BEGIN, so that a batch waits once for all of them. Everything must be sent
   * before anything is awaited: what is sent later stands behind what the work sends.
   */
  readonly look?: (client: Client, rows: readonly Row[]) => Promise<Looked>;
  /** Does the batch inside the transaction. Called again with the same rows after a failure, or with half of them: must keep nothing outside. */
  readonly work: (tx: Tx, rows: readonly Row[], looked: Looked) => Promise<Worked<Answer>>;
  readonly log: Log;
  readonly rowsMax?: number;
  readonly queueRowsMax?: number;
  readonly queueBytesMax?: number;
  readonly goneAfterMs?: number;
}

interface Waiting<Row, Answer> {
  readonly row: Row;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** The transaction's fate is not known: the connection died between COMMIT and its answer. */
class UnclearCommit extends Error {
  override readonly name = "UnclearCommit";
  readonly begun: Begun;
  readonly worked: Worked<unknown>;
  constructor(begun: Begun, worked: Worked<unknown>) {
    super("the outcome of a COMMIT is unclear");
    this.begun = begun;
    this.worked = worked;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const BEGIN =
  "begin; select pg_current_xact_id()::text as xid, (select id::text from server_life) as life, extract(epoch from huiliu_now()) * 1000 as ms";
/** Asked only of the life that gave the number: after a crash it may lie in the future, and asking for that is an error. $1 number, $2 life. */
const FATE =
  "select case when l.id::text = $2 then pg_xact_status($1::text::xid8) end as fate, l.id::text as life from (select 1) as one left join server_life l on true";
const NEW_LIFE = "insert into server_life default values on conflict do nothing";

/** A transaction's number, and the life of the server in which it was given; null after a crash that nobody has noted yet. */
export interface Begun {
  readonly xid: string;
  readonly life: string | null;
}

/** Notes that a server that crashed lives again (migrations/002-server-life.sql). */
export async function noteLife(pool: Pick<Pool, "query">): Promise<void> {
  await pool.query(NEW_LIFE);
}

/** What BEGIN answers, statement by statement. */
type BegunRows = readonly { readonly rows: readonly (Begun & { readonly ms: string })[] }[];

/** Runs work in one transaction, once. Throws UnclearCommit when nobody can say whether it was committed. */
async function inTransaction<Answer, Looked>(
  { pool, look }: Pick<CommitOptions<Looked>, "pool" | "look">,
  work: (tx: Tx, looked: Looked) => Promise<Worked<Answer>>,
): Promise<Worked<Answer>> {
  const client = await pool.connect();
  let broken = true;
  try {
    const beforeTickMs = performance.now();
    let first: (Begun & { readonly ms: string }) | undefined;
    let worked: Worked<Answer>;
    try {
      const [begun, looked] = await together([client.query(BEGIN) as unknown as Promise<BegunRows>, look?.(client)]);
      first = begun[1]?.rows[0];
      if (!first) throw new Error("connection error: BEGIN gave no transaction id");
      worked = await work({ client, nowMs: Math.floor(Number(first.ms)), beforeTickMs, mark: markerFor(pool) }, looked as Looked);
    } catch (error) {
      if (failureOf(error) !== "gone") {
        await client.query("rollback");
        broken = false;
      }
      throw error;
    }
    failpoint("postgres.before-commit");
    try {
      await client.query("commit");
    } catch (error) {
      // A server that answers COMMIT with an error of its own has rolled back; a connection that died has told us nothing.
      if (failureOf(error) === "gone") throw new UnclearCommit(first, worked);
      worked.abandoned?.();
      throw error;
    }
    broken = false;
    failpoint("postgres.after-commit");
    return worked;
  } finally {
    client.release(broken);
  }
}

/**
 * What became of a transaction: asks on new connections until the server knows, or until `untilMs` (performance.now). Unknown at once when the server has crashed
 * meanwhile: the number may be another transaction's by now.
 */
export async function fateOf(pool: Pool, { xid, life }: Begun, untilMs: number): Promise<"committed" | "aborted" | "unknown"> {
  for (let wait = RETRY_FIRST_MS; performance.now() < untilMs; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    try {
      const told = await pool.query<{ fate: string | null; life: string | null }>(FATE, [xid, life]);
      const now = told.rows[0]?.life ?? null;
      if (now === null) await noteLife(pool);
      if (life === null || now !== life) return "unknown";
      const fate = told.rows[0]?.fate;
      if (fate === "committed" || fate === "aborted") return fate;
    } catch (error) {
      if (failureOf(error) === "row") throw error;
    }
    await pause(wait);
  }
  return "unknown";
}

/** `look`: as of a group commit. */
export interface CommitOptions<Looked> {
  readonly pool: Pool;
  readonly log: Log;
  readonly name: string;
  readonly goneAfterMs?: number;
  readonly look?: ((client: Client) => Promise<Looked>) | undefined;
}

/** Runs work in one transaction until its outcome is known. Rejects with JournalGone after `goneAfterMs`, or with the data's own error. */
export async function commit<Answer, Looked = undefined>(
  options: CommitOptions<Looked>,
  work: (tx: Tx, looked: Looked) => Promise<Worked<Answer>>,
): Promise<Worked<Answer>> {
  const until = performance.now() + (options.goneAfterMs ?? GONE_AFTER_MS);
  let again = 0;
  for (let wait = RETRY_FIRST_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    try {
      return await inTransaction(options, work);
    } catch (error) {
      if (error instanceof UnclearCommit) {
        const fate = await fateOf(options.pool, error.begun, until);
        options.log.warn({ committer: options.name, fate }, "a COMMIT was unclear and has been looked up");
        if (fate === "committed") return error.worked as Worked<Answer>;
        error.worked.abandoned?.();
        if (fate === "unknown") throw new JournalGone("the database went away during a COMMIT; its outcome is unknown");
      } else {
        const failure = failureOf(error);
        if (failure === "row") throw error;
        again = failure === "again" ? again + 1 : 0;
        options.log.warn(
          { committer: options.name, failure, error: error instanceof Error ? error.message : "" },
          "a batch is tried again",
        );
        if (performance.now() >= until || again > AGAIN_MAX) throw new JournalGone("the database is not available");
      }
      await pause(wait);
    }
  }
}

/** Makes a committer of its own queue and flusher. */
export function createGroupCommit<Row, Answer, Looked = undefined>(
  options: GroupCommitOptions<Row, Answer, Looked>,
): GroupCommit<Row, Answer> {
  const rowsMax = options.rowsMax ?? BATCH_ROWS_MAX;
  const queueRowsMax = options.queueRowsMax ?? QUEUE_ROWS_MAX;
  const queueBytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX;
  let queue: Waiting<Row, Answer>[] = [];
  let queuedBytes = 0;
  let flushing: Promise<void> | undefined;
  let closed = false;

  const take = (): Waiting<Row, Answer>[] => {
    let count = 0;
    let bytes = 0;
    while (count < queue.length && count < rowsMax) {
      bytes += queue[count]?.bytes ?? 0;
      if (count > 0 && bytes > BATCH_BYTES_MAX) break;
      count += 1;
    }
    const batch = queue.slice(0, count);
    queue = queue.slice(count);
    for (const one of batch) queuedBytes -= one.bytes;
    return batch;
  };

  /** What throws here is a mistake of ours, and no word on the rows: they are committed, and must neither be halved nor refused. */
  const afterCommit = (worked: Worked<Answer>): void => {
    try {
      worked.committed?.();
    } catch (error) {
      options.log.warn({ committer: options.name, error: String(error) }, "what follows a commit failed; its rows are committed");
    }
  };

  const settle = async (batch: readonly Waiting<Row, Answer>[]): Promise<void> => {
    try {
      const rows = batch.map((one) => one.row);
      const { pool, log, name, goneAfterMs, look } = options;
      const given = { pool, log, name, ...(goneAfterMs === undefined ? {} : { goneAfterMs }) };
      const worked = await commit<Answer, Looked>({ ...given, look: look && ((client) => look(client, rows)) }, (tx, looked) =>
        options.work(tx, rows, looked),
      );
      afterCommit(worked);
      batch.forEach((one, index) => {
        one.resolve(worked.answers[index] as Answer);
      });
    } catch (error) {
      if (failureOf(error) !== "row" || error instanceof JournalGone || batch.length === 1) {
        for (const one of batch) one.reject(error);
        return;
      }
      // One row is poison and the server does not say which: halve until it stands alone.
      const middle = batch.length >> 1;
      await settle(batch.slice(0, middle));
      await settle(batch.slice(middle));
    }
  };

  const flush = async (): Promise<void> => {
    // Callers of the same turn of the event loop share the first batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (queue.length > 0) await settle(take());
    flushing = undefined;
  };

  return {
    submit: (row) => {
      if (closed) return Promise.reject(new JournalGone(`${options.name} is closed`));
      const bytes = options.bytesOf(row);
      if (queue.length >= queueRowsMax || (queue.length > 0 && queuedBytes + bytes > queueBytesMax)) {
        return Promise.reject(new JournalBusy(`${options.name}: ${queue.length} rows are waiting`));
      }
      return new Promise<Answer>((resolve, reject) => {
        queue.push({ row, bytes, resolve, reject });
        queuedBytes += bytes;
        flushing ??= flush();
      });
    },
    close: async () => {
      closed = true;
      await flushing;
    },
  };
}
