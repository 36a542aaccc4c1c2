/** Bytes that no modality of good will sends: data sets cut, changed and made up, PDUs at the wrong time, of absurd length, in drops. Nothing throws, hangs or is taken. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { describe, test } from "node:test";
import { createChannel } from "./channel.ts";
import { charsetNamed } from "./charset.ts";
import { readDataset } from "./dataset.ts";

const SECOND = 1_000;
/** Time of the processor that this thread took, ms: what else the machine does is not counted. */
const busy = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state;
  }
}
function element(tag: string, vr: string, body: Uint8Array, length = body.length): Buffer {
  const long = ["SQ", "OB", "OW", "UN", "UT"].includes(vr);
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0);
  head.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
  head.write(vr, 4, "latin1");
  if (long) head.writeUInt32LE(length >>> 0, 8);
  else head.writeUInt16LE(length, 6);
  return Buffer.concat([head, body]);
}
const text = (tag: string, vr: string, value: string): Buffer =>
  element(tag, vr, Buffer.from(value.length % 2 === 0 ? value : `${value} `, "utf8"));
const item = (...bytes: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(bytes);
  const head = Buffer.from("feff00e000000000", "hex");
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
};
const GOOD = Buffer.concat([
  text("00080005", "CS", "ISO_IR 192"),
  text("00080060", "CS", "CT"),
  element("00100010", "PN", Buffer.from("测试患者甲 ")),
  element("00400270", "SQ", item(text("00080050", "SH", "ACC1"), text("0020000D", "UI", "2.25.1\0\0"))),
  element(
    "00400340",
    "SQ",
    Buffer.concat([
      Buffer.from("feff00e0ffffffff", "hex"),
      text("0020000E", "UI", "2.25.2\0\0"),
      Buffer.from("feff0de000000000feffdde000000000", "hex"),
    ]),
    0xffffffff,
  ),
]);
const read = (bytes: Uint8Array, explicit = true) => readDataset(bytes, { explicit });

describe("hostile data sets", () => {
  test("the one they are made from is read", () => {
    const result = read(GOOD);
    assert.ok(result.ok, JSON.stringify(result));
    assert.deepEqual(JSON.parse(JSON.stringify(result.dataset)), {
      Modality: "CT",
      PatientName: { Alphabetic: "测试患者甲" },
      ScheduledStepAttributesSequence: [{ AccessionNumber: "ACC1", StudyInstanceUID: "2.25.1" }],
      PerformedSeriesSequence: [{ SeriesInstanceUID: "2.25.2" }],
    });
  });

  test("cut, changed and made up: a problem or values, within a moment", () => {
    const random = numbers(7);
    const since = busy();
    for (let cut = 0; cut < GOOD.length; cut += 1) read(GOOD.subarray(0, cut));
    for (let round = 0; round < 3_000; round += 1) {
      const bytes = Buffer.from(GOOD);
      for (let flips = 0; flips < 3; flips += 1) bytes[random.next().value % bytes.length] = random.next().value;
      read(bytes, round % 2 === 0);
      read(Buffer.from(Array.from({ length: 60 }, () => random.next().value % 256)), round % 2 === 0);
    }
    assert.ok(busy() - since < SECOND * 5, `${busy() - since} ms`);
  });

  const DEEP = Array.from({ length: 2_000 }).reduce<Buffer>(
    (inner) => element("00400340", "SQ", item(inner.subarray(0, 60_000))),
    text("00080060", "CS", "CT"),
  );
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ["an element twice", Buffer.concat([text("00080060", "CS", "CT"), text("00080060", "CS", "MR")]), "malformed"],
    ["a length beyond the end", element("00080060", "CS", Buffer.from("CT"), 4_000), "malformed"],
    ["no length where there must be one", element("00420011", "OB", Buffer.from("ab"), 0xffffffff), "malformed"],
    ["a sequence that never ends", element("00400340", "SQ", item(), 0xffffffff), "malformed"],
    ["sequences in sequences for ever", DEEP, "limit"],
    ["a charset that nobody reads", Buffer.concat([text("00080005", "CS", "ISO_IR 149"), text("00100010", "PN", "X")]), "charset"],
    ["Chinese where none is declared", element("00100010", "PN", Buffer.from("测试")), "charset"],
    [
      "GB18030 declared, UTF-8 cut in a character",
      Buffer.concat([text("00080005", "CS", "GB18030"), element("00100010", "PN", Buffer.from([0xb2, 0xe2, 0xca, 0xff]))]),
      "charset",
    ],
    ["a control character", element("00080050", "SH", Buffer.from("A\x01")), "malformed"],
    ["a text of a megabyte", element("00104000", "UT", Buffer.alloc(1_000_000, "x")), "limit"],
    ["half a number", element("00280010", "US", Buffer.from([1])), "malformed"],
    [
      "a million elements",
      Buffer.concat(
        Array.from({ length: 30_000 }, (_, at) => element(`0009${(at % 60_000).toString(16).padStart(4, "0")}`, "LO", Buffer.from("ab"))),
      ),
      "limit",
    ],
  ];
  for (const [name, bytes, code] of cases)
    test(`refused: ${name}`, () => {
      const since = busy();
      const result = read(bytes);
      assert.equal(result.ok ? "read" : result.problem.code, code);
      assert.ok(busy() - since < SECOND * 2);
    });

  test("GBK's second byte may be a backslash: decoded before it is split", () => {
    const name = Buffer.from([0xc9, 0x5c, 0xb2, 0xe2]); // 蒤测: 0x5C inside
    const result = read(Buffer.concat([text("00080005", "CS", "GBK"), element("00100010", "PN", name)]));
    assert.ok(result.ok);
    assert.equal(Object.keys((result.dataset.PatientName ?? {}) as object).length, 1);
  });

  test("GB 2312 by code extensions", () => {
    const bytes = Buffer.concat([
      Buffer.from("Zhang^San=", "latin1"),
      Buffer.from("\x1b$)A", "latin1"),
      Buffer.from([0xd5, 0xc5]),
      Buffer.from("^", "latin1"),
      Buffer.from("\x1b$)A", "latin1"),
      Buffer.from([0xc8, 0xfd]),
    ]);
    assert.equal(charsetNamed("\\ISO 2022 IR 58")?.(bytes), "Zhang^San=张^三");
  });
});

describe("hostile PDUs", { concurrency: false }, () => {
  /** Sends the pieces; resolves with why the channel hung up, or undefined when it did not within a moment. */
  async function spoken(pieces: readonly Buffer[], within: "a moment" | "whatever it takes"): Promise<string | undefined> {
    let why: string | undefined;
    const told = (reason: string): void => {
      why ??= reason;
    };
    const server: Server = createServer((socket) => {
      createChannel({ socket, refused: told }).on("data", () => undefined);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const socket = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1");
    socket.on("error", () => undefined);
    for (const piece of pieces) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    // Whoever is to be hung up on is waited for; whoever is not, for a moment.
    const end = performance.now() + (within === "a moment" ? 200 : 60_000);
    while (why === undefined && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.destroy();
    server.close();
    await once(server, "close");
    return why;
  }
  const pdu = (type: number, body: Buffer, length = body.length): Buffer => {
    const head = Buffer.alloc(6);
    head[0] = type;
    head.writeUInt32BE(length, 2);
    return Buffer.concat([head, body]);
  };
  const association = pdu(1, Buffer.alloc(68));
  const fragment = (flags: number, bytes: Buffer, length = bytes.length + 2): Buffer => {
    const head = Buffer.alloc(6);
    head.writeUInt32BE(length >>> 0, 0);
    head[4] = 1;
    head[5] = flags;
    return Buffer.concat([head, bytes]);
  };

  for (const [name, pieces, reason] of [
    ["HTTP", [Buffer.from("GET / HTTP/1.1\r\n\r\n")], /PDU/],
    ["a PDU of four gigabytes", [pdu(1, Buffer.alloc(4), 0xffffffff)], /PDU of 4294967295 bytes/],
    ["data before an association", [pdu(4, Buffer.alloc(12))], /wrong time/],
    ["a second association", [association, association], /wrong time/],
    ["a fragment cut short", [association, pdu(4, fragment(3, Buffer.alloc(4), 400))], /cut short/],
    ["a fragment of no length", [association, pdu(4, fragment(3, Buffer.alloc(4), 0))], /cut short/],
    [
      "a command without end",
      [association, ...Array.from({ length: 3 }, () => pdu(4, fragment(1, Buffer.alloc(8_000))))],
      /command of more than/,
    ],
    [
      "a request in two contexts",
      [association, pdu(4, Buffer.concat([fragment(1, Buffer.alloc(4)), fragment(1, Buffer.alloc(4)).fill(9, 4, 5)]))],
      /two presentation contexts/,
    ],
    ["a type that is none", [pdu(9, Buffer.alloc(4))], /unknown PDU type/],
  ] as const)
    test(`hung up: ${name}`, async () => assert.match((await spoken(pieces, "whatever it takes")) ?? "nothing", reason));

  test("an association in drops of one byte is understood", async () => {
    assert.equal(
      await spoken(
        [...association].map((byte) => Buffer.from([byte])),
        "a moment",
      ),
      undefined,
    );
  });
});
