/** The audit in Chromium: who did what, filtered by its address, what changed, export; the chain intact, then tampered with as a superuser would, and told in words. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { type Huiliu, until } from "../journeys/harness.ts";
import { type ConsoleBrowser, openConsole, startConsole } from "./console-harness.ts";

describe("the audit in Chromium", { timeout: 300_000 }, () => {
  let huiliu: Huiliu;
  let open: ConsoleBrowser;
  before(async () => {
    huiliu = await startConsole("console-audit");
    for (const [path, body] of [
      ["/destinations/his/pause", { by: "王工", reason: "=SUM(A1) HIS 升级，暂停回写" }],
      ["/destinations/his/resume", { by: "王工", reason: "升级完成" }],
      ["/destinations/his/drain", { by: "李工", reason: "放行积压", minutes: 5 }],
    ] as const)
      assert.equal((await huiliu.api(path, body)).status, 200);
    await until("the head is signed", async () => {
      const { body } = await huiliu.api("/audit/verification");
      return body.head !== undefined && body.head.n === body.upTo;
    });
    open = await openConsole({ huiliu, as: ["auditor"], path: "/audit" });
  });
  after(async () => {
    await open?.close();
    await huiliu?.stop();
  });
  const clean = async (what: string): Promise<void> => {
    assert.deepEqual(await open.axe(), [], `axe-core: ${what}`);
    assert.deepEqual(open.faults(), [], `faults: ${what}`);
  };

  test("who did what, and that the record is intact and how far it is signed", async () => {
    const { page } = open;
    await page.getByText(/完好：核对至第 \d+ 条，签名至第 \d+ 条/).waitFor();
    await page.getByRole("cell", { name: "升级完成" }).waitFor();
    await clean("audit");
    await open.shot("console-audit");
  });

  test("filters stand in the address; a row tells what changed", async () => {
    const { page } = open;
    await page.getByLabel("何人", { exact: true }).fill("李工");
    await page.getByLabel("何人", { exact: true }).press("Enter");
    await page.waitForURL(/who=/);
    await page.getByRole("cell", { name: "放行积压" }).waitFor();
    await page.getByRole("cell", { name: "升级完成" }).waitFor({ state: "detached" });
    await open.go("/audit?action=pause&targetKind=destination&targetId=his");
    await page.getByRole("cell", { name: /HIS 升级/ }).waitFor();
    await page.locator(".ant-table-row-expand-icon").first().click();
    const row = page.getByRole("row", { name: "≠ 改变 mode running paused", exact: true });
    await row.waitFor();
    await clean("details");
    await open.shot("console-audit-details");
  });

  test("what is exported is computed by no spreadsheet", async () => {
    const { page } = open;
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: /导\s?出/ }).click()]);
    const text = readFileSync(await download.path(), "utf8");
    assert.match(text, /"'=SUM\(A1\) HIS 升级/);
    assert.equal(text.trimEnd().split("\r\n").length, 2, "as filtered");
  });

  test("a broken record is told in words, with its entries, in English and in the dark", async () => {
    const client = new pg.Client({ connectionString: huiliu.run().postgres });
    await client.connect();
    await client.query("set session_replication_role = replica");
    const { rows } = await client.query<{ id: string }>(
      "update operator_action set who = '赵六' where action = 'pause' returning id::text as id",
    );
    await client.query("delete from operator_action where action = 'resume'");
    await client.end();
    await open.close();
    open = await openConsole({ huiliu, as: ["auditor"], path: "/audit", locale: "en-US", look: "dark" });
    const { page } = open;
    await page.getByText(/Broken: 2 findings/).waitFor();
    await page.getByText(new RegExp(`record ${rows[0]?.id}\\) was altered`)).waitFor();
    await page.getByText("was deleted").waitFor();
    await page.getByText("tampered with").waitFor();
    await clean("broken, in the dark");
    await open.shot("console-audit-broken-en-dark");
    await open.close();
    open = await openConsole({ huiliu, as: ["auditor"], path: "/audit", locale: "en-US" });
    await open.page.getByText(/Broken: 2 findings/).waitFor();
    await clean("broken");
  });

  test("who may not look at the audit is offered none", async () => {
    await open.close();
    open = await openConsole({ huiliu, as: ["viewer"], path: "/" });
    assert.equal(await open.page.getByRole("menuitem", { name: "审计" }).count(), 0);
    const status = await open.page.evaluate<number>("fetch('/api/v1/audit/verification').then((answer) => answer.status)");
    assert.equal(status, 403);
    // A65: personal data in full is a right of its own.
    const unmask = await open.page.evaluate<number>(
      "fetch('/api/v1/messages/01a2022b-8326-75ee-8807-7ecedee201df?unmask=true&reason=because').then((answer) => answer.status)",
    );
    assert.equal(unmask, 403);
  });
});
