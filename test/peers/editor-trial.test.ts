/**
 * The trial in a node's dialog, in Chromium without an engine: what a partner would be asked and how a reply is read, what a sender reads, what a look-up finds, what an
 * operator reads of a parked message; in both languages. The rules of trials are proved in domain/flows, the way from the dialog to the engine in editor-integrator.test.ts.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { Trial } from "../../domain/flows/trial.ts";
import { ROOT } from "../journeys/harness.ts";
import { needChromium, openBrowser } from "./editor/browser.ts";

const read = (...path: string[]): string => readFileSync(join(ROOT, ...path), "utf8");
const HTML = read("nodes", "kit", "trial.html");
const SCRIPT = /<script[^>]*>([\s\S]*)<\/script>/.exec(HTML)?.[1] ?? "";
const JQUERY = read("node_modules", "@node-red", "editor-client", "public", "vendor", "vendor.js");
const NODES = readdirSync(join(ROOT, "nodes"), { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== "kit");

const said = { zh: "句子", en: "sentence" };
const none = { messageId: "m1", partner: "his", kind: "charge", said, events: [], outgoing: [], problems: [] };
const question = {
  ...{
    partner: "his",
    mapping: "his/inquiry",
    method: "POST",
    url: "http://his.test/ask",
    headers: { "x-key": "k1" },
    contentType: "text/xml",
  },
  ...{ key: "k1", body: "<Ask/>", examples: ["reply-done", "reply-busy"] },
};
const reading = { status: 200, body: "<A/>", outcome: "acknowledged", why: said, fields: { code: "0" } };
const ANSWERS: Readonly<Record<string, Trial>> = {
  "huiliu-ask-partner": { ...none, open: true, question },
  "huiliu-answer-sender": {
    ...{ ...none, to: "answered" },
    answer: { door: "amqp", verdict: "accepted", wire: { contentType: "application/json", bytes: 9, text: "{}", hex: "7b 7d" } },
  },
  "huiliu-find": {
    ...{ ...none, to: "found" },
    found: {
      keyKind: "bill",
      value: "B1",
      from: "events",
      messages: [{ id: "m0", partner: "his", kind: "charge", state: "settled" }],
      events: [],
      writeBacks: [],
    },
  },
  "huiliu-park": { ...none, to: "parked", parked: { state: "parked", code: "PARKED_BY_FLOW", reason: said, next: said } },
};
const READ: Trial = { ...none, to: "acknowledged", question, reading };

/** As much of the editor as the pane uses. */
const stub = (locale: string): string => `
  const TEXTS = ${read("nodes", "kit", "locales", locale, "trial.json")};
  const ANSWERS = ${JSON.stringify(ANSWERS)};
  window.asked = [];
  window.RED = {
    huiliu: { told: (one) => (one ? one[${JSON.stringify(locale.slice(0, 2))}] : ""), read: () => [] },
    nodes: { getAllUpstreamNodes: () => [] },
    editor: { registerEditPane: (id, make, takes) => Object.assign(window, { make, takes }) },
    _: (key, options) => Object.entries(options || {}).reduce(
      (text, [name, value]) => text.replace("__" + name + "__", value),
      key.split(":")[1].split(".").reduce((tree, part) => (tree || {})[part], TEXTS) || key,
    ),
  };
  $.ajax = (options) => {
    const asked = JSON.parse(options.data);
    window.asked.push(asked);
    return $.Deferred().resolve(asked.reply || asked.example ? ${JSON.stringify(READ)} : ANSWERS[asked.type]).promise();
  };
  $.getJSON = () => $.Deferred().resolve([{ id: "m1", partner: "his", kind: "charge", state: "settled", receivedAt: "2026-11-20T09:00:00+08:00" }]).promise();
`;

describe("the trial in a dialog", { timeout: 300_000 }, () => {
  before(needChromium);
  for (const locale of ["zh-CN", "en-US"])
    test(`${locale}: each node shows what it would do`, async () => {
      const browser = await openBrowser(locale);
      try {
        const page = await browser.context.newPage();
        const faults: string[] = [];
        page.on("pageerror", (error) => faults.push(String(error)));
        await page.setContent('<meta charset="utf-8"><div id="dialog-form"></div><div id="pane"></div>');
        await page.addScriptTag({ content: JQUERY });
        await page.evaluate(stub(locale));
        await page.evaluate(SCRIPT);
        for (const { name } of NODES) assert.equal(await page.evaluate(`takes({ type: "huiliu-${name}" })`), true, name);
        assert.equal(await page.evaluate('takes({ type: "function" })'), false);
        const open = async (type: string): Promise<void> => {
          const node = JSON.stringify({ type, _def: { defaults: {} }, z: "tab" });
          await page.evaluate(`$("#pane, #dialog-form").empty(); { const pane = make(${node}); pane.create($("#pane")); pane.show(); }`);
          await page.click(".huiliu-trial-list button");
        };
        const lastAsked = () => page.evaluate<Record<string, unknown>>("asked[asked.length - 1]");

        await open("huiliu-ask-partner");
        assert.match((await page.locator("[data-question]").textContent()) ?? "", /POST http:\/\/his\.test\/ask[\s\S]*<Ask\/>/);
        assert.equal(await page.locator(".huiliu-bad").count(), 0, "that nobody was asked is no fault");
        await page.selectOption(".huiliu-trial-example", "reply-busy");
        assert.equal((await lastAsked()).example, "reply-busy");
        assert.match((await page.locator('[data-reading="acknowledged"]').textContent()) ?? "", /<A\/>/);
        await page.fill(".huiliu-trial-typed", "<A key='{key}'/>");
        await page.click(".huiliu-trial-read");
        assert.deepEqual((await lastAsked()).reply, { text: "<A key='{key}'/>", status: 200, contentType: "", returnValue: "" });
        await open("huiliu-answer-sender");
        assert.match((await page.locator('[data-answer="accepted"]').textContent()) ?? "", /7b 7d/);
        await open("huiliu-find");
        assert.match((await page.locator('[data-found="events"]').textContent()) ?? "", /his\.charge settled m0/);
        await page.fill(".huiliu-trial-value", " B9 ");
        await page.locator(".huiliu-trial-reply button").click();
        assert.equal((await lastAsked()).value, "B9");
        await open("huiliu-park");
        assert.match((await page.locator('[data-parked="PARKED_BY_FLOW"]').textContent()) ?? "", locale === "zh-CN" ? /下一步/ : /Next/);
        const shown = (await page.locator("#pane").textContent()) ?? "";
        assert.doesNotMatch(shown, /huiliu\/trial:|undefined|__/, "every text is there");
        if (locale === "en-US") assert.doesNotMatch(shown, /[\u4e00-\u9fff]/);
        assert.deepEqual(faults, []);
      } finally {
        await browser.close();
      }
    });
});
