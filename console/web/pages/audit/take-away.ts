/** The filtered record as a file: every cell neutral, so that no spreadsheet computes what somebody wrote (A38). */
import { csvOf } from "../../../../domain/operations/cells.ts";
import type { AuditRow, Page } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";

export const EXPORT_MAX = 5_000;
const PAGE = 500;

export type Words = (key: string) => string;

/** Asks page after page, as the filters are. `cut`: there is more than fits. */
export async function rowsToTake(
  query: Readonly<Record<string, string>>,
): Promise<{ readonly rows: readonly AuditRow[]; readonly cut: boolean }> {
  const rows: AuditRow[] = [];
  let after: string | undefined;
  do {
    const page = await get<Page<AuditRow>>("/audit", { ...query, after, limit: String(PAGE) });
    rows.push(...page.items);
    after = page.after;
  } while (after !== undefined && rows.length < EXPORT_MAX);
  return { rows: rows.slice(0, EXPORT_MAX), cut: after !== undefined };
}

const json = (value: unknown): string | undefined => (value === undefined ? undefined : JSON.stringify(value));

export const tableOf = (rows: readonly AuditRow[], t: Words): string =>
  csvOf(
    ["id", "at", "who", "action", "targetKind", "targetId", "reason", "approvedBy", "before", "after"].map((name) =>
      name === "approvedBy" ? t("action.approve") : t(name),
    ),
    rows.map((row) => [
      ...[row.id, row.at, row.who, row.action, row.targetKind, row.targetId, row.reason, row.approvedBy],
      json(row.before),
      json(row.after),
    ]),
  );

/** Has the browser keep it. */
export function keep(name: string, csv: string): void {
  const url = URL.createObjectURL(new Blob([csv], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
