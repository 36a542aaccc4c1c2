/** A console at which nobody signs in: only programs with the token get in. What a console has that was given no accounts. */
import { answered, refused } from "../operations/refusals.ts";
import type { Access } from "./ports.ts";
import { meOfToken } from "./me.ts";

const nobody = async () => refused("UNAUTHORIZED");
const off = async () => refused("NOT_A_PERSON");

export const CLOSED_ACCESS: Access = {
  standing: async () => answered({ kind: "nobody", setUpNeeded: false }),
  options: async () => answered({ setUpNeeded: false }),
  setUp: nobody,
  signIn: nobody,
  secondFactor: nobody,
  signOut: nobody,
  me: async (_caller, who) => answered(meOfToken(who)),
  changePassword: off,
  totpBegin: off,
  totpConfirm: off,
  totpEnd: off,
  ownSessions: off,
  endOwnSession: off,
  accounts: async () => answered({ items: [] }),
  createAccount: off,
  changeAccount: off,
  setState: off,
  resetAccount: off,
  sessionsOf: off,
  endSessionsOf: off,
  setUpLink: off,
  oidcBegin: async () => refused("OIDC_OFF"),
  oidcFinish: async () => refused("OIDC_OFF"),
};
