import assert from "node:assert/strict";
import { test } from "node:test";
import { XMLBuilder } from "fast-xml-parser";
import type { Tree } from "./tree.ts";
import { readXml, writeXml } from "./xml.ts";

const node = (name: string, text = "", ...children: Tree[]): Tree => ({ name, text, children });
const document = (child: Tree): Tree => node("", "", child);

/** What wrote before this project did, kept as the measure of it: partners compare bytes. */
const BUILDER = new XMLBuilder({ preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: "", suppressBooleanAttributes: false });
type Ordered = Record<string, unknown>;
function ordered({ name, text, children }: Tree): Ordered {
  const attributes = Object.fromEntries(children.filter((one) => one.name.startsWith("@")).map((one) => [one.name.slice(1), one.text]));
  const inside = children.filter((one) => !one.name.startsWith("@")).map(ordered);
  return {
    [name]: text === "" ? inside : [{ "#text": text }, ...inside],
    ...(Object.keys(attributes).length === 0 ? {} : { ":@": attributes }),
  };
}

/** Numbers from a seed (Park and Miller). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

const TEXTS = [
  "",
  "0",
  "1650",
  "张三 & 李四",
  `<a b="c">'d'</a>`,
  "&amp;",
  "]]>",
  "  ",
  "line\nline\ttab",
  "𠮷",
  "<![CDATA[x]]>",
  "a > b < c",
];
function made(random: (below: number) => number, depth: number): Tree {
  const attributes = Array.from({ length: random(3) }, (_, index) => node(`@a${index}`, TEXTS[random(TEXTS.length)]));
  const children = depth === 0 ? [] : Array.from({ length: random(4) }, () => made(random, depth - 1));
  return node(["甲", "ns:b", "C-1", "d.e"][random(4)] ?? "", TEXTS[random(TEXTS.length)], ...attributes, ...children);
}

test("XML is written as fast-xml-parser's builder writes it, character by character", () => {
  const random = randomFrom(20_261_122);
  for (let count = 0; count < 500; count += 1) {
    const root = document(made(random, 4));
    assert.equal(writeXml(root), BUILDER.build(root.children.map(ordered)));
  }
});

test("what is written is read back the same, one document after another and after one that is refused", () => {
  const root = document(node("a", "", node("@x", `1 & "2"`), node("b", "甲<乙"), node("c", "", node("@y", "z"))));
  const broken = ["<a><b></a>", "<a", "", "<!DOCTYPE a><a/>", "<a x='1' x='2'/>", "<?pi?><a/>", "<a>&b;</a>"];
  const first = readXml(writeXml(root, "UTF-8"));
  assert.deepEqual(first, { ok: true, root });
  for (const text of broken) {
    const refused = readXml(text);
    assert.equal(refused.ok, false, text);
    assert.deepEqual(readXml(text), refused, text);
    assert.deepEqual(readXml(writeXml(root)), first, text);
    assert.deepEqual(readXml(`<n:a xmlns:n="urn:n"><n:b/></n:a>`, true).ok, true);
  }
});
