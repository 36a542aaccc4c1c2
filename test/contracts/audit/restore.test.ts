/** A rightful restore: two people accept exactly the break that it left, by its hash. It is told by name for ever; every other break is found as before. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { AcceptRestore } from "../../../domain/operations/ports.ts";
import type { AuditBreak } from "../../../domain/operations/views-audit.ts";
import { answered } from "../../../domain/operations/refusals.ts";
import { createAcceptRestore } from "../../../platform/postgres/audit-restore.ts";
import { codeOf, mustBe } from "../operations/world.ts";
import { type AuditWorld, auditWorld, rehash } from "./world.ts";

const HAN = { by: "韩主任", account: "11111111-1111-7111-8111-111111111111", reason: "机房断电，恢复昨夜备份" };
const QIN = { by: "秦审计", account: "22222222-2222-7222-8222-222222222222", reason: "已核对备份记录" };
/** More than one look at a break is a race; so many at once. */
const RACERS = 12;

let world: AuditWorld;
let restore: AcceptRestore;
before(async () => {
  world = await auditWorld();
  const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const audit = { ready: world.seal.ready, verify: async () => answered(await world.verify()), approval: world.keys.approval };
  restore = createAcceptRestore({ pool: world.postgres.pool, log: quiet, audit });
});
beforeEach(() => world.reset());
after(() => world.close());

const sealed = async (count: number): Promise<void> => {
  await world.deeds(count);
  assert.ok(await world.seal.look());
};
/** As if a backup of entry `n` had been restored: rows, links and the database's own heads, all of that time. */
const restoreTo = (n: number): Promise<void> =>
  world.tamper(
    `delete from operator_action where id in (select l.action_id from audit_link l where l.n > ${n})`,
    `delete from audit_link where n > ${n}`,
    `delete from audit_head where n > ${n}`,
  );
/** Ten entries, heads after 4, 7 and 10, then back to the seventh. */
async function restored(): Promise<AuditBreak> {
  for (const count of [4, 3, 3]) await sealed(count);
  await restoreTo(7);
  return theBreak();
}
async function theBreak(): Promise<AuditBreak> {
  const { breaks } = await world.verify();
  assert.equal(breaks.length, 1, JSON.stringify(breaks));
  return breaks[0] ?? assert.fail();
}
async function accept(hash: string): Promise<void> {
  mustBe(await restore.ask(hash, HAN));
  mustBe(await restore.approve(hash, QIN));
  assert.ok(await world.seal.look());
}
const acceptances = async (): Promise<number> => (await world.sql("select 1 from operator_action where action = 'accept-restore'")).length;

describe("accepting a restored database", () => {
  test("names what is missing; two people accept it; it stays told by name, and the chain goes on", async () => {
    const broken = await restored();
    assert.deepEqual([broken.kept.n, broken.from, broken.last.n, broken.heads], ["7", "8", "10", 1]);
    await accept(broken.hash);
    for (const more of [0, 1, 6]) {
      if (more > 0) await sealed(more);
      const told = await world.verify();
      assert.deepEqual([told.intact, told.findings, told.breaks], [true, [], []]);
      const [accepted, ...others] = told.accepted;
      assert.deepEqual([accepted?.hash, accepted?.by, accepted?.approvedBy, others], [broken.hash, HAN.by, QIN.by, []]);
      assert.match(accepted?.zh ?? "", /已认可的断点.*8–10/);
      assert.match(accepted?.en ?? "", /accepted break.*8–10/);
    }
    const [entry] = await world.sql<{ who: string; approved_by: string; after: { kept: object; last: object; heads: number } }>(
      "select who, approved_by, after from operator_action where action = 'accept-restore'",
    );
    assert.deepEqual([entry?.who, entry?.approved_by, entry?.after.kept, entry?.after.last], [HAN.by, QIN.by, broken.kept, broken.last]);
  });

  test("entries written before anybody noticed do not change the break", async () => {
    const broken = await restored();
    await sealed(1);
    assert.equal((await theBreak()).hash, broken.hash);
    await sealed(5);
    assert.equal((await theBreak()).hash, broken.hash);
    await accept(broken.hash);
    assert.deepEqual(await world.found(), []);
  });

  test("one person does not accept it: not the one who asked, nor under his name, nor a program, nor nobody before him", async () => {
    const { hash } = await restored();
    assert.equal(codeOf(await restore.approve(hash, QIN)), "BREAK_NOT_ASKED");
    mustBe(await restore.ask(hash, HAN));
    assert.equal(codeOf(await restore.approve(hash, HAN)), "SAME_PERSON");
    assert.equal(codeOf(await restore.approve(hash, { ...QIN, account: HAN.account })), "SAME_PERSON");
    assert.equal(codeOf(await restore.approve(hash, { ...QIN, by: " 韩　主任" })), "SAME_PERSON");
    assert.equal(codeOf(await restore.approve(hash, { by: QIN.by, reason: QIN.reason })), "NOT_A_PERSON");
    assert.equal(codeOf(await restore.approve(hash, { ...QIN, reason: "" })), "REASON_REQUIRED");
    assert.equal(await acceptances(), 0);
    assert.ok((await world.found()).length > 0);
  });

  test("once: not again, not for another break, not of what was asked a day ago; of many at once one", async () => {
    const { hash } = await restored();
    for (const other of ["0".repeat(64), hash.replace(/./, (one) => (one === "a" ? "b" : "a"))])
      assert.equal(codeOf(await restore.ask(other, HAN)), "BREAK_UNKNOWN");
    mustBe(await restore.ask(hash, HAN));
    await world.sql("update huiliu_clock set shift = interval '25 hours'");
    assert.ok(await world.seal.look());
    assert.equal(codeOf(await restore.approve(hash, QIN)), "APPROVAL_EXPIRED");
    mustBe(await restore.ask(hash, HAN));
    assert.ok(await world.seal.look());
    const codes = await Promise.all(Array.from({ length: RACERS }, async () => codeOf(await restore.approve(hash, QIN))));
    assert.deepEqual(codes.filter((one) => one === "ok").length, 1, codes.join());
    assert.equal(await acceptances(), 1);
    assert.equal(codeOf(await restore.ask(hash, HAN)), "BREAK_UNKNOWN");
    assert.equal(codeOf(await restore.approve(hash, QIN)), "BREAK_UNKNOWN");
  });

  test("truncated again after it was accepted: found, under another hash, and the old acceptance is none of that", async () => {
    const first = await restored();
    await accept(first.hash);
    await sealed(4);
    await restoreTo(11);
    assert.deepEqual(await world.found(), ["restored 12-13"]);
    const told = await world.verify();
    assert.deepEqual([told.intact, told.accepted.map((one) => one.hash)], [false, [first.hash]]);
    const second = await theBreak();
    assert.notEqual(second.hash, first.hash);
    assert.equal(codeOf(await restore.approve(second.hash, QIN)), "BREAK_NOT_ASKED");
    assert.equal(codeOf(await restore.approve(first.hash, QIN)), "BREAK_UNKNOWN");
    await accept(second.hash);
    assert.deepEqual(
      (await world.verify()).accepted.map((one) => one.hash),
      [first.hash, second.hash],
    );
    assert.deepEqual(await world.found(), []);
  });

  test("the same old copy once more takes the acceptance with it: everything is found again", async () => {
    const first = await restored();
    await accept(first.hash);
    await restoreTo(7);
    const told = await world.verify();
    assert.deepEqual([told.intact, told.accepted], [false, []]);
    assert.notEqual((await theBreak()).hash, first.hash);
  });

  test("whatever else was done to the chain is found beside it, before and after", async () => {
    const { hash } = await restored();
    await world.tamper("update operator_action set who = '赵六' where id = 3");
    assert.ok((await world.found()).includes("altered 3"));
    await accept(hash);
    assert.deepEqual(await world.found(), ["altered 3"]);
    assert.equal((await world.verify()).intact, false);
  });

  test("what no restored backup leaves cannot be accepted", async () => {
    const NOT_RESTORED: readonly (readonly [string, readonly string[]])[] = [
      ["entries cut, the database's own heads left", ["delete from operator_action where id > 8", "delete from audit_link where n > 8"]],
      ["entries cut, links left", ["delete from operator_action where id > 8"]],
      ["rewritten with new hashes", ["update operator_action set who = '李工' where id = 6", rehash(6)]],
      [
        "rewritten, with heads of a foreign key",
        [
          "update operator_action set who = '李工' where id = 6",
          rehash(6),
          "delete from audit_head where n > 4",
          "insert into audit_head (n, hash, at, since, key, signature) select n, hash, '2026-01-01T00:00:00.000+08:00', 0, (select key from audit_head limit 1), 'AAAA' from audit_link where n = 10",
        ],
      ],
    ];
    for (const [name, statements] of NOT_RESTORED) {
      await world.reset();
      for (const count of [4, 3, 3]) await sealed(count);
      await world.tamper(...statements);
      const told = await world.verify();
      assert.deepEqual([told.intact, told.breaks], [false, []], name);
    }
  });

  test("an acceptance that was written by SQL accepts nothing", async () => {
    const { hash } = await restored();
    await world.sql(
      "insert into operator_action (at, who, action, target_kind, target_id, reason, approved_by, after) values (now(), '韩主任', 'accept-restore', 'audit', $1, 'because', '秦审计', '{}')",
      [hash],
    );
    assert.ok(await world.seal.look());
    const told = await world.verify();
    assert.deepEqual([told.intact, told.accepted], [false, []]);
    assert.ok(told.findings.some((one) => one.kind === "inserted"));
    assert.ok(told.findings.some((one) => one.kind === "restored"));
  });
});
