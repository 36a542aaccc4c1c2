/**
 * What MSH says of a message before anything else is known of it: who, what, under which number, in which charset, and which acknowledgements it asks for. Read from the
 * bytes, because the charset stands inside (MSH-18). Doors answer by it; the mapping reads the whole message again, strictly.
 */
import { type Charset, charsetOf, decode } from "./charset.ts";
import { separatorsOf, type Separators } from "./hl7.ts";

/** MSH, in its own words; "" is a field without a value. Components where they are told apart: MSH-3.1, MSH-9.1 and so on. */
export interface Hl7Header {
  readonly by: Separators;
  readonly application: string;
  readonly facility: string;
  readonly receivingApplication: string;
  readonly receivingFacility: string;
  readonly code: string;
  readonly trigger: string;
  readonly controlId: string;
  readonly processing: string;
  readonly version: string;
  /** MSH-15, MSH-16. Either valued: enhanced mode. */
  readonly acceptAck: string;
  readonly applicationAck: string;
  /** MSH-18, first repetition, as written. */
  readonly charset: string;
}

/** Longest first segment that is looked at, in bytes. */
const MSH_BYTES_MAX = 4_096;
const CR = 0x0d;
const LF = 0x0a;

/** HL7 table 0211 and what Chinese senders write for it, where our own names of charsets do not have it already. */
const TABLE_0211: Readonly<Record<string, string>> = {
  "gb 18030-2000": "gb18030",
  "gb18030-2005": "gb18030",
  "unicode utf-8": "utf-8",
  "unicode utf8": "utf-8",
  ascii: "utf-8",
};

/** The charset that MSH-18 names; undefined for one that we do not read. */
export const charsetOfMsh18 = (name: string): Charset | undefined => charsetOf(TABLE_0211[name.trim().toLowerCase()] ?? name);

/**
 * The header of a message's bytes; undefined when they do not begin with a readable MSH. The names in it may be Chinese: a `|` may be the second byte of a GBK character,
 * so the segment is decoded before it is cut, as UTF-8 where its bytes are that, else as GB 18030.
 */
export function headerOf(bytes: Uint8Array): Hl7Header | undefined {
  const limit = Math.min(bytes.length, MSH_BYTES_MAX);
  let end = 0;
  while (end < limit && bytes[end] !== CR && bytes[end] !== LF) end += 1;
  const line = bytes.subarray(0, end);
  const text = decode(line, "utf-8") ?? decode(line, "gb18030");
  const by = text === undefined ? undefined : separatorsOf(text);
  if (text === undefined || by === undefined) return undefined;
  const cells = text.split(by.field);
  /** Field `number` counts MSH-1 as the separator. */
  const first = (number: number, component = 1): string =>
    (cells[number - 1] ?? "").split(by.repetition)[0]?.split(by.component)[component - 1]?.trim() ?? "";
  return {
    by,
    application: first(3),
    facility: first(4),
    receivingApplication: first(5),
    receivingFacility: first(6),
    code: first(9),
    trigger: first(9, 2),
    controlId: first(10),
    processing: first(11),
    version: first(12),
    acceptAck: first(15).toUpperCase(),
    applicationAck: first(16).toUpperCase(),
    charset: first(18),
  };
}

/** The charset a message declares inside; undefined when it declares none. A name nobody reads is given back as it is, to be refused by name. */
export function charsetOfHl7(bytes: Uint8Array): string | undefined {
  const named = headerOf(bytes)?.charset ?? "";
  return named === "" ? undefined : (charsetOfMsh18(named) ?? named);
}
