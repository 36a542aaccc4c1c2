/** Every address of the operators' API in one table: what it takes, what it asks of `operations`, what it answers. OpenAPI is made from it (openapi.ts). */
import { Type } from "typebox";
import type { AuditFilter, EventFilter, TotalsFilter, WriteBackFilter } from "../domain/operations/ports.ts";
import { answered, refused } from "../domain/operations/refusals.ts";
import * as views from "../domain/operations/views.ts";
import { ACCESS_ROUTES } from "./routes-access.ts";
import { ALARM_ROUTES } from "./routes-alarms.ts";
import { AUDIT_ROUTES } from "./routes-audit.ts";
import { FAILURE_ROUTES } from "./routes-failures.ts";
import { GATE_ROUTES } from "./routes-gates.ts";
import { INSPECT_ROUTES, MESSAGE_FILTERS, messageFilterOf } from "./routes-inspect.ts";
import { SUBSCRIBER_ROUTES } from "./routes-subscribers.ts";
import { PROFILE_ROUTES } from "./routes-destinations.ts";
import { LANE_ROUTES } from "./routes-lanes.ts";
import { NOW_ROUTES } from "./routes-now.ts";
import { REPLAY_ROUTES } from "./routes-replay.ts";
import { MAPPING_ROUTES } from "./routes-mappings.ts";
import { RETENTION_ROUTES } from "./routes-retention.ts";
import {
  accountOf,
  ID,
  ONE_LINE,
  WRITE_BACK_STATES,
  businessDateOf,
  closed,
  confirmedChecked,
  date,
  deed,
  given,
  idParams,
  key,
  listOf,
  maybe,
  name,
  oneOf,
  paging,
  span,
  text,
  unmask,
  unmaskOf,
  uuidPaging,
  type Route,
} from "./route.ts";
import { ACKNOWLEDGEMENT_ROUTES } from "./routes-acknowledgements.ts";

const lists: readonly Route[] = [
  {
    id: "listMessages",
    method: "GET",
    right: "look",
    path: "/messages",
    zh: "查找报文，最新的在前",
    en: "Find messages, newest first",
    query: closed({ ...MESSAGE_FILTERS, ...uuidPaging }),
    answer: views.MessagePage,
    handle: async (operations, { query, who }) => {
      const filter = messageFilterOf(query, who);
      return filter.ok ? operations.messages(filter.value) : filter;
    },
  },
  {
    id: "listEvents",
    method: "GET",
    right: "look",
    path: "/events",
    zh: "查找事件，最新的在前",
    en: "Find events, newest first",
    query: closed({
      key,
      messageId: maybe(Type.String({ pattern: ID })),
      type: maybe(name),
      partner: maybe(name),
      businessDate: maybe(date),
      ...span,
      ...paging,
      after: maybe(Type.String({ pattern: `${ID.slice(0, -1)}\\.\\d{1,18}$` })),
      ...unmask,
    }),
    answer: views.EventPage,
    handle: async (operations, { query }) => {
      const filter = listOf(query);
      const wrong = businessDateOf(query);
      if (!filter.ok || wrong) return filter.ok ? (wrong ?? refused("BAD_REQUEST")) : filter;
      const more: Partial<EventFilter> = given(query, "messageId", "type", "partner", "businessDate");
      return operations.events({ ...filter.value, ...more }, unmaskOf(query));
    },
  },
  {
    id: "listWriteBacks",
    method: "GET",
    right: "look",
    path: "/write-backs",
    zh: "查找回写，最新的在前",
    en: "Find write-backs, newest first",
    query: closed({
      key,
      state: maybe(oneOf(WRITE_BACK_STATES)),
      destination: maybe(name),
      kind: maybe(name),
      businessDate: maybe(date),
      ...span,
      ...uuidPaging,
    }),
    answer: views.WriteBackPage,
    handle: async (operations, { query }) => {
      const filter = listOf(query);
      const wrong = businessDateOf(query);
      if (!filter.ok || wrong) return filter.ok ? (wrong ?? refused("BAD_REQUEST")) : filter;
      const more: Partial<WriteBackFilter> = given(query, "state", "destination", "kind", "businessDate");
      return operations.writeBacks({ ...filter.value, ...more });
    },
  },
  {
    id: "listParkedEventDeliveries",
    method: "GET",
    right: "look",
    path: "/event-deliveries",
    zh: "停放的事件投递",
    en: "Events whose flow parked",
    answer: views.EventDeliveryList,
    handle: (operations) => operations.parkedEventDeliveries(),
  },
  {
    id: "listAudit",
    method: "GET",
    right: "audit",
    path: "/audit",
    zh: "人工操作记录",
    en: "What people did, newest first",
    query: closed({
      who: maybe(name),
      action: maybe(name),
      targetKind: maybe(name),
      targetId: maybe(text(300)),
      ...span,
      ...paging,
      after: maybe(Type.String({ pattern: "^\\d{1,18}$" })),
    }),
    answer: views.AuditPage,
    handle: async (operations, { query }) => {
      const filter = listOf(query);
      const more: AuditFilter = given(query, "who", "action", "targetKind", "targetId");
      return filter.ok ? operations.audit({ ...filter.value, ...more }) : filter;
    },
  },
];

const state: readonly Route[] = [
  {
    id: "getMessage",
    method: "GET",
    right: "look",
    path: "/messages/:id",
    zh: "一条报文的全部",
    en: "Everything about one message",
    params: idParams,
    query: closed(unmask),
    answer: views.MessageDetail,
    handle: (operations, { params, query }) => operations.message(params.id ?? "", unmaskOf(query)),
  },
  {
    id: "getWriteBack",
    method: "GET",
    right: "look",
    path: "/write-backs/:id",
    zh: "一笔回写的全部",
    en: "Everything about one write-back",
    params: idParams,
    query: closed(unmask),
    answer: views.WriteBackDetail,
    handle: (operations, { params, query }) => operations.writeBack(params.id ?? "", unmaskOf(query)),
  },
  {
    id: "listDestinations",
    method: "GET",
    right: "look",
    path: "/destinations",
    zh: "各目的地的积压",
    en: "Backlog of every destination",
    answer: views.DestinationList,
    handle: async (operations) => {
      const answer = await operations.destinations();
      return answer.ok ? answered({ items: answer.value }) : answer;
    },
  },
  {
    id: "getTotals",
    method: "GET",
    right: "look",
    path: "/totals",
    zh: "一个业务日的总额核对：应回写 = 已确认 + 等待 + 停放 + 了结",
    en: "Totals of a business day: owed = acknowledged + waiting + parked + resolved",
    query: closed({ businessDate: maybe(date), partner: maybe(name), kind: maybe(name) }),
    answer: views.Totals,
    handle: async (operations, { query }) => {
      const filter: TotalsFilter = given(query, "businessDate", "partner", "kind");
      return businessDateOf(query) ?? operations.totals(filter);
    },
  },
  {
    id: "listPartners",
    method: "GET",
    right: "look",
    path: "/partners",
    zh: "伙伴档案（不含凭证）",
    en: "Partner profiles, without secrets",
    answer: views.PartnerList,
    handle: async (operations) => {
      const answer = await operations.partners();
      return answer.ok ? answered({ items: answer.value }) : answer;
    },
  },
  {
    id: "getPartner",
    method: "GET",
    right: "look",
    path: "/partners/:id",
    zh: "一个伙伴的档案（不含凭证）",
    en: "One partner's profile, without secrets",
    params: closed({ id: name }),
    answer: views.PartnerView,
    handle: (operations, { params }) => operations.partner(params.id ?? ""),
  },
  {
    id: "getStatus",
    method: "GET",
    right: "look",
    path: "/status",
    zh: "当前状态",
    en: "How the engine stands",
    answer: views.Status,
    handle: (operations) => operations.status(),
  },
];

const deeds: readonly Route[] = [
  {
    id: "replayMessage",
    method: "POST",
    right: "replay",
    path: "/messages/:id/replay",
    zh: "从存储的原文重放；preview 只看差异，不作任何修改",
    en: "Do it again from the stored bytes; preview shows the differences and changes nothing",
    params: idParams,
    body: closed({ ...deed, preview: maybe(Type.Boolean()) }),
    answer: Type.Union([views.Done, views.Preview]),
    handle: (operations, { params, body }) =>
      body.preview === true
        ? operations.previewMessage(params.id ?? "")
        : operations.replayMessage(params.id ?? "", given(body, "reason", "by")),
  },
  {
    id: "resolveMessage",
    method: "POST",
    right: "resolve",
    path: "/messages/:id/resolve",
    zh: "关闭停放的报文，不产生任何结果",
    en: "Close a parked message without any effect",
    params: idParams,
    body: closed(deed),
    answer: views.Done,
    handle: (operations, { params, body }) => operations.resolveMessage(params.id ?? "", given(body, "reason", "by")),
  },
  ...(["replay", "resolve"] as const).map(
    (action): Route => ({
      id: `${action}EventDelivery`,
      method: "POST",
      right: action,
      path: `/event-deliveries/:subscriber/:event/${action}`,
      zh: action === "replay" ? "重新投递停放的事件" : "关闭停放的事件投递",
      en: action === "replay" ? "Hand a parked event to its flow again" : "Close a parked event delivery",
      params: closed({ subscriber: text(200), event: text(256) }),
      body: closed(deed),
      answer: views.Done,
      handle: (operations, { params, body }) => {
        const how = given(body, "reason", "by");
        const { subscriber = "", event = "" } = params;
        return action === "replay"
          ? operations.replayEventDelivery(subscriber, event, how)
          : operations.resolveEventDelivery(subscriber, event, how);
      },
    }),
  ),
  {
    id: "replayWriteBack",
    method: "POST",
    right: "replay",
    path: "/write-backs/:id/replay",
    zh: "再次回写：能查询的先查询，否则须先在对方系统核对",
    en: "Send it again: the partner is asked first where it can be, else its system must have been checked",
    params: idParams,
    body: closed({ ...deed, confirmedChecked }),
    answer: views.Done,
    handle: (operations, { params, body, who }) =>
      operations.replayWriteBack(params.id ?? "", {
        ...given(body, "reason", "by"),
        ...accountOf(who),
        confirmedChecked: body.confirmedChecked === true,
      }),
  },
  {
    id: "resolveWriteBack",
    method: "POST",
    right: "resolve",
    path: "/write-backs/:id/resolve",
    zh: "人工了结：已手工处理（须有对方凭据号）或不再需要",
    en: "Close it by hand: done by hand (needs the partner's receipt number) or not wanted",
    params: idParams,
    body: Type.Object(
      {
        ...deed,
        decision: Type.Unsafe<string>({ type: "string", enum: ["done-by-hand", "cancelled"] }),
        hisReceiptNo: maybe(Type.String({ maxLength: 500, pattern: ONE_LINE })),
        confirmedChecked,
      },
      { additionalProperties: false },
    ),
    answer: views.Done,
    handle: (operations, { params, body }) =>
      operations.resolveWriteBack(params.id ?? "", {
        ...given(body, "reason", "by", "hisReceiptNo"),
        decision: body.decision === "cancelled" ? "cancelled" : "done-by-hand",
        confirmedChecked: body.confirmedChecked === true,
      }),
  },
];

export const ROUTES: readonly Route[] = [
  ...lists,
  ...state,
  ...deeds,
  ...GATE_ROUTES,
  ...SUBSCRIBER_ROUTES,
  ...LANE_ROUTES,
  ...PROFILE_ROUTES,
  ...ALARM_ROUTES,
  ...REPLAY_ROUTES,
  ...NOW_ROUTES,
  ...FAILURE_ROUTES,
  ...RETENTION_ROUTES,
  ...MAPPING_ROUTES,
  ...ACKNOWLEDGEMENT_ROUTES,
  ...INSPECT_ROUTES,
  ...AUDIT_ROUTES,
  ...ACCESS_ROUTES,
];
