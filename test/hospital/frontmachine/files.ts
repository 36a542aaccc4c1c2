/** Files of the detail comparison: 9101 takes a zip with a TSV, 3202 compares it with the books, 9102 gives the result as a zip (domain.md 1.7). */
import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { yuanOfFen } from "../money.ts";
import type { Settlement } from "./state.ts";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const UTF8_NAME = 0x0800;
const DEFLATED = 8;
/** A compared file unpacked: a day of a large hospital is a hundredth of it. */
const UNPACKED_MAX = 64 * 1024 * 1024;

/** A zip that holds one file. */
export function zipOf(name: string, text: string): Buffer {
  const content = Buffer.from(text);
  const packed = deflateRawSync(content);
  const file = Buffer.from(name);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(UTF8_NAME, 2);
  common.writeUInt16LE(DEFLATED, 4);
  common.writeUInt16LE(0x21, 8);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(file.length, 22);
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const local = Buffer.concat([word(LOCAL), common, file, packed]);
  const made = Buffer.from([20, 0]);
  const central = Buffer.concat([word(CENTRAL), made, common, Buffer.alloc(14), file]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, central, word(END), end]);
}

/** The first file of a zip as text; null when it is none that can be read. */
export function textInZip(zip: Buffer): string | null {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || end + 20 > zip.length) return null;
  const at = zip.readUInt32LE(end + 16);
  if (at + 46 > zip.length || zip.readUInt32LE(at) !== CENTRAL) return null;
  const method = zip.readUInt16LE(at + 10);
  const size = zip.readUInt32LE(at + 20);
  const local = zip.readUInt32LE(at + 42);
  if (local + 30 > zip.length || zip.readUInt32LE(local) !== LOCAL) return null;
  const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const packed = zip.subarray(from, from + size);
  try {
    const content = method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: UNPACKED_MAX });
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return null; // cut, packed otherwise, or no UTF-8
  }
}

/** The parts of a multipart body by name; null when the type names no boundary. */
export function partsOf(contentType: string, body: Buffer): ReadonlyMap<string, Buffer> | null {
  const boundary = /boundary="?([^";]+)/i.exec(contentType)?.[1];
  if (boundary === undefined) return null;
  const parts = new Map<string, Buffer>();
  const mark = Buffer.from(`--${boundary}`);
  for (let at = body.indexOf(mark); at >= 0; ) {
    const next = body.indexOf(mark, at + mark.length);
    if (next < 0) break;
    const part = body.subarray(at + mark.length + 2, next - 2);
    const split = part.indexOf("\r\n\r\n");
    const name = /name="([^"]+)"/.exec(part.subarray(0, Math.max(split, 0)).toString())?.[1];
    if (split >= 0 && name !== undefined) parts.set(name, part.subarray(split + 4));
    at = next;
  }
  return parts;
}

/** What was uploaded against what the books hold of the period: a row for every row of either side. */
export function compareDetails(text: string, held: readonly Settlement[]): string {
  const own = new Map(held.map((one) => [one.setlId, one]));
  const rows: string[] = [];
  const row = (one: Settlement | undefined, cells: readonly string[], equal: boolean, memo: string): void => {
    const [setlId = "", mdtrtId = "", psnNo = "", medfee = "", fund = "", account = "", refund = "0"] = cells;
    rows.push(
      [psnNo, mdtrtId, setlId, one?.msgid ?? "null", equal ? "0" : "1", refund, memo || "null", medfee, fund, account]
        .map((cell) => cell || "null")
        .join("\t"),
    );
  };
  for (const line of text.split(/\r?\n/).filter((one) => one !== "")) {
    const cells = line.split("\t");
    const one = own.get(cells[0] ?? "");
    own.delete(cells[0] ?? "");
    if (!one) {
      row(undefined, cells, false, "中心端无此结算");
      continue;
    }
    const centre = [one.shares.total, one.shares.fund, one.shares.account].map((fen) => yuanOfFen(fen * one.sign));
    const equal = centre.every((fen, index) => fen === cells[index + 3]);
    row(one, cells, equal, equal ? "" : `中心端医疗费总额${centre[0]}`);
  }
  for (const one of own.values()) {
    const amounts = [one.shares.total, one.shares.fund, one.shares.account].map((fen) => yuanOfFen(fen * one.sign));
    row(one, [one.setlId, one.mdtrtId, one.psnNo, ...amounts, one.sign === 1n ? "0" : "1"], false, "医疗机构端无此结算");
  }
  return rows.map((one) => `${one}\n`).join("");
}
