/**
 * What every SettleStore promises of refunds and reversals (docs/decisions/012-superseded.md), told as stories: settle, pay, refund, reverse in every order of arrival,
 * with the HIS up, down, or down for a while. The HIS of these stories writes down what it is told; its books are the judge.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { OwedWriteBack, SealedEvent, SettleStore } from "../../domain/delivery/ports.ts";
import type { JournalStore } from "../../domain/journal/ports.ts";
import type { OrderChange } from "../../domain/orders/rules.ts";
import { testEvent } from "./settle-world.ts";

export interface SupersededRow {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly amountFen: bigint;
  readonly supersededBy?: string;
}

export interface SupersededWorld {
  readonly journal: JournalStore;
  readonly settle: SettleStore;
  /** Write-backs of the order, in lane order; held ones and closed ones too. */
  rows(order: string): Promise<readonly SupersededRow[]>;
  /** As if a worker had it in hand, or had ended with it: the row's state, and whether the HIS may have done it. */
  put(id: string, state: "sending" | "waiting" | "parked" | "acknowledged", mayHaveTakenEffect: boolean): Promise<void>;
  /** Makes the next of the order's lanes their heads, as an acknowledgement does. */
  promote(order: string): Promise<void>;
  /** What the engine does every second: bills of which something overtaken was on the wire. */
  lookAgain(): Promise<void>;
  close(): Promise<void>;
}

const TOTAL = 1_000n;
const COVERED = 600n;
const PAID = TOTAL - COVERED;

type Deed = "settle" | "pay" | "refund" | "reverse" | "part";
let counter = 0;
const next = (): number => {
  counter += 1;
  return counter;
};

interface Told {
  readonly kind: string;
  readonly amountFen: bigint;
}

/** One order's facts, whatever the order they come in. */
function story(order = `bill:story-${next()}`) {
  const no = order.slice("bill:".length);
  const make = (
    deed: Deed,
    amount: bigint,
  ): { readonly event: SealedEvent; readonly change: OrderChange; readonly owed: OwedWriteBack } => {
    const types = {
      settle: "insurance.settled",
      pay: "payment.settled",
      refund: "payment.refunded",
      part: "payment.refunded",
      reverse: "insurance.reversed",
    } as const;
    const id = `${deed}-${no}-${next()}`;
    const event: SealedEvent = {
      event: { ...testEvent(id, types[deed]), subject: order },
      businessIdentity: id,
      fingerprint: id,
      keys: [],
      publish: true,
    };
    const changes: Record<Deed, OrderChange> = {
      settle: { kind: "insured", bill: order, settlementNo: `S-${no}`, total: TOTAL, covered: COVERED, eventId: id },
      pay: { kind: "paid", bill: order, paymentNo: `P-${no}`, amount, eventId: id },
      refund: { kind: "refunded", bill: order, refundNo: `R-${id}`, amount, paymentNo: `P-${no}`, eventId: id },
      part: { kind: "refunded", bill: order, refundNo: `R-${id}`, amount, paymentNo: `P-${no}`, eventId: id },
      reverse: { kind: "insurance-reversed", bill: order, settlementNo: `S-${no}`, eventId: id },
    };
    const kind = {
      settle: "insurance-result",
      pay: "payment-confirm",
      refund: "refund-confirm",
      part: "refund-confirm",
      reverse: "insurance-reverse",
    }[deed];
    const owed: OwedWriteBack = {
      key: `key-${id}`,
      destination: "his",
      kind,
      mapping: `his/${kind}`,
      cause: { eventId: id, type: types[deed] },
      lane: order,
      body: new TextEncoder().encode(id),
      contentType: "text/plain",
      charset: "utf-8",
      amountFen: amount,
      businessDate: "2026-11-20",
      when: deed === "pay" ? "bill-paid" : "now",
      flow: "f",
      node: "n",
    };
    return { event, change: changes[deed], owed };
  };
  return { order, make };
}

const AMOUNT: Readonly<Record<Deed, bigint>> = { settle: TOTAL, pay: PAID, refund: PAID, reverse: TOTAL, part: 100n };

/** What the HIS's books must say after any story: no refund without its payment, no payment after its refund, and no more given back than taken in. */
function assertBooks(told: readonly Told[], what: string): void {
  const balance = new Map<string, bigint>();
  let refunded = false;
  for (const { kind, amountFen } of told) {
    const account = kind.startsWith("insurance") ? "insurance" : "payment";
    const back = kind === "refund-confirm" || kind === "insurance-reverse";
    if (kind === "payment-confirm") assert.equal(refunded, false, `${what}: told of the payment after its refund`);
    if (kind === "refund-confirm") refunded = true;
    const now = (balance.get(account) ?? 0n) + (back ? -amountFen : amountFen);
    assert.ok(now >= 0n, `${what}: told of a ${kind} of something it never heard of`);
    balance.set(account, now);
  }
}

const permutations = <T>(of: readonly T[]): readonly (readonly T[])[] =>
  of.length <= 1 ? [of] : of.flatMap((one, index) => permutations(of.filter((_, at) => at !== index)).map((rest) => [one, ...rest]));

export function supersededContract(name: string, make: () => Promise<SupersededWorld>): void {
  describe(`superseded contract: ${name}`, () => {
    let world: SupersededWorld;
    before(async () => {
      world = await make();
    });
    after(() => world.close());

    const tell = async (tale: ReturnType<typeof story>, deed: Deed, amount = AMOUNT[deed]): Promise<string> => {
      const journaled = await world.journal.append({
        door: "amqp",
        partner: "his",
        kind: "k",
        identity: `m${next()}`,
        headers: {},
        raw: Uint8Array.of(1),
      });
      if (journaled.kind !== "accepted") throw new Error(journaled.kind);
      const { event, change, owed } = tale.make(deed, amount);
      const settled = await world.settle.settle({
        source: { kind: "message", message: journaled.message },
        events: [event],
        orderChanges: [change],
        writeBacks: [owed],
        keys: [],
        flow: "f",
      });
      assert.equal(settled.kind, "settled");
      return event.event.id;
    };
    /** The HIS is up: it does what is due, head by head. */
    const serve = async (order: string, told: Told[]): Promise<void> => {
      for (;;) {
        const head = (await world.rows(order)).find((row) => row.state === "waiting");
        if (!head) return;
        told.push({ kind: head.kind, amountFen: head.amountFen });
        await world.put(head.id, "acknowledged", true);
        await world.promote(order);
      }
    };
    const states = async (order: string): Promise<readonly string[]> =>
      (await world.rows(order)).map((row) => `${row.kind} ${row.state}`).sort();

    const ORDERS = permutations<Deed>(["settle", "pay", "refund", "reverse"]);
    test(`S4-10 settle, pay, refund, reverse in each of ${ORDERS.length} orders while the HIS is down: it hears of nothing, and each is superseded`, async () => {
      for (const deeds of ORDERS) {
        const tale = story();
        for (const deed of deeds) await tell(tale, deed);
        const told: Told[] = [];
        await serve(tale.order, told);
        assert.deepEqual(told, [], deeds.join(" "));
        for (const row of await world.rows(tale.order)) assert.equal(row.state, "resolved", `${deeds.join(" ")}: ${row.kind}`);
      }
    });

    test(`S4-10 in each of the orders, the HIS back after each number of messages: no refund without its payment, no payment after its refund, money agrees`, async () => {
      for (const deeds of ORDERS) {
        for (let up = 1; up < deeds.length; up += 1) {
          const tale = story();
          const told: Told[] = [];
          // A message that comes before what it takes back waits for it a moment (ORIGINAL_GRACE_MS): within it the HIS is told nothing of it.
          const early = (deed: Deed, index: number): boolean =>
            (deed === "refund" && !deeds.slice(0, index).includes("pay")) ||
            (deed === "reverse" && !deeds.slice(0, index).includes("settle"));
          let waiting = false;
          for (const [index, deed] of deeds.entries()) {
            await tell(tale, deed);
            waiting = deeds
              .slice(0, index + 1)
              .some((one, at) => early(one, at) && !deeds.slice(0, index + 1).includes(one === "refund" ? "pay" : "settle"));
            if (index + 1 >= up && !waiting) await serve(tale.order, told);
          }
          const what = `${deeds.join(" ")}, up after ${up}`;
          assertBooks(told, what);
          const balance = told.reduce((sum, { kind, amountFen }) => sum + (/refund|reverse/.test(kind) ? -amountFen : amountFen), 0n);
          assert.equal(balance, 0n, `${what}: ${told.map((one) => one.kind).join(" ")}`);
          for (const row of await world.rows(tale.order))
            assert.ok(["acknowledged", "resolved"].includes(row.state), `${what}: ${row.kind} is ${row.state}`);
        }
      }
    });

    test("a confirm that may have taken effect goes first through its step, then the refund is told, in lane order", async () => {
      for (const state of ["waiting", "parked"] as const) {
        const tale = story();
        await tell(tale, "settle");
        const told: Told[] = [];
        await serve(tale.order, told);
        await tell(tale, "pay");
        const [confirm] = (await world.rows(tale.order)).filter((row) => row.state === "waiting");
        assert.ok(confirm);
        await world.put(confirm.id, state, true);
        await tell(tale, "refund");
        assert.deepEqual(await states(tale.order), ["insurance-result acknowledged", `payment-confirm ${state}`, "refund-confirm queued"]);
        await world.put(confirm.id, "waiting", true);
        await serve(tale.order, told);
        assert.deepEqual(
          told.map((one) => one.kind),
          ["insurance-result", "payment-confirm", "refund-confirm"],
        );
      }
    });

    test("overtaken on the wire: superseded once it is known that nothing left us, told in order when it may have", async () => {
      for (const may of [false, true]) {
        const tale = story();
        await tell(tale, "settle");
        const told: Told[] = [];
        await serve(tale.order, told);
        await tell(tale, "pay");
        const confirm = (await world.rows(tale.order)).find((row) => row.state === "waiting");
        assert.ok(confirm);
        await world.put(confirm.id, "sending", false);
        await tell(tale, "refund");
        await world.lookAgain();
        assert.deepEqual(await states(tale.order), ["insurance-result acknowledged", "payment-confirm sending", "refund-confirm queued"]);
        await world.put(confirm.id, "waiting", may);
        await world.lookAgain();
        const after = may ? ["payment-confirm waiting", "refund-confirm queued"] : ["payment-confirm resolved", "refund-confirm resolved"];
        assert.deepEqual((await states(tale.order)).slice(1), after);
      }
    });

    test("a part refund supersedes nothing; two that make up the whole do, with their confirm", async () => {
      const tale = story();
      await tell(tale, "settle");
      const told: Told[] = [];
      await serve(tale.order, told);
      await tell(tale, "pay");
      await tell(tale, "part");
      assert.deepEqual((await states(tale.order)).slice(1), ["payment-confirm waiting", "refund-confirm queued"]);
      const by = await tell(tale, "refund", PAID - 100n);
      const gone = (await world.rows(tale.order)).slice(1);
      assert.deepEqual(
        gone.map((row) => [row.state, row.supersededBy]),
        [1, 2, 3].map(() => ["resolved", by]),
      );
    });

    test("a part refund of a payment still held for its bill is held behind it: never a refund of something the HIS never heard of", async () => {
      const tale = story();
      await tell(tale, "pay", PAID + 100n);
      await tell(tale, "part");
      assert.deepEqual(await states(tale.order), ["payment-confirm held", "refund-confirm held"]);
      await tell(tale, "settle");
      const told: Told[] = [];
      await serve(tale.order, told);
      assert.deepEqual(
        told.map((one) => one.kind),
        ["insurance-result", "payment-confirm", "refund-confirm"],
      );
    });

    test("a part refund that came before its payment is told after it", async () => {
      const tale = story();
      await tell(tale, "settle");
      const told: Told[] = [];
      await serve(tale.order, told);
      await tell(tale, "part");
      await tell(tale, "pay", PAID + 100n);
      await serve(tale.order, told);
      assert.deepEqual(
        told.map((one) => one.kind),
        ["insurance-result", "payment-confirm", "refund-confirm"],
      );
    });

    test("S4-10 宁长款不短款: a payment not told yet when its insurance is reversed waits until the bill is paid again", async () => {
      const tale = story();
      const told: Told[] = [];
      await tell(tale, "settle");
      await serve(tale.order, told);
      await tell(tale, "pay");
      await tell(tale, "reverse");
      assert.deepEqual(await states(tale.order), ["insurance-result acknowledged", "insurance-reverse waiting", "payment-confirm held"]);
      await serve(tale.order, told);
      assert.deepEqual(
        told.map((one) => one.kind),
        ["insurance-result", "insurance-reverse"],
      );
    });

    test("a refund told already: its payment, when it comes at last, is not told", async () => {
      const tale = story();
      const told: Told[] = [];
      await tell(tale, "settle");
      await tell(tale, "refund");
      await serve(tale.order, told);
      await tell(tale, "pay");
      await serve(tale.order, told);
      assert.deepEqual(
        told.map((one) => one.kind),
        ["insurance-result", "refund-confirm"],
      );
      assert.equal((await states(tale.order))[1], "payment-confirm resolved");
    });

    test("two in one batch, the refund handed in first: both superseded, the lane goes on", async () => {
      const tale = story();
      await tell(tale, "settle");
      const told: Told[] = [];
      await serve(tale.order, told);
      await Promise.all([tell(tale, "pay"), tell(tale, "refund")]);
      assert.deepEqual((await states(tale.order)).slice(1), ["payment-confirm resolved", "refund-confirm resolved"]);
      await tell(tale, "reverse");
      await serve(tale.order, told);
      assert.deepEqual(
        told.map((one) => one.kind),
        ["insurance-result", "insurance-reverse"],
      );
    });
  });
}
