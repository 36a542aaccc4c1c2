/** Who sends what for a bill: the order each partner's control door takes. */
import { chinaTime } from "../clock.ts";
import type { Bill } from "./plan.ts";
import type { Stage } from "./stage.ts";

const people = ({ one, order }: Bill) => ({
  bill: one.bill,
  visit: one.visit,
  patient: { no: one.patientNo, name: one.patientName },
  order,
  at: chinaTime(one.at),
});

/** Ten-thousandths of a yuan as `12.5000`. */
export function priceText(price: bigint): string {
  const digits = price.toString().padStart(5, "0");
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`;
}

/** The bill's charge, from the partner that charges it. */
export async function sendCharge(stage: Stage, bill: Bill): Promise<void> {
  const { one, kind, via } = bill;
  const charge: Readonly<Record<Bill["kind"], () => Promise<unknown>>> = {
    registration: () => stage.send("his", { message: "charge", via, case: one }),
    prescription: () => stage.send("emr", { ...people(bill), message: "prescription", prescription: bill.order, ...prescriptionOf(bill) }),
    lab: () => stage.send("lis", { ...people(bill), message: "charge", lines: linesOf(bill) }),
    exam: async () => {
      if (stage.names.has("ris")) await stage.send("ris", { ...people(bill), message: "order", lines: linesOf(bill) });
      return stage.send("pacs", { ...people(bill), message: "performed", lines: linesOf(bill) });
    },
  };
  await charge[kind]();
}

function prescriptionOf({ one }: Bill) {
  const items = one.lines.map(({ no, code, national, name, spec, unit, quantity, price, amount }) => ({
    no: String(no),
    code,
    ...(national === null ? {} : { nhsa: national }),
    name,
    ...(spec === null ? {} : { spec }),
    unit,
    quantity: quantity.toString(),
    price: priceText(price),
    fen: amount.toString(),
  }));
  return { payer: one.payer, doctor: { no: "D001", name: one.doctor, dept: one.department }, items };
}

const linesOf = ({ one }: Bill) =>
  one.lines.map(({ no, code, name, quantity, price, amount }) => ({
    no: String(no),
    code,
    name,
    quantity: quantity.toString(),
    price: priceText(price),
    fen: amount.toString(),
  }));

/** The insured part, or its reversal. */
export async function sendSettlement(stage: Stage, { one, via, settles }: Bill, how: "settle" | "reverse" = "settle"): Promise<void> {
  if (settles === "dll") await stage.send("his", { message: how === "settle" ? "settle" : "cancel", from: "neusoft", via, case: one });
}

/** The report of a test or an examination is ready. Told by whoever has made it, where he can. */
export async function sendReport(stage: Stage, bill: Bill): Promise<void> {
  const from = bill.kind === "lab" ? "lis" : "ris";
  if (stage.names.has(from)) await stage.send(from, { ...people(bill), message: "report" });
}
