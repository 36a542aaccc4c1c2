import assert from "node:assert/strict";
import { test } from "node:test";
import { duplicates, effectsPerKey, effectsPerOrder, fenPerKind, type LedgerLine, LedgerDamaged, parseLedger } from "./ledger.ts";
import { compare, type Sent } from "./oracle.ts";

const sent: Sent[] = Array.from({ length: 60 }, (_, index) => ({
  key: `K${index}`,
  order: `DJ${index % 10}`,
  kind: "payment-confirm",
  amount: String(100 + index),
  lane: `his/DJ${index % 10}`,
  seq: index,
}));

function line(one: Sent, change: Partial<LedgerLine> = {}): LedgerLine {
  const at = "2026-11-20T09:20:00.000+08:00";
  return {
    at,
    partner: "his",
    key: one.key ?? null,
    kind: one.kind,
    order: one.order ?? null,
    amount: one.amount,
    effect: true,
    answer: "0",
    raw: "",
    ...change,
  };
}

function pick(index: number): Sent {
  const one = sent[index];
  assert.ok(one);
  return one;
}

const counts = (report: ReturnType<typeof compare>): Record<string, number> => ({
  lost: report.lost.length,
  doubled: report.doubled.length,
  unexpected: report.unexpected.length,
  mismatched: report.mismatched.length,
  outOfOrder: report.outOfOrder.length,
  lyingAcks: report.lyingAcks.length,
});

test("oracle: a clean run is clean", () => {
  const report = compare(
    sent,
    sent.map((one) => line(one)),
  );
  assert.equal(report.clean, true);
  assert.deepEqual([report.sent, report.effects, report.asked, report.repeats], [60, 60, 60, 0]);
});

test("oracle self-test: six planted errors, and exactly those six are found", () => {
  const ledger = sent.map((one) => line(one));
  const byKey = (key: string): number => ledger.findIndex((one) => one.key === key);
  ledger.splice(byKey("K3"), 1); // loss
  ledger.push(line(pick(11))); // double
  ledger[byKey("K22")] = line(pick(22), { amount: "123" }); // amount change
  ledger[byKey("K45")] = line(pick(45), { effect: false, answer: "0" }); // lying acknowledgement
  ledger.push(line({ key: "GHOST", kind: "payment-confirm", order: "DJ999", amount: "5" })); // ghost
  const [moved] = ledger.splice(byKey("K8"), 1); // reorder: the first of its lane comes last
  assert.ok(moved);
  ledger.push(moved);
  const report = compare(sent, ledger);
  assert.deepEqual(report.lost, ["K3"]);
  assert.deepEqual(report.doubled, [{ id: "K11", times: 2 }]);
  assert.deepEqual(report.mismatched, [{ id: "K22", sent: "122", done: "123" }]);
  assert.deepEqual(report.lyingAcks, [{ id: "K45", by: "partner" }]);
  assert.deepEqual(report.unexpected, ["GHOST"]);
  assert.deepEqual(report.outOfOrder, ["K8"]);
  assert.equal(report.clean, false);
});

const planted: { name: string; change: (ledger: LedgerLine[]) => LedgerLine[]; found: string }[] = [
  { name: "a loss", change: (ledger) => ledger.slice(1), found: "lost" },
  { name: "a double", change: (ledger) => [...ledger, line(pick(59))], found: "doubled" },
  {
    name: "a double with another amount is a mismatch too",
    change: (ledger) => [...ledger, line(pick(59), { amount: "1" })],
    found: "doubled,mismatched",
  },
  { name: "an effect after a repeat", change: (ledger) => [...ledger, line(pick(59), { effect: false, answer: "1" })], found: "" },
  { name: "a refusal, then the effect", change: (ledger) => [line(pick(0), { effect: false, answer: "503" }), ...ledger], found: "" },
  {
    name: "a refusal, never the effect",
    change: (ledger) => [line(pick(0), { effect: false, answer: "E101" }), ...ledger.slice(1)],
    found: "lost",
  },
  {
    name: "an inquiry that lies",
    change: (ledger) => [...ledger.slice(1), line(pick(0), { kind: "inquiry", effect: false })],
    found: "lyingAcks",
  },
  {
    name: "two neighbours of a lane swapped",
    change: (ledger) => [...ledger.slice(10, 20), ...ledger.slice(0, 10), ...ledger.slice(20)].slice(0),
    found: "outOfOrder",
  },
];
for (const { name, change, found } of planted) {
  test(`oracle: ${name} → ${found || "clean"}`, () => {
    const result = counts(compare(sent, change(sent.map((one) => line(one)))));
    assert.equal(
      Object.entries(result)
        .filter(([, count]) => count > 0)
        .map(([fault]) => fault)
        .join(),
      found,
    );
  });
}

test("oracle: an acknowledgement that only the engine claims is a lying one, not a loss", () => {
  const report = compare([{ ...pick(0), acknowledged: true }], []);
  assert.deepEqual(report.lyingAcks, [{ id: "K0", by: "engine" }]);
  assert.deepEqual(report.lost, []);
});

test("oracle: a payment and its whole refund of which the partner heard neither cancel out; one without the other is lost", () => {
  const paid: Sent = { key: "P", kind: "payment-confirm", order: "DJ1", amount: "5", lane: "DJ1", seq: 2 };
  const back: Sent = { key: "R", kind: "refund-confirm", order: "DJ1", amount: "5", lane: "DJ1", seq: 3, takesBack: 2 };
  const { takesBack: _, ...part } = back;
  const of = (sent: readonly Sent[], ledger: readonly LedgerLine[]) => {
    const { lost, cancelled, clean } = compare(sent, ledger);
    return { lost, cancelled, clean };
  };
  assert.deepEqual(of([paid, back], []), { lost: [], cancelled: ["P", "R"], clean: true });
  assert.deepEqual(of([paid, back], [line(paid)]), { lost: ["R"], cancelled: [], clean: false });
  assert.deepEqual(of([paid, back], [line(back)]), { lost: ["P"], cancelled: [], clean: false });
  assert.deepEqual(of([paid, part], []).lost, ["P", "R"]);
  assert.deepEqual(of([{ ...paid, acknowledged: true }, back], []).lost, ["R"]);
});

test("oracle: without a key the order names the effect, and action and serial tell two of one order apart", () => {
  const bare = (change: Partial<Sent>): Sent => ({ order: "DJ1", kind: "insurance-result", amount: "9250", ...change });
  const settle = bare({ action: "settle" });
  const reverse = bare({ action: "reverse" });
  const refunds = ["T1", "T2"].map((serial) => ({ order: "DJ1", kind: "refund-confirm", serial, amount: "5" }));
  const ledger = [
    line(settle, { key: "a", action: "settle", serial: "S1" }),
    line(reverse, { key: "b", action: "reverse", serial: "S2" }),
    line({ order: "DJ1", kind: "refund-confirm", amount: "5" }, { key: "c", serial: "T1" }),
  ];
  const report = compare([settle, reverse, settle, ...refunds], ledger);
  assert.equal(report.sent, 4);
  assert.deepEqual(report.lost, ["refund-confirm DJ1 serial=T2"]);
  assert.deepEqual(report.unexpected, []);
  assert.throws(() => compare([settle, { ...settle, amount: "1" }], []), /two different effects/);
});

test("ledger: counts per key, per order and per kind, doubles, and a torn last line is left out", () => {
  const lines = [line(pick(0)), line(pick(10)), line(pick(0)), line(pick(1), { effect: false })];
  assert.deepEqual(
    [...effectsPerKey(lines)],
    [
      ["K0", 2],
      ["K10", 1],
    ],
  );
  assert.deepEqual([...effectsPerOrder(lines)], [["payment-confirm DJ0", 3]]);
  assert.deepEqual([...duplicates(lines)], [["K0", 2]]);
  assert.deepEqual([...fenPerKind(lines)], [["payment-confirm", 310n]]);
  const text = lines.map((one) => `${JSON.stringify(one)}\n`).join("");
  assert.deepEqual(parseLedger(text.slice(0, -5)), lines.slice(0, 3));
  assert.throws(() => parseLedger(`${text.slice(0, 20)}\n`), LedgerDamaged);
});
