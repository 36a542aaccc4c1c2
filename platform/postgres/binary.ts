/**
 * Arrays in PostgreSQL's binary format. As text, every element is searched for quotes and escaped here and unescaped there, and bytes travel as hex: of a batch's cost on
 * both sides that was the largest part (docs/decisions/009).
 */

/** Element types with a binary form here. `date` and `timestamptz` go as text and are cast by the statement: what they mean is the server's business. */
export type BinaryType = "uuid" | "text" | "bigint" | "integer" | "double precision" | "boolean" | "jsonb" | "bytea";

const OIDS: Readonly<Record<BinaryType, number>> = {
  boolean: 16,
  bytea: 17,
  bigint: 20,
  integer: 23,
  text: 25,
  "double precision": 701,
  uuid: 2950,
  jsonb: 3802,
};

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;
const UUID_BYTES = 16;
const UUID_CHARS = 36;
const JSONB_VERSION = 1;
/** A UTF-16 unit is at most three bytes of UTF-8. */
const BYTES_PER_UNIT = 3;
/** Below this a loop over the characters is quicker than a call out of JavaScript. */
const SHORT_CHARS = 48;
const ASCII_MAX = 0x7f;
/** Kept between batches; a larger one is made for its batch and let go. */
const SCRATCH_BYTES = 512 * 1024;

let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
let at = 0;

/** Makes room for so many more bytes. */
function room(bytes: number): void {
  if (at + bytes <= scratch.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, at + bytes));
  scratch.copy(larger, 0, 0, at);
  scratch = larger;
}

const NIBBLE = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit += 1) {
  NIBBLE[digit.toString(16).charCodeAt(0)] = digit;
  NIBBLE[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** The 16 bytes of a UUID; of a text that is none too few of them, which the server refuses as it refuses the text. */
function putUuid(text: string): void {
  const begin = at;
  let char = 0;
  while (char + 1 < text.length && at - begin < UUID_BYTES) {
    if (text.charCodeAt(char) === 45) {
      char += 1;
      continue;
    }
    const byte = ((NIBBLE[text.charCodeAt(char) & 0xff] ?? -1) << 4) | (NIBBLE[text.charCodeAt(char + 1) & 0xff] ?? -1);
    if (byte < 0) break;
    scratch[at] = byte;
    at += 1;
    char += 2;
  }
  if (char !== UUID_CHARS || text.length !== UUID_CHARS) at = begin;
}

function putText(text: string): void {
  if (text.length < SHORT_CHARS) {
    const begin = at;
    let char = 0;
    for (; char < text.length; char += 1) {
      const unit = text.charCodeAt(char);
      if (unit > ASCII_MAX) break;
      scratch[at] = unit;
      at += 1;
    }
    if (char === text.length) return;
    at = begin;
  }
  at += scratch.write(text, at);
}

/** Writes a value, without its length. */
function put(type: BinaryType, value: unknown): void {
  switch (type) {
    case "uuid":
      room(UUID_BYTES);
      putUuid(value as string);
      return;
    case "jsonb":
      room(1 + (value as string).length * BYTES_PER_UNIT);
      scratch[at] = JSONB_VERSION;
      at += 1;
      putText(value as string);
      return;
    case "text":
      room((value as string).length * BYTES_PER_UNIT);
      putText(value as string);
      return;
    case "bytea":
      room((value as Uint8Array).byteLength);
      scratch.set(value as Uint8Array, at);
      at += (value as Uint8Array).byteLength;
      return;
    case "bigint":
      room(8);
      at = scratch.writeBigInt64BE(BigInt(value as bigint | number), at);
      return;
    case "integer":
      room(4);
      at = scratch.writeInt32BE(value as number, at);
      return;
    case "double precision":
      room(8);
      at = scratch.writeDoubleBE(value as number, at);
      return;
    case "boolean":
      room(1);
      at = scratch.writeUInt8((value as boolean) ? 1 : 0, at);
      return;
  }
}

/** One array parameter. `value`: the element of a row; null is SQL's null. Throws a RangeError for a number that its type cannot hold. */
export function binaryArray<Row>(type: BinaryType, rows: readonly Row[], value: (row: Row) => unknown): Buffer {
  at = HEADER_BYTES;
  let nulls = 0;
  for (const row of rows) {
    const one = value(row);
    room(LENGTH_BYTES);
    const lengthAt = at;
    at += LENGTH_BYTES;
    if (one === null || one === undefined) {
      nulls = 1;
      scratch.writeInt32BE(NULL_LENGTH, lengthAt);
      continue;
    }
    put(type, one);
    scratch.writeInt32BE(at - lengthAt - LENGTH_BYTES, lengthAt);
  }
  scratch.writeInt32BE(1, 0); // dimensions
  scratch.writeInt32BE(nulls, 4);
  scratch.writeInt32BE(OIDS[type], 8);
  scratch.writeInt32BE(rows.length, 12);
  scratch.writeInt32BE(1, 16); // lower bound
  const array = Buffer.from(scratch.subarray(0, at));
  if (scratch.length > SCRATCH_BYTES) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  return array;
}

const same = (value: unknown): unknown => value;
export const uuids = (ids: readonly string[]): Buffer => binaryArray("uuid", ids, same);
export const textArray = (texts: readonly string[]): Buffer => binaryArray("text", texts, same);
