/**
 * Which write-backs a refund or a reversal overtook (design.md decision 6; docs/decisions/012-superseded.md). A destination that never heard of a payment must hear
 * neither of it nor of its refund: both cancel out. One that may have heard of it hears the whole story in order. Pure: the stores load the rows, under the order's lock.
 */
import { type Bill, isGivenBack } from "./rules.ts";

/** An open write-back of an order, as far as these rules look at it. `held` … `parked` as WriteBackState has them. */
export interface OrderWriteBack {
  readonly id: string;
  /** The event that caused it. */
  readonly causeEventId: string;
  readonly destination: string;
  readonly lane: string;
  readonly state: "held" | "queued" | "waiting" | "sending" | "deferred" | "parked";
  readonly mayHaveTakenEffect: boolean;
  /** Two people decided to send it although it was superseded: it is not overtaken again. */
  readonly forced: boolean;
  /** It is sent only while its bill is paid (when = bill-paid). */
  readonly billPaid: boolean;
}

/** One write-back that is not sent any more. `by`: the event that overtook it; those that cancel out share it. */
export interface Superseded {
  readonly id: string;
  readonly by: string;
}

export interface Overtaken {
  readonly superseded: readonly Superseded[];
  /** The bill, knowing what a destination will never hear of. */
  readonly bill: Bill;
  /** Something overtaken is on the wire, and nobody knows yet whether it took effect: look again when it has ended. */
  readonly lookAgain: boolean;
}

/** A refund or reversal may reach us before what it takes back, by another queue: so long it waits for it, then the destination is told and judges by its own books. */
export const ORIGINAL_GRACE_MS = 2_000;

/** A payment or a settlement, and what took it back. */
interface Story {
  /** Events that told it. */
  readonly originals: readonly string[];
  /** Events that gave it back, wholly or in part. */
  readonly backs: readonly string[];
  /** Given back in full. */
  readonly whole: boolean;
}

const eventsOf = <T>(told: Readonly<Record<string, T>> | undefined, is: (value: T) => boolean): readonly string[] =>
  Object.entries(told ?? {})
    .filter(([, value]) => is(value))
    .map(([event]) => event);

const settlementOf = (bill: Bill, names: { readonly settlementNo?: string; readonly requestNo?: string }): string | undefined =>
  Object.entries(bill.insurance).find(
    ([no, one]) => no === names.settlementNo || (names.requestNo !== undefined && one.requestNo === names.requestNo),
  )?.[0];

const storyOfPayment = (bill: Bill, paymentNo: string): Story => {
  const originals = eventsOf(bill.toldBy, (no) => no === paymentNo);
  const backs = eventsOf(bill.refundedBy, (refundNo) => bill.refundOf?.[refundNo] === paymentNo);
  const [first] = originals;
  return { originals, backs, whole: first !== undefined && isGivenBack(bill, first) };
};
const storyOfSettlement = (bill: Bill, settlementNo: string): Story => ({
  originals: eventsOf(bill.insuredBy, (no) => no === settlementNo),
  backs: eventsOf(bill.reversedBy, (names) => settlementOf(bill, names) === settlementNo),
  whole: bill.insurance[settlementNo]?.reversed === true,
});

/** Whether anything of this bill was ever given back: otherwise none of these rules has anything to say. */
export const hasBacks = (bill: Bill): boolean => bill.refundedBy !== undefined || bill.reversedBy !== undefined;

/** Whether this event gives something back. */
export const isBack = (bill: Bill, eventId: string): boolean =>
  bill.refundedBy?.[eventId] !== undefined || bill.reversedBy?.[eventId] !== undefined;

/** The events that told what this one gives back; undefined: nobody told it (yet). Empty where it names no original, or its event was not noted. */
export function originalsOf(bill: Bill, eventId: string): readonly string[] | undefined {
  const refundNo = bill.refundedBy?.[eventId];
  if (refundNo !== undefined) {
    const paymentNo = bill.refundOf?.[refundNo];
    if (paymentNo === undefined) return [];
    const { originals } = storyOfPayment(bill, paymentNo);
    const booked = Object.keys(bill.payments).some((no) => no === paymentNo || no.startsWith(`${paymentNo}\u001f`));
    return booked ? originals : undefined;
  }
  const names = bill.reversedBy?.[eventId];
  if (names === undefined) return [];
  const settlementNo = settlementOf(bill, names);
  return settlementNo === undefined ? undefined : storyOfSettlement(bill, settlementNo).originals;
}

/** Nothing of it may have reached the destination, and nothing is on its way. */
export const isFree = (row: Pick<OrderWriteBack, "state" | "mayHaveTakenEffect" | "forced">): boolean =>
  !row.mayHaveTakenEffect && !row.forced && row.state !== "sending" && row.state !== "deferred";

const untoldKey = (destination: string, event: string): string => `${destination} ${event}`;

/**
 * What is not sent any more, of these open write-backs of the bill's order. `latest`: the events that have just come; one of them names the overtaking.
 * - Given back in full, and the destination never heard of it: all its write-backs and those of what gave it back are superseded.
 * - Given back in full, but it may have heard of some of it: what is on its way goes through its steps, then what gave it back is told, in lane order. What was
 *   still held for its bill, or has come only after what gave it back, is never told.
 * - Given back in part: nothing.
 */
export function overtaken(bill: Bill, rows: readonly OrderWriteBack[], latest: ReadonlySet<string>): Overtaken {
  const superseded: Superseded[] = [];
  const untold = new Set(bill.untold);
  let lookAgain = false;
  const stories = [
    ...[...new Set(Object.values(bill.toldBy ?? {}))].map((no) => storyOfPayment(bill, no)),
    ...Object.keys(bill.insurance).map((no) => storyOfSettlement(bill, no)),
  ].filter((story) => story.whole && story.originals.length > 0 && story.backs.length > 0);
  const supersede = (row: OrderWriteBack, by: string): void => void superseded.push({ id: row.id, by });
  for (const { originals, backs } of stories) {
    const by = backs.find((event) => latest.has(event)) ?? backs.at(-1) ?? "";
    for (const destination of new Set(rows.map((row) => row.destination))) {
      const here = rows.filter((row) => row.destination === destination);
      const told = here.filter((row) => originals.includes(row.causeEventId));
      const givingBack = here.filter((row) => backs.includes(row.causeEventId));
      const unheard = originals.every((event) => {
        const mine = told.filter((row) => row.causeEventId === event);
        return mine.length === 0 ? untold.has(untoldKey(destination, event)) : mine.every(isFree);
      });
      const gone = told.filter((row) => isFree(row) && (unheard || row.state === "held" || latest.has(row.causeEventId)));
      for (const row of gone) {
        supersede(row, by);
        untold.add(untoldKey(destination, row.causeEventId));
      }
      if (unheard) for (const row of givingBack) if (isFree(row)) supersede(row, by);
      const open = unheard ? givingBack : told;
      if (open.some((row) => row.state === "sending" && !row.mayHaveTakenEffect && !row.forced)) lookAgain = true;
    }
  }
  return { superseded, bill: untold.size === (bill.untold ?? []).length ? bill : { ...bill, untold: [...untold] }, lookAgain };
}
