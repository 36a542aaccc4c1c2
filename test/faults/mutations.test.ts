import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT } from "../../bin/environment.ts";
import { MUTATIONS, mutated } from "./mutations.ts";

describe("mutations of the engine's safeguards", () => {
  for (const { safeguard, edits } of MUTATIONS)
    test(`${safeguard}: what is to be removed is in the code, once`, () => {
      for (const edit of edits) {
        const text = readFileSync(join(ROOT, edit.file), "utf8");
        assert.notEqual(mutated(text, edit), text);
      }
    });
  test("a text that is not there, or twice, is an error", () => {
    assert.throws(() => mutated("a b", { file: "x.ts", find: "c", put: "" }), /0 times/);
    assert.throws(() => mutated("c c", { file: "x.ts", find: "c", put: "" }), /2 times/);
  });
});
