/** Signing in at the hospital's identity provider (OIDC): it says who somebody is and which groups he is in; the settings say what that means here. */
import { type Answered, answered, refused } from "../operations/refusals.ts";
import { namesProblem, nameTaken, staffNumber, staffNumberProblem } from "./names.ts";
import type { Access, AccessDeps, AccessTx, ExternalPerson, OidcFlow, StoredAccount } from "./ports.ts";
import { freshAccount } from "./set-up.ts";
import { handedOver, openNext, type Opened, plainLogin } from "./sign-in.ts";

const SEAL = "oidc flow";
const REASON = "统一身份认证 · as the identity provider says";

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

export function createExternal(deps: AccessDeps): Pick<Access, "oidcBegin" | "oidcFinish"> {
  const { store, sealing, oidc } = deps;
  const required = deps.staffNumbers === "required";

  /** The person's account, made or brought up to what the provider says now. An account of the same name is never taken over. */
  const accountOf = async (tx: AccessTx, person: ExternalPerson): Promise<Answered<StoredAccount>> => {
    const { issuer, subject, roles, partners } = person;
    await tx.lockSetUp();
    if (!(await tx.anyAccount())) return refused("SETUP_REQUIRED");
    const known = await tx.account({ issuer, subject });
    const note = { by: known?.name ?? person.name, reason: REASON };
    const staffNo = staffNumber(person.staffNo ?? "") || undefined;
    const all = await tx.accounts();
    const numbered = staffNumberProblem(all, { staffNo, required, ...(known === undefined ? {} : { except: known.id }) });
    if (known !== undefined) {
      if (known.state !== "active") return refused("SIGN_IN_REFUSED");
      if (numbered) return numbered;
      const next = { ...known, staffNo, roles, partners };
      if (same(known.roles, roles) && same(known.partners, partners) && known.staffNo === staffNo) return answered(known);
      await tx.update(next);
      await tx.endSessions({ accountId: known.id });
      const [before, after] = [known, next].map((one) => ({ staffNo: one.staffNo, roles: one.roles, partners: one.partners }));
      await tx.note({ ...note, action: "change-account", accountId: known.id, before, after });
      return answered(next);
    }
    const login = plainLogin(person.login);
    const wrong = namesProblem(login, person.name);
    if (wrong) return wrong;
    if (numbered) return numbered;
    if (all.some((one) => one.login === login) || nameTaken(all, person.name)) return refused("OIDC_NAME_TAKEN");
    const external = { issuer, subject };
    const account = freshAccount({
      id: deps.chance.id(),
      login,
      name: person.name.trim(),
      staffNo,
      roles,
      partners,
      createdMs: tx.nowMs,
      external,
    });
    await tx.insert(account);
    await tx.note({ ...note, action: "create-account", accountId: account.id, after: { login, staffNo, roles, partners, issuer } });
    return answered(account);
  };

  return {
    oidcBegin: async (redirectUri) => {
      if (oidc === undefined) return refused("OIDC_OFF");
      try {
        const { url, flow } = await oidc.begin(redirectUri);
        return answered({ url, flow: sealing.seal(JSON.stringify(flow), SEAL) });
      } catch {
        return refused("OIDC_FAILED"); // the provider's words are in the log (platform/access/oidc.ts)
      }
    },
    oidcFinish: async (caller, callback, sealed) => {
      if (oidc === undefined) return refused("OIDC_OFF");
      const text = sealing.open(sealed, SEAL);
      if (text === undefined) return refused("OIDC_FAILED");
      let person: ExternalPerson;
      try {
        person = await oidc.finish(callback, JSON.parse(text) as OidcFlow);
      } catch {
        return refused("OIDC_FAILED");
      }
      if (person.roles.length === 0 || person.partners.length === 0) return refused("OIDC_NO_ROLE");
      const opened = await store.within(async (tx): Promise<Answered<Opened>> => {
        const account = await accountOf(tx, person);
        return account.ok ? openNext(deps, tx, caller, account.value, { factor: true, external: true }) : account;
      });
      return handedOver(caller, opened);
    },
  };
}
