/**
 * The silent-drop table (reference/nodered.md 3.3): whatever an integrator wires, no message disappears. Every row runs in a real Node-RED with the real
 * ledger and ends either well, or parked with the node named where it died.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { RefusalCode } from "../../domain/refusals.ts";
import { AT_ONCE_MS, type Bench, eventOf, type Outcome, startBench } from "./node-red-bench.ts";

type Wires = readonly (readonly string[])[];

/** One row. Node ids are prefixed with the row's name by `tab`; the node `in` feeds it. */
interface Row {
  readonly what: string;
  readonly nodes: (id: (name: string) => string) => readonly object[];
  /** The wires of the feeding node; `a` when left out. */
  readonly first?: readonly string[];
  readonly kind?: string;
  readonly deadlineSeconds?: string;
  /** Messages fed before the one that counts. */
  readonly before?: number;
  readonly parked?: { readonly code: RefusalCode; readonly node: string; readonly text?: RegExp };
  readonly intents?: readonly string[];
  /** Settled or parked without waiting for the grace. */
  readonly atOnce?: boolean;
}

const fn = (name: string, func: string, wires: Wires) => ({
  id: name,
  type: "function",
  func,
  outputs: wires.length,
  timeout: "",
  noerr: 0,
  initialize: "",
  finalize: "",
  libs: [],
  wires,
});
const sink = (name: string, wires: Wires = [[]]) => ({
  id: name,
  type: "huiliu-write-back",
  destination: "his",
  kind: "payment-confirm",
  types: [],
  when: "now",
  version: 1,
  wires,
});
const publish = (name: string, wires: Wires = [[]]) => ({ id: name, type: "huiliu-publish-event", types: [], version: 1, wires });
const translate = (name: string, wires: Wires) => ({ id: name, type: "huiliu-translate", mapping: "", version: 1, wires });
const park = (name: string, reason = "") => ({ id: name, type: "huiliu-park", reason, version: 1, wires: [[]] });
const debug = (name: string) => ({
  id: name,
  type: "debug",
  active: false,
  tosidebar: false,
  console: false,
  complete: "payload",
  wires: [],
});
const plain = (name: string, type: string, wires: Wires, more: object = {}) => ({ id: name, type, ...more, wires });
const change = (name: string, wires: Wires) =>
  plain(name, "change", wires, { rules: [{ t: "set", p: "seen", pt: "msg", to: "1", tot: "num" }] });
const catchAll = (name: string, wires: Wires) => plain(name, "catch", wires, { scope: null, uncaught: false });

const DELAY_MS = "150";
const delay = (name: string, wires: Wires) =>
  plain(name, "delay", wires, {
    pauseType: "delay",
    timeout: DELAY_MS,
    timeoutUnits: "milliseconds",
    rate: "1",
    nbRateUnits: "1",
    rateUnits: "second",
    randomFirst: "1",
    randomLast: "5",
    randomUnits: "seconds",
    drop: false,
    outputs: 1,
  });
const split = (name: string, wires: Wires) =>
  plain(name, "split", wires, { splt: ",", spltType: "str", arraySplt: 1, arraySpltType: "len", stream: false, addname: "" });
const join = (name: string, wires: Wires, more: object = {}) =>
  plain(name, "join", wires, {
    mode: "auto",
    build: "array",
    property: "payload",
    propertyType: "msg",
    key: "topic",
    joiner: ",",
    joinerType: "str",
    accumulate: false,
    timeout: "",
    count: "",
    reduceRight: false,
    ...more,
  });
const switchOn = (name: string, value: string, wires: Wires) =>
  plain(name, "switch", wires, {
    property: "topic",
    propertyType: "msg",
    rules: [{ t: "eq", v: value, vt: "str" }],
    checkall: "true",
    repair: false,
    outputs: 1,
  });

const OWED = "write-back payment-confirm his now";

const ROWS: readonly Row[] = [
  // What drops silently in plain Node-RED
  { what: "the feeding node is unwired", first: [], nodes: () => [], parked: { code: "BRANCH_DANGLED", node: "in" } },
  { what: "an unwired output", nodes: (id) => [change(id("a"), [[]])], parked: { code: "BRANCH_DANGLED", node: "a" } },
  { what: "a wire to a missing node", nodes: (id) => [change(id("a"), [[id("nowhere")]])], parked: { code: "BRANCH_DANGLED", node: "a" } },
  {
    what: "a second wire to a missing node, the first being good",
    nodes: (id) => [change(id("a"), [[id("s"), id("nowhere")]]), sink(id("s"))],
    parked: { code: "BRANCH_DANGLED", node: "nowhere" },
  },
  {
    what: "a first wire to a missing node, the second being good",
    nodes: (id) => [change(id("a"), [[id("nowhere"), id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_DANGLED", node: "nowhere" },
  },
  {
    what: "a wire from a recording node to a missing node",
    nodes: (id) => [publish(id("a"), [[id("nowhere")]])],
    parked: { code: "BRANCH_DANGLED", node: "nowhere" },
  },
  {
    what: "a second wire to a disabled node",
    nodes: (id) => [change(id("a"), [[id("s"), id("off")]]), sink(id("s")), { ...sink(id("off")), d: true }],
    parked: { code: "BRANCH_DANGLED", node: "off" },
  },
  {
    what: "a second wire to a disabled debug node is harmless",
    nodes: (id) => [change(id("a"), [[id("s"), id("off")]]), sink(id("s")), { ...debug(id("off")), d: true }],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "a function that returns null",
    nodes: (id) => [fn(id("a"), "return null;", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_DANGLED", node: "a" },
  },
  {
    what: "a function that returns a new msg: the token is lost",
    nodes: (id) => [fn(id("a"), "return { payload: 1 };", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_DANGLED", node: "a" },
  },
  {
    what: "a change node that deletes the token",
    nodes: (id) => [plain(id("a"), "change", [[id("s")]], { rules: [{ t: "delete", p: "huiliu", pt: "msg" }] }), sink(id("s"))],
    parked: { code: "BRANCH_THREW", node: "s", text: /msg.huiliu 丢失/ },
  },
  { what: "an end in debug alone", nodes: (id) => [debug(id("a"))], parked: { code: "BRANCH_DANGLED", node: "a" } },
  {
    what: "node.error without sending on",
    nodes: (id) => [fn(id("a"), "node.error('no', msg); return null;", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_DANGLED", node: "a" },
  },
  {
    what: "a switch without a match",
    nodes: (id) => [switchOn(id("a"), "never", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_DANGLED", node: "a" },
  },
  {
    what: "a filter that blocks",
    before: 1,
    nodes: (id) => [
      plain(id("a"), "rbe", [[id("s")]], {
        func: "rbe",
        gap: "",
        start: "",
        inout: "out",
        septopics: false,
        property: "topic",
        topi: "topic",
      }),
      sink(id("s")),
    ],
    parked: { code: "BRANCH_DANGLED", node: "a" },
  },
  {
    deadlineSeconds: "1",
    what: "a join that never joins",
    nodes: (id) => [join(id("a"), [[id("s")]], { mode: "custom", count: "9" }), sink(id("s"))],
    parked: { code: "DEADLINE", node: "a" },
  },
  {
    what: "a link out that leads nowhere",
    nodes: (id) => [plain(id("a"), "link out", [], { mode: "link", links: [] })],
    parked: { code: "BRANCH_DANGLED", node: "a" },
  },
  {
    what: "one dead branch beside a good one",
    first: ["a", "b"],
    nodes: (id) => [sink(id("a")), change(id("b"), [[]])],
    parked: { code: "BRANCH_DANGLED", node: "b" },
  },
  {
    what: "nothing at all recorded: no event of the type",
    nodes: (id) => [{ ...sink(id("a")), types: ["charge.posted"] }],
    parked: { code: "BRANCH_DANGLED", node: "a" },
  },
  {
    what: "one part of two is dropped, though the other goes down two wires",
    first: ["f"],
    nodes: (id) => [
      fn(id("f"), "msg.payload = 'row,b'; return msg;", [[id("p")]]),
      split(id("p"), [[id("a")]]),
      { ...switchOn(id("a"), "row", [[id("s"), id("t")]]), property: "payload" },
      sink(id("s")),
      sink(id("t")),
    ],
    parked: { code: "BRANCH_DANGLED", node: "a" },
  },
  // Failures
  {
    what: "a function that throws",
    nodes: (id) => [fn(id("a"), "throw new Error('boom');", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_THREW", node: "a", text: /boom/ },
    atOnce: true,
  },
  {
    what: "an xml node that cannot parse",
    nodes: (id) => [
      fn(id("f"), "msg.payload = '<a><b></a>'; return msg;", [[id("a")]]),
      plain(id("a"), "xml", [[id("s")]], { property: "payload", attr: "", chr: "" }),
      sink(id("s")),
    ],
    first: ["f"],
    parked: { code: "BRANCH_THREW", node: "a" },
    atOnce: true,
  },
  {
    what: "another package's node that throws",
    nodes: (id) => [plain(id("a"), "careless-throws", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_THREW", node: "a", text: /three-parameter/ },
    atOnce: true,
  },
  {
    what: "another package's node that rejects",
    nodes: (id) => [plain(id("a"), "careless-rejects", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_THREW", node: "a", text: /rejected/ },
    atOnce: true,
  },
  {
    what: "another package's old node that throws",
    nodes: (id) => [plain(id("a"), "careless-old-throws", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_THREW", node: "a", text: /one-parameter/ },
    atOnce: true,
  },
  {
    what: "another package's old node that rejects",
    nodes: (id) => [plain(id("a"), "careless-old-rejects", [[id("s")]]), sink(id("s"))],
    parked: { code: "BRANCH_THREW", node: "a", text: /rejected/ },
  },
  {
    what: "another package's node that forgets done",
    deadlineSeconds: "1",
    nodes: (id) => [plain(id("a"), "careless-forgets-done", [[id("s")]]), sink(id("s"))],
    parked: { code: "DEADLINE", node: "a" },
  },
  {
    what: "a throw beside a good branch commits nothing",
    first: ["a", "b"],
    nodes: (id) => [sink(id("a")), fn(id("b"), "throw new Error('boom');", [[]])],
    parked: { code: "BRANCH_THREW", node: "b" },
  },
  {
    what: "a throw caught and only debugged",
    nodes: (id) => [fn(id("a"), "throw new Error('boom');", [[]]), catchAll(id("c"), [[id("d")]]), debug(id("d"))],
    parked: { code: "BRANCH_THREW", node: "a", text: /boom/ },
    atOnce: true,
  },
  {
    what: "a throw caught and parked keeps the reason",
    nodes: (id) => [fn(id("a"), "throw new Error('boom');", [[]]), catchAll(id("c"), [[id("p")]]), park(id("p"))],
    parked: { code: "PARKED_BY_FLOW", node: "p", text: /boom/ },
    atOnce: true,
  },
  {
    what: "another package's throw caught and parked",
    nodes: (id) => [plain(id("a"), "careless-throws", [[]]), catchAll(id("c"), [[id("p")]]), park(id("p"), "看日志")],
    parked: { code: "PARKED_BY_FLOW", node: "p", text: /看日志/ },
    atOnce: true,
  },
  // Our own nodes
  {
    what: "problems unwired: parked at once, with the list",
    kind: "bad",
    nodes: (id) => [translate(id("a"), [[id("s")], []]), sink(id("s"))],
    parked: { code: "NOT_TRANSLATABLE", node: "a" },
    atOnce: true,
  },
  {
    what: "problems led to park: the same record",
    kind: "bad",
    nodes: (id) => [translate(id("a"), [[id("s")], [id("p")]]), sink(id("s")), park(id("p"))],
    parked: { code: "NOT_TRANSLATABLE", node: "a" },
    atOnce: true,
  },
  {
    what: "events unwired",
    nodes: (id) => [translate(id("a"), [[], []])],
    parked: { code: "BRANCH_DANGLED", node: "a", text: /events/ },
    atOnce: true,
  },
  {
    what: "an answer of the partner whose output is unwired",
    nodes: (id) => [
      plain(id("a"), "huiliu-ask-partner", [[], [id("s")], [id("s")], [id("s")]], { partner: "his", kind: "inquiry", version: 1 }),
      sink(id("s")),
    ],
    parked: { code: "BRANCH_DANGLED", node: "a", text: /acknowledged/ },
    atOnce: true,
  },
  {
    what: "a node that is not configured",
    nodes: (id) => [{ ...sink(id("a")), destination: "" }],
    parked: { code: "BAD_NODE", node: "a" },
    atOnce: true,
  },
  {
    what: "a node of a later version",
    nodes: (id) => [{ ...sink(id("a")), version: 99 }],
    parked: { code: "BAD_NODE", node: "a", text: /99/ },
    atOnce: true,
  },
  {
    what: "parked on purpose",
    nodes: (id) => [park(id("a"), "人工核对")],
    parked: { code: "PARKED_BY_FLOW", node: "a", text: /人工核对/ },
    atOnce: true,
  },
  // What is well wired settles, and at once unless something in it waits
  {
    what: "straight through",
    nodes: (id) => [translate(id("a"), [[id("b")], []]), publish(id("b"), [[id("s")]]), sink(id("s"))],
    intents: ["publish", OWED],
    atOnce: true,
  },
  {
    what: "second wires and clones",
    nodes: (id) => [translate(id("a"), [[id("b"), id("s"), id("d")], []]), publish(id("b")), sink(id("s")), debug(id("d"))],
    intents: ["publish", OWED],
    atOnce: true,
  },
  {
    what: "an asynchronous function",
    nodes: (id) => [fn(id("a"), "await new Promise((r) => setTimeout(r, 50)); return msg;", [[id("s")]]), sink(id("s"))],
    intents: [OWED],
  },
  {
    what: "a function that sends later",
    nodes: (id) => [fn(id("a"), "setTimeout(() => { node.send(msg); node.done(); }, 50); return;", [[id("s")]]), sink(id("s"))],
    intents: [OWED],
  },
  { what: "a delay", nodes: (id) => [delay(id("a"), [[id("s")]]), sink(id("s"))], intents: [OWED] },
  {
    what: "split and join",
    first: ["f"],
    nodes: (id) => [
      fn(id("f"), "msg.payload = 'a,b,c'; return msg;", [[id("a")]]),
      split(id("a"), [[id("j")]]),
      join(id("j"), [[id("s")]]),
      sink(id("s")),
    ],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "split, delay and join",
    first: ["f"],
    nodes: (id) => [
      fn(id("f"), "msg.payload = 'a,b,c'; return msg;", [[id("a")]]),
      split(id("a"), [[id("w")]]),
      delay(id("w"), [[id("j")]]),
      join(id("j"), [[id("s")]]),
      sink(id("s")),
    ],
    intents: [OWED],
  },
  {
    what: "an old-style node that sends",
    nodes: (id) => [plain(id("a"), "careless-old-sends", [[id("s")]]), sink(id("s"))],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "a node that hands the message to another without a wire",
    nodes: (id) => [plain(id("a"), "careless-hands-over", [[]], { to: id("s") }), sink(id("s"))],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "a node that says done twice",
    nodes: (id) => [plain(id("a"), "careless-done-twice", [[id("w")]]), delay(id("w"), [[id("s")]]), sink(id("s"))],
    intents: [OWED],
  },
  {
    what: "link out to link in",
    nodes: (id) => [
      plain(id("a"), "link out", [], { mode: "link", links: [id("l")] }),
      plain(id("l"), "link in", [[id("s")]], { links: [id("a")] }),
      sink(id("s")),
    ],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "link call and return",
    nodes: (id) => [
      plain(id("a"), "link call", [[id("s")]], { links: [id("l")], linkType: "static", timeout: "5" }),
      plain(id("l"), "link in", [[id("c")]], { links: [] }),
      change(id("c"), [[id("r")]]),
      plain(id("r"), "link out", [], { mode: "return", links: [] }),
      sink(id("s")),
    ],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "a complete node on the side",
    nodes: (id) => [sink(id("a")), plain(id("c"), "complete", [[id("d")]], { scope: [id("a")], uncaught: false }), debug(id("d"))],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "a catch node that is never needed",
    nodes: (id) => [sink(id("a")), catchAll(id("c"), [[id("p")]]), park(id("p"))],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "a match of a switch with a default",
    nodes: (id) => [switchOn(id("a"), "row.message", [[id("s")]]), sink(id("s"))],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "one of two write-backs has no event",
    nodes: (id) => [publish(id("a"), [[id("s"), id("t")]]), sink(id("s")), { ...sink(id("t")), types: ["payment.refunded"] }],
    intents: ["publish", OWED],
    atOnce: true,
  },
  {
    what: "an answer to the sender",
    nodes: (id) => [plain(id("a"), "huiliu-answer-sender", [[]], { verdict: "accepted", text: "", version: 1 })],
    intents: ["answer accepted"],
    atOnce: true,
  },
  {
    what: "the partner acknowledged",
    nodes: (id) => [
      plain(id("a"), "huiliu-ask-partner", [[id("s")], [], [], []], { partner: "his", kind: "inquiry", version: 1 }),
      sink(id("s")),
    ],
    intents: [OWED],
    atOnce: true,
  },
  {
    what: "nothing was found",
    nodes: (id) => [
      plain(id("a"), "huiliu-find", [[], [id("s")]], { keyKind: "bill", property: "topic", limit: "5", version: 1 }),
      sink(id("s")),
    ],
    intents: [OWED],
    atOnce: true,
  },
];

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
        if (row.atOnce) assert.ok(outcome.tookMs < AT_ONCE_MS, `took ${outcome.tookMs} ms`);
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
