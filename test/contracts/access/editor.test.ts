/** The editor's door on a real Node-RED: whose session opens it, and that it closes with the session (A01, A04, A09, A10). */
import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { admissionOf } from "../../../bin/engine/access.ts";
import { LOOK_EVERY_MS } from "../../../platform/node-red/gate.ts";
import { type Bench, startBench } from "../../journeys/node-red-bench.ts";
import { COOKIE } from "../../journeys/sign-in.ts";
import { type AccessWorld, accessWorld, type Browser, PASSWORD, TOKEN } from "./world.ts";

const FLOWS = { one: [{ id: "one", type: "tab", label: "one" }] };
const MOVED = [{ id: "one", type: "tab", label: "moved by a stranger" }];

let world: AccessWorld;
let bench: Bench;
const people: Record<string, Browser & { readonly id: string }> = {};
const editor = (): URL => new URL(bench.red.editor ?? "");

before(async () => {
  world = await accessWorld();
  bench = await startBench({
    flows: FLOWS,
    admission: { ...admissionOf(world.access, TOKEN), consolePort: () => new URL(world.url).port },
  });
  for (const role of ["viewer", "operator", "integrator", "finance", "auditor", "administrator"])
    people[role] = await world.person({ login: role, name: `某${role}`, roles: [role] });
});
after(async () => {
  await bench.stop();
  await world.close();
});

const cookie = (session: string | undefined): Record<string, string> => (session === undefined ? {} : { cookie: `${COOKIE}=${session}` });
const stored = (): string => readFileSync(join(bench.root, "flows", "one", "flow.json"), "utf8");
const deploy = (headers: Readonly<Record<string, string>>): Promise<Response> =>
  fetch(new URL("flows", editor()), {
    method: "POST",
    headers: { "content-type": "application/json", "node-red-deployment-type": "full", ...headers },
    body: JSON.stringify(MOVED),
  });

/** What a websocket handshake is answered; the socket stays open when it is 101. */
function handshake(headers: Readonly<Record<string, string>>, path = "/comms") {
  const { hostname, port, host } = editor();
  const socket = createConnection({ host: hostname, port: Number(port) });
  const lines = {
    host,
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
    ...headers,
  };
  const said = new Promise<string>((resolve) => {
    socket.once("data", (bytes) => resolve(bytes.toString("latin1").split("\r\n")[0] ?? ""));
    socket.once("close", () => resolve("closed"));
    socket.once("error", () => resolve("closed"));
  });
  const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  socket.write(
    `GET ${path} HTTP/1.1\r\n${Object.entries(lines)
      .map(([name, value]) => `${name}: ${value}`)
      .join("\r\n")}\r\n\r\n`,
  );
  return { socket, said, closed };
}

describe("the editor", { concurrency: false }, () => {
  const paths = [
    "",
    "flows",
    "nodes",
    "settings",
    "red/red.min.js",
    "auth/login",
    "library/local/flows/",
    "plugins",
    "settings/user",
    "nothing",
    "huiliu/catalogue",
  ];

  test("A01 strangers get no answer of it: not a page, not a file, not a flow; nothing is deployed", async () => {
    const before = stored();
    for (const path of paths) {
      assert.equal((await bench.get(path)).status, 401, path);
      assert.equal((await bench.get(path, { authorization: "Bearer wrong" })).status, 401, path);
      assert.equal((await bench.get(path, cookie("x".repeat(43)))).status, 401, path);
    }
    const page = await fetch(editor(), { headers: { accept: "text/html" }, redirect: "manual" });
    assert.deepEqual([page.status, page.headers.get("location")], [302, `http://127.0.0.1:${new URL(world.url).port}/`]);
    for (const headers of [{}, { authorization: "Bearer wrong" }, cookie("x".repeat(43))])
      assert.equal((await deploy(headers)).status, 401);
    assert.equal(stored(), before);
  });

  test("A06 of the roles the integrator alone may open it; the others are told so, and nothing is deployed", async () => {
    const before = stored();
    for (const [role, person] of Object.entries(people)) {
      const may = role === "integrator";
      assert.equal((await bench.get("flows", cookie(person.session))).status, may ? 200 : 403, role);
      if (!may) assert.equal((await deploy(cookie(person.session))).status, 403, role);
    }
    assert.equal(stored(), before);
    const settings = (await (await bench.get("settings", cookie(people.integrator?.session))).json()) as { user: { username: string } };
    assert.equal(settings.user.username, "某integrator");
  });

  test("programs deploy with the token of run.json", async () => {
    assert.equal((await deploy({ authorization: `Bearer ${TOKEN}` })).status, 204);
    assert.match(stored(), /moved by a stranger/);
  });

  test("A09 another origin and another host are refused even with a good session", async () => {
    const good = cookie(people.integrator?.session);
    assert.equal((await deploy({ ...good, origin: "http://evil.example" })).status, 403);
    assert.equal((await deploy({ ...good, origin: "http://127.0.0.1:1" })).status, 403);
    const said = await handshake({ ...good, host: "evil.example" }).said;
    assert.match(said, /401/);
    const page = await bench.get("", good);
    assert.equal(page.headers.get("x-frame-options"), "SAMEORIGIN");
  });

  test("A10 a websocket without a session, with half a one, with another's or from another origin is closed", async () => {
    const half = world.browser();
    const made = await world.program("/accounts", {
      login: "half",
      name: "半截",
      roles: ["integrator"],
      partners: "*",
      by: "t",
      reason: "测试测试",
    });
    await half.post("/session", { login: "half", password: made.body.password });
    assert.ok(half.session);
    for (const [what, headers] of [
      ["none", {}],
      ["an invented one", cookie("x".repeat(43))],
      ["half a session", cookie(half.session)],
      ["an operator's", cookie(people.operator?.session)],
      ["two cookies", { cookie: `${COOKIE}=${people.integrator?.session}; ${COOKIE}=${people.integrator?.session}` }],
      ["another origin", { ...cookie(people.integrator?.session), origin: "http://127.0.0.1:1" }],
      ["a wrong token", { authorization: "Bearer x" }],
    ] as const)
      assert.doesNotMatch(await handshake(headers).said, /101/, what);
    assert.doesNotMatch(await handshake(cookie(people.integrator?.session), "/debug").said, /101/);
  });

  test("A04 A10 signing out closes the websocket and every page of the editor at once", async () => {
    const one = world.browser();
    await one.post("/session", { login: "integrator", password: PASSWORD });
    const open = handshake({ ...cookie(one.session), origin: editor().origin });
    assert.match(await open.said, /101/);
    const { session } = one;
    await one.post("/session/end");
    assert.equal((await bench.get("flows", cookie(session))).status, 401);
    assert.equal((await deploy(cookie(session))).status, 401);
    await Promise.race([
      open.closed,
      sleep(2 * LOOK_EVERY_MS + 60_000, undefined, { ref: false }).then(() => assert.fail("the websocket outlived its session")),
    ]);
  });

  test("A04 an integrator who loses the right loses the editor", async () => {
    const one = await world.person({ login: "soon", name: "某人", roles: ["integrator"] });
    assert.equal((await bench.get("flows", cookie(one.session))).status, 200);
    await world.program(`/accounts/${one.id}/change`, { roles: ["viewer"], by: "t", reason: "换岗位了" });
    assert.equal((await bench.get("flows", cookie(one.session))).status, 401);
  });

  test("signing out in the editor's menu ends the session", async () => {
    const one = world.browser();
    await one.post("/session", { login: "integrator", password: PASSWORD });
    const answer = await fetch(new URL("auth/revoke", editor()), { method: "POST", headers: cookie(one.session) });
    assert.equal(((await answer.json()) as { redirect: string }).redirect, `http://127.0.0.1:${new URL(world.url).port}/`);
    assert.equal((await one.get("/me")).status, 401);
  });
});
