/** Chance, one-time codes and sealing: what sign-in needs of cryptography (node:crypto and otpauth; nothing of our own). */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, randomInt, randomUUID } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import type { Chance, Sealing, Totp } from "../../domain/access/ports.ts";

const TOKEN_BYTES = 32;
/** Letters and digits that nobody mistakes for others (Crockford's base 32, lower case). */
const READABLE = "0123456789abcdefghjkmnpqrstvwxyz";
const GROUP = 4;

const readable = (groups: number): string =>
  Array.from({ length: groups }, () => Array.from({ length: GROUP }, () => READABLE[randomInt(READABLE.length)]).join("")).join("-");

export const chance: Chance = {
  token: () => randomBytes(TOKEN_BYTES).toString("base64url"),
  id: randomUUID,
  /** 80 bits. */
  password: () => readable(4),
  recoveryCode: () => readable(4),
  digest: (text) => createHash("sha256").update(text).digest("hex"),
};

const ISSUER = "Huiliu";
const PERIOD_S = 30;
const DIGITS = 6;
const SECRET_BYTES = 20;
/** Steps before and after now: a phone's clock is not ours. */
const WINDOW = 1;

const totpOf = (secret: string, label: string): TOTP =>
  new TOTP({ issuer: ISSUER, label, algorithm: "SHA1", digits: DIGITS, period: PERIOD_S, secret: Secret.fromBase32(secret) });

/** RFC 6238, as every authenticator has it. */
export const totp: Totp = {
  secret: () => new Secret({ size: SECRET_BYTES }).base32,
  uri: (secret, login) => totpOf(secret, login).toString(),
  step: (secret, code, nowMs) => {
    if (!/^\d{6}$/.test(code)) return undefined;
    const delta = totpOf(secret, "").validate({ token: code, timestamp: nowMs, window: WINDOW });
    return delta === null ? undefined : Math.floor(nowMs / 1_000 / PERIOD_S) + delta;
  },
};

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM under a key derived from the operator's token (credentials.json): nothing more to keep secret, and of no use in a copy of the database alone. */
export function createSealing(token: string): Sealing {
  const key = Buffer.from(hkdfSync("sha256", token, "huiliu", "console secrets", 32));
  return {
    seal: (text, context) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
      return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64url");
    },
    open: (sealed, context) => {
      const bytes = Buffer.from(sealed, "base64url");
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
      try {
        return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
      } catch {
        return undefined; // sealed under another key, or changed on the way
      }
    },
  };
}
