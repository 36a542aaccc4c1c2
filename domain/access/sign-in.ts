/** Coming in: password, second factor, going out. No answer and no time tells whether a login name exists (reference/reliability.md A03). */
import { type Answered, answered, type OperationRefused, refused } from "../operations/refusals.ts";
import { SEEN_EVERY_MS } from "./limits.ts";
import { plainPassword } from "./password.ts";
import { type Access, type AccessDeps, type AccessTx, type Caller, HashingBusy, type StoredAccount, type Throttle } from "./ports.ts";
import { lives, nextStage, open, principalOf } from "./sessions.ts";
import { counted, heldUntil, subjectOf, uncounted } from "./throttle.ts";
import type { SignedIn, Stage } from "./views.ts";

/** As login names are kept. */
export const plainLogin = (login: string): string => login.normalize("NFKC").trim().toLowerCase();
export const loginSubject = (deps: Pick<AccessDeps, "chance">, login: string): string =>
  subjectOf("login", deps.chance.digest(plainLogin(login)));

/** What is given back before the cookie is: the transaction must be over. */
export interface Opened {
  readonly signedIn: SignedIn;
  readonly token: string;
}

/** Hands the cookie over, once it is sure that its session is there. */
export function handedOver(caller: Caller, opened: Answered<Opened>): Answered<SignedIn> {
  if (!opened.ok) return opened;
  caller.keep(opened.value.token);
  return answered(opened.value.signedIn);
}

export async function openNext(
  deps: AccessDeps,
  tx: AccessTx,
  caller: Caller,
  account: StoredAccount,
  done: { readonly factor: boolean; readonly external: boolean },
): Promise<Answered<Opened>> {
  const stage: Stage = nextStage(account, done);
  const token = await open(deps, tx, caller, account, { stage, external: done.external });
  if (stage === "full") {
    await tx.update({ ...account, lastSignInMs: tx.nowMs });
    deps.told({ what: "signed-in", login: account.login, address: caller.address });
  }
  return answered({ signedIn: { stage, name: account.name }, token });
}

/** Counts an attempt before it is looked at; refused while the subjects are held back. */
export async function attempt(
  deps: AccessDeps,
  tx: AccessTx,
  caller: Caller,
  subjects: readonly string[],
  login?: string,
): Promise<OperationRefused | { readonly ok: true; readonly rows: readonly Throttle[] }> {
  const rows = await tx.throttles(subjects);
  const until = heldUntil(rows, tx.nowMs);
  if (until !== undefined) {
    caller.retryAfter(Math.ceil((until - tx.nowMs) / 1_000));
    return refused("SIGN_IN_LOCKED");
  }
  const next = rows.map((row) => counted(row, tx.nowMs));
  for (const row of next) await tx.throttle(row);
  if (heldUntil(next, tx.nowMs) !== undefined) {
    const failures = Math.max(...next.map((row) => row.failures));
    deps.told({ what: "locked", address: caller.address, failures, ...(login === undefined ? {} : { login }) });
  }
  return { ok: true, rows: next };
}

/** Whether the password is right; too many at once are a refusal. */
export async function isRight(deps: AccessDeps, password: string, stored: string | undefined): Promise<Answered<boolean>> {
  try {
    return answered(await deps.hashing.verify(plainPassword(password), stored));
  } catch (error) {
    if (error instanceof HashingBusy) return refused("SIGN_IN_BUSY");
    throw error;
  }
}

export async function hashed(deps: AccessDeps, password: string): Promise<Answered<string>> {
  try {
    return answered(await deps.hashing.hash(plainPassword(password)));
  } catch (error) {
    if (error instanceof HashingBusy) return refused("SIGN_IN_BUSY");
    throw error;
  }
}

type SignIn = Pick<Access, "standing" | "signIn" | "secondFactor" | "signOut" | "options">;

export function createSignIn(deps: AccessDeps): SignIn {
  const { store, chance } = deps;
  const digestOf = (session: string | undefined): string | undefined => (session === undefined ? undefined : chance.digest(session));

  const signIn: Access["signIn"] = async (caller, { login, password }) => {
    const subjects = [loginSubject(deps, login), subjectOf("address", caller.address)];
    const begun = await store.within(async (tx) => {
      if (!(await tx.anyAccount())) return refused("SETUP_REQUIRED");
      const tried = await attempt(deps, tx, caller, subjects);
      return tried.ok ? answered(await tx.account({ login: plainLogin(login) })) : tried;
    });
    if (!begun.ok) return begun;
    const account = begun.value;
    const right = await isRight(deps, password, account?.passwordHash);
    if (!right.ok) return right;
    const opened = await store.within(async (tx): Promise<Answered<Opened>> => {
      const now = account === undefined ? undefined : await tx.account({ id: account.id });
      const same = right.value && now !== undefined && now.passwordHash === account?.passwordHash && now.state === "active";
      if (!same) return refused("SIGN_IN_REFUSED");
      await tx.forget(subjects[0] ?? "");
      for (const row of await tx.throttles(subjects.slice(1))) await tx.throttle(uncounted(row));
      return openNext(deps, tx, caller, now, { factor: false, external: false });
    });
    if (!opened.ok && opened.code === "SIGN_IN_REFUSED") deps.told({ what: "refused", address: caller.address });
    return handedOver(caller, opened);
  };

  const secondFactor: Access["secondFactor"] = async (caller, code) => {
    const digest = digestOf(caller.session) ?? "";
    const opened = await store.within(async (tx): Promise<Answered<Opened>> => {
      const session = await tx.session(digest);
      const account = session === undefined ? undefined : await tx.account({ id: session.accountId });
      if (!session || !account || session.stage !== "factor" || !lives(session, account, tx.nowMs)) return refused("UNAUTHORIZED");
      const subject = subjectOf("code", account.id);
      const tried = await attempt(deps, tx, caller, [subject], account.login);
      if (!tried.ok) return tried;
      const taken = takeCode(deps, account, code, tx.nowMs);
      if (taken === undefined) {
        deps.told({ what: "code-refused", login: account.login, address: caller.address });
        // Held back: whoever guesses begins with the password again.
        if (tried.rows.some((row) => row.untilMs > tx.nowMs)) await tx.endSessions({ digest });
        return refused("CODE_REFUSED");
      }
      await tx.forget(subject);
      await tx.update(taken.account);
      if (taken.recovery) {
        const note = { by: account.name, reason: "恢复码登录 · signed in with a recovery code", action: "use-recovery-code" };
        await tx.note({ ...note, accountId: account.id, after: { left: taken.account.recovery.length } });
      }
      await tx.endSessions({ digest });
      return openNext(deps, tx, caller, taken.account, { factor: true, external: false });
    });
    return handedOver(caller, opened);
  };

  return {
    signIn,
    secondFactor,
    standing: async (session) => {
      const digest = digestOf(session);
      const looked = await store.look(digest);
      if (!looked.ok) return looked;
      const { nowMs, anyAccount, session: found, account } = looked.value;
      if (!found || !account || !lives(found, account, nowMs)) return answered({ kind: "nobody", setUpNeeded: !anyAccount });
      if (nowMs - found.seenMs >= SEEN_EVERY_MS) await store.seen(found.digest, nowMs);
      return answered(found.stage === "full" ? { kind: "whole", who: principalOf(account) } : { kind: "half", stage: found.stage });
    },
    options: async (caller) => {
      const looked = await store.look(digestOf(caller.session));
      if (!looked.ok) return looked;
      const { nowMs, anyAccount, session, account } = looked.value;
      const { oidc } = deps;
      const stage = session && account && lives(session, account, nowMs) ? session.stage : undefined;
      return answered({
        setUpNeeded: !anyAccount,
        ...(stage === undefined ? {} : { stage }),
        ...(oidc === undefined ? {} : { oidc: { label: oidc.label, path: "/api/v1/session/oidc" } }),
      });
    },
    signOut: async (caller) => {
      const digest = digestOf(caller.session) ?? "";
      const ended = await store.within(async (tx) => answered({ ended: await tx.endSessions({ digest }) }));
      if (ended.ok) {
        caller.keep(undefined);
        deps.told({ what: "signed-out", address: caller.address });
      }
      return ended;
    },
  };
}

/** The account after a code of its second factor, or one of its recovery codes, was taken; undefined: it is none. None is taken twice. */
export function takeCode(
  deps: AccessDeps,
  account: StoredAccount,
  code: string,
  nowMs: number,
): { readonly account: StoredAccount; readonly recovery: boolean } | undefined {
  const plain = code.normalize("NFKC").replace(/[\s-]/g, "").toLowerCase();
  const secret = account.totpSecret === undefined ? undefined : deps.sealing.open(account.totpSecret, account.id);
  const step = secret === undefined ? undefined : deps.totp.step(secret, plain, nowMs);
  if (step !== undefined) return step > account.totpStep ? { account: { ...account, totpStep: step }, recovery: false } : undefined;
  const digest = recoveryDigest(deps, account.id, plain);
  return account.recovery.includes(digest)
    ? { account: { ...account, recovery: account.recovery.filter((one) => one !== digest) }, recovery: true }
    : undefined;
}

export const recoveryDigest = (deps: Pick<AccessDeps, "chance">, accountId: string, plain: string): string =>
  deps.chance.digest(`${accountId} ${plain}`);
