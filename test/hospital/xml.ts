/**
 * The hospital's own XML: saxes reads and refuses what is malformed, strings are written with escapes.
 * A real HIS is stricter or laxer than this; strict is right here, because a lax double would hide the engine's errors.
 */
import { SaxesParser } from "saxes";

const MAX_DEPTH = 16;
const MAX_ELEMENTS = 10_000;

export interface XmlElement {
  /** Name without its prefix. */
  readonly name: string;
  /** Namespace, "" when there is none (only filled when read with namespaces). */
  readonly uri: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** All text and CDATA directly inside, as written. */
  readonly text: string;
}

export type XmlResult = { readonly ok: true; readonly root: XmlElement } | { readonly ok: false; readonly problem: string };

interface Building {
  name: string;
  uri: string;
  attributes: Map<string, string>;
  children: Building[];
  text: string;
}

/** A tag as saxes gives it, with local name and namespace only when it was asked for them. */
interface OpenTag {
  readonly name: string;
  readonly local?: string;
  readonly uri?: string;
  readonly attributes: Readonly<Record<string, string | { readonly value: string }>>;
}

/** A gate that stops saxes at the first problem: it would go on by itself. */
class XmlProblem extends Error {}

/** Reads one document: well formed, no DOCTYPE, at most {@link MAX_DEPTH} deep and {@link MAX_ELEMENTS} elements. */
export function readXml(text: string, namespaces: boolean): XmlResult {
  const stack: Building[] = [];
  const roots: Building[] = [];
  let elements = 0;
  const parser = namespaces ? new SaxesParser({ xmlns: true }) : new SaxesParser({ xmlns: false });
  parser.on("error", (error) => {
    throw new XmlProblem(error.message);
  });
  parser.on("doctype", () => {
    throw new XmlProblem("DOCTYPE is not allowed");
  });
  parser.on("opentag", (tag: OpenTag) => {
    elements += 1;
    if (stack.length >= MAX_DEPTH) throw new XmlProblem(`deeper than ${MAX_DEPTH}`);
    if (elements > MAX_ELEMENTS) throw new XmlProblem(`more than ${MAX_ELEMENTS} elements`);
    const attributes = new Map<string, string>();
    for (const [name, value] of Object.entries(tag.attributes)) attributes.set(name, typeof value === "string" ? value : value.value);
    const element: Building = {
      name: tag.local ?? tag.name,
      uri: tag.uri ?? "",
      attributes,
      children: [],
      text: "",
    };
    const parent = stack.at(-1);
    if (parent === undefined) roots.push(element);
    else parent.children.push(element);
    stack.push(element);
  });
  parser.on("closetag", () => {
    stack.pop();
  });
  const take = (piece: string): void => {
    const open = stack.at(-1);
    if (open !== undefined) open.text += piece;
  };
  parser.on("text", take);
  parser.on("cdata", take);
  try {
    parser.write(text).close();
  } catch (error) {
    if (error instanceof XmlProblem) return { ok: false, problem: error.message };
    throw error;
  }
  const root = roots[0];
  return root === undefined ? { ok: false, problem: "no element" } : { ok: true, root };
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;" };

/** Text or attribute value, safe between tags and between double quotes. */
export function escapeXml(text: string): string {
  return /[&<>"\r]/.test(text) ? text.replace(/[&<>"\r]/g, (character) => ESCAPES[character] ?? character) : text;
}

/** `<Name>text</Name>`, or nothing at all when the value is absent: absent is never written as empty. */
export function element(name: string, value: string | null | undefined): string {
  return value === null || value === undefined ? "" : `<${name}>${escapeXml(value)}</${name}>`;
}

/** ` name="value"` for every value that is there. */
export function attributes(values: Readonly<Record<string, string | null | undefined>>): string {
  let text = "";
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined) text += ` ${name}="${escapeXml(value)}"`;
  return text;
}
