/** A database with messages, events and write-backs in every state, and the operators' side over it with small fakes of its neighbours. */
import { readFileSync } from "node:fs";
import { createSealer } from "../../../bin/engine/seal.ts";
import type { Translated } from "../../../domain/delivery/live.ts";
import type { AfterSettle, OwedWriteBack, SealedEvent, Settlement } from "../../../domain/delivery/ports.ts";
import type { Event } from "../../../domain/events/event.ts";
import type { Inbound, JournaledMessage, JournalStore, ParkReason } from "../../../domain/journal/ports.ts";
import type { SettleStore } from "../../../domain/delivery/ports.ts";
import type { Operations } from "../../../domain/operations/ports.ts";
import { Value } from "typebox/value";
import { Destination, type Partner } from "../../../domain/partners/profile.ts";
import { policyOf } from "../../../domain/writeback/policy.ts";
import type { AttemptEnd, Claimed, WriteBackStore } from "../../../domain/writeback/ports.ts";
import { loadEventRegistry } from "../../../platform/catalogue-events.ts";
import { createPostgres, type Postgres } from "../../../platform/postgres/index.ts";
import { createOperations } from "../../../platform/postgres/operations.ts";
import type { OperationsDeps } from "../../../platform/postgres/operations-deps.ts";
import { testDatabase } from "../postgres/database.ts";
import { type Proxy as Wire, proxyTo } from "../postgres/proxy.ts";

export const DAY = "2026-11-20";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const destination: NonNullable<Partner["destination"]> = {
  url: "http://user:secret@127.0.0.1:1/api?token=secret",
  connectTimeoutMs: 1_000,
  replyTimeoutMs: 1_000,
  leaseMs: 15_000,
  parallel: 8,
  duplicates: "inquiry",
  trustNotFoundAfterMs: 1_000,
  retry: { firstMs: 500, maxMs: 1_000 },
  messages: { "payment-confirm": "payment-confirm" },
  inquiry: "inquiry",
  tls: { key: "/etc/huiliu/his.key", serverName: "his" },
};
const { inquiry: _, ...silent } = destination;
const partner = (name: string, to?: NonNullable<Partner["destination"]>): Partner => ({
  partner: name,
  vendor: name,
  name: { zh: "医院信息系统", en: "HIS" },
  constants: { institution: "H001" },
  inbound: { bytesMax: 1_000_000, perSecond: 100 },
  ...(to === undefined ? {} : { destination: to }),
});
/** `his` can be asked; `old` can neither be asked nor dedupes; `jkt` is only sent from. */
export const PARTNERS: readonly Partner[] = [
  partner("his", destination),
  partner("old", { ...silent, duplicates: "none" }),
  partner("jkt"),
];

/** Profiles are held against their schema alone. */
const profileRules = (told: Told): OperationsDeps["profiles"] => ({
  check: (_name, profile) => {
    const problems = [...Value.Errors(Destination, profile)].map(({ instancePath, message }) => ({
      at: instancePath,
      zh: message,
      en: message,
    }));
    return problems.length > 0 ? { ok: false, problems } : { ok: true, profile: profile as Destination };
  },
  seed: (name) => PARTNERS.find((one) => one.partner === name)?.destination,
  override: () => undefined,
  refresh: async () => {
    told.profilesRead += 1;
  },
});

/** What the composition root's ports were told. */
export interface Told {
  profilesRead: number;
  readonly after: AfterSettle[];
  /** How often this worker was told to read the gates. */
  refreshes: number;
  readonly unbalanced: { readonly day: string; readonly kind: string; readonly differences: number }[];
  readonly logged: { readonly fields: object; readonly text: string }[];
  wakes: number;
}

export interface World {
  readonly postgres: Postgres;
  readonly operations: Operations;
  readonly journal: JournalStore;
  readonly settle: SettleStore;
  readonly writeBacks: WriteBackStore;
  readonly told: Told;
  /** What the present mapping would make: set by the test. */
  translation: { readonly mapping: string; readonly result: Translated } | undefined;
  /** Takes a message in; it is leased to this worker. */
  receive(over?: Partial<Inbound>): Promise<JournaledMessage>;
  /** Commits the end of a message's flow. */
  end(message: JournaledMessage, over?: Partial<Settlement>): Promise<void>;
  /** A message whose payment owes one write-back to `to`, on bill `bill`. */
  pay(
    bill: string,
    to?: string,
    amountFen?: bigint,
  ): Promise<{ readonly messageId: string; readonly writeBackId: string; readonly event: SealedEvent }>;
  claim(to: string): Promise<readonly Claimed[]>;
  /** Ends a claim: as the dispatcher would. */
  finish(claim: Claimed, over: Partial<AttemptEnd> & Pick<AttemptEnd, "outcome" | "step">): Promise<void>;
  sql<R extends object>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** The wire to the server (`wire: true`). */
  readonly wire: Wire | undefined;
  close(): Promise<void>;
}

export const PARKED: NonNullable<AttemptEnd["park"]> = {
  code: "REJECTED",
  zh: "对方拒绝",
  en: "refused",
  advice: { zh: "核对", en: "check" },
};

let counter = 0;
const next = (): number => {
  counter += 1;
  return counter;
};

/** A payment as its type's schema wants it. */
const EXAMPLE = JSON.parse(
  readFileSync(new URL("../../../domain/events/payment.settled/examples/accepted-wechat.json", import.meta.url), "utf8"),
) as { readonly data: Readonly<Record<string, unknown>> };

export function payment(partnerName: string, bill: string, amount: string, patient = "张三"): Event {
  const no = `ZF${next()}`;
  return {
    specversion: "1.0",
    id: `event-${no}`,
    type: "payment.settled",
    source: partnerName,
    subject: `bill:${bill}`,
    time: `${DAY}T09:25:10+08:00`,
    datacontenttype: "application/json",
    dataschema: "urn:huiliu:event:payment.settled:1",
    data: {
      ...EXAMPLE.data,
      businessDate: DAY,
      bills: [{ no: bill }],
      patient: { no: "P1", numberSystem: "his", name: patient },
      paymentNo: no,
      total: amount,
    },
  };
}

export const sealed = (event: Event, keys: SealedEvent["keys"] = []): SealedEvent => ({
  event,
  businessIdentity: event.id,
  fingerprint: JSON.stringify(event.data),
  keys,
  publish: true,
});

export const owed = (event: Event, to: string, amountFen: bigint, body = "<confirm/>"): OwedWriteBack => ({
  key: `key-${event.id}-${to}`,
  destination: to,
  kind: "payment-confirm",
  mapping: `${to}/payment-confirm`,
  cause: { eventId: event.id, type: event.type },
  lane: event.subject,
  body: bytes(body),
  contentType: "application/xml; charset=utf-8",
  charset: "utf-8",
  amountFen,
  serial: String(event.data.paymentNo),
  businessDate: DAY,
  when: "now",
  flow: "payment-confirm",
  node: "n1",
});

export async function operationsWorld(
  options: {
    readonly wire?: boolean;
    readonly replay?: OperationsDeps["replay"];
    readonly audit?: OperationsDeps["audit"];
    readonly mayStill?: OperationsDeps["mayStill"];
    readonly mappings?: OperationsDeps["mappings"];
  } = {},
): Promise<World> {
  const database = await testDatabase();
  const wire = options.wire === true ? await proxyTo(database.url) : undefined;
  const postgres = await createPostgres({ url: wire?.url ?? database.url, workerName: "test operations", goneAfterMs: 2_000 });
  const registry = await loadEventRegistry();
  const sealer = createSealer({ registry, partner: (name) => PARTNERS.find((one) => one.partner === name) });
  const told: Told = { profilesRead: 0, after: [], refreshes: 0, unbalanced: [], logged: [], wakes: 0 };
  const after = (done: AfterSettle): void => void told.after.push(done);
  const journal = postgres.journal({ parkedEvent: sealer.parked });
  const settle = postgres.settle({ parkedEvent: sealer.parked, after });
  const writeBacks = postgres.writeBacks({ strayCheckMs: 0 });
  const line = (fields: object, text: string): void => void told.logged.push({ fields, text });

  const world: World = {
    postgres,
    wire,
    journal,
    settle,
    writeBacks,
    told,
    translation: undefined,
    operations: createOperations({
      pool: postgres.pool,
      reads: postgres.reads,
      worker: postgres.worker,
      log: { debug: line, info: line, warn: line, error: line },
      partners: () => PARTNERS,
      profiles: profileRules(told),
      charsetOf: () => "gbk",
      policy: (name) => {
        const profile = PARTNERS.find((one) => one.partner === name);
        const policy = profile && policyOf(profile);
        return policy?.ok ? policy.policy : undefined;
      },
      translateByDefault: () => world.translation,
      keysOf: (event) => registry.get(event.type)?.keys(event.data) ?? [],
      sealWriteBack: sealer.writeBack,
      after,
      wake: () => {
        told.wakes += 1;
      },
      dispatcher: {
        refresh: async () => {
          told.refreshes += 1;
        },
        state: () => [],
      },
      health: async () => ({ broker: { up: true }, redis: { up: false, why: "ECONNREFUSED" } }),
      deliveries: () => ({ live: 0, queued: 0, waitingTurn: 0 }),
      goneAfterMs: 2_000,
      ...(options.replay === undefined ? {} : { replay: options.replay }),
      ...(options.audit === undefined ? {} : { audit: options.audit }),
      ...(options.mappings === undefined ? {} : { mappings: options.mappings }),
      ...(options.mayStill === undefined ? {} : { mayStill: options.mayStill }),
      unbalanced: (day, row, differences) => void told.unbalanced.push({ day, kind: row.kind, differences }),
    }),
    receive: async (over = {}) => {
      const journaled = await journal.append({
        door: "amqp",
        partner: "jkt",
        kind: "pay-order",
        identity: `id-${next()}`,
        contentType: "application/xml",
        charset: "utf-8",
        headers: { "x-source": "window 3" },
        raw: bytes("<REQ><PATIENT_NAME>李四光</PATIENT_NAME><TEL>13800138000</TEL></REQ>"),
        ...over,
      });
      if (journaled.kind !== "accepted") throw new Error(`not accepted: ${journaled.kind}`);
      return journaled.message;
    },
    end: async (message, over = {}) => {
      const source = { kind: "message" as const, message };
      const settled = await settle.settle({
        source,
        events: [],
        orderChanges: [],
        writeBacks: [],
        keys: [],
        flow: "payment-confirm",
        ...over,
      });
      if (settled.kind === "fenced") throw new Error("fenced");
    },
    pay: async (bill, to = "his", amountFen = 1650n) => {
      const message = await world.receive();
      const event = sealed(payment(message.partner, bill, String(amountFen)), [{ kind: "bill", value: bill }]);
      await world.end(message, { events: [event], writeBacks: [owed(event.event, to, amountFen)] });
      const rows = await world.sql<{ id: string }>("select id from write_back where message_id = $1", [message.id]);
      return { messageId: message.id, writeBackId: rows[0]?.id ?? "", event };
    },
    claim: (to) => writeBacks.claim(to, 100, 15_000, "ask"),
    finish: async (claim, over) => {
      const { id, messageId, token, attempt } = claim;
      const action = claim.action === "ask" ? "ask" : "send";
      await writeBacks.settle({ id, messageId, token, attempt, action, mayHaveTakenEffect: false, why: "test", ...over });
    },
    sql: async <R extends object>(text: string, values: readonly unknown[] = []) => (await postgres.reads.query<R>(text, [...values])).rows,
    close: async () => {
      await postgres.close();
      await wire?.close();
      await database.drop();
    },
  };
  return world;
}

export const parkReason = (over: Partial<ParkReason> = {}): ParkReason => ({
  code: "NOT_TRANSLATABLE",
  zh: "报文无法翻译为事件",
  en: "could not be translated",
  problems: [
    { code: "missing", at: "/PAY_TOTAL_FEE", place: "PAY_TOTAL_FEE", zh: "PAY_TOTAL_FEE：必填项缺失", en: "PAY_TOTAL_FEE: is required" },
  ],
  ...over,
});

/** The value of an answer that must be one. */
export function mustBe<T>(answer: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string }): T {
  if (!answer.ok) throw new Error(`refused: ${answer.code}`);
  return answer.value;
}
export const codeOf = (answer: { readonly ok: boolean; readonly code?: string }): string => (answer.ok ? "ok" : (answer.code ?? ""));

/** A message parked by its flow. */
export async function parkedMessage(world: World): Promise<string> {
  const message = await world.receive();
  await world.end(message, { park: parkReason() });
  return message.id;
}

/** A write-back that its destination refused, or whose fate is not known. */
export async function parkedWriteBack(world: World, bill: string, to = "his", mayHaveTakenEffect = false): Promise<string> {
  const { writeBackId } = await world.pay(bill, to);
  const claim = (await world.claim(to)).find((one) => one.id === writeBackId);
  if (!claim) throw new Error("not claimed");
  const outcome = mayHaveTakenEffect ? "unclear" : "rejected";
  await world.finish(claim, { outcome, step: "park", park: PARKED, mayHaveTakenEffect, reply: bytes("<no/>") });
  return writeBackId;
}

/** The audit of one target, oldest first. */
export const auditOf = (world: World, id: string) =>
  world.sql<{ action: string; who: string; before: { state?: string }; after: { state?: string } }>(
    "select action, who, before, after from operator_action where target_id = $1 order by id",
    [id],
  );
