/**
 * A12: an administrator who makes, resets or promotes accounts is every one of them until their owners have had them to themselves for a while. What he asks as one of
 * them he does not approve as another. Over HTTP, as he would; the effect is read from the write-backs.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AccountOpened } from "../../domain/access/views.ts";
import type { ReplayJob } from "../../domain/operations/views-replay.ts";
import { type AccessWorld, accessWorld, type Answer, type Browser, PASSWORD } from "../contracts/access/world.ts";
import { parkedWriteBack } from "../contracts/operations/world.ts";
import { codeOf, DEED } from "./access-scene.ts";

const HOUR = 3_600_000;
const LIMITS = { approval: { count: 2, sumFen: 1_000_000n }, editAndReplay: true };
const OWN = "the owner's own battery 44";

type Person = Browser & { readonly id: string; readonly login: string };
let world: AccessWorld;
let bills = 0;
let people = 0;

before(async () => {
  world = await accessWorld({}, {}, { replay: LIMITS });
});
after(() => world.close());

/** Somebody whom the machine's owner let in: in nobody's hand. */
const person = (role: string): Promise<Person> => {
  people += 1;
  return world.person({ login: `p${people}`, name: `某人${people}`, roles: [role] });
};
/** Signs in with a password that was told, and chooses another: what the owner does, and whoever was told it. */
async function takeOver(login: string, told: string): Promise<Browser> {
  const page = world.browser();
  await page.post("/session", { login, password: told });
  assert.equal((await page.post("/me/password", { current: told, password: OWN })).status, 200);
  return page;
}
/** An account that this administrator makes and takes for himself. */
async function mole(by: Browser, role = "operator"): Promise<Person> {
  people += 1;
  const login = `mole${people}`;
  const made = await by.post("/accounts", { ...DEED, login, name: `分身${people}`, roles: [role], partners: "*" });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const { account, password } = made.body as unknown as AccountOpened;
  return Object.assign(await takeOver(login, password ?? ""), { id: account.id, login });
}
/** Resets somebody's account and goes in as him. */
async function stolen(by: Browser, victim: Person): Promise<Browser> {
  const reset = await by.post(`/accounts/${victim.id}/reset`, DEED);
  assert.equal(reset.status, 200, JSON.stringify(reset.body));
  return takeOver(victim.login, String(reset.body.password));
}
/** A job of three that waits for a second person. */
async function asked(by: Browser): Promise<{ readonly job: ReplayJob; readonly ids: readonly string[] }> {
  const ids: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    bills += 1;
    ids.push(await parkedWriteBack(world.world, `B-HAND-${bills}`));
  }
  const made = await by.post("/replays", { of: "write-backs", select: { ids }, ...DEED });
  const job = (await by.post(`/replays/${String(made.body.id)}/start`, DEED)).body as unknown as ReplayJob;
  assert.equal(job.state, "awaiting-approval", JSON.stringify(job));
  return { job, ids };
}
const approve = (by: Browser, job: ReplayJob): Promise<Answer> => by.post(`/replays/${job.id}/approve`, { ...DEED, hash: job.hash });
const letGo = async (job: ReplayJob): Promise<string> =>
  (await world.sql<{ state: string }>("select state from replay_job where id = $1", [job.id]))[0]?.state ?? "";
/** Refused, with who had it in hand and until when; nothing was let go. */
async function notTwo(by: Browser, job: ReplayJob): Promise<void> {
  const answer = await approve(by, job);
  assert.deepEqual([answer.status, codeOf(answer)], [409, "IN_ONE_HAND"], JSON.stringify(answer.body));
  const error = answer.body.error as unknown as {
    zh: string;
    en: string;
    next: { zh: string };
    problems: readonly { zh: string; en: string }[];
  };
  assert.ok(error.zh !== "" && error.en !== "" && error.next.zh !== "" && (error.problems[0]?.zh ?? "") !== "");
  assert.equal(await letGo(job), "awaiting-approval");
}

describe("A12 one person with accounts that he made his own", { concurrency: false }, () => {
  test("two accounts that he made: what he asks as one he does not approve as the other, nor as himself; somebody else does", async () => {
    const admin = await person("administrator");
    const [one, other] = [await mole(admin), await mole(admin)];
    const { job } = await asked(one);
    await notTwo(other, job);
    await notTwo(admin, job);
    assert.equal((await approve(await person("operator"), job)).status, 200);
    assert.equal(await letGo(job), "marking");
  });

  test("an account that he reset and went in with: he approves nothing of it, and it nothing of his", async () => {
    const [admin, victim] = [await person("administrator"), await person("operator")];
    const page = await stolen(admin, victim);
    const { job } = await asked(page);
    await notTwo(admin, job);
    const { job: of } = await asked(await mole(admin));
    await notTwo(page, of);
  });

  test("reset between the asking and the approval, it is no second person either", async () => {
    const [admin, victim] = [await person("administrator"), await person("operator")];
    const { job } = await asked(await mole(admin));
    await notTwo(await stolen(admin, victim), job);
  });

  test("by way of another administrator's account it is the same hand", async () => {
    const [admin, other, victim] = [await person("administrator"), await person("administrator"), await person("operator")];
    const second = await stolen(admin, other);
    const spy = await mole(second);
    const { job } = await asked(await stolen(admin, victim));
    await notTwo(spy, job);
  });

  test("roles that he gave lately make nobody a second person beside him", async () => {
    const [admin, promoted] = [await person("administrator"), await person("viewer")];
    const given = await admin.post(`/accounts/${promoted.id}/change`, { ...DEED, roles: ["operator"] });
    assert.equal(given.status, 200);
    await promoted.post("/session", { login: promoted.login, password: PASSWORD });
    const { job } = await asked(await mole(admin));
    await notTwo(promoted, job);
  });

  test("a change of the name or of the second factor's duty takes nothing in hand", async () => {
    const [admin, one] = [await person("administrator"), await person("operator")];
    const changed = await admin.post(`/accounts/${one.id}/change`, { ...DEED, name: "改名的人", roles: ["operator"], partners: "*" });
    assert.equal(changed.status, 200);
    await one.post("/session", { login: one.login, password: PASSWORD });
    const { job } = await asked(await mole(admin));
    assert.equal((await approve(one, job)).status, 200);
  });

  test("an edited copy is held to the same rule", async () => {
    const admin = await person("administrator");
    const [integrator, other] = [await mole(admin, "integrator"), await mole(admin)];
    bills += 1;
    const id = await parkedWriteBack(world.world, `B-HAND-${bills}`);
    const edit = await integrator.post(`/write-backs/${id}/edits`, { ...DEED, text: "<confirm>2</confirm>", confirmedChecked: true });
    assert.equal(edit.status, 200, JSON.stringify(edit.body));
    const body = { ...DEED, hash: edit.body.hash };
    assert.equal(codeOf(await other.post(`/edits/${String(edit.body.id)}/approve`, body)), "IN_ONE_HAND");
    assert.deepEqual(await world.sql("select 1 from write_back where replay_of = $1", [id]), []);
    assert.equal((await (await person("operator")).post(`/edits/${String(edit.body.id)}/approve`, body)).status, 200);
  });

  test("waiting does not help while it was asked in that time; a day after the owner chose his password they are two", async () => {
    const admin = await person("administrator");
    const [one, other] = [await mole(admin), await mole(admin)];
    const again = (page: Browser, login: string) => page.post("/session", { login, password: OWN });
    await world.later(23 * HOUR);
    await again(one, one.login);
    const { job } = await asked(one);
    await world.later(2 * HOUR);
    await again(other, other.login);
    await notTwo(other, job);
    const { job: later } = await asked(other);
    await again(one, one.login);
    assert.equal((await approve(one, later)).status, 200);
  });
});

describe("A12 one staff number, one person", { concurrency: false }, () => {
  test("two active accounts cannot have it, however it is typed; the database refuses it, too", async () => {
    const admin = await person("administrator");
    const given = (login: string, staffNo: string) =>
      admin.post("/accounts", { ...DEED, login, name: `工号${login}`, roles: ["operator"], partners: "*", staffNo });
    assert.equal((await given("s1", "a1001")).status, 200);
    for (const [login, staffNo] of [
      ["s2", "A1001"],
      ["s3", " Ａ１００１ "],
    ] as const)
      assert.equal(codeOf(await given(login, staffNo)), "STAFF_NO_TAKEN");
    assert.equal(codeOf(await given("s4", "a b")), "ACCOUNT_REFUSED");
    await assert.rejects(
      world.sql(
        "insert into account (id, login, name, roles, state, created_at, staff_no) values (gen_random_uuid(), 's5', 's5', '{operator}', 'active', now(), 'A1001')",
      ),
      /account_staff_no/,
    );
  });

  test("what was asked under his old account he does not approve under his new one; the old one is not enabled beside it", async () => {
    const admin = await person("administrator");
    const old = await person("operator");
    assert.equal((await world.program(`/accounts/${old.id}/change`, { ...DEED, by: "t", staffNo: "B2002" })).status, 200);
    const { job } = await asked(old);
    assert.equal((await admin.post(`/accounts/${old.id}/disable`, DEED)).status, 200);
    const fresh = await person("operator");
    assert.equal((await world.program(`/accounts/${fresh.id}/change`, { ...DEED, by: "t", staffNo: "b2002" })).status, 200);
    assert.equal(codeOf(await approve(fresh, job)), "SAME_PERSON");
    assert.equal(await letGo(job), "awaiting-approval");
    assert.equal(codeOf(await admin.post(`/accounts/${old.id}/enable`, DEED)), "STAFF_NO_TAKEN");
  });

  test("where the hospital wants it, no account is made without it", async () => {
    const strict = await accessWorld({ staffNumbers: "required" });
    try {
      const made = (more: object) =>
        strict.program("/accounts", { ...DEED, by: "t", login: "n1", name: "新人", roles: ["viewer"], partners: "*", ...more });
      assert.equal(codeOf(await made({})), "STAFF_NO_REQUIRED");
      assert.equal(codeOf(await made({ staffNo: " " })), "STAFF_NO_REQUIRED");
      const done = await made({ staffNo: "c3" });
      assert.equal((done.body as unknown as AccountOpened).account?.staffNo, "C3");
    } finally {
      await strict.close();
    }
  });
});
