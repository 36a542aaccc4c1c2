/** What every AcknowledgementStore promises (domain/acknowledgements/ports.ts). Run for memory and PostgreSQL. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AcknowledgementStore, Applied, Correlation } from "../../domain/acknowledgements/ports.ts";
import { sayingOf } from "../../domain/acknowledgements/ruling.ts";
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import type { Reading } from "../../domain/writeback/dialect.ts";
import type { AttemptEnd, Claimed, WriteBackStore } from "../../domain/writeback/ports.ts";
import { endOf, freshDestination, UNCLEAR } from "./write-backs.ts";

export interface AcknowledgementWorld {
  readonly store: AcknowledgementStore;
  readonly writeBacks: WriteBackStore;
  /** Owes one of 1650 fen, written with his/payment-confirm; answers its id and serial. */
  owe(about: {
    readonly key: string;
    readonly lane: string;
    readonly destination: string;
  }): Promise<{ readonly id: string; readonly serial: string }>;
  /** Journals a message of this partner. */
  message(partner: string): Promise<JournaledMessage>;
  row(
    id: string,
  ): Promise<{ readonly state: string; readonly how?: string; readonly park?: string; readonly mayHaveTakenEffect: boolean } | undefined>;
  /** What is on record of an acknowledgement, and its message's state. */
  recorded(
    messageId: string,
  ): Promise<{ readonly state?: string; readonly writeBackId?: string; readonly message: string; readonly code?: string }>;
  /** Types of the events stored about a write-back. */
  events(id: string): Promise<readonly string[]>;
  /** Attempts of it whose end nobody wrote down. */
  openAttempts(id: string): Promise<number>;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

const LEASE_MS = 30_000;
export const DEFERRED = { outcome: "deferred", step: "wait", mayHaveTakenEffect: true, retryInMs: 60_000 } as const;
/** An end that proves nothing. */
const openEnd = (claimed: Claimed, over: Partial<AttemptEnd>): AttemptEnd => {
  const { receipt: _, how: __, ...rest } = endOf(claimed, over);
  return rest;
};
const PARKED = { code: "REJECTED", zh: "拒绝", en: "Rejected", advice: { zh: "核实", en: "Check" } };
let counter = 0;

export function acknowledgementContract(name: string, make: () => Promise<AcknowledgementWorld>): void {
  describe(`acknowledgement contract: ${name}`, () => {
    let world: AcknowledgementWorld;
    before(async () => {
      world = await make();
    });
    after(() => world.close());

    const owe = async (destination: string, lane = "bill:1") => {
      counter += 1;
      const key = `ack-key-${counter}`;
      return { key, ...(await world.owe({ key, lane, destination })) };
    };
    type Owed = Awaited<ReturnType<typeof owe>>;
    const only = async (destination: string, unclear: Claimed["action"] = "ask"): Promise<Claimed> => {
      const [claimed, ...more] = await world.writeBacks.claim(destination, 10, LEASE_MS, unclear);
      assert.equal(more.length, 0);
      assert.ok(claimed);
      return claimed;
    };
    /** An acknowledgement of it by its key; `says` makes it say something else. */
    const arrive = async (
      destination: string,
      owed: Owed,
      says: Partial<Reading> = {},
      message?: JournaledMessage,
    ): Promise<Applied & { messageId: string }> => {
      const arrived = message ?? (await world.message(destination));
      const correlation: Correlation = { by: "key", value: owed.key };
      const [candidate] = await world.store.find(destination, correlation);
      const reading: Reading = {
        outcome: "acknowledged",
        how: "reply",
        code: "0",
        receiptNo: "N1",
        amountFen: 1_650n,
        serial: owed.serial,
        why: "test",
        ...says,
      };
      const applied = await world.store.apply({
        message: arrived,
        mapping: "his/payment-confirm",
        correlation,
        reading,
        keys: [],
        saying: candidate ? sayingOf(reading, candidate) : "nothing",
        ...(candidate ? { writeBackId: candidate.id } : {}),
      });
      return { ...applied, messageId: arrived.id };
    };
    const deferred = async (destination: string): Promise<Owed> => {
      const owed = await owe(destination);
      assert.equal(await world.writeBacks.settle(openEnd(await only(destination), DEFERRED)), "settled");
      return owed;
    };

    test("the awaited answer finishes the deferred one, once, and the next of its lane goes", async () => {
      const destination = freshDestination();
      const owed = await deferred(destination);
      const behind = await owe(destination);
      const first = await arrive(destination, owed);
      assert.deepEqual([first.state, first.settled.kind], ["applied", "settled"]);
      assert.deepEqual(await world.row(owed.id), { state: "acknowledged", how: "message", mayHaveTakenEffect: true });
      assert.deepEqual(await world.recorded(first.messageId), { state: "applied", writeBackId: owed.id, message: "settled" });
      assert.deepEqual(await world.events(owed.id), ["writeback.acknowledged"]);
      assert.equal((await only(destination)).id, behind.id, "the next of the lane");
      const again = await arrive(destination, owed);
      assert.deepEqual([again.state, (await world.recorded(again.messageId)).message], ["duplicate", "settled"]);
      assert.deepEqual(await world.events(owed.id), ["writeback.acknowledged"], "one event");
    });

    test('one that comes before the reply finishes it at once; the reply that says "taken" changes nothing (fencing)', async () => {
      const destination = freshDestination();
      const owed = await owe(destination);
      const claimed = await only(destination);
      assert.equal((await arrive(destination, owed)).state, "early");
      assert.equal((await world.row(owed.id))?.state, "acknowledged");
      assert.equal(await world.openAttempts(owed.id), 0, "its attempt is closed too");
      for (const end of [DEFERRED, { ...UNCLEAR, step: "resend", retryInMs: 0 } as const])
        assert.equal(await world.writeBacks.settle(openEnd(claimed, end)), "lease-lost");
      await world.advance(LEASE_MS + 120_000);
      assert.deepEqual(await world.writeBacks.claim(destination, 10, LEASE_MS, "send"), [], "never sent again");
    });

    for (const unclear of ["send", "ask"] as const) {
      test(`a late one ends the ${unclear === "send" ? "resend" : "inquiry"} that was made because the answer was overdue`, async () => {
        const destination = freshDestination();
        const owed = await deferred(destination);
        await world.advance(61_000);
        const overdue = await only(destination, unclear);
        assert.deepEqual([overdue.because, overdue.action], ["answer-overdue", unclear]);
        assert.equal((await arrive(destination, owed)).state, "late");
        assert.equal(await world.writeBacks.settle(openEnd(overdue, { outcome: "unclear", step: "resend", retryInMs: 0 })), "lease-lost");
        assert.equal((await world.row(owed.id))?.state, "acknowledged");
        assert.deepEqual(await world.writeBacks.claim(destination, 10, LEASE_MS, unclear), []);
      });
    }

    test("a late one closes what was parked as unclear; a parking by the partner's own refusal is contradicted, and stays", async () => {
      for (const { code, state, row } of [
        { code: "ANSWER_OVERDUE", state: "late", row: "acknowledged" },
        { code: "UNCLEAR", state: "late", row: "acknowledged" },
        { code: "REJECTED", state: "differs", row: "parked" },
        { code: "RECEIPT_DIFFERS", state: "differs", row: "parked" },
      ]) {
        const destination = freshDestination();
        const owed = await owe(destination);
        await world.writeBacks.settle(openEnd(await only(destination), { ...UNCLEAR, step: "park", park: { ...PARKED, code } }));
        const arrived = await arrive(destination, owed);
        assert.deepEqual([arrived.state, (await world.row(owed.id))?.state], [state, row], code);
        const record = await world.recorded(arrived.messageId);
        assert.equal(record.message, state === "differs" ? "parked" : "settled", "a contradiction has a face");
        if (state === "differs") assert.equal(record.code, "ACKNOWLEDGEMENT_DIFFERS");
      }
    });

    test("a later refusal parks it as rejected", async () => {
      const destination = freshDestination();
      const owed = await deferred(destination);
      const arrived = await arrive(destination, owed, {
        outcome: "rejected",
        code: "E101",
        receiptNo: undefined as never,
        amountFen: undefined as never,
      });
      assert.equal(arrived.state, "applied");
      const { state, park } = (await world.row(owed.id)) ?? {};
      assert.deepEqual([state, park], ["parked", "REJECTED"]);
      assert.deepEqual(await world.events(owed.id), ["writeback.parked"]);
    });

    test("another amount never acknowledges: it parks what is open, and stands out against what is closed", async () => {
      const destination = freshDestination();
      const owed = await deferred(destination);
      const arrived = await arrive(destination, owed, { amountFen: 1_651n });
      assert.equal(arrived.state, "differs");
      assert.deepEqual([(await world.row(owed.id))?.state, (await world.row(owed.id))?.park], ["parked", "RECEIPT_DIFFERS"]);
      const closed = await deferred(freshDestination());
      assert.equal(closed.key.length > 0, true);
      const other = freshDestination();
      const done = await deferred(other);
      await arrive(other, done);
      for (const says of [{ amountFen: 1_651n }, { serial: "other" }, { receiptNo: "N2" }]) {
        const again = await arrive(other, done, says);
        assert.deepEqual(
          [again.state, (await world.recorded(again.messageId)).code],
          ["differs", "ACKNOWLEDGEMENT_DIFFERS"],
          JSON.stringify(says, (_k, v: unknown) => String(v)),
        );
        assert.equal((await world.row(done.id))?.state, "acknowledged");
      }
    });

    test("what was never sent, an unknown key and another partner's key acknowledge nothing (A28, F17)", async () => {
      const destination = freshDestination();
      const owed = await owe(destination);
      const never = await arrive(destination, owed);
      assert.deepEqual([never.state, (await world.recorded(never.messageId)).code], ["unexpected", "UNEXPECTED_ACKNOWLEDGEMENT"]);
      assert.equal((await world.row(owed.id))?.state, "waiting");
      const sent = await deferred(freshDestination());
      for (const forged of [{ ...sent, key: "of nobody" }, sent]) {
        const arrived = await arrive(destination, forged);
        assert.deepEqual([arrived.state, (await world.recorded(arrived.messageId)).message], ["unexpected", "parked"]);
      }
      assert.equal((await world.row(sent.id))?.state, "deferred");
    });

    test("what proves nothing changes nothing, and its message waits for a person", async () => {
      const destination = freshDestination();
      const owed = await deferred(destination);
      for (const says of [{ outcome: "unclear" as const }, { amountFen: undefined as never }, { outcome: "busy" as const }]) {
        const arrived = await arrive(destination, owed, says);
        assert.deepEqual([arrived.state, (await world.recorded(arrived.messageId)).code], ["unclear", "ACKNOWLEDGEMENT_UNCLEAR"]);
      }
      assert.equal((await arrive(destination, owed, { outcome: "deferred" })).state, "duplicate");
      assert.equal((await world.row(owed.id))?.state, "deferred");
      assert.equal((await arrive(destination, owed)).state, "applied", "and the proof still comes");
    });

    test("fifty of one write-back at once: one applies, the others are duplicates (F18)", async () => {
      const destination = freshDestination();
      const owed = await deferred(destination);
      const messages = await Promise.all(Array.from({ length: 50 }, () => world.message(destination)));
      const all = await Promise.all(messages.map((message) => arrive(destination, owed, {}, message)));
      assert.deepEqual(
        Object.entries(Object.groupBy(all, ({ state }) => state ?? "fenced"))
          .map(([state, of]) => [state, of?.length])
          .sort(),
        [
          ["applied", 1],
          ["duplicate", 49],
        ],
      );
      assert.deepEqual(await world.events(owed.id), ["writeback.acknowledged"]);
    });

    test("a message that is another worker's by now changes nothing; one applied twice keeps what it did", async () => {
      const destination = freshDestination();
      const owed = await deferred(destination);
      const message = await world.message(destination);
      assert.equal((await arrive(destination, owed, {}, { ...message, token: message.token + 1 })).settled.kind, "fenced");
      assert.equal((await world.row(owed.id))?.state, "deferred");
      assert.equal((await arrive(destination, owed, {}, message)).state, "applied");
      assert.equal((await arrive(destination, owed, {}, message)).settled.kind, "fenced", "settled already");
      assert.equal((await world.recorded(message.id)).state, "applied");
    });

    test("a serial finds it as well; a text the store cannot hold finds nothing", async () => {
      const destination = freshDestination();
      const owed = await deferred(destination);
      assert.deepEqual(
        (await world.store.find(destination, { by: "serial", value: owed.serial })).map((one) => one.id),
        [owed.id],
      );
      for (const value of ["\0", "\ud800", "nobody"]) assert.deepEqual(await world.store.find(destination, { by: "key", value }), []);
      assert.deepEqual(await world.store.find(destination, { by: "reference", value: owed.serial }), []);
    });

    test("the partner's own number, told when it took the work, finds it; of another destination it finds nothing", async () => {
      const destination = freshDestination();
      const owed = await owe(destination);
      await world.writeBacks.settle(openEnd(await only(destination), { ...DEFERRED, reference: "SL-4711" }));
      const found = await world.store.find(destination, { by: "reference", value: "SL-4711" });
      assert.deepEqual(
        found.map((one) => one.id),
        [owed.id],
      );
      assert.deepEqual(await world.store.find(freshDestination(), { by: "reference", value: "SL-4711" }), []);
    });
  });
}
