/** The day's oracle sees what it must see: each change of one line of a clean day's ledgers is a finding. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judgeDay } from "./day-oracle.ts";
import { planDay } from "./day/plan.ts";
import type { LedgerLine } from "./ledger.ts";

const line = (more: Partial<LedgerLine>): LedgerLine => ({
  at: "2026-11-20T09:00:00.000+08:00",
  partner: "his",
  key: "K",
  kind: "charge",
  order: "DJ1",
  amount: "1000",
  effect: true,
  answer: "0",
  raw: "",
  ...more,
});
const INSURED = { fund: "600", account: "200", cash: "200" };
const CLEAN: Readonly<Record<string, readonly LedgerLine[]>> = {
  emr: [line({ partner: "emr", kind: "prescription", sent: true, answer: "202" })],
  his: [
    line({ kind: "settle", sent: true, insured: INSURED }),
    line({ kind: "insurance-result", action: "settle", raw: "<Fund>6.00</Fund><Account>2.00</Account><Cash>2.00</Cash>" }),
    line({ kind: "payment", sent: true, amount: "200" }),
    line({ kind: "payment-confirm", amount: "200" }),
    line({ kind: "cancel", sent: true, insured: INSURED }),
    line({ kind: "insurance-result", action: "reverse" }),
    line({ kind: "refund", sent: true, amount: "200" }),
    line({ kind: "refund-confirm", amount: "200" }),
  ],
  pharmacy: [
    line({ partner: "pharmacy", kind: "prescription-paid" }),
    line({ partner: "pharmacy", kind: "dispensing", sent: true, raw: '{"refundRequest":"TY1"}' }),
  ],
};
const judge = (ledgers: Readonly<Record<string, readonly LedgerLine[]>>) => judgeDay(new Map(Object.entries(ledgers)));

describe("the day's oracle", () => {
  test("a clean day has no finding", () => assert.deepEqual(judge(CLEAN).findings, []));

  for (const [partner, lines] of Object.entries(CLEAN))
    for (const [index, one] of lines.entries()) {
      const what = `${partner} ${one.kind}${one.sent === true ? " sent" : ""} ${one.action ?? ""}`;
      const without = { ...CLEAN, [partner]: lines.filter((_, at) => at !== index) };
      const other = {
        ...CLEAN,
        [partner]: lines.map((two, at) => (at === index ? { ...two, amount: String(BigInt(two.amount ?? "0") + 1n) } : two)),
      };
      const twice = { ...CLEAN, [partner]: [...lines, one] };
      if (!(partner === "pharmacy" && one.sent === true))
        test(`${what}: missing is a finding`, () => assert.equal(judge(without).clean, false));
      test(`${what}: a fen more is a finding`, () => assert.equal(judge(other).clean, false));
      test(`${what}: twice is a finding`, () => assert.equal(judge(twice).clean, false));
    }

  test("an attempt that was not acknowledged counts for nothing", () => {
    const his = [...(CLEAN.his ?? []), line({ kind: "payment", sent: true, amount: "200", effect: false, answer: "none" })];
    assert.equal(judge({ ...CLEAN, his }).clean, true);
  });
});

describe("the day's plan", () => {
  const options = { patients: 200, seed: 7, date: "2026-11-20" };
  const text = (value: unknown): string => JSON.stringify(value, (_name, one: unknown) => (typeof one === "bigint" ? one.toString() : one));
  test("equal seeds make equal days, others other ones; every share adds up; no number stands twice", () => {
    const bills = planDay(options);
    assert.equal(text(bills), text(planDay(options)));
    assert.notEqual(text(bills), text(planDay({ ...options, seed: 8 })));
    for (const { one } of bills) {
      assert.equal(one.fund + one.account + one.cash, one.total);
      assert.equal(
        one.lines.reduce((sum, two) => sum + two.amount, 0n),
        one.total,
      );
    }
    assert.equal(new Set(bills.map(({ one }) => one.bill)).size, bills.length);
    for (const fate of ["kept", "return", "refuse", "cancel"])
      assert.ok(
        bills.some((bill) => bill.fate === fate),
        fate,
      );
  });
});
