/**
 * Sign-in, accounts and sessions (issue 4, "Sign-in and rights"; reference/reliability.md A01–A10). The rules are in access.ts and its neighbours; what they need of
 * the outside stands here. Expected refusals are values; a store that is gone is STORE_GONE.
 */
import type { Deed } from "../operations/ports.ts";
import type { Answered } from "../operations/refusals.ts";
import type { Principal, Role } from "./rights.ts";
import type { Standing } from "./standing.ts";
import type * as views from "./views.ts";

/** An account as it is stored. */
export interface StoredAccount {
  readonly id: string;
  /** Lower case. */
  readonly login: string;
  /** What deeds are signed with; no two are one person's (samePerson). */
  readonly name: string;
  /** The hospital's number of the person, as staffNumber() writes it: at most one active account has it. */
  readonly staffNo: string | undefined;
  /** Undefined: signs in at the identity provider only. */
  readonly passwordHash: string | undefined;
  readonly roles: readonly Role[];
  readonly partners: "*" | readonly string[];
  readonly state: "active" | "disabled";
  /** Sealed. `pending`: shown, not confirmed yet. */
  readonly totpSecret: string | undefined;
  readonly totpPending: string | undefined;
  /** The last time step whose code was taken: none is taken twice. */
  readonly totpStep: number;
  /** Digests of recovery codes that are left. */
  readonly recovery: readonly string[];
  readonly totpRequired: boolean;
  readonly mustChangePassword: boolean;
  readonly external: { readonly issuer: string; readonly subject: string } | undefined;
  readonly createdMs: number;
  readonly lastSignInMs: number | undefined;
}

export interface StoredSession {
  /** For lists; the cookie's value is known by its digest only. */
  readonly id: string;
  readonly digest: string;
  readonly accountId: string;
  readonly stage: views.Stage;
  /** Whether the identity provider signed it in: no second factor of ours is asked. */
  readonly external: boolean;
  readonly createdMs: number;
  readonly seenMs: number;
  readonly endsMs: number;
  readonly address: string;
  readonly agent: string;
}

/** Failures of one login name, address or second factor. */
export interface Throttle {
  readonly subject: string;
  readonly failures: number;
  readonly lastMs: number;
  /** Until then nothing is tried. */
  readonly untilMs: number;
}

export interface AccountNote extends Required<Pick<Deed, "by" | "reason">> {
  readonly action: string;
  readonly accountId: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** How an account came into another one's hands: its password was told to who made or reset it, or its rights were given by him. */
export type Held = "created" | "reset" | "rights";

/** One transaction: what it reads of an account is locked until it ends. */
export interface AccessTx {
  readonly nowMs: number;
  anyAccount(): Promise<boolean>;
  accounts(): Promise<readonly StoredAccount[]>;
  account(
    by: { readonly id: string } | { readonly login: string } | { readonly issuer: string; readonly subject: string },
  ): Promise<StoredAccount | undefined>;
  insert(account: StoredAccount): Promise<void>;
  update(account: StoredAccount): Promise<void>;
  /** The account was in the hands of `by` (an account's id) and of whoever had that one in hand. `untilMs` undefined: until its owner has chosen a password. */
  hold(accountId: string, by: string, what: Held, untilMs: number | undefined): Promise<void>;
  /** Its owner has chosen a password of his own: whoever had it in hand has it until then. */
  ownsIt(accountId: string, untilMs: number): Promise<void>;
  openSession(session: StoredSession): Promise<void>;
  sessions(accountId?: string): Promise<readonly StoredSession[]>;
  session(digest: string): Promise<StoredSession | undefined>;
  /** All of an account, but the one that is kept; or the one of this id. Answers how many. */
  endSessions(
    which: { readonly accountId: string; readonly except?: string } | { readonly id: string } | { readonly digest: string },
  ): Promise<number>;
  /** The rows of these subjects, made where they are absent, locked in one order. */
  throttles(subjects: readonly string[]): Promise<readonly Throttle[]>;
  throttle(row: Throttle): Promise<void>;
  forget(subject: string): Promise<void>;
  locked(subjects: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Only one person can set up: held until the transaction ends. */
  lockSetUp(): Promise<void>;
  setUpLinks(): Promise<readonly { readonly digest: string; readonly endsMs: number }[]>;
  /** Forgets every link before it when `alone`; undefined: forgets all. */
  keepSetUpLink(link: { readonly digest: string; readonly endsMs: number; readonly alone: boolean } | undefined): Promise<void>;
  /** The audit row, in this transaction. */
  note(entry: AccountNote): Promise<string>;
}

export interface AccessStore {
  /** Runs the work in one transaction until its outcome is known. A refusal commits what was written before it. */
  within<T>(work: (tx: AccessTx) => Promise<Answered<T>>): Promise<Answered<T>>;
  /** The session of this digest with its account, and the time; one read. `anyAccount` is told when there is none. */
  look(
    digest: string | undefined,
  ): Promise<
    Answered<{ readonly nowMs: number; readonly anyAccount: boolean; readonly session?: StoredSession; readonly account?: StoredAccount }>
  >;
  /** It was used just now. Never rejects: who uses it need not wait for that. */
  seen(digest: string, nowMs: number): Promise<void>;
}

/** Passwords: slow on purpose, so at most a few at once. */
export interface Hashing {
  hash(password: string): Promise<string>;
  /** In the same time whatever is stored; undefined is never right. Rejects with HashingBusy when too many wait. */
  verify(password: string, stored: string | undefined): Promise<boolean>;
}
/** Too many passwords wait to be looked at. */
export class HashingBusy extends Error {
  override readonly name = "HashingBusy";
}

export interface Totp {
  /** Base32, 160 bits. */
  secret(): string;
  uri(secret: string, login: string): string;
  /** The time step whose code this is, within one step of now; undefined: it is none. */
  step(secret: string, code: string, nowMs: number): number | undefined;
}

export interface Sealing {
  /** `context` binds what is sealed to its place. */
  seal(text: string, context: string): string;
  /** Undefined: sealed under another key, or changed. */
  open(sealed: string, context: string): string | undefined;
}

export interface Chance {
  /** 256 bits, safe in a cookie and an address. */
  token(): string;
  id(): string;
  /** For reading aloud and typing. */
  password(): string;
  recoveryCode(): string;
  /** SHA-256, hex: of things made by chance. */
  digest(text: string): string;
}

export interface AccessDeps {
  readonly store: AccessStore;
  readonly hashing: Hashing;
  readonly totp: Totp;
  readonly sealing: Sealing;
  readonly chance: Chance;
  /** Partners that there are. */
  readonly partners: () => readonly string[];
  /** The identity provider, where there is one. */
  readonly oidc?: Oidc;
  /** How long an account is not a second person beside who had it in hand (ACCOUNT_REST_MS when absent). */
  readonly restMs?: number;
  /** Whether every account must have a staff number. */
  readonly staffNumbers?: "optional" | "required";
  /** What happens at the door: no passwords, no codes, no cookies. Must not throw. */
  readonly told: (what: SignInEvent) => void;
}

export interface SignInEvent {
  readonly what: "signed-in" | "refused" | "locked" | "signed-out" | "set-up" | "code-refused";
  readonly login?: string;
  readonly address: string;
  readonly failures?: number;
}

/** A person the identity provider vouches for. */
export interface ExternalPerson {
  readonly issuer: string;
  readonly subject: string;
  readonly login: string;
  readonly name: string;
  /** As the claim says that the settings name. */
  readonly staffNo?: string;
  readonly roles: readonly Role[];
  readonly partners: "*" | readonly string[];
}

export interface Oidc {
  readonly label: string;
  /** Where the browser goes, and what must come back with it. */
  begin(redirectUri: string): Promise<{ readonly url: string; readonly flow: OidcFlow }>;
  /** Checks state, nonce and code; the claims as the settings map them. Rejects when the provider or the answer is not in order. */
  finish(callback: string, flow: OidcFlow): Promise<ExternalPerson>;
}
/** Kept in the browser between the two, sealed. */
export interface OidcFlow {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
}

/** One request as sign-in sees it. */
export interface Caller {
  readonly address: string;
  readonly agent: string;
  /** The cookie's value. */
  readonly session: string | undefined;
  /** Gives the browser a new cookie, or takes it away. */
  keep(session: string | undefined): void;
  retryAfter(seconds: number): void;
}

export interface AccountGiven {
  readonly login: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly partners: "*" | readonly string[];
  readonly totpRequired?: boolean;
  /** Empty: none. */
  readonly staffNo?: string;
}
export type AccountChange = Partial<Omit<AccountGiven, "login">>;

/** Everything the console's door asks. `who`: a whole session's principal, or the token's. */
export interface Access {
  standing(session: string | undefined): Promise<Answered<Standing>>;
  options(caller: Caller): Promise<Answered<views.SignInOptions>>;
  setUp(
    caller: Caller,
    given: { readonly token: string; readonly login: string; readonly name: string; readonly password: string },
  ): Promise<Answered<views.SignedIn>>;
  signIn(caller: Caller, given: { readonly login: string; readonly password: string }): Promise<Answered<views.SignedIn>>;
  secondFactor(caller: Caller, code: string): Promise<Answered<views.SignedIn>>;
  signOut(caller: Caller): Promise<Answered<views.Ended>>;
  me(caller: Caller, who: Principal): Promise<Answered<views.Me>>;
  changePassword(caller: Caller, given: { readonly current: string; readonly password: string }): Promise<Answered<views.SignedIn>>;
  totpBegin(caller: Caller, password: string): Promise<Answered<views.TotpBegun>>;
  totpConfirm(caller: Caller, code: string): Promise<Answered<views.TotpConfirmed>>;
  totpEnd(caller: Caller, given: { readonly password: string; readonly code: string }): Promise<Answered<views.SignedIn>>;
  ownSessions(caller: Caller, who: Principal): Promise<Answered<views.SessionList>>;
  endOwnSession(caller: Caller, who: Principal, id: string): Promise<Answered<views.Ended>>;

  accounts(who: Principal): Promise<Answered<views.AccountList>>;
  createAccount(who: Principal, given: AccountGiven, deed: Deed): Promise<Answered<views.AccountOpened>>;
  changeAccount(who: Principal, id: string, change: AccountChange, deed: Deed): Promise<Answered<views.AccountOpened>>;
  setState(who: Principal, id: string, state: "active" | "disabled", deed: Deed): Promise<Answered<views.AccountOpened>>;
  /** A new password, told once; takes the second factor away and ends every session. */
  resetAccount(who: Principal, id: string, deed: Deed): Promise<Answered<views.AccountOpened>>;
  sessionsOf(who: Principal, id: string): Promise<Answered<views.SessionList>>;
  endSessionsOf(who: Principal, id: string, deed: Deed): Promise<Answered<views.Ended>>;
  /** Only while there is no account. `alone`: links before it stop working; at a start they go on, for workers start together. */
  setUpLink(alone: boolean): Promise<Answered<views.SetupLink>>;

  oidcBegin(redirectUri: string): Promise<Answered<{ readonly url: string; readonly flow: string }>>;
  oidcFinish(caller: Caller, callback: string, flow: string): Promise<Answered<views.SignedIn>>;
}
