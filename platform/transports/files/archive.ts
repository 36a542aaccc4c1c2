/** One file out of a gzip or zip, never larger than allowed: what a bomb would become is never made. */
import { crc32, gunzipSync, inflateRawSync } from "node:zlib";

export type Unpacked =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly name?: string }
  | { readonly ok: false; readonly code: "TOO_LARGE" | "BAD_REQUEST"; readonly zh: string; readonly en: string };

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const COMMENT_MAX = 65_535;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;

const bad = (zh: string, en: string): Unpacked => ({ ok: false, code: "BAD_REQUEST", zh, en });
const tooLarge: Unpacked = { ok: false, code: "TOO_LARGE", zh: "解压后超过上限", en: "unpacked it is larger than allowed" };

function inflated(work: () => Buffer): Uint8Array | Unpacked {
  try {
    return work();
  } catch (error) {
    return (error as { readonly code?: unknown }).code === "ERR_BUFFER_TOO_LARGE"
      ? tooLarge
      : bad("压缩包已损坏", "the archive is damaged");
  }
}

/** What a .gz holds. */
export function gunzip(bytes: Uint8Array, max: number): Unpacked {
  const result = inflated(() => gunzipSync(bytes, { maxOutputLength: max }));
  return result instanceof Uint8Array ? { ok: true, bytes: result } : result;
}

/** The one file that a .zip holds: several are no message, and none is not either. */
export function unzip(bytes: Uint8Array, max: number): Unpacked {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(buffer);
  if (end === undefined) return bad("不是 zip 压缩包", "is no zip archive");
  const count = buffer.readUInt16LE(end + 10);
  if (count !== 1) return bad(`压缩包内有 ${count} 个文件，应为 1 个`, `the archive holds ${count} files, not 1`);
  const at = buffer.readUInt32LE(end + 16);
  if (at + ENTRY_BYTES > buffer.length || buffer.readUInt32LE(at) !== DIRECTORY_ENTRY)
    return bad("压缩包目录已损坏", "the archive's directory is damaged");
  const [flags, method, crc] = [buffer.readUInt16LE(at + 8), buffer.readUInt16LE(at + 10), buffer.readUInt32LE(at + 16)];
  const [packed, size, nameLength, local] = [
    buffer.readUInt32LE(at + 20),
    buffer.readUInt32LE(at + 24),
    buffer.readUInt16LE(at + 28),
    buffer.readUInt32LE(at + 42),
  ];
  if ((flags & ENCRYPTED) !== 0) return bad("压缩包已加密", "the archive is encrypted");
  if (size > max) return tooLarge;
  if (local + LOCAL_BYTES > buffer.length || buffer.readUInt32LE(local) !== LOCAL_ENTRY)
    return bad("压缩包已损坏", "the archive is damaged");
  const from = local + LOCAL_BYTES + buffer.readUInt16LE(local + 26) + buffer.readUInt16LE(local + 28);
  if (from + packed > buffer.length) return bad("压缩包不完整", "the archive is cut short");
  const content = buffer.subarray(from, from + packed);
  const result =
    method === STORED
      ? content
      : method === DEFLATED
        ? inflated(() => inflateRawSync(content, { maxOutputLength: max }))
        : bad("不支持的压缩方式", "a way of packing that is not read");
  if (!(result instanceof Uint8Array)) return result;
  if (result.length !== size || crc32(result) !== crc) return bad("压缩包已损坏", "the archive is damaged");
  return { ok: true, bytes: result, name: buffer.toString("latin1", at + ENTRY_BYTES, at + ENTRY_BYTES + nameLength) };
}

function endOf(buffer: Buffer): number | undefined {
  for (let at = buffer.length - END_BYTES; at >= Math.max(0, buffer.length - END_BYTES - COMMENT_MAX); at -= 1)
    if (buffer.readUInt32LE(at) === END_OF_DIRECTORY) return at;
  return undefined;
}
