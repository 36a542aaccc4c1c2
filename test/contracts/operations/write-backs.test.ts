/** Write-backs in a person's hands, the audit, and a server that goes away (issue 2; C-7). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { WriteBackFilter } from "../../../domain/operations/ports.ts";
import { eventTextOf } from "../../../platform/postgres/packed.ts";
import { auditOf, codeOf, DAY, mustBe, operationsWorld, parkedMessage, parkedWriteBack, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

const deed = { by: "王工", reason: "测试重放" };
const stateOf = async (id: string): Promise<string | undefined> =>
  (await world.sql<{ state: string }>("select state from write_back where id = $1", [id]))[0]?.state;

describe("C-7 a write-back in a person's hands", () => {
  test("found by bill, state, destination, key, serial of its message, id", async () => {
    const id = await parkedWriteBack(world, "W-FIND");
    const [row] = await world.sql<{ key: string; message_id: string }>("select key, message_id from write_back where id = $1", [id]);
    const filters: WriteBackFilter[] = [
      { keys: ["W-FIND"] },
      { keys: [id] },
      { keys: [row?.key ?? ""] },
      { keys: [row?.message_id ?? ""] },
      { keys: ["W-FIND"], state: "parked", destination: "his", kind: "payment-confirm", businessDate: DAY },
    ];
    for (const filter of filters)
      assert.deepEqual(
        mustBe(await world.operations.writeBacks(filter)).items.map((one) => one.id),
        [id],
        JSON.stringify(filter),
      );
    assert.deepEqual(mustBe(await world.operations.writeBacks({ keys: ["W-FIND"], state: "waiting" })).items, []);
    const detail = mustBe(await world.operations.writeBack(id));
    assert.equal(detail.writeBack.parked?.code, "REJECTED");
    assert.equal(detail.body?.text, "<confirm/>");
    assert.deepEqual(
      detail.attempts.map(({ n, outcome, step, reply }) => ({ n, outcome, step, reply: reply?.text })),
      [{ n: 1, outcome: "rejected", step: "park", reply: "<no/>" }],
    );
    assert.deepEqual(detail.allowed, { replay: "ask", resolve: true, cancel: true });
  });

  test("replay asks first where the partner can be asked", async () => {
    const id = await parkedWriteBack(world, "W-ASK");
    const done = mustBe(await world.operations.replayWriteBack(id, deed));
    assert.deepEqual([done.state, done.action], ["waiting", "ask"]);
    assert.deepEqual(world.told.after.at(-1)?.destinations, ["his"], "the dispatcher is told");
    const claim = (await world.claim("his")).find((one) => one.id === id);
    assert.deepEqual([claim?.action, claim?.because], ["ask", "replay"]);
    const busy = await world.operations.replayWriteBack(id, deed);
    assert.deepEqual([codeOf(busy), busy.ok ? "" : busy.state], ["IN_FLIGHT", "sending"]);
    const [row] = await auditOf(world, id);
    assert.deepEqual([row?.action, row?.before.state, row?.after.state], ["replay", "parked", "waiting"]);
    assert.equal(mustBe(await world.operations.writeBack(id)).writeBack.replays, 1);
  });

  test("replay where nobody can be asked needs the person to have looked", async () => {
    const id = await parkedWriteBack(world, "W-LOOK", "old", true);
    assert.equal(codeOf(await world.operations.replayWriteBack(id, deed)), "CONFIRM_REQUIRED");
    assert.equal(codeOf(await world.operations.replayWriteBack(id, { by: "王工", confirmedChecked: true })), "REASON_REQUIRED");
    assert.equal(mustBe(await world.operations.replayWriteBack(id, { ...deed, confirmedChecked: true })).action, "send");
    assert.equal(mustBe(await world.operations.writeBack(id)).writeBack.mayHaveTakenEffect, true, "doubt is kept");
  });

  test("done by hand: receipt, event and audit in one transaction, the lane goes on", async () => {
    const first = await parkedWriteBack(world, "W-HAND");
    const second = (await world.pay("W-HAND")).writeBackId;
    assert.equal(await stateOf(second), "queued");
    const resolve = { ...deed, decision: "done-by-hand" as const };
    assert.equal(codeOf(await world.operations.resolveWriteBack(first, resolve)), "RECEIPT_REQUIRED");
    const before = world.told.after.length;
    assert.equal(mustBe(await world.operations.resolveWriteBack(first, { ...resolve, hisReceiptNo: "HIS-7788" })).state, "resolved");
    assert.equal(await stateOf(second), "waiting", "the next of the lane is its head");
    const done = world.told.after.at(-1);
    assert.equal(world.told.after.length, before + 1);
    assert.deepEqual(done?.destinations, ["his"]);
    assert.equal(done?.outbox[0]?.event.type, "writeback.resolved");
    const stored = await world.sql<{ id: string; body: Buffer }>(
      "select e.id, e.body from outbox o join event e on e.message_id = o.message_id and e.id = o.event_id where o.event_id = $1",
      [done?.outbox[0]?.event.id],
    );
    const { data } = JSON.parse(stored[0] ? eventTextOf(stored[0]) : "{}") as { data: Record<string, unknown> };
    assert.deepEqual([data.decision, data.hisReceiptNo, data.by, data.reason], ["done-by-hand", "HIS-7788", { name: "王工" }, "测试重放"]);
    const { writeBack, actions } = mustBe(await world.operations.writeBack(first));
    assert.deepEqual([writeBack.how, writeBack.hisReceiptNo, writeBack.resolvedBy], ["person", "HIS-7788", "王工"]);
    assert.deepEqual(
      actions.map((one) => one.action),
      ["resolve"],
    );
    assert.equal(codeOf(await world.operations.resolveWriteBack(first, { ...resolve, hisReceiptNo: "X" })), "ALREADY_CLOSED");
    assert.equal(codeOf(await world.operations.replayWriteBack(first, deed)), "ALREADY_CLOSED");
  });

  test("cancelling one in doubt needs the person to have looked; a queued one leaves its lane alone", async () => {
    const first = await parkedWriteBack(world, "W-CANCEL", "his", true);
    const second = (await world.pay("W-CANCEL")).writeBackId;
    const third = (await world.pay("W-CANCEL")).writeBackId;
    const cancel = { ...deed, decision: "cancelled" as const };
    assert.equal(codeOf(await world.operations.replayWriteBack(second, deed)), "NOT_HEAD");
    assert.equal(mustBe(await world.operations.resolveWriteBack(second, cancel)).state, "resolved");
    assert.deepEqual([await stateOf(first), await stateOf(third)], ["parked", "queued"]);
    assert.equal(codeOf(await world.operations.resolveWriteBack(first, cancel)), "CONFIRM_REQUIRED");
    mustBe(await world.operations.resolveWriteBack(first, { ...cancel, confirmedChecked: true }));
    assert.deepEqual([await stateOf(first), await stateOf(third)], ["resolved", "waiting"]);
  });

  test("two people at once: one deed, the other is told the present state", async () => {
    const id = await parkedWriteBack(world, "W-RACE");
    const resolve = { ...deed, decision: "done-by-hand" as const, hisReceiptNo: "H1" };
    const answers = await Promise.all([1, 2, 3, 4].map(() => world.operations.resolveWriteBack(id, resolve)));
    assert.deepEqual(answers.map(codeOf).sort(), ["ALREADY_CLOSED", "ALREADY_CLOSED", "ALREADY_CLOSED", "ok"]);
    assert.equal((await auditOf(world, id)).length, 1);
    const events = await world.sql(
      "select e.id from event e join write_back w on w.message_id = e.message_id where e.type = 'writeback.resolved' and w.id = $1",
      [id],
    );
    assert.equal(events.length, 1);
  });

  test("a row that a worker holds at this instant is in flight, not waited for", async () => {
    const id = await parkedWriteBack(world, "W-HELD");
    const client = await world.postgres.pool.connect();
    try {
      await client.query("begin");
      await client.query("select 1 from write_back where id = $1 for update", [id]);
      assert.equal(codeOf(await world.operations.replayWriteBack(id, deed)), "IN_FLIGHT");
    } finally {
      await client.query("rollback");
      client.release();
    }
  });
});

describe("the audit", () => {
  test("is paged, filtered, and nobody can change it", async () => {
    const id = await parkedMessage(world);
    await world.operations.resolveMessage(id, { by: "李工", reason: "对方作废" });
    const [row] = mustBe(await world.operations.audit({ who: "李工" })).items;
    assert.deepEqual([row?.action, row?.targetKind, row?.targetId, row?.reason], ["resolve", "message", id, "对方作废"]);
    const first = mustBe(await world.operations.audit({ limit: 1 }));
    const second = mustBe(await world.operations.audit({ limit: 1, after: first.after ?? "" }));
    assert.ok(Number(first.items[0]?.id) > Number(second.items[0]?.id));
    for (const text of ["update operator_action set who = 'x'", "delete from operator_action", "truncate operator_action"]) {
      await assert.rejects(world.sql(text), /append-only/);
    }
  });
});

describe("a database that is gone", () => {
  for (const where of ["before", "after"] as const) {
    test(`a deed whose COMMIT was cut ${where} it was done is done once`, async () => {
      const cut = await operationsWorld({ wire: true });
      try {
        const { writeBackId } = await cut.pay("G-CUT");
        cut.wire?.cutNextCommit(where);
        const done = mustBe(await cut.operations.replayWriteBack(writeBackId, deed));
        assert.equal(cut.wire?.cuts(), 1);
        assert.equal(done.state, "waiting");
        const rows = await cut.sql<{ replays: number }>("select replays from write_back where id = $1", [writeBackId]);
        assert.equal(rows[0]?.replays, 1);
        assert.equal((await cut.sql("select 1 from operator_action")).length, 1);
      } finally {
        await cut.close();
      }
    });
  }

  test("is an answer, not an exception", async () => {
    const lost = await operationsWorld({ wire: true });
    const id = (await lost.pay("G-1")).writeBackId;
    lost.wire?.shut();
    const answers = [
      await lost.operations.messages({}),
      await lost.operations.message(id),
      await lost.operations.status(),
      await lost.operations.replayWriteBack(id, deed),
      await lost.operations.totals({ businessDate: DAY }),
    ];
    assert.deepEqual(
      answers.map(codeOf),
      answers.map(() => "STORE_GONE"),
    );
    assert.equal((await lost.operations.sample()).services.postgres.up, false);
    lost.wire?.open();
    await lost.close();
  });
});
