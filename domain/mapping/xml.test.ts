import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tree } from "./tree.ts";
import { readXml, writeXml } from "./xml.ts";

const node = (name: string, text = "", ...children: Tree[]): Tree => ({ name, text, children });
const document = (child: Tree): Tree => node("", "", child);

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
