import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { ROOT } from "./environment.ts";

void describe("commands", () => {
  for (const command of ["test", "check", "peers", "bench", "docs", "capabilities", "start"])
    void test(`${command}: an option it does not know is refused with its help, in no stack's words`, () => {
      const { status, stderr } = spawnSync(process.execPath, [`${ROOT}/bin/${command}.ts`, "--no-such-option"], { encoding: "utf8" });
      assert.equal(status, 2, stderr);
      assert.match(stderr, /^✗ Unknown option '--no-such-option'/);
      assert.match(stderr, /--help/);
      assert.doesNotMatch(stderr, /^\s+at /m);
    });
});
