/** How the engine stands and whether a day's totals agree, over a real PostgreSQL (issue 2). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { codeOf, DAY, mustBe, operationsWorld, parkedMessage, parkedWriteBack, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld();
  // One in each state that totals tell apart.
  const { writeBackId } = await world.pay("S-ACK");
  const claim = (await world.claim("his")).find((one) => one.id === writeBackId);
  assert.ok(claim);
  await world.finish(claim, { outcome: "acknowledged", step: "finish", how: "reply", receipt: { code: "0", amountFen: 1650n } });
  await parkedWriteBack(world, "S-PARKED");
  const closed = await parkedWriteBack(world, "S-CLOSED");
  await world.operations.resolveWriteBack(closed, { ...deed, decision: "done-by-hand", hisReceiptNo: "H1" });
  await world.pay("S-WAITING");
  await parkedMessage(world);
});
after(() => world.close());

const deed = { by: "王工", reason: "测试重放" };

describe("how it stands", () => {
  test("destinations: backlog, age, failure, pause that outlives a restart", async () => {
    const row = async () => mustBe(await world.operations.destinations()).find((one) => one.destination === "his");
    assert.equal(codeOf(await world.operations.gates.pause("nobody", deed)), "UNKNOWN_PARTNER");
    assert.equal(codeOf(await world.operations.gates.pause("jkt", deed)), "NOT_A_DESTINATION");
    assert.equal(codeOf(await world.operations.gates.pause("his", { by: "王工" })), "REASON_REQUIRED");
    assert.equal(codeOf(await world.operations.gates.drain("his", { ...deed, minutes: 0 })), "BAD_REQUEST");
    mustBe(await world.operations.gates.drain("his", { ...deed, minutes: 5 }));
    mustBe(await world.operations.gates.pause("his", deed));
    assert.equal(world.told.refreshes, 2);
    const audited = mustBe(await world.operations.audit({ targetKind: "destination" })).items.map((one) => [one.action, one.after]);
    assert.deepEqual(audited[0], ["pause", { mode: "paused", breaker: "closed" }]);
    assert.equal(audited[1]?.[0], "drain");
    assert.ok(mustBe(await world.operations.partner("his")).paused);
    await new Promise((resolve) => setTimeout(resolve, 2_100)); // LOOK_MS
    const his = await row();
    const counted = await world.sql<{ state: string; n: number; fen: string }>(
      "select state, count(*)::integer as n, sum(amount_fen)::text as fen from write_back where destination = 'his' and state not in ('acknowledged', 'resolved') group by state",
    );
    for (const { state, n } of counted) assert.equal(his?.backlog[state as "parked"], n, state);
    assert.equal(his?.fen, counted.reduce((sum, one) => sum + BigInt(one.fen), 0n).toString());
    assert.equal(his?.paused, true);
    assert.ok((his?.oldestAgeSeconds ?? -1) >= 0);
    assert.ok(his?.lastFailure?.outcome);
    assert.ok((await row())?.known);
    assert.deepEqual([his?.gate?.mode, his?.gate?.breaker, his?.gate?.drainUntil], ["paused", "closed", undefined]);
    mustBe(await world.operations.gates.resume("his", deed));
    assert.equal(mustBe(await world.operations.partner("his")).paused, false);
  });

  test("status and sample tell counts, services, workers", async () => {
    const status = mustBe(await world.operations.status());
    assert.deepEqual(status.services, { postgres: { up: true }, broker: { up: true }, redis: { up: false, why: "ECONNREFUSED" } });
    assert.ok(status.workers.some((one) => one.id === world.postgres.worker.id && one.alive));
    const [counted] = await world.sql<{ n: number }>("select count(*)::integer as n from message where state = 'parked'");
    assert.equal(status.messages.parked, counted?.n);
    const sample = await world.operations.sample();
    assert.equal(sample.messages.parked, counted?.n);
    assert.ok(sample.outbox > 0);
  });

  test("partners are shown without secrets", async () => {
    const his = mustBe(await world.operations.partner("his"));
    assert.equal(his.destination?.url, "http://127.0.0.1:1/api");
    assert.doesNotMatch(JSON.stringify(mustBe(await world.operations.partners())), /secret|\.key/);
    assert.equal(codeOf(await world.operations.partner("nobody")), "UNKNOWN_PARTNER");
  });

  test("a search that takes too long is stopped", async () => {
    const client = await world.postgres.pool.connect();
    try {
      await client.query("begin");
      await client.query("lock table business_key in access exclusive mode");
      assert.equal(codeOf(await world.operations.messages({ keys: ["B-FIND"] })), "TOO_SLOW");
    } finally {
      await client.query("rollback");
      client.release();
    }
  });
});

describe("totals", () => {
  const outbound = async () => {
    const totals = mustBe(await world.operations.totals({ businessDate: DAY }));
    return { totals, row: totals.rows.find((one) => one.direction === "outbound" && one.partner === "his") };
  };

  test("owed = acknowledged + waiting + parked + resolved, in counts and fen", async () => {
    const { totals, row } = await outbound();
    assert.ok(row?.direction === "outbound");
    assert.equal(totals.balanced, true, JSON.stringify(totals.rows.filter((one) => !one.balanced)));
    const parts = [row.acknowledged, row.waiting, row.parked, row.resolved];
    assert.equal(
      parts.reduce((sum, one) => sum + one.count, 0),
      row.owed.count,
    );
    assert.equal(parts.reduce((sum, one) => sum + BigInt(one.fen), 0n).toString(), row.owed.fen);
    const [counted] = await world.sql<{ n: number; fen: string }>(
      "select count(*)::integer as n, sum(amount_fen)::text as fen from write_back where business_date = $1 and destination = 'his'",
      [DAY],
    );
    assert.deepEqual(row.owed, { count: counted?.n, fen: counted?.fen });
    for (const part of parts) assert.ok(part.count > 0);
    assert.deepEqual(mustBe(await world.operations.totals({ businessDate: "2020-01-01" })).rows, []);
  });

  const breakages: readonly (readonly [code: string, breaking: string, mending: string])[] = [
    [
      "RECEIPT_AMOUNT",
      `update write_back set receipt = jsonb_set(receipt, '{amountFen}', '"1649"') where state = 'acknowledged'`,
      `update write_back set receipt = jsonb_set(receipt, '{amountFen}', '"1650"') where state = 'acknowledged'`,
    ],
    [
      "NO_RECEIPT",
      "update write_back set his_receipt_no = receipt::text, receipt = null where state = 'acknowledged'",
      "update write_back set receipt = his_receipt_no::jsonb, his_receipt_no = null where state = 'acknowledged'",
    ],
    [
      "NOT_AUDITED",
      "update write_back set state = 'resolved', closed_at = owed_at, resolved_by = 'nobody' where state = 'acknowledged'",
      "update write_back set state = 'acknowledged', resolved_by = null where resolved_by = 'nobody'",
    ],
  ];
  for (const [code, breaking, mending] of breakages) {
    test(`a difference is an alarm: ${code}`, async () => {
      await world.sql(breaking);
      try {
        const { totals, row } = await outbound();
        assert.equal(totals.balanced, false);
        assert.deepEqual(
          row?.differences.map((one) => one.code),
          [code],
        );
        const alarm = world.told.logged.at(-1);
        assert.equal((alarm?.fields as { alarm?: string } | undefined)?.alarm, "totals");
        assert.deepEqual(world.told.unbalanced.at(-1), { day: DAY, kind: "payment-confirm", differences: 1 });
      } finally {
        await world.sql(mending);
      }
      assert.equal((await outbound()).totals.balanced, true);
      assert.deepEqual(world.told.unbalanced.at(-1), { day: DAY, kind: "payment-confirm", differences: 0 }, "and is taken back");
    });
  }

  test("a write-back or a message that vanished is an alarm", async () => {
    const paid = await world.pay("T-GONE");
    await world.sql("delete from write_back where id = $1", [paid.writeBackId]);
    await world.sql("delete from message where id = $1", [paid.messageId]);
    const today = (await world.postgres.now()).day;
    const wrong = mustBe(await world.operations.totals({ businessDate: today })).rows.filter((one) => !one.balanced);
    assert.deepEqual(
      wrong.map((one) => [one.direction, one.differences[0]?.code, one.differences[0]?.count]),
      [
        ["inbound", "VANISHED", 1],
        ["outbound", "VANISHED", 1],
      ],
    );
  });
});
