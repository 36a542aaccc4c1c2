/**
 * Between the mappings and the engine: which document reads a partner's message, which writes what we owe it, how it is answered.
 * Only looks things up and hands them over; the rules are in domain/mapping.
 */
import type { EncodeWriteBack } from "../../domain/delivery/node-calls.ts";
import { problemsReason } from "../../domain/delivery/node-calls.ts";
import type { Catalogue } from "../../domain/delivery/engine.ts";
import type { Translated } from "../../domain/delivery/live.ts";
import { BUSINESS_KEY_KINDS, type Event, type EventRegistry } from "../../domain/events/event.ts";
import type { DoorPolicy } from "../../domain/journal/intake.ts";
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import {
  encode,
  type InboundMapping,
  interpretReply,
  type Mapping,
  type OutboundMapping,
  translate,
} from "../../domain/mapping/mapping.ts";
import { charsetOf, encodeText } from "../../domain/mapping/charset.ts";
import type { Opened } from "./mapping-shelf.ts";
import { readSent } from "../../domain/mapping/sent.ts";
import { renderAnswer, type VendorDocument } from "../../domain/mapping/vendor.ts";
import { patientKey } from "../../domain/orders/rules.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { problem } from "../../domain/problem.ts";
import { REFUSALS, refusal } from "../../domain/refusals.ts";
import type { OutboundDialect, Reading, Sent } from "../../domain/writeback/dialect.ts";
import { stored, why } from "../../domain/writeback/why.ts";
import type { Courier, Sending } from "../../domain/writeback/ports.ts";
import type { Dialect } from "../../platform/transports/http/gateway.ts";
import { type AnswerCache, createAsking } from "./asking.ts";
import { createEnvelopes, type Envelopes, type EnvelopesDeps } from "./envelopes.ts";
import { acknowledgementKinds, laterDialect } from "./later.ts";
import { type Sealer, sha256Hex } from "./seal.ts";

/** What was loaded from mappings/: keys of `mappings` are `<vendor>/<message>`. */
export interface LoadedMappings {
  readonly vendors: ReadonlyMap<string, VendorDocument>;
  readonly mappings: ReadonlyMap<string, Mapping>;
}

export interface DialectDeps {
  readonly loaded: LoadedMappings;
  readonly partners: ReadonlyMap<string, Partner>;
  readonly registry: EventRegistry;
  readonly sealer: Sealer;
  /** Envelopes of partners that need code; absent: none has one. */
  readonly envelopes?: Omit<EnvelopesDeps, "partner">;
}

const inbound = (mapping: Mapping | undefined): InboundMapping | undefined => (mapping?.direction === "inbound" ? mapping : undefined);
const outbound = (mapping: Mapping | undefined): OutboundMapping | undefined => (mapping?.direction === "outbound" ? mapping : undefined);
/** A write-back's key: the same cause owes the same destination the same thing once (decision 5). */
const keyOf = (eventId: string, destination: string, kind: string): string =>
  sha256Hex(JSON.stringify([eventId, destination, kind])).slice(0, 40);
/** `call-{transaction}`: the kind of write-back is told by the event, so that a flow needs no node for each of forty transactions. */
const kindOf = (kind: string, data: unknown): string =>
  kind.replace(/\{([A-Za-z]+)\}/, (_, name: string) => {
    const value = (data as Readonly<Record<string, unknown>>)[name];
    return typeof value === "string" && /^[A-Za-z0-9-]{1,32}$/.test(value) ? value.toLowerCase() : "";
  });
/** How long a sender whose vendor wants the flow's end may wait. */
const SETTLEMENT_WAIT_MS = 10_000;

export type Dialects = ReturnType<typeof createDialects>;

export function createDialects(deps: DialectDeps) {
  const { loaded, partners, registry, sealer } = deps;
  const vendorOf = (partner: string): string => partners.get(partner)?.vendor ?? "";
  const envelopes = createEnvelopes({
    adapterOf: () => undefined,
    secretsOf: () => ({}),
    nowMs: Date.now,
    ...deps.envelopes,
    partner: (name) => partners.get(name),
  });
  const policies = doorPolicies(loaded, partners, envelopes);

  /** A message as a mapping reads it: out of its envelope, with its partner's constants. */
  const readWith = (mapping: InboundMapping, message: JournaledMessage): Opened => {
    const opened = envelopes.open(message);
    if (!opened.ok) return opened;
    const result = translate(mapping, {
      raw: opened.raw,
      reply: opened.reply,
      returnValue: message.returnValue,
      charset: opened.charset,
      contentType: opened.contentType,
      partner: message.partner,
      receivedAt: message.receivedAt,
      // Replayed: a person has seen it whole.
      framed: message.door === "mllp" || message.door === "replay",
      constants: partners.get(message.partner)?.constants ?? {},
    });
    return { ok: true, result, raw: opened.raw, reply: opened.reply };
  };

  const translateBy = (id: string, message: JournaledMessage): Translated => {
    const mapping = inbound(loaded.mappings.get(id));
    if (!mapping) return { ok: false, problems: [problem("unknown-message", "", { place: id })], keys: [] };
    const opened = readWith(mapping, message);
    if (!opened.ok) return { ok: false, problems: opened.problems, keys: [] };
    const read = opened.result;
    if (!read.ok) return { ok: false, problems: read.problems, keys: read.keys };
    const sealed = sealer.translated(message, read.messageIdentity, read.events);
    if (!sealed.ok) return { ok: false, problems: sealed.problems, keys: read.keys };
    return { ok: true, events: sealed.events, keys: [...read.keys, ...sealed.events.flatMap((one) => one.keys)] };
  };

  const encodeWriteBack: EncodeWriteBack = (event, asked, order) => {
    const to = { ...asked, kind: kindOf(asked.kind, event.data) };
    const partner = partners.get(to.destination);
    const message = partner?.destination?.messages[to.kind];
    const id = `${partner?.vendor}/${message}`;
    const mapping = outbound(loaded.mappings.get(id));
    if (!partner?.destination || !message || !mapping) {
      const what = `${to.destination} ${to.kind}`;
      return { ok: false, reason: refusal("BAD_NODE", { zh: `没有这个回写：${what}`, en: `there is no such write-back: ${what}` }) };
    }
    const key = keyOf(event.id, to.destination, to.kind);
    const encoded = encode(mapping, { event, constants: partner.constants, key, ...(order === undefined ? {} : { order: order.told }) });
    if (!encoded.ok) return { ok: false, reason: problemsReason(encoded.problems) };
    const businessDate = (event.data as { readonly businessDate?: string }).businessDate ?? event.time.slice(0, 10);
    const orderLane = order?.key ?? event.subject;
    const lane = (to.lane || (partner.destination.lane ?? "order")) === "patient" ? (patientKey(event.data) ?? orderLane) : orderLane;
    return {
      ok: true,
      writeBack: {
        key,
        destination: to.destination,
        kind: to.kind,
        mapping: id,
        cause: { eventId: event.id, type: event.type },
        lane,
        ...(lane === orderLane ? {} : { order: orderLane }),
        body: encoded.body,
        contentType: encoded.contentType,
        charset: encoded.charset,
        ...(encoded.amountFen === undefined ? {} : { amountFen: encoded.amountFen }),
        ...(encoded.serial === undefined ? {} : { serial: encoded.serial }),
        businessDate,
      },
    };
  };

  /** The write-back that an event owes a partner, as far as a reply can be held against it. */
  const owedBy = (event: Event, partner: Partner): Sent | undefined => {
    for (const [kind, message] of Object.entries(partner.destination?.messages ?? {})) {
      if (!outbound(loaded.mappings.get(`${partner.vendor}/${message}`))?.eventTypes.includes(event.type)) continue;
      const owed = encodeWriteBack(event, { destination: partner.partner, kind });
      if (!owed.ok) continue;
      const { key, serial, amountFen } = owed.writeBack;
      return { key, ...(serial === undefined ? {} : { serial }), ...(amountFen === undefined ? {} : { amountFen }) };
    }
    return undefined;
  };

  /** What stood in the write-back that an inquiry asks about. */
  const sentBy = (sent: Sending | undefined): ((path: string) => string | undefined) | undefined => {
    const mapping = sent && outbound(loaded.mappings.get(sent.mapping));
    const vendor = sent && loaded.vendors.get(sent.mapping.split("/")[0] ?? "");
    return sent && mapping && vendor ? readSent(mapping.document.codec, vendor, sent) : undefined;
  };

  const interpret: OutboundDialect["interpret"] = (id, reply, sent): Reading => {
    const mapping = outbound(loaded.mappings.get(id));
    if (!mapping) return { outcome: "unclear", why: why("no-outbound-mapping", id) };
    const { why: told, ...read } = interpretReply(mapping, { ...reply, sent });
    return { ...read, why: stored(told) };
  };

  const outboundDialect: OutboundDialect = {
    request: (id, { key }) => {
      const mapping = outbound(loaded.mappings.get(id));
      if (!mapping) return undefined;
      const { method, path, headers } = mapping.request;
      return {
        method,
        path,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replaceAll("{key}", key)])),
      };
    },
    interpret,
    encodeInquiry: (id, asked) => {
      const mapping = outbound(loaded.mappings.get(id));
      if (!mapping) return { ok: false, why: `mapping ${id} is not loaded` };
      const constants = partners.get(asked.destination)?.constants ?? {};
      const sent = sentBy(asked.sent);
      const encoded = encode(mapping, {
        key: asked.key,
        constants,
        ...(sent === undefined ? {} : { sent }),
        ...(asked.callNumber === undefined ? {} : { callNumber: asked.callNumber }),
      });
      if (!encoded.ok) return { ok: false, why: encoded.problems.map((one) => one.en).join("; ") };
      const { method, path, headers, body, contentType } = encoded;
      return { ok: true, request: { method, path, headers }, body, contentType };
    },
  };

  const later = laterDialect(loaded, partners, interpret);
  const asking = createAsking({ loaded, partners, keyOf, owedBy, interpret });

  return {
    translateBy,
    readWith,
    versionOf: (id: string): number | undefined => loaded.mappings.get(id)?.document.version,
    encodeWriteBack,
    keyOf,
    outboundDialect,
    /** Acknowledgements that come on their own way. */
    later,
    /** By the vendor's own mapping of the kind; undefined when there is none. */
    translateByDefault: (message: JournaledMessage): { readonly mapping: string; readonly result: Translated } | undefined => {
      const mapping = `${vendorOf(message.partner)}/${message.kind}`;
      if (inbound(loaded.mappings.get(mapping))) return { mapping, result: translateBy(mapping, message) };
      // An acknowledgement becomes no event: what it does is seen in the write-back that it names.
      const acknowledges = later.declared(message.partner, message.kind)?.mapping;
      return acknowledges === undefined ? undefined : { mapping: acknowledges, result: { ok: true, events: [], keys: [] } };
    },
    policies: (): ReadonlyMap<string, DoorPolicy> => policies,
    catalogue: catalogueOf(loaded, partners, registry),
    gatewayDialect: gatewayDialectOf(loaded, vendorOf, envelopes),
    askPartner: (courier: Courier, cache: AnswerCache) => asking.by(courier, cache),
    question: asking.question,
  };
}

function doorPolicies(
  loaded: LoadedMappings,
  partners: ReadonlyMap<string, Partner>,
  envelopes: Envelopes,
): ReadonlyMap<string, DoorPolicy> {
  const policies = new Map<string, DoorPolicy>();
  for (const partner of partners.values()) {
    const vendor = loaded.vendors.get(partner.vendor);
    if (!partner.inbound || !vendor) continue;
    const prefix = `${partner.vendor}/`;
    const all = [...loaded.mappings]
      .filter(([id, mapping]) => id.startsWith(prefix) && mapping.direction === "inbound")
      .map(([id]) => id.slice(prefix.length));
    const receive = envelopes.receiverOf(partner.partner);
    policies.set(partner.partner, {
      partner: partner.partner,
      vendor: partner.vendor,
      bytesMax: partner.inbound.bytesMax,
      perSecond: partner.inbound.perSecond,
      charset: vendor.charset,
      kinds: new Set([...(partner.inbound.kinds ?? all), ...acknowledgementKinds(loaded, partner)]),
      acknowledgements: new Set(acknowledgementKinds(loaded, partner)),
      exchanges: new Set(vendor.exchanges),
      ...(receive === undefined ? {} : { receive }),
    });
  }
  return policies;
}

function catalogueOf(loaded: LoadedMappings, partners: ReadonlyMap<string, Partner>, registry: EventRegistry): Catalogue {
  const keyNames: Readonly<Record<string, readonly [string, string]>> = {
    order: ["订单号", "Order number"],
    patient: ["患者号", "Patient number"],
    visit: ["就诊号", "Visit number"],
    bill: ["单据号", "Bill number"],
    serial: ["流水号", "Serial number"],
    message: ["消息标识", "Message id"],
  };
  return {
    partners: () =>
      [...partners.values()].map((one) => ({
        value: one.partner,
        zh: one.name.zh,
        en: one.name.en,
        vendor: one.vendor,
        destination: one.destination !== undefined,
        ...(one.destination === undefined ? {} : { writeBacks: one.destination.messages, lane: one.destination.lane ?? "order" }),
      })),
    mappings: () =>
      [...loaded.mappings].map(([value, mapping]) => {
        const [vendor = "", message = ""] = value.split("/");
        const { zh, en } = mapping.document.title;
        return { value, zh, en, vendor, message, direction: mapping.direction === "inbound" ? ("in" as const) : ("out" as const) };
      }),
    eventTypes: () =>
      registry.types().map((type) => ({ value: type, zh: registry.get(type)?.title.zh ?? type, en: registry.get(type)?.title.en ?? type })),
    keyKinds: () => BUSINESS_KEY_KINDS.map((kind) => ({ value: kind, zh: keyNames[kind]?.[0] ?? kind, en: keyNames[kind]?.[1] ?? kind })),
  };
}

/** Whether the same message may be taken later: busy, stopping, too fast. A sender told "refused" would give its message up. */
const isPassing = (code: string): boolean => {
  const http = REFUSALS[code as keyof typeof REFUSALS]?.http;
  return http >= 500 || http === REFUSALS.TOO_MANY.http;
};

/** Answers a sender in its vendor's dialect, where the vendor declares one. */
function gatewayDialectOf(loaded: LoadedMappings, vendorOf: (partner: string) => string, envelopes: Envelopes): Dialect {
  return {
    waitMs: (partner) => {
      const answers = loaded.vendors.get(vendorOf(partner))?.answers;
      if (!answers) return undefined;
      return answers.after === "settlement" ? SETTLEMENT_WAIT_MS : 0;
    },
    answer: (partner, kind, told, declared) => {
      const vendor = loaded.vendors.get(vendorOf(partner));
      if (!vendor) return undefined;
      const reason = told.kind === "verdict" ? told.verdict.reason : told.reason;
      const verdict = told.kind === "verdict" ? told.verdict.verdict : reason && isPassing(reason.code) ? "busy" : "refused";
      const answer = renderAnswer(vendor, verdict, {
        messageId: told.kind === "verdict" ? told.verdict.messageId : "",
        code: reason?.code ?? "0",
        ...(reason?.code === "BAD_ENVELOPE" && reason.place !== undefined ? { own: reason.place } : {}),
        text: (told.kind === "verdict" ? told.verdict.text : undefined) ?? reason?.zh ?? "",
      });
      if (!answer) return undefined;
      // In the charset the sender wrote in, so that it can read us; what that charset lacks is told in UTF-8, and said so.
      const wanted = charsetOf(declared ?? "") ?? vendor.charset;
      const encoded = encodeText(answer.text, wanted);
      const contentType = `${answer.contentType}; charset=${encoded ? wanted : "utf-8"}`;
      const closed = envelopes.answer(partner, kind, { body: encoded ?? new TextEncoder().encode(answer.text), contentType });
      return { status: answer.status, contentType: closed.contentType ?? contentType, body: closed.body };
    },
  };
}
