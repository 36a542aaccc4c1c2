/**
 * Seeded simulation of the delivery core: two workers, one store, a HIS behind a bad network, everything on a clock that runs as fast as it can. Each seed draws its own
 * faults; the HIS keeps its own ledger, and only that decides. A failing seed prints its number; it fails again the same way.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { JournalGone } from "../journal/ports.ts";
import { createFakeClock, createRandom, type FakeClock } from "../../test/fakes/clock.ts";
import { fakeDialect, fakeSeal, replyOf } from "../../test/fakes/dialect.ts";
import { createFakeGateStore, type FakeGateStore } from "../../test/fakes/gate-store.ts";
import { createFakeWriteBackStore, type FakeWriteBackStore } from "../../test/fakes/write-back-store.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import type { Duplicates } from "./outcome.ts";
import type { DestinationPolicy } from "./policy.ts";
import type { CallRequest, CallResult, Courier, WriteBackStore } from "./ports.ts";

const SEEDS = 250;
const LANES = 4;
const PER_LANE = 4;
/** A request may arrive this long after it left us: longer than a lease, however long ago we hung up or died. */
const NETWORK_MAX_MS = 2_500;
const TROUBLE_MS = 8_000;
const LIMIT_MS = 600_000;

const policyFor = (duplicates: Duplicates): DestinationPolicy => ({
  name: "his",
  url: "http://his.test",
  connectTimeoutMs: 50,
  replyTimeoutMs: 250,
  leaseMs: 1_500,
  parallel: 3,
  duplicates,
  trustNotFoundAfterMs: NETWORK_MAX_MS + 100,
  deferredMs: 2_000,
  retry: { firstMs: 50, maxMs: 800 },
  replyBytesMax: 65_536,
  ...(duplicates === "inquiry" ? { inquiry: "fake/inquiry" } : {}),
});

interface Effect {
  readonly key: string;
  readonly amountFen: string;
  readonly serial: string;
}

/** The HIS with its ledger, and the network in front of it. `trouble` is the share of calls that go wrong. */
function createHis(clock: FakeClock, random: () => number, strict: boolean) {
  const ledger: Effect[] = [];
  let trouble = 0.5;
  const doIt = (body: Effect): CallResult => {
    const before = ledger.find((effect) => effect.key === body.key);
    if (before && strict)
      return replyOf({
        outcome: "acknowledged",
        how: "already-done",
        code: "1",
        amountFen: BigInt(before.amountFen),
        serial: before.serial,
      });
    ledger.push(body);
    return replyOf({ outcome: "acknowledged", how: "reply", code: "0", amountFen: BigInt(body.amountFen), serial: body.serial });
  };
  const look = (key: string): CallResult => {
    const found = ledger.find((effect) => effect.key === key);
    return found
      ? replyOf({ outcome: "acknowledged", how: "reply", code: "0", amountFen: BigInt(found.amountFen), serial: found.serial })
      : replyOf({ outcome: "not-found", code: "4" });
  };
  const call = (request: CallRequest): Promise<CallResult> =>
    new Promise((resolve) => {
      const body = JSON.parse(new TextDecoder().decode(request.body)) as Effect;
      const asks = request.url.endsWith("/inquiry");
      const bad = random() < trouble;
      const kind = bad ? random() : 1;
      if (kind < 0.15) return void clock.after(2, () => resolve({ kind: "unsent", why: "refused", ms: 2 }));
      clock.after(request.replyTimeoutMs, () => resolve({ kind: "no-reply", why: "no whole reply", ms: request.replyTimeoutMs }));
      if (kind < 0.3) return;
      const arrives = bad ? random() * NETWORK_MAX_MS : random() * 20;
      const answers = kind < 0.45 ? LIMIT_MS : bad ? random() * 400 : random() * 20;
      clock.after(arrives, () => {
        if (kind < 0.55) return void clock.after(answers, () => resolve({ ...replyOf({ outcome: "unclear" }), status: 503 }));
        if (kind < 0.65) return void clock.after(answers, () => resolve(replyOf({ outcome: "busy", code: "9" })));
        const reply = asks ? look(body.key) : doIt(body);
        clock.after(answers, () =>
          resolve(
            kind < 0.75
              ? { kind: "no-reply", why: "cut", ms: 1 }
              : kind < 0.85
                ? { ...replyOf({ outcome: "unclear" }), body: new Uint8Array([255]) }
                : reply,
          ),
        );
      });
    });
  return { ledger, call, calm: () => (trouble = 0) };
}

/** A worker that can be killed: from then on nothing it waits for ever answers, but what has left it stays on its way. */
function createWorker(
  clock: FakeClock,
  random: () => number,
  store: FakeWriteBackStore,
  his: ReturnType<typeof createHis>,
  policy: DestinationPolicy,
  gates: FakeGateStore,
) {
  let dead = false;
  let outage = false;
  const never = new Promise<never>(() => undefined);
  const guard = async <T>(work: () => Promise<T>, stalls: boolean): Promise<T> => {
    if (dead) return never;
    if (outage) throw new JournalGone("connection terminated");
    const answer = await work();
    // A worker may sleep (SIGSTOP, GC) between the claim and the wire: sometimes longer than its lease.
    if (stalls && random() < 0.05) await new Promise<void>((resolve) => void clock.after(random() * 3_000, resolve));
    if (outage && random() < 0.5) throw new JournalGone("connection terminated, outcome unknown");
    return dead ? never : answer;
  };
  const guarded: WriteBackStore = {
    claim: (...args) => guard(() => store.claim(...args), true),
    settle: (end) => guard(() => store.settle(end), false),
    nextDueMs: (destination) => guard(() => store.nextDueMs(destination), false),
    release: (claims) => guard(() => store.release(claims), false),
    sweep: () => guard(() => store.sweep(), false),
  };
  const courier: Courier = {
    call: async (request) => {
      if (dead) return never;
      const result = await his.call(request);
      return dead ? never : result;
    },
    close: async () => undefined,
  };
  const troubles: string[] = [];
  const quiet = () => undefined;
  const dispatcher: Dispatcher = createDispatcher({
    store: guarded,
    courier,
    dialect: fakeDialect,
    destinations: { names: () => ["his"], policy: () => policy },
    seal: fakeSeal,
    clock,
    random,
    log: { debug: quiet, info: quiet, warn: quiet, error: (what, about) => void troubles.push(`${what} ${JSON.stringify(about)}`) },
    metrics: { attempt: quiet, inHand: quiet, storeFailed: quiet, gate: quiet, probe: quiet, call: quiet },
    gates,
    worker: 1,
    connect: async () => undefined,
  });
  dispatcher.start();
  return {
    dispatcher,
    troubles,
    kill: () => {
      dead = true;
    },
    outage: (on: boolean) => {
      outage = on;
    },
  };
}

interface World {
  readonly store: FakeWriteBackStore;
  readonly ledger: readonly Effect[];
  readonly quiet: boolean;
  readonly troubles: readonly string[];
}

async function simulate(seed: number, duplicates: Duplicates): Promise<World> {
  const clock = createFakeClock();
  const random = createRandom(seed);
  const store = createFakeWriteBackStore(clock);
  const policy = policyFor(duplicates);
  const gates = createFakeGateStore(clock);
  const his = createHis(clock, random, duplicates === "by-key");
  const workers = [createWorker(clock, random, store, his, policy, gates), createWorker(clock, random, store, his, policy, gates)];
  for (let n = 0; n < PER_LANE; n += 1) {
    for (let lane = 0; lane < LANES; lane += 1)
      clock.after(
        random() * TROUBLE_MS,
        () => void store.owe({ key: `${lane}-${n}-${seed}`, lane: `bill:${lane}`, amountFen: BigInt(seed * 10 + n) }),
      );
  }
  for (let crash = 0; crash < 3; crash += 1) {
    clock.after(random() * TROUBLE_MS, () => {
      const victim = Math.floor(random() * 2);
      workers[victim]?.kill();
      clock.after(random() * 1_000, () => {
        workers[victim] = createWorker(clock, random, store, his, policy, gates);
      });
    });
  }
  clock.after(random() * TROUBLE_MS, () => {
    for (const worker of workers) worker.outage(true);
    clock.after(random() * 2_000, () => {
      for (const worker of workers) worker.outage(false);
    });
  });
  await clock.advance(TROUBLE_MS + 3_000);
  his.calm();
  const over = () =>
    store.rows().length === LANES * PER_LANE && store.rows().every((row) => ["acknowledged", "parked", "queued"].includes(row.state));
  const quiet = await clock.until(over, LIMIT_MS);
  // What is still on the network arrives after everybody believes that all is done: it must not do anything twice either.
  await clock.advance(NETWORK_MAX_MS + 1_000);
  return { store, ledger: his.ledger, quiet, troubles: workers.flatMap((worker) => worker.troubles) };
}

/** Keys of a lane in the order of their first effect. */
const laneOrder = (ledger: readonly Effect[], lane: number): readonly string[] => [
  ...new Set(ledger.filter((effect) => effect.key.startsWith(`${lane}-`)).map((effect) => effect.key)),
];

function check(seed: number, { store, ledger, quiet, troubles }: World): void {
  const say = (what: string) => `seed ${seed}: ${what}`;
  assert.deepEqual(troubles, [], say("own mistakes"));
  assert.ok(quiet, say(`not over: ${store.rows().map((row) => row.state)}`));
  for (const row of store.rows()) {
    const effects = ledger.filter((effect) => effect.key === row.key);
    assert.ok(effects.length <= 1, say(`${row.key} took effect ${effects.length} times`));
    if (row.state === "acknowledged") {
      assert.equal(effects.length, 1, say(`${row.key} is acknowledged without an effect`));
      assert.equal(effects[0]?.amountFen, row.amountFen.toString(), say(`${row.key} amount`));
      assert.equal(
        row.ends.filter((end) => end.step === "finish" && end.receipt && end.event).length,
        1,
        say(`${row.key} one receipt, one event`),
      );
    }
    if (row.state === "parked" && effects.length > 0)
      assert.ok(row.mayHaveTakenEffect, say(`${row.key} parked as if nothing had happened`));
    if (row.state === "queued") assert.equal(effects.length, 0, say(`${row.key} overtook its lane`));
  }
  for (let lane = 0; lane < LANES; lane += 1) {
    const rows = store.rows().filter((row) => row.lane === `bill:${lane}`);
    const owed = [...rows].sort((a, b) => Number(a.laneSeq - b.laneSeq)).map((row) => row.key);
    const order = laneOrder(ledger, lane);
    assert.deepEqual(
      order,
      owed.filter((key) => order.includes(key)),
      say(`order of lane ${lane}`),
    );
  }
}

void describe("C-6 simulator: crashes, outages, stalls, a bad network", () => {
  for (const [duplicates, his, parks] of [
    ["by-key", "strict", false],
    ["inquiry", "naive", false],
    ["none", "naive", true],
  ] as const) {
    test(`${SEEDS} seeds at a ${his} HIS, duplicates=${duplicates}: 0 lost, 0 twice, order kept`, async () => {
      let attempts = 0;
      let unclear = 0;
      let parked = 0;
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const world = await simulate(seed, duplicates);
        check(seed, world);
        for (const row of world.store.rows()) {
          attempts += row.attempt;
          unclear += row.ends.filter((end) => end.outcome === "unclear").length;
          parked += row.state === "parked" ? 1 : 0;
          if (!parks) assert.equal(row.state, "acknowledged", `seed ${seed}: ${row.key} is ${row.state}`);
        }
      }
      // A simulation in which nothing goes wrong proves nothing.
      assert.ok(unclear > SEEDS, `only ${unclear} unclear attempts in ${attempts}`);
      assert.equal(parked > SEEDS / 4, parks, `${parked} parked`);
    });
  }
});
