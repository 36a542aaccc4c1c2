import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Catalogue } from "../delivery/engine.ts";
import type { DrawnNode } from "./drawing.ts";
import { checkFlows, deployRefusal, FLOW_PROBLEMS_MAX, type FlowRule } from "./rules.ts";

const named = <M extends object>(value: string, more: M) => ({ value, zh: value, en: value, ...more });
const CATALOGUE: Catalogue = {
  partners: () => [
    named("his", {
      vendor: "his",
      destination: true,
      writeBacks: { "payment-confirm": "payment-confirm", "call-2207": "call" },
      lane: "patient" as const,
    }),
    named("jkt", { vendor: "jkt", destination: false }),
  ],
  mappings: () => [
    named("his/charge", { vendor: "his", message: "charge", direction: "in" as const }),
    named("jkt/pay-order", { vendor: "jkt", message: "pay-order", direction: "in" as const }),
    named("his/inquiry", { vendor: "his", message: "inquiry", direction: "out" as const }),
  ],
  eventTypes: () => [named("payment.settled", {})],
  keyKinds: () => [named("bill", {})],
};

const TAB: DrawnNode = { id: "t", type: "tab", label: "flow" };
const IN: DrawnNode = { id: "in", type: "huiliu-message-in", z: "t", partner: "his", kinds: ["charge"], wires: [["tr"]] };
const TRANSLATE: DrawnNode = { id: "tr", type: "huiliu-translate", z: "t", mapping: "", wires: [["pub"], ["park"]] };
const PUBLISH: DrawnNode = { id: "pub", type: "huiliu-publish-event", z: "t", types: [], wires: [[]] };
const PARK: DrawnNode = { id: "park", type: "huiliu-park", z: "t", wires: [[]] };
const SOUND = [TAB, IN, TRANSLATE, PUBLISH, PARK];
const OWE: DrawnNode = { id: "wb", type: "huiliu-write-back", z: "t", destination: "his", kind: "payment-confirm", lane: "", wires: [[]] };
const ASK: DrawnNode = {
  id: "ask",
  type: "huiliu-ask-partner",
  z: "t",
  partner: "his",
  kind: "inquiry",
  wires: [["pub"], ["pub"], ["park"], ["park"]],
};

/** The sound flow with these nodes instead of (by id), or beside, its own. */
const withNodes = (...nodes: readonly DrawnNode[]): readonly DrawnNode[] => [
  ...SOUND.filter((one) => !nodes.some((other) => other.id === one.id)),
  ...nodes,
];

/** What each drawing is told: rule and node, hard ones with “!”. */
const CASES: readonly (readonly [what: string, nodes: readonly DrawnNode[], told: readonly string[]])[] = [
  ["a sound flow", SOUND, []],
  ["nothing at all", [], []],
  ["a sound write-back", withNodes(OWE), []],
  ["a kind that the event completes", withNodes({ ...OWE, kind: "call-{transaction}" }), []],
  ["a kind that no event can complete", withNodes({ ...OWE, kind: "other-{transaction}" }), ["!unknown-write-back wb"]],
  ["a sound question", withNodes(ASK), []],
  ["no partner", withNodes({ ...IN, partner: "" }), ["!not-chosen in"]],
  ["an unknown partner", withNodes({ ...IN, partner: "nobody" }), ["!unknown-partner in"]],
  ["every partner's", withNodes({ ...IN, partner: "*" }), []],
  ["a kind of another partner", withNodes({ ...IN, kinds: ["pay-order"] }), ["!unknown-kind in"]],
  ["any partner's kind", withNodes({ ...IN, partner: "*", kinds: ["pay-order"] }), []],
  ["nobody's kind", withNodes({ ...IN, partner: "*", kinds: ["nothing"] }), ["!unknown-kind in"]],
  ["an unknown mapping", withNodes({ ...TRANSLATE, mapping: "his/nothing" }), ["!unknown-mapping tr"]],
  ["an outbound mapping", withNodes({ ...TRANSLATE, mapping: "his/inquiry" }), ["!unknown-mapping tr"]],
  ["an unknown event type", withNodes({ ...PUBLISH, types: ["no.such"] }), ["!unknown-event-type pub"]],
  ["nobody to write to", withNodes({ ...OWE, destination: "" }), ["!not-chosen wb"]],
  ["one who cannot be written to", withNodes({ ...OWE, destination: "jkt" }), ["!unknown-destination wb"]],
  ["an unknown write-back", withNodes({ ...OWE, kind: "nothing" }), ["!unknown-write-back wb"]],
  ["another lane than the profile's", withNodes({ ...OWE, lane: "order" }), ["other-lane wb"]],
  ["an unknown question", withNodes({ ...ASK, kind: "nothing" }), ["!unknown-question ask"]],
  ["one who cannot be asked", withNodes({ ...ASK, partner: "jkt" }), ["!unknown-destination ask"]],
  [
    "an unknown kind of key, and ways that lead nowhere",
    withNodes({ id: "f", type: "huiliu-find", z: "t", keyKind: "nothing", wires: [["pub"], []] }),
    ["!unknown-key-kind f", "!unwired f"],
  ],
  ["a feeding node that leads nowhere", withNodes({ ...IN, wires: [[]] }), ["!unwired in", "!no-end in"]],
  ["a feeding node whose wires were never drawn", withNodes({ ...IN, wires: [] }), ["!unwired in", "!no-end in"]],
  ["translated events that go nowhere", withNodes({ ...TRANSLATE, wires: [[], ["park"]] }), ["!unwired tr"]],
  ["problems that go nowhere", withNodes({ ...TRANSLATE, wires: [["pub"], []] }), ["unwired tr"]],
  [
    "problems that nobody sees",
    withNodes({ ...TRANSLATE, wires: [["pub"], ["d"]] }, { id: "d", type: "debug", z: "t", wires: [] }),
    ["no-park-path tr"],
  ],
  [
    "problems that come to a park by a link",
    withNodes(
      { ...TRANSLATE, wires: [["pub"], ["lo"]] },
      { id: "lo", type: "link out", z: "t", links: ["li"], wires: [] },
      { id: "li", type: "link in", z: "t", links: ["lo"], wires: [["park"]] },
    ),
    [],
  ],
  ["a wire to nothing", withNodes({ ...TRANSLATE, wires: [["pub", "gone"], ["park"]] }), ["!wired-to-nothing tr"]],
  ["a wire to a disabled node", withNodes({ ...PARK, d: true }), ["wired-to-nothing tr", "no-park-path tr"]],
  ["two that take the same", withNodes({ ...IN, id: "in2", kinds: ["charge"] }), ["!taken-twice in2"]],
  [
    "two that take all",
    [TAB, ...[IN, { ...IN, id: "in2" }].map((one) => ({ ...one, kinds: [] })), TRANSLATE, PUBLISH, PARK],
    ["!taken-twice in2"],
  ],
  ["one takes all and one a kind: the exact one wins", withNodes({ ...IN, id: "in2", kinds: [] }), []],
  [
    "the other one on a disabled tab",
    withNodes({ id: "t2", type: "tab", disabled: true }, { ...IN, id: "in2", z: "t2", wires: [[]], partner: "nobody" }),
    [],
  ],
  [
    "an end that records nothing",
    [TAB, { ...IN, wires: [["an"]] }, { id: "an", type: "huiliu-answer-sender", z: "t", wires: [[]] }],
    ["!no-end in"],
  ],
  [
    "an event that is to be translated",
    withNodes({ id: "in", type: "huiliu-event-in", z: "t", types: ["payment.settled"], wires: [["tr"]] }),
    ["!translated-twice tr"],
  ],
  ["no event type", withNodes({ id: "in", type: "huiliu-event-in", z: "t", types: [], wires: [["pub"]] }), ["!not-chosen in"]],
  [
    "code, and nobody who catches what it throws",
    withNodes({ ...IN, wires: [["fn"]] }, { id: "fn", type: "function", z: "t", wires: [["tr"]] }),
    ["outside-node fn", "no-catch fn"],
  ],
  [
    "code whose errors are caught",
    withNodes(
      { ...IN, wires: [["fn"]] },
      { id: "fn", type: "function", z: "t", wires: [["tr"]] },
      { id: "c", type: "catch", z: "t", wires: [["park"]] },
    ),
    ["outside-node fn"],
  ],
  [
    "a node of another package, with an output that leads nowhere",
    withNodes({ id: "x", type: "weather", z: "t", wires: [[]] }),
    ["unwired x", "foreign-node x", "no-catch x"],
  ],
  ["a configuration node", withNodes({ id: "cfg", type: "mqtt-broker" }), ["outside-node cfg"]],
  [
    "rubbish",
    [
      ...SOUND,
      null as unknown as DrawnNode,
      { id: 5, type: "tab" } as unknown as DrawnNode,
      { ...IN, id: "y", z: "t", wires: "x" as unknown },
    ],
    ["!unwired y", "!taken-twice y", "!no-end y"],
  ],
];

const told = (nodes: readonly DrawnNode[], profile: "development" | "production" = "development"): readonly string[] =>
  checkFlows(nodes, CATALOGUE, profile).map((one) => `${one.hard ? "!" : ""}${one.rule} ${one.node}`);

describe("what a flow must be before it is deployed", () => {
  for (const [what, nodes, expected] of CASES)
    test(`${what}: ${expected.join(", ") || "nothing"}`, () => assert.deepEqual([...told(nodes)].sort(), [...expected].sort()));

  test("every rule is proved by a case", () => {
    const seen = new Set(CASES.flatMap(([, nodes]) => checkFlows(nodes, CATALOGUE, "development").map((one) => one.rule)));
    const all: Readonly<Record<FlowRule, true>> = {
      ...{ "not-chosen": true, "unknown-partner": true, "unknown-kind": true, "unknown-mapping": true, "unknown-destination": true },
      ...{
        "unknown-write-back": true,
        "unknown-question": true,
        "unknown-event-type": true,
        "unknown-key-kind": true,
        "taken-twice": true,
      },
      ...{ unwired: true, "wired-to-nothing": true, "no-end": true, "no-park-path": true, "no-catch": true, "translated-twice": true },
      ...{ "other-lane": true, "outside-node": true, "foreign-node": true },
    };
    assert.deepEqual([...seen].sort(), Object.keys(all).sort());
  });

  test("code is a warning while flows are drawn, and refused in production", () => {
    const nodes = withNodes({ id: "fn", type: "exec", z: "t", wires: [["pub"]] }, { id: "c", type: "catch", z: "t", wires: [["park"]] });
    assert.deepEqual(told(nodes), ["outside-node fn"]);
    assert.deepEqual(told(nodes, "production"), ["!outside-node fn"]);
  });

  test("each is told in both languages, with the flow and the node by name", () => {
    for (const [, nodes] of CASES)
      for (const one of checkFlows(nodes, CATALOGUE, "development")) {
        assert.match(one.zh, /[\u4e00-\u9fff]/);
        assert.match(one.en, /[a-z]{3}/);
        assert.doesNotMatch(one.en, /[\u4e00-\u9fff]{4}/);
        assert.ok(one.nodeName !== "");
      }
    const [first] = checkFlows(withNodes({ ...IN, name: "收费 HIS", partner: "nobody" }), CATALOGUE, "development");
    assert.deepEqual([first?.flow, first?.nodeName, first?.tab], ["flow", "收费 HIS", "t"]);
  });

  test("hard ones come first, and there is an end to them", () => {
    const many = Array.from({ length: 300 }, (_, index) => ({ ...IN, id: `in${index}`, partner: `p${index}` }));
    const found = checkFlows([...many, ...withNodes({ id: "x", type: "weather", z: "t", wires: [[]] })], CATALOGUE, "development");
    assert.equal(found.length, FLOW_PROBLEMS_MAX);
    const mixed = checkFlows(
      withNodes({ id: "x", type: "weather", z: "t", wires: [[]] }, { ...OWE, kind: "nothing" }),
      CATALOGUE,
      "development",
    );
    assert.deepEqual(
      mixed.map((one) => one.hard),
      [true, false, false, false],
    );
  });

  test("the refusal of a deploy names the nodes; warnings refuse nothing", () => {
    assert.equal(deployRefusal(checkFlows(withNodes({ ...OWE, lane: "order" }), CATALOGUE, "development")), undefined);
    const refusal = deployRefusal(checkFlows(withNodes({ ...OWE, name: "回写", kind: "nothing" }), CATALOGUE, "development")) ?? "";
    assert.match(refusal, /^flow \/ 回写 \(wb\): 目标“his”没有回写种类“nothing”.* \| destination/m);
  });
});
