/** The filters of the audit as its address holds them. Pure. */
export const FILTERS = ["who", "action", "targetKind", "targetId", "from", "to"] as const;
export type AuditFilterName = (typeof FILTERS)[number];

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

/** The address with these changed; another filter begins at the first page again. */
export function addressed(
  address: URLSearchParams,
  changes: Readonly<Partial<Record<AuditFilterName | "after", string | undefined>>>,
): URLSearchParams {
  const next = new URLSearchParams(address);
  if (!("after" in changes)) next.delete("after");
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value.trim() === "") next.delete(name);
    else next.set(name, value.trim());
  }
  return next;
}

export const isFiltered = (address: URLSearchParams): boolean => FILTERS.some((name) => (address.get(name) ?? "") !== "");
