/**
 * A deploy plays the stored tests of what it changes (docs/flow-tests.md): refused where one fails, with the test and the place; let through by the right `override` with a
 * reason, which is noted first. Tests are played by the real program; a flow that nobody changed is not.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { runFlowTests } from "../../bin/flow-tests/run.ts";
import { type Role, TOKEN_PRINCIPAL } from "../../domain/access/rights.ts";
import type { FlowTestRun } from "../../domain/flowtests/result.ts";
import { changedFlows, type Override } from "../../platform/node-red/deploy-tests.ts";
import type { StoredNode } from "../../platform/node-red/flow-files.ts";
import type { Wanted } from "../../platform/node-red/flow-tests.ts";
import { type Bench, PACKAGE_ROOT, startBench } from "./node-red-bench.ts";

const CHARGES = JSON.parse(readFileSync(join(PACKAGE_ROOT, "flows", "charges", "flow.json"), "utf8")) as readonly StoredNode[];
const OTHER = [
  { id: "other", type: "tab", label: "other" },
  { id: "other-note", type: "comment", z: "other", name: "a flow without tests", x: 1, y: 1, wires: [] },
] as unknown as readonly StoredNode[];
const edited = (id: string, change: Partial<StoredNode>): readonly StoredNode[] =>
  CHARGES.map((node) => (node.id === id ? { ...node, ...change } : node));
const BROKEN = edited("chg-translate", { wires: [[], ["chg-park"]] });

describe("deploys and stored tests", { timeout: 240_000 }, () => {
  let bench: Bench;
  let root: string;
  let roles: readonly Role[] = ["integrator"];
  let refusesToNote = false;
  const asked: Wanted[] = [];
  const noted: Override[] = [];
  /** The same drawing is played once: a program of its own each time takes seconds. */
  const played = new Map<string, Promise<FlowTestRun>>();
  const run = (wanted: Wanted): Promise<FlowTestRun> => {
    asked.push(wanted);
    const name = JSON.stringify(wanted);
    const answer = played.get(name) ?? runFlowTests(wanted);
    played.set(name, answer);
    return answer;
  };
  const onDisk = (): string => readFileSync(join(root, "flows", "charges", "flow.json"), "utf8");
  const deploy = async (flows: readonly StoredNode[], reason?: string) => {
    const answer = await bench.deploy(flows, reason === undefined ? {} : { "huiliu-deploy-reason": encodeURIComponent(reason) });
    const text = await answer.text();
    return { status: answer.status, ...(text.startsWith("{") ? (JSON.parse(text) as { code?: string; message?: string }) : {}) };
  };
  before(async () => {
    root = mkdtempSync(join(tmpdir(), "huiliu-gate-"));
    for (const room of ["mappings/his", "partners/his.json", "flows/charges"])
      cpSync(join(PACKAGE_ROOT, room), join(root, room), { recursive: true });
    mkdirSync(join(root, "flows", "other"));
    writeFileSync(join(root, "flows", "other", "flow.json"), JSON.stringify(OTHER));
    bench = await startBench({
      root,
      admission: { who: async () => ({ ...TOKEN_PRINCIPAL, name: "李工", roles }), leave: async () => undefined, consolePort: () => "1" },
      flowTests: {
        run,
        note: async (override) => {
          if (refusesToNote) throw new Error("the audit is away");
          noted.push(override);
        },
      },
    });
    // As the editor writes them: from here on, what differs was changed.
    await deploy([...CHARGES, ...OTHER]);
  });
  after(async () => {
    await bench.stop();
    rmSync(root, { recursive: true, force: true });
  });
  beforeEach(() => {
    asked.length = 0;
    noted.length = 0;
    roles = ["integrator"];
  });

  test("a flow whose tests fail is not deployed: the test, the node and what to read are told, and no file changed", async () => {
    const before = onDisk();
    bench.engine.calls.length = 0;
    const { status, code, message = "" } = await deploy([...BROKEN, ...OTHER]);
    assert.deepEqual([status, code], [422, "flow_tests_failed"]);
    for (const told of ["flows/charges/tests/accepted", "BRANCH_DANGLED", "chg-translate", "没有部署", "nothing was deployed"])
      assert.ok(message.includes(told), `${told} in ${message}`);
    assert.equal(onDisk(), before);
    assert.ok(!bench.engine.calls.some((call) => call.startsWith("pause")), "nothing was drained");
  });

  test("only what changed is played; moving a node changes nothing", async () => {
    const moved = edited("chg-park", { x: 999, y: 111 });
    assert.equal((await deploy([...moved, ...OTHER])).status, 204);
    assert.equal(asked.length, 0);
    assert.match(onDisk(), /"x": 999/, "it is saved all the same");
    assert.equal((await deploy([...edited("chg-in-his", { deadlineSeconds: "59" }), ...OTHER])).status, 204);
    assert.deepEqual(
      asked.map((one) => one.only),
      [["charges"]],
    );
    assert.equal((await deploy([...CHARGES, ...OTHER])).status, 204);
  });

  test("a flow without tests may be deployed, and it is said that production will not load it", async () => {
    const changed = OTHER.map((node) => (node.id === "other-note" ? { ...node, name: "changed" } : node));
    assert.equal((await deploy([...CHARGES, ...changed])).status, 204);
    assert.ok(bench.log.some((line) => line.startsWith("warn") && /other.*production will not load it/.test(line)));
    assert.equal((await deploy([...CHARGES, ...OTHER])).status, 204);
  });

  test("a reason without the right is refused, the right without a reason, and with too short a one", async () => {
    const before = onDisk();
    assert.equal((await deploy([...BROKEN, ...OTHER], "夜里要修好")).status, 403);
    roles = ["integrator", "administrator"];
    assert.equal((await deploy([...BROKEN, ...OTHER])).status, 422);
    assert.equal((await deploy([...BROKEN, ...OTHER], "急")).status, 422);
    refusesToNote = true;
    assert.ok((await deploy([...BROKEN, ...OTHER], "夜里要修好")).status >= 400, "what cannot be audited is not done");
    refusesToNote = false;
    assert.equal(onDisk(), before);
    assert.deepEqual(noted, []);
  });

  test("the right and a reason: it is noted who, why and what fails, and deployed", async () => {
    roles = ["integrator", "administrator"];
    assert.equal((await deploy([...BROKEN, ...OTHER], "夜里要修好，先停计费")).status, 204);
    assert.equal(noted.length, 1);
    const [one] = noted;
    assert.deepEqual([one?.by, one?.reason, one?.flows], ["李工", "夜里要修好，先停计费", ["charges"]]);
    assert.ok(one?.failed.includes("charges/accepted"));
    assert.notEqual(onDisk().includes('"wires": [\n      [\n        "chg-publish"'), true);
    assert.equal((await deploy([...CHARGES, ...OTHER])).status, 204, "mended, it needs no reason");
    assert.equal(noted.length, 1);
  });

  test("the editor lists stored tests, and plays them on what stands on the canvas", async () => {
    const stored = (await (await bench.get("huiliu/flow-tests")).json()) as {
      flows: { flow: string; tab: string; tests: { name: string }[] }[];
    };
    const charges = stored.flows.find((one) => one.flow === "charges");
    assert.equal(charges?.tab, "charges");
    assert.deepEqual(
      charges?.tests.map((one) => one.name).sort(),
      readdirSync(join(root, "flows", "charges", "tests"))
        .map((name) => name.replace(".json", ""))
        .sort(),
    );
    const red = (await (
      await bench.post("huiliu/flow-tests", { flow: "charges", test: "accepted", nodes: [...BROKEN, ...OTHER] })
    ).json()) as FlowTestRun;
    assert.deepEqual([red.passed, red.tests, red.results[0]?.differences[0]?.place?.node?.id], [false, 1, "chg-translate"]);
    const green = (await (await bench.post("huiliu/flow-tests", { flow: "charges", test: "accepted" })).json()) as FlowTestRun;
    assert.deepEqual([green.passed, green.tests], [true, 1], "what is stored is as it was");
    assert.equal((await bench.post("huiliu/flow-tests", { flow: 7 })).status, 400);
  });
});

test("changed flows: what belongs to no tab may be used by all of them", () => {
  const tab = (id: string): StoredNode => ({ id, type: "tab", label: id });
  const before = { a: [tab("a")], b: [tab("b")], _shared: [{ id: "s", type: "subflow", name: "x" }] };
  assert.deepEqual(changedFlows(before, before), []);
  assert.deepEqual(changedFlows(before, { ...before, _shared: [{ id: "s", type: "subflow", name: "y" }] }), ["a", "b"]);
  assert.deepEqual(changedFlows(before, { ...before, c: [tab("c")] }), ["c"]);
});
