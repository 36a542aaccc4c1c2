/**
 * Specific Character Set (0008,0005) as Chinese hospitals meet it (PS3.3 C.12.1.1.2): decoded fatally, before anything is split - the second byte of a GBK
 * character may be a backslash.
 */
import { decode } from "../../../domain/mapping/charset.ts";

/** Text of the bytes; undefined when a byte is not of the charset. */
export type Decode = (bytes: Uint8Array) => string | undefined;

const ESCAPE = 0x1b;
/** ESC $ ) A designates GB 2312 to G1, ESC ( B ASCII to G0: with both in place the bytes are those of EUC-CN, which GBK contains. */
const DESIGNATIONS = [Buffer.from("\x1b$)A", "latin1"), Buffer.from("\x1b(B", "latin1")];

const ascii: Decode = (bytes) =>
  bytes.every((byte) => byte < 0x80 && byte !== ESCAPE) ? Buffer.from(bytes).toString("latin1") : undefined;
const latin1: Decode = (bytes) =>
  bytes.every((byte) => byte !== ESCAPE && (byte < 0x80 || byte >= 0xa0)) ? Buffer.from(bytes).toString("latin1") : undefined;
const withoutEscape =
  (charset: "utf-8" | "gbk" | "gb18030"): Decode =>
  (bytes) =>
    bytes.includes(ESCAPE) ? undefined : decode(bytes, charset);

/** Code extensions with GB 2312: its designations are taken off, any other escape is refused. */
const gb2312: Decode = (bytes) => {
  if (!bytes.includes(ESCAPE)) return decode(bytes, "gbk");
  const kept: number[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const found = bytes[at] === ESCAPE ? DESIGNATIONS.find((one) => one.equals(bytes.subarray(at, at + one.length))) : undefined;
    if (found) at += found.length - 1;
    else kept.push(bytes[at] ?? 0);
  }
  return withoutEscape("gbk")(Uint8Array.from(kept));
};

const KNOWN: Readonly<Record<string, Decode>> = {
  "": ascii,
  "ISO_IR 6": ascii,
  "ISO 2022 IR 6": ascii,
  "ISO_IR 100": latin1,
  "ISO_IR 192": withoutEscape("utf-8"),
  GB18030: withoutEscape("gb18030"),
  GBK: withoutEscape("gbk"),
  "\\ISO 2022 IR 58": gb2312,
  "ISO 2022 IR 6\\ISO 2022 IR 58": gb2312,
};

/** The text bytes that are no text of a charset are (UIDs, codes, dates). */
export const plainText = ascii;

/** The charset that the element names; undefined for one that we do not read. */
export const charsetNamed = (value: string): Decode | undefined =>
  KNOWN[
    value
      .split("\\")
      .map((one) => one.trim())
      .join("\\")
  ];
