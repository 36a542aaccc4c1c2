import assert from "node:assert/strict";
import { test } from "node:test";
import { billWanted, orderFacts } from "./facts.ts";
import { applyChange, emptyBill, type OrderChange } from "./rules.ts";

const bill = "bill:DJ1";
const charged: OrderChange = { kind: "charged", bill, chargeNo: "CF1", amount: 9250n };
const first: OrderChange = { kind: "insured", bill, settlementNo: "S1", requestNo: "R1", total: 9250n, covered: 7600n };
const second: OrderChange = { kind: "insured", bill, settlementNo: "S2", total: 100n, covered: 100n };
const book = (...changes: readonly OrderChange[]) => changes.reduce(applyChange, emptyBill(bill));
const reversed = (more: object = {}) => ({ type: "insurance.reversed", data: { bills: [{ no: "DJ1" }], ...more } });

const table = [
  { name: "named by the bill alone: the one settlement that holds", book: book(charged, first), event: reversed(), amount: "9250" },
  {
    name: "named by the request number",
    book: book(first, second),
    event: reversed({ original: { requestMessageNo: "R1" } }),
    amount: "9250",
  },
  {
    name: "named by the settlement number",
    book: book(first, second),
    event: reversed({ original: { settlementNo: "S2" } }),
    amount: "100",
  },
  { name: "of several none is guessed", book: book(first, second), event: reversed(), amount: undefined },
  {
    name: "an unknown settlement has no amount",
    book: book(charged),
    event: reversed({ original: { settlementNo: "S9" } }),
    amount: undefined,
  },
] as const;

for (const row of table)
  test(`S4-10 what a reversal takes back, ${row.name}`, () => {
    assert.equal(billWanted(row.event), bill);
    assert.equal(orderFacts(row.event, row.book).amount, row.amount);
  });

test("an event that tells its amounts asks nobody", () => {
  assert.equal(billWanted(reversed({ amounts: { total: "1" } })), undefined);
  assert.equal(billWanted({ type: "charge.posted", data: { bills: [{ no: "DJ1" }], chargeNo: "CF1", total: "1" } }), undefined);
});
