/** What a deed changed, field by field. Pure. */

export interface Change {
  /** `park.code`, `profile.retry.maxMs`, `roles` */
  readonly field: string;
  readonly before?: string;
  readonly after?: string;
  readonly what: "same" | "changed" | "added" | "removed";
}

const DEPTH_MAX = 8;
const CHANGES_MAX = 300;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** Leaves by their paths; a list of plain values is one leaf. */
function leaves(value: unknown, path: string, depth: number, into: Map<string, string>): void {
  const children = isRecord(value)
    ? Object.entries(value)
    : Array.isArray(value) && value.some((one) => typeof one === "object" && one !== null)
      ? value.map((one, index): [string, unknown] => [String(index), one])
      : undefined;
  if (children === undefined || depth >= DEPTH_MAX || children.length === 0) {
    if (value !== undefined && value !== null) into.set(path, textOf(value));
    return;
  }
  for (const [name, child] of children) leaves(child, path === "" ? name : `${path}.${name}`, depth + 1, into);
}

/** Every field of before and after, in the order written; changed ones are those that both have and that differ. */
export function changesOf(before: unknown, after: unknown): readonly Change[] {
  const [was, is] = [new Map<string, string>(), new Map<string, string>()];
  leaves(before, "", 0, was);
  leaves(after, "", 0, is);
  const fields = [...new Set([...was.keys(), ...is.keys()])];
  return fields.slice(0, CHANGES_MAX).map((field) => {
    const [old, now] = [was.get(field), is.get(field)];
    const what = old === undefined ? "added" : now === undefined ? "removed" : old === now ? "same" : "changed";
    return { field, what, ...(old === undefined ? {} : { before: old }), ...(now === undefined ? {} : { after: now }) };
  });
}
