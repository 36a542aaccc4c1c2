/**
 * Night shift in a real browser (issue 4, What must show 1): the HIS refuses write-backs; alarm → group → message → cause → mended at the HIS → preview → canary →
 * replay → all acknowledged, in Chinese and in English. Approval by a second person, pausing and resuming a destination, a profile's change. The HIS's own ledger
 * says what happened: each once.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import iconv from "iconv-lite";
import type { Page } from "playwright-core";
import { makeCase } from "../hospital/messages/cases.ts";
import { GENERATORS } from "../hospital/messages/index.ts";
import { destination, type Huiliu, QUICK, until } from "../journeys/harness.ts";
import { type ConsoleBrowser, type Locale, makePerson, openConsole, type Person, startConsole } from "./console-harness.ts";

const DATE = "2026-11-20";
/** Above it a second person is needed. */
const ALONE_MAX = 20;
/** More than the canary, so that there is a rest. */
const STORY = 14;
const WAIT_MS = 60_000;

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

/** Until what fades in has done so: half a colour is no colour. */
const still = (page: Page): Promise<boolean> =>
  until(
    "nothing moves",
    () =>
      page.evaluate<boolean>(
        `new Promise((done) => setTimeout(done, 150)).then(() => document.getAnimations().every((one) => one.playState !== "running" || one.effect?.getTiming().iterations === Infinity))`,
      ),
    WAIT_MS,
  );

describe("the night shift in Chromium", { timeout: 1_200_000 }, () => {
  let huiliu: Huiliu;
  let night: Person;
  let second: Person;
  let ordinal = 0;

  before(async () => {
    huiliu = await startConsole("console-night-shift", {
      profiles: { his: destination({ ...QUICK, alarms: { warnAgeMs: 2_000, pageAgeMs: 600_000 } }) },
      engine: (_home, engine) => ({
        command: "/usr/bin/env",
        args: [`HUILIU_REPLAY_APPROVAL_COUNT=${ALONE_MAX}`, "HUILIU_REPLAY_APPROVAL_FEN=100000000", "HUILIU_EDIT_AND_REPLAY=on", ...engine],
      }),
    });
    night = await makePerson(huiliu, ["operator", "integrator"], { login: "night", name: "夜班李明" });
    second = await makePerson(huiliu, ["operator"], { login: "second", name: "值长王芳" });
  });
  after(() => huiliu?.stop());
  /** What a test before this one has left when it failed: a story tells of its own only. */
  let leftOver = 0;
  beforeEach(async () => {
    leftOver = await countOf("parked");
  });

  /** Payments of bills of their own, journaled. */
  const pay = async (count: number): Promise<void> => {
    const generator = GENERATORS["his.payment"];
    assert.ok(generator);
    for (let i = 0; i < count; i += 1) {
      ordinal += 1;
      const made = generator.make(makeCase({ seed: 75, date: DATE, payer: generator.payer }, ordinal), generator.charset);
      assert.ok(made.body.type === "document");
      const answer = await huiliu.post("his", "payment", iconv.encode(made.body.text, generator.charset), {
        "content-type": `${made.body.media}; charset=${generator.charset}`,
        "idempotency-key": made.id,
      });
      assert.ok(answer.ok, await answer.text());
    }
  };
  const countOf = async (state: string): Promise<number> =>
    Number((await huiliu.sql("select count(*)::int as n from write_back where state = $1", [state]))[0]?.n);
  /** The HIS refuses so many payments, and they are parked. */
  const refused = async (count: number, text: string): Promise<void> => {
    await huiliu.fault({ fault: "reject", code: "E101", text });
    const before = await countOf("parked");
    await pay(count);
    await until(
      `${count} are parked`,
      async () => (await countOf("parked")) === before + count,
      WAIT_MS,
      () => countOf("parked"),
    );
  };
  /** Every write-back of the engine took effect at the HIS once; it alone says so. */
  const ledgerAgrees = async (): Promise<void> => {
    const keys = (await huiliu.sql("select key from write_back where state = 'acknowledged'")).map(({ key }) => String(key));
    const effects = (await huiliu.ledger())
      .filter((line) => line.effect && line.kind === "payment-confirm")
      .map((line) => String(line.key));
    assert.equal(await countOf("acknowledged"), ordinal - leftOver, "all acknowledged");
    assert.deepEqual(effects.sort(), keys.sort(), "each once, and nothing else");
  };
  const open = async (as: Person, locale: Locale = "zh-CN", path = "/"): Promise<ConsoleBrowser> => {
    const browser = await openConsole({ huiliu, as, locale, path });
    browser.page.setDefaultTimeout(WAIT_MS);
    return browser;
  };
  /** What axe-core and the browser found on the pages looked at; the last test wants none. A story is told to its end before that. */
  const wrong: string[] = [];
  /** Looks a page over; kept as a picture once nothing moves on it. */
  const looked = async (browser: ConsoleBrowser, shot: string): Promise<void> => {
    await kept(browser, shot);
    wrong.push(...[...(await browser.axe()), ...browser.faults()].map((one) => `${shot}: ${one}`));
  };
  /** A picture alone: of a page that has a test of its own. */
  const kept = async (browser: ConsoleBrowser, shot: string): Promise<void> => {
    await browser.page.mouse.move(0, 0); // what a pointer rests on has other colours
    await still(browser.page);
    await browser.shot(shot);
  };
  const giveReason = async (page: Page, label: string, reason: string, confirm: string | RegExp): Promise<void> => {
    const dialog = page.getByRole("dialog").filter({ visible: true });
    await dialog.getByLabel(label, { exact: true }).fill(reason);
    await dialog.getByRole("button", { name: confirm }).click();
    await dialog.waitFor({ state: "hidden" });
  };

  for (const locale of ["zh-CN", "en-US"] as const) {
    const words = WORDS[locale];
    test(`alarm → group → message → cause → fix → preview → canary → replay → all acknowledged (${locale})`, async () => {
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
        await page.getByRole("spinbutton", { name: words.rate }).fill("4");
        await looked(browser, `${words.shots}-5-ask`);
        await giveReason(page, words.reason, words.why, words.make);
        await page.waitForURL(/\/replays\//);
        await page.getByText(words.preview).waitFor();
        await page.getByText(words.asked).waitFor();
        await looked(browser, `${words.shots}-6-preview`);
        assert.equal(await countOf("parked"), leftOver + STORY, "a preview sends nothing");

        await page.getByRole("button", { name: words.start, exact: true }).click();
        await giveReason(page, words.reason, words.why, words.start);
        await page.getByText(words.canary).waitFor();
        await kept(browser, `${words.shots}-7-canary`);
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
      assert.equal(await countOf("parked"), leftOver + count, "nothing was sent");

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
      assert.ok(done < ordinal - leftOver, "it was stopped on its way");
      await page.getByText(`全部 ${count} 项已由对方确认。`).waitFor({ timeout: WAIT_MS });
      await page.getByText(/由 值长王芳 复核/).waitFor();
      await looked(mine, "approval-5-done");
      await ledgerAgrees();
    } finally {
      await mine.close();
      await other.close();
    }
  });

  test("pausing a destination and resuming it: said before with numbers, held by every worker, nothing lost", async () => {
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
      await until("all acknowledged", async () => (await countOf("acknowledged")) === ordinal - leftOver, WAIT_MS);
      await ledgerAgrees();
      await page.getByRole("tab", { name: "最近一小时" }).click();
      await page.getByText("已确认").first().waitFor();
      await looked(browser, "destinations-4-outcomes");
    } finally {
      await browser.close();
    }
  });

  test("a lane is held and released; what will happen is said with its key", async () => {
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
      await until("the copy is acknowledged", async () => (await countOf("acknowledged")) === ordinal - leftOver, WAIT_MS);
      await ledgerAgrees();
    } finally {
      await mine.close();
      await other.close();
    }
  });

  test("no serious accessibility fault and no error on any page that was looked at", () => assert.deepEqual(wrong, []));
});
