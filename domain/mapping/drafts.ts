/** The events of a case: their rules compiled, and one draft built from a message's rows. */
import type { BusinessKey } from "../events/event.ts";
import type { Case, EventSpec, InboundDocument, Rule } from "./document.ts";
import type { DraftEvent, MappingDeps } from "./inbound.ts";
import { built, compileRules, type Data, type RuleContext, type Run, rowsOf, type Step, valueAt } from "./rules.ts";
import { LIMITS } from "./limits.ts";
import { type Frames, type Place, whereIs } from "./shape.ts";
import { groupsOf } from "./source.ts";

/** Joins parts into one canonical text; separators inside are escaped, absent parts are told apart from empty ones. */
export const canonical = (parts: readonly (string | undefined)[]): string =>
  parts
    .map((part) => (part === undefined ? "-" : part.replace(/[%|]/g, (one) => (one === "|" ? "%7C" : "%25")).replace(/^-$/, "%2D")))
    .join("|");

/** One event of a case, ready to be built. */
export interface CompiledEvent {
  readonly spec: EventSpec;
  readonly holds: ((frames: Frames) => boolean) | undefined;
  readonly steps: readonly Step[];
  readonly subject: readonly (readonly [string, Finder])[];
  readonly identity: readonly Finder[];
  readonly volatile: readonly string[];
  /** One event for every row of this group. */
  readonly each: Place | undefined;
  readonly rows: { readonly group: Place; readonly steps: readonly Step[] } | undefined;
  /** Pointer into the data → where it came from. */
  readonly places: ReadonlyMap<string, string>;
}

/** A field of the finished data, or a source field. */
type Finder = (data: Data, frames: Frames) => string | undefined;

function finderOf(text: string, context: RuleContext, at: string, chain: readonly Place[]): Finder {
  if (/[:/]/.test(text)) {
    const found = context.source.ref(text, at, chain);
    return (_, frames) => found?.get(frames);
  }
  const path = dotted(text);
  return (data) => {
    const value = valueAt(data, path);
    return value === undefined ? undefined : String(value);
  };
}

/** Targets whose value is our time of receipt, or follows from it. */
function volatileOf(rules: readonly Rule[]): readonly string[] {
  const names = new Set(rules.filter((rule) => rule.received).map((rule) => rule.to));
  for (const rule of rules) if (names.has(rule.copy ?? rule.businessDateOf ?? "")) names.add(rule.to);
  return [...names];
}

const dotted = (text: string): readonly string[] => text.split(".");

function placesOf(rules: readonly Rule[], context: RuleContext, chain: readonly Place[]): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  for (const rule of rules) {
    const name = typeof rule.from === "string" ? rule.from : rule.from?.[0];
    const found = name === undefined ? undefined : context.source.ref(name, "/", chain);
    if (found) places.set(`/${rule.to.replaceAll(".", "/")}`, found.where().place);
  }
  return places;
}

/** Compiles one event with the document's common rules in front. */
export function compileEvent(
  spec: EventSpec,
  document: InboundDocument,
  context: RuleContext,
  types: ReadonlySet<string>,
  at: string,
): CompiledEvent {
  if (!types.has(spec.type)) context.fault(`${at}/type`, `没有事件类型 ${spec.type}`, `there is no event type ${spec.type}`);
  const rules = [...(document.common ?? []), ...spec.fields];
  const targets = new Set<string>();
  for (const rule of rules) {
    if (targets.has(rule.to) && rule.when === undefined) context.fault(at, `${rule.to} 写了两次`, `${rule.to} is set twice`);
    targets.add(rule.to);
  }
  for (const needed of ["occurredAt", "businessDate"])
    if (!targets.has(needed)) context.fault(`${at}/fields`, `缺少 ${needed}`, `lacks ${needed}`);
  const each = spec.each === undefined ? undefined : context.source.group(spec.each, `${at}/each`);
  const chain = each ? groupsOf(each) : [];
  const steps = [...compileRules(document.common ?? [], context, "/common"), ...compileRules(spec.fields, context, `${at}/fields`, chain)];
  const group = spec.rows ? context.source.group(spec.rows.each, `${at}/rows/each`) : undefined;
  return {
    spec,
    each,
    holds: spec.when === undefined ? undefined : context.source.condition(spec.when, `${at}/when`, chain),
    steps,
    subject: Object.entries(spec.subject).map(
      ([prefix, text]) => [prefix, finderOf(text, context, `${at}/subject/${prefix}`, chain)] as const,
    ),
    identity: spec.businessIdentity.map((text, index) => finderOf(text, context, `${at}/businessIdentity/${index}`, chain)),
    volatile: [...new Set([...volatileOf(rules), ...(spec.notCompared ?? [])])],
    rows: spec.rows && group ? { group, steps: compileRules(spec.rows.fields, context, `${at}/rows/fields`, [group]) } : undefined,
    places: placesOf(rules, context, chain),
  };
}

/** The registry's sentences begin with its own place; ours begin with the partner's. */
const withoutPlace = (sentence: string, place: string): string => {
  if (place === "" || !sentence.startsWith(place)) return sentence;
  return sentence.slice(place.length).replace(/^(?:：|: )/, "");
};

/** Builds the event's data and checks it; undefined after problems, which are in the run's sink. */
export function draft(
  event: CompiledEvent,
  outer: Run,
  frames: Frames,
  keys: readonly BusinessKey[],
  deps: MappingDeps,
): DraftEvent | undefined {
  const data: Data = { schemaVersion: 1 };
  const run: Run = { ...outer, data };
  for (const step of event.steps) step(run, frames, data);
  data.bills ??= [];
  data.serials ??= [];
  data.test = run.constants.test === "true";
  data.missing = (event.spec.missing ?? []).filter((path) => valueAt(data, dotted(path)) === undefined);
  const rows = event.rows ? rowsOf(event.rows.group, frames).map((inside) => built(event.rows?.steps ?? [], run, inside)) : undefined;
  if (run.sink.problems.length > 0) return undefined;
  for (const one of deps.events.validate(event.spec.type, data)) {
    run.sink.add(
      one.code,
      { at: one.at, place: event.places.get(one.at) ?? one.place },
      { zh: withoutPlace(one.zh, one.place), en: withoutPlace(one.en, one.place) },
    );
  }
  const identity = event.identity.map((find) => find(data, frames));
  if (identity.every((value) => value === undefined)) run.sink.add("missing", { at: "", place: "业务身份 business identity" });
  const subject = event.subject.map(([prefix, find]) => [prefix, find(data, frames)] as const).find(([, value]) => value !== undefined);
  if (!subject) run.sink.add("missing", { at: "", place: "通道键 subject" });
  if (run.sink.problems.length > 0 || !subject) return undefined;
  return {
    type: event.spec.type,
    subject: `${subject[0]}:${subject[1]}`,
    data,
    occurredAt: String(data.occurredAt),
    businessIdentity: canonical([event.spec.type, ...identity]),
    keys,
    volatile: event.volatile,
    ...(rows ? { rows } : {}),
  };
}

/** Every row of a group, however deep it lies. */
const everyRow = (group: Place, frames: Frames): readonly Frames[] =>
  groupsOf(group).reduce<readonly Frames[]>((all, one) => all.flatMap((inside) => rowsOf(one, inside)), [frames]);

/** Rows that yield no event, with a reason in the document. */
export interface CompiledWithout {
  readonly each: Place;
  readonly holds: ((frames: Frames) => boolean) | undefined;
}

/** Compiles the rows of a case that yield nothing. */
export const compileWithout = (spec: Case, context: RuleContext, at: string): readonly CompiledWithout[] =>
  (spec.without ?? []).flatMap(({ each, when }, index) => {
    const group = context.source.group(each, `${at}/without/${index}/each`);
    if (!group) return [];
    return [
      {
        each: group,
        holds: when === undefined ? undefined : context.source.condition(when, `${at}/without/${index}/when`, groupsOf(group)),
      },
    ];
  });

/**
 * The events of a case that hold, each with the frames it is made from: a row for those that are made of every row. A row that no event takes is a problem: money
 * that a message tells of is never passed over. `passed`: at least one row was taken, if only by a `without`.
 */
export function heldEvents(
  events: readonly CompiledEvent[],
  without: readonly CompiledWithout[],
  frames: Frames,
  sink: Run["sink"],
): { readonly held: readonly { readonly event: CompiledEvent; readonly frames: Frames }[]; readonly passed: boolean } {
  const held: { readonly event: CompiledEvent; readonly frames: Frames }[] = [];
  const rows = new Map<Place, readonly Frames[]>();
  const taken = new Set<Frames>();
  const rowsOfGroup = (group: Place): readonly Frames[] => {
    const all = rows.get(group) ?? everyRow(group, frames);
    rows.set(group, all);
    return all;
  };
  for (const event of events) {
    if (event.each === undefined) {
      if (event.holds === undefined || event.holds(frames)) held.push({ event, frames });
      continue;
    }
    for (const row of rowsOfGroup(event.each)) {
      if (event.holds !== undefined && !event.holds(row)) continue;
      taken.add(row);
      held.push({ event, frames: row });
    }
  }
  for (const { each, holds } of without) for (const row of rowsOfGroup(each)) if (holds === undefined || holds(row)) taken.add(row);
  for (const [group, all] of rows) for (const row of all) if (!taken.has(row)) sink.add("no-case", whereIs(group, row));
  if (held.length > LIMITS.events)
    sink.add("too-many", { at: "", place: "" }, { zh: `事件超过 ${LIMITS.events} 个`, en: `yields more than ${LIMITS.events} events` });
  return { held: held.slice(0, LIMITS.events), passed: taken.size > 0 };
}
