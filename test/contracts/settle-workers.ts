/** Several workers at once, and events in the hands of the nodes that take them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Settled } from "../../domain/delivery/ports.ts";
import { refusal } from "../../domain/refusals.ts";
import { fact, fresh, owed, paid, type Scene, settlement, type SettleWorker } from "./settle-world.ts";

export function workerTests({ world, one, arrive, settle }: Scene): void {
  test("two workers settle the same fact and the same lane at once: one fact, one head", async () => {
    const two = await world().worker();
    const lane = fresh("bill:");
    const results: Settled[] = [];
    for (let round = 0; round < 5; round += 1) {
      const identities = Array.from({ length: 20 }, () => fresh("race "));
      const work = async (worker: SettleWorker): Promise<Settled[]> => {
        const messages = await Promise.all(identities.map(() => arrive(worker)));
        return Promise.all(
          messages.map((message, index) => {
            const event = fact({ identity: identities[index] ?? "" });
            return worker.settle.settle(settlement(message, { events: [event], writeBacks: [owed(event, lane)] }));
          }),
        );
      };
      results.push(...(await Promise.all([work(one()), work(two)])).flat());
    }
    assert.deepEqual(
      [results.filter((each) => each.kind === "settled").length, results.filter((each) => each.kind === "duplicate").length],
      [100, 100],
    );
    const inLane = await world().lane("his", lane);
    assert.deepEqual([inLane.length, inLane[0], new Set(inLane.slice(1))], [100, "waiting", new Set(["queued"])]);
    await two.kill();
  });

  test("two workers hear of one bill at once: no payment is forgotten, each lane has one head", async () => {
    const two = await world().worker();
    for (let round = 0; round < 5; round += 1) {
      const bills = Array.from({ length: 20 }, () => fresh("bill:"));
      const held = await Promise.all(
        bills.map(async (bill) => {
          const event = fact();
          const back = owed(event, bill, { when: "bill-paid" });
          await settle(settlement(await arrive(), { events: [event], writeBacks: [back] }));
          return back.key;
        }),
      );
      const halves = async (worker: SettleWorker): Promise<unknown> => {
        const messages = await Promise.all(bills.map(() => arrive(worker)));
        return Promise.all(
          messages.map((message, index) => {
            const event = fact();
            const bill = bills[index] ?? "";
            return worker.settle.settle(
              settlement(message, { events: [event], orderChanges: [paid(bill, 500n, 1_000n)], writeBacks: [owed(event, bill)] }),
            );
          }),
        );
      };
      await Promise.all([halves(one()), halves(two)]);
      for (const [index, bill] of bills.entries()) {
        assert.notEqual((await world().writeBack(held[index] ?? ""))?.state, "held", "both halves were paid");
        const lane = [...(await world().lane("his", bill))];
        assert.deepEqual([lane.length, lane.filter((state) => state === "waiting").length], [3, 1]);
      }
    }
    await two.kill();
  });

  test("events are handed to event-in nodes, settled, reclaimed from the dead, parked", async () => {
    const two = await world().worker();
    two.settle.setSubscribers([
      { id: "node-1", types: ["charge.posted"] },
      { id: "node-2", types: ["charge.posted", "charge.cancelled"] },
    ]);
    const event = fact({ type: "charge.posted", publish: false });
    await two.settle.settle(settlement(await arrive(two), { events: [event, fact({ type: "payment.refunded" })] }));
    const handed = two.afters.flatMap((each) => each.eventDeliveries);
    assert.deepEqual(
      handed.map((each) => [each.subscriber, each.event.id]),
      [
        ["node-1", event.event.id],
        ["node-2", event.event.id],
      ],
    );
    const first = handed[0];
    assert.ok(first);
    const derived = fact();
    const told = await two.settle.settle({ ...settlement(await arrive(two), { events: [derived] }), source: first });
    assert.equal(told.kind, "settled");
    assert.deepEqual((await world().events(first.messageId)).includes(derived.event.id), true);
    assert.equal((await two.settle.settle({ ...settlement(await arrive(two)), source: first })).kind, "fenced");
    assert.deepEqual(await one().settle.reclaimEvents(["node-1", "node-2"], 10), [], "a living worker's deliveries were taken");
    await two.kill();
    const [taken, ...others] = await one().settle.reclaimEvents(["node-1", "node-2"], 10);
    assert.deepEqual([taken?.subscriber, taken?.event.id, others.length], ["node-2", event.event.id, 0]);
    assert.ok(taken);
    const parked = await settle({ ...settlement(await arrive()), source: taken, park: refusal("DEADLINE") });
    assert.equal(parked.kind, "parked");
    assert.deepEqual(await one().settle.reclaimEvents(["node-2"], 10), [], "a parked one waits for a person");
  });
}
