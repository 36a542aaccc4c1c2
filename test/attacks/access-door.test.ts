/**
 * Attacks on the console's door (reference/reliability.md A01, A05, A06, A08–A10), each with its effect looked for in the database.
 * The editor's part: test/contracts/access/editor.test.ts.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DECLARED, STANDINGS } from "../../bin/docs/rights.ts";
import { API } from "../../console/route.ts";
import { ROUTES } from "../../console/routes.ts";
import { ROLE_RIGHTS, ROLES } from "../../domain/access/rights.ts";
import type { Need, Standing } from "../../domain/access/standing.ts";
import { type Answer, type Browser, PASSWORD } from "../contracts/access/world.ts";
import { addressOf, ask, atEach, attackScene, codeOf, DEED, halfSession, NOBODY_ID, type Scene } from "./access-scene.ts";
import { fingerprint } from "./fingerprint.ts";

let scene: Scene;
before(async () => {
  scene = await attackScene();
});
after(() => scene.close());

/** Past the door: whatever it is told then, it is no question of who asks. */
const DOOR = [
  "UNAUTHORIZED",
  "FORBIDDEN",
  "SETUP_REQUIRED",
  "SECOND_FACTOR_REQUIRED",
  "PASSWORD_CHANGE_REQUIRED",
  "TOTP_REQUIRED",
  "CSRF_REFUSED",
];
const refusedAtDoor = (answer: Answer): boolean => DOOR.includes(codeOf(answer));
/** By the table of roles alone: the door's own rule is what is tested. */
function allowedBy(standing: Standing, need: Need): boolean {
  if (need === "anyone") return true;
  if (standing.kind === "nobody") return false;
  if (standing.kind === "half") return need === "session" || need === "factor";
  if (["session", "password", "enrol", "self"].includes(need)) return true;
  return standing.who.roles.some((role) => (ROLE_RIGHTS[role] as readonly string[]).includes(need));
}
const CLOSED = ROUTES.filter(({ right }) => right !== "anyone");

describe("A01 without login", () => {
  test("every route of the API is 401, whatever is sent, and nothing is done", async () => {
    const before = await fingerprint(scene.sql);
    for (const session of [undefined, "x".repeat(43), "", "../../etc"]) {
      const page = scene.browser(session);
      await atEach(CLOSED, async (route) => {
        const answer = await ask(page, route, addressOf(route, scene.mine.messageId));
        assert.deepEqual([answer.status, codeOf(answer)], [401, "UNAUTHORIZED"], `${route.method} ${route.path}`);
      });
    }
    assert.deepEqual(await fingerprint(scene.sql), before);
  });

  test("an unknown route is 401 without login and 404 with it; other methods, too", async () => {
    for (const path of ["/nothing", "/accounts/x/nothing", "/", "/messages/../accounts/x"]) {
      assert.equal((await scene.browser().get(path)).status, 401, path);
      assert.equal((await scene.as("administrator").get(path)).status, 404, path);
      assert.equal((await scene.browser().post(path)).status, 401, path);
    }
    for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS"])
      assert.equal((await fetch(`${scene.url}${API}/accounts`, { method })).status, 401, method);
    for (const path of ["/%61pi/v1/messages", "/api/%76%31/status", "//api/v1/status", "/api/v1/status/", "/API/v1/status"])
      assert.ok([401, 404].includes((await fetch(`${scene.url}${path}`)).status), path);
  });

  test("the token of run.json in a cookie, in the address or as basic authentication opens nothing", async () => {
    const token = "operator_of_a_test_0123456789";
    for (const headers of [{ authorization: `Basic ${btoa(`x:${token}`)}` }, { cookie: `huiliu_session=${token}` }, { "x-api-key": token }])
      assert.equal((await scene.browser().get("/status", headers)).status, 401);
    assert.equal((await scene.browser().get(`/status?token=${token}`)).status, 401);
  });
});

describe("A05 the second factor skipped", () => {
  test("a session that lacks it reaches its own step and nothing else, by whatever address", async () => {
    const half = await halfSession(scene);
    const before = await fingerprint(scene.sql);
    const others = CLOSED.filter(({ right }) => right !== "factor" && right !== "session");
    await atEach(others, async (route) => {
      const answer = await ask(half, route, addressOf(route, scene.mine.messageId));
      assert.deepEqual([answer.status, codeOf(answer)], [401, "SECOND_FACTOR_REQUIRED"], `${route.method} ${route.path}`);
    });
    assert.equal((await half.get("/live")).status, 401);
    assert.deepEqual(await fingerprint(scene.sql), before);
  });
});

describe("A06 each role at each route", { concurrency: false }, () => {
  test("every address that the server has is declared, and asks for something", () => {
    const served = new Set<string>();
    const parts: string[] = [];
    for (const line of scene.console.app.printRoutes({ commonPrefix: false }).split("\n")) {
      const found = /^((?:[│ ] {3})*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?/.exec(line);
      if (!found) continue;
      const depth = (found[1] ?? "").length / 4;
      parts.length = depth;
      parts[depth] = found[2] ?? "";
      for (const method of (found[3] ?? "").split(", ")) if (method !== "" && method !== "HEAD") served.add(`${method} ${parts.join("")}`);
    }
    const declared = new Set(DECLARED.map(({ method, path }) => `${method} ${API}${path}`));
    const api = [...served].filter((one) => one.includes(API));
    assert.ok(api.length >= DECLARED.length, `only ${api.length} routes were seen`);
    assert.deepEqual(
      api.filter((one) => !declared.has(one)),
      [],
      "served and not declared",
    );
    for (const { path, need } of DECLARED) assert.ok(need, path);
  });

  for (const [name, standing] of Object.entries(STANDINGS))
    test(`${name}: what the table allows is let in, everything else is not, and changes nothing`, async () => {
      const page: Browser = name === "nobody" ? scene.browser() : name === "half" ? await halfSession(scene) : scene.as(name);
      const before = await fingerprint(scene.sql);
      let cells = 0;
      await atEach(ROUTES, async (route) => {
        const allowed = allowedBy(standing, route.right);
        const path = addressOf(route);
        // A body and a query that no route takes: whoever is let in is told so, and nothing is done.
        const answer = await ask(page, route, route.method === "GET" ? `${path}?__no=1` : path, { __no: 1 });
        assert.equal(refusedAtDoor(answer), !allowed, `${route.method} ${route.path} (${route.right}): ${answer.status} ${codeOf(answer)}`);
        if (!allowed) assert.ok([401, 403].includes(answer.status), route.path);
        cells += 1;
      });
      assert.equal(cells, ROUTES.length);
      assert.deepEqual(await fingerprint(scene.sql), before);
    });

  test("a disabled account is nobody at every route", async () => {
    const gone = await scene.person({ login: "gone", name: "离职", roles: [...ROLES] });
    await scene.program(`/accounts/${gone.id}/disable`, { by: "t", ...DEED });
    await atEach(CLOSED, async (route) => assert.equal((await ask(gone, route, addressOf(route))).status, 401, route.path));
  });

  test("no role has every right, and the table has no right that nobody has", () => {
    const all = new Set(Object.values(ROLE_RIGHTS).flat());
    for (const role of ROLES) assert.ok(ROLE_RIGHTS[role].length < all.size, role);
    assert.ok(!ROLE_RIGHTS.administrator.includes("unmask") && !ROLE_RIGHTS.auditor.includes("account"));
  });
});

describe("A08 mass assignment", { concurrency: false }, () => {
  test("what a body may not carry is refused and changes nothing: roles, approvals, owners, amounts", async () => {
    const operator = scene.as("operator");
    const admin = scene.as("administrator");
    const before = await fingerprint(scene.sql);
    const sends: readonly (readonly [Browser, string, object])[] = [
      [operator, "/me/password", { current: PASSWORD, password: "other horse battery 45", roles: ["administrator"] }],
      [operator, `/write-backs/${scene.mine.writeBackId}/replay`, { ...DEED, approved_by: "boss" }],
      [operator, `/write-backs/${scene.mine.writeBackId}/resolve`, { ...DEED, decision: "cancelled", amount: "1" }],
      [
        operator,
        "/replays",
        { of: "write-backs", select: { ids: [scene.mine.writeBackId] }, ...DEED, approvedBy: "boss", state: "approved" },
      ],
      [operator, "/destinations/his/pause", { ...DEED, account: "x" }],
      [operator, "/session/end", { roles: ["administrator"] }],
      [admin, "/accounts", { ...DEED, login: "mass", name: "批量", roles: ["viewer"], partners: "*", state: "disabled" }],
      [admin, "/accounts", { ...DEED, login: "mass", name: "批量", roles: ["viewer"], partners: "*", passwordHash: "x" }],
      [admin, `/accounts/${operator.id}/change`, { ...DEED, id: NOBODY_ID }],
      [admin, `/accounts/${operator.id}/change`, { ...DEED, totpSecret: null }],
      [admin, `/accounts/${operator.id}/change`, { ...DEED, __proto__x: 1, constructor: {} }],
      [scene.browser(), "/session", { login: "operator", password: PASSWORD, stage: "full" }],
    ];
    for (const [who, path, body] of sends) assert.equal((await who.post(path, body)).status, 400, `${path} ${JSON.stringify(body)}`);
    assert.deepEqual(await fingerprint(scene.sql), before);
    assert.deepEqual((await operator.get("/me")).body.roles, ["operator"]);
  });

  test("nobody raises himself, and the last administrator stays", async () => {
    const admin = scene.as("administrator");
    const before = await fingerprint(scene.sql);
    assert.equal(codeOf(await admin.post(`/accounts/${admin.id}/change`, { ...DEED, roles: [...ROLES] })), "OWN_ACCOUNT");
    assert.equal(
      (await scene.as("operator").post(`/accounts/${scene.as("operator").id}/change`, { ...DEED, roles: [...ROLES] })).status,
      403,
    );
    assert.deepEqual(await fingerprint(scene.sql), before);
  });
});

describe("A09 other sites", { concurrency: false }, () => {
  test("a change by cookie that no page of this console asked is refused, and nothing is done", async () => {
    const { session } = scene.as("operator");
    const before = await fingerprint(scene.sql);
    const send = (headers: Readonly<Record<string, string>>, body = JSON.stringify(DEED)): Promise<Response> =>
      fetch(`${scene.url}${API}/destinations/his/pause`, {
        method: "POST",
        body,
        headers: { cookie: `huiliu_session=${session}`, ...headers },
      });
    const own = { origin: scene.url, "sec-fetch-site": "same-origin", "x-huiliu-console": "1", "content-type": "application/json" };
    const { "x-huiliu-console": _, ...withoutHeader } = own;
    const { origin: __, "sec-fetch-site": ___, ...withoutOrigin } = own;
    for (const [what, headers] of [
      ["no header", withoutHeader],
      ["no word of where it comes from", withoutOrigin],
      ["another origin", { ...own, origin: "http://evil.example" }],
      ["another port of this host", { ...own, origin: "http://127.0.0.1:1" }],
      ["another site", { ...own, "sec-fetch-site": "cross-site" }],
      ["a program on another port", { ...own, "sec-fetch-site": "same-site" }],
      ["no origin", { ...own, origin: "null" }],
      ["a form", { origin: scene.url, "sec-fetch-site": "cross-site", "content-type": "application/x-www-form-urlencoded" }],
      ["plain text", { ...withoutHeader, "content-type": "text/plain" }],
    ] as const) {
      const answer = await send(headers);
      assert.equal(answer.status, 403, what);
      assert.equal(((await answer.json()) as { error: { code: string } }).error.code, "CSRF_REFUSED", what);
    }
    assert.deepEqual(await fingerprint(scene.sql), before);
  });

  test("signing in from another site is refused, too", async () => {
    const page = scene.browser();
    assert.equal(
      codeOf(await page.post("/session", { login: "operator", password: PASSWORD }, { "sec-fetch-site": "cross-site" })),
      "CSRF_REFUSED",
    );
  });

  test("another origin reads nothing: no CORS, and a read from there is refused", async () => {
    const answer = await scene.as("operator").get("/messages", { "sec-fetch-site": "cross-site", origin: "http://evil.example" });
    assert.equal(answer.status, 403);
    const own = await scene.as("operator").get("/messages");
    assert.equal(own.headers.get("access-control-allow-origin"), null);
    const preflight = await fetch(`${scene.url}${API}/messages`, {
      method: "OPTIONS",
      headers: { origin: "http://evil.example", "access-control-request-method": "POST" },
    });
    assert.equal(preflight.headers.get("access-control-allow-origin"), null);
  });

  test("no answer can be framed, sniffed or kept", async () => {
    const { headers } = await scene.as("operator").get("/messages");
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.match(String(headers.get("content-security-policy")), /frame-ancestors 'none'/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
  });

  test("another host in the request is refused, with a session and with the token", async () => {
    for (const headers of [
      { cookie: `huiliu_session=${scene.as("operator").session}` },
      { authorization: "Bearer operator_of_a_test_0123456789" },
    ]) {
      const answer = await scene.console.app.inject({ url: `${API}/status`, headers: { ...headers, host: "evil.example" } });
      assert.equal(answer.statusCode, 421);
    }
  });
});

describe("A10 the stream of changes", { concurrency: false }, () => {
  test("opens with a session of one's own only, and ends with it", async () => {
    for (const session of [undefined, "x".repeat(43)]) assert.equal((await scene.browser(session).get("/live")).status, 401);
    const one = await scene.person({ login: "listener", name: "值班", roles: ["viewer"] });
    const stream = await fetch(`${scene.url}${API}/live`, {
      headers: { cookie: `huiliu_session=${one.session}`, "sec-fetch-site": "same-origin" },
    });
    assert.equal(stream.status, 200);
    await one.post("/session/end");
    const reader = stream.body?.getReader();
    const deadline = AbortSignal.timeout(15_000);
    for (let done = false; !done; ) {
      assert.ok(!deadline.aborted, "the stream outlived its session");
      done = (await reader?.read())?.done ?? true;
    }
  });
});
