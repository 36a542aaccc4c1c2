/**
 * A message without anybody's data that is still a message: for examples that go into git. Wherever masking.ts puts stars, something stands that reads as the
 * original did: 某 in names, 0 in numbers, and for an identity card one of nobody with a right check character (GB 11643-1999).
 */
import { maskText, maskValue } from "./masking.ts";

/** Region 110101, born 1990-01-01: nobody's, as the sequence numbers below 100 are given to nobody here. */
const NOBODY = "11010119900101";
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS = "10X98765432";
/** An identity card as masking.ts leaves it: three characters, stars, two characters. */
const MASKED_CARD = /(?<![\d*])\d{3}\*{13}(\d)([\dXx])(?![\d*])/g;
const STARS = /\*+/g;

/** The check character of an identity card's first 17 digits. */
export const cardCheck = (digits: string): string =>
  CHECKS[WEIGHTS.reduce((sum, weight, index) => sum + weight * Number(digits[index]), 0) % CHECKS.length] ?? "";

/** Two people stay two: what masking left of their numbers goes into the sequence. */
function cardOfNobody(tail: string, check: string): string {
  const digits = `${NOBODY}0${tail}${/\d/.test(check) ? check : "0"}`;
  return digits + cardCheck(digits);
}

/** A single letter is no name that could be looked for: it stands in other words, too. */
const VALUE_MIN = 2;

/** Every text of a structure that is hidden in it, with its mask, the longest first: what a mapping knows for a name, whatever the message calls it. */
export function personalOf(value: unknown): readonly (readonly [original: string, mask: string])[] {
  const found = new Map<string, string>();
  const walk = (one: unknown, masked: unknown): void => {
    if (typeof one === "string") {
      if (one !== masked && typeof masked === "string" && one.length >= VALUE_MIN) found.set(one, masked);
    } else if (typeof one === "object" && one !== null && typeof masked === "object" && masked !== null) {
      const other = masked as Readonly<Record<string, unknown>>;
      for (const [name, member] of Object.entries(one)) walk(member, other[name]);
    }
  };
  walk(value, maskValue(value));
  return [...found].sort(([a], [b]) => b.length - a.length);
}

/** The text with stand-ins for everything that masking hides, and for `known` wherever it stands; the same text gives the same result. */
export function disguise(text: string, known: readonly (readonly [original: string, mask: string])[] = []): string {
  const hidden = known.reduce((so, [original, mask]) => so.replaceAll(original, mask), text);
  const masked = maskText(hidden).replace(MASKED_CARD, (_all, tail: string, check: string) => cardOfNobody(tail, check));
  return masked.replace(STARS, (stars, at: number) => {
    const [before, after] = [masked[at - 1] ?? "", masked[at + stars.length] ?? ""];
    if (/\d/.test(before) || /\d/.test(after)) return "0".repeat(stars.length);
    return (/\p{Script=Han}/u.test(before) ? "某" : "x").repeat(stars.length);
  });
}
