import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { backoffMs, retryAfterMs } from "./backoff.ts";

const retry = { firstMs: 1_000, maxMs: 60_000 };
const low = () => 0;
const high = () => 0.999_999_999;

void describe("back-off", () => {
  for (const [failures, least, most] of [
    [0, 500, 1_000],
    [1, 500, 1_000],
    [2, 1_000, 2_000],
    [3, 2_000, 4_000],
    [6, 16_000, 32_000],
    [7, 30_000, 60_000],
    [1_000_000, 30_000, 60_000],
  ] as const) {
    test(`after ${failures} failures: ${least} to ${most} ms`, () => {
      assert.equal(backoffMs(failures, retry, low), least);
      assert.equal(backoffMs(failures, retry, high), most);
    });
  }

  for (const [told, waits] of [
    [undefined, 500],
    [Number.NaN, 500],
    [-1, 500],
    [0, 1_000],
    [999, 1_000],
    [30_000, 30_000],
    [119_999, 119_999],
    [86_400_000, 120_000],
    [1e9 * 1_000, 120_000],
    [Number.POSITIVE_INFINITY, 500],
    [Number.NEGATIVE_INFINITY, 500],
    [Number.MAX_SAFE_INTEGER, 120_000],
    [0.5, 1_000],
  ] as const) {
    test(`Retry-After ${told} ms at the first failure waits ${waits} ms`, () => assert.equal(retryAfterMs(told, 1, retry, low), waits));
  }
});
