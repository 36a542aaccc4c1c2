/** A profile's form, made from its own JSON Schema: fields, their places, problems by field, one value changed. Pure. */

export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly default?: unknown;
}

interface Common {
  /** JSON pointer. */
  readonly at: string;
  readonly name: string;
  readonly required: boolean;
  readonly help: { readonly zh: string; readonly en: string } | undefined;
}
export type Field =
  | (Common & { readonly kind: "number"; readonly whole: boolean; readonly min: number | undefined; readonly max: number | undefined })
  | (Common & { readonly kind: "text"; readonly maxLength: number | undefined })
  | (Common & { readonly kind: "choice"; readonly values: readonly string[] })
  /** Maps and lists: changed in the JSON. */
  | (Common & { readonly kind: "other" });

const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** Descriptions say both languages: "largest message in bytes / 单条报文字节上限". */
export function helpOf(description: string | undefined): Common["help"] {
  if (description === undefined) return undefined;
  const cut = description.lastIndexOf(" / ");
  if (cut < 0) return { zh: description, en: description };
  return { en: description.slice(0, cut), zh: description.slice(cut + 3) };
}

function choicesOf(node: SchemaNode): readonly string[] | undefined {
  const all = node.enum ?? node.anyOf?.map((one) => one.const);
  return all?.every((one) => typeof one === "string") === true ? (all as string[]) : undefined;
}

/** Fields of an object's schema in its own order; members of members (`retry.firstMs`) are fields too. */
export function fieldsOf(schema: SchemaNode, at = "", prefix = ""): readonly Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, node]): readonly Field[] => {
    const common = {
      at: `${at}/${escaped(name)}`,
      name: `${prefix}${name}`,
      required: schema.required?.includes(name) === true,
      help: helpOf(node.description),
    };
    const values = choicesOf(node);
    if (values !== undefined) return [{ ...common, kind: "choice", values }];
    if (node.type === "integer" || node.type === "number")
      return [{ ...common, kind: "number", whole: node.type === "integer", min: node.minimum, max: node.maximum }];
    if (node.type === "string") return [{ ...common, kind: "text", maxLength: node.maxLength }];
    if (node.type === "object" && node.properties !== undefined) return fieldsOf(node, common.at, `${common.name}.`);
    return [{ ...common, kind: "other" }];
  });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const stepsOf = (at: string): readonly string[] =>
  at
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

/** The value at a pointer; undefined where there is none. */
export const valueAt = (profile: unknown, at: string): unknown =>
  stepsOf(at).reduce<unknown>((value, step) => (isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined), profile);

/** A copy with the value at a pointer; undefined takes it out, and what is left empty by that goes too. */
export function withValue(profile: unknown, at: string, value: unknown): Readonly<Record<string, unknown>> {
  const [first, ...rest] = stepsOf(at);
  const own = isObject(profile) ? profile : {};
  if (first === undefined) return own;
  const inner = rest.length === 0 ? value : withValue(own[first], rest.map((step) => `/${escaped(step)}`).join(""), value);
  const { [first]: _gone, ...others } = own;
  const empty = inner === undefined || (rest.length > 0 && isObject(inner) && Object.keys(inner).length === 0);
  return empty ? others : { ...own, [first]: inner };
}

export interface Placed {
  readonly at: string;
}
/** Problems at a field or below it; what belongs to no field stays over. */
export function byField<P extends Placed>(
  problems: readonly P[],
  fields: readonly Field[],
): { readonly at: ReadonlyMap<string, readonly P[]>; readonly over: readonly P[] } {
  const found = new Map<string, P[]>();
  const over: P[] = [];
  for (const problem of problems) {
    const field = fields.find(({ at }) => problem.at === at || problem.at.startsWith(`${at}/`));
    if (field === undefined) over.push(problem);
    else found.set(field.at, [...(found.get(field.at) ?? []), problem]);
  }
  return { at: found, over };
}

/** The JSON of a text, or why it is none. */
export function readJson(
  text: string,
): { readonly ok: true; readonly value: Readonly<Record<string, unknown>> } | { readonly ok: false; readonly why: string } {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? { ok: true, value } : { ok: false, why: "{ … }" };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}

/** My changes (mine against the version I began with) put onto the present profile. */
export function rebased(
  changes: readonly { readonly at: string; readonly after?: unknown }[],
  present: unknown,
): Readonly<Record<string, unknown>> {
  return changes.reduce<Readonly<Record<string, unknown>>>(
    (profile, { at, after }) => withValue(profile, at, after),
    isObject(present) ? present : {},
  );
}
