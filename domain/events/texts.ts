/** What ajv says, in our codes and in two languages. */
import type { ErrorObject } from "ajv";
import { type Problem, type ProblemCode, problem } from "../problem.ts";
import { KIND_WORD, type PieceKind } from "../schema/pieces.ts";

const CODE_OF_KIND: Readonly<Record<PieceKind, ProblemCode>> = {
  fen: "bad-money",
  price: "bad-money",
  quantity: "bad-number",
  "date-time": "bad-date",
  date: "bad-date",
  text: "blank",
  code: "unreadable",
  choice: "not-in-table",
  masked: "forbidden",
};

const FORM_OF_KIND: Readonly<Record<PieceKind, { readonly zh: string; readonly en: string }>> = {
  fen: { zh: "应为以分为单位的整数字符串，如 1650", en: "must be a decimal string of fen, e.g. 1650" },
  price: { zh: "应为元，至多4位小数的字符串，如 12.5000", en: "must be yuan as a string with at most 4 places, e.g. 12.5000" },
  quantity: { zh: "应为大于0的数量字符串，至多6位小数", en: "must be a quantity above zero as a string with at most 6 places" },
  "date-time": { zh: "应为真实存在的时间，如 2026-11-20T09:22:01+08:00", en: "must be a possible time like 2026-11-20T09:22:01+08:00" },
  date: { zh: "应为真实存在的日期，如 2026-11-20", en: "must be a possible day like 2026-11-20" },
  text: { zh: "不能为空白；没有值时应省略该项", en: "must not be blank; leave it out when there is no value" },
  code: { zh: "只能用小写字母、数字、点和短横", en: "must be lower-case letters, digits, dots and dashes" },
  choice: { zh: "不在允许的取值中", en: "is not one of the allowed values" },
  masked: { zh: "必须脱敏：保留首尾，中间用 * 号", en: "must be masked: keep the ends, stars between" },
};

interface AjvParams {
  readonly missingProperty?: string;
  readonly additionalProperty?: string;
  readonly allowedValues?: readonly unknown[];
  readonly limit?: number;
  readonly type?: string;
  readonly allowedValue?: unknown;
}

const escapePointer = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

const kindOf = (error: ErrorObject): PieceKind | undefined => {
  const kind: unknown = (error.parentSchema as Readonly<Record<string, unknown>> | undefined)?.[KIND_WORD];
  return typeof kind === "string" && kind in CODE_OF_KIND ? (kind as PieceKind) : undefined;
};

/** The place of a missing or unknown member is the member itself, not the object around it. */
function placeOf(error: ErrorObject, params: AjvParams): string {
  const member = params.missingProperty ?? params.additionalProperty;
  return member === undefined ? error.instancePath : `${error.instancePath}/${escapePointer(member)}`;
}

/** One refusal of ajv as a problem. Values are never quoted: they may be personal data. */
export function problemOfAjv(error: ErrorObject): Problem {
  const params = error.params as AjvParams;
  const at = placeOf(error, params);
  const kind = kindOf(error);
  switch (error.keyword) {
    case "required":
      return problem("missing", at);
    case "additionalProperties":
      return problem("schema", at, { zh: "规范中没有该项", en: "is not a member that the schema knows" });
    case "enum":
      return problem("not-in-table", at, {
        zh: `应为 ${(params.allowedValues ?? []).join("、")} 之一`,
        en: `must be one of ${(params.allowedValues ?? []).join(", ")}`,
      });
    case "maxLength":
      return problem("too-long", at, { zh: `长度超过 ${params.limit}`, en: `is longer than ${params.limit}` });
    case "minLength":
      return problem("blank", at, FORM_OF_KIND.text);
    case "maxItems":
      return problem("too-many", at, { zh: `超过 ${params.limit} 项`, en: `has more than ${params.limit} items` });
    case "minItems":
      return problem("missing", at, { zh: `至少应有 ${params.limit} 项`, en: `needs at least ${params.limit} items` });
    case "minProperties":
      return problem("missing", at, {
        zh: "各项均为空；没有值时应省略整项",
        en: "has no member; leave it out when there is nothing to say",
      });
    case "pattern":
    case "format":
      if (kind !== undefined) return problem(CODE_OF_KIND[kind], at, FORM_OF_KIND[kind]);
      break;
    case "type":
      if (kind === "fen" || kind === "price") return problem("bad-money", at, FORM_OF_KIND[kind]);
      return problem("schema", at, { zh: `类型应为 ${params.type}`, en: `must be of type ${params.type}` });
  }
  return problem("schema", at, {
    zh: `不符合规范（${error.keyword}）`,
    en: `does not satisfy the schema (${error.message ?? error.keyword})`,
  });
}
