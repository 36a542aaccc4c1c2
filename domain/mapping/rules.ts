/** Rules of an inbound document, compiled to functions that build an event's data and report every problem on the way. */
import { businessDate, isDate } from "../time.ts";
import { fenFromFenText, fenFromYuan } from "../money.ts";
import type { Condition, Rule } from "./document.ts";
import { type KindOptions, piecesOf, type ReadValue, readerOf, Unread, type Value } from "./kinds.ts";
import type { Frames, Place, Sink } from "./shape.ts";
import { type Fault, groupsOf, type Reference, type Source } from "./source.ts";

export type Data = Record<string, unknown>;

/** One translation under way. */
export interface Run {
  readonly sink: Sink;
  readonly constants: Readonly<Record<string, string>>;
  /** `HH:mm`. */
  readonly cutOff: string;
  readonly checksum: () => string;
  /** China date-time of receipt; undefined when the caller did not say. */
  readonly receivedAt: string | undefined;
  /** The event's data as built so far. */
  readonly data: Data;
}
export type Step = (run: Run, frames: Frames, target: Data) => void;

/** What compiling rules needs of the document around them. */
export interface RuleContext {
  readonly source: Source;
  readonly fault: Fault;
  readonly tables: Readonly<Record<string, Readonly<Record<string, string | boolean>>>>;
  /** Constants that the vendor declares; those used are noted. */
  readonly constants: ReadonlySet<string>;
  readonly constantsUsed: Set<string>;
}

/** The constant that every translation has: the partner's own name. */
const PARTNER = "partner";
/** The problem is reported already. */
const FAILED = Symbol("failed");
type Produced = Value | readonly Data[] | undefined | typeof FAILED;
type Produce = (run: Run, frames: Frames) => Produced;

const SOURCES = [
  "from",
  "value",
  "constant",
  "sum",
  "each",
  "list",
  "copy",
  "businessDateOf",
  "template",
  "differs",
  "received",
  "checksum",
  "count",
  "earliest",
  "latest",
] as const;

function setAt(target: Data, path: readonly string[], value: unknown): void {
  let here = target;
  for (let index = 0; index < path.length - 1; index += 1) {
    const name = path[index] ?? "";
    const next = here[name];
    if (typeof next === "object" && next !== null) here = next as Data;
    else {
      const made: Data = {};
      here[name] = made;
      here = made;
    }
  }
  here[path[path.length - 1] ?? ""] = value;
}

/** The value at a dotted path of an event's data; array entries by number (`bills.0.no`). */
export function valueAt(data: unknown, path: readonly string[]): unknown {
  let here = data;
  for (const name of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return undefined;
    here = (here as Data)[name];
  }
  return here;
}

const reader = (rule: Rule, context: RuleContext, at: string): ReadValue => {
  const kind = rule.as ?? "text";
  const table = rule.table === undefined ? undefined : context.tables[rule.table];
  if (kind === "code" && !table) context.fault(`${at}/table`, "as: code 须指明 tables 中的对照表", "as: code names one of `tables`");
  if (kind !== "code" && rule.table !== undefined) context.fault(`${at}/table`, "table 只用于 as: code", "a table goes with as: code");
  if ((kind === "date" || kind === "date-time") && rule.format !== undefined && !piecesOf(rule.format, kind === "date-time"))
    context.fault(`${at}/format`, "日期格式须含 yyyy MM dd（及 HH mm），每项一次", "a date format has yyyy MM dd (and HH mm), each once");
  const { pick } = rule;
  if (pick !== undefined && !isPick(pick)) {
    context.fault(`${at}/pick`, "pick 须是恰有一个组的正则式", "pick is a pattern with exactly one group");
    return () => PICK_FAILED;
  }
  const options: KindOptions = {
    as: rule.as,
    format: rule.format,
    table,
    max: rule.max,
    min: rule.min,
    signed: rule.signed,
    keep: rule.keep,
  };
  const read = readerOf(options);
  if (pick === undefined) return read;
  const pattern = new RegExp(`^(?:${pick})$`, "u");
  return (text) => {
    const part = pattern.exec(text)?.[1];
    return part === undefined ? PICK_FAILED : read(part);
  };
};

const PICK_FAILED = new Unread("unreadable", "不是约定的结构", "has not the agreed structure");

export function isPick(pattern: string): boolean {
  try {
    return new RegExp(`${pattern}|`, "u").exec("")?.length === 2;
  } catch {
    return false; // no pattern at all
  }
}

function report(run: Run, unread: Unread, where: { readonly at: string; readonly place: string }): typeof FAILED {
  run.sink.add(unread.code, where, {
    ...(unread.zh === undefined ? {} : { zh: unread.zh }),
    ...(unread.en === undefined ? {} : { en: unread.en }),
  });
  return FAILED;
}

function single(text: string, at: string, context: RuleContext, chain: readonly Place[]): Reference | undefined {
  const found = context.source.ref(text, at, chain);
  if (found?.repeats) context.fault(at, `${text} 会重复，须在 each 内使用`, `${text} repeats: use it inside each`);
  return found;
}

function produceFrom(rule: Rule, context: RuleContext, at: string, chain: readonly Place[]): Produce {
  const read = reader(rule, context, at);
  const names = typeof rule.from === "string" ? [rule.from] : (rule.from ?? []);
  const refs = names.map((name, index) =>
    single(name, typeof rule.from === "string" ? `${at}/from` : `${at}/from/${index}`, context, chain),
  );
  const [first] = refs;
  if (rule.as === "json" && first) first.place.whole = true;
  if (refs.some((one) => !one) || !first) return () => FAILED;
  if (refs.length === 1)
    return (run, frames) => {
      const text = first.get(frames);
      if (text === undefined) return undefined;
      const value = read(text);
      return value instanceof Unread ? report(run, value, first.where(frames)) : value;
    };
  const join = rule.join ?? "";
  return (run, frames) => {
    const texts = refs.map((one) => one?.get(frames));
    if (texts.every((text) => text === undefined)) return undefined;
    const gap = texts.indexOf(undefined);
    if (gap >= 0) {
      run.sink.add("missing", refs[gap]?.where(frames) ?? first.where(frames));
      return FAILED;
    }
    const value = read(texts.join(join));
    return value instanceof Unread ? report(run, value, first.where(frames)) : value;
  };
}

/** Adds the amounts of references, every row of a repeating one; undefined when one is absent (reported) or all are and `skipAbsent`. */
export function compileSum(
  texts: readonly string[],
  money: { readonly as: "yuan" | "fen"; readonly signed: boolean; readonly skipAbsent: boolean },
  context: Pick<RuleContext, "source">,
  at: string,
  chain: readonly Place[],
  only?: Condition,
): (run: Pick<Run, "sink">, frames: Frames) => bigint | undefined | typeof FAILED {
  const refs = texts.map((text, index) => context.source.ref(text, `${at}/${index}`, chain)).filter((one) => one !== undefined);
  const read = money.as === "fen" ? fenFromFenText : fenFromYuan;
  const holds = only === undefined ? undefined : context.source.condition(only, `${at}/only`, refs[0] ? groupsOf(refs[0].place) : chain);
  const sign = money.signed ? "signed" : "unsigned";
  return (run, frames) => {
    let total = 0n;
    let counted = 0;
    let failed = false;
    for (const one of refs)
      for (const inside of one.expand(frames)) {
        if (holds && !holds(inside)) continue;
        const text = one.get(inside);
        const amount = text === undefined ? undefined : read(text, sign);
        if (amount !== undefined) {
          total += amount;
          counted += 1;
        } else if (text !== undefined || !money.skipAbsent) {
          run.sink.add(text === undefined ? "missing" : "bad-money", one.where(inside));
          failed = true;
        }
      }
    if (failed) return FAILED;
    return counted === 0 && refs.every((one) => !one.repeats) ? undefined : total;
  };
}

function produceSum(rule: Rule, context: RuleContext, at: string, chain: readonly Place[]): Produce {
  const as = rule.as ?? "yuan";
  if (as !== "yuan" && as !== "fen") {
    context.fault(`${at}/as`, "sum 只能是 yuan 或 fen", "a sum is yuan or fen");
    return () => FAILED;
  }
  const money = { as, signed: rule.signed ?? false, skipAbsent: rule.skipAbsent ?? false } as const;
  const plus = compileSum(rule.sum ?? [], money, context, `${at}/sum`, chain, rule.only);
  const minus = rule.less ? compileSum(rule.less, money, context, `${at}/less`, chain) : undefined;
  const where = { at: rule.to, place: rule.to };
  return (run, frames) => {
    const gained = plus(run, frames);
    const lost = minus?.(run, frames) ?? 0n;
    if (gained === FAILED || lost === FAILED || gained === undefined) return gained === undefined ? undefined : FAILED;
    const result = gained - lost;
    if (result >= 0n || money.signed) return result.toString();
    run.sink.add("exceeds", where, { zh: "相减后小于零", en: "is below zero after subtracting" });
    return FAILED;
  };
}

function produceEdge(rule: Rule, context: RuleContext, at: string, chain: readonly Place[]): Produce {
  const latest = rule.latest !== undefined;
  const found = context.source.ref(rule.latest ?? rule.earliest ?? "", at, chain);
  const read = reader(rule, context, at);
  if (rule.as !== "date" && rule.as !== "date-time")
    context.fault(`${at}/as`, "earliest、latest 只用于 date、date-time", "earliest and latest are of dates");
  return (run, frames) => {
    let edge: string | undefined;
    for (const inside of found?.expand(frames) ?? []) {
      const text = found?.get(inside);
      const value = text === undefined ? undefined : read(text);
      if (value instanceof Unread) return report(run, value, found?.where(inside) ?? { at: rule.to, place: rule.to });
      if (typeof value === "string" && (edge === undefined || (latest ? value > edge : value < edge))) edge = value;
    }
    return edge;
  };
}

function produceEach(rule: Rule, context: RuleContext, at: string, chain: readonly Place[]): Produce {
  const group = context.source.group(rule.each ?? "", `${at}/each`, chain);
  if (!group || !rule.fields) {
    if (!rule.fields) context.fault(at, "each 须有 fields", "each needs fields");
    return () => FAILED;
  }
  const steps = compileRules(rule.fields, context, `${at}/fields`, [...chain, group]);
  return (run, frames) => rowsOf(group, frames).map((inside) => built(steps, run, inside));
}

/** The frames of every row of a group that lies directly in the last frame's scope chain. */
export function rowsOf(group: Place, frames: Frames): readonly Frames[] {
  const parents = frames.slice(0, group.scope.depth);
  const rows = parents[group.scope.depth - 1]?.groups[group.group ?? 0] ?? [];
  return rows.map((row) => [...parents, row]);
}

export function built(steps: readonly Step[], run: Run, frames: Frames): Data {
  const made: Data = {};
  for (const step of steps) step(run, frames, made);
  return made;
}

function produceList(rule: Rule, context: RuleContext, at: string, chain: readonly Place[]): Produce {
  const entries = (rule.list ?? []).map((entry, index) => ({
    holds: entry.when === undefined ? () => true : context.source.condition(entry.when, `${at}/list/${index}/when`, chain),
    steps: compileRules(entry.fields, context, `${at}/list/${index}/fields`, chain),
  }));
  return (run, frames) => {
    const made: Data[] = [];
    for (const entry of entries) {
      if (!entry.holds(frames)) continue;
      const one = built(entry.steps, run, frames);
      if (Object.keys(one).length > 0) made.push(one);
    }
    return made;
  };
}

function produceFromTarget(rule: Rule): Produce {
  const path = (rule.copy ?? rule.businessDateOf ?? "").split(".");
  return (run) => {
    const value = valueAt(run.data, path);
    if (value === undefined) return run.sink.problems.length > 0 ? FAILED : undefined;
    if (rule.copy !== undefined) return value as Value;
    return typeof value === "string" ? (isDate(value) ? value : businessDate(value, run.cutOff)) : undefined;
  };
}

/** Text with `{target}`; absent when a target is. */
function produceTemplate(template: string): Produce {
  const pieces = template.split(/\{([A-Za-z0-9.]+)\}/).map((piece, index) => (index % 2 === 0 ? piece : piece.split(".")));
  return (run) => {
    let text = "";
    for (const piece of pieces) {
      const value = typeof piece === "string" ? piece : valueAt(run.data, piece);
      if (value === undefined) return run.sink.problems.length > 0 ? FAILED : undefined;
      text += String(value);
    }
    return text;
  };
}

function produceConstant(rule: Rule, context: RuleContext, at: string): Produce {
  const name = rule.constant ?? "";
  if (name !== PARTNER && !context.constants.has(name))
    context.fault(`${at}/constant`, `vendor.json 的 constants 未声明 ${name}`, `vendor.json declares no constant ${name}`);
  if (rule.optional !== true && name !== PARTNER) context.constantsUsed.add(name);
  const read = reader(rule, context, at);
  const where = { at: name, place: name };
  return (run) => {
    const text = run.constants[name];
    if (text === undefined || text === "") {
      if (rule.optional !== true) run.sink.add("unknown-constant", where);
      return rule.optional === true ? undefined : FAILED;
    }
    const value = read(text);
    return value instanceof Unread ? report(run, value, where) : value;
  };
}

function produceOf(rule: Rule, context: RuleContext, at: string, chain: readonly Place[]): Produce {
  const given = SOURCES.filter((name) => rule[name] !== undefined);
  if (given.length !== 1) {
    context.fault(at, `须恰有一个来源：${SOURCES.join("、")}`, `exactly one of: ${SOURCES.join(", ")}`);
    return () => FAILED;
  }
  switch (given[0]) {
    case "from":
      return produceFrom(rule, context, at, chain);
    case "value": {
      const { value } = rule;
      return () => value;
    }
    case "constant":
      return produceConstant(rule, context, at);
    case "sum":
      return produceSum(rule, context, at, chain);
    case "each":
      return produceEach(rule, context, at, chain);
    case "list":
      return produceList(rule, context, at, chain);
    case "template":
      return produceTemplate(rule.template ?? "");
    case "differs": {
      const [one = [], other = []] = (rule.differs ?? []).map((name) => name.split("."));
      return (run) => {
        const values = [valueAt(run.data, one), valueAt(run.data, other)];
        if (values.includes(undefined)) return run.sink.problems.length > 0 ? FAILED : undefined;
        return values[0] !== values[1];
      };
    }
    case "received":
      return (run) => run.receivedAt;
    case "checksum":
      return (run) => `sha256:${run.checksum()}`;
    case "count": {
      const group = context.source.group(rule.count ?? "", `${at}/count`, chain);
      const holds = rule.only && group ? context.source.condition(rule.only, `${at}/only`, [...chain, group]) : () => true;
      return (_, frames) => (group ? rowsOf(group, frames).filter(holds).length : FAILED);
    }
    case "earliest":
    case "latest":
      return produceEdge(rule, context, at, chain);
    default:
      return produceFromTarget(rule);
  }
}

function compileRule(rule: Rule, context: RuleContext, at: string, chain: readonly Place[]): Step {
  const produce = produceOf(rule, context, at, chain);
  const path = rule.to.split(".");
  const holds = rule.when === undefined ? undefined : context.source.condition(rule.when, `${at}/when`, chain);
  const optional = rule.optional ?? false;
  const name = typeof rule.from === "string" ? rule.from : rule.from?.[0];
  const found =
    name === undefined ? undefined : context.source.ref(name, typeof rule.from === "string" ? `${at}/from` : `${at}/from/0`, chain);
  const whole = { at: rule.to, place: rule.to };
  return (run, frames, target) => {
    if (holds && !holds(frames)) return;
    const value = produce(run, frames);
    if (value === FAILED) return;
    if (value === undefined || (optional && Array.isArray(value) && value.length === 0)) {
      if (!optional) run.sink.add("missing", found?.where(frames) ?? whole);
      return;
    }
    setAt(target, path, value);
  };
}

/** Compiles rules; `chain` are the groups being walked. */
export const compileRules = (rules: readonly Rule[], context: RuleContext, at: string, chain: readonly Place[] = []): readonly Step[] =>
  rules.map((rule, index) => compileRule(rule, context, `${at}/${index}`, chain));

export { FAILED };
