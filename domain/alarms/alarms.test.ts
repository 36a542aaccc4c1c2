/** Conditions × time → notices: one at the start, one when it gets graver, one at the end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { conditionsOf } from "./conditions.ts";
import { evaluate, type OpenAlarm } from "./evaluate.ts";
import { ALARM, ALARM_KINDS, type AlarmKind, anchorOf } from "./kinds.ts";
import type { Measured, MeasuredDestination } from "./measured.ts";
import { bodyText, cloudEventOf, type Notice, noticeId, subjectLine } from "./notice.ts";

const T0 = 1_800_000_000_000;
const MINUTE = 60_000;
const NOBODY: MeasuredDestination = {
  destination: "his",
  thresholds: {},
  paused: false,
  parked: 0,
  unclear: { count: 0 },
  blocked: { lanes: 0, behind: 0 },
  held: { count: 0 },
};
const measured = (nowMs: number, over: Partial<Omit<Measured, "destinations">> = {}, his: Partial<MeasuredDestination> = {}): Measured => ({
  nowMs,
  destinations: [{ ...NOBODY, ...his }],
  messages: { parked: {} },
  events: { parked: 0 },
  outbox: {},
  totals: [],
  unwritten: [],
  stalled: [],
  silentWorkers: [],
  away: [],
  missingDays: [],
  sinks: [],
  unknown: new Set(),
  ...over,
});
const found = (one: Measured): string[] => conditionsOf(one).map(({ kind, subject, severity }) => `${kind} ${subject} ${severity}`);

describe("what is wrong by what was measured", () => {
  const ago = (ms: number): number => T0 - ms;
  const CASES: readonly (readonly [string, Measured, readonly string[]])[] = [
    ["nothing", measured(T0), []],
    ["owed for 4:59", measured(T0, {}, { oldestOwedMs: ago(5 * MINUTE - 1) }), []],
    ["owed for 5 min", measured(T0, {}, { oldestOwedMs: ago(5 * MINUTE) }), ["write-back-age his warn"]],
    ["owed for 15 min", measured(T0, {}, { oldestOwedMs: ago(15 * MINUTE) }), ["write-back-age his page"]],
    ["a pause is no excuse", measured(T0, {}, { oldestOwedMs: ago(15 * MINUTE), paused: true }), ["write-back-age his page"]],
    [
      "thresholds of the profile",
      measured(T0, {}, { oldestOwedMs: ago(2_000), thresholds: { warnAgeMs: 1_000, pageAgeMs: 3_000 } }),
      ["write-back-age his warn"],
    ],
    [
      "a page threshold below the warn threshold pages",
      measured(T0, {}, { oldestOwedMs: ago(61_000), thresholds: { pageAgeMs: MINUTE } }),
      ["write-back-age his page"],
    ],
    ["backlog", measured(T0, {}, { owed: 100, thresholds: { backlog: 100 } }), ["backlog his warn"]],
    ["backlog below", measured(T0, {}, { owed: 99, thresholds: { backlog: 100 } }), []],
    ["breaker open 2 min", measured(T0, {}, { breakerSinceMs: ago(2 * MINUTE) }), []],
    ["breaker open longer", measured(T0, {}, { breakerSinceMs: ago(2 * MINUTE + 1) }), ["breaker-open his warn"]],
    ["parked", measured(T0, {}, { parked: 3 }), ["write-back-parked his warn"]],
    ["blocked", measured(T0, {}, { blocked: { lanes: 2, behind: 9, sinceMs: ago(MINUTE) } }), ["lanes-blocked his warn"]],
    ["blocked for an hour", measured(T0, {}, { blocked: { lanes: 2, behind: 9, sinceMs: ago(60 * MINUTE) } }), ["lanes-blocked his page"]],
    ["unclear", measured(T0, {}, { unclear: { count: 1, sinceMs: ago(5 * MINUTE) } }), ["unclear his page"]],
    ["held for a day", measured(T0, {}, { held: { count: 1, sinceMs: ago(25 * 60 * MINUTE) } }), ["not-written-back his page"]],
    [
      "20 of 100 were done already",
      measured(T0, {}, { lastHour: { acknowledged: 100, alreadyDone: 20 } }),
      ["duplicates-answered his warn"],
    ],
    ["20 of 1,000 were done already", measured(T0, {}, { lastHour: { acknowledged: 1_000, alreadyDone: 20 } }), []],
    ["19 of 19 were done already", measured(T0, {}, { lastHour: { acknowledged: 19, alreadyDone: 19 } }), []],
    ["not fed", measured(T0, { messages: { oldestMs: ago(MINUTE), parked: {} } }), ["message-not-fed messages warn"]],
    ["not fed for long", measured(T0, { messages: { oldestMs: ago(5 * MINUTE), parked: {} } }), ["message-not-fed messages page"]],
    ["messages parked", measured(T0, { messages: { parked: { jkt: 1, his: 0 } } }), ["message-parked jkt warn"]],
    ["events", measured(T0, { events: { oldestMs: ago(MINUTE), parked: 1 } }), ["event-not-fed events warn", "event-parked events warn"]],
    ["outbox", measured(T0, { outbox: { oldestMs: ago(15 * MINUTE) } }), ["outbox-age outbox page"]],
    ["dead letters", measured(T0, { dead: { "huiliu.dead": 1, other: 0 } }), ["dead-letters huiliu.dead page"]],
    [
      "totals",
      measured(T0, { totals: [{ businessDate: "2026-11-20", partner: "his", kind: "pay", codes: "NO_RECEIPT" }] }),
      ["totals-differ 2026-11-20/his/pay page"],
    ],
    [
      "settled and not written back",
      measured(T0, { unwritten: [{ partner: "jkt", type: "payment.settled", count: 2, sinceMs: ago(16 * MINUTE), messageId: "m" }] }),
      ["not-written-back event:jkt/payment.settled page"],
    ],
    [
      "folders away for 4, 6 and 40 minutes",
      measured(T0, {
        away: [4, 6, 40].map((minutes) => ({
          door: `files:bank:${minutes}`,
          partner: "bank",
          why: "no route",
          sinceMs: ago(minutes * MINUTE),
        })),
      }),
      ["door-away files:bank:6 warn", "door-away files:bank:40 page"],
    ],
    [
      "a view that grows while its watermark stands still",
      measured(T0, { away: [{ door: "view:lis-view:V_CHARGE", partner: "lis-view", why: "3 rows more", sinceMs: ago(6 * MINUTE) }] }),
      ["door-away view:lis-view:V_CHARGE warn"],
    ],
    ["a worker is silent", measured(T0, { silentWorkers: [{ name: "a:1", seenMs: ago(MINUTE) }] }), ["worker-silent a:1 warn"]],
    ["disk at 84 %", measured(T0, { disk: { totalBytes: 100, freeBytes: 16 } }), []],
    ["disk at 85 %", measured(T0, { disk: { totalBytes: 100, freeBytes: 15 } }), ["disk-low database warn"]],
    ["disk at 95 %", measured(T0, { disk: { totalBytes: 100, freeBytes: 5 } }), ["disk-low database page"]],
    ["partitions", measured(T0, { missingDays: ["2026-11-23"] }), ["partitions-missing 2026-11-23 page"]],
    [
      "a subscriber is stalled",
      measured(T0, { stalled: [{ subscriber: "his", sinceMs: ago(MINUTE), why: "full" }] }),
      ["subscriber-stalled his warn"],
    ],
    [
      "a person forgot his password",
      measured(T0, { held: { logins: 1, addresses: 0, codes: 0, failures: 6 } }),
      ["sign-in-held console warn"],
    ],
    [
      "somebody tries passwords",
      measured(T0, { held: { logins: 30, addresses: 1, codes: 0, failures: 99 } }),
      ["sign-in-held console page"],
    ],
    ["a sink is down", measured(T0, { sinks: [{ sink: "mail", waitingSinceMs: ago(2 * MINUTE), waiting: 1 }] }), ["sink-down mail warn"]],
    ["a flow is not as released (A51)", measured(T0, { flows: { charges: "FLOW_DIFFERS" } }), ["flow-not-loaded charges page"]],
    [
      "the audit was tampered with",
      measured(T0, { audit: { findings: 2, kinds: "altered, deleted", first: "5" } }),
      ["audit-broken audit page"],
    ],
    ["what was not measured is not judged", measured(T0, { unknown: new Set<AlarmKind>(["write-back-parked"]) }, { parked: 3 }), []],
  ];
  for (const [name, given, wanted] of CASES) test(name, () => assert.deepEqual(found(given), wanted));

  test("every kind can be raised, and its words are there in both languages", () => {
    const raised = new Set(CASES.flatMap(([, given]) => conditionsOf(given).map((one) => one.kind)));
    assert.deepEqual(
      [...ALARM_KINDS].filter((kind) => !raised.has(kind)),
      [],
    );
    for (const kind of ALARM_KINDS) {
      const { zh, en, subject, when, next } = ALARM[kind];
      for (const words of [{ zh, en }, subject, when, next]) assert.ok(words.zh !== "" && words.en !== "", kind);
      assert.match(zh, /[\u4e00-\u9fff]/);
    }
  });
});

/** Rows as the store keeps them, and what it was told to tell. */
function simulated() {
  let rows: OpenAlarm[] = [];
  let ids = 0;
  const told: string[] = [];
  const look = (nowMs: number, one: Measured): void => {
    for (const change of evaluate(rows, conditionsOf(one), nowMs, one.unknown)) {
      const second = Math.round((nowMs - T0) / 1_000);
      if (change.what === "begin") {
        ids += 1;
        const { kind, subject, severity, details } = change.condition;
        const started = change.started ? { startedMs: nowMs } : {};
        rows.push({ id: String(ids), kind, subject, severity, details, sinceMs: nowMs, seenMs: nowMs, ...started });
        if (change.started) told.push(`${second} start ${kind} ${severity}`);
        continue;
      }
      const { alarm } = change;
      const others = rows.filter((row) => row !== alarm);
      if (change.what === "forget" || change.what === "end") rows = others;
      else if (change.what === "clearing") rows = [...others, { ...alarm, clearSinceMs: nowMs }];
      else {
        const { clearSinceMs: _, ...rest } = alarm;
        const severity = change.what === "note" ? alarm.severity : change.condition.severity;
        rows = [...others, { ...rest, severity, seenMs: nowMs, ...(change.what === "start" ? { startedMs: nowMs } : {}) }];
      }
      if (["start", "escalate", "end"].includes(change.what)) told.push(`${second} ${change.what} ${alarm.kind}`);
    }
  };
  return { look, told, rows: () => rows };
}

describe("what is told", () => {
  const run = (seconds: number, at: (second: number) => Measured): string[] => {
    const one = simulated();
    for (let second = 0; second <= seconds; second += 2) one.look(T0 + second * 1_000, at(second));
    return one.told;
  };
  const parkedIf = (holds: (second: number) => boolean) => (second: number) =>
    measured(T0 + second * 1_000, {}, holds(second) ? { parked: 1 } : {});

  test("one at the start and one at the end, however long it holds", () => {
    assert.deepEqual(
      run(
        1_200,
        parkedIf((second) => second >= 10 && second < 1_000),
      ),
      ["14 start write-back-parked", "1030 end write-back-parked"],
    );
  });
  test("what holds for less than its grace is told to nobody", () => {
    assert.deepEqual(
      run(
        100,
        parkedIf((second) => second === 10),
      ),
      [],
    );
  });
  test("what comes and goes is one alarm", () => {
    const told = run(
      400,
      parkedIf((second) => second < 300 && second % 20 < 10),
    );
    assert.deepEqual(told, ["4 start write-back-parked", "320 end write-back-parked"]);
  });
  test("an outage: warn after 5 min, page after 15, once each, and the end", () => {
    const at = (second: number) => measured(T0 + second * 1_000, {}, second < 3_600 ? { oldestOwedMs: T0 } : {});
    assert.deepEqual(run(4_000, at), ["300 start write-back-age warn", "900 escalate write-back-age", "3630 end write-back-age"]);
  });
  test("getting milder is not told; getting graver again is not told twice", () => {
    const age = (second: number): number => (second < 20 ? 16 : second < 40 ? 6 : second < 60 ? 16 : 0) * MINUTE;
    const at = (second: number) => {
      const now = T0 + second * 1_000;
      return measured(now, {}, age(second) > 0 ? { oldestOwedMs: now - age(second) } : {});
    };
    assert.deepEqual(run(120, at), ["0 start write-back-age page", "90 end write-back-age"]);
  });
  test("a look that could not measure ends nothing", () => {
    const unknown = new Set<AlarmKind>(["write-back-parked"]);
    const at = (second: number) => (second < 20 ? parkedIf(() => true)(second) : measured(T0 + second * 1_000, { unknown }));
    assert.deepEqual(run(200, at), ["4 start write-back-parked"]);
  });
  test("who leads next goes on from the rows: a restart neither repeats nor forgets", () => {
    const one = simulated();
    const at = (second: number, parked: boolean) => one.look(T0 + second * 1_000, parkedIf(() => parked)(second));
    for (const second of [0, 2, 4]) at(second, true);
    // Nobody looked for an hour.
    at(3_600, true);
    at(3_602, false);
    at(3_640, false);
    assert.deepEqual(one.told, ["4 start write-back-parked", "3640 end write-back-parked"]);
    assert.deepEqual(one.rows(), []);
  });
});

describe("how it is told", () => {
  const notice: Notice = {
    alarmId: "7",
    what: "start",
    kind: "write-back-age",
    subject: "his",
    severity: "page",
    startedAt: "2026-11-20T10:00:00.000+08:00",
    at: "2026-11-20T10:00:00.000+08:00",
    details: { oldestSeconds: 901 },
  };
  test("both languages, one line, the same id for every telling", () => {
    const line = subjectLine(notice);
    assert.match(line, /紧急\/page 开始\/started 回写久未送达 · A write-back .*: his/);
    assert.ok(!line.includes("\n"));
    assert.match(bodyText(notice), /下一步：[\s\S]*Next: [\s\S]*oldestSeconds: 901/);
    assert.equal(noticeId(notice), "alarm-7-start");
    assert.equal(cloudEventOf(notice).id, "alarm-7-start");
    assert.equal(cloudEventOf({ ...notice, what: "end" }).type, "huiliu.alarm.ended");
    assert.equal((cloudEventOf(notice).data as { runbook: string }).runbook, anchorOf("write-back-age"));
  });
});
