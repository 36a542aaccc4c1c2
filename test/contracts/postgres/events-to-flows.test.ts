import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { endOf } from "../write-backs.ts";
import { event, oweOne, parkedEvent, type PostgresWorld, postgresWorld } from "./world.ts";

let world: PostgresWorld;
before(async () => {
  world = await postgresWorld();
});
after(() => world.close());

test("C-1 what stores commit by themselves reaches event-in nodes too: a write-back's end, a message the journal parks", async () => {
  const postgres = await world.connect();
  const settle = postgres.settle({ parkedEvent, after: () => undefined });
  settle.setSubscribers([
    { id: "node-a", types: ["writeback.acknowledged"] },
    { id: "node-b", types: ["writeback.acknowledged", "message.parked"] },
  ]);
  const writeBacks = postgres.writeBacks({});
  const journal = postgres.journal({ parkedEvent });

  await oweOne({ journal, settle }, { key: "flows-1", lane: "bill:flows", destination: "his" });
  const [claimed] = await writeBacks.claim("his", 10, 30_000, "ask");
  assert.ok(claimed);
  assert.equal(await writeBacks.settle(endOf(claimed, { event: event("acked-1", "writeback.acknowledged", "his") })), "settled");
  const refusal = { code: "UNKNOWN_MESSAGE", zh: "没有这种报文", en: "no such message" };
  const parked = await journal.append({ door: "amqp", partner: "his", kind: "odd", headers: {}, raw: new Uint8Array([1]), refusal });
  assert.equal(parked.kind, "parked");

  const fed = await settle.reclaimEvents(["node-a", "node-b"], 10);
  assert.deepEqual(fed.map((one) => `${one.subscriber} ${one.event.type}`).sort(), [
    "node-a writeback.acknowledged",
    "node-b message.parked",
    "node-b writeback.acknowledged",
  ]);
  assert.deepEqual(await settle.reclaimEvents(["node-a", "node-b"], 10), [], "each is handed to one worker");
});
