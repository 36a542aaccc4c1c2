import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../../platform/memory/clock.ts";
import { AHEAD_WAIT_MS, createAhead } from "./ahead.ts";

void test("places go to who waits longest; who waited too long goes back with the place passed on, and the rest when it closes without one", async () => {
  const clock = createVirtualClock();
  const ahead = createAhead(clock);
  assert.equal(ahead.pass(), false, "nobody waits");
  const [old, next] = [ahead.wait(), ahead.wait()];
  assert.equal(ahead.waiting(), 2);
  await clock.advance(AHEAD_WAIT_MS);
  assert.equal(ahead.pass(), true);
  assert.deepEqual(await old, { given: true, go: true });
  const young = ahead.wait();
  await clock.advance(1);
  assert.equal(ahead.pass(), true);
  assert.deepEqual(await next, { given: true, go: false });
  ahead.close();
  assert.deepEqual([await young, ahead.waiting()], [{ given: false, go: false }, 0]);
});
