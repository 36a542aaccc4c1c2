/**
 * Holds a call against its fields (type, length, decimals, required, dictionary) before it is sent: every problem at once, by the field's Chinese name.
 * Pure. A region that nobody wrote down is a problem of its own.
 */
import { type Problem, type ProblemCode, problem } from "../problem.ts";
import { readerOf, Unread } from "../mapping/kinds.ts";
import type { DictionariesDocument, FieldSpec, FieldsDocument, RegionDocument } from "./documents.ts";

/** Everything a vendor's folder says of fields. */
export interface VendorChecks {
  readonly fields: ReadonlyMap<string, FieldsDocument>;
  readonly dictionaries: DictionariesDocument["dictionaries"];
  readonly regions: ReadonlyMap<string, RegionDocument>;
}

/** All that is wrong with a call's body; none: it may be sent. `region`: constant of the partner's profile. */
export type CheckCall = (body: unknown, region: string | undefined) => readonly Problem[];

/** Most rows of one node that are looked at; no interface takes more in one call. */
const ROWS_MAX = 10_000;
/** Problems told of one call. */
const PROBLEMS_MAX = 100;

type Row = Readonly<Record<string, unknown>>;
type Codes = ReadonlySet<string>;
interface Rules {
  readonly nodes: readonly {
    readonly at: string;
    readonly rows: boolean;
    readonly required: boolean;
    readonly fields: ReadonlyMap<string, FieldSpec>;
  }[];
  readonly dictionaries: ReadonlyMap<string, { readonly zh: string; readonly codes: Codes }>;
}
type Add = (code: ProblemCode, zh: string, en: string) => void;

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);
const readDate = readerOf({ as: "date" });
const readDateTime = readerOf({ as: "date-time" });
const DECIMAL = /^(-?)(\d{1,20})(?:\.(\d{1,12}))?$/;

/** What stands at a place, as the wire will say it: "" for nothing, undefined for what is no value (an object, a list). */
function textAt(row: Row, name: string): string | undefined {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function checkNumber(text: string, { length = 16, scale = 0 }: FieldSpec, add: Add): void {
  const parts = DECIMAL.exec(text);
  if (!parts) {
    add("bad-number", "不是数值", "is no number");
    return;
  }
  const decimals = (parts[3] ?? "").replace(/0+$/, "").length;
  const whole = (parts[2] ?? "").replace(/^0+(?=\d)/, "").length;
  if (decimals > scale) add("bad-number", `小数超过 ${scale} 位`, `has more than ${scale} decimals`);
  if (whole > Math.max(length - scale, 1))
    add("too-long", `整数超过 ${length - scale} 位`, `has more than ${length - scale} digits before the point`);
}

function checkText(text: string, field: FieldSpec, rules: Rules, add: Add): void {
  const length = [...text].length;
  if (field.length !== undefined && length > field.length)
    add("too-long", `${length} 个字符，超过 ${field.length}`, `has ${length} characters, more than ${field.length}`);
  if (field.dictionary === undefined) return;
  const dictionary = rules.dictionaries.get(field.dictionary);
  if (dictionary && !dictionary.codes.has(text))
    add("not-in-table", `不在字典 ${dictionary.zh} ${field.dictionary} 中`, `is not in the dictionary ${field.dictionary}`);
}

function checkValue(text: string, field: FieldSpec, rules: Rules, add: Add): void {
  if (field.type === "N") checkNumber(text, field, add);
  else if (field.type === "C") checkText(text, field, rules, add);
  else if (field.type === "D" && readDate(text) instanceof Unread)
    add("bad-date", "应为真实存在的日期 yyyy-MM-dd", "must be a possible date yyyy-MM-dd");
  else if (field.type === "DT" && readDateTime(text) instanceof Unread)
    add("bad-date", "应为真实存在的时间 yyyy-MM-dd HH:mm:ss", "must be a possible time yyyy-MM-dd HH:mm:ss");
}

function checkRow(row: Row, at: string, rowName: string, fields: ReadonlyMap<string, FieldSpec>, rules: Rules, problems: Problem[]): void {
  for (const field of fields.values()) {
    const place = `${rowName}${field.zh} ${field.name}`;
    const add: Add = (code, zh, en) => void problems.push(problem(code, `${at}/${field.name}`, { place, zh, en }));
    const text = textAt(row, field.name);
    if (text === undefined) add("schema", "应是一个值，不是对象或数组", "must be one value, no object or list");
    else if (text.trim() === "") {
      const { requiredWhen: when } = field;
      const other = when && textAt(row, when.field);
      if (field.required === true) add("missing", "必填", "is required");
      else if (when && other !== undefined && when.is.includes(other))
        add("missing", `${when.field} 为 ${other} 时必填`, `is required while ${when.field} is ${other}`);
    } else checkValue(text, field, rules, add);
  }
  const inside = new Set(rules.nodes.map((node) => node.at));
  for (const name of Object.keys(row)) {
    if (fields.has(name) || inside.has(`${at}/${name}`)) continue;
    const place = `${rowName}${name}`;
    problems.push(
      problem("unmapped", `${at}/${name}`, {
        place,
        zh: "接口规范与地区档案都没有这个字段",
        en: "neither the interface nor the region knows this field",
      }),
    );
  }
}

/** The value at a node path; undefined when something on the way is missing. */
function reach(body: unknown, at: string): unknown {
  let here: unknown = body;
  for (const name of at.split("/").slice(1)) {
    if (!isRow(here) || !Object.hasOwn(here, name)) return undefined;
    here = here[name];
  }
  return here;
}

function rulesOf(name: string, document: FieldsDocument, vendor: VendorChecks, region: RegionDocument | undefined): Rules {
  const own = region?.fields[name] ?? [];
  const nodes = document.nodes.map((node) => {
    const fields = new Map(node.fields.map((field) => [field.name, field]));
    for (const { at, field } of own) if (at === node.at) fields.set(field.name, field);
    return { at: node.at, rows: node.rows ?? false, required: node.required ?? true, fields };
  });
  const dictionaries = new Map<string, { readonly zh: string; readonly codes: Codes }>();
  for (const [dictionary, { zh, codes }] of Object.entries(vendor.dictionaries)) {
    const differs = region?.dictionaries[dictionary];
    const known = new Set(differs?.replace === true ? [] : Object.keys(codes));
    for (const code of Object.keys(differs?.add ?? {})) known.add(code);
    for (const code of differs?.remove ?? []) known.delete(code);
    dictionaries.set(dictionary, { zh, codes: known });
  }
  return { nodes, dictionaries };
}

/** What stands beside the nodes of `input` and is none: it would reach the centre unchecked. */
function unknownNodes(rules: Rules, body: unknown): readonly Problem[] {
  const known = new Set(rules.nodes.map((node) => node.at));
  const above = [...new Set(rules.nodes.map((node) => node.at.slice(0, node.at.lastIndexOf("/"))))];
  return above
    .filter((at) => at !== "" && !known.has(at))
    .flatMap((at) => {
      const found = reach(body, at);
      return (isRow(found) ? Object.keys(found) : [])
        .filter((name) => !known.has(`${at}/${name}`))
        .map((name) => problem("unmapped", `${at}/${name}`, { zh: "接口规范没有这个节点", en: "the interface knows no such node" }));
    });
}

function checkCall(rules: Rules, body: unknown): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { at, rows, required, fields } of rules.nodes) {
    const found = reach(body, at);
    const list = Array.isArray(found) ? found : found === undefined || found === "" ? [] : [found];
    if (list.length === 0 && required) problems.push(problem("missing", at, { zh: "缺少节点", en: "the node is missing" }));
    if (list.length > 1 && !rows) problems.push(problem("too-many", at, { zh: "只能有一行", en: "holds one row only" }));
    for (const [index, row] of list.slice(0, ROWS_MAX).entries()) {
      const rowAt = rows ? `${at}/${index}` : at;
      if (isRow(row)) checkRow(row, rowAt, rows ? `第${index + 1}行` : "", fields, rules, problems);
      else problems.push(problem("schema", rowAt, { zh: "应为对象", en: "must be an object" }));
    }
    if (list.length > ROWS_MAX) problems.push(problem("too-many", at, { zh: `超过 ${ROWS_MAX} 行`, en: `has more than ${ROWS_MAX} rows` }));
  }
  problems.push(...unknownNodes(rules, body));
  if (problems.length <= PROBLEMS_MAX) return problems;
  return [...problems.slice(0, PROBLEMS_MAX), problem("too-many-problems", "")];
}

/** The check of one fields document for every region of its vendor; undefined when the vendor has no document of that name. */
export function compileChecks(name: string, vendor: VendorChecks): CheckCall | undefined {
  const document = vendor.fields.get(name);
  if (!document) return undefined;
  const national = rulesOf(name, document, vendor, undefined);
  const regional = new Map([...vendor.regions].map(([region, profile]) => [region, rulesOf(name, document, vendor, profile)]));
  return (body, region) => {
    if (region === undefined || region === "") return checkCall(national, body);
    const rules = regional.get(region);
    if (rules) return checkCall(rules, body);
    return [problem("unknown-constant", "region", { zh: `没有地区档案 ${region}`, en: `there is no profile of region ${region}` })];
  };
}

/** Names in the documents that lead nowhere: dictionaries, transactions and nodes that nobody wrote down. `file` is below the vendor's folder. */
export function checksProblems(
  vendor: VendorChecks,
): readonly { readonly file: string; readonly at: string; readonly zh: string; readonly en: string }[] {
  const found: { file: string; at: string; zh: string; en: string }[] = [];
  const known = (file: string, at: string, dictionary: string | undefined): void => {
    if (dictionary !== undefined && !Object.hasOwn(vendor.dictionaries, dictionary))
      found.push({ file, at, zh: `没有字典 ${dictionary}`, en: `there is no dictionary ${dictionary}` });
  };
  for (const [name, document] of vendor.fields)
    for (const [index, node] of document.nodes.entries())
      for (const field of node.fields) known(`fields/${name}.json`, `/nodes/${index}/${field.name}`, field.dictionary);
  for (const [region, profile] of vendor.regions) {
    const file = `regions/${region}.json`;
    for (const dictionary of Object.keys(profile.dictionaries)) known(file, `/dictionaries/${dictionary}`, dictionary);
    for (const [name, fields] of Object.entries(profile.fields)) {
      const document = vendor.fields.get(name);
      if (!document)
        found.push({ file, at: `/fields/${name}`, zh: `没有字段表 fields/${name}.json`, en: `there is no fields/${name}.json` });
      for (const [index, { at, field }] of fields.entries()) {
        if (document && !document.nodes.some((node) => node.at === at))
          found.push({ file, at: `/fields/${name}/${index}`, zh: `没有节点 ${at}`, en: `there is no node ${at}` });
        known(file, `/fields/${name}/${index}`, field.dictionary);
      }
    }
  }
  return found;
}
