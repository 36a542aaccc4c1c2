/**
 * What operators see, as schemas: the API answers with these, OpenAPI publishes them, a contract test holds every answer against them.
 * Amounts are decimal strings of fen, times are China time with milliseconds, numbers of rows are numbers, ids are strings; what is not known is absent.
 */
import { type Static, type TProperties, Type } from "typebox";
import { DATE_PATTERN } from "../time.ts";
import { GateView } from "./views-gates.ts";
import { AcknowledgementView } from "./views-acknowledgements.ts";
import { Legs } from "./views-inspect.ts";

const closed = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) });
const id = Type.String({ description: "UUID v7; its first 48 bits are the time / 编号" });
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const day = Type.String({ pattern: DATE_PATTERN });
const fen = Type.String({ pattern: "^(?:0|-?[1-9][0-9]*)$", description: "amount in fen / 金额（分）" });
const text = Type.String();
const whole = Type.Integer({ minimum: 0 });
const maybe = Type.Optional;
const base64 = Type.String({ contentEncoding: "base64" });
const anyObject = Type.Record(Type.String(), Type.Unknown());

/** A list and the cursor of what follows; without `after` this was the last page. */
const pageOf = <S extends import("typebox").TSchema>(items: S) => closed({ items: Type.Array(items), after: maybe(text) });

const WhyCode = Type.String({ description: "docs/outcomes.md has every one; absent in rows of before the list / 原因代码" });

export const Key = closed({ kind: text, value: text });
const Words = closed({ zh: text, en: text });
const Park = Type.Object(
  {
    code: text,
    zh: text,
    en: text,
    place: maybe(text),
    node: maybe(Type.Object({ id: text, type: text, name: maybe(text), flow: maybe(text) })),
    problems: maybe(Type.Array(Type.Object({ code: text, at: text, place: text, zh: text, en: text }))),
    next: maybe(Words),
  },
  { description: "why a person must look / 停放原因" },
);

export const MessageRow = closed({
  id,
  seq: text,
  partner: text,
  kind: text,
  door: text,
  state: text,
  stateAt: at,
  receivedAt: at,
  identity: maybe(text),
  exchangeId: maybe(text),
  bytes: maybe(whole),
  run: whole,
  replayed: Type.Boolean(),
  flow: maybe(text),
  mapping: maybe(Type.String({ description: "what translated it, with its version / 翻译所用映射及版本" })),
  duplicateOf: maybe(id),
  parked: maybe(Park),
  legs: maybe(Legs),
});

const Bytes = closed({
  base64: maybe(Type.String({ ...base64, description: "absent unless unmasked: bytes cannot be masked / 未解除脱敏时不提供" })),
  bytes: whole,
  text: maybe(Type.String({ description: "decoded, masked unless unmasked, at most 64 KiB / 解码文本" })),
  charset: maybe(text),
  cut: Type.Boolean({ description: "the text was cut / 文本被截断" }),
});

export const EventRow = closed({
  id: text,
  messageId: id,
  seq: text,
  type: text,
  partner: text,
  subject: maybe(text),
  businessDate: maybe(day),
  time: maybe(at),
  storedAt: at,
  published: Type.Boolean(),
  event: anyObject,
});

const Advice = closed({ code: text, zh: text, en: text, advice: maybe(Words) });
const Receipt = Type.Object({ code: text, text: maybe(text), partnerNo: maybe(text), amountFen: maybe(fen), serial: maybe(text) });

export const WriteBackRow = closed({
  id,
  key: text,
  messageId: id,
  destination: text,
  kind: text,
  lane: text,
  laneSeq: maybe(text),
  state: text,
  action: text,
  amount: maybe(fen),
  serial: maybe(text),
  businessDate: day,
  attempts: whole,
  owedAt: at,
  nextAt: maybe(at),
  firstSentAt: maybe(at),
  closedAt: maybe(at),
  lastOutcome: maybe(text),
  lastCode: maybe(text),
  lastText: maybe(text),
  lastWhy: maybe(text),
  lastWhyZh: maybe(text),
  lastWhyCode: maybe(WhyCode),
  lastAt: maybe(at),
  mayHaveTakenEffect: Type.Boolean({ description: "the partner may have done it / 对方可能已处理" }),
  how: maybe(text),
  receipt: maybe(Receipt),
  parked: maybe(Advice),
  replays: whole,
  resolution: maybe(text),
  resolvedBy: maybe(text),
  resolutionReason: maybe(text),
  hisReceiptNo: maybe(text),
  supersededBy: maybe(Type.String({ description: "the event that overtook it; what cancels out shares it / 取代它的事件" })),
  passed: maybe(Type.Boolean({ description: "parked, and its lane goes on past it / 已停放而队列已越过" })),
  failureGroup: maybe(Type.String({ description: "group of its last failure / 最近失败所属分组" })),
  replayOf: maybe(Type.String({ description: "it is an edited copy of this one / 由此笔修改而来" })),
  replacedBy: maybe(Type.String({ description: "an edited copy took its place / 已由修改稿取代" })),
});

export const Attempt = closed({
  n: whole,
  action: text,
  startedAt: at,
  endedAt: maybe(at),
  worker: whole,
  outcome: maybe(text),
  step: maybe(text),
  status: maybe(Type.Integer()),
  code: maybe(text),
  text: maybe(text),
  why: maybe(text),
  whyZh: maybe(text),
  whyCode: maybe(WhyCode),
  reply: maybe(Bytes),
});

const Difference = closed({
  at,
  writeBackId: id,
  key: maybe(text),
  changed: Type.Array(text, {
    description: "fields in which the write-back would now differ; it is not sent again / 与已有回写不同的字段",
  }),
});

export const AuditRow = closed({
  id: text,
  at,
  who: text,
  action: text,
  targetKind: text,
  targetId: text,
  reason: text,
  approvedBy: maybe(text),
  before: maybe(Type.Unknown()),
  after: maybe(Type.Unknown()),
});

export const WriteBackDetail = closed({
  writeBack: WriteBackRow,
  mapping: text,
  flow: text,
  node: text,
  cause: closed({ eventId: text, type: text }),
  contentType: text,
  bill: maybe(text),
  body: maybe(Bytes),
  gone: maybe(Type.Array(text, { description: "content past its retention: bodies, attempts / 已过保留期的内容" })),
  attempts: Type.Array(Attempt),
  acknowledgements: Type.Array(AcknowledgementView, { description: "that came on their own way / 另行到达的确认" }),
  behind: Type.Integer({ minimum: 0, description: "queued behind it in its lane / 其后排队数" }),
  allowed: closed({
    replay: Type.Union([Type.Literal("ask"), Type.Literal("send"), Type.Literal("no")]),
    resolve: Type.Boolean(),
    cancel: Type.Boolean(),
  }),
  actions: Type.Array(AuditRow),
});

export const EventDelivery = closed({ subscriber: text, eventId: text, state: text, owedAt: at, run: whole, parked: maybe(Park) });

export const MessageDetail = closed({
  message: MessageRow,
  contentType: maybe(text),
  charset: maybe(text),
  headers: Type.Record(Type.String(), Type.String()),
  raw: maybe(Bytes),
  reply: maybe(Bytes),
  returnValue: maybe(text),
  traceparent: maybe(text),
  history: Type.Array(closed({ at, state: text, by: text, note: maybe(text) })),
  keys: Type.Array(Key),
  events: Type.Array(EventRow),
  eventDeliveries: Type.Array(EventDelivery),
  writeBacks: Type.Array(closed({ writeBack: WriteBackRow, attempts: Type.Array(Attempt) })),
  differences: Type.Array(Difference),
  actions: Type.Array(AuditRow),
  masked: Type.Boolean(),
});

export const Preview = closed({
  messageId: id,
  mapping: maybe(text),
  events: Type.Array(closed({ id: text, type: text, stored: Type.Boolean(), changed: Type.Array(text), event: anyObject })),
  /** Stored events of the message that the present mapping would no longer make. */
  gone: Type.Array(closed({ id: text, type: text })),
  problems: Type.Array(Type.Object({ code: text, at: text, place: text, zh: text, en: text })),
});

const Sum = closed({ count: whole, fen });
const TotalsDifference = closed({ code: text, zh: text, en: text, count: whole, fen: maybe(fen) });
export const TotalsRow = closed({
  partner: text,
  kind: text,
  direction: Type.Literal("outbound"),
  owed: Sum,
  acknowledged: Sum,
  waiting: closed({ count: whole, fen, states: Type.Record(Type.String(), Sum) }),
  parked: Sum,
  resolved: Sum,
  superseded: closed(
    { count: whole, fen },
    "of those resolved: overtaken by a refund or a reversal before they were ever sent, or by an edited copy / 其中被取代的",
  ),
  withoutAmount: Type.Integer({ minimum: 0, description: "write-backs that carry no amount / 无金额笔数" }),
  balanced: Type.Boolean(),
  differences: Type.Array(TotalsDifference),
});
export const InboundTotalsRow = closed({
  partner: text,
  kind: text,
  direction: Type.Literal("inbound"),
  received: whole,
  settled: whole,
  duplicate: whole,
  waiting: whole,
  parked: whole,
  resolved: whole,
  balanced: Type.Boolean(),
  differences: Type.Array(TotalsDifference),
});
export const Totals = closed({
  businessDate: day,
  balanced: Type.Boolean(),
  rows: Type.Array(Type.Union([TotalsRow, InboundTotalsRow])),
  undecided: closed(
    { messages: whole, eventDeliveries: whole },
    "open work whose write-backs are not known yet: totals may still grow / 尚未处理完的报文与事件",
  ),
});

export const DestinationView = closed({
  destination: text,
  known: Type.Boolean({ description: "a partner profile with this destination is loaded / 有可用档案" }),
  paused: Type.Boolean(),
  backlog: closed({ held: whole, queued: whole, waiting: whole, sending: whole, deferred: whole, parked: whole }),
  fen,
  unclear: Type.Integer({ minimum: 0, description: "of the backlog: the last attempt may have taken effect / 结果不明" }),
  blockedLanes: Type.Integer({ minimum: 0, description: "lanes whose parked head holds them / 被阻塞的队列" }),
  oldestOwedAt: maybe(at),
  oldestAgeSeconds: maybe(whole),
  onWire: maybe(whole),
  gate: maybe(GateView),
  lastFailure: maybe(
    closed({ at, writeBackId: id, outcome: text, code: maybe(text), why: maybe(text), whyZh: maybe(text), whyCode: maybe(WhyCode) }),
  ),
});

export const PartnerView = closed({
  partner: text,
  vendor: text,
  name: Words,
  inbound: maybe(anyObject),
  destination: maybe(anyObject),
  paused: Type.Boolean(),
  problems: Type.Array(closed({ at: text, zh: text, en: text })),
});

const Up = closed({ up: Type.Boolean(), why: maybe(text) });
export const Status = closed({
  at,
  messages: closed({
    received: whole,
    awaitingPart: whole,
    parked: whole,
    oldestReceivedAgeSeconds: maybe(whole),
    storedEstimate: Type.Integer({ minimum: 0, description: "all messages ever, from the planner's statistics / 存量估计" }),
  }),
  writeBacks: closed({
    held: whole,
    queued: whole,
    waiting: whole,
    sending: whole,
    deferred: whole,
    parked: whole,
    oldestAgeSeconds: maybe(whole),
  }),
  eventDeliveries: closed({ received: whole, parked: whole }),
  outbox: whole,
  services: closed({ postgres: Up, broker: Up, redis: Up }),
  deliveries: closed({ live: whole, queued: whole, waitingTurn: whole }),
  workers: Type.Array(closed({ id: whole, name: text, startedAt: at, seenAt: at, alive: Type.Boolean(), feeder: Type.Boolean() })),
  paused: Type.Array(text),
  refusedFlows: Type.Array(closed({ flow: text, code: text, zh: text, en: text, next: closed({ zh: text, en: text }) }), {
    description: "flows that this worker did not load, each with its reason / 未加载的流程及原因",
  }),
});

export const Done = closed({ id, kind: text, state: text, action: maybe(text), auditId: text });

export const GoneRow = closed({ id, partner: text, receivedOn: day, identity: maybe(text), keys: Type.Array(Key) });
export const MessagePage = closed({
  items: Type.Array(MessageRow),
  after: maybe(text),
  searchedTo: maybe(
    Type.String({ description: "the time limit was reached here; go on with after / 超过时限，已查到此时刻，可用 after 继续" }),
  ),
  pastRetention: maybe(
    Type.Array(GoneRow, { description: "found by key, but their content is past retention and was dropped / 内容已过保留期" }),
  ),
  unknown: maybe(
    Type.Array(text, {
      description: "those of the keys asked for that no message bears, on the first page / 没有任何报文的号码（仅首页）",
    }),
  ),
});
export const EventPage = pageOf(EventRow);
export const WriteBackPage = pageOf(WriteBackRow);
export const AuditPage = pageOf(AuditRow);
export const DestinationList = closed({ items: Type.Array(DestinationView) });
export const PartnerList = closed({ items: Type.Array(PartnerView) });
export const EventDeliveryList = closed({ items: Type.Array(closed({ ...EventDelivery.properties, messageId: id })) });

export type Key = Static<typeof Key>;
export type Bytes = Static<typeof Bytes>;
export type MessageRow = Static<typeof MessageRow>;
export type GoneRow = Static<typeof GoneRow>;
export type MessagePage = Static<typeof MessagePage>;
export type EventRow = Static<typeof EventRow>;
export type WriteBackRow = Static<typeof WriteBackRow>;
export type Attempt = Static<typeof Attempt>;
export type AuditRow = Static<typeof AuditRow>;
export type WriteBackDetail = Static<typeof WriteBackDetail>;
export type EventDelivery = Static<typeof EventDelivery>;
export type EventDeliveryList = Static<typeof EventDeliveryList>;
export type MessageDetail = Static<typeof MessageDetail>;
export type Difference = Static<typeof Difference>;
export type Preview = Static<typeof Preview>;
export type TotalsRow = Static<typeof TotalsRow>;
export type InboundTotalsRow = Static<typeof InboundTotalsRow>;
export type Totals = Static<typeof Totals>;
export type DestinationView = Static<typeof DestinationView>;
export type PartnerView = Static<typeof PartnerView>;
export type Status = Static<typeof Status>;
export type Up = Static<typeof Up>;
export type Done = Static<typeof Done>;
export interface Page<T> {
  items: T[];
  after?: string;
}
