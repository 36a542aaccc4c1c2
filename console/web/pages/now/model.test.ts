import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";
import type { DestinationView, PartnerView } from "../../../../domain/operations/views.ts";
import { figuresOf, mapOf, standingOf, worstFirst } from "./model.ts";

const NONE = { held: 0, queued: 0, waiting: 0, sending: 0, deferred: 0, parked: 0 };
const view = (destination: string, more: Partial<DestinationView> = {}): DestinationView => ({
  destination,
  known: true,
  paused: false,
  backlog: NONE,
  fen: "0",
  unclear: 0,
  blockedLanes: 0,
  ...more,
});
const gate = (breaker: "open" | "half-open" | "closed") => ({ mode: "running" as const, breaker, probes: 0, failuresInARow: 0 });
const alarm = (id: string, more: Partial<AlarmView>): AlarmView => ({
  id,
  kind: "breaker-open",
  subject: "his",
  severity: "warn",
  text: { zh: "", en: "" },
  next: { zh: "", en: "" },
  runbook: "",
  open: true,
  startedAt: "2026-11-22T02:00:00.000+08:00",
  seenAt: "2026-11-22T02:00:00.000+08:00",
  details: {},
  told: [],
  ...more,
});

describe("how a destination stands", () => {
  for (const [what, given, standing] of [
    ["an open breaker, whatever else", { gate: gate("open"), paused: true }, "down"],
    ["a probe is under way", { gate: gate("half-open") }, "half"],
    ["somebody paused it", { gate: gate("closed"), paused: true, oldestAgeSeconds: 900 }, "paused"],
    ["no profile", { known: false }, "unknown"],
    ["five minutes old", { oldestAgeSeconds: 300 }, "late"],
    ["under five minutes", { oldestAgeSeconds: 299 }, "ok"],
    ["something is parked", { backlog: { ...NONE, parked: 1 } }, "parked"],
    ["nothing", {}, "ok"],
  ] as const)
    test(`${what}: ${standing}`, () => assert.equal(standingOf(view("his", given)), standing));
});

test("a destination is late when its own profile's alarm says so", () => {
  const late = alarm("1", { kind: "write-back-age", subject: "his" });
  assert.equal(standingOf(view("his", { oldestAgeSeconds: 10 }), [late]), "late");
  assert.equal(standingOf(view("lis", { oldestAgeSeconds: 10 }), [late]), "ok");
});

test("the worst destination and the sender with parked messages come first; what flows is beside them", () => {
  const partners: PartnerView[] = ["his", "neusoft", "lis"].map((partner) => ({
    partner,
    vendor: "v",
    name: { zh: `${partner}系统`, en: partner },
    inbound: {},
    paused: false,
    problems: [],
  }));
  const destinations = [view("lis"), view("his", { gate: gate("open"), backlog: { ...NONE, queued: 3_400 } }), view("old")];
  const trends = {
    at: "",
    stepMinutes: 15,
    points: [],
    recentMinutes: 5,
    partners: [{ partner: "neusoft", accepted: 12, acknowledged: 0, parked: 0 }],
  };
  const map = mapOf(partners, destinations, trends, [alarm("1", { kind: "message-parked", subject: "lis", details: { parked: 2 } })]);
  assert.deepEqual(
    map.senders.map(({ partner, parked, recent }) => [partner, parked, recent.accepted]),
    [
      ["lis", 2, 0],
      ["neusoft", 0, 12],
      ["his", 0, 0],
    ],
  );
  assert.deepEqual(
    map.destinations.map(({ destination, standing, waiting, name }) => [destination, standing, waiting, name.zh]),
    [
      ["his", "down", 3_400, "his系统"],
      ["lis", "ok", 0, "lis系统"],
      ["old", "ok", 0, "old"],
    ],
  );
});

test("key figures add up what destinations owe; amounts are never floats", () => {
  const figures = figuresOf([
    view("his", {
      backlog: { ...NONE, queued: 2, waiting: 1, parked: 4 },
      fen: "9007199254740993",
      unclear: 3,
      blockedLanes: 2,
      oldestOwedAt: "2026-11-22T02:05:00.000+08:00",
    }),
    view("lis", { backlog: { ...NONE, held: 1 }, fen: "2", blockedLanes: 1, oldestOwedAt: "2026-11-22T02:01:00.000+08:00" }),
  ]);
  assert.deepEqual(figures, {
    waiting: 4,
    fen: "9007199254740995",
    parked: 4,
    unclear: 3,
    blocked: 3,
    oldestOwedAt: "2026-11-22T02:01:00.000+08:00",
    oldestOf: "lis",
  });
});

test("what calls somebody now is read before what began earlier", () => {
  const order = worstFirst([
    alarm("1", { startedAt: "2026-11-22T01:00:00.000+08:00" }),
    alarm("2", { severity: "page", startedAt: "2026-11-22T02:00:00.000+08:00" }),
    alarm("3", { severity: "page", startedAt: "2026-11-22T01:30:00.000+08:00" }),
  ]);
  assert.deepEqual(
    order.map(({ id }) => id),
    ["3", "2", "1"],
  );
});
