/** The operators' API of alarms. */
import { Type } from "typebox";
import { ALARM_KINDS } from "../domain/alarms/kinds.ts";
import { type AlarmDeed, type AlarmFilter, NOTE_MAX, SNOOZE_MINUTES_MAX } from "../domain/alarms/operations.ts";
import { AlarmPage, AlarmSinkList } from "../domain/operations/views-alarms.ts";
import { Done } from "../domain/operations/views.ts";
import { closed, deed, given, LINES, listOf, maybe, name, oneOf, paging, type Route, text } from "./route.ts";

const number = closed({ id: Type.String({ pattern: "^\\d{1,18}$" }) });

const act = (
  action: AlarmDeed["action"],
  zh: string,
  en: string,
  more: Parameters<typeof closed>[0],
  what: (body: Readonly<Record<string, unknown>>) => AlarmDeed,
): Route => ({
  id: `${action}Alarm`,
  method: "POST",
  right: "failure",
  path: `/alarms/:id/${action}`,
  zh,
  en,
  params: number,
  body: closed({ ...deed, ...more }),
  answer: Done,
  handle: (operations, { params, body }) => operations.alarms.act(params.id ?? "", what(body), given(body, "reason", "by")),
});

export const ALARM_ROUTES: readonly Route[] = [
  {
    id: "listAlarms",
    method: "GET",
    right: "look",
    path: "/alarms",
    zh: "告警：进行中的与过去的，最新的在前",
    en: "Alarms, open and past, newest first",
    query: closed({
      state: maybe(oneOf(["open", "ended"])),
      kind: maybe(oneOf(ALARM_KINDS)),
      subject: maybe(text(200)),
      ...paging,
      after: maybe(Type.String({ pattern: "^\\d{1,18}$" })),
    }),
    answer: AlarmPage,
    handle: async (operations, { query }) => {
      const filter = listOf(query);
      if (!filter.ok) return filter;
      const more: AlarmFilter = given(query, "state", "kind", "subject", "after");
      return operations.alarms.list({ ...more, ...(filter.value.limit === undefined ? {} : { limit: filter.value.limit }) });
    },
  },
  {
    id: "listAlarmSinks",
    method: "GET",
    right: "look",
    path: "/alarm-sinks",
    zh: "告警发往何处，以及是否送达",
    en: "Where alarms are told, and whether they arrive",
    answer: AlarmSinkList,
    handle: (operations) => operations.alarms.sinks(),
  },
  act("own", "认领告警", "Take an alarm, or give it to somebody", { owner: maybe(name) }, (body) => ({
    action: "own",
    ...(typeof body.owner === "string" ? { owner: body.owner } : {}),
  })),
  act("acknowledge", "确认已知", "It has been seen", {}, () => ({ action: "acknowledge" })),
  act(
    "snooze",
    "暂不提醒升级",
    "Not to be told for a while that it got graver",
    { minutes: Type.Integer({ minimum: 1, maximum: SNOOZE_MINUTES_MAX }) },
    (body) => ({ action: "snooze", minutes: Number(body.minutes) }),
  ),
  act("note", "写备注", "Write a note", { note: Type.String({ minLength: 1, maxLength: NOTE_MAX, pattern: LINES }) }, (body) => ({
    action: "note",
    note: String(body.note),
  })),
];
