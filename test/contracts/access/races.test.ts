/**
 * Whoever comes at the same instant. Under READ COMMITTED two statements of one transaction may see two states: where rights depend on it, one lock comes before the
 * first look. Each race is run again and again by many, and its effect is counted in the database.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Secret, TOTP } from "otpauth";
import { FAILURES_FREE } from "../../../domain/access/limits.ts";
import { type AccessWorld, accessWorld, type Answer, type Browser, PASSWORD } from "./world.ts";

const RACERS = 16;
const ROUNDS = 4;
const DEED = { reason: "并发测试用" };
const times = <T>(n: number, one: (at: number) => T): T[] => Array.from({ length: n }, (_, at) => one(at));
const codeOf = (answer: Answer): string => answer.body.error?.code ?? "ok";
const counted = (codes: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...new Set(codes)].sort().map((code) => [code, codes.filter((one) => one === code).length]));
const setUpToken = (path: string): string => path.slice(path.indexOf("#token=") + "#token=".length);

let world: AccessWorld;
before(async () => {
  world = await accessWorld();
});
after(() => world.close());
const activeAdministrators = async (): Promise<number> =>
  (await world.sql("select 1 from account where state = 'active' and 'administrator' = any(roles)")).length;

describe("many at one instant", { concurrency: false }, () => {
  test("set-up: one administrator; every other racer is told that it is done", async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await world.sql("truncate account, console_session, account_hand, setup_link, sign_in_throttle");
      const token = setUpToken(String((await world.program("/setup-link", {})).body.path));
      const codes = await Promise.all(
        times(RACERS, async (at) =>
          codeOf(await world.browser().post("/setup", { token, login: `boss${at}`, name: `主任${at}`, password: PASSWORD })),
        ),
      );
      const { ok, SETUP_DONE: done, SIGN_IN_BUSY: busy = 0 } = counted(codes);
      assert.deepEqual([ok, (done ?? 0) + busy], [1, RACERS - 1], codes.join());
      assert.equal(await activeAdministrators(), 1);
      assert.equal((await world.sql("select 1 from operator_action where action = 'set-up'")).length, round + 1);
    }
  });

  test("one login name, one name, one staff number: one account", async () => {
    const SAME: readonly (readonly [string, (at: number) => object])[] = [
      ["LOGIN_TAKEN", (at) => ({ login: "same", name: `同登录名${at}` })],
      ["NAME_TAKEN", (at) => ({ login: `name${at}`, name: "同名的人" })],
      ["STAFF_NO_TAKEN", (at) => ({ login: `staff${at}`, name: `同工号${at}`, staffNo: "R1" })],
    ];
    for (const [code, given] of SAME) {
      const codes = await Promise.all(
        times(RACERS, async (at) =>
          codeOf(await world.program("/accounts", { roles: ["viewer"], partners: "*", by: "t", ...DEED, ...given(at) })),
        ),
      );
      const { ok, [code]: taken = 0, SIGN_IN_BUSY: busy = 0 } = counted(codes);
      assert.deepEqual([ok, taken + busy], [1, RACERS - 1], codes.join());
    }
  });

  test("a code of the second factor, and a recovery code, is taken once, by whichever session", async () => {
    const one = await world.person({ login: "factor", name: "两步", roles: ["operator"] });
    const begun = await one.post("/me/totp-begin", { password: PASSWORD });
    const totp = new TOTP({ secret: Secret.fromBase32(String(begun.body.secret)) });
    const code = async (): Promise<string> => {
      await world.later(31_000);
      return totp.generate({ timestamp: (await world.world.postgres.now()).ms });
    };
    const confirmed = await one.post("/me/totp-confirm", { code: await code() });
    const recovery = confirmed.body.recoveryCodes as string[];
    for (let round = 0; round < ROUNDS; round += 1) {
      await world.sql("delete from sign_in_throttle");
      const pages: Browser[] = [];
      for (let n = 0; n < FAILURES_FREE.code; n += 1) {
        const page = world.browser();
        assert.equal((await page.post("/session", { login: "factor", password: PASSWORD })).body.stage, "factor");
        pages.push(page);
      }
      for (const given of [await code(), recovery[round] ?? ""]) {
        await world.sql("delete from sign_in_throttle");
        const left = pages.filter((page) => page.session !== undefined);
        const codes = await Promise.all(left.map(async (page) => codeOf(await page.post("/session/second-factor", { code: given }))));
        assert.equal(counted(codes).ok, 1, codes.join());
        // Whoever got in signs in anew for the next.
        for (const page of pages) await page.post("/session", { login: "factor", password: PASSWORD });
      }
    }
    const [row] = await world.sql<{ left: number }>("select cardinality(recovery) as left from account where login = 'factor'");
    assert.equal(row?.left, recovery.length - ROUNDS);
  });

  test("wrong passwords: no more are looked at than the lock-out allows, however many come at once", async () => {
    await world.person({ login: "sprayed", name: "被猜的人", roles: ["viewer"] });
    for (let round = 0; round < ROUNDS; round += 1) {
      await world.sql("delete from sign_in_throttle");
      const codes = await Promise.all(
        times(RACERS, async (at) => codeOf(await world.browser().post("/session", { login: "sprayed", password: `wrong wrong ${at}` }))),
      );
      const { SIGN_IN_REFUSED: looked = 0, SIGN_IN_LOCKED: held = 0, SIGN_IN_BUSY: busy = 0 } = counted(codes);
      assert.ok(looked + busy <= FAILURES_FREE.login, codes.join());
      assert.equal(looked + busy + held, RACERS, codes.join());
    }
    await world.sql("delete from sign_in_throttle");
  });

  test("two administrators who disable each other: one of them stays, whoever else there is", async () => {
    for (let round = 0; round < 2 * ROUNDS; round += 1) {
      await world.sql("update account set state = 'disabled' where 'administrator' = any(roles)");
      const two = [
        await world.person({ login: `left${round}`, name: `左${round}`, roles: ["administrator"] }),
        await world.person({ login: `right${round}`, name: `右${round}`, roles: ["administrator"] }),
      ];
      const codes = await Promise.all(two.map(async (one, at) => codeOf(await one.post(`/accounts/${two[1 - at]?.id}/disable`, DEED))));
      assert.equal(counted(codes).ok, 1, codes.join());
      assert.equal(await activeAdministrators(), 1);
    }
  });

  test("an administrator who is disabled while he makes accounts: none is made after that", async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [boss, rogue] = [
        await world.person({ login: `boss${round}x`, name: `院长${round}`, roles: ["administrator"] }),
        await world.person({ login: `rogue${round}`, name: `离职${round}`, roles: ["administrator"] }),
      ];
      const making = times(RACERS / 2, (at) =>
        rogue.post("/accounts", { ...DEED, login: `late${round}-${at}`, name: `晚到${round}-${at}`, roles: ["operator"], partners: "*" }),
      );
      await Promise.all([boss.post(`/accounts/${rogue.id}/disable`, DEED), ...making]);
      const [order] = await world.sql<{ after: number }>(
        `select count(*)::integer as after from operator_action o where o.action = 'create-account' and o.who = $1
         and o.id > (select d.id from operator_action d where d.action = 'disable-account' and d.target_id = $2)`,
        [`离职${round}`, rogue.id],
      );
      assert.equal(order?.after, 0, "made after he was disabled");
    }
  });

  test("a reset while the owner is coming in: no session of the old password is left", async () => {
    const admin = await world.person({ login: "resetter", name: "重置者", roles: ["administrator"] });
    for (let round = 0; round < ROUNDS; round += 1) {
      const owner = await world.person({ login: `owner${round}`, name: `本人${round}`, roles: ["operator"] });
      await world.sql("delete from sign_in_throttle");
      const pages = times(RACERS / 2, () => world.browser());
      const [reset] = await Promise.all([
        admin.post(`/accounts/${owner.id}/reset`, DEED),
        ...pages.map((page) => page.post("/session", { login: owner.login, password: PASSWORD })),
        owner.post("/me/password", { current: PASSWORD, password: "a quite new horse 77" }),
      ]);
      assert.equal(reset?.status, 200, JSON.stringify(reset?.body));
      const [row] = await world.sql<{ must: boolean; hands: number }>(
        `select a.must_change_password as must, (select count(*)::integer from account_hand h where h.account_id = a.id and h.until is null) as hands
         from account a where a.id = $1`,
        [owner.id],
      );
      const whole = await world.sql("select 1 from console_session where account_id = $1 and stage = 'full'", [owner.id]);
      // Reset first: the owner's old password opens nothing. Reset last: everything before it has ended.
      assert.deepEqual([row?.must, row?.hands, whole.length], [true, 1, 0]);
    }
  });
});
