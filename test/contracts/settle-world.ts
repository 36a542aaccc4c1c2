/** What the contract of settlements is played on: one world with a worker in it, and makers of facts, write-backs and settlements. */
import type { AfterSettle, OwedWriteBack, SealedEvent, Settled, Settlement, SettleStore } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import type { JournaledMessage, JournalStore } from "../../domain/journal/ports.ts";
import type { OrderChange } from "../../domain/orders/rules.ts";
import type { HandOff } from "../../domain/writeback/ports.ts";

/** One process of the engine. */
export interface SettleWorker {
  readonly journal: JournalStore;
  readonly settle: SettleStore;
  /** What `after` was called with. */
  readonly afters: AfterSettle[];
  kill(): Promise<void>;
}

export interface SettleWorld {
  worker(options?: { readonly handOff?: HandOff }): Promise<SettleWorker>;
  message(
    id: string,
  ): Promise<
    { readonly state: string; readonly code?: string; readonly duplicateOf?: string; readonly notes: readonly string[] } | undefined
  >;
  /** A person's replay: the message is open again for whoever reclaims it. */
  replay(id: string): Promise<void>;
  gate(
    destination: string,
    now: { readonly mode?: "running" | "paused"; readonly breaker?: "closed" | "open" | "half-open"; readonly drainMs?: number },
  ): Promise<void>;
  hold(destination: string, lane: string, held: boolean): Promise<void>;
  writeBack(key: string): Promise<{ readonly state: string; readonly laneSeq?: bigint } | undefined>;
  /** Write-backs of a lane that may be sent now or later, in lane order: their states. */
  lane(destination: string, lane: string): Promise<readonly string[]>;
  events(messageId: string): Promise<readonly string[]>;
  outbox(): Promise<readonly string[]>;
  /** Messages found by a business key. */
  found(value: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

let counter = 0;
export const fresh = (prefix: string): string => {
  counter += 1;
  return `${prefix}${counter}`;
};

/** An event as the stores need it; its data is of no concern to them. */
export const testEvent = (id: string, type: string, source = "his", data: Readonly<Record<string, unknown>> = {}): Event => ({
  specversion: "1.0",
  id,
  type,
  source,
  subject: "bill:1",
  time: "2026-11-20T09:22:01+08:00",
  datacontenttype: "application/json",
  dataschema: `urn:test:${type}`,
  data: { businessDate: "2026-11-20", ...data },
});

export const fact = (
  over: { id?: string; type?: string; identity?: string; fingerprint?: string; publish?: boolean; key?: string } = {},
): SealedEvent => ({
  event: testEvent(over.id ?? fresh("e"), over.type ?? "payment.settled"),
  businessIdentity: over.identity ?? fresh("fact "),
  fingerprint: over.fingerprint ?? "same",
  keys: over.key === undefined ? [] : [{ kind: "bill", value: over.key }],
  publish: over.publish ?? true,
});

export const owed = (cause: SealedEvent, lane: string, over: Partial<OwedWriteBack> = {}): OwedWriteBack => ({
  key: fresh("wb"),
  destination: "his",
  kind: "payment-confirm",
  mapping: "his/payment-confirm",
  cause: { eventId: cause.event.id, type: cause.event.type },
  lane,
  body: new TextEncoder().encode("<ok/>"),
  contentType: "application/xml",
  charset: "utf-8",
  amountFen: 1_650n,
  serial: "S1",
  businessDate: "2026-11-20",
  when: "now",
  flow: "f",
  node: "n",
  ...over,
});

export const settlement = (message: JournaledMessage, over: Partial<Settlement> = {}): Settlement => ({
  source: { kind: "message", message },
  events: [],
  orderChanges: [],
  writeBacks: [],
  keys: [],
  flow: "f",
  ...over,
});

export const paid = (bill: string, amount: bigint, billTotal?: bigint): OrderChange => ({
  kind: "paid",
  bill,
  paymentNo: fresh("P"),
  amount,
  ...(billTotal === undefined ? {} : { billTotal }),
});

/** The states of the write-backs it owes, or what became of it instead. */
export const states = (settled: Settled): readonly string[] =>
  settled.kind === "settled" ? settled.writeBacks.map((one) => one.state) : [settled.kind];

/** One world and its first worker, made before the tests that are written down with it run. */
export interface Scene {
  world(): SettleWorld;
  one(): SettleWorker;
  /** A message of the HIS, journaled by the first worker or another. */
  arrive(worker?: SettleWorker): Promise<JournaledMessage>;
  /** Settles with the first worker. */
  settle(settlement: Settlement): Promise<Settled>;
}

export async function arriveAt(worker: SettleWorker): Promise<JournaledMessage> {
  const journaled = await worker.journal.append({
    door: "amqp",
    partner: "his",
    kind: "payment",
    identity: fresh("m"),
    headers: {},
    raw: Uint8Array.of(1),
  });
  if (journaled.kind !== "accepted") throw new Error(`not accepted: ${journaled.kind}`);
  return journaled.message;
}
