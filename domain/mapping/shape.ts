/**
 * The shape of a message: every place a document names, numbered, so that a parsed message is arrays and no look-up happens while translating.
 * A place that occurs in a message and is not in the shape is a problem: every source field is accounted for (design.md decision 14).
 */
import { type Problem, type ProblemCode, problem } from "../problem.ts";
import { LIMITS } from "./limits.ts";
import type { Tree } from "./tree.ts";

/** A level of the message that repeats (or the message itself, depth 0). */
export interface Scope {
  readonly depth: number;
  readonly parent: Scope | undefined;
  slots: number;
  groups: number;
}

/** One named place. */
export interface Place {
  readonly name: string;
  readonly parent: Place | undefined;
  /** The scope its own value lives in: that of its rows when it is a group. */
  readonly scope: Scope;
  readonly slot: number;
  /** Present when it repeats: its number among the groups of the enclosing scope. */
  readonly group: number | undefined;
  readonly children: Map<string, Place>;
  /** Some rule reads the value, or it is ignored with a reason. */
  leaf: boolean;
  /** Some rule takes the JSON object that stands here as it is written; its members are accounted for all the same. */
  whole: boolean;
  /** Its text is a document of its own. */
  inner: "xml" | "json" | undefined;
  /** How people call it: `入参第2项 单据号`; the path when absent. */
  label: string | undefined;
}

/** The values of one scope's occurrence: "" is a place that occurred without a value, undefined one that did not occur. */
export interface Row {
  readonly values: (string | undefined)[];
  readonly groups: Row[][];
  /** Counts from 0. */
  readonly index: number;
}
/** The row of every scope on the way, the message first. */
export type Frames = readonly Row[];

export const createScope = (parent?: Scope): Scope => ({ depth: parent ? parent.depth + 1 : 0, parent, slots: 0, groups: 0 });

export function createRow(scope: Scope, index = 0): Row {
  const row: Row = { values: new Array<string | undefined>(scope.slots).fill(undefined), groups: [], index };
  for (let group = 0; group < scope.groups; group += 1) row.groups.push([]);
  return row;
}

/** A place without parent: a part of the message. */
export function createPlace(name: string, scope: Scope): Place {
  scope.slots += 1;
  return {
    name,
    parent: undefined,
    scope,
    slot: scope.slots - 1,
    group: undefined,
    children: new Map(),
    leaf: false,
    whole: false,
    inner: undefined,
    label: undefined,
  };
}

/** The place's child of that name, made when it is new. `repeats` makes it a group with a scope of its own. */
export function childOf(parent: Place, name: string, repeats = false): Place {
  const known = parent.children.get(name);
  if (known) return known;
  const scope = repeats ? createScope(parent.scope) : parent.scope;
  const group = repeats ? parent.scope.groups : undefined;
  if (repeats) parent.scope.groups += 1;
  scope.slots += 1;
  const place: Place = {
    name,
    parent,
    scope,
    slot: scope.slots - 1,
    group,
    children: new Map(),
    leaf: false,
    whole: false,
    inner: undefined,
    label: undefined,
  };
  parent.children.set(name, place);
  return place;
}

/** Where a place is, for programs (`reply:/出参/总费用`) and people; rows are numbered from 1 where the frames tell which. */
export function whereIs(place: Place, frames?: Frames): { readonly at: string; readonly place: string } {
  const names: string[] = [];
  const rows: string[] = [];
  let root = place;
  for (let here: Place | undefined = place; here; here = here.parent) {
    root = here;
    if (!here.parent) break;
    const row = here.group === undefined ? undefined : frames?.[here.scope.depth];
    if (row) rows.unshift(`第${row.index + 1}行`);
    names.unshift(row ? `${here.name}[${row.index + 1}]` : here.name);
  }
  const at = names.length === 0 ? root.name : `${root.name === "" ? "" : `${root.name}:`}/${names.join("/")}`;
  if (place.label === undefined) return { at, place: at };
  return { at, place: place.label.startsWith("/") ? `${at} ${place.label.slice(1)}` : `${rows.join("")}${place.label}` };
}

/** Collects problems up to the limit; the rest is one last entry. */
export interface Sink {
  readonly problems: Problem[];
  /** The message's structure is broken: rules over its fields would only repeat that. */
  broken: boolean;
  add(
    code: ProblemCode,
    where: { readonly at: string; readonly place: string },
    detail?: { readonly zh?: string; readonly en?: string },
  ): void;
}

export function createSink(): Sink {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  return {
    problems,
    broken: false,
    add: (code, where, detail = {}) => {
      const same = `${code} ${where.at} ${detail.en ?? ""}`;
      if (problems.length > LIMITS.problems || seen.has(same)) return;
      seen.add(same);
      if (problems.length === LIMITS.problems) problems.push(problem("too-many-problems", ""));
      else problems.push(problem(code, where.at, { place: where.place, ...detail }));
    },
  };
}

/** Reads a document carried inside a leaf; undefined after it has reported why it cannot. */
export type ReadInner = (place: Place, text: string, frames: Frames) => Tree | undefined;

export interface Fill {
  readonly sink: Sink;
  /** Unknown places are no problem: replies are read for their declared places only. */
  readonly lenient: boolean;
  readonly trim: boolean;
  readonly readInner: ReadInner;
  /** Documents inside documents so far. */
  depth: number;
}

const NOT_BLANK = /\S/;

function unknown(place: Place, child: Tree, frames: Frames, fill: Fill): void {
  if (fill.lenient) return;
  const { at } = whereIs(place, frames);
  const where = place.parent === undefined && at === place.name ? `${at === "" ? "" : `${at}:`}/${child.name}` : `${at}/${child.name}`;
  fill.sink.add("unmapped", { at: where, place: where });
}

function fillOne(child: Tree, place: Place, row: Row, frames: Frames, fill: Fill): void {
  const text = fill.trim ? child.text.trim() : child.text;
  if (place.whole && child.json !== undefined) row.values[place.slot] = child.json;
  else if (place.leaf || place.inner !== undefined) row.values[place.slot] = text;
  else {
    row.values[place.slot] = "";
    if (!fill.lenient && NOT_BLANK.test(child.text)) {
      const where = whereIs(place, frames);
      fill.sink.add("unmapped", where, {
        zh: "有文本内容，但映射只写了它的下级",
        en: "has text of its own, but the mapping knows only what is inside it",
      });
    }
  }
  if (place.inner !== undefined && text !== "") {
    const inner = fill.readInner(place, text, frames);
    if (inner) fillFrom(inner, place, frames, fill);
  } else if (child.children.length > 0) fillFrom(child, place, frames, fill);
}

/** Puts the children of `node` into the places below `place`. `frames` ends with the row of the place's scope. */
export function fillFrom(node: Tree, place: Place, frames: Frames, fill: Fill): void {
  const row = frames[place.scope.depth];
  if (!row) return;
  for (const child of node.children) {
    const known = place.children.get(child.name);
    if (!known) unknown(place, child, frames, fill);
    else if (known.group !== undefined) {
      const rows = row.groups[known.group] ?? [];
      if (rows.length >= LIMITS.rows) {
        if (rows.length === LIMITS.rows) fill.sink.add("too-many", whereIs(known));
        continue;
      }
      const own = createRow(known.scope, rows.length);
      rows.push(own);
      fillOne(child, known, own, [...frames.slice(0, known.scope.depth), own], fill);
    } else if (row.values[known.slot] !== undefined) fill.sink.add("duplicate", whereIs(known, frames));
    else fillOne(child, known, row, frames, fill);
  }
}
