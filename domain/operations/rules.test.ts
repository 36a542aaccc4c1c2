import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MessageState } from "../journal/ports.ts";
import { changedPaths, CHANGES_MAX } from "./compare.ts";
import { errorBody, OPERATION_REFUSAL } from "./refusals.ts";
import { BY_MAX, messageReplayRuling, messageResolveRuling, signed } from "./rules.ts";

describe("C-7 rules over a message", () => {
  const rulings: Readonly<Record<MessageState, readonly [replay: string | undefined, resolve: string | undefined]>> = {
    "awaiting-part": ["MESSAGE_IN_WORK", "MESSAGE_IN_WORK"],
    received: ["MESSAGE_IN_WORK", "MESSAGE_IN_WORK"],
    settled: [undefined, "MESSAGE_NOT_PARKED"],
    duplicate: [undefined, "MESSAGE_NOT_PARKED"],
    parked: [undefined, undefined],
    resolved: ["MESSAGE_RESOLVED", "MESSAGE_RESOLVED"],
  };
  for (const [state, [replay, resolve]] of Object.entries(rulings) as [MessageState, readonly [string | undefined, string | undefined]][]) {
    test(state, () => {
      const view = { state, hasRequest: true };
      assert.equal(messageReplayRuling(view)?.code, replay);
      assert.equal(messageResolveRuling(view)?.code, resolve);
      if (replay !== undefined) assert.equal(messageReplayRuling(view)?.state, state, "the present state is told");
    });
  }
  test("nobody knows it, or there is nothing to do again", () => {
    assert.equal(messageReplayRuling(undefined)?.code, "UNKNOWN_MESSAGE");
    assert.equal(messageResolveRuling(undefined)?.code, "UNKNOWN_MESSAGE");
    assert.equal(messageReplayRuling({ state: "parked", hasRequest: false })?.code, "MESSAGE_INCOMPLETE");
    assert.equal(messageResolveRuling({ state: "parked", hasRequest: false }), undefined);
  });
});

describe("who and why", () => {
  const cases: readonly (readonly [by: string | undefined, reason: string | undefined, code: string])[] = [
    ["王工", "核对过", "ok"],
    [" 王工 ", " 核对过 ", "ok"],
    [undefined, "核对过", "BY_REQUIRED"],
    ["  ", "核对过", "BY_REQUIRED"],
    ["x".repeat(BY_MAX + 1), "核对过", "BY_REQUIRED"],
    ["王工", undefined, "REASON_REQUIRED"],
    ["王工", "x", "REASON_REQUIRED"],
    ["王工", "x".repeat(501), "REASON_REQUIRED"],
  ];
  for (const [by, reason, code] of cases) {
    test(`${JSON.stringify(by)?.slice(0, 20)}, ${JSON.stringify(reason)?.slice(0, 20)}: ${code}`, () => {
      const answer = signed({ ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) });
      assert.equal(answer.ok ? "ok" : answer.code, code);
      if (answer.ok) assert.deepEqual([answer.by, answer.reason], ["王工", "核对过"]);
    });
  }
});

test("every refusal has its status, both languages and a next step", () => {
  for (const [code, text] of Object.entries(OPERATION_REFUSAL)) {
    assert.ok(text.http >= 400 && text.http < 600, code);
    for (const words of [text.zh, text.next.zh]) assert.match(words, /[一-鿿]/, code);
    for (const words of [text.en, text.next.en]) assert.match(words, /^[\x20-\x7e…–“”]+$/, code);
  }
  assert.deepEqual(Object.keys(errorBody({ code: "IN_FLIGHT", state: "sending" }).error), ["code", "zh", "en", "next", "state"]);
});

describe("what changed", () => {
  const cases: readonly (readonly [what: string, before: unknown, after: unknown, paths: readonly string[]])[] = [
    ["nothing", { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
    ["the order of members is nothing", { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ["a value deep down", { a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, ["a.1.b"]],
    ["a member more and one less", { a: 1 }, { b: 1 }, ["a", "b"]],
    ["an item more", { a: [1] }, { a: [1, 2] }, ["a.1"]],
    ["another kind", { a: [] }, { a: {} }, ["a"]],
    ["the whole", 1, 2, ["."]],
    ["null is not absent", { a: null }, {}, ["a"]],
  ];
  for (const [what, before, after, paths] of cases) test(what, () => assert.deepEqual(changedPaths(before, after), paths));
  test("not more than can be read", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${index}`, index]));
    assert.equal(changedPaths(many, {}).length, CHANGES_MAX);
  });
});
