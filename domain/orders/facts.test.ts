import assert from "node:assert/strict";
import { test } from "node:test";
import { billReversed, onBill, orderFacts, reversalOf, settledFacts, toSettle, wantsFacts } from "./facts.ts";
import { applyChange, emptyBill, isPaid, type OrderChange } from "./rules.ts";

const bill = "bill:DJ1";
const charged: OrderChange = { kind: "charged", bill, chargeNo: "CF1", amount: 9250n };
const first: OrderChange = { kind: "insured", bill, settlementNo: "S1", requestNo: "R1", total: 9250n, covered: 7600n };
const second: OrderChange = { kind: "insured", bill, settlementNo: "S2", total: 100n, covered: 100n };
const book = (...changes: readonly OrderChange[]) => changes.reduce(applyChange, emptyBill(bill));
const none = emptyBill("visit:MZ1");
const byBill = { bills: [{ no: "DJ1" }] };
const byVisit = { visit: { no: "MZ1" } };
const reversed = (data: object) => reversalOf({ type: "insurance.reversed", data: data as never });

const table = [
  { name: "named by the bill alone: the one settlement that holds", named: book(charged, first), found: [], data: byBill, amount: "9250" },
  {
    name: "the same again, in a replay",
    named: book(first, { kind: "insurance-reversed", bill }),
    found: [],
    data: byBill,
    amount: "9250",
  },
  {
    name: "by the request number",
    named: book(first, second),
    found: [],
    data: { ...byBill, original: { requestMessageNo: "R1" } },
    amount: "9250",
  },
  {
    name: "by the settlement number",
    named: book(first, second),
    found: [],
    data: { ...byBill, original: { settlementNo: "S2" } },
    amount: "100",
  },
  {
    name: "a 冲正 that tells a visit finds the bill by its number",
    named: none,
    found: [book(first)],
    data: { ...byVisit, original: { requestMessageNo: "R1" } },
    amount: "9250",
  },
  { name: "of several none is guessed", named: book(first, second), found: [], data: byBill, amount: undefined },
  { name: "without a number another bill is not looked at", named: none, found: [book(first)], data: byVisit, amount: undefined },
  {
    name: "an unknown number is nobody's",
    named: book(charged),
    found: [book(first)],
    data: { ...byBill, original: { settlementNo: "S9" } },
    amount: undefined,
  },
] as const;

for (const { name, named, found, data, amount } of table)
  test(`S4-10 what a reversal takes back, ${name}`, () => {
    const reversal = reversed(data);
    assert.ok(reversal);
    const known = billReversed(reversal, named, found);
    assert.equal(known && orderFacts(reversal, known).told.amount, amount);
  });

test("S4-10 the bill that a 冲正 takes back is not paid any more", () => {
  const reversal = reversed({ ...byVisit, original: { requestMessageNo: "R1" } });
  assert.ok(reversal);
  const paid = book({ ...first, covered: 9250n });
  const facts = orderFacts(reversal, paid);
  assert.deepEqual(facts, { key: bill, told: { bill: "DJ1", amount: "9250", billTotal: "9250" } });
  assert.equal(isPaid(paid), true);
  assert.equal(isPaid(applyChange(paid, onBill(reversal, facts))), false);
  assert.equal(onBill(reversal, undefined), reversal);
});

test("other events ask nobody", () => {
  assert.equal(reversalOf({ type: "charge.posted", data: { ...byBill, chargeNo: "CF1", total: "1" } as never }), undefined);
});

test("a bill that somebody wants settled tells the settlement that stands, the provisional one included; a reversed one is none", () => {
  const asked = (step: string) => ({ type: "insurance.requested", data: { ...byBill, step } as never });
  assert.deepEqual(
    ["presettle", "settle", "cancel", "refund"].map((step) => toSettle(asked(step))?.bill),
    [bill, bill, undefined, undefined],
  );
  assert.equal(toSettle({ type: "insurance.settled", data: byBill as never }), undefined);
  assert.ok(wantsFacts(asked("presettle")) && !wantsFacts(asked("cancel")));
  assert.equal(settledFacts(book(charged)), undefined);
  assert.equal(settledFacts(book(first, { kind: "insurance-reversed", bill, settlementNo: "S1" })), undefined);
  assert.deepEqual(settledFacts(book(charged, first)), { key: bill, told: { settlementNo: "S1" } });
  assert.deepEqual(settledFacts(book({ ...first, provisional: true })), { key: bill, told: { settlementNo: "S1" } });
});

test("an insurer that knows visits alone told of the visit: a request that names bill and visit hears of both books", () => {
  const data = { ...byBill, ...byVisit, step: "settle" };
  assert.deepEqual(toSettle({ type: "insurance.requested", data: data as never }), { bill, visit: "visit:MZ1" });
  const visit = applyChange(none, { ...first, bill: "visit:MZ1" } as OrderChange);
  assert.deepEqual(settledFacts(book(charged), visit), { key: bill, told: { visitSettlementNo: "S1" } });
  assert.deepEqual(settledFacts(book({ ...first, settlementNo: "S9" } as OrderChange), visit)?.told, {
    settlementNo: "S9",
    visitSettlementNo: "S1",
  });
  const undone = applyChange(visit, { kind: "insurance-reversed", bill: "visit:MZ1", settlementNo: "S1" });
  assert.equal(settledFacts(book(charged), undone), undefined);
});
