import assert from "node:assert/strict";
import { test } from "node:test";
import { applyChange, type Bill, emptyBill, isPaid, type OrderChange } from "../../domain/orders/rules.ts";
import { billOfBook, bookOf } from "./bill-book.ts";

const bill = "bill:DJ1";
const changes: readonly OrderChange[] = [
  { kind: "charged", bill, chargeNo: "CF1", amount: 9250n },
  { kind: "charge-cancelled", bill, cancelNo: "TF1", chargeNo: "CF1", amount: 1250n },
  { kind: "insured", bill, settlementNo: "S1", requestNo: "R1", total: 8000n, covered: 6350n },
  { kind: "insured", bill, settlementNo: "S2", total: 1n, covered: 1n },
  { kind: "insurance-reversed", bill, settlementNo: "S2" },
  { kind: "insured", bill, settlementNo: "S3", requestNo: "R3", total: 5n, covered: 4n, provisional: true },
  { kind: "insured", bill, settlementNo: "S4", total: 7n, covered: 7n, provisional: true },
  { kind: "insurance-confirmed", bill, settlementNo: "S3", committed: true },
  { kind: "insurance-confirmed", bill, settlementNo: "S5", committed: true },
  { kind: "paid", bill, paymentNo: "ZF1", amount: 1650n, billTotal: 8000n },
  { kind: "refunded", bill, refundNo: "TK1", amount: 100n },
];
const stored = (one: Bill): Bill => billOfBook(one.key, JSON.parse(bookOf(one)));

test("S4-10 a bill is the same bill after it was stored, whatever is in its book", () => {
  let book = emptyBill(bill);
  for (const change of changes) {
    book = applyChange(book, change);
    assert.deepEqual(stored(book), book, change.kind);
  }
});

test("S4-10 a stored settlement is found by its request number: reversed, the bill is not paid", () => {
  const insured: OrderChange = { kind: "insured", bill, settlementNo: "S1", requestNo: "R1", total: 8000n, covered: 8000n };
  const paid = stored(applyChange(emptyBill(bill), insured));
  assert.equal(isPaid(paid), true);
  assert.equal(isPaid(applyChange(paid, { kind: "insurance-reversed", bill, requestNo: "R1" })), false);
});
