import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { BUSINESS_KEY_KINDS } from "../../domain/events/event.ts";
import { pack, unpack } from "./packed.ts";
import { EVENT_WORDS, TOLD_WORDS, WIRE_WORDS } from "./packed-words.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("packed bytes", () => {
  const event = Buffer.from(
    JSON.stringify({ specversion: "1.0", id: "a".repeat(64), type: "payment.settled", data: { patient: { name: "犇喆堃" }, missing: [] } }),
  );
  const noise = Buffer.from(
    Array.from({ length: 300 }, (_, index) => sha256(Buffer.from([index & 255, index >> 8])).slice(0, 2)).join(""),
    "hex",
  );
  const cases: readonly (readonly [string, Buffer, "event" | "wire" | "told", string])[] = [
    ["an event with its id beside it", event, "event", "a".repeat(64)],
    ["an event alone", event, "event", ""],
    ["nothing", Buffer.alloc(0), "event", ""],
    ["short", Buffer.from("{}"), "wire", ""],
    ["bytes of no text", noise, "wire", ""],
    ["more than the window", Buffer.from("收费明细 0.25g*24 ".repeat(5_000)), "wire", ""],
    ["a request", Buffer.from('<Message kind="payment"><Header><MessageId>犇喆堃</MessageId></Header></Message>'.repeat(4)), "told", ""],
    ["GB18030", Buffer.from("bac5c2eb".repeat(60), "hex"), "wire", "known"],
  ];
  for (const [name, bytes, words, known] of cases) {
    test(`${name}: what is unpacked is what was packed`, () => {
      const packed = pack(bytes, words, known);
      assert.deepEqual(unpack(packed, known), bytes);
      assert.ok(packed.byteLength <= bytes.byteLength + 1, "never more than a byte longer");
    });
  }

  test("an event is a fraction of itself", () => {
    assert.ok(pack(event, "event", "a".repeat(64)).byteLength < event.byteLength / 2);
  });

  test("rows of before the packing are plain", () => {
    assert.equal(unpack(Buffer.from("\u0000{}")).toString(), "{}");
  });

  test("a packing that nobody knows is refused", () => {
    assert.throws(() => unpack(Buffer.from([9, 1, 2, 3])), RangeError);
  });

  // Rows in every hospital were written with them: a change of either is a new number.
  test("the dictionaries are what they were", () => {
    assert.deepEqual(
      [sha256(EVENT_WORDS), sha256(WIRE_WORDS), sha256(TOLD_WORDS)],
      [
        "c050aebdfeb43e47a4d6e663e4b8fe1c8b7d2198a5dfc220c29098414ae31194",
        "31baa0e6f7d86aa3f01b1a64b98b5160a35d8afc477ccc06e9d38e76589e8600",
        "51ca0f72e271761be2318dc1bb6cb1e761907094e99ac4d3259ab0a23ceaa566",
      ],
    );
  });

  test("no two kinds of business keys begin alike", () => {
    assert.equal(new Set(BUSINESS_KEY_KINDS.map((kind) => kind.charAt(0))).size, BUSINESS_KEY_KINDS.length);
  });
});
