/** Alarms over a real PostgreSQL, a real SMTP server and a real HTTP server: one notice at the start, one at the end, through restarts and dead sinks. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { AlarmSink } from "../../../domain/alarms/ports.ts";
import { createLogSink } from "../../../platform/alarms/log-sink.ts";
import { startWatch, type Watch } from "../../../platform/alarms/watch.ts";
import { createAlarmStore } from "../../../platform/postgres/alarms.ts";
import { createMeasurer, type MeasureDeps } from "../../../platform/postgres/alarms-measure.ts";
import { createLead } from "../../../platform/postgres/lead.ts";
import { createWorker } from "../../../platform/postgres/worker.ts";
import { createMailSink } from "../../../platform/transports/mail/sink.ts";
import { createWebhookSink } from "../../../platform/transports/webhook/sink.ts";
import { httpListener, type Listener, type Mail, type Posted, smtpListener } from "./listeners.ts";
import {
  auditOf,
  codeOf,
  mustBe,
  operationsWorld,
  parkedMessage,
  parkedWriteBack,
  PARTNERS,
  payment,
  sealed,
  type World,
} from "./world.ts";

const MINUTE = 60_000;
const SINK_MS = 2_000; // one that hangs is waited for so long; one that answers may take it on a loaded machine
const SECRET = "a secret of this test";
const by = { by: "王工", reason: "测试告警" };

let world: World;
let web: Listener<Posted>;
let mail: Listener<Mail>;
let watch: Watch | undefined;
let offset = 0;
let tick = 0;
const lines: { fields: Readonly<Record<string, unknown>>; text: string }[] = [];
const line = (fields: object, text: string): void => void lines.push({ fields: { ...fields }, text });
const log = { debug: line, info: line, warn: line, error: line };

const sinks = (): AlarmSink[] => [
  createLogSink(log),
  createWebhookSink({ url: web.url, secret: SECRET, nowSeconds: () => 1_800_000_000, timeoutMs: SINK_MS }),
  createMailSink({
    url: mail.url,
    from: "huiliu@hospital.example",
    to: ["duty@hospital.example", "it@hospital.example"],
    timeoutMs: SINK_MS,
  }),
];
const measureDeps = (): MeasureDeps => ({
  pool: world.postgres.pool,
  reads: world.postgres.reads,
  log,
  living: () => world.postgres.worker.living(),
  partners: () => PARTNERS,
  totals: (businessDate) => world.operations.totals({ businessDate }),
  dead: async () => ({ "huiliu.dead": 0 }),
  disk: async () => undefined,
  tickMs: () => tick,
});
/** A watch that looks only when it is told to. */
const watching = (worker = world.postgres.worker, given = sinks()): Watch =>
  startWatch({
    lead: createLead(world.postgres.pool, worker),
    measurer: createMeasurer(measureDeps()),
    store: createAlarmStore({ pool: world.postgres.pool, workerId: worker.id, log }),
    sinks: given,
    seen: () => worker.seen(),
    log,
    everyMs: 3_600_000,
  });

/** Moves the database's clock on, lets every probe be asked again, looks, and waits until the sinks have been told. */
const lookAfter = async (ms: number): Promise<boolean> => {
  offset += ms;
  tick += 10_000_000;
  await world.postgres.setClockOffset(offset);
  assert.ok(watch);
  const leads = await watch.look();
  await untilTold();
  return leads;
};
const untilTold = async (): Promise<void> => {
  for (let tries = 0; tries < 6_000; tries += 1) {
    const [row] = await world.sql<{ n: number }>(
      "select count(*)::integer as n from alarm_notice where told_at is null and next_at <= huiliu_now() and not exists (select 1 from alarm_notice b where b.sink = alarm_notice.sink and b.told_at is null and b.next_at > huiliu_now())",
    );
    if (row?.n === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
};
const posted = () => web.got.map((one) => JSON.parse(one.body) as { id: string; data: { what: string; kind: string; subject: string } });
const told = (kind: string): string[] =>
  posted()
    .filter((one) => one.data.kind === kind)
    .map((one) => one.data.what);
const mailed = (kind: string): Mail[] => mail.got.filter((one) => one.text.includes(`(${kind})`));
const logged = (kind: string): unknown[] => lines.filter((one) => one.fields.alarm === kind).map((one) => one.fields.what);

/** Every test begins with nothing owed, nothing open and nobody else on the database. */
const CLEAN = [
  "alarm_notice",
  "alarm",
  "attempt",
  "write_back_body",
  "write_back",
  "message",
  "message_history",
  "event",
  "event_delivery",
  "outbox",
  "destination",
  "lead",
];
const CLEAN_WATCH = ["unwritten_event", "unwritten_watch", "unwritten_habit"];

before(async () => {
  [web, mail] = [await httpListener(), await smtpListener()];
  world = await operationsWorld();
});
beforeEach(async () => {
  for (const table of [...CLEAN, ...CLEAN_WATCH]) await world.sql(`delete from ${table}`);
  await world.sql("delete from worker where id <> $1", [world.postgres.worker.id]);
  await world.postgres.setClockOffset(0);
  [offset, tick, web.manner, mail.manner] = [0, 0, "take", "take"];
  for (const list of [web.got, mail.got, lines]) list.length = 0;
  watch = watching();
  await watch.look(); // the first one is over before the clock is moved
});
afterEach(async () => {
  await watch?.stop();
  watch = undefined;
});
after(async () => {
  await world.close();
  await web.close();
  await mail.close();
});

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
    await watch?.stop();
    watch = watching();
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
    if (!alarm)
      console.log(
        lines.filter((one) => one.text.includes("probe")),
        await world.sql("select * from unwritten_habit"),
        await world.sql("select * from unwritten_event"),
        await world.sql("select *, huiliu_now() from unwritten_watch"),
      );
    assert.equal(alarm?.subject, "event:jkt/payment.settled");
    assert.equal(alarm?.details.firstMessage, message.id);
    assert.equal(alarm?.details.events, 1);
    mustBe(await world.operations.alarms.act(alarm?.id ?? "", { action: "acknowledge" }, by));
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
    await watch?.stop();
    watch = undefined;
    tick += 10_000_000;
    await world.postgres.setClockOffset(offset + 5_000);
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
