/**
 * Tests stored with flows (docs/flow-tests.md): every flow and every node's example has them, all of them pass in a real Node-RED, and a fault planted in a flow, in a
 * mapping or in an ack contract turns one red, which names the place.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../../bin/environment.ts";
import { runExampleTests, runFlowTests, runJob } from "../../bin/flow-tests/run.ts";
import { checkFlowTest, type FlowTest } from "../../domain/flowtests/document.ts";
import { differenceLines, type FlowTestRun } from "../../domain/flowtests/result.ts";
import { FOLDER, type StoredNode } from "../../platform/node-red/flow-files.ts";
import { readTests } from "../../platform/node-red/flow-tests.ts";

/** Tests of a flow: what goes well, what a partner refuses or leaves unclear, what cannot be read. */
const TESTS_MIN = 3;
/** A run of all flows, on a machine that does other things: measured 4 s. */
const RUN_MS = 60_000;

const foldersIn = (path: string): readonly string[] =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && FOLDER.test(entry.name))
    .map((entry) => entry.name);
const flows = foldersIn(join(ROOT, "flows"));
const examples = readdirSync(join(ROOT, "examples")).map((name) => name.replace(/\.json$/, ""));

const told = (run: FlowTestRun): string =>
  [
    ...run.problems.map(({ at, en }) => `${at} ${en}`),
    ...run.results
      .filter((one) => !one.passed)
      .flatMap(({ flow, test: name, differences }) => [`${flow}/${name}`, ...differences.flatMap((one) => differenceLines(one))]),
  ].join("\n");

/** Documents of all stored tests, by `<flow>/<test>`. */
async function documents(): Promise<ReadonlyMap<string, FlowTest>> {
  const all = new Map<string, FlowTest>();
  for (const [room, names] of [
    ["flows", flows],
    ["nodes", examples],
  ] as const)
    for (const name of names)
      for (const [own, document] of Object.entries(await readTests(join(ROOT, room, name)))) {
        const checked = checkFlowTest(document);
        assert.ok(checked.ok, `${name}/${own}: ${checked.ok ? "" : JSON.stringify(checked.problems)}`);
        all.set(`${name}/${own}`, checked.test);
      }
  return all;
}

describe("tests stored with flows", { timeout: 4 * RUN_MS }, () => {
  test("every flow and every example has at least three, and together they use every kind of outcome", async () => {
    const all = await documents();
    for (const name of [...flows, ...examples]) {
      const own = [...all].filter(([id]) => id.startsWith(`${name}/`)).map(([, one]) => one);
      assert.ok(own.length >= TESTS_MIN, `${name} has ${own.length} tests`);
      assert.ok(
        own.some(({ expect }) => expect.parked.length > 0 || expect.writeBacks.some((one) => one.outcome !== "acknowledged")),
        `${name}: none in which something goes wrong`,
      );
    }
    const tests = [...all.values()];
    const outcomes = new Set(tests.flatMap(({ expect }) => expect.writeBacks.map((one) => one.outcome)));
    for (const outcome of ["acknowledged", "parked", "held", "queued"] as const) assert.ok(outcomes.has(outcome), outcome);
    const verdicts = new Set(tests.flatMap(({ expect }) => (expect.answers ?? []).map((one) => one.verdict)));
    assert.deepEqual([...verdicts].sort(), ["accepted", "duplicate", "refused"]);
    const fails = new Set(tests.flatMap(({ replies = {} }) => Object.values(replies).flatMap((list) => list.map((one) => one.fails))));
    for (const how of ["refused", "timeout", "cut"] as const) assert.ok(fails.has(how), how);
    assert.ok(tests.some(({ expect }) => expect.writeBacks.some((one) => one.calls?.includes("ask"))));
  });

  test("all of them pass, seconds for all flows and simulated hours for nothing", async () => {
    const run = await runFlowTests({ root: ROOT });
    assert.ok(run.passed, told(run));
    assert.deepEqual(run.untested, []);
    assert.deepEqual([...new Set(run.results.map((one) => one.flow))].sort(), [...flows].sort());
    assert.ok(run.ms < RUN_MS, `${run.ms} ms`);
  });

  test("those of the examples pass", async () => {
    const run = await runExampleTests(ROOT);
    assert.ok(run.passed, told(run));
    assert.deepEqual([...new Set(run.results.map((one) => one.flow))].sort(), [...examples].sort());
  });
});

const flowOf = (name: string): readonly StoredNode[] =>
  JSON.parse(readFileSync(join(ROOT, "flows", name, "flow.json"), "utf8")) as StoredNode[];

/** The flow with one node changed. */
const changed = (name: string, id: string, change: Partial<StoredNode>): Readonly<Record<string, readonly StoredNode[]>> => {
  const nodes = flowOf(name);
  assert.ok(
    nodes.some((node) => node.id === id),
    `${name} has no node ${id}`,
  );
  return { [name]: nodes.map((node) => (node.id === id ? { ...node, ...change } : node)) };
};

describe("planted faults turn a stored test red, and it names the place (What must show 5)", { timeout: 6 * RUN_MS }, () => {
  /** One program plays all three: each group is loaded anew. */
  test("in a flow: a wire that is gone, a wire to a write-back that is gone, a wrong mapping", async () => {
    const groupOf = async (flow: string, name: string, id: string, change: Partial<StoredNode>) => ({
      flows: changed(flow, id, change),
      tests: { [flow]: { [name]: (await readTests(join(ROOT, "flows", flow)))[name] } },
    });
    const run = await runJob({
      root: ROOT,
      groups: [
        await groupOf("charges", "accepted", "chg-translate", { wires: [[], ["chg-park"]] }),
        await groupOf("payment-confirm", "platform-payment", "pay-publish", { wires: [[]] }),
        await groupOf("charges", "accepted", "chg-translate", { mapping: "his/payment" }),
      ],
    });
    const [gone, unreached, wrong] = run.results;
    assert.deepEqual(
      run.results.map((one) => one.passed),
      [false, false, false],
      told(run),
    );
    const [dangling] = gone?.differences ?? [];
    assert.equal(dangling?.code, "parked-unexpected");
    assert.match(dangling?.actual ?? "", /BRANCH_DANGLED/);
    assert.deepEqual([dangling?.place?.flow, dangling?.place?.node?.id], ["charges", "chg-translate"]);
    const missing = unreached?.differences.find((one) => one.code === "write-back-missing");
    assert.equal(missing?.place?.node?.id, "pay-confirm", told(run));
    assert.match(missing?.place?.rule ?? "", /no message reached this node/);
    const [mapping] = wrong?.differences ?? [];
    assert.equal(mapping?.code, "parked-unexpected");
    assert.equal(mapping?.place?.node?.id, "chg-translate");
    assert.ok((mapping?.place?.rule ?? "").length > 0, "the mapping's own problem");
  });

  describe("in documents", () => {
    let root: string;
    before(() => {
      root = mkdtempSync(join(tmpdir(), "huiliu-faults-"));
      for (const room of ["mappings", "partners"])
        cpSync(join(ROOT, room), join(root, room), {
          recursive: true,
          // Examples of the vendors whose samples the tests below send; the others' are many.
          filter: (path) => !/[\\/]examples$/.test(path) || /mappings[\\/](his|jkt|neusoft|chongqing)[\\/]/.test(path),
        });
      for (const flow of ["charges", "payment-confirm", "insurance-settlement"])
        cpSync(join(ROOT, "flows", flow), join(root, "flows", flow), { recursive: true });
    });
    after(() => rmSync(root, { recursive: true, force: true }));

    const plant = (path: string, from: string, to: string): void => {
      const whole = readFileSync(join(root, path), "utf8");
      assert.ok(whole.includes(from), `${path} has no ${from}`);
      writeFileSync(join(root, path), whole.replace(from, to));
    };

    test("a mapping's field that reads another place, and contracts whose codes mean something else", async () => {
      plant(
        "mappings/his/payment-confirm/mapping.json",
        '{ "to": "Serial", "from": "/data/paymentNo" }',
        '{ "to": "Serial", "from": "/data/bills/0/no" }',
      );
      plant("mappings/his/insurance-result/mapping.json", '"rejected": ["E*"]', '"rejected": ["F*"]');
      plant("mappings/his/refund-confirm/mapping.json", '"acknowledged": ["0"]', '"acknowledged": ["7"]');
      const run = await runFlowTests({ root });
      const of = (flow: string, name: string) => run.results.find((one) => one.flow === flow && one.test === name);
      const field = of("payment-confirm", "platform-payment")?.differences.find((one) => one.code === "write-back-field");
      assert.equal(field?.place?.mapping, "his/payment-confirm", told(run));
      assert.match(field?.place?.path ?? "", /^\/fields\/\d+$/);
      assert.deepEqual([field?.expected, field?.actual], ["HPI20261120000002", "SEQ2026112000001"]);
      for (const [flow, name, mapping] of [
        ["insurance-settlement", "his-refuses", "his/insurance-result"],
        ["payment-confirm", "refund", "his/refund-confirm"],
      ] as const) {
        const outcome = of(flow, name)?.differences.find((one) => one.code === "write-back-outcome");
        assert.deepEqual([outcome?.place?.mapping, outcome?.place?.path], [mapping, "/reply/ack"], told(run));
        assert.ok((outcome?.place?.rule ?? "").length > 0, "which rule of the contract decided");
      }
      assert.ok(of("charges", "accepted")?.passed, "what has no fault in it passes beside them");
    });

    test("a mapping that does not load is told by file and place, and nothing has passed", async () => {
      plant("mappings/his/charge/mapping.json", '"to": "chargeNo"', '"too": "chargeNo"');
      const run = await runFlowTests({ root, only: ["charges"] });
      assert.equal(run.passed, false);
      assert.match(run.problems[0]?.at ?? "", /^mappings\/his\/charge\/mapping\.json/);
    });
  });
});
