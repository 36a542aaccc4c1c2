/** The filters of the failures' list as its address holds them. Pure. */
const FILTERS = ["of", "partner", "code", "owner", "all", "snoozed"] as const;
export type FailureFilterName = (typeof FILTERS)[number];

/** What is asked of the API: what is empty is not asked. */
export function queryOf(address: URLSearchParams): Record<string, string> {
  const names = [...FILTERS, "after"] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = address.get(name)?.trim() ?? "";
      return value === "" ? [] : [[name, value]];
    }),
  );
}

/** The address with one filter changed; another filter begins at the first page again. */
export function changed(address: URLSearchParams, name: FailureFilterName | "after" | "tab", value: string | undefined): URLSearchParams {
  const next = new URLSearchParams(address);
  if (value === undefined || value.trim() === "") next.delete(name);
  else next.set(name, value.trim());
  if (name !== "after") next.delete("after");
  return next;
}

export const isFiltered = (address: URLSearchParams): boolean => FILTERS.some((name) => (address.get(name) ?? "") !== "");

export interface GroupCounts {
  readonly of: string;
  readonly open: number;
  readonly parked: number;
}

/** Why a replay of the group would do nothing; undefined: it would do something. */
export const noReplay = ({ open, parked }: GroupCounts): "none" | "wait" | undefined =>
  open === 0 ? "none" : parked === 0 ? "wait" : undefined;
