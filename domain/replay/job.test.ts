import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  allowedIn,
  APPROVAL_DEFAULT,
  approvalNeeded,
  canaryRuling,
  isAllowed,
  REPLAY_STATES,
  type ReplayItemState,
  tokensNow,
} from "./job.ts";

describe("C-7 what a person may do with a replay job", () => {
  test("by its state", () => {
    assert.deepEqual(Object.fromEntries(REPLAY_STATES.map((state) => [state, allowedIn(state).join(" ")])), {
      selecting: "cancel",
      previewed: "start cancel",
      "awaiting-approval": "approve cancel",
      marking: "pause cancel",
      canary: "pause cancel",
      stopped: "cancel continue",
      running: "pause cancel",
      paused: "resume cancel",
      cancelled: "",
      done: "",
    });
    assert.equal(isAllowed("done", "start"), false);
  });

  const jobs: readonly (readonly [number, bigint, number, string])[] = [
    [100, 1_000_000n, 0, ""],
    [101, 0n, 0, "count"],
    [1, 1_000_001n, 0, "amount"],
    [1, -1_000_001n, 0, "amount"],
    [1, 1n, 1, "superseded"],
    [101, 1_000_001n, 1, "count amount superseded"],
  ];
  for (const [planned, sumFen, superseded, why] of jobs)
    test(`${planned} items, ${sumFen} fen, ${superseded} superseded: ${why === "" ? "one person" : why}`, () => {
      assert.equal(approvalNeeded({ planned, sumFen, superseded }, APPROVAL_DEFAULT).join(" "), why);
    });
});

describe("C-7 the canary and the rate", () => {
  const canaries: readonly (readonly [readonly ReplayItemState[], string])[] = [
    [["done", "marked"], "wait"],
    [["failed", "replayed"], "wait"],
    [["done", "failed"], "stop"],
    [["done", "skipped", "refused"], "go"],
    [["skipped", "refused"], "again"],
    [[], "again"],
  ];
  for (const [states, says] of canaries) {
    const items = states.map((state) => ({ state, code: state === "done" ? null : "X" }));
    test(`${states.join(", ") || "none"}: ${says}`, () => assert.equal(canaryRuling(items), says));
  }
  test("one that a person closed proves nothing", () => assert.equal(canaryRuling([{ state: "done", code: "CANCELLED" }]), "again"));

  test("tokens gather at the rate, at most a second's worth, never less than one", () => {
    assert.equal(tokensNow(0, 50, 100), 5);
    assert.equal(tokensNow(40, 50, 10_000), 50);
    assert.equal(tokensNow(0.5, 1, 500), 1);
    assert.equal(tokensNow(3, 50, -1_000), 3, "a clock that went back takes nothing");
    assert.equal(tokensNow(0, 1, undefined), 1);
  });
});
