/** The log as a sink: always there, cannot fail. One line a notice, which a collector finds by its field `alarm`. */
import { noticeId, subjectLine } from "../../domain/alarms/notice.ts";
import type { AlarmSink } from "../../domain/alarms/ports.ts";
import type { Log } from "../../domain/log.ts";

export const createLogSink = (log: Log): AlarmSink => ({
  name: "log",
  target: "log",
  tell: async (notice) => {
    const { kind: alarm, subject, severity, what, details, startedAt, endedAt } = notice;
    const fields = {
      alarm,
      subject,
      severity,
      what,
      id: noticeId(notice),
      startedAt,
      ...(endedAt === undefined ? {} : { endedAt }),
      details,
    };
    if (what === "end") log.warn(fields, subjectLine(notice));
    else log.error(fields, subjectLine(notice));
    return { ok: true };
  },
  close: async () => undefined,
});
