/** The closed list of what the operator's side refuses, with its HTTP status, texts and next step. Write-backs add the reasons of domain/writeback/manual.ts. */
import { ACCESS_REFUSAL, type AccessRefusal } from "../access/refusals.ts";
import { LANE_REFUSAL, type LaneRefusal } from "../lanes/refusals.ts";
import { REPLAY_REFUSAL, type ReplayRefusal } from "../replay/refusals.ts";
import { LIVE_REFUSAL, type LiveRefusal } from "../live/refusals.ts";
import { MANUAL_REFUSAL, type ManualRefusal } from "../writeback/manual.ts";
import { INSPECT_REFUSAL, type InspectRefusal } from "./refusals-inspect.ts";
import { AUDIT_REFUSAL, type AuditRefusal } from "./refusals-audit.ts";
import { MAPPING_REFUSAL, type MappingRefusal } from "./refusals-mappings.ts";
import { WATCH_REFUSAL, type WatchRefusal } from "./refusals-watch.ts";
import { SUBSCRIBER_REFUSAL, type SubscriberRefusal } from "./views-subscribers.ts";

export interface OperationRefusalText {
  readonly http: number;
  readonly zh: string;
  readonly en: string;
  readonly next: { readonly zh: string; readonly en: string };
}

export type OwnRefusal =
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "WRONG_HOST"
  | "NOT_FOUND"
  | "BAD_REQUEST"
  | "TOO_LARGE"
  | "UNKNOWN_MESSAGE"
  | "UNKNOWN_EVENT_DELIVERY"
  | "UNKNOWN_PARTNER"
  | "NOT_A_DESTINATION"
  | "BY_REQUIRED"
  | "MESSAGE_IN_WORK"
  | "MESSAGE_RESOLVED"
  | "MESSAGE_NOT_PARKED"
  | "MESSAGE_INCOMPLETE"
  | "DELIVERY_IN_WORK"
  | "NO_MAPPING"
  | "EVENT_REFUSED"
  | "TOO_SLOW"
  | "STORE_GONE"
  | "INTERNAL";

export type OperationCode =
  | OwnRefusal
  | ManualRefusal
  | ReplayRefusal
  | WatchRefusal
  | LaneRefusal
  | SubscriberRefusal
  | AccessRefusal
  | LiveRefusal
  | InspectRefusal
  | AuditRefusal
  | MappingRefusal;

const look = { zh: "刷新后查看当前状态，再决定", en: "Look at its present state, then decide again" };

const OWN: Readonly<Record<OwnRefusal, OperationRefusalText>> = {
  UNAUTHORIZED: {
    http: 401,
    zh: "未登录、会话已结束，或令牌不正确",
    en: "Not signed in, the session has ended, or the token is wrong",
    next: {
      zh: "登录控制台；程序在 Authorization: Bearer 中给出 .data/run.json 的 token",
      en: "Sign in; programs send the token of .data/run.json in Authorization: Bearer",
    },
  },
  FORBIDDEN: {
    http: 403,
    zh: "没有此项权限",
    en: "Your account may not do this",
    next: { zh: "请有此权限的同事办理，或请管理员授权", en: "Ask a colleague who may, or an administrator for the right" },
  },
  WRONG_HOST: {
    http: 421,
    zh: "请求的主机名不是本机",
    en: "The request names a host that is not this machine",
    next: { zh: "以 127.0.0.1 或 localhost 访问", en: "Use 127.0.0.1 or localhost" },
  },
  NOT_FOUND: {
    http: 404,
    zh: "没有这个地址",
    en: "There is nothing at this address",
    next: { zh: "查看 docs/openapi.json 中的地址与方法", en: "See docs/openapi.json for paths and methods" },
  },
  BAD_REQUEST: {
    http: 400,
    zh: "请求参数不正确",
    en: "The request is not valid",
    next: { zh: "按 problems 所列修正", en: "Mend what problems lists" },
  },
  TOO_LARGE: {
    http: 413,
    zh: "请求过大",
    en: "The request is too large",
    next: { zh: "缩短后重试", en: "Send less" },
  },
  UNKNOWN_MESSAGE: {
    http: 404,
    zh: "没有这条报文",
    en: "There is no such message",
    next: { zh: "检查编号，或按单据号查找", en: "Check the id, or search by bill number" },
  },
  UNKNOWN_EVENT_DELIVERY: {
    http: 404,
    zh: "没有这项事件投递",
    en: "There is no such event delivery",
    next: { zh: "可能已处理完；查看该报文", en: "It may be done already; see its message" },
  },
  UNKNOWN_PARTNER: {
    http: 404,
    zh: "没有这个伙伴",
    en: "There is no partner of this name",
    next: { zh: "用 GET /api/v1/partners 查看名称", en: "See GET /api/v1/partners for the names" },
  },
  NOT_A_DESTINATION: {
    http: 409,
    zh: "该伙伴没有回写目的地",
    en: "Nothing is written back to this partner",
    next: { zh: "查看伙伴档案的 destination", en: "See destination in the partner's profile" },
  },
  BY_REQUIRED: {
    http: 422,
    zh: "须写明操作人（1 至 64 字）",
    en: "Who does it is required (1 to 64 characters)",
    next: { zh: "填写 by", en: "Give by" },
  },
  MESSAGE_IN_WORK: { http: 409, zh: "该报文正在处理", en: "The message is being worked on", next: look },
  MESSAGE_RESOLVED: {
    http: 409,
    zh: "该报文已由人工关闭",
    en: "A person has closed this message already",
    next: { zh: "查看关闭记录；需要时请对方重发", en: "See who closed it; if it is wanted after all, ask the partner to send it again" },
  },
  MESSAGE_NOT_PARKED: {
    http: 409,
    zh: "只有停放的报文可以关闭",
    en: "Only a parked message can be closed",
    next: look,
  },
  MESSAGE_INCOMPLETE: {
    http: 409,
    zh: "交换缺少请求部分，无法重放",
    en: "The exchange lacks its request: there is nothing to do again",
    next: {
      zh: "请对方以同一 huiliu-exchange 重发，或核实后关闭",
      en: "Ask the partner to send both parts again, or close it once checked",
    },
  },
  DELIVERY_IN_WORK: { http: 409, zh: "该事件投递正在处理", en: "The event delivery is being worked on", next: look },
  NO_MAPPING: {
    http: 409,
    zh: "该伙伴的厂商没有这种报文的映射",
    en: "The partner's vendor has no mapping for this message",
    next: { zh: "在 mappings/<厂商>/ 下新建映射", en: "Add a mapping under mappings/<vendor>/" },
  },
  EVENT_REFUSED: {
    http: 500,
    zh: "无法生成了结事件，未作任何修改",
    en: "The event of this decision could not be made; nothing was changed",
    next: { zh: "查看日志并报告", en: "Read the log and report it" },
  },
  TOO_SLOW: {
    http: 503,
    zh: "查询超过时限",
    en: "The search took too long and was stopped",
    next: { zh: "加上单据号、伙伴、状态或时间范围", en: "Narrow it by key, partner, state or time" },
  },
  STORE_GONE: {
    http: 503,
    zh: "数据库不可用，未作任何修改或结果未知",
    en: "The database is not available; nothing was changed, or it is unknown whether it was",
    next: { zh: "稍后查看当前状态再重试", en: "Look at the present state later, then try again" },
  },
  INTERNAL: {
    http: 500,
    zh: "内部错误",
    en: "An internal error",
    next: { zh: "查看日志", en: "Read the log" },
  },
};

/** One row per code. */
export const OPERATION_REFUSAL: Readonly<Record<OperationCode, OperationRefusalText>> = {
  ...OWN,
  ...MANUAL_REFUSAL,
  ...REPLAY_REFUSAL,
  ...WATCH_REFUSAL,
  ...MAPPING_REFUSAL,
  ...SUBSCRIBER_REFUSAL,
  ...LANE_REFUSAL,
  ...ACCESS_REFUSAL,
  ...LIVE_REFUSAL,
  ...INSPECT_REFUSAL,
  ...AUDIT_REFUSAL,
};

/** An expected refusal, as a value. `state`: the row's present state, where that is why. */
export interface OperationRefused {
  readonly ok: false;
  readonly code: OperationCode;
  readonly state?: string;
  readonly problems?: readonly { readonly at: string; readonly zh: string; readonly en: string }[];
}

export type Answered<T> = { readonly ok: true; readonly value: T } | OperationRefused;

export const refused = (code: OperationCode, more: Omit<OperationRefused, "ok" | "code"> = {}): OperationRefused => ({
  ok: false,
  code,
  ...more,
});
export const answered = <T>(value: T): Answered<T> => ({ ok: true, value });

/** A refusal as the API sends it, and as whoever asked reads it: the code may be of a later version. */
export interface ApiError {
  readonly code: string;
  readonly zh: string;
  readonly en: string;
  readonly next: { readonly zh: string; readonly en: string };
  readonly state?: string;
  readonly problems?: readonly { readonly at: string; readonly zh: string; readonly en: string }[];
}

/** What the API sends for a refusal. */
export function errorBody(refusal: Omit<OperationRefused, "ok">): { readonly error: ApiError } {
  const { code, state, problems } = refusal;
  const { zh, en, next } = OPERATION_REFUSAL[code];
  return { error: { code, zh, en, next, ...(state === undefined ? {} : { state }), ...(problems === undefined ? {} : { problems }) } };
}
