/** MLLP frames cut out of a stream, however it is chopped. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createDeframer, framed, isUnframable, type Piece } from "./framing.ts";

const text = (pieces: readonly Piece[]): readonly string[] =>
  pieces.map((one) => (one.kind === "frame" ? one.bytes.toString("latin1") : `!${one.why}`));
const frame = (message: string): Buffer => framed(Buffer.from(message, "latin1"));

describe("C-3 MLLP framing", () => {
  for (const [what, stream, expected] of [
    ["one frame", frame("A"), ["A"]],
    ["several at once", Buffer.concat([frame("A"), frame("B"), frame("")]), ["A", "B", ""]],
    ["line ends between frames", Buffer.concat([frame("A"), Buffer.from("\r\n"), frame("B")]), ["A", "B"]],
    ["garbage in front", Buffer.concat([Buffer.from("GET /"), frame("A")]), ["!garbage"]],
    ["garbage between", Buffer.concat([frame("A"), Buffer.from("x"), frame("B")]), ["A", "!garbage"]],
    ["a frame that begins inside another", Buffer.concat([Buffer.from("\vMSH"), frame("B")]), ["!restarted"]],
    ["an end without its CR", Buffer.from("\vA\x1cB"), ["!end"]],
    ["larger than allowed", frame("x".repeat(101)), ["!too-large"]],
    ["as large as allowed", frame("x".repeat(100)), ["x".repeat(100)]],
  ] as const)
    test(`${what}, whole and byte by byte`, () => {
      const whole = createDeframer(100);
      assert.deepEqual(text(whole.push(stream)), expected);
      const slow = createDeframer(100);
      assert.deepEqual(text([...stream].flatMap((byte) => slow.push(Buffer.of(byte)))), expected);
    });

  test("an unfinished frame is open, and nothing is found after one that broke", () => {
    const cut = createDeframer(100);
    assert.deepEqual([cut.push(Buffer.from("\vMSH")), cut.open()], [[], true]);
    assert.deepEqual([text(cut.push(Buffer.from("|\x1c"))), cut.open()], [[], true]);
    assert.deepEqual([text(cut.push(Buffer.from("\r"))), cut.open()], [["MSH|"], false]);
    cut.push(Buffer.from("?"));
    assert.deepEqual(cut.push(frame("A")), []);
  });

  test("64 MiB of a frame that never ends hold no more than the limit", () => {
    const cut = createDeframer(1_000_000);
    const chunk = Buffer.alloc(1_048_576, 0x41);
    cut.push(Buffer.of(0x0b));
    const found = Array.from({ length: 64 }, () => cut.push(chunk)).flat();
    assert.deepEqual(text(found), ["!too-large"]);
    assert.equal(found[0]?.kind === "broken" && found[0].head.length, 4_096);
  });

  test("a message that holds a byte of the frame cannot be framed", () => {
    assert.deepEqual(
      [isUnframable(Buffer.from("MSH|")), isUnframable(Buffer.from("a\vb")), isUnframable(Buffer.from("a\x1cb"))],
      [false, true, true],
    );
  });

  test("any messages in any pieces come out as they went in", () => {
    const body = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x0b && byte !== 0x1c)));
    fc.assert(
      fc.property(fc.array(body, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (bodies, sizes) => {
        const stream = Buffer.concat(bodies.map(framed));
        const cut = createDeframer(1_000);
        const found: Piece[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          found.push(...cut.push(stream.subarray(at, at + size)));
          at += size;
        }
        assert.deepEqual(
          found.map((one) => one.kind === "frame" && one.bytes),
          bodies,
        );
        assert.equal(cut.open(), false);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test("any bytes at all are frames or broken, never an error, and never more is held than the limit", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const cut = createDeframer(100);
        const found = chunks.flatMap((chunk) => [...cut.push(Buffer.from(chunk))]);
        assert.ok(found.filter((one) => one.kind === "broken").length <= 1);
        for (const one of found) assert.ok((one.kind === "frame" ? one.bytes : one.head).length <= 4_096);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});
