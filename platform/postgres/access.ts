/** Accounts, sessions and failures in PostgreSQL: see domain/access/ports.ts for what it promises. */
import { JournalGone } from "../../domain/journal/ports.ts";
import type { Log } from "../../domain/log.ts";
import type { AccessStore, AccessTx, StoredAccount, StoredSession, Throttle } from "../../domain/access/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import * as sql from "./access-sql.ts";
import { failureOf } from "./failures.ts";
import { commit, type Tx } from "./group-commit.ts";
import { note } from "./operations-deeds.ts";
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";

/** Failures are kept this long after the last: longer than any rule looks back. */
const THROTTLE_KEPT_MS = 3 * 86_400_000;

export interface AccessStoreDeps {
  readonly pool: Pool;
  readonly log: Log;
  /** How long a commit is tried against a server that is away. */
  readonly goneAfterMs?: number;
}

export function createAccessStore(deps: AccessStoreDeps): AccessStore {
  const { pool, log } = deps;
  return {
    within: async <T>(work: (tx: AccessTx) => Promise<Answered<T>>): Promise<Answered<T>> => {
      const options = { pool, log, name: "access", ...(deps.goneAfterMs === undefined ? {} : { goneAfterMs: deps.goneAfterMs }) };
      try {
        const { answers } = await commit<Answered<T>>(options, async (tx) => ({ answers: [await work(accessTx(tx))] }));
        return answers[0] ?? refused("INTERNAL");
      } catch (error) {
        if (error instanceof JournalGone || failureOf(error) === "gone") return refused("STORE_GONE");
        throw error;
      }
    },
    look: async (digest) => {
      try {
        const [row] = await run<sql.LookRow>(pool, "access_look", sql.LOOK, [digest ?? ""]);
        if (row === undefined) return refused("STORE_GONE");
        const { now_ms: nowMs, any_account: anyAccount } = row;
        if (row.session_id === null) return answered({ nowMs, anyAccount });
        return answered({ nowMs, anyAccount, session: sql.sessionOfLook(row), account: sql.accountOf(row) });
      } catch (error) {
        if (failureOf(error) === "gone") return refused("STORE_GONE");
        throw error;
      }
    },
    seen: async (digest, nowMs) => {
      await run(pool, "access_seen", sql.SEEN, [digest, nowMs]).catch((error: unknown) =>
        log.warn({ err: error }, "the use of a session could not be noted"),
      );
    },
  };
}

function accessTx(tx: Tx): AccessTx {
  const { client, nowMs } = tx;
  return {
    nowMs,
    ...accountsOf(tx),
    ...sessionsOf(tx),
    throttles: async (subjects) => {
      const sorted = [...new Set(subjects)].sort();
      await run(client, "access_throttle_make", sql.THROTTLE_MAKE, [sorted, nowMs]);
      const rows = await run<Throttle>(client, "access_throttles", sql.THROTTLES, [sorted]);
      return subjects.map((subject) => rows.find((row) => row.subject === subject) ?? { subject, failures: 0, lastMs: nowMs, untilMs: 0 });
    },
    throttle: async ({ subject, failures, lastMs, untilMs }) => {
      await run(client, "access_throttle", sql.THROTTLE, [subject, failures, lastMs, untilMs]);
      await run(client, "access_throttle_prune", sql.THROTTLE_PRUNE, [nowMs - THROTTLE_KEPT_MS]);
    },
    forget: async (subject) => void (await run(client, "access_forget", sql.FORGET, [subject])),
    locked: async (subjects) => {
      const rows = await run<{ subject: string; untilMs: number }>(client, "access_locked", sql.LOCKED, [subjects, nowMs]);
      return new Map(rows.map((row) => [row.subject, row.untilMs]));
    },
    lockSetUp: async () => void (await run(client, "access_lock", sql.LOCK_SET_UP, [])),
    setUpLinks: () => run(client, "access_links", sql.LINKS, []),
    keepSetUpLink: async (link) => {
      if (link === undefined || link.alone) await run(client, "access_links_forget", sql.LINKS_FORGET, []);
      if (link !== undefined) await run(client, "access_link_keep", sql.LINK_KEEP, [link.digest, link.endsMs, nowMs]);
    },
    note: ({ by, reason, action, accountId, before, after }) =>
      note(tx, { who: by, action, targetKind: "account", targetId: accountId, reason, before, after }),
  };
}

type Accounts = Pick<AccessTx, "anyAccount" | "accounts" | "account" | "insert" | "update" | "hold" | "ownsIt">;

function accountsOf({ client, nowMs }: Tx): Accounts {
  const one = async (name: string, text: string, values: readonly unknown[]): Promise<StoredAccount | undefined> => {
    const [row] = await run<sql.AccountRow>(client, name, text, values);
    return row && sql.accountOf(row);
  };
  return {
    anyAccount: async () => (await run(client, "access_any", sql.ANY, [])).length > 0,
    accounts: async () => (await run<sql.AccountRow>(client, "access_accounts", sql.ACCOUNTS, [])).map(sql.accountOf),
    account: (by) => {
      if ("id" in by) return one("access_account_id", sql.ACCOUNT_BY_ID, [by.id]);
      if ("login" in by) return one("access_account_login", sql.ACCOUNT_BY_LOGIN, [by.login]);
      return one("access_account_subject", sql.ACCOUNT_BY_SUBJECT, [by.issuer, by.subject]);
    },
    insert: async (account) => void (await run(client, "access_insert", sql.INSERT, sql.valuesOf(account))),
    update: async (account) => void (await run(client, "access_update", sql.UPDATE, sql.valuesOf(account))),
    hold: async (accountId, by, what, untilMs) =>
      void (await run(client, "access_hold", sql.HOLD, [accountId, by, what, nowMs, untilMs ?? null])),
    ownsIt: async (accountId, untilMs) => void (await run(client, "access_owns_it", sql.OWNS_IT, [accountId, untilMs])),
  };
}

type Sessions = Pick<AccessTx, "openSession" | "sessions" | "session" | "endSessions">;

function sessionsOf({ client, nowMs }: Tx): Sessions {
  return {
    openSession: async (session: StoredSession) => {
      await run(client, "access_sessions_prune", sql.SESSIONS_PRUNE, [nowMs]);
      const { digest, id, accountId, stage, external, createdMs, seenMs, endsMs, address, agent } = session;
      await run(client, "access_session_open", sql.SESSION_OPEN, [
        digest,
        id,
        accountId,
        stage,
        external,
        createdMs,
        seenMs,
        endsMs,
        address,
        agent,
      ]);
    },
    sessions: (accountId) =>
      accountId === undefined
        ? run<StoredSession>(client, "access_sessions", sql.SESSIONS, [])
        : run<StoredSession>(client, "access_sessions_of", sql.SESSIONS_OF, [accountId]),
    session: async (digest) => (await run<StoredSession>(client, "access_session", sql.SESSION, [digest]))[0],
    endSessions: async (which) => {
      if ("digest" in which) return (await run(client, "access_end_digest", sql.END_DIGEST, [which.digest])).length;
      if ("id" in which) return (await run(client, "access_end_id", sql.END_ID, [which.id])).length;
      return (await run(client, "access_end_account", sql.END_ACCOUNT, [which.accountId, which.except ?? ""])).length;
    },
  };
}
