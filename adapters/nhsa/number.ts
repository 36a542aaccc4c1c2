/** msgid (发送方报文ID): fixmedins_code(12) + yyyyMMddHHmmss(14) + 4 digits, 30 in all (domain.md 1.2); the key by which an uncertain settlement is found and reversed. */
import { createHash } from "node:crypto";

const CODE_LENGTH = 12;
const SEQUENCES = 10_000;
const CHINA_MS = 8 * 3_600_000;

/** China time of an instant, `2026-11-20 09:22:00`. */
export const chinaTime = (ms: number): string => new Date(ms + CHINA_MS).toISOString().slice(0, 19).replace("T", " ");

/**
 * The candidate after `tries` that were taken. The four digits begin at the key's hash: the format has too few of them for a number that follows from the key alone
 * (at twenty calls a second two would soon be equal), so the engine stores the first free one under the key before the call.
 */
export function msgidOf(fixmedinsCode: string, key: string, nowMs: number, tries: number): string {
  const start = createHash("sha256").update(key).digest().readUInt32BE(0);
  const sequence = ((start + tries) % SEQUENCES).toString().padStart(4, "0");
  return `${fixmedinsCode}${chinaTime(nowMs).replace(/\D/g, "")}${sequence}`;
}

/** A code of another length gives a msgid of another length: nothing is sent with it. */
export const isFixmedinsCode = (code: string): boolean => code.length === CODE_LENGTH && /^[A-Z0-9]+$/.test(code);
