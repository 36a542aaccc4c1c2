/** The statements of accounts and sessions, and their rows. */
import type { StoredAccount, StoredSession } from "../../domain/access/ports.ts";
import type { Role } from "../../domain/access/rights.ts";
import { at, msOf } from "./clock.ts";

const ACCOUNT = `a.id, a.login, a.name, a.staff_no, a.password_hash, a.roles, a.partners, a.state, a.totp_secret, a.totp_pending, a.totp_step::double precision as totp_step, a.recovery,
  a.totp_required, a.must_change_password, a.issuer, a.subject, ${msOf("a.created_at")} as created_ms, ${msOf("a.last_sign_in_at")} as last_sign_in_ms`;
const SESSION_COLUMNS = `s.digest, s.id, s.account_id as "accountId", s.stage, s.external, ${msOf("s.created_at")} as "createdMs", ${msOf("s.seen_at")} as "seenMs",
  ${msOf("s.ends_at")} as "endsMs", s.address, s.agent`;

export interface AccountRow {
  readonly id: string;
  readonly login: string;
  readonly name: string;
  readonly staff_no: string | null;
  readonly password_hash: string | null;
  readonly roles: readonly Role[];
  readonly partners: readonly string[] | null;
  readonly state: "active" | "disabled";
  readonly totp_secret: string | null;
  readonly totp_pending: string | null;
  readonly totp_step: number;
  readonly recovery: readonly string[];
  readonly totp_required: boolean;
  readonly must_change_password: boolean;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly created_ms: number;
  readonly last_sign_in_ms: number | null;
}

export interface LookRow extends AccountRow {
  readonly now_ms: number;
  readonly any_account: boolean;
  readonly session_id: string | null;
  readonly digest: string;
  readonly stage: StoredSession["stage"];
  readonly external: boolean;
  readonly session_created_ms: number;
  readonly seen_ms: number;
  readonly ends_ms: number;
  readonly address: string;
  readonly agent: string;
}

export const accountOf = (row: AccountRow): StoredAccount => ({
  id: row.id,
  login: row.login,
  name: row.name,
  staffNo: row.staff_no ?? undefined,
  passwordHash: row.password_hash ?? undefined,
  roles: row.roles,
  partners: row.partners ?? "*",
  state: row.state,
  totpSecret: row.totp_secret ?? undefined,
  totpPending: row.totp_pending ?? undefined,
  totpStep: row.totp_step,
  recovery: row.recovery,
  totpRequired: row.totp_required,
  mustChangePassword: row.must_change_password,
  external: row.issuer === null || row.subject === null ? undefined : { issuer: row.issuer, subject: row.subject },
  createdMs: row.created_ms,
  lastSignInMs: row.last_sign_in_ms ?? undefined,
});

export const sessionOfLook = (row: LookRow): StoredSession => ({
  id: row.session_id ?? "",
  digest: row.digest,
  accountId: row.id,
  stage: row.stage,
  external: row.external,
  createdMs: row.session_created_ms,
  seenMs: row.seen_ms,
  endsMs: row.ends_ms,
  address: row.address,
  agent: row.agent,
});

export const valuesOf = (account: StoredAccount): readonly unknown[] => [
  account.id,
  account.login,
  account.name,
  account.passwordHash ?? null,
  account.roles,
  account.partners === "*" ? null : account.partners,
  account.state,
  account.totpSecret ?? null,
  account.totpPending ?? null,
  account.totpStep,
  account.recovery,
  account.totpRequired,
  account.mustChangePassword,
  account.external?.issuer ?? null,
  account.external?.subject ?? null,
  account.createdMs,
  account.lastSignInMs ?? null,
  account.staffNo ?? null,
];

/** The clock, whether there is any account, and the session with its account where there is one: one row always. */
export const LOOK = `select (extract(epoch from (select huiliu_now())) * 1000)::double precision as now_ms, exists (select 1 from account) as any_account,
    s.id as session_id, s.digest, s.stage, s.external, ${msOf("s.created_at")} as session_created_ms, ${msOf("s.seen_at")} as seen_ms, ${msOf("s.ends_at")} as ends_ms,
    s.address, s.agent, ${ACCOUNT}
  from (select $1::text as wanted) as w left join console_session s on s.digest = w.wanted left join account a on a.id = s.account_id`;
export const SEEN = `update console_session set seen_at = greatest(seen_at, ${at("$2")}) where digest = $1`;

export const ANY = "select 1 as one from account limit 1";
export const ACCOUNTS = `select ${ACCOUNT} from account a order by a.login`;
export const ACCOUNT_BY_ID = `select ${ACCOUNT} from account a where a.id::text = $1 for update`;
export const ACCOUNT_BY_LOGIN = `select ${ACCOUNT} from account a where a.login = $1 for update`;
export const ACCOUNT_BY_SUBJECT = `select ${ACCOUNT} from account a where a.issuer = $1 and a.subject = $2 for update`;
export const INSERT = `insert into account (id, login, name, password_hash, roles, partners, state, totp_secret, totp_pending, totp_step, recovery, totp_required,
    must_change_password, issuer, subject, created_at, last_sign_in_at, staff_no)
  values ($1::uuid, $2, $3, $4, $5::text[], $6::text[], $7, $8, $9, $10::bigint, $11::text[], $12, $13, $14, $15, ${at("$16")}, ${at("$17")}, $18)`;
export const UPDATE = `update account set login = $2, name = $3, password_hash = $4, roles = $5::text[], partners = $6::text[], state = $7, totp_secret = $8, totp_pending = $9,
    totp_step = $10::bigint, recovery = $11::text[], totp_required = $12, must_change_password = $13, issuer = $14, subject = $15, created_at = ${at("$16")},
    last_sign_in_at = ${at("$17")}, staff_no = $18
  where id = $1::uuid`;

/** In the hands of $2 and of whoever has $2 in hand now. $1 account, $3 how, $4 now, $5 until (ms; null: until its owner has chosen a password). */
export const HOLD = `insert into account_hand (account_id, hand, what, at, until)
  select $1::uuid, h.hand, $3::text, ${at("$4")}, ${at("$5")} from (select $2::text as hand
    union select a.hand from account_hand a where a.account_id::text = $2 and (a.until is null or a.until > ${at("$4")})) as h where h.hand <> $1::text`;
export const OWNS_IT = `update account_hand set until = ${at("$2")} where account_id::text = $1 and until is null`;

export const SESSION_OPEN = `insert into console_session (digest, id, account_id, stage, external, created_at, seen_at, ends_at, address, agent)
  values ($1, $2::uuid, $3::uuid, $4, $5, ${at("$6")}, ${at("$7")}, ${at("$8")}, $9, $10)`;
export const SESSIONS_PRUNE = `delete from console_session where ends_at < ${at("$1")}`;
export const SESSIONS = `select ${SESSION_COLUMNS} from console_session s order by s.seen_at desc`;
export const SESSIONS_OF = `select ${SESSION_COLUMNS} from console_session s where s.account_id::text = $1 order by s.seen_at desc`;
export const SESSION = `select ${SESSION_COLUMNS} from console_session s where s.digest = $1 for update`;
export const END_DIGEST = "delete from console_session where digest = $1 returning 1 as one";
export const END_ID = "delete from console_session where id::text = $1 returning 1 as one";
export const END_ACCOUNT = "delete from console_session where account_id::text = $1 and digest <> $2 returning 1 as one";

export const THROTTLE_MAKE = `insert into sign_in_throttle (subject, failures, last_at, held_until)
  select s, 0, ${at("$2")}, to_timestamp(0) from unnest($1::text[]) as s order by s on conflict (subject) do nothing`;
export const THROTTLES = `select t.subject, t.failures, ${msOf("t.last_at")} as "lastMs", ${msOf("t.held_until")} as "untilMs"
  from sign_in_throttle t where t.subject = any($1::text[]) order by t.subject for update`;
export const THROTTLE = `update sign_in_throttle set failures = $2, last_at = ${at("$3")}, held_until = ${at("$4")} where subject = $1`;
export const THROTTLE_PRUNE = `delete from sign_in_throttle where last_at < ${at("$1")}`;
export const FORGET = "delete from sign_in_throttle where subject = $1";
export const LOCKED = `select t.subject, ${msOf("t.held_until")} as "untilMs" from sign_in_throttle t where t.subject = any($1::text[]) and t.held_until > ${at("$2")}`;

/** "SIGN" in ASCII: changes of who there is happen one at a time. */
export const LOCK_SET_UP = "select pg_advisory_xact_lock(1397311310) as locked";
export const LINKS = `select l.digest, ${msOf("l.ends_at")} as "endsMs" from setup_link l`;
export const LINKS_FORGET = "delete from setup_link";
export const LINK_KEEP = `with old as (delete from setup_link where ends_at < ${at("$3")}) insert into setup_link (digest, ends_at) values ($1, ${at("$2")})`;
