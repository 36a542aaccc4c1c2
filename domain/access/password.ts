/**
 * What a password must be (NIST SP 800-63B 5.1.1.2: length and a list of common ones, no rules of composition, no forced change): long enough, not one that
 * everybody tries first, not the person's own name.
 */
import { PASSWORD_MAX, PASSWORD_MIN } from "./limits.ts";

/** What lists of leaked passwords begin with, and what a hospital's console invites; digits and signs around them do not help. */
const COMMON: ReadonlySet<string> = new Set(
  (
    "password passw0rd pass admin administrator root guest test demo welcome letmein login master monkey dragon sunshine princess football baseball " +
    "superman batman iloveyou trustno qwerty qwertyuiop qwertyuiopasdf asdfgh asdfghjkl asdfghjklqwe zxcvbn zxcvbnm qazwsx qazwsxedc qweasd qweasdzxc " +
    "abc abcd abcde abcdef abcdefg abcdefgh abcdefghij abcdefghijk abcabc aabbcc woaini wodemima mima mimamima nihao huiliu hospital yiyuan his " +
    "console operator viewer integrator finance auditor changeme default secret server system manager user username company china beijing chongqing"
  ).split(" "),
);
/** Runs of keys and digits in their order. */
const RUNS = ["01234567890123456789", "98765432109876543210", "qwertyuiopasdfghjklzxcvbnm", "abcdefghijklmnopqrstuvwxyz"];
/** Fewest different characters. */
const DISTINCT_MIN = 5;
const NAME_PART_MIN = 4;

export interface PasswordProblem {
  readonly at: string;
  readonly zh: string;
  readonly en: string;
}

/** The same password however it is typed: full-width letters, composed accents. */
export const plainPassword = (password: string): string => password.normalize("NFKC");

const letters = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[@4]/g, "a")
    .replace(/[$5]/g, "s")
    .replace(/0/g, "o")
    .replace(/[1!]/g, "l")
    .replace(/3/g, "e")
    .replace(/[^a-z]/g, "");

/** Whether nothing is left of it but a word that everybody tries, repeated or dressed up. */
function isCommon(password: string): boolean {
  const lower = password.toLowerCase();
  const bare = lower.replace(/[^a-z]/g, "");
  const half = lower.slice(0, Math.floor(lower.length / 2));
  if (RUNS.some((run) => run.includes(lower) || run.includes(lower.slice(0, -1)))) return true;
  if (lower.length % 2 === 0 && half + half === lower && new Set(lower).size <= DISTINCT_MIN) return true;
  if (/^[\d\W_]+$/.test(lower)) return new Set(lower).size < 8;
  return [bare, letters(password)].some(
    (word) => COMMON.has(word) || (COMMON.has(word.slice(0, word.length / 2)) && word.slice(0, word.length / 2).repeat(2) === word),
  );
}

/** Every reason why a password is not good enough; `names`: the login name and the person's name. */
export function passwordProblems(given: string, names: readonly string[]): readonly PasswordProblem[] {
  const password = plainPassword(given);
  const at = "/password";
  const length = [...password].length;
  if (length < PASSWORD_MIN) return [{ at, zh: `至少 ${PASSWORD_MIN} 个字符`, en: `at least ${PASSWORD_MIN} characters` }];
  if (length > PASSWORD_MAX) return [{ at, zh: `至多 ${PASSWORD_MAX} 个字符`, en: `at most ${PASSWORD_MAX} characters` }];
  const problems: PasswordProblem[] = [];
  const lower = password.toLowerCase();
  const named = names.map((one) => one.normalize("NFKC").toLowerCase()).filter((one) => one.length >= NAME_PART_MIN);
  if (named.some((one) => lower.replace(one, "").length < PASSWORD_MIN / 2))
    problems.push({ at, zh: "不能是登录名或姓名", en: "must not be the login name or the person's name" });
  if (new Set(password).size < DISTINCT_MIN || isCommon(password))
    problems.push({ at, zh: "太常见，容易猜到", en: "is among those that everybody tries first" });
  return problems;
}
