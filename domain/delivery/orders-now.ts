/**
 * The open write-backs of the orders that a batch of settlements touches, as they stand while it is judged: what enters a lane, what is released, held again or
 * superseded. Each settlement sees what those before it did.
 */
import { type Bill, isGivenBack, isPaid } from "../orders/rules.ts";
import {
  hasBacks,
  isBack,
  isFree,
  ORIGINAL_GRACE_MS,
  type OrderWriteBack,
  originalsOf,
  overtaken,
  type Superseded,
} from "../orders/superseded.ts";
import type { Created, HeldWriteBack, Judge, Known } from "./judge.ts";
import type { Settlement } from "./ports.ts";

type Released = HeldWriteBack & { readonly state: "waiting" | "queued" };

const pairKey = (one: string, two: string): string => JSON.stringify([one, two]);
const orderOf = ({ owed, bill }: Created): string => bill ?? owed.order ?? owed.lane;

export interface OrdersNow extends Pick<Judge, "released" | "entered" | "superseded" | "reheld" | "headless" | "lookAgain"> {
  /** After the bill's changes and before anything enters: what is overtaken, or waits for its bill again. Answers the bill where it changed. */
  overtake(bill: string, settlement: Settlement): Bill | undefined;
  /** One that is told at once; one that gives something back never before that. */
  enterNow(one: Created): void;
  /** One that is told once its bill is paid. */
  enterPaid(one: Created): void;
  /** What waited for the bill, which is paid now. */
  releasePaid(bill: string): void;
  /** What waited behind what it gives back. */
  releaseBacks(bill: string): void;
  isSuperseded(id: string): boolean;
}

export function createOrders(known: Known, created: ReadonlyMap<string, Created>, billNow: (key: string) => Bill): OrdersNow {
  /** Rows of earlier batches that this one moved. */
  const moved = new Map<string, OrderWriteBack["state"]>();
  const superseded = new Map<string, Superseded>();
  const reheld = new Map<string, { readonly id: string; readonly bill: string }>();
  const released = new Map<string, Released>();
  const lanes = new Set<string>();
  const headless = new Map<string, { readonly destination: string; readonly lane: string }>();
  const lookAgain = new Set<string>();
  let entered: string[] = [];

  const enter = (destination: string, lane: string): "waiting" | "queued" => {
    const key = pairKey(destination, lane);
    const behind = lanes.has(key) || known.busy(destination, lane);
    lanes.add(key);
    return behind ? "queued" : "waiting";
  };
  const leave = (row: OrderWriteBack): void => {
    if (row.state !== "held") headless.set(pairKey(row.destination, row.lane), { destination: row.destination, lane: row.lane });
    entered = entered.filter((id) => id !== row.id);
    released.delete(row.id);
  };
  const enterCreated = (one: Created): void => {
    one.state = enter(one.owed.destination, one.owed.lane);
    entered.push(one.id);
  };

  const rowOf = (one: Created): OrderWriteBack => ({
    id: one.id,
    causeEventId: one.owed.cause.eventId,
    destination: one.owed.destination,
    lane: one.owed.lane,
    state: one.state,
    mayHaveTakenEffect: false,
    forced: false,
    billPaid: one.owed.when === "bill-paid",
  });
  /** Open write-backs of the order now, oldest first. */
  const rows = (bill: string): readonly OrderWriteBack[] =>
    [
      ...known.open(bill).map((row) => ({ ...row, state: moved.get(row.id) ?? row.state })),
      ...[...created.values()].filter((one) => orderOf(one) === bill).map(rowOf),
    ].filter((row) => !superseded.has(row.id));

  /** Back to waiting for the bill: out of its lane, where it has no place yet. */
  const hold = (row: OrderWriteBack, bill: string): void => {
    leave(row);
    const mine = [...created.values()].find((one) => one.id === row.id);
    if (mine) {
      mine.state = "held";
      mine.bill = bill;
      delete mine.waitMs;
      return;
    }
    moved.set(row.id, "held");
    reheld.set(row.id, { id: row.id, bill });
  };

  const overtake: OrdersNow["overtake"] = (key, settlement) => {
    const bill = billNow(key);
    if (!hasBacks(bill)) return undefined;
    const latest = new Set(settlement.events.map((sealed) => sealed.event.id));
    if (settlement.source.kind === "event") latest.add(settlement.source.event.id);
    const found = overtaken(bill, rows(key), latest);
    for (const row of rows(key)) {
      const one = found.superseded.find((each) => each.id === row.id);
      if (!one) continue;
      leave(row);
      superseded.set(row.id, one);
      reheld.delete(row.id);
      // One of this very batch may have entered already: it is stored as held, and nobody claims it as it is born.
      const mine = [...created.values()].find((each) => each.id === row.id);
      if (mine) {
        mine.state = "held";
        delete mine.waitMs;
      }
    }
    if (found.lookAgain) lookAgain.add(key);
    for (const row of rows(key)) {
      if (!isFree(row) || (row.state !== "waiting" && row.state !== "queued")) continue;
      // It came before what it gives back, which comes now and is told first.
      const cameFirst = isBack(bill, row.causeEventId) && (originalsOf(bill, row.causeEventId) ?? []).some((event) => latest.has(event));
      // The HIS must not be told "paid" of a bill whose insurance was taken back (宁长款不短款): the payment is told when the bill is paid again.
      const reversed = settlement.orderChanges.some((change) => change.kind === "insurance-reversed" && change.bill === key);
      const uncovered = row.billPaid && bill.toldBy?.[row.causeEventId] !== undefined && reversed && !isPaid(bill);
      if (cameFirst || uncovered) hold(row, key);
    }
    return found.bill === bill ? undefined : found.bill;
  };

  /** Whether what this event gives back is still held from the destination. */
  const waitsForOriginal = (bill: Bill, destination: string, eventId: string): boolean => {
    const originals = originalsOf(bill, eventId) ?? [];
    return rows(bill.key).some((row) => row.destination === destination && row.state === "held" && originals.includes(row.causeEventId));
  };

  const release = (bill: string, may: (row: HeldWriteBack) => boolean): void => {
    const earlier = [...known.held(bill), ...known.open(bill).filter((row) => reheld.has(row.id))];
    for (const held of new Map(earlier.map((row) => [row.id, row])).values()) {
      if ((moved.get(held.id) ?? "held") !== "held" || superseded.has(held.id) || !may(held)) continue;
      const { id, causeEventId, destination, lane } = held;
      const state = enter(destination, lane);
      moved.set(id, state);
      reheld.delete(id);
      released.set(id, { id, causeEventId, destination, lane, state });
      entered.push(id);
    }
    for (const one of created.values()) {
      const { destination, lane, cause } = one.owed;
      if (one.state !== "held" || one.bill !== bill || superseded.has(one.id)) continue;
      if (may({ id: one.id, causeEventId: cause.eventId, destination, lane })) enterCreated(one);
    }
  };

  return {
    overtake,
    enterNow: (one) => {
      if (superseded.has(one.id)) return;
      const bill = billNow(orderOf(one));
      const { eventId } = one.owed.cause;
      if (isBack(bill, eventId) && waitsForOriginal(bill, one.owed.destination, eventId)) return;
      enterCreated(one);
      if (one.state === "waiting" && isBack(bill, eventId) && originalsOf(bill, eventId) === undefined) one.waitMs = ORIGINAL_GRACE_MS;
    },
    enterPaid: (one) => {
      if (superseded.has(one.id) || one.state !== "held") return;
      const bill = billNow(one.bill ?? one.owed.lane);
      if (isPaid(bill) && !isGivenBack(bill, one.owed.cause.eventId)) enterCreated(one);
    },
    releasePaid: (key) => {
      const bill = billNow(key);
      release(key, (row) => !isBack(bill, row.causeEventId) && !isGivenBack(bill, row.causeEventId));
    },
    releaseBacks: (key) => {
      const bill = billNow(key);
      release(key, (row) => isBack(bill, row.causeEventId) && !waitsForOriginal(bill, row.destination, row.causeEventId));
    },
    isSuperseded: (id) => superseded.has(id),
    released: () => [...released.values()],
    entered: () => entered,
    superseded: () => [...superseded.values()],
    reheld: () => [...reheld.values()],
    headless: () => [...headless.values()],
    lookAgain: () => [...lookAgain],
  };
}
