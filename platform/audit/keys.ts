/**
 * What the audit is sealed with: a secret that entries and approvals are marked with, and an ed25519 key that heads of the chain are signed with. Both are in the
 * credentials file, never in the database: who can write every table cannot write a mark or a head (reliability.md A16, A62).
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { type Head, headText } from "../../domain/audit/heads.ts";

/** As the credentials file holds them. */
export interface AuditCredentials {
  /** At least 32 characters by chance. */
  readonly secret: string;
  /** An ed25519 private key, PKCS#8 in PEM. */
  readonly signingKey: string;
}

const AUDIT_SECRET_MIN = 32;
const NONCE_BYTES = 12;
const KEY_ID_CHARS = 16;

export interface AuditKeys {
  /** A fresh nonce for a mark. */
  nonce(): string;
  /** The MAC of an entry's text. */
  mac(text: string): string;
  /** The MAC of an approved command. Another key than that of entries: one cannot be taken for the other. */
  approval(text: string): string;
  sign(head: Omit<Head, "key" | "signature">): Head;
  /** Whether the head was signed with this key. */
  verifies(head: Head): boolean;
}

export class AuditKeysRefused extends Error {
  override readonly name = "AuditKeysRefused";
}

/** Throws AuditKeysRefused when they are none; the text holds no secret. */
export function createAuditKeys(given: AuditCredentials | undefined, at: string): AuditKeys {
  if (given === undefined || typeof given.secret !== "string" || given.secret.length < AUDIT_SECRET_MIN)
    throw new AuditKeysRefused(
      `${at}: audit.secret of at least ${AUDIT_SECRET_MIN} characters is missing; make one with openssl rand -base64 32 / 缺少不少于 ${AUDIT_SECRET_MIN} 个字符的 audit.secret，可用 openssl rand -base64 32 生成`,
    );
  const signing = signingKeyOf(given.signingKey, at);
  const publicKey = createPublicKey(signing);
  const der = publicKey.export({ type: "spki", format: "der" });
  const key = createHash("sha256").update(der).digest("hex").slice(0, KEY_ID_CHARS);
  const derived = (purpose: string): Buffer => Buffer.from(hkdfSync("sha256", given.secret, "huiliu", purpose, 32));
  const [entries, approvals] = [derived("audit entries"), derived("approved commands")];
  const macWith = (secret: Buffer, text: string): string => createHmac("sha256", secret).update(text).digest("base64url");
  return {
    nonce: () => randomBytes(NONCE_BYTES).toString("hex"),
    mac: (text) => macWith(entries, text),
    approval: (text) => macWith(approvals, text),
    sign: (head) => {
      const unsigned = { ...head, key };
      return { ...unsigned, signature: sign(null, Buffer.from(headText(unsigned)), signing).toString("base64") };
    },
    verifies: (head) => head.key === key && verify(null, Buffer.from(headText(head)), publicKey, Buffer.from(head.signature, "base64")),
  };
}

function signingKeyOf(pem: unknown, at: string): KeyObject {
  try {
    const signing = createPrivateKey(String(pem));
    if (signing.asymmetricKeyType === "ed25519") return signing;
  } catch {
    // Told below, without what was given.
  }
  throw new AuditKeysRefused(
    `${at}: audit.signingKey is no ed25519 private key (PKCS#8, PEM); make one with openssl genpkey -algorithm ed25519 / audit.signingKey 不是 ed25519 私钥，可用 openssl genpkey -algorithm ed25519 生成`,
  );
}
