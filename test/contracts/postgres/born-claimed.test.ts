/** A write-back that was born claimed is a claim like any other to those who settle it, give it back, or find it without its worker. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Claimed, WriteBackStore } from "../../../domain/writeback/ports.ts";
import { fakeHandOff } from "../born-claimed.ts";
import { fact, owed, settlement } from "../settle-world.ts";
import { endOf } from "../write-backs.ts";
import { oweOne, parkedEvent, type PostgresWorld, postgresWorld } from "./world.ts";

let world: PostgresWorld;
let store: WriteBackStore;
let counter = 0;
before(async () => {
  world = await postgresWorld();
  store = world.own.writeBacks({ strayCheckMs: 0 });
});
after(() => world.close());

const born = async (): Promise<Claimed> => {
  counter += 1;
  const handOff = fakeHandOff(1);
  const before = performance.now();
  const stores = {
    journal: world.own.journal({ parkedEvent }),
    settle: world.own.settle({ parkedEvent, after: () => undefined, handOff }),
  };
  await oweOne(stores, { key: `born-${counter}`, lane: `bill:${counter}`, destination: `born-${counter}` });
  const [claimed] = handOff.taken;
  assert.ok(claimed);
  assert.ok((handOff.ticks[0] ?? 0) >= before && (handOff.ticks[0] ?? 0) <= performance.now());
  return claimed;
};
const attempts = async (id: string) =>
  (await world.own.reads.query("select n, action, outcome from attempt where write_back_id = $1 order by n", [id])).rows;

test("its attempt is committed before anybody is handed it, and it is settled under its token", async () => {
  const claimed = await born();
  assert.deepEqual(await attempts(claimed.id), [{ n: 1, action: "send", outcome: null }]);
  assert.equal(await store.settle(endOf(claimed, { token: 2 })), "lease-lost");
  assert.equal(await store.settle(endOf(claimed)), "settled");
  assert.deepEqual(await attempts(claimed.id), [{ n: 1, action: "send", outcome: "acknowledged" }]);
});

test("given back unsent it counts no attempt and is claimed anew", async () => {
  const claimed = await born();
  await store.release([claimed]);
  assert.deepEqual(await attempts(claimed.id), []);
  const [again] = await store.claim(claimed.destination, 1, 30_000, "ask");
  assert.deepEqual(
    [again?.id, again?.attempt, again?.token, again?.action, again?.sinceLastPossibleSendMs],
    [claimed.id, 1, 2, "send", undefined],
  );
});

test("its lease runs out with the attempt open: unclear, never a fresh send", async () => {
  const claimed = await born();
  assert.deepEqual(await store.claim(claimed.destination, 1, 30_000, "ask"), [], "its lease holds");
  await world.advance(31_000);
  const [again] = await store.claim(claimed.destination, 1, 30_000, "ask");
  assert.deepEqual([again?.id, again?.attempt, again?.action, again?.because], [claimed.id, 2, "ask", "lease-expired"]);
  assert.ok((again?.sinceLastPossibleSendMs ?? -1) >= 500, "counted from the end of its lease");
  assert.equal(await store.settle(endOf(claimed)), "lease-lost");
});

test("a settlement that the store refuses leaves no place taken", async () => {
  const handOff = fakeHandOff(3);
  const stores = {
    journal: world.own.journal({ parkedEvent }),
    settle: world.own.settle({ parkedEvent, after: () => undefined, handOff }),
  };
  const refused = oweOne(stores, { key: "a nul \u0000 cannot be stored", lane: "bill:x", destination: "born-refused" });
  const good = oweOne(stores, { key: "good beside it", lane: "bill:y", destination: "born-refused" });
  await assert.rejects(refused);
  await good;
  assert.equal(handOff.free(), 2);
  assert.deepEqual(
    handOff.taken.map((one) => one.key),
    ["good beside it"],
  );
});

test("a payment that is given back in the very batch that owes it is not handed over, and the HIS hears of neither", async () => {
  const places = fakeHandOff(10);
  const journal = world.own.journal({ parkedEvent });
  const settle = world.own.settle({ parkedEvent, after: () => undefined, handOff: places });
  const arrive = async () => {
    const told = await journal.append({ door: "amqp", partner: "his", kind: "k", headers: {}, raw: Uint8Array.of(1) });
    if (told.kind !== "accepted") throw new Error(told.kind);
    return told.message;
  };
  const bill = "bill:back";
  const amount = 1_650n;
  const [paid, back] = [fact(), fact({ type: "payment.refunded" })];
  const confirm = owed(paid, bill, { when: "bill-paid" });
  const refund = owed(back, bill, { kind: "refund-confirm" });
  const both = [
    settlement(await arrive(), {
      events: [paid],
      orderChanges: [{ kind: "paid", bill, paymentNo: "P", amount, billTotal: amount, eventId: paid.event.id }],
      writeBacks: [confirm],
    }),
    settlement(await arrive(), {
      events: [back],
      orderChanges: [{ kind: "refunded", bill, refundNo: "R", amount, paymentNo: "P", eventId: back.event.id }],
      writeBacks: [refund],
    }),
  ];
  await Promise.all(both.map((one) => settle.settle(one)));
  const rows = await world.own.reads.query<{ state: string }>("select state from write_back where key = any($1::text[])", [
    [confirm.key, refund.key],
  ]);
  assert.deepEqual([rows.rows.map((row) => row.state), places.taken.length, places.free()], [["resolved", "resolved"], 0, 10]);
});
