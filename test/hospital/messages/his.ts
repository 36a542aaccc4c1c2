/** What a HIS pushes: charge, charge-cancel, payment, refund, as mappings/his/README.md writes them. */
import { chinaDigits, chinaTime } from "../clock.ts";
import { yuanOfFen } from "../money.ts";
import { attributes, element } from "../xml.ts";
import { CASES_PER_SECOND, type Case, type CaseLine, MINUTE_MS } from "./cases.ts";
import type { Made } from "./made.ts";

const PAID_AFTER_MS = 5 * MINUTE_MS;
const CANCELLED_AFTER_MS = 90 * MINUTE_MS;
const REFUNDED_AFTER_MS = 95 * MINUTE_MS;

/** A charge: the bill's lines and their sum. Nothing is owed for it. */
export function charge(one: Case, charset: string): Made {
  const lines = one.lines.map((line) => {
    const own = {
      no: String(line.no),
      source: line.source,
      code: line.code,
      national: line.national,
      name: line.name,
      category: line.category,
      spec: line.spec,
    };
    const value = { unit: line.unit, quantity: line.quantity.toString(), price: priceText(line), amount: yuanOfFen(line.amount) };
    return `<Line${attributes({ ...own, ...value, dept: one.department, doctor: one.doctor })}/>`;
  });
  const body =
    people(one) +
    element("Scene", "window") +
    element("Payer", one.payer) +
    operator(one) +
    element("ChargedAt", chinaTime(one.at)) +
    `<Lines>${lines.join("")}</Lines>`;
  const head = attributes({ no: `CF${dated(one)}`, bill: billOf(one) });
  return made(one, charset, "charge", one.at, `<Charge${head}>${body}${element("Total", yuanOfFen(one.total))}</Charge>`, []);
}

/** Every second one cancels the whole charge, the others one unit of its first line (all of it, where a unit is no whole fen). Nothing is owed for it. */
export function chargeCancel(one: Case, charset: string): Made {
  const [first] = one.lines;
  if (first === undefined) throw new RangeError("a charge has lines");
  const splits = first.quantity > 1n && first.amount % first.quantity === 0n;
  const part = splits ? { ...first, quantity: 1n, amount: first.amount / first.quantity } : first;
  const back = one.ordinal % 2 === 0 ? one.lines : [part];
  const total = back.reduce((sum, line) => sum + line.amount, 0n);
  const all = total === one.total;
  const at = one.at + CANCELLED_AFTER_MS;
  const lines = back.map(
    (line) => `<Line${attributes({ no: String(line.no), quantity: line.quantity.toString(), amount: yuanOfFen(line.amount) })}/>`,
  );
  const body =
    people(one) +
    operator(one) +
    element("CancelledAt", chinaTime(at)) +
    element("Reason", all ? "全部退费" : "部分退药") +
    `<Lines>${lines.join("")}</Lines>`;
  const head = attributes({ no: `TF${dated(one)}`, charge: `CF${dated(one)}`, bill: one.bill, whole: all ? "1" : "0" });
  return made(one, charset, "charge-cancel", at, `<ChargeCancel${head}>${body}${element("Total", yuanOfFen(total))}</ChargeCancel>`, []);
}

/** The patient's payment: the whole bill when he pays himself, else his cash share. The HIS is owed a payment confirm. */
export function payment(one: Case, charset: string): Made {
  const at = one.at + PAID_AFTER_MS;
  const paid = patientShare(one);
  const amount = yuanOfFen(paid);
  const order = `HPI${dated(one)}`;
  const tender = { channel: one.channel, amount, merchant: "1900000001", order, transaction: transactionOf(one), paidAt: chinaTime(at) };
  const body =
    people(one) +
    element("Scene", "window") +
    operator(one) +
    element("PaidAt", chinaTime(at)) +
    element("Status", "1") +
    `<Tenders><Tender${attributes(tender)}/></Tenders>` +
    element("Payable", amount) +
    element("Total", amount) +
    element("BillTotal", one.totalUntold ? null : yuanOfFen(one.total)) +
    element("Receipt", `FP${dated(one)}`);
  const no = `ZF${dated(one)}`;
  const expect = { order: one.bill, kind: "payment-confirm", serial: no, amount: paid.toString(), lane: one.bill, seq: 2 };
  return made(one, charset, "payment", at, `<Payment${attributes({ no, bill: billOf(one) })}>${body}</Payment>`, [expect]);
}

/** The refund of that payment, every third one in full, the others of a part. The HIS is owed a refund confirm. */
export function refund(one: Case, charset: string): Made {
  const at = one.at + REFUNDED_AFTER_MS;
  const paid = patientShare(one);
  const back = one.back ?? (one.ordinal % 3 === 0 || paid < 2n ? paid : paid / 2n);
  const amount = yuanOfFen(back);
  const body =
    people(one) +
    operator(one) +
    element("RefundedAt", chinaTime(at)) +
    element("Reason", "退药") +
    element("Status", "1") +
    `<Tenders><Tender${attributes({ channel: one.channel, amount, refundNo: `5030${transactionOf(one).slice(4)}`, route: "original" })}/></Tenders>` +
    element("Total", amount);
  const no = `TK${dated(one)}`;
  const head = { no, payment: `ZF${dated(one)}`, transaction: transactionOf(one), bill: one.bill, paidOn: one.date, kind: "refund" };
  const expect = {
    order: one.bill,
    kind: "refund-confirm",
    serial: no,
    amount: back.toString(),
    lane: one.bill,
    seq: 3,
    ...(back === paid ? { takesBack: 2 } : {}),
  };
  return made(one, charset, "refund", at, `<Refund${attributes(head)}>${body}</Refund>`, [expect]);
}

/** Synthetic: region 99 does not exist. */
const CERTIFICATE = "990101199001010019";

/** Has the engine settle the bill at the insurer's front machine, or take its settlement back. What the HIS hears of it is the insurer's to say. */
export function insuranceRequest(one: Case, charset: string): Made {
  const { mdtrtId, psnNo, settlement } = one.claim ?? {
    mdtrtId: `MD${dated(one)}`,
    psnNo: `990101${String(one.ordinal).padStart(20, "0")}`,
  };
  const step = settlement === undefined ? "presettle" : "cancel";
  const at = one.at + (settlement === undefined ? 2 * MINUTE_MS : REFUNDED_AFTER_MS - MINUTE_MS);
  const insured = { no: psnNo, type: "310", area: "990101", ...(settlement === undefined ? { personType: "11" } : {}) };
  const claim =
    settlement === undefined
      ? `<Claim${attributes({ visit: mdtrtId, medicalType: "11", way: "01", account: "1" })}/>` +
        `<Credential${attributes({ type: "02", no: CERTIFICATE })}/><Certificate${attributes({ type: "01", no: CERTIFICATE })}/>`
      : `<Cancel${attributes({ settlement, visit: mdtrtId })}/>`;
  const body =
    people(one) +
    operator(one) +
    element("RequestedAt", chinaTime(at)) +
    `<Insured${attributes(insured)}/>${claim}` +
    element("Total", yuanOfFen(one.total));
  const head = attributes({ no: `YB${step}${dated(one)}`, bill: one.bill, step });
  const asked = made(one, charset, "insurance-request", at, `<InsuranceRequest${head}>${body}</InsuranceRequest>`, []);
  return { ...asked, id: `${asked.id}${step}`, body: { ...asked.body, text: asked.body.text.replace(asked.id, `${asked.id}${step}`) } };
}

/** Has the engine settle the bill through the insurer's DLL (Neusoft 2410 or Chongqing 05 over the bridge). What the HIS hears of it is the insurer's to say. */
export function insuranceDll(one: Case, charset: string): Made {
  const at = one.at + 2 * MINUTE_MS;
  const serial = `${chinaDigits(at)}-00200002-${String(one.ordinal % CASES_PER_SECOND).padStart(4, "0")}`;
  const body =
    people(one) +
    `<Operator${attributes({ no: "0001", name: one.operator, shift: `${one.date.replaceAll("-", "")}-00200002-0001-01` })}/>` +
    element("RequestedAt", chinaTime(at)) +
    `<Settle${attributes({ medicalType: "11", account: "1", ...(one.dll === "chongqing" ? { insuranceType: "1" } : {}), lines: String(one.lines.length) })}/>` +
    `<Diagnosis${attributes({ code: "J06.900", name: "急性上呼吸道感染" })}/>` +
    element("Total", yuanOfFen(one.total));
  const head = attributes({ no: serial, bill: one.bill, step: "settle", interface: one.dll ?? "neusoft" });
  return made(one, charset, "insurance-dll", at, `<InsuranceDll${head}>${body}</InsuranceDll>`, []);
}

/** A bill that is its visit has no number of its own, and none is told. */
const billOf = (one: Case): string | undefined => (one.bill === one.visit ? undefined : one.bill);

function patientShare(one: Case): bigint {
  return one.payer === "self" ? one.total : one.cash;
}

function made(
  one: Case,
  charset: string,
  kind: string,
  at: number,
  inner: string,
  expect: Made["expect"],
): Made & { readonly body: { readonly type: "document" } } {
  const id = `HIS${kind.replaceAll("-", "").toUpperCase()}${dated(one)}`;
  const header = `<Header>${element("MessageId", id)}${element("SentAt", chinaTime(at))}<Hospital code="H001" campus="01"/></Header>`;
  const text = `<?xml version="1.0" encoding="${charset}"?>\n<Message kind="${kind}">${header}${inner}</Message>`;
  return { id, body: { type: "document", text, media: "application/xml" }, expect };
}

function people(one: Case): string {
  const patient = `<Patient${attributes({ no: one.patientNo, name: one.patientName })}/>`;
  return `${patient}<Visit${attributes({ no: one.visit, kind: "O" })}/>${element("Business", "outpatient")}`;
}

function operator(one: Case): string {
  return `<Operator${attributes({ no: "U001", name: one.operator })}/>`;
}

function dated(one: Case): string {
  return one.date.replaceAll("-", "") + one.tail;
}

function priceText(line: CaseLine): string {
  const digits = line.price.toString().padStart(5, "0");
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`;
}

/** 28 digits like a channel's own number: 4200, day, seed, ordinal. */
function transactionOf(one: Case): string {
  const payer = one.payer === "self" ? "1" : "2";
  return `4200${one.date.replaceAll("-", "")}${payer}${String(one.seed).padStart(7, "0")}${String(one.ordinal).padStart(8, "0")}`;
}
