/** The integrator's page: a stored message, the document running live on it, problems at their place, an example made of it. In Chromium, in both languages. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Huiliu, ROOT, until } from "../journeys/harness.ts";
import { type ConsoleBrowser, openConsole, startConsole } from "./console-harness.ts";

const SAMPLE = readFileSync(join(ROOT, "mappings", "his", "charge", "examples", "gbk", "in.xml"));
let huiliu: Huiliu;
let messageId = "";
let browser: ConsoleBrowser | undefined;

before(async () => {
  huiliu = await startConsole("console-mappings");
  const answer = await huiliu.post("his", "charge", SAMPLE, { "content-type": "application/xml; charset=GBK" });
  assert.ok(answer.ok, await answer.text());
  messageId = await until("the message is there", async () => {
    const found = await huiliu.api("/messages?kind=charge");
    return (found.body.items as { id: string }[])[0]?.id ?? false;
  });
});
after(async () => {
  await browser?.close();
  await huiliu?.stop();
});

const LANGUAGES = [
  {
    locale: "zh-CN",
    done: /译读成功/,
    refused: /报文被拒绝/,
    wrong: /文档有误/,
    save: "存为示例",
    document: /^文档/,
    reason: "留作回归样例",
  },
  {
    locale: "en-US",
    done: /^Translated/,
    refused: /^The message is refused/,
    wrong: /^The document is wrong/,
    save: "Save as an example",
    document: /^The document \(/,
    reason: "kept as a regression sample",
  },
] as const;

const OUTBOUND_EN = {
  written: /^Written/,
  cannot: /^It cannot be written/,
  same: "The same as the example expects",
  diff: "How it differs from what the example expects",
};

describe("mappings in the browser", { concurrency: false }, () => {
  for (const { locale, done, refused, wrong, save, document, reason } of LANGUAGES)
    test(`${locale}: the document is tried as it is typed; an example is made`, async () => {
      browser = await openConsole({ huiliu, as: ["integrator"], locale, path: `/mappings?mapping=his/charge&message=${messageId}` });
      const { page } = browser;
      const status = page.getByRole("status");
      await status.filter({ hasText: done }).waitFor();
      const box = page.getByRole("textbox", { name: document });
      const text = await box.inputValue();
      assert.equal(text, readFileSync(join(huiliu.root, "mappings", "his", "charge", "mapping.json"), "utf8"));
      assert.doesNotMatch((await page.locator("body").textContent()) ?? "", /喆堃犇镕/, "nobody's name is shown");
      await browser.shot(`mappings-${locale}`);

      await box.fill(text.replaceAll("/Message/Charge/Patient/@no", "/Message/Charge/Patient/@number"));
      await status.filter({ hasText: refused }).waitFor();
      const at = page.locator("tr", { hasText: "@number" }).getByRole("button").first();
      await at.click();
      const selected = await page.evaluate<string>(
        "(() => { const box = document.querySelector('textarea[aria-label]'); return box.value.slice(box.selectionStart, box.selectionEnd); })()",
      );
      assert.equal(selected, '"/Message/Charge/Patient/@number"', "the problem's place is selected in the document");
      assert.deepEqual(await browser.axe(), []);
      await browser.shot(`mappings-refused-${locale}`);

      await box.fill(`${text} x`);
      await status.filter({ hasText: wrong }).waitFor();
      await box.fill(text);
      await status.filter({ hasText: done }).waitFor();

      const name = `from-browser-${locale.slice(0, 2)}`;
      await page.getByRole("button", { name: save }).click();
      const dialog = page.getByRole("dialog");
      await dialog.locator("#example-name").fill(name);
      await dialog.locator("textarea").fill(reason);
      await until("the dialog stands still", () =>
        page.evaluate<boolean>(`document.getAnimations().every((one) => one.playState !== "running")`),
      );
      await browser.shot(`mappings-save-${locale}`);
      await dialog.getByRole("button", { name: save }).click();
      await page.getByText(`mappings/his/charge/examples/${name}`).waitFor();
      await dialog.waitFor({ state: "hidden" });
      const saved = new TextDecoder("gbk").decode(readFileSync(join(huiliu.root, "mappings", "his", "charge", "examples", name, "in.xml")));
      assert.doesNotMatch(saved, /喆堃犇镕/);
      assert.match(saved, /喆某某某/);
      assert.ok(existsSync(join(huiliu.root, "mappings", "his", "charge", "examples", name, "events.json")));
      assert.deepEqual(await browser.axe(), []);
      assert.deepEqual(browser.faults(), []);
      await browser.close();
      browser = undefined;
    });

  for (const { locale, wrong, document } of LANGUAGES)
    test(`${locale}: a document that writes is run on an example as it is typed; nothing is sent`, async () => {
      const words =
        locale === "zh-CN" ? { written: /^已写出/, cannot: /^不能写出/, same: "与示例期望的相同", diff: "与示例期望的差异" } : OUTBOUND_EN;
      browser = await openConsole({
        huiliu,
        as: ["integrator"],
        locale,
        path: "/mappings?mapping=his/payment-confirm&from=example:wechat",
      });
      const { page } = browser;
      const status = page.getByRole("status");
      await status.filter({ hasText: words.written }).waitFor();
      await page.getByText(words.same).waitFor();
      const box = page.getByRole("textbox", { name: document });
      const text = await box.inputValue();
      await box.fill(text.replace('"to": "Serial"', '"to": "SerialNo"'));
      await page.getByText(words.diff, { exact: true }).waitFor();
      assert.match((await page.locator("body").textContent()) ?? "", /<SerialNo>/);
      assert.deepEqual(await browser.axe(), []);
      await browser.shot(`mappings-outbound-${locale}`);

      await box.fill(text.replaceAll("/data/paymentNo", "/data/paymentNumber"));
      await status.filter({ hasText: words.cannot }).waitFor();
      await page.locator("tr", { hasText: "/data/paymentNumber" }).getByRole("button").first().click();
      const selected = await page.evaluate<string>(
        "(() => { const box = document.querySelector('textarea[aria-label]'); return box.value.slice(box.selectionStart, box.selectionEnd); })()",
      );
      assert.equal(selected, '"/data/paymentNumber"', "the problem's place is selected in the document");
      await box.fill(`${text} x`);
      await status.filter({ hasText: wrong }).waitFor();
      const [row] = await huiliu.sql("select count(*)::int as count from attempt");
      assert.equal(row?.count, 0, "nothing was sent");
      assert.deepEqual(browser.faults(), []);
      await browser.close();
      browser = undefined;
    });

  test("who may not work on mappings has neither page nor answer", async () => {
    browser = await openConsole({ huiliu, as: ["operator"], path: "/" });
    const links = await browser.page.getByRole("navigation").getByRole("link").allTextContents();
    assert.ok(links.length > 3 && !links.some((text) => text.includes("映射")), links.join());
    const status = await browser.page.evaluate<number>("fetch('/api/v1/mappings').then((answer) => answer.status)");
    assert.equal(status, 403);
  });
});
