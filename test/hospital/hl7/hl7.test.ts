/** The LIS and the RIS against an engine of the test's own: what they say until it is taken, and what they do with what they are told. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type LedgerLine, readLedger } from "../ledger.ts";
import { startLis } from "../lis/lis.ts";
import type { RunningPartner } from "../partner.ts";
import { startRis } from "../ris/ris.ts";

const LINES = [{ no: "1", code: "J1", name: "血常规", quantity: "1", price: "20.0000", fen: "2000" }];
const WHO = { visit: "MZ1", patient: { no: "P1", name: "甲" }, bill: "DJ1", at: "2026-11-20 09:30:00", lines: LINES };
const frame = (text: string): Buffer => Buffer.from(`\v${text}\x1c\r`);

describe("C-3 simulated LIS and RIS", () => {
  let folder: string;
  let lis: RunningPartner;
  let ris: RunningPartner;
  let engine: Server;
  /** What the engine heard, and the codes that it answers to each message in turn; the last one for all further. */
  let heard: string[] = [];
  let codes: (readonly string[])[] = [];

  const order = async (partner: RunningPartner, value: unknown): Promise<Record<string, unknown>> =>
    (await (await fetch(partner.faults, { method: "POST", body: JSON.stringify(value) })).json()) as Record<string, unknown>;
  const send = async (partner: RunningPartner, value: object): Promise<unknown> =>
    (await order(partner, { send: { ...WHO, ...value } })).sent;
  const ledger = (partner: RunningPartner): Promise<LedgerLine[]> => readLedger(partner.ledger);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "huiliu-hl7-"));
    const options = { dataDir: folder, mode: "strict", port: 0, controlPort: 0 } as const;
    lis = await startLis({ ...options, name: "lis" });
    ris = await startRis({ ...options, name: "ris" });
    engine = createServer((socket) => {
      let bytes = "";
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk) => {
        bytes += chunk.toString("utf8");
        for (let end = bytes.indexOf("\x1c\r"); end >= 0; end = bytes.indexOf("\x1c\r")) {
          const text = bytes.slice(1, end);
          bytes = bytes.slice(end + 2);
          heard.push(text);
          const id = text.split("|")[9];
          const answers = (codes.length > 1 ? codes.shift() : codes[0]) ?? [];
          for (const code of answers) socket.write(frame(`MSH|^~\\&|HPIE|PAY|X|Y|2026||ACK|1|P|2.5.1\rMSA|${code}|${id}\r`));
        }
      });
    });
    await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
    const mllp = `mllp://127.0.0.1:${(engine.address() as AddressInfo).port}`;
    for (const partner of [lis, ris]) await order(partner, { engine: { mllp: { lis: mllp, ris: mllp } } });
  });
  after(async () => {
    await Promise.all([lis.close(), ris.close()]);
    engine.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    heard = [];
  });

  test("the LIS is told twice of what it says, and sends the same number again until then", async () => {
    codes = [["CE"], ["CA", "AA"]];
    assert.deepEqual(await send(lis, { message: "charge", order: "JY1" }), { id: "LISCJY1", answer: "AA", text: "" });
    assert.equal(heard.length, 2);
    assert.equal(heard[0], heard[1]);
    assert.match(
      heard[0] ?? "",
      /\|AL\|AL\|CHN\|UNICODE UTF-8\r[\s\S]*\rFT1\|1\|JY1-1\|DJ1\|20261120093000\|20261120093000\|CG\|J1\^血常规\^L\|/,
    );
    const lines = (await ledger(lis)).map((line) => [line.kind, line.order, line.amount, line.effect, line.answer, line.sent]);
    assert.deepEqual(lines, [
      ["dft-p03", "DJ1", "2000", false, "CE", true],
      ["dft-p03", "DJ1", "2000", true, "AA", true],
    ]);
  });

  test("an answer that is not heard: said again; one that refuses: told to whoever ordered it", async () => {
    codes = [["CA", "AA"]];
    await order(lis, { fault: "drop-reply", count: 1 });
    await send(lis, { message: "charge", order: "JY2" });
    assert.equal(heard.length, 2);
    codes = [["AE"]];
    assert.deepEqual(await send(ris, { message: "report", order: "JC1" }), { id: "RISRFJC1", answer: "AE", text: "" });
  });

  /** What the RIS answers to messages on one connection: the MSA of each frame, or that it was cut. */
  const tell = async (...texts: readonly string[]): Promise<readonly string[]> => {
    const url = new URL(ris.mllp ?? "");
    const socket: Socket = connect(Number(url.port), url.hostname);
    let bytes = "";
    let closed = false;
    socket.on("data", (chunk) => {
      bytes += chunk.toString("utf8");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      closed = true;
    });
    for (const text of texts) socket.write(frame(text));
    const answers = (): readonly string[] => [...bytes.matchAll(/MSA\|([A-Z]{2})/g)].map((found) => found[1] ?? "");
    for (let waited = 0; waited < 30_000 && answers().length < texts.length && !closed; waited += 5) await sleep(5);
    socket.destroy();
    return closed ? [...answers(), "cut"] : answers();
  };
  const message = (id: string, more = "", type = "ORM^O01", patient = "P1^^^HIS^PI"): string =>
    `MSH|^~\\&|HUILIU||RIS||2026||${type}|${id}|P|2.5.1\rPID|1||${patient}\rORC|NW|JC9^HIS${more}\r`;

  test("strict: one number is done once, another text under it is refused; naive: done each time", async () => {
    assert.deepEqual(await tell(message("A1"), message("A1"), message("A1", "|x")), ["AA", "AA", "AE"]);
    await order(ris, { mode: "naive" });
    assert.deepEqual(await tell(message("A2"), message("A2")), ["AA", "AA"]);
    await order(ris, { mode: "strict" });
    const done = (await ledger(ris)).filter((line) => line.effect && line.sent !== true).map((line) => [line.key, line.kind, line.order]);
    assert.deepEqual(done, [
      ["A1", "order", "JC9"],
      ["A2", "order", "JC9"],
      ["A2", "order", "JC9"],
    ]);
  });

  test("faults and bad input: busy, rejected, silent, unknown, no HL7", async () => {
    await order(ris, { fault: "503", count: 1 });
    assert.deepEqual(await tell(message("B1"), message("B1")), ["AR", "AA"]);
    await order(ris, { fault: "reject", count: 1 });
    assert.deepEqual(await tell(message("B2")), ["AE"]);
    await order(ris, { fault: "drop-reply", count: 1 });
    assert.deepEqual(await tell(message("B3")), ["cut"]);
    assert.deepEqual(await tell(message("B4", "", "MDM^T02"), message("B5", "", "ORM^O01", "")), ["AR", "AE"]);
    assert.deepEqual(await tell("hello"), ["cut"]);
    await order(ris, { fault: "refuse", ms: 2_000 });
    assert.deepEqual(await tell(message("B6")), ["cut"]);
    await sleep(2_000);
    let heard = await tell(message("B6"));
    for (let tries = 0; heard.join() === "cut" && tries < 100; tries += 1) {
      await sleep(100);
      heard = await tell(message("B6"));
    }
    assert.deepEqual(heard, ["AA"]);
  });

  test("what it did it knows after a restart", async () => {
    await ris.close();
    ris = await startRis({ dataDir: folder, mode: "strict", port: 0, controlPort: 0, name: "ris" });
    assert.deepEqual(await tell(message("A1"), message("A1", "|x")), ["AA", "AE"]);
    assert.equal((await ledger(ris)).filter((line) => line.key === "A1" && line.effect).length, 1);
  });
});
