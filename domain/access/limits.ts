/** Sizes and times of sign-in; each is said once, here. */
export const LOGIN_MAX = 64;
/** As long as the name of whoever signs a deed may be (operations/rules.ts BY_MAX). */
export const NAME_MAX = 64;
export const PASSWORD_MIN = 10;
/** Longer ones cost the hash and help nobody. */
export const PASSWORD_MAX = 200;
export const STAFF_NO_MAX = 32;
export const TOKEN_MAX = 200;
export const CODE_MAX = 40;
export const PARTNERS_MAX = 200;
/** Accounts of one hospital's console. */
export const ACCOUNTS_MAX = 2_000;
export const RECOVERY_CODES = 10;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/**
 * An account whose password somebody else knew, or whose rights he gave, does not count as a second person beside him for this long after its owner chose a password
 * of his own. HUILIU_ACCOUNT_REST_HOURS says otherwise.
 */
export const ACCOUNT_REST_MS = 24 * HOUR;
/** A session that nobody uses ends. */
export const IDLE_MS = 30 * MINUTE;
/** No session is longer than a shift. */
export const SESSION_MS = 12 * HOUR;
/** Password given, the rest missing. */
export const HALF_SESSION_MS = 10 * MINUTE;
/** Use is noted no oftener: a session idles at most this much less than it should. */
export const SEEN_EVERY_MS = 20 * SECOND;
export const SETUP_LINK_MS = 24 * HOUR;
export const SESSIONS_MAX = 20;

/** Failures before the first wait; the wait doubles with each further one. */
export const FAILURES_FREE: Readonly<Record<ThrottleKind, number>> = { login: 5, address: 30, code: 5 };
export const WAIT_FIRST_MS = 30 * SECOND;
export const WAIT_MAX_MS = 15 * MINUTE;
/** After so long without a failure counting begins anew. Many people may share an address. */
export const FORGET_MS: Readonly<Record<ThrottleKind, number>> = { login: 24 * HOUR, address: HOUR, code: 24 * HOUR };
export type ThrottleKind = "login" | "address" | "code";
