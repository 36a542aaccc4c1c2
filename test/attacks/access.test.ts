/** Attacks on the console's door (reference/reliability.md A01–A10), each with its effect looked for in the database. The editor's part: test/contracts/access/editor.test.ts. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DECLARED, STANDINGS } from "../../bin/docs/rights.ts";
import { API, type Route } from "../../console/route.ts";
import { ROUTES } from "../../console/routes.ts";
import { ROLE_RIGHTS, ROLES, type Role } from "../../domain/access/rights.ts";
import { denied } from "../../domain/access/standing.ts";
import { createHashing } from "../../platform/access/hashing.ts";
import { type AccessWorld, accessWorld, type Answer, type Browser, PASSWORD } from "../contracts/access/world.ts";
import { DAY, PARKED } from "../contracts/operations/world.ts";
import { fingerprint } from "./fingerprint.ts";

const MINUTE = 60_000;
const NOBODY_ID = "018f0000-0000-7000-8000-000000000000";
const DEED = { reason: "攻击测试用" };

let world: AccessWorld;
type Person = Browser & { readonly id: string; readonly login: string };
const people = new Map<string, Person>();
const ids: Record<"mine" | "theirs", { messageId: string; writeBackId: string }> = {
  mine: { messageId: "", writeBackId: "" },
  theirs: { messageId: "", writeBackId: "" },
};
const person = (name: string): Person => people.get(name) ?? assert.fail(name);

before(async () => {
  world = await accessWorld();
  for (const role of ROLES) people.set(role, await world.person({ login: role, name: `某${role}`, roles: [role] }));
  people.set("limited", await world.person({ login: "limited", name: "只管HIS", roles: ["operator", "integrator"], partners: ["his"] }));
  people.set(
    "limitedAdmin",
    await world.person({ login: "limited-admin", name: "只管HIS的管理员", roles: ["administrator"], partners: ["his"] }),
  );
  // A message of jkt owes his; one of his owes old.
  const { messageId, writeBackId } = await world.world.pay("MINE", "his");
  ids.mine = { messageId, writeBackId };
  const other = await world.world.pay("THEIRS", "old");
  ids.theirs = other;
  const [claim] = await world.world.claim("old");
  assert.ok(claim);
  await world.world.finish(claim, { outcome: "rejected", step: "park", park: PARKED, reply: Buffer.from("<no/>"), code: "1", text: "no" });
});
after(() => world.close());

const addressOf = (route: Pick<Route, "path">): string => route.path.replace(":id", NOBODY_ID).replace(/:\w+/g, "x");
const codeOf = (answer: Answer): string => answer.body.error?.code ?? "";
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

describe("A01 without login", () => {
  test("every route of the API is 401, whatever is sent, and nothing is done", async () => {
    const before = await fingerprint(world.sql);
    for (const session of [undefined, "x".repeat(43), "", "../../etc"]) {
      const page = world.browser(session);
      for (const route of ROUTES.filter(({ right }) => right !== "anyone")) {
        const path = addressOf(route).replace(NOBODY_ID, ids.mine.messageId);
        const answer = route.method === "GET" ? await page.get(path) : await page.post(path, DEED);
        assert.deepEqual([answer.status, codeOf(answer)], [401, "UNAUTHORIZED"], `${route.method} ${route.path}`);
      }
    }
    assert.deepEqual(await fingerprint(world.sql), before);
  });

  test("an unknown route is 401 without login and 404 with it; other methods, too", async () => {
    for (const path of ["/nothing", "/accounts/x/nothing", "/", "/messages/../accounts/x"]) {
      assert.equal((await world.browser().get(path)).status, 401, path);
      assert.equal((await person("administrator").get(path)).status, 404, path);
      assert.equal((await world.browser().post(path)).status, 401, path);
    }
    for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS"])
      assert.equal((await fetch(`${world.url}${API}/accounts`, { method })).status, 401, method);
    for (const path of ["/%61pi/v1/messages", "/api/%76%31/status", "//api/v1/status", "/api/v1/status/", "/API/v1/status"])
      assert.ok([401, 404].includes((await fetch(`${world.url}${path}`)).status), path);
  });

  test("the token of run.json in a cookie, in the address or as basic authentication opens nothing", async () => {
    const token = "operator_of_a_test_0123456789";
    for (const headers of [{ authorization: `Basic ${btoa(`x:${token}`)}` }, { cookie: `huiliu_session=${token}` }, { "x-api-key": token }])
      assert.equal((await world.browser().get("/status", headers)).status, 401);
    assert.equal((await world.browser().get(`/status?token=${token}`)).status, 401);
  });
});

describe("A02 first start", () => {
  test("no default and no empty password opens a console that nobody has set up; it serves nothing but set-up", async () => {
    const fresh = await accessWorld();
    try {
      const page = fresh.browser();
      const before = await fingerprint(fresh.sql);
      for (const [login, password] of [
        ["admin", "admin"],
        ["admin", "password"],
        ["root", "root"],
        ["guest", "guest"],
        ["huiliu", "huiliu"],
        ["admin", " "],
      ])
        assert.equal(codeOf(await page.post("/session", { login, password })), "SETUP_REQUIRED");
      assert.equal((await page.post("/session", { login: "admin", password: "" })).status, 400);
      for (const route of ROUTES.filter(({ right }) => right !== "anyone")) {
        const answer = route.method === "GET" ? await page.get(addressOf(route)) : await page.post(addressOf(route), DEED);
        assert.deepEqual([answer.status, codeOf(answer)], [401, "SETUP_REQUIRED"], route.path);
      }
      for (const token of ["", "admin", "x".repeat(43)])
        assert.notEqual((await page.post("/setup", { token, login: "me", name: "我本人", password: PASSWORD })).status, 200);
      assert.deepEqual(await fingerprint(fresh.sql), before);
      assert.equal((await fresh.sql("select 1 from account")).length + (await fresh.sql("select 1 from console_session")).length, 0);
    } finally {
      await fresh.close();
    }
  });
});

describe("A03 password spray", () => {
  test("1,000 guesses over known and unknown names: held back, told, the same answer for both, no session", async () => {
    const spray = await accessWorld();
    try {
      for (const login of ["known1", "known2", "known3"]) await spray.person({ login, name: `人${login}`, roles: ["viewer"] });
      await spray.sql("delete from sign_in_throttle");
      const sessions = (await spray.sql("select 1 from console_session")).length;
      const page = spray.browser();
      const seen = new Map<string, string[]>();
      for (let count = 0; count < 1_000; count += 1) {
        const known = count % 2 === 0;
        const login = known ? `known${(count % 3) + 1}` : `nobody${count % 3}`;
        const answer = await page.post("/session", { login, password: `Guess-number-${count}` });
        assert.equal(answer.session, undefined);
        const told = `${answer.status} ${codeOf(answer)} ${Object.keys(answer.body.error ?? {}).join()}`;
        seen.set(known ? "known" : "unknown", [...(seen.get(known ? "known" : "unknown") ?? []), told]);
      }
      const [known, unknown] = [new Set(seen.get("known")), new Set(seen.get("unknown"))];
      assert.deepEqual([...known].sort(), [...unknown].sort(), "no oracle of names");
      assert.deepEqual([...known].map((one) => one.split(" ")[1]).sort(), ["SIGN_IN_LOCKED", "SIGN_IN_REFUSED"]);
      const looked = [...(seen.get("known") ?? []), ...(seen.get("unknown") ?? [])].filter((one) => one.includes("SIGN_IN_REFUSED")).length;
      assert.ok(looked <= 31, `${looked} passwords were looked at`);
      assert.ok(
        spray.told.some(({ what }) => what === "locked"),
        "somebody is told",
      );
      const held = await page.post("/session", { login: "known1", password: PASSWORD });
      assert.deepEqual([held.status, codeOf(held)], [429, "SIGN_IN_LOCKED"]);
      assert.ok(Number(held.headers.get("retry-after")) > 0);
      assert.equal((await spray.sql("select 1 from console_session")).length, sessions);
      await spray.later(16 * MINUTE);
      assert.equal((await page.post("/session", { login: "known1", password: PASSWORD })).status, 200, "and nobody is locked out for good");
    } finally {
      await spray.close();
    }
  });

  test("guesses at the same instant are counted one by one", async () => {
    const many = await accessWorld();
    try {
      await many.person({ login: "target", name: "目标", roles: ["viewer"] });
      await many.sql("delete from sign_in_throttle");
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, at) => many.browser().post("/session", { login: "target", password: `Guess-number-${at}` })),
      );
      assert.ok(answers.filter((one) => codeOf(one) === "SIGN_IN_REFUSED").length <= 5, "five passwords are looked at, not sixty");
    } finally {
      await many.close();
    }
  });

  test("an unknown name costs the same time as a known one; 40 at once are not all taken on", async () => {
    const hashing = createHashing();
    const stored = await hashing.hash(PASSWORD);
    assert.match(stored, /^scrypt\$(1[5-9])\$/, "N of 2^15 at least");
    const time = async (hash: string | undefined): Promise<number> => {
      const took: number[] = [];
      for (let count = 0; count < 5; count += 1) {
        const from = performance.now();
        assert.equal(await hashing.verify("wrong", hash), false);
        took.push(performance.now() - from);
      }
      return took.sort((a, b) => a - b)[2] ?? 0;
    };
    const [known, unknown] = [await time(stored), await time(undefined)];
    assert.ok(unknown > known / 3 && unknown < known * 3, `${known.toFixed(0)} ms and ${unknown.toFixed(0)} ms`);
    assert.equal(await hashing.verify(PASSWORD, stored), true);
    const flood = await Promise.allSettled(Array.from({ length: 40 }, () => hashing.verify("x", undefined)));
    assert.ok(
      flood.some((one) => one.status === "rejected"),
      "the rest is told to come again",
    );
  });
});

describe("A04 a stolen session", { concurrency: false }, () => {
  const thefts: readonly (readonly [string, (victim: Person) => Promise<unknown>])[] = [
    ["sign-out", (victim) => world.browser(victim.session).post("/session/end")],
    ["a change of roles", ({ id }) => world.program(`/accounts/${id}/change`, { roles: ["auditor"], by: "t", ...DEED })],
    ["a change of partners", ({ id }) => world.program(`/accounts/${id}/change`, { partners: ["his"], by: "t", ...DEED })],
    ["disabling", ({ id }) => world.program(`/accounts/${id}/disable`, { by: "t", ...DEED })],
    ["a reset", ({ id }) => world.program(`/accounts/${id}/reset`, { by: "t", ...DEED })],
    [
      "a change of the password",
      (victim) => world.browser(victim.session).post("/me/password", { current: PASSWORD, password: "other horse battery 44" }),
    ],
    ["an administrator's ending of sessions", ({ id }) => world.program(`/accounts/${id}/end-sessions`, { by: "t", ...DEED })],
  ];
  for (const [at, [what, deed]] of thefts.entries())
    test(`after ${what} it is refused at once, for reading and for deeds`, async () => {
      const victim = await world.person({ login: `victim${at}`, name: `被盗${at}`, roles: ["operator"] });
      const thief = world.browser(victim.session);
      assert.equal((await thief.get("/messages")).status, 200);
      await deed(victim);
      const before = await fingerprint(world.sql);
      assert.deepEqual([(await thief.get("/messages")).status, (await thief.get("/me")).status], [401, 401]);
      assert.equal((await thief.post("/destinations/his/pause", DEED)).status, 401);
      assert.deepEqual(await fingerprint(world.sql), before);
    });

  test("a disabled account does not sign in; enabled again its old sessions stay ended", async () => {
    const one = await world.person({ login: "onoff", name: "停用启用", roles: ["viewer"] });
    await world.program(`/accounts/${one.id}/disable`, { by: "t", ...DEED });
    assert.equal(codeOf(await world.browser().post("/session", { login: "onoff", password: PASSWORD })), "SIGN_IN_REFUSED");
    await world.program(`/accounts/${one.id}/enable`, { by: "t", ...DEED });
    assert.equal((await one.get("/me")).status, 401);
    assert.equal((await world.browser().post("/session", { login: "onoff", password: PASSWORD })).body.stage, "full");
  });
});

describe("A05 the second factor skipped", () => {
  test("a session that lacks it reaches its own step and nothing else, by whatever address", async () => {
    const half = await halfOf("factor");
    const before = await fingerprint(world.sql);
    for (const route of ROUTES.filter(({ right }) => right !== "anyone" && right !== "factor" && right !== "session")) {
      const path = addressOf(route).replace(NOBODY_ID, ids.mine.messageId);
      const answer = route.method === "GET" ? await half.get(path) : await half.post(path, DEED);
      assert.deepEqual([answer.status, codeOf(answer)], [401, "SECOND_FACTOR_REQUIRED"], `${route.method} ${route.path}`);
    }
    assert.equal((await half.get("/live")).status, 401);
    assert.deepEqual(await fingerprint(world.sql), before);
  });
});

/** A session that has come as far as this stage. */
async function halfOf(stage: "factor" | "password"): Promise<Browser> {
  const login = `half-${stage}`;
  const made = await world.program("/accounts", { login, name: `半程${stage}`, roles: [...ROLES], partners: "*", by: "t", ...DEED });
  const page = world.browser();
  await page.post("/session", { login, password: made.body.password });
  if (stage === "factor") {
    await world.sql("update console_session set stage = 'factor' where account_id = (select id from account where login = $1)", [login]);
  }
  return page;
}

describe("A06 each role at each route", { concurrency: false }, () => {
  test("every address that the server has is declared, and asks for something", () => {
    const served = new Set<string>();
    const parts: string[] = [];
    for (const line of world.console.app.printRoutes({ commonPrefix: false }).split("\n")) {
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
      const page = name === "nobody" ? world.browser() : name === "half" ? world.browser((await halfSession()).session) : person(name);
      const before = await fingerprint(world.sql);
      let cells = 0;
      for (const route of ROUTES) {
        const allowed = denied(standing, route.right) === undefined;
        const path = addressOf(route);
        // A body and a query that no route takes: whoever is let in is told so, and nothing is done.
        const answer = route.method === "GET" ? await page.get(`${path}?__no=1`) : await page.post(path, { __no: 1 });
        assert.equal(refusedAtDoor(answer), !allowed, `${route.method} ${route.path} (${route.right}): ${answer.status} ${codeOf(answer)}`);
        if (!allowed) assert.ok([401, 403].includes(answer.status), route.path);
        cells += 1;
      }
      assert.equal(cells, ROUTES.length);
      assert.deepEqual(await fingerprint(world.sql), before);
    });

  test("a disabled account is nobody at every route", async () => {
    const gone = await world.person({ login: "gone", name: "离职", roles: [...ROLES] });
    await world.program(`/accounts/${gone.id}/disable`, { by: "t", ...DEED });
    for (const route of ROUTES.filter(({ right }) => right !== "anyone")) {
      const answer = route.method === "GET" ? await gone.get(addressOf(route)) : await gone.post(addressOf(route), DEED);
      assert.equal(answer.status, 401, route.path);
    }
  });

  test("no role has every right, and the table has no right that nobody has", () => {
    const all = new Set(Object.values(ROLE_RIGHTS).flat());
    for (const role of ROLES) assert.ok(ROLE_RIGHTS[role as Role].length < all.size, role);
    assert.ok(!ROLE_RIGHTS.administrator.includes("unmask") && !ROLE_RIGHTS.auditor.includes("account"));
  });
});

let half: Browser | undefined;
async function halfSession(): Promise<Browser> {
  if (half === undefined) {
    const made = await world.program("/accounts", {
      login: "half-matrix",
      name: "半程矩阵",
      roles: [...ROLES],
      partners: "*",
      by: "t",
      ...DEED,
    });
    half = world.browser();
    await half.post("/session", { login: "half-matrix", password: made.body.password });
    await world.sql("update console_session set stage = 'factor' where account_id = (select id from account where login = 'half-matrix')");
  }
  return half;
}

describe("A07 an object of another partner", { concurrency: false }, () => {
  test("lists have the account's own partners only, whatever is asked for", async () => {
    const limited = person("limited");
    const all = (await world.program("/write-backs")).body as { items: { destination: string }[] };
    assert.deepEqual([...new Set(all.items.map((one) => one.destination))].sort(), ["his", "old"]);
    for (const query of ["", "?destination=old", "?key=THEIRS", `?key=${ids.theirs.writeBackId}`, "?state=parked"]) {
      const { items } = (await limited.get(`/write-backs${query}`)).body as { items: { destination: string }[] };
      assert.ok(
        items.every((one) => one.destination === "his"),
        query,
      );
    }
    for (const query of ["", "?partner=jkt", "?key=MINE", "?key=THEIRS", `?key=${ids.mine.messageId}`]) {
      const { items } = (await limited.get(`/messages${query}`)).body as { items: unknown[] };
      assert.deepEqual(items, [], `messages${query}: they are of jkt`);
    }
    for (const [path, field] of [
      ["/destinations", "destination"],
      ["/partners", "partner"],
      ["/lanes", "destination"],
      ["/failure-groups", "partner"],
    ] as const) {
      const { items } = (await limited.get(path)).body as { items: Record<string, string>[] };
      assert.ok(
        items.every((one) => one[field] === "his"),
        path,
      );
    }
    assert.ok(((await world.program("/failure-groups")).body as { items: unknown[] }).items.length > 0, "there is one of theirs to hide");
    assert.deepEqual(((await limited.get("/events")).body as { items: unknown[] }).items, []);
    const totals = (await limited.get(`/totals?businessDate=${DAY}`)).body as { rows: { partner: string }[] };
    assert.ok(totals.rows.every((one) => one.partner === "his"));
  });

  test("by id it is 404 like one that is not there, for reading and for every deed; nothing is done", async () => {
    const limited = person("limited");
    const [group] = ((await world.program("/failure-groups")).body as { items: { id: string }[] }).items;
    const job = await world.program("/replays", { of: "write-backs", select: { ids: [ids.theirs.writeBackId] }, by: "t", ...DEED });
    const before = await fingerprint(world.sql);
    const { messageId } = ids.theirs;
    const { writeBackId } = ids.theirs;
    const unmask = `?unmask=true&reason=${encodeURIComponent("攻击测试")}`;
    const reads = [
      `/messages/${messageId}`,
      `/messages/${messageId}${unmask}`,
      `/write-backs/${writeBackId}`,
      `/write-backs/${writeBackId}${unmask}`,
      `/write-backs/${writeBackId}/edits`,
      "/partners/old",
      "/destinations/old",
      "/destinations/old/history",
      `/failure-groups/${group?.id}`,
      `/replays/${job.body.id}`,
      `/replays/${job.body.id}/items`,
    ];
    for (const path of reads) assert.equal((await limited.get(path)).status, 404, path);
    const deeds: readonly (readonly [string, object])[] = [
      [`/messages/${messageId}/replay`, DEED],
      [`/messages/${messageId}/replay`, { preview: true }],
      [`/messages/${messageId}/resolve`, DEED],
      [`/write-backs/${writeBackId}/replay`, { ...DEED, confirmedChecked: true }],
      [`/write-backs/${writeBackId}/resolve`, { ...DEED, decision: "cancelled", confirmedChecked: true }],
      [`/write-backs/${writeBackId}/park`, DEED],
      [`/write-backs/${writeBackId}/edits`, { ...DEED, text: "<a/>" }],
      ["/destinations/old/pause", DEED],
      ["/partners/old/pause", DEED],
      ["/destinations/old/drain", { ...DEED, minutes: 5 }],
      ["/destinations/old/profile", { ...DEED, version: 1, profile: {} }],
      ["/lanes/hold", { ...DEED, destination: "old", lane: "bill:THEIRS" }],
      ["/lanes/unblock", { ...DEED, destination: "old", lane: "bill:THEIRS", head: writeBackId }],
      [`/failure-groups/${group?.id}/own`, DEED],
      ["/replays", { of: "write-backs", select: { ids: [writeBackId] }, ...DEED }],
      ["/replays", { of: "write-backs", select: { group: group?.id }, ...DEED }],
      ["/replays", { of: "write-backs", select: { since: "2026-01-01", partner: "old" }, ...DEED }],
      ["/replays", { of: "write-backs", select: { since: "2026-01-01" }, ...DEED }],
      [`/replays/${job.body.id}/start`, DEED],
      [`/replays/${job.body.id}/cancel`, DEED],
    ];
    for (const [path, body] of deeds) assert.equal((await limited.post(path, body)).status, 404, `${path} ${JSON.stringify(body)}`);
    assert.deepEqual(await fingerprint(world.sql), before);
  });

  test("one's own partner is there, and can be worked with", async () => {
    const limited = person("limited");
    assert.equal((await limited.get(`/write-backs/${ids.mine.writeBackId}`)).status, 200);
    const paused = await limited.post("/destinations/his/pause", DEED);
    assert.deepEqual([paused.status, paused.body.state], [200, "paused"]);
    const [note] = await world.sql<{ who: string }>("select who from operator_action where action = 'pause' order by id desc limit 1");
    assert.equal(note?.who, "只管HIS", "signed with the account's name");
    assert.equal((await limited.post("/destinations/his/resume", { ...DEED, by: "somebody else" })).status, 200);
    const [after] = await world.sql<{ who: string }>("select who from operator_action where action = 'resume' order by id desc limit 1");
    assert.equal(after?.who, "只管HIS", "whatever name is sent");
  });

  test("an administrator of some partners neither sees nor makes accounts beyond them", async () => {
    const admin = person("limitedAdmin");
    const { items } = (await admin.get("/accounts")).body as { items: { login: string }[] };
    assert.deepEqual(items.map((one) => one.login).sort(), ["limited", "limited-admin"]);
    const target = person("operator").id;
    const before = await fingerprint(world.sql);
    for (const [path, body] of [
      ["change", { ...DEED, roles: ["viewer"] }],
      ["disable", DEED],
      ["reset", DEED],
      ["end-sessions", DEED],
    ] as const)
      assert.equal((await admin.post(`/accounts/${target}/${path}`, body)).status, 404, path);
    for (const partners of ["*", ["old"], ["his", "old"]])
      assert.equal(
        codeOf(await admin.post("/accounts", { ...DEED, login: "new1", name: "新人甲", roles: ["viewer"], partners })),
        "ACCOUNT_REFUSED",
      );
    assert.deepEqual(await fingerprint(world.sql), before);
  });
});

describe("A08 mass assignment", { concurrency: false }, () => {
  test("what a body may not carry is refused and changes nothing: roles, approvals, owners, amounts", async () => {
    const operator = person("operator");
    const admin = person("administrator");
    const before = await fingerprint(world.sql);
    const sends: readonly (readonly [Browser, string, object])[] = [
      [operator, "/me/password", { current: PASSWORD, password: "other horse battery 45", roles: ["administrator"] }],
      [operator, `/write-backs/${ids.mine.writeBackId}/replay`, { ...DEED, approved_by: "boss" }],
      [operator, `/write-backs/${ids.mine.writeBackId}/resolve`, { ...DEED, decision: "cancelled", amount: "1" }],
      [
        operator,
        "/replays",
        { of: "write-backs", select: { ids: [ids.mine.writeBackId] }, ...DEED, approvedBy: "boss", state: "approved" },
      ],
      [operator, "/destinations/his/pause", { ...DEED, account: "x" }],
      [operator, "/session/end", { roles: ["administrator"] }],
      [admin, "/accounts", { ...DEED, login: "mass", name: "批量", roles: ["viewer"], partners: "*", state: "disabled" }],
      [admin, "/accounts", { ...DEED, login: "mass", name: "批量", roles: ["viewer"], partners: "*", passwordHash: "x" }],
      [admin, `/accounts/${operator.id}/change`, { ...DEED, id: NOBODY_ID }],
      [admin, `/accounts/${operator.id}/change`, { ...DEED, totpSecret: null }],
      [admin, `/accounts/${operator.id}/change`, { ...DEED, __proto__x: 1, constructor: {} }],
      [world.browser(), "/session", { login: "operator", password: PASSWORD, stage: "full" }],
    ];
    for (const [who, path, body] of sends) assert.equal((await who.post(path, body)).status, 400, `${path} ${JSON.stringify(body)}`);
    assert.deepEqual(await fingerprint(world.sql), before);
    assert.deepEqual((await operator.get("/me")).body.roles, ["operator"]);
  });

  test("nobody raises himself, and the last administrator stays", async () => {
    const admin = person("administrator");
    const before = await fingerprint(world.sql);
    assert.equal(codeOf(await admin.post(`/accounts/${admin.id}/change`, { ...DEED, roles: [...ROLES] })), "OWN_ACCOUNT");
    assert.equal((await person("operator").post(`/accounts/${person("operator").id}/change`, { ...DEED, roles: [...ROLES] })).status, 403);
    assert.deepEqual(await fingerprint(world.sql), before);
  });
});

describe("A09 other sites", { concurrency: false }, () => {
  test("a change by cookie that no page of this console asked is refused, and nothing is done", async () => {
    const { session } = person("operator");
    const before = await fingerprint(world.sql);
    const send = (headers: Readonly<Record<string, string>>, body = JSON.stringify(DEED)): Promise<Response> =>
      fetch(`${world.url}${API}/destinations/his/pause`, {
        method: "POST",
        body,
        headers: { cookie: `huiliu_session=${session}`, ...headers },
      });
    const own = { origin: world.url, "sec-fetch-site": "same-origin", "x-huiliu-console": "1", "content-type": "application/json" };
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
      ["a form", { origin: world.url, "sec-fetch-site": "cross-site", "content-type": "application/x-www-form-urlencoded" }],
      ["plain text", { ...withoutHeader, "content-type": "text/plain" }],
    ] as const) {
      const answer = await send(headers);
      assert.equal(answer.status, 403, what);
      assert.equal(((await answer.json()) as { error: { code: string } }).error.code, "CSRF_REFUSED", what);
    }
    assert.deepEqual(await fingerprint(world.sql), before);
  });

  test("signing in from another site is refused, too", async () => {
    const page = world.browser();
    assert.equal(
      codeOf(await page.post("/session", { login: "operator", password: PASSWORD }, { "sec-fetch-site": "cross-site" })),
      "CSRF_REFUSED",
    );
  });

  test("another origin reads nothing: no CORS, and a read from there is refused", async () => {
    const answer = await person("operator").get("/messages", { "sec-fetch-site": "cross-site", origin: "http://evil.example" });
    assert.equal(answer.status, 403);
    const own = await person("operator").get("/messages");
    assert.equal(own.headers.get("access-control-allow-origin"), null);
    const preflight = await fetch(`${world.url}${API}/messages`, {
      method: "OPTIONS",
      headers: { origin: "http://evil.example", "access-control-request-method": "POST" },
    });
    assert.equal(preflight.headers.get("access-control-allow-origin"), null);
  });

  test("no answer can be framed, sniffed or kept", async () => {
    const { headers } = await person("operator").get("/messages");
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.match(String(headers.get("content-security-policy")), /frame-ancestors 'none'/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
  });

  test("another host in the request is refused, with a session and with the token", async () => {
    for (const headers of [
      { cookie: `huiliu_session=${person("operator").session}` },
      { authorization: "Bearer operator_of_a_test_0123456789" },
    ]) {
      const answer = await world.console.app.inject({ url: `${API}/status`, headers: { ...headers, host: "evil.example" } });
      assert.equal(answer.statusCode, 421);
    }
  });
});

describe("A10 the stream of changes", { concurrency: false }, () => {
  test("opens with a session of one's own only, and ends with it", async () => {
    for (const session of [undefined, "x".repeat(43)]) assert.equal((await world.browser(session).get("/live")).status, 401);
    const one = await world.person({ login: "listener", name: "值班", roles: ["viewer"] });
    const stream = await fetch(`${world.url}${API}/live`, {
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
