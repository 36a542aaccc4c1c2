import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applyChange,
  billCovered,
  billTotal,
  emptyBill,
  isGivenBack,
  isPaid,
  type OrderChange,
  orderChangesOf,
  orderKey,
} from "./rules.ts";

const bill = "bill:DJ1";
const book = (...changes: OrderChange[]) => changes.reduce(applyChange, emptyBill(bill));

const charged: OrderChange = { kind: "charged", bill, chargeNo: "CF1", amount: 9250n };
const insured: OrderChange = { kind: "insured", bill, settlementNo: "S1", total: 9250n, covered: 7600n };
const paid: OrderChange = { kind: "paid", bill, paymentNo: "P1", amount: 1650n };

const table: readonly { name: string; changes: OrderChange[]; total: bigint | undefined; covered: bigint; paid: boolean }[] = [
  { name: "nothing known is never paid", changes: [], total: undefined, covered: 0n, paid: false },
  { name: "a charge alone is not paid", changes: [charged], total: 9250n, covered: 0n, paid: false },
  { name: "insurance parts alone do not cover the bill", changes: [charged, insured], total: 9250n, covered: 7600n, paid: false },
  {
    name: "insurance parts plus captured payment equal the bill",
    changes: [charged, insured, paid],
    total: 9250n,
    covered: 9250n,
    paid: true,
  },
  { name: "the order of arrival does not matter", changes: [paid, insured, charged], total: 9250n, covered: 9250n, paid: true },
  {
    name: "the same facts again count once",
    changes: [charged, insured, paid, charged, insured, paid],
    total: 9250n,
    covered: 9250n,
    paid: true,
  },
  {
    name: "a fen too little is not paid",
    changes: [charged, insured, { ...paid, amount: 1649n }],
    total: 9250n,
    covered: 9249n,
    paid: false,
  },
  {
    name: "a fen too much is not paid either",
    changes: [charged, insured, { ...paid, amount: 1651n }],
    total: 9250n,
    covered: 9251n,
    paid: false,
  },
  {
    name: "a reversed settlement no longer covers",
    changes: [charged, insured, paid, { kind: "insurance-reversed", bill, settlementNo: "S1" }],
    total: 9250n,
    covered: 1650n,
    paid: false,
  },
  {
    name: "a reversal that names only the request (冲正) finds its settlement",
    changes: [charged, { ...insured, requestNo: "Q1" }, paid, { kind: "insurance-reversed", bill, requestNo: "Q1" }],
    total: 9250n,
    covered: 1650n,
    paid: false,
  },
  {
    name: "a reversal of something we never settled changes nothing",
    changes: [charged, insured, paid, { kind: "insurance-reversed", bill, settlementNo: "other" }],
    total: 9250n,
    covered: 9250n,
    paid: true,
  },
  {
    name: "a reversal that overtook its settlement still reverses it",
    changes: [charged, { kind: "insurance-reversed", bill, settlementNo: "S1" }, insured, paid],
    total: 9250n,
    covered: 1650n,
    paid: false,
  },
  {
    name: "a settlement told again (a replay) does not undo its reversal",
    changes: [charged, insured, paid, { kind: "insurance-reversed", bill, settlementNo: "S1" }, insured],
    total: 9250n,
    covered: 1650n,
    paid: false,
  },
  {
    name: "a charge that is late does not make the rest count as the whole bill (told by the payment)",
    changes: [
      { ...charged, amount: 5000n },
      { ...paid, amount: 5000n, billTotal: 9250n },
    ],
    total: 9250n,
    covered: 5000n,
    paid: false,
  },
  {
    name: "a charge that is late does not make the rest count as the whole bill (told by the insurer)",
    changes: [{ ...charged, amount: 7600n }, insured],
    total: 9250n,
    covered: 7600n,
    paid: false,
  },
  {
    name: "once the late charge is here the bill is what was told",
    changes: [
      { ...charged, amount: 5000n },
      { ...paid, amount: 9250n, billTotal: 9250n },
      { kind: "charged", bill, chargeNo: "CF2", amount: 4250n },
    ],
    total: 9250n,
    covered: 9250n,
    paid: true,
  },
  {
    name: "a payment after a partial cancel tells the rest, and pays it",
    changes: [
      charged,
      { kind: "charge-cancelled", bill, cancelNo: "TF1", chargeNo: "CF1", amount: 1250n },
      { ...paid, amount: 8000n, billTotal: 8000n },
    ],
    total: 8000n,
    covered: 8000n,
    paid: true,
  },
  {
    name: "a refund takes the payment back",
    changes: [charged, insured, paid, { kind: "refunded", bill, refundNo: "R1", amount: 1650n }],
    total: 9250n,
    covered: 7600n,
    paid: false,
  },
  {
    name: "a partial cancel with its refund leaves the bill paid",
    changes: [
      charged,
      { ...paid, amount: 9250n },
      { kind: "charge-cancelled", bill, cancelNo: "TF1", chargeNo: "CF1", amount: 1250n },
      { kind: "refunded", bill, refundNo: "R1", amount: 1250n },
    ],
    total: 8000n,
    covered: 8000n,
    paid: true,
  },
  {
    name: "without a charge the payment's own word for the bill counts",
    changes: [{ ...paid, amount: 18850n, billTotal: 18850n }],
    total: 18850n,
    covered: 18850n,
    paid: true,
  },
  {
    name: "without a charge the insurer's total counts, not the payment's",
    changes: [insured, { ...paid, billTotal: 1650n }],
    total: 9250n,
    covered: 9250n,
    paid: true,
  },
  {
    name: "one order paid twice (two transactions under one number) is two payments, so the bill is not simply paid",
    changes: [charged, insured, { ...paid, transactions: ["T1"] }, { ...paid, transactions: ["T2"] }],
    total: 9250n,
    covered: 10900n,
    paid: false,
  },
  { name: "a payment whose bill nobody told is not paid", changes: [paid], total: undefined, covered: 1650n, paid: false },
];

for (const row of table)
  test(`S4-10 ${row.name}`, () => {
    const result = book(...row.changes);
    assert.equal(billTotal(result), row.total);
    assert.equal(billCovered(result), row.covered);
    assert.equal(isPaid(result), row.paid);
  });

test("a bill's key is its bill number, else its visit, else unknown", () => {
  assert.equal(orderKey({ bills: [{ no: "DJ1" }], visit: { no: "MZ1" } }), "bill:DJ1");
  assert.equal(orderKey({ visit: { no: "MZ1" } }), "visit:MZ1");
  assert.equal(orderKey({}), undefined);
});

test("events that move no money change no bill", () => {
  const data = {
    bills: [{ no: "DJ1" }],
    occurredAt: "2026-11-20T09:22:00+08:00",
    settlementNo: "S",
    phase: "provisional",
    amounts: { total: "9250", cash: "1650" },
  };
  for (const type of ["insurance.rejected", "statement.received", "insurance.presettled", "insurance.requested", "insurance.unclear"])
    assert.deepEqual(orderChangesOf({ type, data }), [], type);
  assert.deepEqual(orderChangesOf({ type: "insurance.settled", data }), [
    { kind: "insured", bill, settlementNo: "S", total: 9250n, covered: 7600n, provisional: true },
  ]);
  assert.deepEqual(orderChangesOf({ type: "insurance.settled", data: { ...data, phase: "final" } }), [
    { kind: "insured", bill, settlementNo: "S", total: 9250n, covered: 7600n },
  ]);
});

const told: OrderChange = { ...paid, transactions: ["T1"], eventId: "e1" };
const refund: OrderChange = { kind: "refunded", bill, refundNo: "R1", amount: 1650n, paymentNo: "P1" };
const givenBack: readonly { name: string; changes: OrderChange[]; given: boolean }[] = [
  { name: "a payment that stands", changes: [told], given: false },
  { name: "a payment refunded in full", changes: [told, refund], given: true },
  { name: "a refund that came before its payment", changes: [refund, told], given: true },
  { name: "a payment refunded in part", changes: [told, { ...refund, amount: 1n }], given: false },
  {
    name: "a payment refunded in two parts",
    changes: [told, { ...refund, amount: 1n }, { ...refund, refundNo: "R2", amount: 1649n }],
    given: true,
  },
  { name: "another payment's refund", changes: [told, { ...refund, paymentNo: "P10" }], given: false },
  { name: "one of two payments of one order", changes: [told, { ...told, transactions: ["T2"], eventId: "e2" }, refund], given: false },
  { name: "nothing known", changes: [], given: false },
];
for (const row of givenBack)
  test(`decision 6: ${row.name} ${row.given ? "is" : "is not"} given back`, () =>
    assert.equal(isGivenBack(book(...row.changes), "e1"), row.given));

test("S4-10 a reversal that names neither bill nor visit is looked for by its number (2601, mobile refund)", () => {
  const by = (original: object) => orderChangesOf({ type: "insurance.reversed", data: { original } as never });
  assert.deepEqual(by({ requestMessageNo: "M1" }), [{ kind: "insurance-reversed", bill: "message:M1", requestNo: "M1" }]);
  assert.deepEqual(by({ settlementNo: "S1" }), [{ kind: "insurance-reversed", bill: "serial:S1", settlementNo: "S1" }]);
  assert.deepEqual(by({}), []);
});
