/** Searches that somebody keeps under a name, in this browser. */
export interface Saved {
  readonly name: string;
  readonly address: string;
}
const KEPT = "huiliu.searches";
const SAVED_MAX = 30;

export function savedSearches(): readonly Saved[] {
  try {
    const kept: unknown = JSON.parse(window.localStorage.getItem(KEPT) ?? "[]");
    if (!Array.isArray(kept)) return [];
    return kept.filter((one): one is Saved => typeof one?.name === "string" && typeof one?.address === "string");
  } catch {
    return []; // a browser that keeps nothing, or somebody else's text
  }
}

/** The list from now on: a name is there once, the newest first. */
export function save(one: Saved): readonly Saved[] {
  return keep([one, ...savedSearches().filter(({ name }) => name !== one.name)].slice(0, SAVED_MAX));
}

export const forget = (name: string): readonly Saved[] => keep(savedSearches().filter((one) => one.name !== name));

function keep(list: readonly Saved[]): readonly Saved[] {
  try {
    window.localStorage.setItem(KEPT, JSON.stringify(list));
  } catch {
    // Not kept longer than the page.
  }
  return list;
}
