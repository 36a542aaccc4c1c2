/** Every folder under flows/ is a well-made flow: drawn from safe nodes, every output wired or an end, every message kind led to an end, explained in both languages, and it runs. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type StoredNode, textOfFlow } from "../../platform/node-red/flow-files.ts";
import { AT_ONCE_MS, type Bench, eventOf, PACKAGE_ROOT, startBench } from "../journeys/node-red-bench.ts";

const FLOWS = join(PACKAGE_ROOT, "flows");
const folders = readdirSync(FLOWS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "_shared")
  .map((entry) => entry.name)
  .sort();

/** What may stand in a flow of ours: our nodes, and core nodes that only route. Code and I/O belong in nodes/ and adapters/. */
const ROUTING: ReadonlySet<string> = new Set(
  [
    "tab",
    "group",
    "comment",
    "junction",
    "switch",
    "change",
    "range",
    "split",
    "join",
    "sort",
    "batch",
    "delay",
    "catch",
    "complete",
    "debug",
  ].concat(["link in", "link out", "link call"]),
);
/** May stay unwired: they record an intent, or are neutral. */
const ENDS: ReadonlySet<string> = new Set([
  "huiliu-publish-event",
  "huiliu-write-back",
  "huiliu-answer-sender",
  "huiliu-park",
  "debug",
  "comment",
  "link out",
]);
/** An end that leaves something behind. */
const RECORDS: ReadonlySet<string> = new Set(["huiliu-publish-event", "huiliu-write-back", "huiliu-park"]);

const nodesOf = (folder: string): readonly StoredNode[] =>
  JSON.parse(readFileSync(join(FLOWS, folder, "flow.json"), "utf8")) as StoredNode[];
const wiresOf = (node: StoredNode): readonly (readonly string[])[] => (Array.isArray(node.wires) ? (node.wires as string[][]) : []);
const list = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
const all = folders.flatMap((folder) => nodesOf(folder).map((node) => ({ folder, node })));
const feeders = all.filter(({ node }) => node.type === "huiliu-message-in");

/** Inbound message kinds of a partner: the folders of its vendor's mappings. */
function kindsOf(partner: string): readonly string[] {
  const profile = JSON.parse(readFileSync(join(PACKAGE_ROOT, "partners", `${partner}.json`), "utf8")) as { vendor: string };
  const root = join(PACKAGE_ROOT, "mappings", profile.vendor);
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, entry.name, "mapping.json")))
    .map((entry) => entry.name)
    .filter(
      (name) => (JSON.parse(readFileSync(join(root, name, "mapping.json"), "utf8")) as { direction?: string }).direction === "inbound",
    );
}
const partners = readdirSync(join(PACKAGE_ROOT, "partners"))
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -5));

describe("flows, as drawn", () => {
  test("their tabs stand in one order without gaps, or the first deploy would change files that nobody touched", () => {
    const places = readdirSync(join(PACKAGE_ROOT, "flows")).map((folder) =>
      Number(/"order": (\d+),/.exec(readFileSync(join(PACKAGE_ROOT, "flows", folder, "flow.json"), "utf8"))?.[1]),
    );
    assert.deepEqual(
      places.sort((one, other) => one - other),
      places.map((_, index) => index + 1),
    );
  });

  test("the suite sees them all", () => {
    assert.ok(folders.length >= 4, folders.join(" "));
    assert.ok(feeders.length >= 5, `${feeders.length} feeding nodes`);
  });

  test("no id stands twice", () => {
    const ids = all.map(({ node }) => node.id);
    assert.deepEqual(
      ids.filter((id, index) => ids.indexOf(id) !== index),
      [],
    );
  });

  for (const folder of folders)
    describe(folder, () => {
      const nodes = nodesOf(folder);
      const byId = new Map(nodes.map((node) => [node.id, node]));

      test("one tab of this name, written the stable way", () => {
        const tabs = nodes.filter((node) => node.type === "tab");
        assert.equal(tabs.length, 1);
        assert.equal(tabs[0]?.label, folder);
        assert.equal(
          readFileSync(join(FLOWS, folder, "flow.json"), "utf8"),
          textOfFlow(nodes),
          "save it from the editor, or write it by textOfFlow",
        );
      });

      test("only our nodes and core nodes that route", () => {
        const foreign = nodes.filter(
          (node) => !ROUTING.has(node.type) && !node.type.startsWith("huiliu-") && !node.type.startsWith("subflow:"),
        );
        assert.deepEqual(
          foreign.map((node) => `${node.id}: ${node.type}`),
          [],
          "code and I/O belong in nodes/ and adapters/",
        );
      });

      test("every output is wired or an end, every wire leads somewhere, nothing is disabled", () => {
        const wrong: string[] = [];
        for (const node of nodes) {
          if (node.d === true || node.disabled === true) wrong.push(`${node.id} is disabled`);
          for (const [output, wire] of ENDS.has(node.type) ? [] : wiresOf(node).entries())
            if (wire.length === 0) wrong.push(`${node.id} output ${output} is not wired`);
          for (const to of wiresOf(node).flat()) if (!byId.has(to)) wrong.push(`${node.id} is wired to ${to}, which is not here`);
        }
        assert.deepEqual(wrong, []);
      });

      test("from every feeding node an end is reached that records something", () => {
        const starts = nodes.filter((node) => node.type === "huiliu-message-in" || node.type === "huiliu-event-in");
        assert.ok(starts.length > 0);
        for (const start of starts) {
          const reached = new Set<string>([start.id]);
          for (const id of reached) for (const to of wiresOf(byId.get(id) ?? start).flat()) reached.add(to);
          assert.ok(
            [...reached].some((id) => RECORDS.has(byId.get(id)?.type ?? "")),
            `${start.id} reaches no end`,
          );
        }
      });

      test("names only what exists: partners, kinds, event types, write-backs", () => {
        const wrong: string[] = [];
        const types = readdirSync(join(PACKAGE_ROOT, "domain", "events"));
        for (const node of nodes) {
          for (const type of list(node.types)) if (!types.includes(type)) wrong.push(`${node.id}: event type ${type}`);
          if (node.type === "huiliu-message-in") {
            if (node.partner !== "*" && !partners.includes(String(node.partner))) wrong.push(`${node.id}: partner ${String(node.partner)}`);
            else if (node.partner !== "*")
              for (const kind of list(node.kinds))
                if (!kindsOf(String(node.partner)).includes(kind)) wrong.push(`${node.id}: message kind ${kind}`);
          }
          if (node.type === "huiliu-write-back") {
            const path = join(PACKAGE_ROOT, "partners", `${String(node.destination)}.json`);
            const profile = existsSync(path)
              ? (JSON.parse(readFileSync(path, "utf8")) as { destination?: { messages: Record<string, string> } })
              : {};
            if (profile.destination?.messages[String(node.kind)] === undefined)
              wrong.push(`${node.id}: write-back ${String(node.kind)} to ${String(node.destination)}`);
          }
        }
        assert.deepEqual(wrong, []);
      });

      test("a README in both languages, with the drawing", () => {
        const readme = readFileSync(join(FLOWS, folder, "README.md"), "utf8");
        const sections = readme.split(/^## /m).slice(1);
        assert.equal(sections.length, 2, "one section in Chinese, one in English");
        for (const section of sections) assert.match(section, /```\n[\s\S]+▶[\s\S]+```/, "what happens, drawn");
        assert.match(sections[0] ?? "", /[\u4e00-\u9fff]{10}/);
        assert.match(sections[1] ?? "", /(\w+ ){4}/);
      });
    });

  test("a message has one flow: no two nodes take the same partner and kind", () => {
    const wrong: string[] = [];
    for (const [index, { node: a }] of feeders.entries())
      for (const { node: b } of feeders.slice(index + 1)) {
        const kinds = list(a.kinds).filter((kind) => list(b.kinds).includes(kind));
        const bothAll = list(a.kinds).length === 0 && list(b.kinds).length === 0;
        if (a.partner === b.partner && (bothAll || kinds.length > 0)) wrong.push(`${a.id} and ${b.id}`);
      }
    assert.deepEqual(wrong, []);
  });

  test("every message kind that a partner may send has a flow", () => {
    const wrong: string[] = [];
    for (const partner of partners)
      for (const kind of kindsOf(partner)) {
        const taken = feeders.some(
          ({ node }) =>
            (node.partner === partner || node.partner === "*") && (list(node.kinds).length === 0 || list(node.kinds).includes(kind)),
        );
        if (!taken) wrong.push(`${partner}.${kind}`);
      }
    assert.deepEqual(wrong, []);
  });
});

/** What each flow does with a message and its event, run in a real Node-RED with a fake engine. */
const RUNS: readonly {
  readonly partner: string;
  readonly kind: string;
  readonly event: string;
  readonly flow: string;
  readonly intents: readonly string[];
}[] = [
  {
    partner: "neusoft",
    kind: "settle",
    event: "insurance.settled",
    flow: "insurance-settlement",
    intents: ["publish", "write-back insurance-result his now"],
  },
  {
    partner: "neusoft",
    kind: "cancel",
    event: "insurance.reversed",
    flow: "insurance-settlement",
    intents: ["publish", "write-back insurance-result his now"],
  },
  { partner: "neusoft", kind: "settle", event: "insurance.rejected", flow: "insurance-settlement", intents: ["publish"] },
  {
    partner: "chongqing",
    kind: "settle",
    event: "insurance.settled",
    flow: "insurance-settlement",
    intents: ["publish", "write-back insurance-result his now"],
  },
  {
    partner: "chongqing",
    kind: "reverse",
    event: "insurance.reversed",
    flow: "insurance-settlement",
    intents: ["publish", "write-back insurance-result his now"],
  },
  {
    partner: "jkt",
    kind: "pay-order",
    event: "payment.settled",
    flow: "payment-confirm",
    intents: ["publish", "write-back payment-confirm his bill-paid"],
  },
  {
    partner: "his",
    kind: "payment",
    event: "payment.settled",
    flow: "payment-confirm",
    intents: ["publish", "write-back payment-confirm his bill-paid"],
  },
  {
    partner: "his",
    kind: "refund",
    event: "payment.refunded",
    flow: "payment-confirm",
    intents: ["publish", "write-back refund-confirm his now"],
  },
  {
    partner: "nhsa",
    kind: "settle-2207",
    event: "insurance.settled",
    flow: "insurance-front",
    intents: ["publish", "write-back insurance-result his now"],
  },
  {
    partner: "nhsa",
    kind: "presettle-2206",
    event: "insurance.requested",
    flow: "insurance-front",
    intents: ["publish", "write-back settle nhsa now"],
  },
  { partner: "nhsa", kind: "presettle-2206", event: "insurance.presettled", flow: "insurance-front", intents: ["publish"] },
  { partner: "nhsa", kind: "reversed-2601", event: "insurance.reversed", flow: "insurance-front", intents: ["publish"] },
  {
    partner: "nhsa",
    kind: "settle-2207",
    event: "insurance.rejected",
    flow: "insurance-front",
    intents: ["publish", "write-back insurance-refused his now"],
  },
  {
    partner: "nhsa",
    kind: "presettle-2206",
    event: "insurance.rejected",
    flow: "insurance-front",
    intents: ["publish", "write-back insurance-refused his now"],
  },
  {
    partner: "nhsa-mobile",
    kind: "notify-6302",
    event: "insurance.settled",
    flow: "insurance-front",
    intents: ["publish", "write-back insurance-result his now"],
  },
  { partner: "nhsa-mobile", kind: "pay-6202", event: "insurance.unclear", flow: "insurance-front", intents: ["publish"] },
  { partner: "zhejiang", kind: "settle", event: "insurance.settled", flow: "insurance-dll", intents: ["publish"] },
  { partner: "zhejiang", kind: "confirm", event: "insurance.confirmed", flow: "insurance-dll", intents: ["publish"] },
  { partner: "yinhai", kind: "settle-query", event: "insurance.settled", flow: "insurance-dll", intents: ["publish"] },
  { partner: "his", kind: "charge", event: "charge.posted", flow: "charges", intents: ["publish"] },
  { partner: "his", kind: "charge-cancel", event: "charge.cancelled", flow: "charges", intents: ["publish"] },
  { partner: "jkt", kind: "record-list", event: "statement.received", flow: "statements", intents: ["publish"] },
  { partner: "bank", kind: "refund-return", event: "statement.received", flow: "file-statements", intents: ["publish"] },
  { partner: "pacs", kind: "mpps-create", event: "exam.started", flow: "exam-charges", intents: ["publish"] },
  {
    partner: "pacs",
    kind: "mpps-set",
    event: "exam.performed",
    flow: "exam-charges",
    intents: ["publish", "write-back exam-performed his now"],
  },
  { partner: "pacs", kind: "mpps-set", event: "exam.discontinued", flow: "exam-charges", intents: ["publish"] },
  { partner: "pacs", kind: "store", event: "images.received", flow: "exam-charges", intents: ["publish"] },
  {
    partner: "emr",
    kind: "prescription",
    event: "order.placed",
    flow: "prescriptions",
    intents: ["publish", "write-back prescription-paid pharmacy bill-paid"],
  },
  { partner: "pharmacy", kind: "dispensing", event: "order.closed", flow: "prescriptions", intents: ["publish"] },
  { partner: "pharmacy", kind: "return", event: "refund.requested", flow: "prescriptions", intents: ["publish"] },
  ...["lis", "ris"].map((partner) => ({
    partner,
    kind: "dft-p03",
    event: "charge.posted",
    flow: "lis-charges",
    intents: ["publish", "write-back charge-notice adt now"],
  })),
  { partner: "lis", kind: "dft-p03", event: "charge.cancelled", flow: "lis-charges", intents: ["publish"] },
  { partner: "adt", kind: "orm-o01", event: "order.placed", flow: "ris-orders", intents: ["publish", "write-back order ris now"] },
  { partner: "adt", kind: "orm-o01", event: "order.closed", flow: "ris-orders", intents: ["publish"] },
  ...["lis", "ris"].map((partner) => ({
    partner,
    kind: "oru-r01",
    event: "report.ready",
    flow: "report-ready",
    intents: ["publish", "write-back report-notice adt now"],
  })),
  { partner: "ris", kind: "orm-o01", event: "order.placed", flow: "report-ready", intents: ["publish"] },
  ...["adt-a01", "adt-a04", "bar-p01"].map((kind) => ({
    partner: "adt",
    kind,
    event: "registration.opened",
    flow: "registrations",
    intents: ["publish"],
  })),
];

describe("flows, as run", () => {
  let bench: Bench;
  before(async () => {
    bench = await startBench({ root: PACKAGE_ROOT });
  });
  after(() => bench.stop());

  test("every feeding node subscribed, with the flow's folder", () => {
    const subscribed = [...bench.engine.subscribed.values()];
    assert.equal(subscribed.length, feeders.length);
    for (const { node } of subscribed) assert.ok(folders.includes(node.flow), node.flow);
  });

  for (const run of RUNS)
    test(`${run.partner}.${run.kind} with ${run.event}: ${run.intents.join(", ")}`, async () => {
      const outcome = await bench.engine.feed(run.partner, run.kind, [eventOf(run.event, run.partner)]);
      assert.equal(outcome.parked, undefined, JSON.stringify(outcome.parked));
      assert.deepEqual(outcome.intents, run.intents);
      assert.ok(outcome.tookMs < AT_ONCE_MS, `took ${outcome.tookMs} ms`);
    });

  for (const { partner, kind, flow } of RUNS)
    test(`${partner}.${kind} that cannot be translated is parked, naming translate of ${flow}`, async () => {
      bench.engine.untranslatable.add(kind);
      const outcome = await bench.engine.feed(partner, kind);
      bench.engine.untranslatable.delete(kind);
      assert.equal(outcome.parked?.code, "NOT_TRANSLATABLE");
      assert.deepEqual([outcome.parked?.node?.type, outcome.parked?.node?.flow], ["huiliu-translate", flow]);
      assert.ok(outcome.parked?.problems?.length);
    });
});
