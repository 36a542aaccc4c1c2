import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../events/event.ts";
import { JournalBusy, type JournaledMessage, JournalGone } from "../journal/ports.ts";
import { createDeliveries, type DeliveriesDeps, type DeliveryLimits } from "./deliveries.ts";
import type { Fed, NodeRef } from "./engine.ts";
import { createLedger } from "./ledger.ts";
import { createNodeCalls } from "./node-calls.ts";
import type { Settled, Settlement } from "./ports.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { createTurns } from "./turns.ts";

const node: NodeRef = { id: "in1", type: "huiliu-message-in", flow: "f" };
const end: NodeRef = { id: "pub1", type: "huiliu-publish-event", flow: "f" };
const message = (id: string, bill: string, kind = "charge"): JournaledMessage => ({
  id,
  seq: BigInt(id.replace(/\D/g, "") || "0"),
  partner: "his",
  kind,
  door: "amqp",
  headers: { bill },
  raw: new Uint8Array(),
  receivedAt: "2026-11-20T09:00:00+08:00",
  token: 1,
  run: 1,
  replayed: false,
});

/** The engine's core with everything outside it faked; `settlements` is what reached the store. */
function core(
  options: {
    limits?: Partial<DeliveryLimits>;
    backlog?: boolean;
    settle?: (settlement: Settlement) => Promise<Settled>;
    orderFacts?: DeliveriesDeps["orderFacts"];
    translate?: DeliveriesDeps["translateByDefault"];
  } = {},
) {
  const settlements: Settlement[] = [];
  const released: string[] = [];
  const reclaimable: JournaledMessage[] = [];
  const doubt = { now: false };
  const disowned: string[][] = [];
  const fed: Fed[] = [];
  const timers = new Set<{ ms: number; run: () => void }>();
  const after = (ms: number, run: () => void): (() => void) => {
    const timer = { ms, run };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  const ledger = createLedger({ after, graceMs: 10 });
  const turns = createTurns();
  const subscriptions = createSubscriptions({ changed: () => undefined });
  let tokens = 0;
  const deliveries = createDeliveries({
    journal: {
      append: () => Promise.reject(new JournalGone()),
      reclaim: async (limit) => reclaimable.splice(0, limit),
      release: async (items) => void released.push(...items.map((item) => item.id)),
      extend: async () => [],
      parkLonelyParts: async () => [],
      inDoubt: () => doubt.now,
      disown: async (held) => {
        disowned.push([...held]);
        doubt.now = false;
      },
      close: async () => undefined,
    },
    settleStore: {
      settle: async (settlement) => {
        settlements.push(settlement);
        if (options.settle) return options.settle(settlement);
        return settlement.park ? { kind: "parked", reason: settlement.park } : { kind: "settled", events: [], writeBacks: [] };
      },
      reclaimEvents: async () => [],
      setSubscribers: () => undefined,
      close: async () => undefined,
    },
    ledger,
    turns,
    translateByDefault:
      options.translate ??
      ((one) => ({ mapping: "his/charge", result: { ok: true, events: [], keys: [{ kind: "bill", value: one.headers.bill ?? "" }] } })),
    messageSubscription: (partner, kind) => subscriptions.ofMessage(partner, kind),
    eventSubscription: (id) => subscriptions.ofEvent(id),
    eventSubscribers: () => subscriptions.eventSubscribers().map((one) => one.id),
    parkedEvent: (one) => ({
      event: {
        specversion: "1.0",
        id: `parked-${one.id}`,
        type: "message.parked",
        source: "his",
        subject: "message",
        time: one.receivedAt,
        datacontenttype: "application/json",
        dataschema: "urn:x",
        data: { occurredAt: one.receivedAt } as never,
      },
      fingerprint: one.id,
      keys: [],
      publish: true,
    }),
    orderFacts: options.orderFacts ?? (async () => new Map()),
    newToken: () => `t${++tokens}`,
    after,
    log: () => undefined,
    count: () => undefined,
    backlog: options.backlog ?? false,
    limits: { liveMax: 10, queueMax: 10, extendMs: 1e6, reclaimMs: 1e6, ...options.limits },
  });
  const engine = createNodeCalls({
    ready: Promise.resolve(),
    catalogue: { partners: () => [], mappings: () => [], eventTypes: () => [], keyKinds: () => [] },
    deliveries,
    ledger,
    subscriptions,
    translate: () => ({ ok: true, events: [], keys: [] }),
    encodeWriteBack: () => ({ ok: false, reason: { code: "BAD_NODE", zh: "x", en: "x" } }),
    askPartner: async () => ({ outcome: "unsent" }),
    find: async () => ({ messages: [], events: [], writeBacks: [] }),
  });
  engine.subscribeMessages(node, { partner: "his", kinds: ["charge"], deadlineMs: 60_000 }, (one) => fed.push(one));
  const wellEnded = (token: string): void => {
    ledger.sent(token, node);
    ledger.entered(token, end);
    ledger.left(token, node);
    ledger.ended(token, end);
    ledger.left(token, end);
  };
  const run = (ms: number): void => {
    for (const timer of [...timers]) if (timer.ms <= ms && timers.delete(timer)) timer.run();
  };
  return { deliveries, engine, settlements, released, reclaimable, doubt, disowned, fed, wellEnded, run };
}

const reversed: Event = {
  specversion: "1.0",
  id: "e1",
  type: "insurance.reversed",
  source: "neusoft",
  subject: "bill:DJ1",
  time: "2026-11-20T15:00:00+08:00",
  datacontenttype: "application/json",
  dataschema: "urn:x",
  data: { bills: [{ no: "DJ1" }] } as never,
};

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("nothing is fed before flows are up; then in journal order, one at a time per business key", async () => {
  const { deliveries, fed, wellEnded } = core();
  deliveries.offer(message("m1", "B1"));
  deliveries.offer(message("m2", "B1"));
  deliveries.offer(message("m3", "B2"));
  await tick();
  assert.equal(fed.length, 0);
  deliveries.resume();
  await tick();
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m3"],
  );
  wellEnded(fed[0]?.token ?? "");
  await tick();
  await tick();
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m3", "m2"],
  );
});

test("a message that no flow takes is parked with NO_FLOW, never dropped", async () => {
  const { deliveries, settlements } = core();
  deliveries.resume();
  deliveries.offer(message("m1", "B1", "nobody"));
  await tick();
  assert.equal(settlements[0]?.park?.code, "NO_FLOW");
  assert.equal(settlements[0]?.parkedEvent?.event.type, "message.parked");
});

test("the verdict tells a sender who waits what became of the message", async () => {
  const { deliveries, fed, wellEnded } = core();
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  const verdict = deliveries.verdict("m1", 1_000);
  await tick();
  wellEnded(fed[0]?.token ?? "");
  assert.deepEqual(await verdict, { verdict: "accepted", messageId: "m1", events: [] });
});

test("a verdict that takes too long is pending, and the delivery goes on", async () => {
  const { deliveries, fed, wellEnded, run, settlements } = core();
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  const verdict = deliveries.verdict("m1", 50);
  await tick();
  run(50);
  assert.deepEqual(await verdict, { verdict: "accepted", messageId: "m1", pending: true });
  wellEnded(fed[0]?.token ?? "");
  await tick();
  assert.equal(settlements.length, 1);
});

test("I12 what does not fit in memory is given back to the journal", async () => {
  const { deliveries, released } = core({ limits: { queueMax: 2 } });
  for (const id of ["m1", "m2", "m3"]) deliveries.offer(message(id, id));
  await tick();
  assert.deepEqual(released, ["m3"]);
});

test("a settlement is tried again until the database answers; the turn is kept meanwhile", async () => {
  let tries = 0;
  const { deliveries, fed, wellEnded, run, settlements } = core({
    settle: async () => {
      tries += 1;
      if (tries < 3) throw new JournalGone();
      return { kind: "settled", events: [], writeBacks: [] };
    },
  });
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  deliveries.offer(message("m2", "B1"));
  await tick();
  wellEnded(fed[0]?.token ?? "");
  for (let i = 0; i < 3; i += 1) {
    await tick();
    run(1_000);
  }
  await tick();
  await tick();
  assert.equal(settlements.filter((one) => one.source.kind === "message" && one.source.message.id === "m1").length, 3);
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m2"],
  );
});

test("pause waits for what is live and feeds nothing new; stop gives the rest back", async () => {
  const { deliveries, fed, wellEnded, released } = core({ limits: { liveMax: 1 } });
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  deliveries.offer(message("m2", "B2"));
  await tick();
  const stopped = deliveries.stop(10_000);
  wellEnded(fed[0]?.token ?? "");
  await stopped;
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1"],
  );
  assert.deepEqual(released, ["m2"]);
});

test("an intent recorded after the delivery ended is refused", async () => {
  const { deliveries, engine, fed, wellEnded } = core();
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  await tick();
  const token = fed[0]?.token ?? "";
  wellEnded(token);
  await tick();
  const late = engine.publish(token, end, {});
  assert.equal(late.ok, false);
});

test("two nodes cannot take the same messages; the more exact filter wins over a general one", () => {
  const { engine } = core();
  const other: NodeRef = { id: "in2", type: "huiliu-message-in", flow: "g" };
  assert.equal(engine.subscribeMessages(other, { partner: "his", kinds: ["charge"], deadlineMs: 1 }, () => undefined).ok, false);
  const subscriptions = createSubscriptions({ changed: () => undefined });
  const any: NodeRef = { id: "any", type: "huiliu-message-in", flow: "g" };
  subscriptions.messages(any, { partner: "*", kinds: [], deadlineMs: 1 }, () => undefined);
  subscriptions.messages(node, { partner: "his", kinds: ["charge"], deadlineMs: 1 }, () => undefined);
  assert.equal(subscriptions.ofMessage("his", "charge")?.node.id, "in1");
  assert.equal(subscriptions.ofMessage("his", "refund")?.node.id, "any");
});

test("I13 a settlement that the store refuses for its content parks the message instead of being tried for ever", async () => {
  const { deliveries, fed, wellEnded, run, settlements } = core({
    settle: async (settlement) => {
      if (!settlement.park) throw new Error("invalid byte sequence");
      return { kind: "parked", reason: settlement.park };
    },
  });
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  await tick();
  wellEnded(fed[0]?.token ?? "");
  await tick();
  run(100);
  await tick();
  await tick();
  assert.deepEqual(
    settlements.map((one) => one.park?.code),
    [undefined, "INTERNAL"],
  );
  assert.equal(deliveries.counts().live, 0);
});

test("a reversal is fed with what its bill knows, once the database says so", async () => {
  const event = { ...reversed };
  let asked = 0;
  const { deliveries, run } = core({
    orderFacts: async (events) => {
      asked += 1;
      if (asked === 1) throw new JournalGone();
      return new Map(events.map((one) => [one.id, { key: "bill:DJ1", told: { amount: "9250" } }]));
    },
  });
  deliveries.resume();
  deliveries.offerEvents([{ kind: "event", subscriber: "s", event, messageId: "m1", token: 1 }]);
  await tick();
  const live = (): number => deliveries.counts().live;
  assert.deepEqual([asked, live()], [1, 1]);
  const one = deliveries.get("t1");
  run(100);
  await tick();
  assert.equal(one?.orders?.get(event.id)?.told.amount, "9250");
});

test("what a flow still holds when a deploy goes ahead is fed again to the new flow, with a new token", async () => {
  const { deliveries, fed, wellEnded, run, settlements, engine } = core();
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  deliveries.offer(message("m2", "B1"));
  await tick();
  const old = fed[0]?.token ?? "";
  const paused = deliveries.pause(500);
  run(500);
  await paused;
  assert.equal(engine.publish(old, end, {}).ok, false);
  wellEnded(old);
  await tick();
  assert.equal(settlements.length, 0);
  deliveries.resume();
  await tick();
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m1"],
  );
  wellEnded(fed[1]?.token ?? "");
  await tick();
  await tick();
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m1", "m2"],
  );
});

test("what did not fit is not overtaken: later messages of the same bill follow it through the journal", async () => {
  const { deliveries, released, reclaimable, fed, wellEnded, run } = core({ limits: { liveMax: 1, queueMax: 2, reclaimMs: 5 } });
  deliveries.resume();
  for (const id of ["m1", "m2", "m3", "m4"]) deliveries.offer(message(id, "B1"));
  await tick();
  assert.deepEqual(released, ["m4"]);
  wellEnded(fed[0]?.token ?? "");
  await tick();
  await tick();
  // There is room again, but m4 still lies in the journal.
  deliveries.offer(message("m5", "B1"));
  await tick();
  assert.deepEqual(released, ["m4", "m5"]);
  reclaimable.push({ ...message("m4", "B1"), token: 2 }, { ...message("m5", "B1"), token: 2 });
  for (let at = 1; at < 5; at += 1) {
    wellEnded(fed[at]?.token ?? "");
    for (let turn = 0; turn < 4; turn += 1) {
      run(5);
      await tick();
    }
  }
  deliveries.offer(message("m6", "B1"));
  await tick();
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m2", "m3", "m4", "m5", "m6"],
  );
});

test("C-6 what an earlier run left open is fed before what comes in now", async () => {
  const { deliveries, released, reclaimable, fed, wellEnded, run } = core({ backlog: true, limits: { reclaimMs: 5 } });
  reclaimable.push(message("m1", "B1"));
  deliveries.offer(message("m2", "B1"));
  await tick();
  assert.deepEqual(released, ["m2"]);
  reclaimable.push({ ...message("m2", "B1"), token: 2 });
  deliveries.resume();
  for (let at = 0; at < 2; at += 1) {
    await tick();
    await tick();
    wellEnded(fed[at]?.token ?? "");
    run(5);
  }
  await tick();
  deliveries.offer(message("m3", "B1"));
  await tick();
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m2", "m3"],
  );
});

test("C-6 an answer of the journal was lost: what this worker does not know of is disowned, fetched and fed first", async () => {
  const { deliveries, released, reclaimable, doubt, disowned, fed, wellEnded, run } = core({ limits: { reclaimMs: 5 } });
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  await tick();
  doubt.now = true; // m2 was committed and leased to us, and nobody told us
  deliveries.offer(message("m3", "B1"));
  await tick();
  assert.deepEqual(released, ["m3"]);
  reclaimable.push(message("m2", "B1"), { ...message("m3", "B1"), token: 2 });
  for (let at = 0; at < 3; at += 1) {
    run(5);
    await tick();
    await tick();
    wellEnded(fed[at]?.token ?? "");
    await tick();
  }
  assert.deepEqual(disowned, [["m1"]]);
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m2", "m3"],
  );
});

test("a translation that throws parks its message, and those behind it go on", async () => {
  const { deliveries, settlements, fed } = core({
    translate: (one) => {
      if (one.id === "m1") throw new Error("a fault of ours");
      return { mapping: "his/charge", result: { ok: true, events: [], keys: [] } };
    },
  });
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  deliveries.offer(message("m2", "B1"));
  for (let turn = 0; turn < 4; turn += 1) await tick();
  assert.deepEqual(
    settlements.map((one) => one.park?.code),
    ["INTERNAL"],
  );
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m2"],
  );
  assert.equal(deliveries.counts().live, 1);
});

test("a reason or a key that the store cannot hold does not keep its message for ever: it parks without them", async () => {
  const { deliveries, engine, settlements, fed, wellEnded, run } = core({
    translate: () => ({ mapping: "his/charge", result: { ok: true, events: [], keys: [{ kind: "bill", value: "a\0b" }] } }),
    settle: async (settlement) => {
      if (settlement.keys.length > 0 || settlement.park?.code !== "INTERNAL") throw new Error("invalid byte sequence");
      return { kind: "parked", reason: settlement.park };
    },
  });
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  await tick();
  engine.park(fed[0]?.token ?? "", end, { reason: "x\0y" });
  wellEnded(fed[0]?.token ?? "");
  for (let turn = 0; turn < 5; turn += 1) {
    await tick();
    run(5_000);
  }
  await tick();
  assert.equal(deliveries.counts().live, 0);
  assert.deepEqual(
    settlements.map((one) => one.park?.code),
    ["PARKED_BY_FLOW", "PARKED_BY_FLOW", "INTERNAL"],
  );
});

test("a settlement that finds the store's queue full waits for room: it is not parked", async () => {
  let tries = 0;
  const { deliveries, settlements, fed, wellEnded, run } = core({
    settle: async () => {
      tries += 1;
      if (tries < 3) throw new JournalBusy("settle: rows are waiting");
      return { kind: "settled", events: [], writeBacks: [] };
    },
  });
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  await tick();
  wellEnded(fed[0]?.token ?? "");
  for (let turn = 0; turn < 4; turn += 1) {
    await tick();
    run(5_000);
  }
  await tick();
  assert.deepEqual(
    settlements.map((one) => one.park),
    [undefined, undefined, undefined],
  );
  assert.equal(deliveries.counts().live, 0);
});
