/**
 * The outbound half of the mapping document: how an event becomes the bytes of a write-back, and how the partner's reply is read (the ack contract, design.md decision 9).
 */
import Type, { type Static } from "typebox";
import {
  BothLanguages,
  CLOSED,
  Codec,
  type Condition,
  ConditionDef,
  ConditionRef,
  Heading,
  InboundDocument,
  type Kind,
  KindOf,
  LayoutDef,
  LayoutFieldDef,
  says,
} from "./document.ts";

/** How one place of the partner's message comes about. Exactly one source: from, sum, value, constant, key, order, sent, each. */
export interface OutboundRule {
  readonly to: string;
  readonly from?: string;
  readonly sum?: readonly string[];
  readonly value?: string;
  readonly constant?: string;
  readonly key?: true;
  /** Of the key: only so many of its first characters (MSH-10 of HL7 v2.5 holds 20). */
  readonly first?: number;
  readonly order?: string;
  /** Our own number of the call that sent the write-back (msgid, 发送方流水号). */
  readonly callNumber?: true;
  readonly sent?: string;
  readonly pick?: string;
  readonly as?: Kind;
  readonly format?: string;
  readonly table?: string;
  readonly max?: number;
  readonly number?: boolean;
  readonly optional?: boolean;
  readonly when?: Condition;
  readonly each?: string;
  readonly fields?: readonly OutboundRule[];
}
const RuleRef = Type.Unsafe<OutboundRule>({ $ref: "#/$defs/outboundRule" });
const OutboundRuleDef = Type.Object(
  {
    to: Type.String({
      minLength: 1,
      maxLength: 300,
      ...says("报文位置；不以 / 开头则相对 base", "the place in the message; relative to `base` without a leading /"),
    }),
    from: Type.Optional(Type.String({ ...says("事件字段，如 /data/total", "a field of the event, e.g. /data/total") })),
    sum: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 20 })),
    value: Type.Optional(Type.String({ ...says("固定文本", "a fixed text") })),
    constant: Type.Optional(Type.String()),
    key: Type.Optional(Type.Literal(true, says("回写键", "the write-back's key"))),
    first: Type.Optional(
      Type.Integer({ minimum: 16, maximum: 40, ...says("只取回写键的前若干位", "only so many of the key's first characters") }),
    ),
    order: Type.Optional(Type.String({ ...says("订单已知的事实，如 billTotal", "what the engine knows of the order, e.g. billTotal") })),
    callNumber: Type.Optional(
      Type.Literal(
        true,
        says("查询与冲正：原回写发送时的本方报文号", "inquiries and reversals: our number of the call that sent the write-back"),
      ),
    ),
    sent: Type.Optional(
      Type.String({
        pattern: "^/",
        ...says("查询：原回写报文里的位置", "inquiries: a place of the write-back that is asked about, as it was sent"),
      }),
    ),
    pick: Type.Optional(
      Type.String({
        maxLength: 200,
        ...says("整个值的正则式，取第一个组；配合 sent", "with `sent`: a pattern for the whole value; its group is taken"),
      }),
    ),
    as: Type.Optional(KindOf),
    format: Type.Optional(Type.String({ maxLength: 40 })),
    table: Type.Optional(Type.String()),
    max: Type.Optional(Type.Integer({ minimum: 1, maximum: 262_144 })),
    number: Type.Optional(Type.Boolean(says("JSON 中写成数字", "written as a JSON number"))),
    optional: Type.Optional(Type.Boolean()),
    when: Type.Optional(ConditionRef),
    each: Type.Optional(Type.String({ ...says("事件里的数组，逐条写出", "an array of the event, written entry by entry") })),
    fields: Type.Optional(Type.Array(RuleRef, { minItems: 1, maxItems: 100 })),
  },
  CLOSED,
);

const ReplyPlace = Type.String({ minLength: 1, maxLength: 300 });
const Codes = Type.Array(Type.String({ maxLength: 40, ...says("E* 表示以 E 开头", "E* means beginning with E") }), {
  minItems: 1,
  maxItems: 200,
});

const Exception = Type.Object(
  {
    when: ConditionRef,
    outcome: Type.Union([Type.Literal("not-found"), Type.Literal("rejected"), Type.Literal("busy"), Type.Literal("unclear")], {
      ...says("not-found 只用于查询；查询中的 unclear 交人处理", "not-found belongs to inquiries; of an inquiry, unclear is for a person"),
    }),
    because: BothLanguages,
  },
  CLOSED,
);

/** Where the acknowledgement lives in the reply and what its codes mean. What is not listed is unclear. */
export const AckContract = Type.Object(
  {
    code: Type.Array(ReplyPlace, { minItems: 1, maxItems: 4, ...says("结果代码的位置", "where the code lives; the first that has one") }),
    numeric: Type.Optional(
      Type.Boolean(
        says('代码按整数比较：0、"0"、"00" 都是零；不是整数即结果不明', "codes are compared as whole numbers; what is none is unclear"),
      ),
    ),
    exceptions: Type.Optional(
      Type.Array(Exception, {
        minItems: 1,
        maxItems: 20,
        ...says("先于代码判断的情形", "what a reply means before its code is looked at"),
      }),
    ),
    text: Type.Optional(Type.Array(ReplyPlace, { maxItems: 4 })),
    callNumber: Type.Optional(ReplyPlace),
    key: Type.Optional(ReplyPlace),
    keyFirst: Type.Optional(
      Type.Integer({
        minimum: 16,
        maximum: 40,
        ...says("应答只带回写键的前若干位", "the reply names only so many of the key's first characters"),
      }),
    ),
    byWire: Type.Optional(
      Type.String({
        minLength: 10,
        maxLength: 300,
        ...says(
          "应答自身不带本笔标识时：凭什么认定它答的是本笔",
          "where the reply names nothing of the request: what else tells that it answers this one",
        ),
      }),
    ),
    serial: Type.Optional(ReplyPlace),
    amount: Type.Optional(Type.Object({ at: ReplyPlace, as: Type.Union([Type.Literal("yuan"), Type.Literal("fen")]) }, CLOSED)),
    reference: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 300,
        ...says(
          "对方自己的受理号；其后的应答可只凭它对应",
          "the partner's own number of the work it took: a later acknowledgement may name only that",
        ),
      }),
    ),
    receiptNo: Type.Optional(ReplyPlace),
    invoiceNo: Type.Optional(ReplyPlace),
    remark: Type.Optional(ReplyPlace),
    needs: Type.Array(
      Type.Union([
        Type.Literal("key"),
        Type.Literal("serial"),
        Type.Literal("amount"),
        Type.Literal("receiptNo"),
        Type.Literal("callNumber"),
      ]),
      says("确认必须带有并相符的项", "what an acknowledgement must carry, and agree with"),
    ),
    acknowledged: Codes,
    alreadyDone: Type.Optional(Codes),
    busy: Type.Optional(Codes),
    deferred: Type.Optional(Codes),
    rejected: Type.Optional(Codes),
    notFound: Type.Optional(Codes),
    statuses: Type.Array(Type.Integer({ minimum: 100, maximum: 599 }), {
      minItems: 1,
      ...says("可读应答的 HTTP 状态", "HTTP statuses whose body is an answer"),
    }),
    busyStatuses: Type.Optional(Type.Array(Type.Integer({ minimum: 400, maximum: 599 }))),
    rejectedStatuses: Type.Optional(Type.Array(Type.Integer({ minimum: 400, maximum: 499 }))),
    faults: Type.Optional(
      Type.Object(
        {
          at: Type.Array(ReplyPlace, { minItems: 1, maxItems: 4 }),
          means: Type.Array(
            Type.Object(
              {
                contains: Type.String({ minLength: 3, maxLength: 200 }),
                outcome: Type.Union([Type.Literal("rejected"), Type.Literal("busy"), Type.Literal("unclear")]),
                because: BothLanguages,
              },
              CLOSED,
            ),
            { maxItems: 50 },
          ),
        },
        { ...CLOSED, ...says("SOAP Fault 文本；未列出者结果不明", "texts of SOAP faults; an unlisted one is unclear") },
      ),
    ),
  },
  CLOSED,
);
export type AckContract = Static<typeof AckContract>;

export const OutboundDocument = Type.Object(
  {
    ...Heading,
    direction: Type.Literal("outbound"),
    purpose: Type.String({
      pattern: "^[a-z][a-z0-9-]*$",
      ...says("回写种类；inquiry 为查询，reversal 为冲正", "the kind of write-back; `inquiry` asks, `reversal` undoes an unclear one"),
    }),
    events: Type.Array(Type.String(), {
      ...says("由哪些事件产生；查询与冲正为空", "event types it is made from; none for an inquiry or a reversal"),
    }),
    request: Type.Object(
      {
        method: Type.Union([Type.Literal("POST"), Type.Literal("PUT")]),
        path: Type.String({ pattern: "^/" }),
        contentType: Type.String({ ...says("不含字符集", "without charset") }),
        headers: Type.Record(Type.String(), Type.String({ ...says("{key} 为回写键", "{key} is the write-back's key") })),
      },
      CLOSED,
    ),
    codec: Codec,
    declaration: Type.Optional(Type.Boolean(says("写 XML 声明", "write an XML declaration"))),
    base: Type.Optional(Type.String({ pattern: "^/" })),
    amount: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        ...says(
          "回写金额所在的事件字段，先有值者为准；order:名称 取订单",
          "where the write-back's amount is, the first that has one; order:name asks the order",
        ),
      }),
    ),
    serial: Type.Optional(Type.Array(Type.String(), { minItems: 1, ...says("回写业务流水号所在的事件字段", "where its serial is") })),
    unless: Type.Optional(
      Type.Array(Type.Object({ order: Type.String({ pattern: "^[a-z][A-Za-z]*$" }), because: BothLanguages }, CLOSED), {
        minItems: 1,
        maxItems: 5,
        ...says(
          "订单已知某事实时不发送，如 settlementNo（该单据已结算）；事实值写入理由",
          "not sent while the order knows this, e.g. settlementNo: the bill is settled; the fact stands in the reason",
        ),
      }),
    ),
    checkedBy: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9-]{1,32}$",
        ...says(
          "发送前按 fields/<名称>.json 与地区档案检查每个字段",
          "held against fields/<name>.json and the region before it is sent: every problem at once",
        ),
      }),
    ),
    fields: Type.Array(RuleRef, { minItems: 1, maxItems: 200 }),
    reply: Type.Object({ codec: Codec, ack: AckContract }, CLOSED),
  },
  {
    ...CLOSED,
    $defs: { condition: ConditionDef, layout: LayoutDef, layoutField: LayoutFieldDef, outboundRule: OutboundRuleDef },
  },
);
export type OutboundDocument = Static<typeof OutboundDocument>;
export type MappingDocument = InboundDocument | OutboundDocument;

const { $defs: inboundDefs, ...inbound } = InboundDocument as typeof InboundDocument & { $defs: object };
const { $defs: outboundDefs, ...outbound } = OutboundDocument as typeof OutboundDocument & { $defs: object };
/** What `docs/schemas/mapping.json` holds: either direction, with the shared definitions at its root, where every `$ref` looks for them. */
export const MappingSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "汇流映射文档 · Huiliu mapping document",
  if: { properties: { direction: { const: "outbound" } }, required: ["direction"] },
  // biome-ignore lint/suspicious/noThenProperty: the JSON Schema keyword
  then: outbound,
  else: inbound,
  $defs: { ...inboundDefs, ...outboundDefs },
} as const;
