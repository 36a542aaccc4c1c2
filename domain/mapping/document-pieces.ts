/** Pieces that every part of a mapping document is made of: texts in both languages, references to source fields, conditions. */
import Type from "typebox";

export const says = (zh: string, en: string) => ({ description: `${zh} · ${en}` });
export const closed = { additionalProperties: false } as const;

const Words = Type.String({ minLength: 1, maxLength: 300 });
export const BothLanguages = Type.Object({ zh: Words, en: Words }, { ...closed, ...says("中英文名称", "a name in both languages") });
/** `/a/b/@c`, `request:/入参/单据号`, `reply:/…`, `return`, or relative to the group being walked: `@no`, `name`. */
export const Ref = Type.String({
  minLength: 1,
  maxLength: 300,
  ...says("来源字段：/路径、request:/…、reply:/…、return；组内可写相对路径", "a source field"),
});
export const Target = Type.String({
  pattern: "^[A-Za-z][A-Za-z0-9]*(?:\\.[A-Za-z0-9]+)*$",
  maxLength: 100,
  ...says("事件字段，点分路径", "a field of the event's data, dotted"),
});
export const Because = Type.String({
  minLength: 4,
  maxLength: 300,
  ...says("理由：给下一位集成人员看", "the reason, for the next integrator"),
});
export const OneOrMore = Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1, maxItems: 100 })]);

/** A test of one source field (`at`, all stated tests must hold), or of several conditions. */
export interface Condition {
  readonly at?: string;
  readonly is?: string | readonly string[];
  readonly isNot?: string | readonly string[];
  readonly present?: boolean;
  readonly matches?: string;
  readonly below?: number;
  readonly atLeast?: number;
  readonly zero?: boolean;
  readonly empty?: boolean;
  readonly all?: readonly Condition[];
  readonly any?: readonly Condition[];
}
export const ConditionRef = Type.Unsafe<Condition>({ $ref: "#/$defs/condition" });
export const ConditionDef = Type.Object(
  {
    at: Type.Optional(Ref),
    is: Type.Optional(OneOrMore),
    isNot: Type.Optional(OneOrMore),
    present: Type.Optional(Type.Boolean(says("有值（或节点出现）", "has a value, or the element occurs"))),
    matches: Type.Optional(Type.String({ maxLength: 200, ...says("整个值须匹配的正则式", "a pattern for the whole value") })),
    below: Type.Optional(Type.Integer(says("整数且小于", "an integer below"))),
    atLeast: Type.Optional(Type.Integer(says("整数且不小于", "an integer of at least"))),
    zero: Type.Optional(Type.Boolean(says("数字且为零（或不为零）", "a number that is (not) zero"))),
    empty: Type.Optional(
      Type.Boolean(
        says(
          "JSON 节点不在、为空，或其中没有任何值（或反之）",
          "a JSON node that is absent or holds no value anywhere inside it (or the contrary)",
        ),
      ),
    ),
    all: Type.Optional(Type.Array(ConditionRef, { minItems: 1, maxItems: 20 })),
    any: Type.Optional(Type.Array(ConditionRef, { minItems: 1, maxItems: 20 })),
  },
  { ...closed, ...says("条件：at 加若干判断，或 all / any", "a condition") },
);
