/** A63: a superuser changes an amount that was owed. What the partner's receipts say stays as it was, so the day's totals disagree, and the alarm `totals-differ` follows from them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY, mustBe, operationsWorld } from "../contracts/operations/world.ts";

test("A63 an acknowledged amount that was changed by SQL is found by the totals of its day", async () => {
  const world = await operationsWorld();
  try {
    for (const bill of ["B-A63-1", "B-A63-2"]) {
      const { writeBackId } = await world.pay(bill);
      const claim = (await world.claim("his")).find((one) => one.id === writeBackId);
      assert.ok(claim);
      await world.finish(claim, { outcome: "acknowledged", step: "finish", receipt: { code: "0", amountFen: 1650n }, how: "reply" });
    }
    const before = mustBe(await world.operations.totals({ businessDate: DAY }));
    assert.equal(before.balanced, true);
    await world.sql("update write_back set amount_fen = 165 where id = (select id from write_back order by id limit 1)");
    const after = mustBe(await world.operations.totals({ businessDate: DAY }));
    assert.equal(after.balanced, false);
    assert.ok(
      after.rows.some((row) => row.partner === "his" && !row.balanced),
      JSON.stringify(after.rows),
    );
  } finally {
    await world.close();
  }
});
