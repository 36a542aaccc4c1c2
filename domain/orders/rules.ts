/**
 * What the engine knows of a bill, and when the HIS may be told "paid": only when insurance parts plus captured payments equal the bill
 * (design.md decision 21, 宁长款不短款; S4-10). Pure: the store locks the rows, these rules decide.
 */
import type { Event } from "../events/event.ts";
import { confirmed, type Provisional, provisionallyInsured, reversedProvisional } from "./provisional.ts";

/** One fact that changes a bill. `bill` is the order key: `bill:<no>`, else `visit:<no>` where the partner tells no bill. */
export type OrderChange =
  | { readonly kind: "charged"; readonly bill: string; readonly chargeNo: string; readonly amount: bigint }
  | {
      readonly kind: "charge-cancelled";
      readonly bill: string;
      readonly cancelNo: string;
      readonly chargeNo: string;
      readonly amount: bigint;
    }
  | {
      readonly kind: "insured";
      readonly bill: string;
      readonly settlementNo: string;
      readonly requestNo?: string;
      readonly total: bigint;
      readonly covered: bigint;
      readonly eventId?: string;
      /** The first of two phases: it counts nowhere until it is confirmed. */
      readonly provisional?: true;
    }
  /** The second phase of a provisional settlement. */
  | {
      readonly kind: "insurance-confirmed";
      readonly bill: string;
      readonly settlementNo: string;
      readonly committed: boolean;
      readonly eventId?: string;
    }
  /** Names what it reverses by the settlement's number, the request's (冲正), or both. */
  | {
      readonly kind: "insurance-reversed";
      readonly bill: string;
      readonly settlementNo?: string;
      readonly requestNo?: string;
      readonly eventId?: string;
    }
  /** `transactions`: one order paid twice is two payments under one number. `eventId`: the event that told it, by which its write-back is known. */
  | {
      readonly kind: "paid";
      readonly bill: string;
      readonly paymentNo: string;
      readonly transactions?: readonly string[];
      readonly amount: bigint;
      readonly billTotal?: bigint;
      readonly eventId?: string;
    }
  | {
      readonly kind: "refunded";
      readonly bill: string;
      readonly refundNo: string;
      readonly amount: bigint;
      readonly paymentNo?: string;
      readonly eventId?: string;
    };

/** A bill's book. Amounts are fen; maps are keyed by the partner's number so that the same fact counts once. */
export interface Bill {
  readonly key: string;
  readonly charges: Readonly<Record<string, bigint>>;
  readonly cancels: Readonly<Record<string, bigint>>;
  readonly insurance: Readonly<
    Record<string, { readonly total: bigint; readonly covered: bigint; readonly requestNo?: string; readonly reversed: boolean }>
  >;
  /** Settlements that are not confirmed yet, beside all sums (provisional.ts). */
  readonly provisional?: Provisional;
  /** Settlements that were confirmed before they came. */
  readonly confirmedAhead?: readonly string[];
  /** Reversals that came before the settlement they name: it is reversed the moment it comes. */
  readonly reversedAhead?: readonly { readonly settlementNo?: string; readonly requestNo?: string }[];
  readonly payments: Readonly<Record<string, bigint>>;
  readonly refunds: Readonly<Record<string, bigint>>;
  /** Refund's number → number of the payment it gives back. */
  readonly refundOf?: Readonly<Record<string, string>>;
  /** Event → number of the payment that it told. */
  readonly toldBy?: Readonly<Record<string, string>>;
  /** Event → number of the insurance settlement that it told. */
  readonly insuredBy?: Readonly<Record<string, string>>;
  /** Event → number of the refund that it told. */
  readonly refundedBy?: Readonly<Record<string, string>>;
  /** Event → what the reversal it told takes back. */
  readonly reversedBy?: Readonly<Record<string, { readonly settlementNo?: string; readonly requestNo?: string }>>;
  /** Originals whose write-back was superseded, so that a destination never heard of them: `<destination> <event>` (superseded.ts). */
  readonly untold?: readonly string[];
  /** What a payment said the whole bill was; used only while no charge and no insurance settlement told it. */
  readonly toldTotal?: bigint;
}

const sum = (amounts: Iterable<bigint>): bigint => {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
};

export const emptyBill = (key: string): Bill => ({ key, charges: {}, cancels: {}, insurance: {}, payments: {}, refunds: {} });

/**
 * The bill's total in fen; unknown while nobody told it. Charges may come one by one, and after the payment: while the insurer or the payment told of a larger
 * bill than the charges known so far, theirs counts, so that a bill is never paid because a charge is late (宁长款不短款). Cancels take from it only beside charges.
 */
export function billTotal(bill: Bill): bigint | undefined {
  const settled = Object.values(bill.insurance).filter((one) => !one.reversed);
  const insured = settled.length > 0 ? sum(settled.map((one) => one.total)) : undefined;
  if (Object.keys(bill.charges).length === 0) return insured ?? bill.toldTotal;
  const gross = [sum(Object.values(bill.charges)), insured, bill.toldTotal].reduce<bigint>(
    (most, one) => (one !== undefined && one > most ? one : most),
    0n,
  );
  return gross - sum(Object.values(bill.cancels));
}

/** Insurance parts (not reversed) plus captured payments less refunds, in fen. */
export function billCovered(bill: Bill): bigint {
  const insured = sum(
    Object.values(bill.insurance)
      .filter((one) => !one.reversed)
      .map((one) => one.covered),
  );
  return insured + sum(Object.values(bill.payments)) - sum(Object.values(bill.refunds));
}

/** True when the HIS may be told "paid". An unknown total is never paid. */
export function isPaid(bill: Bill): boolean {
  const total = billTotal(bill);
  if (total === undefined || Object.keys(bill.payments).length + Object.keys(bill.insurance).length === 0) return false;
  return billCovered(bill) === total || billCovered(bill) + partRefunds(bill) === total;
}

/** No text of a partner holds this character (domain/mapping/kinds.ts). */
const BETWEEN = "\u001f";

const capturedBy = (bill: Bill, paymentNo: string): bigint =>
  sum(Object.entries(bill.payments).flatMap(([no, amount]) => (no === paymentNo || no.startsWith(paymentNo + BETWEEN) ? [amount] : [])));

/**
 * What was given back of payments that stand in part. A part refund may be told before its payment (two queues): the bill was paid all the same, HIS hears of the
 * payment first and of the refund after it. Refunds that name no payment that we know count as ever.
 */
function partRefunds(bill: Bill): bigint {
  const given = new Map<string, bigint>();
  for (const [refundNo, paymentNo] of Object.entries(bill.refundOf ?? {}))
    given.set(paymentNo, (given.get(paymentNo) ?? 0n) + (bill.refunds[refundNo] ?? 0n));
  return sum([...given].flatMap(([paymentNo, amount]) => (amount < capturedBy(bill, paymentNo) ? [amount] : [])));
}

/**
 * True when the payment that this event told has been given back in full: the HIS must no longer be told of it as paid, though the bill may be paid by others
 * or have come to nothing (decision 6: overtaken by a refund).
 */
export function isGivenBack(bill: Bill, eventId: string): boolean {
  const paymentNo = bill.toldBy?.[eventId];
  if (paymentNo === undefined) return false;
  const refunds = Object.entries(bill.refundOf ?? {}).filter(([, no]) => no === paymentNo);
  if (refunds.length === 0) return false;
  return sum(refunds.map(([refundNo]) => bill.refunds[refundNo] ?? 0n)) >= capturedBy(bill, paymentNo);
}

/** The settlement that a reversal takes back, with its number; undefined when this bill does not know it. */
export function reversedBy(
  bill: Bill,
  change: Extract<OrderChange, { readonly kind: "insurance-reversed" }>,
): readonly [string, Bill["insurance"][string]] | undefined {
  const { settlementNo, requestNo } = change;
  const all = Object.entries(bill.insurance);
  if (settlementNo !== undefined || requestNo !== undefined)
    return all.find(([no, one]) => no === settlementNo || (requestNo !== undefined && one.requestNo === requestNo));
  // A Neusoft 2430 names only the bill: then it is the one settlement that still holds; of several, none is guessed.
  const open = all.filter(([, one]) => !one.reversed);
  if (open.length === 1) return open[0];
  return open.length === 0 && all.length === 1 ? all[0] : undefined; // the same reversal again, in a replay
}

/** A settlement comes, or comes again: what was reversed stays reversed, whichever of the two came first. */
function insured(bill: Bill, change: Extract<OrderChange, { readonly kind: "insured" }>): Bill {
  const { settlementNo, total, covered, requestNo } = change;
  const reversed =
    bill.insurance[settlementNo]?.reversed === true ||
    (bill.reversedAhead ?? []).some(
      (one) => one.settlementNo === settlementNo || (one.requestNo !== undefined && one.requestNo === requestNo),
    );
  const settled = { total, covered, ...(requestNo === undefined ? {} : { requestNo }), reversed };
  const told = change.eventId === undefined ? {} : { insuredBy: { ...bill.insuredBy, [change.eventId]: settlementNo } };
  return { ...bill, ...told, insurance: { ...bill.insurance, [settlementNo]: settled } };
}

/** A reversal comes, or comes again. One that names nothing and finds nothing changes nothing: there is nothing that could be waited for. */
function reversed(bill: Bill, change: Extract<OrderChange, { readonly kind: "insurance-reversed" }>): Bill {
  const { settlementNo, requestNo, eventId } = change;
  const found = reversedBy(bill, change);
  const names = { ...(settlementNo === undefined ? {} : { settlementNo }), ...(requestNo === undefined ? {} : { requestNo }) };
  if (!found && settlementNo === undefined && requestNo === undefined) return bill;
  const takesBack = found ? { settlementNo: found[0] } : names;
  const told = eventId === undefined ? {} : { reversedBy: { ...bill.reversedBy, [eventId]: takesBack } };
  if (found) return { ...bill, ...told, insurance: { ...bill.insurance, [found[0]]: { ...found[1], reversed: true } } };
  const known = bill.reversedAhead ?? [];
  return known.some((one) => one.settlementNo === settlementNo && one.requestNo === requestNo)
    ? { ...bill, ...told }
    : { ...bill, ...told, reversedAhead: [...known, names] };
}

/** The bill after one more fact. The same fact again (same number) changes nothing. */
export function applyChange(bill: Bill, change: OrderChange): Bill {
  switch (change.kind) {
    case "charged":
      return { ...bill, charges: { ...bill.charges, [change.chargeNo]: change.amount } };
    case "charge-cancelled":
      return { ...bill, cancels: { ...bill.cancels, [change.cancelNo]: change.amount } };
    case "insured":
    case "insurance-confirmed": {
      if (change.kind === "insured" && change.provisional !== true) return insured(bill, change);
      const made = change.kind === "insured" ? provisionallyInsured(bill, change) : confirmed(bill, change);
      return made.final ? insured(made.bill, made.final) : made.bill;
    }
    case "insurance-reversed":
      return reversed(reversedProvisional(bill, change) ?? bill, change);
    case "paid": {
      const number = [change.paymentNo, ...(change.transactions ?? [])].join(BETWEEN);
      const toldBy = change.eventId === undefined ? {} : { toldBy: { ...bill.toldBy, [change.eventId]: change.paymentNo } };
      const paid = { ...bill, ...toldBy, payments: { ...bill.payments, [number]: change.amount } };
      return change.billTotal === undefined ? paid : { ...paid, toldTotal: change.billTotal };
    }
    case "refunded": {
      const refundOf = change.paymentNo === undefined ? {} : { refundOf: { ...bill.refundOf, [change.refundNo]: change.paymentNo } };
      const told = change.eventId === undefined ? {} : { refundedBy: { ...bill.refundedBy, [change.eventId]: change.refundNo } };
      return { ...bill, ...refundOf, ...told, refunds: { ...bill.refunds, [change.refundNo]: change.amount } };
    }
  }
}

type Data = Readonly<Record<string, unknown>>;
const fen = (value: unknown): bigint => BigInt(String(value));
const text = (value: unknown): string => String(value);

/** The order key of an event: its bill, else its visit. Undefined when it names neither. */
export function orderKey(data: Data): string | undefined {
  const bills = data.bills as readonly { readonly no: string }[] | undefined;
  if (bills?.[0]) return `bill:${bills[0].no}`;
  const visit = data.visit as { readonly no: string } | undefined;
  return visit ? `visit:${visit.no}` : undefined;
}

/**
 * The patient key of an event: the patient, else the visit. Undefined when it names neither. Numbers of another system than the HIS's own carry its name: two
 * systems may give one number to two people.
 */
export function patientKey(data: Data): string | undefined {
  const patient = data.patient as { readonly no?: string; readonly numberSystem?: string } | undefined;
  const visit = data.visit as { readonly no: string } | undefined;
  if (patient?.no === undefined) return visit ? `visit:${visit.no}` : undefined;
  const { no, numberSystem = "his" } = patient;
  return numberSystem === "his" ? `patient:${no}` : `patient:${numberSystem}:${no}`;
}

/**
 * Where a reversal that names neither bill nor visit is kept until its settlement's bill is found by number (a 2601 names only the request, a mobile refund only
 * the payment order). No bill and no visit has such a key.
 */
function reversalKey(data: Data): string | undefined {
  const { settlementNo, requestMessageNo } = (data.original ?? {}) as Data;
  if (settlementNo !== undefined) return `serial:${text(settlementNo)}`;
  return requestMessageNo === undefined ? undefined : `message:${text(requestMessageNo)}`;
}

/** As `reversalKey`, for each event that may name its settlement by number alone. */
function numberKey({ type, data }: Pick<Event, "type" | "data">): string | undefined {
  if (type === "insurance.reversed") return reversalKey(data as Data);
  return type === "insurance.confirmed" ? `serial:${text((data as Data).settlementNo)}` : undefined;
}

/** What an event changes on its bill: nothing for events that move no money (rejections, statements). A provisional settle counts nowhere until it is confirmed. */
export function orderChangesOf(event: Pick<Event, "type" | "data"> & { readonly id?: string }): readonly OrderChange[] {
  const data = event.data as Data;
  const bill = orderKey(data) ?? numberKey(event);
  if (bill === undefined) return [];
  const by = event.id === undefined ? {} : { eventId: event.id };
  switch (event.type) {
    case "charge.posted":
      return [{ kind: "charged", bill, chargeNo: text(data.chargeNo), amount: fen(data.total) }];
    case "charge.cancelled":
      return [
        { kind: "charge-cancelled", bill, cancelNo: text(data.chargeNo), chargeNo: text(data.originalChargeNo), amount: fen(data.total) },
      ];
    case "insurance.settled": {
      const amounts = data.amounts as Data;
      const total = fen(amounts.total);
      const covered = total - fen(amounts.cash);
      const phase = data.phase === "final" ? {} : { provisional: true as const };
      const request = data.requestMessageNo === undefined ? {} : { requestNo: text(data.requestMessageNo) };
      return [{ kind: "insured", bill, settlementNo: text(data.settlementNo), ...request, total, covered, ...phase, ...by }];
    }
    case "insurance.confirmed":
      return [{ kind: "insurance-confirmed", bill, settlementNo: text(data.settlementNo), committed: data.result === "commit", ...by }];
    case "insurance.reversed": {
      const original = (data.original ?? {}) as Data;
      return [
        {
          kind: "insurance-reversed",
          bill,
          ...(original.settlementNo === undefined ? {} : { settlementNo: text(original.settlementNo) }),
          ...(original.requestMessageNo === undefined ? {} : { requestNo: text(original.requestMessageNo) }),
          ...by,
        },
      ];
    }
    case "payment.settled": {
      const bills = data.bills as readonly { readonly amount?: string }[] | undefined;
      const told = bills?.[0]?.amount;
      const tenders = (data.tenders ?? []) as readonly { readonly channelTransactionNo?: string }[];
      const transactions = tenders.flatMap((one) => one.channelTransactionNo ?? []);
      return [
        {
          kind: "paid",
          bill,
          paymentNo: text(data.paymentNo),
          ...(transactions.length === 0 ? {} : { transactions }),
          amount: fen(data.total),
          ...by,
          ...(told === undefined ? {} : { billTotal: fen(told) }),
        },
      ];
    }
    case "payment.refunded": {
      const { paymentNo } = (data.original ?? {}) as Data;
      const original = paymentNo === undefined ? {} : { paymentNo: text(paymentNo) };
      return [{ kind: "refunded", bill, refundNo: text(data.refundNo), amount: fen(data.total), ...original, ...by }];
    }
    default:
      return [];
  }
}
