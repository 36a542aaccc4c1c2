/** Signing in over a real database and real HTTP: first start, password, second factor, sessions, what each leaves behind. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Secret, TOTP } from "otpauth";
import { type AccessWorld, accessWorld, PASSWORD, TOKEN } from "./world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BOSS = { login: "boss", name: "王主任", password: PASSWORD };
const code = (secret: string, atMs: number): string => new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: atMs });
const setUpToken = (path: string): string => path.slice(path.indexOf("#token=") + "#token=".length);

let world: AccessWorld;
let link = "";
const now = async (): Promise<number> => (await world.world.postgres.now()).ms;
/** No code is taken twice: the next one is of the next half minute. */
const nextCode = async (secret: string): Promise<string> => {
  await world.later(31_000);
  return code(secret, await now());
};

before(async () => {
  world = await accessWorld();
});
after(() => world.close());

describe("first start", { concurrency: false }, () => {
  test("without an account nothing is served but set-up", async () => {
    const page = world.browser();
    assert.deepEqual((await page.get("/session/options")).body, { setUpNeeded: true });
    for (const path of ["/me", "/messages", "/accounts"]) assert.equal((await page.get(path)).body.error?.code, "SETUP_REQUIRED", path);
    assert.equal((await page.post("/session", { login: "admin", password: "admin" })).body.error?.code, "SETUP_REQUIRED");
  });

  test("a link works once and for a day; another one ends the one before when a person asked for it", async () => {
    const first = await world.access.setUpLink(false);
    assert.ok(first.ok);
    const made = await world.program("/setup-link", {});
    assert.equal(made.status, 200);
    link = setUpToken(String(made.body.path));
    const page = world.browser();
    for (const token of [setUpToken(first.value.path), "x", link.slice(1)])
      assert.equal((await page.post("/setup", { token, ...BOSS })).body.error?.code, "SETUP_LINK_REFUSED");
    assert.equal((await world.sql("select 1 from setup_link where digest = $1", [link])).length, 0, "the link itself is stored nowhere");
    await world.later(24 * HOUR + 1);
    assert.equal((await page.post("/setup", { token: link, ...BOSS })).body.error?.code, "SETUP_LINK_REFUSED");
    link = setUpToken(String((await world.program("/setup-link", {})).body.path));
  });

  test("a password that everybody tries is refused, with what is wrong", async () => {
    const page = world.browser();
    for (const password of ["short", "password123", "wangzhuren", "1234567890", "qwertyuiop", "boss-boss-"]) {
      const answer = await page.post("/setup", { token: link, login: "wangzhuren", name: "王主任", password });
      assert.equal(answer.body.error?.code, "PASSWORD_WEAK", password);
    }
    assert.equal((await world.sql("select 1 from account")).length, 0);
  });

  test("the link makes one administrator, signs him in and is gone, whoever races for it", async () => {
    const pages = [world.browser(), world.browser(), world.browser()];
    const answers = await Promise.all(
      pages.map((page, at) => page.post("/setup", { token: link, ...BOSS, login: `boss${at}`, name: `王主任${at}` })),
    );
    assert.deepEqual(answers.map((one) => one.status).sort(), [200, 409, 409]);
    const won = pages[answers.findIndex((one) => one.status === 200)];
    const me = await won?.get("/me");
    assert.deepEqual([me?.status, me?.body.roles, me?.body.partners, me?.body.via], [200, ["administrator"], "*", "session"]);
    assert.equal((await world.sql("select 1 from account")).length, 1);
    assert.equal((await world.sql("select 1 from setup_link")).length, 0);
    assert.equal((await world.program("/setup-link", {})).body.error?.code, "SETUP_DONE");
    const [note] = await world.sql<{ who: string; action: string }>(
      "select who, action from operator_action where target_kind = 'account'",
    );
    assert.equal(note?.action, "set-up");
    assert.match(String(note?.who), /^王主任/);
  });
});

describe("sessions", { concurrency: false }, () => {
  test("the cookie is kept from scripts, other sites and other paths; the store knows its digest alone", async () => {
    const person = await world.person({ login: "li", name: "李工", roles: ["operator"] });
    const answer = await world.browser().post("/session", { login: "LI", password: PASSWORD });
    const cookie = answer.headers.getSetCookie()[0] ?? "";
    assert.match(cookie, /^huiliu_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.equal((await world.sql("select 1 from console_session where digest = $1", [answer.session])).length, 0);
    assert.equal((await person.get("/me")).status, 200);
  });

  test("a session that idles for half an hour ends, one that is used lasts a shift and no longer", async () => {
    const person = await world.person({ login: "zhao", name: "赵工", roles: ["viewer"] });
    const idle = world.browser((await world.browser().post("/session", { login: "zhao", password: PASSWORD })).session);
    for (let hour = 0; hour < 23; hour += 1) {
      await world.later(29 * MINUTE);
      assert.equal((await person.get("/me")).status, 200, `after ${(hour + 1) * 29} min`);
    }
    assert.equal((await idle.get("/me")).status, 401);
    await world.later(60 * MINUTE);
    assert.equal((await person.get("/me")).status, 401);
    await person.post("/session", { login: "zhao", password: PASSWORD });
    for (let half = 0; half < 24; half += 1) {
      await world.later(29 * MINUTE);
      await person.get("/status");
    }
    assert.equal((await person.get("/me")).status, 200);
    await world.later(25 * MINUTE);
    assert.equal((await person.get("/me")).status, 401, "12 h");
  });

  test("a person sees his sessions and ends one", async () => {
    const one = await world.person({ login: "sun", name: "孙工", roles: ["viewer"] });
    const other = world.browser();
    await other.post("/session", { login: "sun", password: PASSWORD });
    const { items } = (await one.get("/me/sessions")).body as { items: { id: string; current: boolean }[] };
    assert.deepEqual(items.map((item) => item.current).sort(), [false, true]);
    const [elsewhere] = items.filter((item) => !item.current);
    assert.equal((await one.post(`/me/sessions/${elsewhere?.id}/end`)).body.ended, 1);
    assert.equal((await other.get("/me")).status, 401);
    assert.equal((await one.get("/me")).status, 200);
  });

  test("changing the password wants the present one and ends every other session", async () => {
    const one = await world.person({ login: "qian", name: "钱工", roles: ["viewer"] });
    const other = world.browser();
    await other.post("/session", { login: "qian", password: PASSWORD });
    const next = "another horse battery 43";
    assert.equal((await one.post("/me/password", { current: "no", password: next })).body.error?.code, "CURRENT_PASSWORD_WRONG");
    assert.equal((await one.post("/me/password", { current: PASSWORD, password: PASSWORD })).body.error?.code, "PASSWORD_WEAK");
    const before = one.session;
    assert.equal((await one.post("/me/password", { current: PASSWORD, password: next })).status, 200);
    assert.notEqual(one.session, before);
    assert.deepEqual([(await one.get("/me")).status, (await other.get("/me")).status], [200, 401]);
    assert.equal((await world.browser(before).get("/me")).status, 401);
  });
});

describe("the second factor", { concurrency: false }, () => {
  let secret = "";
  let recovery: string[] = [];

  test("is set up with the password and a code; the secret is sealed in the store", async () => {
    const one = await world.person({ login: "zhou", name: "周工", roles: ["operator"] });
    const other = world.browser();
    await other.post("/session", { login: "zhou", password: PASSWORD });
    assert.equal((await one.post("/me/totp-confirm", { code: "000000" })).body.error?.code, "TOTP_NOT_BEGUN");
    assert.equal((await one.post("/me/totp-begin", { password: "wrong" })).body.error?.code, "CURRENT_PASSWORD_WRONG");
    const begun = await one.post("/me/totp-begin", { password: PASSWORD });
    secret = String(begun.body.secret);
    assert.match(String(begun.body.uri), /^otpauth:\/\/totp\/Huiliu:zhou\?/);
    assert.equal((await one.post("/me/totp-confirm", { code: "000000" })).body.error?.code, "CODE_REFUSED");
    const confirmed = await one.post("/me/totp-confirm", { code: code(secret, await now()) });
    assert.equal(confirmed.status, 200);
    recovery = confirmed.body.recoveryCodes as string[];
    assert.equal(new Set(recovery).size, 10);
    assert.deepEqual([(await one.get("/me")).body.totp, (await other.get("/me")).status], [true, 401]);
    const [row] = await world.sql<{ all: string }>("select account::text as all from account where login = 'zhou'");
    for (const hidden of [secret, recovery[0] ?? ""]) assert.ok(!row?.all.includes(hidden), "not as it is in the store");
  });

  test("a code is taken once; a recovery code, too", async () => {
    const page = world.browser();
    assert.equal((await page.post("/session", { login: "zhou", password: PASSWORD })).body.stage, "factor");
    assert.equal((await page.get("/me")).body.error?.code, "SECOND_FACTOR_REQUIRED");
    assert.deepEqual((await page.get("/session/options")).body, { setUpNeeded: false, stage: "factor" });
    const good = await nextCode(secret);
    assert.equal((await page.post("/session/second-factor", { code: good })).body.stage, "full");
    assert.equal((await page.get("/me")).status, 200);
    const again = world.browser();
    await again.post("/session", { login: "zhou", password: PASSWORD });
    assert.equal((await again.post("/session/second-factor", { code: good })).body.error?.code, "CODE_REFUSED");
    const spare = (recovery[3] ?? "").toUpperCase();
    assert.equal((await again.post("/session/second-factor", { code: spare })).body.stage, "full");
    const third = world.browser();
    await third.post("/session", { login: "zhou", password: PASSWORD });
    assert.equal((await third.post("/session/second-factor", { code: spare })).body.error?.code, "CODE_REFUSED");
    const notes = await world.sql("select 1 from operator_action where action = 'use-recovery-code' and who = '周工'");
    assert.equal(notes.length, 1);
  });

  test("guessing codes ends the half session and holds back; the right code waits, too", async () => {
    const page = world.browser();
    await page.post("/session", { login: "zhou", password: PASSWORD });
    const codes: (string | undefined)[] = [];
    for (let count = 0; count < 4; count += 1) codes.push((await page.post("/session/second-factor", { code: "000000" })).body.error?.code);
    assert.ok(codes.includes("CODE_REFUSED"));
    assert.equal((await page.get("/session/options")).body.stage, undefined, "the half session has ended");
    await page.post("/session", { login: "zhou", password: PASSWORD });
    const held = await page.post("/session/second-factor", { code: await nextCode(secret) });
    assert.equal(held.body.error?.code, held.status === 429 ? "SIGN_IN_LOCKED" : undefined);
    await world.later(20 * MINUTE);
    await page.post("/session", { login: "zhou", password: PASSWORD });
    assert.equal((await page.post("/session/second-factor", { code: await nextCode(secret) })).body.stage, "full");
  });

  test("it is taken away with password and code, not where an administrator wants it", async () => {
    await world.later(2 * HOUR);
    const page = world.browser();
    await page.post("/session", { login: "zhou", password: PASSWORD });
    await page.post("/session/second-factor", { code: await nextCode(secret) });
    assert.equal((await page.post("/me/totp-end", { password: PASSWORD, code: "000000" })).body.error?.code, "CODE_REFUSED");
    assert.equal((await page.post("/me/totp-end", { password: PASSWORD, code: await nextCode(secret) })).body.stage, "full");
    assert.equal((await page.get("/me")).body.totp, false);
  });

  test("where it is required the first sign-in leads through password and enrolment and nowhere else", async () => {
    const made = await world.program("/accounts", {
      login: "wu",
      name: "吴工",
      roles: ["operator"],
      partners: "*",
      totpRequired: true,
      by: "t",
      reason: "测试测试",
    });
    const page = world.browser();
    assert.equal((await page.post("/session", { login: "wu", password: made.body.password })).body.stage, "password");
    assert.equal((await page.get("/me")).body.error?.code, "PASSWORD_CHANGE_REQUIRED");
    assert.equal((await page.post("/me/password", { current: made.body.password, password: PASSWORD })).body.stage, "enrol");
    assert.equal((await page.get("/messages")).body.error?.code, "TOTP_REQUIRED");
    const begun = await page.post("/me/totp-begin", { password: PASSWORD });
    const confirmed = await page.post("/me/totp-confirm", { code: code(String(begun.body.secret), await now()) });
    assert.equal(confirmed.body.stage, "full");
    assert.equal((await page.get("/messages")).status, 200);
    assert.equal(
      (await page.post("/me/totp-end", { password: PASSWORD, code: await nextCode(String(begun.body.secret)) })).body.error?.code,
      "TOTP_KEPT",
    );
  });
});

describe("programs", () => {
  test("the token of run.json opens everything that is not a person's own", async () => {
    assert.equal((await world.program("/me")).body.via, "token");
    assert.equal((await world.program("/status")).status, 200);
    assert.equal((await world.program("/me/password", { current: "x", password: PASSWORD })).body.error?.code, "NOT_A_PERSON");
    assert.notEqual(TOKEN, "");
  });
});
