/** The simulated insurer by itself: split, once and only once, 冲正, faults, memory. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import iconv from "iconv-lite";
import { readLedger } from "../ledger.ts";
import type { RunningPartner } from "../partner.ts";
import { BRIDGE_KEY, startChongqing, startNeusoft } from "./insurer.ts";

let folder: string;
let insurer: RunningPartner;
const SERIAL = "20261120092200-00200002-0001";
const request = (code: string, input: string, serial = SERIAL): string => `${code}^00200002^0001^C^${serial}^^${input}^1^`;
const SETTLE = request("2410", "MZ1|DJ1|11|20261120092200|||J06.900|感冒|1|0|测试||");
const UNDO = request("2421", `2410|${SERIAL}|||MZ1|20261120|`);

async function call(text: string, key: string, attempt: number, role = "send", at = insurer) {
  const response = await fetch(`${(at.url ?? "").replace("dll:", "http:")}/calls/BUSINESS_HANDLE`, {
    method: "POST",
    headers: { "x-api-key": BRIDGE_KEY, "huiliu-key": key, "huiliu-attempt": String(attempt), "huiliu-role": role },
    body: iconv.encode(text, "gbk"),
  });
  const reply = iconv.decode(Buffer.from(await response.arrayBuffer()), "gbk");
  return { status: response.status, call: response.headers.get("huiliu-call"), from: response.headers.get("huiliu-from"), reply };
}
const control = (order: unknown, at = insurer): Promise<Response> => fetch(at.faults, { method: "POST", body: JSON.stringify(order) });

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "insurer-"));
  insurer = await startNeusoft({ name: "neusoft", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
});
after(async () => {
  await insurer.close();
  await rm(folder, { recursive: true });
});

test("a visit nobody registered is refused; with its fees it is settled once, by the rule of the split", async () => {
  const refused = await call(SETTLE, "a", 1);
  assert.deepEqual([refused.status, refused.call], [422, "done"]);
  assert.match(refused.reply, /未找到门诊登记信息/);
  assert.equal((await control({ send: { message: "fees", visit: "MZ1", fen: "9250" } })).status, 200);
  const settled = await call(SETTLE, "b", 1);
  assert.match(settled.reply, new RegExp(`^${SERIAL}\\^1\\^92\\.50\\|0\\.00\\|18\\.50\\|55\\.50\\|`));
  assert.equal((await call(SETTLE, "b", 1)).from, "record");
  assert.match((await call(SETTLE, "c", 1)).reply, /流水号重复/);
  assert.equal((await call(UNDO, "b", 2, "resolve")).from, "send", "nothing to undo: it is done");
});

test("fee details add up; an unclear one is undone and settled again; the memory outlives a restart", async () => {
  const row = (price: string, quantity: string): string => `MZ2|1|01|RX|20261120|H|C|药|${price}|${quantity}|||||||||||||$`;
  assert.equal((await call(request("2310", row("36.2500", "2.00") + row("20.0000", "1.00"), "s2"), "fees", 1)).status, 200);
  await control({ fault: "hang", after: "work", count: 1 });
  const settle = request("2410", "MZ2|DJ2|11|20261120092200|||||1|0|测试||", "s3");
  assert.equal((await call(settle, "d", 1)).call, "unclear");
  assert.equal((await call(request("2421", "2410|s3|||MZ2|20261120|", "s3"), "d", 2, "resolve")).call, "done");
  const again = await call(settle, "d", 3);
  assert.match(again.reply, /\^1\^92\.50\|/);
  const { faults: _, ...at } = insurer;
  await insurer.close();
  insurer = await startNeusoft({ name: "neusoft", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
  assert.notEqual(at.url, undefined);
  assert.equal((await call(settle, "d", 3)).from, "record");
  assert.match((await call(settle, "e", 1)).reply, /流水号重复/);
  const lines = (await readLedger(insurer.ledger)).filter((line) => line.serial === "s3" && line.effect);
  assert.deepEqual(
    lines.map((line) => [line.kind, line.amount]),
    [
      ["settle", "9250"],
      ["undo", "9250"],
      ["settle", "9250"],
    ],
  );
});

test("Chongqing: 05 settles, 99 undoes by number, an inquiry is answered from the record", async () => {
  const other = await startChongqing({ name: "chongqing", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
  const settle = "05|MZ9|0|0|测试|0||92.50|2|1|99999|||||";
  const done = await call(settle, "k", 1, "send", other);
  const [code, no = "", fund, account, , cash] = done.reply.split("|");
  assert.deepEqual([code, fund, account, cash, done.reply.split("|").length], ["1", "55.50", "18.50", "18.50", 31]);
  assert.match((await call(`99|${no}|测试|MZ9|0|1`, "u", 1, "send", other)).reply, /^1\|\d+R\|55\.50\|18\.50\|/);
  assert.match((await call(`99|${no}|测试|MZ9|0|1`, "u", 2, "send", other)).reply, /^-1\|/);
  await control({ fault: "garble", count: 1 }, other);
  assert.equal((await call(settle, "g", 1, "send", other)).call, "unclear");
  await other.close();
});
