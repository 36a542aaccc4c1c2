/**
 * Hostile input at every open door of a running engine at once ("What must show" 5): nothing crashes, nobody is held up for a second, every byte that was taken is kept, whoever sends
 * something good beside it is served. What each reader does with each class stands in test/conformance/hostile.test.ts.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { heavyHl7, heavyJson, heavyXml } from "../conformance/corpus/heavy.ts";
import { JSON_BAD, XML_BAD } from "../conformance/corpus/malformed.ts";
import { rawOf } from "../../platform/postgres/journal-rows.ts";
import { destination, type Huiliu, QUICK, startHuiliu, until } from "./harness.ts";

const SIZE = 1_000_000;
/** Nobody waits for more of the engine's own time, whatever the others send. How long that is by the clock is the affair of what else the machine does. */
const HANG_MS = 1_000;
const ASK_EVERY_MS = 20;
const SETTLED_MS = 60_000;

let huiliu: Huiliu;
before(async () => {
  huiliu = await startHuiliu("hostile", { profiles: { his: destination(QUICK), pharmacy: destination(QUICK) } });
});
after(() => huiliu?.stop());

/** Sends bytes over TCP and hangs up when the other side does, or after a moment. */
function throwAt(address: string, bytes: Buffer): Promise<void> {
  const { hostname, port } = new URL(address.replace(/^\w+:/, "http:"));
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on("error", () => undefined); // the door hangs up: that is an answer
    socket.on("data", () => undefined);
    socket.on("close", () => resolve());
  });
}

/** Time of the processor that the engine's main thread has had, ms (proc(5): utime and stime, in ticks of 10 ms). */
function busyMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/task/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Asks /healthz again and again; the most of the engine's time that went by before it was answered. */
async function slowest(pid: number, until: Promise<unknown>): Promise<number> {
  let over = false;
  void until.finally(() => {
    over = true;
  });
  let most = 0;
  while (!over) {
    const since = busyMs(pid);
    await (await fetch(`${huiliu.run().gateway}/healthz`)).arrayBuffer();
    most = Math.max(most, busyMs(pid) - since);
    await sleep(ASK_EVERY_MS);
  }
  return most;
}

async function rude(): Promise<Map<string, Buffer>> {
  const sent = new Map<string, Buffer>();
  const post = async (partner: string, kind: string, type: string, text: string): Promise<void> => {
    const id = `RUDE-${partner}-${sent.size}`;
    const bytes = Buffer.from(text);
    sent.set(id, bytes);
    const answer = await huiliu.post(partner, kind, bytes, { "content-type": type, "idempotency-key": id });
    await answer.arrayBuffer();
    if (![202, 413, 400, 422].includes(answer.status)) throw new Error(`${id}: HTTP ${answer.status}`);
    if (answer.status !== 202) sent.delete(id);
  };
  for (const text of [...heavyXml(SIZE).map((one) => one.text), ...XML_BAD.slice(0, 30)])
    await post("his", "charge", "application/xml; charset=UTF-8", text);
  for (const text of [...heavyJson(SIZE).map((one) => one.text), ...JSON_BAD.slice(0, 30)])
    await post("emr", "prescription", "application/json; charset=UTF-8", text);
  return sent;
}

const RAW: readonly Buffer[] = [
  Buffer.alloc(SIZE),
  Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7_919) % 256)),
  Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  Buffer.from("\v".repeat(1_000)),
  Buffer.from("\x1c\r".repeat(1_000)),
  Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]),
  Buffer.from([0x01, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00]),
  ...heavyHl7(SIZE).map(({ text }) => Buffer.from(`\v${text}\x1c\r`)),
];

describe("S2-25 C-5 hostile input at every door at once", { concurrency: false }, () => {
  test("no crash, no second of the engine's time at a stretch, every byte that was taken is kept, neighbours are served", async () => {
    const pid = huiliu.run().pids.engine;
    const doors = huiliu.run() as unknown as Readonly<Record<string, unknown>>;
    const addresses = ["mllp", "dicom"].flatMap((wire) => Object.values((doors[wire] ?? {}) as Readonly<Record<string, string>>));
    assert.ok(addresses.length >= 2, JSON.stringify(doors));
    const wires = Promise.all(addresses.flatMap((address) => RAW.map((bytes) => throwAt(address, bytes))));
    const gateway = rude();
    const good = (async () => {
      for (let number = 0; number < 20; number += 1) {
        const xml = `<?xml version="1.0" encoding="UTF-8"?><Message kind="payment"><Header><MessageId>GOOD${number}</MessageId><SentAt>2026-11-20 09:20:00</SentAt><Hospital code="H001"/></Header><Payment no="ZFGOOD${number}" bill="DJGOOD${number}"><Patient no="P1"/><Visit no="MZ${number}" kind="O"/><Business>outpatient</Business><Operator no="U1"/><PaidAt>2026-11-20 09:20:00</PaidAt><Status>1</Status><Tenders><Tender channel="XJ" amount="1.00" paidAt="2026-11-20 09:20:00"/></Tenders><Payable>1.00</Payable><Total>1.00</Total><BillTotal>1.00</BillTotal></Payment></Message>`;
        const answer = await huiliu.post("his", "payment", xml, { "content-type": "application/xml; charset=UTF-8" });
        assert.equal(answer.status, 202, await answer.text());
        await sleep(50);
      }
    })();
    const all = Promise.all([wires, gateway, good]);
    assert.ok(pid !== undefined);
    const most = await slowest(pid, all);
    const [, sent] = await all;
    assert.ok(most < HANG_MS, `/healthz waited for ${Math.round(most)} ms of the engine's work`);
    assert.equal(huiliu.run().pids.engine, pid, "the engine that was there at the beginning is there");
    await until(
      "the HIS was told of every good payment",
      async () => (await huiliu.ledger()).filter((line) => line.effect && line.order?.startsWith("DJGOOD")).length === 20,
      SETTLED_MS,
    );
    const ids = [...sent.keys()];
    assert.ok(ids.length > 60, `${ids.length} were taken`);
    const parked = await until(
      "every hostile message is parked",
      async () => {
        const rows = await huiliu.sql("select identity, state, raw, raw_bytes from message where identity = any($1)", [ids]);
        return rows.length === ids.length && rows.every(({ state }) => state === "parked") && rows;
      },
      SETTLED_MS,
      async () => huiliu.sql("select state, count(*)::int from message where identity = any($1) group by 1", [ids]),
    );
    for (const row of parked)
      assert.ok(
        Buffer.from(rawOf(row as unknown as Parameters<typeof rawOf>[0])).equals(sent.get(String(row.identity)) ?? Buffer.alloc(0)),
        `${String(row.identity)}: other bytes`,
      );
    const facts = await huiliu.sql(
      "select e.type from event e join message m on m.id = e.message_id where m.identity = any($1) and e.type <> 'message.parked'",
      [ids],
    );
    assert.deepEqual(facts, [], "nothing hostile became a fact");
  });
});
