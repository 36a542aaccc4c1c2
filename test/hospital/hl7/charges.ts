/** Charges and reports as laboratory and radiology write them alike: DFT^P03 and ORU^R01. */
import { fenOf, listOf, maybeTextOf, type Order, textOf } from "../fields.ts";
import { yuanOfFen } from "../money.ts";
import { type Made, people } from "./station.ts";
import { escaped, segment } from "./wire.ts";

/** `order`, `bill`, `lines: [{no, code, name, quantity, price, fen}]`. A credit takes the same lines back; `serial` tells it apart from another. */
export function charge(order: Order, at: string, system: string, dept: string, credit: boolean): Made {
  const placed = textOf(order, "order");
  const bill = textOf(order, "bill");
  const lines = listOf(order, "lines");
  const serial = credit ? (maybeTextOf(order, "serial") ?? `T${placed}`) : placed;
  const total = lines.reduce((sum, one) => sum + fenOf(one, "fen"), 0n);
  const rows = lines.map((one, index) =>
    segment("FT1", {
      1: String(index + 1),
      2: `${serial}-${textOf(one, "no")}`,
      3: escaped(bill),
      4: at,
      5: at,
      6: credit ? "CD" : "CG",
      7: `${escaped(textOf(one, "code"))}^${escaped(textOf(one, "name"))}^L`,
      8: escaped(textOf(one, "name")),
      10: textOf(one, "quantity"),
      11: `${yuanOfFen(fenOf(one, "fen"))}&CNY`,
      12: `${textOf(one, "price")}&CNY`,
      13: dept,
      21: "D0001^测试医师",
      23: `${escaped(placed)}^${system}`,
    }),
  );
  return {
    type: "DFT^P03^DFT_P03",
    no: `${credit ? "T" : "C"}${serial}`,
    segments: [segment("EVN", { 1: "P03", 2: at }), ...people(order), ...rows],
    order: bill,
    amount: total,
    serial: placed,
  };
}

/** `order`, `item?: {code, name}`, `status?` (F, C, P). */
export function report(order: Order, at: string, system: string, item: string): Made {
  const placed = textOf(order, "order");
  const status = maybeTextOf(order, "status") ?? "F";
  const filler = `BG${placed}^${system}`;
  return {
    type: "ORU^R01^ORU_R01",
    no: `R${status}${placed}`,
    segments: [
      ...people(order),
      segment("ORC", { 1: "RE", 2: `${escaped(placed)}^HIS`, 3: filler, 5: "CM" }),
      segment("OBR", {
        1: "1",
        2: `${escaped(placed)}^HIS`,
        3: filler,
        4: `${item}^L`,
        7: at,
        16: "D0001^测试医师",
        22: at,
        24: "HM",
        25: status,
      }),
      segment("OBX", { 1: "1", 2: "NM", 3: "6690-2^WBC^LN", 5: "6.20", 6: "10*9/L", 7: "3.5-9.5", 8: "N", 11: "F", 14: at }),
    ],
    order: maybeTextOf(order, "bill") ?? null,
    amount: null,
    serial: placed,
  };
}
