/**
 * The editor in a real browser (Debian's Chromium): what an integrator sees of our nodes in both languages, and that a flow drawn there is kept as a file,
 * runs, and says what it does. On a copy of the project's flows. Pictures go to .data/screens/, or with HUILIU_SCREENS=docs to docs/screens/.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Huiliu, ROOT, startHuiliu, until } from "../journeys/harness.ts";
import { enterEditor, makePerson, type Person } from "./console-harness.ts";
import { type Browser, needChromium, openBrowser } from "./editor/browser.ts";
import { type Editor, openEditor } from "./editor/editor.ts";

const SCREENS = process.env.HUILIU_SCREENS === "docs" ? join(ROOT, "docs", "screens") : join(ROOT, ".data", "screens");

/** Each node: its labels, what its fields must offer, and the fields a new one leaves open. */
const NODES = [
  { type: "message-in", zh: "接收报文", en: "message in", offers: { 伙伴: ["*", "neusoft", "his"] }, open: ["伙伴"] },
  { type: "event-in", zh: "接收事件", en: "event in", offers: {}, open: ["事件类型"] },
  { type: "translate", zh: "翻译", en: "translate", offers: { 映射: ["", "neusoft/settle", "his/charge"] }, open: [] },
  { type: "publish-event", zh: "发布事件", en: "publish event", offers: {}, open: [] },
  {
    type: "write-back",
    zh: "登记回写",
    en: "write back",
    offers: { 回写目标: ["his"], 回写种类: ["insurance-result", "payment-confirm"], 发送时机: ["now", "bill-paid"] },
    open: ["回写目标", "回写种类"],
  },
  { type: "ask-partner", zh: "查询伙伴", en: "ask partner", offers: { 伙伴: ["his"], 查询报文: ["inquiry"] }, open: ["伙伴", "查询报文"] },
  { type: "answer-sender", zh: "答复发送方", en: "answer sender", offers: { 答复: ["accepted", "refused"] }, open: [] },
  { type: "find", zh: "查找", en: "find", offers: { 业务号种类: ["order", "bill", "serial"] }, open: ["业务号种类"] },
  { type: "park", zh: "挂起", en: "park", offers: {}, open: [] },
] as const;

/** The flow that is drawn: charges, whose own folder the copy does not have. */
const DRAWN = [
  { id: "drawn", type: "tab", label: "drawn in the editor", disabled: false, info: "", env: [] },
  {
    id: "drawn-in",
    type: "huiliu-message-in",
    z: "drawn",
    name: "",
    version: 1,
    partner: "his",
    kinds: ["charge"],
    deadlineSeconds: "60",
    x: 180,
    y: 120,
    wires: [["drawn-tr"]],
  },
  {
    id: "drawn-tr",
    type: "huiliu-translate",
    z: "drawn",
    name: "",
    version: 1,
    mapping: "",
    x: 400,
    y: 120,
    wires: [["drawn-pub"], ["drawn-park"]],
  },
  { id: "drawn-pub", type: "huiliu-publish-event", z: "drawn", name: "", version: 1, types: [], x: 600, y: 100, wires: [[]] },
  { id: "drawn-park", type: "huiliu-park", z: "drawn", name: "", version: 1, reason: "", x: 600, y: 180, wires: [[]] },
];

/** The copy has no flow for charges; the places of the tabs after it close up, as a deploy would do it. */
function withoutCharges(root: string): void {
  const place = (text: string): number => Number(/"order": (\d+),/.exec(text)?.[1]);
  const gone = place(readFileSync(join(root, "flows", "charges", "flow.json"), "utf8"));
  rmSync(join(root, "flows", "charges"), { recursive: true });
  for (const folder of readdirSync(join(root, "flows"))) {
    const file = join(root, "flows", folder, "flow.json");
    const text = readFileSync(file, "utf8");
    if (place(text) > gone) writeFileSync(file, text.replace(/"order": \d+,/, `"order": ${place(text) - 1},`));
  }
}

/** One new node of each kind, as the palette makes them: with the defaults that the editor knows. */
const FRESH = `${JSON.stringify(NODES.map(({ type }) => type))}.map((type, index) => {
  const definition = RED.nodes.getType("huiliu-" + type);
  const values = Object.fromEntries(Object.entries(definition.defaults).map(([name, one]) => [name, one.value]));
  const wires = Array.from({ length: definition.outputs }, () => []);
  return { id: "fresh-" + type, type: "huiliu-" + type, z: "fresh", x: 180 + 190 * (index % 3), y: 100 + 100 * Math.floor(index / 3), ...values, wires };
})`;

describe("the editor in Chromium", { timeout: 300_000 }, () => {
  let huiliu: Huiliu;
  let browser: Browser;
  let editor: Editor;
  let person: Person;
  const shot = async (name: string): Promise<void> => {
    await editor.quiet();
    await editor.page.screenshot({ path: join(SCREENS, `${name}.png`) });
  };
  const open = async (locale: string): Promise<void> => {
    await browser?.close();
    browser = await openBrowser(locale);
    await enterEditor(browser, huiliu, person);
    editor = await openEditor(await browser.context.newPage(), huiliu.run().editor);
  };
  const freshNodes = async (): Promise<object[]> => [
    { id: "fresh", type: "tab", label: "fresh" },
    ...(await editor.page.evaluate<object[]>(FRESH)),
  ];
  const flowFiles = (): Map<string, { text: string; changed: number }> =>
    new Map(
      readdirSync(join(huiliu.root, "flows")).map((folder) => {
        const path = join(huiliu.root, "flows", folder, "flow.json");
        return [folder, { text: readFileSync(path, "utf8"), changed: statSync(path).mtimeMs }];
      }),
    );

  before(async () => {
    needChromium();
    mkdirSync(SCREENS, { recursive: true });
    huiliu = await startHuiliu("editor", { prepare: withoutCharges });
    person = await makePerson(huiliu, ["integrator"]);
    await open("zh-CN");
  });
  after(async () => {
    await browser?.close();
    await huiliu?.stop();
  });

  test("the palette has our nine nodes under 汇流, each with its name and an icon that is served", async () => {
    const { category, nodes } = await editor.palette();
    assert.equal(category, "汇流");
    assert.deepEqual(
      nodes.map(({ type, label }) => [type, label]),
      NODES.map(({ type, zh }) => [`huiliu-${type}`, zh]),
    );
    assert.equal(new Set(nodes.map(({ icon }) => icon)).size, NODES.length);
    for (const { icon } of nodes) {
      const answer = await editor.page.request.get(new URL(icon, huiliu.run().editor).href);
      assert.equal(answer.status(), 200, icon);
      assert.match(answer.headers()["content-type"] ?? "", /svg/);
    }
    await shot("editor");
    assert.deepEqual(editor.faults(), []);
  });

  test("each node's dialog opens with choices of what is loaded, marks what is missing, and has help", async () => {
    await editor.paste(await freshNodes());
    await editor.openTab("fresh");
    for (const { type, zh, offers, open: missing } of NODES) {
      const fields = await editor.openNode(`fresh-${type}`);
      assert.ok(fields.length > 1, type);
      for (const { label, fits } of fields) {
        assert.match(label, /[\u4e00-\u9fff]/, `${type}: a Chinese label`);
        assert.ok(fits, `${type}: ${label} breaks`);
      }
      for (const [label, values] of Object.entries(offers)) {
        const options = fields.find((field) => field.label === label)?.options ?? [];
        for (const value of values) assert.ok(options.includes(value), `${type} ${label} offers ${value}: ${options}`);
      }
      assert.deepEqual(
        fields.filter(({ invalid }) => invalid).map(({ label }) => label),
        missing,
        `${type}: marked`,
      );
      const help = await editor.help();
      assert.match(help, /输[入出]/, `${type}: ${help.slice(0, 80)}`);
      if (type === "write-back") await shot("dialog-write-back");
      await editor.cancel();
      assert.deepEqual(editor.faults(), [], `${type} ${zh}`);
    }
  });

  test("a field that was filled is no longer marked, and the choice is on the node", async () => {
    await editor.openNode("fresh-message-in");
    await editor.page.selectOption("#node-input-partner", "his");
    await editor.page.click("#node-input-kinds-list + .red-ui-typedInput-container .red-ui-typedInput-option-trigger");
    await editor.page.click('.red-ui-typedInput-options:visible a[value="charge-cancel"]');
    await shot("dialog-choices");
    await editor.page.keyboard.press("Escape");
    await editor.done();
    assert.match((await editor.page.locator('[id="fresh-message-in"] .red-ui-flow-node-label').textContent()) ?? "", /his: charge-cancel/);
    const fields = await editor.openNode("fresh-message-in");
    assert.deepEqual(
      fields.filter(({ invalid }) => invalid),
      [],
    );
    assert.deepEqual(
      fields.slice(0, 2).map(({ shown }) => shown),
      ["his", "charge-cancel"],
    );
    await editor.cancel();
    assert.deepEqual(editor.faults(), []);
  });

  test("Import → Examples has one of each node, and one comes in", async () => {
    const names = await editor.examples();
    for (const { type } of NODES) assert.ok(names.includes(type), `${type} in ${names}`);
    await shot("import-examples");
    await editor.importExample("find");
    await editor.openTab("example: find");
    assert.ok((await editor.page.locator(".red-ui-flow-node").count()) >= 3);
    assert.deepEqual(editor.faults(), []);
  });

  test("a drawn flow is kept as a file, runs, and a second deploy changes no file", async () => {
    await open("zh-CN"); // forgets what the tests before left on the canvas
    const before = flowFiles();
    await editor.paste(DRAWN);
    await editor.openTab("drawn in the editor");
    await editor.deploy();
    const after = flowFiles();
    assert.deepEqual(
      [...after.keys()].filter((folder) => !before.has(folder)),
      ["drawn-in-the-editor"],
    );
    for (const [folder, file] of before) assert.deepEqual(after.get(folder), file, `${folder} is as it was`);
    const drawn = after.get("drawn-in-the-editor")?.text ?? "";
    assert.deepEqual(
      (JSON.parse(drawn) as { id: string }[]).map(({ id }) => id),
      ["drawn", "drawn-in", "drawn-park", "drawn-pub", "drawn-tr"],
    );
    assert.ok(drawn.endsWith("]\n") && drawn.includes('\n    "z": "drawn",\n'));

    // The editor offers no deploy without a change; its own call with what it already has must change no file, nor the folder of a tab that was moved back.
    const { editor: url } = huiliu.run();
    const flows = await editor.page.request.get(`${url}flows`, { headers: { "Node-RED-API-Version": "v2" } });
    const again = await editor.page.request.post(`${url}flows`, {
      headers: { "Node-RED-API-Version": "v2", "Node-RED-Deployment-Type": "full" },
      data: await flows.json(),
    });
    assert.equal(again.status(), 200, await again.text());
    assert.deepEqual(flowFiles(), after, "no file was written");
    assert.deepEqual(editor.faults(), []);
  });

  test("messages run through the drawn flow and its badges say so", async () => {
    const folder = join(ROOT, "mappings", "his", "charge", "examples");
    const accepted = await huiliu.post("his", "charge", readFileSync(join(folder, "two-lines", "in.xml")), {
      "content-type": "application/xml",
    });
    assert.ok(accepted.ok, `${accepted.status} ${await accepted.text()}`);
    await huiliu.post("his", "charge", readFileSync(join(folder, "refused-lines-do-not-add-up", "in.xml")), {
      "content-type": "application/xml",
    });
    const states = await until("both are settled", async () => {
      const rows = await huiliu.sql("select state, count(*)::int as count from message group by state order by state");
      return rows.reduce((sum, row) => sum + Number(row.count), 0) === 2 &&
        !rows.some(({ state }) => ["received", "working"].includes(String(state)))
        ? rows
        : undefined;
    });
    assert.deepEqual(
      states.map(({ state, count }) => [state, count]),
      [
        ["parked", 1],
        ["settled", 1],
      ],
    );
    await until(
      "the badges",
      async () => /就绪/.test(await editor.badge("drawn-in")) && /就绪/.test(await editor.badge("drawn-pub")),
      10_000,
      () => editor.badge("drawn-in"),
    );
    await shot("flow-deployed");
    assert.deepEqual(editor.faults(), []);
  });

  test("the same in English", async () => {
    await open("en-US");
    const { category, nodes } = await editor.palette();
    assert.equal(category, "Huiliu");
    assert.deepEqual(
      nodes.map(({ label }) => label),
      NODES.map(({ en }) => en),
    );
    await editor.paste(await freshNodes());
    await editor.openTab("fresh");
    for (const { type } of NODES) {
      const fields = await editor.openNode(`fresh-${type}`);
      for (const { label, fits } of fields) {
        assert.match(label, /^[ -~]+$/, `${type}: ${label}`);
        assert.ok(fits, `${type}: ${label} breaks`);
      }
      assert.match(await editor.help(), /Inputs|Outputs/);
      if (type === "message-in") await shot("dialog-message-in-en");
      await editor.cancel();
    }
    assert.deepEqual(editor.faults(), []);
  });
});
