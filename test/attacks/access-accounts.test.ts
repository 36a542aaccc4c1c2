/** Attacks by way of accounts (reference/reliability.md A02–A04, A07), each with its effect looked for in the database. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ROUTES } from "../../console/routes.ts";
import { createHashing } from "../../platform/access/hashing.ts";
import { accessWorld, PASSWORD } from "../contracts/access/world.ts";
import { DAY } from "../contracts/operations/world.ts";
import { addressOf, ask, atEach, attackScene, codeOf, DEED, type Person, type Scene } from "./access-scene.ts";
import { fingerprint } from "./fingerprint.ts";

const MINUTE = 60_000;

let scene: Scene;
before(async () => {
  scene = await attackScene();
});
after(() => scene.close());

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
      const closed = ROUTES.filter(({ right }) => right !== "anyone");
      await atEach(closed, async (route) => {
        const answer = await ask(page, route, addressOf(route));
        assert.deepEqual([answer.status, codeOf(answer)], [401, "SETUP_REQUIRED"], route.path);
      });
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
      await atEach([...Array(1_000).keys()], async (count) => {
        const known = count % 2 === 0;
        const login = known ? `known${(count % 3) + 1}` : `nobody${count % 3}`;
        const answer = await page.post("/session", { login, password: `Guess-number-${count}` });
        assert.equal(answer.session, undefined);
        const told = `${answer.status} ${codeOf(answer)} ${Object.keys(answer.body.error ?? {}).join()}`;
        seen.set(known ? "known" : "unknown", [...(seen.get(known ? "known" : "unknown") ?? []), told]);
      });
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
    // By the processor's time of all threads, in turns, and the least of each: what else the machine does is not counted.
    const time = async (hash: string | undefined): Promise<number> => {
      const from = process.cpuUsage();
      assert.equal(await hashing.verify("wrong", hash), false);
      const { user, system } = process.cpuUsage(from);
      return (user + system) / 1_000;
    };
    let [known, unknown] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let count = 0; count < 5; count += 1) {
      known = Math.min(known, await time(stored));
      unknown = Math.min(unknown, await time(undefined));
    }
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
    ["sign-out", (victim) => scene.browser(victim.session).post("/session/end")],
    ["a change of roles", ({ id }) => scene.program(`/accounts/${id}/change`, { roles: ["auditor"], by: "t", ...DEED })],
    ["a change of partners", ({ id }) => scene.program(`/accounts/${id}/change`, { partners: ["his"], by: "t", ...DEED })],
    ["disabling", ({ id }) => scene.program(`/accounts/${id}/disable`, { by: "t", ...DEED })],
    ["a reset", ({ id }) => scene.program(`/accounts/${id}/reset`, { by: "t", ...DEED })],
    [
      "a change of the password",
      (victim) => scene.browser(victim.session).post("/me/password", { current: PASSWORD, password: "other horse battery 44" }),
    ],
    ["an administrator's ending of sessions", ({ id }) => scene.program(`/accounts/${id}/end-sessions`, { by: "t", ...DEED })],
  ];
  for (const [at, [what, deed]] of thefts.entries())
    test(`after ${what} it is refused at once, for reading and for deeds`, async () => {
      const victim = await scene.person({ login: `victim${at}`, name: `被盗${at}`, roles: ["operator"] });
      const thief = scene.browser(victim.session);
      assert.equal((await thief.get("/messages")).status, 200);
      await deed(victim);
      const before = await fingerprint(scene.sql);
      assert.deepEqual([(await thief.get("/messages")).status, (await thief.get("/me")).status], [401, 401]);
      assert.equal((await thief.post("/destinations/his/pause", DEED)).status, 401);
      assert.deepEqual(await fingerprint(scene.sql), before);
    });

  test("a disabled account does not sign in; enabled again its old sessions stay ended", async () => {
    const one = await scene.person({ login: "onoff", name: "停用启用", roles: ["viewer"] });
    await scene.program(`/accounts/${one.id}/disable`, { by: "t", ...DEED });
    assert.equal(codeOf(await scene.browser().post("/session", { login: "onoff", password: PASSWORD })), "SIGN_IN_REFUSED");
    await scene.program(`/accounts/${one.id}/enable`, { by: "t", ...DEED });
    assert.equal((await one.get("/me")).status, 401);
    assert.equal((await scene.browser().post("/session", { login: "onoff", password: PASSWORD })).body.stage, "full");
  });
});

describe("A07 an object of another partner", { concurrency: false }, () => {
  test("lists have the account's own partners only, whatever is asked for", async () => {
    const limited = scene.as("limited");
    const all = (await scene.program("/write-backs")).body as { items: { destination: string }[] };
    assert.deepEqual([...new Set(all.items.map((one) => one.destination))].sort(), ["his", "old"]);
    for (const query of ["", "?destination=old", "?key=THEIRS", `?key=${scene.theirs.writeBackId}`, "?state=parked"]) {
      const { items } = (await limited.get(`/write-backs${query}`)).body as { items: { destination: string }[] };
      assert.ok(
        items.every((one) => one.destination === "his"),
        query,
      );
    }
    for (const query of ["", "?partner=jkt", "?key=MINE", "?key=THEIRS", `?key=${scene.mine.messageId}`]) {
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
    assert.ok(((await scene.program("/failure-groups")).body as { items: unknown[] }).items.length > 0, "there is one of theirs to hide");
    assert.deepEqual(((await limited.get("/events")).body as { items: unknown[] }).items, []);
    const totals = (await limited.get(`/totals?businessDate=${DAY}`)).body as { rows: { partner: string }[] };
    assert.ok(totals.rows.every((one) => one.partner === "his"));
  });

  test("by id it is 404 like one that is not there, for reading and for every deed; nothing is done", async () => {
    const limited = scene.as("limited");
    const [group] = ((await scene.program("/failure-groups")).body as { items: { id: string }[] }).items;
    const job = await scene.program("/replays", { of: "write-backs", select: { ids: [scene.theirs.writeBackId] }, by: "t", ...DEED });
    const before = await fingerprint(scene.sql);
    const { messageId } = scene.theirs;
    const { writeBackId } = scene.theirs;
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
    assert.deepEqual(await fingerprint(scene.sql), before);
  });

  test("one's own partner is there, and can be worked with", async () => {
    const limited = scene.as("limited");
    assert.equal((await limited.get(`/write-backs/${scene.mine.writeBackId}`)).status, 200);
    const paused = await limited.post("/destinations/his/pause", DEED);
    assert.deepEqual([paused.status, paused.body.state], [200, "paused"]);
    const [note] = await scene.sql<{ who: string }>("select who from operator_action where action = 'pause' order by id desc limit 1");
    assert.equal(note?.who, "只管HIS", "signed with the account's name");
    assert.equal((await limited.post("/destinations/his/resume", { ...DEED, by: "somebody else" })).status, 200);
    const [after] = await scene.sql<{ who: string }>("select who from operator_action where action = 'resume' order by id desc limit 1");
    assert.equal(after?.who, "只管HIS", "whatever name is sent");
  });

  test("an administrator of some partners neither sees nor makes accounts beyond them", async () => {
    const admin = scene.as("limited-admin");
    const { items } = (await admin.get("/accounts")).body as { items: { login: string }[] };
    assert.ok(items.some((one) => one.login === "limited") && !items.some((one) => one.login === "operator"));
    const target = scene.as("operator").id;
    const before = await fingerprint(scene.sql);
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
    assert.deepEqual(await fingerprint(scene.sql), before);
  });
});
