/**
 * How often a thousand messages make us talk to PostgreSQL. Statements and transactions, not seconds: batches that silently fall apart (a caller that waits for
 * each answer, a loop that asks once a call, a look-up per row) show here on every machine, however busy it is.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import type { AfterSettle, SettleStore } from "../../../domain/delivery/ports.ts";
import type { Journaled, JournalStore } from "../../../domain/journal/ports.ts";
import { createDispatcher, type Dispatcher } from "../../../domain/writeback/dispatcher.ts";
import type { DestinationPolicy } from "../../../domain/writeback/policy.ts";
import type { Courier, WriteBackStore } from "../../../domain/writeback/ports.ts";
import type { Publisher } from "../../../platform/rabbit/publisher.ts";
import { createRelay, type Relay } from "../../../platform/rabbit/relay.ts";
import { fakeDialect, fakeSeal, replyOf } from "../../fakes/dialect.ts";
import { event, parkedEvent, type PostgresWorld, postgresWorld } from "./world.ts";

const MESSAGES = 1_000;
/** About one and a half times what was counted when this was written (see the commit): room for another machine's timing, none for a statement per message. */
const STATEMENTS_MAX = 400;
const TRANSACTIONS_MAX = 70;
const DESTINATION = "statements-his";
const REPLY_AFTER_MS = 5;
const WAIT_MS = 60_000;

const POLICY: DestinationPolicy = {
  name: DESTINATION,
  url: "http://his.test",
  connectTimeoutMs: 2_000,
  replyTimeoutMs: 5_000,
  leaseMs: 15_000,
  parallel: 128,
  duplicates: "by-key",
  trustNotFoundAfterMs: 8_000,
  deferredMs: 60_000,
  retry: { firstMs: 500, maxMs: 10_000 },
  replyBytesMax: 65_536,
};

const clock = {
  nowMs: () => Date.now(),
  tickMs: () => performance.now(),
  after: (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
const nothing = (): void => undefined;
const QUIET = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const courier: Courier = {
  call: () =>
    new Promise((resolve) => setTimeout(resolve, REPLY_AFTER_MS, replyOf({ outcome: "acknowledged", how: "reply", receiptNo: "R" }))),
  close: async () => undefined,
};
const publisher: Publisher = {
  publish: async () => "confirmed",
  isOpen: () => true,
  onOpen: () => nothing,
  waiting: () => 0,
  unconfirmed: () => 0,
  stop: async () => undefined,
};

/** Counts what all clients of this process send, by the statement's name. */
function countStatements(): { readonly counts: ReadonlyMap<string, number>; readonly stop: () => void } {
  const counts = new Map<string, number>();
  const original = pg.Client.prototype.query;
  const counting = function (this: pg.Client, ...given: unknown[]): unknown {
    const [query] = given as [string | { readonly name?: string; readonly text?: string }];
    const name = typeof query === "string" ? query.slice(0, 8) : (query.name ?? query.text?.slice(0, 40) ?? "");
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return Reflect.apply(original, this, given);
  };
  pg.Client.prototype.query = counting as typeof original;
  return {
    counts,
    stop: () => {
      pg.Client.prototype.query = original;
    },
  };
}

/** The stores, the write-back dispatcher and the relay as the engine wires them; partner and broker answer from memory. */
interface Works {
  readonly journal: JournalStore;
  readonly settle: SettleStore;
  readonly dispatcher: Dispatcher;
  readonly relay: Relay;
  /** Resolves when so many attempts have been settled. */
  acknowledged(count: number): Promise<void>;
}

function build(world: PostgresWorld): Works {
  let settled = 0;
  let reached = nothing;
  let wanted = Number.POSITIVE_INFINITY;
  let relay: Relay | undefined;
  let dispatcher: Dispatcher | undefined;
  const afterSettle = (done: AfterSettle): void => {
    relay?.offer(done.outbox);
    for (const destination of done.destinations) dispatcher?.poke(destination);
  };
  const store: WriteBackStore = world.own.writeBacks({
    published: (outbox) => relay?.offer(outbox),
    due: (destinations) => {
      for (const destination of destinations) dispatcher?.poke(destination);
    },
  });
  relay = createRelay({ publisher, outbox: world.own.outbox(), exchange: "events", log: QUIET });
  dispatcher = createDispatcher({
    store,
    courier,
    dialect: fakeDialect,
    destinations: { names: () => [DESTINATION], policy: (name) => (name === DESTINATION ? POLICY : undefined) },
    seal: fakeSeal,
    clock,
    random: () => 0.5,
    gates: world.own.gates(),
    worker: world.own.worker.id,
    connect: async () => undefined,
    log: QUIET,
    metrics: {
      attempt: ({ settled: how, step }) => {
        if (how === "settled" && step === "finish") settled += 1;
        if (settled >= wanted) reached();
      },
      inHand: nothing,
      storeFailed: nothing,
      gate: nothing,
      probe: nothing,
      call: nothing,
    },
  });
  return {
    journal: world.own.journal({ parkedEvent }),
    settle: world.own.settle({ parkedEvent, after: afterSettle, handOff: dispatcher.handOff }),
    dispatcher,
    relay,
    acknowledged: (count) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`only ${settled} of ${count} acknowledged`)), WAIT_MS);
        reached = () => {
          clearTimeout(late);
          resolve();
        };
        wanted = count;
        if (settled >= count) reached();
      }),
  };
}

/** As a payment of the HIS does: one event, one order change, one write-back owed once the bill is paid. */
async function work({ journal, settle }: Works, number: number): Promise<void> {
  const name = `s${number}`;
  const journaled: Journaled = await journal.append({
    door: "amqp",
    partner: "his",
    kind: "payment",
    identity: name,
    headers: {},
    raw: new TextEncoder().encode(name.repeat(300)),
  });
  assert.equal(journaled.kind, "accepted");
  if (journaled.kind !== "accepted") return;
  const cause = event(`event ${name}`, "payment.settled", "his");
  const bill = `bill:${name}`;
  const done = await settle.settle({
    source: { kind: "message", message: journaled.message },
    events: [{ event: cause, businessIdentity: `payment ${name}`, fingerprint: "f", keys: [], publish: true }],
    orderChanges: [{ kind: "paid", bill, paymentNo: name, amount: 100n, billTotal: 100n }],
    keys: (["bill", "visit", "patient", "serial"] as const).map((kind) => ({ kind, value: name })),
    writeBacks: [
      {
        key: `key ${name}`,
        destination: DESTINATION,
        kind: "payment-confirm",
        mapping: "fake/payment-confirm",
        cause: { eventId: cause.id, type: cause.type },
        lane: bill,
        body: new TextEncoder().encode(name.repeat(200)),
        contentType: "application/json",
        charset: "utf-8",
        amountFen: 100n,
        serial: name,
        businessDate: "2026-11-20",
        when: "bill-paid",
        flow: "f",
        node: "n",
      },
    ],
  });
  assert.equal(done.kind, "settled");
}

let world: PostgresWorld;
before(async () => {
  world = await postgresWorld();
});
after(() => world.close());

test("a thousand messages from journal to acknowledged write-back cost a bounded number of statements and transactions", async () => {
  const works = build(world);
  works.dispatcher.start();
  const counted = countStatements();
  try {
    await Promise.all(Array.from({ length: MESSAGES }, (_, number) => work(works, number)));
    await works.acknowledged(MESSAGES);
    await works.relay.stop(WAIT_MS);
  } finally {
    counted.stop();
    await works.dispatcher.stop();
  }
  const statements = [...counted.counts.values()].reduce((sum, one) => sum + one, 0);
  const transactions = counted.counts.get("begin; s") ?? 0;
  const told = JSON.stringify([...counted.counts].sort((a, b) => b[1] - a[1]));
  assert.ok(transactions > 0 && (counted.counts.get("write_back_claim") ?? 0) > 0, `nothing was counted: ${told}`);
  assert.ok(statements <= STATEMENTS_MAX, `${statements} statements for ${MESSAGES} messages, at most ${STATEMENTS_MAX}: ${told}`);
  assert.ok(
    transactions <= TRANSACTIONS_MAX,
    `${transactions} transactions for ${MESSAGES} messages, at most ${TRANSACTIONS_MAX}: ${told}`,
  );
  const open = "select (select count(*) from outbox) + (select count(*) from write_back where state <> 'acknowledged') as n";
  assert.equal(Number((await world.own.reads.query<{ n: bigint }>(open)).rows[0]?.n), 0);
  process.stdout.write(`${statements} statements, ${transactions} transactions for ${MESSAGES} messages\n`);
});
