/** Lanes and bills: what is sent before what, what is held until a bill is paid, what is overtaken (design.md decisions 6 and 21). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Settled, Settlement } from "../../domain/delivery/ports.ts";
import type { OrderChange } from "../../domain/orders/rules.ts";
import { fact, fresh, owed, paid, type Scene, settlement, states } from "./settle-world.ts";

export function orderTests({ world, arrive, settle }: Scene): void {
  test("decision 6: a held write-back whose payment was given back is superseded, and not released when others pay the bill or it comes to nothing", async () => {
    for (const last of ["paid by another", "cancelled"] as const) {
      const bill = fresh("bill:");
      const event = fact();
      const back = owed(event, bill, { when: "bill-paid" });
      const told: OrderChange = { kind: "paid", bill, paymentNo: "P-back", amount: 50n, eventId: event.event.id };
      const charged: OrderChange = { kind: "charged", bill, chargeNo: "C1", amount: 100n };
      const first = await settle(settlement(await arrive(), { events: [event], orderChanges: [charged, told], writeBacks: [back] }));
      assert.deepEqual(states(first), ["held"]);
      const back50 = fact({ type: "payment.refunded" });
      const refunded: OrderChange = {
        kind: "refunded",
        bill,
        refundNo: fresh("R"),
        amount: 50n,
        paymentNo: "P-back",
        eventId: back50.event.id,
      };
      await settle(settlement(await arrive(), { events: [back50], orderChanges: [refunded] }));
      const second = fact();
      const again = owed(second, bill, { when: "bill-paid" });
      const whole: OrderChange =
        last === "cancelled"
          ? { kind: "charge-cancelled", bill, cancelNo: fresh("X"), chargeNo: "C1", amount: 100n }
          : { kind: "paid", bill, paymentNo: fresh("P"), amount: 100n, eventId: second.event.id };
      const ended = await settle(
        settlement(await arrive(), { events: [second], orderChanges: [whole], writeBacks: last === "cancelled" ? [] : [again] }),
      );
      assert.deepEqual(states(ended), last === "cancelled" ? [] : ["waiting"]);
      assert.equal((await world().writeBack(back.key))?.state, "resolved", last);
    }
  });

  test("a lane has one head, in the order of the journal", async () => {
    const lane = fresh("bill:");
    const messages = [await arrive(), await arrive(), await arrive()];
    const settlements = messages.map((message) => {
      const event = fact();
      return settlement(message, { events: [event], writeBacks: [owed(event, lane), owed(event, fresh("bill:other"))] });
    });
    const told = await Promise.all([...settlements].reverse().map((each) => settle(each)));
    assert.deepEqual(told.reverse().map(states), [
      ["waiting", "waiting"],
      ["queued", "waiting"],
      ["queued", "waiting"],
    ]);
    assert.deepEqual(await world().lane("his", lane), ["waiting", "queued", "queued"]);
    const later = fact();
    assert.deepEqual(states(await settle(settlement(await arrive(), { events: [later], writeBacks: [owed(later, lane)] }))), ["queued"]);
    assert.deepEqual(states(await settle(settlement(await arrive(), { writeBacks: [owed(later, lane, { destination: "jkt" })] }))), [
      "waiting",
    ]);
  });

  test("decision 6: what is open of an order keeps to one lane, whichever patient's number its events name and however lanes are chosen by now", async () => {
    const order = fresh("bill:");
    const [a, b] = [fresh("patient:"), fresh("patient:")];
    const owe = async (lane: string) => {
      const event = fact();
      const back = owed(event, lane, lane === order ? {} : { order });
      return states(await settle(settlement(await arrive(), { events: [event], writeBacks: [back] })))[0];
    };
    assert.deepEqual([await owe(a), await owe(b), await owe(order)], ["waiting", "queued", "queued"]);
    assert.deepEqual(await world().lane("his", a), ["waiting", "queued", "queued"]);
    const other = fresh("bill:");
    const [first, second] = [fact(), fact()];
    const told = await Promise.all([
      settle(settlement(await arrive(), { events: [first], writeBacks: [owed(first, other)] })),
      settle(settlement(await arrive(), { events: [second], writeBacks: [owed(second, a, { order: other })] })),
    ]);
    assert.deepEqual(told.flatMap(states), ["waiting", "queued"]);
    assert.deepEqual(await world().lane("his", other), ["waiting", "queued"]);
  });

  for (const together of [false, true]) {
    test(`HIS is told "paid" only when the bill is (decision 21)${together ? ", in one batch" : ""}; a held one blocks nobody`, async () => {
      const bill = fresh("bill:");
      const [event, more, rest] = [fact(), fact(), fact()];
      const held = owed(event, bill, { when: "bill-paid" });
      const result = owed(event, bill, { kind: "insurance-result" });
      const insured: OrderChange = { kind: "insured", bill, settlementNo: "S", total: 1_000n, covered: 600n };
      const all = [
        settlement(await arrive(), { events: [event], orderChanges: [insured], writeBacks: [held, result] }),
        settlement(await arrive(), { events: [more], orderChanges: [paid(bill, 399n)] }),
        settlement(await arrive(), {
          events: [rest],
          orderChanges: [paid(bill, 1n)],
          writeBacks: [owed(rest, bill, { when: "bill-paid" })],
        }),
      ];
      const told: Settled[] = [];
      if (together) told.push(...(await Promise.all(all.map((each) => settle(each)))));
      else {
        told.push(await settle(all[0] as Settlement), await settle(all[1] as Settlement));
        assert.equal((await world().writeBack(held.key))?.state, "held", "a fen is missing");
        told.push(await settle(all[2] as Settlement));
      }
      assert.deepEqual(told.map(states)[2], ["queued"]);
      assert.equal((await world().writeBack(held.key))?.state, "queued");
      assert.deepEqual(await world().lane("his", bill), ["waiting", "queued", "queued"]);
      const [first, second] = [await world().writeBack(result.key), await world().writeBack(held.key)];
      assert.ok((first?.laneSeq ?? 0n) < (second?.laneSeq ?? 0n), "a held one enters its lane when it is released");
    });
  }

  test("S4-10 the insurance result that covers the bill is told before the payment it releases, and that before a later payment", async () => {
    const bill = fresh("bill:");
    const [payment, insurance, rest] = [fact(), fact(), fact()];
    const held = owed(payment, bill, { when: "bill-paid" });
    const result = owed(insurance, bill, { kind: "insurance-result" });
    const last = owed(rest, bill, { when: "bill-paid" });
    const insured: OrderChange = { kind: "insured", bill, settlementNo: "S", total: 1_000n, covered: 600n };
    await settle(settlement(await arrive(), { events: [payment], orderChanges: [paid(bill, 399n)], writeBacks: [held] }));
    await settle(
      settlement(await arrive(), { events: [insurance, rest], orderChanges: [insured, paid(bill, 1n)], writeBacks: [last, result] }),
    );
    const seqs = await Promise.all([result, held, last].map(async (each) => (await world().writeBack(each.key))?.laneSeq ?? 0n));
    assert.deepEqual(
      seqs,
      [...seqs].sort((a, b) => (a < b ? -1 : 1)),
    );
    assert.equal(new Set(seqs).size, 3);
    assert.equal((await world().writeBack(result.key))?.state, "waiting");
  });
}
