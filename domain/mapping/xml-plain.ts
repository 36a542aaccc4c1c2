/**
 * The short cut for what nearly every message in XML is: elements, attributes, text and the five entities. It is never the gate: at anything else, and at anything it
 * does not know to be right, it gives up, and saxes reads from the beginning and says what is wrong. What it accepts saxes accepts and reads the same
 * (xml-plain.test.ts holds one against the other), at a fifth of the cost.
 */
import { LIMITS } from "./limits.ts";
import type { Tree } from "./tree.ts";

/** Longer documents are saxes' own: no limit of theirs can be reached within this. */
const CHARACTERS_MAX = 65_536;
/** What it leaves to saxes wherever it stands: control characters and CR, halves of pairs, private use; comments, CDATA, DOCTYPE; the end of a CDATA section. */
const NOT_PLAIN = /[^\t\n\u0020-\u007e\u00a0-\ud7ff\uf900-\ufffd]|<!|\]\]>/;
const DECLARATION = /^<\?xml version="1\.0"(?: encoding="[A-Za-z][A-Za-z0-9._-]*")? ?\?>/;
const NOT_BLANK = /[^\t\n ]/;
const ENTITY = /&(?:amp|lt|gt|quot|apos);|&/g;
const MEANS: Readonly<Record<string, string>> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'" };

const [TAB, LF, SPACE, DOUBLE, AMP, SINGLE, SLASH, COLON, LESS, EQUAL, GREATER] = [
  0x09, 0x0a, 0x20, 0x22, 0x26, 0x27, 0x2f, 0x3a, 0x3c, 0x3d, 0x3e,
] as const;
/** What begins a name is 2, what goes on with it 1; of the rest of Unicode the ideographs that names in use are made of. */
const [GOES_ON, BEGINS] = [1, 2] as const;
const ASCII = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z_]/.test(character) ? BEGINS : /[0-9.-]/.test(character) ? GOES_ON : 0;
});
const [FIRST_IDEOGRAPH, LAST_IDEOGRAPH] = [0x4e00, 0x9fa5] as const;
const kindOf = (code: number): number =>
  code < ASCII.length ? (ASCII[code] ?? 0) : code >= FIRST_IDEOGRAPH && code <= LAST_IDEOGRAPH ? BEGINS : 0;
const isBlank = (code: number): boolean => code === SPACE || code === LF || code === TAB;

/** Behind the name that begins here, with a prefix or without; -1 where none does. */
function behindName(text: string, from: number): number {
  let at = from;
  for (let parts = 0; ; parts += 1) {
    if (kindOf(text.charCodeAt(at)) !== BEGINS) return -1;
    do at += 1;
    while (kindOf(text.charCodeAt(at)) > 0);
    if (text.charCodeAt(at) !== COLON) return at;
    if (parts > 0) return -1;
    at += 1;
  }
}

const localName = (name: string): string => name.slice(name.indexOf(":") + 1);

/** With its entities read; undefined where it has others than the five. */
function meant(text: string): string | undefined {
  let known = true;
  const read = text.replace(ENTITY, (one) => {
    const means = MEANS[one];
    if (means === undefined) known = false;
    return means ?? one;
  });
  return known ? read : undefined;
}

/** Reads the attributes of a tag into `into`; answers where the tag ends (at `>` or `/`), -1 where it gives up. */
function attributesOf(text: string, from: number, into: Tree[]): number {
  let at = from;
  for (let count = 0; ; count += 1) {
    const before = at;
    while (isBlank(text.charCodeAt(at))) at += 1;
    const code = text.charCodeAt(at);
    if (code === GREATER || code === SLASH) return at;
    if (at === before) return -1;
    const equal = behindName(text, at);
    const quote = text.charCodeAt(equal + 1);
    if (equal < 0 || text.charCodeAt(equal) !== EQUAL || (quote !== DOUBLE && quote !== SINGLE) || count >= LIMITS.attributes) return -1;
    const name = text.slice(at, equal);
    if (name === "xmlns" || name.startsWith("xmlns:")) return -1;
    const begin = equal + 2;
    const end = text.indexOf(quote === DOUBLE ? '"' : "'", begin);
    if (end < 0) return -1;
    let entities = false;
    for (let inside = begin; inside < end; inside += 1) {
      const one = text.charCodeAt(inside);
      if (one === AMP) entities = true;
      else if (one === LESS || one === LF || one === TAB) return -1;
    }
    const value = entities ? meant(text.slice(begin, end)) : text.slice(begin, end);
    if (value === undefined) return -1;
    at = end + 1;
    const own = `@${localName(name)}`;
    if (into.some((one) => one.name === own)) return -1;
    into.push({ name: own, text: value, children: [] });
  }
}

/** The document's tree; undefined where this is not what it reads. Never throws. */
export function readPlain(text: string): Tree | undefined {
  if (text.length > CHARACTERS_MAX || NOT_PLAIN.test(text)) return undefined;
  const root: Tree = { name: "", text: "", children: [] };
  const open: Tree[] = [root];
  const names: string[] = [];
  let here = root;
  let at = DECLARATION.exec(text)?.[0].length ?? 0;
  for (;;) {
    const less = text.indexOf("<", at);
    const words = text.slice(at, less < 0 ? text.length : less);
    if (here === root) {
      if (NOT_BLANK.test(words)) return undefined;
      if (less < 0) return root.children.length === 1 ? root : undefined;
    } else if (less < 0) return undefined;
    else if (words !== "") {
      const read = words.includes("&") ? meant(words) : words;
      if (read === undefined) return undefined;
      here.text = here.text === "" ? read : here.text + read;
    }
    if (text.charCodeAt(less + 1) === SLASH) {
      const name = names.pop();
      if (name === undefined || !text.startsWith(name, less + 2) || text.charCodeAt(less + 2 + name.length) !== GREATER) return undefined;
      if (here.text !== "" && here.children.length > 0 && !NOT_BLANK.test(here.text)) here.text = "";
      open.pop();
      here = open[open.length - 1] ?? root;
      at = less + 3 + name.length;
      continue;
    }
    const behind = behindName(text, less + 1);
    if (behind < 0 || open.length > LIMITS.depth || (here === root && root.children.length > 0)) return undefined;
    const name = text.slice(less + 1, behind);
    const node: Tree = { name: localName(name), text: "", children: [] };
    const end = attributesOf(text, behind, node.children);
    if (end < 0) return undefined;
    here.children.push(node);
    if (text.charCodeAt(end) === GREATER) {
      names.push(name);
      open.push(node);
      here = node;
      at = end + 1;
    } else if (text.charCodeAt(end + 1) === GREATER) at = end + 2;
    else return undefined;
  }
}
