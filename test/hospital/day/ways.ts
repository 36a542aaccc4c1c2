/** Who sends what for a bill: the order each partner's control door takes. */
import { chinaTime } from "../clock.ts";
import type { LedgerLine } from "../ledger.ts";
import type { Case } from "../messages/cases.ts";
import { payOrder } from "../messages/jkt.ts";
import { type Bill, patientPays } from "./plan.ts";
import type { Stage } from "./stage.ts";

const EXAM_MS = 9 * 60_000;
const PAID_MS = 5 * 60_000;

const people = ({ one, order }: Bill) => ({
  bill: one.bill,
  visit: one.visit,
  patient: { no: one.patientNo, name: one.patientName },
  order,
  at: chinaTime(one.at),
});

/** Ten-thousandths of a yuan as `12.5000`. */
function priceText(price: bigint): string {
  const digits = price.toString().padStart(5, "0");
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`;
}

/** The visit begins: the HIS's HL7 interface tells it. */
export async function sendRegistration(stage: Stage, bill: Bill): Promise<void> {
  const { order: _order, bill: _bill, ...visit } = people(bill);
  if (stage.names.has("adt")) await stage.send("adt", { ...visit, message: "register", insured: bill.settles === null ? "no" : "yes" });
}

/** The bill's charge, from the partner that charges it. An examination is charged by the HIS once it was told that it was performed: see {@link sendExam}. */
export async function sendCharge(stage: Stage, bill: Bill): Promise<void> {
  const { one, kind, via } = bill;
  const his = (): Promise<unknown> => stage.send("his", { message: "charge", via, case: one });
  const charge: Readonly<Record<Bill["kind"], () => Promise<unknown>>> = {
    registration: his,
    prescription: () => stage.send("emr", { ...people(bill), message: "prescription", prescription: bill.order, ...prescriptionOf(bill) }),
    lab: () => stage.send(bill.charges ?? "lis", { ...people(bill), message: "charge", lines: linesOf(bill) }),
    exam: his,
  };
  await charge[kind]();
}

const ROOT_UID = "1.2.826.0.1.3680043.10.9999";

/** The HIS orders it, the modality performs it (MPPS, one image). */
export async function sendExam(stage: Stage, bill: Bill): Promise<void> {
  const { one, order } = bill;
  if (stage.names.has("adt")) await stage.send("adt", { ...people(bill), message: "order", lines: linesOf(bill) });
  const uid = `${ROOT_UID}.${one.date.replaceAll("-", "")}.${one.seed}.${one.ordinal}`;
  const about = { accession: order, study: `${uid}.1`, patient: one.patientNo, name: one.patientName, at: chinaTime(one.at) };
  await stage.send("pacs", {
    ...about,
    message: "exam",
    step: `${uid}.2`,
    until: chinaTime(one.at + EXAM_MS),
    series: [{ uid: `${uid}.3`, images: "1" }],
  });
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

/** The insured part, or its reversal. The HIS calls the insurer's DLL itself and pushes the exchange, or asks the engine to settle at the front machine. */
export async function sendSettlement(stage: Stage, bill: Bill, how: "settle" | "reverse" = "settle"): Promise<void> {
  const { one, via, settles } = bill;
  if (settles === "bridge" || settles === "chongqing") {
    await stage.send(settles === "bridge" ? "neusoft" : "chongqing", { message: "fees", visit: one.visit, fen: one.total.toString() });
    await stage.send("his", { message: "insurance-dll", via, case: settles === "bridge" ? one : { ...one, dll: "chongqing" } });
    return;
  }
  if (settles === "mobile") {
    const lines = one.lines.map(({ national, code, amount }) => ({ code: national ?? `S${code}`, fen: amount.toString() }));
    const paid = (await stage.send("nhsa-mobile", { message: "paid", bill: one.bill, lines })) as { readonly payOrdId: string };
    // The platform tells again what nobody doubts: it must stay one settlement.
    await stage.send("nhsa-mobile", { message: "notice", payOrdId: paid.payOrdId });
    return;
  }
  if (settles === "exchange") {
    await stage.send("his", { message: how === "settle" ? "settle" : "cancel", from: "neusoft", via, case: one });
    return;
  }
  if (how === "reverse") {
    await stage.send("his", { message: "insurance-request", via, case: one });
    return;
  }
  const lines = one.lines.map(({ national, code, amount, quantity }) => ({
    code: national ?? `S${code}`,
    fen: amount.toString(),
    quantity: quantity.toString(),
  }));
  const uploaded = (await stage.send("nhsa", { message: "uploaded", bill: one.bill, visit: one.bill, lines })) as Uploaded;
  const claim = { mdtrtId: uploaded.mdtrtId, psnNo: uploaded.psnNo };
  await stage.send("his", { message: "insurance-request", via, case: { ...one, claim } });
}

interface Uploaded {
  readonly mdtrtId: string;
  readonly psnNo: string;
}

/** Whose ledger tells a settlement, and under which number. */
const INSURERS: Readonly<Record<string, (one: Case) => readonly [string, string]>> = {
  bridge: (one) => ["neusoft", one.visit],
  chongqing: (one) => ["chongqing", one.visit],
  mobile: (one) => ["nhsa-mobile", one.bill],
};

type Ledgers = ReadonlyMap<string, readonly LedgerLine[]>;

/** The bill as its insurer has settled it: its shares, and what a reversal will name. Undefined while the insurer's ledger has no settlement that stands. */
export function settledBy(ledgers: Ledgers, bill: Bill): Bill | undefined {
  const [insurer, order] = INSURERS[bill.settles ?? ""]?.(bill.one) ?? ["nhsa", bill.one.bill];
  const lines = (ledgers.get(insurer) ?? []).filter((one) => one.effect && one.sent !== true && one.order === order);
  const line = lines.at(-1);
  if (line?.kind !== "settle" || line.insured === undefined || line.serial === undefined) return undefined;
  const [fund, account, cash] = [line.insured.fund, line.insured.account, line.insured.cash].map(BigInt) as [bigint, bigint, bigint];
  const back = bill.one.back === undefined ? {} : { back: cash };
  if (bill.settles !== "frontmachine") return { ...bill, one: { ...bill.one, fund, account, cash, ...back } };
  const asked = JSON.parse(line.raw) as { readonly input?: { readonly data?: { readonly mdtrt_id?: string; readonly psn_no?: string } } };
  const { mdtrt_id: mdtrtId = "", psn_no: psnNo = "" } = asked.input?.data ?? {};
  return { ...bill, one: { ...bill.one, fund, account, cash, ...back, claim: { mdtrtId, psnNo, settlement: line.serial } } };
}

/** The patient pays at the window (the HIS tells it), through the platform, which tells it in its own envelope, in the app, or at the other campus's kiosk. */
export async function sendPayment(stage: Stage, bill: Bill): Promise<void> {
  const { one, via, pays } = bill;
  if (pays === "window") {
    await stage.send("his", { message: "payment", via, case: bill.charges === "lis-view" ? { ...one, totalUntold: true } : one });
    return;
  }
  if (pays === "dhcc") {
    const no = `${one.date.replaceAll("-", "")}${one.tail}`;
    const about = { bill: one.bill, patient: one.patientNo, invoice: `FPD${no}`, platform: `DH${no}`, transaction: `4300${no}` };
    await stage.send("dhcc", {
      ...about,
      message: "confirm",
      fen: patientPays(one).toString(),
      way: one.channel,
      at: chinaTime(one.at + PAID_MS),
    });
    return;
  }
  if (pays === "app") {
    const about = {
      no: one.visit,
      fen: one.total.toString(),
      serial: `APP${one.date.replaceAll("-", "")}${one.tail}`,
      at: chinaTime(one.at + PAID_MS),
    };
    await stage.send("serviceforxml", { ...about, operation: "PayForAppointment", transaction: `4200${about.serial}` });
    return;
  }
  const fields = Object.fromEntries(
    [...payOrder(one).body.text.matchAll(/<([A-Z_]+)><!\[CDATA\[(.*?)\]\]><\/\1>/g)].map(([, name = "", value = ""]) => [name, value]),
  );
  await stage.send("jkt-platform", { fun: "3003", fields: { ...fields, HOSP_SEQUENCE: one.bill }, id: `JKT${one.bill}` });
}

/** The report of a test or an examination is ready. */
export async function sendReport(stage: Stage, bill: Bill): Promise<void> {
  const from = bill.kind === "lab" ? "lis" : "ris";
  if (stage.names.has(from)) await stage.send(from, { ...people(bill), message: "report" });
}

/** The bank's return file of what was refunded on this day. */
export async function sendStatement(stage: Stage, date: string, seed: number, bills: readonly Bill[]): Promise<void> {
  const rows = bills.flatMap(({ one }, index) =>
    one.back === undefined || one.back === 0n
      ? []
      : [
          {
            order: one.bill,
            refund: `TK${one.bill}`,
            account: "6200000000000000011",
            fen: one.back.toString(),
            no: `T${one.bill}${index}`,
          },
        ],
  );
  const batch = `B${date.replaceAll("-", "")}${String(seed % 1_000).padStart(3, "0")}`;
  if (rows.length > 0) await stage.send("bank", { message: "refund-return", batch, rows });
}
