import assert from "node:assert/strict";
import { test } from "node:test";
import { JournalGone } from "../journal/ports.ts";
import type { NodeRef } from "./engine.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { core, end, message, node, reversed, tick } from "../../test/fakes/deliveries.ts";

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
