/**
 * Finding and understanding one message in a real browser (issue 4; S0-37, S0-38): a pasted list, the trace from door to partner, bytes beside their GBK text, unmasking
 * with a reason that is audited, comparison of payloads, replay with its preview, export. In Chinese and English, light and dark.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import type { Page } from "playwright-core";
import { makeCase } from "../hospital/messages/cases.ts";
import { GENERATORS } from "../hospital/messages/index.ts";
import { destination, type Huiliu, QUICK, until } from "../journeys/harness.ts";
import { type ConsoleBrowser, type Look, type Locale, makePerson, openConsole, type Person, startConsole } from "./console-harness.ts";

const DATE = "2026-11-20";
/** The machine may be busy with other tests. */
const WAIT_MS = 60_000;
const PAID = 6;
const WHY = "患者来电核对付款";

interface Told {
  readonly bill: string;
  readonly patient: string;
  readonly patientNo: string;
  readonly messageId: string;
}

describe("search and message pages in Chromium", { timeout: 600_000 }, () => {
  let huiliu: Huiliu;
  let operator: Person;
  let open: ConsoleBrowser | undefined;
  let openKind = "";
  const paid: Told[] = [];
  let refusedMessage = "";
  let ordinal = 0;

  before(async () => {
    huiliu = await startConsole("console-message", { profiles: { his: destination(QUICK) } });
    operator = await makePerson(huiliu, ["operator", "integrator"], { login: "ops", name: "值班赵云" });
    for (let i = 0; i < PAID; i += 1) paid.push(await pay());
    const settled = async () => (await huiliu.sql("select count(*)::int as n from write_back where state = 'acknowledged'"))[0]?.n === PAID;
    await until("all are acknowledged", settled, WAIT_MS);
    await huiliu.fault({ fault: "reject", code: "E101", text: "收费单不存在" });
    paid.push(await pay());
    await until("one is parked", async () => (await huiliu.sql("select 1 from write_back where state = 'parked'")).length === 1, WAIT_MS);
    await huiliu.fault({ fault: "none" });
    refusedMessage = (await pay((text) => text.replace(/<Total>[^<]*<\/Total>/, "<Total>1.00</Total>"))).messageId;
    await until(
      "one message is parked",
      async () => (await huiliu.sql("select 1 from message where state = 'parked'")).length === 1,
      WAIT_MS,
    );
  });
  after(async () => {
    await open?.close();
    await huiliu?.stop();
  });

  /** A payment in GBK, as this HIS would send it; under another identity than its own where one is given. */
  async function pay(change: (text: string) => string = (text) => text, named?: string): Promise<Told> {
    const generator = GENERATORS["his.payment"];
    assert.ok(generator);
    ordinal += 1;
    const made = generator.make(makeCase({ seed: 91, date: DATE, payer: generator.payer }, ordinal), generator.charset);
    assert.ok(made.body.type === "document");
    const text = change(made.body.text.replace('encoding="UTF-8"', 'encoding="GBK"'));
    const identity = named ?? made.id;
    const answer = await huiliu.post("his", "payment", iconv.encode(text, "gbk"), {
      "content-type": "application/xml; charset=gbk",
      "idempotency-key": identity,
    });
    const body = await answer.text();
    assert.ok(answer.ok, body);
    const found = async () => (await huiliu.sql("select id from message where identity = $1", [identity]))[0]?.id;
    const messageId = String(await until(`${identity} is journaled`, found, WAIT_MS));
    const of = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? "";
    return { bill: of(/bill="([^"]+)"/), patient: of(/name="([^"]+)"/), patientNo: of(/<Patient no="([^"]+)"/), messageId };
  }

  /** The operator's browser at a path; one that looks and speaks alike already is used on. */
  const fresh = async (path: string, locale: Locale = "zh-CN", look: Look = "light"): Promise<ConsoleBrowser> => {
    const kind = `${locale} ${look}`;
    if (open !== undefined && openKind === kind) {
      await open.go(path);
      return open;
    }
    await open?.close();
    open = await openConsole({ huiliu, as: operator, locale, look, path });
    openKind = kind;
    open.page.setDefaultTimeout(WAIT_MS);
    return open;
  };
  const looked = async (browser: ConsoleBrowser, shot?: string): Promise<void> => {
    // What the pointer rests on looks otherwise.
    await browser.page.mouse.move(2, 2);
    await still(browser.page);
    assert.deepEqual(await browser.axe(), [], `axe: ${browser.page.url()}`);
    assert.deepEqual(browser.faults(), [], `errors: ${browser.page.url()}`);
    if (shot !== undefined) await browser.shot(shot);
  };
  const rows = (page: Page) => page.locator("tbody tr[data-row-key]");

  test("a pasted list is found, two legs apart; the address holds the search; j and Enter open", async () => {
    const browser = await fresh("/search");
    const { page } = browser;
    await rows(page).first().waitFor();
    await looked(browser, "search-today");
    const [one, other] = paid;
    assert.ok(one && other);
    await page.getByLabel("业务键，每行一个").fill(`${one.bill}\n${other.bill}\tX-NONE`);
    await page.getByRole("button", { name: "查找", exact: true }).click();
    await until("two are found", async () => (await rows(page).count()) === 2, WAIT_MS);
    assert.equal(new URL(page.url()).searchParams.get("q"), `${one.bill},${other.bill},X-NONE`);
    assert.equal(await page.locator("[data-leg='sender-answered'], [data-leg='sender-accepted']").count(), 2);
    assert.equal(await page.locator("[data-leg='partner-acknowledged']").count(), 2);
    await looked(browser, "search-list");
    await page.reload();
    await until("the link shows the same", async () => (await rows(page).count()) === 2, WAIT_MS);

    await page.locator("h1").click();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    assert.equal(await rows(page).first().getAttribute("aria-selected"), "true");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/messages\//);
    assert.equal(page.url().split("/").at(-1), other.messageId, "newest first");
    assert.deepEqual(browser.faults(), []);
  });

  test("filters narrow it, a search is kept by name, more than a hundred keys are too many", async () => {
    const browser = await fresh("/search?state=parked");
    const { page } = browser;
    await until("one is parked", async () => (await rows(page).count()) === 1, WAIT_MS);
    await page.getByRole("button", { name: "已存查询" }).click();
    await page.getByLabel("名称").fill("停放的报文");
    await page.getByRole("button", { name: "保存当前查询" }).click();
    await page.getByRole("button", { name: "停放的报文", exact: true }).waitFor();
    await still(page);
    await browser.shot("search-saved");
    await browser.go("/search?flow=none");
    await page.getByText("今天还没有报文").waitFor();
    await page.getByRole("button", { name: "已存查询" }).click();
    await page.getByRole("button", { name: "停放的报文", exact: true }).click();
    await page.waitForURL(/state=parked/);
    await page.getByLabel("业务键，每行一个").fill(Array.from({ length: 101 }, (_, n) => `K${n}`).join("\n"));
    await page.getByText("一次最多 100 个，现有 101 个").waitFor();
    assert.deepEqual(browser.faults(), []);
  });

  for (const [locale, look, shot] of [
    ["zh-CN", "light", "message-trace"],
    ["en-US", "dark", "message-trace-en-dark"],
  ] as const) {
    test(`the trace shows what happened when, to each attempt and its verdict (${locale}, ${look})`, async () => {
      const words = {
        "zh-CN": {
          label: "各环节，先旧后新",
          attempt: /发送 拒绝/,
          show: /查看内容 · 第 1 次应答/,
          compare: "与上一内容对比",
          both: "两边都有",
        },
        "en-US": {
          label: "What happened, oldest first",
          attempt: /Attempt Rejected/,
          show: /Show payload · Reply 1/,
          compare: "Compare with the one before",
          both: "in both",
        },
      }[locale];
      const told = paid.at(-1);
      assert.ok(told);
      const browser = await fresh(`/messages/${told.messageId}`, locale, look);
      const { page } = browser;
      const trace = page.getByRole("region", { name: words.label });
      const hop = trace.getByRole("button", { name: words.attempt });
      await hop.waitFor();
      await hop.click();
      await trace.getByRole("button", { name: words.show }).click();
      await trace.getByText("E101").first().waitFor();
      await looked(browser, shot);
      await trace.getByRole("button", { name: words.compare }).click();
      await page.getByText(words.both).first().waitFor();
      await looked(browser, `${shot}-compare`);
      await page.getByRole("tab", { name: /^(?:回写|Write-backs) 1/ }).click();
      await page.getByText("收费单不存在").filter({ visible: true }).first().waitFor();
      await looked(browser, `${shot}-attempts`);
    });
  }

  test("bytes beside their GBK text: a place in one is marked in the other; unmasked only for a reason, on record", async () => {
    const [told] = paid;
    assert.ok(told);
    const browser = await fresh(`/messages/${told.messageId}?tab=bytes`);
    const { page } = browser;
    const [first = "", ...rest] = [...told.patient];
    const letter = page.locator("td span[data-letter]", { hasText: first }).first();
    await letter.click();
    const bytes = Buffer.from(iconv.encode(first, "gbk"));
    await page.getByText(`${bytes[0]?.toString(16)} ${bytes[1]?.toString(16)}`).waitFor();
    const hidden = page.locator("td span[data-byte]", { hasText: "**" });
    assert.ok((await hidden.count()) >= rest.length * 2, "the rest of the name is hidden in both");
    assert.ok(!((await page.locator("table").last().textContent()) ?? "").includes(told.patient));
    await looked(browser, "message-bytes-masked");

    await page.getByRole("button", { name: "显示个人信息" }).click();
    const dialog = page.getByRole("dialog").filter({ visible: true });
    await dialog.getByLabel("原因", { exact: true }).fill(WHY);
    await dialog.getByRole("button", { name: "确定" }).click();
    await page.getByText("个人信息已显示，并已记入审计").first().waitFor();
    await until("the name is shown", async () => (await hidden.count()) === 0, WAIT_MS);
    await page
      .locator("td span[data-byte]", { hasText: bytes[1]?.toString(16) ?? "" })
      .first()
      .waitFor();
    const whole = page.locator("td span[data-letter]", { hasText: rest[0] ?? "" }).first();
    await whole.click();
    await page.keyboard.press("ArrowLeft");
    await looked(browser, "message-bytes");
    const audit = await huiliu.sql("select who, reason from operator_action where action = 'unmask' and target_id = $1", [told.messageId]);
    assert.ok(audit.length >= 1);
    for (const row of audit) assert.deepEqual([row.who, row.reason], [operator.name, WHY]);
    await page.getByRole("button", { name: "重新脱敏" }).click();
    await hidden.first().waitFor();
  });

  test("a parked message says why; its replay is previewed first, and nothing is done without a reason", async () => {
    const browser = await fresh(`/messages/${refusedMessage}`);
    const { page } = browser;
    await page.getByText("下一步").first().waitFor();
    await looked(browser, "message-parked");
    await page.getByRole("button", { name: "重放", exact: true }).click();
    const dialog = page.getByRole("dialog").filter({ visible: true });
    await dialog.getByText("现在仍无法翻译").waitFor();
    await still(page);
    await browser.shot("message-replay-preview");
    await dialog.getByRole("button", { name: "重放" }).click();
    await dialog.getByText("记入审计，5–500 字").last().waitFor();
    assert.deepEqual(await huiliu.sql("select 1 from operator_action where action = 'replay' and target_id = $1", [refusedMessage]), []);
    await dialog.getByLabel("原因", { exact: true }).fill(WHY);
    await dialog.getByRole("button", { name: "重放" }).click();
    await page.getByText("已重新进入流程").waitFor();
    const again = async () =>
      (await huiliu.sql("select run from message where id = $1 and state = 'parked'", [refusedMessage]))[0]?.run === 2;
    await until("it ran again and is parked again", again, WAIT_MS);
    assert.deepEqual(browser.faults(), []);
  });

  test("a write-back's page: its verdicts, its request, what can be done", async () => {
    const [row] = await huiliu.sql("select id from write_back where state = 'parked'");
    const browser = await fresh(`/write-backs/${row?.id}`);
    const { page } = browser;
    await page.getByText("收费单不存在").first().waitFor();
    await looked(browser, "write-back");
    await page.getByRole("tab", { name: "请求" }).click();
    await page.getByText("BillNo").first().waitFor();
    await page.getByRole("button", { name: "人工了结" }).click();
    const dialog = page.getByRole("dialog").filter({ visible: true });
    await dialog.getByText("对方凭据号").or(dialog.getByLabel("对方凭据号")).first().waitFor();
    await still(page);
    await browser.shot("write-back-resolve");
    await dialog.getByRole("button", { name: "取消" }).click();
    await page.getByRole("button", { name: "再次回写" }).click();
    const again = page.getByRole("dialog").filter({ visible: true });
    await again.getByLabel("原因", { exact: true }).fill("HIS 已补建收费单");
    await again.getByRole("button", { name: "确定" }).click();
    const acknowledged = async () =>
      (await huiliu.sql("select 1 from write_back where id = $1 and state = 'acknowledged'", [row?.id])).length === 1;
    await until("it is acknowledged", acknowledged, WAIT_MS);
    await page.getByText("已确认").first().waitFor();
    assert.deepEqual(browser.faults(), []);
  });

  test("what was found is taken away as CSV, with a reason on record; not without the right", async () => {
    const browser = await fresh("/search");
    const { page } = browser;
    await rows(page).first().waitFor();
    await page.getByRole("button", { name: "导出" }).click();
    const dialog = page.getByRole("dialog").filter({ visible: true });
    await dialog.getByLabel("原因", { exact: true }).fill("财务对账用");
    const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("button", { name: "导出" }).click()]);
    const csv = readFileSync(await download.path(), "utf8");
    assert.match(download.suggestedFilename(), /^huiliu-messages-\d+\.csv$/);
    assert.ok(csv.startsWith('\uFEFF"接收时间"'));
    assert.equal(csv.trimEnd().split("\r\n").length, paid.length + 2, "a head and a line for each message");
    const [row] = await huiliu.sql("select who, reason from operator_action where action = 'export'");
    assert.deepEqual([row?.who, row?.reason], [operator.name, "财务对账用"]);
    await page.getByText(/已导出 \d+ 行/).waitFor();

    const viewer = await makePerson(huiliu, ["viewer"], { login: "viewer", name: "观察者" });
    await open?.close();
    openKind = "viewer";
    open = await openConsole({ huiliu, as: viewer, path: `/messages/${paid[0]?.messageId}`, locale: "en-US" });
    await open.page.getByText("Personal data masked").waitFor();
    assert.equal(await open.page.getByRole("button", { name: "Show personal data" }).count(), 0);
    assert.equal(await open.page.getByRole("button", { name: "Replay", exact: true }).getAttribute("aria-disabled"), "true");
    await open.go("/search");
    assert.equal(await open.page.getByRole("button", { name: "Export" }).count(), 0);
    await looked(open, "search-en");
  });

  test("a mixed list pasted into the header's box: bill, patient, message id, blanks, one twice; what is in no message is named; link and export are of it", async () => {
    const formula = "=cmd|' /C calc'!A0";
    const odd = await pay(undefined, formula);
    const told = async () =>
      (await huiliu.sql("select 1 from write_back where message_id = $1 and state = 'acknowledged'", [odd.messageId])).length;
    await until("it is acknowledged", async () => (await told()) === 1, WAIT_MS);
    const [one, other, third] = paid;
    assert.ok(one && other && third);
    const browser = await fresh("/");
    const { page } = browser;
    const box = page.getByRole("textbox", { name: "按业务号查找" });
    const paste = async (text: string): Promise<void> => {
      await box.fill("");
      await box.focus();
      await page.evaluate(`((text) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text", text);
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
      })(${JSON.stringify(text)})`);
      await page.keyboard.press("Enter");
    };
    await paste(`${one.bill}\r\n\r\n  ${other.patientNo}  \n${third.messageId}\t${one.bill}\n\n${odd.bill},X-NONE-1；X-NONE-2\n`);
    await page.waitForURL(/\/search/);
    const keys = [one.bill, other.patientNo, third.messageId, odd.bill, "X-NONE-1", "X-NONE-2"];
    const found = [odd, third, other, one].map(({ messageId }) => messageId);
    const shown = async (): Promise<void> => {
      await until("four are found", async () => (await rows(page).count()) === found.length, WAIT_MS);
      assert.deepEqual(await Promise.all((await rows(page).all()).map((row) => row.getAttribute("data-row-key"))), found, "newest first");
      const unknown = page.getByRole("status").filter({ hasText: "所查 6 个号码中有 2 个不在任何报文中" });
      assert.deepEqual(await unknown.locator("code").allTextContents(), ["X-NONE-1", "X-NONE-2"]);
      assert.equal(new URL(page.url()).searchParams.get("q"), keys.join(","));
    };
    await shown();
    await looked(browser, "search-mixed");
    await page.reload();
    await shown();

    await page.getByRole("button", { name: "导出" }).click();
    const dialog = page.getByRole("dialog").filter({ visible: true });
    await dialog.getByLabel("原因", { exact: true }).fill("与 HIS 对账，逐笔核对");
    const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("button", { name: "导出" }).click()]);
    const bytes = readFileSync(await download.path());
    assert.deepEqual([...bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf], "UTF-8, and it says so");
    const lines = bytes.subarray(3).toString("utf8").split("\r\n");
    assert.equal(lines.pop(), "", "each line is ended");
    const cells = lines.map((line) => [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell = ""]) => cell));
    assert.deepEqual(
      cells.slice(1).map((row) => row[1]),
      found,
      "the list, and nothing else",
    );
    assert.equal(cells[1]?.[5], `'${formula}`, "what looks like a formula is text");
    for (const row of cells) for (const cell of row) assert.doesNotMatch(cell, /^[\s=+\-@]/);

    await paste([one.bill, ...Array.from({ length: 120 }, (_, n) => `K-${n}`)].join("\n"));
    await page.getByText("一次最多 100 个，现有 121 个").waitFor();
    await page.getByRole("button", { name: "先查前 100 个" }).click();
    await until("one is found", async () => (await rows(page).count()) === 1, WAIT_MS);
    await page.getByText("所查 100 个号码中有 99 个不在任何报文中").waitFor();
    assert.equal(await rows(page).first().getAttribute("data-row-key"), one.messageId);
    assert.deepEqual(browser.faults(), []);
  });
});

/** Nothing turns or slides any more: pictures and contrasts are of the page at rest. */
async function still(page: Page): Promise<void> {
  const moving =
    "document.getAnimations().filter((one) => one.playState === 'running' && one.effect?.getTiming().iterations !== Infinity).length";
  await until("nothing moves", async () => (await page.evaluate<number>(moving)) === 0, WAIT_MS);
}
