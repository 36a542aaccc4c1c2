/** What every area of the operators' API makes its routes of: the shape of a route, and the pieces of its schemas. */
import type { Access, Caller } from "../domain/access/ports.ts";
import type { Principal } from "../domain/access/rights.ts";
import type { Need } from "../domain/access/standing.ts";
import { type TSchema, Type } from "typebox";
import { type MessageFilter, KEYS_MAX, type Operations, PAGE_DEFAULT, PAGE_MAX } from "../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../domain/operations/refusals.ts";
import { epochMsOf, isDate } from "../domain/time.ts";

export const API = "/api/v1";

export interface RouteRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Who asks; the route's right is checked before `handle`. Only routes that ask for a right have somebody for certain: see `Step`. */
  readonly who: Principal;
  /** Sign-in and accounts (routes-access.ts). */
  readonly access: Access;
  readonly caller: Caller;
}

export interface Route {
  readonly id: string;
  readonly method: "GET" | "POST";
  /** What the one who asks must be allowed to do, or the step of signing in that it is. Checked before anything of the request is read. */
  readonly right: Need;
  /** After /api/v1. */
  readonly path: string;
  readonly zh: string;
  readonly en: string;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  readonly answer: TSchema;
  handle(operations: Operations, request: RouteRequest): Promise<Answered<unknown>>;
}

export const ID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
export const TIME = "^\\d{4}-\\d{2}-\\d{2}(?:T\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d{1,3})?)?(?:Z|[+-]\\d{2}:\\d{2})?)?$";
export const closed = (properties: Record<string, TSchema>) => Type.Object(properties, { additionalProperties: false });
export const maybe = (schema: TSchema) => Type.Optional(schema);
/** One line of text: what the store cannot hold (NUL, half a pair) and what no name has is refused here, not by the store. */
export const ONE_LINE = "^[^\\u0000-\\u001F\\u007F\\uD800-\\uDFFF]*$";
/** The same with line breaks and tabs. */
export const LINES = "^[^\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F\\uD800-\\uDFFF]*$";
export const text = (max: number, description?: string) =>
  Type.String({ minLength: 1, maxLength: max, pattern: ONE_LINE, ...(description === undefined ? {} : { description }) });
export const oneOf = (values: readonly string[]) => Type.Unsafe<string>({ type: "string", enum: [...values] });
export const name = text(64);
export const date = Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}$", description: "yyyy-MM-dd" });

export const MESSAGE_STATES = ["awaiting-part", "received", "settled", "duplicate", "parked", "resolved"];
export const WRITE_BACK_STATES = ["held", "queued", "waiting", "sending", "deferred", "parked", "acknowledged", "resolved"];

export const paging = {
  after: maybe(text(120, "cursor of the page before / 上一页的 after")),
  limit: maybe(Type.String({ pattern: "^[1-9]\\d{0,3}$", description: `rows, at most ${PAGE_MAX}, ${PAGE_DEFAULT} when absent / 条数` })),
};
export const uuidPaging = { ...paging, after: maybe(Type.String({ pattern: ID })) };
export const span = {
  from: maybe(
    Type.String({ pattern: TIME, description: "first moment, inclusive; a day or an ISO time, China time when it has no offset / 起" }),
  ),
  to: maybe(Type.String({ pattern: TIME, description: "last moment, exclusive; a day means its end / 止" })),
};
export const key = maybe(
  text(
    KEYS_MAX * 140,
    `business key values (bill, visit, order, serial …), sender's message ids or ids, separated by commas, at most ${KEYS_MAX} / 业务键`,
  ),
);
export const unmask = {
  unmask: maybe(oneOf(["true"])),
  reason: maybe(text(500, "why personal data is needed; on record / 解除脱敏的理由")),
  by: maybe(text(64, "who looks; on record / 查看人")),
};
export const idParams = closed({ id: Type.String({ pattern: ID }) });
/** Blank ones are refused by the rules, with their own codes. */
export const deed = {
  reason: maybe(Type.String({ maxLength: 2_000, pattern: LINES, description: "why; on record / 原因" })),
  by: maybe(Type.String({ maxLength: 200, pattern: ONE_LINE, description: "who; on record / 操作人" })),
};
export const confirmedChecked = maybe(Type.Boolean({ description: "the partner's system was looked at / 已在对方系统核对" }));

/** What a moment may be: ids count milliseconds from 1970 on, and no time can be written past the calendar's last day. */
const FIRST_MOMENT = epochMsOf("1970-01-01T00:00:00+08:00") ?? 0;
const LAST_MOMENT = epochMsOf("2999-12-31T23:59:59+08:00") ?? 0;

/** Milliseconds of a day or a time; China time when it has no offset. Undefined: no such time, or none that anything here can have. */
export function momentOf(given: string, end: boolean): number | undefined {
  const start = isDate(given)
    ? epochMsOf(`${given}T00:00:00+08:00`)
    : Date.parse(/(?:Z|[+-]\d{2}:\d{2})$/.test(given) ? given : `${given}+08:00`);
  const ms = start !== undefined && end && isDate(given) ? Math.min(start + 86_400_000, LAST_MOMENT) : start;
  // NaN is in no range.
  return ms !== undefined && ms >= FIRST_MOMENT && ms <= LAST_MOMENT ? ms : undefined;
}

export const problem = (at: string, zh: string, en: string) => refused("BAD_REQUEST", { problems: [{ at: `querystring/${at}`, zh, en }] });

/** What all lists take: page, span, keys. */
export function listOf(query: RouteRequest["query"]): Answered<MessageFilter> {
  const limit = query.limit === undefined ? PAGE_DEFAULT : Number(query.limit);
  if (limit > PAGE_MAX) return problem("limit", `最多 ${PAGE_MAX} 条`, `at most ${PAGE_MAX}`);
  const keys = query.key
    ?.split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  if (keys !== undefined && (keys.length === 0 || keys.length > KEYS_MAX))
    return problem("key", `1 至 ${KEYS_MAX} 个值`, `1 to ${KEYS_MAX} values`);
  const [fromMs, toMs] = [
    query.from === undefined ? undefined : momentOf(query.from, false),
    query.to === undefined ? undefined : momentOf(query.to, true),
  ];
  if (query.from !== undefined && fromMs === undefined) return problem("from", "不是可能的时间", "is no possible time");
  if (query.to !== undefined && toMs === undefined) return problem("to", "不是可能的时间", "is no possible time");
  return answered({
    limit,
    ...(query.after === undefined ? {} : { after: query.after }),
    ...(keys === undefined ? {} : { keys }),
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
  });
}

/** Copies the named parameters that were given. */
export const given = (from: Readonly<Record<string, unknown>>, ...names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((one) => (from[one] === undefined ? [] : [[one, String(from[one])]])));

/** The account that asks, for what is bound to accounts: a program's `by` is no account. */
export const accountOf = (who: Principal): { readonly account?: string } => (who.via === "session" ? { account: who.id } : {});
export const unmaskOf = (query: RouteRequest["query"]) => (query.unmask === "true" ? given(query, "by", "reason") : undefined);
export const businessDateOf = (query: RouteRequest["query"]) =>
  query.businessDate !== undefined && !isDate(query.businessDate)
    ? problem("businessDate", "不是可能的日期", "is no possible day")
    : undefined;
