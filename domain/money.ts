/**
 * Money is a whole number of fen (design.md decision 12). Only the makers of this file can make a `Fen`, so no float and no stray bigint passes for money.
 * In JSON an amount is the decimal string of its fen ("1650" is ¥16.50). A unit price is not an amount: it keeps 4 places and stays text.
 */

declare const fen: unique symbol;

/** An amount in fen. */
export type Fen = bigint & { readonly [fen]: true };

/** Digits before the decimal point that any hospital's amount fits in (999 thousand million yuan). */
const YUAN_DIGITS_MAX = 12;
/** Digits of an amount in fen. */
const FEN_DIGITS_MAX = YUAN_DIGITS_MAX + 2;
/** The JSON form: canonical, so that equal amounts are equal texts. */
export const FEN_PATTERN = `^(?:0|[1-9][0-9]{0,${FEN_DIGITS_MAX - 1}})$`;
/** The JSON form of amounts that may be below zero (balances, totals of statements). */
export const SIGNED_FEN_PATTERN = `^(?:0|-?[1-9][0-9]{0,${FEN_DIGITS_MAX - 1}})$`;

/** Whether a minus sign is readable. Only balances, statements and dialects that write reversals as negative amounts are "signed". */
export type Sign = "unsigned" | "signed";

const YUAN = new RegExp(`^(-?)([0-9]{1,${YUAN_DIGITS_MAX}})(?:\\.([0-9]{1,2}))?$`);
const FEN_UNSIGNED = new RegExp(FEN_PATTERN);
const FEN_SIGNED = new RegExp(SIGNED_FEN_PATTERN);
const FEN_LOOSE = new RegExp(`^(-?)([0-9]{1,${FEN_DIGITS_MAX}})$`);

/** The one place where a bigint becomes money. */
const make = (digits: string, negative: boolean): Fen => (negative ? -BigInt(digits) : BigInt(digits)) as Fen;

/** Nothing, in money. Not a default for an amount that is absent. */
export const ZERO_FEN: Fen = make("0", false);

/**
 * Reads yuan as partners write them: `16.50`, `16.5`, `16`, `0016.50`. Undefined for everything else: blanks, more than two decimals, exponents,
 * separators, currency signs, full-width digits, a bare point, more than 12 digits before the point, and a minus sign unless `signed`.
 */
export function fenFromYuan(text: string, sign: Sign = "unsigned"): Fen | undefined {
  const parts = YUAN.exec(text);
  if (!parts) return undefined;
  const [, minus = "", whole = "", decimals = ""] = parts;
  if (minus === "-" && sign === "unsigned") return undefined;
  return make(whole + decimals.padEnd(2, "0"), minus === "-");
}

/** Reads a whole number of fen as partners write it (`1650`, `0001650` in fixed-width files). Undefined for everything else, as for yuan. */
export function fenFromFenText(text: string, sign: Sign = "unsigned"): Fen | undefined {
  const parts = FEN_LOOSE.exec(text);
  if (!parts) return undefined;
  const [, minus = "", digits = ""] = parts;
  if (minus === "-" && sign === "unsigned") return undefined;
  return make(digits, minus === "-");
}

/** True when `text` is an amount's JSON form exactly: canonical decimal fen. */
export function isFenText(text: string, sign: Sign = "unsigned"): boolean {
  return (sign === "signed" ? FEN_SIGNED : FEN_UNSIGNED).test(text);
}

/** The amount of a text that a schema has accepted already. Throws RangeError on any other: that is a mistake of the caller, not of the data. */
export function fenOfValid(text: string): Fen {
  if (!isFenText(text, "signed")) throw new RangeError("not the JSON form of an amount in fen");
  return make(text.replace("-", ""), text.startsWith("-"));
}

/** The JSON form: decimal string of fen. */
export const fenText = (amount: Fen): string => amount.toString();

/** Yuan with exactly two decimals, as people and most partners read them: `16.50`, `-0.05`. */
export function yuanFromFen(amount: Fen): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(3, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** The sum; zero for no amounts at all (the caller knows whether none is the same as absent). */
export function sumFen(amounts: Iterable<Fen>): Fen {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total as Fen;
}

/** `from` less `what`; may be below zero. */
export const subtractFen = (from: Fen, what: Fen): Fen => (from - what) as Fen;

/** The same amount with the other sign: for dialects that write reversals as negative amounts. */
export const negateFen = (amount: Fen): Fen => -amount as Fen;
