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
import { daysOf, lockTexts, orderLock, run, together } from "./sql.ts";

const pairKey = (one: string, two: string): string => JSON.stringify([one, two]);
type HasDay = (day: string) => boolean;
const unique = <T>(of: readonly T[]): T[] => [...new Set(of)];

/** The bills that judging this write-back asks for beside those that change: what is fed to an event-in node was booked by the message that told it. */
const billsAsked = (settlement: Settlement, owed: Settlement["writeBacks"][number]): string[] =>
  owed.when === "bill-paid" || settlement.source.kind === "event" ? [billOf(settlement, owed)] : [];

/** Bills and lanes a settlement touches: what it has to hold while it is judged. */
export const orderKeysOf = (settlement: Settlement): string[] =>
  unique([
    ...settlement.orderChanges.map((change) => change.bill),
    ...settlement.writeBacks.flatMap((owed) => [owed.lane, ...billsAsked(settlement, owed)]),
  ]);

const sourceKey = ({ source }: Settlement): string =>
  source.kind === "message" ? source.message.id : pairKey(source.subscriber, source.event.id);

/** Settlements whose source is no longer ours, the others' sources being locked now. Of two settlements of one source the second is fenced. */
export async function fencedOff(client: Client, settlements: readonly Settlement[], hasDay: HasDay): Promise<ReadonlySet<Settlement>> {
  const messages: string[] = [];
  const deliveries: { subscriber: string; event_id: string }[] = [];
  for (const { source } of settlements) {
    if (source.kind === "message") messages.push(source.message.id);
    else deliveries.push({ subscriber: source.subscriber, event_id: source.event.id });
  }
  const ours = new Map<string, bigint>();
  if (messages.length > 0) {
    const days = daysOf(messages, hasDay);
    const rows = await run<Leased & { id: string }>(client, `settle_fence${days.name}`, sql.fence(days), [uuids(messages)]);
    for (const row of rows) if (row.state === "received") ours.set(row.id, row.lease_token);
  }
  if (deliveries.length > 0) {
    // Locked in the order given: the same for every worker.
    deliveries.sort((a, b) => (pairKey(a.subscriber, a.event_id) < pairKey(b.subscriber, b.event_id) ? -1 : 1));
    const rows = await run<Leased & { subscriber: string; event_id: string }>(
      client,
      "settle_fence_deliveries",
      sql.FENCE_DELIVERIES,
      sql.DELIVERIES.params(deliveries),
    );
    for (const row of rows) if (row.state === "received") ours.set(pairKey(row.subscriber, row.event_id), row.lease_token);
  }
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

/** Which lanes have something open, and in which lane the orders' open work is. */
async function loadLanes(
  client: Client,
  settlements: readonly Settlement[],
  open: readonly { readonly destination: string; readonly lane: string }[],
) {
  const lanes = new Map<string, { one: string; two: string }>();
  const lane = (destination: string, name: string): void => void lanes.set(pairKey(destination, name), { one: destination, two: name });
  for (const one of settlements)
    for (const owed of one.writeBacks)
      for (const name of owed.order === undefined ? [owed.lane] : [owed.lane, owed.order]) lane(owed.destination, name);
  for (const one of open) lane(one.destination, one.lane);
  const busy = new Set<string>();
  const laneOf = new Map<string, string>();
  const look = async (pairs: readonly { one: string; two: string }[]): Promise<readonly { one: string; two: string }[]> => {
    if (pairs.length === 0) return [];
    const rows = await run<{ one: string; two: string; busy: boolean; lane: string | null }>(
      client,
      "settle_busy",
      sql.BUSY,
      sql.PAIRS.params(pairs),
    );
    for (const row of rows) {
      if (row.busy) busy.add(pairKey(row.one, row.two));
      if (row.busy || row.lane !== null) laneOf.set(pairKey(row.one, row.two), row.lane ?? row.two);
    }
    return rows.flatMap((row) => (row.lane === null || lanes.has(pairKey(row.one, row.lane)) ? [] : [{ one: row.one, two: row.lane }]));
  };
  // Work of an order that is open in another lane than this settlement asked for: that lane it is, and it is locked and looked at too.
  const elsewhere = await look([...lanes.values()]);
  await lockTexts(
    client,
    elsewhere.map((one) => orderLock(one.two)),
  );
  await look(elsewhere);
  return { busy, laneOf };
}

/** Loads everything that judging these settlements can ask. */
export async function loadKnown(client: Client, settlements: readonly Settlement[], hasDay: HasDay): Promise<Known> {
  const changed = unique(settlements.flatMap((one) => one.orderChanges.map((change) => change.bill)));
  const asked = unique([...changed, ...settlements.flatMap((one) => one.writeBacks.flatMap((owed) => billsAsked(one, owed)))]);
  // Sent together: none of them needs another's answer.
  const [facts, stored, billRows, rows] = await together([
    loadFacts(client, settlements),
    loadStored(client, settlements, hasDay),
    asked.length > 0 ? run<{ key: string; book: unknown }>(client, "settle_bills", sql.BILLS, [textArray(asked)]) : [],
    changed.length > 0 ? run<HeldWriteBack & { bill: string }>(client, "settle_held", sql.HELD, [textArray(changed)]) : [],
  ]);
  const bills = new Map(billRows.map((row) => [row.key, billOfBook(row.key, row.book)]));
  const held = new Map<string, HeldWriteBack[]>();
  if (rows.length > 0) {
    for (const { bill, ...one } of rows) held.set(bill, [...(held.get(bill) ?? []), one]);
    // Mostly the bill's own lock. A lane of another name is locked out of order: the server breaks a deadlock and the batch is done again.
    await lockTexts(
      client,
      rows.filter((row) => row.lane !== row.bill).map((row) => orderLock(row.lane)),
    );
  }
  const open = await loadOpenOf(client, settlements, asked, bills);
  const keys = unique(settlements.flatMap((one) => one.writeBacks.map((owed) => owed.key)));
  const existing = new Map<string, ExistingWriteBack>();
  if (keys.length > 0) {
    for (const row of await run<ExistingRow>(client, "settle_existing", sql.EXISTING, [textArray(keys)]))
      existing.set(row.key, existingOf(row));
  }
  const { busy, laneOf } = await loadLanes(client, settlements, [...held.values(), ...open.values()].flat());
  return {
    fact: (partner, identity) => facts.get(pairKey(partner, identity)),
    stored: (messageId, eventId) => stored.has(pairKey(messageId, eventId)),
    bill: (key) => bills.get(key) ?? emptyBill(key),
    held: (bill) => held.get(bill) ?? [],
    open: (bill) => open.get(bill) ?? [],
    existing: (key) => existing.get(key),
    busy: (destination, name) => busy.has(pairKey(destination, name)),
    laneOf: (destination, order) => laneOf.get(pairKey(destination, order)),
  };
}
