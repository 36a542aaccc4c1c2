import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import iconv from "iconv-lite";
import { piecesOf, plannedMessages, type SendOptions, sendHttp } from "./send.ts";

const options: SendOptions = { partner: "his", message: "payment", count: 200, seed: 3, date: "2026-11-20" };

test("duplicates are the same message again, soon after, in the share asked; equal options give equal runs", () => {
  const planned = [...plannedMessages({ ...options, duplicates: 0.1 })];
  const repeats = planned.filter((one) => one.repeat);
  assert.ok(repeats.length >= 8 && repeats.length <= 35, `${repeats.length} of 200`);
  for (const { made } of repeats) assert.equal(planned.filter((one) => one.made === made).length, 2);
  assert.deepEqual(planned, [...plannedMessages({ ...options, duplicates: 0.1 })]);
  assert.equal([...plannedMessages({ ...options, duplicates: 1 })].length, 400);
  assert.throws(() => [...plannedMessages({ ...options, message: "gift" })], /known: his\.charge/);
});

test("an exchange is two messages paired by header, in GBK; or one JSON body", () => {
  const exchange: SendOptions = { ...options, partner: "neusoft", message: "settle", count: 1 };
  const [planned] = [...plannedMessages(exchange)];
  assert.ok(planned);
  const [request, reply] = piecesOf(planned.made, exchange, false);
  assert.deepEqual(request?.headers, { "huiliu-exchange": planned.made.id, "huiliu-part": "request" });
  assert.deepEqual(reply?.headers, { "huiliu-exchange": planned.made.id, "huiliu-part": "reply", "huiliu-return": "0" });
  assert.equal(request?.contentType, "text/plain; charset=GBK");
  assert.match(iconv.decode(request?.bytes ?? Buffer.alloc(0), "gbk"), /急性上呼吸道感染/);
  const [json, ...none] = piecesOf(planned.made, exchange, true);
  assert.deepEqual(Object.keys(JSON.parse(json?.bytes.toString("utf8") ?? "")), ["request", "reply", "return"]);
  assert.equal(none.length, 0);
});

test("--charset GBK writes the bytes, the declaration and the content type", () => {
  const gbk: SendOptions = { ...options, count: 1, charset: "GBK" };
  const [planned] = [...plannedMessages(gbk)];
  assert.ok(planned);
  const [piece] = piecesOf(planned.made, gbk, false);
  assert.equal(piece?.contentType, "application/xml; charset=GBK");
  assert.match(iconv.decode(piece?.bytes ?? Buffer.alloc(0), "gbk"), /encoding="GBK".*name="[\u4e00-\u9fff]+"/s);
  assert.throws(() => piecesOf(planned.made, { ...gbk, charset: "KLINGON" }, false), RangeError);
});

test("over HTTP: credential and key on every message, fates counted, expected effects written", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "send-"));
  const seen: { url: string; headers: IncomingHttpHeaders }[] = [];
  const gateway = createServer((request, response) => {
    seen.push({ url: request.url ?? "", headers: request.headers });
    request.resume().on("end", () => response.writeHead(seen.length === 3 ? 422 : seen.length === 4 ? 503 : 202).end("{}"));
  });
  await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  context.after(async () => {
    gateway.closeAllConnections();
    gateway.close();
    await rm(folder, { recursive: true });
  });
  const sentFile = join(folder, "sent.jsonl");
  const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  const started = performance.now();
  const result = await sendHttp(url, "secret", { ...options, count: 10, rate: 50, sentFile });
  assert.ok(performance.now() - started >= 170, "ten at 50/s take 180 ms");
  assert.deepEqual([result.messages, result.sent, result.confirmed, result.returned, result.failed], [10, 10, 8, 1, 1]);
  assert.match(result.error ?? "", /HTTP 422/);
  assert.ok(seen.every((one) => one.url === "/partners/his/messages/payment" && one.headers.authorization === "Bearer secret"));
  assert.equal(new Set(seen.map((one) => one.headers["idempotency-key"])).size, 10);
  const expected = (await readFile(sentFile, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { optional?: boolean; kind: string });
  assert.equal(expected.length, 10);
  assert.equal(expected.filter((one) => one.optional).length, 2);
  assert.ok(expected.every((one) => one.kind === "payment-confirm"));
});
