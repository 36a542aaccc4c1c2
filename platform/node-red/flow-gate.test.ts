import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OUTSIDE } from "../../domain/flows/drawing.ts";
import type { FlowProblem } from "../../domain/flows/rules.ts";
import type { StoredNode } from "./flow-files.ts";
import { FLOWS_REFUSED, gated, OFF_IN_PRODUCTION } from "./flow-gate.ts";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";

const problem = (more: Partial<FlowProblem>): FlowProblem => ({
  ...{ rule: "unknown-mapping", hard: true, flow: "charges", tab: "t", node: "n1", nodeName: "翻译" },
  ...{ zh: "没有映射", en: "there is no mapping" },
  ...more,
});

/** A storage that notes what it was asked. */
function storage(): { readonly module: Record<string, unknown>; readonly saved: unknown[][] } {
  const saved: unknown[][] = [];
  const module = {
    saveFlows: async (...given: unknown[]) => void saved.push(given),
    other: "kept",
  };
  return { module, saved };
}
const callable = (module: Readonly<Record<string, unknown>>) =>
  module as unknown as {
    readonly saveFlows: (flows: readonly StoredNode[], user?: unknown) => Promise<void>;
    readonly other: string;
  };

describe("the gate before the flows' files", () => {
  test("a drawing with a hard problem is refused before anything is saved, with its node named in both languages", async () => {
    const { module, saved } = storage();
    const gate = callable(gated(module, () => [problem({}), problem({ hard: false, node: "n2" })]));
    await assert.rejects(gate.saveFlows([]), (error: Error & { code?: string }) => {
      assert.equal(error.code, FLOWS_REFUSED);
      assert.match(error.message, /charges \/ 翻译 \(n1\): 没有映射 \| there is no mapping/);
      assert.doesNotMatch(error.message, /n2/, "a warning refuses nothing");
      return true;
    });
    assert.deepEqual(saved, []);
  });

  test("a sound one goes on to the storage, with whoever deploys; so does all while the engine is not there", async () => {
    for (const found of [[], [problem({ hard: false })], undefined]) {
      const { module, saved } = storage();
      const gate = callable(gated(module, () => found));
      await gate.saveFlows([{ id: "a", type: "tab" }], { username: "王" });
      assert.deepEqual(saved, [[[{ id: "a", type: "tab" }], { username: "王" }]]);
      assert.equal(gate.other, "kept");
    }
  });

  test("the files that production leaves out hold every node of Node-RED's own that runs code or reaches outside", () => {
    const core = join(dirname(createRequire(import.meta.url).resolve("@node-red/nodes/package.json")), "core");
    const there = globSync("*/*.js", { cwd: core });
    const typesOf = (path: string): string[] =>
      [...readFileSync(join(core, path), "utf8").matchAll(/registerType\("([^"]+)"/g)].map((match) => match[1] ?? "");
    for (const name of OFF_IN_PRODUCTION)
      assert.ok(
        there.some((path) => path.endsWith(`/${name}`)),
        `Node-RED has ${name}`,
      );
    const left = there.filter((path) => !OFF_IN_PRODUCTION.some((name) => path.endsWith(`/${name}`))).flatMap(typesOf);
    assert.deepEqual(
      left.filter((type) => OUTSIDE.has(type)),
      [],
    );
    const gone = there.filter((path) => OFF_IN_PRODUCTION.some((name) => path.endsWith(`/${name}`))).flatMap(typesOf);
    assert.deepEqual(
      gone.filter((type) => !OUTSIDE.has(type)),
      [],
    );
  });
});
