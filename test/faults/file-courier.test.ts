/** P15, P16: killed while a file is put. No write-back of the shipped flows goes into a file, so that the fault runs' load cannot reach these points: a process of its own does. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../bin/environment.ts";
import { enumerateKillPoints, HIT_ELSEWHERE } from "./kill-points.ts";

const CHILD = join(ROOT, "test", "faults", "file-courier-child.ts");
const put = (folder: string, ...rest: string[]) =>
  spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", CHILD, folder, ...rest], { encoding: "utf8", timeout: 120_000 });

for (const { name } of HIT_ELSEWHERE.filter((one) => one.test === "test/faults/file-courier.test.ts"))
  test(`P15 P16 killed at ${name}: nobody sees half a file, and the next attempt puts it once`, () => {
    const folder = mkdtempSync(join(tmpdir(), "huiliu-put-"));
    try {
      const killed = put(folder, name);
      assert.equal(killed.signal, "SIGKILL", killed.stderr);
      assert.deepEqual(
        readdirSync(folder).filter((one) => !one.startsWith(".")),
        [],
        "half a file stands under its name",
      );
      const again = put(folder, "none", "2");
      assert.match(again.stdout, /"code":"(STORED|ALREADY)"/, again.stderr);
      assert.match(put(folder, "none", "3").stdout, /"code":"ALREADY"/);
      assert.deepEqual(
        readdirSync(folder).filter((one) => !one.startsWith(".")),
        ["K1.json"],
      );
      assert.equal(readFileSync(join(folder, "K1.json"), "utf8"), '{"refund":"R1","fen":"100"}');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

test("every point that is hit elsewhere stands in the code and in the test that is named", () => {
  const all = new Set(enumerateKillPoints(ROOT, "all").map(({ name }) => name));
  for (const { name, test: file } of HIT_ELSEWHERE) {
    assert.ok(all.has(name), name);
    assert.ok(readFileSync(join(ROOT, file), "utf8").includes("HIT_ELSEWHERE"), file);
  }
});
