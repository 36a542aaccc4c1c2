/**
 * The one port to XML (design.md decision 11). saxes is gate and tree in one pass: DOCTYPE and processing instructions refused, depth, size and count capped,
 * every leaf a string. Names lose their prefix; `xmlns` declarations are no data. fast-xml-parser's builder writes.
 */
import { XMLBuilder } from "fast-xml-parser";
import { SaxesParser } from "saxes";
import { LIMITS } from "./limits.ts";
import { type Read, ReadStop, type Tree } from "./tree.ts";

const BLANK = /^[\t\n\r ]*$/;

const localName = (name: string): string => {
  const colon = name.indexOf(":");
  return colon < 0 ? name : name.slice(colon + 1);
};

const isNamespace = (name: string): boolean => name === "xmlns" || name.startsWith("xmlns:");

const malformed = (message: string): ReadStop => {
  const at = /^(?:.*?:)?(\d+):(\d+): /.exec(message);
  return at
    ? new ReadStop("malformed", `XML 第${at[1]}行第${at[2]}列有误或不完整`, `XML is wrong or cut short at line ${at[1]}, column ${at[2]}`)
    : new ReadStop("malformed", "XML 有误或不完整", "XML is wrong or cut short");
};

const MARKS = [
  ["<", "<"],
  ["&", "&"],
  ["\n", "LF"],
  ["\r", "CR"],
  ["]", "]"],
] as const;

/** True when the mark stands in the text more than `most` times; does not look further than it must. */
function hasMore(text: string, mark: string, most: number): boolean {
  let seen = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) {
    seen += 1;
    if (seen > most) return true;
  }
  return false;
}

/** Reads documents one after another; one that threw is not used again. */
type TreeReader = (text: string) => Tree;

/** A reader of saxes' own: making its parser and handlers anew for each message cost as much as reading a short one. */
function createTreeReader(namespaces: boolean): TreeReader {
  const parser = new SaxesParser({ xmlns: namespaces });
  let open: Tree[] = [];
  let here: Tree = { name: "", text: "", children: [] };
  let nodes = 0;
  let attributes = 0;
  let ofTag: Tree[] = [];
  parser.on("error", (error) => {
    throw malformed(error.message);
  });
  parser.on("doctype", () => {
    throw new ReadStop("forbidden", "XML 含 DOCTYPE，不允许", "XML carries a DOCTYPE, which is refused");
  });
  parser.on("processinginstruction", () => {
    throw new ReadStop("forbidden", "XML 含处理指令，不允许", "XML carries a processing instruction, which is refused");
  });
  // Counted while a tag is read: at its end there would be 60,000 of them.
  parser.on("attribute", ({ name, value }) => {
    attributes += 1;
    if (attributes > LIMITS.attributes)
      throw new ReadStop("too-many", `XML 属性超过 ${LIMITS.attributes} 个`, `more than ${LIMITS.attributes} attributes`);
    if (!isNamespace(name)) ofTag.push({ name: `@${localName(name)}`, text: value, children: [] });
  });
  parser.on("opentag", (tag) => {
    if (open.length > LIMITS.depth)
      throw new ReadStop("too-deep", `XML 嵌套超过 ${LIMITS.depth} 层`, `XML is nested deeper than ${LIMITS.depth}`);
    const uri = "uri" in tag && typeof tag.uri === "string" ? tag.uri : "";
    const name = localName(tag.name);
    const node: Tree = uri === "" ? { name, text: "", children: ofTag } : { name, text: "", children: ofTag, uri };
    ofTag = [];
    nodes += 1 + attributes;
    attributes = 0;
    if (nodes > LIMITS.nodes) throw new ReadStop("too-many", `XML 节点超过 ${LIMITS.nodes} 个`, `more than ${LIMITS.nodes} XML nodes`);
    here.children.push(node);
    open.push(node);
    here = node;
  });
  parser.on("closetag", () => {
    if (here.text !== "" && here.children.length > 0 && BLANK.test(here.text)) here.text = "";
    open.pop();
    here = open[open.length - 1] ?? here;
  });
  const append = (characters: string): void => {
    here.text += characters;
    if (here.text.length > LIMITS.leaf)
      throw new ReadStop("too-large", `XML 单项超过 ${LIMITS.leaf} 字`, `one XML leaf exceeds ${LIMITS.leaf} characters`);
  };
  parser.on("text", append);
  parser.on("cdata", append);
  return (text) => {
    const root: Tree = { name: "", text: "", children: [] };
    open = [root];
    here = root;
    nodes = 0;
    parser.write(text).close(); // its end leaves the parser as it was made
    root.text = "";
    return root;
  };
}

/** Absent while it reads, and after it threw. */
const idle: { plain?: TreeReader | undefined; namespaces?: TreeReader | undefined } = {};

/** Builds the tree while saxes reads; throws ReadStop at the first thing refused. */
function treeOf(text: string, namespaces: boolean): Tree {
  if (text.length > LIMITS.xml) throw new ReadStop("too-large", `XML 超过 ${LIMITS.xml} 字`, `the XML exceeds ${LIMITS.xml} characters`);
  if (text.length > LIMITS.marks)
    for (const [mark, name] of MARKS)
      if (hasMore(text, mark, LIMITS.marks))
        throw new ReadStop("too-many", `XML 中 ${name} 超过 ${LIMITS.marks} 个`, `more than ${LIMITS.marks} times ${name} in the XML`);
  const kind = namespaces ? "namespaces" : "plain";
  const read = idle[kind] ?? createTreeReader(namespaces);
  idle[kind] = undefined;
  const root = read(text);
  idle[kind] = read;
  return root;
}

/** Reads one XML document. The answer's root is nameless; its only child is the document element. `namespaces` also checks that every prefix is bound. Never throws. */
export function readXml(text: string, namespaces = false): Read {
  try {
    return { ok: true, root: treeOf(text, namespaces) };
  } catch (error) {
    if (error instanceof ReadStop) return error.failure;
    return malformed(error instanceof Error ? error.message : "").failure;
  }
}

/** XML 1.0 can carry these; attributes would lose line breaks, so they may not hold any control character. */
const NOT_IN_TEXT = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
const NOT_IN_ATTRIBUTE = /[\t\n\r]/;

/** True when the text can stand in XML and be read back the same. */
export const isXmlText = (text: string, attribute: boolean): boolean =>
  text.isWellFormed() && !NOT_IN_TEXT.test(text) && !text.includes("\r") && !(attribute && NOT_IN_ATTRIBUTE.test(text));

type Ordered = Record<string, unknown>;

const BUILDER = new XMLBuilder({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  processEntities: true,
  suppressEmptyNode: false,
  suppressBooleanAttributes: false,
});

function ordered(node: Tree): Ordered {
  const attributes: Record<string, string> = {};
  const inside: Ordered[] = [];
  if (node.text !== "") inside.push({ "#text": node.text });
  for (const child of node.children) {
    if (child.name.startsWith("@")) attributes[child.name.slice(1)] = child.text;
    else inside.push(ordered(child));
  }
  const built: Ordered = { [node.name]: inside };
  if (Object.keys(attributes).length > 0) built[":@"] = attributes;
  return built;
}

/** Writes the document whose nameless root is given, names and prefixes as they stand. `declared` puts an XML declaration in front. */
export function writeXml(root: Tree, declared?: string): string {
  const body: string = BUILDER.build(root.children.map(ordered));
  return declared === undefined ? body : `<?xml version="1.0" encoding="${declared}"?>${body}`;
}
