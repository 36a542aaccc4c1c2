/** Keys, fingerprints and ids of the memory stores. */
import { createHash, randomBytes } from "node:crypto";

export const key = (...of: readonly unknown[]): string => JSON.stringify(of);
export const fingerprintOf = (...parts: readonly (Uint8Array | string | undefined)[]): string =>
  createHash("sha256")
    .update(key(...parts.map((part) => (part === undefined ? null : Buffer.from(part as string).toString("hex")))))
    .digest("hex");
export const uuid7 = (atMs: number): string => {
  const hex = `${atMs.toString(16).padStart(12, "0")}7${randomBytes(2).toString("hex").slice(1)}8${randomBytes(8).toString("hex").slice(1)}`;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
