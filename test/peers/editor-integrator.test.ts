/**
 * The integrator's story in a real browser (Debian's Chromium), signed in at the console: an example is imported, a mapping and a destination are chosen, a node is tried
 * on a stored message, the flow is deployed and its traffic seen; then it is broken, by the node's choice and by the mapping document, and the deploy is refused with
 * the place named. In Chinese and in English. Pictures go to .data/screens/, or with HUILIU_SCREENS=docs to docs/screens/.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { type Huiliu, ROOT, startHuiliu, until } from "../journeys/harness.ts";
import { enterEditor, makePerson, type Person } from "./console-harness.ts";
import { type Browser, needChromium, openBrowser } from "./editor/browser.ts";
import { type Editor, openEditor } from "./editor/editor.ts";
import { EN, without, WORDS, type Words, ZH } from "./editor/integrator.ts";

const SCREENS = process.env.HUILIU_SCREENS === "docs" ? join(ROOT, "docs", "screens") : join(ROOT, ".data", "screens");
const SIZE = { width: 1366, height: 768 };
const EXAMPLES = join(ROOT, "mappings", "jkt", "pay-order", "examples");
const ANSWER_MS = 20_000;
/** Stored tests are played by a program of their own; on a busy machine that takes a while. */
const PLAY_MS = 150_000;

const GONE = "payment-confirm";
const FLOW = "example-write-back";
const TAB = "example: write-back";

/** What is expected of the flow that is drawn here; it publishes nothing. */
const storedTest = (): object => {
  const platform = JSON.parse(readFileSync(join(ROOT, "flows", GONE, "tests", "platform-payment.json"), "utf8")) as { expect: object };
  return { ...platform, expect: { ...platform.expect, events: [] } };
};

describe("an integrator at the editor", { timeout: 900_000 }, () => {
  let huiliu: Huiliu;
  let browser: Browser;
  let editor: Editor;
  let page: Page;
  let sent = 0;
  const people = new Map<string, Person>();

  const shot = async (name: string): Promise<void> => {
    await page.screenshot({ path: join(SCREENS, `${name}.png`) });
  };
  const open = async (locale: string, person: Person): Promise<void> => {
    await browser?.close();
    browser = await openBrowser(locale, SIZE);
    await enterEditor(browser, huiliu, person);
    editor = await openEditor(await browser.context.newPage(), huiliu.run().editor);
    page = editor.page;
  };
  const person = (name: string): Person => people.get(name) ?? assert.fail(name);
  /** One payment of the platform, each of its own bill. */
  const pay = async (): Promise<void> => {
    sent += 1;
    const body = readFileSync(join(EXAMPLES, "sample-paid", "in.xml"), "utf8")
      .replaceAll("0000002", String(1_000_002 + sent))
      .replaceAll("000001", String(100_001 + sent));
    const answer = await huiliu.post("jkt", "pay-order", body, { "content-type": "application/xml; charset=UTF-8" });
    assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
  };
  const stateOf = (state: string, count: number): Promise<unknown> =>
    until(
      `${count} ${state}`,
      async () => {
        const rows = await huiliu.sql("select count(*)::int as count from message where state = $1 and kind = 'pay-order'", [state]);
        return Number(rows[0]?.count) >= count;
      },
      ANSWER_MS,
    );
  /** Node of the example by its type (and kind of write-back). */
  const nodeId = (type: string, kind = ""): Promise<string> =>
    page.evaluate<string>(
      `RED.nodes.filterNodes({ z: RED.workspaces.active() }).find((one) => one.type === ${JSON.stringify(type)} && (${JSON.stringify(kind)} === "" || one.kind === ${JSON.stringify(kind)}))?.id ?? ""`,
    );
  const sidebar = async (): Promise<void> => {
    await page.evaluate(`RED.sidebar.show("huiliu")`);
    await page.locator(".huiliu-sidebar").waitFor();
  };
  const part = (name: string) => page.locator(`.huiliu-sidebar [data-part="${name}"]`);
  /** Deploys as a person does who has read the warning; the answer's status. */
  const deploy = async (): Promise<number> => {
    const taken = page.waitForResponse((answer) => answer.url().endsWith("/flows") && answer.request().method() === "POST", {
      timeout: PLAY_MS,
    });
    taken.catch(() => undefined); // awaited below, or the click has failed before
    await page.click("#red-ui-header-button-deploy:not(.disabled)");
    const confirm = page.locator("#red-ui-deploy-dialog-confirm-deploy-deploy");
    await Promise.race([taken, confirm.waitFor({ timeout: PLAY_MS }).catch(() => undefined)]);
    if (await confirm.isVisible()) await confirm.click();
    return (await taken).status();
  };
  const flowFile = (): string => readFileSync(join(huiliu.root, "flows", FLOW, "flow.json"), "utf8");
  /** In the open dialog: tries the node on the newest stored message. */
  const tryNewest = async (): Promise<string> => {
    await page.click(".huiliu-trial-open");
    await page.locator(".huiliu-trial-list button").first().click();
    const outcome = page.locator(".huiliu-trial [data-outcome]");
    await outcome.waitFor();
    return (await outcome.textContent()) ?? "";
  };
  const choose = async (list: string, value: string): Promise<void> => {
    await page.click(`#node-input-${list}-list + .red-ui-typedInput-container .red-ui-typedInput-option-trigger`);
    await page.click(`.red-ui-typedInput-options:visible a[value="${value}"]`);
    await page.keyboard.press("Escape");
  };

  before(async () => {
    needChromium();
    mkdirSync(SCREENS, { recursive: true });
    huiliu = await startHuiliu("integrator", { prepare: (root) => without(root, GONE) });
    people.set("integrator", await makePerson(huiliu, ["integrator"], { name: "集成王" }));
    people.set("both", await makePerson(huiliu, ["integrator", "administrator"], { name: "主管李" }));
    people.set("elsewhere", await makePerson(huiliu, ["integrator"], { name: "集成陈", partners: ["pacs"] }));
    await pay();
    await stateOf("parked", 1); // nobody takes it yet, and it is stored
    await open("zh-CN", person("integrator"));
  });
  after(async () => {
    await browser?.close();
    await huiliu?.stop();
  });

  test("an example is imported, and what is wrong with it is said at its nodes and in the sidebar", async () => {
    await editor.examples();
    await editor.importExample("write-back");
    await editor.openTab(TAB);
    await sidebar();
    // The other flow of this hospital takes chongqing's messages already, of its own kinds only; the example leaves problems unwired.
    await part("problems").locator('li[data-rule="unwired"]').first().waitFor();
    const translate = await nodeId("huiliu-translate");
    assert.equal(await page.evaluate(`RED.nodes.node(${JSON.stringify(translate)}).valid`), false, "a triangle at the node");
    const told = await page.evaluate<string[]>(`RED.nodes.node(${JSON.stringify(translate)}).validationErrors`);
    assert.match(told.join(), /问题/);
    await shot("integrator-imported");
    assert.deepEqual(editor.faults(), []);
  });

  test("partner, kind, mapping and destination are chosen of what is loaded; the kinds of write-backs are the destination's", async () => {
    await editor.openNode(await nodeId("huiliu-message-in"));
    await page.selectOption("#node-input-partner", "jkt");
    await choose("kinds", "pay-order");
    await editor.done();
    await editor.openNode(await nodeId("huiliu-translate"));
    await page.selectOption("#node-input-mapping", "jkt/pay-order");
    await editor.done();
    await editor.openNode(await nodeId("huiliu-write-back", "payment-confirm"));
    const kinds = () =>
      page.locator("#node-input-kind option").evaluateAll((options) => options.map((one) => (one as unknown as { value: string }).value));
    await page.selectOption("#node-input-destination", "nhsa");
    await until("the kinds of nhsa", async () => (await kinds()).includes("settle"));
    await page.selectOption("#node-input-destination", "his");
    await until("the kinds of his", async () => (await kinds()).includes("insurance-result") && !(await kinds()).includes("settle"));
    await page.selectOption("#node-input-kind", "payment-confirm");
    await editor.done();
    assert.deepEqual(editor.faults(), []);
  });

  /** Tries the translate node and the write-back node on the newest message. */
  const tryBoth = async ({ locale, said }: Words): Promise<void> => {
    await editor.openNode(await nodeId("huiliu-translate"));
    const translated = await tryNewest();
    assert.match(translated, said.translated);
    assert.match(translated, /payment\.settled/);
    assert.doesNotMatch(translated, /oTESTOPENID/, "personal data is masked");
    await shot(`integrator-trial-${locale}`);
    await editor.cancel();
    await editor.openNode(await nodeId("huiliu-write-back", "payment-confirm"));
    const owed = await tryNewest();
    assert.match(owed, said.owed);
    assert.match(owed, /<WriteBack/);
    await shot(`integrator-trial-write-back-${locale}`);
    await editor.cancel();
    assert.deepEqual(editor.faults(), []);
  };

  test("before anything is deployed a node is tried on a stored message: its event, and the message that would go out; nothing has any effect", async () => {
    await tryBoth(ZH);
    const [row] = await huiliu.sql(
      "select (select count(*) from write_back)::int as owed, (select count(*) from message where kind = 'pay-order')::int as messages",
    );
    assert.deepEqual(row, { owed: 0, messages: 1 });
  });

  test("a mapping that does not fit is told with the places", async () => {
    await editor.openNode(await nodeId("huiliu-translate"));
    await page.selectOption("#node-input-mapping", "his/charge");
    await tryNewest();
    const outcome = page.locator('.huiliu-trial [data-outcome="problems"]');
    await outcome.waitFor();
    assert.ok((await outcome.locator("td").count()) >= 2, "a place and what is wrong there");
    await editor.cancel();
  });

  test("C-1 deployed, it carries a payment from the platform to the HIS, and the sidebar shows it", async () => {
    assert.equal(await deploy(), 200);
    assert.match(flowFile(), /"mapping": "jkt\/pay-order"/);
    await pay();
    await stateOf("settled", 1);
    await until(
      "the HIS has acknowledged it",
      async () => {
        const rows = await huiliu.sql("select count(*)::int as count from write_back where state = 'acknowledged'");
        return Number(rows[0]?.count) === 1;
      },
      ANSWER_MS,
    );
    await sidebar();
    await part("traffic").locator("[data-traffic]").waitFor();
    await until(
      "the traffic",
      async () => /^[1-9]/.test((await part("traffic").locator("[data-traffic]").getAttribute("data-traffic")) ?? ""),
      ANSWER_MS,
    );
    await part("failures").locator("li[data-message]").first().waitFor(); // the one that came before the flow
    const way = await part("failures").locator("li[data-message] a").first().getAttribute("href");
    assert.ok(way?.startsWith(`${huiliu.run().console}/messages/`), String(way));
    await editor.quiet();
    await shot("integrator-deployed");
    assert.deepEqual(editor.faults(), []);
  });

  for (const { locale, said } of WORDS)
    test(`broken by a node's choice: a triangle, and the deploy is refused with the node named; nothing is written (${locale})`, async () => {
      await open(locale, person("integrator"));
      await editor.openTab(TAB);
      await sidebar();
      const before = flowFile();
      const id = await nodeId("huiliu-write-back", "payment-confirm");
      await editor.openNode(id);
      await page.selectOption("#node-input-destination", "ris");
      await editor.done();
      await part("problems").locator('li[data-rule="unknown-write-back"]').waitFor();
      assert.match((await part("problems").textContent()) ?? "", said.unknown);
      assert.equal(await deploy(), 400);
      const note = page.locator(".red-ui-notification", { hasText: said.refused });
      await note.waitFor();
      await page.waitForTimeout(1_000); // the warning slides away, the refusal in
      assert.match((await note.textContent()) ?? "", said.unknown);
      assert.match((await note.textContent()) ?? "", new RegExp(TAB));
      await shot(`integrator-refused-${locale}`);
      assert.equal(flowFile(), before, "nothing is written");
      editor.faults(); // the refused request is one
      const rows = await huiliu.sql("select count(*)::int as count from message where state in ('received','working')");
      assert.equal(Number(rows[0]?.count), 0, "nothing was held up");
    });

  test("the same trial in English; the message becomes a test stored with the flow", async () => {
    await open("en-US", person("integrator"));
    await editor.openTab(TAB);
    await tryBoth(EN);
    await editor.openNode(await nodeId("huiliu-translate"));
    await tryNewest();
    await page.click(".huiliu-trial-keep");
    await page.locator(".red-ui-notification input").fill("kept-message");
    await page.waitForTimeout(500); // the dialog slides in
    await shot("integrator-make-test");
    await page.click("#huiliu-make-test");
    const file = join(huiliu.root, "flows", FLOW, "tests", "kept-message.json");
    await until("the test is written", () => existsSync(file), ANSWER_MS);
    const kept = readFileSync(file, "utf8");
    assert.doesNotMatch(kept, /oTESTOPENID/, "masked");
    assert.match(kept, /"kind": "pay-order"/);
    assert.match(kept, /"outcome": "acknowledged"/);
    await editor.cancel();
    assert.deepEqual(editor.faults(), []);
  });

  test("stored tests play what stands on the canvas", async () => {
    mkdirSync(join(huiliu.root, "flows", FLOW, "tests"), { recursive: true });
    writeFileSync(join(huiliu.root, "flows", FLOW, "tests", "platform-payment.json"), JSON.stringify(storedTest(), null, 2));
    await open("zh-CN", person("integrator"));
    await editor.openTab(TAB);
    await sidebar();
    await part("tests").locator("li[data-test]").first().waitFor();
    await part("tests").getByRole("button", { name: "运行全部测试" }).click();
    for (const name of ["platform-payment", "kept-message"])
      await part("tests").locator(`li[data-test="${name}"][data-state="passed"]`).waitFor({ timeout: PLAY_MS });
    await shot("integrator-tests");
    assert.deepEqual(editor.faults(), []);
  });

  for (const { locale, said } of WORDS)
    test(`broken in the mapping document: the deploy is refused with the test and the place named (${locale})`, async () => {
      const file = join(huiliu.root, "mappings", "jkt", "pay-order", "mapping.json");
      const sound = readFileSync(file, "utf8");
      const broken = sound.replace(/("to": "amount",\s*"from": )"\/REQ\/PAY_ACTUAL_FEE"/, '$1"/REQ/PAY_MI_FEE"');
      assert.notEqual(broken, sound);
      writeFileSync(file, broken);
      try {
        await open(locale, person("integrator"));
        await editor.openTab(TAB);
        await sidebar();
        const before = flowFile();
        await editor.openNode(await nodeId("huiliu-translate"));
        await page.fill("#node-input-name", `renamed ${locale}`);
        await editor.done();
        assert.equal(await deploy(), 422);
        const dialog = page.locator(".red-ui-notification", { has: page.locator(".huiliu-refusal") });
        await dialog.waitFor();
        const told = (await dialog.textContent()) ?? "";
        assert.match(told, said.testsFail);
        assert.match(told, /tests\/platform-payment/);
        assert.match(told, /PAY_ACTUAL_FEE/, "the place in the partner's message");
        assert.match(told, /huiliu-translate/, "the node");
        assert.equal(await page.locator("#huiliu-deploy-anyway").count(), 0, "who has not the right is not asked");
        await part("tests").locator('li[data-state="failed"]').first().waitFor({ timeout: PLAY_MS });
        await shot(`integrator-tests-fail-${locale}`);
        assert.equal(flowFile(), before, "nothing is written");
        editor.faults();
      } finally {
        writeFileSync(file, sound);
      }
    });

  test("who has the right deploys all the same, with a reason that is on record", async () => {
    const file = join(huiliu.root, "mappings", "jkt", "pay-order", "mapping.json");
    const sound = readFileSync(file, "utf8");
    writeFileSync(file, sound.replace(/("to": "amount",\s*"from": )"\/REQ\/PAY_ACTUAL_FEE"/, '$1"/REQ/PAY_MI_FEE"'));
    try {
      await open("zh-CN", person("both"));
      await editor.openTab(TAB);
      await editor.openNode(await nodeId("huiliu-translate"));
      await page.fill("#node-input-name", "先上线");
      await editor.done();
      assert.equal(await deploy(), 422);
      const anyway = page.locator("#huiliu-deploy-anyway");
      await anyway.waitFor();
      await page.locator(".red-ui-notification textarea").fill("渠道今晚切换，先行上线");
      await shot("integrator-override");
      const taken = page.waitForResponse((answer) => answer.url().endsWith("/flows") && answer.request().method() === "POST", {
        timeout: PLAY_MS,
      });
      await anyway.click();
      const confirm = page.locator("#red-ui-deploy-dialog-confirm-deploy-deploy");
      await Promise.race([taken.catch(() => undefined), confirm.waitFor({ timeout: PLAY_MS }).catch(() => undefined)]);
      if (await confirm.isVisible()) await confirm.click();
      assert.equal((await taken).status(), 200);
      assert.match(flowFile(), /先上线/);
      const audit = await huiliu.api("/audit");
      assert.match(JSON.stringify(audit.body), /渠道今晚切换，先行上线/);
      editor.faults();
    } finally {
      writeFileSync(file, sound);
    }
  });

  test("who may see other partners only finds none of these messages to try", async () => {
    await open("en-US", person("elsewhere"));
    await editor.openTab(TAB);
    await editor.openNode(await nodeId("huiliu-translate"));
    await page.click(".huiliu-trial-open");
    await page.locator(".huiliu-trial-list p", { hasText: "No message was found" }).waitFor();
    await page.fill(".huiliu-trial-key", "SEQ2026112000001");
    await page.keyboard.press("Enter");
    await page.locator(".huiliu-trial-list p", { hasText: "No message was found" }).waitFor();
    await editor.cancel();
    assert.deepEqual(editor.faults(), []);
  });

  test("nobody opens the editor without a sign-in", async () => {
    for (const path of ["huiliu/me", "huiliu/choices", "huiliu/messages", `huiliu/flows/${TAB}`, "flows"]) {
      const answer = await fetch(new URL(path, huiliu.run().editor));
      assert.equal(answer.status, 401, path);
    }
  });
});
