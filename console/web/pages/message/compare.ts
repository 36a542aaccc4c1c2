/** Two payloads held against each other: of one format line by line, of two formats by the values that stand in them. Pure. */

export type Format = "json" | "xml" | "text";

export function formatOf(text: string): Format {
  const start = text.trimStart();
  if (start.startsWith("{") || start.startsWith("[")) return parsed(start) === undefined ? "text" : "json";
  return start.startsWith("<") ? "xml" : "text";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not JSON, or cut
  }
}

/** The payload with one thing a line: long lines hide where they differ. */
export function linesOf(text: string): string {
  const format = formatOf(text);
  if (format === "json") return JSON.stringify(parsed(text.trimStart()), undefined, 2);
  if (format === "xml") return text.replace(/>\s*</g, ">\n<");
  return text.replace(/\r\n?/g, "\n").replaceAll("\u000b", "").replaceAll("\u001c", "");
}

export interface Leaf {
  readonly place: string;
  readonly value: string;
}

/** Leaves looked at of one payload. */
const LEAVES_MAX = 2_000;
const XML_LEAF = /<([\w.:-]{1,64})((?:\s[^<>]{0,2000})?)>([^<>]{0,500})<\/\1>/g;
const XML_OPEN = /<([\w.:-]{1,64})(\s[^<>]{1,2000}?)\/?>/g;
const ATTRIBUTE = /([\w.:-]{1,64})=(["'])([^"']{0,500})\2/g;

function xmlLeaves(text: string): Leaf[] {
  const plain = text.replace(/<!\[CDATA\[([\s\S]{0,500}?)\]\]>/g, "$1");
  const leaves: Leaf[] = [];
  for (const [, tag = "", , value = ""] of plain.matchAll(XML_LEAF)) leaves.push({ place: tag, value });
  for (const [, tag = "", attributes = ""] of plain.matchAll(XML_OPEN))
    for (const [, name = "", , value = ""] of attributes.matchAll(ATTRIBUTE)) leaves.push({ place: `${tag}@${name}`, value });
  return leaves;
}

function jsonLeaves(value: unknown, place: string, found: Leaf[]): Leaf[] {
  if (found.length >= LEAVES_MAX) return found;
  if (typeof value === "object" && value !== null)
    for (const [name, member] of Object.entries(value)) jsonLeaves(member, place === "" ? name : `${place}.${name}`, found);
  else if (value !== null) found.push({ place, value: String(value) });
  return found;
}

/** HL7 and other texts of fields: by line and place. */
function fieldLeaves(text: string): Leaf[] {
  return linesOf(text)
    .split("\n")
    .flatMap((line, row) => {
      const fields = line.split(/[|^,\t;$]/);
      const name = /^[A-Z][A-Z0-9]{2}$/.test(fields[0] ?? "") ? (fields[0] ?? "") : `${row + 1}`;
      return fields.map((value, index) => ({ place: `${name}-${index}`, value }));
    });
}

/** What stands in a payload, with its place. */
export function leavesOf(text: string): readonly Leaf[] {
  const format = formatOf(text);
  const all = format === "json" ? jsonLeaves(parsed(text.trimStart()), "", []) : format === "xml" ? xmlLeaves(text) : fieldLeaves(text);
  return all.filter(({ value }) => value.trim() !== "").slice(0, LEAVES_MAX);
}

/** The same fact written otherwise: yuan and fen, dates with and without marks. */
export function plainValue(value: string): string {
  const text = value.trim();
  if (/^-?\d{1,12}\.\d{2}$/.test(text)) return text.replace(".", "").replace(/^(-?)0+(?=\d)/, "$1");
  const moment = /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2}))?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  return moment
    ? moment
        .slice(1)
        .filter((part) => part !== undefined)
        .join("")
    : text;
}

export interface Matched {
  readonly value: string;
  readonly left: readonly string[];
  readonly right: readonly string[];
}

/** Every value with the places that have it on either side: those of one side alone first. */
export function byValue(left: string, right: string): readonly Matched[] {
  const found = new Map<string, { value: string; left: string[]; right: string[] }>();
  const take = (text: string, side: "left" | "right"): void => {
    for (const { place, value } of leavesOf(text)) {
      const plain = plainValue(value);
      const one = found.get(plain) ?? { value: value.trim(), left: [], right: [] };
      if (!one[side].includes(place)) one[side].push(place);
      found.set(plain, one);
    }
  };
  take(left, "left");
  take(right, "right");
  const rank = (one: Matched): number => (one.right.length === 0 ? 0 : one.left.length === 0 ? 2 : 1);
  return [...found.values()].sort((one, other) => rank(one) - rank(other));
}
