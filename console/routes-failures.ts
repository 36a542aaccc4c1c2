/** The operators' API of failure groups. */
import { Type } from "typebox";
import { NOTE_MAX } from "../domain/failures/groups.ts";
import { Affected, FailureItemPage } from "../domain/operations/views-failures.ts";
import { FailureGroup, FailureGroupPage } from "../domain/operations/views-replay.ts";
import type { FailureChange, FailureFilter } from "../domain/replay/ports.ts";
import {
  closed,
  deed,
  given,
  LINES,
  listOf,
  maybe,
  momentOf,
  name,
  oneOf,
  paging,
  problem,
  type Route,
  text,
  TIME,
  uuidPaging,
} from "./route.ts";

const group = closed({ id: text(64) });
const yes = maybe(oneOf(["true"]));

const change = (
  what: FailureChange["what"],
  zh: string,
  en: string,
  more: Parameters<typeof closed>[0],
  of: (body: Readonly<Record<string, unknown>>) => FailureChange | undefined,
): Route => ({
  id: `${what}FailureGroup`,
  method: "POST",
  right: "failure",
  path: `/failure-groups/:id/${what}`,
  zh,
  en,
  params: group,
  body: closed({ ...deed, ...more }),
  answer: FailureGroup,
  handle: async (operations, { params, body }) => {
    const wanted = of(body);
    if (wanted === undefined) return problem("until", "不是可能的时间", "is no possible time");
    return operations.failures.change(params.id ?? "", wanted, given(body, "reason", "by"));
  },
});

export const FAILURE_ROUTES: readonly Route[] = [
  {
    id: "listFailureGroups",
    method: "GET",
    right: "look",
    path: "/failure-groups",
    zh: "失败分组：同一目的地（或发送方）、同一代码、同一原因；未了结多的在前",
    en: "Failure groups: one destination (or sender), one code, one reason; most open first",
    query: closed({
      of: maybe(oneOf(["write-backs", "messages"])),
      partner: maybe(name),
      code: maybe(text(64)),
      owner: maybe(name),
      all: yes,
      snoozed: yes,
      ...paging,
      after: maybe(Type.String({ pattern: "^\\d{1,12}\\.[0-9a-f]{1,64}$" })),
    }),
    answer: FailureGroupPage,
    handle: async (operations, { query }) => {
      const filter = listOf(query);
      if (!filter.ok) return filter;
      const more: FailureFilter = given(query, "of", "partner", "code", "owner");
      return operations.failures.list({ ...filter.value, ...more, all: query.all === "true", snoozed: query.snoozed === "true" });
    },
  },
  {
    id: "getFailureGroup",
    method: "GET",
    right: "look",
    path: "/failure-groups/:id",
    zh: "一个失败分组",
    en: "One failure group",
    params: group,
    answer: FailureGroup,
    handle: (operations, { params }) => operations.failures.get(params.id ?? ""),
  },
  {
    id: "listFailureItems",
    method: "GET",
    right: "look",
    path: "/failure-groups/:id/items",
    zh: "分组中的各项，按收到的先后；默认只列未了结的",
    en: "The items of a group in the order of receipt; open ones unless all are asked for",
    params: group,
    query: closed({ all: yes, ...uuidPaging }),
    answer: FailureItemPage,
    handle: async (operations, { params, query }) => {
      const filter = listOf(query);
      return filter.ok ? operations.failures.items(params.id ?? "", { ...filter.value, all: query.all === "true" }) : filter;
    },
  },
  {
    id: "getAffected",
    method: "GET",
    right: "look",
    path: "/failure-groups/:id/affected",
    zh: "谁受影响：患者、单据与其后的队列",
    en: "Who is affected: patients, bills, and the lanes behind",
    params: group,
    answer: Affected,
    handle: (operations, { params }) => operations.failures.affected(params.id ?? ""),
  },
  change("own", "认领分组，或交给某人", "Take a group, or give it to somebody", { owner: maybe(name) }, (body) => ({
    what: "own",
    ...given(body, "owner"),
  })),
  change("note", "写备注", "Write a note on it", { note: Type.String({ maxLength: NOTE_MAX, pattern: LINES }) }, (body) => ({
    what: "note",
    note: String(body.note),
  })),
  change("snooze", "暂缓至某时", "Leave it out of the list until a moment", { until: Type.String({ pattern: TIME }) }, (body) => {
    const untilMs = momentOf(String(body.until), true);
    return untilMs === undefined ? undefined : { what: "snooze", untilMs };
  }),
  change("unsnooze", "取消暂缓", "List it again", {}, () => ({ what: "unsnooze" })),
];
