/** Every folder under flows/ is a well-made flow: drawn from safe nodes, every output wired or an end, every message kind led to an end, explained in both languages, and it runs. */
import assert from "node:assert/strict";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Catalogue } from "../../domain/delivery/engine.ts";
import { checkFlows } from "../../domain/flows/rules.ts";
import { type StoredNode, textOfFlow } from "../../platform/node-red/flow-files.ts";
import { type Bench, eventOf, PACKAGE_ROOT, startBench } from "../journeys/node-red-bench.ts";

const FLOWS = join(PACKAGE_ROOT, "flows");
const folders = readdirSync(FLOWS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "_shared")
  .map((entry) => entry.name)
  .sort();

const nodesOf = (folder: string): readonly StoredNode[] =>
  JSON.parse(readFileSync(join(FLOWS, folder, "flow.json"), "utf8")) as StoredNode[];
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

const titled = <M extends object>(value: string, more: M) => ({ value, zh: value, en: value, ...more });
/** What an engine on these folders would have loaded. */
const CATALOGUE: Catalogue = {
  partners: () =>
    partners.map((partner) => {
      const profile = JSON.parse(readFileSync(join(PACKAGE_ROOT, "partners", `${partner}.json`), "utf8")) as {
        vendor: string;
        destination?: { messages: Record<string, string>; lane?: "order" | "patient" };
      };
      const { vendor, destination } = profile;
      const taken = destination === undefined ? {} : { writeBacks: destination.messages, lane: destination.lane ?? ("order" as const) };
      return titled(partner, { vendor, destination: destination !== undefined, ...taken });
    }),
  mappings: () =>
    globSync("mappings/*/*/mapping.json", { cwd: PACKAGE_ROOT }).map((path) => {
      const [, vendor = "", message = ""] = path.split("/");
      const { direction } = JSON.parse(readFileSync(join(PACKAGE_ROOT, path), "utf8")) as { direction?: string };
      return titled(`${vendor}/${message}`, { vendor, message, direction: direction === "inbound" ? ("in" as const) : ("out" as const) });
    }),
  eventTypes: () => readdirSync(join(PACKAGE_ROOT, "domain", "events")).map((type) => titled(type, {})),
  keyKinds: () => ["order", "patient", "visit", "bill", "serial", "message"].map((kind) => titled(kind, {})),
};

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

      test("no rule finds anything wrong with it, and nothing is disabled", () => {
        const found = checkFlows(nodes, CATALOGUE, "production");
        assert.deepEqual(
          found.map((one) => `${one.rule} at ${one.node}: ${one.en}`),
          [],
        );
        assert.deepEqual(
          nodes.filter((node) => node.d === true || node.disabled === true || node.type === "inject").map((node) => node.id),
          [],
        );
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

  test("a message has one flow: no rule finds anything wrong with all of them together", () => {
    const found = checkFlows(
      all.map(({ node }) => node),
      CATALOGUE,
      "production",
    );
    assert.deepEqual(
      found.map((one) => `${one.rule} at ${one.node}: ${one.en}`),
      [],
    );
  });

  test("what Import → Examples offers can be deployed: no example has a hard problem", () => {
    const examples = globSync("examples/*.json", { cwd: PACKAGE_ROOT });
    assert.ok(examples.length >= 9);
    for (const path of examples) {
      const nodes = JSON.parse(readFileSync(join(PACKAGE_ROOT, path), "utf8")) as StoredNode[];
      assert.deepEqual(
        checkFlows(nodes, CATALOGUE, "development")
          .filter((one) => one.hard)
          .map((one) => `${path} ${one.node}: ${one.en}`),
        [],
      );
    }
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
  {
    partner: "neusoft",
    kind: "settle",
    event: "insurance.rejected",
    flow: "insurance-settlement",
    intents: ["publish", "write-back insurance-refused his now"],
  },
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
    partner: "his",
    kind: "insurance-call",
    event: "insurance.called",
    flow: "insurance-front",
    intents: ["write-back call-{transaction} nhsa now"],
  },
  {
    partner: "nhsa",
    kind: "person-1101",
    event: "insurance.answered",
    flow: "insurance-front",
    intents: ["publish", "write-back insurance-answer his now"],
  },
  {
    partner: "nhsa-mobile",
    kind: "refund-6203",
    event: "insurance.rejected",
    flow: "insurance-front",
    intents: ["publish", "write-back insurance-refused his now"],
  },
  {
    partner: "chongqing",
    kind: "settle",
    event: "insurance.rejected",
    flow: "insurance-settlement",
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
  {
    partner: "bank",
    kind: "refund-return",
    event: "statement.received",
    flow: "file-statements",
    intents: ["publish", "write-back statement-receipt bank now"],
  },
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
      assert.equal(outcome.waited, false, "it waited for its time to be over");
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
