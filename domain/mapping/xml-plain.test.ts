import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Tree } from "./tree.ts";
import { treeOf } from "./xml.ts";
import { readPlain } from "./xml-plain.ts";

/** Documents of every vendor, as partners send them. */
const samples = globSync("mappings/*/*/examples/*/{in,reply,request}.xml", { cwd: new URL("../..", import.meta.url) })
  .map((file) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8"))
  .filter((text) => !text.includes("\uFFFD") && text.length < 4_000);

const MADE = [
  `<?xml version="1.0" encoding="UTF-8"?><a x="1" y='"'><b>t &amp; u</b><c/>\n <d:e f:g="甲 &lt;"/>tail</a>\n`,
  `<甲 乙="丙">文<a/>字</甲>`,
  "<a><a><a> </a></a></a>",
  `<a b="&quot;&apos;&gt;"> <c> x </c> </a>`,
];
/** What begins or ends something in XML, and what is not allowed in it. */
const PIECES = [
  ..."<>/&;\"'= \n\t\r!?-[]:@.x9甲",
  ...[
    "&amp;",
    "&#65;",
    "&b;",
    "<b>",
    "</b>",
    "<b/>",
    ' b="1"',
    " b='1'",
    " xmlns='u'",
    " x:b='1'",
    "]]>",
    "<![CDATA[x]]>",
    "<!--x-->",
    "<?p q?>",
  ],
  ...["\0", "\u007f", "\u0085", "\u2028", "\ud800", "\ufeff", "\ufffe", "\uffff", "𠮷", '<?xml version="1.1"?>', "<!DOCTYPE a>"],
];

/** Numbers from a seed (Park and Miller). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

function bySaxes(text: string): Tree | undefined {
  try {
    return treeOf(text, false);
  } catch {
    return undefined; // refused: the short cut must have given up
  }
}

/** 1 when the short cut was taken. */
function held(text: string): number {
  const root = readPlain(text);
  if (root === undefined) return 0;
  assert.deepEqual(root, bySaxes(text), JSON.stringify(text));
  return 1;
}

test("what the short cut reads, saxes reads the same: documents of the vendors", () => {
  const taken = samples.reduce((sum, text) => sum + held(text), 0);
  assert.ok(samples.length > 100 && taken > samples.length / 3, `${taken} of ${samples.length}`);
});

test("what the short cut reads, saxes reads the same: documents that were changed at random", () => {
  const random = randomFrom(7);
  const texts = [...MADE, ...MADE, ...samples.filter((text) => text.length < 1_200)];
  let taken = 0;
  for (let count = 0; count < 20_000; count += 1) {
    let text = texts[count % texts.length] ?? "";
    for (let changes = random(3) + 1; changes > 0; changes -= 1) {
      const at = random(text.length + 1);
      text = text.slice(0, at) + (random(3) === 0 ? "" : PIECES[random(PIECES.length)]) + text.slice(at + random(3));
    }
    taken += held(text);
  }
  assert.ok(taken > 1_000, `${taken} of 20,000`);
});

test("the short cut gives up where there is more than it knows", () => {
  const deep = `${"<a>".repeat(33)}${"</a>".repeat(33)}`;
  const wide = `<a ${Array.from({ length: 65 }, (_, index) => `b${index}=""`).join(" ")}/>`;
  const others = [
    "<a/><b/>",
    "<a></b>",
    "<a></a >",
    "<a b='1' b='2'/>",
    "<a x:b='1' y:b='2'/>",
    "<a b = '1'/>",
    "<a>\r</a>",
    "<a>&#9;</a>",
  ];
  for (const text of ["", "a", "<a>", "<a", deep, wide, ...others, `<a>${"x".repeat(65_536)}</a>`])
    assert.equal(readPlain(text), undefined, text.slice(0, 40));
});
