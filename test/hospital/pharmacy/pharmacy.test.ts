/** The EMR and the pharmacy against a gateway that answers as told. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startEmr } from "../emr/emr.ts";
import { readLedger } from "../ledger.ts";
import type { RunningPartner } from "../partner.ts";
import { startPharmacy } from "./pharmacy.ts";

let folder: string;
let emr: RunningPartner;
let pharmacy: RunningPartner;
let gateway: Server;
const heard: { path: string; key: string; body: Record<string, unknown> }[] = [];
let statuses: number[] = [];

const order = async (partner: RunningPartner, value: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
  const answer = await fetch(partner.faults, { method: "POST", body: JSON.stringify(value) });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};
const ITEMS = [{ no: "1", code: "Y1", name: "阿莫西林", quantity: "2", fen: "2500" }];
const paid = (key: string, more: object = {}): object => ({
  op: "paid",
  key,
  prescription: `CF-${key}`,
  bill: `DJ-${key}`,
  visit: "MZ1",
  patient: "P1",
  fen: "2500",
  items: ITEMS,
  ...more,
});
const tell = async (body: object & { key?: string }): Promise<{ status: number; text: string }> => {
  const headers = { "content-type": "application/json", ...(body.key === undefined ? {} : { "idempotency-key": body.key }) };
  const answer = await fetch(`${pharmacy.url}/prescriptions`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: answer.status, text: await answer.text() };
};
const code = async (body: object): Promise<string> => String((JSON.parse((await tell(body)).text) as { code: string }).code);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "pharmacy-"));
  gateway = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += String(piece);
    heard.push({ path: request.url ?? "", key: String(request.headers["x-api-key"]), body: JSON.parse(text) as Record<string, unknown> });
    response.writeHead(statuses.shift() ?? 202).end("{}");
  }).listen(0, "127.0.0.1");
  const options = { dataDir: folder, mode: "strict", port: 0, controlPort: 0 } as const;
  emr = await startEmr({ ...options, name: "emr" });
  pharmacy = await startPharmacy({ ...options, name: "pharmacy" });
  const engine = {
    gateway: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
    partners: { emr: { key: "ke" }, pharmacy: { key: "kp" } },
  };
  for (const one of [emr, pharmacy]) await order(one, { engine });
});
after(async () => {
  await Promise.all([emr.close(), pharmacy.close()]);
  gateway.closeAllConnections();
  gateway.close();
  await rm(folder, { recursive: true });
});

test("the EMR prescribes with its own key, again while the engine is busy, and only the acknowledged attempt counts", async () => {
  statuses = [503, 202];
  const send = {
    message: "prescription",
    bill: "DJ1",
    visit: "MZ1",
    prescription: "CF1",
    payer: "self",
    patient: { no: "P1" },
    doctor: { no: "D1", name: "甲", dept: "内科" },
    items: [{ ...ITEMS[0], price: "12.5000" }],
  };
  const { status, body } = await order(emr, { send });
  assert.equal(status, 200);
  assert.equal((body.sent as { status: number }).status, 202);
  assert.deepEqual([heard[0]?.path, heard[0]?.key, heard[0]?.body.totalFen], ["/partners/emr/messages/prescription", "ke", "2500"]);
  const lines = await readLedger(emr.ledger);
  assert.deepEqual(
    lines.map((line) => [line.kind, line.order, line.amount, line.effect, line.answer, line.sent]),
    [
      ["prescription", "DJ1", "2500", false, "503", true],
      ["prescription", "DJ1", "2500", true, "202", true],
    ],
  );
  assert.equal((await order(emr, { send: { message: "prescription" } })).status, 400);
});

test("the pharmacy takes a paid prescription once, refuses other content, and finds it when asked", async () => {
  assert.equal(await code(paid("K1")), "OK");
  assert.equal(await code(paid("K1")), "DONE");
  assert.equal(await code(paid("K1", { prescription: "CF-other" })), "E409");
  assert.equal(await code({ op: "inquiry", key: "K1" }), "OK");
  assert.equal(await code({ op: "inquiry", key: "never" }), "NONE");
  assert.equal((await tell(paid("K9", { fen: "2501" }))).status, 400);
  assert.equal((await readLedger(pharmacy.ledger)).filter((line) => line.effect && !line.sent).length, 1);
});

test("faults: the reply is lost after the work; hung before it; refused; busy", async () => {
  await order(pharmacy, { fault: "drop-reply", count: 1 });
  await assert.rejects(tell(paid("K2")));
  assert.equal(await code({ op: "inquiry", key: "K2" }), "OK");
  await order(pharmacy, { fault: "503", count: 1 });
  assert.equal((await tell(paid("K3"))).status, 503);
  assert.equal(await code({ op: "inquiry", key: "K3" }), "NONE");
  await order(pharmacy, { fault: "reject", count: 1 });
  assert.equal(await code(paid("K3")), "E404");
});

test("what is not known as paid is not handed out; handed out, refused and returned are told", async () => {
  const refused = await order(pharmacy, { send: { message: "dispensing", prescription: "CF-nobody" } });
  assert.equal(refused.status, 400);
  heard.length = 0;
  await order(pharmacy, { send: { message: "dispensing", prescription: "CF-K1" } });
  await order(pharmacy, { send: { message: "dispensing", prescription: "CF-K2", refuse: "配伍禁忌" } });
  await order(pharmacy, {
    send: { message: "return", prescription: "CF-K1", no: "TY1", items: [{ line: "1", quantity: "1", fen: "1250" }] },
  });
  assert.deepEqual(
    heard.map(({ path, body }) => [path.split("/").at(-1), body.result ?? null, body.totalFen]),
    [
      ["dispensing", "dispensed", "2500"],
      ["dispensing", "refused", "2500"],
      ["return", null, "1250"],
    ],
  );
});
