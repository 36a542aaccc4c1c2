import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, differences, seeding } from "./profiles.ts";

const rows: readonly { name: string; row: { rowHash: string; seedHash: string } | undefined; file: string; is: string }[] = [
  { name: "no row yet", row: undefined, file: "a", is: "take" },
  { name: "a row made without a profile", row: { rowHash: "x", seedHash: "" }, file: "a", is: "take" },
  { name: "nothing changed", row: { rowHash: "a", seedHash: "a" }, file: "a", is: "keep" },
  { name: "people changed it, the file is as it was", row: { rowHash: "b", seedHash: "a" }, file: "a", is: "keep" },
  { name: "the file changed, nobody else", row: { rowHash: "a", seedHash: "a" }, file: "c", is: "take" },
  { name: "both changed", row: { rowHash: "b", seedHash: "a" }, file: "c", is: "differs" },
  { name: "the file caught up with what people made of it", row: { rowHash: "b", seedHash: "a" }, file: "b", is: "take" },
];
for (const { name, row, file, is } of rows) test(`a start with ${name}: ${is}`, () => assert.equal(seeding(row, file), is));

test("differences name the place, whatever the order of members", () => {
  const before = { a: 1, b: { c: [1, 2], d: "x" }, gone: true };
  const after = { b: { d: "y", c: [1, 2] }, a: 1, "n/w": null };
  assert.deepEqual(differences(before, after), [
    { at: "/b/d", before: "x", after: "y" },
    { at: "/gone", before: true },
    { at: "/n~1w", after: null },
  ]);
  assert.deepEqual(differences(before, { gone: true, b: { d: "x", c: [1, 2] }, a: 1 }), []);
  assert.equal(canonical({ b: 1, a: undefined, c: [{ z: 1, y: 2 }] }), '{"b":1,"c":[{"y":2,"z":1}]}');
});
