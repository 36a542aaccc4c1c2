/** What is well wired: it settles, and at once unless something in it waits. */
import {
  fn,
  sink,
  publish,
  translate,
  park,
  debug,
  plain,
  change,
  catchAll,
  delay,
  split,
  join,
  switchOn,
  OWED,
  type Row,
} from "./nodes.ts";

export const WELL: readonly Row[] = [
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
