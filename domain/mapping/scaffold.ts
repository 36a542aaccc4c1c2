/**
 * A first document from a real message: every field found, its guessed kind, and nothing decided. What an integrator must still decide stands in `unfilled`,
 * and a document with anything there is refused. No value of the message is copied: messages hold personal data, documents are committed.
 */
import type { Codec, Kind, Layout, LayoutField } from "./document.ts";
import { type Nesting, readHl7 } from "./hl7.ts";
import { readJson } from "./json.ts";
import type { Tree } from "./tree.ts";
import { readXml } from "./xml.ts";

/** A field that is neither mapped nor ignored yet. */
export interface Unfilled {
  readonly from: string;
  /** The shape of the value found: 9 a digit, A a letter, 汉 a Chinese character; "" was empty. */
  readonly looks: string;
  readonly as?: Kind;
  readonly format?: string;
  /** To be filled, or moved to `ignored` with a reason. */
  readonly to: "";
}

export interface Scaffolded {
  readonly codec: Codec;
  readonly unfilled: readonly Unfilled[];
}

const LOOKS_MAX = 30;
const looksOf = (text: string): string =>
  text
    .slice(0, LOOKS_MAX)
    .replace(/[0-9]/g, "9")
    .replace(/[A-Za-z]/g, "A")
    .replace(/\p{Script=Han}/gu, "汉");

const GUESSES: readonly (readonly [RegExp, Pick<Unfilled, "as" | "format">])[] = [
  [/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, { as: "date-time", format: "yyyy-MM-dd HH:mm:ss" }],
  [/^(?:19|20)\d{2}(?:0[1-9]|1[0-2])[0-3]\d[0-2]\d[0-5]\d[0-5]\d$/, { as: "date-time", format: "yyyyMMddHHmmss" }],
  [/^(?:19|20)\d{2}[01]\d[0-3]\d [0-2]\d[0-5]\d[0-5]\d$/, { as: "date-time", format: "yyyyMMdd HHmmss" }],
  [/^\d{4}-\d\d-\d\d$/, { as: "date", format: "yyyy-MM-dd" }],
  [/^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/, { as: "date", format: "yyyyMMdd" }],
  [/^-?\d{1,10}\.\d{2}$/, { as: "yuan" }],
  [/^\d{1,10}\.\d{4}$/, { as: "price" }],
];

const guess = (from: string, text: string): Unfilled => {
  const found = GUESSES.find(([pattern]) => pattern.test(text))?.[1] ?? (text === "" ? {} : { as: "text" as const });
  return { from, looks: looksOf(text), ...found, to: "" };
};

/** What follows what in the messages that hospitals send (v2.5.1 structures); those that occur become the codec's `nesting`. */
const USUAL_NESTING: Nesting = {
  PID: ["NTE"],
  ORC: ["OBR", "RXO", "RXE", "NTE", "FT1", "BLG"],
  OBR: ["NTE", "OBX", "SPM"],
  OBX: ["NTE"],
  FT1: ["NTE", "PR1"],
  IN1: ["IN2", "IN3"],
};

/** Pairs of `USUAL_NESTING` that the tree has. */
function nestingIn(root: Tree): Record<string, string[]> {
  const found = new Map<string, Set<string>>();
  const visit = (node: Tree): void => {
    for (const child of node.children) {
      if (/^[A-Z]/.test(child.name) && node.name !== "") found.set(node.name, (found.get(node.name) ?? new Set()).add(child.name));
      visit(child);
    }
  };
  visit(root);
  return Object.fromEntries([...found].map(([name, inside]) => [name, [...inside]]));
}

/** Fields met with and without components are the first component where they have none. */
function firstComponents({ codec, unfilled }: Scaffolded): Scaffolded {
  const paths = new Set(unfilled.map((one) => one.from));
  const whole = (path: string): boolean => [...paths].some((other) => other.startsWith(`${path}/`));
  const told = unfilled.map((one) => (whole(one.from) ? { ...one, from: `${one.from}/1` } : one));
  return { codec, unfilled: told.filter((one, index) => told.findIndex((other) => other.from === one.from) === index) };
}

function fromHl7(part: string, text: string): Scaffolded | undefined {
  const read = readHl7(text, { nesting: USUAL_NESTING, openEnd: true });
  if (!read.ok) return undefined;
  const nesting = nestingIn(read.root);
  const { codec, unfilled } = firstComponents(fromTree(part, "hl7", read.root));
  return { codec: { ...codec, ...(Object.keys(nesting).length > 0 ? { nesting } : {}) }, unfilled };
}

/** A group inside another is declared after it. */
const outerFirst = (groups: readonly string[]): string[] =>
  groups.toSorted((one, other) => one.split("/").length - other.split("/").length);

function fromTree(part: string, kind: "xml" | "json" | "hl7", root: Tree): Scaffolded {
  const groups = new Set<string>();
  const found = new Map<string, string>();
  const visit = (node: Tree, path: string): void => {
    const seen = new Set<string>();
    for (const child of node.children) {
      const below = `${path}/${child.name}`;
      if (seen.has(child.name)) groups.add(below);
      seen.add(child.name);
      const elements = child.children.filter((one) => !one.name.startsWith("@"));
      if (elements.length === 0 && (child.text !== "" || child.children.length === 0) && !found.get(below)) found.set(below, child.text);
      visit(child, below);
    }
  };
  visit(root, "");
  return {
    codec: { kind, ...(groups.size > 0 ? { groups: outerFirst([...groups]) } : {}) },
    unfilled: [...found].map(([path, text]) => guess(`${part}${path}`, text)),
  };
}

/** Separators from the outside in, as dialects nest them. */
const NESTED: readonly (readonly [string, string | undefined, string | undefined])[] = [
  ["^", "|", "$"],
  ["~", "%%", undefined],
  ["|", undefined, undefined],
  [",", undefined, undefined],
];

function cellsOf(text: string, separator: string): { readonly cells: readonly string[]; readonly trailing: boolean } {
  const trailing = text.endsWith(separator);
  return { cells: (trailing ? text.slice(0, -separator.length) : text).split(separator), trailing };
}

function layoutOf(
  text: string,
  path: string,
  separator: string,
  nested: string | undefined,
  rows: string | undefined,
  unfilled: Unfilled[],
): Layout {
  const { cells, trailing } = cellsOf(text, separator);
  const fields = cells.map((cell, index): LayoutField => {
    const name = `字段${index + 1}`;
    if (nested === undefined || !cell.includes(nested)) {
      unfilled.push(guess(`${path}/${name}`, cell));
      return name;
    }
    const first = rows !== undefined && cell.includes(rows) ? (cell.split(rows)[0] ?? "") : undefined;
    const layout = layoutOf(first ?? cell, `${path}/${name}`, nested, undefined, undefined, unfilled);
    return first === undefined
      ? { name, layout }
      : { name, layout, rows: { separator: rows ?? "", ...(cell.endsWith(rows ?? "\0") ? { trailing: true } : {}) } };
  });
  return { separator, ...(trailing ? { trailing } : {}), fields };
}

/** What one part of a message looks like. `part` is "", "request:" or "reply:". Undefined when no known grammar fits. */
function scaffoldPart(part: string, text: string): Scaffolded | undefined {
  const bare = text.replace(/^[\s\0]+|[\s\0]+$/g, "");
  if (bare.startsWith("<")) {
    const read = readXml(bare);
    return read.ok ? fromTree(part, "xml", read.root) : undefined;
  }
  if (bare.startsWith("{")) {
    const read = readJson(bare);
    return read.ok ? fromTree(part, "json", read.root) : undefined;
  }
  if (bare.startsWith("MSH")) return fromHl7(part, bare);
  const framed = bare.length > 4 && bare.startsWith("$$") && bare.endsWith("$$");
  const inside = framed ? bare.slice(2, -2) : bare;
  const [separator, nested, rows] = NESTED.find(([one]) => inside.includes(one)) ?? [];
  if (separator === undefined) return undefined;
  const unfilled: Unfilled[] = [];
  const layout = layoutOf(inside, part === "" ? "" : part, separator, nested, rows, unfilled);
  const codec: Codec = { kind: "delimited", padding: true, ...(framed ? { frame: { start: "$$", end: "$$" } } : {}), layout };
  return { codec, unfilled };
}

/** A document to be filled in: `mapping check` lists what is still to be decided. Undefined when a part's grammar is not known. */
export function scaffold(message: string, text: string, reply?: string): Readonly<Record<string, unknown>> | undefined {
  const first = scaffoldPart(reply === undefined ? "" : "request:", text);
  const second = reply === undefined ? undefined : scaffoldPart("reply:", reply);
  if (!first || (reply !== undefined && !second)) return undefined;
  return {
    $schema: "../../../docs/schemas/mapping.json",
    version: 1,
    title: { zh: `${message}（待填）`, en: `${message} (to be filled)` },
    direction: "inbound",
    ...(second
      ? { parts: { request: { codec: first.codec }, reply: { codec: second.codec }, return: { optional: true } } }
      : { codec: first.codec }),
    messageIdentity: ["content"],
    keys: [],
    ignored: [],
    common: [{ to: "institution.code", constant: "institution" }],
    cases: [
      {
        name: "accepted",
        events: [
          {
            type: "payment.settled",
            subject: { bill: "bills.0.no", visit: "visit.no", patient: "patient.no" },
            businessIdentity: ["paymentNo"],
            fields: [{ to: "business", value: "outpatient" }],
          },
        ],
      },
    ],
    unfilled: [...first.unfilled, ...(second?.unfilled ?? [])],
  };
}
