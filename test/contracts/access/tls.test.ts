/** The console beyond loopback: TLS and sign-in alone, by names that the settings give; and behind the machine's own TLS proxy. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { after, before, describe, test } from "node:test";
import { API } from "../../../console/route.ts";
import { createAuthority } from "../../fakes/certificates.ts";
import { type AccessWorld, accessWorld, PASSWORD, TOKEN } from "./world.ts";

const NAME = "console.hospital.example";
const authority = createAuthority("the hospital");
const { cert, key } = authority.sign(NAME);

let world: AccessWorld;
before(async () => {
  world = await accessWorld({}, { hosts: [NAME], secure: { host: "127.0.0.1", port: 0, cert, key } });
  await world.person({ login: "li", name: "李工", roles: ["operator"] });
});
after(() => world.close());

interface Told {
  readonly status: number;
  readonly cookie: string;
  readonly text: string;
}
/** Over TLS, as a browser on another machine asks by the console's name. */
function secure(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
  ca = authority.cert,
): Promise<Told> {
  const { port } = new URL(world.console.secureUrl ?? "");
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: "127.0.0.1", port, servername: NAME, ca, method, path: `${API}${path}`, headers: { host: `${NAME}:${port}`, ...headers } },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, cookie: answer.headers["set-cookie"]?.[0] ?? "", text }));
      },
    );
    asked.on("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
const pageOf = (origin: string): Record<string, string> => ({
  origin,
  "sec-fetch-site": "same-origin",
  "x-huiliu-console": "1",
  "content-type": "application/json",
});

describe("over TLS", () => {
  test("a person signs in; the cookie is kept to this host and to TLS", async () => {
    const origin = `https://${NAME}:${new URL(world.console.secureUrl ?? "").port}`;
    const answer = await secure("POST", "/session", pageOf(origin), { login: "li", password: PASSWORD });
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.cookie, /^__Host-huiliu_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
    const cookie = answer.cookie.split(";")[0] ?? "";
    assert.equal((await secure("GET", "/me", { cookie })).status, 200);
    assert.equal(
      (await secure("GET", "/me", { cookie: cookie.replace("__Host-", "") })).status,
      401,
      "a cookie of the plain listener counts there alone",
    );
    assert.equal(
      (await secure("POST", "/session", pageOf(origin.replace("https", "http")), { login: "li", password: PASSWORD })).status,
      403,
    );
  });

  test("the token of run.json opens nothing there", async () =>
    assert.equal((await secure("GET", "/status", { authorization: `Bearer ${TOKEN}` })).status, 401));

  test("another name is refused; machines' addresses are for this machine", async () => {
    assert.equal((await secure("GET", "/session/options", { host: "evil.example" })).status, 421);
    const { port } = new URL(world.console.secureUrl ?? "");
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asked = request(
        { host: "127.0.0.1", port, servername: NAME, ca: authority.cert, path: "/metrics", headers: { host: NAME } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      asked.on("error", reject).end();
    });
    assert.equal(status, 401);
  });

  test("a browser that does not know the authority does not go on", async () => {
    await assert.rejects(secure("GET", "/session/options", {}, undefined, createAuthority("another authority").cert));
  });
});

describe("behind the machine's own proxy", () => {
  const headers = (more: Readonly<Record<string, string>> = {}) => ({ ...pageOf(`https://${NAME}`), host: NAME, ...more });
  const inject = (method: "GET" | "POST", path: string, given: Readonly<Record<string, string>>, payload?: object) =>
    world.console.app.inject({ method, url: `${API}${path}`, headers: given, ...(payload === undefined ? {} : { payload }) });

  test("the browser's origin is the TLS name, its cookie is for TLS, its address is what the proxy says", async () => {
    const answer = await inject("POST", "/session", headers({ "x-forwarded-for": "6.6.6.6, 10.1.2.3" }), {
      login: "li",
      password: PASSWORD,
    });
    assert.equal(answer.statusCode, 200, answer.body);
    assert.match(String(answer.headers["set-cookie"]), /^__Host-huiliu_session=.*; Secure$/);
    const [row] = await world.sql<{ address: string }>("select address from console_session order by created_at desc limit 1");
    assert.equal(row?.address, "10.1.2.3");
    assert.equal(
      (await inject("POST", "/session", headers({ origin: `http://${NAME}` }), { login: "li", password: PASSWORD })).statusCode,
      403,
    );
  });

  test("the token does not pass it", async () =>
    assert.equal((await inject("GET", "/status", { host: NAME, authorization: `Bearer ${TOKEN}` })).statusCode, 401));
});
