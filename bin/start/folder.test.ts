import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ServiceProblem } from "../../platform/services/problem.ts";
import { makeFolder } from "./folder.ts";

test("a data folder is made with what is missing above it; one that cannot be made is refused at once, by its name", () => {
  const home = mkdtempSync(join(tmpdir(), "huiliu-folder-"));
  const deep = join(home, "a", "b", "c");
  makeFolder(deep);
  makeFolder(deep);
  assert.ok(existsSync(deep));
  writeFileSync(join(home, "file"), "");
  for (const impossible of ["/proc/nope", "/proc/nope/deeper", join(home, "file", "below")]) {
    assert.throws(
      () => makeFolder(impossible),
      (error) => error instanceof ServiceProblem && error.code === "data-folder-unusable" && /nope|file/.test(error.message),
      impossible,
    );
  }
  rmSync(home, { recursive: true });
});
