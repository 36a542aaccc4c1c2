/** The hospital's own money: integer fen. It shares no code with the engine, so that an error of one cannot hide in the other. */

const YUAN = /^(0|[1-9]\d{0,12})\.(\d{2})$/;
const FEN = /^(0|[1-9]\d{0,14})$/;

/** Fen of an amount in yuan with exactly two decimals ("16.50" → 1650n); null for anything else, also for signs, one decimal and blanks. */
export function fenOfYuan(text: string): bigint | null {
  const match = YUAN.exec(text);
  return match === null ? null : BigInt(`${match[1]}${match[2]}`);
}

/** Fen of a decimal string of fen ("1650" → 1650n); null for anything else. */
export function fenOfText(text: string): bigint | null {
  return FEN.test(text) ? BigInt(text) : null;
}

/** Yuan with two decimals (1650n → "16.50"). */
export function yuanOfFen(fen: bigint): string {
  const sign = fen < 0n ? "-" : "";
  const digits = (fen < 0n ? -fen : fen).toString().padStart(3, "0");
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
