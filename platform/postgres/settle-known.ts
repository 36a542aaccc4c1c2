/** What the judge must know, loaded for a whole batch at once and under its locks. */
import {
  billOf,
  type ExistingWriteBack,
  type HeldWriteBack,
  type Known,
  type KnownFact,
  messageIdOf,
} from "../../domain/delivery/judge.ts";
import type { Settlement } from "../../domain/delivery/ports.ts";
import { type Bill, emptyBill } from "../../domain/orders/rules.ts";
import { hasBacks } from "../../domain/orders/superseded.ts";
import { textArray, uuids } from "./binary.ts";
import { billOfBook } from "./bill-book.ts";
import { loadOpen } from "./overtaken.ts";
import type { Client } from "./pool.ts";
import * as sql from "./settle-sql.ts";
import { unpack } from "./packed.ts";
import { createLanesSeen, type LanesSeen } from "./settle-lanes.ts";
import { daysOf, lockTexts, orderLock, run, together } from "./sql.ts";

const pairKey = (one: string, two: string): string => JSON.stringify([one, two]);
type HasDay = (day: string) => boolean;
const unique = <T>(of: readonly T[]): T[] => [...new Set(of)];

/** The bills that judging this write-back asks for beside those that change: what is fed to an event-in node was booked by the message that told it. */
const billsAsked = (settlement: Settlement, owed: Settlement["writeBacks"][number]): string[] =>
  owed.when === "bill-paid" || settlement.source.kind === "event" ? [billOf(settlement, owed)] : [];

/** Bills and lanes a settlement touches: what it has to hold while it is judged. */
const orderKeysOf = (settlement: Settlement): string[] =>
  unique([
    ...settlement.orderChanges.map((change) => change.bill),
    ...settlement.writeBacks.flatMap((owed) => [owed.lane, ...billsAsked(settlement, owed)]),
  ]);

const sourceKey = ({ source }: Settlement): string =>
  source.kind === "message" ? source.message.id : pairKey(source.subscriber, source.event.id);

/** Settlements whose source is no longer ours, the others' sources being locked now. Of two settlements of one source the second is fenced. */
async function fencedOff(client: Client, settlements: readonly Settlement[], hasDay: HasDay): Promise<ReadonlySet<Settlement>> {
  const messages: string[] = [];
  const deliveries: Delivery[] = [];
  for (const { source } of settlements) {
    if (source.kind === "message") messages.push(source.message.id);
    else deliveries.push({ subscriber: source.subscriber, event_id: source.event.id });
  }
  // Locked in the order given: the same for every worker.
  deliveries.sort((a, b) => (pairKey(a.subscriber, a.event_id) < pairKey(b.subscriber, b.event_id) ? -1 : 1));
  const days = daysOf(messages, hasDay);
  const [messageRows, deliveryRows] = await together([
    messages.length > 0
      ? run<Leased & { id: string }>(client, `settle_fence${days.name}`, sql.fence(days), [uuids(messages)])
      : ([] as (Leased & { id: string })[]),
    deliveries.length > 0
      ? run<Leased & Delivery>(client, "settle_fence_deliveries", sql.FENCE_DELIVERIES, sql.DELIVERIES.params(deliveries))
      : ([] as (Leased & Delivery)[]),
  ]);
  const ours = new Map<string, bigint>();
  for (const row of messageRows) if (row.state === "received") ours.set(row.id, row.lease_token);
  for (const row of deliveryRows) if (row.state === "received") ours.set(pairKey(row.subscriber, row.event_id), row.lease_token);
  const fenced = new Set<Settlement>();
  for (const settlement of settlements) {
    const { source } = settlement;
    const token = source.kind === "message" ? source.message.token : source.token;
    // Taken out of the map: each source is settled once.
    if (ours.get(sourceKey(settlement)) === BigInt(token)) ours.delete(sourceKey(settlement));
    else fenced.add(settlement);
  }
  return fenced;
}

interface Delivery {
  readonly subscriber: string;
  readonly event_id: string;
}

interface Leased {
  readonly state: string;
  readonly lease_token: bigint;
}

interface ExistingRow {
  readonly id: string;
  readonly message_id: string;
  readonly key: string;
  readonly destination: string;
  readonly kind: string;
  readonly mapping: string;
  readonly lane: string;
  readonly content_type: string;
  readonly charset: string;
  readonly amount_fen: bigint | null;
  readonly serial: string | null;
  readonly business_date: string;
  readonly body: Buffer;
}

const existingOf = (row: ExistingRow): ExistingWriteBack => ({
  id: row.id,
  messageId: row.message_id,
  owed: {
    destination: row.destination,
    kind: row.kind,
    mapping: row.mapping,
    lane: row.lane,
    body: unpack(row.body),
    contentType: row.content_type,
    charset: row.charset,
    ...(row.amount_fen === null ? {} : { amountFen: row.amount_fen }),
    ...(row.serial === null ? {} : { serial: row.serial }),
    businessDate: row.business_date,
  },
});

async function loadFacts(client: Client, settlements: readonly Settlement[]): Promise<Map<string, KnownFact>> {
  const pairs = new Map<string, { one: string; two: string }>();
  for (const { events } of settlements) {
    for (const { event, businessIdentity } of events) {
      if (businessIdentity !== undefined) pairs.set(pairKey(event.source, businessIdentity), { one: event.source, two: businessIdentity });
    }
  }
  if (pairs.size === 0) return new Map();
  const rows = await run<{ partner: string; identity: string; message_id: string; event_id: string; fingerprint: string }>(
    client,
    "settle_facts",
    sql.FACTS,
    sql.PAIRS.params([...pairs.values()]),
  );
  return new Map(
    rows.map((row) => [
      pairKey(row.partner, row.identity),
      { messageId: row.message_id, eventId: row.event_id, fingerprint: row.fingerprint },
    ]),
  );
}

async function loadStored(client: Client, settlements: readonly Settlement[], hasDay: HasDay): Promise<Set<string>> {
  // A first run has stored nothing yet; only what was worked on before is looked up.
  const ids = settlements
    .filter(({ source }) => source.kind === "event" || source.message.run > 1 || source.message.replayed)
    .map(messageIdOf);
  if (ids.length === 0) return new Set();
  const days = daysOf(ids, hasDay);
  const rows = await run<{ message_id: string; id: string }>(client, `settle_stored${days.name}`, sql.storedEvents(days), [
    uuids(unique(ids)),
  ]);
  return new Set(rows.map((row) => pairKey(row.message_id, row.id)));
}

/** The open write-backs of orders of which something was given back, or is now: no others are ever overtaken. */
async function loadOpenOf(
  client: Client,
  settlements: readonly Settlement[],
  asked: readonly string[],
  bills: ReadonlyMap<string, Bill>,
): ReturnType<typeof loadOpen> {
  const givingBack = new Set(
    settlements.flatMap((one) =>
      one.orderChanges.filter(({ kind }) => kind === "refunded" || kind === "insurance-reversed").map((change) => change.bill),
    ),
  );
  const keys = asked.filter((key) => givingBack.has(key) || hasBacks(bills.get(key) ?? emptyBill(key)));
  if (keys.length === 0) return new Map();
  const destinations = unique(settlements.flatMap((one) => one.writeBacks.map((owed) => owed.destination)));
  return loadOpen(client, keys, destinations);
}

async function loadExisting(client: Client, settlements: readonly Settlement[]): Promise<ReadonlyMap<string, ExistingWriteBack>> {
  const keys = unique(settlements.flatMap((one) => one.writeBacks.map((owed) => owed.key)));
  if (keys.length === 0) return new Map();
  const rows = await run<ExistingRow>(client, "settle_existing", sql.EXISTING, [textArray(keys)]);
  return new Map(rows.map((row) => [row.key, existingOf(row)]));
}

/** Numbers of events and of places in lanes, in the order in which they were drawn. */
export interface Numbers {
  readonly events: readonly bigint[];
  readonly lanes: readonly bigint[];
}

/** Draws numbers; whoever draws holds the locks of the orders, so that within an order they tell who came first. */
export async function drawNumbers(client: Client, events: number, lanes: number): Promise<Numbers> {
  if (events + lanes === 0) return { events: [], lanes: [] };
  const rows = await run<{ of: string; n: bigint }>(client, "settle_numbers", sql.NUMBERS, [events, lanes]);
  const of = (what: string): bigint[] => rows.filter((row) => row.of === what).map((row) => row.n);
  return { events: of("event"), lanes: of("lane") };
}

/** What the keys of a batch lead to, under its locks. */
export interface Looked {
  readonly fenced: ReadonlySet<Settlement>;
  readonly facts: ReadonlyMap<string, KnownFact>;
  readonly stored: ReadonlySet<string>;
  readonly bills: ReadonlyMap<string, Bill>;
  readonly held: readonly (HeldWriteBack & { readonly bill: string })[];
  readonly existing: ReadonlyMap<string, ExistingWriteBack>;
  readonly lanes: LanesSeen;
  /** As many as the batch mostly needs. */
  readonly numbers: Numbers;
}

const changedBills = (settlements: readonly Settlement[]): string[] =>
  unique(settlements.flatMap((one) => one.orderChanges.map((change) => change.bill)));
const askedBills = (settlements: readonly Settlement[]): string[] =>
  unique([...changedBills(settlements), ...settlements.flatMap((one) => one.writeBacks.flatMap((owed) => billsAsked(one, owed)))]);
const lanesAsked = (settlements: readonly Settlement[]): { one: string; two: string }[] =>
  settlements.flatMap(({ writeBacks }) =>
    writeBacks.flatMap(({ destination, lane, order }) =>
      (order === undefined ? [lane] : [lane, order]).map((two) => ({ one: destination, two })),
    ),
  );

/**
 * Locks what the batch touches and looks up where its keys lead. Everything is sent at once: none needs another's answer, and the server does them in this
 * order, each seeing what was committed before it began, so that what is read is read under the locks.
 */
export async function lookUp(client: Client, settlements: readonly Settlement[], hasDay: HasDay): Promise<Looked> {
  const changed = changedBills(settlements);
  const asked = askedBills(settlements);
  const lanes = createLanesSeen(client);
  const [, fenced, facts, stored, bills, held, existing, , numbers] = await together([
    lockTexts(client, settlements.flatMap(orderKeysOf).map(orderLock)),
    fencedOff(client, settlements, hasDay),
    loadFacts(client, settlements),
    loadStored(client, settlements, hasDay),
    asked.length > 0 ? run<{ key: string; book: unknown }>(client, "settle_bills", sql.BILLS, [textArray(asked)]) : [],
    changed.length > 0 ? run<HeldWriteBack & { bill: string }>(client, "settle_held", sql.HELD, [textArray(changed)]) : [],
    loadExisting(client, settlements),
    lanes.look(lanesAsked(settlements), { shut: true }),
    drawNumbers(
      client,
      settlements.reduce((sum, one) => sum + one.events.length, 0),
      settlements.reduce((sum, one) => sum + one.writeBacks.length, 0),
    ),
  ]);
  return {
    fenced,
    facts,
    stored,
    bills: new Map(bills.map((row) => [row.key, billOfBook(row.key, row.book)])),
    held,
    existing,
    lanes,
    numbers,
  };
}

/** Follows what was found to what it leads to in turn, mostly nothing. `settlements`: those of the batch that are still ours. */
export async function knownOf(
  client: Client,
  settlements: readonly Settlement[],
  looked: Looked,
): Promise<{ readonly known: Known; readonly numbers: Numbers }> {
  const { bills, lanes } = looked;
  const held = Map.groupBy(looked.held, (row) => row.bill);
  // Mostly the bill's own lock. A lane of another name is locked out of order: the server breaks a deadlock and the batch is done again.
  const others = looked.held.filter((row) => row.lane !== row.bill).map((row) => orderLock(row.lane));
  await lockTexts(client, others);
  const open = await loadOpenOf(client, settlements, askedBills(settlements), bills);
  const leads = [...looked.held, ...[...open.values()].flat()].map(({ destination, lane }) => ({ one: destination, two: lane }));
  await lanes.look(leads);
  const elsewhere = await lanes.follow();
  // What was drawn before these locks may be smaller than what another worker has given away in these lanes since.
  const numbers = others.length + elsewhere > 0 ? { events: [], lanes: [] } : looked.numbers;
  const known: Known = {
    fact: (partner, identity) => looked.facts.get(pairKey(partner, identity)),
    stored: (messageId, eventId) => looked.stored.has(pairKey(messageId, eventId)),
    bill: (key) => bills.get(key) ?? emptyBill(key),
    held: (bill) => held.get(bill) ?? [],
    open: (bill) => open.get(bill) ?? [],
    existing: (key) => looked.existing.get(key),
    busy: lanes.busy,
    laneOf: lanes.laneOf,
  };
  return { known, numbers };
}
