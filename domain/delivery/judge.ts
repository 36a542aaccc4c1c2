/**
 * What a settlement may do, given what is known already (design.md decisions 5, 6, 21). Pure: the store loads the facts and holds the locks,
 * the judge decides, the store writes. Settlements of one batch are judged one after another, each seeing what those before it did.
 */
import type { BusinessKey } from "../events/event.ts";
import type { ParkReason } from "../journal/ports.ts";
import { applyChange, type Bill, isPaid } from "../orders/rules.ts";
import { hasBacks, isBack, type OrderWriteBack, type Superseded } from "../orders/superseded.ts";
import { refusal } from "../refusals.ts";
import { createOrders } from "./orders-now.ts";
import type { MessageSummary, OwedWriteBack, ParkedEventOf, SealedEvent, Settled, SettledWriteBack, Settlement } from "./ports.ts";

/** A business identity that is taken. */
export interface KnownFact {
  readonly messageId: string;
  readonly eventId: string;
  readonly fingerprint: string;
}

/** A write-back that waits for its bill. */
export interface HeldWriteBack {
  readonly id: string;
  /** The event that caused it. */
  readonly causeEventId: string;
  readonly destination: string;
  readonly lane: string;
}

/** A write-back owed already under the same key. */
export interface ExistingWriteBack {
  readonly id: string;
  readonly messageId: string;
  readonly owed: Pick<
    OwedWriteBack,
    "destination" | "kind" | "mapping" | "lane" | "body" | "contentType" | "charset" | "amountFen" | "serial" | "businessDate"
  >;
}

/** What the store has loaded, under locks. Every key that `neededBy` names must have been asked for. */
export interface Known {
  fact(partner: string, identity: string): KnownFact | undefined;
  /** Whether this message has stored this event in an earlier run. */
  stored(messageId: string, eventId: string): boolean;
  bill(key: string): Bill;
  /** Held write-backs of a bill, in the order they were owed. */
  held(bill: string): readonly HeldWriteBack[];
  /** Every open write-back of the bill's order, oldest first; asked for only where something of the bill was given back (hasBacks). One in another's hands is `sending`. */
  open(bill: string): readonly OrderWriteBack[];
  existing(key: string): ExistingWriteBack | undefined;
  /** Whether the lane has an open write-back (held ones do not count). */
  busy(destination: string, lane: string): boolean;
  /** The lane in which something of this order is open at the destination. */
  laneOf(destination: string, order: string): string | undefined;
}

/** How a write-back enters: head of its lane, behind another, or waiting for its bill. One that is overtaken at once is stored as held and superseded with the rest. */
export type EntryState = "waiting" | "queued" | "held";

/** One of this batch. */
export interface Created {
  readonly id: string;
  readonly messageId: string;
  readonly owed: OwedWriteBack;
  state: EntryState;
  bill?: string;
  waitMs?: number;
}

/** What the store has to write for one settlement. */
export interface Plan {
  readonly settlement: Settlement;
  readonly messageId: string;
  readonly answer: Settled;
  readonly state: "settled" | "duplicate" | "parked";
  readonly duplicateOf?: string;
  readonly reason?: ParkReason;
  /** New events, in order; `publish` tells whether they go to the outbox. */
  readonly events: readonly SealedEvent[];
  readonly keys: readonly BusinessKey[];
  readonly writeBacks: readonly {
    readonly id: string;
    readonly owed: OwedWriteBack;
    readonly state: EntryState;
    readonly bill?: string;
    /** A head that is due only after so long: it may have overtaken what it gives back. */
    readonly waitMs?: number;
  }[];
  /** Write-backs of earlier runs that this one owes again, with the fields in which it differs. */
  readonly kept: readonly { readonly id: string; readonly key: string; readonly changed: readonly string[] }[];
}

export interface Judge {
  judge(settlement: Settlement, summary: MessageSummary): Plan;
  /** After all: held write-backs of earlier batches that are owed now; those of this very batch have their state in their plans. */
  released(): readonly (HeldWriteBack & { readonly state: "waiting" | "queued" })[];
  /** After all: bills that changed. */
  bills(): readonly Bill[];
  /** After all: business identities newly taken. */
  facts(): readonly (KnownFact & { readonly partner: string; readonly identity: string })[];
  /** After all: ids of the write-backs that enter their lanes now, released ones and new ones, in order. */
  entered(): readonly string[];
  /** After all: what is not sent any more, of this batch and of earlier ones, in whatever open state it is. */
  superseded(): readonly Superseded[];
  /** After all: write-backs of earlier batches that leave their lanes and wait for their bill again. */
  reheld(): readonly { readonly id: string; readonly bill: string }[];
  /** After all: lanes that may have lost their head. */
  headless(): readonly { readonly destination: string; readonly lane: string }[];
  /** After all: bills of which something overtaken is on the wire: to be looked at again. */
  lookAgain(): readonly string[];
}

/** The bill a write-back waits for: its lane where that is a bill of this settlement, else the first bill the settlement changes. */
export const billOf = (settlement: Settlement, owed: OwedWriteBack): string => {
  const bills = settlement.orderChanges.map((change) => change.bill);
  const order = owed.order ?? owed.lane;
  return bills.includes(order) ? order : (bills[0] ?? order);
};

/** Id of the message a settlement is about. */
export const messageIdOf = ({ source }: Settlement): string => (source.kind === "message" ? source.message.id : source.messageId);

/** Business keys of a settlement and its events, each once. Keys are for searching: they are kept for parked messages too, so that a person finds them. */
function keysOf(settlement: Settlement): readonly BusinessKey[] {
  const keys = new Map<string, BusinessKey>();
  const add = (of: readonly BusinessKey[]): void => {
    for (const key of of) keys.set(`${key.kind} ${key.value}`, key);
  };
  add(settlement.keys);
  for (const event of settlement.events) add(event.keys);
  add(settlement.parkedEvent?.keys ?? []);
  return [...keys.values()];
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index]);

/** The fields in which a write-back owed again differs from the one owed already. */
function changedFields(existing: ExistingWriteBack["owed"], owed: OwedWriteBack): readonly string[] {
  const fields = ["destination", "kind", "mapping", "lane", "contentType", "charset", "amountFen", "serial", "businessDate"] as const;
  const changed: string[] = fields.filter((field) => existing[field] !== owed[field]);
  if (!sameBytes(existing.body, owed.body)) changed.push("body");
  return changed;
}

const pairKey = (one: string, two: string): string => JSON.stringify([one, two]);

/** Makes the judge of one batch. `newId` gives ids for write-backs. */
export function createJudge(known: Known, deps: { readonly newId: () => string; readonly parkedEvent: ParkedEventOf }): Judge {
  const facts = new Map<string, KnownFact & { readonly partner: string; readonly identity: string }>();
  const bills = new Map<string, Bill>();
  const created = new Map<string, Created>();
  const orders = createOrders(known, created, (key) => bills.get(key) ?? known.bill(key));

  const factOf = (partner: string, identity: string): KnownFact | undefined =>
    facts.get(pairKey(partner, identity)) ?? known.fact(partner, identity);
  const billNow = (key: string): Bill => bills.get(key) ?? known.bill(key);

  const park = (settlement: Settlement, reason: ParkReason, parked: SealedEvent, answer: Settled, duplicateOf?: string): Plan => ({
    settlement,
    messageId: messageIdOf(settlement),
    answer,
    state: "parked",
    reason,
    ...(duplicateOf === undefined ? {} : { duplicateOf }),
    events: known.stored(messageIdOf(settlement), parked.event.id) ? [] : [parked],
    keys: keysOf(settlement),
    writeBacks: [],
    kept: [],
  });

  const orderLanes = new Map<string, string>();
  /** What is open of an order keeps to one lane, whatever patient's number an event names and however lanes are chosen by now (decision 6). */
  const inOneLane = (owed: OwedWriteBack): OwedWriteBack => {
    const { order: given, ...rest } = owed;
    const order = given ?? owed.lane;
    const key = pairKey(owed.destination, order);
    const lane = orderLanes.get(key) ?? known.laneOf(owed.destination, order) ?? owed.lane;
    orderLanes.set(key, lane);
    return lane === owed.lane ? owed : { ...rest, lane, ...(lane === order ? {} : { order }) };
  };

  /** Notes what a settlement owes; undefined where it is owed already. It enters its lane later, once it is known what was overtaken. */
  const note = (
    settlement: Settlement,
    plan: { kept: Plan["kept"][number][] },
    given: OwedWriteBack,
  ): Created | { readonly keptId: string } => {
    const before = created.get(given.key) ?? known.existing(given.key);
    if (before) {
      plan.kept.push({ id: before.id, key: given.key, changed: changedFields(before.owed, given) });
      return { keptId: before.id };
    }
    const owed = inOneLane(given);
    const bill = billOf(settlement, owed);
    const waits = owed.when === "bill-paid" || isBack(billNow(bill), owed.cause.eventId);
    const one: Created = { id: deps.newId(), messageId: messageIdOf(settlement), owed, state: "held", ...(waits ? { bill } : {}) };
    created.set(owed.key, one);
    return one;
  };

  const oweAll = (
    settlement: Settlement,
    mine: readonly OwedWriteBack[],
    touched: ReadonlySet<string>,
  ): Pick<Plan, "writeBacks" | "kept"> & { readonly told: readonly SettledWriteBack[] } => {
    const kept: Plan["kept"][number][] = [];
    const noted = mine.map((owed) => ({ owed, one: note(settlement, { kept }, owed) }));
    const fresh = noted.flatMap(({ one }) => ("keptId" in one ? [] : [one]));
    for (const key of new Set([...touched, ...fresh.flatMap((one) => one.bill ?? [])])) {
      const bill = orders.overtake(key, settlement);
      if (bill !== undefined) bills.set(key, bill);
    }
    // Into the lanes: what is told at once (the insurance result that covers the bill), then what had waited for the bill, then what this message itself causes
    // on a paid bill, then what waited behind what it gives back.
    for (const one of fresh) if (one.owed.when === "now") orders.enterNow(one);
    for (const key of touched) if (isPaid(billNow(key))) orders.releasePaid(key);
    for (const one of fresh) if (one.owed.when !== "now") orders.enterPaid(one);
    for (const key of touched) if (hasBacks(billNow(key))) orders.releaseBacks(key);
    const told = noted.map(({ owed, one }): SettledWriteBack => {
      const { key, destination } = owed;
      if ("keptId" in one) return { id: one.keptId, key, destination, state: "kept" };
      return { id: one.id, key, destination, state: orders.isSuperseded(one.id) ? "superseded" : one.state };
    });
    // As it was before: first what is told at once.
    const first = (told: SettledWriteBack): number => (mine.find((owed) => owed.key === told.key)?.when === "now" ? 0 : 1);
    return { writeBacks: fresh, kept, told: [...told].sort((a, b) => first(a) - first(b)) };
  };

  const judge = (settlement: Settlement, summary: MessageSummary): Plan => {
    const messageId = messageIdOf(settlement);
    if (settlement.park) {
      const parked = settlement.parkedEvent ?? deps.parkedEvent(summary, settlement.park, keysOf(settlement));
      return park(settlement, settlement.park, parked, { kind: "parked", reason: settlement.park });
    }
    const fresh: SealedEvent[] = [];
    const elsewhere = new Map<string, KnownFact>();
    const own = new Map<string, SealedEvent>();
    let conflict: KnownFact | undefined;
    for (const sealed of settlement.events) {
      if (known.stored(messageId, sealed.event.id)) continue;
      const identity = sealed.businessIdentity;
      const twin = identity === undefined ? undefined : own.get(pairKey(sealed.event.source, identity));
      const fact =
        identity === undefined
          ? undefined
          : twin
            ? { messageId, eventId: twin.event.id, fingerprint: twin.fingerprint }
            : factOf(sealed.event.source, identity);
      if (!fact) {
        fresh.push(sealed);
        if (identity !== undefined) own.set(pairKey(sealed.event.source, identity), sealed);
      } else if (fact.fingerprint === sealed.fingerprint) elsewhere.set(sealed.event.id, fact);
      else conflict ??= fact;
    }
    // Another message told an event of this very id that is another fact: the mapping's message identity is too narrow. Its write-back would pass for that one's.
    const freshIds = new Set(fresh.map((sealed) => sealed.event.id));
    for (const owed of settlement.writeBacks) {
      const before = freshIds.has(owed.cause.eventId) ? (created.get(owed.key) ?? known.existing(owed.key)) : undefined;
      if (before && before.messageId !== messageId)
        conflict ??= { messageId: before.messageId, eventId: owed.cause.eventId, fingerprint: "" };
    }
    if (conflict) {
      const reason = refusal("BUSINESS_CONFLICT");
      const answer: Settled = { kind: "conflict", with: conflict.messageId, reason };
      return park(settlement, reason, deps.parkedEvent(summary, reason, keysOf(settlement)), answer, conflict.messageId);
    }
    const first = [...elsewhere.values()][0];
    if (first && elsewhere.size === settlement.events.length) {
      const answer: Settled = { kind: "duplicate", of: first.messageId };
      return {
        settlement,
        messageId,
        answer,
        state: "duplicate",
        duplicateOf: first.messageId,
        events: [],
        keys: keysOf(settlement),
        writeBacks: [],
        kept: [],
      };
    }
    for (const sealed of own.values()) {
      const identity = sealed.businessIdentity ?? "";
      const partner = sealed.event.source;
      facts.set(pairKey(partner, identity), { partner, identity, messageId, eventId: sealed.event.id, fingerprint: sealed.fingerprint });
    }
    const touched = new Set<string>();
    for (const change of settlement.orderChanges) {
      bills.set(change.bill, applyChange(billNow(change.bill), change));
      touched.add(change.bill);
    }
    // What a known fact causes is owed by the message that told it first.
    const mine = settlement.writeBacks.filter((one) => !elsewhere.has(one.cause.eventId));
    const { told, ...plan } = oweAll(settlement, mine, touched);
    const ids = settlement.events.map((sealed) => elsewhere.get(sealed.event.id)?.eventId ?? sealed.event.id);
    return {
      settlement,
      messageId,
      answer: { kind: "settled", events: ids, writeBacks: told },
      state: "settled",
      events: fresh,
      keys: keysOf(settlement),
      ...plan,
    };
  };

  return {
    judge,
    released: orders.released,
    bills: () => [...bills.values()],
    facts: () => [...facts.values()],
    entered: orders.entered,
    superseded: orders.superseded,
    reheld: orders.reheld,
    headless: orders.headless,
    lookAgain: orders.lookAgain,
  };
}
