/** What a schema found wrong with a profile, as a person reads it: one sentence in each language, with the limit that was broken. Pure. */

/** An error as typebox and ajv tell it. */
export interface SchemaError {
  readonly keyword?: string;
  readonly instancePath: string;
  readonly params?: unknown;
  readonly message?: string;
}

export interface PlacedText {
  /** JSON pointer; a member that lacks or does not belong is named itself. */
  readonly at: string;
  readonly zh: string;
  readonly en: string;
}

const paramsOf = (error: SchemaError): Readonly<Record<string, unknown>> =>
  typeof error.params === "object" && error.params !== null ? (error.params as Readonly<Record<string, unknown>>) : {};
const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

const LIMITS: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  minimum: ["不得小于", "must not be less than"],
  maximum: ["不得大于", "must not be more than"],
  exclusiveMinimum: ["须大于", "must be more than"],
  exclusiveMaximum: ["须小于", "must be less than"],
  minLength: ["字符数不得少于", "must have at least this many characters:"],
  maxLength: ["字符数不得多于", "must have at most this many characters:"],
  minItems: ["项数不得少于", "must have at least this many items:"],
  maxItems: ["项数不得多于", "must have at most this many items:"],
};
const TYPES: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  integer: ["整数", "a whole number"],
  number: ["数字", "a number"],
  string: ["文本", "text"],
  boolean: ["是或否", "true or false"],
  object: ["对象", "an object"],
  array: ["列表", "a list"],
};

/** One error as texts; several when several members are named. What comes with a keyword that is not known keeps the schema's own English words. */
function schemaTexts(error: SchemaError): readonly PlacedText[] {
  const { keyword = "", instancePath: at, message = "is not valid" } = error;
  const params = paramsOf(error);
  const limit = LIMITS[keyword];
  if (limit !== undefined) return [{ at, zh: `${limit[0]} ${String(params.limit)}`, en: `${limit[1]} ${String(params.limit)}` }];
  const member = (name: string, zh: string, en: string): PlacedText => ({ at: `${at}/${escaped(name)}`, zh, en });
  switch (keyword) {
    case "required": {
      const names = Array.isArray(params.requiredProperties) ? params.requiredProperties : [params.missingProperty];
      return names.filter((one) => typeof one === "string").map((one) => member(String(one), "必填", "is required"));
    }
    case "additionalProperties": {
      const names = Array.isArray(params.additionalProperties) ? params.additionalProperties : [params.additionalProperty];
      const known = names.filter((one) => typeof one === "string");
      if (known.length === 0) return [{ at, zh: "有不认识的字段", en: "has a field that is not known" }];
      return known.map((one) => member(String(one), "没有这个字段", "is no field of it"));
    }
    case "type": {
      const type = TYPES[String(params.type)];
      return [
        type === undefined
          ? { at, zh: `类型须为 ${String(params.type)}`, en: `must be ${String(params.type)}` }
          : { at, zh: `须为${type[0]}`, en: `must be ${type[1]}` },
      ];
    }
    case "pattern":
      return [{ at, zh: `格式不符：${String(params.pattern)}`, en: `does not have the form ${String(params.pattern)}` }];
    case "enum":
    case "const":
    case "anyOf":
    case "oneOf":
      return [{ at, zh: "不是允许的取值", en: "is none of the values that it may have" }];
    default:
      return [{ at, zh: `不合规定：${message}`, en: message }];
  }
}

/** Every problem once: the alternatives of a union each tell the same place. */
export function allSchemaTexts(errors: readonly SchemaError[]): readonly PlacedText[] {
  const unions = errors.filter(({ keyword }) => keyword === "anyOf" || keyword === "oneOf").map(({ instancePath }) => instancePath);
  const told = errors
    // A member that does not belong is told twice: by its parent, and by the "false" that stands for it.
    .filter(({ keyword, message }) => keyword !== "boolean" && message !== "schema is false")
    .filter(({ keyword, instancePath }) => !(["const", "enum"].includes(keyword ?? "") && unions.includes(instancePath)))
    .flatMap(schemaTexts);
  const seen = new Set<string>();
  return told.filter(({ at, en }) => {
    const key = `${at} ${en}`;
    const fresh = !seen.has(key);
    seen.add(key);
    return fresh;
  });
}
