/** The first start: while there is no account nothing is served but set-up, by a link that works once and for a day (reference/reliability.md A02). */
import { answered, refused } from "../operations/refusals.ts";
import { SETUP_LINK_MS } from "./limits.ts";
import { chinaDateTimeMsOf } from "./moments.ts";
import { namesProblem } from "./names.ts";
import { passwordProblems } from "./password.ts";
import type { Access, AccessDeps, StoredAccount } from "./ports.ts";
import { handedOver, hashed, openNext, plainLogin } from "./sign-in.ts";

/** An account as a new one is: active, without second factor. */
export const freshAccount = (
  over: Pick<StoredAccount, "id" | "login" | "name" | "roles" | "partners" | "createdMs"> & Partial<StoredAccount>,
): StoredAccount => ({
  staffNo: undefined,
  passwordHash: undefined,
  state: "active",
  totpSecret: undefined,
  totpPending: undefined,
  totpStep: 0,
  recovery: [],
  totpRequired: false,
  mustChangePassword: false,
  external: undefined,
  lastSignInMs: undefined,
  ...over,
});

const REASON = "首次设置 · first start";

export function createSetUp(deps: AccessDeps): Pick<Access, "setUp" | "setUpLink"> {
  const { store, chance } = deps;
  return {
    setUpLink: (alone) =>
      store.within(async (tx) => {
        await tx.lockSetUp();
        if (await tx.anyAccount()) return refused("SETUP_DONE");
        const token = chance.token();
        const endsMs = tx.nowMs + SETUP_LINK_MS;
        await tx.keepSetUpLink({ digest: chance.digest(token), endsMs, alone });
        // Behind the #: what stands there is sent to no server and written in no log of one.
        return answered({ path: `/setup#token=${token}`, endsAt: chinaDateTimeMsOf(endsMs) });
      }),

    setUp: async (caller, { token, login, name, password }) => {
      const digest = chance.digest(token);
      const open = await store.within(async (tx) => {
        // The link first: whoever finds it gone because another was faster then finds that one's account, and is told so.
        const links = await tx.setUpLinks();
        if (await tx.anyAccount()) return refused("SETUP_DONE");
        return links.some((link) => link.digest === digest && link.endsMs > tx.nowMs) ? answered(true) : refused("SETUP_LINK_REFUSED");
      });
      if (!open.ok) return open;
      const wrong = namesProblem(login, name);
      if (wrong) return wrong;
      const problems = passwordProblems(password, [login, name]);
      if (problems.length > 0) return refused("PASSWORD_WEAK", { problems });
      const passwordHash = await hashed(deps, password);
      if (!passwordHash.ok) return passwordHash;
      const opened = await store.within(async (tx) => {
        await tx.lockSetUp();
        if (await tx.anyAccount()) return refused("SETUP_DONE");
        const links = await tx.setUpLinks();
        if (!links.some((link) => link.digest === digest && link.endsMs > tx.nowMs)) return refused("SETUP_LINK_REFUSED");
        const account = freshAccount({
          id: chance.id(),
          login: plainLogin(login),
          name: name.trim(),
          roles: ["administrator"],
          partners: "*",
          createdMs: tx.nowMs,
          passwordHash: passwordHash.value,
        });
        await tx.insert(account);
        await tx.keepSetUpLink(undefined);
        await tx.note({ by: account.name, reason: REASON, action: "set-up", accountId: account.id, after: { login: account.login } });
        deps.told({ what: "set-up", login: account.login, address: caller.address });
        return openNext(deps, tx, caller, account, { factor: false, external: false });
      });
      return handedOver(caller, opened);
    },
  };
}
