/**
 * How a caller of a SOAP door proves itself: the gateway's key (Bearer, x-api-key), HTTP basic, or a WS-Security UsernameToken whose user is the partner and whose
 * password is that key, plain or as digest. A digest counts once: its nonce is remembered for as long as its time is accepted, by all workers where they are told how.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { UsernameToken } from "./envelope.ts";

/** How far a token's time may be from ours. */
const CREATED_WITHIN_MS = 5 * 60_000;
/** Nonces remembered; a full memory refuses digests rather than forgetting one that could be replayed. */
const NONCES_MAX = 100_000;

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();

const same = (left: string, right: string): boolean => timingSafeEqual(hash(left), hash(right));

export interface Proofs {
  /** `none`: the headers say nothing, so a token in the envelope may. */
  byHeaders(partner: string, headers: Readonly<Record<string, string | readonly string[] | undefined>>): "proved" | "wrong" | "none";
  /** Rejects while nobody can say whether a digest was used already. */
  byToken(partner: string, token: UsernameToken | undefined): Promise<boolean>;
}

function basicOf(authorization: string): { readonly user: string; readonly password: string } | undefined {
  const given = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(authorization)?.[1];
  if (given === undefined) return undefined;
  const text = Buffer.from(given, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** True the first time; `untilMs`: how long it is remembered, epoch milliseconds. */
export type UseNonce = (nonce: string, untilMs: number) => Promise<boolean>;

/** `keys`: partner → key. `now`: milliseconds. `shared`: what all workers remember; without it each remembers its own. */
export function createProofs(keys: ReadonlyMap<string, string>, now: () => number, shared?: UseNonce): Proofs {
  const nonces = new Map<string, number>();

  const fresh = async (nonce: string, createdMs: number): Promise<boolean> => {
    const at = now();
    if (Math.abs(at - createdMs) > CREATED_WITHIN_MS) return false;
    if (shared !== undefined) return shared(nonce, at + 2 * CREATED_WITHIN_MS);
    for (const [one, until] of nonces) {
      if (until >= at) break; // oldest first
      nonces.delete(one);
    }
    if (nonces.has(nonce) || nonces.size >= NONCES_MAX) return false;
    nonces.set(nonce, at + 2 * CREATED_WITHIN_MS);
    return true;
  };

  return {
    byHeaders: (partner, headers) => {
      const key = keys.get(partner);
      const authorization = typeof headers.authorization === "string" ? headers.authorization : "";
      const bearer = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
      const apiKey = headers["x-api-key"];
      const basic = basicOf(authorization);
      const given = bearer ?? (typeof apiKey === "string" && apiKey !== "" ? apiKey : basic?.password);
      if (given === undefined) return "none";
      const namesPartner = basic === undefined || basic.user === partner;
      return same(given, key ?? "") && key !== undefined && key !== "" && namesPartner ? "proved" : "wrong";
    },
    byToken: async (partner, token) => {
      const key = keys.get(partner) ?? "";
      if (token === undefined || key === "" || token.username !== partner) return false;
      if (!token.digest) return same(token.password, key);
      const { nonce = "", created = "" } = token;
      const createdMs = Date.parse(created);
      if (nonce === "" || Number.isNaN(createdMs)) return false;
      const digest = createHash("sha1").update(Buffer.from(nonce, "base64")).update(created).update(key).digest("base64");
      return same(token.password, digest) && (await fresh(`${partner} ${nonce}`, createdMs));
    },
  };
}
