/** Signing in at an OpenID Connect provider (openid-client): authorisation code with PKCE, state and nonce; discovery at the first use and again when it failed. */
import * as client from "openid-client";
import type { ExternalPerson, Oidc, OidcFlow } from "../../domain/access/ports.ts";
import { ROLES, type Role } from "../../domain/access/rights.ts";
import type { Log } from "../../domain/log.ts";
import type { OidcSettings } from "./settings.ts";

const SCOPE = "openid profile email";
const TIMEOUT_S = 10;
const CLOCK_TOLERANCE_S = 30;
const GROUPS_MAX = 1_000;

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value.trim() !== "" ? value.trim() : undefined);

/** What the values of a claim give together: every role, every partner. A value that the settings do not name gives nothing. */
export function grantedBy(roles: OidcSettings["roles"], claim: unknown): Pick<ExternalPerson, "roles" | "partners"> {
  const values = (Array.isArray(claim) ? claim : [claim]).slice(0, GROUPS_MAX).filter((one): one is string => typeof one === "string");
  const granted = values.flatMap((one) => (Object.hasOwn(roles, one) ? [roles[one]] : [])).filter((one) => one !== undefined);
  const named = new Set<Role>(granted.flatMap((one) => one.roles));
  const partners = granted.some((one) => one.partners === "*") ? "*" : [...new Set(granted.flatMap((one) => one.partners))].sort();
  return { roles: ROLES.filter((role) => named.has(role)), partners };
}

export function createOidc(settings: OidcSettings & { readonly secret: string }, log: Log): Oidc {
  const issuer = new URL(settings.issuer);
  let discovered: Promise<client.Configuration> | undefined;

  const discover = (): Promise<client.Configuration> => {
    discovered ??= client
      .discovery(
        issuer,
        settings.clientId,
        { client_secret: settings.secret, [client.clockTolerance]: CLOCK_TOLERANCE_S },
        client.ClientSecretBasic(settings.secret),
        {
          timeout: TIMEOUT_S,
          // Plain HTTP is for a provider on this machine only (settings.ts).
          ...(issuer.protocol === "http:" ? { execute: [client.allowInsecureRequests] } : {}),
        },
      )
      .catch((error: unknown) => {
        discovered = undefined;
        throw error;
      });
    return discovered;
  };
  const logged = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      log.warn({ err: error, issuer: settings.issuer }, what);
      throw error;
    }
  };

  return {
    label: settings.label,
    begin: (redirectUri) =>
      logged("the identity provider could not be asked", async () => {
        const config = await discover();
        const flow: OidcFlow = {
          state: client.randomState(),
          nonce: client.randomNonce(),
          verifier: client.randomPKCECodeVerifier(),
          redirectUri,
        };
        const url = client.buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          scope: SCOPE,
          state: flow.state,
          nonce: flow.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(flow.verifier),
          code_challenge_method: "S256",
        });
        return { url: url.href, flow };
      }),
    finish: (callback, flow) =>
      logged("a sign-in at the identity provider was not completed", async () => {
        const config = await discover();
        const back = new URL(callback);
        const asked = new URL(flow.redirectUri);
        asked.search = back.search;
        const tokens = await client.authorizationCodeGrant(config, asked, {
          expectedState: flow.state,
          expectedNonce: flow.nonce,
          pkceCodeVerifier: flow.verifier,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (claims === undefined) throw new Error("the provider gave no ID token");
        const staffNo = settings.staffClaim === undefined ? undefined : textOf(claims[settings.staffClaim]);
        const login = textOf(claims.preferred_username) ?? textOf(claims.email) ?? claims.sub;
        return {
          issuer: claims.iss,
          subject: claims.sub,
          login,
          name: textOf(claims.name) ?? login,
          ...(staffNo === undefined ? {} : { staffNo }),
          ...grantedBy(settings.roles, claims[settings.claim]),
        };
      }),
  };
}
