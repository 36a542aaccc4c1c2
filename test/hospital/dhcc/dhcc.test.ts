/** The simulated DHCC HIS by itself: 4906 once, its refusals, 4910, faults, memory. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readLedger } from "../ledger.ts";
import type { RunningPartner } from "../partner.ts";
import { startDhcc } from "./dhcc.ts";
import { PATH } from "./wire.ts";

/** What the engine's mapping writes, as it is stored with it. */
const SAMPLE = readFileSync(join(import.meta.dirname, "../../../mappings/dhcc/payment-confirm/examples/wechat/out.xml"), "utf8");
const ORDER = "DJ2026112000001";

let folder: string;
let his: RunningPartner;
const start = async (): Promise<void> => {
  his = await startDhcc({ name: "dhcc", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
};
const call = async (body: string): Promise<{ status: number; text: string }> => {
  const answer = await fetch(`${his.url}${PATH}`, { method: "POST", headers: { "content-type": "text/xml; charset=utf-8" }, body });
  return { status: answer.status, text: await answer.text() };
};
const control = (value: unknown): Promise<Response> => fetch(his.faults, { method: "POST", body: JSON.stringify(value) });

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dhcc-"));
  await start();
});
after(async () => {
  await his.close();
  await rm(folder, { recursive: true });
});

test("an order is confirmed once, held against its unpaid invoice; naive: again each time; the memory outlives a restart", async () => {
  await control({ send: { message: "invoice", bill: ORDER, invoice: "FP2026112000001", fen: "9251" } });
  assert.match((await call(SAMPLE)).text, /&lt;ResultCode&gt;-1&lt;.*金额不对/);
  await control({ send: { message: "invoice", bill: ORDER, invoice: "FP2026112000001", fen: "9250" } });
  assert.match((await call(SAMPLE)).text, /&lt;ResultCode&gt;0&lt;.*确认完成成功/);
  await his.close();
  await start();
  assert.match((await call(SAMPLE)).text, /该结算单已确认/);
  await control({ mode: "naive" });
  assert.match((await call(SAMPLE)).text, /ResultCode&gt;0/);
  await control({ mode: "strict" });
  const done = (await readLedger(his.ledger)).filter((line) => line.effect);
  assert.deepEqual(
    done.map((line) => [line.kind, line.order, line.amount, line.serial]),
    [1, 2].map(() => ["payment-confirm", ORDER, "9250", "HPI20261120000001"]),
  );
});

test("what it cannot read is a SOAP fault, an unknown trade and an absent member are refusals; faults strike", async () => {
  assert.equal((await call("<no")).status, 500);
  assert.match((await call(SAMPLE.replace("4906", "4999"))).text, /交易代码 4999 不存在/);
  assert.match((await call(SAMPLE.replace("T01", ""))).text, /TerminalID 不能为空/);
  await control({ fault: "503", count: 1 });
  assert.equal((await call(SAMPLE)).status, 503);
  await control({ fault: "reject", text: "HIS 忙", count: 1 });
  assert.match((await call(SAMPLE)).text, /HIS 忙/);
  await control({ fault: "drop-reply", count: 1 });
  await assert.rejects(call(SAMPLE));
});
