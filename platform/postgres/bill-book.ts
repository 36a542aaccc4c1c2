/** A bill's book as JSON: amounts as decimal strings of fen (design.md decision 12). */
import { type Bill, emptyBill } from "../../domain/orders/rules.ts";

type Fen = Readonly<Record<string, string>>;
interface Book {
  readonly charges: Fen;
  readonly cancels: Fen;
  readonly insurance: Readonly<
    Record<string, { readonly total: string; readonly covered: string; readonly requestNo?: string; readonly reversed: boolean }>
  >;
  readonly provisional?: Readonly<Record<string, { readonly total: string; readonly covered: string; readonly requestNo?: string }>>;
  readonly confirmedAhead?: NonNullable<Bill["confirmedAhead"]>;
  readonly reversedAhead?: NonNullable<Bill["reversedAhead"]>;
  readonly payments: Fen;
  readonly refunds: Fen;
  readonly refundOf?: NonNullable<Bill["refundOf"]>;
  readonly toldBy?: NonNullable<Bill["toldBy"]>;
  readonly insuredBy?: NonNullable<Bill["insuredBy"]>;
  readonly refundedBy?: NonNullable<Bill["refundedBy"]>;
  readonly reversedBy?: NonNullable<Bill["reversedBy"]>;
  readonly untold?: NonNullable<Bill["untold"]>;
  readonly toldTotal?: string;
}

const amounts = (fen: Fen | undefined): Record<string, bigint> =>
  Object.fromEntries(Object.entries(fen ?? {}).map(([number, amount]) => [number, BigInt(amount)]));

/** Maps that every bill has; most bills know payments and nothing else, and they are kept for ever. */
const MAPS: ReadonlySet<string> = new Set(["charges", "cancels", "insurance", "payments", "refunds"]);

/** JSON text of everything but the key and maps that are empty. */
export function bookOf({ key: _, ...book }: Bill): string {
  const kept = Object.entries(book).filter(([name, value]) => !(MAPS.has(name) && Object.keys(value as object).length === 0));
  return JSON.stringify(Object.fromEntries(kept), (_name, value) => (typeof value === "bigint" ? String(value) : value));
}

const provisionalOf = (stored: NonNullable<Book["provisional"]>): NonNullable<Bill["provisional"]> =>
  Object.fromEntries(
    Object.entries(stored).map(([number, { total, covered, ...request }]) => [
      number,
      { ...request, total: BigInt(total), covered: BigInt(covered) },
    ]),
  );

/** The bill of a stored book. */
export function billOfBook(key: string, book: unknown): Bill {
  const stored = book as Partial<Book>;
  const insurance = Object.entries(stored.insurance ?? {}).map(([number, one]) => {
    const { requestNo, reversed } = one;
    const request = requestNo === undefined ? {} : { requestNo }; // a 冲正 names the settlement by it
    return [number, { total: BigInt(one.total), covered: BigInt(one.covered), ...request, reversed }] as const;
  });
  return {
    ...emptyBill(key),
    charges: amounts(stored.charges),
    cancels: amounts(stored.cancels),
    insurance: Object.fromEntries(insurance),
    ...(stored.provisional === undefined ? {} : { provisional: provisionalOf(stored.provisional) }),
    ...(stored.confirmedAhead === undefined ? {} : { confirmedAhead: stored.confirmedAhead }),
    ...(stored.reversedAhead === undefined ? {} : { reversedAhead: stored.reversedAhead }),
    payments: amounts(stored.payments),
    refunds: amounts(stored.refunds),
    ...(stored.refundOf === undefined ? {} : { refundOf: stored.refundOf }),
    ...(stored.toldBy === undefined ? {} : { toldBy: stored.toldBy }),
    ...(stored.insuredBy === undefined ? {} : { insuredBy: stored.insuredBy }),
    ...(stored.refundedBy === undefined ? {} : { refundedBy: stored.refundedBy }),
    ...(stored.reversedBy === undefined ? {} : { reversedBy: stored.reversedBy }),
    ...(stored.untold === undefined ? {} : { untold: stored.untold }),
    ...(stored.toldTotal === undefined ? {} : { toldTotal: BigInt(stored.toldTotal) }),
  };
}
