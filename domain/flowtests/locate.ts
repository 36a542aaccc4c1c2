/** Where in a mapping document a value is made, so that a failed test names the line to look at. */

const pointerPart = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

/** Deepest nesting of a mapping document that is looked through. */
const DEPTH_MAX = 40;

/**
 * Pointer of the field that writes this place of an event (`/data/lines/0/amount`) or of a body (`/WriteBack/BillNo`). The longest `to` that the place ends in wins;
 * undefined where no field does.
 */
export function locateField(document: unknown, place: string): string | undefined {
  const names = place
    .replace(/^\/data\//, "/")
    .split("/")
    .filter((name) => name !== "" && !/^\d+$/.test(name));
  const tails = names.map((_, index) => names.slice(index));
  let best: { pointer: string; length: number } | undefined;
  const look = (value: unknown, pointer: string, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return;
    const { to } = value as { readonly to?: unknown };
    if (typeof to === "string") {
      const words = to.split(/[./]/).filter((name) => name !== "" && !/^\d+$/.test(name));
      const same = tails.find((tail) => tail.length === words.length && tail.every((name, index) => name === words[index]));
      const isHead = words.length > 0 && words.every((name, index) => names[index] === name);
      const length = same ? words.length + 1 : isHead ? words.length : 0;
      if (length > (best?.length ?? 0)) best = { pointer, length };
    }
    for (const [key, child] of Object.entries(value)) look(child, `${pointer}/${pointerPart(key)}`, depth + 1);
  };
  look(document, "", 0);
  return best?.pointer;
}

/** The value at a JSON pointer; undefined where there is none. */
export function valueAt(document: unknown, pointer: string): unknown {
  let here: unknown = document;
  for (const part of pointer.split("/").slice(1)) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Readonly<Record<string, unknown>>)[part.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return here;
}
