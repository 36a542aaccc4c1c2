/** Why something is refused because of the audit, or because two people are not two: closed codes with texts and next step. They are part of OPERATION_REFUSAL. */

export type AuditRefusal = "BREAK_UNKNOWN" | "BREAK_NOT_ASKED" | "AUDIT_DOWN" | "NOT_GENUINE" | "APPROVAL_EXPIRED" | "RIGHT_LOST";

export interface AuditRefusalText {
  readonly http: 403 | 409 | 503;
  readonly zh: string;
  readonly en: string;
  readonly next: { readonly zh: string; readonly en: string };
}

/** One row per code: a new code does not compile until it has its texts. */
export const AUDIT_REFUSAL: Readonly<Record<AuditRefusal, AuditRefusalText>> = {
  BREAK_UNKNOWN: {
    http: 409,
    zh: "没有这个可以认可的断点：只能认可恢复备份留下的断点，且须写明其哈希",
    en: "There is no such break to accept: only what a restored backup left can be accepted, named by its hash",
    next: {
      zh: "npx huiliu audit verify 列出断点及其哈希；其余改动不能认可，请保全数据库与 heads.jsonl",
      en: "npx huiliu audit verify lists breaks with their hashes; nothing else can be accepted: keep the database and heads.jsonl",
    },
  },
  BREAK_NOT_ASKED: {
    http: 409,
    zh: "尚无人提出认可该断点",
    en: "Nobody has asked yet to have this break accepted",
    next: {
      zh: "由管理员提出：npx huiliu audit accept-restore --hash …，或控制台“审计”页",
      en: "An administrator asks: npx huiliu audit accept-restore --hash …, or the console's page Audit",
    },
  },
  AUDIT_DOWN: {
    http: 503,
    zh: "审计记录暂时无法封存，人工操作一律不执行；收付业务不受影响",
    en: "The audit cannot be sealed now, so no deed is done; money flows on",
    next: {
      zh: "检查数据目录 audit/ 是否可写、磁盘是否已满，以及引擎日志中的 audit-unsealed；恢复后重试",
      en: "See that audit/ in the data folder can be written and the disk is not full, and audit-unsealed in the log; then try again",
    },
  },
  NOT_GENUINE: {
    http: 409,
    zh: "该操作不是由引擎写入，或写入后被改动，拒绝执行",
    en: "This command was not written by the engine, or was changed since: it is not carried out",
    next: {
      zh: "取消该任务并另建；请安全人员查看审计与数据库访问记录",
      en: "Cancel it and make another; have somebody look at the audit and at who reached the database",
    },
  },
  APPROVAL_EXPIRED: {
    http: 409,
    zh: "复核已过期",
    en: "The approval has expired",
    next: { zh: "重新预览并请人复核", en: "Preview it again and ask for another approval" },
  },
  RIGHT_LOST: {
    http: 403,
    zh: "提出人或复核人已没有此项权限",
    en: "Whoever asked for it, or approved it, may not do so any more",
    next: { zh: "取消该任务，由有权限的人另建", en: "Cancel it; somebody who may makes another" },
  },
};
