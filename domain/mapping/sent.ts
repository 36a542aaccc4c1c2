/**
 * A write-back read back: an inquiry or a 冲正 repeats places of what was sent (Neusoft 2421 names the number, the visit and the day of the 2410 it undoes).
 * Read with the codec it was written with, so both documents use the same words.
 */
import { charsetOf } from "./charset.ts";
import type { Codec, Layout, LayoutField } from "./document.ts";
import { unframe } from "./delimited.ts";
import { readJson } from "./json.ts";
import { decodeBytes } from "./source.ts";
import type { Tree } from "./tree.ts";
import type { VendorDocument } from "./vendor.ts";
import { readXml } from "./xml.ts";

const names = (path: string): readonly string[] => path.split("/").filter((name) => name !== "");
const nameless = (children: Tree[]): Tree => ({ name: "", text: "", children });

function under(root: Tree, path: readonly string[]): Tree | undefined {
  let here: Tree | undefined = root;
  for (const name of path) here = here?.children.find((child) => child.name === name);
  return here;
}

function cells(text: string, layout: Layout): Tree[] {
  const texts = text.split(layout.separator);
  return layout.fields.map((field: LayoutField, index) => {
    const { name, layout: nested } = typeof field === "string" ? { name: field, layout: undefined } : field;
    const own = texts[index] ?? "";
    return { name, text: own, children: nested ? cells(own, nested) : [] };
  });
}

function treeOf(text: string, codec: Codec): Tree | undefined {
  if (codec.kind === "delimited") {
    const bare = unframe(text, codec.frame, codec.padding ?? false);
    return bare === undefined || !codec.layout ? undefined : nameless(cells(bare, codec.layout));
  }
  const read = codec.kind === "xml" ? readXml(text) : readJson(text);
  if (!read.ok) return undefined;
  for (const { at, kind } of codec.inner ?? []) {
    const node = under(read.root, names(at));
    const carried = node && (kind === "xml" ? readXml(node.text) : readJson(node.text));
    if (!node || !carried?.ok) return undefined;
    node.children.push(...carried.root.children);
  }
  return read.root;
}

/** Answers what stood at a place of the message (`/入参/流水号`, `/Settle/@no`); undefined where nothing did, and for bytes that cannot be read. Never throws. */
export function readSent(
  codec: Codec,
  vendor: Pick<VendorDocument, "charset">,
  sent: { readonly body: Uint8Array; readonly contentType?: string | undefined },
): (path: string) => string | undefined {
  const decoded = decodeBytes({ raw: sent.body, contentType: sent.contentType }, codec, charsetOf(vendor.charset) ?? "utf-8");
  const root = "code" in decoded ? undefined : treeOf(decoded.text, codec);
  return (path) => {
    const text = root && under(root, names(path))?.text;
    return text === undefined || text === "" ? undefined : text;
  };
}
