/**
 * Cells of what people take away in tables (CSV): a spreadsheet must never compute what a partner wrote (reliability.md section 9, A38). Bytes in the store stay as
 * they are; only the copy that leaves is changed. Pure.
 */

/** What a spreadsheet takes for the beginning of a formula: = + − - @ in ASCII, full width and as the typographic minus, however many blanks stand before it. */
const FORMULA = /^[\s\p{Cf}\u3000]*[=+\-@\u2212\uFF1D\uFF0B\uFF0D\uFF20\uFE62\uFE63\uFE66\uFE6B]/u;
/** Tab, CR and LF begin a cell of their own in some programs; the rest shows nowhere and hides things. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const CONTROL = /[\u0000-\u001F\u007F-\u009F\u2028\u2029]+/g;
/** A cell that begins with it is text, whatever follows. */
const TEXT_MARK = "'";
/** Excel reads a file as UTF-8 only when it begins with this. */
const CSV_START = "\uFEFF";
const LINE_END = "\r\n";

/** The text as a cell that no spreadsheet computes: marked as text where it looks like a formula, in one line. */
export function neutralCell(text: string): string {
  const begins = /^[\t\r\n]/.test(text);
  const line = text.replace(CONTROL, " ");
  return begins || FORMULA.test(line) ? `${TEXT_MARK}${line}` : line;
}

/** A cell of CSV (RFC 4180), always quoted: separators of any locale stay inside. */
const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;

/** One line of CSV, every cell neutral. Absent is an empty cell. */
export const csvLine = (cells: readonly (string | undefined)[]): string =>
  `${cells.map((cell) => quoted(cell === undefined ? "" : neutralCell(cell))).join(",")}${LINE_END}`;

/** A whole table: its head, then its lines. */
export const csvOf = (head: readonly string[], lines: readonly (readonly (string | undefined)[])[]): string =>
  `${CSV_START}${csvLine(head)}${lines.map(csvLine).join("")}`;
