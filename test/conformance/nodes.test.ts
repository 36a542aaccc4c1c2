/** Every folder under nodes/ is a well-made node: loaded by a real Node-RED under our own name, with editor, icon, help and labels in both languages, and an example. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NOT_TRIED, TRIED_TYPES } from "../../domain/flows/trials.ts";
import type { Register } from "../../nodes/kit/node.ts";
import { type Choices, editorOf } from "./editor-stub.ts";
import { type Bench, PACKAGE_ROOT, startBench } from "../journeys/node-red-bench.ts";

const NODES = join(PACKAGE_ROOT, "nodes");
const LANGUAGES = ["zh-CN", "en-US"] as const;
const folders = readdirSync(NODES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "kit")
  .map((entry) => entry.name)
  .sort();
const read = (...path: string[]): string => readFileSync(join(NODES, ...path), "utf8");
const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

/** All dotted paths of a tree of texts. */
const keysOf = (tree: unknown, at = ""): string[] =>
  typeof tree === "object" && tree !== null
    ? Object.entries(tree).flatMap(([key, value]) => keysOf(value, at === "" ? key : `${at}.${key}`))
    : [at];

interface NodeSet {
  readonly id: string;
  readonly module?: string;
  readonly types: readonly string[];
  readonly err?: unknown;
}

/** Flows for the tests of the kit that need a running node. */
const PROBE = [
  { id: "probe", type: "tab", label: "probe" },
  {
    id: "p-in",
    type: "huiliu-message-in",
    z: "probe",
    partner: "his",
    kinds: [],
    deadlineSeconds: "5",
    version: 1,
    x: 1,
    y: 1,
    wires: [["p-old"]],
  },
  { id: "p-old", type: "careless-old-sends", z: "probe", x: 1, y: 1, wires: [["p-park"]] },
  { id: "p-park", type: "huiliu-park", z: "probe", reason: "probe", version: 1, x: 1, y: 1, wires: [[]] },
];

/** What an engine would offer. */
const named = (value: string, more: object = {}) => ({ value, zh: value, en: value, ...more });
const CHOICES: Choices = {
  partners: ["his", "neusoft", "chongqing", "jkt"].map((value) => named(value, { vendor: value, destination: value === "his" })),
  mappings: [
    ...["charge", "payment", "refund", "settle", "pay-order", "record-list"].map((message) =>
      named(`v/${message}`, { vendor: "v", message, direction: "in" }),
    ),
    ...["insurance-result", "payment-confirm", "refund-confirm", "inquiry"].map((message) =>
      named(`his/${message}`, { vendor: "his", message, direction: "out" }),
    ),
  ],
  eventTypes: ["payment.settled", "payment.refunded", "insurance.settled", "insurance.reversed"].map((value) => named(value)),
  keyKinds: [named("bill")],
};
/** Nodes that cannot work before somebody has chosen something. */
const MUST_CHOOSE: ReadonlySet<string> = new Set(["message-in", "event-in", "write-back", "ask-partner", "find"]);
/** Values no field may take. */
const WRONG: Readonly<Record<string, unknown>> = {
  partner: "nobody",
  destination: "jkt",
  kind: "nothing",
  kinds: ["nothing"],
  types: ["no.such"],
  mapping: "no/such",
  keyKind: "nothing",
  deadlineSeconds: "0",
  limit: "101",
  when: "later",
  verdict: "perhaps",
  text: "x".repeat(201),
  reason: "x".repeat(201),
  property: "",
};

/** Node-RED's colour of labels. */
const LABEL = "#333333";
/** Relative luminance of WCAG 2. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

describe("nodes", () => {
  let bench: Bench;
  let sets: readonly NodeSet[];
  before(async () => {
    bench = await startBench({ flows: { probe: PROBE } });
    sets = (await (await bench.get("nodes", { accept: "application/json" })).json()) as NodeSet[];
  });
  after(() => bench.stop());

  test("the suite sees them all", () => assert.ok(folders.length >= 9, folders.join(" ")));

  test("package.json lists exactly the folders", () => {
    const listed = (json(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8"))["node-red"] as { nodes: Record<string, string> }).nodes;
    const wanted = Object.fromEntries(["kit", ...folders].map((name) => [name, `nodes/${name}/${name}.js`]));
    assert.deepEqual({ ...listed }, wanted, "add the folder to package.json, section node-red.nodes");
  });

  test("each can be tried on a stored message, or it is stated why it cannot", () => {
    for (const folder of folders) {
      const type = `huiliu-${folder}`;
      const reason = NOT_TRIED[type];
      assert.ok(
        TRIED_TYPES.includes(type) || (reason !== undefined && reason.zh !== "" && reason.en !== ""),
        `${type}: domain/flows/trials.ts`,
      );
    }
    assert.deepEqual(
      [...TRIED_TYPES, ...Object.keys(NOT_TRIED)].filter((type) => !folders.includes(type.replace("huiliu-", ""))),
      [],
      "nodes that are not there",
    );
  });

  test("the choices of the editor are served", async () => {
    const choices = json(await (await bench.get("huiliu/choices")).text());
    assert.deepEqual(Object.keys(choices).sort(), ["eventTypes", "keyKinds", "mappings", "partners"]);
  });

  test("the editor's own parts are served: problems, trial, tests, sidebar, each with its texts in both languages", async () => {
    const parts = ["problems", "trial", "tests", "sidebar"];
    const { plugins } = json(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8"))["node-red"] as { plugins: Record<string, string> };
    assert.deepEqual({ ...plugins }, Object.fromEntries(parts.map((name) => [name, `nodes/kit/${name}.html`])));
    const served = await (await bench.get("plugins", { accept: "text/html" })).text();
    for (const part of parts) {
      const html = read("kit", `${part}.html`);
      assert.ok(served.includes(html.trim().slice(-200)), `${part} is served`);
      const [zh = [], en = []] = LANGUAGES.map((language) => keysOf(json(read("kit", "locales", language, `${part}.json`))).sort());
      assert.deepEqual(zh, en);
      for (const [, key = ""] of html.matchAll(/[^.\w]text\("([a-zA-Z]+)"/g)) assert.ok(zh.includes(`${part}.${key}`), `${part}: ${key}`);
      for (const language of LANGUAGES)
        assert.ok((await (await bench.get(`locales/huiliu/${part}?lng=${language}`)).text()).includes(`"${part}"`), `${part} ${language}`);
    }
  });

  test("the workbench is asked for whoever came through the gate, with his rights and partners", async () => {
    const asked: unknown[] = [];
    const told = (...given: unknown[]) => {
      asked.push(given);
      return Promise.resolve({ ok: true as const, value: [] });
    };
    const bench2 = { check: () => [{ rule: "unwired" }], messages: told, try: told, flow: told, draft: told, console: () => "" };
    Object.assign(bench.engine, { workbench: bench2 });
    assert.deepEqual(await (await bench.post("huiliu/flow-checks", { flows: PROBE })).json(), { problems: [{ rule: "unwired" }] });
    for (const body of [{}, { flows: 5 }]) assert.equal((await bench.post("huiliu/flow-checks", body)).status, 400);
    assert.equal((await bench.get("huiliu/messages?partner=his&kinds=charge,..,refund")).status, 200);
    const [who, filter] = asked.pop() as [{ partners: unknown; rights: readonly string[] }, object];
    assert.equal(who.partners, "*");
    assert.ok(who.rights.includes("mapping"));
    assert.deepEqual(filter, { partner: "his", kinds: ["charge", "refund"] });
    assert.equal((await bench.post("huiliu/trials", { messageId: "m", type: "huiliu-translate", config: {}, mapping: "" })).status, 200);
    assert.deepEqual((asked.pop() as unknown[])[1], { messageId: "m", type: "huiliu-translate", config: {} });
    const reply = { text: "<A/>", status: 200, contentType: "", returnValue: "0" };
    const typed = { messageId: "m", type: "huiliu-ask-partner", config: {}, example: "", reply, value: " B1 " };
    assert.equal((await bench.post("huiliu/trials", typed)).status, 200);
    assert.deepEqual((asked.pop() as unknown[])[1], {
      ...{ messageId: "m", type: "huiliu-ask-partner", config: {}, value: "B1" },
      reply: { text: "<A/>", status: 200, returnValue: "0" },
    });
    const wrongReplies = [{ status: 200 }, { text: "x", status: 99 }, { text: "x", status: "200" }, { text: "x".repeat(65_537) }, 5];
    const wrong = wrongReplies.map((one) => ({ ...typed, reply: one }));
    for (const body of [{}, { messageId: 1 }, { messageId: "m", type: "x" }, ...wrong])
      assert.equal((await bench.post("huiliu/trials", body)).status, 400);
    assert.equal((await bench.get("huiliu/flows/probe")).status, 200);
    const [, flow, nodes] = asked.pop() as [unknown, string, { id: string }[]];
    assert.equal(flow, "probe");
    assert.deepEqual(nodes.map(({ id }) => id).sort(), ["p-in", "p-old", "p-park"]);
  });

  test("a drawing with a hard problem is refused with its node named, before anything is drained or written", async () => {
    const check = () => [
      { rule: "unwired", hard: true, flow: "probe", tab: "probe", node: "p-in", nodeName: "in", zh: "没有连线", en: "is not wired" },
    ];
    Object.assign(bench.engine, { workbench: { check } });
    bench.engine.calls.length = 0;
    const before = readFileSync(join(bench.root, "flows", "probe", "flow.json"), "utf8");
    const answer = await bench.deploy([{ id: "other", type: "tab", label: "other" }]);
    assert.equal(answer.status, 400);
    const { code, message } = (await answer.json()) as { code: string; message: string };
    assert.equal(code, "flows_refused");
    assert.match(message, /probe \/ in \(p-in\): 没有连线 \| is not wired/);
    assert.deepEqual(bench.engine.calls, []);
    assert.equal(readFileSync(join(bench.root, "flows", "probe", "flow.json"), "utf8"), before);
    Object.assign(bench.engine, { workbench: undefined });
  });

  test("the admin API answers this machine only", async () => {
    assert.equal((await bench.get("flows", { origin: "http://evil.example" })).status, 403);
    assert.equal((await bench.get("flows")).status, 200);
  });

  test("the engine is not in what the editor may read", async () => {
    assert.doesNotMatch(await (await bench.get("settings")).text(), /"huiliu":|"huiliuFolderOf"/);
  });

  test("Node-RED still keeps input handlers where the hooks look for them", async () => {
    const outcome = await bench.engine.feed("his", "message");
    assert.equal(outcome.parked?.code, "PARKED_BY_FLOW", "an old-style handler was not seen to finish");
    assert.equal(outcome.waited, false, "the postReceive rule no longer works, only the deadline would");
  });

  for (const folder of folders)
    describe(folder, () => {
      const type = `huiliu-${folder}`;
      const set = (): NodeSet | undefined => sets.find((one) => one.id === `huiliu/${folder}`);
      const html = read(folder, `${folder}.html`);

      test("is loaded as a node of this package", () => {
        assert.deepEqual(set()?.types, [type]);
        assert.equal(set()?.err, undefined);
      });

      test("editor and runtime agree on version and outputs", async () => {
        const module = (await import(join(NODES, folder, `${folder}.ts`))) as { default: Register };
        const { declared } = module.default;
        assert.equal(declared.type, type);
        assert.match(html, new RegExp(`version: \\{ value: ${declared.version} \\}`));
        assert.match(html, new RegExp(`outputs: ${declared.outputs.length},`));
        assert.ok(html.includes(`[${declared.outputs.map((one) => `"${one}"`).join(", ")}]`), "outputs have the same names and order");
        const migrations = (declared.migrations ?? []).map((one) => one.from);
        assert.deepEqual(
          migrations,
          Array.from({ length: declared.version - 1 }, (_, index) => index + 1),
          "one migration from each older version",
        );
      });

      test("every setting is checked in the editor", () => {
        const defaults = /defaults: \{([\s\S]*?)\n {2}\},/.exec(html)?.[1] ?? "";
        const settings = [...defaults.matchAll(/^ {4}(\w+): \{(.*)\},?$/gm)].filter(([, name]) => name !== "name" && name !== "version");
        assert.ok(settings.length > 0);
        for (const [, name, body] of settings) assert.match(body ?? "", /validate:/, `${name} has no check`);
      });

      test("the editor's script runs: a new node shows what is missing, the example is valid, unknown choices are said", () => {
        const example =
          (JSON.parse(readFileSync(join(PACKAGE_ROOT, "examples", `${folder}.json`), "utf8")) as Record<string, unknown>[]).find(
            (node) => node.type === type,
          ) ?? {};
        for (const choices of [undefined, CHOICES]) {
          const editor = editorOf(folder, choices);
          assert.equal(editor.type, type);
          const { definition } = editor;
          const check = (config: Record<string, unknown>): string[] =>
            Object.entries(definition.defaults).flatMap(([name, { validate, label }]) => {
              if (validate === undefined) return [];
              assert.equal(validate.length, 2, `${name}: Node-RED takes the sentences of a check with one parameter for "valid"`);
              assert.ok(label && !label.startsWith("missing"), `${name} has a label for its sentences`);
              const said = validate.call(editor.node(config), config[name], { label });
              return said === true ? [] : [`${name}: ${String(said)}`];
            });
          assert.deepEqual(check(example), [], "the example");
          const fresh = Object.fromEntries(Object.entries(definition.defaults).map(([name, one]) => [name, one.value]));
          assert.equal(check(fresh).length > 0, MUST_CHOOSE.has(folder), `a fresh node: ${check(fresh).join(", ")}`);
          for (const said of check(fresh)) assert.doesNotMatch(said, /undefined|missing/);
          assert.ok(definition.label.call(editor.node(fresh)), "a label");
          assert.ok(definition.paletteLabel.call(editor.node(fresh)), "a palette label");
          for (let output = 0; output < definition.outputs; output++)
            assert.ok(definition.outputLabels.call(editor.node(fresh), output), `label of output ${output}`);
        }
        const { definition, node } = editorOf(folder, CHOICES);
        for (const [name, wrong] of Object.entries(WRONG)) {
          const validate = definition.defaults[name]?.validate;
          if (validate) assert.notEqual(validate.call(node({}), wrong, {}), true, `${name} accepts ${JSON.stringify(wrong)}`);
        }
      });

      test("palette, colour and an icon of its own", async () => {
        assert.match(html, /category: "huiliu"/);
        assert.match(html, /color: "#[0-9A-F]{6}"/);
        const icon = await bench.get(`icons/huiliu/${type}.svg`);
        assert.equal(icon.status, 200);
        const drawn = await icon.text();
        assert.match(drawn, /<svg/);
        const colour = /color: "(#[0-9A-F]{6})"/.exec(html)?.[1] ?? "";
        assert.ok(contrast(colour, LABEL) >= 4.5, "the label can be read (WCAG 1.4.3)");
        assert.ok(contrast(colour, /stroke="(#[0-9a-f]{6})"/i.exec(drawn)?.[1] ?? "#ffffff") >= 3, "the icon can be seen (WCAG 1.4.11)");
      });

      test("labels are the same in both languages, and every one the editor asks for is there", async () => {
        const [zh, en] = LANGUAGES.map((language) => keysOf(json(read(folder, "locales", language, `${folder}.json`))).sort());
        assert.deepEqual(zh, en);
        const asked = [...html.matchAll(/data-i18n="([^"]+)"|this\._\("([^"]+[^."])"\)|"([a-z-]+\.option\.\w+)"/g)].map(
          (match) => match[1] ?? match[2] ?? match[3] ?? "",
        );
        assert.ok(asked.length >= 2);
        assert.deepEqual(
          asked.filter((key) => !zh?.includes(key)),
          [],
        );
        for (const language of LANGUAGES) {
          const served = (await (await bench.get(`locales/huiliu/${folder}?lng=${language}`)).json()) as Record<string, { title?: string }>;
          assert.ok(served[folder]?.title, `${language} is served`);
        }
      });

      for (const language of LANGUAGES)
        test(`help in ${language} is served and explains every output`, async () => {
          const declared = ((await import(join(NODES, folder, `${folder}.ts`))) as { default: Register }).default.declared;
          const help = read(folder, "locales", language, `${folder}.html`);
          for (const output of declared.outputs) assert.ok(help.includes(`<code>${output}</code>`), `output ${output}`);
          const served = await (
            await bench.get(`nodes/huiliu/${folder}?lng=${language}`, { accept: "text/html", "accept-language": language })
          ).text();
          assert.ok(served.includes(`data-help-name="${type}"`));
          const first = /<p>(.{10,30})/.exec(help)?.[1] ?? "-";
          assert.ok(served.includes(first), "the help of this language");
        });

      test("an example that uses it and that Node-RED offers", async () => {
        const path = join(PACKAGE_ROOT, "examples", `${folder}.json`);
        assert.ok(existsSync(path), `examples/${folder}.json is missing`);
        const nodes = JSON.parse(readFileSync(path, "utf8")) as { type: string }[];
        assert.ok(nodes.some((node) => node.type === type));
        assert.ok(nodes.some((node) => node.type === "comment"));
        const offered = await bench.get(`library/examples/flows/huiliu/${folder}`);
        assert.equal(offered.status, 200, "not under Import → Examples");
        assert.deepEqual(await offered.json(), nodes);
      });
    });
});
