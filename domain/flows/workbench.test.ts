import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../events/event.ts";
import type { JournaledMessage } from "../journal/ports.ts";
import { answered, refused } from "../operations/refusals.ts";
import type { FailureGroup } from "../operations/views-replay.ts";
import type { MessageDetail, MessageRow } from "../operations/views.ts";
import { problem } from "../problem.ts";
import { createTraffic } from "./traffic.ts";
import type { Trial } from "./trial.ts";
import { createWorkbench, FAILURES_MAX, OFFERED_MAX, type WorkbenchDeps } from "./workbench.ts";

const ALL = { partners: "*" as const };
const PACS = { partners: ["pacs"] };
const event = (type: string): Event =>
  ({
    id: `e-${type}`,
    type,
    source: "his",
    subject: "bill:B1",
    time: "2026-11-20T09:00:00+08:00",
    data: { patient: { name: "张三丰" }, amount: "1650" },
  }) as unknown as Event;
const MESSAGE = { id: "m1", partner: "his", kind: "charge" } as JournaledMessage;
const sealed = (type: string) => ({ event: event(type), fingerprint: "", keys: [], publish: false });
const OK = { ok: true as const, events: [sealed("payment.settled"), sealed("charge.posted")], keys: [] };
const WRONG = { ok: false as const, problems: [problem("missing", "/X", { zh: "患者张三丰：缺失", en: "is required" })], keys: [] };
const row = (id: string, partner = "his", kind = "charge") =>
  ({ id, partner, kind, state: "parked", receivedAt: "2026-11-20T09:00:00+08:00" }) as MessageRow;
const group = (id: string, more: Partial<FailureGroup>) =>
  ({ id, of: "messages", partner: "his", kind: "charge", open: 1, ...more }) as FailureGroup;

interface World {
  readonly asked: object[];
  readonly bench: ReturnType<typeof createWorkbench>;
}

function world(more: Partial<WorkbenchDeps> = {}, rows: readonly MessageRow[] = [], groups: readonly FailureGroup[] = []): World {
  const asked: object[] = [];
  const operations = {
    messages: async (filter: object) => {
      asked.push(filter);
      const { kind } = filter as { kind?: string };
      return answered({ items: rows.filter((one) => kind === undefined || one.kind === kind) });
    },
    message: async () =>
      answered({
        message: row("m1", "his"),
        raw: { bytes: 1, text: "x", cut: false },
        events: [],
        writeBacks: [],
      } as unknown as MessageDetail),
    failures: {
      list: async (filter: { of?: string; partner?: string }) =>
        answered({ items: groups.filter((one) => one.of === filter.of && one.partner === filter.partner) }),
    },
  } as unknown as WorkbenchDeps["operations"];
  const bench = createWorkbench({
    catalogue: { partners: () => [], mappings: () => [], eventTypes: () => [], keyKinds: () => [] },
    profile: "development",
    stored: async (id) => (id === "m1" ? answered(MESSAGE) : refused("UNKNOWN_MESSAGE")),
    translate: (mapping) => (mapping === "his/bad" ? WRONG : OK),
    translateByDefault: () => ({ mapping: "his/charge", result: OK }),
    encodeWriteBack: (one, to) => ({
      ok: true,
      writeBack: {
        ...{ key: "k", destination: to.destination, kind: to.kind, mapping: "his/x", cause: { eventId: one.id, type: one.type } },
        ...{ lane: to.lane === "patient" ? "patient:1" : "bill:B1", contentType: "text/xml", charset: "gbk", businessDate: "2026-11-20" },
        ...{
          amountFen: 1650n,
          serial: "S1",
          body: Uint8Array.of(0x3c, 0x58, 0x4d, 0x3e, 0xd5, 0xc5, 0xc8, 0xfd, 0x3c, 0x2f, 0x58, 0x4d, 0x3e),
        },
      },
    }),
    orderFacts: async () => new Map(),
    question: () => assert.fail("not asked in this test"),
    interpret: () => assert.fail("not asked in this test"),
    replies: async () => [],
    answer: () => undefined,
    find: async () => ({ messages: [], events: [], writeBacks: [] }),
    operations,
    traffic: createTraffic({ nowMs: () => 0 }),
    console: () => "http://127.0.0.1:1",
    ...more,
  });
  return { asked, bench };
}

const tried = async (type: string, config: object = {}, more: Partial<WorkbenchDeps> = {}, mapping?: string): Promise<Trial> => {
  const trial = await world(more).bench.try(ALL, {
    messageId: "m1",
    type,
    config: config as Record<string, unknown>,
    ...(mapping === undefined ? {} : { mapping }),
  });
  assert.ok(trial.ok);
  return trial.value;
};

describe("a node tried on a stored message", () => {
  test("translate: by the mapping of the message's kind, or by the one in the dialog; events masked", async () => {
    const by = await tried("huiliu-translate", { mapping: "" });
    assert.deepEqual(
      [by.to, by.mapping, by.events.map(({ type }) => type)],
      ["events", "his/charge", ["payment.settled", "charge.posted"]],
    );
    assert.doesNotMatch(JSON.stringify(by.events), /张三丰/);
    assert.equal((await tried("huiliu-translate", { mapping: "his/other" })).mapping, "his/other");
  });
  test("translate: what is wrong, at its place, masked", async () => {
    const trial = await tried("huiliu-translate", { mapping: "his/bad" });
    assert.equal(trial.to, "problems");
    assert.equal(trial.problems[0]?.at, "/X");
    assert.doesNotMatch(trial.problems[0]?.zh ?? "", /张三丰/);
  });
  test("a node behind a translate node that names a mapping uses that one", async () => {
    assert.equal((await tried("huiliu-publish-event", { types: [] }, {}, "his/bad")).to, "problems");
  });
  test("message in: whether it takes the message", async () => {
    assert.equal((await tried("huiliu-message-in", { partner: "his", kinds: ["charge"] })).to, "message");
    assert.equal((await tried("huiliu-message-in", { partner: "*", kinds: [] })).to, "message");
    assert.equal((await tried("huiliu-message-in", { partner: "his", kinds: ["refund"] })).to, undefined);
  });
  test("publish event and event in: only events of their types", async () => {
    const published = await tried("huiliu-publish-event", { types: ["charge.posted"] });
    assert.deepEqual(
      published.events.map(({ type }) => type),
      ["charge.posted"],
    );
    const none = await tried("huiliu-event-in", { types: ["no.such"] });
    assert.deepEqual([none.events, none.to], [[], "event"]);
  });
  test("write back: what would go out, decoded and masked, with its lane and amount", async () => {
    const trial = await tried("huiliu-write-back", { destination: "his", kind: "x", types: ["payment.settled"], lane: "patient" });
    assert.equal(trial.to, "owed");
    const [one] = trial.outgoing;
    assert.deepEqual([one?.lane, one?.amount, one?.serial, one?.eventType], ["patient:1", "1650", "S1", "payment.settled"]);
    assert.equal(one?.body, "<XM>张*</XM>");
  });
  test("write back: what cannot be rendered is said with its place", async () => {
    const reason = { code: "NOT_TRANSLATABLE", zh: "缺少单号", en: "no number", place: "/Bill" };
    const trial = await tried("huiliu-write-back", { destination: "his", kind: "x" }, { encodeWriteBack: () => ({ ok: false, reason }) });
    assert.deepEqual([trial.to, trial.outgoing, trial.problems[0]?.place], [undefined, [], "/Bill"]);
  });
  test("a node that is not ours has no trial, and says so", async () => {
    for (const type of ["function", "constructor"]) {
      const trial = await tried(type);
      assert.deepEqual([trial.to, trial.events, trial.outgoing], [undefined, [], []]);
      assert.match(trial.said.en, /no trial/);
    }
  });
  test("refused: an unknown message, one of a partner that is not his, one that nobody can translate", async () => {
    const { bench } = world();
    const asked = { type: "huiliu-translate", config: {} };
    const code = async (answer: Promise<{ readonly ok: boolean; readonly code?: string }>) => (await answer).code;
    assert.equal(await code(bench.try(ALL, { ...asked, messageId: "m2" })), "UNKNOWN_MESSAGE");
    assert.equal(await code(bench.try(PACS, { ...asked, messageId: "m1" })), "UNKNOWN_MESSAGE");
    assert.equal(await code(world({ translateByDefault: () => undefined }).bench.try(ALL, { ...asked, messageId: "m1" })), "NO_MAPPING");
    assert.equal(await code(bench.draft(PACS, "m1")), "UNKNOWN_MESSAGE");
    assert.ok((await bench.draft(ALL, "m1")).ok);
  });
});

describe("what is offered of the store", () => {
  test("messages of a partner's kinds, newest first, bounded, and only of partners that one may see", async () => {
    const rows = Array.from({ length: 15 }, (_, index) => row(`a${String(index).padStart(2, "0")}`)).concat(
      Array.from({ length: 15 }, (_, index) => row(`b${String(index).padStart(2, "0")}`, "his", "refund")),
      row("z", "pacs"),
    );
    const { bench, asked } = world({}, rows);
    const found = await bench.messages(ALL, { partner: "his", kinds: ["charge", "refund"] });
    assert.ok(found.ok);
    assert.equal(found.value.length, OFFERED_MAX);
    assert.deepEqual(
      found.value.slice(0, 2).map(({ id }) => id),
      ["z", "b14"],
    );
    assert.deepEqual(
      asked,
      ["charge", "refund"].map((kind) => ({ limit: OFFERED_MAX, partner: "his", kind })),
    );
    const own = await bench.messages(PACS, { key: "B1" });
    assert.ok(own.ok && own.value.every(({ partner }) => partner === "pacs"));
    assert.deepEqual(asked.at(-1), { limit: OFFERED_MAX, keys: ["B1"] });
  });

  test("a flow's failures: groups of what it takes and of where it writes, most open first; nothing of partners that one may not see", async () => {
    const groups = [
      group("one", { open: 2 }),
      group("other-kind", { kind: "refund", open: 9 }),
      group("his-down", { of: "write-backs", kind: "", open: 5 }),
      ...Array.from({ length: 20 }, (_, index) => group(`more${index}`, {})),
    ];
    const nodes = [
      { id: "in", type: "huiliu-message-in", partner: "his", kinds: ["charge"] },
      { id: "wb", type: "huiliu-write-back", destination: "his" },
    ];
    const { bench } = world({}, [row("m1"), row("m2")], groups);
    const now = await bench.flow(ALL, "charges", nodes);
    assert.ok(now.ok);
    assert.deepEqual(
      now.value.groups.slice(0, 2).map(({ id }) => id),
      ["his-down", "one"],
    );
    assert.equal(now.value.groups.length, FAILURES_MAX);
    assert.deepEqual(
      now.value.parked.map(({ id }) => id),
      ["m2", "m1"],
    );
    const other = await bench.flow(PACS, "charges", nodes);
    assert.ok(other.ok);
    assert.deepEqual([other.value.groups, other.value.parked], [[], []]);
  });

  test("a store that is gone is told as that", async () => {
    const gone = { messages: async () => refused("STORE_GONE"), failures: { list: async () => refused("STORE_GONE") } };
    const { bench } = world({ operations: gone as unknown as WorkbenchDeps["operations"] });
    for (const answer of [
      bench.messages(ALL, {}),
      bench.flow(ALL, "f", [{ id: "in", type: "huiliu-message-in", partner: "*", kinds: [] }]),
    ])
      assert.equal(((await answer) as { readonly code?: string }).code, "STORE_GONE");
  });
});
