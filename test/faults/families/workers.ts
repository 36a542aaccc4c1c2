/** Faults of several workers, in a system of two: the one that feeds flows and the one that does not are stopped in their tracks, longer than every lease. */
import { setTimeout as sleep } from "node:timers/promises";
import { destination, type Part, QUICK, startHuiliu, until } from "../../journeys/harness.ts";
import { createWorkersJourney } from "../../journeys/workers-journey.ts";
import { bills, type Fault, type Stage } from "../registry.ts";

const WORKERS = 2;
const ASLEEP_MS = { short: 6_000, full: 60_000 };
const BILLS = { short: 60, full: 400 };
const DONE_MS = 120_000;

/** The journey counts for itself, over its own hospital's ledger: nothing lost, doubled or out of order, nothing parked. */
async function asleep(stage: Stage): Promise<void> {
  const { form, seed } = stage;
  const huiliu = await startHuiliu(`faults-asleep-${seed}`, {
    workers: WORKERS,
    profiles: { his: destination({ ...QUICK, duplicates: "inquiry" }) },
  });
  try {
    await huiliu.fault({ mode: "naive" });
    const workers = createWorkersJourney(huiliu, seed % 1_000);
    const feeding = async (): Promise<boolean> => {
      const first = huiliu.run().pids.engine;
      const worker = await workers.feeder();
      const [row] = await huiliu.sql("select name from worker where id = $1", [worker]);
      return String(row?.name).endsWith(`:${first}`);
    };
    for (const who of ["feeder", "other"] as const) {
      await until("somebody feeds", async () => (await workers.feeder()) !== 0, 30_000);
      const part: Part = (await feeding()) === (who === "feeder") ? "engine" : "engine2";
      const told = await workers.busyWhile(
        async () => {
          await sleep(500);
          await workers.asleep(part, ASLEEP_MS[form]);
        },
        { bills: BILLS[form], doneMs: DONE_MS },
      );
      stage.note(`${who} asleep`, `${part} ${ASLEEP_MS[form]} ms, ${told.refused.length} refused, ${told.brokenOff} broken off`);
    }
  } finally {
    await huiliu.stop();
  }
  stage.over();
}

export const WORKERS_ASLEEP: readonly Fault[] = [
  {
    id: "F25b",
    what: "of two workers, the feeder and then the other frozen for 60 s",
    short: false,
    bills: bills(80, 80),
    inject: asleep,
  },
];
