/** What every SettleStore promises (domain/delivery/ports.ts). Run for memory and PostgreSQL. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AfterSettle, OwedWriteBack, SealedEvent, Settled, Settlement, SettleStore } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import type { HandOff } from "../../domain/writeback/ports.ts";
import type { JournaledMessage, JournalStore } from "../../domain/journal/ports.ts";
import type { OrderChange } from "../../domain/orders/rules.ts";
import { refusal } from "../../domain/refusals.ts";

/** One process of the engine. */
export interface SettleWorker {
  readonly journal: JournalStore;
  readonly settle: SettleStore;
  /** What `after` was called with. */
  readonly afters: AfterSettle[];
  kill(): Promise<void>;
}

export interface SettleWorld {
  worker(options?: { readonly handOff?: HandOff }): Promise<SettleWorker>;
  message(
    id: string,
  ): Promise<
    { readonly state: string; readonly code?: string; readonly duplicateOf?: string; readonly notes: readonly string[] } | undefined
  >;
  /** A person's replay: the message is open again for whoever reclaims it. */
  replay(id: string): Promise<void>;
  gate(
    destination: string,
    now: { readonly mode?: "running" | "paused"; readonly breaker?: "closed" | "open" | "half-open"; readonly drainMs?: number },
  ): Promise<void>;
  hold(destination: string, lane: string, held: boolean): Promise<void>;
  writeBack(key: string): Promise<{ readonly state: string; readonly laneSeq?: bigint } | undefined>;
  /** Write-backs of a lane that may be sent now or later, in lane order: their states. */
  lane(destination: string, lane: string): Promise<readonly string[]>;
  events(messageId: string): Promise<readonly string[]>;
  outbox(): Promise<readonly string[]>;
  /** Messages found by a business key. */
  found(value: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

let counter = 0;
export const fresh = (prefix: string): string => {
  counter += 1;
  return `${prefix}${counter}`;
};

export const testEvent = (id: string, type: string, source = "his"): Event => ({
  specversion: "1.0",
  id,
  type,
  source,
  subject: "bill:1",
  time: "2026-11-20T09:22:01+08:00",
  datacontenttype: "application/json",
  dataschema: `urn:test:${type}`,
  data: { businessDate: "2026-11-20" },
});

export const fact = (
  over: { id?: string; type?: string; identity?: string; fingerprint?: string; publish?: boolean; key?: string } = {},
): SealedEvent => ({
  event: testEvent(over.id ?? fresh("e"), over.type ?? "payment.settled"),
  businessIdentity: over.identity ?? fresh("fact "),
  fingerprint: over.fingerprint ?? "same",
  keys: over.key === undefined ? [] : [{ kind: "bill", value: over.key }],
  publish: over.publish ?? true,
});

export const owed = (cause: SealedEvent, lane: string, over: Partial<OwedWriteBack> = {}): OwedWriteBack => ({
  key: fresh("wb"),
  destination: "his",
  kind: "payment-confirm",
  mapping: "his/payment-confirm",
  cause: { eventId: cause.event.id, type: cause.event.type },
  lane,
  body: new TextEncoder().encode("<ok/>"),
  contentType: "application/xml",
  charset: "utf-8",
  amountFen: 1_650n,
  serial: "S1",
  businessDate: "2026-11-20",
  when: "now",
  flow: "f",
  node: "n",
  ...over,
});

export const settlement = (message: JournaledMessage, over: Partial<Settlement> = {}): Settlement => ({
  source: { kind: "message", message },
  events: [],
  orderChanges: [],
  writeBacks: [],
  keys: [],
  flow: "f",
  ...over,
});

const paid = (bill: string, amount: bigint, billTotal?: bigint): OrderChange => ({
  kind: "paid",
  bill,
  paymentNo: fresh("P"),
  amount,
  ...(billTotal === undefined ? {} : { billTotal }),
});

const states = (settled: Settled): readonly string[] =>
  settled.kind === "settled" ? settled.writeBacks.map((one) => one.state) : [settled.kind];

export function settleContract(name: string, make: () => Promise<SettleWorld>): void {
  describe(`settle contract: ${name}`, () => {
    let world: SettleWorld;
    let one: SettleWorker;
    before(async () => {
      world = await make();
      one = await world.worker();
    });
    after(() => world.close());

    const arrive = async (worker = one): Promise<JournaledMessage> => {
      const journaled = await worker.journal.append({
        door: "amqp",
        partner: "his",
        kind: "payment",
        identity: fresh("m"),
        headers: {},
        raw: Uint8Array.of(1),
      });
      if (journaled.kind !== "accepted") throw new Error(`not accepted: ${journaled.kind}`);
      return journaled.message;
    };

    test("every intent is committed with the message's state, and told to the process", async () => {
      const message = await arrive();
      const told = fact({ key: "B-1" });
      const kept = fact({ publish: false });
      const back = owed(told, "bill:first");
      const before = one.afters.length;
      const settled = await one.settle.settle(
        settlement(message, { events: [told, kept], writeBacks: [back], keys: [{ kind: "patient", value: "P-1" }] }),
      );
      assert.equal(settled.kind, "settled");
      assert.deepEqual(settled.kind === "settled" && settled.events, [told.event.id, kept.event.id]);
      assert.deepEqual(states(settled), ["waiting"]);
      assert.equal((await world.message(message.id))?.state, "settled");
      assert.deepEqual(await world.events(message.id), [told.event.id, kept.event.id]);
      const outbox = await world.outbox();
      assert.deepEqual([outbox.includes(told.event.id), outbox.includes(kept.event.id)], [true, false]);
      assert.deepEqual([await world.found("B-1"), await world.found("P-1")], [[message.id], [message.id]]);
      const done = one.afters.slice(before);
      assert.deepEqual(
        done.flatMap((each) => each.outbox.map((row) => row.event.id)),
        [told.event.id],
      );
      assert.deepEqual(
        done.flatMap((each) => each.destinations),
        ["his"],
      );
    });

    for (const together of [false, true]) {
      test(`a stale token and a second settlement commit nothing (decision 6)${together ? ", in one batch" : ""}`, async () => {
        const message = await arrive();
        const [a, b] = [fact(), fact()];
        const stale = settlement({ ...message, token: message.token - 1 }, { events: [fact()], writeBacks: [owed(a, "bill:stale")] });
        const good = settlement(message, { events: [a] });
        const twice = settlement(message, { events: [b] });
        const told: Settled[] = [];
        if (together) told.push(...(await Promise.all([stale, good, twice].map((each) => one.settle.settle(each)))));
        else for (const each of [stale, good, twice]) told.push(await one.settle.settle(each));
        assert.deepEqual(
          told.map((each) => each.kind),
          ["fenced", "settled", "fenced"],
        );
        assert.deepEqual(await world.events(message.id), [a.event.id]);
      });
    }

    const matrix = [
      { name: "same identity, same content", second: (identity: string) => [fact({ identity })], kind: "duplicate" },
      { name: "same identity, other content", second: (identity: string) => [fact({ identity, fingerprint: "other" })], kind: "conflict" },
      {
        name: "same identity of another partner",
        second: (identity: string) => [{ ...fact({ identity }), event: testEvent(fresh("e"), "payment.settled", "jkt") }],
        kind: "settled",
      },
      { name: "one known, one new", second: (identity: string) => [fact({ identity }), fact()], kind: "settled" },
      {
        name: "one known, one in conflict",
        second: (identity: string) => [fact(), fact({ identity, fingerprint: "other" })],
        kind: "conflict",
      },
      {
        name: "an insurer's rejection known with other content",
        second: (identity: string) => [fact({ identity, type: "insurance.rejected", fingerprint: "other" })],
        kind: "conflict",
      },
      {
        name: "no identity at all",
        second: () => [{ event: testEvent(fresh("e"), "charge.posted"), fingerprint: "x", keys: [], publish: true }],
        kind: "settled",
      },
    ] as const;
    for (const row of matrix) {
      for (const together of [false, true]) {
        test(`business identity: ${row.name}${together ? ", in one batch" : ""} → ${row.kind} (decision 5)`, async () => {
          const identity = fresh("payment ");
          const [first, second] = [await arrive(), await arrive()];
          const known = fact({ identity });
          const events = row.second(identity);
          const causes = events.map((event) => owed(event, fresh("bill:")));
          const a = settlement(first, { events: [known] });
          const b = settlement(second, { events, writeBacks: causes, keys: [{ kind: "serial", value: identity }] });
          const told: Settled[] = [];
          // In one batch the later message is handed in first: journal order decides, not the order of calls.
          if (together) told.push(...(await Promise.all([b, a].map((each) => one.settle.settle(each)))).reverse());
          else told.push(await one.settle.settle(a), await one.settle.settle(b));
          assert.equal(told[0]?.kind, "settled");
          const answer = told[1] as Settled;
          assert.equal(answer.kind, row.kind);
          const stored = await world.message(second.id);
          assert.deepEqual(await world.found(identity), [second.id]);
          if (answer.kind === "duplicate") {
            assert.equal(answer.of, first.id);
            assert.deepEqual([stored?.state, stored?.duplicateOf], ["duplicate", first.id]);
            assert.deepEqual(await world.events(second.id), []);
          } else if (answer.kind === "conflict") {
            assert.equal(answer.with, first.id);
            assert.deepEqual([stored?.state, stored?.code, stored?.duplicateOf], ["parked", "BUSINESS_CONFLICT", first.id]);
            assert.deepEqual(await world.events(second.id), [`parked-${second.id}`]);
            assert.ok((await world.outbox()).includes(`parked-${second.id}`));
          } else {
            const news = events.filter(
              (event) => !("businessIdentity" in event) || event.businessIdentity !== identity || event.event.source !== "his",
            );
            assert.deepEqual(
              await world.events(second.id),
              news.map((event) => event.event.id),
            );
            assert.equal(states(answer).length, news.length, "what a known fact causes is owed by the message that told it first");
          }
          if (answer.kind !== "settled") for (const cause of causes) assert.equal(await world.writeBack(cause.key), undefined);
        });
      }
    }

    test("decision 6: a held write-back whose payment was given back is superseded, and not released when others pay the bill or it comes to nothing", async () => {
      for (const last of ["paid by another", "cancelled"] as const) {
        const bill = fresh("bill:");
        const event = fact();
        const back = owed(event, bill, { when: "bill-paid" });
        const told: OrderChange = { kind: "paid", bill, paymentNo: "P-back", amount: 50n, eventId: event.event.id };
        const charged: OrderChange = { kind: "charged", bill, chargeNo: "C1", amount: 100n };
        const first = await one.settle.settle(
          settlement(await arrive(), { events: [event], orderChanges: [charged, told], writeBacks: [back] }),
        );
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
        await one.settle.settle(settlement(await arrive(), { events: [back50], orderChanges: [refunded] }));
        const second = fact();
        const again = owed(second, bill, { when: "bill-paid" });
        const whole: OrderChange =
          last === "cancelled"
            ? { kind: "charge-cancelled", bill, cancelNo: fresh("X"), chargeNo: "C1", amount: 100n }
            : { kind: "paid", bill, paymentNo: fresh("P"), amount: 100n, eventId: second.event.id };
        const ended = await one.settle.settle(
          settlement(await arrive(), { events: [second], orderChanges: [whole], writeBacks: last === "cancelled" ? [] : [again] }),
        );
        assert.deepEqual(states(ended), last === "cancelled" ? [] : ["waiting"]);
        assert.equal((await world.writeBack(back.key))?.state, "resolved", last);
      }
    });

    for (const together of [false, true]) {
      test(`decision 5: another fact under an event id that is taken is a conflict: its write-back would pass for the first one's${together ? ", in one batch" : ""}`, async () => {
        const [first, second] = [await arrive(), await arrive()];
        const id = fresh("e");
        const lane = fresh("bill:");
        const [a, b] = [fact({ id }), fact({ id, fingerprint: "other" })];
        const back = owed(a, lane);
        const both = [
          () => one.settle.settle(settlement(first, { events: [a], writeBacks: [back] })),
          () => one.settle.settle(settlement(second, { events: [b], writeBacks: [{ ...back, serial: "S2" }] })),
        ] as const;
        const told = together ? await Promise.all([both[0](), both[1]()]) : [await both[0](), await both[1]()];
        assert.deepEqual(
          told.map((each) => each.kind),
          ["settled", "conflict"],
        );
        assert.equal((await world.message(second.id))?.code, "BUSINESS_CONFLICT");
        assert.deepEqual(await world.lane("his", lane), ["waiting"]);
      });
    }

    test("a parked delivery commits nothing but its parking", async () => {
      const message = await arrive();
      const event = fact({ key: "B-parked" });
      const back = owed(event, "bill:parked");
      const park = refusal("BRANCH_THREW");
      const told = await one.settle.settle(
        settlement(message, { events: [event], writeBacks: [back], orderChanges: [paid("bill:parked", 1n, 1n)], park }),
      );
      assert.deepEqual([told.kind, (await world.message(message.id))?.code], ["parked", "BRANCH_THREW"]);
      assert.deepEqual(await world.events(message.id), [`parked-${message.id}`]);
      assert.equal(await world.writeBack(back.key), undefined);
      assert.deepEqual(await world.found("B-parked"), [message.id], "a person must find it");
    });

    test("a replay keeps its events and write-backs, owes no second effect, and notes the difference", async () => {
      const message = await arrive();
      const event = fact();
      const back = owed(event, fresh("bill:"));
      await one.settle.settle(settlement(message, { events: [event], writeBacks: [back] }));
      await world.replay(message.id);
      const again = (await one.journal.reclaim(10_000)).find((each) => each.id === message.id);
      assert.deepEqual([again?.run, again?.replayed], [2, true]);
      const published = (await world.outbox()).filter((id) => id === event.event.id).length;
      const mended = { ...back, amountFen: 1_700n, body: new TextEncoder().encode("<mended/>") };
      const another = owed(event, back.lane, { kind: "insurance-result" });
      const told = await one.settle.settle(settlement(again ?? message, { events: [event], writeBacks: [mended, another] }));
      assert.deepEqual(states(told), ["kept", "queued"]);
      assert.deepEqual(await world.events(message.id), [event.event.id]);
      assert.equal((await world.outbox()).filter((id) => id === event.event.id).length, published);
      const note = (await world.message(message.id))?.notes.find((each) => each.includes("kept")) ?? "[]";
      assert.deepEqual(JSON.parse(note)[0].changed, ["amountFen", "body"]);
    });

    test("a lane has one head, in the order of the journal", async () => {
      const lane = fresh("bill:");
      const messages = [await arrive(), await arrive(), await arrive()];
      const settlements = messages.map((message) => {
        const event = fact();
        return settlement(message, { events: [event], writeBacks: [owed(event, lane), owed(event, fresh("bill:other"))] });
      });
      const told = await Promise.all([...settlements].reverse().map((each) => one.settle.settle(each)));
      assert.deepEqual(told.reverse().map(states), [
        ["waiting", "waiting"],
        ["queued", "waiting"],
        ["queued", "waiting"],
      ]);
      assert.deepEqual(await world.lane("his", lane), ["waiting", "queued", "queued"]);
      const later = fact();
      assert.deepEqual(states(await one.settle.settle(settlement(await arrive(), { events: [later], writeBacks: [owed(later, lane)] }))), [
        "queued",
      ]);
      assert.deepEqual(
        states(await one.settle.settle(settlement(await arrive(), { writeBacks: [owed(later, lane, { destination: "jkt" })] }))),
        ["waiting"],
      );
    });

    test("decision 6: what is open of an order keeps to one lane, whichever patient's number its events name and however lanes are chosen by now", async () => {
      const order = fresh("bill:");
      const [a, b] = [fresh("patient:"), fresh("patient:")];
      const owe = async (lane: string) => {
        const event = fact();
        const back = owed(event, lane, lane === order ? {} : { order });
        return states(await one.settle.settle(settlement(await arrive(), { events: [event], writeBacks: [back] })))[0];
      };
      assert.deepEqual([await owe(a), await owe(b), await owe(order)], ["waiting", "queued", "queued"]);
      assert.deepEqual(await world.lane("his", a), ["waiting", "queued", "queued"]);
      const other = fresh("bill:");
      const [first, second] = [fact(), fact()];
      const told = await Promise.all([
        one.settle.settle(settlement(await arrive(), { events: [first], writeBacks: [owed(first, other)] })),
        one.settle.settle(settlement(await arrive(), { events: [second], writeBacks: [owed(second, a, { order: other })] })),
      ]);
      assert.deepEqual(told.flatMap(states), ["waiting", "queued"]);
      assert.deepEqual(await world.lane("his", other), ["waiting", "queued"]);
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
        if (together) told.push(...(await Promise.all(all.map((each) => one.settle.settle(each)))));
        else {
          told.push(await one.settle.settle(all[0] as Settlement), await one.settle.settle(all[1] as Settlement));
          assert.equal((await world.writeBack(held.key))?.state, "held", "a fen is missing");
          told.push(await one.settle.settle(all[2] as Settlement));
        }
        assert.deepEqual(told.map(states)[2], ["queued"]);
        assert.equal((await world.writeBack(held.key))?.state, "queued");
        assert.deepEqual(await world.lane("his", bill), ["waiting", "queued", "queued"]);
        const [first, second] = [await world.writeBack(result.key), await world.writeBack(held.key)];
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
      await one.settle.settle(settlement(await arrive(), { events: [payment], orderChanges: [paid(bill, 399n)], writeBacks: [held] }));
      await one.settle.settle(
        settlement(await arrive(), { events: [insurance, rest], orderChanges: [insured, paid(bill, 1n)], writeBacks: [last, result] }),
      );
      const seqs = await Promise.all([result, held, last].map(async (each) => (await world.writeBack(each.key))?.laneSeq ?? 0n));
      assert.deepEqual(
        seqs,
        [...seqs].sort((a, b) => (a < b ? -1 : 1)),
      );
      assert.equal(new Set(seqs).size, 3);
      assert.equal((await world.writeBack(result.key))?.state, "waiting");
    });

    test("two workers settle the same fact and the same lane at once: one fact, one head", async () => {
      const two = await world.worker();
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
        results.push(...(await Promise.all([work(one), work(two)])).flat());
      }
      assert.deepEqual(
        [results.filter((each) => each.kind === "settled").length, results.filter((each) => each.kind === "duplicate").length],
        [100, 100],
      );
      const inLane = await world.lane("his", lane);
      assert.deepEqual([inLane.length, inLane[0], new Set(inLane.slice(1))], [100, "waiting", new Set(["queued"])]);
      await two.kill();
    });

    test("two workers hear of one bill at once: no payment is forgotten, each lane has one head", async () => {
      const two = await world.worker();
      for (let round = 0; round < 5; round += 1) {
        const bills = Array.from({ length: 20 }, () => fresh("bill:"));
        const held = await Promise.all(
          bills.map(async (bill) => {
            const event = fact();
            const back = owed(event, bill, { when: "bill-paid" });
            await one.settle.settle(settlement(await arrive(), { events: [event], writeBacks: [back] }));
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
        await Promise.all([halves(one), halves(two)]);
        for (const [index, bill] of bills.entries()) {
          assert.notEqual((await world.writeBack(held[index] ?? ""))?.state, "held", "both halves were paid");
          const lane = [...(await world.lane("his", bill))];
          assert.deepEqual([lane.length, lane.filter((state) => state === "waiting").length], [3, 1]);
        }
      }
      await two.kill();
    });

    test("events are handed to event-in nodes, settled, reclaimed from the dead, parked", async () => {
      const two = await world.worker();
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
      assert.deepEqual((await world.events(first.messageId)).includes(derived.event.id), true);
      assert.equal((await two.settle.settle({ ...settlement(await arrive(two)), source: first })).kind, "fenced");
      assert.deepEqual(await one.settle.reclaimEvents(["node-1", "node-2"], 10), [], "a living worker's deliveries were taken");
      await two.kill();
      const [taken, ...others] = await one.settle.reclaimEvents(["node-1", "node-2"], 10);
      assert.deepEqual([taken?.subscriber, taken?.event.id, others.length], ["node-2", event.event.id, 0]);
      assert.ok(taken);
      const parked = await one.settle.settle({ ...settlement(await arrive()), source: taken, park: refusal("DEADLINE") });
      assert.equal(parked.kind, "parked");
      assert.deepEqual(await one.settle.reclaimEvents(["node-2"], 10), [], "a parked one waits for a person");
    });
  });
}
