/**
 * Reading a partner's ledger: one JSON line for everything it was asked, on disk before the answer left.
 * The first nine fields and their order are fixed (design.md section 6); more may follow.
 */
import { createReadStream } from "node:fs";

export interface LedgerLine {
  /** When, by the partner's own clock, ISO with +08:00. */
  readonly at: string;
  readonly partner: string;
  /** The write-back's idempotency key; null when the request could not be read. */
  readonly key: string | null;
  /** Kind of write-back, or "inquiry", or "unreadable". */
  readonly kind: string;
  /** Bill number, or else visit number; null when the request names none. */
  readonly order: string | null;
  /** Fen, as a decimal string; null when the request names none. */
  readonly amount: string | null;
  /** True when this line changed the partner's books. */
  readonly effect: boolean;
  /** The code answered; "none" when it kept silent, "503" and the like for a bare HTTP status. */
  readonly answer: string;
  /** The request's body as text. */
  readonly raw: string;
  readonly serial?: string;
  readonly receiptNo?: string;
  /** settle or reverse, for insurance results. */
  readonly action?: string;
  /** Faults that were at work on this line, joined by "+". An answer under drop-reply, garble or hang was decided but never arrived. */
  readonly fault?: string;
  /** True on the line that later did the work of a deferred answer. */
  readonly deferred?: boolean;
  /** How a deferred write-back was spelled, so that its outcome can be told after a restart. */
  readonly spelling?: string;
  /** True on what the partner itself sent; effect then means that the engine has acknowledged it. */
  readonly sent?: boolean;
  /** Whose client sent it, where that is another partner (a HIS that calls an insurer's DLL). */
  readonly as?: string;
  /** Fen that the insurer's funds, the insured's account and the patient bear, on lines that tell or make a settlement. */
  readonly insured?: { readonly fund: string; readonly account: string; readonly cash: string };
  /** "base64" when the body was no text in its declared charset. */
  readonly rawEncoding?: string;
}

export class LedgerDamaged extends Error {}

/** One line of text as a ledger line. Throws {@link LedgerDamaged} when it is none: a damaged ledger proves nothing. */
export function parseLedgerLine(text: string, number: number): LedgerLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LedgerDamaged(`ledger line ${number} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const line = value as Partial<LedgerLine> | null;
  if (
    line === null ||
    typeof line !== "object" ||
    typeof line.at !== "string" ||
    typeof line.effect !== "boolean" ||
    typeof line.kind !== "string"
  ) {
    throw new LedgerDamaged(`ledger line ${number} lacks its fields`);
  }
  return line as LedgerLine;
}

/** All lines of a ledger's text. A last line without line end was never answered for and is left out. */
export function parseLedger(text: string): LedgerLine[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line, index) => parseLedgerLine(line, index + 1));
}

/** The lines of a ledger file one after another, in constant memory; a missing file is an empty ledger. */
export async function* ledgerLines(file: string): AsyncGenerator<LedgerLine> {
  let rest = "";
  let number = 0;
  try {
    for await (const chunk of createReadStream(file, { encoding: "utf8" })) {
      const pieces = (rest + String(chunk)).split("\n");
      rest = pieces.pop() ?? "";
      for (const piece of pieces) yield parseLedgerLine(piece, ++number);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** A whole ledger file. For millions of lines use {@link ledgerLines}. */
export async function readLedger(file: string): Promise<LedgerLine[]> {
  const lines: LedgerLine[] = [];
  for await (const line of ledgerLines(file)) lines.push(line);
  return lines;
}

/** How many effects each key had. A key without effect is not in the map. */
export function effectsPerKey(lines: Iterable<LedgerLine>): Map<string, number> {
  return countEffects(lines, (line) => line.key);
}

/** How many effects each order had, as `<kind> <order>`, because an order has an insurance result and a payment confirm of its own. */
export function effectsPerOrder(lines: Iterable<LedgerLine>): Map<string, number> {
  return countEffects(lines, (line) => (line.order === null ? null : `${line.kind} ${line.order}`));
}

/** Keys that took effect more than once, with the number of effects: each is money booked twice. */
export function duplicates(lines: Iterable<LedgerLine>): Map<string, number> {
  return new Map([...effectsPerKey(lines)].filter(([, count]) => count > 1));
}

/** Fen of all effects, per kind. */
export function fenPerKind(lines: Iterable<LedgerLine>): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const line of lines) if (line.effect && line.amount !== null) sums.set(line.kind, (sums.get(line.kind) ?? 0n) + BigInt(line.amount));
  return sums;
}

function countEffects(lines: Iterable<LedgerLine>, name: (line: LedgerLine) => string | null): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const id = line.effect ? name(line) : null;
    if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}
