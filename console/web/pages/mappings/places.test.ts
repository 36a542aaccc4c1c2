import assert from "node:assert/strict";
import { test } from "node:test";
import { rangeOf } from "./places.ts";

const TEXT = `{
  "name": "x",
  "cases": [
    { "name": "a" },
    { "name": "b", "from/to": 1 }
  ]
}`;
const cases: readonly (readonly [string, string | undefined, number | undefined])[] = [
  ["/name", '"name": "x"', 2],
  ["/cases/1/name", '"name": "b"', 5],
  ["/cases/1/from~1to", '"from/to": 1', 5],
  ["/cases/1/missing", '{ "name": "b", "from/to": 1 }', 5],
  ["", undefined, undefined],
];
for (const [pointer, wanted, line] of cases)
  test(`${pointer || "the whole"} is at line ${line}`, () => {
    const range = rangeOf(TEXT, pointer);
    assert.equal(range && TEXT.slice(range.from, range.to), wanted);
    assert.equal(range?.line, line);
  });
test("a problem of the message is where the document reads that place of it", () => {
  const text = '{ "fields": [{ "to": "patient.no", "from": "/Message/Patient/@no" }, { "from": "@amount" }] }';
  const at = (pointer: string, place: string) => {
    const range = rangeOf(text, pointer, place);
    return range && text.slice(range.from, range.to);
  };
  assert.equal(at("/Message/Patient/@no", "/Message/Patient/@no 患者号"), '"/Message/Patient/@no"');
  assert.equal(at("", "/Message/Lines/Line[2]/@amount"), '"@amount"');
  assert.equal(at("/Message/Other", "/Message/Other"), undefined);
});
test("no JSON has no places", () => assert.equal(rangeOf("", "/x"), undefined));
