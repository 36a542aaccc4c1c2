/** Binding patterns of a topic exchange: words separated by dots, `*` is one word, `#` is any number of them. */

/** What a pattern may look like: nothing that a broker would take for something else. */
export const PATTERN = "^(?:[a-z0-9-]+|\\*|#)(?:\\.(?:[a-z0-9-]+|\\*|#))*$";

const matchesFrom = (pattern: readonly string[], words: readonly string[]): boolean => {
  const [first, ...rest] = pattern;
  if (first === undefined) return words.length === 0;
  if (first === "#") return matchesFrom(rest, words) || (words.length > 0 && matchesFrom(pattern, words.slice(1)));
  return words.length > 0 && (first === "*" || first === words[0]) && matchesFrom(rest, words.slice(1));
};

/** Whether a broker would route an event of this type to a queue bound by this pattern. */
export const matches = (pattern: string, type: string): boolean => matchesFrom(pattern.split("."), type.split("."));

export const wants = (patterns: readonly string[], type: string): boolean => patterns.some((pattern) => matches(pattern, type));
