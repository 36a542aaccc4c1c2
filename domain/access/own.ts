/** One's own account: password, second factor, sessions. Whoever changes how he signs in shows the password again. */
import { type Answered, answered, refused } from "../operations/refusals.ts";
import { ACCOUNT_REST_MS, RECOVERY_CODES } from "./limits.ts";
import { meOfToken } from "./me.ts";
import { passwordProblems } from "./password.ts";
import type { Access, AccessDeps, AccessTx, Caller, StoredAccount, StoredSession } from "./ports.ts";
import { lives, nextStage, open, sessionView } from "./sessions.ts";
import { attempt, handedOver, hashed, isRight, openNext, recoveryDigest, takeCode, type Opened } from "./sign-in.ts";
import { subjectOf } from "./throttle.ts";
import { IDLE_MS } from "./limits.ts";
import { chinaDateTimeMsOf } from "./moments.ts";
import type { Stage } from "./views.ts";

const REASON = "本人 · the person himself";

interface Mine {
  readonly session: StoredSession;
  readonly account: StoredAccount;
}

type Own = Pick<Access, "me" | "changePassword" | "totpBegin" | "totpConfirm" | "totpEnd" | "ownSessions" | "endOwnSession">;

export function createOwn(deps: AccessDeps): Own {
  const { store, chance } = deps;

  /** The account of the caller's session, if that has come as far as one of these stages. */
  const mine = async (tx: AccessTx, caller: Caller, stages: readonly Stage[]): Promise<Answered<Mine>> => {
    if (caller.session === undefined) return refused("NOT_A_PERSON");
    const session = await tx.session(chance.digest(caller.session));
    const account = session === undefined ? undefined : await tx.account({ id: session.accountId });
    if (!session || !account || !lives(session, account, tx.nowMs) || !stages.includes(session.stage)) return refused("UNAUTHORIZED");
    return answered({ session, account });
  };
  const noted = (tx: AccessTx, account: StoredAccount, action: string): Promise<string> =>
    tx.note({ by: account.name, reason: REASON, action, accountId: account.id });

  /** Shows that it is the person and not somebody at his open session: counted like a second factor. */
  const confirmed = async (caller: Caller, password: string, stages: readonly Stage[]): Promise<Answered<Mine>> => {
    const begun = await store.within(async (tx) => {
      const found = await mine(tx, caller, stages);
      if (!found.ok) return found;
      if (found.value.account.passwordHash === undefined) return refused("EXTERNAL_ACCOUNT");
      const tried = await attempt(deps, tx, caller, [subjectOf("code", found.value.account.id)], found.value.account.login);
      return tried.ok ? found : tried;
    });
    if (!begun.ok) return begun;
    const right = await isRight(deps, password, begun.value.account.passwordHash);
    if (!right.ok) return right;
    if (!right.value) return refused("CURRENT_PASSWORD_WRONG");
    await store.within(async (tx) => {
      await tx.forget(subjectOf("code", begun.value.account.id));
      return answered(true);
    });
    return begun;
  };

  /** The account as it is now, if nobody changed its password since it was confirmed. */
  const again = async (tx: AccessTx, caller: Caller, before: Mine, stages: readonly Stage[]): Promise<Answered<Mine>> => {
    const found = await mine(tx, caller, stages);
    return found.ok && found.value.account.passwordHash !== before.account.passwordHash ? refused("CURRENT_PASSWORD_WRONG") : found;
  };

  const changePassword: Access["changePassword"] = async (caller, { current, password }) => {
    const before = await confirmed(caller, current, ["full", "password"]);
    if (!before.ok) return before;
    const { login, name } = before.value.account;
    const problems = [
      ...passwordProblems(password, [login, name]),
      ...(password === current ? [{ at: "/password", zh: "与现用密码相同", en: "is the present one" }] : []),
    ];
    if (problems.length > 0) return refused("PASSWORD_WEAK", { problems });
    const passwordHash = await hashed(deps, password);
    if (!passwordHash.ok) return passwordHash;
    const opened = await store.within(async (tx): Promise<Answered<Opened>> => {
      const found = await again(tx, caller, before.value, ["full", "password"]);
      if (!found.ok) return found;
      const account = { ...found.value.account, passwordHash: passwordHash.value, mustChangePassword: false };
      await tx.update(account);
      await tx.ownsIt(account.id, tx.nowMs + (deps.restMs ?? ACCOUNT_REST_MS));
      await noted(tx, account, "change-password");
      await tx.endSessions({ accountId: account.id });
      return openNext(deps, tx, caller, account, { factor: true, external: false });
    });
    return handedOver(caller, opened);
  };

  const totpBegin: Access["totpBegin"] = async (caller, password) => {
    const before = await confirmed(caller, password, ["full", "enrol"]);
    if (!before.ok) return before;
    return store.within(async (tx) => {
      const found = await again(tx, caller, before.value, ["full", "enrol"]);
      if (!found.ok) return found;
      const { account } = found.value;
      if (account.totpSecret !== undefined) return refused("TOTP_ON");
      const secret = deps.totp.secret();
      await tx.update({ ...account, totpPending: deps.sealing.seal(secret, account.id) });
      return answered({ secret, uri: deps.totp.uri(secret, account.login) });
    });
  };

  const totpConfirm: Access["totpConfirm"] = async (caller, code) => {
    const done = await store.within(async (tx) => {
      const found = await mine(tx, caller, ["full", "enrol"]);
      if (!found.ok) return found;
      const { account, session } = found.value;
      if (account.totpSecret !== undefined) return refused("TOTP_ON");
      const secret = account.totpPending === undefined ? undefined : deps.sealing.open(account.totpPending, account.id);
      if (secret === undefined) return refused("TOTP_NOT_BEGUN");
      const tried = await attempt(deps, tx, caller, [subjectOf("code", account.id)], account.login);
      if (!tried.ok) return tried;
      const step = deps.totp.step(secret, code.replace(/\s/g, ""), tx.nowMs);
      if (step === undefined) return refused("CODE_REFUSED");
      await tx.forget(subjectOf("code", account.id));
      const recoveryCodes = Array.from({ length: RECOVERY_CODES }, () => chance.recoveryCode());
      const recovery = recoveryCodes.map((one) => recoveryDigest(deps, account.id, one.replaceAll("-", "")));
      const next = { ...account, totpSecret: account.totpPending, totpPending: undefined, totpStep: step, recovery };
      await tx.update(next);
      await noted(tx, account, "set-up-second-factor");
      // Whoever came in with the password alone comes in again; this person goes on under a new session.
      await tx.endSessions({ accountId: account.id });
      const stage = nextStage(next, { factor: true, external: session.external });
      const token = await open(deps, tx, caller, next, { stage, external: session.external });
      return answered({ token, confirmed: { stage, recoveryCodes } });
    });
    if (!done.ok) return done;
    caller.keep(done.value.token);
    return answered(done.value.confirmed);
  };

  const totpEnd: Access["totpEnd"] = async (caller, { password, code }) => {
    const before = await confirmed(caller, password, ["full"]);
    if (!before.ok) return before;
    const opened = await store.within(async (tx): Promise<Answered<Opened>> => {
      const found = await again(tx, caller, before.value, ["full"]);
      if (!found.ok) return found;
      const { account } = found.value;
      if (account.totpSecret === undefined) return refused("TOTP_OFF");
      if (account.totpRequired) return refused("TOTP_KEPT");
      const tried = await attempt(deps, tx, caller, [subjectOf("code", account.id)], account.login);
      if (!tried.ok) return tried;
      if (takeCode(deps, account, code, tx.nowMs) === undefined) return refused("CODE_REFUSED");
      await tx.forget(subjectOf("code", account.id));
      const next = { ...account, totpSecret: undefined, totpPending: undefined, recovery: [] };
      await tx.update(next);
      await noted(tx, account, "remove-second-factor");
      await tx.endSessions({ accountId: account.id });
      return openNext(deps, tx, caller, next, { factor: true, external: false });
    });
    return handedOver(caller, opened);
  };

  return {
    me: async (caller, who) => {
      if (who.via === "token") return answered(meOfToken(who));
      return store.within(async (tx) => {
        const found = await mine(tx, caller, ["full"]);
        if (!found.ok) return found;
        const { account, session } = found.value;
        return answered({
          ...meOfToken(who),
          login: account.login,
          totp: account.totpSecret !== undefined,
          totpRequired: account.totpRequired,
          external: account.external !== undefined,
          idleMinutes: IDLE_MS / 60_000,
          endsAt: chinaDateTimeMsOf(session.endsMs),
        });
      });
    },
    changePassword,
    totpBegin,
    totpConfirm,
    totpEnd,
    ownSessions: (caller) =>
      store.within(async (tx) => {
        const found = await mine(tx, caller, ["full"]);
        if (!found.ok) return found;
        const { account, session } = found.value;
        const all = (await tx.sessions(account.id)).filter((one) => lives(one, account, tx.nowMs));
        return answered({ items: all.map((one) => sessionView(one, session.digest)) });
      }),
    endOwnSession: (caller, _who, id) =>
      store.within(async (tx) => {
        const found = await mine(tx, caller, ["full"]);
        if (!found.ok) return found;
        const own = (await tx.sessions(found.value.account.id)).some((one) => one.id === id);
        if (!own) return refused("UNKNOWN_SESSION");
        await noted(tx, found.value.account, "end-session");
        return answered({ ended: await tx.endSessions({ id }) });
      }),
  };
}
