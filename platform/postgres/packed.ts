/**
 * Texts that are kept for years and say the same words again and again, packed: raw deflate with a dictionary of our own words, so that what remains is mostly the values.
 * Exact: what is unpacked is the very bytes that were packed. An event of 1.1 KB takes about 220 bytes and 13 µs (docs/decisions/009).
 */
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { EVENT_WORDS, TOLD_WORDS, WIRE_WORDS } from "./packed-words.ts";

/** First byte: how the rest is to be read. Migrations write PLAIN for rows of before. */
const PLAIN = 0;
const WORDS = { event: 1, wire: 2, told: 3 } as const;
const DICTIONARIES: ReadonlyMap<number, Buffer> = new Map([
  [WORDS.event, EVENT_WORDS],
  [WORDS.wire, WIRE_WORDS],
  [WORDS.told, TOLD_WORDS],
]);
/** Shorter ones gain nothing. */
const PACK_FROM_BYTES = 64;
/** The window holds a dictionary and nearly every text behind it; a larger one costs more to set up than it saves. */
const OPTIONS = { level: 2, windowBits: 12, memLevel: 5 } as const;
/**
 * What comes out of a short text, or was packed, fits a small buffer instead of the 16 KB that zlib asks for each time. Of a request next to nothing is left, so that a
 * code made for it costs more time than all the rest and saves nothing; of an event it saves an eighth.
 */
const SHORT_BYTES = 2_048;
const SHORT = { event: { chunkSize: 1_024 }, wire: { chunkSize: 1_024 }, told: { strategy: constants.Z_FIXED, chunkSize: 1_024 } } as const;
const SHORT_UNPACKED = { chunkSize: 2_048 } as const;
/** Nothing that we take is larger unpacked (domain/journal's limits): a broken row cannot fill the memory. */
const UNPACKED_MAX_BYTES = 64 * 1024 * 1024;

const joined = (words: Buffer, known: string): Buffer => (known === "" ? words : Buffer.concat([words, Buffer.from(known, "utf8")]));

/** The bytes as they are stored. `known`: what stands beside them (an id) and is therefore for nothing in them; the same must be given to unpack. */
export function pack(bytes: Uint8Array, words: keyof typeof WORDS, known = ""): Buffer {
  const number = WORDS[words];
  const dictionary = DICTIONARIES.get(number);
  if (dictionary !== undefined && bytes.byteLength >= PACK_FROM_BYTES) {
    const short = bytes.byteLength < SHORT_BYTES ? SHORT[words] : {};
    const packed = deflateRawSync(bytes, { ...OPTIONS, ...short, dictionary: joined(dictionary, known) });
    if (packed.byteLength < bytes.byteLength) return Buffer.concat([Buffer.of(number), packed]);
  }
  return Buffer.concat([Buffer.of(PLAIN), bytes]);
}

/** The bytes that were packed. Throws for bytes that `pack` has not made. */
export function unpack(stored: Uint8Array, known = ""): Buffer {
  const rest = Buffer.from(stored.buffer, stored.byteOffset + 1, stored.byteLength - 1);
  if (stored[0] === PLAIN) return rest;
  const dictionary = DICTIONARIES.get(stored[0] ?? PLAIN);
  if (dictionary === undefined) throw new RangeError("packed in a way that this version does not know");
  return inflateRawSync(rest, {
    windowBits: OPTIONS.windowBits,
    ...(stored.byteLength < SHORT_BYTES / 2 ? SHORT_UNPACKED : {}),
    dictionary: joined(dictionary, known),
    maxOutputLength: UNPACKED_MAX_BYTES,
  });
}

/** An event as it was published, of its row. */
export const eventTextOf = (row: { readonly id: string; readonly body: Uint8Array }): string => unpack(row.body, row.id).toString("utf8");
