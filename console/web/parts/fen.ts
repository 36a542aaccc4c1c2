/** Amounts for people: fen arrive as decimal text and are never made a floating-point number. */

/** "165000" → "¥1,650.00"; undefined when the text is no whole number of fen. */
export function yuanText(fen: string): string | undefined {
  const match = /^(-?)(\d+)$/.exec(fen);
  if (!match) return undefined;
  const digits = (match[2] ?? "").padStart(3, "0");
  const yuan = digits.slice(0, -2).replace(/^0+(?=\d)/, "");
  return `${match[1]}¥${yuan.replace(/\B(?=(\d{3})+$)/g, ",")}.${digits.slice(-2)}`;
}
