/** Which bytes are which character, for the two sides of a piece of bytes (domain/operations/raw-window.ts gives widths). Pure. */
import type { RawView } from "../../../../domain/operations/views-inspect.ts";

export interface Letter {
  readonly letter: string;
  /** First byte, within the piece. */
  readonly at: number;
  readonly width: number;
}

export const ROW = 16;

/** Each character with its bytes; of bytes that no charset decodes, each byte by itself. */
export function lettersOf(piece: Pick<RawView, "hex" | "text" | "widths">): readonly Letter[] {
  if (piece.text === undefined || piece.widths === undefined) {
    const count = (piece.hex?.length ?? 0) / 2;
    return Array.from({ length: count }, (_, at) => ({ letter: printable(piece.hex?.slice(at * 2, at * 2 + 2) ?? ""), at, width: 1 }));
  }
  let at = 0;
  const { widths } = piece;
  return [...piece.text].map((letter, index) => {
    const width = Number(widths[index] ?? "1");
    const one = { letter, at, width };
    at += width;
    return one;
  });
}

function printable(hex: string): string {
  const code = Number.parseInt(hex, 16);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : "·";
}

/** The character that has this byte; -1: none. */
export function letterAt(letters: readonly Letter[], byte: number): number {
  let [low, high] = [0, letters.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const one = letters[middle];
    if (one === undefined) return -1;
    if (byte < one.at) high = middle - 1;
    else if (byte >= one.at + one.width) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** What stands for characters that show nothing: signs that every font has. */
const SIGNS: Readonly<Record<string, string>> = { "\r": "←", "\n": "↓", "\t": "→", "\u000b": "▲", "\u001c": "▼", "\u0000": "○" };
export const shownLetter = (letter: string): string => SIGNS[letter] ?? letter;

export interface HexRow {
  readonly offset: number;
  readonly bytes: readonly string[];
  /** Characters that begin in this row: first and behind the last. */
  readonly from: number;
  readonly to: number;
}

/** Sixteen bytes a row, each with the characters that begin there: both sides of a row belong together. */
export function rowsOf(hex: string, letters: readonly Letter[]): readonly HexRow[] {
  const rows: HexRow[] = [];
  let from = 0;
  for (let offset = 0; offset * 2 < hex.length; offset += ROW) {
    const piece = hex.slice(offset * 2, (offset + ROW) * 2);
    let to = from;
    while (to < letters.length && (letters[to]?.at ?? 0) < offset + ROW) to += 1;
    rows.push({ offset, bytes: piece.match(/../g) ?? [], from, to });
    from = to;
  }
  return rows;
}
