/** Signing in as a person does, over HTTP: for journeys and browser tests that need a session of somebody with certain roles. */
import assert from "node:assert/strict";

export interface Person {
  readonly id: string;
  readonly login: string;
  readonly password: string;
  /** The value of the session's cookie. */
  readonly session: string;
  /** What a request of the console's own page carries. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface PersonGiven {
  readonly login: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly partners?: "*" | readonly string[];
}

export const COOKIE = "huiliu_session";
export const PASSWORD = "correct horse battery 42";

export const sessionIn = (answer: Response): string | undefined =>
  answer.headers.getSetCookie().flatMap((one) => /^huiliu_session=([^;]+)/.exec(one)?.[1] ?? [])[0];

/** Headers of a request that a page at `console` makes. */
export const pageHeaders = (console: string, session?: string): Record<string, string> => ({
  origin: new URL(console).origin,
  "sec-fetch-site": "same-origin",
  "x-huiliu-console": "1",
  "content-type": "application/json",
  ...(session === undefined ? {} : { cookie: `${COOKIE}=${session}` }),
});

const post = (console: string, path: string, body: object, headers: Readonly<Record<string, string>>): Promise<Response> =>
  fetch(`${console}/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });

/** Makes an account with the token, signs in, changes the first password: a whole session. */
export async function signInAs(
  { console, token }: { readonly console: string; readonly token: string },
  given: PersonGiven,
): Promise<Person> {
  const made = await post(
    console,
    "/accounts",
    { partners: "*", ...given, by: "test", reason: "for a test" },
    { authorization: `Bearer ${token}`, "content-type": "application/json" },
  );
  const told = (await made.json()) as { readonly account: { readonly id: string }; readonly password: string };
  assert.equal(made.status, 200, JSON.stringify(told));
  const first = await post(console, "/session", { login: given.login, password: told.password }, pageHeaders(console));
  assert.deepEqual([first.status, await first.json()], [200, { stage: "password", name: given.name }]);
  const half = sessionIn(first);
  const changed = await post(console, "/me/password", { current: told.password, password: PASSWORD }, pageHeaders(console, half));
  assert.deepEqual([changed.status, await changed.json()], [200, { stage: "full", name: given.name }]);
  const session = sessionIn(changed) ?? "";
  return { id: told.account.id, login: given.login, password: PASSWORD, session, headers: pageHeaders(console, session) };
}
