/** Two texts line by line, for DiffLines. */
import { diffLines } from "diff";
import type { DiffLine } from "../../parts/diff-lines.tsx";

/** A browser must not stand still over two long texts: then all of one is gone and all of the other new. */
const DIFF_MS = 500;
const linesOf = (text: string): readonly string[] => text.replace(/\n$/, "").split("\n");

export function diffed(before: string, after: string): readonly DiffLine[] {
  const parts = diffLines(before, after, { timeout: DIFF_MS }) ?? [
    { value: before, removed: true, added: false },
    { value: after, removed: false, added: true },
  ];
  return parts.flatMap(({ value, added, removed }) =>
    linesOf(value).map((text): DiffLine => ({ op: added ? "added" : removed ? "removed" : "same", text })),
  );
}
