/** The operators' API of the audit's chain: whether it is as it was written. */
import { AuditVerification } from "../domain/operations/views-audit.ts";
import { closed, type Route } from "./route.ts";

export const AUDIT_ROUTES: readonly Route[] = [
  {
    id: "verifyAudit",
    method: "GET",
    right: "audit",
    path: "/audit/verification",
    zh: "核对审计链：逐条重算，指出被改动、插入、删除、调换、截尾、整体改写、恢复旧副本",
    en: "Verify the audit's chain: every entry again; names what was altered, inserted, deleted, reordered, cut off, rewritten or restored from an old copy",
    query: closed({}),
    answer: AuditVerification,
    handle: (operations) => operations.verifyAudit(),
  },
];
