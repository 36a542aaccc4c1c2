/**
 * The mapping document: what an integrator writes. TypeBox is the source; `docs/schemas/mapping.json` is generated from here, and every document names it
 * in `$schema`, so that editors complete and explain. docs/mapping.md tells the same as a story.
 */
import Type, { type Static } from "typebox";
import { Codec, type Layout, LayoutDef, type LayoutField, LayoutFieldDef } from "./codec-document.ts";
import {
  Because,
  BothLanguages,
  closed,
  type Condition,
  ConditionDef,
  ConditionRef,
  OneOrMore,
  Ref,
  says,
  Target,
} from "./document-pieces.ts";

const KINDS = ["text", "yuan", "fen", "integer", "price", "quantity", "date-time", "date", "code", "masked", "json"] as const;
export type Kind = (typeof KINDS)[number];
const KindOf = Type.Unsafe<Kind>({ type: "string", enum: [...KINDS], ...says("值的类型", "the kind of the value") });

/** How one field of an event comes about. Exactly one source: from, value, constant, sum, each, list, copy, businessDateOf, template, differs, received, checksum, count, earliest, latest. */
export interface Rule {
  readonly to: string;
  readonly from?: string | readonly string[];
  readonly join?: string;
  /** A pattern for the whole text with one group; the group is the value. */
  readonly pick?: string;
  readonly value?: string | number | boolean;
  readonly constant?: string;
  readonly sum?: readonly string[];
  readonly less?: readonly string[];
  readonly skipAbsent?: boolean;
  readonly each?: string;
  readonly fields?: readonly Rule[];
  readonly list?: readonly { readonly when?: Condition; readonly fields: readonly Rule[] }[];
  readonly copy?: string;
  readonly businessDateOf?: string;
  /** Text with `{target}` for values set earlier. */
  readonly template?: string;
  /** True when two earlier targets differ. */
  readonly differs?: readonly [string, string];
  /** The time we received the message: for partners whose message tells none. */
  readonly received?: true;
  /** Rows that a sum or count takes. */
  readonly only?: Condition;
  readonly checksum?: true;
  readonly count?: string;
  readonly earliest?: string;
  readonly latest?: string;
  readonly as?: Kind;
  readonly format?: string;
  readonly table?: string;
  readonly max?: number;
  readonly min?: number;
  readonly signed?: boolean;
  readonly keep?: readonly [number, number];
  readonly optional?: boolean;
  readonly when?: Condition;
}
const RuleRef = Type.Unsafe<Rule>({ $ref: "#/$defs/rule" });
const RuleDef = Type.Object(
  {
    to: Target,
    from: Type.Optional(
      Type.Union([Ref, Type.Array(Ref, { minItems: 2, maxItems: 10 })], says("来源；多个则拼接", "the source; several are joined")),
    ),
    join: Type.Optional(Type.String({ maxLength: 10, ...says("拼接时的间隔", "what stands between joined values") })),
    pick: Type.Optional(
      Type.String({
        maxLength: 200,
        ...says("从文本中取一段：整体匹配，取唯一一组", "a pattern for the whole text with one group, which is the value"),
      }),
    ),
    value: Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Boolean()], says("固定值", "a fixed value"))),
    constant: Type.Optional(Type.String({ ...says("伙伴档案中的常量名", "a named constant of the partner's profile") })),
    sum: Type.Optional(Type.Array(Ref, { minItems: 1, maxItems: 50, ...says("求和", "amounts to add") })),
    less: Type.Optional(Type.Array(Ref, { minItems: 1, maxItems: 50, ...says("再减去", "amounts to subtract from the sum") })),
    skipAbsent: Type.Optional(Type.Boolean(says("缺的不计入", "absent amounts do not count"))),
    each: Type.Optional(Ref),
    fields: Type.Optional(Type.Array(RuleRef, { minItems: 1, maxItems: 100 })),
    list: Type.Optional(
      Type.Array(Type.Object({ when: Type.Optional(ConditionRef), fields: Type.Array(RuleRef, { minItems: 1, maxItems: 50 }) }, closed), {
        minItems: 1,
        maxItems: 50,
        ...says("固定的若干条", "a fixed list of entries"),
      }),
    ),
    copy: Type.Optional(Target),
    businessDateOf: Type.Optional(Target),
    template: Type.Optional(
      Type.String({ maxLength: 200, ...says("模板，{字段} 取前面已得的值", "text with {target} for values set earlier") }),
    ),
    differs: Type.Optional(
      Type.Unsafe<readonly [string, string]>({
        type: "array",
        items: { type: "string" },
        minItems: 2,
        maxItems: 2,
        ...says("两个字段是否不同", "whether two earlier fields differ"),
      }),
    ),
    received: Type.Optional(Type.Literal(true, says("报文不带时间时，用接收时间", "our time of receipt, when the message tells none"))),
    only: Type.Optional(ConditionRef),
    checksum: Type.Optional(Type.Literal(true, says("原文的 SHA-256", "SHA-256 of the raw bytes"))),
    count: Type.Optional(Ref),
    earliest: Type.Optional(Ref),
    latest: Type.Optional(Ref),
    as: Type.Optional(KindOf),
    format: Type.Optional(Type.String({ maxLength: 40, ...says("如 yyyyMMddHHmmss", "e.g. yyyyMMddHHmmss") })),
    table: Type.Optional(Type.String()),
    max: Type.Optional(Type.Integer({ minimum: 1, maximum: 262_144 })),
    min: Type.Optional(Type.Integer({ minimum: 1, maximum: 2000 })),
    signed: Type.Optional(Type.Boolean(says("允许负数", "may be below zero"))),
    keep: Type.Optional(
      Type.Unsafe<readonly [number, number]>({
        type: "array",
        items: { type: "integer", minimum: 0, maximum: 6 },
        minItems: 2,
        maxItems: 2,
      }),
    ),
    optional: Type.Optional(Type.Boolean(says("可缺", "may be absent"))),
    when: Type.Optional(ConditionRef),
  },
  { ...closed, ...says("事件字段的来历", "how one field of the event comes about") },
);

/** One side of an equality: a source field, a sum (rows of a group all count), or a number of rows. */
export type Operand = string | { readonly sum?: readonly string[]; readonly less?: readonly string[]; readonly count?: string };
const Operand = Type.Unsafe<Operand>({
  anyOf: [
    { type: "string" },
    Type.Object(
      {
        sum: Type.Optional(Type.Array(Ref, { minItems: 1 })),
        less: Type.Optional(Type.Array(Ref, { minItems: 1 })),
        count: Type.Optional(Ref),
      },
      closed,
    ),
  ],
});
const Check = Type.Object(
  {
    because: Because,
    when: Type.Optional(ConditionRef),
    must: Type.Optional(ConditionRef),
    left: Type.Optional(Operand),
    right: Type.Optional(Operand),
    as: Type.Optional(Type.Union([Type.Literal("yuan"), Type.Literal("fen"), Type.Literal("integer"), Type.Literal("text")])),
  },
  { ...closed, ...says("必须成立：must 一个条件，或 left = right", "what must hold: a condition, or left equals right") },
);
export type Check = Static<typeof Check>;

const EventSpec = Type.Object(
  {
    type: Type.String({ pattern: "^[a-z]+(?:\\.[a-z]+)+$", ...says("事件类型", "the event's type") }),
    each: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 300,
        ...says("重复节点：每行一个事件；每一行都须有事件接收", "a group: an event for every row; every row must be taken by some event"),
      }),
    ),
    when: Type.Optional(ConditionRef),
    fields: Type.Array(RuleRef, { minItems: 1, maxItems: 200 }),
    missing: Type.Optional(Type.Array(Type.String(), { ...says("对方报文说不出的字段", "fields that the partner's message cannot tell") })),
    subject: Type.Record(Type.String({ pattern: "^[a-z]+$" }), Ref, {
      ...says("通道键：前缀→事件字段，先有值者为准", "the lane key: prefix → field of the event; the first with a value"),
    }),
    businessIdentity: Type.Array(Ref, {
      minItems: 1,
      maxItems: 10,
      ...says("业务身份：同一事实的字段（事件字段或来源字段）", "what names the fact: fields of the event, or source fields"),
    }),
    notCompared: Type.Optional(
      Type.Array(Type.String({ pattern: "^[A-Za-z]+$" }), {
        maxItems: 40,
        ...says(
          "同一事实由另一报文说来时不比较的字段（首层）",
          "top-level fields that another message telling the same fact may tell otherwise; they make no conflict",
        ),
      }),
    ),
    rows: Type.Optional(
      Type.Object(
        { each: Ref, fields: Type.Array(RuleRef, { minItems: 1, maxItems: 100 }) },
        { ...closed, ...says("存入行库的明细（如对账单）", "rows for the row store, as of a statement") },
      ),
    ),
  },
  closed,
);
export type EventSpec = Static<typeof EventSpec>;

const Case = Type.Object(
  {
    name: Type.String({ pattern: "^[a-z][a-z0-9-]*$" }),
    when: Type.Optional(ConditionRef),
    checks: Type.Optional(Type.Array(Check)),
    refuse: Type.Optional(
      Type.Object(
        { because: BothLanguages, at: Type.Optional(Ref) },
        { ...closed, ...says("不产生事件，交人处理", "yields no event: a person must look") },
      ),
    ),
    nothing: Type.Optional(
      Type.Object(
        { because: BothLanguages },
        {
          ...closed,
          ...says(
            "已看懂，但没有支付事实：不产生事件，也不挂起",
            "understood, but no fact of money: no event comes of it, and nobody need look",
          ),
        },
      ),
    ),
    events: Type.Optional(Type.Array(EventSpec, { minItems: 1, maxItems: 10 })),
    without: Type.Optional(
      Type.Array(Type.Object({ each: Ref, when: Type.Optional(ConditionRef), because: Because }, closed), {
        minItems: 1,
        maxItems: 10,
        ...says("哪些行不产生事件，及理由", "rows that yield no event, with the reason"),
      }),
    ),
  },
  { ...closed, ...says("一种情形；按顺序取第一个成立的", "a case; the first that holds") },
);
export type Case = Static<typeof Case>;

const Tables = Type.Record(Type.String(), Type.Record(Type.String(), Type.Union([Type.String(), Type.Boolean()])), {
  ...says("代码对照表", "code tables"),
});
const Ignored = Type.Object(
  {
    from: OneOrMore,
    because: Because,
    zero: Type.Optional(Type.Boolean(says("只在为空或为零时忽略", "ignored only while empty or zero"))),
  },
  closed,
);

const Heading = {
  $schema: Type.Optional(Type.String()),
  version: Type.Integer({ minimum: 1, ...says("每次修改加一", "raise it with every change") }),
  title: BothLanguages,
  tables: Type.Optional(Tables),
};

export const InboundDocument = Type.Object(
  {
    ...Heading,
    direction: Type.Literal("inbound"),
    codec: Type.Optional(Codec),
    parts: Type.Optional(
      Type.Object(
        {
          request: Type.Object({ codec: Codec }, closed),
          reply: Type.Object({ codec: Codec }, closed),
          return: Type.Optional(Type.Object({ optional: Type.Optional(Type.Boolean()) }, closed)),
        },
        { ...closed, ...says("一次调用：入参、出参、返回值", "an exchange: request, reply, return value") },
      ),
    ),
    labels: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: 60 }), { ...says("节点的中文名", "the partner's words for elements") }),
    ),
    messageIdentity: Type.Array(Ref, {
      minItems: 1,
      maxItems: 10,
      ...says("发送方不给消息号时的身份；content 为全文", "identity when the sender gives none; `content` is the whole"),
    }),
    keys: Type.Array(Type.Object({ kind: Type.String({ pattern: "^[a-z]+$" }), from: Ref }, closed), {
      maxItems: 30,
      ...says("业务键", "business keys to index"),
    }),
    checks: Type.Optional(Type.Array(Check, { maxItems: 50 })),
    ignored: Type.Array(Ignored, { maxItems: 200 }),
    common: Type.Optional(Type.Array(RuleRef, { maxItems: 100 })),
    cases: Type.Array(Case, { minItems: 1, maxItems: 20 }),
    unfilled: Type.Optional(
      Type.Array(Type.Unknown(), { ...says("待填：移到 fields 或 ignored 后删除", "still to be mapped or ignored") }),
    ),
  },
  { ...closed, $defs: { condition: ConditionDef, layout: LayoutDef, layoutField: LayoutFieldDef, rule: RuleDef } },
);
export type InboundDocument = Static<typeof InboundDocument>;

export type { Condition, Layout, LayoutField };
export { BothLanguages, Codec, closed as CLOSED, ConditionDef, ConditionRef, Heading, KindOf, LayoutDef, LayoutFieldDef, says };
