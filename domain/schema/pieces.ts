/**
 * Shared pieces of the schemas we own. Every piece is described in Chinese and English, has its limit, and says by `x-kind` what it is,
 * so that a refusal can name the mistake ("bad-money") and not only the pattern.
 */
import Type, { type TObject, type TProperties, type TSchema } from "typebox";
import { FEN_PATTERN, SIGNED_FEN_PATTERN } from "../money.ts";
import { CHINA_DATE_TIME_PATTERN, DATE_PATTERN } from "../time.ts";

/** Longest number or code of a partner (the longest met is 64: merchant order numbers with prefixes). */
export const NO_LENGTH_MAX = 128;
/** Longest code of ours or of a code table. */
export const CODE_LENGTH_MAX = 64;
/** Longest name of a person, department, item. */
const NAME_LENGTH_MAX = 200;
/** Longest sentence: reasons, partner texts, advice. */
const TEXT_LENGTH_MAX = 2000;
/** Most entries of a short list (tenders, serials, bills, funds). */
const SHORT_LIST_MAX = 100;
/** Most fee lines of one event: an inpatient bill of months stays below it. */
export const LINES_MAX = 10_000;

/** Annotation of a piece; ajv knows the word as a vocabulary without effect. */
export const KIND_WORD = "x-kind";
export type PieceKind = "fen" | "price" | "quantity" | "date-time" | "date" | "text" | "code" | "choice" | "masked";

/** A description in both languages, Chinese first. */
export const says = (zh: string, en: string): { readonly description: string } => ({ description: `${zh} · ${en}` });

/** Absent is never "": a text holds at least one character that is not white space. */
const NOT_BLANK = "\\S";

/** A partner's number: always text, kept as it was written. */
export const no = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "text", maxLength: NO_LENGTH_MAX, pattern: NOT_BLANK });
/** A short code: of a partner's table or of ours. */
export const code = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "text", maxLength: CODE_LENGTH_MAX, pattern: NOT_BLANK });
/** A lower-case word of ours that is no closed list (kinds of numbers, systems): letters, digits, dots and dashes. */
export const word = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "code", maxLength: CODE_LENGTH_MAX, pattern: "^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$" });
export const name = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "text", maxLength: NAME_LENGTH_MAX, pattern: NOT_BLANK });
export const text = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "text", maxLength: TEXT_LENGTH_MAX, pattern: NOT_BLANK });
/** Longest JSON document that an event carries whole: as long as the longest reply that is read. */
const DOCUMENT_LENGTH_MAX = 262_144;
/** A JSON object handed on whole, as text: what is in it is known to others. */
export const document = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "text", maxLength: DOCUMENT_LENGTH_MAX, pattern: "^\\{" });

/** An account or card number with its middle hidden: personal data never travels whole. */
export const masked = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "masked", maxLength: CODE_LENGTH_MAX, pattern: "^[^*]{0,6}\\*{2,}[^*]{0,6}$" });

/** An amount, never below zero: decimal string of fen. */
export const fen = (zh: string, en: string) =>
  Type.String({ ...says(`${zh}（分）`, `${en} (fen)`), [KIND_WORD]: "fen", pattern: FEN_PATTERN });
/** An amount that may be below zero: balances, totals of statements. */
export const signedFen = (zh: string, en: string) =>
  Type.String({ ...says(`${zh}（分，可为负）`, `${en} (fen, may be negative)`), [KIND_WORD]: "fen", pattern: SIGNED_FEN_PATTERN });
/** A unit price in yuan, at most 4 places; never used in sums. */
export const price = (zh: string, en: string) =>
  Type.String({
    ...says(`${zh}（元，至多4位小数）`, `${en} (yuan, at most 4 places)`),
    [KIND_WORD]: "price",
    pattern: "^(?:0|[1-9][0-9]{0,11})(?:\\.[0-9]{1,4})?$",
  });
/** A quantity above zero, at most 6 places. */
export const quantity = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "quantity", pattern: "^(?!0(?:\\.0+)?$)(?:0|[1-9][0-9]{0,8})(?:\\.[0-9]{1,6})?$" });
export const dateTime = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "date-time", format: "date-time", pattern: CHINA_DATE_TIME_PATTERN });
export const date = (zh: string, en: string) =>
  Type.String({ ...says(zh, en), [KIND_WORD]: "date", format: "date", pattern: DATE_PATTERN });
export const flag = (zh: string, en: string) => Type.Boolean(says(zh, en));
/** How many; a count is never money. */
export const count = (zh: string, en: string, minimum = 0, maximum: number = Number.MAX_SAFE_INTEGER) =>
  Type.Integer({ ...says(zh, en), minimum, maximum });

/** One of a closed list. `ajv` checks the list; the type says it. */
export const choice = <const Values extends readonly string[]>(values: Values, zh: string, en: string) =>
  Type.Unsafe<Values[number]>({ type: "string", enum: [...values], [KIND_WORD]: "choice", ...says(zh, en) });

/** An object that knows no other members. */
export const closed = <P extends TProperties>(properties: P, zh: string, en: string): TObject<P> =>
  Type.Object(properties, { ...says(zh, en), additionalProperties: false });
/** An object all of whose members may be absent, but not all at once. */
export const closedNotEmpty = <P extends TProperties>(properties: P, zh: string, en: string): TObject<P> =>
  Type.Object(properties, { ...says(zh, en), additionalProperties: false, minProperties: 1 });

export const list = <S extends TSchema>(items: S, zh: string, en: string, minItems = 0, maxItems: number = SHORT_LIST_MAX) =>
  Type.Array(items, { ...says(zh, en), minItems, maxItems });

export const maybe = Type.Optional;
