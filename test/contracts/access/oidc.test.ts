/** Signing in at an OpenID provider that nobody here wrote (oidc-provider, certified): code flow with PKCE, state and nonce, as a browser goes through it. */
import assert from "node:assert/strict";
import { createServer, type Server, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { createOidc } from "../../../platform/access/oidc.ts";
import { type AccessWorld, accessWorld, type Browser, PASSWORD } from "./world.ts";

interface Provider {
  callback(): RequestListener;
}
type ProviderOf = new (issuer: string, settings: object) => Provider;
/** The package brings no types of its own. */
const PACKAGE: string = "oidc-provider";

interface Person {
  name: string;
  groups: readonly string[];
}
const PEOPLE: Record<string, Person> = {
  wang: { name: "王夜班", groups: ["it-night"] },
  zhao: { name: "赵收费", groups: ["cash"] },
  guest: { name: "路人", groups: ["visitors"] },
  local: { name: "冒名者", groups: ["it-night"] },
  twin: { name: "本地用户", groups: ["it-night"] },
};
const ROLES = {
  "it-night": { roles: ["operator"], partners: "*" },
  cash: { roles: ["finance"], partners: ["his"] },
} as const;

let world: AccessWorld;
let server: Server;
let handler: RequestListener = (_request, response) => response.writeHead(503).end();

before(async () => {
  server = createServer((request, response) => handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const silent = (): void => undefined;
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const settings = {
    issuer,
    clientId: "huiliu",
    secretFile: "",
    secret: "a secret of the client 123456",
    label: "院内统一认证",
    claim: "groups",
    roles: ROLES,
  };
  world = await accessWorld({ oidc: createOidc(settings, log) });
  const { default: Provider } = (await import(PACKAGE)) as { readonly default: ProviderOf };
  const provider = new Provider(issuer, {
    clients: [{ client_id: "huiliu", client_secret: settings.secret, redirect_uris: [`${world.url}/api/v1/session/oidc/callback`] }],
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({ sub: id, preferred_username: id, ...PEOPLE[id] }),
    }),
    claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"], email: ["email"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["a key of the provider"] },
    pkce: { required: () => true },
  });
  handler = provider.callback();
  await world.person({ login: "local", name: "本地用户", roles: ["viewer"] });
});
after(async () => {
  await world.close();
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

/** A browser with cookies by host and port, which follows every redirect. */
function surfer() {
  const jar = new Map<string, Map<string, string>>();
  const go = async (
    url: string,
    form?: Readonly<Record<string, string>>,
  ): Promise<{ readonly url: string; readonly text: string; readonly status: number }> => {
    let at = new URL(url);
    let body: string | undefined = form === undefined ? undefined : new URLSearchParams(form).toString();
    for (let hop = 0; hop < 12; hop += 1) {
      const mine = jar.get(at.host) ?? new Map<string, string>();
      jar.set(at.host, mine);
      const answer = await fetch(at, {
        redirect: "manual",
        method: body === undefined ? "GET" : "POST",
        headers: {
          cookie: [...mine].map(([name, value]) => `${name}=${value}`).join("; "),
          ...(body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        },
        ...(body === undefined ? {} : { body }),
      });
      for (const one of answer.headers.getSetCookie()) {
        const [pair = ""] = one.split(";");
        const cut = pair.indexOf("=");
        if (pair.slice(cut + 1) === "" || /max-age=0\b|expires=thu, 01 jan 1970/i.test(one)) mine.delete(pair.slice(0, cut));
        else mine.set(pair.slice(0, cut), pair.slice(cut + 1));
      }
      const to = answer.headers.get("location");
      if (to === null) return { url: at.href, text: await answer.text(), status: answer.status };
      await answer.body?.cancel();
      at = new URL(to, at);
      body = undefined;
      if (at.host === new URL(world.url).host && !at.pathname.startsWith("/api/")) return { url: at.href, text: "", status: 200 };
    }
    return assert.fail("redirected in a circle");
  };
  return { go, session: () => jar.get(new URL(world.url).host)?.get("huiliu_session"), jar };
}

const actionOf = (text: string, base: string): string =>
  new URL(/action="([^"]+)"/.exec(text)?.[1] ?? assert.fail(text.slice(0, 300)), base).href;

/** Goes the whole way as this person; answers where it ends and the session. */
async function signIn(
  sub: string,
  spoil: (url: string) => string = (url) => url,
): Promise<{ readonly end: string; readonly page: Browser }> {
  const { go, session } = surfer();
  let at = await go(spoil(`${world.url}/api/v1/session/oidc`));
  for (let step = 0; step < 4 && at.url.includes("/interaction/"); step += 1) {
    const prompt = /name="prompt" value="(\w+)"/.exec(at.text)?.[1] ?? "";
    at = await go(actionOf(at.text, at.url), prompt === "login" ? { prompt, login: sub, password: "x" } : { prompt });
  }
  return { end: at.url.slice(world.url.length), page: world.browser(session()) };
}

describe("the identity provider", { concurrency: false }, () => {
  test("the sign-in page offers it by its name", async () => {
    assert.deepEqual((await world.browser().get("/session/options")).body.oidc, { label: "院内统一认证", path: "/api/v1/session/oidc" });
  });

  test("a person of a group that has a role gets an account and a session; the second time it is the same account", async () => {
    const { end, page } = await signIn("wang");
    assert.equal(end, "/");
    const me = (await page.get("/me")).body;
    assert.deepEqual([me.login, me.name, me.roles, me.partners, me.external], ["wang", "王夜班", ["operator"], "*", true]);
    const { page: again } = await signIn("wang");
    assert.equal((await again.get("/me")).body.id, me.id);
    const [note] = await world.sql<{ who: string; action: string }>(
      "select who, action from operator_action where target_id = $1 order by id",
      [me.id],
    );
    assert.deepEqual([note?.who, note?.action], ["王夜班", "create-account"]);
    assert.equal((await page.post("/me/password", { current: "x", password: PASSWORD })).body.error?.code, "EXTERNAL_ACCOUNT");
    assert.equal((await world.browser().post("/session", { login: "wang", password: "x" })).body.error?.code, "SIGN_IN_REFUSED");
  });

  test("partners come from the group, and the group's loss is the role's: sessions before it end", async () => {
    const { page } = await signIn("zhao");
    assert.deepEqual([(await page.get("/me")).body.roles, (await page.get("/me")).body.partners], [["finance"], ["his"]]);
    Object.assign(PEOPLE.zhao ?? {}, { groups: ["it-night"] });
    const { page: after } = await signIn("zhao");
    assert.deepEqual([(await after.get("/me")).body.roles, (await page.get("/me")).status], [["operator"], 401]);
    Object.assign(PEOPLE.zhao ?? {}, { groups: ["nothing"] });
    assert.deepEqual((await signIn("zhao")).end, "/sign-in?refused=OIDC_NO_ROLE");
  });

  test("no role: refused, no account", async () => {
    const { end, page } = await signIn("guest");
    assert.equal(end, "/sign-in?refused=OIDC_NO_ROLE");
    assert.equal((await page.get("/me")).status, 401);
    assert.equal((await world.sql("select 1 from account where login = 'guest'")).length, 0);
  });

  test("a local account is never taken over by its login name or its name", async () => {
    for (const sub of ["local", "twin"]) {
      const { end, page } = await signIn(sub);
      assert.equal(end, "/sign-in?refused=OIDC_NAME_TAKEN", sub);
      assert.equal((await page.get("/me")).status, 401);
    }
    const local = world.browser();
    assert.equal((await local.post("/session", { login: "local", password: PASSWORD })).body.stage, "full");
    assert.deepEqual((await local.get("/me")).body.roles, ["viewer"]);
  });

  test("a disabled account stays out", async () => {
    const { page } = await signIn("wang");
    const { id } = (await page.get("/me")).body as { id: string };
    await world.program(`/accounts/${id}/disable`, { by: "t", reason: "离职测试" });
    assert.deepEqual([(await signIn("wang")).end, (await page.get("/me")).status], ["/sign-in?refused=SIGN_IN_REFUSED", 401]);
    await world.program(`/accounts/${id}/enable`, { by: "t", reason: "回来测试" });
  });

  test("a callback that nobody began here, a changed state, a code of another's flow and a code used twice are refused; no session", async () => {
    const callback = `${world.url}/api/v1/session/oidc/callback`;
    for (const query of ["", "?code=x&state=y", "?error=access_denied&state=y"]) {
      const { go, session } = surfer();
      assert.match((await go(`${callback}${query}`)).url, /refused=OIDC_FAILED/, query);
      assert.equal(session(), undefined);
    }
    // A victim's browser is led to the callback with the attacker's code: its own flow has another state.
    const attacker = surfer();
    let at = await attacker.go(`${world.url}/api/v1/session/oidc`);
    const begun = new Map(attacker.jar.get(new URL(world.url).host) ?? []);
    for (let step = 0; step < 4 && at.url.includes("/interaction/"); step += 1) {
      const prompt = /name="prompt" value="(\w+)"/.exec(at.text)?.[1] ?? "";
      at = await attacker.go(actionOf(at.text, at.url), prompt === "login" ? { prompt, login: "wang", password: "x" } : { prompt });
    }
    assert.ok(begun.has("huiliu_oidc"));
    const victim = surfer();
    await victim.go(`${world.url}/api/v1/session/oidc`);
    assert.match(
      (await victim.go(`${callback}?code=stolen&state=of-another&iss=${encodeURIComponent("http://127.0.0.1")}`)).url,
      /refused=OIDC_FAILED/,
    );
    assert.equal(victim.session(), undefined);
  });

  test("a provider that does not answer is told, and works again once it does", async () => {
    const before = handler;
    const away = surfer();
    handler = (_request, response) => response.writeHead(500).end();
    const begun = await away.go(`${world.url}/api/v1/session/oidc`);
    // Discovery is remembered: the browser is led there and finds it down itself.
    assert.ok(begun.status === 500 || begun.url.includes("OIDC_FAILED"), begun.url);
    handler = before;
    assert.equal((await signIn("wang")).end, "/");
  });
});
