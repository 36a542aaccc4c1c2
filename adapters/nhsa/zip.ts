/** A zip of one file, written and read (APPNOTE 6.3: stored and deflated entries). More than the insurance platform's files need is refused, not guessed. */
import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import type { Fallible } from "../../domain/partners/adapter.ts";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const COMMENT_MAX = 65_535;
const VERSION_NEEDED = 20;
const UTF8_NAME = 0x0800;
const ENCRYPTED = 0x0001;
const STORED = 0;
const DEFLATED = 8;
/** 1980-01-01 00:00: the same rows give the same bytes. */
const NO_TIME = 0;
const NO_DATE = 0x21;

const refused = (zh: string, en: string) => ({ ok: false, zh, en }) as const;

export function zipOne(name: string, bytes: Uint8Array): Uint8Array {
  const packed = deflateRawSync(bytes);
  const nameBytes = Buffer.from(name, "utf8");
  const common = (buffer: Buffer, at: number): void => {
    buffer.writeUInt16LE(VERSION_NEEDED, at);
    buffer.writeUInt16LE(UTF8_NAME, at + 2);
    buffer.writeUInt16LE(DEFLATED, at + 4);
    buffer.writeUInt16LE(NO_TIME, at + 6);
    buffer.writeUInt16LE(NO_DATE, at + 8);
    buffer.writeUInt32LE(crc32(bytes), at + 10);
    buffer.writeUInt32LE(packed.length, at + 14);
    buffer.writeUInt32LE(bytes.length, at + 18);
    buffer.writeUInt16LE(nameBytes.length, at + 22);
  };
  const local = Buffer.alloc(LOCAL_BYTES);
  local.writeUInt32LE(LOCAL, 0);
  common(local, 4);
  const central = Buffer.alloc(CENTRAL_BYTES);
  central.writeUInt32LE(CENTRAL, 0);
  central.writeUInt16LE(VERSION_NEEDED, 4);
  common(central, 6);
  const offset = local.length + nameBytes.length + packed.length;
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length + nameBytes.length, 12);
  end.writeUInt32LE(offset, 16);
  return new Uint8Array(Buffer.concat([local, nameBytes, packed, central, nameBytes, end]));
}

const broken = refused("不是完整的 ZIP 文件", "it is no whole zip file");

/** The one file of a zip, at most `bytesMax` long once unpacked. */
export function unzipOne(zip: Uint8Array, bytesMax: number): Fallible<{ readonly name: string; readonly bytes: Uint8Array }> {
  const buffer = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
  const endAt = endOf(buffer);
  if (endAt === undefined) return broken;
  if (buffer.readUInt16LE(endAt + 10) !== 1) return refused("ZIP 中须恰有一个文件", "the zip must hold exactly one file");
  const centralAt = buffer.readUInt32LE(endAt + 16);
  if (centralAt + CENTRAL_BYTES > endAt || buffer.readUInt32LE(centralAt) !== CENTRAL) return broken;
  const method = buffer.readUInt16LE(centralAt + 10);
  const packedBytes = buffer.readUInt32LE(centralAt + 20);
  const bytes = buffer.readUInt32LE(centralAt + 24);
  const nameBytes = buffer.readUInt16LE(centralAt + 28);
  const localAt = buffer.readUInt32LE(centralAt + 42);
  if ((buffer.readUInt16LE(centralAt + 8) & ENCRYPTED) !== 0) return refused("ZIP 已加密", "the zip is enciphered");
  if (bytes > bytesMax) return refused(`解压后超过 ${bytesMax} 字节`, `unpacked it has more than ${bytesMax} bytes`);
  if (localAt + LOCAL_BYTES > centralAt || buffer.readUInt32LE(localAt) !== LOCAL) return broken;
  const dataAt = localAt + LOCAL_BYTES + buffer.readUInt16LE(localAt + 26) + buffer.readUInt16LE(localAt + 28);
  if (dataAt + packedBytes > centralAt) return broken;
  const packed = buffer.subarray(dataAt, dataAt + packedBytes);
  const unpacked = unpack(method, packed, bytes);
  if (unpacked === undefined || unpacked.length !== bytes || crc32(unpacked) !== buffer.readUInt32LE(centralAt + 16)) return broken;
  const name = buffer.toString("utf8", centralAt + CENTRAL_BYTES, centralAt + CENTRAL_BYTES + nameBytes);
  return { ok: true, name, bytes: new Uint8Array(unpacked) };
}

function endOf(buffer: Buffer): number | undefined {
  const first = Math.max(buffer.length - END_BYTES - COMMENT_MAX, 0);
  for (let at = buffer.length - END_BYTES; at >= first; at -= 1) if (buffer.readUInt32LE(at) === END) return at;
  return undefined;
}

function unpack(method: number, packed: Buffer, bytes: number): Buffer | undefined {
  if (method === STORED) return packed;
  if (method !== DEFLATED) return undefined;
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(bytes, 1) });
  } catch {
    return undefined; // broken, or longer than it says
  }
}
