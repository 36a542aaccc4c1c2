/**
 * docs/asyncapi.json: what partners may push and what subscribers receive (design.md section 6), from the event types and the mapping documents.
 * Payloads refer to docs/schemas/: nothing is said twice.
 */
import type { EventDefinition } from "../../domain/events/event.ts";

/** One inbound message of a vendor, as its mapping document says. */
export interface InboundMessage {
  readonly vendor: string;
  readonly vendorTitle: { readonly zh: string; readonly en: string };
  readonly message: string;
  readonly title: { readonly zh: string; readonly en: string };
  readonly grammar: "delimited" | "xml" | "json" | "hl7";
  readonly charset: string;
  /** Request and reply travel together. */
  readonly exchange: boolean;
  readonly eventTypes: readonly string[];
}

const CONTENT_TYPE = { delimited: "text/plain", xml: "application/xml", json: "application/json", hl7: "application/hl7-v2" } as const;

const exchangeOf = (name: string) => ({ is: "routingKey", exchange: { name, type: "topic", durable: true, vhost: "/" } });

/** Headers of the two messages of an exchange. */
const EXCHANGE_HEADERS = {
  type: "object",
  required: ["huiliu-exchange", "huiliu-part"],
  properties: {
    "huiliu-exchange": { type: "string", description: "入参与出参共用的编号 · The same on both parts" },
    "huiliu-part": { type: "string", enum: ["request", "reply"], description: "入参或出参 · Which part this is" },
    "huiliu-return": { type: "string", description: "函数返回值，只在出参上 · The function's return value, on the reply only" },
  },
};

const bilingual = (text: { readonly zh: string; readonly en: string }): string => `${text.zh} · ${text.en}`;

function eventParts(definition: EventDefinition) {
  const key = `events.${definition.type}`;
  return {
    key,
    channel: {
      address: definition.type,
      title: bilingual(definition.title),
      description: bilingual(definition.meaning),
      messages: { event: { $ref: `#/components/messages/${key}` } },
      bindings: { amqp: exchangeOf("huiliu.events") },
    },
    operation: { action: "send", channel: { $ref: `#/channels/${key}` }, summary: bilingual(definition.title) },
    message: {
      name: definition.type,
      title: bilingual(definition.title),
      contentType: "application/cloudevents+json",
      payload: { $ref: `./schemas/event.${definition.type}.json` },
    },
  };
}

function inboundParts(inbound: InboundMessage) {
  const key = `inbound.${inbound.vendor}.${inbound.message}`;
  const yields = inbound.eventTypes.length === 0 ? "" : `；事件 · events: ${inbound.eventTypes.join(", ")}`;
  return {
    key,
    channel: {
      address: `{partner}.${inbound.message}`,
      title: bilingual(inbound.title),
      description: `${bilingual(inbound.vendorTitle)}${yields}`,
      parameters: { partner: { description: `使用 ${inbound.vendor} 方言的伙伴 · A partner that speaks ${inbound.vendor}` } },
      messages: { message: { $ref: `#/components/messages/${key}` } },
      bindings: { amqp: exchangeOf("huiliu.inbound") },
    },
    operation: {
      action: "receive",
      channel: { $ref: `#/channels/${key}` },
      summary: bilingual(inbound.title),
      description: "入库后确认；带 reply-to 则回告结论 · Acknowledged once journaled; with reply-to the verdict is sent there",
    },
    message: {
      name: `${inbound.vendor}/${inbound.message}`,
      title: bilingual(inbound.title),
      contentType: `${CONTENT_TYPE[inbound.grammar]}; charset=${inbound.charset}`,
      ...(inbound.exchange ? { headers: EXCHANGE_HEADERS } : {}),
      payload: {
        type: "string",
        description: `原始报文，见 mappings/${inbound.vendor}/${inbound.message}/ · Raw message, see mappings/${inbound.vendor}/${inbound.message}/`,
      },
    },
  };
}

/** The AsyncAPI 3 document. Definitions and messages come sorted. */
export function asyncApi(version: string, definitions: readonly EventDefinition[], inbound: readonly InboundMessage[]): object {
  const all = [...definitions.map(eventParts), ...inbound.map(inboundParts)];
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Huiliu 汇流",
      version,
      description: "医院支付集成引擎的消息接口 · Messages of the integration engine for hospital payments",
    },
    defaultContentType: "application/json",
    channels: Object.fromEntries(all.map((one) => [one.key, one.channel])),
    operations: Object.fromEntries(all.map((one) => [one.key, one.operation])),
    components: { messages: Object.fromEntries(all.map((one) => [one.key, one.message])) },
  };
}
