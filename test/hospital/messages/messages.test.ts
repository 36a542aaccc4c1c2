import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import iconv from "iconv-lite";
import { fenOfYuan } from "../money.ts";
import { readXml, type XmlElement } from "../xml.ts";
import { makeCase, MAX_SEED } from "./cases.ts";
import { GENERATORS } from "./index.ts";
import type { Made } from "./made.ts";

const DATE = "2026-11-20";
const COUNT = 300;

function make(name: string, ordinal: number, seed = 7): Made {
  const generator = GENERATORS[name];
  assert.ok(generator);
  return generator.make(makeCase({ seed, date: DATE, payer: generator.payer }, ordinal), generator.charset);
}

function fen(text: string | undefined): bigint {
  const amount = fenOfYuan(text ?? "");
  assert.ok(amount !== null, `no amount: ${text}`);
  return amount;
}

function exchange(made: Made): { request: string; reply: string } {
  assert.equal(made.body.type, "exchange");
  return made.body.type === "exchange" ? made.body : { request: "", reply: "" };
}

function root(made: Made): XmlElement {
  const result = made.body.type === "document" ? readXml(made.body.text, false) : { ok: false as const, problem: "no document" };
  assert.ok(result.ok, "must be well formed");
  return result.root;
}

function child(parent: XmlElement | undefined, name: string): XmlElement {
  const found = parent?.children.filter((one) => one.name === name) ?? [];
  assert.equal(found.length, 1, `one ${name}`);
  return found[0] as XmlElement;
}

const ordinals = Array.from({ length: COUNT }, (_, index) => index);

test("cases: total = fund + account + cash, the patient owes something, and equal seeds are equal", () => {
  for (const ordinal of ordinals) {
    const one = makeCase({ seed: 7, date: DATE, payer: "insured" }, ordinal);
    assert.equal(one.fund + one.account + one.cash, one.total);
    assert.ok(one.cash > 0n && one.fund >= 0n && one.account >= 0n);
    assert.ok(one.account + one.cash >= one.partialSelf, "what is partly self-paid is paid by the patient");
    assert.ok(one.bill.length <= 18 && one.visit.length <= 18, "单据号 and 流水号 are V18");
    for (const line of one.lines) assert.equal(line.price * line.quantity, line.amount * 100n);
    assert.deepEqual(one, makeCase({ seed: 7, date: DATE, payer: "insured" }, ordinal));
  }
  assert.throws(() => makeCase({ seed: MAX_SEED + 1, date: DATE, payer: "self" }, 0), RangeError);
});

test("numbers are unique: over ordinals, seeds and payers", () => {
  const bills = new Set<string>();
  for (const payer of ["self", "insured"] as const)
    for (const seed of [0, 1, 35, MAX_SEED]) for (const ordinal of ordinals) bills.add(makeCase({ seed, date: DATE, payer }, ordinal).bill);
  assert.equal(bills.size, 2 * 4 * COUNT);
  for (const name of Object.keys(GENERATORS)) assert.equal(new Set(ordinals.map((ordinal) => make(name, ordinal).id)).size, COUNT, name);
  const serials = [0, 9_999, 10_000, 19_999].flatMap((ordinal) =>
    [1, 2].map((seed) => exchange(make("neusoft.settle", ordinal, seed)).reply.split("^")[0]),
  );
  assert.equal(new Set(serials).size, serials.length);
});

test("his.charge: Σ lines = total; price × quantity = amount", () => {
  for (const ordinal of ordinals) {
    const charge = child(root(make("his.charge", ordinal)), "Charge");
    const lines = child(charge, "Lines").children;
    const sum = lines.reduce((total, line) => total + fen(line.attributes.get("amount")), 0n);
    assert.equal(sum, fen(child(charge, "Total").text));
    for (const line of lines) assert.match(line.attributes.get("price") ?? "", /^\d+\.\d{4}$/);
  }
});

test("his.charge-cancel: Σ lines = total, whole exactly when it is the charge's total", () => {
  for (const ordinal of ordinals) {
    const cancel = child(root(make("his.charge-cancel", ordinal)), "ChargeCancel");
    const charge = child(root(make("his.charge", ordinal)), "Charge");
    const total = fen(child(cancel, "Total").text);
    const sum = child(cancel, "Lines").children.reduce((all, line) => all + fen(line.attributes.get("amount")), 0n);
    assert.equal(sum, total);
    assert.equal(cancel.attributes.get("charge"), charge.attributes.get("no"));
    assert.equal(cancel.attributes.get("whole"), total === fen(child(charge, "Total").text) ? "1" : "0");
  }
});

test("his.payment and his.refund: Σ tenders = total, refund ≤ payment, and the HIS is owed each amount", () => {
  for (const ordinal of ordinals) {
    const made = { payment: make("his.payment", ordinal), refund: make("his.refund", ordinal) };
    const payment = child(root(made.payment), "Payment");
    const refund = child(root(made.refund), "Refund");
    const [paid, back] = [payment, refund].map((one) => {
      const total = fen(child(one, "Total").text);
      assert.equal(
        child(one, "Tenders").children.reduce((sum, tender) => sum + fen(tender.attributes.get("amount")), 0n),
        total,
      );
      return total;
    });
    assert.ok(paid !== undefined && back !== undefined && back > 0n && back <= paid);
    assert.equal(refund.attributes.get("payment"), payment.attributes.get("no"));
    assert.deepEqual([made.payment.expect[0]?.amount, made.refund.expect[0]?.amount], [paid.toString(), back.toString()]);
  }
});

test("neusoft.settle: 31 fields, total = fund + account + cash, drugs + services = total", () => {
  for (const ordinal of ordinals) {
    const made = make("neusoft.settle", ordinal);
    const { request, reply } = exchange(made);
    const fields = (reply.split("^")[2] ?? "").split("|");
    assert.equal(fields.length, 32);
    const field = (number: number): bigint => fen(fields[number - 1]);
    assert.equal(field(3) + field(4) + field(18), field(1));
    assert.equal(field(19) + field(20), field(1));
    assert.equal(field(4) + field(14), field(13));
    assert.equal(request.split("^")[4], reply.split("^")[0]);
    assert.equal(made.expect[0]?.amount, field(1).toString());
  }
});

test("chongqing.settle and .reverse: total of the request = fund + account + cash of the reply; the reversal gives the same back", () => {
  for (const ordinal of ordinals) {
    const settle = exchange(make("chongqing.settle", ordinal));
    const reverse = exchange(make("chongqing.reverse", ordinal));
    const parts = (text: string): string[] => [2, 3, 5].map((index) => text.split("|")[index] ?? "");
    assert.equal(
      parts(settle.reply).reduce((sum, part) => sum + fen(part), 0n),
      fen(settle.request.split("|")[7]),
    );
    assert.deepEqual(parts(reverse.reply), parts(settle.reply));
    assert.equal(reverse.request.split("|")[1], settle.reply.split("|")[1]);
  }
});

const samples: [name: string, file: string, part: "request" | "reply"][] = [
  ["neusoft.settle", "neusoft_dll/2410_settle.req", "request"],
  ["neusoft.settle", "neusoft_dll/2410_settle.res", "reply"],
  ["neusoft.cancel", "neusoft_dll/2430_settle_cancel.req", "request"],
  ["neusoft.cancel", "neusoft_dll/2430_settle_cancel.res", "reply"],
  ["neusoft.reverse", "neusoft_dll/2421_uncertain_reversal.req", "request"],
  ["neusoft.reverse", "neusoft_dll/2421_uncertain_reversal.res", "reply"],
  ["chongqing.settle", "chongqing_dll/05_settle.req", "request"],
  ["chongqing.settle", "chongqing_dll/05_settle.res", "reply"],
  ["chongqing.reverse", "chongqing_dll/99_reverse.req", "request"],
  ["chongqing.reverse", "chongqing_dll/99_reverse.res", "reply"],
];
const SHAPES: Record<string, string> = JSON.parse(readFileSync(new URL("fixtures/shapes.json", import.meta.url), "utf8"));
for (const [name, file, part] of samples) {
  test(`${name} ${part} has the shape of the sample ${file}`, () => {
    for (const ordinal of ordinals.slice(0, 20)) assert.equal(shapeOf(exchange(make(name, ordinal))[part]), SHAPES[file]);
  });
}

test("every exchange and document survives GBK", () => {
  for (const name of Object.keys(GENERATORS))
    for (const ordinal of ordinals) {
      const { body } = make(name, ordinal);
      for (const text of body.type === "document" ? [body.text] : [body.request, body.reply])
        assert.equal(iconv.decode(iconv.encode(text, "gbk"), "gbk"), text);
    }
});

/** Separators and kinds of fields: n a number with decimals, d digits, t other text, nothing for an empty field. */
function shapeOf(text: string): string {
  return text
    .split(/([\^|])/)
    .map((piece) =>
      piece === "" || piece === "^" || piece === "|" ? piece : /^\d+\.\d\d$/.test(piece) ? "n" : /^\d+$/.test(piece) ? "d" : "t",
    )
    .join("");
}
