/** What is told of an alarm: the same facts for the log, a webhook and an e-mail, in both languages. Ids, names and numbers only. */
import type { Details } from "./conditions.ts";
import { ALARM, type AlarmKind, anchorOf, type Severity, type Words } from "./kinds.ts";

const NOTICES = ["start", "escalate", "end"] as const;
export type NoticeWhat = (typeof NOTICES)[number];

export interface Notice {
  readonly alarmId: string;
  readonly what: NoticeWhat;
  readonly kind: AlarmKind;
  readonly subject: string;
  readonly severity: Severity;
  /** China time with milliseconds. */
  readonly startedAt: string;
  readonly endedAt?: string;
  /** When what is told happened. */
  readonly at: string;
  readonly details: Details;
}

const WHAT: Readonly<Record<NoticeWhat, Words>> = {
  start: { zh: "开始", en: "started" },
  escalate: { zh: "升级", en: "got graver" },
  end: { zh: "解除", en: "ended" },
};
const SEVERITY: Readonly<Record<Severity, Words>> = { warn: { zh: "告警", en: "warn" }, page: { zh: "紧急", en: "page" } };

/** The same for every telling of the same thing: receivers drop a second one by it. */
export const noticeId = (notice: Notice): string => `alarm-${notice.alarmId}-${notice.what}`;

/** One line: `[汇流 Huiliu] 紧急/page 开始/started 回写久未送达 · A write-back … : his`. */
export function subjectLine(notice: Notice): string {
  const { zh, en } = ALARM[notice.kind];
  const [what, severity] = [WHAT[notice.what], SEVERITY[notice.severity]];
  return `[汇流 Huiliu] ${severity.zh}/${severity.en} ${what.zh}/${what.en} ${zh} · ${en}: ${notice.subject}`;
}

const detailLines = (details: Details): string[] => Object.entries(details).map(([name, value]) => `  ${name}: ${value}`);

/** Body of an e-mail: Chinese first, then English, the numbers once. */
export function bodyText(notice: Notice): string {
  const { zh, en, subject, when, next } = ALARM[notice.kind];
  const what = WHAT[notice.what];
  const ended = notice.endedAt === undefined ? [] : [`解除 · ended: ${notice.endedAt}`];
  return [
    `${zh}（${what.zh}）：${subject.zh} ${notice.subject}`,
    `条件：${when.zh}`,
    `下一步：${next.zh}`,
    "",
    `${en} (${what.en}): ${subject.en} ${notice.subject}`,
    `Raised when ${when.en}.`,
    `Next: ${next.en}`,
    "",
    `编号 · alarm: ${notice.alarmId} (${notice.kind})`,
    `开始 · started: ${notice.startedAt}`,
    ...ended,
    ...detailLines(notice.details),
    `手册 · runbook: ${anchorOf(notice.kind)}`,
    "",
  ].join("\n");
}

const TYPE: Readonly<Record<NoticeWhat, string>> = {
  start: "huiliu.alarm.started",
  escalate: "huiliu.alarm.escalated",
  end: "huiliu.alarm.ended",
};

/** The CloudEvent that a webhook gets. */
export function cloudEventOf(notice: Notice): Readonly<Record<string, unknown>> {
  const { zh, en, next } = ALARM[notice.kind];
  return {
    specversion: "1.0",
    id: noticeId(notice),
    type: TYPE[notice.what],
    source: "huiliu",
    subject: `${notice.kind}/${notice.subject}`,
    time: notice.at,
    datacontenttype: "application/json",
    data: {
      alarm: notice.alarmId,
      what: notice.what,
      kind: notice.kind,
      subject: notice.subject,
      severity: notice.severity,
      startedAt: notice.startedAt,
      ...(notice.endedAt === undefined ? {} : { endedAt: notice.endedAt }),
      details: notice.details,
      text: { zh, en },
      next,
      runbook: anchorOf(notice.kind),
    },
  };
}
