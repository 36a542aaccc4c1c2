/** The MLLP door answers: original and enhanced mode, in the sender's charset, errors with their places, busy, duplicates. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import iconv from "iconv-lite";
import type { Verdict } from "../../../domain/journal/intake.ts";
import { JournalBusy, JournalGone } from "../../../domain/journal/ports.ts";
import { refusal } from "../../../domain/refusals.ts";
import { accepted, cleanUp, doorNow, message, msaOf, none, open, sender, world, wrapped } from "./world.ts";

afterEach(cleanUp);

describe("C-3 MLLP door: original mode", () => {
  test("AA after the journal took it; identity, kind, charset and raw bytes as sent", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    const [ack = ""] = await lis.until(1);
    assert.match(
      ack,
      /^MSH\|\^~\\&\|HPIE\|PAY\|LIS\|LAB\|20261120093001\|\|ACK\^P03\^ACK\|[0-9A-F]{20}\|P\|2\.5\.1\|\|\|\|\|\|UNICODE UTF-8\rMSA\|AA\|L1\r$/,
    );
    const [inbound] = world.taken;
    assert.deepEqual([inbound?.door, inbound?.partner, inbound?.kind, inbound?.identity], ["mllp", "lis", "dft-p03", "LIS|L1"]);
    assert.deepEqual(Buffer.from(inbound?.raw ?? []), Buffer.from(message("L1")));
  });

  test("more in a second than the partner may send: AR, nothing of it is kept, and the connection goes on", async () => {
    let asked = 0;
    const rates = { take: async () => (++asked === 2 ? ({ ok: false, retryAfterMs: 500 } as const) : ({ ok: true } as const)) };
    await open({ rates });
    const lis = sender();
    lis.socket.write(Buffer.concat(["L1", "L2", "L3"].map((id) => wrapped(message(id)))));
    const heard = await lis.until(3);
    assert.deepEqual(
      heard.map(msaOf).map((msa) => msa?.slice(0, 9)),
      ["MSA|AA|L1", "MSA|AR|L2", "MSA|AA|L3"],
    );
    assert.deepEqual(
      world.taken.map(({ identity }) => identity),
      ["LIS|L1", "LIS|L3"],
    );
  });

  test("a message in pieces, and several in one piece, each answered in order on the same connection", async () => {
    await open();
    const lis = sender();
    for (const byte of wrapped(message("L1"))) lis.socket.write(Buffer.of(byte));
    await lis.until(1);
    lis.socket.write(Buffer.concat(["L2", "L3", "L4", "L5", "L6", "L7"].map((id) => wrapped(message(id)))));
    const heard = await lis.until(7);
    assert.deepEqual(
      heard.map(msaOf),
      ["L1", "L2", "L3", "L4", "L5", "L6", "L7"].map((id) => `MSA|AA|${id}`),
    );
  });

  test("AE with ERR for every problem when its flow refused it; segments, fields and repetitions named", async () => {
    await open();
    world.verdict = async () => ({
      verdict: "refused",
      messageId: "m1",
      reason: refusal("NOT_TRANSLATABLE", {
        problems: [
          { code: "missing", at: "/FT1[2]/7/1", place: "FT1-7", zh: "缺少收费项目编码", en: "no code" },
          { code: "bad-money", at: "/ORC[1]/FT1[1]/11/1/1", place: "FT1-11", zh: "金额不合法", en: "bad amount" },
        ],
      }),
    });
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    const [ack = ""] = await lis.until(1);
    const text = Buffer.from(ack, "latin1").toString("utf8");
    assert.match(text, /\rMSA\|AE\|L1\|/);
    assert.match(text, /\rERR\|\|FT1\^2\^7\^1\^1\|101\^Required field missing\^HL70357\|E\|missing\|\|\|缺少收费项目编码\r/);
    assert.match(text, /\rERR\|\|FT1\^1\^11\^1\^1\|102\^Data type error\^HL70357\|E\|bad-money\|\|\|金额不合法\r/);
  });

  test("the answer is in the sender's charset: GB 18030 told in MSH-18, GBK told by the profile", async () => {
    await open();
    world.verdict = async () => ({
      verdict: "refused",
      messageId: "m1",
      reason: refusal("PARKED_BY_FLOW", { zh: "患者不存在", en: "no such patient" }),
    });
    const lis = sender();
    lis.socket.write(wrapped(iconv.encode(message("L1", { charset: "GB 18030-2000" }), "gb18030")));
    const [ack = ""] = await lis.until(1);
    assert.match(iconv.decode(Buffer.from(ack, "latin1"), "gb18030"), /\|GB 18030-2000\rMSA\|AE\|L1\|.*患者不存在\r/);
    await doorNow().close();
    await open({ charset: "gbk" });
    world.verdict = async () => ({
      verdict: "refused",
      messageId: "m1",
      reason: refusal("PARKED_BY_FLOW", { zh: "患者不存在", en: "no such patient" }),
    });
    const old = sender();
    old.socket.write(wrapped(iconv.encode(message("L2", { charset: "" }), "gbk")));
    const [other = ""] = await old.until(1);
    assert.match(iconv.decode(Buffer.from(other, "latin1"), "gbk"), /MSA\|AE\|L2\|.*患者不存在\r/);
    assert.equal(world.taken[0]?.charset, "gbk");
  });

  for (const [what, options, code, kind, error] of [
    ["another application", { app: "RIS" }, "AR", "dft-p03", "SENDER_MISMATCH"],
    ["an unknown message type", { type: "MDM^T02" }, "AR", "mdm-t02", "UNKNOWN_MESSAGE"],
    ["a training message", { mode: "T" }, "AR", "dft-p03", "BAD_REQUEST"],
    ["another version", { version: "3.0" }, "AR", "dft-p03", "BAD_REQUEST"],
  ] as const)
    test(`${what} is answered ${code}, and its bytes are kept`, async () => {
      await open({ application: "LIS" });
      const lis = sender();
      lis.socket.write(wrapped(message("L1", options)));
      const [ack] = await lis.until(1);
      assert.match(msaOf(ack), new RegExp(`^MSA\\|${code}\\|L1\\|`));
      assert.deepEqual([world.taken[0]?.kind, world.taken[0]?.refusal?.code], [kind, error]);
      assert.ok((world.taken[0]?.raw.length ?? 0) > 0);
      assert.equal(lis.closed(), false);
    });

  for (const error of [new JournalBusy("full"), new JournalGone("away"), new Error("broken")])
    test(`${error.name}: AR with the request to send it again, never AA; the next one is served`, async () => {
      await open();
      world.journal = async () => Promise.reject(error);
      const lis = sender();
      lis.socket.write(wrapped(message("L1")));
      const [ack] = await lis.until(1);
      assert.match(Buffer.from(msaOf(ack), "latin1").toString(), /^MSA\|AR\|L1\|.*重发/);
      world.journal = async () => accepted("m2");
      lis.socket.write(wrapped(message("L1")));
      assert.equal(msaOf((await lis.until(2))[1]), "MSA|AA|L1");
    });

  test("a duplicate is answered as the first was, with the same control id", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    await lis.until(1);
    world.journal = async () => ({ kind: "duplicate", messageId: "m1", state: "settled" });
    lis.socket.write(wrapped(message("L1")));
    const heard = await lis.until(2);
    assert.equal(heard[0], heard[1]);
  });

  test("a flow that takes longer than waitMs: AA, for the message is ours", async () => {
    await open({ waitMs: 100 });
    world.verdict = async (_, withinMs) => {
      await sleep(withinMs);
      return { verdict: "accepted", messageId: "m1", pending: true };
    };
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    assert.equal(msaOf((await lis.until(1))[0]), "MSA|AA|L1");
  });

  test("an acknowledgement is let pass: nobody acknowledges acknowledgements for ever", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped("MSH|^~\\&|LIS|LAB|HPIE|PAY|2026||ACK|X1|P|2.5.1\rMSA|AA|L1\r"));
    lis.socket.write(wrapped(message("L2")));
    assert.deepEqual((await lis.until(1)).map(msaOf), ["MSA|AA|L2"]);
    assert.equal(world.taken.length, 1);
  });
});

describe("C-3 MLLP door: enhanced mode", () => {
  for (const [what, ack, expected] of [
    ["both always", "AL|AL", ["CA", "AA"]],
    ["commit only", "AL|NE", ["CA"]],
    ["application only", "NE|AL", ["AA"]],
    ["application only, the other empty", "|AL", ["AA"]],
    ["on errors only", "ER|ER", []],
    ["on success only", "SU|SU", ["CA", "AA"]],
  ] as const)
    test(`${what}: ${expected.join(", ") || "nothing"}`, async () => {
      await open();
      const lis = sender();
      lis.socket.write(wrapped(message("L1", { ack })));
      await lis.until(expected.length);
      await sleep(30);
      assert.deepEqual(
        lis.heard().map((one) => msaOf(one).slice(4, 6)),
        expected,
      );
    });

  test("the commit is told once it is journaled; the application's answer when its flow has ended, not before", async () => {
    await open();
    let end: (verdict: Verdict) => void = none;
    world.verdict = () =>
      new Promise((resolve) => {
        end = resolve;
      });
    const lis = sender();
    lis.socket.write(wrapped(message("L1", { ack: "AL|AL" })));
    lis.socket.write(wrapped(message("L2", { ack: "AL|NE" })));
    assert.deepEqual((await lis.until(2)).map(msaOf), ["MSA|CA|L1", "MSA|CA|L2"]);
    end({ verdict: "refused", messageId: "m1", reason: refusal("NOT_TRANSLATABLE") });
    assert.match(msaOf((await lis.until(3))[2]), /^MSA\|AE\|L1\|/);
  });

  test("what the journal cannot take now is CE, an unknown type CR; no application answer follows", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped(message("L1", { ack: "AL|AL", type: "MDM^T02" })));
    assert.match(msaOf((await lis.until(1))[0]), /^MSA\|CR\|L1\|/);
    world.journal = async () => Promise.reject(new JournalBusy("full"));
    lis.socket.write(wrapped(message("L2", { ack: "AL|AL" })));
    assert.match(msaOf((await lis.until(2))[1]), /^MSA\|CE\|L2\|/);
    await sleep(30);
    assert.equal(lis.heard().length, 2);
  });
});
