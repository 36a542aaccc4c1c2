/**
 * Other people's accounts, in an administrator's hands. Nobody changes his own, nobody gives what he has not got himself (partners), and the last administrator stays.
 * Every change is an audit row in the transaction that does it; what changes rights ends the account's sessions (reference/reliability.md A04, A08).
 */
import { type Answered, answered, type OperationRefused, refused } from "../operations/refusals.ts";
import { signed } from "../operations/rules.ts";
import type { Deed } from "../operations/ports.ts";
import { ACCOUNTS_MAX } from "./limits.ts";
import { chinaDateTimeMsOf } from "./moments.ts";
import { nameProblems, namesProblem, nameTaken } from "./names.ts";
import type { Access, AccessDeps, AccessTx, AccountChange, StoredAccount } from "./ports.ts";
import { mayTouch, type Principal } from "./rights.ts";
import { lives, sessionView } from "./sessions.ts";
import { freshAccount } from "./set-up.ts";
import { hashed, loginSubject, plainLogin } from "./sign-in.ts";
import { subjectOf } from "./throttle.ts";
import type { Account, AccountOpened } from "./views.ts";

/** What the audit keeps of an account: what was changed, never how it signs in. */
const told = ({ login, name, roles, partners, state, totpRequired, totpSecret }: StoredAccount) => ({
  login,
  name,
  roles,
  partners,
  state,
  totpRequired,
  totp: totpSecret !== undefined,
});

/** Whether all that this account may touch the principal may touch, too: others' accounts are not there for him. */
const within = (who: Principal, partners: StoredAccount["partners"]): boolean =>
  partners === "*" ? who.partners === "*" : partners.every((one) => mayTouch(who, one));

const isAdministrator = ({ state, roles }: StoredAccount): boolean => state === "active" && roles.includes("administrator");

type Accounts = Pick<Access, "accounts" | "createAccount" | "changeAccount" | "setState" | "resetAccount" | "sessionsOf" | "endSessionsOf">;

export function createAccounts(deps: AccessDeps): Accounts {
  const { store, chance } = deps;

  const viewsOf = async (tx: AccessTx, accounts: readonly StoredAccount[]): Promise<Account[]> => {
    const subjects = new Map(accounts.map((one) => [one.id, loginSubject(deps, one.login)]));
    const locked = await tx.locked([...subjects.values()]);
    const sessions = await tx.sessions(accounts.length === 1 ? accounts[0]?.id : undefined);
    return accounts.map((one): Account => {
      const until = locked.get(subjects.get(one.id) ?? "");
      return {
        id: one.id,
        login: one.login,
        name: one.name,
        roles: [...one.roles],
        partners: one.partners === "*" ? "*" : [...one.partners],
        state: one.state,
        totp: one.totpSecret !== undefined,
        totpRequired: one.totpRequired,
        mustChangePassword: one.mustChangePassword,
        ...(one.external === undefined ? {} : { external: one.external.issuer }),
        ...(until === undefined ? {} : { lockedUntil: chinaDateTimeMsOf(until) }),
        sessions: sessions.filter((session) => session.accountId === one.id && lives(session, one, tx.nowMs)).length,
        createdAt: chinaDateTimeMsOf(one.createdMs),
        ...(one.lastSignInMs === undefined ? {} : { lastSignInAt: chinaDateTimeMsOf(one.lastSignInMs) }),
      };
    });
  };
  const opened = async (tx: AccessTx, account: StoredAccount, password?: string): Promise<Answered<AccountOpened>> => {
    const [view] = await viewsOf(tx, [account]);
    return view === undefined ? refused("UNKNOWN_ACCOUNT") : answered({ account: view, ...(password === undefined ? {} : { password }) });
  };

  /** What roles and partners may be given by this principal. */
  const grantProblem = (who: Principal, given: AccountChange): OperationRefused | undefined => {
    const known = new Set(deps.partners());
    const strange =
      given.partners === undefined || given.partners === "*" ? [] : given.partners.filter((one) => !known.has(one) || !mayTouch(who, one));
    const problems = [
      ...(given.roles?.length === 0 ? [{ at: "/roles", zh: "至少一个角色", en: "at least one role" }] : []),
      ...(given.partners === "*" && who.partners !== "*"
        ? [{ at: "/partners", zh: "不能授予自己没有的伙伴", en: "nobody gives partners that he has not got himself" }]
        : []),
      ...(given.partners !== undefined && given.partners.length === 0
        ? [{ at: "/partners", zh: "至少一个伙伴", en: "at least one partner" }]
        : []),
      ...strange.map((one) => ({ at: "/partners", zh: `没有伙伴 ${one}`, en: `there is no partner ${one}` })),
      ...(given.name === undefined ? [] : nameProblems(given.name)),
    ];
    return problems.length > 0 ? refused("ACCOUNT_REFUSED", { problems }) : undefined;
  };

  interface Changing {
    readonly account: StoredAccount;
    readonly by: string;
    readonly reason: string;
  }
  /** Somebody else's account, there for him, to be changed with a reason. */
  const changing = async (tx: AccessTx, who: Principal, id: string, deed: Deed): Promise<Answered<Changing>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const account = await tx.account({ id });
    if (account === undefined || !within(who, account.partners)) return refused("UNKNOWN_ACCOUNT");
    if (who.via === "session" && who.id === account.id) return refused("OWN_ACCOUNT");
    return answered({ account, by: sign.by, reason: sign.reason });
  };
  /** Somebody must be left who can give out rights. */
  const isLast = async (tx: AccessTx, before: StoredAccount, after: StoredAccount): Promise<boolean> =>
    isAdministrator(before) &&
    !isAdministrator(after) &&
    !(await tx.accounts()).some((one) => one.id !== before.id && isAdministrator(one));

  const save = async (tx: AccessTx, action: string, { account: before, by, reason }: Changing, after: StoredAccount): Promise<void> => {
    await tx.update(after);
    await tx.note({ by, reason, action, accountId: before.id, before: told(before), after: told(after) });
  };

  const createAccount: Access["createAccount"] = async (who, given, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const wrong = namesProblem(given.login, given.name) ?? grantProblem(who, given);
    if (wrong) return wrong;
    const password = chance.password();
    const passwordHash = await hashed(deps, password);
    if (!passwordHash.ok) return passwordHash;
    return store.within(async (tx) => {
      await tx.lockSetUp();
      const all = await tx.accounts();
      const login = plainLogin(given.login);
      if (all.some((one) => one.login === login)) return refused("LOGIN_TAKEN");
      if (nameTaken(all, given.name)) return refused("NAME_TAKEN");
      if (all.length >= ACCOUNTS_MAX) return refused("ACCOUNT_REFUSED", { problems: [tooMany] });
      const account = freshAccount({
        id: chance.id(),
        login,
        name: given.name.trim(),
        roles: given.roles,
        partners: given.partners,
        createdMs: tx.nowMs,
        passwordHash: passwordHash.value,
        totpRequired: given.totpRequired ?? false,
        mustChangePassword: true,
      });
      await tx.insert(account);
      await tx.keepSetUpLink(undefined);
      await tx.note({ by: sign.by, reason: sign.reason, action: "create-account", accountId: account.id, after: told(account) });
      return opened(tx, account, password);
    });
  };

  const changeAccount: Access["changeAccount"] = (who, id, change, deed) =>
    store.within(async (tx) => {
      await tx.lockSetUp();
      const found = await changing(tx, who, id, deed);
      if (!found.ok) return found;
      const wrong = grantProblem(who, change);
      if (wrong) return wrong;
      const before = found.value.account;
      if (before.external !== undefined && (change.roles !== undefined || change.partners !== undefined))
        return refused("EXTERNAL_ACCOUNT");
      if (change.name !== undefined && nameTaken(await tx.accounts(), change.name, id)) return refused("NAME_TAKEN");
      const after = { ...before, ...change, ...(change.name === undefined ? {} : { name: change.name.trim() }) };
      if (await isLast(tx, before, after)) return refused("LAST_ADMINISTRATOR");
      await save(tx, "change-account", found.value, after);
      if (change.roles !== undefined || change.partners !== undefined || change.totpRequired === true)
        await tx.endSessions({ accountId: id });
      return opened(tx, after);
    });

  const setState: Access["setState"] = (who, id, state, deed) =>
    store.within(async (tx) => {
      await tx.lockSetUp();
      const found = await changing(tx, who, id, deed);
      if (!found.ok) return found;
      const before = found.value.account;
      if (before.state === state) return refused("ACCOUNT_STATE");
      const after = { ...before, state };
      if (await isLast(tx, before, after)) return refused("LAST_ADMINISTRATOR");
      await save(tx, state === "active" ? "enable-account" : "disable-account", found.value, after);
      await tx.endSessions({ accountId: id });
      return opened(tx, after);
    });

  const resetAccount: Access["resetAccount"] = async (who, id, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const password = chance.password();
    const passwordHash = await hashed(deps, password);
    if (!passwordHash.ok) return passwordHash;
    return store.within(async (tx) => {
      const found = await changing(tx, who, id, deed);
      if (!found.ok) return found;
      const before = found.value.account;
      if (before.external !== undefined) return refused("EXTERNAL_ACCOUNT");
      const gone = { totpSecret: undefined, totpPending: undefined, recovery: [] };
      const after = { ...before, ...gone, passwordHash: passwordHash.value, mustChangePassword: true };
      await save(tx, "reset-account", found.value, after);
      await tx.endSessions({ accountId: id });
      await tx.forget(loginSubject(deps, before.login));
      await tx.forget(subjectOf("code", id));
      return opened(tx, after, password);
    });
  };

  return {
    createAccount,
    changeAccount,
    setState,
    resetAccount,
    accounts: (who) =>
      store.within(async (tx) =>
        answered({
          items: await viewsOf(
            tx,
            (await tx.accounts()).filter((one) => within(who, one.partners)),
          ),
        }),
      ),
    sessionsOf: (who, id) =>
      store.within(async (tx) => {
        const account = await tx.account({ id });
        if (account === undefined || !within(who, account.partners)) return refused("UNKNOWN_ACCOUNT");
        const all = (await tx.sessions(id)).filter((one) => lives(one, account, tx.nowMs));
        return answered({ items: all.map((one) => sessionView(one, undefined)) });
      }),
    endSessionsOf: (who, id, deed) =>
      store.within(async (tx) => {
        const found = await changing(tx, who, id, deed);
        if (!found.ok) return found;
        const ended = await tx.endSessions({ accountId: id });
        await tx.note({ by: found.value.by, reason: found.value.reason, action: "end-sessions", accountId: id, after: { ended } });
        return answered({ ended });
      }),
  };
}

const tooMany = { at: "/login", zh: `账户已达上限 ${ACCOUNTS_MAX}`, en: `there are ${ACCOUNTS_MAX} accounts already` };
