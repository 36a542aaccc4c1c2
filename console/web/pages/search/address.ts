/** A search as its address holds it: every filter, so that a link shows the same search to whoever opens it. Pure. */

export const FILTERS = ["partner", "kind", "flow", "state"] as const;
export type Filter = (typeof FILTERS)[number];
/** Spans that one click chooses; `own` has its two ends in the address. */
export const SPANS = ["hour", "today", "day", "week", "month", "all", "own"] as const;
export type Span = (typeof SPANS)[number];
/** Values one search may list (domain/operations/ports.ts, KEYS_MAX). */
export const KEYS_MAX = 100;
export const PAGE = 50;

export interface Search {
  readonly keys: readonly string[];
  readonly filters: Readonly<Partial<Record<Filter, string>>>;
  readonly span: Span;
  readonly from?: string;
  readonly to?: string;
  readonly after?: string;
}

/** A pasted list: lines, cells of a spreadsheet, commas of either width. The same value is asked once. */
export function keysOf(text: string): string[] {
  const parts = text.split(/[\r\n\t,，;；、]+/).map((one) => one.trim());
  return [...new Set(parts.filter((one) => one !== ""))];
}

const isSpan = (text: string | null): text is Span => SPANS.some((one) => one === text);

/** Without keys a search is of today: of all time it would be of nothing in particular. */
export function searchOf(address: URLSearchParams): Search {
  const keys = keysOf(address.get("q") ?? "");
  const span = address.get("span");
  const filters = Object.fromEntries(FILTERS.flatMap((name) => (address.get(name) ? [[name, address.get(name) ?? ""]] : [])));
  const [from, to, after] = [address.get("from"), address.get("to"), address.get("after")];
  return {
    keys,
    filters,
    span: isSpan(span) ? span : keys.length > 0 ? "all" : "today",
    ...(from ? { from } : {}),
    ...(to ? { to } : {}),
    ...(after ? { after } : {}),
  };
}

export function addressOf(search: Search): URLSearchParams {
  const address = new URLSearchParams();
  if (search.keys.length > 0) address.set("q", search.keys.join(","));
  for (const name of FILTERS) {
    const value = search.filters[name]?.trim() ?? "";
    if (value !== "") address.set(name, value);
  }
  if (search.span !== (search.keys.length > 0 ? "all" : "today")) address.set("span", search.span);
  if (search.span === "own") {
    if (search.from) address.set("from", search.from);
    if (search.to) address.set("to", search.to);
  }
  if (search.after) address.set("after", search.after);
  return address;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CHINA_MS = 8 * HOUR_MS;
const QUICK: Readonly<Record<Exclude<Span, "all" | "own">, (nowMs: number) => number>> = {
  hour: (now) => now - HOUR_MS,
  today: (now) => Math.floor((now + CHINA_MS) / DAY_MS) * DAY_MS - CHINA_MS,
  day: (now) => now - DAY_MS,
  week: (now) => now - 7 * DAY_MS,
  month: (now) => now - 30 * DAY_MS,
};
const isoOf = (ms: number): string => `${new Date(ms + CHINA_MS).toISOString().slice(0, 23)}+08:00`;

/** What is asked of the API. */
export function queryOf(search: Search, nowMs: number): Record<string, string> {
  const query: Record<string, string> = { ...search.filters };
  if (search.keys.length > 0) query.key = search.keys.join(",");
  if (search.span === "own") {
    if (search.from) query.from = search.from;
    if (search.to) query.to = search.to;
  } else if (search.span !== "all") query.from = isoOf(QUICK[search.span](nowMs));
  return query;
}
