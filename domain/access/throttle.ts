/**
 * How failures hold signing in back (reference/reliability.md A03): counted for the login name, known or not, and for the address; the wait doubles and is bounded, so
 * that nobody can lock a person out for good. An attempt is counted before the password is looked at: a thousand at once are a thousand.
 */
import { FAILURES_FREE, FORGET_MS, type ThrottleKind, WAIT_FIRST_MS, WAIT_MAX_MS } from "./limits.ts";
import type { Throttle } from "./ports.ts";

/** `key`: a login name, an address, an account's id. Names are kept as digests: somebody types a password there now and then. */
export const subjectOf = (kind: ThrottleKind, key: string): string => `${kind}:${key}`;
const kindOf = (subject: string): ThrottleKind => {
  const kind = subject.slice(0, subject.indexOf(":"));
  return kind === "login" || kind === "address" ? kind : "code";
};

/** Milliseconds to wait after so many failures. */
function waitAfter(kind: ThrottleKind, failures: number): number {
  const beyond = failures - FAILURES_FREE[kind];
  return beyond < 0 ? 0 : Math.min(WAIT_FIRST_MS * 2 ** Math.min(beyond, 20), WAIT_MAX_MS);
}

/** Until when the subjects are held back; undefined: they are not. */
export function heldUntil(rows: readonly Throttle[], nowMs: number): number | undefined {
  const until = Math.max(0, ...rows.map((row) => row.untilMs));
  return until > nowMs ? until : undefined;
}

/** The row after one more attempt that is taken for a failure until it is known to be none. */
export function counted(row: Throttle, nowMs: number): Throttle {
  const kind = kindOf(row.subject);
  const failures = (nowMs - row.lastMs > FORGET_MS[kind] ? 0 : row.failures) + 1;
  return { ...row, failures, lastMs: nowMs, untilMs: nowMs + waitAfter(kind, failures) };
}

/** The row when the attempt was none: the address keeps what others failed at from it. */
export const uncounted = (row: Throttle): Throttle => ({ ...row, failures: Math.max(0, row.failures - 1), untilMs: 0 });
