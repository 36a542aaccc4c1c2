import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { quietUntil } from "./quiet.ts";

const at = (time: string): number => Date.parse(`2026-11-20T${time}+08:00`);
const night = [{ from: "23:30", to: "01:15" }];
const two = [
  { from: "02:00", to: "03:00" },
  { from: "03:00", to: "04:30" },
];

void describe("quiet hours, in China time", () => {
  for (const [name, spans, now, until] of [
    ["none", undefined, "02:30:00", undefined],
    ["before", two, "01:59:59", undefined],
    ["its first minute; a span that follows at once continues it", two, "02:00:00", at("04:30:00")],
    ["its last minute", two, "04:29:59", at("04:30:00")],
    ["after", two, "04:30:00", undefined],
    ["before midnight", night, "23:59:30", at("01:15:00") + 86_400_000],
    ["after midnight", night, "00:30:00", at("01:15:00")],
    ["over", night, "01:15:00", undefined],
  ] as const) {
    test(name, () => assert.equal(quietUntil(spans, at(now)), until));
  }
  test("spans that cover the whole day end somewhere", () => {
    const day = [
      { from: "00:00", to: "12:00" },
      { from: "12:00", to: "00:00" },
    ];
    assert.ok((quietUntil(day, at("05:00:00")) ?? 0) > at("05:00:00"));
  });
});
