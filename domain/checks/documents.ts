/**
 * What a vendor's interface text says of the fields of a call, and what a region changes of it, as data: `mappings/<vendor>/fields/<name>.json`,
 * `fields/dictionaries.json` and `regions/<region>.json`. A bad request is refused here, with every problem named, before it costs a call (domain.md A, A2, 1.10).
 */
import Type, { type Static } from "typebox";
import { BothLanguages, CLOSED, says } from "../mapping/document.ts";

const Name = Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_]{0,63}$", ...says("字段名", "the field's name") });
const Node = Type.String({
  pattern: "^(?:/[A-Za-z][A-Za-z0-9_]*)+$",
  maxLength: 200,
  ...says("节点路径，如 /input/data", "the node, e.g. /input/data"),
});
const Words = Type.String({ minLength: 1, maxLength: 400 });

export const FieldSpec = Type.Object(
  {
    name: Name,
    zh: Type.String({ minLength: 1, maxLength: 60, ...says("中文名", "its Chinese name, which problems use") }),
    type: Type.Union(
      [Type.Literal("C"), Type.Literal("N"), Type.Literal("D"), Type.Literal("DT")],
      says("字符、数值、日期、日期时间", "text, number, date, date-time"),
    ),
    length: Type.Optional(Type.Integer({ minimum: 1, maximum: 40_000, ...says("C 的字符数、N 的总位数", "characters of C, digits of N") })),
    scale: Type.Optional(Type.Integer({ minimum: 0, maximum: 10, ...says("N 的小数位", "decimals of N") })),
    required: Type.Optional(Type.Boolean(says("非空", "must have a value"))),
    dictionary: Type.Optional(Name),
    requiredWhen: Type.Optional(
      Type.Object(
        { field: Name, is: Type.Array(Type.String(), { minItems: 1, maxItems: 20 }) },
        { ...CLOSED, ...says("同一行另一字段取这些值时必填", "required while another field of the same row has one of these values") },
      ),
    ),
  },
  CLOSED,
);
export type FieldSpec = Static<typeof FieldSpec>;

export const FieldsDocument = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    version: Type.Integer({ minimum: 1 }),
    title: BothLanguages,
    source: Words,
    nodes: Type.Array(
      Type.Object(
        {
          at: Node,
          rows: Type.Optional(Type.Boolean(says("可重复的行", "repeats"))),
          required: Type.Optional(Type.Boolean(says("至少一行", "must be there"))),
          fields: Type.Array(FieldSpec, { minItems: 1, maxItems: 300 }),
        },
        CLOSED,
      ),
      { minItems: 1, maxItems: 10 },
    ),
  },
  { ...CLOSED, ...says("一个交易的输入字段", "the input fields of one transaction") },
);
export type FieldsDocument = Static<typeof FieldsDocument>;

export const DictionariesDocument = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    version: Type.Integer({ minimum: 1 }),
    source: Words,
    dictionaries: Type.Record(
      Type.String(),
      Type.Object({ zh: Type.String(), codes: Type.Record(Type.String(), Type.String()) }, CLOSED),
      says("字典名 → 代码 → 名称", "dictionary → code → name"),
    ),
  },
  CLOSED,
);
export type DictionariesDocument = Static<typeof DictionariesDocument>;

export const RegionDocument = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    version: Type.Integer({ minimum: 1 }),
    name: BothLanguages,
    source: Type.Array(Words, { minItems: 1, maxItems: 10, ...says("出处", "where it is written") }),
    constants: Type.Record(Type.String({ pattern: "^[a-z][A-Za-z0-9]*$" }), Type.String({ maxLength: 200 }), {
      ...says("该地区的缺省常量，伙伴档案可覆盖", "constants of the region; the partner's profile has the last word"),
    }),
    reversal: Type.Object(
      {
        offered: Type.Boolean(says("是否提供冲正（2601）", "whether uncertain transactions can be reversed (2601)")),
        transactions: Type.Array(Type.String({ pattern: "^[0-9]{4}[A-Z]?$" }), { maxItems: 30, ...says("可冲正的交易", "which ones") }),
        note: Type.Optional(BothLanguages),
      },
      CLOSED,
    ),
    msgid: Type.Object(
      { format: Words, length: Type.Integer({ minimum: 1, maximum: 64 }) },
      { ...CLOSED, ...says("发送方报文ID 的写法", "how a message id is made") },
    ),
    dates: Type.Object({ date: Words, dateTime: Words }, CLOSED),
    dictionaries: Type.Record(
      Type.String(),
      Type.Object(
        {
          replace: Type.Optional(Type.Boolean(says("整体替换", "instead of the national one"))),
          add: Type.Optional(Type.Record(Type.String(), Type.String())),
          remove: Type.Optional(Type.Array(Type.String(), { maxItems: 200 })),
        },
        CLOSED,
      ),
      says("字典的地方差异", "what differs in dictionaries"),
    ),
    fields: Type.Record(
      Type.String(),
      Type.Array(Type.Object({ at: Node, field: FieldSpec }, CLOSED), { maxItems: 100 }),
      says("交易 → 增加或改写的字段", "transaction → fields added, or said otherwise"),
    ),
    replies: Type.Record(
      Type.String(),
      Type.Array(Type.String({ pattern: "^/" }), { maxItems: 100 }),
      says("报文种类 → 应答中增加、不用的字段", "message kind → fields that its replies have beside, and that we do not use"),
    ),
    rules: Type.Optional(
      Type.Record(Type.String(), Type.Record(Type.String(), Type.Array(Type.Unknown(), { minItems: 1, maxItems: 50 })), {
        ...says(
          "报文种类 → 事件类型 → 该地区的规则：同一 to 者取代，余者增加",
          "message kind → event type → rules of this region: one for the same `to` replaces it, others are added",
        ),
      }),
    ),
    quirks: Type.Array(BothLanguages, { maxItems: 30, ...says("其他差异，给人看", "other differences, for people") }),
  },
  { ...CLOSED, ...says("地区档案", "profile of a region") },
);
export type RegionDocument = Static<typeof RegionDocument>;
