import assert from "node:assert/strict";
import { test } from "node:test";
import { createTraffic, TRAFFIC_FLOWS_MAX, TRAFFIC_MINUTES } from "./traffic.ts";

const MINUTE_MS = 60_000;

test("a flow's minutes: what settled and what parked, the running one last, older ones forgotten", () => {
  let now = 1_000_000 * MINUTE_MS;
  const traffic = createTraffic({ nowMs: () => now });
  for (const what of ["settled", "duplicate", "parked", "conflict", "fenced", "fed"]) traffic.count(what, "charges");
  traffic.count("settled", "");
  traffic.count("settled", undefined);
  assert.deepEqual(traffic.of("charges").at(-1), { ago: 0, settled: 2, parked: 2 });
  assert.equal(traffic.of("charges").length, TRAFFIC_MINUTES);
  assert.ok(traffic.of("other").every((one) => one.settled === 0 && one.parked === 0));
  now += 5 * MINUTE_MS;
  traffic.count("settled", "charges");
  assert.deepEqual(
    traffic.of("charges").filter((one) => one.settled > 0),
    [
      { ago: 5, settled: 2, parked: 2 },
      { ago: 0, settled: 1, parked: 0 },
    ],
  );
  now += (TRAFFIC_MINUTES - 1) * MINUTE_MS;
  assert.deepEqual(
    traffic.of("charges").filter((one) => one.settled > 0),
    [{ ago: TRAFFIC_MINUTES - 1, settled: 1, parked: 0 }],
  );
});

test("names without end do not fill the memory", () => {
  const traffic = createTraffic({ nowMs: () => 0 });
  for (let flow = 0; flow <= TRAFFIC_FLOWS_MAX; flow += 1) traffic.count("settled", `f${flow}`);
  assert.equal(traffic.of(`f${TRAFFIC_FLOWS_MAX - 1}`).at(-1)?.settled, 1);
  assert.equal(traffic.of(`f${TRAFFIC_FLOWS_MAX}`).at(-1)?.settled, 0);
});
