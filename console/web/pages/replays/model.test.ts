import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { REPLAY_STATES } from "../../../../domain/replay/job.ts";
import { samePerson as engineSamePerson } from "../../../../domain/operations/rules.ts";
import { idsIn, isOver, isStill, progressOf, STEPS, samePerson, stepOf, willNeed } from "./model.ts";

const preview = (over: object) =>
  ({ planned: 0, fen: "0", supersededPlanned: 0, ...over }) as Parameters<typeof willNeed>[0] & Parameters<typeof progressOf>[0]["preview"];

describe("C-7 a replay job on its page", () => {
  test("every state of the engine has its step", () => {
    const told = Object.fromEntries(REPLAY_STATES.map((state) => [state, STEPS[stepOf(state)]]));
    assert.deepEqual(told, {
      selecting: "preview",
      previewed: "preview",
      "awaiting-approval": "approval",
      marking: "canary",
      canary: "canary",
      stopped: "canary",
      running: "run",
      paused: "run",
      cancelled: "done",
      done: "done",
    });
    assert.deepEqual(REPLAY_STATES.filter(isStill), ["previewed", "stopped", "cancelled", "done"]);
    assert.deepEqual(REPLAY_STATES.filter(isOver), ["cancelled", "done"]);
  });

  test("progress counts what was planned; what is not known yet is nothing done", () => {
    assert.equal(progressOf({ preview: preview({ planned: 40 }) }).percent, 0);
    const progress = { planned: 10, skipped: 7, refused: 0, marked: 10, replayed: 5, done: 12, failed: 3, cancelled: 0 };
    assert.deepEqual(progressOf({ preview: preview({ planned: 40 }), progress }), {
      planned: 40,
      done: 12,
      failed: 3,
      underWay: 5,
      left: 20,
      skipped: 7,
      refused: 0,
      cancelled: 0,
      percent: 37,
    });
    assert.equal(progressOf({ preview: preview({ planned: 0 }) }).percent, 0);
  });

  test("the same person under another spelling, as the engine sees it", () => {
    for (const [one, other] of [
      ["night", "NIGHT"],
      ["night", " ｎｉｇｈｔ "],
      ["night", "nig\u200bht"],
      ["night", "day"],
    ] as const)
      assert.equal(samePerson(one, other), engineSamePerson(one, other), `${one} ${other}`);
  });

  test("when a second person is needed is said before the start", () => {
    const limits = { count: 100, fen: "1000000" };
    assert.deepEqual(willNeed(preview({ planned: 100, fen: "1000000" }), limits), []);
    assert.deepEqual(willNeed(preview({ planned: 101, fen: "-1000001", supersededPlanned: 1 }), limits), ["count", "amount", "superseded"]);
  });

  test("a pasted list of ids: each once, any separator, what is none is told", () => {
    const id = "0190f0e0-0000-7000-8000-000000000001";
    assert.deepEqual(idsIn(` ${id}\n${id.toUpperCase()}，B1, ${id}`), { ids: [id], wrong: ["b1"] });
  });
});
