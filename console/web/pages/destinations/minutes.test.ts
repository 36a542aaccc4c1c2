import assert from "node:assert/strict";
import { test } from "node:test";
import { pointsOf } from "./minutes.ts";

test("a point for every minute, also for those in which nothing was tried; China time", () => {
  const since = "2026-11-22T23:58:30.000+08:00";
  const points = pointsOf(
    [
      { at: "2026-11-22T23:58:00.000+08:00", outcome: "rejected", count: 2 },
      { at: "2026-11-23T00:00:00.000+08:00", outcome: "acknowledged", count: 3 },
      { at: "2026-11-23T00:00:00.000+08:00", outcome: "acknowledged", count: 4 },
    ],
    since,
    Date.parse("2026-11-23T00:00:59.000+08:00"),
  );
  assert.deepEqual(
    points.map(({ at, rejected, acknowledged }) => [at, rejected, acknowledged]),
    [
      ["23:58", 2, 0],
      ["23:59", 0, 0],
      ["00:00", 0, 7],
    ],
  );
  assert.deepEqual(pointsOf([], "no time", 0), []);
});
