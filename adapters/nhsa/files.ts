/** Files of 3202: rows as TSV in a zip, sent by 9101 (multipart: `jsonStr` and `file`), fetched by 9102 (a stream; domain.md 1.7). Column orders as the specification prints them. */
import type { Fallible, Opening } from "../../domain/partners/adapter.ts";
import { bytesOf, isObject, type JsonObject, textOf } from "./json.ts";
import { unzipOne, zipOne } from "./zip.ts";

/** 3202 输入文件参数说明. */
export const DETAIL_IN = ["setl_id", "mdtrt_id", "psn_no", "medfee_sumamt", "fund_pay_sumamt", "acct_pay", "refd_setl_flag"] as const;
/** 3202 输出文件参数说明. */
export const DETAIL_OUT = [
  "psn_no",
  "mdtrt_id",
  "setl_id",
  "msgid",
  "stmt_rslt",
  "refd_setl_flag",
  "memo",
  "medfee_sumamt",
  "fund_pay_sumamt",
  "acct_pay",
] as const;
/** An empty column is written so. */
const EMPTY = "null";
const TAB = "\t";
/** Rows of one file: a large hospital's month. */
const ROWS_MAX = 500_000;
/** Bytes of a file once unpacked. */
const FILE_BYTES_MAX = 128 * 1024 * 1024;
const BOUNDARY_BYTES = 16;

const refused = (zh: string, en: string) => ({ ok: false, zh, en }) as const;

/** Rows → TSV: no header, `null` for what is absent, a line end after each row. A value with a tab or a line end in it refuses the whole. */
export function writeRows(columns: readonly string[], rows: readonly JsonObject[]): Fallible<{ readonly text: string }> {
  if (rows.length > ROWS_MAX) return refused(`超过 ${ROWS_MAX} 行`, `more than ${ROWS_MAX} rows`);
  const lines: string[] = [];
  for (const [index, row] of rows.entries()) {
    const cells = columns.map((name) => textOf(row[name]));
    const bad = cells.findIndex((cell) => /[\t\r\n]/.test(cell));
    if (bad !== -1) return refused(`第 ${index + 1} 行 ${columns[bad]} 含分隔符`, `row ${index + 1}: ${columns[bad]} holds a separator`);
    lines.push(`${cells.map((cell) => cell || EMPTY).join(TAB)}\n`);
  }
  return { ok: true, text: lines.join("") };
}

/** TSV → rows; `null` and empty columns are absent. A row with another number of columns refuses the whole. */
export function readRows(columns: readonly string[], text: string): Fallible<{ readonly rows: readonly JsonObject[] }> {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > ROWS_MAX) return refused(`超过 ${ROWS_MAX} 行`, `more than ${ROWS_MAX} rows`);
  const rows: JsonObject[] = [];
  for (const [index, line] of lines.entries()) {
    const cells = line.split(TAB);
    if (cells.length !== columns.length)
      return refused(
        `第 ${index + 1} 行有 ${cells.length} 列，应为 ${columns.length} 列`,
        `row ${index + 1} has ${cells.length} columns instead of ${columns.length}`,
      );
    rows.push(Object.fromEntries(columns.map((name, at) => [name, cells[at] ?? ""]).filter(([, cell]) => cell !== "" && cell !== EMPTY)));
  }
  return { ok: true, rows };
}

/** 9101: `input.fsUploadIn.rows` become the zipped file; the envelope is left with the file's name, as the specification wants it (`envelope`: what was told beside the file). */
export function sealUpload(
  envelope: JsonObject,
  input: JsonObject,
  random: (bytes: number) => Uint8Array,
): Fallible<{ readonly body: Uint8Array; readonly contentType: string; readonly envelope: JsonObject }> {
  const given = isObject(input.fsUploadIn) ? input.fsUploadIn : input;
  const filename = textOf(given.filename);
  if (!/^[\w.-]{1,200}$/.test(filename)) return refused("上传文件名不合法", "the file's name is none");
  const rows = Array.isArray(given.rows) ? given.rows.filter(isObject) : [];
  const written = writeRows(DETAIL_IN, rows);
  if (!written.ok) return written;
  const zip = zipOne(filename.replace(/\.zip$/, ""), new TextEncoder().encode(written.text));
  const told = { ...envelope, input: { fsUploadIn: { filename, fixmedins_code: envelope.fixmedins_code } } };
  const jsonStr = JSON.stringify(told);
  const boundary = `----huiliu${Buffer.from(random(BOUNDARY_BYTES)).toString("hex")}`;
  const part = (head: string, body: Uint8Array | string): Buffer =>
    Buffer.concat([Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`), Buffer.from(body), Buffer.from("\r\n")]);
  const body = Buffer.concat([
    part('Content-Disposition: form-data; name="jsonStr"\r\nContent-Type: application/json; charset=utf-8', jsonStr),
    part(`Content-Disposition: form-data; name="file"; filename="${filename}"\r\nContent-Type: application/zip`, zip),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
  return { ok: true, body: new Uint8Array(body), contentType: `multipart/form-data; boundary=${boundary}`, envelope: told };
}

/** 9102's stream as the JSON that a mapping reads: `{"infcode":0,"output":{"filename","rows"}}`. Files of other columns than 3202's come as `text`. */
export function openDownload(reply: Opening): Fallible<{ readonly opened: Opening }> {
  const found = unzipOne(reply.body, FILE_BYTES_MAX);
  if (!found.ok) return found;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(found.bytes);
  } catch {
    return refused("文件不是 UTF-8", "the file is not UTF-8");
  }
  const read = readRows(DETAIL_OUT, text);
  const content: JsonObject = read.ok ? { rows: read.rows } : { text };
  const opened = bytesOf({ infcode: 0, output: { filename: found.name, ...content } });
  return { ok: true, opened: { body: opened, contentType: "application/json; charset=UTF-8" } };
}
