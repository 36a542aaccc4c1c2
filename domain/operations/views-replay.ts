/** Replay jobs, failure groups and edited copies as operators see them; the same rules as views.ts: amounts in fen as text, China time, absent when not known. */
import { type Static, type TProperties, type TSchema, Type } from "typebox";
import { REPLAY_ITEM_STATES, REPLAY_STATES } from "../replay/job.ts";

const closed = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) });
const text = Type.String();
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const fen = Type.String({ pattern: "^(?:0|-?[1-9][0-9]*)$", description: "amount in fen / 金额（分）" });
const whole = Type.Integer({ minimum: 0 });
const maybe = Type.Optional;
const oneOf = (values: readonly string[]) => Type.Unsafe<string>({ type: "string", enum: [...values] });
const pageOf = <S extends TSchema>(items: S) => closed({ items: Type.Array(items), after: maybe(text) });
const Of = oneOf(["write-backs", "messages"]);
const ByCode = Type.Array(closed({ code: text, zh: text, en: text, next: closed({ zh: text, en: text }), count: whole }));

export const ReplayItem = closed({
  n: text,
  target: Type.String({ description: "write-back or message / 回写或报文编号" }),
  state: oneOf(REPLAY_ITEM_STATES),
  how: maybe(oneOf(["ask", "send", "feed"])),
  code: maybe(Type.String({ description: "why it was skipped, refused or has failed / 原因代码" })),
  lane: maybe(text),
  amount: maybe(fen),
  superseded: Type.Boolean(),
  canary: Type.Boolean(),
  at,
  auditId: maybe(text),
});

export const ReplayJob = closed({
  id: text,
  of: Of,
  state: oneOf(REPLAY_STATES),
  selection: Type.Unknown({ description: "what was asked for / 选取条件" }),
  requestedBy: text,
  reason: text,
  confirmedChecked: Type.Boolean(),
  includeSuperseded: Type.Boolean(),
  ratePerSecond: whole,
  createdAt: at,
  hash: Type.String({ description: "of the frozen items; an approval names it / 选取内容的哈希" }),
  preview: closed({
    complete: Type.Boolean({ description: "false while it is still selecting / 是否已选完" }),
    matched: Type.Integer({ minimum: 0, description: "all that match, closed ones among them / 命中" }),
    more: Type.Boolean({ description: "more match than a job takes / 超过上限" }),
    planned: Type.Integer({ minimum: 0, description: "would be done again / 将重放" }),
    closed: Type.Integer({ minimum: 0, description: "acknowledged or closed, therefore skipped / 已确认或了结，跳过" }),
    closedAtLeast: Type.Boolean(),
    superseded: Type.Integer({ minimum: 0, description: "overtaken by a later fact / 已被取代" }),
    supersededPlanned: whole,
    refused: ByCode,
    how: closed({
      ask: Type.Integer({ minimum: 0, description: "asked first / 先查询" }),
      send: Type.Integer({ minimum: 0, description: "sent under the same key / 以同一键发送" }),
      feed: Type.Integer({ minimum: 0, description: "fed to its flow again / 重新进入流程" }),
    }),
    lanes: maybe(whole),
    fen,
    withoutAmount: whole,
    examples: maybe(Type.Array(ReplayItem)),
  }),
  approval: closed({
    needed: Type.Array(oneOf(["count", "amount", "superseded"])),
    by: maybe(text),
    reason: maybe(text),
    at: maybe(at),
  }),
  progress: maybe(
    closed({
      planned: whole,
      skipped: whole,
      refused: whole,
      marked: whole,
      replayed: whole,
      done: whole,
      failed: whole,
      cancelled: whole,
    }),
  ),
  failures: maybe(Type.Array(closed({ code: text, count: whole }))),
  canaryAcceptedBy: maybe(text),
  startedAt: maybe(at),
  endedAt: maybe(at),
  endedBy: maybe(text),
  endedWhy: maybe(text),
  allowed: Type.Array(text),
});
export const ReplayJobPage = pageOf(ReplayJob);
export const ReplayItemPage = pageOf(ReplayItem);

const Words = closed({ zh: text, en: text });

export const ReplayTerms = closed({
  editAndReplay: Type.Boolean({ description: "edited copies are switched on / 是否启用修改后重放" }),
  approval: closed({
    count: Type.Integer({ minimum: 0, description: "more items need a second person / 超过此笔数须复核" }),
    fen: Type.String({ pattern: "^[0-9]+$", description: "more money needs a second person / 超过此金额须复核（分）" }),
  }),
  canary: Type.Integer({ minimum: 1, description: "items that go first and are awaited / 试跑笔数" }),
  ratePerSecond: closed({ default: whole, max: whole }),
  idsMax: whole,
});
export type ReplayTerms = Static<typeof ReplayTerms>;

/** What waits for a second person. */
export const WaitingApproval = closed({
  kind: oneOf(["replay", "edit"]),
  id: text,
  requestedBy: text,
  reason: text,
  at,
  hash: Type.String({ description: "an approval names it / 内容哈希" }),
  of: maybe(Of),
  planned: maybe(whole),
  fen: maybe(fen),
  needed: maybe(Type.Array(oneOf(["count", "amount", "superseded"]))),
  writeBackId: maybe(text),
});
export const WaitingApprovals = closed({ items: Type.Array(WaitingApproval) });
export type WaitingApproval = Static<typeof WaitingApproval>;

export const FailureGroup = closed({
  id: text,
  of: Of,
  partner: Type.String({ description: "destination of write-backs, sender of messages / 目的地或发送方" }),
  kind: maybe(text),
  code: text,
  reason: Type.String({ description: "without what differs from case to case / 归一化原因" }),
  open: Type.Integer({ minimum: 0, description: "in it now and not closed / 未了结" }),
  parked: Type.Integer({
    minimum: 0,
    description: "of them, those that wait for a person; the engine tries the others again / 其中待人工处理",
  }),
  unclear: Type.Integer({ minimum: 0, description: "of the parked ones, those that may have taken effect / 其中可能已生效" }),
  fen: maybe(fen),
  meaning: maybe(Words),
  next: maybe(Words),
  items: Type.Integer({ minimum: 0, description: "that ever entered it / 累计" }),
  failures: Type.Integer({ minimum: 0, description: "attempts or parkings / 失败次数" }),
  firstAt: at,
  lastAt: at,
  example: closed({ id: text, text }),
  owner: maybe(text),
  note: maybe(text),
  snoozedUntil: maybe(at),
  snoozed: Type.Boolean(),
  changedBy: maybe(text),
  changedAt: maybe(at),
});
export const FailureGroupPage = pageOf(FailureGroup);

export const Edit = closed({
  id: text,
  writeBackId: text,
  editNo: whole,
  state: oneOf(["proposed", "applied", "withdrawn"]),
  hash: Type.String({ description: "an approval names it / 内容哈希" }),
  proposedBy: text,
  reason: text,
  proposedAt: at,
  confirmedChecked: Type.Boolean(),
  decidedBy: maybe(text),
  decisionReason: maybe(text),
  decidedAt: maybe(at),
  copyId: maybe(text),
  diff: maybe(Type.Array(closed({ op: oneOf(["same", "removed", "added"]), text }), { description: "masked / 已脱敏" })),
});
export const EditList = closed({ items: Type.Array(Edit) });

export type ReplayItem = Static<typeof ReplayItem>;
export type ReplayJob = Static<typeof ReplayJob>;
export type FailureGroup = Static<typeof FailureGroup>;
export type Edit = Static<typeof Edit>;
