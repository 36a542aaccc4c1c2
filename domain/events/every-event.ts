/**
 * What every event's `data` has (reference/events.md, "Common to every data"), and the rules over it.
 * `business` is required where money is charged or paid; insurers, statements and parked messages cannot always tell it: there it is optional and,
 * when absent, named in `missing`.
 */
import type { TObject, TProperties, TSchema } from "typebox";
import Type from "typebox";
import { fenOfValid, fenText, sumFen } from "../money.ts";
import { type Problem, type ProblemCode, problem } from "../problem.ts";
import { choice, closed, closedNotEmpty, code, date, dateTime, fen, flag, list, maybe, name, no, says, word } from "../schema/pieces.ts";
import { daysBetween } from "../time.ts";
import type { BusinessKey, BusinessKeyKind, EventDefinition } from "./event.ts";

/** Checked data as those see it who do not know its type. */
export type EventData = Readonly<Record<string, unknown>>;

const VISIT_KINDS = ["outpatient", "emergency", "inpatient", "checkup"] as const;
const BUSINESSES = ["registration", "outpatient", "deposit", "discharge", "checkup", "retail", "meal", "parking"] as const;
const SCENES = ["window", "kiosk", "clinic", "mobile"] as const;
/** Most fields that one message can be said not to tell. */
const MISSING_MAX = 50;

export const person = (zh: string, en: string) =>
  closedNotEmpty({ no: maybe(no("工号", "Staff number")), name: maybe(name("姓名", "Name")) }, zh, en);

const business = () => choice(BUSINESSES, "业务类别", "Kind of business");

const everyField = {
  schemaVersion: Type.Literal(1, says("数据规范版本", "Version of this schema")),
  institution: closed(
    { code: code("机构编码", "Code of the institution"), campus: maybe(code("院区编码", "Code of the campus")) },
    "医疗机构",
    "Institution",
  ),
  patient: maybe(
    closed(
      {
        no: no("患者号", "Patient number"),
        numberSystem: word("号码体系，如 his、card、insurance", "Which numbers these are, e.g. his, card, insurance"),
        name: maybe(name("患者姓名", "Patient's name")),
      },
      "患者",
      "Patient",
    ),
  ),
  visit: maybe(
    closed(
      {
        no: no("就诊号（门诊号或住院号）", "Visit number"),
        kind: maybe(choice(VISIT_KINDS, "就诊类别；对方不说则缺", "Kind of visit; absent where the partner does not tell it")),
      },
      "就诊",
      "Visit",
    ),
  ),
  scene: maybe(choice(SCENES, "场景：窗口、自助机、诊间、移动端", "Where: window, kiosk, clinic, mobile")),
  bills: list(
    closed({ no: no("单据号", "Bill number"), amount: maybe(fen("单据总额", "The bill's total")) }, "单据", "Bill"),
    "涉及的单据，可为空数组",
    "Bills concerned; may be empty",
  ),
  order: maybe(closed({ no: no("订单号", "Order number") }, "支付订单", "Payment order")),
  serials: list(
    closed(
      {
        system: word("哪个系统的流水号", "Whose serial number"),
        kind: word("流水号种类", "Kind of serial number"),
        no: no("流水号", "Serial number"),
      },
      "流水号",
      "Serial number",
    ),
    "各系统流水号，可为空数组",
    "Serial numbers of the systems concerned; may be empty",
  ),
  operator: maybe(
    closedNotEmpty(
      {
        no: maybe(no("操作员工号", "Operator's number")),
        name: maybe(name("操作员姓名", "Operator's name")),
        terminal: maybe(no("终端号", "Terminal")),
        shift: maybe(no("班次（业务周期号、日对账流水号）", "Shift")),
      },
      "操作员",
      "Operator",
    ),
  ),
  occurredAt: dateTime("发生时间（对方时钟，+08:00）", "When it happened, by the partner's clock"),
  businessDate: date("业务日期（按院方日切）", "Business day, by the hospital's cut-off"),
  test: flag("是否测试数据", "True for test traffic"),
  missing: list(
    Type.String({
      ...says("字段路径，如 patient 或 original.businessDate", "Path of a field, e.g. patient"),
      minLength: 1,
      maxLength: 128,
      pattern: "^[A-Za-z]+(?:\\.[A-Za-z]+)*$",
    }),
    "对方报文无法提供的字段",
    "Fields that the partner's message cannot tell",
    0,
    MISSING_MAX,
  ),
};

/** The data of an event that always tells its business. */
export const dataWithBusiness = <P extends TProperties>(
  own: P,
): TObject<typeof everyField & { business: ReturnType<typeof business> } & P> =>
  Type.Object({ ...everyField, business: business(), ...own }, { additionalProperties: false });

/** The data of an event whose source may not know the business. */
export const dataMaybeBusiness = <P extends TProperties>(own: P) =>
  Type.Object({ ...everyField, business: maybe(business()), ...own }, { additionalProperties: false });

/** What the rules over common fields read. */
export interface CommonData {
  readonly patient?: { readonly no: string };
  readonly visit?: { readonly no: string };
  readonly bills: readonly { readonly no: string }[];
  readonly order?: { readonly no: string };
  readonly serials: readonly { readonly no: string }[];
  readonly occurredAt: string;
  readonly businessDate: string;
}

const own = (object: object, name: string): unknown => (Object.hasOwn(object, name) ? (object as EventData)[name] : undefined);

/** Every value at a dotted path; arrays on the way are gone through. */
function valuesAt(value: unknown, path: readonly string[]): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  const [head, ...rest] = path;
  if (head === undefined) return value === undefined ? [] : [value];
  return typeof value === "object" && value !== null ? valuesAt(own(value, head), rest) : [];
}

/** True when the schema has a field at the dotted path. */
function knows(schema: TSchema | undefined, path: readonly string[]): boolean {
  const [head, ...rest] = path;
  if (head === undefined) return schema !== undefined;
  const node = schema as { readonly items?: TSchema; readonly properties?: Readonly<Record<string, TSchema>> } | undefined;
  if (node?.items) return knows(node.items, path);
  return node?.properties !== undefined && Object.hasOwn(node.properties, head) && knows(node.properties[head], rest);
}

/** `missing` names exactly what is not there: known fields, absent ones, and every expected field that is absent. */
export function checkMissing(data: EventData, definition: Pick<EventDefinition, "data" | "expected">): readonly Problem[] {
  const missing = data.missing as readonly string[];
  const problems: Problem[] = [];
  for (const [index, path] of missing.entries()) {
    const at = `/missing/${index}`;
    const steps = path.split(".");
    if (missing.indexOf(path) !== index) problems.push(problem("duplicate", at));
    else if (!knows(definition.data, steps))
      problems.push(problem("schema", at, { zh: "规范中没有该字段", en: "names no field of the schema" }));
    else if (valuesAt(data, steps).length > 0) {
      problems.push(problem("unequal", at, { zh: `${path} 有值，却列为缺失`, en: `${path} is there, yet named as missing` }));
    }
  }
  for (const path of definition.expected) {
    const parent = path.split(".").slice(0, -1);
    const parentThere = parent.length === 0 || valuesAt(data, parent).length > 0;
    if (parentThere && valuesAt(data, path.split(".")).length === 0 && !missing.includes(path)) {
      problems.push(
        problem("missing", `/${path.replaceAll(".", "/")}`, {
          zh: "缺失，且未在 missing 中说明对方无法提供",
          en: "is absent and not named in missing as something the partner cannot tell",
        }),
      );
    }
  }
  return problems;
}

/** The business day of a fact is its calendar day, or the next one after the cut-off; never another. */
function checkBusinessDate(data: CommonData): readonly Problem[] {
  const ahead = daysBetween(data.occurredAt.slice(0, 10), data.businessDate);
  if (ahead === 0 || ahead === 1) return [];
  return [problem("unequal", "/businessDate", { zh: "与发生时间不符", en: "does not fit the time it happened" })];
}

/** The same number twice in a list is a partner's mistake that would be counted twice. */
export function checkUnique(at: string, numbers: readonly string[]): readonly Problem[] {
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const [index, number] of numbers.entries()) {
    if (seen.has(number)) problems.push(problem("duplicate", `${at}/${index}`));
    seen.add(number);
  }
  return problems;
}

/** The rules that hold for every event of a payment fact. */
export function checkCommon(data: CommonData): readonly Problem[] {
  return [
    ...checkBusinessDate(data),
    ...checkUnique(
      "/bills",
      data.bills.map((bill) => bill.no),
    ),
  ];
}

/** `total` equals the sum of `parts` to the fen. Texts are amounts that the schema has accepted. */
export function checkSum(at: string, total: string, parts: readonly string[], zh: string, en: string): readonly Problem[] {
  const sum = fenText(sumFen(parts.map(fenOfValid)));
  return sum === total
    ? []
    : [problem("unequal", at, { zh: `${zh}：合计 ${sum} 分，应为 ${total} 分`, en: `${en}: the sum is ${sum} fen, not ${total}` })];
}

/** `amount` is at most `limit`, when both are told. */
export function checkAtMost(at: string, amount: string | undefined, limit: string | undefined, zh: string, en: string): readonly Problem[] {
  if (amount === undefined || limit === undefined || fenOfValid(amount) <= fenOfValid(limit)) return [];
  return [problem("exceeds", at, { zh: `${zh}：${amount} 分大于 ${limit} 分`, en: `${en}: ${amount} fen is more than ${limit}` })];
}

/** A problem when the condition does not hold. */
export const demand = (holds: boolean, code: ProblemCode, at: string, zh: string, en: string): readonly Problem[] =>
  holds ? [] : [problem(code, at, { zh, en })];

/** What every event can be found by, then its own numbers; absent ones are left out, the same one is there once. */
export function keysOf(data: CommonData, ownKeys: readonly (readonly [BusinessKeyKind, string | undefined])[]): readonly BusinessKey[] {
  const keys = new Map<string, BusinessKey>();
  const add = (kind: BusinessKeyKind, value: string | undefined): void => {
    if (value !== undefined) keys.set(`${kind}:${value}`, { kind, value });
  };
  add("order", data.order?.no);
  add("patient", data.patient?.no);
  add("visit", data.visit?.no);
  for (const bill of data.bills) add("bill", bill.no);
  for (const serial of data.serials) add("serial", serial.no);
  for (const [kind, value] of ownKeys) add(kind, value);
  return [...keys.values()];
}
