import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DestinationView } from "../../../../domain/operations/views.ts";
import { countsOf, gateWord } from "./words.ts";

const gate = (over: object): DestinationView["gate"] =>
  ({ mode: "running", breaker: "closed", probes: 0, failuresInARow: 0, ...over }) as DestinationView["gate"];

describe("a destination in words", () => {
  test("what is parked is not said to be sent", () => {
    const backlog = { held: 1, queued: 2, waiting: 3, sending: 4, deferred: 5, parked: 6 };
    assert.deepEqual(countsOf({ backlog, fen: "100" }), { n: 14, parked: 6, held: 1, wire: 4, fen: "100" });
    assert.equal(countsOf({ backlog, fen: "100", onWire: 2 }).wire, 2);
  });
  const words: readonly (readonly [string, boolean, object | undefined])[] = [
    ["closed", false, undefined],
    ["closed", false, {}],
    ["paused", true, { breaker: "open" }],
    ["closed", true, { drainUntil: "2026-11-20T10:00:00.000+08:00" }],
    ["open", false, { breaker: "open", quietUntil: "x" }],
    ["half-open", false, { breaker: "half-open" }],
    ["quiet", false, { quietUntil: "x" }],
    ["draining", false, { drainingSince: "x" }],
  ];
  for (const [word, paused, over] of words)
    test(`${word} of ${paused} ${JSON.stringify(over)}`, () => {
      const of = over === undefined ? undefined : gate(over);
      assert.equal(gateWord({ paused, ...(of === undefined ? {} : { gate: of }) }), word);
    });
});
