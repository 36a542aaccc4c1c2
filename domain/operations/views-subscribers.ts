/** Subscribers as operators see them, and the refusals of what people do with them. */
import { type Static, Type } from "typebox";
import type { Answered, OperationRefusalText } from "./refusals.ts";
import type { Deed } from "./ports.ts";
import type { Done } from "./views.ts";

const closed = <P extends import("typebox").TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const text = Type.String();
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const number = Type.String({ pattern: "^\\d{1,19}$", description: "number of an event in the order of storing / 事件序号" });
const maybe = Type.Optional;

export const SubscriberView = closed({
  name: text,
  queue: text,
  patterns: Type.Array(text),
  source: Type.String({ description: "profile, api, outsider" }),
  checkpoint: number,
  checkpointAt: at,
  owed: maybe(
    closed({ from: number, to: maybe(number), why: Type.String({ description: "wiped, queue-missing, stalled, asked" }), since: at }),
  ),
  stalled: maybe(closed({ since: at, why: text })),
  republished: number,
});
export const SubscriberList = closed({
  items: Type.Array(SubscriberView),
  /** Where events stand now. */
  reached: number,
  wipes: Type.Integer({ minimum: 0, description: "how often the broker was found wiped / 消息代理被清空的次数" }),
  wipedAt: maybe(at),
});
export type SubscriberView = Static<typeof SubscriberView>;
export type SubscriberList = Static<typeof SubscriberList>;

/** What people do about subscribers; each deed is audited. */
export interface SubscriberDeeds {
  list(): Promise<Answered<SubscriberList>>;
  /** Registers a subscriber, or changes its patterns. The engine declares `huiliu.events.<name>` within seconds, or once the broker is back. */
  register(given: { readonly name: string; readonly events: readonly string[] }, deed: Deed): Promise<Answered<Done>>;
  /** Nothing is owed to it any more. Its queue stays on the broker until somebody deletes it. */
  remove(name: string, deed: Deed): Promise<Answered<Done>>;
  /** Its word that every event up to this one has been read. */
  checkpoint(name: string, given: { readonly eventId?: string; readonly seq?: string }, deed: Deed): Promise<Answered<Done>>;
  /** Publishes events since a moment again: to a subscriber, or to a queue of somebody else's. */
  republish(
    given: { readonly subscriber?: string; readonly queue?: string; readonly sinceMs: number },
    deed: Deed,
  ): Promise<Answered<Done>>;
}

export type SubscriberRefusal = "UNKNOWN_SUBSCRIBER" | "SUBSCRIBER_OF_A_PROFILE" | "SUBSCRIBER_NAME" | "UNKNOWN_EVENT" | "QUEUE_IS_OURS";

export const SUBSCRIBER_REFUSAL: Readonly<Record<SubscriberRefusal, OperationRefusalText>> = {
  UNKNOWN_SUBSCRIBER: {
    http: 404,
    zh: "没有这个订阅者",
    en: "There is no such subscriber",
    next: { zh: "npx huiliu subscribers 查看", en: "See npx huiliu subscribers" },
  },
  SUBSCRIBER_OF_A_PROFILE: {
    http: 409,
    zh: "该订阅写在伙伴档案里",
    en: "This subscription stands in the partner's profile",
    next: { zh: "修改 partners/<伙伴>.json 的 subscription 后重启", en: "Change subscription in partners/<partner>.json and restart" },
  },
  SUBSCRIBER_NAME: {
    http: 422,
    zh: "此名称为引擎自用",
    en: "This name is the engine's own",
    next: { zh: "换一个名称", en: "Choose another name" },
  },
  UNKNOWN_EVENT: {
    http: 404,
    zh: "检查点之后没有这个事件",
    en: "No event of this id was stored since the checkpoint",
    next: { zh: "检查编号，或给出序号 seq", en: "Check the id, or give its number (seq)" },
  },
  QUEUE_IS_OURS: {
    http: 422,
    zh: "该队列属于引擎",
    en: "This queue belongs to the engine",
    next: { zh: "订阅者请用 subscriber 参数", en: "For a subscriber give its name instead of a queue" },
  },
};
