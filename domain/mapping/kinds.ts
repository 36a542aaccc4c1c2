/**
 * The kinds of values: how each is read from a partner's text into an event's form, and written back. Nothing is guessed: a text that does not fit its kind
 * is a problem, never a default. Times are China time (+08:00).
 */
import { fenFromFenText, fenFromYuan, fenOfValid, fenText, isFenText, yuanFromFen } from "../money.ts";
import type { ProblemCode } from "../problem.ts";
import { formatChinaDateTime, formatDate, parseChinaDateTime, parseDate } from "../time.ts";
import type { Kind } from "./document.ts";
import { readJson } from "./json.ts";
import { LIMITS } from "./limits.ts";

/** What a rule says about its value. */
export interface KindOptions {
  readonly as?: Kind | undefined;
  readonly format?: string | undefined;
  readonly table?: Readonly<Record<string, string | boolean>> | undefined;
  readonly max?: number | undefined;
  readonly min?: number | undefined;
  readonly signed?: boolean | undefined;
  readonly keep?: readonly [number, number] | undefined;
}

export class Unread {
  readonly code: ProblemCode;
  readonly zh: string | undefined;
  readonly en: string | undefined;
  constructor(code: ProblemCode, zh?: string, en?: string) {
    this.code = code;
    this.zh = zh;
    this.en = en;
  }
}
export type Value = string | number | boolean;
/** A value, or what is wrong with the text. */
export type ReadValue = (text: string) => Value | Unread;

/** Characters no name, number or sentence of a partner may hold. Line breaks and tabs are allowed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffd]/;
const INTEGER = /^-?(?:0|[1-9]\d{0,14})$/;
const DECIMAL = /^0*(\d{1,12})(?:\.(\d{1,10}))?$/;

const BAD_MONEY = new Unread("bad-money");
const BAD_NUMBER = new Unread("bad-number");
const BAD_DATE = new Unread("bad-date");
const UNREADABLE = new Unread("unreadable");
const BLANK = new Unread("blank");
const NOT_IN_TABLE = new Unread("not-in-table");

const readText = ({ max = LIMITS.text, min = 0 }: KindOptions): ReadValue => {
  const tooLong = new Unread("too-long", `超过${max}字`, `is longer than ${max} characters`);
  const tooShort = new Unread("too-short", `不足${min}字`, `is shorter than ${min} characters`);
  return (text) => {
    if (text.length > max && [...text].length > max) return tooLong;
    if (text.length < min) return tooShort;
    if (CONTROL.test(text)) return UNREADABLE;
    return text.trim() === "" ? BLANK : text;
  };
};

const readMoney = (read: (text: string, sign: "signed" | "unsigned") => ReturnType<typeof fenFromYuan>, signed: boolean): ReadValue => {
  const sign = signed ? "signed" : "unsigned";
  return (text) => {
    const amount = read(text, sign);
    return amount === undefined ? BAD_MONEY : fenText(amount);
  };
};

/** A decimal as text, without leading zeros; `padded` places for prices, none surplus for quantities. */
function readDecimal(places: number, padded: boolean): ReadValue {
  return (text) => {
    const parts = DECIMAL.exec(text);
    const decimals = (parts?.[2] ?? "").replace(/0+$/, "");
    if (!parts || decimals.length > places) return BAD_NUMBER;
    const whole = (parts[1] ?? "").replace(/^0+(?=\d)/, "");
    if (padded) return `${whole}.${decimals.padEnd(places, "0")}`;
    return decimals === "" ? whole : `${whole}.${decimals}`;
  };
}

const TOKENS = ["yyyy", "MM", "dd", "HH", "mm", "ss"] as const;
type Token = (typeof TOKENS)[number];

/** The pieces of a date format: two or four digits, or literal text. Undefined when it names a piece twice or - where the `whole` moment is read - lacks the day. */
export function piecesOf(format: string, time: boolean, whole = true): readonly (Token | { readonly literal: string })[] | undefined {
  const pieces: (Token | { readonly literal: string })[] = [];
  for (let rest = format; rest !== ""; ) {
    const token = TOKENS.find((one) => rest.startsWith(one));
    if (token && pieces.includes(token)) return undefined;
    const piece = token ?? { literal: rest.charAt(0) };
    pieces.push(piece);
    rest = rest.slice(token ? token.length : 1);
  }
  const needed: readonly Token[] = time ? ["yyyy", "MM", "dd", "HH", "mm"] : ["yyyy", "MM", "dd"];
  return !whole || needed.every((token) => pieces.includes(token)) ? pieces : undefined;
}

const DEFAULT_FORMAT = { "date-time": "yyyy-MM-dd HH:mm:ss", date: "yyyy-MM-dd" } as const;
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");

function readTime(kind: "date-time" | "date", format: string | undefined): ReadValue {
  const pieces = piecesOf(format ?? DEFAULT_FORMAT[kind], kind === "date-time") ?? [];
  const source = pieces.map((piece) => (typeof piece === "string" ? `(?<${piece}>\\d{${piece.length}})` : escaped(piece.literal))).join("");
  const pattern = new RegExp(`^${source}$`);
  return (text) => {
    const found = pattern.exec(text)?.groups;
    if (!found) return BAD_DATE;
    const day = { year: Number(found.yyyy), month: Number(found.MM), day: Number(found.dd) };
    const read =
      kind === "date"
        ? formatDate(day)
        : formatChinaDateTime({ ...day, hour: Number(found.HH), minute: Number(found.mm), second: Number(found.ss ?? "0") });
    return read ?? BAD_DATE;
  };
}

/** An account or card number with its middle hidden; short ones are hidden whole. */
function readMasked(keep: readonly [number, number] = [4, 4]): ReadValue {
  const [first, last] = keep;
  return (text) => {
    if (CONTROL.test(text)) return UNREADABLE;
    const bare = text.trim();
    if (bare === "") return BLANK;
    if (bare.length < (first + last) * 2) return "****";
    const clean = (part: string): string => part.replaceAll("*", "");
    return `${clean(bare.slice(0, first))}****${last === 0 ? "" : clean(bare.slice(-last))}`;
  };
}

/** A JSON object that is handed on whole: read as strictly as a message (no key twice, no number that would be rounded), kept as it is written. */
function readDocument({ max = LIMITS.document }: KindOptions): ReadValue {
  const tooLong = new Unread("too-long", `超过${max}字`, `is longer than ${max} characters`);
  return (text) => {
    if (text.length > max) return tooLong;
    if (CONTROL.test(text)) return UNREADABLE;
    const read = readJson(text);
    return read.ok ? text : new Unread(read.code, read.zh, read.en);
  };
}

function readCode(table: Readonly<Record<string, string | boolean>>): ReadValue {
  const known = new Map(Object.entries(table));
  return (text) => known.get(text) ?? NOT_IN_TABLE;
}

/** The reader of a kind. */
export function readerOf(options: KindOptions): ReadValue {
  switch (options.as ?? "text") {
    case "text":
      return readText(options);
    case "yuan":
      return readMoney(fenFromYuan, options.signed ?? false);
    case "fen":
      return readMoney(fenFromFenText, options.signed ?? false);
    case "integer":
      return (text) => (INTEGER.test(text) && (options.signed === true || !text.startsWith("-")) ? Number(text) : BAD_NUMBER);
    case "price":
      return readDecimal(4, true);
    case "quantity":
      return readDecimal(6, false);
    case "date-time":
      return readTime("date-time", options.format);
    case "date":
      return readTime("date", options.format);
    case "code":
      return readCode(options.table ?? {});
    case "masked":
      return readMasked(options.keep);
    case "json":
      return readDocument(options);
  }
}

/** Writes a text of the event in the partner's form; an `Unread` when it has none there. */
export type WriteValue = (text: string) => string | Unread;

/** Partners take day and time apart: what is written need not be the whole moment. */
function writeTime(kind: "date-time" | "date", format: string | undefined): WriteValue {
  const pieces = piecesOf(format ?? DEFAULT_FORMAT[kind], kind === "date-time", false) ?? [];
  const pad = (value: number, width: number): string => value.toString().padStart(width, "0");
  return (text) => {
    const at = kind === "date-time" ? parseChinaDateTime(text) : parseDate(text);
    if (!at) return BAD_DATE;
    const { hour = 0, minute = 0, second = 0 } = at as { hour?: number; minute?: number; second?: number };
    const told: Readonly<Record<Token, string>> = {
      yyyy: pad(at.year, 4),
      MM: pad(at.month, 2),
      dd: pad(at.day, 2),
      HH: pad(hour, 2),
      mm: pad(minute, 2),
      ss: pad(second, 2),
    };
    return pieces.map((piece) => (typeof piece === "string" ? told[piece] : piece.literal)).join("");
  };
}

/** The writer of a kind. Amounts come as decimal text of fen, times as China date-times. */
export function writerOf(options: KindOptions): WriteValue {
  switch (options.as ?? "text") {
    case "yuan":
      return (text) => (isFenText(text, options.signed ? "signed" : "unsigned") ? yuanFromFen(fenOfValid(text)) : BAD_MONEY);
    case "fen":
      return (text) => (isFenText(text, options.signed ? "signed" : "unsigned") ? text : BAD_MONEY);
    case "integer":
      return (text) => (INTEGER.test(text) ? text : BAD_NUMBER);
    case "date-time":
      return writeTime("date-time", options.format);
    case "date":
      return writeTime("date", options.format);
    case "code": {
      const read = readCode(options.table ?? {});
      return (text) => {
        const value = read(text);
        return typeof value === "string" || value instanceof Unread ? value : String(value);
      };
    }
    case "json":
    case "text":
    case "price":
    case "quantity":
    case "masked": {
      const read = options.as === "json" ? readDocument(options) : readText({ max: options.max ?? LIMITS.text });
      return (text) => {
        const value = read(text);
        return value instanceof Unread ? value : String(value);
      };
    }
  }
}
