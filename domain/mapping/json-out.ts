/** How a tree becomes JSON: what is a list, what a number, and what was handed to us whole. */
import type { Codec } from "./document.ts";
import type { Tree } from "./tree.ts";

export interface JsonMarks {
  /** Nodes written as numbers. */
  readonly numbers: ReadonlySet<Tree>;
  /** Nodes whose JSON value was handed to us whole. */
  readonly documents: ReadonlyMap<Tree, unknown>;
}

/** The value of a node; `groups`: paths that are lists however many there are. */
export function jsonOf(node: Tree, path: string, groups: ReadonlySet<string>, marks: JsonMarks): unknown {
  if (marks.documents.has(node)) return marks.documents.get(node);
  if (node.children.length === 0) return marks.numbers.has(node) ? Number(node.text) : node.text;
  const made: Record<string, unknown> = {};
  for (const child of node.children) {
    const below = `${path}/${child.name}`;
    const value = jsonOf(child, below, groups, marks);
    const list = made[child.name];
    if (!groups.has(below)) made[child.name] = value;
    else if (Array.isArray(list)) list.push(value);
    else made[child.name] = [value];
  }
  return made;
}

/** Rows of JSON are a list only where the codec says so: else each row would overwrite the one before. Paths inside an inner document begin at its root. */
export function isGroup(codec: Codec, whole: string): boolean {
  const inner = (codec.inner ?? [])
    .filter((one) => whole.startsWith(`${one.at}/`))
    .sort((one, other) => other.at.length - one.at.length)[0];
  if ((inner?.kind ?? codec.kind) !== "json") return true;
  return (codec.groups ?? []).includes(inner === undefined ? whole : whole.slice(inner.at.length));
}
