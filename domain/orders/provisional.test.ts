/** Two phases: a provisional settlement never marks a bill paid, whatever comes before or after it (S4-10). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { billReversed, orderFacts, reversalOf } from "./facts.ts";
import { applyChange, type Bill, billCovered, billTotal, emptyBill, isPaid, type OrderChange, orderChangesOf } from "./rules.ts";

const bill = "bill:DJ0001";
const provisional: OrderChange = {
  kind: "insured",
  bill,
  settlementNo: "S",
  total: 9250n,
  covered: 7600n,
  provisional: true,
  eventId: "e1",
};
const committed: OrderChange = { kind: "insurance-confirmed", bill, settlementNo: "S", committed: true, eventId: "e2" };
const rolledBack: OrderChange = { ...committed, committed: false };
const refund: OrderChange = { kind: "insurance-reversed", bill, settlementNo: "S" };
const charged: OrderChange = { kind: "charged", bill, chargeNo: "C", amount: 9250n };
const paid: OrderChange = { kind: "paid", bill, paymentNo: "P", amount: 1650n };
const after = (...changes: readonly OrderChange[]): Bill => changes.reduce(applyChange, emptyBill(bill));

const ROWS: readonly {
  readonly name: string;
  readonly changes: readonly OrderChange[];
  readonly paid: boolean;
  readonly covered: bigint;
}[] = [
  { name: "provisional alone", changes: [provisional], paid: false, covered: 0n },
  { name: "provisional and the patient's part", changes: [charged, provisional, paid], paid: false, covered: 1650n },
  { name: "confirmed", changes: [charged, provisional, committed, paid], paid: true, covered: 9250n },
  { name: "confirmed after the payment", changes: [charged, provisional, paid, committed], paid: true, covered: 9250n },
  { name: "confirmed before it came", changes: [charged, committed, paid, provisional], paid: true, covered: 9250n },
  { name: "confirmed twice", changes: [charged, provisional, committed, committed, paid], paid: true, covered: 9250n },
  { name: "told again after it was confirmed", changes: [charged, provisional, committed, provisional, paid], paid: true, covered: 9250n },
  { name: "rolled back", changes: [charged, provisional, rolledBack, paid], paid: false, covered: 1650n },
  {
    name: "refunded while provisional, confirmed afterwards",
    changes: [charged, provisional, refund, committed, paid],
    paid: false,
    covered: 1650n,
  },
  { name: "confirmed, then refunded", changes: [charged, provisional, committed, paid, refund], paid: false, covered: 1650n },
  {
    name: "another one confirmed",
    changes: [charged, provisional, { ...committed, settlementNo: "T" }, paid],
    paid: false,
    covered: 1650n,
  },
];
for (const row of ROWS)
  test(`S4-10 ${row.name}: ${row.paid ? "paid" : "not paid"}`, () => {
    const now = after(...row.changes);
    assert.equal(isPaid(now), row.paid);
    assert.equal(billCovered(now), row.covered);
  });

test("S4-10 whatever the order and however often, without a commit a provisional settlement covers nothing", () => {
  const any = fc.array(fc.constantFrom(provisional, charged, paid, refund, rolledBack), { maxLength: 12 });
  fc.assert(
    fc.property(any, (changes) => {
      const now = after(...changes);
      assert.equal(Object.keys(now.insurance).length, 0);
      assert.equal(isPaid(now) && billTotal(now) === 9250n, false);
    }),
  );
});

test("a confirm that names only the number finds its bill and what it came to", () => {
  const event = { type: "insurance.confirmed", data: { settlementNo: "S", result: "commit" } };
  const change = reversalOf(event);
  assert.deepEqual(change, { kind: "insurance-confirmed", bill: "serial:S", settlementNo: "S", committed: true });
  const known = after(provisional);
  assert.ok(change);
  assert.equal(billReversed(change, emptyBill("serial:S"), [known]), known);
  assert.deepEqual(orderFacts(change, known), { key: bill, told: { bill: "DJ0001", amount: "9250" } });
  assert.deepEqual(orderChangesOf({ ...event, data: { ...event.data, result: "rollback" } })[0], { ...change, committed: false });
});
