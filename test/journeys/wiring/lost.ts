/** What drops a message silently in plain Node-RED: each ends parked, naming the node. */
import { fn, sink, publish, debug, plain, change, split, join, switchOn, OWED, type Row } from "./nodes.ts";

export const LOST: readonly Row[] = [
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
];
