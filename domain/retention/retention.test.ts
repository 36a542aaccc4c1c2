/** The policy holds together, and a day with anything open stays whole. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decisionsText, HOLD_TEXT, HOLDS, type Held, lastDayGone, planOf, type Stored } from "./plan.ts";
import { CONTENTS, DEFAULT_POLICY, FLOOR_DAYS, policyProblems, type RetentionPolicy } from "./policy.ts";

const TODAY = "2026-11-22";
const policy = (over: Partial<RetentionPolicy>): RetentionPolicy => ({ ...DEFAULT_POLICY, ...over });
const everything = (...days: readonly string[]): Stored[] => days.flatMap((day) => CONTENTS.map((content) => ({ day, content })));

describe("policy", () => {
  test("the default holds", () => assert.deepEqual(policyProblems(DEFAULT_POLICY), []));
  const WRONG: readonly (readonly [string, Partial<RetentionPolicy>, readonly string[]])[] = [
    ["floors", { messages: 6, events: 30, bodies: 30, attempts: 30 }, CONTENTS.map((one) => `body/${one}`)],
    ["events go before their messages", { messages: 400, events: 399, bodies: 400, attempts: 400 }, ["body/events"]],
    ["bodies go before the messages that owed them", { messages: 180, bodies: 179, attempts: 365 }, ["body/bodies"]],
    ["attempts go before the bodies", { attempts: 364 }, ["body/attempts"]],
  ];
  for (const [name, over, at] of WRONG)
    test(name, () => {
      const problems = policyProblems(policy(over));
      assert.deepEqual(
        problems.map((one) => one.at),
        at,
      );
      for (const one of problems) assert.ok(one.zh !== "" && one.en !== "");
    });
});

describe("plan", () => {
  const short = policy({ messages: 7, events: 31, bodies: 31, attempts: 31 });
  test("whole days, the seven before today stay", () => {
    assert.equal(lastDayGone(TODAY, 7), "2026-11-14");
    const plan = planOf(short, TODAY, everything("2026-11-15", "2026-11-14", "2026-10-21"), []);
    assert.deepEqual(
      plan.map((one) => `${one.day} ${one.content} ${one.goes}`),
      [
        "2026-10-21 messages true",
        "2026-10-21 events true",
        "2026-10-21 bodies true",
        "2026-10-21 attempts true",
        "2026-11-14 messages true",
      ],
    );
  });
  for (const code of HOLDS)
    test(`${code} keeps the whole day and says so`, () => {
      const held: Held[] = [{ day: "2026-10-21", code, count: 3 }];
      const plan = planOf(short, TODAY, everything("2026-10-20", "2026-10-21"), held);
      assert.deepEqual(
        plan.filter((one) => one.goes).map((one) => one.day),
        CONTENTS.map(() => "2026-10-20"),
      );
      assert.deepEqual(
        plan.filter((one) => !one.goes).map((one) => one.why),
        CONTENTS.map(() => [{ code, count: 3 }]),
      );
      assert.ok(HOLD_TEXT[code].zh !== "" && HOLD_TEXT[code].en !== "");
    });
  test("a simulation is told apart by its decisions, not by numbers that move by themselves", () => {
    const held = (count: number): Held[] => [{ day: "2026-10-21", code: "MESSAGE_PARKED", count }];
    const text = (given: readonly Held[], version = "1") =>
      decisionsText(version, TODAY, planOf(short, TODAY, everything("2026-10-21"), given));
    assert.equal(text(held(1)), text(held(2)));
    assert.notEqual(text(held(1)), text([]));
    assert.notEqual(text(held(1)), text(held(1), "2"));
  });
  test("every content has a floor", () => assert.deepEqual(Object.keys(FLOOR_DAYS), [...CONTENTS]));
});
