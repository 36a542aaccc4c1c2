/** The MLLP door against senders of every kind, with a journal of the test's own. The framing here is the test's, not the door's. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import iconv from "iconv-lite";
import type { DoorPolicy, Intake, Verdict } from "../../../domain/journal/intake.ts";
import { type Inbound, type Journaled, JournalBusy, type JournaledMessage, JournalGone } from "../../../domain/journal/ports.ts";
import type { Log } from "../../../domain/log.ts";
import { refusal } from "../../../domain/refusals.ts";
import { type MllpDoor, type MllpDoorOptions, openMllpDoor } from "./door.ts";

const BYTES_MAX = 20_000;
const policy: DoorPolicy = {
  partner: "lis",
  vendor: "lis",
  bytesMax: BYTES_MAX,
  perSecond: 100,
  charset: "utf-8",
  kinds: new Set(["dft-p03", "oru-r01"]),
  exchanges: new Set(),
};
const none = (): void => undefined;
let warned: string[] = [];
const log: Log = { debug: none, info: none, warn: (_, text) => void warned.push(String(text)), error: none };

let taken: Inbound[] = [];
let journal: (inbound: Inbound) => Promise<Journaled>;
let verdict: (journaled: Journaled, withinMs: number) => Promise<Verdict>;
const accepted = (id: string): Journaled => ({ kind: "accepted", message: { id } as JournaledMessage });
const intake: Intake = {
  policy: (partner) => (partner === "lis" ? policy : undefined),
  partners: () => [policy],
  accept: (inbound) => {
    taken.push(inbound);
    return journal(inbound);
  },
  verdict: (journaled, withinMs) => verdict(journaled, withinMs),
};

let door: MllpDoor;
const sockets = new Set<Socket>();
async function open(more: Partial<MllpDoorOptions> = {}): Promise<MllpDoor> {
  taken = [];
  warned = [];
  journal = async (inbound) =>
    inbound.refusal === undefined ? accepted("m1") : { kind: "parked", messageId: "p1", reason: inbound.refusal };
  verdict = async (journaled) =>
    journaled.kind === "parked"
      ? { verdict: "refused", messageId: "p1", reason: journaled.reason }
      : { verdict: "accepted", messageId: "m1" };
  door = await openMllpDoor({
    host: "127.0.0.1",
    port: 0,
    partner: "lis",
    from: ["127.0.0.0/8"],
    processing: ["P"],
    answer: "settlement",
    waitMs: 1_000,
    frameMs: 5_000,
    idleMs: 5_000,
    connectionsMax: 5,
    unansweredMax: 4,
    intake,
    log,
    nowMs: () => Date.UTC(2026, 10, 20, 1, 30, 1),
    ...more,
  });
  return door;
}
afterEach(async () => {
  await door.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

/** A sender of the test's own: what it hears, frame by frame. */
interface Sender {
  readonly socket: Socket;
  heard(): readonly string[];
  closed(): boolean;
  /** Waits until so many frames came, or the connection is closed. */
  until(count: number): Promise<readonly string[]>;
}
function sender(socket: Socket = connect(Number(new URL(door.address).port), "127.0.0.1")): Sender {
  let bytes = Buffer.alloc(0);
  let closed = false;
  sockets.add(socket);
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  socket.on("close", () => {
    closed = true;
  });
  socket.on("error", none);
  const heard = (): readonly string[] =>
    bytes
      .toString("latin1")
      .split("\x1c\r")
      .slice(0, -1)
      .map((one) => one.slice(1));
  return {
    socket,
    heard,
    closed: () => closed,
    until: async (count) => {
      for (let waited = 0; waited < 4_000 && heard().length < count && !closed; waited += 5) await sleep(5);
      return heard();
    },
  };
}
const wrapped = (text: string | Buffer): Buffer =>
  Buffer.concat([Buffer.of(0x0b), typeof text === "string" ? Buffer.from(text) : text, Buffer.of(0x1c, 0x0d)]);
const message = (
  id: string,
  {
    ack = "|",
    type = "DFT^P03^DFT_P03",
    app = "LIS",
    rest = "PID|1|||||测试",
    mode = "P",
    version = "2.5.1",
    charset = "UNICODE UTF-8",
  } = {},
): string => `MSH|^~\\&|${app}|LAB|HPIE|PAY|20261120093000||${type}|${id}|${mode}|${version}|||${ack}|CHN|${charset}\r${rest}\r`;
const msaOf = (frame: string | undefined): string => /MSA\|[^\r]*/.exec(frame ?? "")?.[0] ?? `(${frame})`;

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
    const [inbound] = taken;
    assert.deepEqual([inbound?.door, inbound?.partner, inbound?.kind, inbound?.identity], ["mllp", "lis", "dft-p03", "LIS|L1"]);
    assert.deepEqual(Buffer.from(inbound?.raw ?? []), Buffer.from(message("L1")));
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
    verdict = async () => ({
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
    verdict = async () => ({
      verdict: "refused",
      messageId: "m1",
      reason: refusal("PARKED_BY_FLOW", { zh: "患者不存在", en: "no such patient" }),
    });
    const lis = sender();
    lis.socket.write(wrapped(iconv.encode(message("L1", { charset: "GB 18030-2000" }), "gb18030")));
    const [ack = ""] = await lis.until(1);
    assert.match(iconv.decode(Buffer.from(ack, "latin1"), "gb18030"), /\|GB 18030-2000\rMSA\|AE\|L1\|.*患者不存在\r/);
    await door.close();
    await open({ charset: "gbk" });
    verdict = async () => ({
      verdict: "refused",
      messageId: "m1",
      reason: refusal("PARKED_BY_FLOW", { zh: "患者不存在", en: "no such patient" }),
    });
    const old = sender();
    old.socket.write(wrapped(iconv.encode(message("L2", { charset: "" }), "gbk")));
    const [other = ""] = await old.until(1);
    assert.match(iconv.decode(Buffer.from(other, "latin1"), "gbk"), /MSA\|AE\|L2\|.*患者不存在\r/);
    assert.equal(taken[0]?.charset, "gbk");
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
      assert.deepEqual([taken[0]?.kind, taken[0]?.refusal?.code], [kind, error]);
      assert.ok((taken[0]?.raw.length ?? 0) > 0);
      assert.equal(lis.closed(), false);
    });

  for (const error of [new JournalBusy("full"), new JournalGone("away"), new Error("broken")])
    test(`${error.name}: AR with the request to send it again, never AA; the next one is served`, async () => {
      await open();
      journal = async () => Promise.reject(error);
      const lis = sender();
      lis.socket.write(wrapped(message("L1")));
      const [ack] = await lis.until(1);
      assert.match(Buffer.from(msaOf(ack), "latin1").toString(), /^MSA\|AR\|L1\|.*重发/);
      journal = async () => accepted("m2");
      lis.socket.write(wrapped(message("L1")));
      assert.equal(msaOf((await lis.until(2))[1]), "MSA|AA|L1");
    });

  test("a duplicate is answered as the first was, with the same control id", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    await lis.until(1);
    journal = async () => ({ kind: "duplicate", messageId: "m1", state: "settled" });
    lis.socket.write(wrapped(message("L1")));
    const heard = await lis.until(2);
    assert.equal(heard[0], heard[1]);
  });

  test("a flow that takes longer than waitMs: AA, for the message is ours", async () => {
    await open({ waitMs: 100 });
    verdict = async (_, withinMs) => {
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
    assert.equal(taken.length, 1);
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
    verdict = () =>
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
    journal = async () => Promise.reject(new JournalBusy("full"));
    lis.socket.write(wrapped(message("L2", { ack: "AL|AL" })));
    assert.match(msaOf((await lis.until(2))[1]), /^MSA\|CE\|L2\|/);
    await sleep(30);
    assert.equal(lis.heard().length, 2);
  });
});

describe("C-3 MLLP door: bad input", () => {
  test("a frame that is no HL7 is kept and answered NAK; the connection goes on", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped("hello"));
    lis.socket.write(wrapped(Buffer.of(0xff, 0xfe, 0x00)));
    lis.socket.write(wrapped(message("L1")));
    const heard = await lis.until(3);
    assert.deepEqual([heard[0], heard[1], msaOf(heard[2])], ["\x15", "\x15", "MSA|AA|L1"]);
    assert.deepEqual(
      taken.map((one) => [one.kind, one.refusal?.code, Buffer.from(one.raw).toString("latin1").slice(0, 5)]),
      [
        ["unreadable", "BAD_REQUEST", "hello"],
        ["unreadable", "BAD_REQUEST", "\xff\xfe\x00"],
        ["dft-p03", undefined, "MSH|^"],
      ],
    );
  });

  for (const [what, bytes] of [
    ["garbage", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["1 MB of garbage", Buffer.alloc(1_048_576, 0xa5)],
    ["a frame begun inside a frame", Buffer.from("\vMSH|^~\\&|LIS\r\vMSH|")],
  ] as const)
    test(`${what}: NAK, closed, logged; a neighbour is not disturbed`, async () => {
      await open();
      const neighbour = sender();
      neighbour.socket.write(wrapped(message("N1")));
      const lis = sender();
      lis.socket.write(bytes);
      await lis.until(1);
      for (let waited = 0; waited < 3_000 && !lis.closed(); waited += 10) await sleep(10);
      assert.equal(lis.closed(), true);
      assert.deepEqual(lis.heard().slice(0, 1), ["\x15"]);
      assert.ok(
        warned.some((one) => one.includes("cut")),
        warned.join("; "),
      );
      neighbour.socket.write(wrapped(message("N2")));
      assert.deepEqual((await neighbour.until(2)).map(msaOf), ["MSA|AA|N1", "MSA|AA|N2"]);
    });

  test("a message beyond the partner's limit is told so, and the connection is closed", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped(message("L1", { rest: `NTE|1||${"x".repeat(BYTES_MAX)}` })));
    assert.match(msaOf((await lis.until(1))[0]), /^MSA\|AR\|L1\|/);
    for (let waited = 0; waited < 3_000 && !lis.closed(); waited += 10) await sleep(10);
    assert.deepEqual([lis.closed(), taken.length], [true, 0]);
  });

  test("slowloris: a frame that does not end in time is cut; the others go on", async () => {
    await open({ frameMs: 150 });
    const slow = sender();
    slow.socket.write("\vMSH|");
    const drip = setInterval(() => slow.socket.write("x"), 20);
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    await lis.until(1);
    for (let waited = 0; waited < 3_000 && !slow.closed(); waited += 10) await sleep(10);
    clearInterval(drip);
    assert.equal(slow.closed(), true);
    assert.deepEqual(slow.heard(), ["\x15"]);
    assert.deepEqual([lis.closed(), msaOf(lis.heard()[0])], [false, "MSA|AA|L1"]);
  });

  test("idle connections are closed, and connections beyond the limit dropped", async () => {
    await open({ idleMs: 150, connectionsMax: 2 });
    const all = [sender(), sender(), sender()];
    for (let waited = 0; waited < 3_000 && !all[2]?.closed(); waited += 10) await sleep(10);
    assert.equal(all[2]?.closed(), true);
    for (let waited = 0; waited < 3_000 && !all.every((one) => one.closed()); waited += 10) await sleep(10);
    assert.deepEqual(
      all.map((one) => one.closed()),
      [true, true, true],
    );
  });

  test("who comes from elsewhere is turned away unread", async () => {
    await open({ from: ["10.1.2.0/24"] });
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    await lis.until(1);
    assert.deepEqual([lis.closed(), lis.heard(), taken], [true, [], []]);
    assert.ok(warned.some((one) => one.includes("turned away")));
    await assert.rejects(
      openMllpDoor({
        host: "127.0.0.1",
        port: 0,
        partner: "lis",
        from: ["nowhere"],
        processing: ["P"],
        answer: "journal",
        waitMs: 1,
        frameMs: 1,
        idleMs: 1,
        connectionsMax: 1,
        unansweredMax: 1,
        intake,
        log,
        nowMs: Date.now,
      }),
      /nowhere/,
    );
  });

  test("a sender that does not wait: no more than so many are under way at once, all are answered", async () => {
    await open({ unansweredMax: 3 });
    let live = 0;
    let most = 0;
    journal = async () => {
      live += 1;
      most = Math.max(most, live);
      await sleep(2);
      live -= 1;
      return accepted("m1");
    };
    const lis = sender();
    for (let number = 0; number < 60; number += 1) {
      lis.socket.write(wrapped(message(`L${number}`)));
      await sleep(0);
    }
    const heard = await lis.until(60);
    assert.deepEqual(
      heard.map(msaOf),
      Array.from({ length: 60 }, (_, number) => `MSA|AA|L${number}`),
    );
    // What one chunk brought is taken whole: the limit holds from chunk to chunk.
    assert.ok(most < 60, `${most} at once`);
  });
});

describe("C-3 MLLP door: ends", () => {
  test("stop while a message is under way: it is journaled and answered, half a frame is not taken, nothing new comes in", async () => {
    await open();
    let finish: () => void = none;
    journal = () =>
      new Promise((resolve) => {
        finish = () => resolve(accepted("m1"));
      });
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    const half = sender();
    half.socket.write("\vMSH|^~\\&|LIS");
    while (taken.length === 0) await sleep(5);
    const paused = door.pause();
    setTimeout(finish, 50);
    await paused;
    assert.deepEqual((await lis.until(1)).map(msaOf), ["MSA|AA|L1"]);
    for (let waited = 0; waited < 3_000 && !(lis.closed() && half.closed()); waited += 10) await sleep(10);
    assert.deepEqual([lis.closed(), half.closed(), half.heard(), taken.length], [true, true, [], 1]);
    const late = sender();
    await late.until(1);
    assert.equal(late.closed(), true);
  });

  test("a flow that has not ended does not hold a stop up", async () => {
    await open({ waitMs: 60_000 });
    verdict = () => new Promise(none);
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    lis.socket.write(wrapped(message("L2", { ack: "AL|AL" })));
    while (taken.length < 2) await sleep(5);
    const since = performance.now();
    await door.pause();
    assert.ok(performance.now() - since < 1_000);
    assert.deepEqual((await lis.until(2)).map(msaOf), ["MSA|AA|L1", "MSA|CA|L2"]);
  });

  test("a sender that closes its side still gets its answer", async () => {
    await open();
    verdict = async () => {
      await sleep(50);
      return { verdict: "accepted", messageId: "m1" };
    };
    const lis = sender();
    lis.socket.end(wrapped(message("L1")));
    assert.deepEqual((await lis.until(1)).map(msaOf), ["MSA|AA|L1"]);
  });
});

describe("C-3 S1-15 MLLP door: TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "huiliu-mllp-"));
  const file = (name: string): string => join(folder, name);
  const pem = (name: string): string => readFileSync(file(name), "utf8");
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "ignore", cwd: folder });
  before(() => {
    for (const ca of ["ca", "other"])
      openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        `${ca}.key`,
        "-out",
        `${ca}.pem`,
        "-days",
        "2",
        "-subj",
        `/CN=${ca}`,
      );
    for (const [name, ca, subject] of [
      ["server", "ca", "localhost"],
      ["client", "ca", "lis"],
      ["stranger", "other", "lis"],
      ["namesake", "ca", "ris"],
    ] as const) {
      openssl(
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.csr`,
        "-subj",
        `/CN=${subject}`,
      );
      openssl(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-CA",
        `${ca}.pem`,
        "-CAkey",
        `${ca}.key`,
        "-CAcreateserial",
        "-out",
        `${name}.pem`,
        "-days",
        "2",
      );
    }
  });
  after(() => rmSync(folder, { recursive: true }));
  const tlsSender = (name?: string): Sender =>
    sender(
      connectTls({
        port: Number(new URL(door.address).port),
        host: "127.0.0.1",
        servername: "localhost",
        ca: pem("ca.pem"),
        ...(name === undefined ? {} : { cert: pem(`${name}.pem`), key: pem(`${name}.key`) }),
      }),
    );
  const openTls = (): Promise<MllpDoor> =>
    open({ tls: { cert: pem("server.pem"), key: pem("server.key"), ca: pem("ca.pem"), names: ["lis"] } });

  test("a client certificate of the authority with the right name is let in", async () => {
    await openTls();
    assert.match(door.address, /^mllps:/);
    const lis = tlsSender("client");
    lis.socket.write(wrapped(message("L1")));
    assert.deepEqual((await lis.until(1)).map(msaOf), ["MSA|AA|L1"]);
  });
  for (const name of [undefined, "stranger", "namesake"])
    test(`${name ?? "no certificate"} is turned away`, async () => {
      await openTls();
      const lis = tlsSender(name);
      lis.socket.write(wrapped(message("L1")));
      await lis.until(1);
      assert.deepEqual([lis.closed(), lis.heard(), taken], [true, [], []]);
    });
  test("who speaks no TLS is turned away", async () => {
    await openTls();
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    await lis.until(1);
    assert.deepEqual([lis.closed(), taken], [true, []]);
  });
});
