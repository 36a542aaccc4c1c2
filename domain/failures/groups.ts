/**
 * What failed alike (delivery.md section 1, ServicePulse; engines.md section 4 "error inbox"): failures of one destination with the same code and the same reason,
 * once everything that differs from case to case is taken out of it. Pure: who stores them makes the group's id with a hash of `groupKey`.
 */
import type { ParkReason } from "../journal/ports.ts";
import { maskText } from "../operations/masking.ts";
import type { AttemptEnd } from "../writeback/ports.ts";
import { whyOf } from "../writeback/why.ts";

/** Longest normalised reason, in characters. */
export const REASON_CHARS_MAX = 160;
/** Longest example kept, in characters. */
const EXAMPLE_CHARS_MAX = 300;
/** Longest code of a partner that tells groups apart. */
const CODE_CHARS_MAX = 64;
export const OWNER_MAX = 64;
export const NOTE_MAX = 2_000;

/** What a failure is grouped by. `kind` is empty for write-backs: every kind fails alike. */
export interface Failure {
  readonly of: "write-backs" | "messages";
  readonly partner: string;
  readonly kind: string;
  readonly code: string;
  readonly reason: string;
  /** The reason as it was told, bounded. */
  readonly example: string;
}

/** Only so much of a text is looked at: partners send whole stack traces. */
const LOOKED_AT_MAX = 2_000;

/** In this order: what is quoted may hold anything, dates hold numbers, ids hold dates. Hex is an id too: a bill number may happen to be made of its letters. */
const RULES: readonly (readonly [RegExp, string])[] = [
  // Names that were hidden: whose it was is in the example, masked, and no group is one patient's.
  [/(?:欧阳|上官|司马|诸葛|[\u4e00-\u9fff])?\*+/g, "*"],
  [/“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》|"[^"]*"|'[^']*'|‘[^’]*’|`[^`]*`/g, "“…”"],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, "<id>"],
  [/\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[T ]?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?/g, "<date>"],
  [/\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b/g, "<date>"],
  [/\b0x[0-9a-f]+\b/gi, "<id>"],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi, "<id>"],
  [/[¥￥$]\s?\d[\d,]*(?:\.\d+)?/g, "<n>"],
  // Letters and digits in one word are somebody's number: a bill, a serial. Words that only end in one digit (md5, utf8) stay.
  [
    /\b(?=[A-Za-z_-]*\d)[A-Za-z][A-Za-z0-9_-]*\d[A-Za-z0-9_-]{2,}\b|\b[A-Za-z]+[_-]?\d{2,}[A-Za-z0-9_-]*\b|\b\d+[A-Za-z_-]+[A-Za-z0-9_-]*\d[A-Za-z0-9_-]*\b/g,
    "<id>",
  ],
  [/[-+]?\d[\d,]*(?:\.\d+)?/g, "<n>"],
  [/\s+/g, " "],
];

/**
 * The reason without what differs from case to case: names, quoted parts, ids, dates, hex, amounts and numbers. At most REASON_CHARS_MAX characters. It is shown as it
 * is, so nothing that personal data's masks know may be left in it.
 */
export function normaliseReason(text: string): string {
  let reason = maskText(text.slice(0, LOOKED_AT_MAX)).replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0));
  for (const [pattern, instead] of RULES) reason = reason.replace(pattern, instead);
  return cut(reason.trim(), REASON_CHARS_MAX);
}

/** Cuts between characters, never inside one; what the store cannot hold is left out. */
const cut = (text: string, max: number): string => [...text.replaceAll("\0", "")].slice(0, max).join("").toWellFormed();

/**
 * The group of an attempt's end; undefined for an end that is no failure: an acknowledgement, an answer that follows, and an inquiry that found nothing (it is
 * sent next, as meant).
 */
export function failureOfEnd(
  destination: string,
  end: Pick<AttemptEnd, "step" | "action" | "outcome" | "code" | "text" | "why" | "status" | "park">,
): Failure | undefined {
  if (end.step === "finish" || end.step === "wait") return undefined;
  if (end.action === "ask" && end.step === "resend") return undefined;
  const code = end.code ?? end.park?.code ?? (end.status === undefined ? end.outcome : `HTTP ${end.status}`);
  const told = end.text ?? whyOf(end.why).en;
  return {
    of: "write-backs",
    partner: destination,
    kind: "",
    code: cut(code, CODE_CHARS_MAX),
    reason: normaliseReason(told),
    example: cut(told, EXAMPLE_CHARS_MAX),
  };
}

/** The group of a parked message: sender, kind, code, and where it died or what its first problem is. */
export function failureOfMessage(
  message: { readonly partner: string; readonly kind: string },
  reason: Pick<ParkReason, "code" | "zh" | "place" | "node" | "problems">,
): Failure {
  const problem = reason.problems?.[0];
  const place = reason.place ?? problem?.place ?? reason.node?.name ?? reason.node?.type ?? "";
  const told = problem?.zh ?? reason.zh;
  return {
    of: "messages",
    partner: message.partner,
    kind: message.kind,
    code: cut(problem === undefined ? reason.code : `${reason.code}/${problem.code}`, CODE_CHARS_MAX),
    reason: normaliseReason(place === "" || told.includes(place) ? told : `${place}: ${told}`),
    example: cut(told, EXAMPLE_CHARS_MAX),
  };
}

/** Groups kept apart of one partner: a partner that puts something new into every text must not make a list that nobody reads. */
export const GROUPS_MAX = 1_000;
/** Where a failure goes that would make one more. */
export const otherOf = (failure: Failure): Failure => ({ ...failure, kind: "", code: "OTHER", reason: "其他原因 · other reasons" });

/** What the id of a group is the hash of. */
export const groupKey = ({ of, partner, kind, code, reason }: Failure): string => JSON.stringify([of, partner, kind, code, reason]);
