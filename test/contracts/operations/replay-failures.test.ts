/** Failure groups (C-7): what failed alike is counted together, leaves when it is acknowledged, and has an owner. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { FailureGroup } from "../../../domain/operations/views-replay.ts";
import { runnerOf, stepTo, WHO } from "./replay-world.ts";
import { auditOf, codeOf, mustBe, operationsWorld, PARKED, parkedMessage, parkReason, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

/** One attempt that fails with the partner's code and words. */
async function failing(bill: string, text: string, step: "park" | "resend" = "park", code = "E7"): Promise<string> {
  const { writeBackId } = await world.pay(bill);
  const claim = (await world.claim("his")).find((one) => one.id === writeBackId);
  assert.ok(claim);
  await world.finish(claim, {
    outcome: step === "park" ? "rejected" : "busy",
    step,
    code,
    text,
    ...(step === "park" ? { park: PARKED } : { retryInMs: 0 }),
  });
  return writeBackId;
}
const groups = async (more: object = {}): Promise<readonly FailureGroup[]> => mustBe(await world.operations.failures.list(more)).items;
const openOf = async (id: string): Promise<number> => mustBe(await world.operations.failures.get(id)).open;

describe("C-7 failure groups of write-backs", () => {
  test("one group for one reason, whatever the bill; counted, dated, with an example", async () => {
    const first = await failing("F-1", "单据 B20261120001 不存在，金额 16.50");
    await failing("F-2", "单据 B20261121937 不存在，金额 170.00");
    const waiting = await failing("F-3", "系统忙，请稍后", "resend", "9");
    const found = await groups({ partner: "his" });
    assert.deepEqual(
      found.map(({ code, reason, open, items, failures }) => ({ code, reason, open, items, failures })),
      [
        { code: "E7", reason: "单据 <id> 不存在，金额 <n>", open: 2, items: 2, failures: 2 },
        { code: "9", reason: "系统忙，请稍后", open: 1, items: 1, failures: 1 },
      ],
    );
    assert.ok((found[0]?.firstAt ?? "") <= (found[0]?.lastAt ?? ""));
    assert.match(found[0]?.example.text ?? "", /不存在/);
    const busy = found[1]?.id ?? "";
    for (const step of ["resend", "finish"] as const) {
      const claim = (await world.claim("his")).find((one) => one.id === waiting);
      assert.ok(claim);
      if (step === "finish") await world.finish(claim, { outcome: "acknowledged", step, receipt: { code: "0" }, how: "reply" });
      else await world.finish(claim, { outcome: "busy", step, code: "9", text: "系统忙，请稍后", retryInMs: 0 });
    }
    const after = mustBe(await world.operations.failures.get(busy));
    assert.deepEqual([after.open, after.items, after.failures], [0, 1, 2], "acknowledged: it has left; what was, is still told");
    assert.ok(!(await groups()).some((one) => one.id === busy));
    assert.ok((await groups({ all: true })).some((one) => one.id === busy));

    const group = found[0]?.id ?? "";
    mustBe(await world.operations.resolveWriteBack(first, { ...WHO, decision: "cancelled" }));
    assert.equal(await openOf(group), 1, "closed by a person: it has left");
  });

  test("replay of a group: what is acknowledged leaves it, what fails otherwise changes it", async () => {
    await failing("F-R1", "HIS 单据锁定", "park", "L1");
    const bad = await failing("F-R2", "HIS 单据锁定", "park", "L1");
    const group = (await groups({ code: "L1" }))[0]?.id ?? "";
    const runner = runnerOf(world);
    const job = mustBe(await world.operations.replays.create({ of: "write-backs", select: { group }, ...WHO }));
    assert.equal(job.preview.planned, 2);
    mustBe(await world.operations.replays.command(job.id, "start", WHO));
    await stepTo(world, runner, job.id, "stopped", async () => {
      for (const claim of await world.claim("his")) {
        if (claim.id === bad) await world.finish(claim, { outcome: "rejected", step: "park", park: PARKED, code: "L2", text: "金额不符" });
        else await world.finish(claim, { outcome: "acknowledged", step: "finish", receipt: { code: "0" }, how: "reply" });
      }
    });
    assert.equal(await openOf(group), 0);
    assert.equal((await groups({ code: "L2" }))[0]?.open, 1);
    const again = mustBe(await world.operations.replays.create({ of: "write-backs", select: { group }, ...WHO }));
    assert.deepEqual([again.preview.planned, again.preview.closed], [0, 1], "the preview still tells what of it is done");
  });

  test("two settlements with the same groups at once wait for each other, never for ever", async () => {
    const texts = ["原因甲", "原因乙", "原因丙"];
    await Promise.all(Array.from({ length: 30 }, (_, i) => world.pay(`F-MANY-${i}`)));
    const claims = (await world.claim("his")).filter((claim) => claim.lane.includes("F-MANY"));
    await Promise.all(
      claims.map((claim, i) =>
        world.finish(claim, { outcome: "rejected", step: "park", park: PARKED, code: "M", text: texts[i % 3] ?? "" }),
      ),
    );
    assert.deepEqual(
      (await groups({ code: "M" })).map((one) => one.open),
      [10, 10, 10],
    );
  });
});

describe("C-7 failure groups of messages", () => {
  test("by sender, kind, code and place; a message that settles leaves", async () => {
    const ids = [await parkedMessage(world), await parkedMessage(world)];
    const other = await world.receive();
    await world.end(other, { park: parkReason({ code: "NO_EFFECT", zh: "流程结束时没有产生任何结果", problems: [] }) });
    const found = await groups({ of: "messages" });
    assert.deepEqual(
      found.map(({ partner, kind, code, open }) => ({ partner, kind, code, open })),
      [
        { partner: "jkt", kind: "pay-order", code: "NOT_TRANSLATABLE/missing", open: 2 },
        { partner: "jkt", kind: "pay-order", code: "NO_EFFECT", open: 1 },
      ],
    );
    const group = found[0]?.id ?? "";
    mustBe(await world.operations.replayMessage(ids[0] ?? "", WHO));
    assert.equal(await openOf(group), 1);
    mustBe(await world.operations.resolveMessage(ids[1] ?? "", WHO));
    assert.equal(await openOf(group), 0);
    const refused = await world.journal.append({
      door: "http",
      partner: "jkt",
      kind: "nobody-knows",
      headers: {},
      raw: new TextEncoder().encode("x"),
      refusal: { code: "UNKNOWN_MESSAGE", zh: "没有这种报文", en: "no such kind" },
    });
    assert.equal(refused.kind, "parked");
    assert.equal((await groups({ code: "UNKNOWN_MESSAGE" }))[0]?.open, 1, "what is parked by the door is grouped too");
  });
});

describe("C-7 a group in somebody's hands", () => {
  test("own, note, snooze, unsnooze; every change on record", async () => {
    const id = (await groups({ code: "L2" }))[0]?.id ?? "";
    const change = (wanted: Parameters<World["operations"]["failures"]["change"]>[1], deed: object = WHO) =>
      world.operations.failures.change(id, wanted, deed);
    assert.equal(mustBe(await change({ what: "own" })).owner, WHO.by);
    assert.equal(mustBe(await change({ what: "own", owner: "李工" })).owner, "李工");
    assert.equal(mustBe(await change({ what: "note", note: "等 HIS 修复" })).note, "等 HIS 修复");
    assert.equal(codeOf(await change({ what: "snooze", untilMs: Date.now() - 1 })), "SNOOZE_PAST");
    assert.equal(mustBe(await change({ what: "snooze", untilMs: Date.now() + 3_600_000 })).snoozed, true);
    assert.equal((await groups({ code: "L2" })).length, 0);
    assert.equal((await groups({ code: "L2", snoozed: true })).length, 1);
    const back = mustBe(await change({ what: "unsnooze" }));
    assert.deepEqual([back.snoozed, back.owner, back.note], [false, "李工", "等 HIS 修复"]);
    assert.deepEqual(
      (await auditOf(world, id)).map((one) => one.action),
      ["own", "own", "note", "snooze", "unsnooze"],
    );
    assert.equal(codeOf(await change({ what: "own" }, { by: "王工" })), "REASON_REQUIRED");
    assert.equal(codeOf(await world.operations.failures.get("none")), "UNKNOWN_FAILURE_GROUP");
  });

  test("a partner that says something new each time fills no list: beyond a number its failures are one group", async () => {
    await world.sql(
      `insert into failure_group (id, of, partner, code, reason, first_at, last_at, items, failures, example_id, example)
        select 'full' || i, 'write-backs', 'his', 'FULL', 'r' || i, now(), now(), 0, 0, gen_random_uuid(), 'x' from generate_series(1, 1000) as i`,
    );
    await failing("F-FULL-1", "something new", "park", "N1");
    await failing("F-FULL-2", "something else", "park", "N2");
    const [other, ...more] = await groups({ partner: "his", code: "OTHER" });
    assert.deepEqual([other?.open, more.length], [2, 0]);
    assert.equal((await groups({ code: "N1" })).length, 0);
    await failing("F-FULL-3", "单据 B20261121937 不存在，金额 170.00");
    assert.ok((await groups({ partner: "his", code: "E7" })).length > 0, "what is known goes on being told apart");
    await world.sql("delete from failure_group where id like 'full%'");
  });

  test("pages in one order, most open first", async () => {
    const all = await groups({ all: true });
    const first = mustBe(await world.operations.failures.list({ all: true, limit: 2 }));
    const second = mustBe(await world.operations.failures.list({ all: true, limit: 100, after: first.after ?? "" }));
    assert.deepEqual(
      [...first.items, ...second.items].map((one) => one.id),
      all.map((one) => one.id),
    );
  });
});
