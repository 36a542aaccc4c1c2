/** Replay of a group while the engine is killed (C-7, show 6) in its short form; the long one is test/faults/replay-kills.ts with count 10,000 and three kills. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { replayKills } from "../faults/replay-kills.ts";

const COUNT = 300;
const MEANWHILE = 5;

test("C-7 a group of 300 is replayed while the engine is killed: each done once, none that was acknowledged sent again", async () => {
  const report = await replayKills({ count: COUNT, kills: 1, seed: 61, rate: 100 });
  const { previewMs: __, previewed, progress, killsAt, runSeconds: _, ...counts } = report;
  assert.deepEqual(previewed, { matched: COUNT, planned: COUNT, closed: 0 });
  assert.deepEqual(counts, { count: COUNT, seed: 61, done: COUNT, lost: 0, twice: 0, reSent: 0, openAfter: 0, audits: COUNT - MEANWHILE });
  assert.deepEqual([progress.done, progress.skipped, progress.failed], [COUNT - MEANWHILE, MEANWHILE, 0]);
  assert.ok((killsAt[0] ?? COUNT) < COUNT, "the kill found work left");
});
