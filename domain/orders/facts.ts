/**
 * What a bill knows and an event does not tell. A Neusoft 2430 names a bill but no amount; a 2421 names neither, only the request it takes back. The HIS must
 * hear how much was taken back of which bill, and that bill must not stay paid (S4-10). Mappings read these facts as `order:<name>`; amounts are decimal
 * strings of fen.
 */
import type { Event } from "../events/event.ts";
import { type Bill, billTotal, type OrderChange, orderChangesOf, orderKey, reversedBy } from "./rules.ts";

export interface OrderFacts {
  /** Order key of the bill that the event is about: `bill:<no>` or `visit:<no>`. */
  readonly key: string;
  /** Values of `order:<name>`: amount, billTotal, bill, visit; of what is to be settled and is settled already settlementNo (the bill) and visitSettlementNo. */
  readonly told: Readonly<Record<string, string>>;
}

type Reversal = Extract<OrderChange, { readonly kind: "insurance-reversed" | "insurance-confirmed" }>;

/** What an event takes back or confirms; undefined for events that tell everything themselves. */
export const reversalOf = (event: Pick<Event, "type" | "data">): Reversal | undefined =>
  orderChangesOf(event).find((change) => change.kind === "insurance-reversed" || change.kind === "insurance-confirmed");

/** What somebody asks the insurer to settle, under both names: some dialects count by bill, Chongqing's 05 knows nothing but the visit (reference/domain.md 2.2). */
export interface ToSettle {
  readonly bill: string;
  /** Absent: the request names no visit. */
  readonly visit?: string;
}

/** The order that somebody asks the insurer to settle; undefined for every other event. Its books tell whether that was done before. */
export function toSettle({ type, data }: Pick<Event, "type" | "data">): ToSettle | undefined {
  if (type !== "insurance.requested") return undefined;
  const { step, visit } = data as { readonly step?: string; readonly visit?: { readonly no: string } };
  const bill = step === "presettle" || step === "settle" ? orderKey(data as Readonly<Record<string, unknown>>) : undefined;
  return bill === undefined ? undefined : { bill, ...(visit === undefined ? {} : { visit: `visit:${visit.no}` }) };
}

/** Whether what the bill knows is wanted for this event. */
export const wantsFacts = (event: Pick<Event, "type" | "data">): boolean =>
  reversalOf(event) !== undefined || toSettle(event) !== undefined;

/** The settlement of this book that stands, provisional ones included. */
function standing(bill: Bill | undefined): string | undefined {
  const open = Object.entries(bill?.insurance ?? {}).filter(([, one]) => !one.reversed);
  return open[0]?.[0] ?? Object.keys(bill?.provisional ?? {})[0];
}

/** `settlementNo`: the settlement of the bill that stands; `visitSettlementNo`: one that was told of the visit alone. Undefined while there is neither. */
export function settledFacts(bill: Bill, visit?: Bill): OrderFacts | undefined {
  const [ofBill, ofVisit] = [standing(bill), standing(visit)];
  if (ofBill === undefined && ofVisit === undefined) return undefined;
  return {
    key: bill.key,
    told: { ...(ofBill === undefined ? {} : { settlementNo: ofBill }), ...(ofVisit === undefined ? {} : { visitSettlementNo: ofVisit }) },
  };
}

/** The settlement that it speaks of, as the bill knows it. */
function settledOf(bill: Bill, about: Reversal): { readonly total: bigint } | undefined {
  if (about.kind === "insurance-reversed") return reversedBy(bill, about)?.[1] ?? bill.provisional?.[about.settlementNo ?? ""];
  return bill.provisional?.[about.settlementNo] ?? bill.insurance[about.settlementNo];
}

/** Number of the request whose settlement it speaks of. */
export const requestNoOf = (about: Reversal): string | undefined => (about.kind === "insurance-reversed" ? about.requestNo : undefined);

/** The bill that knows what was taken back: the one the event names, else one that the number was found in. Undefined: nobody knows it. */
export function billReversed(reversal: Reversal, named: Bill, found: readonly Bill[]): Bill | undefined {
  const byNumber = reversal.settlementNo !== undefined || requestNoOf(reversal) !== undefined;
  return [named, ...(byNumber ? found : [])].find((bill) => settledOf(bill, reversal) !== undefined);
}

/** `amount`: what the reversed settlement came to. A settlement that this bill does not know gives none. */
export function orderFacts(reversal: Reversal, bill: Bill): OrderFacts {
  const settled = settledOf(bill, reversal);
  const total = billTotal(bill);
  const [, kind = "", no = ""] = /^(bill|visit):(.*)$/s.exec(bill.key) ?? [];
  return {
    key: bill.key,
    told: {
      ...(kind === "" ? {} : { [kind]: no }),
      ...(settled === undefined ? {} : { amount: String(settled.total) }),
      ...(total === undefined ? {} : { billTotal: String(total) }),
    },
  };
}

/** A change on the bill that it was found to be about. */
export const onBill = (change: OrderChange, facts: OrderFacts | undefined): OrderChange =>
  facts === undefined ? change : { ...change, bill: facts.key };
