/** What fails, in core nodes, other packages and our own: each ends parked, naming the node. */
import { fn, sink, translate, park, debug, plain, catchAll, type Row } from "./nodes.ts";

export const FAILING: readonly Row[] = [
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
];
