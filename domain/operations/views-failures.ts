/** What is inside a failure group: its items and who is affected. The same rules as views.ts. */
import { type Static, type TProperties, Type } from "typebox";

const closed = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const text = Type.String();
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const fen = Type.String({ pattern: "^(?:0|-?[1-9][0-9]*)$", description: "amount in fen / 金额（分）" });
const whole = Type.Integer({ minimum: 0 });
const maybe = Type.Optional;
const Words = closed({ zh: text, en: text });

/** Items of a group that one look at who is affected goes through; more is "at least". */
export const AFFECTED_LOOKED_AT_MAX = 1_000;
/** Keys of each kind that are shown. */
export const AFFECTED_SHOWN_MAX = 20;

export const FailureItem = closed({
  id: Type.String({ description: "write-back or message / 回写或报文编号" }),
  messageId: text,
  kind: text,
  state: text,
  at,
  lane: maybe(text),
  amount: maybe(fen),
  attempts: maybe(whole),
  code: maybe(text),
  text: maybe(Type.String({ description: "the partner's words, masked / 对方原话（已脱敏）" })),
  parked: maybe(closed({ code: text, zh: text, en: text, next: maybe(Words) })),
  mayHaveTakenEffect: maybe(Type.Boolean({ description: "the partner may have done it / 对方可能已处理" })),
});
export const FailureItemPage = closed({ items: Type.Array(FailureItem), after: maybe(text) });

export const Affected = closed({
  open: whole,
  fen: maybe(fen),
  lookedAt: Type.Integer({ minimum: 0, description: "items that were looked at: more are open when it is the most / 已查看的项数" }),
  more: Type.Boolean({ description: "more are open than were looked at: counts are at least / 尚有未查看的" }),
  bills: closed({ count: whole, shown: Type.Array(text) }),
  patients: closed({ count: whole, shown: Type.Array(Type.String({ description: "masked / 已脱敏" })) }),
  lanes: closed({
    blocked: Type.Integer({ minimum: 0, description: "lanes that these block / 被阻塞的队列数" }),
    behind: Type.Integer({ minimum: 0, description: "write-backs queued behind them / 其后排队笔数" }),
    behindFen: fen,
  }),
});

export type FailureItem = Static<typeof FailureItem>;
export type Affected = Static<typeof Affected>;
