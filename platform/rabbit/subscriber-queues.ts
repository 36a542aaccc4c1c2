/** Subscribers' queues on the broker, and the marker of its life (domain/subscribers/ports.ts). Each question has a channel of its own: a 404 closes it. */
import type { Channel } from "amqplib";
import type { Put, Subscriber, SubscriberQueues } from "../../domain/subscribers/ports.ts";
import { eventText, type Event } from "../../domain/events/event.ts";
import { RPC_TIMEOUT_MS, within } from "./connection.ts";
import type { Publisher } from "./publisher.ts";
import { EVENT_CONTENT_TYPE } from "./relay.ts";
import { DELIVERY_LIMIT, type Names, refusedBy } from "./topology.ts";

/** A subscriber that reads nothing fills its queue up to here; then it is off the exchange, and what it is owed waits in PostgreSQL. */
const SUBSCRIBER_LENGTH = 200_000;
/** One queue by itself confirms within this, or it is dead. */
const PUT_WITHIN_MS = 5_000;
const NOT_FOUND = 404;

/** Work on a channel of its own that is closed afterwards; what the broker refuses there is an answer, not an alarm. */
export type OnChannel = <T>(work: (channel: Channel) => Promise<T>) => Promise<T>;

const isNotFound = (error: unknown): boolean => (error as { readonly code?: unknown }).code === NOT_FOUND;

export interface SubscriberQueuesOptions {
  readonly onChannel: OnChannel;
  readonly names: Names;
  readonly lengthMax?: number;
}

export function createSubscriberQueues({ onChannel, names, lengthMax = SUBSCRIBER_LENGTH }: SubscriberQueuesOptions): SubscriberQueues {
  const ask = <T>(what: string, work: (channel: Channel) => Promise<T>): Promise<T> =>
    onChannel((channel) => within(RPC_TIMEOUT_MS, what, work(channel)));
  const found = async (queue: string): Promise<number | undefined> => {
    try {
      return (await ask(`looking at ${queue}`, (channel) => channel.checkQueue(queue))).messageCount;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const declareOne = async ({ queue, patterns }: Subscriber, bound: boolean): Promise<void> => {
    try {
      await ask(`declaring ${queue}`, (channel) =>
        channel.assertQueue(queue, {
          durable: true,
          arguments: {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": names.dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-max-length": lengthMax,
          },
        }),
      );
      for (const pattern of bound ? patterns : [])
        await ask(`binding ${queue}`, (channel) => channel.bindQueue(queue, names.events, pattern));
    } catch (error) {
      throw refusedBy(`queue ${queue}`, error);
    }
  };
  return {
    depth: found,
    bind: async ({ queue, patterns }) => {
      for (const pattern of patterns) await ask(`binding ${queue}`, (channel) => channel.bindQueue(queue, names.events, pattern));
    },
    declare: declareOne,
    unbind: async ({ queue, patterns }) => {
      for (const pattern of patterns) await ask(`unbinding ${queue}`, (channel) => channel.unbindQueue(queue, names.events, pattern));
    },
    hasMarker: async (id) => (await found(names.epochOf(id))) !== undefined,
    setMarker: async (id) => {
      const queue = names.epochOf(id);
      await ask(`declaring ${queue}`, (channel) =>
        channel.assertQueue(queue, {
          durable: true,
          arguments: { "x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT, "x-dead-letter-exchange": names.dead },
        }),
      );
    },
  };
}

const utf8 = new TextEncoder();

/** Publishes an event to one queue through the default exchange. Never rejects. */
export const putInto =
  (publisher: Publisher) =>
  async (queue: string, event: Event): Promise<Put> => {
    const answer = await publisher.publish({
      exchange: "",
      routingKey: queue,
      messageId: event.id,
      type: event.type,
      contentType: EVENT_CONTENT_TYPE,
      body: utf8.encode(eventText(event)),
      ...(event.traceparent === undefined ? {} : { headers: { traceparent: event.traceparent } }),
      confirmWithinMs: PUT_WITHIN_MS,
    });
    switch (answer) {
      case "confirmed":
        return "taken";
      case "nacked":
      case "overdue":
        return "refused";
      case "unroutable":
        return "gone";
      case "unclear":
      case "refused":
        return "broker-away";
    }
  };
