/** What every WriteBackStore promises (domain/writeback/ports.ts). Run for memory and PostgreSQL. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AttemptEnd, Claimed, WriteBackStore } from "../../domain/writeback/ports.ts";

export interface WriteBackRow {
  readonly state: string;
  readonly attempts: number;
  readonly mayHaveTakenEffect: boolean;
}

export interface WriteBackWorld {
  readonly store: WriteBackStore;
  /** Owes one; answers its id. The body is the key. */
  owe(about: { readonly key: string; readonly lane: string; readonly destination: string; readonly traceparent?: string }): Promise<string>;
  row(id: string): Promise<WriteBackRow | undefined>;
  advance(ms: number): Promise<void>;
  /** What a destination is allowed; `drainMs`: a person lets it drain so long whatever its mode says. */
  gate(
    destination: string,
    now: { readonly mode?: "running" | "paused"; readonly breaker?: "closed" | "open" | "half-open"; readonly drainMs?: number },
  ): Promise<void>;
  hold(destination: string, lane: string, held: boolean): Promise<void>;
  close(): Promise<void>;
}

const LEASE_MS = 30_000;
let counter = 0;
/** A destination of the test's own: tests do not see each other's write-backs. */
export const freshDestination = (): string => {
  counter += 1;
  return `destination-${counter}`;
};

/** The end of an attempt that the partner acknowledged; `over` makes it another. */
export const endOf = (claimed: Claimed, over: Partial<AttemptEnd> = {}): AttemptEnd => ({
  id: claimed.id,
  messageId: claimed.messageId,
  token: claimed.token,
  attempt: claimed.attempt,
  action: claimed.action === "ask" ? "ask" : "send",
  outcome: "acknowledged",
  step: "finish",
  mayHaveTakenEffect: claimed.action === "send",
  status: 200,
  code: "0",
  why: "the partner said so",
  how: "reply",
  receipt: { code: "0", partnerNo: "N1", amountFen: 1_650n },
  reply: new TextEncoder().encode("<ok/>"),
  ...over,
});

export const UNCLEAR: Partial<AttemptEnd> = { outcome: "unclear", step: "ask", mayHaveTakenEffect: true };
const PARK = { code: "REJECTED", zh: "拒绝", en: "Rejected", advice: { zh: "核实", en: "Check" } };

export function writeBackContract(name: string, make: () => Promise<WriteBackWorld>): void {
  describe(`write-back contract: ${name}`, () => {
    let world: WriteBackWorld;
    before(async () => {
      world = await make();
    });
    after(() => world.close());

    const owe = (destination: string, lane = "bill:1"): Promise<string> => {
      counter += 1;
      return world.owe({ key: `key-${counter}`, lane, destination });
    };
    const claim = async (destination: string, unclear: Claimed["action"] = "ask", limit = 10): Promise<readonly Claimed[]> =>
      world.store.claim(destination, limit, LEASE_MS, unclear);
    const only = async (destination: string, unclear: Claimed["action"] = "ask"): Promise<Claimed> => {
      const claims = await claim(destination, unclear);
      assert.equal(claims.length, 1);
      return claims[0] as Claimed;
    };

    test("a claim is what was owed, once, under a lease", async () => {
      const destination = freshDestination();
      const id = await owe(destination);
      const claimed = await only(destination);
      assert.deepEqual(
        [
          claimed.id,
          claimed.attempt,
          claimed.action,
          claimed.lane,
          claimed.leaseMs,
          claimed.laneBehind,
          claimed.sinceLastPossibleSendMs,
          claimed.firstSentAt,
        ],
        [id, 1, "send", "bill:1", LEASE_MS, 0, undefined, undefined],
      );
      assert.ok(Buffer.from(claimed.body).toString().includes(claimed.key));
      assert.deepEqual(await claim(destination), []);
      assert.equal((await world.row(id))?.state, "sending");
      assert.equal(await world.store.settle(endOf(claimed)), "settled");
      assert.deepEqual(await world.row(id), { state: "acknowledged", attempts: 1, mayHaveTakenEffect: true });
      assert.equal(await world.store.nextDueMs(destination), undefined);
    });

    test("the trace that a sender began comes with the claim; of others there is none", async () => {
      const destination = freshDestination();
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      await world.owe({ key: `traced ${destination}`, lane: "bill:1", destination, traceparent });
      assert.equal((await only(destination)).traceparent, traceparent);
      const other = freshDestination();
      await owe(other);
      assert.equal((await only(other)).traceparent, undefined);
    });

    const GATES = [
      { now: { mode: "paused" }, claims: 0 },
      { now: { mode: "paused", breaker: "open", drainMs: 60_000 }, claims: 0 },
      { now: { mode: "paused", drainMs: 60_000 }, claims: 1 },
      { now: { mode: "paused", drainMs: -1 }, claims: 0 },
      { now: { breaker: "open" }, claims: 0 },
      { now: { breaker: "half-open" }, claims: 1 },
      { now: {}, claims: 1 },
    ] as const;
    for (const { now, claims } of GATES) {
      test(`a gate that says ${JSON.stringify(now)} lets ${claims} through, and what it keeps back is not due`, async () => {
        const destination = freshDestination();
        await owe(destination);
        await world.gate(destination, now);
        assert.equal((await world.store.nextDueMs(destination)) !== undefined, claims > 0);
        assert.equal((await claim(destination)).length, claims);
        await world.gate(destination, {});
        assert.equal((await claim(destination)).length, 1 - claims);
      });
    }

    test("C-6 of a backlog the longest owed goes first, and what became due just now can be claimed apart", async () => {
      const destination = freshDestination();
      const first = await owe(destination, "bill:1");
      const second = await owe(destination, "bill:1");
      await world.advance(1_000);
      const third = await owe(destination, "bill:2");
      await world.advance(10_000);
      const live = await owe(destination, "bill:3");
      const fresh = async (limit: number) => (await world.store.claim(destination, limit, LEASE_MS, "ask", 5_000)).map((one) => one.id);
      assert.deepEqual(await fresh(9), [live]);
      assert.deepEqual(await fresh(9), []);
      const [head] = await claim(destination, "ask", 1);
      assert.equal(head?.id, first);
      assert.ok(head);
      await world.store.settle(endOf(head));
      assert.deepEqual(await fresh(9), [], "a head whose turn has just come is not live: it was owed long ago");
      const rest = (await claim(destination)).map((one) => one.id);
      assert.deepEqual(rest, [second, third]);
    });

    test("a lane that a person holds is passed over until it is released, the others are not", async () => {
      const destination = freshDestination();
      const held = await owe(destination, "bill:1");
      const other = await owe(destination, "bill:2");
      await world.hold(destination, "bill:1", true);
      const [first, ...more] = await claim(destination);
      assert.deepEqual([first?.id, more.length], [other, 0]);
      if (first) await world.store.settle(endOf(first));
      assert.equal(await world.store.nextDueMs(destination), undefined);
      await world.hold(destination, "bill:1", false);
      assert.equal((await only(destination)).id, held);
    });

    test("only a lane's head is in flight, and the next follows when it is acknowledged (decision 6)", async () => {
      const destination = freshDestination();
      const ids = [await owe(destination), await owe(destination), await owe(destination)];
      const other = await owe(destination, "bill:2");
      const first = await claim(destination);
      assert.deepEqual(new Set(first.map((each) => each.id)), new Set([ids[0], other]));
      assert.equal(first.find((each) => each.id === ids[0])?.laneBehind, 2);
      for (const each of first) await world.store.settle(endOf(each));
      for (const id of ids.slice(1)) {
        const next = await only(destination);
        assert.equal(next.id, id);
        await world.store.settle(endOf(next));
      }
    });

    test("a parked head blocks its lane and no other", async () => {
      const destination = freshDestination();
      const [head, behind] = [await owe(destination), await owe(destination)];
      const claimed = await only(destination);
      await world.store.settle(endOf(claimed, { outcome: "rejected", step: "park", mayHaveTakenEffect: false, park: PARK }));
      assert.deepEqual([(await world.row(head))?.state, (await world.row(behind))?.state], ["parked", "queued"]);
      const free = await owe(destination, "bill:2");
      assert.equal((await only(destination)).id, free);
    });

    test("a parked head that its destination skips lets the next one go, and that one only after it is closed", async () => {
      const destination = freshDestination();
      const [head, second, third] = [await owe(destination), await owe(destination), await owe(destination)];
      const rejected = { outcome: "rejected", step: "park", mayHaveTakenEffect: false, park: PARK, letsNextGo: true } as const;
      await world.store.settle(endOf(await only(destination), rejected));
      assert.deepEqual([(await world.row(head))?.state, (await world.row(third))?.state], ["parked", "queued"]);
      const next = await only(destination);
      assert.equal(next.id, second);
      await world.store.settle(endOf(next));
      assert.equal((await only(destination)).id, third);
      assert.equal((await world.row(head))?.state, "parked");
    });

    const steps = [
      { step: "resend", outcome: "busy", may: false, action: "send", because: undefined },
      { step: "resend", outcome: "unclear", may: true, action: "send", because: undefined },
      { step: "ask", outcome: "unclear", may: true, action: "ask", because: undefined },
      { step: "wait", outcome: "deferred", may: true, action: "ask", because: "answer-overdue" },
    ] as const;
    for (const row of steps) {
      test(`${row.outcome} → ${row.step}: comes back after its time to ${row.action}`, async () => {
        const destination = freshDestination();
        const id = await owe(destination);
        const end = { outcome: row.outcome, step: row.step, mayHaveTakenEffect: row.may, retryInMs: 5_000 };
        await world.store.settle(endOf(await only(destination), end));
        assert.deepEqual(await claim(destination), [], "before its time");
        const due = (await world.store.nextDueMs(destination)) ?? 0;
        assert.ok(due > 0 && due <= 5_000, `${due}`);
        await world.advance(6_000);
        const again = await only(destination);
        assert.deepEqual([again.id, again.action, again.because, again.attempt], [id, row.action, row.because, 2]);
        const since = again.sinceLastPossibleSendMs;
        if (row.may) assert.ok(since !== undefined && since >= 5_000 && since < 20_000, `${since}`);
        else assert.equal(since, undefined, "no request left us");
        assert.equal((await world.row(id))?.mayHaveTakenEffect, row.may);
        await world.store.settle(endOf(again, { outcome: "busy", step: "resend", mayHaveTakenEffect: false, retryInMs: 0 }));
        assert.equal((await world.row(id))?.mayHaveTakenEffect, row.may, "a later false one does not clear it");
      });
    }

    for (const unclear of ["send", "ask", "park"] as const) {
      test(`a lease that ran out under a send comes back as ${unclear}, and the old claim settles nothing`, async () => {
        const destination = freshDestination();
        const id = await owe(destination);
        const lost = await only(destination);
        assert.deepEqual(await claim(destination, unclear), [], "its lease holds");
        await world.advance(LEASE_MS + 2_000);
        assert.equal(await world.store.nextDueMs(destination).then((ms) => (ms ?? 1) <= 0), true, "an expired lease is due");
        const again = await only(destination, unclear);
        assert.deepEqual([again.id, again.action, again.because, again.attempt], [id, unclear, "lease-expired", 2]);
        assert.ok(
          (again.sinceLastPossibleSendMs ?? -1) >= 2_000 && (again.sinceLastPossibleSendMs ?? -1) < 20_000,
          "counts from the lease's end",
        );
        assert.equal(await world.store.settle(endOf(lost)), "lease-lost");
        assert.deepEqual(await world.row(id), { state: "sending", attempts: 2, mayHaveTakenEffect: true });
        assert.equal(await world.store.settle(endOf(again)), "settled");
      });
    }

    test("a lease that ran out under an inquiry comes back as the inquiry it was", async () => {
      const destination = freshDestination();
      await owe(destination);
      await world.store.settle(endOf(await only(destination), { ...UNCLEAR, retryInMs: 0 }));
      assert.equal((await only(destination)).action, "ask");
      await world.advance(LEASE_MS + 1_000);
      assert.equal((await only(destination, "send")).action, "ask");
    });

    test("an inquiry that finds something else leaves it open whether it took effect, though nothing was sent; a refusal does not", async () => {
      for (const [code, may] of [
        ["RECEIPT_DIFFERS", true],
        ["INQUIRY_REFUSED", true],
        ["REJECTED", false],
      ] as const) {
        const destination = freshDestination();
        const id = await owe(destination);
        const {
          receipt: _,
          how: __,
          ...end
        } = endOf(await only(destination), { outcome: "unclear", step: "park", mayHaveTakenEffect: false });
        await world.store.settle({ ...end, action: "ask", park: { ...PARK, code } });
        assert.equal((await world.row(id))?.mayHaveTakenEffect, may, code);
      }
    });

    test("a released claim counts no attempt and no send", async () => {
      const destination = freshDestination();
      const id = await owe(destination);
      const claimed = await only(destination);
      await world.store.release([claimed]);
      assert.deepEqual(await world.row(id), { state: "waiting", attempts: 0, mayHaveTakenEffect: false });
      assert.equal(await world.store.settle(endOf(claimed)), "lease-lost");
      const again = await only(destination);
      assert.deepEqual([again.attempt, again.action, again.sinceLastPossibleSendMs], [1, "send", undefined]);
    });

    test("the same claim ended twice is settled once", async () => {
      const destination = freshDestination();
      await owe(destination);
      const claimed = await only(destination);
      assert.deepEqual((await Promise.all([world.store.settle(endOf(claimed)), world.store.settle(endOf(claimed))])).sort(), [
        "lease-lost",
        "settled",
      ]);
    });
  });
}
