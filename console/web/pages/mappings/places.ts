/** Where a JSON pointer stands in a document's text. */
import { findNodeAtLocation, parseTree } from "jsonc-parser";

export interface Range {
  readonly from: number;
  readonly to: number;
  /** Counted from 1. */
  readonly line: number;
}

const unescaped = (segment: string): string => segment.replaceAll("~1", "/").replaceAll("~0", "~");

/** The range of what the pointer names, or of the nearest thing around it that is there; undefined when the text is no JSON at all. */
export function rangeOf(text: string, pointer: string): Range | undefined {
  const root = parseTree(text);
  if (root === undefined) return undefined;
  const path = pointer
    .split("/")
    .slice(1)
    .map(unescaped)
    .map((segment) => (/^\d+$/.test(segment) ? Number(segment) : segment));
  for (let length = path.length; length >= 0; length -= 1) {
    const node = findNodeAtLocation(root, path.slice(0, length)) ?? (length === 0 ? root : undefined);
    if (node === undefined) continue;
    // A member is shown with its name.
    const { offset, length: size } = node.parent?.type === "property" ? node.parent : node;
    return { from: offset, to: offset + size, line: text.slice(0, offset).split("\n").length };
  }
  return undefined;
}
