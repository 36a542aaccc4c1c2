/**
 * What a settlement may do, given what is known already (design.md decisions 5, 6, 21). Pure: the store loads the facts and holds the locks,
 * the judge decides, the store writes. Settlements of one batch are judged one after another, each seeing what those before it did.
 */
import type { BusinessKey } from "../events/event.ts";
import type { ParkReason } from "../journal/ports.ts";
import { applyChange, type Bill, isGivenBack, isPaid } from "../orders/rules.ts";
import { refusal } from "../refusals.ts";
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
  existing(key: string): ExistingWriteBack | undefined;
  /** Whether the lane has an open write-back (held ones do not count). */
  busy(destination: string, lane: string): boolean;
}

/** How a write-back enters: head of its lane, behind another, or waiting for its bill. */
export type EntryState = "waiting" | "queued" | "held";

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
  readonly writeBacks: readonly { readonly id: string; readonly owed: OwedWriteBack; readonly state: EntryState; readonly bill?: string }[];
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
}

/** The bill a write-back waits for: its lane where that is a bill of this settlement, else the first bill the settlement changes. */
export const billOf = (settlement: Settlement, owed: OwedWriteBack): string => {
  const bills = settlement.orderChanges.map((change) => change.bill);
  return bills.includes(owed.lane) ? owed.lane : (bills[0] ?? owed.lane);
};

/** Id of the message a settlement is about. */
export const messageIdOf = ({ source }: Settlement): string => (source.kind === "message" ? source.message.id : source.messageId);

/** Business keys of a settlement and its events, each once. Keys are for searching: they are kept for parked messages too, so that a person finds them. */
export function keysOf(settlement: Settlement): readonly BusinessKey[] {
  const all = [...settlement.keys, ...settlement.events.flatMap((event) => event.keys), ...(settlement.parkedEvent?.keys ?? [])];
  return [...new Map(all.map((key) => [`${key.kind} ${key.value}`, key])).values()];
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index]);

/** The fields in which a write-back owed again differs from the one owed already. */
export function changedFields(existing: ExistingWriteBack["owed"], owed: OwedWriteBack): readonly string[] {
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
  const freed = new Set<string>();
  const released: (HeldWriteBack & { readonly state: "waiting" | "queued" })[] = [];
  const lanes = new Set<string>();
  const created = new Map<string, { id: string; messageId: string; owed: OwedWriteBack; state: EntryState; bill?: string }>();
  const entered: string[] = [];

  const factOf = (partner: string, identity: string): KnownFact | undefined =>
    facts.get(pairKey(partner, identity)) ?? known.fact(partner, identity);
  const billNow = (key: string): Bill => bills.get(key) ?? known.bill(key);
  const enter = (destination: string, lane: string): "waiting" | "queued" => {
    const key = pairKey(destination, lane);
    const behind = lanes.has(key) || known.busy(destination, lane);
    lanes.add(key);
    return behind ? "queued" : "waiting";
  };

  const release = (bill: string): void => {
    for (const held of known.held(bill)) {
      if (freed.has(held.id) || isGivenBack(billNow(bill), held.causeEventId)) continue;
      freed.add(held.id);
      released.push({ ...held, state: enter(held.destination, held.lane) });
      entered.push(held.id);
    }
    for (const one of created.values()) {
      if (one.state !== "held" || one.bill !== bill || isGivenBack(billNow(bill), one.owed.cause.eventId)) continue;
      one.state = enter(one.owed.destination, one.owed.lane);
      entered.push(one.id);
    }
  };

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

  const owe = (
    settlement: Settlement,
    plan: { writeBacks: Plan["writeBacks"][number][]; kept: Plan["kept"][number][] },
    owed: OwedWriteBack,
  ): SettledWriteBack => {
    const before = created.get(owed.key) ?? known.existing(owed.key);
    if (before) {
      plan.kept.push({ id: before.id, key: owed.key, changed: changedFields(before.owed, owed) });
      return { id: before.id, key: owed.key, destination: owed.destination, state: "kept" };
    }
    const bill = owed.when === "bill-paid" ? billOf(settlement, owed) : undefined;
    const mayBeTold = (of: Bill): boolean => isPaid(of) && !isGivenBack(of, owed.cause.eventId);
    const state = bill !== undefined && !mayBeTold(billNow(bill)) ? "held" : enter(owed.destination, owed.lane);
    const one = {
      id: deps.newId(),
      messageId: messageIdOf(settlement),
      owed,
      state: state as EntryState,
      ...(bill === undefined ? {} : { bill }),
    };
    created.set(owed.key, one);
    if (state !== "held") entered.push(one.id);
    plan.writeBacks.push(one);
    return { id: one.id, key: owed.key, destination: owed.destination, state };
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
    const plan = { writeBacks: [] as Plan["writeBacks"][number][], kept: [] as Plan["kept"][number][] };
    // What a known fact causes is owed by the message that told it first. Into the lanes: what is told at once (the insurance result that covers the bill), then
    // what had waited for the bill, then what this message itself causes on a paid bill.
    const mine = settlement.writeBacks.filter((one) => !elsewhere.has(one.cause.eventId));
    const atOnce = mine.filter((one) => one.when === "now").map((one) => owe(settlement, plan, one));
    for (const bill of touched) if (isPaid(billNow(bill))) release(bill);
    const owed = [...atOnce, ...mine.filter((one) => one.when !== "now").map((one) => owe(settlement, plan, one))];
    const ids = settlement.events.map((sealed) => elsewhere.get(sealed.event.id)?.eventId ?? sealed.event.id);
    return {
      settlement,
      messageId,
      answer: { kind: "settled", events: ids, writeBacks: owed },
      state: "settled",
      events: fresh,
      keys: keysOf(settlement),
      ...plan,
    };
  };

  return {
    judge,
    released: () => released,
    bills: () => [...bills.values()],
    facts: () => [...facts.values()],
    entered: () => entered,
  };
}
