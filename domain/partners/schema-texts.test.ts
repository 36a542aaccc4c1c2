import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Value } from "typebox/value";
import { Destination } from "./profile.ts";
import { allSchemaTexts } from "./schema-texts.ts";

const GOOD = {
  url: "http://127.0.0.1:1",
  connectTimeoutMs: 1_000,
  replyTimeoutMs: 1_000,
  leaseMs: 15_000,
  parallel: 8,
  duplicates: "inquiry",
  trustNotFoundAfterMs: 1_000,
  retry: { firstMs: 500, maxMs: 1_000 },
  messages: { "payment-confirm": "payment-confirm" },
};
const wrong = (over: object): readonly (readonly [string, string, string])[] =>
  allSchemaTexts([...Value.Errors(Destination, JSON.parse(JSON.stringify({ ...GOOD, ...over })))]).map(
    ({ at, zh, en }) => [at, zh, en] as const,
  );

describe("what is wrong with a profile is told at its field, in both languages", () => {
  test("a profile that holds", () => assert.deepEqual(wrong({}), []));
  const cases: readonly (readonly [string, object, readonly (readonly [string, string, string])[]])[] = [
    ["below a limit", { parallel: 0 }, [["/parallel", "不得小于 1", "must not be less than 1"]]],
    ["above a limit", { leaseMs: 700_000 }, [["/leaseMs", "不得大于 600000", "must not be more than 600000"]]],
    ["text for a number", { parallel: "8" }, [["/parallel", "须为整数", "must be a whole number"]]],
    [
      "missing",
      { url: undefined, duplicates: undefined },
      [
        ["/url", "必填", "is required"],
        ["/duplicates", "必填", "is required"],
      ],
    ],
    ["not known", { paralell: 3 }, [["/paralell", "没有这个字段", "is no field of it"]]],
    ["not one of its values", { duplicates: "maybe" }, [["/duplicates", "不是允许的取值", "is none of the values that it may have"]]],
    ["inside", { retry: { firstMs: 1, maxMs: 1_000 } }, [["/retry/firstMs", "不得小于 10", "must not be less than 10"]]],
  ];
  for (const [name, over, told] of cases) test(name, () => assert.deepEqual(wrong(over), told));
});
