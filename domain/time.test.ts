import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  addDays,
  businessDate,
  chinaDateTimeOf,
  daysBetween,
  epochMsOf,
  formatChinaDateTime,
  isChinaDateTime,
  isDate,
  parseChinaDateTime,
} from "./time.ts";

const IMPOSSIBLE = [
  "2026-02-29T00:00:00+08:00",
  "2026-13-01T00:00:00+08:00",
  "2026-00-10T00:00:00+08:00",
  "2026-11-31T00:00:00+08:00",
  "2026-11-20T24:00:00+08:00",
  "2026-11-20T23:60:00+08:00",
  "2026-11-20T23:59:60+08:00",
  "1899-12-31T00:00:00+08:00",
  "2026-11-20T09:00:00Z",
  "2026-11-20T09:00:00+09:00",
  "2026-11-20T09:00:00.000+08:00",
  "2026-11-20 09:00:00",
  "2026-11-20T09:00:00+08:00\n",
  "",
];

const BUSINESS_DAYS: readonly (readonly [string, string, string])[] = [
  ["2026-11-20T22:59:59+08:00", "23:00", "2026-11-20"],
  ["2026-11-20T23:00:00+08:00", "23:00", "2026-11-21"],
  ["2026-11-20T00:00:00+08:00", "23:00", "2026-11-20"],
  ["2026-12-31T23:30:00+08:00", "23:00", "2027-01-01"],
  ["2028-02-28T23:00:00+08:00", "23:00", "2028-02-29"],
  ["2026-02-28T23:00:00+08:00", "23:00", "2026-03-01"],
  ["2026-11-20T23:59:59+08:00", "00:00", "2026-11-20"],
  ["2026-11-20T21:30:00+08:00", "21:30", "2026-11-21"],
];

describe("time", () => {
  for (const text of IMPOSSIBLE) test(`${JSON.stringify(text)} is refused`, () => assert.equal(isChinaDateTime(text), false));
  for (const [at, cutOff, day] of BUSINESS_DAYS) {
    test(`${at} with cut-off ${cutOff} belongs to ${day}`, () => assert.equal(businessDate(at, cutOff), day));
  }

  test("the default cut-off is 23:00, and nonsense has no business day", () => {
    assert.equal(businessDate("2026-11-20T23:00:00+08:00"), "2026-11-21");
    assert.equal(businessDate("2026-11-20"), undefined);
    assert.throws(() => businessDate("2026-11-20T23:00:00+08:00", "24:00"), RangeError);
  });

  test("text, parts and milliseconds say the same time", () => {
    const text = "2028-02-29T07:08:09+08:00";
    const parts = parseChinaDateTime(text);
    assert.deepEqual(parts, { year: 2028, month: 2, day: 29, hour: 7, minute: 8, second: 9 });
    assert.ok(parts);
    assert.equal(formatChinaDateTime(parts), text);
    const ms = epochMsOf(text);
    assert.equal(ms, Date.UTC(2028, 1, 28, 23, 8, 9));
    assert.equal(chinaDateTimeOf((ms ?? 0) + 999), text);
  });

  test("days are counted by the calendar", () => {
    assert.equal(addDays("2026-03-01", -1), "2026-02-28");
    assert.equal(addDays("2026-12-31", 1), "2027-01-01");
    assert.equal(isDate("2026-02-30"), false);
    assert.equal(addDays("2026-02-30", 1), undefined);
    assert.equal(addDays("2999-12-31", 1), undefined);
    assert.equal(businessDate("2999-12-31T23:00:00+08:00"), undefined);
    assert.equal(daysBetween("2026-12-31", "2027-01-02"), 2);
    assert.equal(daysBetween("2026-12-31", "2026-12-32"), undefined);
  });
});
