/** What a destination answered lately, and what a profile would change: as operators see it before they decide. */
import { type Static, type TProperties, Type } from "typebox";
import { ProfileDifference } from "./views-lanes.ts";

const closed = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const text = Type.String();
const maybe = Type.Optional;
const whole = Type.Integer({ minimum: 0 });
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});

/** How far back attempts are looked at. */
export const OUTCOMES_SPAN_MS = 3_600_000;
/** Attempts counted of each part; beyond it the answer says that it was cut. */
export const ATTEMPTS_COUNTED_MAX = 20_000;

export const OutcomesView = closed({
  since: at,
  cut: Type.Boolean({ description: "more were made than counted / 未全部计入" }),
  minutes: Type.Array(closed({ at, outcome: text, count: whole }), { description: "a row per minute and outcome / 每分钟各结果笔数" }),
  codes: Type.Array(
    closed({ outcome: text, code: maybe(text), status: maybe(Type.Integer()), count: whole, why: maybe(text), whyZh: maybe(text) }),
    {
      description: "how attempts ended, most often first / 各代码笔数",
    },
  ),
});
export type OutcomesView = Static<typeof OutcomesView>;

export const ProfileCheck = closed({
  problems: Type.Array(closed({ at: text, zh: text, en: text }), { description: "empty: it holds / 为空即有效" }),
  changes: Type.Array(ProfileDifference, { description: "from the present profile, defaults filled in / 与现行档案的差异" }),
});
export type ProfileCheck = Static<typeof ProfileCheck>;

export const ProfileSchema = closed({ schema: Type.Unknown({ description: "JSON Schema of a destination / 目的地档案的规范" }) });
