/**
 * Who we are among the engine's processes. A worker holds a session advisory lock on its number while it lives: another sees at once that it died,
 * and its leases need not run out (design.md decision 6). Fencing tokens, not this lock, keep the data right.
 */
import { noteLife } from "./group-commit.ts";
import type { Client, Log, Pool } from "./pool.ts";

/** First key of the two-key advisory lock (classid in pg_locks). */
const WORKER_LOCK_CLASS = 0x48_57;
const RETRY_MS = 250;

export interface Worker {
  readonly id: number;
  /** Numbers of the workers alive now, ours among them. */
  living(): Promise<readonly number[]>;
  /** Notes that we are alive, for people. */
  seen(): Promise<void>;
  close(): Promise<void>;
}

/** Registers this process. `name` is for people (host and pid). */
export async function createWorker(pool: Pool, name: string, log: Log): Promise<Worker> {
  const made = await pool.query<{ id: number }>(
    "insert into worker (name, started_at, seen_at) select $1, huiliu_now(), huiliu_now() returning id",
    [name],
  );
  const id = made.rows[0]?.id;
  if (id === undefined) throw new Error("the worker got no number");
  let holder: Client | undefined;
  let closed = false;
  let retry: NodeJS.Timeout | undefined;

  const hold = async (): Promise<void> => {
    const client = await pool.connect();
    // The holder sits idle for ever: a lost connection shows here first, and the lock with it. While the lock is still being taken the statement fails, and tells.
    client.on("error", (error) => {
      if (holder !== client) return;
      log.warn({ worker: id, error: error.message }, "the worker's lock was lost with its connection; taking it again");
      holder = undefined;
      client.release(true);
      again();
    });
    try {
      await client.query("select pg_advisory_lock($1, $2)", [WORKER_LOCK_CLASS, id]);
      await noteLife(client);
    } catch (error) {
      client.release(true);
      throw error;
    }
    // Closed while it was being taken again: nobody would ever give it back, and the pool would wait for it.
    if (closed) client.release(true);
    else holder = client;
  };
  const again = (): void => {
    if (closed) return;
    retry = setTimeout(() => {
      hold().catch((error: unknown) => {
        log.warn({ worker: id, error: error instanceof Error ? error.message : "" }, "the worker's lock cannot be taken yet");
        again();
      });
    }, RETRY_MS);
    retry.unref();
  };

  await hold();
  return {
    id,
    living: async () => {
      const locks = await pool.query<{ id: number }>({ name: "worker_living", text: LIVING, values: [WORKER_LOCK_CLASS] });
      return locks.rows.map((row) => row.id);
    },
    seen: async () => {
      await pool.query({ name: "worker_seen", text: "update worker set seen_at = huiliu_now() where id = $1", values: [id] });
    },
    close: async () => {
      closed = true;
      clearTimeout(retry);
      const client = holder;
      holder = undefined;
      if (!client) return;
      client.removeAllListeners("error");
      client.on("error", () => undefined);
      // Freed before we answer, so that whoever follows us finds it free; where that cannot be asked for, the end of the session frees it.
      try {
        await client.query("update worker set left_at = huiliu_now() where id = $1", [id]); // not missed by the alarms
        await client.query("select pg_advisory_unlock($1, $2)", [WORKER_LOCK_CLASS, id]);
      } catch (error) {
        log.warn({ worker: id, error: error instanceof Error ? error.message : "" }, "the worker's lock ends with its session");
      }
      client.release(true);
    },
  };
}

const LIVING = `select objid::bigint::integer as id from pg_locks
  where locktype = 'advisory' and granted and objsubid = 2 and classid = $1::bigint::oid
    and database = (select oid from pg_database where datname = current_database())`;
