/** HL7 v2 and MLLP as a vendor's programmer writes them: splitting by CR and `|`, frames by hand. Shares nothing with the engine. */
import iconv from "iconv-lite";

const VT = 0x0b;
const FS = 0x1c;
const CR = 0x0d;
const FRAME_MAX = 4 * 1024 * 1024;

/** Pieces of a stream: whole messages, and whether it can be gone on with. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  /** Whole messages in these bytes; null when they are no MLLP. */
  push(chunk: Buffer): readonly Buffer[] | null {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const found: Buffer[] = [];
    for (;;) {
      while (this.#held[0] === CR || this.#held[0] === 0x0a) this.#held = this.#held.subarray(1);
      if (this.#held.length === 0) return found;
      if (this.#held[0] !== VT || this.#held.length > FRAME_MAX) return null;
      const end = this.#held.indexOf(Buffer.of(FS, CR));
      if (end < 0) return found;
      found.push(this.#held.subarray(1, end));
      this.#held = this.#held.subarray(end + 2);
    }
  }
}

export const frameOf = (body: Buffer): Buffer => Buffer.concat([Buffer.of(VT), body, Buffer.of(FS, CR)]);

export type Charset = "UNICODE UTF-8" | "GB 18030-2000";
export const encode = (text: string, charset: Charset): Buffer =>
  charset === "UNICODE UTF-8" ? Buffer.from(text, "utf8") : iconv.encode(text, "gb18030");

/** The text, by what MSH-18 says; null when the bytes are not that. */
export function decode(body: Buffer): string | null {
  const head = body.subarray(0, Math.max(0, body.indexOf(CR))).toString("latin1");
  try {
    return new TextDecoder(head.includes("GB 18030") || head.includes("|GBK") ? "gb18030" : "utf-8", { fatal: true }).decode(body);
  } catch {
    return null; // bytes of another charset
  }
}

/** Segments of a message, each a list of fields: `PID[3]` is PID-3. MSH's fields are counted as HL7 does. */
export function segmentsOf(text: string): readonly (readonly string[])[] {
  return text
    .split("\r")
    .filter((line) => line !== "")
    .map((line) => {
      const cells = line.split("|");
      return cells[0] === "MSH" ? ["MSH", "|", ...cells.slice(1)] : cells;
    });
}

/** Field `number` of the first segment of that name; "" when it has none. */
export const fieldOf = (segments: readonly (readonly string[])[], name: string, number: number): string =>
  segments.find((one) => one[0] === name)?.[number] ?? "";

export const componentOf = (field: string, number: number): string => field.split("^")[number - 1] ?? "";

/** A value between separators. */
export const escaped = (text: string): string =>
  text.replace(/[\\|^~&]/g, (one) => ({ "\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\" })[one] ?? one);

/** A segment from its fields by number. */
export function segment(name: string, fields: Readonly<Record<number, string>>): string {
  const cells: string[] = [name];
  for (const [number, text] of Object.entries(fields)) cells[Number(number)] = text;
  return Array.from(cells, (cell) => cell ?? "").join("|");
}

export interface HeaderOf {
  readonly application: string;
  readonly facility: string;
  readonly at: string;
  /** `DFT^P03^DFT_P03` */
  readonly type: string;
  readonly id: string;
  readonly enhanced: boolean;
  readonly charset: Charset;
}

export const header = ({ application, facility, at, type, id, enhanced, charset }: HeaderOf): string =>
  `MSH|^~\\&|${application}|${facility}|HPIE|PAY|${at}||${type}|${id}|P|2.5.1|||${enhanced ? "AL|AL" : "|"}|CHN|${charset}`;

/** "2026-11-20 09:30:00" or ISO → "20261120093000". */
export const stamp = (time: string): string => time.replace(/\D/g, "").slice(0, 14);
