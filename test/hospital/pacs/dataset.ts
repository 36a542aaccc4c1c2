/** Data sets as modalities write them: explicit VR, little endian, texts in the charset they declare. A small writer of its own, so that it checks the engine's reading. */
import iconv from "iconv-lite";

export type Value = string | { readonly [name: string]: string };
/** By tag, `00100010`, in the DICOM JSON model (PS3.18 F); values of sequences are data sets. */
export interface Json {
  readonly [tag: string]: { readonly vr: string; readonly Value?: readonly (Value | Json)[] };
}

const LONG = new Set(["OB", "OW", "SQ", "UN", "UT"]);
const ITEM = 0xe000fffe;

function headOf(tag: string, vr: string, length: number): Buffer {
  const head = Buffer.alloc(LONG.has(vr) ? 12 : 8);
  head.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0);
  head.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
  head.write(vr, 4, "latin1");
  if (LONG.has(vr)) head.writeUInt32LE(length, 8);
  else head.writeUInt16LE(length, 6);
  return head;
}

function itemOf(json: Json, charset: string): Buffer {
  const content = bytesOf(json, charset);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(ITEM, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

const textOf = (value: Value | Json): string => (typeof value === "string" ? value : Object.values(value).join("="));

/** The bytes; `charset` is iconv's name of the one that the data set declares. */
export function bytesOf(json: Json, charset: string): Buffer {
  const pieces: Buffer[] = [];
  for (const tag of Object.keys(json).sort()) {
    const { vr = "UN", Value: values = [] } = json[tag] ?? {};
    const body = vr === "SQ" ? Buffer.concat(values.map((one) => itemOf(one as Json, charset))) : textBytes(values, vr, charset);
    pieces.push(headOf(tag, vr, body.length), body);
  }
  return Buffer.concat(pieces);
}

function textBytes(values: readonly (Value | Json)[], vr: string, charset: string): Buffer {
  const bytes = iconv.encode(values.map(textOf).join("\\"), charset);
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from(vr === "UI" ? [0] : [0x20])]);
}

/** One element. */
export const value = (vr: string, ...values: (Value | Json)[]): { vr: string; Value?: (Value | Json)[] } =>
  values.length === 0 ? { vr } : { vr, Value: values };
