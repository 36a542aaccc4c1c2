/** Show 2 of the issue in simulated time: eight hours of outage, and the drain after it. A tenth of the size here, the whole of it with HUILIU_FULL=1 (`npm run faults`). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outage } from "../../test/fakes/outage.ts";
import { playAside } from "../../test/fakes/simulation-rules.ts";

const FULL = process.env.HUILIU_FULL === "1";
const CEILING = 120;
const [owed, lanes] = FULL ? [200_000, 20_000] : [20_000, 2_000];

test(`C-6 8 h of outage with ${owed} owed in ${lanes} lanes, two workers: few calls, no row touched, a drain near the ideal, live lanes first`, async (t) => {
  const seen = await playAside<Outage>({ outage: { owed, lanes, ceiling: CEILING, hours: 8, workers: 2 } });
  t.diagnostic(JSON.stringify(seen));
  assert.ok(seen.callsWhileDead <= 1_100, `${seen.callsWhileDead} calls to the dead HIS`);
  assert.equal(seen.touchedWhileOpen, 0);
  assert.ok(seen.noticedMs <= 37_000, `noticed after ${seen.noticedMs} ms`);
  assert.ok(seen.drainMs <= 1.4 * seen.idealMs, `${seen.drainMs} ms, the ideal is ${seen.idealMs}`);
  assert.ok(seen.failedShare <= 0.01, `${seen.failedShare} failed`);
  assert.ok(seen.peak <= 1.1 * CEILING, `${seen.peak} calls within a second`);
  assert.ok(seen.liveLanes > 100 && seen.liveFirstTryMs <= 5_000, `a new lane waited ${seen.liveFirstTryMs} ms for its first try`);
});
