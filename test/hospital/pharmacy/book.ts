/** The pharmacy's books: prescriptions that it was told are paid, and what became of them. Pure; the ledger is where they come from. */
import type { LedgerLine } from "../ledger.ts";

export interface Item {
  readonly no: string;
  readonly code: string;
  readonly name: string;
  readonly quantity: string;
  readonly fen: string;
}

/** What `{"op":"paid"}` says. */
export interface Paid {
  readonly op: "paid";
  readonly key: string;
  readonly prescription: string;
  readonly bill: string;
  readonly visit: string;
  readonly patient: string;
  readonly patientName?: string;
  readonly fen: string;
  readonly items: readonly Item[];
}

export interface Known {
  readonly paid: Paid;
  readonly slip: string;
  /** Slips of handing out; more than one is medicine given twice. */
  times: number;
}

export interface Decision {
  readonly code: "OK" | "DONE" | "E409";
  readonly known: Known;
  readonly effect: boolean;
}

export interface Book {
  decide(paid: Paid, strict: boolean): Decision;
  byKey(key: string): Known | undefined;
  byPrescription(prescription: string): Known | undefined;
  replay(line: LedgerLine): void;
}

const SLIP_DIGITS = 10;

export function createBook(): Book {
  const keys = new Map<string, Known>();
  const prescriptions = new Map<string, Known>();
  let slips = 0;
  const take = (paid: Paid): Known => {
    slips += 1;
    const known = { paid, slip: `YF${String(slips).padStart(SLIP_DIGITS, "0")}`, times: 1 };
    const before = keys.get(paid.key);
    if (before !== undefined) before.times += 1;
    else {
      keys.set(paid.key, known);
      prescriptions.set(paid.prescription, known);
    }
    return before ?? known;
  };
  return {
    decide(paid, strict) {
      const known = keys.get(paid.key);
      if (!strict || known === undefined) return { code: "OK", known: take(paid), effect: true };
      const same = known.paid.prescription === paid.prescription && known.paid.fen === paid.fen;
      return { code: same ? "DONE" : "E409", known, effect: false };
    },
    byKey: (key) => keys.get(key),
    byPrescription: (prescription) => prescriptions.get(prescription),
    replay(line) {
      if (line.effect && line.kind === "prescription-paid") take(JSON.parse(line.raw) as Paid);
    },
  };
}

/** Reads a body; the problem is what the pharmacist's screen would say. */
export function readPaid(value: unknown): Paid | string {
  const body = value as Record<string, unknown> | null;
  if (typeof body !== "object" || body === null) return "no JSON object";
  for (const name of ["key", "prescription", "bill", "visit", "patient"]) {
    if (typeof body[name] !== "string" || body[name] === "") return `${name} is missing`;
  }
  if (typeof body.fen !== "string" || !/^\d{1,15}$/.test(body.fen)) return "fen is no amount";
  const { items } = body;
  if (!Array.isArray(items) || items.length === 0) return "no medicines";
  const sum = (items as readonly Item[]).reduce((total, item) => total + BigInt(item.fen), 0n);
  return sum.toString() === body.fen ? (body as unknown as Paid) : `the medicines come to ${sum} fen, not ${body.fen}`;
}
