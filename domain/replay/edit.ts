/** Edit-and-replay of one write-back (delivery.md section 1, ServicePulse): off by default, two people, a linked copy under a new key. Pure rules and the diff. */
import type { OperationCode } from "../operations/refusals.ts";
import { MANUAL } from "../writeback/manual.ts";
import type { WriteBackState } from "../writeback/ports.ts";

export const EDIT_BYTES_MAX = 32 * 1024;
/** Lines compared; longer bodies are told to differ from there on. */
const DIFF_LINES_MAX = 800;
const DIFF_SHOWN_MAX = 400;

/** Whether an edited copy may take the original's place now: it must be one that could be replayed, and what may have taken effect must have been looked up. */
export function editRuling(
  original: { readonly state: WriteBackState; readonly mayHaveTakenEffect: boolean } | undefined,
  request: { readonly confirmedChecked: boolean },
): OperationCode | undefined {
  if (!original) return "UNKNOWN_WRITE_BACK";
  const no = MANUAL[original.state].replay;
  if (no) return no;
  // A new key is new to the partner: it cannot know the first again, whatever its duplicates policy.
  return original.mayHaveTakenEffect && !request.confirmedChecked ? "CONFIRM_REQUIRED" : undefined;
}

/** What an approval is bound to is the hash of this: the edit is of this original, with this place, and these bytes (their own hash). */
export const editContent = (edit: { readonly writeBackId: string; readonly editNo: number; readonly bodyHash: string }): string =>
  JSON.stringify([edit.writeBackId, edit.editNo, edit.bodyHash]);

/** What the key of the copy is the hash of (brief: event id, destination, purpose, number of the edit). */
export const editKey = (
  original: { readonly causeEventId: string; readonly destination: string; readonly kind: string },
  editNo: number,
): string => JSON.stringify([original.causeEventId, original.destination, original.kind, editNo]);

export interface DiffLine {
  readonly op: "same" | "removed" | "added";
  readonly text: string;
}

/** One tag or member a line, so that a document without line breaks can be compared too. */
const linesOf = (text: string): string[] => text.replace(/></g, ">\n<").replace(/,"/g, ',\n"').split(/\r?\n/);

/** The lines that differ, with the unchanged ones between them; at most DIFF_SHOWN_MAX. Longest common subsequence over bounded texts. */
export function diffOf(before: string, after: string): readonly DiffLine[] {
  const [a, b] = [linesOf(before).slice(0, DIFF_LINES_MAX), linesOf(after).slice(0, DIFF_LINES_MAX)];
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      longest[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ op: "same", text: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ op: "removed", text: a[i] ?? "" });
      i += 1;
    } else {
      lines.push({ op: "added", text: b[j] ?? "" });
      j += 1;
    }
  }
  return lines.slice(0, DIFF_SHOWN_MAX);
}
