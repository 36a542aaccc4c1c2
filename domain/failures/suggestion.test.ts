import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ALARM } from "../alarms/kinds.ts";
import { PROBLEM } from "../problem.ts";
import { REFUSALS } from "../refusals.ts";
import { PARK, type ParkCode } from "../writeback/reasons.ts";
import { type Grouped, suggestionOf } from "./suggestion.ts";

const next = (group: Grouped): string | undefined => suggestionOf(group).next?.en;

describe("what to do next about a failure group comes from the closed tables", () => {
  const cases: readonly (readonly [string, Grouped, string | undefined])[] = [
    [
      "the partner's own code, parked as rejected",
      { of: "write-backs", code: "E101", park: "REJECTED", outcome: "rejected" },
      PARK.REJECTED.advice.en,
    ],
    [
      "unclear and parked: look there first",
      { of: "write-backs", code: "unclear", park: "UNCLEAR", outcome: "unclear" },
      PARK.UNCLEAR.advice.en,
    ],
    [
      "the group's code is a park code, its newest one is not parked any more",
      { of: "write-backs", code: "CANNOT_SEND" },
      PARK.CANNOT_SEND.advice.en,
    ],
    ["tried again by itself", { of: "write-backs", code: "HTTP 503", outcome: "unclear" }, ALARM["breaker-open"].next.en],
    ["nothing left us", { of: "write-backs", code: "unsent", outcome: "unsent" }, ALARM["breaker-open"].next.en],
    ["a code that no table knows", { of: "write-backs", code: "OTHER" }, undefined],
    ["what is wrong inside a message decides", { of: "messages", code: "NOT_TRANSLATABLE/unmapped" }, PROBLEM.unmapped.nextEn],
    ["no flow", { of: "messages", code: "NO_FLOW" }, REFUSALS.NO_FLOW.next.en],
    ["a problem that nobody knows: what the refusal says", { of: "messages", code: "NO_FLOW/odd" }, REFUSALS.NO_FLOW.next.en],
    ["a flow's own code", { of: "messages", code: "MY_CODE" }, undefined],
  ];
  for (const [name, group, wanted] of cases) test(name, () => assert.equal(next(group), wanted));

  test("every park code has a meaning and a next step in both languages", () => {
    for (const park of Object.keys(PARK) as ParkCode[]) {
      const told = suggestionOf({ of: "write-backs", code: "X", park });
      assert.match(told.meaning?.zh ?? "", /[\u4e00-\u9fff]/, park);
      assert.match(told.next?.zh ?? "", /[\u4e00-\u9fff]/, park);
      assert.match(told.next?.en ?? "", /^[ -~“”’]+$/, park);
    }
  });
});
