/** Looking closely at one message, and taking a list away: two legs, trace, bytes, export. The same rules as views.ts: China time, absent when not known. */
import { type Static, type TProperties, Type } from "typebox";
import { PARTNER_LEGS, SENDER_LEGS } from "./legs.ts";

const closed = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) });
const text = Type.String();
const whole = Type.Integer({ minimum: 0 });
const maybe = Type.Optional;
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const oneOf = <const T extends readonly string[]>(values: T, description?: string) =>
  Type.Unsafe<T[number]>({ type: "string", enum: [...values], ...(description === undefined ? {} : { description }) });

export const Legs = closed(
  {
    sender: oneOf(SENDER_LEGS, "what the sender was told / 对发送方的答复"),
    partner: oneOf(PARTNER_LEGS, "the gravest of its write-backs / 回写的总体状态"),
    owed: whole,
    acknowledged: whole,
    waiting: whole,
    parked: whole,
    resolved: whole,
  },
  "two legs, shown apart: sender answered, partners acknowledged / 两段：是否答复发送方、对方是否确认",
);

const PARTY_KINDS = ["sender", "door", "flow", "events", "subscriber", "destination", "person"] as const;
const HOP_KINDS = [
  "received",
  "answered",
  "translated",
  "parked",
  "duplicate",
  "state",
  "event",
  "handed",
  "owed",
  "attempt",
  "inquiry",
  "acknowledgement",
  "closed",
  "copy",
  "deed",
] as const;
/** Which payload a hop carries: of the message, of an event, of a write-back, of an attempt. */
const PAYLOADS = ["raw", "reply", "event", "body", "attempt-reply"] as const;

const Party = closed({ id: text, kind: oneOf(PARTY_KINDS), name: text });
const Payload = closed({
  of: oneOf(PAYLOADS),
  eventId: maybe(text),
  writeBackId: maybe(text),
  attempt: maybe(whole),
});
export const Hop = closed({
  n: Type.Integer({ minimum: 1 }),
  kind: oneOf(HOP_KINDS),
  at: maybe(at),
  ms: maybe(Type.Number({ minimum: 0, description: "how long it took / 用时（毫秒）" })),
  from: Type.String({ description: "party / 参与方" }),
  to: Type.String({ description: "party / 参与方" }),
  state: oneOf(["good", "bad", "open", "info"]),
  what: maybe(Type.String({ description: "event type, kind of write-back, outcome, state, deed / 事件类型、回写种类、结果等" })),
  facts: Type.Record(text, text),
  why: maybe(closed({ zh: text, en: text, code: maybe(text) })),
  eventId: maybe(text),
  writeBackId: maybe(text),
  messageId: maybe(Type.String({ description: "another message it leads to / 相关报文" })),
  payloads: Type.Array(Payload),
});
export const Trace = closed({
  messageId: text,
  partner: text,
  legs: Legs,
  parties: Type.Array(Party, { description: "from left to right / 自左至右" }),
  hops: Type.Array(Hop, { description: "oldest first / 先旧后新" }),
  cut: Type.Boolean({ description: "more happened than is listed / 未列全" }),
  replays: Type.Array(closed({ job: text, target: text, state: text }), { description: "replay jobs that touched it / 相关重放任务" }),
});

export const RawView = closed({
  messageId: text,
  part: oneOf(["request", "reply"]),
  bytes: Type.Integer({ minimum: 0, description: "of the whole part / 全长" }),
  from: Type.Integer({ minimum: 0, description: "never inside a character / 起点，总在字符边界" }),
  length: whole,
  hex: maybe(
    Type.String({
      description:
        "two digits a byte, ** for a hidden one; absent: bytes of no charset cannot be masked / 每字节两位，** 为脱敏；无法解码的字节未脱敏不提供",
    }),
  ),
  charset: maybe(text),
  text: maybe(text),
  widths: maybe(Type.String({ description: "bytes of each character of text, one digit each / 每个字符所占字节数" })),
  masked: Type.Boolean(),
});

export const Export = closed({
  name: text,
  rows: whole,
  cut: Type.Boolean({ description: "more match than an export takes / 超过上限" }),
  csv: Type.String({ description: "RFC 4180, UTF-8 with a mark, formula cells neutralised, masked / 已防公式、已脱敏" }),
  auditId: text,
});

export type Legs = Static<typeof Legs>;
export type Party = Static<typeof Party>;
export type Hop = Static<typeof Hop>;
export type Payload = Static<typeof Payload>;
export type Trace = Static<typeof Trace>;
export type RawView = Static<typeof RawView>;
export type Export = Static<typeof Export>;
