/**
 * Night shift in a real browser (issue 4, What must show 1): the HIS refuses write-backs; alarm → group → message → cause → mended at the HIS → preview → canary →
 * replay → all acknowledged, in Chinese and in English; approval by a second person. The HIS's own ledger says what happened: each once.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { makePerson } from "./console-harness.ts";
import { ALONE_MAX, type Night, startNight, WAIT_MS } from "./night.ts";

/** More than the canary, so that there is a rest. */
const STORY = 14;

/** The words of the pages, as a person reads them in each language. */
const WORDS = {
  "zh-CN": {
    shots: "night",
    text: "收费单不存在",
    failures: "查看失败分组",
    replay: "安全重放…",
    make: "选定并预览",
    reason: "原因",
    why: "HIS 值班已补建收费单，电话确认后整组重放",
    preview: "预览：会做什么",
    asked: `${STORY} 笔先向对方查询`,
    start: "开始",
    rate: "每秒至多重放",
    canary: /项已发出，等待结果/,
    done: `全部 ${STORY} 项已由对方确认。`,
    empty: /没有失败|没有符合筛选/,
  },
  "en-US": {
    shots: "night-en",
    text: "收费单已锁定",
    failures: "Failure groups",
    replay: "Safe replay…",
    make: "Select and preview",
    reason: "Reason",
    why: "The HIS desk unlocked the bills; confirmed by phone",
    preview: "Preview: what would happen",
    asked: `${STORY} are asked for first`,
    start: "Start",
    rate: "At most per second",
    canary: /of the canary are out; their ends are awaited/,
    done: `All ${STORY} are acknowledged by the partner.`,
    empty: /Nothing has failed|No failure group fits/,
  },
} as const;

describe("the night shift in Chromium", { timeout: 1_200_000 }, () => {
  let at: Night;
  before(async () => {
    at = await startNight("console-night-shift");
  });
  after(() => at?.huiliu.stop());
  beforeEach(() => at.begin());

  for (const locale of ["zh-CN", "en-US"] as const) {
    const words = WORDS[locale];
    test(`alarm → group → message → cause → fix → preview → canary → replay → all acknowledged (${locale})`, async () => {
      const { huiliu, night, leftOver, countOf, refused, ledgerAgrees, open, looked, kept, giveReason } = at;
      await refused(STORY, words.text);
      const who = locale === "zh-CN" ? night : await makePerson(huiliu, ["operator"], { login: "nighten", name: "Night Shift" });
      const browser = await open(who, locale);
      const { page } = browser;
      try {
        const alarm = page.getByRole("link", { name: words.failures }).first();
        await alarm.waitFor({ timeout: WAIT_MS });
        await kept(browser, `${words.shots}-1-alarm`);

        await alarm.click();
        const row = page.getByRole("row").filter({ hasText: words.text });
        await row.waitFor();
        await looked(browser, `${words.shots}-2-groups`);

        await row.getByRole("link", { name: new RegExp(words.text) }).click();
        await page.getByRole("heading", { level: 1, name: /E101/ }).waitFor();
        await page.getByText(words.text).nth(1).waitFor();
        await looked(browser, `${words.shots}-3-group`);

        const group = page.url();
        await page.locator("tbody a[href^='/write-backs/']").first().click();
        await page.waitForURL(/\/write-backs\//);
        await page.getByText(words.text).first().waitFor();
        await kept(browser, `${words.shots}-4-cause`);

        // Mended where the cause is: at the HIS.
        await huiliu.fault({ fault: "none" });

        await page.goto(group);
        await page.getByRole("button", { name: words.replay }).first().click();
        await page.getByRole("spinbutton", { name: words.rate }).fill("1");
        await looked(browser, `${words.shots}-5-ask`);
        await giveReason(page, words.reason, words.why, words.make);
        await page.waitForURL(/\/replays\//);
        await page.getByText(words.preview).waitFor();
        await page.getByText(words.asked).waitFor();
        await looked(browser, `${words.shots}-6-preview`);
        assert.equal(await countOf("parked"), leftOver() + STORY, "a preview sends nothing");

        await page.getByRole("button", { name: words.start, exact: true }).click();
        await giveReason(page, words.reason, words.why, words.start);
        // Or over already, where the machine is busy and the page slow to ask.
        await page.getByText(words.canary).or(page.getByText(words.done)).first().waitFor();
        await browser.shot(`${words.shots}-7-canary`); // at once: it does not stay so for long
        await page.getByText(words.done).waitFor({ timeout: WAIT_MS });
        await looked(browser, `${words.shots}-8-done`);
        await ledgerAgrees();

        await browser.go("/failures");
        await page.getByText(words.empty).waitFor();
        assert.deepEqual(browser.faults(), []);
      } finally {
        await browser.close();
      }
    });
  }

  test("approval by a second person: one's own request cannot be approved, and that is said before; the other one sees what exactly is approved", async () => {
    const { huiliu, night, second, owed, leftOver, countOf, refused, ledgerAgrees, open, looked, giveReason } = at;
    const count = ALONE_MAX + 4;
    await refused(count, "HIS 正在日结");
    await huiliu.fault({ fault: "none" });
    const [mine, other] = [await open(night, "zh-CN", "/failures"), await open(second, "zh-CN", "/")];
    try {
      const { page } = mine;
      await page.getByRole("row").filter({ hasText: "HIS 正在日结" }).getByRole("button", { name: "安全重放…" }).click();
      await page.getByRole("spinbutton", { name: "每秒至多重放" }).fill("1");
      await giveReason(page, "原因", "日结已结束，整组重放", "选定并预览");
      await page.getByText(/开始后须第二人复核（超过 20 项）/).waitFor();
      await looked(mine, "approval-1-will-need");
      await page.getByRole("button", { name: "开始", exact: true }).click();
      await giveReason(page, "原因", "日结已结束，整组重放", "开始");
      await page.getByText("这是您自己提出的，不能自己复核").waitFor();
      assert.equal(await page.getByRole("button", { name: "复核通过" }).count(), 0, "nothing to press for one's own");
      await looked(mine, "approval-2-own");
      const id = new URL(page.url()).pathname.split("/").at(-1) ?? "";
      const hash = String((await huiliu.api(`/replays/${id}`)).body.hash);
      const own = await page.evaluate<number>(
        `fetch("/api/v1/replays/${id}/approve", { method: "POST", headers: { "content-type": "application/json", "x-huiliu-console": "1" }, body: JSON.stringify({ reason: "自己批准自己", hash: "${hash}" }) }).then((answer) => answer.status)`,
      );
      assert.ok(own === 409 || own === 403, `the engine refuses it too: ${own}`);
      assert.equal(await countOf("parked"), leftOver() + count, "nothing was sent");

      await other.page.getByRole("link", { name: "待复核" }).click();
      await other.page.getByRole("heading", { level: 1, name: "待复核" }).waitFor();
      await other.page.getByRole("row").filter({ hasText: "日结已结束" }).waitFor();
      await looked(other, "approval-3-list");
      await other.page.getByRole("link", { name: "打开复核" }).click();
      await other.page.getByText("复核的正是以下内容").waitFor();
      await other.page.getByText(hash).first().waitFor();
      await looked(other, "approval-4-second");
      await other.page.getByRole("button", { name: "复核通过" }).click();
      await giveReason(other.page, "原因", "金额与笔数已核对，同意", "复核通过");
      // Whoever asked watches it live, stops it and lets it go on.
      await page.getByRole("button", { name: "暂停", exact: true }).click();
      await giveReason(page, "原因", "先看看 HIS 的负载", "暂停");
      await page.getByText("已暂停").first().waitFor();
      const done = await countOf("acknowledged");
      await page.getByRole("button", { name: "继续", exact: true }).click();
      await giveReason(page, "原因", "负载正常，继续", "继续");
      assert.ok(done < owed(), "it was stopped on its way");
      await page.getByText(`全部 ${count} 项已由对方确认。`).waitFor({ timeout: WAIT_MS });
      await page.getByText(/由 值长王芳 复核/).waitFor();
      await looked(mine, "approval-5-done");
      await ledgerAgrees();
    } finally {
      await mine.close();
      await other.close();
    }
  });

  test("no serious accessibility fault and no error on any page that was looked at", () => assert.deepEqual(at.wrong, []));
});
