/** Retention over a real PostgreSQL with a moved clock: nothing owed is lost, everything else goes, and traffic beside it goes on. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { SealedEvent } from "../../../domain/delivery/ports.ts";
import type { RetentionSimulation } from "../../../domain/operations/views-retention.ts";
import { dropDay, LOCK_WAIT_MS } from "../../../platform/postgres/retention-drop.ts";
import { auditOf, codeOf, mustBe, operationsWorld, parkedMessage, parkedWriteBack, type World } from "./world.ts";

const DAY_MS = 86_400_000;
const by = { by: "王工", reason: "测试清理" };
const SHORT = { messages: 7, events: 31, bodies: 31, attempts: 31 };

let world: World;
before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

/** Moves the clock to `days` before (or after) the machine's day, and makes that day's tables. */
const dayAt = async (days: number): Promise<string> => {
  await world.postgres.setClockOffset(days * DAY_MS);
  await world.postgres.ensurePartitions(0);
  return (await world.postgres.now()).day;
};
const suffix = (day: string): string => day.replaceAll("-", "");
const there = async (table: string): Promise<boolean> =>
  (await world.sql<{ there: boolean }>("select to_regclass($1) is not null as there", [table]))[0]?.there === true;
const simulate = async (): Promise<RetentionSimulation> => mustBe(await world.operations.retention.simulate("王工"));
const gone = (one: RetentionSimulation): string[] => one.items.filter((item) => item.goes).map((item) => `${item.day} ${item.content}`);
const acknowledged = async (bill: string): ReturnType<World["pay"]> => {
  const paid = await world.pay(bill);
  const claim = (await world.claim("his")).find((one) => one.id === paid.writeBackId);
  assert.ok(claim);
  await world.finish(claim, { outcome: "acknowledged", step: "finish", how: "reply", receipt: { code: "0", amountFen: 1650n } });
  return paid;
};
const published = () => world.sql("delete from outbox");

describe("policy", () => {
  test("the default until a person decides; changes have a person, a reason and a record", async () => {
    const { policy, setPolicy } = world.operations.retention;
    assert.equal(mustBe(await policy()).version, "0");
    assert.equal(mustBe(await policy()).policy.automatic, false);
    assert.equal(codeOf(await setPolicy(SHORT, { by: "王工" })), "REASON_REQUIRED");
    assert.equal(codeOf(await setPolicy({ messages: 3 }, by)), "POLICY_REFUSED");
    assert.equal(codeOf(await setPolicy({ messages: 400 }, by)), "POLICY_REFUSED");
    const done = mustBe(await setPolicy(SHORT, by));
    assert.equal(done.id, "1");
    assert.equal(mustBe(await policy()).policy.messages, 7);
    assert.deepEqual(
      (await auditOf(world, "1")).map((row) => row.action),
      ["policy"],
    );
  });
});

describe("what goes and what stays", () => {
  const kept: { day: string; why: string; ids: string[] }[] = [];
  let finished: { messageId: string; writeBackId: string; event: SealedEvent };
  let finishedDay = "";

  before(async () => {
    const open: readonly (readonly [string, () => Promise<string[]>])[] = [
      ["MESSAGE_OPEN", async () => [(await world.receive()).id]],
      ["MESSAGE_PARKED", async () => [await parkedMessage(world)]],
      ["WRITE_BACK_OWED", async () => [(await world.pay("R-OWED")).messageId]],
      ["WRITE_BACK_PARKED", async () => [await parkedWriteBack(world, "R-PARKED")]],
      [
        "EVENT_DELIVERY_OPEN",
        async () => {
          const { messageId, event } = await acknowledged("R-EVENT")
            .then((paid) =>
              world.sql<{ id: string; message_id: string }>("select id, message_id from event where message_id = $1 limit 1", [
                paid.messageId,
              ]),
            )
            .then(([row]) => ({ messageId: row?.message_id ?? "", event: row?.id ?? "" }));
          await world.sql(
            "insert into event_delivery (subscriber, event_id, message_id, seq, state, owed_at) values ('s', $1, $2, 1, 'parked', huiliu_now())",
            [event, messageId],
          );
          return [messageId];
        },
      ],
    ];
    for (const [index, [why, make]] of open.entries()) {
      const day = await dayAt(-100 + index);
      // What is finished stands beside what is open.
      await acknowledged(`R-BESIDE-${index}`);
      await published();
      kept.push({ day, why, ids: await make() });
      await published();
    }
    const day = await dayAt(-60);
    const unpublished = await acknowledged("R-UNPUBLISHED");
    kept.push({ day, why: "EVENT_UNPUBLISHED", ids: [unpublished.messageId] });
    finishedDay = await dayAt(-50);
    finished = await acknowledged("R-FINISHED");
    await world.sql("delete from outbox where message_id = $1", [finished.messageId]);
    await dayAt(-3);
    const young = await acknowledged("R-YOUNG");
    await world.sql("delete from outbox where message_id = $1", [young.messageId]);
    await dayAt(0);
  });

  test("the simulation names each day's reason; only the finished day goes; nothing has changed", async () => {
    const seen = await simulate();
    for (const { day, why } of kept) {
      const items = seen.items.filter((item) => item.day === day);
      assert.equal(items.length, 4, `${day} ${why}`);
      for (const item of items)
        assert.ok(!item.goes && item.why.some((one) => one.code === why && one.count >= 1), `${day} ${item.content} ${why}`);
    }
    assert.deepEqual(
      gone(seen),
      ["messages", "events", "bodies", "attempts"].map((content) => `${finishedDay} ${content}`),
    );
    const messages = seen.items.find((item) => item.day === finishedDay && item.content === "messages");
    assert.equal(messages?.rows, 3); // the message and two rows of its history
    assert.ok((messages?.bytes ?? 0) > 0);
    assert.ok(seen.unassigned.some((one) => one.table === "message_default"));
    assert.ok(await there(`message_${suffix(finishedDay)}`));
  });

  test("events that a subscriber has still to read keep their day, and so does a replay that is not finished", async () => {
    await world.sql(
      `insert into subscriber (name, queue, patterns, source, made_at, checkpoint, checkpoint_at) values ('s', 'q', '{#}', 'api', huiliu_now(), 0, huiliu_now())`,
    );
    await world.sql(
      `insert into replay_job (id, of, state, selection, requested_by, reason, confirmed_checked, include_superseded, rate_per_second, canary_items, created_at, hash, counts)
        values (gen_random_uuid(), 'messages', 'running', '{}', 'a', 'b', false, false, 1, 1, huiliu_now(), '', '{}')`,
    );
    await world.sql(
      "insert into replay_item (job, n, target, how, state, at) select id, 1, $1, 'feed', 'marked', huiliu_now() from replay_job",
      [finished.messageId],
    );
    const why = async (): Promise<string[]> => {
      const seen = await simulate();
      return seen.items.find((item) => item.day === finishedDay && item.content === "messages")?.why.map((one) => one.code) ?? [];
    };
    assert.deepEqual(await why(), ["EVENT_UNREAD", "REPLAY_OPEN"]);
    await world.sql("update subscriber set checkpoint = 1000000, owed_from = 0, owed_why = 'asked'");
    await world.sql("update replay_job set state = 'done', ended_at = huiliu_now()");
    assert.deepEqual(await why(), ["EVENT_UNREAD"], "asked for again: not dropped from under the republishing");
    await world.sql("update subscriber set owed_from = null, owed_why = null");
    assert.deepEqual(await why(), []);
    await world.sql("delete from replay_item");
    await world.sql("delete from subscriber");
  });

  test("it is run only as simulated, by a person, with a reason, within the hour", async () => {
    const { run } = world.operations.retention;
    const { hash } = await simulate();
    assert.equal(codeOf(await run(hash, { by: "王工" })), "REASON_REQUIRED");
    assert.equal(codeOf(await run("0".repeat(64), by)), "NOT_SIMULATED");
    await world.sql("update retention_simulation set at = at - interval '61 minutes'");
    assert.equal(codeOf(await run(hash, by)), "NOT_SIMULATED");
    const parked = await simulate();
    await world.sql("update message set state = 'parked' where id = $1", [finished.messageId]);
    assert.equal(codeOf(await run(parked.hash, by)), "SIMULATION_STALE");
    await world.sql("update message set state = 'settled' where id = $1", [finished.messageId]);
    assert.ok(await there(`message_${suffix(finishedDay)}`));
  });

  test("the run: what is finished goes, with its record; what is owed is all there and can still be worked on", async () => {
    const counts = () =>
      world.sql<{ n: number }>(
        "select (select count(*) from write_back)::integer + (select count(*) from message_identity)::integer + (select count(*) from business_key)::integer + (select count(*) from business_identity)::integer as n",
      );
    const before = await counts();
    const { hash } = await simulate();
    const done = mustBe(await world.operations.retention.run(hash, by));
    assert.deepEqual(done.left, []);
    assert.deepEqual(
      done.dropped.map((one) => `${one.day} ${one.content}`),
      ["messages", "events", "bodies", "attempts"].map((content) => `${finishedDay} ${content}`),
    );
    for (const table of ["message", "message_history", "event", "write_back_body", "attempt"]) {
      assert.equal(await there(`${table}_${suffix(finishedDay)}`), false, table);
      for (const { day } of kept) assert.ok(await there(`${table}_${suffix(day)}`), `${table} ${day}`);
    }
    assert.deepEqual(await counts(), before);
    const [audit] = await world.sql<{ reason: string; before: { rows: number } }>(
      "select reason, before from operator_action where action = 'drop' and target_id = $1",
      [`${finishedDay}/messages`],
    );
    assert.deepEqual([audit?.reason, audit?.before.rows], [by.reason, 3]);
    for (const { ids } of kept.filter((one) => one.why === "MESSAGE_PARKED"))
      mustBe(await world.operations.replayMessage(ids[0] ?? "", by));
    // Claims that have run out are looked for twice a second; one of the claims made for this test's past has.
    const look = async () => (await world.claim("his")).find((one) => kept.some(({ ids }) => ids.includes(one.messageId)));
    let owed = await look();
    for (let tries = 0; owed === undefined && tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      owed = await look();
    }
    const states = async () =>
      JSON.stringify(await world.sql("select id, message_id, state, next_at, lease_until, huiliu_now() as now from write_back"));
    assert.ok(owed, `nothing owed is claimed: ${await states()}`);
    assert.ok(owed.body.byteLength > 0);
    await world.finish(owed, { outcome: "acknowledged", step: "finish", how: "reply", receipt: { code: "0", amountFen: 1650n } });
  });

  test("what is gone is said to be gone: search by key, details, replay, preview", async () => {
    const page = mustBe(await world.operations.messages({ keys: ["R-FINISHED"] }));
    assert.deepEqual(page.items, []);
    assert.equal(page.pastRetention?.[0]?.id, finished.messageId);
    assert.equal(page.pastRetention?.[0]?.receivedOn, finishedDay);
    assert.deepEqual(page.pastRetention?.[0]?.keys, [{ kind: "bill", value: "R-FINISHED" }]);
    assert.equal(mustBe(await world.operations.messages({ keys: ["R-OWED"] })).pastRetention, undefined);
    assert.equal(codeOf(await world.operations.message(finished.messageId)), "CONTENT_GONE");
    assert.equal(codeOf(await world.operations.replayMessage(finished.messageId, by)), "CONTENT_GONE");
    assert.equal(codeOf(await world.operations.resolveMessage(finished.messageId, by)), "CONTENT_GONE");
    assert.equal(codeOf(await world.operations.previewMessage(finished.messageId)), "CONTENT_GONE");
    assert.equal(codeOf(await world.operations.message("00000000-0000-7000-8000-000000000000")), "UNKNOWN_MESSAGE");
    const detail = mustBe(await world.operations.writeBack(finished.writeBackId));
    assert.deepEqual(detail.gone, ["bodies", "attempts"]);
    assert.equal(detail.writeBack.state, "acknowledged");
    const [row] = mustBe(await world.operations.writeBacks({ keys: ["R-FINISHED"] })).items;
    assert.equal(row?.id, finished.writeBackId);
  });

  test("the same message again is still a duplicate, and the same fact again gives no second event", async () => {
    const [identity] = await world.sql<{ identity: string; partner: string }>(
      "select identity, partner from message_identity where message_id = $1",
      [finished.messageId],
    );
    const again = await world.journal.append({
      door: "amqp",
      partner: identity?.partner ?? "",
      kind: "pay-order",
      identity: identity?.identity ?? "",
      contentType: "application/xml",
      charset: "utf-8",
      headers: {},
      raw: new TextEncoder().encode("<REQ><PATIENT_NAME>李四光</PATIENT_NAME><TEL>13800138000</TEL></REQ>"),
    });
    assert.equal(again.kind, "duplicate");
    assert.equal(again.kind === "duplicate" ? again.messageId : "", finished.messageId);
    assert.equal(again.kind === "duplicate" ? again.state : "", "settled");
    const other = await world.journal.append({
      door: "amqp",
      partner: identity?.partner ?? "",
      kind: "pay-order",
      identity: identity?.identity ?? "",
      contentType: "application/xml",
      charset: "utf-8",
      headers: {},
      raw: new TextEncoder().encode("<REQ>other</REQ>"),
    });
    assert.equal(other.kind, "conflict");
    const told = await world.receive();
    await world.end(told, { events: [finished.event] });
    const [row] = await world.sql<{ state: string; duplicate_of: string }>("select state, duplicate_of from message where id = $1", [
      told.id,
    ]);
    assert.deepEqual(row, { state: "duplicate", duplicate_of: finished.messageId });
    assert.deepEqual(await world.sql("select id from event where message_id = $1", [told.id]), []);
    await world.sql("update message set state = 'resolved' where state = 'parked' and duplicate_of = $1", [finished.messageId]);
  });
});

describe("beside traffic", () => {
  const crowded = async (days: number): Promise<string> => {
    const day = await dayAt(days);
    await acknowledged(`R-TRAFFIC-${days}`);
    await published();
    await dayAt(0);
    return day;
  };
  const size = { rows: 1, exact: true, bytes: 1 };
  const order = (day: string) => ({ day, content: "messages" as const, size, ...by, hash: "test" });

  test("a long reader does not let it in, and traffic is not held up behind it", async () => {
    const day = await crowded(-45);
    const reader = await world.postgres.reads.connect();
    await reader.query("begin");
    await reader.query("select count(*) from message");
    const dropping = dropDay(world.postgres.pool, { debug() {}, info() {}, warn() {}, error() {} }, order(day));
    let done = 0;
    let running = true;
    const traffic = (async () => {
      while (running) {
        await world.end(await world.receive());
        done += 1;
      }
    })();
    // Behind a drop that waits for the reader nothing would go on before the reader has ended.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const sofar = done;
    for (const until = performance.now() + 60_000; done < sofar + 5 && performance.now() < until; )
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(done >= sofar + 5, `traffic stood still: ${done} after ${sofar} (locks are waited for ${LOCK_WAIT_MS} ms)`);
    await reader.query("rollback");
    reader.release();
    const dropped = await dropping;
    running = false;
    await traffic;
    assert.equal(dropped.kind, "dropped");
  });

  test("work that opens between the simulation and the drop keeps its day", async () => {
    const day = await crowded(-46);
    const [row] = await world.sql<{ id: string }>(`select id from message_${suffix(day)} limit 1`);
    mustBe(await world.operations.replayMessage(row?.id ?? "", by));
    const done = await dropDay(world.postgres.pool, { debug() {}, info() {}, warn() {}, error() {} }, order(day));
    assert.deepEqual(done, { kind: "held", codes: ["MESSAGE_OPEN"] });
    assert.ok(await there(`message_${suffix(day)}`));
  });
});

describe("at night", () => {
  test("only when the policy says so, once a night, on record", async () => {
    const { nightly, setPolicy } = world.operations.retention;
    const day = await dayAt(-40);
    await acknowledged("R-NIGHT");
    await published();
    await dayAt(0);
    assert.equal(await nightly(), undefined);
    mustBe(await setPolicy({ automatic: true, at: "00:00" }, by));
    const done = await nightly();
    assert.ok(done);
    assert.ok(mustBe(done).dropped.some((one) => one.day === day));
    assert.equal(await nightly(), undefined);
    const [row] = await world.sql<{ who: string; reason: string }>(
      "select who, reason from operator_action where action = 'drop' and target_id = $1",
      [`${day}/messages`],
    );
    assert.deepEqual([row?.who, row?.reason], ["huiliu", "nightly, policy version 2"]);
  });
});
