/** The operators' API of subscribers. */
import { Type } from "typebox";
import { Done } from "../domain/operations/views.ts";
import { SubscriberList } from "../domain/operations/views-subscribers.ts";
import { PATTERN } from "../domain/subscribers/pattern.ts";
import { closed, deed, given, maybe, momentOf, name, problem, type Route, text, TIME } from "./route.ts";

const NAME = Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$", description: "kebab-case name; its queue is huiliu.events.<name> / 名称" });
const one = closed({ id: name });

export const SUBSCRIBER_ROUTES: readonly Route[] = [
  {
    id: "listSubscribers",
    method: "GET",
    right: "look",
    path: "/subscribers",
    zh: "事件的订阅者：队列、检查点、尚欠的事件",
    en: "Who subscribes to events: queues, checkpoints, what is owed to them again",
    answer: SubscriberList,
    handle: (operations) => operations.subscribers.list(),
  },
  {
    id: "registerSubscriber",
    method: "POST",
    right: "subscriber",
    path: "/subscribers",
    zh: "登记一个订阅者；引擎声明其队列，并对其负责",
    en: "Register a subscriber; the engine declares its queue and answers for it",
    body: closed({
      ...deed,
      name: NAME,
      events: Type.Array(Type.String({ pattern: PATTERN, maxLength: 100 }), {
        minItems: 1,
        maxItems: 50,
        description: "event types, * and # as in AMQP / 事件类型",
      }),
    }),
    answer: Done,
    handle: (operations, { body }) =>
      operations.subscribers.register({ name: String(body.name), events: body.events as readonly string[] }, given(body, "by", "reason")),
  },
  {
    id: "republishEvents",
    method: "POST",
    right: "subscriber",
    path: "/subscribers/republish",
    zh: "自某时刻起的事件重新发布给一个订阅者，或发布到他人自建的队列",
    en: "Publish events since a moment again, to a subscriber or to a queue that somebody bound himself",
    body: closed({
      ...deed,
      subscriber: maybe(name),
      queue: maybe(text(200, "a queue of somebody else's; it must exist / 他人自建的队列")),
      since: Type.String({ pattern: TIME, description: "a day or an ISO time, China time when it has no offset / 起始时刻" }),
    }),
    answer: Done,
    handle: async (operations, { body }) => {
      const sinceMs = momentOf(String(body.since), false);
      if (sinceMs === undefined) return problem("since", "不是可能的时间", "is no possible time");
      const { subscriber, queue } = given(body, "subscriber", "queue");
      if ((subscriber === undefined) === (queue === undefined))
        return problem("subscriber", "subscriber 与 queue 须给且只给一个", "give subscriber or queue, one of them");
      const to = subscriber === undefined ? { queue: queue ?? "" } : { subscriber };
      return operations.subscribers.republish({ ...to, sinceMs }, given(body, "by", "reason"));
    },
  },
  {
    id: "setCheckpoint",
    method: "POST",
    right: "subscriber",
    path: "/subscribers/:id/checkpoint",
    zh: "订阅者声明：此事件及之前的都已读完",
    en: "The subscriber's word that every event up to this one has been read",
    params: one,
    body: closed({
      ...deed,
      eventId: maybe(text(200)),
      seq: maybe(Type.String({ pattern: "^\\d{1,18}$", description: "number of the event / 事件序号" })),
    }),
    answer: Done,
    handle: async (operations, { params, body }) => {
      const what = given(body, "eventId", "seq");
      if ((what.eventId === undefined) === (what.seq === undefined))
        return problem("eventId", "eventId 与 seq 须给且只给一个", "give eventId or seq, one of them");
      return operations.subscribers.checkpoint(params.id ?? "", what, given(body, "by", "reason"));
    },
  },
  {
    id: "removeSubscriber",
    method: "POST",
    right: "subscriber",
    path: "/subscribers/:id/remove",
    zh: "撤销订阅；队列留给其主人删除",
    en: "Remove a subscriber; its queue stays until somebody deletes it",
    params: one,
    body: closed(deed),
    answer: Done,
    handle: (operations, { params, body }) => operations.subscribers.remove(params.id ?? "", given(body, "by", "reason")),
  },
];
