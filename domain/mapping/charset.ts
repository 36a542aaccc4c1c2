/**
 * Bytes to text and back. Decoding is fatal: a byte the charset does not know refuses the message, and U+FFFD never enters the store (design.md decision 10).
 * Encoding refuses a character the charset cannot express: iconv-lite would write "?" in its place.
 */
import iconv from "iconv-lite";

/** The charsets partners use. GB2312 is read as GBK, its superset, as every system in the field does. */
export type Charset = "utf-8" | "gbk" | "gb18030";

const NAMES: Readonly<Record<string, Charset>> = {
  "utf-8": "utf-8",
  utf8: "utf-8",
  "us-ascii": "utf-8",
  ascii: "utf-8",
  gbk: "gbk",
  cp936: "gbk",
  "windows-936": "gbk",
  gb2312: "gbk",
  "gb_2312-80": "gbk",
  gb18030: "gb18030",
  "gb18030-2000": "gb18030",
};

const DECODERS: Readonly<Record<Charset, { decode(bytes: Uint8Array): string }>> = {
  "utf-8": new TextDecoder("utf-8", { fatal: true }),
  gbk: new TextDecoder("gbk", { fatal: true }),
  gb18030: new TextDecoder("gb18030", { fatal: true }),
};
const UTF8_ENCODER = new TextEncoder();
/** Short texts share an allocation: a buffer of its own for each is half of what encoding it costs. */
const POOL_BYTES = 65_536;
const POOLED_UNITS_MAX = 4_096;
/** A UTF-16 unit is at most three bytes of UTF-8. */
const BYTES_PER_UNIT = 3;
let pool = new Uint8Array(0);

function encodeUtf8(text: string): Uint8Array {
  if (text.length > POOLED_UNITS_MAX) return UTF8_ENCODER.encode(text);
  if (pool.length < text.length * BYTES_PER_UNIT) pool = new Uint8Array(POOL_BYTES);
  const { written } = UTF8_ENCODER.encodeInto(text, pool);
  const bytes = pool.subarray(0, written);
  pool = pool.subarray(written);
  return bytes;
}
/** Longest XML declaration that is looked at. */
const DECLARATION_MAX = 200;
const GREATER_THAN = 0x3e;
const REPLACEMENT = "\uFFFD";

/** The charset a partner's name for it means; undefined for charsets we do not read (UTF-16, Big5 …). */
export const charsetOf = (name: string): Charset | undefined => NAMES[name.trim().toLowerCase()];

/** The `charset` parameter of a content type, as written; undefined when it has none. */
export function charsetOfContentType(contentType: string): string | undefined {
  const found = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]+))/i.exec(contentType);
  return found ? (found[1] ?? found[2]) : undefined;
}

/** The encoding an XML declaration states; undefined when there is none. Reads ASCII only, which all three charsets share. */
export function charsetOfXmlDeclaration(bytes: Uint8Array): string | undefined {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  if (bytes[start] !== 0x3c || bytes[start + 1] !== 0x3f) return undefined;
  let head = "";
  for (let at = start; at < start + DECLARATION_MAX && bytes[at] !== GREATER_THAN; at += 1) head += String.fromCharCode(bytes[at] ?? 0);
  const found = /^<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(head);
  return found?.[1];
}

/** The text, without a leading byte order mark; undefined when any byte is not of the charset, or means U+FFFD. Never throws. */
export function decode(bytes: Uint8Array, charset: Charset): string | undefined {
  try {
    const text = DECODERS[charset].decode(bytes);
    return text.includes(REPLACEMENT) ? undefined : text;
  } catch {
    return undefined; // fatal decoding reports by throwing; the caller gets a value
  }
}

/** Whether the charset can express every character: what `encodeText` asks first, without its bytes. */
export const isExpressible = (text: string, charset: Charset): boolean =>
  charset === "utf-8" ? text.isWellFormed() && !text.includes(REPLACEMENT) : encodeText(text, charset) !== undefined;

/** The bytes; undefined when the charset cannot express every character (or the text holds a lone surrogate). */
export function encodeText(text: string, charset: Charset): Uint8Array | undefined {
  if (!text.isWellFormed() || text.includes(REPLACEMENT)) return undefined;
  if (charset === "utf-8") return encodeUtf8(text);
  const bytes = iconv.encode(text, charset);
  return decode(bytes, charset) === text ? bytes : undefined;
}
