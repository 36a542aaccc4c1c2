/** Kills of everything under load, at a naive HIS that can be asked. The other HIS has a file of its own: a supervisor slows down for what is killed again and again. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { destination, type Huiliu, QUICK, startHuiliu } from "./harness.ts";
import { killJourney } from "./kill-journey.ts";

const SEED = Number(process.env.HUILIU_SEED ?? Math.floor(Math.random() * 1_000_000));

/** Longer than this HIS can stand still on a machine where everything is being killed and started: a request it has not read yet is “not found” to it. */
const TRUST_MS = 6_000;

let huiliu: Huiliu;
before(async () => {
  huiliu = await startHuiliu("kills-naive", {
    profiles: { his: destination({ ...QUICK, duplicates: "inquiry", trustNotFoundAfterMs: TRUST_MS }) },
  });
  await huiliu.fault({ mode: "naive" });
});
after(() => huiliu?.stop());

test("C-2 C-6 S4-3 S0-42 naive: kill -9 of the engine three times, of RabbitMQ and PostgreSQL once: 1,002 effects, none lost, none twice, in order", async (context) => {
  context.diagnostic(`HUILIU_SEED=${SEED}`);
  const report = await killJourney(huiliu, SEED);
  context.diagnostic(JSON.stringify(report));
  assert.equal(report.effects + report.cancelled, 1_002);
});
