/** Several workers on one machine: every one takes messages, one feeds flows; they are killed, stopped in their tracks and restarted one after the other under load. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { type Client, connectClient } from "./client.ts";
import { destination, engineRefuses, type Huiliu, QUICK, startHuiliu, until } from "./harness.ts";
import { createStory } from "./story.ts";
import { createWorkersJourney, type WorkersJourney } from "./workers-journey.ts";

const SEED = 71;
/** Longer than the feeder's lease of 3 s, so that another worker takes over while it sleeps. */
const ASLEEP_MS = 4_500;

let huiliu: Huiliu;
let client: Client;
let workers: WorkersJourney;
const story = createStory(
  () => huiliu,
  () => client,
  SEED,
);

before(async () => {
  huiliu = await startHuiliu("workers", { workers: 2, profiles: { his: destination({ ...QUICK, duplicates: "inquiry" }) } });
  await huiliu.fault({ mode: "naive" });
  client = await connectClient(huiliu.run().amqp);
  workers = createWorkersJourney(huiliu, SEED);
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
});

describe("two workers", { concurrency: false }, () => {
  test("run.json and the status name both, and who feeds", async () => {
    const { workers: told, pids } = huiliu.run();
    assert.deepEqual(
      told.map((one) => [one.worker, one.pid]),
      [
        ["engine-1", pids.engine],
        ["engine-2", pids.engine2],
      ],
    );
    // Who feeds is decided after the engines are ready.
    await until("somebody feeds", async () => (await workers.feeder()) !== 0);
    const { body } = await huiliu.api("/status");
    const living = body.workers.filter((one: { alive: boolean }) => one.alive);
    assert.equal(living.length, 2, JSON.stringify(body.workers));
    assert.deepEqual(
      living.filter((one: { feeder: boolean }) => one.feeder).map((one: { id: number }) => one.id),
      [await workers.feeder()],
    );
  });

  test("C-2 both journal over one port, nobody is refused, a lane keeps its order", async () => {
    const told = await workers.busyWhile(async () => undefined);
    assert.deepEqual(told, { refused: [], brokenOff: 0 });
    const [order] = await huiliu.sql(
      `select count(*)::int as wrong from write_back one join write_back other on one.lane = other.lane and one.destination = other.destination
        join message m on m.id = one.message_id join message n on n.id = other.message_id where m.seq < n.seq and one.lane_seq > other.lane_seq`,
    );
    assert.deepEqual(order, { wrong: 0 });
  });

  test("a sender at the worker that does not feed hears the verdict, too", async () => {
    const verdicts = await Promise.all(
      Array.from({ length: 6 }, (_, index) => story.push("his.charge", story.make("his.charge", 50_000 + index))),
    );
    assert.deepEqual([...new Set(verdicts.map((one) => `${one.verdict} ${one.pending ?? false}`))], ["accepted false"]);
  });
});

describe("workers in trouble under load", { concurrency: false }, () => {
  let asked = 60_000;
  test("C-2 the feeder is killed: the other feeds, and the dead one's messages, too", async () => {
    await workers.busyWhile(async () => {
      await sleep(400);
      const before = await workers.feeder();
      await huiliu.kill("engine");
      await until("another worker feeds", async () => ![0, before].includes(await workers.feeder()));
      await huiliu.recovered();
    });
    await until(
      "flows are fed where they are edited",
      async () =>
        (await huiliu.api("/status")).body.workers.some(
          (one: { name: string; feeder: boolean }) => one.feeder && one.name.includes("engine-1"),
        ),
      10_000,
    );
  });

  for (const [part, what] of [
    ["engine", "the feeder"],
    ["engine2", "the other one"],
  ] as const)
    test(`C-2 F25 ${what} sleeps longer than the lease and wakes: what it still holds commits nothing, nothing is lost or doubled`, async () => {
      // Who has the lead feeds a moment later: one that was put to sleep in between had nothing in hand and says nothing of it.
      await until("somebody feeds", async () => {
        asked += 1;
        return (await story.push("his.charge", story.make("his.charge", asked))).pending !== true;
      });
      const before = await workers.feeder();
      const over = (): boolean => /another worker feeds flows now/.test(huiliu.log("engine"));
      // A loaded machine may give the other one no time to take over while it sleeps: then it sleeps on.
      const takenOver = async (): Promise<boolean> => part !== "engine" || ![0, before].includes(await workers.feeder());
      await workers.busyWhile(() => workers.asleep(part, ASLEEP_MS, takenOver));
      if (part === "engine") await until("it says so", over);
    });

  test("C-2 C-6 a rolling restart loses nothing, doubles nothing and refuses nobody", async () => {
    const told = await workers.busyWhile(async () => {
      for (const part of ["engine2", "engine"] as const) {
        await sleep(300);
        await huiliu.kill(part, "SIGTERM");
        await huiliu.recovered();
      }
    });
    assert.deepEqual(told.refused, []);
  });

  test("F33 a third engine on the same data folder shares the work, or says what is taken", async () => {
    const taken = await engineRefuses(huiliu.engineEnv(), 120_000, "same");
    assert.equal(taken.code, 1, taken.said);
    assert.match(taken.said, /Port \d+ is taken/);
    await workers.busyWhile(async () => {
      const shares = await engineRefuses(huiliu.engineEnv(), 5_000);
      assert.equal(shares.code, null, `it was to run until it was killed: ${shares.said}`);
    });
  });
});
