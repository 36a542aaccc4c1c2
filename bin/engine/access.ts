/** Sign-in put together: accounts in the database, secrets under the operator's token, the identity provider where the settings name one. */
import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createAccess } from "../../domain/access/access.ts";
import type { Access, Oidc, SignInEvent } from "../../domain/access/ports.ts";
import { sessionOf } from "../../domain/access/cookie.ts";
import { TOKEN_PRINCIPAL } from "../../domain/access/rights.ts";
import type { Log } from "../../domain/log.ts";
import type { Admission, Knock } from "../../platform/node-red/gate.ts";
import { createHashing } from "../../platform/access/hashing.ts";
import { chance, createSealing, totp } from "../../platform/access/secrets.ts";
import type { AccessSettings } from "../../platform/access/settings.ts";
import { createAccessStore } from "../../platform/postgres/access.ts";
import type { Pool } from "../../platform/postgres/pool.ts";
import type { ConsoleDeps } from "../../console/console.ts";

const TEXTS: Readonly<Record<SignInEvent["what"], string>> = {
  "signed-in": "somebody signed in at the console",
  "signed-out": "somebody signed out of the console",
  "set-up": "the first account of the console was made",
  refused: "a sign-in was refused",
  "code-refused": "a second factor was refused",
  locked: "sign-in is held back after too many failures",
};

export interface AccessParts {
  readonly settings: AccessSettings | undefined;
  readonly token: string;
  readonly pool: Pool;
  readonly partners: () => readonly string[];
  readonly log: Log;
}

/** The library that speaks to identity providers is loaded where the settings name one. */
async function oidcOf(oidc: NonNullable<AccessSettings["oidc"]>, log: Log): Promise<Oidc> {
  const { createOidc } = await import("../../platform/access/oidc.ts");
  return createOidc({ ...oidc, secret: readFileSync(oidc.secretFile, "utf8").trim() }, log);
}

export async function accessOf({ settings, token, pool, partners, log }: AccessParts): Promise<Access> {
  const { oidc, staffNumbers = "optional", restHours } = settings ?? {};
  return createAccess({
    store: createAccessStore({ pool, log }),
    hashing: createHashing(),
    totp,
    sealing: createSealing(token),
    chance,
    partners,
    staffNumbers,
    ...(restHours === undefined ? {} : { restMs: restHours * 3_600_000 }),
    ...(oidc === undefined ? {} : { oidc: await oidcOf(oidc, log) }),
    // Names of accounts, addresses and counts; what was typed is not among it.
    told: ({ what, ...fields }) => log[what === "locked" ? "warn" : "info"](fields, TEXTS[what]),
  });
}

/** Where the console listens for other machines; certificates that cannot be read were refused by platform/safety.ts. */
export function secureOf(settings: AccessSettings | undefined): Pick<ConsoleDeps, "hosts" | "secure"> {
  const { hosts = [], secure } = settings ?? {};
  if (secure?.certFile === undefined || secure.keyFile === undefined) return { hosts };
  const { host, port, certFile, keyFile } = secure;
  const named = host === "0.0.0.0" || host === "::" ? hosts : [...hosts, host];
  return { hosts: named, secure: { host, port, cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") } };
}

/** The one-time link of the first start, as an address; undefined when there are accounts. */
export async function setUpAddress(access: Access, console: string, log: Log): Promise<string | undefined> {
  const link = await access.setUpLink(false);
  if (!link.ok) {
    if (link.code !== "SETUP_DONE") log.warn({ code: link.code }, "no set-up link could be made; npx huiliu account setup-link makes one");
    return undefined;
  }
  return `${console}${link.value.path}`;
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/;
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The editor's door: the same sessions and the same token as the console's. */
export function admissionOf(access: Access, token: string): Pick<Admission, "who" | "leave"> {
  const expected = digest(token);
  const session = ({ cookie }: Knock): string | undefined => sessionOf(cookie, false) ?? sessionOf(cookie, true);
  return {
    who: async (knock) => {
      const { authorization, address = "" } = knock;
      if (authorization !== undefined) {
        const bearer = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1] ?? "";
        return timingSafeEqual(digest(bearer), expected) && LOOPBACK.test(address) ? TOKEN_PRINCIPAL : undefined;
      }
      const standing = await access.standing(session(knock));
      return standing.ok && standing.value.kind === "whole" ? standing.value.who : undefined;
    },
    leave: async (knock) => {
      const caller = {
        address: knock.address ?? "",
        agent: "",
        session: session(knock),
        keep: () => undefined,
        retryAfter: () => undefined,
      };
      await access.signOut(caller);
    },
  };
}
