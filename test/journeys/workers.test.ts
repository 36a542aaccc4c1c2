/** Several workers on one machine: every one takes messages, one feeds flows; they are killed, stopped in their tracks and restarted one after the other under load. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import type { Made } from "../hospital/messages/made.ts";
import { compare } from "../hospital/oracle.ts";
import { type Client, connectClient } from "./client.ts";
import { destination, engineRefuses, type Huiliu, type Part, QUICK, startHuiliu, until } from "./harness.ts";
import { createStory, textOf } from "./story.ts";

const SEED = 71;
/** Bills of one act: a charge, its payment and its refund, each sent when the one before is answered. */
const BILLS = 120;
const SENDERS = 12;
const PAUSE_MS = 120;
/** Longer than the feeder's lease of 3 s, so that another worker takes over while it sleeps. */
const ASLEEP_MS = 4_500;
const CHAIN = ["his.charge", "his.payment", "his.refund"] as const;

let huiliu: Huiliu;
let client: Client;
let used = 0;
const story = createStory(
  () => huiliu,
  () => client,
  SEED,
);

before(async () => {
  huiliu = await startHuiliu("workers", { workers: 2, profiles: { his: destination({ ...QUICK, duplicates: "inquiry" }) } });
  await huiliu.fault({ mode: "naive" });
  client = await connectClient(huiliu.run().amqp);
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
});

interface Told {
  readonly refused: string[];
  readonly brokenOff: number;
}

/** Sends one message until it is taken; a connection of its own each time, so that either worker may get it. */
async function post(name: string, made: Made, told: { refused: string[]; brokenOff: number }): Promise<void> {
  const [partner = "", kind = ""] = name.split(".");
  for (;;) {
    try {
      const answer = await huiliu.post(partner, kind, textOf(made), {
        "content-type": "application/xml; charset=UTF-8",
        "idempotency-key": made.id,
        connection: "close",
      });
      const text = await answer.text();
      if (answer.status === 200 || answer.status === 202) return;
      told.refused.push(text);
      if (answer.status < 500 && answer.status !== 429) throw new Error(`${name}: ${answer.status} ${text}`);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      told.brokenOff += 1; // fetch failed: whether it was journaled nobody was told; sent again under the same key
    }
    await sleep(50);
  }
}

/** Bills are sent while something happens to the workers; then the ledger is held against them. */
async function busyWhile(what: () => Promise<void>): Promise<Told> {
  const first = used;
  used += BILLS;
  const since = (await huiliu.ledger()).length;
  const told = { refused: [] as string[], brokenOff: 0 };
  const rest = Array.from({ length: BILLS }, (_, index) => first + index);
  const expected = rest.flatMap((ordinal) => CHAIN.flatMap((name) => story.make(name, ordinal, "self").expect));
  const send = async (): Promise<void> => {
    for (let ordinal = rest.shift(); ordinal !== undefined; ordinal = rest.shift()) {
      for (const name of CHAIN) await post(name, story.make(name, ordinal, "self"), told);
      await sleep(PAUSE_MS);
    }
  };
  const sending = Promise.all(Array.from({ length: SENDERS }, send));
  await what();
  await sending;
  const lines = async () => (await huiliu.ledger()).slice(since);
  await until(
    "every effect is there",
    // A payment and its whole refund may cancel out before the HIS heard of either.
    async () => compare(expected, await lines()).lost.length === 0,
    30_000,
    async () => ({
      effects: (await lines()).filter((line) => line.effect).length,
      of: expected.length,
      states: await huiliu.sql("select state, lease_worker, count(*)::int n from message group by 1, 2"),
      owed: await huiliu.sql("select state, last_why, count(*)::int n from write_back group by 1, 2"),
      lead: await huiliu.sql("select * from lead"),
    }),
  );
  await story.quiet(20_000);
  const report = compare(expected, await lines());
  assert.deepEqual({ ...report, clean: true }, report, JSON.stringify(report));
  assert.deepEqual(await huiliu.sql("select kind, park from message where state = 'parked'"), []);
  return told;
}

const feeder = async (): Promise<number> =>
  Number((await huiliu.sql("select worker from lead where task = 'feeder' and until > huiliu_now()"))[0]?.worker ?? 0);

describe("two workers", { concurrency: false }, () => {
  test("run.json and the status name both, and who feeds", async () => {
    const { workers, pids } = huiliu.run();
    assert.deepEqual(
      workers.map((one) => [one.worker, one.pid]),
      [
        ["engine-1", pids.engine],
        ["engine-2", pids.engine2],
      ],
    );
    const { body } = await huiliu.api("/status");
    const living = body.workers.filter((one: { alive: boolean }) => one.alive);
    assert.equal(living.length, 2, JSON.stringify(body.workers));
    assert.deepEqual(
      living.filter((one: { feeder: boolean }) => one.feeder).map((one: { id: number }) => one.id),
      [await feeder()],
    );
  });

  test("C-2 both journal over one port, nobody is refused, a lane keeps its order", async () => {
    const told = await busyWhile(async () => undefined);
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

/** Stops a process in its tracks for a while, as a machine out of memory or a debugger does. */
async function asleep(part: Part, ms: number): Promise<void> {
  const pid = huiliu.run().pids[part];
  assert.ok(pid !== undefined);
  process.kill(pid, "SIGSTOP");
  await sleep(ms);
  process.kill(pid, "SIGCONT");
}

describe("workers in trouble under load", { concurrency: false }, () => {
  test("C-2 the feeder is killed: the other feeds within a second or two, and the dead one's messages, too", async () => {
    await busyWhile(async () => {
      await sleep(400);
      const before = await feeder();
      await huiliu.kill("engine");
      const since = Date.now();
      await until("another worker feeds", async () => ![0, before].includes(await feeder()), 5_000);
      assert.ok(Date.now() - since < 4_000, `took ${Date.now() - since} ms`);
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
      await busyWhile(() => asleep(part, ASLEEP_MS));
      if (part === "engine") assert.match(huiliu.log("engine"), /another worker feeds flows now/);
    });

  test("C-2 C-6 a rolling restart loses nothing, doubles nothing and refuses nobody", async () => {
    const told = await busyWhile(async () => {
      for (const part of ["engine2", "engine"] as const) {
        await sleep(300);
        await huiliu.kill(part, "SIGTERM");
        await huiliu.recovered();
      }
    });
    assert.deepEqual(told.refused, []);
  });

  test("F33 a third engine on the same data folder shares the work, or says what is taken", async () => {
    const taken = await engineRefuses(huiliu.engineEnv(), 30_000, "same");
    assert.equal(taken.code, 1, taken.said);
    assert.match(taken.said, /Port \d+ is taken/);
    await busyWhile(async () => {
      const shares = await engineRefuses(huiliu.engineEnv(), 5_000);
      assert.equal(shares.code, null, `it was to run until it was killed: ${shares.said}`);
    });
  });
});
