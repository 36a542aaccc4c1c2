import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import iconv from "iconv-lite";
import { codeOf, createHisClient } from "./his/client.ts";
import { effectsPerKey, type LedgerLine, readLedger } from "./ledger.ts";
import { type HospitalProcess, startHospital } from "./process.ts";

let hospital: HospitalProcess;
let folder: string;
let serial = 0;
const client = createHisClient(() => hospital);
const { post, writeBack, inquiry } = client;

const fresh = (): string => `key-${++serial}`;
const linesOf = async (key: string): Promise<LedgerLine[]> => (await readLedger(hospital.his.ledger)).filter((line) => line.key === key);
const effectsOf = async (key: string): Promise<number> => effectsPerKey(await linesOf(key)).get(key) ?? 0;
/** Waits for what the hospital does by itself; nobody is timed. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 60_000; !(await holds()); await sleep(20))
    assert.ok(performance.now() < end, `not within a minute: ${what}`);
}
const codeOfError = (error: unknown): unknown => (error as NodeJS.ErrnoException).code;

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

describe("faults", () => {
  test("refuse with ms: nobody listens, then the same port is back", async () => {
    const key = fresh();
    await writeBack(fresh());
    await hospital.fault({ fault: "refuse", ms: 2_000 });
    await assert.rejects(
      fetch(`${hospital.his.url}/ping`),
      (error: Error) => (error.cause as NodeJS.ErrnoException).code === "ECONNREFUSED",
    );
    await assert.rejects(writeBack(key));
    await until("it listens again", () =>
      writeBack(key).then(
        (reply) => codeOf(reply) === "0",
        () => false,
      ),
    );
    assert.equal((await linesOf(key)).length, 1);
  });

  test("refuse until cleared", async () => {
    await hospital.fault({ fault: "refuse" });
    await assert.rejects(fetch(`${hospital.his.url}/ping`));
    await hospital.fault({ fault: "none" });
    assert.equal(codeOf(await writeBack(fresh())), "0");
  });

  test("refuse with count: connections are reset before anything is read", async () => {
    const key = fresh();
    await hospital.fault({ fault: "refuse", count: 2 });
    for (let left = 2; left > 0; left -= 1)
      await assert.rejects(writeBack(key), (error) => ["ECONNRESET", "EPIPE"].includes(String(codeOfError(error))));
    assert.equal(codeOf(await writeBack(key)), "0");
    assert.equal((await linesOf(key)).length, 1);
  });

  test("hang: silence, no work; the request is written down", async () => {
    const key = fresh();
    await hospital.fault({ fault: "hang", count: 1 });
    await assert.rejects(writeBack(key, { timeoutMs: 1_500 }), (error) => codeOfError(error) === "SILENCE");
    await until("written down", async () => (await linesOf(key)).length > 0);
    assert.deepEqual(
      (await linesOf(key)).map((line) => [line.effect, line.answer, line.fault]),
      [[false, "none", "hang"]],
    );
    assert.equal(codeOf(await writeBack(key)), "0");
  });

  test("hang after work: silence, and the work is done", async () => {
    const key = fresh();
    await hospital.fault({ fault: "hang", count: 1, after: "work" });
    await assert.rejects(writeBack(key, { timeoutMs: 1_500 }), (error) => codeOfError(error) === "SILENCE");
    await until("it is done", async () => codeOf(await inquiry(key)) === "0");
    assert.equal(await effectsOf(key), 1);
  });

  test("drop-reply: the work is done, the socket is gone", async () => {
    const key = fresh();
    await hospital.fault({ fault: "drop-reply", count: 1 });
    await assert.rejects(writeBack(key), (error) => codeOfError(error) === "ECONNRESET");
    assert.equal(codeOf(await writeBack(key)), "1");
    assert.equal(await effectsOf(key), 1);
  });

  test("503: no work; counted, it spares pings and inquiries, uncounted it does not", async () => {
    const key = fresh();
    await hospital.fault({ fault: "503", count: 1 });
    assert.equal((await post("/ping", "", {})).status, 200);
    assert.equal((await inquiry(key)).status, 200);
    assert.equal((await writeBack(key)).status, 503);
    assert.equal(codeOf(await writeBack(key)), "0");
    await hospital.fault({ fault: "503" });
    assert.equal((await post("/ping", "", {})).status, 503);
    assert.equal((await inquiry(key)).status, 503);
    assert.equal(await effectsOf(key), 1);
  });

  test("slow: the answer comes after ms", async () => {
    await hospital.fault({ fault: "slow", ms: 300, count: 1 });
    const started = performance.now();
    assert.equal(codeOf(await writeBack(fresh())), "0");
    assert.ok(performance.now() - started >= 290);
  });

  test("reject: a business reject in HTTP 200, for bills of a pattern only", async () => {
    await hospital.fault({ fault: "reject", bill: "DJ*9", code: "E103", text: "单据已关闭" });
    const key = fresh();
    const reply = await writeBack(key, { bill: "DJ2026119" });
    assert.equal(reply.status, 200);
    assert.equal(codeOf(reply), "E103");
    assert.match(reply.text, /单据已关闭/);
    assert.equal(codeOf(await writeBack(fresh(), { bill: "DJ2026118" })), "0");
    assert.equal(await effectsOf(key), 0);
    assert.equal(codeOf(await inquiry(key)), "4");
  });

  test("garble: the work is done, the answer cannot be read", async () => {
    const key = fresh();
    await hospital.fault({ fault: "garble", count: 1 });
    const reply = await writeBack(key);
    assert.equal(reply.status, 200);
    assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(reply.bytes));
    assert.equal(await effectsOf(key), 1);
  });

  test("duplicate: already done to a first request, or fields or the answer twice", async () => {
    const key = fresh();
    await hospital.fault({ fault: "duplicate", count: 1 });
    const reply = await writeBack(key);
    assert.equal(codeOf(reply), "1");
    assert.match(reply.text, /<Amount>16\.50<\/Amount>/);
    assert.equal(await effectsOf(key), 1);
    await hospital.fault({ fault: "duplicate", how: "fields", count: 1 });
    assert.equal((await writeBack(fresh())).text.match(/<Code>/g)?.length, 2);
    await hospital.fault({ fault: "duplicate", how: "answer", count: 1 });
    assert.equal((await writeBack(fresh())).text.match(/<Answer>/g)?.length, 2);
  });

  for (const spelling of ["xml", "soap", "json"] as const) {
    test(`gbk: ${spelling} answers in GBK and says so`, async () => {
      await hospital.fault({ fault: "gbk" });
      const reply = await writeBack(fresh(), { spelling });
      assert.match(reply.type, /charset=GBK$/);
      assert.match(iconv.decode(reply.bytes, "gbk"), /成功/);
      assert.doesNotMatch(reply.text, /成功/);
      if (spelling !== "json") assert.match(reply.text, /encoding="GBK"/);
    });
  }

  test("defer: code 2 now, the work after ms; a repeat meanwhile does not do it twice", async () => {
    const key = fresh();
    await hospital.fault({ fault: "defer", count: 1, ms: 2_000 });
    assert.deepEqual([codeOf(await writeBack(key)), codeOf(await writeBack(key)), codeOf(await inquiry(key))], ["2", "2", "4"]);
    await until("it is done", async () => codeOf(await inquiry(key)) === "0");
    assert.deepEqual(
      (await linesOf(key)).filter((line) => line.effect).map((line) => line.deferred),
      [true],
    );
  });

  test("several at once: slow, and the reply is dropped in the end", async () => {
    const key = fresh();
    await hospital.fault({ fault: "slow", ms: 100, count: 1 });
    await hospital.fault({ fault: "drop-reply", count: 1 });
    await assert.rejects(writeBack(key));
    assert.deepEqual((await linesOf(key))[0]?.fault, "slow+drop-reply");
  });

  test("a fault with ms ends by itself, one with kind spares the other kinds", async () => {
    await hospital.fault({ fault: "503", ms: 2_000 });
    assert.equal((await writeBack(fresh())).status, 503);
    await until("it is over", async () => (await writeBack(fresh())).status === 200);
    await hospital.fault({ fault: "503", kind: "refund-confirm" });
    assert.equal((await writeBack(fresh())).status, 200);
  });

  const wrong: [unknown, RegExp][] = [
    [{ fault: "explode" }, /unknown fault; known: refuse/],
    [{ fault: "503", counts: 3 }, /unknown field counts/],
    [{ fault: "503", count: 0 }, /bad value of count/],
    [{ fault: "slow" }, /slow needs ms/],
    [{ mode: "lazy" }, /strict or naive/],
    [{ clock: "noon" }, /ISO time/],
    [{}, /give fault/],
  ];
  for (const [order, problem] of wrong) test(`refused: ${JSON.stringify(order)}`, () => assert.rejects(hospital.fault(order), problem));

  test("GET shows mode, clock, faults with what is left, and counters; the ledger can be followed by offset", async () => {
    await hospital.fault({ fault: "503", count: 2, mode: "naive", clock: "2026-11-20T09:00:00+08:00" });
    const key = fresh();
    await writeBack(key);
    const state = (await (await fetch(hospital.his.faults)).json()) as {
      mode: string;
      clock: string;
      faults: unknown[];
      ledger: { bytes: number };
    };
    assert.equal(state.mode, "naive");
    assert.match(state.clock, /^2026-11-20T09:00:0\d\.\d{3}\+08:00$/);
    assert.deepEqual(state.faults, [{ fault: "503", count: 2, left: 1, hits: 1 }]);
    assert.match((await linesOf(key))[0]?.at ?? "", /^2026-11-20T09:00:0/);
    await writeBack(key);
    const page = (await (await fetch(`${hospital.his.ledgerUrl}?since=${state.ledger.bytes}`)).json()) as {
      next: number;
      lines: LedgerLine[];
    };
    assert.deepEqual(
      page.lines.map((line) => line.answer),
      ["503"],
    );
    assert.ok(page.next > state.ledger.bytes);
  });
});

describe("the ledger", () => {
  test("is on the disk before the answer: kill -9 right after each reply, the line is there, and effects outlive it", async () => {
    const keys: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const key = fresh();
      keys.push(key);
      assert.equal(codeOf(await writeBack(key)), "0");
      await hospital.stop("SIGKILL");
      assert.match(await readFile(hospital.his.ledger, "utf8"), new RegExp(`"key":"${key}".*"effect":true`));
      hospital = await startHospital(folder, ["--port", new URL(hospital.his.url).port]);
    }
    for (const key of keys) assert.deepEqual([codeOf(await writeBack(key)), codeOf(await inquiry(key))], ["1", "0"]);
    const receipts = (await readLedger(hospital.his.ledger)).filter((line) => line.effect).map((line) => line.receiptNo);
    assert.equal(new Set(receipts).size, receipts.length);
  });

  test("kill -9 amid load: whatever was answered is in the ledger, once", async () => {
    const answered: string[] = [];
    const load = Array.from({ length: 16 }, async (_, lane) => {
      for (let index = 0; ; index += 1) {
        const key = `load-${lane}-${index}`;
        try {
          if (codeOf(await writeBack(key)) === "0") answered.push(key);
        } catch {
          return; // the hospital is dead: this lane's last request is in doubt, as it should be
        }
      }
    });
    await until("there is load", async () => answered.length > 100);
    await hospital.stop("SIGKILL");
    await Promise.all(load);
    const effects = effectsPerKey(await readLedger(hospital.his.ledger));
    assert.ok(answered.length > 100);
    assert.deepEqual(
      answered.filter((key) => effects.get(key) !== 1),
      [],
    );
    hospital = await startHospital(folder);
  });

  test("a torn last line is cut off at the start; a deferred work that was owed is done", async () => {
    const key = fresh();
    await hospital.fault({ fault: "defer", count: 1, ms: 60_000 });
    assert.equal(codeOf(await writeBack(key)), "2");
    await hospital.stop("SIGKILL");
    await appendFile(hospital.his.ledger, '{"at":"2026-11-20T0');
    hospital = await startHospital(folder);
    await until("it is done", async () => codeOf(await inquiry(key)) === "0");
    assert.equal((await linesOf(key)).filter((line) => line.effect).length, 1);
  });
});

describe("the process", () => {
  test("SIGTERM ends it cleanly, also with a request hanging", async () => {
    const own = await startHospital(join(folder, "term"));
    await own.fault({ fault: "hang" });
    const silent = fetch(`${own.his.url}/ping`).catch(() => "cut");
    await sleep(100);
    assert.equal(await own.stop(), 0);
    assert.equal(await silent, "cut");
  });

  test("supervised, it ends when its parent's pipe closes", async () => {
    const own = await startHospital(join(folder, "supervised"), ["--supervised"]);
    const gone = new Promise((resolve) => own.child.once("exit", resolve));
    own.child.stdin?.end();
    assert.equal(await gone, 0);
  });
});
