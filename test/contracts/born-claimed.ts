/** What a SettleStore promises of heads that are handed over as they are owed (domain/writeback/ports.ts, HandOff). Run for memory and PostgreSQL. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { OwedWriteBack } from "../../domain/delivery/ports.ts";
import type { Claimed, HandOff } from "../../domain/writeback/ports.ts";
import { fact, fresh, owed, settlement, type SettleWorker, type SettleWorld } from "./settle-world.ts";

const LEASE_MS = 30_000;

/** A dispatcher with so many places. */
export function fakeHandOff(
  places: number,
): HandOff & { readonly taken: Claimed[]; readonly free: () => number; readonly ticks: number[] } {
  const taken: Claimed[] = [];
  const ticks: number[] = [];
  let free = places;
  let open = 0;
  return {
    taken,
    ticks,
    free: () => {
      assert.equal(open, 0, "every reservation is ended");
      return free;
    },
    reserve: (_destination, wanted) => {
      const calls = Math.min(wanted, free);
      free -= calls;
      open += calls;
      return { calls, leaseMs: LEASE_MS };
    },
    take: (_destination, claims, reserved, claimedAtTickMs) => {
      assert.ok(claims.length <= reserved);
      open -= reserved;
      free += reserved - claims.length;
      taken.push(...claims);
      ticks.push(claimedAtTickMs);
    },
  };
}

export function bornClaimedContract(name: string, make: () => Promise<SettleWorld>): void {
  describe(`born-claimed contract: ${name}`, () => {
    let world: SettleWorld;
    before(async () => {
      world = await make();
    });
    after(() => world.close());

    const owe = async (worker: SettleWorker, lane: string, over: Partial<OwedWriteBack>): Promise<string> => {
      const inbound = {
        door: "amqp",
        partner: "his",
        kind: "payment",
        identity: fresh("born"),
        headers: {},
        raw: Uint8Array.of(1),
      } as const;
      const journaled = await worker.journal.append(inbound);
      assert.equal(journaled.kind, "accepted");
      if (journaled.kind !== "accepted") return "";
      const cause = fact();
      const one = owed(cause, lane, over);
      const settled = await worker.settle.settle(settlement(journaled.message, { events: [cause], writeBacks: [one] }));
      assert.equal(settled.kind, "settled");
      return one.key;
    };

    test("a head with a place is handed over as a claim would have been, and nobody is told that it is due", async () => {
      const places = fakeHandOff(10);
      const worker = await world.worker({ handOff: places });
      const destination = fresh("born-destination ");
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      const key = await owe(worker, "bill:1", { destination, traceparent });
      const row = await world.writeBack(key);
      assert.equal(row?.state, "sending");
      const [claimed, ...more] = places.taken;
      assert.equal(more.length, 0);
      assert.deepEqual(
        claimed && [
          claimed.key,
          claimed.destination,
          claimed.lane,
          claimed.laneSeq,
          claimed.token,
          claimed.attempt,
          claimed.action,
          claimed.leaseMs,
        ],
        [key, destination, "bill:1", row?.laneSeq, 1, 1, "send", LEASE_MS],
      );
      assert.deepEqual(
        claimed && [
          Buffer.from(claimed.body).toString(),
          claimed.amountFen,
          claimed.serial,
          claimed.laneBehind,
          claimed.sinceLastPossibleSendMs,
          claimed.traceparent,
        ],
        ["<ok/>", 1_650n, "S1", 0, undefined, traceparent],
      );
      assert.equal(places.free(), 9);
      assert.deepEqual(
        worker.afters.flatMap((done) => done.destinations),
        [],
      );
    });

    test("what has no place, and what is not the head of its lane, waits as ever", async () => {
      const places = fakeHandOff(1);
      const worker = await world.worker({ handOff: places });
      const destination = fresh("born-destination ");
      const first = await owe(worker, "bill:1", { destination });
      const behind = await owe(worker, "bill:1", { destination });
      const other = await owe(worker, "bill:2", { destination });
      const states = await Promise.all([first, behind, other].map(async (key) => (await world.writeBack(key))?.state));
      assert.deepEqual(states, ["sending", "queued", "waiting"]);
      assert.equal(places.free(), 0);
      assert.deepEqual(
        worker.afters.flatMap((done) => done.destinations),
        [destination],
      );
    });

    test("one that is held for its bill has no place", async () => {
      const places = fakeHandOff(1);
      const worker = await world.worker({ handOff: places });
      const key = await owe(worker, fresh("bill:unpaid "), { destination: fresh("born-destination "), when: "bill-paid" });
      assert.equal((await world.writeBack(key))?.state, "held");
      assert.equal(places.free(), 1);
    });

    const SHUT = [
      { what: "paused", gate: { mode: "paused" }, held: false },
      { what: "behind an open breaker", gate: { breaker: "open" }, held: false },
      { what: "in a lane that a person holds", gate: {}, held: true },
    ] as const;
    for (const { what, gate, held } of SHUT) {
      test(`nothing is born claimed ${what}`, async () => {
        const places = fakeHandOff(1);
        const worker = await world.worker({ handOff: places });
        const destination = fresh("born-destination ");
        await world.gate(destination, gate);
        if (held) await world.hold(destination, "bill:1", true);
        const key = await owe(worker, "bill:1", { destination });
        assert.equal((await world.writeBack(key))?.state, "waiting");
        assert.equal(places.free(), 1);
        assert.deepEqual(places.taken, []);
      });
    }

    test("a batch of many takes as many places as there are, each write-back once", async () => {
      const places = fakeHandOff(7);
      const worker = await world.worker({ handOff: places });
      const destination = fresh("born-destination ");
      const keys = await Promise.all(Array.from({ length: 20 }, (_, n) => owe(worker, `bill:${n}`, { destination })));
      const states = await Promise.all(keys.map(async (key) => (await world.writeBack(key))?.state));
      assert.deepEqual([states.filter((one) => one === "sending").length, states.filter((one) => one === "waiting").length], [7, 13]);
      assert.equal(new Set(places.taken.map((one) => one.id)).size, 7);
      assert.equal(places.free(), 0);
    });
  });
}
