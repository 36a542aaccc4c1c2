/**
 * A data set's bytes → named values, strictly: every length is checked against what is there, texts are decoded fatally, repeated elements are refused, and nothing
 * behind the first pixel is looked at. Total: hostile bytes have a problem, never an exception and never a long loop.
 *
 * Values stand under the keyword of the DICOM dictionary (`AccessionNumber`), unknown and private ones under their tag (`00091010`); several values are an array,
 * a sequence is an array of items; an element without a value is null. Numbers written as text (IS, DS) stay text. Binary values are not values: they are left out.
 */
import { createRequire } from "node:module";
import { charsetNamed, type Decode, plainText } from "./charset.ts";
import { LIMITS } from "./limits.ts";

export type Value = string | number | { readonly [part: string]: string };
export interface Dataset {
  [keyword: string]: Value | null | readonly (Value | Dataset)[];
}

export interface Problem {
  readonly code: "charset" | "malformed" | "limit";
  /** Tag of the element, or where in the bytes. */
  readonly place: string;
  readonly zh: string;
  readonly en: string;
}

export type ReadDataset =
  | {
      readonly ok: true;
      readonly dataset: Dataset;
      /** Where the pixels begin; undefined: there are none. */
      readonly pixelsAt: number | undefined;
    }
  | { readonly ok: false; readonly problem: Problem };

export interface ReadOptions {
  /** Explicit VR, little endian; else implicit. */
  readonly explicit: boolean;
  /** How texts are read where the device names no charset. */
  readonly undeclared?: Decode;
  /** The bytes may end behind the metadata: what follows was thrown away. */
  readonly cut?: boolean;
}

const UNDEFINED = 0xffffffff;
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const SPECIFIC_CHARACTER_SET = 0x00080005;
/** Pixel data, its relatives and what may stand behind them. */
const PIXELS = 0x7fe00000;
/** Explicit VRs whose length has four bytes. */
const LONG = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);
const BINARY = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "UN", "ox", "xs"]);
const ENCODED = new Set(["LO", "LT", "PN", "SH", "ST", "UC", "UT"]);
const TEXTS = new Set(["AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR", ...ENCODED]);
/** One value each, backslashes included. */
const WHOLE = new Set(["LT", "ST", "UR", "UT"]);
const NUMBERS: Readonly<Record<string, readonly [size: number, read: (view: DataView, at: number) => Value]>> = {
  US: [2, (view, at) => view.getUint16(at, true)],
  SS: [2, (view, at) => view.getInt16(at, true)],
  UL: [4, (view, at) => view.getUint32(at, true)],
  SL: [4, (view, at) => view.getInt32(at, true)],
  FL: [4, (view, at) => String(view.getFloat32(at, true))],
  FD: [8, (view, at) => String(view.getFloat64(at, true))],
  UV: [8, (view, at) => String(view.getBigUint64(at, true))],
  SV: [8, (view, at) => String(view.getBigInt64(at, true))],
  AT: [4, (view, at) => hex(view.getUint16(at, true) * 0x10000 + view.getUint16(at + 2, true))],
};
const PERSON = ["Alphabetic", "Ideographic", "Phonetic"] as const;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what no text of DICOM may hold
const CONTROL = /[\u0000-\u0008\u000b\u000e-\u001f\u007f]/;

const hex = (tag: number): string => tag.toString(16).toUpperCase().padStart(8, "0");
/** The copy that dcmjs-dimse has loaded already: as an ES module it would be another one, of 20 MB. It has no types; this is what is used of it. */
const { data } = createRequire(import.meta.url)("dcmjs") as {
  readonly data: {
    readonly DicomMetaDictionary: {
      readonly dictionary: Readonly<Record<string, { readonly vr: string; readonly name: string } | undefined>>;
    };
  };
};
const { dictionary } = data.DicomMetaDictionary;
/** Looked up once: the dictionary takes its time over what it does not hold. */
const looked = new Map<number, (typeof dictionary)[string]>();
const LOOKED_MAX = 10_000;
function known(tag: number): (typeof dictionary)[string] {
  if (((tag >>> 16) & 1) === 1) return undefined; // private
  if (looked.has(tag)) return looked.get(tag);
  if (looked.size >= LOOKED_MAX) looked.clear();
  const text = hex(tag);
  const found = dictionary[`(${text.slice(0, 4)},${text.slice(4)})`];
  looked.set(tag, found);
  return found;
}

/** The dictionary's word for a tag, or the tag. */
const keywordOf = (tag: number): string => known(tag)?.name || hex(tag);

class Stop extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.en);
    this.problem = problem;
  }
}
const stop = (code: Problem["code"], place: string, zh: string, en: string): Stop => new Stop({ code, place, zh, en });

interface Element {
  readonly tag: number;
  readonly vr: string;
  readonly length: number;
}

class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly cut: boolean;
  at = 0;
  elements = 0;
  pixelsAt: number | undefined;
  constructor(bytes: Uint8Array, cut: boolean) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.cut = cut;
  }

  need(count: number, end: number): void {
    if (this.at + count > end) throw stop("malformed", `@${this.at}`, "数据集在此中断", "the data set breaks off here");
  }

  tag(end: number): number {
    this.need(4, end);
    const tag = this.view.getUint16(this.at, true) * 0x10000 + this.view.getUint16(this.at + 2, true);
    this.at += 4;
    return tag;
  }

  length(end: number): number {
    this.need(4, end);
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  /** The element's head. `tag` is read already. */
  head(tag: number, explicit: boolean, end: number): Element {
    this.elements += 1;
    if (this.elements > LIMITS.elements)
      throw stop("limit", hex(tag), `数据项超过 ${LIMITS.elements} 个`, `more than ${LIMITS.elements} elements`);
    if (!explicit) return { tag, vr: implicitVr(tag), length: this.length(end) };
    this.need(4, end);
    const vr = String.fromCharCode(this.bytes[this.at] ?? 0, this.bytes[this.at + 1] ?? 0);
    if (!/^[A-Z]{2}$/.test(vr)) throw stop("malformed", hex(tag), "没有值表示（VR）", "has no value representation");
    this.at += 4;
    return { tag, vr, length: LONG.has(vr) ? this.length(end) : this.view.getUint16(this.at - 2, true) };
  }

  /** A data set up to `end`, or up to the item's delimiter. */
  dataset(end: number, explicit: boolean, given: Decode, depth: number, delimited: boolean): Dataset {
    if (depth > LIMITS.depth)
      throw stop("limit", `@${this.at}`, `序列嵌套超过 ${LIMITS.depth} 层`, `sequences nested deeper than ${LIMITS.depth}`);
    const dataset: Dataset = Object.create(null);
    const seen = new Set<number>();
    let decode = given;
    while (this.at < end || delimited) {
      if (this.cut && depth === 0 && this.at === end) break;
      const from = this.at;
      const tag = this.tag(end);
      if (tag === ITEM_END && delimited) {
        this.length(end);
        return dataset;
      }
      if (tag >= PIXELS && tag < ITEM && depth === 0) {
        this.pixelsAt = from;
        this.at = end;
        break;
      }
      if (seen.has(tag)) throw stop("malformed", hex(tag), "同一数据项出现两次", "stands twice in one data set");
      seen.add(tag);
      const element = this.head(tag, explicit, end);
      if (tag === SPECIFIC_CHARACTER_SET) decode = this.charset(element, end);
      else this.element(element, dataset, explicit, decode, end, depth);
    }
    return dataset;
  }

  charset({ tag, length }: Element, end: number): Decode {
    const name = plainText(this.take(tag, length, end))?.replace(/[ \0]+$/, "");
    const decode = name === undefined ? undefined : charsetNamed(name);
    if (!decode) throw stop("charset", hex(tag), `不支持字符集 ${name ?? ""}`, `names a charset that is not read: ${name ?? ""}`);
    return decode;
  }

  take(tag: number, length: number, end: number): Uint8Array {
    if (length > end - this.at) throw stop("malformed", hex(tag), "长度超出数据集", "is longer than the data set");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  element({ tag, vr, length }: Element, dataset: Dataset, explicit: boolean, decode: Decode, end: number, depth: number): void {
    const keyword = keywordOf(tag);
    // An unknown one of undefined length is a sequence in implicit VR (PS3.5 6.2.2).
    if (vr === "SQ" || (vr === "UN" && length === UNDEFINED)) {
      dataset[keyword] = this.items(tag, length, explicit && vr === "SQ", decode, end, depth);
      return;
    }
    if (length === UNDEFINED) throw stop("malformed", hex(tag), "长度不定，却不是序列", "has no length, and is no sequence");
    const bytes = this.take(tag, length, end);
    if ((tag & 0xffff) === 0 || BINARY.has(vr)) return;
    dataset[keyword] = valuesOf(tag, vr, bytes, ENCODED.has(vr) ? decode : plainText);
  }

  items(tag: number, length: number, explicit: boolean, decode: Decode, end: number, depth: number): readonly Dataset[] {
    const until = length === UNDEFINED ? end : this.at + length;
    if (until > end) throw stop("malformed", hex(tag), "长度超出数据集", "is longer than the data set");
    const items: Dataset[] = [];
    while (length === UNDEFINED || this.at < until) {
      const head = this.tag(until);
      const size = this.length(until);
      if (head === SEQUENCE_END && length === UNDEFINED) return items;
      if (head !== ITEM) throw stop("malformed", hex(tag), "序列中应为条目", "holds something that is no item");
      if (size !== UNDEFINED && size > until - this.at)
        throw stop("malformed", hex(tag), "条目长度超出序列", "holds an item longer than itself");
      items.push(this.dataset(size === UNDEFINED ? until : this.at + size, explicit, decode, depth + 1, size === UNDEFINED));
    }
    return items;
  }
}

/** VR of a tag where the wire does not say it. */
function implicitVr(tag: number): string {
  if ((tag & 0xffff) === 0) return "UL";
  if (((tag >>> 16) & 1) === 1) return (tag & 0xffff) >= 0x10 && (tag & 0xffff) <= 0xff ? "LO" : "UN";
  return known(tag)?.vr ?? "UN";
}

function valuesOf(tag: number, vr: string, bytes: Uint8Array, decode: Decode): Value | null | readonly Value[] {
  if (bytes.length === 0) return null;
  const number = NUMBERS[vr];
  if (number) return numbersOf(tag, bytes, number);
  if (!TEXTS.has(vr)) throw stop("malformed", hex(tag), `未知的值表示 ${vr}`, `has an unknown value representation ${vr}`);
  if (bytes.length > LIMITS.textBytes)
    throw stop("limit", hex(tag), `文本超过 ${LIMITS.textBytes} 字节`, `is a text of more than ${LIMITS.textBytes} bytes`);
  const text = decode(bytes)?.replace(/[ \0]+$/, "");
  if (text === undefined) throw stop("charset", hex(tag), "有字节不属于所声明的字符集", "holds bytes that are not of the declared charset");
  if (CONTROL.test(text)) throw stop("malformed", hex(tag), "含控制字符", "holds control characters");
  const values = WHOLE.has(vr) ? [text] : text.split("\\");
  if (values.length > LIMITS.values) throw stop("limit", hex(tag), `超过 ${LIMITS.values} 个值`, `has more than ${LIMITS.values} values`);
  return several(values.map((one) => (vr === "PN" ? personOf(one) : one.trim())).filter((one) => one !== ""));
}

function numbersOf(tag: number, bytes: Uint8Array, [size, read]: (typeof NUMBERS)[string] & {}): Value | null | readonly Value[] {
  const count = bytes.length / size;
  if (!Number.isInteger(count))
    throw stop("malformed", hex(tag), `长度不是 ${size} 的整数倍`, `has a length that is no multiple of ${size}`);
  if (count > LIMITS.values) throw stop("limit", hex(tag), `超过 ${LIMITS.values} 个值`, `has more than ${LIMITS.values} values`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return several(Array.from({ length: count }, (_, index) => read(view, index * size)));
}

const several = (values: readonly Value[]): Value | null | readonly Value[] => (values.length > 1 ? values : (values[0] ?? null));

/** `张三=張三=` by its groups; "" when no group says anything. */
function personOf(text: string): Value {
  const groups = text.split("=").map((one) => one.trim().replace(/\^+$/, ""));
  const person: Record<string, string> = {};
  for (const [index, name] of PERSON.entries()) if (groups[index]) person[name] = groups[index];
  return Object.keys(person).length === 0 ? "" : person;
}

/** Reads a data set. Never throws. */
export function readDataset(bytes: Uint8Array, { explicit, undeclared = plainText, cut = false }: ReadOptions): ReadDataset {
  const reader = new Reader(bytes, cut);
  try {
    const dataset = reader.dataset(bytes.length, explicit, undeclared, 0, false);
    if (cut && reader.pixelsAt === undefined) throw stop("limit", `@${bytes.length}`, "元数据过长", "has more metadata than is read");
    return { ok: true, dataset, pixelsAt: reader.pixelsAt };
  } catch (error) {
    if (error instanceof Stop) return { ok: false, problem: error.problem };
    throw error;
  }
}
