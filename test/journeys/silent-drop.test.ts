/**
 * The silent-drop table (reference/nodered.md 3.3): whatever an integrator wires, no message disappears. Every row runs in a real Node-RED with the real
 * ledger and ends either well, or parked with the node named where it died.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Bench, eventOf, type Outcome, startBench } from "./node-red-bench.ts";
import { FAILING } from "./wiring/failing.ts";
import { LOST } from "./wiring/lost.ts";
import { sink, change, OWED, type Row } from "./wiring/nodes.ts";
import { WELL } from "./wiring/well.ts";

const ROWS: readonly Row[] = [...LOST, ...FAILING, ...WELL];

const partnerOf = (index: number): string => (ROWS[index]?.what.startsWith("a match") ? "row" : `row-${index}`);

/** A row as a tab: its nodes, fed by a node of its own partner. */
function tab(row: Row, index: number): readonly object[] {
  const z = `r${index}`;
  const id = (name: string): string => `${z}-${name}`;
  const first = (row.first ?? ["a"]).map(id);
  const feeder = {
    id: id("in"),
    type: "huiliu-message-in",
    partner: partnerOf(index),
    kinds: [],
    deadlineSeconds: row.deadlineSeconds ?? "10",
    version: 1,
    z,
    x: 1,
    y: 1,
    wires: [first],
  };
  return [{ id: z, type: "tab", label: z }, feeder, ...row.nodes(id).map((node) => ({ ...node, z, x: 1, y: 1 }))];
}

/** A subflow that is used twice: once well, once with its inside leading nowhere. */
const SUBFLOWS = [
  {
    id: "sub-ok",
    type: "subflow",
    name: "ok",
    in: [{ x: 1, y: 1, wires: [{ id: "sub-ok-c" }] }],
    out: [{ x: 1, y: 1, wires: [{ id: "sub-ok-c", port: 0 }] }],
  },
  { ...change("sub-ok-c", [[]]), z: "sub-ok", x: 1, y: 1 },
  { id: "sub-bad", type: "subflow", name: "bad", in: [{ x: 1, y: 1, wires: [{ id: "sub-bad-c" }] }], out: [{ x: 1, y: 1, wires: [] }] },
  { ...change("sub-bad-c", [[]]), z: "sub-bad", x: 1, y: 1, name: "inside" },
];
const subTab = (name: string, template: string): readonly object[] => [
  { id: name, type: "tab", label: name },
  {
    id: `${name}-in`,
    type: "huiliu-message-in",
    partner: name,
    kinds: [],
    deadlineSeconds: "10",
    version: 1,
    z: name,
    x: 1,
    y: 1,
    wires: [[`${name}-u`]],
  },
  { id: `${name}-u`, type: `subflow:${template}`, z: name, x: 1, y: 1, wires: [[`${name}-s`]] },
  { ...sink(`${name}-s`), z: name, x: 1, y: 1 },
];

describe("no message disappears, whatever is wired", () => {
  let bench: Bench;
  before(async () => {
    const flows: Record<string, readonly object[]> = {
      _shared: SUBFLOWS,
      "sub-good": subTab("sub-good", "sub-ok"),
      "sub-dead": subTab("sub-dead", "sub-bad"),
    };
    ROWS.forEach((row, index) => {
      flows[`r${index}`] = tab(row, index);
    });
    flows.events = [
      { id: "ev", type: "tab", label: "ev" },
      {
        id: "ev-in",
        type: "huiliu-event-in",
        types: ["payment.refunded"],
        deadlineSeconds: "10",
        version: 1,
        z: "ev",
        x: 1,
        y: 1,
        wires: [["ev-s"]],
      },
      { ...sink("ev-s"), z: "ev", x: 1, y: 1 },
    ];
    bench = await startBench({ flows });
  });
  after(() => bench.stop());

  const feed = async (row: Row, index: number): Promise<Outcome> => {
    for (let count = 0; count < (row.before ?? 0); count++) await bench.engine.feed(partnerOf(index), row.kind ?? "message");
    return bench.engine.feed(partnerOf(index), row.kind ?? "message");
  };

  describe("rows", { concurrency: true }, () => {
    for (const [index, row] of ROWS.entries())
      test(row.what, async () => {
        const outcome = await feed(row, index);
        if (row.parked === undefined) {
          assert.equal(outcome.parked, undefined, JSON.stringify(outcome.parked));
          assert.deepEqual([...outcome.intents].sort(), [...(row.intents ?? [])].sort());
        } else {
          assert.equal(outcome.parked?.code, row.parked.code, JSON.stringify(outcome));
          assert.equal(outcome.parked?.node?.id, `r${index}-${row.parked.node}`);
          assert.equal(outcome.parked?.node?.flow, `r${index}`, "the record names the flow's folder");
          if (row.parked.text) assert.match(outcome.parked?.zh ?? "", row.parked.text);
        }
        if (row.atOnce) assert.equal(outcome.waited, false, "it waited for its time to be over");
      });
    test("a subflow that is well wired", async () => {
      const outcome = await bench.engine.feed("sub-good", "message");
      assert.equal(outcome.parked, undefined, JSON.stringify(outcome.parked));
      assert.deepEqual(outcome.intents, [OWED]);
    });
    test("a node inside a subflow that leads nowhere is named, with the flow of its instance", async () => {
      const outcome = await bench.engine.feed("sub-dead", "message");
      assert.equal(outcome.parked?.code, "BRANCH_DANGLED");
      assert.equal(outcome.parked?.node?.name, "inside");
      assert.equal(outcome.parked?.node?.flow, "sub-dead");
    });
    test("an event feeds its flow", async () => {
      const outcome = await bench.engine.feedEvent(eventOf("payment.refunded"));
      assert.deepEqual(outcome.intents, [OWED]);
    });
  });

  test("problems are kept with the record, and nothing is committed", async () => {
    const at = ROWS.findIndex((row) => row.what.startsWith("problems led"));
    const outcome = await bench.engine.feed(partnerOf(at), "bad");
    assert.equal(outcome.parked?.problems?.[0]?.place, "出参第1项");
    assert.deepEqual(outcome.intents, []);
  });

  test("the process survived every one of them, and nothing is live", () => {
    assert.equal(bench.engine.live(), 0);
  });
});
