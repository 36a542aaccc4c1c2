/** What a trial may show: masked, cut, in both languages. */
import type { Translated } from "../delivery/live.ts";
import type { Event } from "../events/event.ts";
import type { ParkReason } from "../journal/ports.ts";
import { type Charset, charsetOf, charsetOfContentType, decode } from "../mapping/charset.ts";
import { maskText, maskValue } from "../operations/masking.ts";
import type { Problem } from "../problem.ts";
import type { Sentence, Trial } from "./trial.ts";
import type { Outcome } from "./trial-deps.ts";

/** Longest body shown, in characters. */
const BODY_CHARS_MAX = 65_536;

export const said = (zh: string, en: string): Sentence => ({ zh, en });
export const masked = ({ zh, en }: Sentence): Sentence => ({ zh: maskText(zh), en: maskText(en) });

type Place = Pick<Problem, "at" | "place" | "zh" | "en"> & { readonly code: string };
const problemSeen = ({ code, at, place, zh, en }: Place): Trial["problems"][number] => ({ code, at, place, ...masked({ zh, en }) });

/** What is wrong, one by one; a reason without problems is its own. */
export const problemsSeen = ({ code, zh, en, place = "", problems = [] }: ParkReason): Trial["problems"] =>
  (problems.length > 0 ? problems : [{ code, at: "", place, zh, en }]).map(problemSeen);

export const eventSeen = (event: Event): Trial["events"][number] => ({
  id: event.id,
  type: event.type,
  event: maskValue(JSON.parse(JSON.stringify(event))),
});

/** The charset that a content type declares, or `otherwise`. */
export const charsetIn = (contentType: string | undefined, otherwise: Charset = "utf-8"): Charset =>
  charsetOf(charsetOfContentType(contentType ?? "") ?? "") ?? otherwise;

/** A body as people may read it; "" for bytes that are not of the charset. */
export const bodySeen = (body: Uint8Array, charset: Charset): string => maskText((decode(body, charset) ?? "").slice(0, BODY_CHARS_MAX));

/** A message that never comes past its translate node. */
export const notTranslated = ({ problems }: Extract<Translated, { ok: false }>): Outcome => ({
  to: "problems",
  said: said(`无法翻译，共 ${problems.length} 处问题`, `it cannot be translated: ${problems.length} problems`),
  problems: problems.map(problemSeen),
});
