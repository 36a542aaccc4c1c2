/** Destinations in a real browser: pausing and resuming one, a lane held and released, a profile changed against somebody else's change; and edit-and-replay by two people. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { until } from "../journeys/harness.ts";
import { type Night, startNight, WAIT_MS } from "./night.ts";

describe("destinations and edited copies in Chromium", { timeout: 1_200_000 }, () => {
  let at: Night;
  before(async () => {
    at = await startNight("console-destinations");
  });
  after(() => at?.huiliu.stop());
  beforeEach(() => at.begin());

  test("pausing a destination and resuming it: said before with numbers, held by every worker, nothing lost", async () => {
    const { huiliu, night, owed, pay, countOf, ledgerAgrees, open, looked, kept, giveReason } = at;
    const browser = await open(night, "zh-CN", "/destinations");
    const { page } = browser;
    try {
      const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: "his", exact: true }) });
      await row.waitFor();
      await looked(browser, "destinations-1-list");
      await row.getByRole("link", { name: "his", exact: true }).click();
      await page.getByRole("heading", { level: 1, name: "his" }).waitFor();
      await page.getByRole("button", { name: "暂停…" }).click();
      await page.getByText(/1 秒内所有进程停止向 his 发送/).waitFor();
      await kept(browser, "destinations-2-pause");
      await giveReason(page, "原因", "HIS 03:00 起停机升级", "暂停");
      await page.getByText("已暂停：所有进程 1 秒内停止发送").waitFor();
      const sent = async (): Promise<number> => (await huiliu.ledger()).filter((line) => line.kind === "payment-confirm").length;
      const before = await sent();
      await pay(3);
      await page.getByText("有人暂停了它").waitFor();
      await until("three wait", async () => (await countOf("waiting")) + (await countOf("queued")) === 3, WAIT_MS);
      await looked(browser, "destinations-3-paused");
      assert.equal(await sent(), before, "nothing was sent");
      await page.getByRole("button", { name: "恢复…" }).click();
      await giveReason(page, "原因", "HIS 升级完成，电话确认", "恢复");
      await page.getByText("已恢复").first().waitFor();
      await until("all acknowledged", async () => (await countOf("acknowledged")) === owed(), WAIT_MS);
      await ledgerAgrees();
      await page.getByRole("tab", { name: "最近一小时" }).click();
      await page.getByText("已确认").first().waitFor();
      await looked(browser, "destinations-4-outcomes");
    } finally {
      await browser.close();
    }
  });

  test("a lane is held and released; what will happen is said with its key", async () => {
    const { night, open, looked, giveReason } = at;
    const browser = await open(night, "zh-CN", "/destinations/his?tab=lanes");
    const { page } = browser;
    try {
      await page.getByRole("button", { name: "暂停队列…" }).click();
      await page.getByLabel(/队列键/).fill("bill:NIGHT-1");
      await giveReason(page, "原因", "患者要求暂不入账，核对中", "暂停队列");
      await page.getByText("队列已暂停").waitFor();
      await page.getByText("人工暂停", { exact: true }).click();
      await page.getByRole("row").filter({ hasText: "bill:NIGHT-1" }).waitFor();
      await looked(browser, "lanes-1-held");
      await page.getByRole("button", { name: "恢复队列…" }).click();
      await page.getByText(/由 夜班李明 暂停，原因：患者要求暂不入账/).waitFor();
      await giveReason(page, "原因", "核对完毕，恢复", "恢复队列");
      await page.getByText("队列已恢复").waitFor();
      await page.getByText("没有这样的队列。").waitFor();
      assert.deepEqual(browser.faults(), []);
    } finally {
      await browser.close();
    }
  });

  test("a profile: a problem at its field, what changes, another one's change in between, history and the way back", async () => {
    const { huiliu, night, open, looked, giveReason } = at;
    const browser = await open(night, "zh-CN", "/destinations/his?tab=profile");
    const { page } = browser;
    const profile = async () => (await huiliu.api("/destinations/his")).body as { version: number; profile: Record<string, unknown> };
    try {
      const before = await profile();
      const parallel = page.getByRole("spinbutton", { name: "parallel" });
      await parallel.fill("0");
      await page.getByText("不得小于 1", { exact: true }).waitFor();
      await looked(browser, "profile-1-problem");
      await parallel.fill("64");
      await page.getByText("将要改变的").waitFor();
      const row = page.getByRole("row").filter({ hasText: "/parallel" });
      await row.filter({ hasText: "128" }).filter({ hasText: "64" }).waitFor();
      await looked(browser, "profile-2-changes");
      const other = { ...before.profile, replyTimeoutMs: 650 };
      const theirs = { by: "张工", reason: "缩短应答时限", version: before.version, profile: other };
      assert.equal((await huiliu.api("/destinations/his/profile", theirs)).status, 200);
      await page.getByRole("button", { name: "保存…" }).click();
      await giveReason(page, "原因", "夜间降低并发，HIS 要求", "保存");
      await page.getByText("VERSION_CHANGED").waitFor();
      await page.getByText(/张工 已改为版本/).waitFor();
      await looked(browser, "profile-3-conflict");
      await page.getByRole("button", { name: "以最新版本为准，保留我的修改" }).click();
      await page.getByRole("button", { name: "保存…" }).click();
      await giveReason(page, "原因", "夜间降低并发，HIS 要求", "保存");
      await page.getByText(/已保存为版本/).waitFor();
      const after = await profile();
      assert.deepEqual([after.profile.parallel, after.profile.replyTimeoutMs], [64, 650], "both changes hold");
      await page.getByRole("tab", { name: "档案历史" }).click();
      await page.getByRole("row").filter({ hasText: "夜间降低并发" }).waitFor();
      await looked(browser, "profile-4-history");
      await page.getByRole("row").filter({ hasText: "缩短应答时限" }).getByRole("button", { name: "恢复到此版本…" }).click();
      await giveReason(page, "原因", "高峰前恢复并发", "恢复到此版本");
      await page.getByText("已恢复", { exact: true }).waitFor();
      assert.equal((await profile()).profile.parallel, before.profile.parallel);
      assert.deepEqual(browser.faults(), []);
    } finally {
      await browser.close();
    }
  });

  test("edit-and-replay: the original in full asks a reason, the difference is shown, a second person approves exactly it", async () => {
    const { huiliu, night, second, owed, countOf, refused, ledgerAgrees, open, looked, giveReason } = at;
    await refused(1, "单据备注过长");
    await huiliu.fault({ fault: "none" });
    const [row] = await huiliu.sql("select id from write_back where state = 'parked' order by owed_at desc limit 1");
    const [mine, other] = [await open(night, "zh-CN", `/write-backs/${row?.id}/edit`), await open(second, "zh-CN", "/approvals")];
    try {
      const { page } = mine;
      await page.getByRole("button", { name: "读取原文…" }).click();
      await giveReason(page, "原因", "需要修改超长备注", /确\s*定|确认/);
      const body = page.getByLabel("修改稿", { exact: true });
      await body.waitFor();
      await body.fill((await body.inputValue()).replace(/(<At>\S+) [^<]*</, "$1 11:11:11<"));
      await page.getByLabel("与原文的差异").getByText("11:11:11").waitFor();
      await page.getByRole("checkbox", { name: /我已在对方系统核对/ }).check();
      await looked(mine, "edit-1-diff");
      await page.getByRole("button", { name: "提交复核…" }).click();
      await giveReason(page, "原因", "去掉超长备注后重发", "提交复核");
      await page.getByText("这是您自己提出的，不能自己复核").waitFor();
      await looked(mine, "edit-2-own");
      await other.page.getByRole("row").filter({ hasText: "去掉超长备注" }).getByRole("link", { name: "打开复核" }).click();
      await other.page.getByText("复核的正是以下差异").waitFor();
      await looked(other, "edit-3-second");
      await other.page.getByRole("button", { name: "复核通过并发送" }).click();
      await giveReason(other.page, "原因", "差异已核对，同意", "复核通过并发送");
      await other.page.getByText("发出的修改稿").waitFor();
      await until("the copy is acknowledged", async () => (await countOf("acknowledged")) === owed(), WAIT_MS);
      await ledgerAgrees();
    } finally {
      await mine.close();
      await other.close();
    }
  });

  test("no serious accessibility fault and no error on any page that was looked at", () => assert.deepEqual(at.wrong, []));
});
