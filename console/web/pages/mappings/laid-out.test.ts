import assert from "node:assert/strict";
import { test } from "node:test";
import { laidOut } from "./laid-out.ts";

const cases: readonly (readonly [codec: string, text: string, shown: string])[] = [
  ["json", '{"a":[1,{"b":"x"}]}', '{\n  "a": [\n    1,\n    {\n      "b": "x"\n    }\n  ]\n}'],
  ["json", "{broken", "{broken"],
  [
    "xml",
    '<?xml version="1.0"?><A k="1"><B>x &lt; y</B><C/><D></D><E><F>z</F></E></A>',
    '<?xml version="1.0"?>\n<A k="1">\n  <B>x &lt; y</B>\n  <C/>\n  <D>\n  </D>\n  <E>\n    <F>z</F>\n  </E>\n</A>',
  ],
  ["hl7", "MSH|^~\\&\rPID|1", "MSH|^~\\&\nPID|1"],
  ["delimited", "2410^H001^|x", "2410^H001^|x"],
];
for (const [codec, text, shown] of cases) test(`${codec}: ${text.slice(0, 20)}`, () => assert.equal(laidOut(text, codec), shown));
test("a very long one is left as it stands", () => {
  const long = `<A>${"<B/>".repeat(100_000)}</A>`;
  assert.equal(laidOut(long, "xml"), long);
});
