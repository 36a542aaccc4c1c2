/** A hospital day in small: every partner that is there, with faults, and nothing but ledgers to judge it ("What must show" 2). The large form: npx huiliu hospital day. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { playDay, WANTED } from "../hospital/day/play.ts";
import { createStage } from "../hospital/day/stage.ts";
import { PARTNERS } from "../hospital/partners.ts";
import { destination, type Huiliu, QUICK, startHuiliu } from "./harness.ts";

const PATIENTS = 20;
const DATE = "2026-11-20";
const WAIT_MS = 300_000;

let huiliu: Huiliu;

before(async () => {
  huiliu = await startHuiliu("hospital-day", {
    profiles: {
      his: destination(QUICK),
      pharmacy: destination(QUICK),
      neusoft: destination({ retry: QUICK.retry }),
      chongqing: destination({ retry: QUICK.retry }),
      nhsa: destination({ ...QUICK, leaseMs: 4_000, trustNotFoundAfterMs: 1_500 }),
    },
  });
});
after(() => huiliu.stop());

for (const faults of [false, true])
  test(`${PATIENTS} patients${faults ? ", faults at every partner" : ""}: every ledger agrees to the fen, 0 lost, 0 twice`, async () => {
    const played = await playDay(createStage(huiliu.run().hospital), {
      patients: PATIENTS,
      seed: faults ? 8 : 7,
      date: DATE,
      faults,
      parallel: 8,
      waitMs: WAIT_MS,
      say: () => undefined,
    });
    assert.deepEqual(played.refused, []);
    assert.deepEqual(played.report.findings, []);
    // Nobody is missing in silence: who is not there is named.
    const here = PARTNERS.map(({ name }) => name);
    const unnamed = WANTED.filter((name) => !here.includes(name) && !played.leftOut.some(({ partner }) => partner === name));
    assert.deepEqual(unnamed, []);
    const { totals } = played.report;
    assert.ok((totals["payment → HIS told: done"]?.count ?? 0) >= PATIENTS);
    for (const rule of [
      "paid prescription → pharmacy told",
      "settlement → HIS told",
      "order → RIS told",
      "examination → HIS told",
      "report → HIS told",
    ])
      assert.ok((totals[`${rule}: done`]?.count ?? 0) > 0, rule);
    // Everybody has a part in it: whose settlements and payments were asked for.
    const idle = played.leftOut.filter(({ partner }) => ["nhsa-mobile", "chongqing", "serviceforxml"].includes(partner));
    assert.deepEqual(idle, []);
    if (faults) {
      assert.ok((played.faultsHit.his ?? 0) > 0 && (played.faultsHit.pharmacy ?? 0) > 0, JSON.stringify(played.faultsHit));
      assert.ok((played.inquiries.his ?? 0) > 0, "unclear ones are asked for");
    }
  });
