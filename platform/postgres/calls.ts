/** What must be known of calls before they are made: their numbers at the partner, and the sign-in that they go under. One statement each; time is huiliu_now(). */
import { msOf } from "./clock.ts";
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";

const FIND = "select number from call_number where destination = $1 and slot = $2";
const PUT = "insert into call_number (destination, slot, number) values ($1, $2, $3) on conflict do nothing returning number";
/** The number stays taken under a slot that nobody asks for. */
const OVER = "update call_number set slot = slot || ':over:' || number where destination = $1 and slot = $2";

/** The reply to one of these calls of ours, where it was journaled as an exchange. $2 identities, the latest last. */
const REPLIED = `select m.reply, m.headers from unnest($2::text[]) with ordinality as w(identity, at)
  cross join lateral (select i.message_id from message_identity i where i.partner = $1 and i.identity = w.identity limit 1) as i
  cross join lateral (select x.reply, x.headers from message x where x.id = i.message_id and x.door = 'exchange' and x.reply is not null limit 1) as m
  order by w.at desc limit 1`;

const READ = `select s.version, s.held, ${msOf("s.since")} as since_ms, ${msOf("s.failed_at")} as failed_ms, s.failed_why, ${msOf("(select huiliu_now())")} as now_ms
  from (select 1) as one left join partner_session s on s.partner = $1 and s.who = $2`;
/** $3 the version that was read, $4 milliseconds. */
const CLAIM = `insert into partner_session as s (partner, who, version, signing_until)
  values ($1, $2, 1, (select huiliu_now()) + $4::double precision * interval '1 millisecond')
  on conflict (partner, who) do update set version = s.version + 1, signing_until = excluded.signing_until
    where s.version = $3::integer and (s.signing_until is null or s.signing_until < (select huiliu_now()))
  returning s.version`;
const KEEP = `update partner_session set version = version + 1, held = $4::jsonb, since = (select huiliu_now()), signing_until = null, failed_at = null, failed_why = null
  where partner = $1 and who = $2 and version = $3::integer returning version`;
const FAILED = `update partner_session set version = version + 1, signing_until = null, failed_at = (select huiliu_now()), failed_why = $4
  where partner = $1 and who = $2 and version = $3::integer`;
const FORGET =
  "update partner_session set version = version + 1, held = null, since = null where partner = $1 and who = $2 and version = $3::integer";
const ALL = "select partner, who, version, held from partner_session where held is not null order by partner, who";

/** A sign-in as the store has it. `nowMs`: the store's time, by which its age is counted. */
export interface StoredSession {
  /** 0: nobody has ever signed in. */
  readonly version: number;
  readonly held?: Readonly<Record<string, string>>;
  readonly sinceMs?: number;
  readonly failedMs?: number;
  readonly failedWhy?: string;
  readonly nowMs: number;
}

export interface CallStore {
  findNumber(destination: string, slot: string): Promise<string | undefined>;
  /** False: the slot or the number is taken. Committed once it resolves. */
  putNumber(destination: string, slot: string, number: string): Promise<boolean>;
  numberOver(destination: string, slot: string): Promise<void>;
  /** The reply to the last of these calls that was journaled as an exchange of the partner, with what stood in its headers. */
  journaledReply(
    partner: string,
    identities: readonly string[],
  ): Promise<{ readonly reply: Uint8Array; readonly headers: Readonly<Record<string, string>> } | undefined>;
  readSession(partner: string, who: string): Promise<StoredSession>;
  /** The version under which this worker alone signs in, for `ms`; undefined: another one does, or it is not as it was read. */
  claimSession(partner: string, who: string, version: number, ms: number): Promise<number | undefined>;
  /** False: another one has signed in since. */
  keepSession(partner: string, who: string, version: number, held: Readonly<Record<string, string>>): Promise<boolean>;
  sessionFailed(partner: string, who: string, version: number, why: string): Promise<void>;
  forgetSession(partner: string, who: string, version: number): Promise<void>;
  sessions(): Promise<
    readonly { readonly partner: string; readonly who: string; readonly version: number; readonly held: Readonly<Record<string, string>> }[]
  >;
}

interface SessionRow {
  readonly version: number | null;
  readonly held: Readonly<Record<string, string>> | null;
  readonly since_ms: number | null;
  readonly failed_ms: number | null;
  readonly failed_why: string | null;
  readonly now_ms: number;
}

/** Every function rejects with what the database said; its caller makes no call then. */
export function createCallStore(pool: Pool): CallStore {
  const query = <R extends object>(name: string, text: string, values: readonly unknown[]): Promise<readonly R[]> =>
    run<R>(pool, name, text, values);
  return {
    findNumber: async (...key) => (await query<{ number: string }>("call_number_find", FIND, key))[0]?.number,
    putNumber: async (...row) => (await query("call_number_put", PUT, row)).length > 0,
    numberOver: async (...key) => {
      await query("call_number_over", OVER, key);
    },
    journaledReply: async (...key) =>
      (await query<{ reply: Uint8Array; headers: Readonly<Record<string, string>> }>("call_replied", REPLIED, key))[0],
    readSession: async (...key) => {
      const [row] = await query<SessionRow>("partner_session_read", READ, key);
      return {
        version: row?.version ?? 0,
        nowMs: row?.now_ms ?? 0,
        ...(row?.held == null ? {} : { held: row.held }),
        ...(row?.since_ms == null ? {} : { sinceMs: row.since_ms }),
        ...(row?.failed_ms == null ? {} : { failedMs: row.failed_ms }),
        ...(row?.failed_why == null ? {} : { failedWhy: row.failed_why }),
      };
    },
    claimSession: async (...row) => (await query<{ version: number }>("partner_session_claim", CLAIM, row))[0]?.version,
    keepSession: async (partner, who, version, held) =>
      (await query("partner_session_keep", KEEP, [partner, who, version, JSON.stringify(held)])).length > 0,
    sessionFailed: async (...row) => {
      await query("partner_session_failed", FAILED, row);
    },
    forgetSession: async (...row) => {
      await query("partner_session_forget", FORGET, row);
    },
    sessions: () => query("partner_session_all", ALL, []),
  };
}
