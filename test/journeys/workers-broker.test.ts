/** The broker as servant of two workers: wiped under load, and simply gone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { destination, type Huiliu, type Profile, QUICK, startHuiliu, until } from "./harness.ts";
import { createStory, textOf } from "./story.ts";
import { subscribed, wipeBroker } from "./wipe-journey.ts";
import { createWorkersJourney } from "./workers-journey.ts";

let huiliu: Huiliu;
const quick = (profile: Profile): Profile => subscribed(destination({ ...QUICK, duplicates: "inquiry" })(profile));

before(async () => {
  huiliu = await startHuiliu("workers-broker", { workers: 2, profiles: { his: quick } });
  await huiliu.fault({ mode: "naive" });
});
after(async () => {
  await huiliu?.stop();
});

describe("the broker is a servant", { concurrency: false }, () => {
  test("C-2 S0-42 F06 F07 wiped under load, Redis flushed: nothing journaled is lost, the subscriber has every event, work goes on within 10 s", async () => {
    const { report, ...told } = await wipeBroker(huiliu, { messages: 400, seed: 41 });
    assert.equal(report.clean, true);
    assert.ok(told.unreadAtTheWipe > 0, `events waited in the queue that was wiped: ${JSON.stringify(told)}`);
  });

  test("C-2 F07 Redis stalled: messages are taken and delivered as ever", async () => {
    const workers = createWorkersJourney(huiliu, 43, 30);
    const told = await workers.busyWhile(() => workers.asleep("redis", 3_000));
    assert.deepEqual(told.refused, []);
  });

  test("C-2 F05 without a broker HTTP messages are taken and delivered; events wait in PostgreSQL and follow", async () => {
    const story = createStory(
      () => huiliu,
      () => assert.fail("no AMQP here"),
      42,
    );
    await huiliu.kill("rabbit");
    const since = (await huiliu.ledger()).length;
    const made = Array.from({ length: 10 }, (_, index) => [
      story.make("his.charge", index, "self"),
      story.make("his.payment", index, "self"),
    ]).flat();
    for (const [index, one] of made.entries()) {
      const answer = await huiliu.post("his", index % 2 === 0 ? "charge" : "payment", textOf(one), {
        "content-type": "application/xml; charset=UTF-8",
        "idempotency-key": one.id,
      });
      await answer.body?.cancel();
      assert.equal(answer.status, 202);
    }
    await until("delivered", async () => (await huiliu.ledger()).slice(since).filter((line) => line.effect).length >= 10, 15_000);
    await huiliu.recovered();
    await story.quiet(20_000);
  });
});
