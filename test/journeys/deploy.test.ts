/** Deploying from the editor: drained first, written as one folder per flow, nothing lost on the way (reference/nodered.md 3.4 and 5). */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { AFTER_DRAIN_MS, createFlowStorage } from "../../platform/node-red/flow-storage.ts";
import { type Bench, createFakeEngine, startBench } from "./node-red-bench.ts";

const sink = (id: string, z: string) => ({
  id,
  type: "huiliu-write-back",
  z,
  destination: "his",
  kind: "payment-confirm",
  types: [],
  when: "now",
  version: 1,
  x: 2,
  y: 1,
  wires: [[]],
});
const feeder = (id: string, z: string, partner: string, to: string) => ({
  id,
  type: "huiliu-message-in",
  z,
  partner,
  kinds: [],
  deadlineSeconds: "5",
  version: 1,
  x: 1,
  y: 1,
  wires: [[to]],
});
const ONE = [{ id: "one", type: "tab", label: "one" }, feeder("one-in", "one", "his", "one-s"), sink("one-s", "one")];
const TWO = [{ id: "two", type: "tab", label: "two" }, feeder("two-in", "two", "jkt", "two-s"), sink("two-s", "two")];

describe("deploy from the editor", () => {
  let bench: Bench;
  const file = (folder: string): string => join(bench.root, "flows", folder, "flow.json");
  /** A deploy answers before its flows have started; intake resumes right after they have. */
  const started = async (): Promise<void> => {
    for (let count = 0; bench.engine.calls.at(-1) !== "resume" && count < 3_000; count++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(bench.engine.calls.at(-1), "resume");
  };
  before(async () => {
    bench = await startBench({ flows: { one: ONE, two: TWO } });
  });
  after(() => bench.stop());

  test("intake pauses, the drain waits, the flows start, intake goes on", async () => {
    bench.engine.calls.length = 0;
    const from = performance.now();
    assert.equal((await bench.deploy([...ONE, ...TWO])).status, 204);
    assert.ok(performance.now() - from >= AFTER_DRAIN_MS, "waits after the drain");
    await started();
    assert.equal(bench.engine.calls[0], "pause deploy");
    assert.equal((await bench.engine.feed("his", "message")).parked, undefined);
  });

  test("S0-40 a deploy that comes before the flows of the one before have started is drained, too: intake does not go on under its hands", async () => {
    bench.engine.calls.length = 0;
    const both = await Promise.all([bench.deploy([...ONE, ...TWO]), bench.deploy([...ONE, ...TWO])]);
    assert.deepEqual(
      both.map(({ status }) => status),
      [204, 204],
    );
    await started();
    const { calls } = bench.engine;
    for (const [at, call] of calls.entries())
      if (call === "pause deploy")
        assert.notEqual(
          calls.indexOf("resume", at) < calls.indexOf("pause flows stop", at) && calls.includes("resume", at),
          true,
          calls.join(),
        );
    assert.equal((await bench.engine.feed("his", "message")).parked, undefined);
  });

  test("a second deploy of the same writes nothing", async () => {
    const stamp = (folder: string): number => statSync(file(folder)).mtimeMs;
    const earlier = [stamp("one"), stamp("two")];
    assert.equal((await bench.deploy([...TWO, ...ONE].reverse().sort((a) => (a.type === "tab" && a.id === "one" ? -1 : 0)))).status, 204);
    assert.deepEqual([stamp("one"), stamp("two")], earlier);
  });

  test("a change touches its own file only; a renamed tab keeps its folder; a path in a label stays inside flows/", async () => {
    const two = readFileSync(file("two"), "utf8");
    const one = ONE.map((node) => (node.id === "one" ? { ...node, label: "../../renamed" } : node));
    const evil = [{ id: "evil", type: "tab", label: "../../../tmp/evil" }];
    assert.equal((await bench.deploy([...one, ...TWO, ...evil])).status, 204);
    assert.equal(readFileSync(file("two"), "utf8"), two);
    assert.match(readFileSync(file("one"), "utf8"), /renamed/);
    assert.deepEqual(readdirSync(join(bench.root, "flows")).sort(), ["one", "tmp-evil", "two"]);
    assert.ok(!readdirSync(join(bench.root, "flows", "one")).some((name) => name.endsWith(".tmp")));
  });

  test("a removed tab takes its folder away whole, README and tests, and gets it back when it comes back", async () => {
    const removed = join(bench.root, "data", "removed-flows");
    writeFileSync(join(bench.root, "flows", "two", "README.md"), "# two");
    mkdirSync(join(bench.root, "flows", "two", "tests"));
    writeFileSync(join(bench.root, "flows", "two", "tests", "accepted.json"), "{}");
    assert.equal((await bench.deploy(ONE)).status, 204);
    assert.deepEqual(readdirSync(join(bench.root, "flows")), ["one"]);
    const kept = readdirSync(removed);
    assert.deepEqual(kept.map((name) => name.replace(/-\d{8}T\d{6}$/, "")).sort(), ["tmp-evil", "two"]);
    const two = join(removed, kept.find((name) => name.startsWith("two-")) ?? "");
    assert.deepEqual(readdirSync(two).sort(), ["README.md", "flow.json", "tests"]);
    assert.ok(
      bench.log.some((line) => line.startsWith("warn") && line.includes(two)),
      "where it is kept is said",
    );
    await started();
    await assert.rejects(bench.engine.feed("jkt", "message"), /nobody takes/);
    bench.engine.calls.length = 0;
    assert.equal((await bench.deploy([...ONE, ...TWO])).status, 204);
    assert.deepEqual(readdirSync(join(bench.root, "flows", "two")).sort(), ["README.md", "flow.json", "tests"]);
    assert.equal(readFileSync(join(bench.root, "flows", "two", "README.md"), "utf8"), "# two");
    await started();
    bench.engine.calls.length = 0;
    assert.equal((await bench.deploy(ONE)).status, 204);
    await started();
  });

  test("what the editor reads is what was written", async () => {
    const flows = (await (await bench.get("flows")).json()) as { id: string }[];
    assert.deepEqual(flows.map((node) => node.id).sort(), ["one", "one-in", "one-s"]);
  });

  test("S0-40 flows are changed live under load: none lost, none parked, none fed twice", async () => {
    const slow = {
      id: "one-d",
      type: "delay",
      z: "one",
      pauseType: "delay",
      timeout: "20",
      timeoutUnits: "milliseconds",
      rate: "1",
      nbRateUnits: "1",
      rateUnits: "second",
      randomFirst: "1",
      randomLast: "5",
      randomUnits: "seconds",
      drop: false,
      outputs: 1,
      x: 3,
      y: 1,
      wires: [["one-s"]],
    };
    const version = (count: number) => [
      ONE[0] ?? {},
      feeder("one-in", "one", "his", "one-d"),
      { ...slow, name: `v${count}` },
      sink("one-s", "one"),
    ];
    assert.equal((await bench.deploy(version(0))).status, 204);
    let feeding = true;
    let parked = 0;
    let settled = 0;
    const load = Array.from({ length: 50 }, async () => {
      while (feeding) {
        const outcome = await bench.engine.feed("his", "message");
        if (outcome.parked !== undefined || outcome.intents.length !== 1) parked += 1;
        else settled += 1;
      }
    });
    try {
      for (let count = 1; count <= 3; count++) {
        const earlier = settled;
        for (let waited = 0; settled < earlier + 100 && waited < 3_000; waited++) await new Promise((resolve) => setTimeout(resolve, 20));
        assert.ok(settled >= earlier + 100, "messages flow between the deploys");
        assert.equal((await bench.deploy(version(count))).status, 204);
      }
    } finally {
      feeding = false;
      await Promise.all(load);
    }
    assert.equal(parked, 0);
    assert.ok(settled >= 300, `${settled} settled`);
    assert.equal(bench.engine.live(), 0);
  });

  test("a question that outlasts the drain is aborted when its flow stops", async () => {
    const ask = {
      id: "one-ask",
      type: "huiliu-ask-partner",
      z: "one",
      partner: "his",
      kind: "inquiry",
      version: 1,
      x: 2,
      y: 1,
      wires: [["one-s"], [], [], ["one-s"]],
    };
    const asking = [ONE[0] ?? {}, feeder("one-in", "one", "his", "one-ask"), ask, sink("one-s", "one")];
    assert.equal((await bench.deploy(asking)).status, 204);
    await started();
    let aborted = false;
    let asked = false;
    bench.engine.onAsk = (signal) =>
      new Promise((resolve) => {
        asked = true;
        signal.addEventListener("abort", () => {
          aborted = true;
          resolve({ outcome: "unclear" });
        });
      });
    const outcome = bench.engine.feed("his", "message");
    for (let waited = 0; !asked && waited < 3_000; waited++) await new Promise((resolve) => setTimeout(resolve, 20));
    const from = performance.now();
    bench.engine.drainCapMs = 200;
    assert.equal((await bench.deploy(ONE)).status, 204);
    await started();
    bench.engine.drainCapMs = 60_000;
    delete bench.engine.onAsk;
    assert.equal(aborted, true);
    assert.ok(performance.now() - from < 8_000, "the deploy did not wait for Node-RED's close time-out of 8 s");
    assert.equal((await outcome).end.kind, "dangled", "its flow is gone: parked or fed again, never silently settled");
  });

  test("flows that cannot start (a node type is missing) leave intake paused, and the log says which", async () => {
    const odd = { id: "odd", type: "not-installed", z: "one", x: 1, y: 1, wires: [] };
    assert.equal((await bench.deploy([...ONE, odd])).status, 204);
    const said = (): boolean => bench.log.some((line) => line.startsWith("error") && line.includes("not-installed"));
    for (let waited = 0; !said() && waited < 3_000; waited++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(said());
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.match(bench.engine.calls.at(-1) ?? "", /^pause/);
    assert.equal((await bench.deploy(ONE)).status, 204);
    await started();
    assert.equal((await bench.engine.feed("his", "message")).parked, undefined);
  });
});

describe("flow storage", () => {
  type Storage = { getFlows: () => Promise<unknown>; saveFlows: (flows: readonly object[]) => Promise<void> };
  const make = (profile: "development" | "production", root: string) => {
    const engine = createFakeEngine();
    return {
      engine,
      storage: createFlowStorage({ root, profile, engine, removed: join(root, "removed"), log: () => undefined })
        .module as unknown as Storage,
    };
  };
  const scratch = (flows: Readonly<Record<string, string>>): string => {
    const root = mkdtempSync(join(tmpdir(), "huiliu-flows-"));
    for (const [folder, text] of Object.entries(flows)) {
      mkdirSync(join(root, "flows", folder), { recursive: true });
      if (text !== "") writeFileSync(join(root, "flows", folder, "flow.json"), text);
    }
    return root;
  };

  test("production refuses with a sentence, without pausing anything", async () => {
    const root = scratch({});
    const { engine, storage } = make("production", root);
    await assert.rejects(storage.saveFlows(ONE), /生产环境的流程是只读的.+read-only/);
    assert.deepEqual(engine.calls, []);
    rmSync(root, { recursive: true });
  });

  test("every folder that does not load is named", async () => {
    const root = scratch({ good: JSON.stringify(ONE), "no-file": "", broken: "[{", "not-flow": '{"a":1}', "Bad Name": "[]" });
    const { storage } = make("development", root);
    await assert.rejects(storage.getFlows(), (error: Error) => {
      for (const name of ["no-file", "broken", "not-flow", "Bad Name"]) assert.ok(error.message.includes(name), name);
      return !error.message.includes("flows/good");
    });
    rmSync(root, { recursive: true });
  });

  test("a deploy that cannot be written resumes intake", async () => {
    const root = scratch({});
    writeFileSync(join(root, "flows"), "in the way");
    const { engine, storage } = make("development", root);
    await assert.rejects(storage.saveFlows(ONE));
    assert.deepEqual(engine.calls, ["pause deploy", "resume"]);
    rmSync(root, { recursive: true });
  });
});
