/**
 * What the simulated insurer behind a DLL knows: bills told by fee details, settlements by number. The split is a rule of our own, the same for both dialects:
 * the fund pays 60 % of the total (whole fen, cut), the account 20 %, the patient the rest. Nothing here is any region's policy.
 */
import type { Mode } from "../partner.ts";

export interface Split {
  readonly total: bigint;
  readonly fund: bigint;
  readonly account: bigint;
  readonly cash: bigint;
}

export const splitOf = (total: bigint): Split => {
  const fund = (total * 60n) / 100n;
  const account = (total * 20n) / 100n;
  return { total, fund, account, cash: total - fund - account };
};

export interface Settlement extends Split {
  readonly no: string;
  readonly visit: string;
}

export interface Books {
  /** Adds to what a visit owes. */
  charge(visit: string, fen: bigint): void;
  /** What a visit owes: as charged, or as its number ends (`MZ1-9250`); undefined: nobody registered it. */
  owed(visit: string): bigint | undefined;
  standing(no: string): Settlement | undefined;
  settle(settlement: Settlement): "settled" | "repeated";
  undo(no: string): Settlement | undefined;
  /** The one settlement of a visit that stands; undefined when there is none, or more than one. */
  undoVisit(visit: string): Settlement | undefined;
  next(): string;
}

const FIRST_NO = 9_900_000_000_000_000n;

/** naive: a repeated number is settled again, as an insurer would that keeps no books. */
export function createBooks(mode: () => Mode): Books {
  const charges = new Map<string, bigint>();
  const settled = new Map<string, Settlement>();
  let count = 0n;
  return {
    charge: (visit, fen) => void charges.set(visit, (charges.get(visit) ?? 0n) + fen),
    owed: (visit) => {
      const told = /-(\d{1,12})$/.exec(visit)?.[1];
      return charges.get(visit) ?? (told === undefined ? undefined : BigInt(told));
    },
    standing: (no) => settled.get(no),
    settle(settlement) {
      if (settled.has(settlement.no) && mode() === "strict") return "repeated";
      settled.set(settlement.no, settlement);
      count += 1n;
      return "settled";
    },
    undo(no) {
      const known = settled.get(no);
      settled.delete(no);
      return known;
    },
    undoVisit(visit) {
      const [one, ...more] = [...settled.values()].filter((settlement) => settlement.visit === visit);
      if (one === undefined || more.length > 0) return undefined;
      settled.delete(one.no);
      return one;
    },
    next: () => (FIRST_NO + count).toString(),
  };
}
