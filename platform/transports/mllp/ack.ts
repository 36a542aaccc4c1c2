/**
 * Acknowledgements of HL7 v2 (chapter 2, 2.9; domain.md 4.2): which code, which ERR, in the sender's charset and with its separators. Original mode has one application
 * acknowledgement (AA, AE, AR); enhanced mode an accept acknowledgement (CA, CE, CR) when MSH-15 asks for it, and an application one when MSH-16 does.
 */
import { createHash } from "node:crypto";
import type { Verdict } from "../../../domain/journal/intake.ts";
import type { ParkReason } from "../../../domain/journal/ports.ts";
import { type Charset, encodeText } from "../../../domain/mapping/charset.ts";
import { writeHl7 } from "../../../domain/mapping/hl7.ts";
import type { Hl7Header } from "../../../domain/mapping/hl7-header.ts";
import type { Tree } from "../../../domain/mapping/tree.ts";
import { chinaDateTimeOf } from "../../../domain/time.ts";

export type AckCode = "AA" | "AE" | "AR" | "CA" | "CE" | "CR";

/** What is told beside the code. */
export interface Told {
  readonly code: AckCode;
  readonly reason?: ParkReason;
  /** Text set by the flow (answer-sender). */
  readonly text?: string;
}

/** ERR segments of one acknowledgement; further problems are in the console. */
const ERRORS_MAX = 10;
/** MSA-3 and ERR-8 as v2.5.1 allows them. */
const MSA_TEXT_MAX = 80;
const USER_MESSAGE_MAX = 250;
/** MSH-10 of v2.5.1. */
const CONTROL_ID_MAX = 20;

/** HL7 table 0357, by our problem and refusal codes; anything else is 207. */
const TABLE_0357: Readonly<Record<string, readonly [string, string]>> = {
  missing: ["101", "Required field missing"],
  blank: ["101", "Required field missing"],
  "bad-date": ["102", "Data type error"],
  "bad-money": ["102", "Data type error"],
  "bad-number": ["102", "Data type error"],
  unreadable: ["102", "Data type error"],
  charset: ["102", "Data type error"],
  "too-long": ["102", "Data type error"],
  malformed: ["100", "Segment sequence error"],
  duplicate: ["100", "Segment sequence error"],
  unmapped: ["100", "Segment sequence error"],
  "not-in-table": ["103", "Table value not found"],
  "no-case": ["103", "Table value not found"],
  UNKNOWN_MESSAGE: ["200", "Unsupported message type"],
  IDENTITY_CONFLICT: ["205", "Duplicate key identifier"],
  BUSINESS_CONFLICT: ["205", "Duplicate key identifier"],
};
const OTHER = ["207", "Application internal error"] as const;

/** Refusals of the message as such: its sender, kind or wire form; answered AR or CR. What is wrong inside is AE. */
const REJECTED: ReadonlySet<string> = new Set([
  "UNKNOWN_PARTNER",
  "UNKNOWN_MESSAGE",
  "SENDER_MISMATCH",
  "TOO_LARGE",
  "EMPTY_BODY",
  "BAD_IDENTITY",
  "BAD_CHARSET",
  "BAD_REQUEST",
  "JOURNAL_BUSY",
  "JOURNAL_GONE",
  "STOPPING",
]);

/** True where the refusal is about the message as such. */
export const isRejected = (reason: ParkReason): boolean => REJECTED.has(reason.code);

/** What an application acknowledgement says of a verdict. */
export function applicationAck({ verdict, reason, text }: Verdict): Told {
  if (verdict !== "refused") return { code: "AA", ...(text === undefined ? {} : { text }) };
  const code = reason !== undefined && isRejected(reason) ? "AR" : "AE";
  return { code, ...(reason === undefined ? {} : { reason }), ...(text === undefined ? {} : { text }) };
}

/** Whether MSH-15 or MSH-16 asks for an acknowledgement of this code (table 0155). */
export function isAsked(condition: string, code: AckCode): boolean {
  const good = code === "AA" || code === "CA";
  return condition === "AL" || (condition === "ER" && !good) || (condition === "SU" && good);
}

const leaf = (name: string, text: string): Tree => ({ name, text, children: [] });
const node = (name: string, children: readonly Tree[]): Tree => ({ name, text: "", children: [...children] });
const valued = (fields: readonly (readonly [number, string])[]): readonly Tree[] =>
  fields.filter(([, text]) => text !== "").map(([number, text]) => leaf(String(number), text));

/** `/FT1[2]/7/1` as ERR-2 says it: segment, its number, field, repetition, component. */
function locationOf(at: string): Tree | undefined {
  const names = at.split("/").filter((name) => name !== "");
  const firstField = names.findIndex((name) => /^\d/.test(name));
  const segment = names[(firstField < 0 ? names.length : firstField) - 1];
  const found = /^([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?$/.exec(segment ?? "");
  if (!found) return undefined;
  const field = /^(\d+)(?:\[(\d+)\])?/.exec(firstField < 0 ? "" : (names[firstField] ?? ""));
  const component = firstField < 0 ? "" : (names[firstField + 1] ?? "");
  return node("2", [
    ...valued([
      [1, found[1] ?? ""],
      [2, found[2] ?? "1"],
      [3, field?.[1] ?? ""],
      [4, field === null ? "" : (field[2] ?? "1")],
      [5, /^\d+$/.test(component) ? component : ""],
    ]),
  ]);
}

function errorsOf(reason: ParkReason, words: "zh" | "en"): readonly Tree[] {
  const listed = reason.problems?.slice(0, ERRORS_MAX) ?? [{ code: reason.code, at: "", zh: reason.zh, en: reason.en }];
  return listed.map((one) => {
    const [code, name] = TABLE_0357[one.code] ?? OTHER;
    const where = locationOf(one.at);
    return node("ERR", [
      ...(where ? [where] : []),
      node("3", [leaf("1", code), leaf("2", name), leaf("3", "HL70357")]),
      leaf("4", "E"),
      node("5", [leaf("1", one.code)]),
      leaf("8", one[words].slice(0, USER_MESSAGE_MAX)),
    ]);
  });
}

const ASCII_ONLY = /[^\x20-\x7e]/g;

/** The header with every name reduced to ASCII: what can be written in any charset. */
const inAscii = (header: Hl7Header): Hl7Header => ({
  ...header,
  application: header.application.replace(ASCII_ONLY, "?"),
  facility: header.facility.replace(ASCII_ONLY, "?"),
  receivingApplication: header.receivingApplication.replace(ASCII_ONLY, "?"),
  receivingFacility: header.receivingFacility.replace(ASCII_ONLY, "?"),
  controlId: header.controlId.replace(ASCII_ONLY, "?"),
  charset: header.charset.replace(ASCII_ONLY, "?"),
});

function written(header: Hl7Header, told: Told, nowMs: number, words: "zh" | "en"): string {
  const id = createHash("sha256").update(`${told.code} ${header.application} ${header.facility} ${header.controlId}`).digest("hex");
  const text = told.text ?? told.reason?.[words] ?? "";
  const msh = node("MSH", [
    ...valued([
      [3, header.receivingApplication || "HUILIU"],
      [4, header.receivingFacility],
      [5, header.application],
      [6, header.facility],
      [7, chinaDateTimeOf(nowMs).slice(0, 19).replace(/[-T:]/g, "")],
    ]),
    node(
      "9",
      valued([
        [1, "ACK"],
        [2, header.trigger],
        [3, header.trigger === "" ? "" : "ACK"],
      ]),
    ),
    ...valued([
      [10, id.slice(0, CONTROL_ID_MAX).toUpperCase()],
      [11, header.processing || "P"],
      [12, header.version || "2.5.1"],
      [18, header.charset],
    ]),
  ]);
  const msa = valued([
    [1, told.code],
    [2, header.controlId],
    [3, text.slice(0, MSA_TEXT_MAX)],
  ]);
  return writeHl7(node("", [msh, node("MSA", msa), ...(told.reason ? errorsOf(told.reason, words) : [])]), header.by);
}

/** What a message is answered with. `nowMs` is epoch milliseconds. The same message and code get the same MSH-10, however often it is asked. */
export function acknowledgement(header: Hl7Header, told: Told, nowMs: number, charset: Charset): Uint8Array {
  // What the sender's charset lacks is said in English, and names that it lacks (the sender contradicts itself) are reduced.
  return (
    encodeText(written(header, told, nowMs, "zh"), charset) ??
    encodeText(written(header, told, nowMs, "en"), charset) ??
    Buffer.from(written(inAscii(header), { code: told.code, ...(told.reason ? { reason: told.reason } : {}) }, nowMs, "en"))
  );
}
