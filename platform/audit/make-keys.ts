/** New keys for the audit, as the credentials file holds them. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { AuditCredentials } from "./keys.ts";

const SECRET_BYTES = 32;

export const makeAuditCredentials = (): AuditCredentials => ({
  secret: `audit_${randomBytes(SECRET_BYTES).toString("base64url")}`,
  signingKey: generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
});
