/** The session's cookie: how it is written and read. The console and the editor share it: a host's cookies go to all its ports. */

const COOKIE = "huiliu_session";
/** Under TLS browsers keep a cookie of this prefix to this host, this path and TLS. */
const COOKIE_SECURE = "__Host-huiliu_session";
const VALUE = /^[A-Za-z0-9_-]{43}$/;
const HEADER_MAX = 8_192;

/** The value of the one cookie of this name. Two of the same name are as good as none: somebody else put one there. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined || header.length > HEADER_MAX) return undefined;
  const found = header.split(";").flatMap((pair) => {
    const cut = pair.indexOf("=");
    return cut > 0 && pair.slice(0, cut).trim() === name ? [pair.slice(cut + 1).trim()] : [];
  });
  return found.length === 1 ? found[0] : undefined;
}

/** The session that a request carries; what cannot be one is none. */
export function sessionOf(header: string | undefined, secure: boolean): string | undefined {
  const value = cookieOf(header, secure ? COOKIE_SECURE : COOKIE);
  return value !== undefined && VALUE.test(value) ? value : undefined;
}

export interface CookieRules {
  readonly secure: boolean;
  readonly sameSite: "Strict" | "Lax";
  readonly path: string;
  /** Absent: until the browser is closed. 0: at once. */
  readonly seconds?: number;
}

/** A Set-Cookie header. Values are base64url or empty. */
export const setCookie = (name: string, value: string, { secure, sameSite, path, seconds }: CookieRules): string =>
  `${name}=${value}; Path=${path}; HttpOnly; SameSite=${sameSite}${secure ? "; Secure" : ""}${seconds === undefined ? "" : `; Max-Age=${seconds}`}`;

/** Gives the browser its session, or takes it away. */
export const sessionCookie = (value: string | undefined, secure: boolean): string =>
  setCookie(secure ? COOKIE_SECURE : COOKIE, value ?? "", {
    secure,
    sameSite: "Strict",
    path: "/",
    ...(value === undefined ? { seconds: 0 } : {}),
  });
