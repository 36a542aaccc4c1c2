import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ServiceProblem } from "./problem.ts";
import { readState, writeAtomically } from "./processes.ts";

void describe("files of state", () => {
  const folder = mkdtempSync(join(tmpdir(), "huiliu-state-"));
  const file = join(folder, "state.json");
  after(() => rmSync(folder, { recursive: true }));

  void test("nothing written is nothing known; what was written is read again, by its owner only", () => {
    assert.deepEqual(readState(file), {});
    writeAtomically(file, '{"a":1}');
    assert.deepEqual([readState(file), statSync(file).mode & 0o777], [{ a: 1 }, 0o600]);
  });
  for (const text of ["", "{broken", '{"password":"hunter2', "[]", "null", "1"])
    void test(`damaged (${text}): the file is named with what to do, its content is not`, () => {
      writeFileSync(file, text);
      assert.throws(
        () => readState(file),
        (error) =>
          error instanceof ServiceProblem &&
          error.code === "state-file-damaged" &&
          [error.message, error.zh].every((said) => said.includes(file) && said.includes("--fresh") && !said.includes("hunter2")),
      );
    });
});
