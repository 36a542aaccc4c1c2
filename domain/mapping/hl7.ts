/**
 * HL7 v2 (v2.1–2.9, "vertical bar" encoding) read into the same tree as XML and JSON, and written from it. Our own, strict: an HL7 library forgives what a payment must not.
 *
 * Addresses: `/PID/5` field 5, `/PID/3/1` its first component, `/FT1/11/1/1` a sub-component; all count from 1. A field that has one component *is* that component, so
 * `/PID/3/1` finds `P1` as well as `P1^^^HIS`. Repetitions (`~`) are nodes of the same name: declare `/PID/3` as a group. MSH-1 and MSH-2 are the grammar itself and have no
 * place. Segments of one name are nodes of the same name; which segments belong to the one before them says `nesting` (`/ORC/OBR/OBX/5`). An empty field is none; `""` (the
 * sender deletes the value) is a place that occurred without a value. A place `*` takes whatever its parent has besides. Source: HL7 v2.5.1 chapter 2, domain.md 4.1.
 */
import { LIMITS } from "./limits.ts";
import type { Place } from "./shape.ts";
import { type Read, ReadStop, type Tree } from "./tree.ts";

/** Parent segment → segments that belong to it when they follow. */
export type Nesting = Readonly<Record<string, readonly string[]>>;
/** Field (`/PID/3`) → component whose value tells its repetitions apart: `/PID/3[PI]/1` is the first component of the one whose component 5 is `PI`. */
export type Keyed = Readonly<Record<string, number>>;

/** What a document says of the structure of its messages. */
export interface Hl7Shape {
  readonly nesting?: Nesting | undefined;
  readonly keyed?: Keyed | undefined;
  /** The last segment may lack its CR. */
  readonly openEnd?: boolean | undefined;
}

/** What separates: MSH-1 and MSH-2 in order. */
export interface Separators {
  readonly field: string;
  readonly component: string;
  readonly repetition: string;
  readonly escape: string;
  readonly subComponent: string;
}

const HL7_LIMITS = {
  /** Segments of one message. */
  segments: 20_000,
  /** Fields of one segment (OBX of v2.9 has 33). */
  fields: 400,
  /** Repetitions of one field. */
  repetitions: 1_000,
  /** Components of one field, sub-components of one component. */
  components: 100,
} as const;

/** The place that takes everything else of its parent, to be ignored with a reason. */
const THE_REST = "*";
/** The sender deletes the value. */
const DELETED = '""';
const SEGMENT = /^[A-Z][A-Z0-9]{2}$/;
const HEADER = "MSH";
/** Length of `MSH|`: what comes before the encoding characters. */
const HEADER_START = 4;
/** A key that can stand in an address; others are `?`, which nobody declares. */
const KEY = /^[A-Za-z0-9_.-]{1,20}$/;
const LINE_END = /\r\n|\r|\n/;
/** Printable ASCII that neither a word nor a number has. */
const PUNCTUATION = /^[!#-/:-@[-`{-~]+$/;

const malformed = (zh: string, en: string): ReadStop => new ReadStop("malformed", `HL7 ${zh}`, `HL7 ${en}`);
const tooMany = (zh: string, en: string): ReadStop => new ReadStop("too-many", `HL7 ${zh}`, `HL7 ${en}`);

/** The separators a message declares; undefined when it does not begin as one. A fifth character (truncation, v2.7) is allowed. */
export function separatorsOf(text: string): Separators | undefined {
  if (!text.startsWith(HEADER)) return undefined;
  const field = text.charAt(HEADER_START - 1);
  const end = text.indexOf(field, HEADER_START);
  const encoding = text.slice(HEADER_START, end < 0 ? HEADER_START : end);
  const all = field + encoding;
  if (encoding.length < 4 || encoding.length > 5 || !PUNCTUATION.test(all) || new Set(all).size !== all.length) return undefined;
  const [component = "", repetition = "", escaping = "", subComponent = ""] = encoding;
  return { field, component, repetition, escape: escaping, subComponent };
}

/** One escape's meaning; undefined for those we do not read (other charsets, local ones). */
function meaningOf(sequence: string, by: Separators): string | undefined {
  const plain: Readonly<Record<string, string>> = {
    F: by.field,
    S: by.component,
    T: by.subComponent,
    R: by.repetition,
    E: by.escape,
    H: "",
    N: "",
    ".br": "\n",
    ".sp": "\n",
  };
  if (Object.hasOwn(plain, sequence)) return plain[sequence];
  const hex = /^X((?:[0-9A-Fa-f]{2}){1,200})$/.exec(sequence)?.[1];
  if (hex === undefined) return undefined;
  let text = "";
  for (let at = 0; at < hex.length; at += 2) {
    const code = Number.parseInt(hex.slice(at, at + 2), 16);
    // Bytes beyond ASCII mean nothing without their charset, and control characters nothing in a value.
    if (code > 0x7e || (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d)) return undefined;
    text += String.fromCharCode(code);
  }
  return text;
}

/** A value with its escapes resolved. Throws ReadStop at one that is unknown or not closed; `where` names the field. */
function unescaped(text: string, by: Separators, where: string): string {
  if (!text.includes(by.escape)) return text;
  const pieces = text.split(by.escape);
  if (pieces.length % 2 === 0) throw malformed(`${where} 转义符未成对`, `${where} holds an escape that is not closed`);
  return pieces
    .map((piece, index) => {
      if (index % 2 === 0) return piece;
      const meaning = meaningOf(piece, by);
      if (meaning === undefined) throw malformed(`${where} 含不支持的转义序列`, `${where} holds an escape sequence that is not supported`);
      return meaning;
    })
    .join("");
}

/** Without separators at its end. */
function trimmed(text: string, separator: string): string {
  let end = text.length;
  while (end > 0 && text.charAt(end - 1) === separator) end -= 1;
  return text.slice(0, end);
}

/** Makes nodes and counts them. */
class Maker {
  readonly by: Separators;
  /** A repetition that says nothing: separators alone. */
  readonly empty: RegExp;
  readonly keyed: Keyed;
  nodes = 0;
  constructor(by: Separators, keyed: Keyed) {
    this.by = by;
    this.keyed = keyed;
    this.empty = new RegExp(`^[\\${by.component}\\${by.subComponent}]*$`);
  }

  node(name: string, parent: Tree): Tree {
    this.nodes += 1;
    if (this.nodes > LIMITS.nodes) throw tooMany(`超过 ${LIMITS.nodes} 项`, `has more than ${LIMITS.nodes} items`);
    const made: Tree = { name, text: "", children: [] };
    parent.children.push(made);
    return made;
  }

  leaf(node: Tree, text: string, where: string): void {
    if (text.length > LIMITS.leaf)
      throw new ReadStop("too-large", `HL7 ${where} 超过 ${LIMITS.leaf} 字`, `HL7 ${where} is longer than ${LIMITS.leaf} characters`);
    node.text = text === DELETED ? "" : unescaped(text, this.by, where);
  }

  /** Cuts a text at the first separator of the list. A text of one part is that part; where that part has parts of its own (`20.00&CNY`) it stands as part 1. */
  cut(node: Tree, text: string, separators: readonly string[], where: string): void {
    const [separator, ...inner] = separators;
    const parts = separator === undefined ? [text] : text.split(separator);
    if (parts.length > HL7_LIMITS.components)
      throw tooMany(`${where} 超过 ${HL7_LIMITS.components} 个组件`, `${where} has more than ${HL7_LIMITS.components} components`);
    let last = parts.length;
    while (last > 0 && parts[last - 1] === "") last -= 1;
    const whole = inner.reduce((one, deeper) => trimmed(one, deeper), parts[0] ?? "");
    if (last <= 1 && !inner.some((deeper) => whole.includes(deeper))) {
      this.leaf(node, whole, where);
      return;
    }
    for (let index = 0; index < last; index += 1) {
      const part = parts[index] ?? "";
      if (!this.empty.test(part)) this.cut(this.node(String(index + 1), node), part, inner, `${where}.${index + 1}`);
    }
  }

  field(segment: Tree, number: number, text: string): void {
    const where = `${segment.name}-${number}`;
    const repetitions = text.split(this.by.repetition);
    if (repetitions.length > HL7_LIMITS.repetitions)
      throw tooMany(`${where} 重复超过 ${HL7_LIMITS.repetitions} 次`, `${where} repeats more than ${HL7_LIMITS.repetitions} times`);
    const { component, subComponent } = this.by;
    const key = this.keyed[`/${segment.name}/${number}`];
    const nameOf = (one: string): string => {
      const value = key === undefined ? "" : (one.split(component)[key - 1] ?? "");
      return value === "" ? String(number) : `${number}[${KEY.test(value) ? value : "?"}]`;
    };
    for (const one of repetitions)
      if (!this.empty.test(one)) this.cut(this.node(nameOf(one), segment), one, [component, subComponent], where);
  }
}

/** The lines of a message, each a segment. Throws when the last is not terminated: it may be cut short. */
function segmentsOf(text: string, openEnd: boolean): readonly string[] {
  // No further than it must: millions of blank lines are refused in a millisecond.
  const lines = text.split(LINE_END, HL7_LIMITS.segments + 2);
  if (lines.length > HL7_LIMITS.segments + 1)
    throw tooMany(`超过 ${HL7_LIMITS.segments} 段`, `has more than ${HL7_LIMITS.segments} segments`);
  const ended = lines[lines.length - 1] === "";
  while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop();
  if (!ended && !openEnd) throw malformed("最后一段没有结束符（CR），可能不完整", "has no CR after its last segment: it may be cut short");
  if (lines.length > HL7_LIMITS.segments) throw tooMany(`超过 ${HL7_LIMITS.segments} 段`, `has more than ${HL7_LIMITS.segments} segments`);
  return lines;
}

function readSegment(line: string, number: number, parent: Tree, maker: Maker): Tree {
  const cells = line.split(maker.by.field);
  const name = cells[0] ?? "";
  if (!SEGMENT.test(name)) throw malformed(`第${number}行不是段`, `line ${number} is no segment`);
  if (cells.length > HL7_LIMITS.fields)
    throw tooMany(`${name} 超过 ${HL7_LIMITS.fields} 个字段`, `${name} has more than ${HL7_LIMITS.fields} fields`);
  if (name === HEADER && number > 1)
    throw malformed(`第${number}行又是 MSH：一次只收一条消息`, `line ${number} is a second MSH: one message at a time`);
  const segment = maker.node(name, parent);
  // MSH-1 is the separator after the name itself, MSH-2 the cell behind it: MSH's cells stand one further right.
  const first = name === HEADER ? 2 : 1;
  const offset = name === HEADER ? 1 : 0;
  for (let index = first; index < cells.length; index += 1) {
    const cell = cells[index] ?? "";
    if (cell !== "") maker.field(segment, index + offset, cell);
  }
  return segment;
}

/** Reads one message. The answer's root is nameless; its children are the segments. Never throws. */
export function readHl7(text: string, shape: Hl7Shape = {}): Read {
  const { nesting = {}, keyed = {}, openEnd = false } = shape;
  try {
    const by = separatorsOf(text);
    if (!by) throw malformed("不以合法的 MSH 段开头", "does not begin with a valid MSH segment");
    if (text.includes("\0")) throw malformed("含空字符", "holds a NUL");
    const root: Tree = { name: "", text: "", children: [] };
    const maker = new Maker(by, keyed);
    const open: Tree[] = [];
    for (const [index, line] of segmentsOf(text, openEnd).entries()) {
      // Into the nearest open segment that takes it, else beside the others.
      const name = line.slice(0, HEADER.length);
      while (open.length > 0 && nesting[open[open.length - 1]?.name ?? ""]?.includes(name) !== true) open.pop();
      open.push(readSegment(line, index + 1, open[open.length - 1] ?? root, maker));
    }
    return { ok: true, root };
  } catch (error) {
    if (error instanceof ReadStop) return error.failure;
    throw error;
  }
}

const IS_NUMBER = /^[1-9]\d{0,2}$/;
/** A field, or one of its repetitions told apart by a key. */
const IS_FIELD = /^[1-9]\d{0,2}(?:\[[A-Za-z0-9_.?-]{1,20}\])?$/;

/** Puts the tree into the form that a document's places ask for: a lone value into component 1 where components are named, what `*` takes into `*`. */
export function fitToPlaces(node: Tree, place: Place): void {
  const rest = place.children.get(THE_REST);
  let taken = false;
  for (let at = 0; at < node.children.length; at += 1) {
    const child = node.children[at];
    if (!child) continue;
    const known = place.children.get(child.name);
    if (!known && rest && IS_FIELD.test(child.name)) {
      node.children.splice(at, 1);
      at -= 1;
      taken = true;
    } else if (known) {
      if (child.text !== "" && child.children.length === 0 && !known.leaf && known.children.size > 0) {
        child.children.push({ name: "1", text: child.text, children: [] });
        child.text = "";
      }
      fitToPlaces(child, known);
    }
  }
  if (taken) node.children.push({ name: THE_REST, text: "", children: [] });
}

/** True for `PID/3/1`, `ORC/OBR/OBX/5`, `PID`, `PV1/3/*`; a place that no HL7 message can have is a slip of the pen. */
export function isHl7Path(path: string): boolean {
  const names = path.split("/");
  let segments = 0;
  while (SEGMENT.test(names[segments] ?? "")) segments += 1;
  const numbers = names.slice(segments);
  if (segments === 0 || numbers.length > 3) return false;
  const inGrammar = names[segments - 1] === HEADER && (numbers[0] === "1" || numbers[0] === "2");
  return (
    !inGrammar &&
    numbers.every((one, index) => (index === 0 ? IS_FIELD : IS_NUMBER).test(one) || (one === THE_REST && index === numbers.length - 1))
  );
}

/** What we write with. */
const DEFAULT_SEPARATORS: Separators = { field: "|", component: "^", repetition: "~", escape: "\\", subComponent: "&" };

/** A value as it stands between separators. */
function escapedHl7(text: string, by: Separators): string {
  const named: Readonly<Record<string, string>> = {
    [by.field]: "F",
    [by.component]: "S",
    [by.subComponent]: "T",
    [by.repetition]: "R",
    [by.escape]: "E",
    "\n": "X0A",
    "\r": "X0D",
  };
  let written = "";
  for (const character of text) {
    const name = Object.hasOwn(named, character) ? named[character] : undefined;
    written += name === undefined ? character : `${by.escape}${name}${by.escape}`;
  }
  return written;
}

/** True when a value of an event can be written as itself: `""` alone would delete the other side's value. */
export const isHl7Value = (text: string): boolean => text !== DELETED;

function partOf(node: Tree, separators: readonly string[], by: Separators): string {
  const [separator, ...inner] = separators;
  if (node.children.length === 0 || separator === undefined) return node.text === DELETED ? DELETED : escapedHl7(node.text, by);
  const parts: string[] = [];
  for (const child of node.children) parts[Number(child.name) - 1] = partOf(child, inner, by);
  return Array.from(parts, (part) => part ?? "").join(separator);
}

function segmentText(node: Tree, by: Separators): string {
  const header = node.name === HEADER;
  const fields: string[] = header ? ["", by.component + by.repetition + by.escape + by.subComponent] : [];
  const deeper: string[] = [];
  for (const child of node.children) {
    if (!IS_FIELD.test(child.name)) deeper.push(segmentText(child, by));
    else {
      const at = Number.parseInt(child.name, 10) - 1;
      const part = partOf(child, [by.component, by.subComponent], by);
      const known = fields[at];
      fields[at] = known === undefined ? part : known + by.repetition + part;
    }
  }
  const cells = Array.from(fields, (field) => field ?? "").slice(header ? 1 : 0);
  return `${[node.name, ...cells].join(by.field)}\r${deeper.join("")}`;
}

/** Writes the message whose nameless root is given: segments in the order of the tree, each ended by CR, MSH-1 and MSH-2 by themselves. */
export const writeHl7 = (root: Tree, by: Separators = DEFAULT_SEPARATORS): string =>
  root.children.map((segment) => segmentText(segment, by)).join("");
