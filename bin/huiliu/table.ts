/** Tables for a terminal, aligned where Chinese characters take two columns. */

/** Columns a text takes: wide East Asian characters two, combining marks none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    if ((code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200f) || code === 0xfeff) continue;
    const wide =
      (code >= 0x1100 && code <= 0x115f) ||
      (code >= 0x2e80 && code <= 0xa4cf) ||
      (code >= 0xac00 && code <= 0xd7a3) ||
      (code >= 0xf900 && code <= 0xfaff) ||
      (code >= 0xfe30 && code <= 0xfe4f) ||
      (code >= 0xff00 && code <= 0xff60) ||
      (code >= 0xffe0 && code <= 0xffe6) ||
      (code >= 0x1f300 && code <= 0x1faff) ||
      (code >= 0x20000 && code <= 0x3fffd);
    width += wide ? 2 : 1;
  }
  return width;
}

/** What a partner sent must not steer the terminal: control characters become dots. */
export const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (letter) => (letter === "\n" || letter === "\t" ? letter : "·")).replace(/[\u202a-\u202e\u2066-\u2069]/g, "·");

/** Cuts to at most `max` columns; what is cut ends in "…". */
export function cutTo(text: string, max: number): string {
  if (widthOf(text) <= max) return text;
  let kept = "";
  let width = 0;
  for (const letter of text) {
    width += widthOf(letter);
    if (width > max - 1) break;
    kept += letter;
  }
  return `${kept}…`;
}

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => string | number | undefined;
  /** Numbers stand right. */
  readonly right?: boolean;
  readonly max?: number;
}

/** The lines of a table; one line a row. Absent cells are "–". */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string[] {
  const cells = rows.map((row) =>
    columns.map(({ cell, max = 60 }) => {
      const value = cell(row);
      return value === undefined || value === "" ? "–" : cutTo(printable(String(value)).replace(/\s+/g, " "), max);
    }),
  );
  const widths = columns.map((column, index) => Math.max(widthOf(column.head), ...cells.map((line) => widthOf(line[index] ?? ""))));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => {
        const gap = " ".repeat(Math.max(0, (widths[index] ?? 0) - widthOf(text)));
        return columns[index]?.right === true ? gap + text : text + gap;
      })
      .join("  ")
      .trimEnd();
  return [line(columns.map((column) => column.head)), ...cells.map(line)];
}

/** "12 s", "3 min", "2 h", "5 d". */
export function ageText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7_200) return `${Math.floor(whole / 60)} min`;
  return whole < 172_800 ? `${Math.floor(whole / 3_600)} h` : `${Math.floor(whole / 86_400)} d`;
}

/** Yuan with two decimals from a decimal string of fen. */
export function yuanText(fen: string | undefined): string | undefined {
  if (fen === undefined) return undefined;
  const digits = fen.replace("-", "").padStart(3, "0");
  return `${fen.startsWith("-") ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
