/**
 * Two-phase settlements (Zhejiang 30 then 49, Yinhai call then confirm): what is provisional is known and counts nowhere, until the partner's second phase makes it final.
 * Pure, like rules.ts, which keeps the final ones.
 */
import type { Bill, OrderChange } from "./rules.ts";

type Insured = Extract<OrderChange, { readonly kind: "insured" }>;
type Confirmed = Extract<OrderChange, { readonly kind: "insurance-confirmed" }>;
type Reversed = Extract<OrderChange, { readonly kind: "insurance-reversed" }>;
export type Provisional = Readonly<Record<string, { readonly total: bigint; readonly covered: bigint; readonly requestNo?: string }>>;

const without = (all: Provisional, no: string): Provisional => Object.fromEntries(Object.entries(all).filter(([one]) => one !== no));

/** A provisional settlement comes, or comes again. One that was confirmed before it came is given back as final: the caller books it. */
export function provisionallyInsured(bill: Bill, change: Insured): { readonly bill: Bill; readonly final?: Insured } {
  const { settlementNo, total, covered, requestNo } = change;
  if (bill.insurance[settlementNo] !== undefined) return { bill };
  if (bill.confirmedAhead?.includes(settlementNo)) {
    const { provisional: _, ...final } = change;
    return { bill, final };
  }
  const known = { total, covered, ...(requestNo === undefined ? {} : { requestNo }) };
  return { bill: { ...bill, provisional: { ...bill.provisional, [settlementNo]: known } } };
}

/** The second phase: committed, it is booked as final by the caller; rolled back, it never happened. */
export function confirmed(bill: Bill, change: Confirmed): { readonly bill: Bill; readonly final?: Insured } {
  const { settlementNo, committed } = change;
  const known = bill.provisional?.[settlementNo];
  const rest = known ? { ...bill, provisional: without(bill.provisional ?? {}, settlementNo) } : bill;
  if (!committed) return { bill: rest };
  if (known) {
    const by = change.eventId === undefined ? {} : { eventId: change.eventId };
    return { bill: rest, final: { kind: "insured", bill: change.bill, settlementNo, ...known, ...by } };
  }
  if (bill.insurance[settlementNo] !== undefined || bill.confirmedAhead?.includes(settlementNo)) return { bill };
  return { bill: { ...bill, confirmedAhead: [...(bill.confirmedAhead ?? []), settlementNo] } };
}

/** A reversal of what is provisional only takes it away; undefined when it names no provisional one. */
export function reversedProvisional(bill: Bill, change: Reversed): Bill | undefined {
  const found = Object.entries(bill.provisional ?? {}).find(
    ([no, one]) => no === change.settlementNo || (change.requestNo !== undefined && one.requestNo === change.requestNo),
  );
  return found && { ...bill, provisional: without(bill.provisional ?? {}, found[0]) };
}
