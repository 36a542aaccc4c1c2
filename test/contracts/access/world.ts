/** A console with accounts over a database of its own, and people who use it over HTTP. Passwords are hashed cheaply here; what the real cost is has a test of its own. */
import { createAccess } from "../../../domain/access/access.ts";
import type { Access, AccessDeps, SignInEvent } from "../../../domain/access/ports.ts";
import { type Console, type ConsoleDeps, createConsole } from "../../../console/console.ts";
import { createHashing } from "../../../platform/access/hashing.ts";
import { chance, createSealing, totp } from "../../../platform/access/secrets.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { createAccessStore } from "../../../platform/postgres/access.ts";
import { operationsWorld, PARTNERS, type World } from "../operations/world.ts";
import { COOKIE, pageHeaders, PASSWORD, type PersonGiven, sessionIn } from "../../journeys/sign-in.ts";

export { PASSWORD } from "../../journeys/sign-in.ts";
export const TOKEN = "operator_of_a_test_0123456789";
const CHEAP = { log2N: 4, r: 1, p: 1 };

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string } };
  readonly headers: Headers;
  /** The cookie it gave: "" takes it away. */
  readonly session: string | undefined;
}

/** A browser: keeps its cookie. */
export interface Browser {
  session: string | undefined;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  post(path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface AccessWorld {
  readonly world: World;
  readonly console: Console;
  readonly access: Access;
  readonly url: string;
  readonly told: SignInEvent[];
  browser(session?: string): Browser;
  /** As programs ask. */
  program(path: string, body?: object): Promise<Answer>;
  /** Somebody with a whole session. */
  person(given: PersonGiven): Promise<Browser & { readonly id: string; readonly login: string }>;
  sql: World["sql"];
  /** Moves huiliu_now(). */
  later(ms: number): Promise<void>;
  close(): Promise<void>;
}

export async function accessWorld(
  over: Partial<AccessDeps> = {},
  consoleOver: Partial<ConsoleDeps> = {},
  worldOver: Parameters<typeof operationsWorld>[0] = {},
): Promise<AccessWorld> {
  const world = await operationsWorld(worldOver);
  const told: SignInEvent[] = [];
  const silent = (): void => undefined;
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const access = createAccess({
    store: createAccessStore({ pool: world.postgres.pool, log }),
    hashing: createHashing(CHEAP),
    totp,
    sealing: createSealing(TOKEN),
    chance,
    partners: () => PARTNERS.map((one) => one.partner),
    told: (event) => told.push(event),
    ...over,
  });
  const metrics = createMetrics();
  const console = createConsole({
    operations: world.operations,
    access,
    auth: { token: TOKEN },
    readiness: async () => [],
    metrics,
    log,
    host: "127.0.0.1",
    port: 0,
    ...consoleOver,
  });
  const url = await console.listen();
  let shift = 0;

  const ask = async (method: string, path: string, headers: Readonly<Record<string, string>>, body?: object): Promise<Answer> => {
    const answer = await fetch(path.startsWith("http") ? path : `${url}/api/v1${path}`, {
      method,
      headers,
      redirect: "manual",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const json = text.startsWith("{") ? (JSON.parse(text) as Answer["body"]) : {};
    const given = answer.headers.getSetCookie().find((one) => one.startsWith(`${COOKIE}=`));
    const session = given === undefined ? undefined : (sessionIn(answer) ?? "");
    return { status: answer.status, body: json, headers: answer.headers, session };
  };
  const browser = (session?: string): Browser => {
    const self: Browser = {
      session,
      get: (path, headers = {}) => {
        const { "content-type": _, origin: __, ...page } = pageHeaders(url, self.session);
        return ask("GET", path, { ...page, ...headers });
      },
      post: async (path, body = {}, headers = {}) => {
        const answer = await ask("POST", path, { ...pageHeaders(url, self.session), ...headers }, body);
        if (answer.session !== undefined) self.session = answer.session === "" ? undefined : answer.session;
        return answer;
      },
    };
    return self;
  };
  const program: AccessWorld["program"] = (path, body) => {
    const headers = { authorization: `Bearer ${TOKEN}`, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    return ask(body === undefined ? "GET" : "POST", path, headers, body);
  };
  return {
    world,
    console,
    access,
    url,
    told,
    browser,
    program,
    person: async (given) => {
      const made = await program("/accounts", { partners: "*", ...given, by: "test", reason: "for a test" });
      const { account, password } = made.body as { readonly account: { readonly id: string }; readonly password: string };
      const one = browser();
      await one.post("/session", { login: given.login, password });
      await one.post("/me/password", { current: password, password: PASSWORD });
      return Object.assign(one, { id: account.id, login: given.login });
    },
    sql: world.sql,
    later: async (ms) => {
      shift += ms;
      await world.postgres.setClockOffset(shift);
    },
    close: async () => {
      await console.close();
      await world.close();
    },
  };
}
