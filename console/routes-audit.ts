/** The operators' API of the audit's chain: whether it is as it was written, and accepting the break that a restored backup leaves. */
import { Type } from "typebox";
import { Done } from "../domain/operations/views.ts";
import { AuditVerification } from "../domain/operations/views-audit.ts";
import { accountOf, closed, deed, given, type Route } from "./route.ts";

const hash = Type.String({ pattern: "^[0-9a-f]{64}$", description: "which break, as the verification tells it / 断点的哈希" });

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
  {
    id: "askAcceptRestore",
    method: "POST",
    right: "restore",
    path: "/audit/accept-restore",
    zh: "提出认可：数据库已从备份恢复，写明所留断点的哈希",
    en: "Ask to accept that the database was restored from a backup, naming the break that it left by its hash",
    body: closed({ ...deed, hash }),
    answer: Done,
    handle: (operations, { body, who }) =>
      operations.acceptRestore.ask(String(body.hash), { ...given(body, "reason", "by"), ...accountOf(who) }),
  },
  {
    id: "approveAcceptRestore",
    method: "POST",
    right: "vouch",
    path: "/audit/accept-restore/approve",
    zh: "认可该断点：须为另一人的账户；其余断点仍告警",
    en: "Accept that break: another person's account; any other break still alarms",
    body: closed({ ...deed, hash }),
    answer: Done,
    handle: (operations, { body, who }) =>
      operations.acceptRestore.approve(String(body.hash), { ...given(body, "reason", "by"), ...accountOf(who) }),
  },
];
