/** Where a JSON pointer stands in a document's text. */
import { findNodeAtLocation, parseTree } from "jsonc-parser";

export interface Range {
  readonly from: number;
  readonly to: number;
  /** Counted from 1. */
  readonly line: number;
}

const unescaped = (segment: string): string => segment.replaceAll("~1", "/").replaceAll("~0", "~");

const rangeAt = (text: string, from: number, size: number): Range => ({
  from,
  to: from + size,
  line: text.slice(0, from).split("\n").length,
});

/** Where the document reads a place of the message: the whole place, else its last step, as lists name it. */
function rangeOfSource(text: string, place: string): Range | undefined {
  const whole = place.replace(/\[\d+\]|\/\d+(?=\/|$)/g, "");
  for (const source of [whole, whole.slice(whole.lastIndexOf("/") + 1)]) {
    const at = source === "" ? -1 : text.indexOf(JSON.stringify(source));
    if (at >= 0) return rangeAt(text, at, JSON.stringify(source).length);
  }
  return undefined;
}

/**
 * The range of what the pointer names. Of a pointer that is not in the document (a problem of the message points into the message): where the document reads that
 * place; else the nearest thing around the pointer. Undefined when there is none of all that, or the text is no JSON at all.
 */
export function rangeOf(text: string, pointer: string, label = ""): Range | undefined {
  const root = parseTree(text);
  if (root === undefined) return undefined;
  // A problem of the message points into the message, and its place has the name of what is there behind it.
  const place = pointer === "" ? (label.split(" ")[0] ?? "") : pointer;
  const path = pointer
    .split("/")
    .slice(1)
    .map(unescaped)
    .map((segment) => (/^\d+$/.test(segment) ? Number(segment) : segment));
  for (let length = path.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    const source = length === path.length && node !== undefined ? undefined : rangeOfSource(text, place);
    if (source !== undefined) return source;
    if (node === undefined) continue;
    // A member is shown with its name.
    const { offset, length: size } = node.parent?.type === "property" ? node.parent : node;
    return rangeAt(text, offset, size);
  }
  return rangeOfSource(text, place);
}
