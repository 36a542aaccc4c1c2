/**
 * A piece of a message's bytes beside what they say: which bytes make which character, so that a place in one can be shown in the other (GBK's second bytes look like
 * `|`, `^` or letters). What masking hides of the text is hidden of the bytes. Pure.
 */
import { type Charset, charsetOf, decode } from "../mapping/charset.ts";

/** Bytes of one answer when the caller says nothing, and at most. */
export const RAW_WINDOW_DEFAULT = 4_096;
export const RAW_WINDOW_MAX = 65_536;
/** So much around the piece is read with it: what is hidden may begin before it. Longer than any pattern of masking.ts reaches. */
const MARGIN_BYTES = 4_096;
const FALLBACKS: readonly Charset[] = ["utf-8", "gb18030"];
/** A byte that is not shown. */
const HIDDEN = "**";
const STAR = "*";

export interface RawWindow {
  /** Of the whole part. */
  readonly bytes: number;
  /** Where the piece begins: never inside a character. */
  readonly from: number;
  readonly length: number;
  /** Two digits a byte, `**` for a hidden one. Absent: bytes of no charset cannot be masked. */
  readonly hex?: string;
  readonly charset?: string;
  readonly text?: string;
  /** Bytes of each character (code point) of `text`, one digit each. */
  readonly widths?: string;
}

/** Bytes of the character that begins here. Only asked of bytes that the charset decodes. */
function widthAt(bytes: Uint8Array, at: number, charset: Charset): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  if (charset === "utf-8") return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first === 0x80 || first === 0xff) return 1;
  const second = bytes[at + 1] ?? 0;
  return second >= 0x30 && second <= 0x39 ? 4 : 2;
}

const hasMark = (bytes: Uint8Array): boolean => bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;

/** The charset that decodes all of it: the declared one first, then those that partners forget to declare. */
function readableAs(bytes: Uint8Array, declared: string | undefined): Charset | undefined {
  const own = declared === undefined ? undefined : charsetOf(declared);
  const order = own === undefined ? FALLBACKS : [own, ...FALLBACKS.filter((one) => one !== own)];
  return order.find((charset) => decode(bytes, charset) !== undefined);
}

const MARKS = /([<>"'|^~&;,=\r\n])/;

/** The masked text, character for character under the original one; what cannot be held against it is hidden whole. */
export function maskedAlike(text: string, masked: string): string {
  if (text === masked) return text;
  const [ours, theirs] = [text.split(MARKS), masked.split(MARKS)];
  const stars = (of: string): string => STAR.repeat([...of].length);
  const alike = (one: string, other: string): string => {
    const [left, right] = [[...one], [...other]];
    const fits = left.length === right.length && left.every((letter, index) => letter === right[index] || right[index] === STAR);
    return fits ? other : stars(one);
  };
  const sameShape = ours.length === theirs.length && ours.every((one, index) => index % 2 === 0 || one === theirs[index]);
  return sameShape ? ours.map((one, index) => alike(one, theirs[index] ?? "")).join("") : stars(text);
}

interface Walked {
  readonly marginStart: number;
  readonly marginEnd: number;
  readonly start: number;
  readonly end: number;
  readonly widths: readonly number[];
}

/** Character by character from the beginning: in GBK there is no other way to know where one begins. */
function walk(bytes: Uint8Array, charset: Charset, from: number, length: number): Walked {
  const first = charset === "utf-8" && hasMark(bytes) ? 3 : 0;
  const widths: number[] = [];
  let [marginStart, start, end, at] = [-1, -1, -1, first];
  while (at < bytes.length) {
    const width = widthAt(bytes, at, charset);
    if (marginStart < 0 && at + width > from - MARGIN_BYTES) marginStart = at;
    if (start < 0 && at + width > from) start = at;
    if (start >= 0 && end < 0 && at >= start + length) end = at;
    if (end >= 0 && at >= end + MARGIN_BYTES) break;
    if (marginStart >= 0) widths.push(width);
    at += width;
  }
  if (start < 0) start = at;
  return { marginStart: Math.max(marginStart, first), marginEnd: at, start, end: end < 0 ? at : end, widths };
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * The piece of `bytes` from `from` on, at most `length` bytes but for the last character. `mask` is what the text is shown through; undefined: shown whole.
 */
export function rawWindow(
  bytes: Uint8Array,
  options: { readonly declared?: string; readonly from: number; readonly length: number; readonly mask?: (text: string) => string },
): RawWindow {
  const from = Math.min(Math.max(0, options.from), bytes.length);
  const length = Math.min(Math.max(1, options.length), RAW_WINDOW_MAX);
  const charset = readableAs(bytes, options.declared);
  if (charset === undefined) {
    const piece = bytes.subarray(from, from + length);
    return { bytes: bytes.length, from, length: piece.length, ...(options.mask === undefined ? { hex: hexOf(piece) } : {}) };
  }
  const { marginStart, marginEnd, start, end, widths } = walk(bytes, charset, from, length);
  const around = decode(bytes.subarray(marginStart, marginEnd), charset) ?? "";
  const original = [...around];
  const shown = options.mask === undefined ? original : [...maskedAlike(around, options.mask(around))];
  let [text, hex, kept, at] = ["", "", "", marginStart];
  for (const [index, width] of widths.entries()) {
    if (at >= start && at < end) {
      const hidden = shown[index] !== original[index];
      text += shown[index] ?? "";
      kept += String(width);
      hex += hidden ? HIDDEN.repeat(width) : hexOf(bytes.subarray(at, at + width));
    }
    at += width;
  }
  // A byte order mark is no character: it stands before the first one, and belongs to it here.
  return { bytes: bytes.length, from: start, length: end - start, hex, charset, text, widths: kept };
}
