/** The operators' API of one message looked at closely, and of what is taken away of a search. */
import { mayDo } from "../domain/access/rights.ts";
import { Type } from "typebox";
import type { MessageFilter } from "../domain/operations/ports.ts";
import { RAW_WINDOW_DEFAULT, RAW_WINDOW_MAX } from "../domain/operations/raw-window.ts";
import { type Answered, answered, refused } from "../domain/operations/refusals.ts";
import { Export, RawView, Trace } from "../domain/operations/views-inspect.ts";
import {
  closed,
  deed,
  given,
  idParams,
  key,
  listOf,
  maybe,
  MESSAGE_STATES,
  name,
  oneOf,
  problem,
  type Route,
  type RouteRequest,
  span,
  text,
  unmask,
  unmaskOf,
} from "./route.ts";

/** What a search of messages may be narrowed by; the page, its addresses and the export take the same. */
export const MESSAGE_FILTERS = {
  key,
  kind: maybe(name),
  partner: maybe(name),
  flow: maybe(text(128, "the flow that settled it / 处理流程")),
  state: maybe(oneOf(MESSAGE_STATES)),
  ...span,
};

/** The filter that was asked for, and only partners that the one who asks may see. */
export function messageFilterOf(query: RouteRequest["query"], who: RouteRequest["who"]): Answered<MessageFilter> {
  const filter = listOf(query);
  if (!filter.ok) return filter;
  const scope = who.partners === "*" ? {} : { partners: [...who.partners] };
  return answered({ ...filter.value, ...given(query, "kind", "partner", "flow", "state"), ...scope });
}

const OFFSET = "^(?:0|[1-9]\\d{0,9})$";

export const INSPECT_ROUTES: readonly Route[] = [
  {
    id: "getMessageTrace",
    method: "GET",
    right: "look",
    path: "/messages/:id/trace",
    zh: "一条报文的全程：各环节何时发生什么，已脱敏",
    en: "One message from door to partner: what happened when, masked",
    params: idParams,
    answer: Trace,
    handle: (operations, { params, who }) => operations.inspect.trace(params.id ?? "", who.partners),
  },
  {
    id: "getMessageRaw",
    method: "GET",
    right: "look",
    path: "/messages/:id/raw",
    zh: "原始字节与其解码文本，逐段；默认脱敏，解除脱敏须有权限与理由",
    en: "The bytes beside what they say, piece by piece; masked unless unmasked with a right and a reason",
    params: idParams,
    query: closed({
      part: maybe(oneOf(["request", "reply"])),
      from: maybe(Type.String({ pattern: OFFSET, description: "first byte / 起始字节" })),
      length: maybe(
        Type.String({ pattern: OFFSET, description: `bytes, at most ${RAW_WINDOW_MAX}, ${RAW_WINDOW_DEFAULT} when absent / 字节数` }),
      ),
      ...unmask,
    }),
    answer: RawView,
    handle: async (operations, { params, query, who }) => {
      const length = query.length === undefined ? RAW_WINDOW_DEFAULT : Number(query.length);
      if (length < 1 || length > RAW_WINDOW_MAX) return problem("length", `1 至 ${RAW_WINDOW_MAX}`, `1 to ${RAW_WINDOW_MAX}`);
      const whole = unmaskOf(query);
      if (whole !== undefined && !mayDo(who, "unmask")) return refused("FORBIDDEN");
      const range = { part: query.part === "reply" ? ("reply" as const) : ("request" as const), from: Number(query.from ?? "0"), length };
      return operations.inspect.raw(params.id ?? "", range, who.partners, whole);
    },
  },
  {
    id: "exportMessages",
    method: "POST",
    right: "export",
    path: "/exports",
    zh: "导出查到的报文（CSV，至多一万行，已脱敏，单元格不会被当作公式），须写明理由",
    en: "Take away what a search finds (CSV, at most 10,000 rows, masked, no cell a formula); asks a reason",
    body: closed({ ...MESSAGE_FILTERS, language: maybe(oneOf(["zh", "en"])), ...deed }),
    answer: Export,
    handle: async (operations, { body, who }) => {
      const filter = messageFilterOf(given(body, "key", "kind", "partner", "flow", "state", "from", "to"), who);
      if (!filter.ok) return filter;
      return operations.inspect.export(filter.value, body.language === "en" ? "en" : "zh", given(body, "reason", "by"));
    },
  },
];
