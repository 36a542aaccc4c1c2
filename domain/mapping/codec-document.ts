/** The grammar of a message's bytes, as a mapping document states it: delimited, XML, JSON, HL7. */
import Type, { type Static } from "typebox";
import { closed, type Condition, ConditionRef, Ref, says } from "./document-pieces.ts";

/** How a delimited text is cut: a separator, the names of its positions, and what may follow them. */
export interface Layout {
  readonly separator: string;
  /** Every field, also the last, is followed by the separator. */
  readonly trailing?: boolean;
  readonly fields: readonly LayoutField[];
  /** What follows `fields`: of those whose condition holds, the first with as many fields as there are. */
  readonly rest?: readonly { readonly when?: Condition; readonly fields: readonly LayoutField[] }[];
  /** The whole may be empty (a success without output). */
  readonly mayBeEmpty?: boolean;
}
export type LayoutField =
  | string
  | {
      readonly name: string;
      readonly optional?: boolean;
      /** Takes everything that is left, separators included. */
      readonly remainder?: boolean;
      /** Rows: cut by a separator of their own, or as groups of a fixed number of fields. */
      readonly rows?: { readonly separator?: string; readonly trailing?: boolean; readonly fixed?: boolean };
      readonly layout?: Layout;
    };
const LayoutRef = Type.Unsafe<Layout>({ $ref: "#/$defs/layout" });
const LayoutFieldRef = Type.Unsafe<LayoutField>({ $ref: "#/$defs/layoutField" });
const FieldName = Type.String({
  pattern: "^[^/:\\[\\]@]+$",
  maxLength: 60,
  ...says("对方文档里的字段名", "the partner's own name of the field"),
});
export const LayoutFieldDef = Type.Unsafe<LayoutField>({
  anyOf: [
    FieldName,
    Type.Object(
      {
        name: FieldName,
        optional: Type.Optional(Type.Boolean(says("末尾可缺", "may be missing at the end"))),
        remainder: Type.Optional(Type.Boolean(says("占用余下全部文本", "takes all that is left"))),
        rows: Type.Optional(
          Type.Object(
            {
              separator: Type.Optional(Type.String({ minLength: 1, maxLength: 8 })),
              trailing: Type.Optional(Type.Boolean()),
              fixed: Type.Optional(Type.Boolean(says("按字段个数分组", "rows are groups of as many cells as the layout has fields"))),
            },
            closed,
          ),
        ),
        layout: Type.Optional(LayoutRef),
      },
      closed,
    ),
  ],
});
export const LayoutDef = Type.Object(
  {
    separator: Type.String({ minLength: 1, maxLength: 8, ...says("分隔符", "the separator") }),
    trailing: Type.Optional(Type.Boolean(says("每个字段（含最后一个）后都有分隔符", "every field is followed by the separator"))),
    fields: Type.Array(LayoutFieldRef, { maxItems: 300 }),
    rest: Type.Optional(
      Type.Array(Type.Object({ when: Type.Optional(ConditionRef), fields: Type.Array(LayoutFieldRef, { maxItems: 300 }) }, closed), {
        minItems: 1,
        maxItems: 10,
      }),
    ),
    mayBeEmpty: Type.Optional(Type.Boolean(says("整段可为空", "the whole may be empty"))),
  },
  { ...closed, ...says("定位格式", "how a delimited text is cut") },
);

/** The grammar of one part of a message. */
export const Codec = Type.Object(
  {
    kind: Type.Union([Type.Literal("delimited"), Type.Literal("xml"), Type.Literal("json"), Type.Literal("hl7")]),
    charset: Type.Optional(
      Type.String({ maxLength: 20, ...says("缺省字符集，优先级低于报文声明", "charset when the message declares none") }),
    ),
    padding: Type.Optional(Type.Boolean(says("两端的空格、NUL、换行是填充", "spaces, NULs and line ends around the text are padding"))),
    trim: Type.Optional(Type.Boolean(says("去掉每个值两端空白", "white space around each value is not part of it"))),
    frame: Type.Optional(
      Type.Object({ start: Type.String({ minLength: 1, maxLength: 8 }), end: Type.String({ minLength: 1, maxLength: 8 }) }, closed),
    ),
    layout: Type.Optional(LayoutRef),
    groups: Type.Optional(Type.Array(Ref, { maxItems: 50, ...says("可重复的节点", "elements that repeat") })),
    inner: Type.Optional(
      Type.Array(Type.Object({ at: Ref, kind: Type.Union([Type.Literal("xml"), Type.Literal("json")]) }, closed), {
        maxItems: 10,
        ...says("作为文本藏在某节点里的报文", "documents carried as text inside an element"),
      }),
    ),
    namespaces: Type.Optional(Type.Boolean(says("检查命名空间前缀已声明", "check that every prefix is bound"))),
    nesting: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[A-Z][A-Z0-9]{2}$" }),
        Type.Array(Type.String({ pattern: "^[A-Z][A-Z0-9]{2}$" }), { minItems: 1, maxItems: 30 }),
        { ...closed, ...says("HL7：段 → 其后归属于它的段", "HL7: segment → segments that belong to it when they follow") },
      ),
    ),
    keyed: Type.Optional(
      Type.Record(Type.String({ pattern: "^/[A-Z][A-Z0-9]{2}/[1-9][0-9]{0,2}$" }), Type.Integer({ minimum: 1, maximum: 30 }), {
        ...closed,
        ...says(
          'HL7：字段 → 以第几个组件区分其重复，如 {"/PID/3": 5}，地址为 /PID/3[PI]/1',
          'HL7: field → the component that tells its repetitions apart; {"/PID/3": 5} makes addresses like /PID/3[PI]/1',
        ),
      }),
    ),
    openEnd: Type.Optional(Type.Boolean(says("HL7：最后一段可缺结束符", "HL7: the last segment may lack its CR"))),
  },
  { ...closed, ...says("报文文法", "the grammar of the bytes") },
);
export type Codec = Static<typeof Codec>;
