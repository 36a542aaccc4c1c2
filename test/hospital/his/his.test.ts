import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import { duplicates, effectsPerKey, type LedgerLine, readLedger } from "../ledger.ts";
import { type HospitalProcess, startHospital } from "../process.ts";
import { codeOf, createHisClient, xmlOf } from "./client.ts";

let hospital: HospitalProcess;
let folder: string;
let serial = 0;
const client = createHisClient(() => hospital);
const { post, writeBack, inquiry } = client;

const fresh = (): string => `key-${++serial}`;
const linesOf = async (key: string): Promise<LedgerLine[]> => (await readLedger(hospital.his.ledger)).filter((line) => line.key === key);
const effectsOf = async (key: string): Promise<number> => effectsPerKey(await linesOf(key)).get(key) ?? 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "hospital-"));
  hospital = await startHospital(folder);
});
afterEach(async () => {
  if (hospital.child.exitCode === null && hospital.child.signalCode === null)
    await hospital.fault({ fault: "none", mode: "strict", clock: null });
});
after(async () => {
  client.close();
  await hospital.stop("SIGKILL");
  await rm(folder, { recursive: true });
});

describe("the HIS's three spellings", () => {
  for (const spelling of ["xml", "soap", "json"] as const) {
    test(`${spelling}: done, already done, found, not found`, async () => {
      const key = fresh();
      const first = await writeBack(key, { spelling });
      assert.equal(first.status, 200);
      assert.match(first.text, /成功/);
      assert.match(first.text, /HIS\d{10}/);
      assert.deepEqual(
        [
          codeOf(first),
          codeOf(await writeBack(key, { spelling })),
          codeOf(await inquiry(key, spelling)),
          codeOf(await inquiry("never", spelling)),
        ],
        ["0", "1", "0", "4"],
      );
      const lines = await linesOf(key);
      assert.deepEqual(
        lines.map((line) => [line.kind, line.order, line.amount, line.effect, line.answer]),
        [
          ["payment-confirm", "DJ1", "1650", true, "0"],
          ["payment-confirm", "DJ1", "1650", false, "1"],
          ["inquiry", "DJ1", "1650", false, "0"],
        ],
      );
      assert.deepEqual(Object.keys(lines[0] ?? {}).slice(0, 9), [
        "at",
        "partner",
        "key",
        "kind",
        "order",
        "amount",
        "effect",
        "answer",
        "raw",
      ]);
    });
  }

  test("the amount comes back in the spelling's own unit", async () => {
    const key = fresh();
    await writeBack(key);
    assert.match((await inquiry(key, "json")).text, /"amountFen":"1650"/);
    assert.match((await inquiry(key, "xml")).text, /<Amount>16\.50<\/Amount><Serial>ZF1<\/Serial>/);
    assert.match((await inquiry(key, "soap")).text, /<InquiryResult>&lt;Answer&gt;/);
  });

  test("a visit names the order when there is no bill; GBK requests are read", async () => {
    const key = fresh();
    const xml = `<?xml version="1.0" encoding="GBK"?><WriteBack kind="insurance-result" key="${key}"><VisitNo>MZ测</VisitNo><Serial>S1</Serial><Amount>92.50</Amount><Action>settle</Action></WriteBack>`;
    assert.equal(
      codeOf(await post("/xml", iconv.encode(xml, "gbk"), { "idempotency-key": key, "content-type": "text/xml; charset=GBK" })),
      "0",
    );
    const [line] = await linesOf(key);
    assert.deepEqual([line?.order, line?.action, line?.raw], ["MZ测", "settle", xml]);
  });

  const good = xmlOf("bad", "DJ1", 1650, "ZF1");
  const bad: [name: string, body: string | Buffer, problem: RegExp][] = [
    ["malformed", good.slice(0, -3), /malformed/],
    ["DOCTYPE", `<!DOCTYPE a>${good}`, /DOCTYPE/],
    ["amount with one decimal", good.replace("16.50", "16.5"), /Amount is no amount/],
    ["empty element", good.replace("ZF1", ""), /Serial is empty/],
    ["unknown element", good.replace("</WriteBack>", "<X/></WriteBack>"), /unknown element X/],
    ["amount twice", good.replace("</WriteBack>", "<Amount>16.50</Amount></WriteBack>"), /Amount twice/],
    ["no amount", good.replace(/<Amount>.*<\/Amount>/, ""), /Amount is missing/],
    ["unknown kind", good.replace("payment-confirm", "gift"), /unknown kind gift/],
    ["key differs from the header", good.replace('key="bad"', 'key="other"'), /differs/],
    ["bytes that are no UTF-8", Buffer.concat([Buffer.from(good.slice(0, 60)), Buffer.from([0xff, 0xfe])]), /no text in UTF-8/],
  ];
  for (const [name, body, problem] of bad) {
    test(`refused with HTTP 400 and E900, and written down: ${name}`, async () => {
      const reply = await post("/xml", body, { "idempotency-key": "bad", "content-type": "text/xml; charset=UTF-8" });
      assert.equal(reply.status, 400);
      assert.match(reply.text, problem);
      const last = (await readLedger(hospital.his.ledger)).at(-1);
      assert.deepEqual([last?.kind, last?.effect, last?.answer], ["unreadable", false, "E900"]);
      assert.deepEqual(Buffer.from(last?.raw ?? "", last?.rawEncoding === "base64" ? "base64" : "utf8"), Buffer.from(body));
    });
  }

  test("SOAP that never reaches the operation is a fault with HTTP 500", async () => {
    const reply = await post("/soap", "<a/>", { "content-type": "text/xml", soapaction: '"WriteBack"' });
    assert.equal(reply.status, 500);
    assert.match(reply.text, /<soap:Fault>/);
  });

  test("ping", async () => assert.equal((await post("/ping", "", {})).text, "pong"));
});

describe("strict and naive", () => {
  test("strict refuses the same key with another amount", async () => {
    const key = fresh();
    await writeBack(key);
    assert.equal(codeOf(await writeBack(key, { fen: 1651 })), "E102");
    assert.equal(await effectsOf(key), 1);
  });

  test("naive does it again each time, and the inquiry still answers", async () => {
    const key = fresh();
    await hospital.fault({ mode: "naive" });
    const codes = await Promise.all([writeBack(key), writeBack(key), writeBack(key)].map(async (reply) => codeOf(await reply)));
    assert.deepEqual(codes, ["0", "0", "0"]);
    assert.deepEqual([...duplicates(await linesOf(key))], [[key, 3]]);
    assert.equal(codeOf(await inquiry(key)), "0");
  });

  test("fifty at once under one key are one effect at the strict HIS", async () => {
    const key = fresh();
    const codes = await Promise.all(Array.from({ length: 50 }, async () => codeOf(await writeBack(key))));
    assert.equal(codes.filter((code) => code === "0").length, 1);
    assert.equal(codes.filter((code) => code === "1").length, 49);
    assert.equal(await effectsOf(key), 1);
  });
});
