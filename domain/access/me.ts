/** Who is signed in, as the console tells him. */
import { type Principal, RIGHTS, mayDo } from "./rights.ts";
import type { Me } from "./views.ts";

const rightsOf = (who: Principal): Me["rights"] => RIGHTS.filter((right) => mayDo(who, right));

/** A program that holds the token: no account, every right. */
export const meOfToken = (who: Principal): Me => ({
  id: who.id,
  login: who.id,
  name: who.name,
  roles: [...who.roles],
  rights: rightsOf(who),
  partners: who.partners === "*" ? "*" : [...who.partners],
  via: who.via,
  totp: false,
  totpRequired: false,
  external: false,
});
