/**
 * Destinations in a real browser: pausing, draining and resuming one, lanes held, released, unblocked, resolved and parked, a profile changed against somebody else's
 * change; and edit-and-replay by two people. What came of it is read from the HIS's own ledger and the database, not from the page.
 */
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
      await page.getByText(/没有人工暂停的队列/).waitFor();
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
      await page.getByText("不得小于 1", { exact: true }).waitFor({ state: "hidden" });
      await row.scrollIntoViewIfNeeded();
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

  /** Effects that the HIS's own ledger has of a bill, and what was sent of it at all. */
  const toldTo = async (bill: string) => {
    const lines = (await at.huiliu.ledger()).filter((line) => line.order === bill);
    return { sent: lines.length, effects: lines.filter((line) => line.effect).map((line) => line.kind) };
  };
  const statesOf = async (bill: string) => (await at.owedOf(bill)).map(({ kind, state }) => `${kind} ${state}`);
  /** A bill whose payment the HIS refused, with the refund of a fen waiting behind it. */
  const blockedLane = async (text: string): Promise<string> => {
    const [bill = ""] = await at.refused(1, text);
    await at.refundFen(bill);
    await until(
      "the refund waits",
      async () => (await at.owedOf(bill)).at(1)?.state === "queued",
      WAIT_MS,
      () => at.owedOf(bill),
    );
    return bill;
  };
  const recorded = async (query: string) =>
    ((await at.huiliu.api(`/audit?${query}`)).body.items as { who: string; action: string; reason: string }[])
      .map(({ who, action, reason }) => `${action} ${who} ${reason}`)
      .reverse();

  test("a blocked lane: from the alarm by a button, listed with its head, count and age; let go on past it, by the HIS's own ledger", async () => {
    const { huiliu, night, open, looked, giveReason } = at;
    const bill = await blockedLane("收费单已关账");
    await huiliu.fault({ fault: "none" });
    const browser = await open(night, "zh-CN", "/");
    const { page } = browser;
    try {
      const alarm = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: /有队列被停放的回写阻塞/ }) });
      await alarm.getByText("打开阻塞的队列，逐个看清队首").waitFor();
      await alarm.getByText("npx huiliu parked", { exact: true }).waitFor();
      await alarm.getByRole("link", { name: "打开阻塞的队列" }).click();
      await page.waitForURL(/\/destinations\?tab=lanes&destination=his/);
      const row = page.getByRole("row").filter({ hasText: `bill:${bill}` });
      await row.getByText("1 笔").waitFor();
      await row.getByText("¥0.01").waitFor();
      await row.getByText("REJECTED").waitFor();
      await row.getByText(/^\d+ (?:秒|分)$/).waitFor();
      await looked(browser, "lanes-2-blocked");
      await row.getByRole("button", { name: "放行其后…" }).click();
      await page.getByText(/危险：对方会先收到后发生的/).waitFor();
      await looked(browser, "lanes-3-unblock");
      await giveReason(page, "原因", "退费不依赖这笔支付，已与 HIS 核对", "放行其后");
      await page.getByText("已放行", { exact: true }).waitFor();
      await row.waitFor({ state: "detached" });
      await page.getByText("已越过停放的", { exact: true }).click();
      await row.waitFor();
      await until("the refund is told", async () => (await at.owedOf(bill)).at(1)?.state === "acknowledged", WAIT_MS);
      assert.deepEqual(await statesOf(bill), ["payment-confirm parked", "refund-confirm acknowledged"]);
      assert.deepEqual((await toldTo(bill)).effects, ["refund-confirm"], "the payment was not told");
      assert.deepEqual(await recorded(`targetKind=lane&action=unblock`), ["unblock 夜班李明 退费不依赖这笔支付，已与 HIS 核对"]);
    } finally {
      await browser.close();
    }
  });

  test("the head of a blocked lane is resolved by hand, in English: never sent again, and what waited behind it goes on", async () => {
    const { huiliu, night, open, looked, giveReason } = at;
    const bill = await blockedLane("收费单已锁定");
    await huiliu.fault({ fault: "none" });
    const browser = await open(night, "en-US", "/destinations/his?tab=lanes");
    const { page } = browser;
    try {
      const row = page.getByRole("row").filter({ hasText: `bill:${bill}` });
      await row.getByRole("button", { name: "Resolve the head…" }).click();
      await page.getByText(/is never sent again, and the 1 behind it go on/).waitFor();
      const { sent } = await toldTo(bill);
      await giveReason(page, "Reason", "Booked by hand at the window", "Resolve the head");
      await page.getByText("RECEIPT_REQUIRED").waitFor();
      assert.deepEqual(
        await statesOf(bill),
        ["payment-confirm parked", "refund-confirm queued"],
        "done by hand needs the partner's number",
      );
      await row.getByRole("button", { name: "Resolve the head…" }).click();
      await page.getByLabel("The partner's receipt number", { exact: true }).fill("HIS-BY-HAND-7");
      await looked(browser, "lanes-en-4-resolve");
      await giveReason(page, "Reason", "Booked by hand at the window", "Resolve the head");
      await page.getByText("The head is resolved; the next goes on").waitFor();
      await row.waitFor({ state: "detached" });
      await until("the refund is told", async () => (await at.owedOf(bill)).at(1)?.state === "acknowledged", WAIT_MS);
      assert.deepEqual(await statesOf(bill), ["payment-confirm resolved", "refund-confirm acknowledged"]);
      assert.deepEqual((await toldTo(bill)).effects, ["refund-confirm"]);
      assert.equal((await toldTo(bill)).sent, sent + 1, "the head was not sent again");
      const [head] = await at.owedOf(bill);
      assert.deepEqual(await recorded(`targetKind=write-back&targetId=${head?.id}`), ["resolve 夜班李明 Booked by hand at the window"]);
    } finally {
      await browser.close();
    }
  });

  test("a held lane sends nothing; its head is parked by a person, taken up again and parked again, each with a reason; released", async () => {
    const { huiliu, night, open, pay, nextBill, owedOf, looked, giveReason } = at;
    const bill = nextBill();
    const browser = await open(night, "zh-CN", "/destinations/his?tab=lanes");
    const { page } = browser;
    const park = async (reason: string): Promise<void> => {
      await browser.go("/destinations/his?tab=lanes");
      await page.getByText("人工暂停", { exact: true }).click();
      await page
        .getByRole("row")
        .filter({ hasText: `bill:${bill}` })
        .getByRole("button", { name: "停放队首…" })
        .click();
      await giveReason(page, "原因", reason, "停放队首");
      await page.getByText("已停放", { exact: true }).first().waitFor();
      await until("it is parked", async () => (await owedOf(bill))[0]?.state === "parked", WAIT_MS);
    };
    try {
      await page.getByRole("button", { name: "暂停队列…" }).click();
      await page.getByLabel(/队列键/).fill(`bill:${bill}`);
      await giveReason(page, "原因", "患者来电，付款待核对", "暂停队列");
      await page.getByText("队列已暂停").waitFor();
      assert.deepEqual(await pay(1), [bill]);
      await until(
        "it is owed",
        async () => (await owedOf(bill))[0]?.state === "waiting",
        WAIT_MS,
        () => owedOf(bill),
      );
      await park("金额有疑问，停放待核对");
      await looked(browser, "lanes-5-parked");
      const [head] = await owedOf(bill);
      await browser.go(`/write-backs/${head?.id}`);
      await page.getByText("PARKED_BY_PERSON").first().waitFor();
      await page.getByRole("button", { name: "再次回写" }).click();
      await giveReason(page, "原因", "金额已核对，可以回写", /确\s?定/);
      await until(
        "it is owed again",
        async () => (await owedOf(bill))[0]?.state === "waiting",
        WAIT_MS,
        () => owedOf(bill),
      );
      await park("患者又来电，再次停放");
      assert.deepEqual(
        (await recorded(`targetKind=write-back&targetId=${head?.id}`)).map((line) => line.replace("夜班李明 ", "")),
        ["park 金额有疑问，停放待核对", "replay 金额已核对，可以回写", "park 患者又来电，再次停放"],
      );
      await page
        .getByRole("row")
        .filter({ hasText: `bill:${bill}` })
        .getByRole("button", { name: "恢复队列…" })
        .click();
      await giveReason(page, "原因", "留待白班处理", "恢复队列");
      await page.getByText("队列已恢复").waitFor();
      assert.deepEqual(await statesOf(bill), ["payment-confirm parked"]);
      assert.equal((await toldTo(bill)).sent, 0, "nothing of it was ever sent");
      assert.deepEqual((await huiliu.api("/lanes?state=held")).body.items, []);
    } finally {
      await browser.close();
    }
  });

  test("a paused destination is let drain for a while: its backlog goes out though it is paused, and it is paused again", async () => {
    const { huiliu, night, open, pay, owedOf, looked, giveReason } = at;
    const by = { by: "值长", reason: "HIS 停机窗口" };
    assert.equal((await huiliu.api("/destinations/his/pause", by)).status, 200);
    const bills = await pay(2);
    const states = async () => (await Promise.all(bills.map(owedOf))).flat().map(({ state }) => state);
    await until("two wait", async () => (await states()).join() === "waiting,waiting", WAIT_MS, states);
    const browser = await open(night, "zh-CN", "/destinations/his");
    const { page } = browser;
    try {
      await page.getByRole("button", { name: "限时排空…" }).click();
      await page.getByText(/即使已暂停或处于静默时段，2 笔积压也会发送/).waitFor();
      await page.getByRole("spinbutton", { name: "时长（分钟）" }).fill("1");
      await giveReason(page, "原因", "HIS 临时放开一分钟", "限时排空");
      await page.getByText("已允许排空", { exact: true }).waitFor();
      await page.getByText("允许排空至").first().waitFor();
      await page.getByText(/允许限时排空：到时之前积压与新的回写照常发送/).waitFor();
      await until("both are told", async () => (await states()).join() === "acknowledged,acknowledged", WAIT_MS, states);
      await looked(browser, "destinations-5-draining");
      for (const bill of bills) assert.deepEqual((await toldTo(bill)).effects, ["payment-confirm"]);
      await page.getByText("已暂停", { exact: true }).first().waitFor();
      assert.deepEqual(await recorded("targetKind=destination&targetId=his&action=drain"), ["drain 夜班李明 HIS 临时放开一分钟"]);
      assert.equal((await huiliu.api("/destinations/his/resume", by)).status, 200);
    } finally {
      await browser.close();
    }
  });

  test("no serious accessibility fault and no error on any page that was looked at", () => assert.deepEqual(at.wrong, []));
});
