import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listOf, type Migration, migrated, textOf, wholeOf } from "./config.ts";

const RENAME: Migration = { from: 1, migrate: ({ target, ...rest }) => ({ ...rest, destination: target }) };
const LIST: Migration = { from: 2, migrate: (raw) => ({ ...raw, types: [raw.type] }) };

describe("configurations of older nodes", () => {
  test("migrations run in their order, from the version the node was saved with", () => {
    assert.deepEqual(migrated({ target: "his", type: "t", kept: 1 }, 3, [LIST, RENAME]), {
      ok: true,
      value: { destination: "his", type: "t", types: ["t"], kept: 1, version: 3 },
    });
    assert.deepEqual(migrated({ version: 2, destination: "his", type: "t" }, 3, [RENAME, LIST]), {
      ok: true,
      value: { version: 3, destination: "his", type: "t", types: ["t"] },
    });
  });
  test("a present one is left as it is", () => {
    const raw = { version: 1, any: {} };
    assert.deepEqual(migrated(raw, 1, []), { ok: true, value: raw });
  });
  test("a later one, and a gap, are refused in both languages", () => {
    for (const refused of [migrated({ version: 4 }, 3, []), migrated({ version: 1 }, 3, [LIST])]) {
      assert.equal(refused.ok, false);
      if (!refused.ok) assert.ok(refused.zh && refused.en);
    }
  });
});

describe("reading settings", () => {
  test("texts are trimmed; absent and empty are both not given", () => {
    assert.deepEqual([textOf({ a: " x " }, "a"), textOf({}, "a"), textOf({ a: 1 }, "a")], ["x", "", ""]);
  });
  test("lists keep texts only", () => assert.deepEqual([listOf({ a: ["x", "", 1, null] }, "a"), listOf({ a: "x,y" }, "a")], [["x"], []]));
  for (const [given, ok] of [
    ["60", true],
    [60, true],
    [1, true],
    [600, true],
    ["0", false],
    [601, false],
    ["1.5", false],
    ["", false],
    [" 5", false],
    ["1e2", false],
    [Number.NaN, false],
    [undefined, false],
  ] as const)
    test(`whole number ${JSON.stringify(given)}: ${ok ? "taken" : "refused"}`, () => {
      assert.equal(wholeOf({ n: given }, "n", { least: 1, most: 600 }).ok, ok);
    });
});
