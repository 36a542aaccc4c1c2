import assert from "node:assert/strict";
import { test } from "node:test";
import { type BinaryType, binaryArray } from "./binary.ts";

const CASES: readonly { readonly type: BinaryType; readonly values: readonly unknown[]; readonly elements: string }[] = [
  { type: "text", values: ["", "ab", null], elements: "00000000 00000002 6162 ffffffff" },
  { type: "text", values: ["门诊", "x".repeat(60)], elements: `00000006 e997a8e8af8a 0000003c ${"78".repeat(60)}` },
  { type: "jsonb", values: ["{}"], elements: "00000003 01 7b7d" },
  { type: "bytea", values: [Uint8Array.of(0, 255)], elements: "00000002 00ff" },
  { type: "boolean", values: [true, false], elements: "00000001 01 00000001 00" },
  { type: "integer", values: [-1, 7], elements: "00000004 ffffffff 00000004 00000007" },
  { type: "bigint", values: [7n, 8], elements: "00000008 0000000000000007 00000008 0000000000000008" },
  { type: "double precision", values: [1.5], elements: "00000008 3ff8000000000000" },
  { type: "uuid", values: ["01a202a7-371E-775b-8a80-4fcb75b2a013"], elements: "00000010 01a202a7371e775b8a804fcb75b2a013" },
];
for (const { type, values, elements } of CASES) {
  test(`an array of ${type} is what the server reads`, () => {
    const array = binaryArray(type, values, (value) => value);
    assert.equal(array.subarray(20).toString("hex"), elements.replaceAll(" ", ""));
    assert.deepEqual(
      [array.readInt32BE(0), array.readInt32BE(4), array.readInt32BE(12), array.readInt32BE(16)],
      [1, values.includes(null) ? 1 : 0, values.length, 1],
    );
  });
}

test("a text that is no UUID is not made one", () => {
  for (const text of ["", "01a202a7", `${"0".repeat(35)}x`, "zzzzzzzz-371e-775b-8a80-4fcb75b2a013"]) {
    assert.ok(binaryArray("uuid", [text], (value) => value).length < 20 + 4 + 16, text);
  }
});

test("an array larger than what is kept between batches is whole", () => {
  const long = "字".repeat(300_000);
  const array = binaryArray("text", [long, "end"], (value) => value);
  assert.equal(array.subarray(24, 24 + array.readInt32BE(20)).toString("utf8"), long);
  assert.equal(array.subarray(-3).toString(), "end");
});

test("a number that does not fit is refused, never cut", () => {
  assert.throws(() => binaryArray("integer", [2 ** 40], (value) => value), RangeError);
});
