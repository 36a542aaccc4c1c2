/** Fen as yuan with two decimals, by whole numbers: the public client divides integers here and loses the fen. */
export function yuanOf(fen: string): string {
  const padded = fen.padStart(3, "0");
  return `${padded.slice(0, -2)}.${padded.slice(-2)}`;
}
