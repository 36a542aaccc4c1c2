/**
 * Other people's accounts, in an administrator's hands. Nobody changes his own, nobody gives what he has not got himself (partners), and the last administrator stays.
 * Every change is an audit row in the transaction that does it; what changes rights ends the account's sessions (reference/reliability.md A04, A08).
 */
import { type Answered, answered, type OperationRefused, refused } from "../operations/refusals.ts";
import { signed } from "../operations/rules.ts";
import type { Deed } from "../operations/ports.ts";
import { ACCOUNT_REST_MS, ACCOUNTS_MAX } from "./limits.ts";
import { chinaDateTimeMsOf } from "./moments.ts";
import { nameProblems, namesProblem, nameTaken, staffNumber, staffNumberProblem } from "./names.ts";
import type { Access, AccessDeps, AccessTx, AccountChange, Held, StoredAccount } from "./ports.ts";
import { mayDo, mayTouch, type Principal } from "./rights.ts";
import { lives, principalOf, sessionView } from "./sessions.ts";
import { freshAccount } from "./set-up.ts";
import { hashed, loginSubject, plainLogin } from "./sign-in.ts";
import { subjectOf } from "./throttle.ts";
import type { Account, AccountOpened } from "./views.ts";

/** What the audit keeps of an account: what was changed, never how it signs in. */
const told = ({ login, name, staffNo, roles, partners, state, totpRequired, totpSecret }: StoredAccount) => ({
  login,
  name,
  staffNo,
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
  const staffRequired = deps.staffNumbers === "required";

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
        ...(one.staffNo === undefined ? {} : { staffNo: one.staffNo }),
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
  /** Whoever asks may still do so: his account may have been disabled, or lost its right, since the door let him in. */
  const still = async (tx: AccessTx, who: Principal): Promise<OperationRefused | undefined> => {
    if (who.via === "token") return undefined;
    const now = await tx.account({ id: who.id });
    return now?.state === "active" && mayDo(principalOf(now), "account") ? undefined : refused("FORBIDDEN");
  };
  /** From now on who asked and this account are one person for two-person rules. A program has no account: whoever holds the token owns the machine. */
  const inHand = async (tx: AccessTx, who: Principal, id: string, what: Held): Promise<void> => {
    if (who.via === "token") return;
    await tx.hold(id, who.id, what, what === "rights" ? tx.nowMs + (deps.restMs ?? ACCOUNT_REST_MS) : undefined);
  };
  /** Somebody else's account, there for him, to be changed with a reason. */
  const changing = async (tx: AccessTx, who: Principal, id: string, deed: Deed): Promise<Answered<Changing>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    // Before anything is looked at: two administrators who change each other do it one after the other.
    await tx.lockSetUp();
    const no = await still(tx, who);
    if (no) return no;
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
      const no = await still(tx, who);
      if (no) return no;
      const all = await tx.accounts();
      const staffNo = staffNumber(given.staffNo ?? "") || undefined;
      const login = plainLogin(given.login);
      if (all.some((one) => one.login === login)) return refused("LOGIN_TAKEN");
      if (nameTaken(all, given.name)) return refused("NAME_TAKEN");
      const numbered = staffNumberProblem(all, { staffNo, required: staffRequired });
      if (numbered) return numbered;
      if (all.length >= ACCOUNTS_MAX) return refused("ACCOUNT_REFUSED", { problems: [tooMany] });
      const account = freshAccount({
        id: chance.id(),
        login,
        name: given.name.trim(),
        staffNo,
        roles: given.roles,
        partners: given.partners,
        createdMs: tx.nowMs,
        passwordHash: passwordHash.value,
        totpRequired: given.totpRequired ?? false,
        mustChangePassword: true,
      });
      await tx.insert(account);
      await inHand(tx, who, account.id, "created");
      await tx.keepSetUpLink(undefined);
      await tx.note({ by: sign.by, reason: sign.reason, action: "create-account", accountId: account.id, after: told(account) });
      return opened(tx, account, password);
    });
  };

  const changeAccount: Access["changeAccount"] = (who, id, change, deed) =>
    store.within(async (tx) => {
      const found = await changing(tx, who, id, deed);
      if (!found.ok) return found;
      const wrong = grantProblem(who, change);
      if (wrong) return wrong;
      const before = found.value.account;
      if (before.external !== undefined && (change.roles !== undefined || change.partners !== undefined))
        return refused("EXTERNAL_ACCOUNT");
      if (change.name !== undefined && nameTaken(await tx.accounts(), change.name, id)) return refused("NAME_TAKEN");
      const after = {
        ...before,
        ...change,
        ...(change.name === undefined ? {} : { name: change.name.trim() }),
        staffNo: change.staffNo === undefined ? before.staffNo : staffNumber(change.staffNo) || undefined,
      };
      // Where it is neither given nor changed it stays as it is: accounts of before the rule must stay changeable.
      const numbered =
        change.staffNo === undefined
          ? undefined
          : staffNumberProblem(await tx.accounts(), { staffNo: after.staffNo, except: id, required: staffRequired });
      if (numbered) return numbered;
      if (await isLast(tx, before, after)) return refused("LAST_ADMINISTRATOR");
      await save(tx, "change-account", found.value, after);
      if (!sameRights(before, after)) await inHand(tx, who, id, "rights");
      if (change.roles !== undefined || change.partners !== undefined || change.totpRequired === true)
        await tx.endSessions({ accountId: id });
      return opened(tx, after);
    });

  const setState: Access["setState"] = (who, id, state, deed) =>
    store.within(async (tx) => {
      const found = await changing(tx, who, id, deed);
      if (!found.ok) return found;
      const before = found.value.account;
      if (before.state === state) return refused("ACCOUNT_STATE");
      const after = { ...before, state };
      const numbered =
        state === "active" && before.staffNo !== undefined
          ? staffNumberProblem(await tx.accounts(), { staffNo: before.staffNo, except: id, required: false })
          : undefined;
      if (numbered) return numbered;
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
      await inHand(tx, who, id, "reset");
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

const sameRights = (one: StoredAccount, other: StoredAccount): boolean =>
  JSON.stringify([one.roles, one.partners]) === JSON.stringify([other.roles, other.partners]);

const tooMany = { at: "/login", zh: `账户已达上限 ${ACCOUNTS_MAX}`, en: `there are ${ACCOUNTS_MAX} accounts already` };
