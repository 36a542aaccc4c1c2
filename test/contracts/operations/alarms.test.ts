/** Alarms: one notice at the start, one when it gets graver, one at the end, through restarts and dead sinks. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { createAlarmStore } from "../../../platform/postgres/alarms.ts";
import { createWorker } from "../../../platform/postgres/worker.ts";
import { alarmWorld, SECRET } from "./alarms-world.ts";
import { auditOf, codeOf, mustBe, parkedMessage, parkedWriteBack, payment, sealed } from "./world.ts";

const MINUTE = 60_000;
const by = { by: "王工", reason: "测试告警" };
const alarms = await alarmWorld();
const { world, web, mail, lines, log, watching, rest, restart, later, lookAfter, posted, told, mailed, logged } = alarms;

beforeEach(alarms.begin);
afterEach(rest);
after(alarms.close);

describe("one notice at the start, one when it gets graver, one at the end", () => {
  test("S4-3 age: an outage of 20 minutes, with a restart of the engine in it", async () => {
    await world.pay("S-AGE");
    // The broker is not part of this world: what is owed to it is put aside.
    await world.sql("delete from outbox");
    await lookAfter(0);
    assert.deepEqual(told("write-back-age"), []);
    await lookAfter(6 * MINUTE);
    assert.deepEqual(told("write-back-age"), ["start"]);
    for (let looks = 0; looks < 3; looks += 1) await lookAfter(MINUTE);
    await restart();
    await lookAfter(MINUTE);
    assert.deepEqual(told("write-back-age"), ["start"]);
    await lookAfter(8 * MINUTE);
    await lookAfter(MINUTE);
    assert.deepEqual(told("write-back-age"), ["start", "escalate"]);
    const [claim] = await world.claim("his");
    assert.ok(claim);
    await world.finish(claim, { outcome: "acknowledged", step: "finish", how: "reply", receipt: { code: "0", amountFen: 1650n } });
    await lookAfter(2_000);
    assert.deepEqual(told("write-back-age"), ["start", "escalate"]);
    await lookAfter(31_000);
    await lookAfter(MINUTE);
    assert.deepEqual(told("write-back-age"), ["start", "escalate", "end"]);
    assert.deepEqual(logged("write-back-age"), ["start", "escalate", "end"]);
    assert.equal(mailed("write-back-age").length, 3);
    const past = mustBe(await world.operations.alarms.list({ state: "ended", kind: "write-back-age" })).items;
    assert.equal(past.length, 1);
    assert.equal(past[0]?.severity, "page");
    assert.equal(past[0]?.told.filter((one) => one.toldAt !== undefined).length, 9);
  });

  test("what the webhook and the e-mail carry: signed, both languages, no personal data", async () => {
    await parkedMessage(world);
    await parkedWriteBack(world, "S-PARKED");
    await lookAfter(0);
    await lookAfter(5_000);
    assert.deepEqual([told("message-parked"), told("write-back-parked")], [["start"], ["start"]]);
    const [first] = web.got;
    assert.ok(first);
    const [, seconds, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(first.headers["huiliu-signature"])) ?? [];
    assert.equal(hex, createHmac("sha256", SECRET).update(`${seconds}.${first.body}`).digest("hex"));
    assert.equal(first.headers["idempotency-key"], posted()[0]?.id);
    assert.match(String(first.headers["content-type"]), /^application\/cloudevents\+json/);
    const [letter] = mailed("message-parked");
    assert.deepEqual(letter?.to, ["duty@hospital.example", "it@hospital.example"]);
    assert.match(letter?.subject ?? "", /^\[汇流 Huiliu\] 告警\/warn 开始\/started 有报文需要人工处理 · Messages wait for a person: jkt$/);
    assert.match(letter?.text ?? "", /下一步[\s\S]*Next:[\s\S]*parked: 1/);
    const everything = JSON.stringify([web.got, mail.got, lines.filter((one) => one.fields.alarm !== undefined)]);
    assert.doesNotMatch(everything, /李四光|13800138000|张三|S-PARKED/);
    assert.equal(mustBe(await world.operations.alarms.list({ state: "open" })).items.length, 2);
    assert.deepEqual(
      [...(await world.operations.alarms.open())].sort((a, b) => (a.kind < b.kind ? -1 : 1)),
      [
        { kind: "message-parked", severity: "warn", count: 1 },
        { kind: "write-back-parked", severity: "warn", count: 1 },
      ],
    );
  });

  test("blocked lanes, breaker, outbox, partitions", async () => {
    await parkedWriteBack(world, "S-BLOCK");
    await world.pay("S-BLOCK");
    await world.sql(
      "insert into destination (name, profile, seed_hash, breaker, breaker_at) values ('his', '{}', '', 'open', huiliu_now())",
    );
    const { day } = await world.postgres.now();
    const tomorrow = new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10).replaceAll("-", "");
    await world.sql(`drop table attempt_${tomorrow}`);
    await lookAfter(0);
    await lookAfter(3 * MINUTE);
    for (const kind of ["lanes-blocked", "breaker-open", "outbox-age", "partitions-missing"]) assert.deepEqual(told(kind), ["start"], kind);
    const [blocked] = mustBe(await world.operations.alarms.list({ kind: "lanes-blocked" })).items;
    assert.equal(blocked?.details.lanes, 1);
    assert.equal(blocked?.details.behindAtLeast, 1);
    // Where lanes go on past parked heads, one that may have taken effect holds its lane all the same.
    await world.sql(`update destination set profile = '{"parkedHead":"skip"}', breaker = 'closed' where name = 'his'`);
    await lookAfter(31_000);
    assert.deepEqual(told("lanes-blocked"), ["start"]);
    await world.sql("update write_back set blocks = false where state = 'parked'");
    await world.postgres.ensurePartitions();
    await lookAfter(2_000);
    await lookAfter(31_000);
    for (const kind of ["lanes-blocked", "breaker-open", "partitions-missing"]) assert.deepEqual(told(kind), ["start", "end"], kind);
  });
});

describe("totals", () => {
  test("a day whose totals differ is named until they agree again", async () => {
    const { writeBackId } = await world.pay("S-TOTALS");
    await world.sql("delete from outbox");
    await world.sql(
      "update write_back set state = 'acknowledged', closed_at = huiliu_now(), business_date = (huiliu_now() at time zone 'Asia/Shanghai')::date where id = $1",
      [writeBackId],
    );
    // Asked beside the looks: a later look has what an earlier one asked for. The test's clock leaps at each look; asking that lasted over some of them rests for as many
    // times more.
    const looksUntil = async (holds: () => boolean, ms: number): Promise<void> => {
      for (let looks = 0; !holds() && looks < 400; looks += 1) {
        await lookAfter(ms);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await looksUntil(() => told("totals-differ").includes("start"), 1_000);
    const listed = mustBe(await world.operations.alarms.list({ kind: "totals-differ" })).items;
    const [alarm] = listed;
    assert.equal(alarm?.severity, "page", JSON.stringify({ listed, told: posted() }));
    assert.equal(alarm?.details.codes, "NO_RECEIPT");
    await world.sql("update write_back set receipt = '{}' where id = $1", [writeBackId]);
    await looksUntil(() => told("totals-differ").includes("end"), 31_000);
    assert.deepEqual(told("totals-differ"), ["start", "end"]);
  });
});

describe("settled and not written back", () => {
  test("S4-3 an event whose like are written back and that owes nothing, until a person says that none is wanted", async () => {
    for (let n = 0; n < 5; n += 1) await world.pay(`S-WRITTEN-${n}`);
    const message = await world.receive();
    await world.end(message, { events: [sealed(payment(message.partner, "S-FORGOTTEN", "1650"))] });
    await world.sql("update write_back set state = 'acknowledged', closed_at = huiliu_now(), receipt = '{}'");
    await lookAfter(0);
    assert.deepEqual(told("not-written-back"), []);
    for (let looks = 0; looks < 4; looks += 1) await lookAfter(8 * MINUTE);
    const [alarm] = mustBe(await world.operations.alarms.list({ kind: "not-written-back" })).items;
    const known = alarm === undefined ? await world.sql("select * from unwritten_event, unwritten_watch") : [];
    assert.ok(alarm, JSON.stringify([known, lines.filter((one) => one.text.includes("probe"))]));
    assert.equal(alarm.subject, "event:jkt/payment.settled");
    assert.equal(alarm.details.firstMessage, message.id);
    assert.equal(alarm.details.events, 1);
    mustBe(await world.operations.alarms.act(alarm.id, { action: "acknowledge" }, by));
    await lookAfter(2_000);
    await lookAfter(31_000);
    assert.deepEqual(told("not-written-back"), ["start", "end"]);
  });
});

describe("sinks", () => {
  for (const manner of ["refuse", "hang", "redirect"] as const) {
    test(`a webhook that would ${manner}: the others are told at once, it is named, and told once when it is back`, async () => {
      web.manner = manner;
      await parkedMessage(world);
      await lookAfter(0);
      await lookAfter(5_000);
      const webhook = async () => mustBe(await world.operations.alarms.sinks()).items.find((one) => one.sink === "webhook");
      for (let tries = 0; (await webhook())?.lastError === undefined && tries < 3_000; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(mailed("message-parked").length, 1);
      const sink = await webhook();
      assert.equal(sink?.waiting, 1);
      assert.ok(sink?.lastError);
      assert.ok(lines.some((one) => one.fields.alarm === "sink-down" && one.fields.sink === "webhook"));
      assert.doesNotMatch(JSON.stringify([lines, sink]), /token=secret/);
      assert.ok(
        web.got.every((one) => one.path.startsWith("/hook")),
        "a redirect was followed",
      );
      await lookAfter(3 * MINUTE);
      assert.equal(mailed("sink-down").length, 1);
      web.manner = "take";
      web.got.length = 0;
      await lookAfter(6 * MINUTE);
      for (let looks = 0; looks < 3; looks += 1) await lookAfter(6 * MINUTE);
      assert.deepEqual(told("message-parked"), ["start"]);
      assert.deepEqual(told("sink-down"), ["start", "end"]);
    });
  }

  test("an SMTP server that is away keeps nothing back from the webhook", async () => {
    mail.manner = "refuse";
    await parkedMessage(world);
    await lookAfter(0);
    await lookAfter(5_000);
    assert.deepEqual(told("message-parked"), ["start"]);
    assert.equal(mail.got.length, 0);
    mail.manner = "take";
    await lookAfter(6 * MINUTE);
    assert.equal(mailed("message-parked").length, 1);
  });

  test("a recipient that the server refuses keeps no alarm from the others, and is named in the log", async () => {
    mail.unknown = "it@hospital.example";
    try {
      await parkedMessage(world);
      await lookAfter(0);
      for (let looks = 0; looks < 3; looks += 1) await lookAfter(6 * MINUTE);
      assert.deepEqual(
        mailed("message-parked").map((one) => one.to),
        [["duty@hospital.example"]],
        "once, and not behind another",
      );
      assert.ok(lines.some((one) => one.fields.alarm === "sink-partly" && String(one.fields.why).startsWith("1 of 2")));
    } finally {
      mail.unknown = undefined;
    }
  });
});

describe("who leads", () => {
  test("one worker at a time; a leader that slept writes nothing; another follows a dead one", async () => {
    await parkedMessage(world);
    assert.equal(await lookAfter(0), true);
    const other = await createWorker(world.postgres.pool, "test:other:2", log);
    const second = watching(other, []);
    assert.equal(await second.look(), false);
    const store = createAlarmStore({ pool: world.postgres.pool, workerId: other.id, log });
    const change = { what: "begin", started: true, condition: { kind: "backlog", subject: "x", severity: "warn", details: {} } } as const;
    assert.equal(await store.apply([change], ["log"], { task: "alarms", token: 1n }), false);
    await rest();
    await later(5_000);
    assert.equal(await second.look(), true);
    await second.stop();
    await other.close();
    const rows = await world.sql<{ kind: string }>("select kind from alarm");
    assert.deepEqual(
      rows.map((row) => row.kind),
      ["message-parked"],
    );
  });

  test("a worker that died is missed; one that left in good order is not", async () => {
    const good = await createWorker(world.postgres.pool, "machine:a:1", log);
    await good.close();
    await world.sql("insert into worker (name, started_at, seen_at) values ('machine:b:2', huiliu_now(), huiliu_now())");
    await lookAfter(2 * MINUTE);
    const silent = mustBe(await world.operations.alarms.list({ kind: "worker-silent" })).items;
    assert.deepEqual(
      silent.map((one) => one.subject),
      ["machine:b:2"],
    );
    await world.sql("insert into worker (name, started_at, seen_at) values ('machine:b:3', huiliu_now(), huiliu_now())");
    await lookAfter(10_000);
    await lookAfter(31_000);
    assert.equal(mustBe(await world.operations.alarms.list({ kind: "worker-silent", state: "ended" })).items.length, 1);
  });
});

describe("what people do", () => {
  test("own, acknowledge, snooze, note: with a person and a reason, on record", async () => {
    await world.pay("S-DEEDS");
    await world.sql("delete from outbox");
    await lookAfter(6 * MINUTE);
    const [alarm] = mustBe(await world.operations.alarms.list({ kind: "write-back-age" })).items;
    const id = alarm?.id ?? "";
    const { act } = world.operations.alarms;
    assert.equal(codeOf(await act(id, { action: "acknowledge" }, { by: "王工" })), "REASON_REQUIRED");
    assert.equal(codeOf(await act("999", { action: "acknowledge" }, by)), "UNKNOWN_ALARM");
    mustBe(await act(id, { action: "own", owner: "李工" }, by));
    mustBe(await act(id, { action: "acknowledge" }, by));
    mustBe(await act(id, { action: "snooze", minutes: 30 }, by));
    mustBe(await act(id, { action: "note", note: "已联系 HIS 厂商" }, by));
    await lookAfter(10 * MINUTE);
    assert.deepEqual(told("write-back-age"), ["start"]);
    await lookAfter(25 * MINUTE);
    assert.deepEqual(told("write-back-age"), ["start", "escalate"]);
    const [after] = mustBe(await world.operations.alarms.list({ kind: "write-back-age" })).items;
    assert.equal(after?.owner, "李工");
    assert.equal(after?.acknowledgedBy, "王工");
    assert.equal(after?.note, "已联系 HIS 厂商");
    assert.deepEqual(
      (await auditOf(world, id)).map((row) => row.action),
      ["own", "acknowledge", "snooze", "note"],
    );
    await world.sql("update write_back set state = 'resolved', closed_at = huiliu_now()");
    await lookAfter(2_000);
    await lookAfter(31_000);
    assert.equal(codeOf(await act(id, { action: "own" }, by)), "ALARM_ENDED");
    mustBe(await act(id, { action: "note", note: "后记" }, by));
  });
});
