import assert from "node:assert/strict";
import { test } from "node:test";
import { JournalBusy } from "../journal/ports.ts";
import { core, end, message, tick } from "../../test/fakes/deliveries.ts";

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

test("C-6 pages of the journal are fetched one at a time: a later one never comes back first", async () => {
  const answers: (() => void)[] = [];
  const { deliveries, reclaimable, fed, run } = core({
    backlog: true,
    limits: { reclaimMs: 5 },
    journalAnswers: () => new Promise((resolve) => answers.push(resolve)),
  });
  reclaimable.push(message("m1", "B1"));
  deliveries.resume();
  reclaimable.push(message("m2", "B1"));
  deliveries.wake();
  run(5);
  await tick();
  assert.equal(answers.length, 1);
  for (let page = 0; page < 3; page += 1) {
    answers.at(-1)?.(); // the page asked for last is answered first
    await tick();
    await tick();
    run(5);
    await tick();
  }
  assert.equal(fed[0]?.messageId, "m1");
});

test("I13 a message that may be what ends the process is fed with nothing beside it, in its place", async () => {
  const { deliveries, fed, wellEnded } = core();
  deliveries.resume();
  deliveries.offer(message("m1", "B1"));
  deliveries.offer({ ...message("m2", "B2"), run: 5 });
  deliveries.offer(message("m3", "B3"));
  await tick();
  const ids = (): string[] => fed.map((one) => one.messageId);
  assert.deepEqual(ids(), ["m1"], "what is live ends first");
  wellEnded(fed[0]?.token ?? "");
  await tick();
  await tick();
  assert.deepEqual(ids(), ["m1", "m2"], "alone");
  wellEnded(fed[1]?.token ?? "");
  await tick();
  await tick();
  assert.deepEqual(ids(), ["m1", "m2", "m3"]);
});

test("I13 a suspect that was fed alone too often is parked, and its neighbours go on; what a person replays is no suspect", async () => {
  const { deliveries, fed, settlements } = core({ fedAlone: 3 });
  deliveries.resume();
  deliveries.offer({ ...message("m1", "B1"), run: 7 });
  deliveries.offer({ ...message("m2", "B2"), run: 7, replayed: true });
  for (let turn = 0; turn < 4; turn += 1) await tick();
  assert.equal(settlements[0]?.park?.code, "CRASHES_WORKER");
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m2"],
  );
});

test("C-6 slept over its leases: what is in a flow and what waits is settled under the lease it was given anew, in its order", async () => {
  const { deliveries, settlements, reclaimable, released, fed, wellEnded, run } = core({ limits: { liveMax: 1, reclaimMs: 5 } });
  deliveries.resume();
  for (const id of ["m1", "m2", "m3"]) deliveries.offer(message(id, "B1"));
  await tick();
  // The leases ran out while the process slept or the database was away, and it is the reclaim that comes first afterwards.
  for (const id of ["m1", "m2", "m3"]) reclaimable.push({ ...message(id, "B1"), token: 2 });
  run(5);
  await tick();
  for (let at = 0; at < 2; at += 1) {
    wellEnded(fed[at]?.token ?? "");
    await tick();
    await tick();
  }
  assert.deepEqual(
    settlements.map(({ source }) => source.kind === "message" && [source.message.id, source.message.token]),
    [
      ["m1", 2],
      ["m2", 2],
    ],
  );
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m2", "m3"],
  );
  assert.deepEqual(released, []);
});

test("C-6 fenced by a takeover of its own worker: it keeps its turn, is leased again and settled before those behind it", async () => {
  let fences = 1;
  const { deliveries, settlements, fed, wellEnded } = core({
    settle: async () => {
      fences -= 1;
      return fences >= 0 ? { kind: "fenced" } : { kind: "settled", events: [], writeBacks: [] };
    },
    regain: (id) => (id === "m1" ? 9 : undefined),
  });
  deliveries.resume();
  for (const id of ["m1", "m2"]) deliveries.offer(message(id, "B1"));
  await tick();
  wellEnded(fed[0]?.token ?? "");
  for (let turn = 0; turn < 4; turn += 1) await tick();
  assert.deepEqual(
    settlements.map(({ source }) => source.kind === "message" && [source.message.id, source.message.token]),
    [
      ["m1", 1],
      ["m1", 9],
    ],
  );
  assert.deepEqual(
    fed.map((one) => one.messageId),
    ["m1", "m2"],
  );
});
